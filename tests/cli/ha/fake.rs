//! A pretended Home Assistant on loopback: as much of its HTTP and WebSocket interfaces as haslim
//! uses, with the answers of Core 2026.11.0, and failures on request. No test waits for a time:
//! every answer follows a request.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use tungstenite::Message;

use crate::support::{PASSWORD, Run};

/// The token that the pretended Home Assistant knows.
pub const TOKEN: &str = "canary-token-Zq7.4f2";
/// The secret in the signed address that its log has.
pub const SIGNATURE: &str = "canary-signature";

/// How an upload ends.
#[derive(Debug, Clone)]
pub enum Upload {
    /// As it should.
    Store,
    /// 201, but nothing is stored, and the log has this message.
    Refuse(&'static str),
    /// 201, and this many bytes more are listed.
    OtherSize(u64),
    /// After the whole body: this head and body.
    Answer(&'static str, &'static str),
    /// Before the body is read.
    Early(&'static str, &'static str),
    /// The connection ends after this many bytes of the body.
    Cut(usize),
    /// Everything is stored, and then the connection ends without a reply.
    StoreAndVanish,
    /// The place falls back once, and then stores.
    Retry,
    /// The place waits for this, and then stores.
    Hold(Arc<Mutex<Receiver<()>>>),
}

/// How a download ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Download {
    Whole,
    /// After half of the bytes, once; then the rest as asked for.
    CutOnce,
    /// The same, but what comes next begins somewhere else than was asked for.
    ElsewhereAfterCut,
    /// After half of the bytes, once; then a proxy cannot reach it, once.
    AwayAfterCut,
    /// As for the cloud: chunks, and ranges are ignored. Cut once.
    ChunkedCutOnce,
    /// One byte more than is listed.
    TooLarge,
    Missing,
}

pub struct State {
    pub is_admin: bool,
    pub version: &'static str,
    /// The state of the manager; the event `idle` follows at once for whoever subscribes.
    pub manager: &'static str,
    /// How often the connection for events ends after the present state, as in a restart.
    pub events_cut: u32,
    /// How often the connection ends instead of an answer about the version.
    pub answers_cut: u32,
    /// A backup that the cloud has from the second list on, in place of what it had.
    pub arrives: Option<Value>,
    /// The free space that the Supervisor tells, in GiB.
    pub free: Option<f64>,
    pub agents: Vec<&'static str>,
    pub backups: Vec<Value>,
    pub agent_errors: Value,
    /// Whether no backup is found by its id, because the place cannot be asked.
    pub lists_nothing: bool,
    pub log: Vec<Value>,
    pub upload: Upload,
    pub download: Download,
    /// The bytes of every backup that can be downloaded.
    pub file: Vec<u8>,
    /// What was uploaded: the path, the name of the part, and its bytes.
    pub received: Vec<(String, String, Vec<u8>)>,
    /// The types of all questions, and the paths of all requests.
    pub asked: Vec<String>,
    /// The `Range` headers of downloads.
    pub ranges: Vec<String>,
    /// The key that Home Assistant uses.
    pub key: Value,
    /// The status and headers that the WebSocket is refused with.
    pub no_websocket: Option<(u16, &'static str)>,
    /// How often a token was presented, and whether the connection ends then.
    pub tokens: u32,
    pub loses_tokens: bool,
    /// How to speak TLS, if this Home Assistant has a certificate.
    tls: Option<Arc<ServerConfig>>,
    subscribers: Vec<Sender<Value>>,
}

/// The server. Its threads end with the test's process.
pub struct Fake {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Fake {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            is_admin: true,
            version: "2026.11.0",
            manager: "idle",
            events_cut: 0,
            answers_cut: 0,
            arrives: None,
            free: None,
            agents: vec!["backup.local", "cloud.cloud"],
            backups: Vec::new(),
            agent_errors: json!({}),
            lists_nothing: false,
            log: Vec::new(),
            upload: Upload::Store,
            download: Download::Whole,
            file: Vec::new(),
            received: Vec::new(),
            asked: Vec::new(),
            ranges: Vec::new(),
            key: json!(PASSWORD),
            no_websocket: None,
            tokens: 0,
            loses_tokens: false,
            tls: None,
            subscribers: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { url, state }
    }

    /// One with a certificate for 127.0.0.1, signed by the authority in `tests/cli/ha/tls`.
    pub fn with_certificate() -> Self {
        let mut fake = Self::new();
        let chain = CertificateDer::pem_slice_iter(include_bytes!("tls/server.pem"));
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.map(Result::unwrap).collect(), key)
            .unwrap();
        fake.state().tls = Some(Arc::new(config));
        fake.url = fake.url.replace("http", "https");
        fake
    }

    pub fn with(change: impl FnOnce(&mut State)) -> Self {
        let fake = Self::new();
        change(&mut fake.state());
        fake
    }

    /// Lets the next upload wait at the place until this is used.
    #[cfg_attr(windows, expect(dead_code, reason = "only tests on a terminal wait"))]
    pub fn hold(&self) -> Sender<()> {
        let (release, wait) = channel();
        self.state().upload = Upload::Hold(Arc::new(Mutex::new(wait)));
        release
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Runs `haslim ha …`, and checks that neither the token nor the key nor a signature is printed,
    /// and that nothing was deleted. Nor is Home Assistant asked to decrypt: with a wrong key it
    /// answers 200 and an empty body.
    #[track_caller]
    pub fn haslim(&self, line: &str) -> Run {
        self.run(
            line,
            &[("HASLIM_HA_TOKEN", TOKEN), ("HASLIM_HA_URL", &self.url)],
        )
    }

    /// The same with these variables.
    #[track_caller]
    pub fn run(&self, line: &str, variables: &[(&str, &str)]) -> Run {
        let mut command = assert_cmd::Command::cargo_bin("haslim").unwrap();
        for name in [
            "NO_COLOR",
            "LC_ALL",
            "LC_CTYPE",
            "LANG",
            "HASLIM_HA_URL",
            "HASLIM_HA_TOKEN",
        ] {
            command.env_remove(name);
        }
        command
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .env("HASLIM_PASSWORD", PASSWORD);
        if line.starts_with("list") {
            command.env("COLUMNS", "80");
        }
        command.envs(variables.iter().copied());
        let output = command
            .arg("ha")
            .args(line.split_whitespace())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let run = Run {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        for secret in [TOKEN, SIGNATURE, PASSWORD] {
            assert!(
                !run.out.contains(secret) && !run.err.contains(secret),
                "{line}: {secret}"
            );
        }
        assert!(
            !self
                .state()
                .asked
                .iter()
                .any(|kind| kind.contains("delete") || kind.contains("password=")),
            "{line}"
        );
        run
    }
}

/// A backup as `backup/info` lists it.
pub fn listed(id: &str, name: &str, agent: &str, size: u64) -> Value {
    json!({
        "backup_id": id, "name": name, "date": "2026-11-22T05:00:00+00:00",
        "agents": {agent: {"size": size, "protected": true}},
        "addons": [], "folders": [], "database_included": true, "homeassistant_included": true,
        "homeassistant_version": "2026.11.0", "extra_metadata": {}, "failed_agent_ids": [],
        "failed_addons": [], "failed_folders": [], "with_automatic_settings": true,
    })
}

/// A connection, with TLS or without.
trait Wire: Read + Write {}

impl<T: Read + Write> Wire for T {}

/// A connection of which something has been read already.
struct Begun<'a> {
    begin: io::Cursor<Vec<u8>>,
    rest: &'a mut dyn Wire,
}

impl Read for Begun<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.begin.read(buffer)? {
            0 => self.rest.read(buffer),
            got => Ok(got),
        }
    }
}

impl Write for Begun<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.rest.flush()
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let mut begin = [0];
    let is_tls = stream.peek(&mut begin).is_ok() && begin[0] == 22;
    let tls = lock(state).tls.clone();
    match (is_tls, tls) {
        (false, None) => answer_on(&mut stream, state),
        (true, Some(config)) => {
            let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
            answer_on(&mut tls, state);
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
        // Core answers a TLS handshake in plain text, too.
        (true, None) => {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
        (false, Some(_)) => {}
    }
}

fn answer_on(stream: &mut dyn Wire, state: &Mutex<State>) {
    let head = head(stream);
    if head.starts_with("GET /api/websocket") {
        return talk(&head, stream, state);
    }
    let mut first = head.lines().next().unwrap_or_default().split(' ');
    let (method, path) = (
        first.next().unwrap_or(""),
        first.next().unwrap_or("").to_owned(),
    );
    if header(&head, "authorization") != format!("Bearer {TOKEN}") {
        let _ =
            stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nServer: \r\nContent-Length: 0\r\n\r\n");
        return;
    }
    lock(state).asked.push(path.clone());
    match method {
        "POST" => upload(stream, &head, &path, state),
        _ => download(stream, &head, state),
    }
}

/// Everything up to the empty line, byte by byte, so that nothing of the body is read.
fn head(stream: &mut dyn Wire) -> String {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|got| got == 1) {
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).unwrap()
}

fn header(head: &str, name: &str) -> String {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut found = lines.filter(|(other, _)| other.eq_ignore_ascii_case(name));
    found
        .next()
        .map_or(String::new(), |(_, value)| value.to_owned())
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(|e| e.into_inner())
}

fn tell(state: &Mutex<State>, event: &Value) {
    lock(state)
        .subscribers
        .retain(|one| one.send(event.clone()).is_ok());
}

fn upload(stream: &mut dyn Wire, head: &str, path: &str, state: &Mutex<State>) {
    let how = lock(state).upload.clone();
    let answer = |stream: &mut dyn Wire, head: &str, body: &str| {
        let text = format!(
            "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let _ = stream.write_all(text.as_bytes());
    };
    if let Upload::Early(head, body) = how {
        answer(stream, head, body);
        // A connection that is closed before everything was read is reset, and the answer may be
        // lost with it: always on Windows, and often over TLS, which has sent more before. So real
        // servers read on for a while (nginx: lingering_close).
        if cfg!(windows) || lock(state).tls.is_some() {
            let _ = io::copy(stream, &mut io::sink());
        }
        return;
    }
    let receiving =
        json!({"manager_state": "receive_backup", "stage": "receive_file", "state": "in_progress"});
    tell(state, &receiving);
    let length: usize = header(head, "content-length").parse().unwrap();
    let mut body = vec![0; length];
    if let Upload::Cut(bytes) = how {
        let _ = stream.read_exact(&mut body[..bytes]);
        return;
    }
    if stream.read_exact(&mut body).is_err() {
        return;
    }
    let (part, file) = parts(head, &body);
    let size = file.len() as u64;
    lock(state)
        .received
        .push((path.to_owned(), part, file.clone()));
    let agent = path.split("agent_id=").nth(1).unwrap().to_owned();
    let progress = |bytes: u64| json!({"manager_state": "receive_backup", "agent_id": agent, "uploaded_bytes": bytes, "total_bytes": size});
    let steps = match how {
        Upload::Retry => vec![0, size / 2, 0, size],
        Upload::Hold(_) => vec![0, size / 2],
        _ => vec![0, size],
    };
    for bytes in steps {
        tell(state, &progress(bytes));
    }
    if let Upload::Hold(wait) = &how {
        // It also ends if the test does.
        let _ = wait.lock().unwrap().recv();
    }
    let manifest = manifest(&file);
    let mut entry = listed(
        manifest["slug"].as_str().unwrap(),
        manifest["name"].as_str().unwrap(),
        &agent,
        size,
    );
    entry["date"] = manifest["date"].clone();
    entry["extra_metadata"] = manifest["extra"].clone();
    let mut locked = lock(state);
    match how {
        Upload::Refuse(message) => locked.log.insert(
            0,
            json!({
                "name": "homeassistant.components.backup.manager", "message": [message],
                "level": "ERROR", "timestamp": 1.5, "count": 1,
            }),
        ),
        Upload::OtherSize(more) => {
            entry["agents"][&agent]["size"] = json!(size + more);
            locked.backups.push(entry);
        }
        Upload::Store | Upload::StoreAndVanish | Upload::Retry | Upload::Hold(_) => {
            let mut there = locked.backups.iter_mut();
            match there.find(|backup| backup["backup_id"] == entry["backup_id"]) {
                Some(backup) => backup["agents"][&agent] = entry["agents"][&agent].clone(),
                None => locked.backups.push(entry),
            }
        }
        _ => {}
    }
    drop(locked);
    match how {
        Upload::StoreAndVanish => {}
        Upload::Answer(head, body) => answer(stream, head, body),
        _ => {
            tell(
                state,
                &json!({"manager_state": "receive_backup", "state": "completed"}),
            );
            tell(state, &json!({"manager_state": "idle"}));
            answer(
                stream,
                "201 Created\r\nServer: \r\nContent-Type: application/json",
                "{\"backup_id\": \"x\"}",
            );
        }
    }
    tell(state, &json!({"manager_state": "idle"}));
}

/// The name and the bytes of the only part.
fn parts(head: &str, body: &[u8]) -> (String, Vec<u8>) {
    let kind = header(head, "content-type");
    let boundary = kind.split("boundary=").nth(1).unwrap();
    let at = body
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let top = String::from_utf8(body[..at].to_vec()).unwrap();
    assert!(top.starts_with(&format!("--{boundary}\r\n")), "{top}");
    let end = format!("\r\n--{boundary}--\r\n");
    let file = body[at + 4..].strip_suffix(end.as_bytes()).unwrap();
    let name = top
        .split("filename=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    (name.to_owned(), file.to_vec())
}

fn manifest(file: &[u8]) -> Value {
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().ends_with("backup.json") {
            return serde_json::from_reader(&mut entry).unwrap();
        }
    }
    panic!("no backup.json");
}

fn download(stream: &mut dyn Wire, head: &str, state: &Mutex<State>) {
    let mut locked = lock(state);
    let (file, how) = (locked.file.clone(), locked.download);
    let range = header(head, "range");
    locked.ranges.push(range.clone());
    if how == Download::CutOnce {
        locked.download = Download::Whole;
    }
    let times = locked.ranges.len();
    let again = times > 1;
    drop(locked);
    let from: usize = range
        .strip_prefix("bytes=")
        .map_or(0, |r| r.trim_end_matches('-').parse().unwrap());
    let rest = &file[from..];
    let half = &rest[..rest.len() / 2];
    let begins = if how == Download::ElsewhereAfterCut {
        0
    } else {
        from
    };
    let status = if from > 0 {
        format!(
            "206 Partial Content\r\nContent-Range: bytes {begins}-{}/{}",
            file.len() - 1,
            file.len()
        )
    } else {
        "200 OK".into()
    };
    let top = |length: usize| {
        format!(
            "HTTP/1.1 {status}\r\nServer: \r\nETag: \"v1\"\r\nAccept-Ranges: bytes\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let chunked =
        |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let bytes = match how {
        Download::Missing => {
            b"HTTP/1.1 404 Not Found\r\nServer: \r\nContent-Length: 0\r\n\r\n".to_vec()
        }
        Download::Whole => [top(rest.len()).as_bytes(), rest].concat(),
        Download::AwayAfterCut if times == 2 => {
            b"HTTP/1.1 502 Bad Gateway\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n".to_vec()
        }
        Download::ElsewhereAfterCut if from > 0 => {
            [top(rest.len()).as_bytes(), &file[..rest.len()]].concat()
        }
        Download::AwayAfterCut | Download::ElsewhereAfterCut if again => {
            [top(rest.len()).as_bytes(), rest].concat()
        }
        Download::CutOnce | Download::AwayAfterCut | Download::ElsewhereAfterCut => {
            [top(rest.len()).as_bytes(), half].concat()
        }
        Download::TooLarge => [top(rest.len() + 1).as_bytes(), rest, b"x"].concat(),
        Download::ChunkedCutOnce => {
            let top =
                b"HTTP/1.1 200 OK\r\nServer: \r\nTransfer-Encoding: chunked\r\n\r\n".as_slice();
            if again {
                [
                    top,
                    &chunked(half),
                    &chunked(&rest[half.len()..]),
                    b"0\r\n\r\n",
                ]
                .concat()
            } else {
                [top, &chunked(half)].concat()
            }
        }
    };
    let _ = stream.write_all(&bytes);
}

fn talk(head: &str, stream: &mut dyn Wire, state: &Mutex<State>) {
    if let Some((status, more)) = lock(state).no_websocket {
        let text = format!("HTTP/1.1 {status} No\r\n{more}Content-Length: 0\r\n\r\n");
        let _ = stream.write_all(text.as_bytes());
        return;
    }
    let begun = Begun {
        begin: io::Cursor::new(head.as_bytes().to_vec()),
        rest: stream,
    };
    let mut socket = tungstenite::accept(begun).unwrap();
    let send = |socket: &mut tungstenite::WebSocket<Begun<'_>>, value: Value| {
        socket.send(Message::text(value.to_string())).is_ok()
    };
    send(
        &mut socket,
        json!({"type": "auth_required", "ha_version": "2026.11.0"}),
    );
    let Ok(Message::Text(text)) = socket.read() else {
        return;
    };
    let auth: Value = serde_json::from_str(&text).unwrap();
    {
        let mut state = lock(state);
        state.tokens += 1;
        if state.loses_tokens {
            return;
        }
    }
    if auth["access_token"] != TOKEN {
        send(
            &mut socket,
            json!({"type": "auth_invalid", "message": "Invalid access token or password"}),
        );
        return;
    }
    send(&mut socket, json!({"type": "auth_ok"}));
    while let Ok(Message::Text(text)) = socket.read() {
        let question: Value = serde_json::from_str(&text).unwrap();
        let kind = question["type"].as_str().unwrap().to_owned();
        let (result, manager) = {
            let mut state = lock(state);
            state.asked.push(kind.clone());
            if kind == "get_config" && state.answers_cut > 0 {
                state.answers_cut -= 1;
                return;
            }
            let result = answer(&state, &kind, &question);
            if kind == "backup/info"
                && let Some(backup) = state.arrives.take()
            {
                state.backups = vec![backup];
            }
            (result, state.manager)
        };
        let result =
            json!({"id": question["id"], "type": "result", "success": true, "result": result});
        if kind != "backup/subscribe_events" {
            if !send(&mut socket, result) {
                return;
            }
            continue;
        }
        let (sender, events) = channel();
        let is_cut = {
            let mut state = lock(state);
            let is_cut = state.events_cut > 0;
            state.events_cut = state.events_cut.saturating_sub(1);
            is_cut
        };
        if manager != "idle" && !is_cut {
            lock(state).manager = "idle";
            let _ = sender.send(json!({"manager_state": "idle"}));
        }
        lock(state).subscribers.push(sender);
        let wrap = |event| json!({"id": question["id"], "type": "event", "event": event});
        // Core sends the present state before the result.
        let first = wrap(json!({"manager_state": manager}));
        if !send(&mut socket, first) || !send(&mut socket, result) || is_cut {
            return;
        }
        while let Ok(event) = events.recv() {
            if !send(&mut socket, wrap(event)) {
                return;
            }
        }
        return;
    }
}

fn answer(state: &State, kind: &str, question: &Value) -> Value {
    match kind {
        "auth/current_user" => {
            json!({"id": "1", "name": "Ada", "is_owner": false, "is_admin": state.is_admin})
        }
        "get_config" => {
            let supervisor = state.free.map(|_| "hassio");
            let loaded: Vec<&str> = ["backup", "cloud"].into_iter().chain(supervisor).collect();
            json!({"version": state.version, "components": loaded, "state": "RUNNING"})
        }
        "supervisor/api" => {
            assert_eq!(question["endpoint"], "/host/info");
            json!({"disk_total": 28.0, "disk_free": state.free})
        }
        "backup/agents/info" => {
            json!({"agents": state.agents.iter().map(|id| json!({"agent_id": id, "name": id})).collect::<Vec<_>>()})
        }
        "backup/info" => json!({
            "agent_errors": state.agent_errors, "backups": state.backups, "state": state.manager,
            "last_attempted_automatic_backup": "2026-11-28T05:00:00+00:00",
            "last_completed_automatic_backup": "2026-11-22T05:00:00+00:00",
            "next_automatic_backup": null, "last_action_event": null,
        }),
        "backup/details" => {
            let found = state
                .backups
                .iter()
                .find(|backup| backup["backup_id"] == question["backup_id"])
                .filter(|_| !state.lists_nothing);
            json!({"agent_errors": state.agent_errors, "backup": found})
        }
        "backup/config/info" => json!({"config": {
            "agents": {}, "automatic_backups_configured": true,
            "create_backup": {"agent_ids": ["cloud.cloud"], "name": null, "password": state.key},
        }}),
        "system_log/list" => json!(state.log),
        "backup/subscribe_events" => Value::Null,
        other => panic!("haslim should not ask {other}"),
    }
}
