//! Sends a backup, and waits until it is stored.
//!
//! The connection is the upload: Home Assistant stops everything when it ends, also while it sends
//! the file on to the cloud, during which it answers nothing for minutes (tried). So the wait for
//! the reply has no limit while the events say that Home Assistant is receiving.

use std::cell::RefCell;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::answers::LogEntry;
use super::away::{is_final, pause};
use super::check::{File, NO_ROOM, busy};
use super::connection::Connection;
use super::http::{self, Reply};
use super::multipart::Frame;
use super::phase::{Phase, Step, TRIES};
use super::websocket::{banned, proxied, proxy as proxy_of, token_refused};
use super::{CLOUD, Client, Event, IDLE, parsed};
use crate::error::{Error, Kind, Result};
use crate::pipe::{Content, Control, Stage};

/// How long nothing may move if the events say that Home Assistant is not receiving.
const SILENCE: Duration = Duration::from_secs(120);
/// The same if there are no events, because their connection cannot be made again.
const SILENCE_WITHOUT_EVENTS: Duration = Duration::from_secs(1800);
/// How long the first event may take. It is there at once.
const FIRST: Duration = Duration::from_secs(30);
/// How long the last events may take after the reply. Only the progress depends on them.
const LAST: Duration = Duration::from_secs(5);
/// How often the connection for events is made again, and the pause before.
const RECONNECTS: u32 = 10;
const PAUSE: Duration = Duration::from_secs(2);

/// What a user should know during an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadEvent {
    /// Home Assistant has received everything, and sends it on. If the program ends now, Home
    /// Assistant stops as well.
    Received,
    /// Home Assistant has answered, or the connection is lost: nothing depends on this program any
    /// more. What follows is to find out whether the backup is stored.
    Answered,
    /// The place failed and begins again.
    Retry {
        /// 2 for the second time.
        attempt: u32,
        /// How often it tries at most.
        of: u32,
    },
}

/// Receives the events of an upload, in order and on the thread that runs it.
pub trait UploadObserver {
    /// Called for each event.
    fn event(&self, event: UploadEvent);
}

/// What comes from the connection for events.
enum Incoming {
    Event(Event),
    /// There will be no more events, for this reason.
    Lost(Error),
}

/// What is known about a running upload.
struct Watch<'a> {
    received: Receiver<Incoming>,
    phase: Phase,
    last: Instant,
    /// Whether events still come.
    has_events: bool,
    agent: &'a str,
    stage: Option<Stage>,
    /// The bytes that the place will get.
    total: u64,
    observer: &'a dyn UploadObserver,
    control: &'a Control,
}

impl Watch<'_> {
    /// Ends the stage that is shown, and begins another one.
    fn show(&mut self, stage: Option<(Stage, u64)>) {
        if self.stage.take().is_some() {
            self.control.end();
        }
        if let Some((stage, total)) = stage {
            self.control.begin(stage, total);
            self.stage = Some(stage);
        }
    }

    /// Takes in what has been received.
    ///
    /// # Errors
    /// `Interrupted`.
    fn drain(&mut self) -> Result<()> {
        while let Ok(received) = self.received.try_recv() {
            self.last = Instant::now();
            match received {
                Incoming::Lost(_) => self.has_events = false,
                Incoming::Event(event) => match self.phase.take(&event, self.agent) {
                    Step::None => {}
                    Step::Begins { attempt, total } => {
                        let is_read = attempt == 1 && self.agent == CLOUD;
                        let stage = if is_read {
                            Stage::Prepare
                        } else {
                            Stage::Store
                        };
                        self.show(Some((stage, total)));
                        self.total = total;
                        if attempt > 1 {
                            let of = TRIES.max(attempt);
                            self.observer.event(UploadEvent::Retry { attempt, of });
                        }
                    }
                    Step::Moves(bytes) => {
                        if self.stage == Some(Stage::Prepare) {
                            self.show(Some((Stage::Store, self.total)));
                        }
                        self.control.advance(bytes)?;
                    }
                },
            }
        }
        Ok(())
    }

    /// Decides whether to wait any longer.
    fn wait(&mut self, idle: Duration) -> Result<()> {
        self.control.check()?;
        self.drain()?;
        if self.has_events && self.phase.is_receiving {
            return Ok(());
        }
        let limit = if self.has_events {
            SILENCE
        } else {
            SILENCE_WITHOUT_EVENTS
        };
        if idle.min(self.last.elapsed()) < limit {
            return Ok(());
        }
        let message = format!("Home Assistant has not answered for {} s", limit.as_secs());
        Err(Error::new(Kind::HomeAssistant, message)
            .advice("Look at the list of backups and at the log of Home Assistant."))
    }

    /// Takes in the last events. They were sent before the reply, over another connection.
    ///
    /// # Errors
    /// `Interrupted`.
    fn finish(&mut self) -> Result<()> {
        let begin = Instant::now();
        self.drain()?;
        let is_over = |phase: &Phase| phase.has_received && !phase.is_receiving;
        while self.has_events && !is_over(&self.phase) && begin.elapsed() < LAST {
            pause(Duration::from_millis(20), self.control)?;
            self.drain()?;
        }
        Ok(())
    }

    /// Waits for the first event, which is the present state.
    fn first(&mut self) -> Result<()> {
        let begin = Instant::now();
        loop {
            self.control.check()?;
            match self.received.recv_timeout(Duration::from_millis(100)) {
                Ok(Incoming::Event(event)) if event.manager_state == IDLE => return Ok(()),
                Ok(Incoming::Event(event)) if event.manager_state.is_empty() => {}
                Ok(Incoming::Event(event)) => return Err(busy(&event.manager_state)),
                Ok(Incoming::Lost(error)) => return Err(error),
                Err(RecvTimeoutError::Timeout) if begin.elapsed() < FIRST => {}
                Err(_) => {
                    let message = "Home Assistant does not report what it does with backups";
                    return Err(Error::new(Kind::HomeAssistant, message)
                        .advice("Restart Home Assistant, and try again."));
                }
            }
        }
    }
}

/// Ends the connection for events when dropped.
struct Ends(Control);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// How the body went.
struct Body {
    /// The bytes of the file that were sent.
    bytes: u64,
    /// Whether everything was sent.
    is_whole: bool,
}

impl Client {
    /// Uploads `content`, which `file` describes, to the place `agent`, and confirms that it is stored
    /// there. [`check`] must have accepted it. If the content fails, Home Assistant does not get its
    /// end, and discards it. Another thread waits for events, and ends before this returns; those
    /// that connect end by themselves.
    ///
    /// [`check`]: super::check()
    ///
    /// # Errors
    /// `HomeAssistant` if it cannot be reached or refuses the file, with the reason; `NotStored` if
    /// the place does not list it with exactly its size, or cannot be asked; errors of the content;
    /// `Interrupted`.
    pub fn upload(
        &self,
        content: &mut dyn Content,
        file: &File,
        agent: &str,
        observer: &dyn UploadObserver,
        control: &Control,
    ) -> Result<()> {
        let before = self.log(control);
        std::thread::scope(|scope| {
            let ends = Ends(control.beside());
            let (tell, received) = channel();
            let beside = ends.0.clone();
            std::thread::Builder::new()
                .name("events".into())
                .spawn_scoped(scope, move || self.listen(&tell, &beside))
                .map_err(|e| Error::output(e, "cannot start a thread"))?;
            let watch = RefCell::new(Watch {
                received,
                phase: Phase::default(),
                last: Instant::now(),
                has_events: true,
                agent,
                stage: None,
                total: 0,
                observer,
                control,
            });
            watch.borrow_mut().first()?;
            let outcome = self.send(content, file, agent, &watch);
            watch.borrow_mut().show(None);
            // The other thread ends while the result is confirmed.
            drop(ends);
            self.settle(outcome, file, agent, before.as_deref(), observer, control)
        })
    }

    /// Confirms an upload, or finds out why it failed.
    fn settle(
        &self,
        outcome: Result<(), Failed>,
        file: &File,
        agent: &str,
        before: Option<&[LogEntry]>,
        observer: &dyn UploadObserver,
        control: &Control,
    ) -> Result<()> {
        match outcome {
            Ok(()) => {
                observer.event(UploadEvent::Answered);
                self.confirm(file, agent, before, control)
            }
            // The reply can be lost although the upload worked: Home Assistant finishes one when it
            // is stopped, if that takes no more than 10 s (tried).
            Err(Failed {
                error,
                is_whole: true,
            }) if error.kind() == Kind::HomeAssistant => {
                observer.event(UploadEvent::Answered);
                if self.is_stored(file, agent, control)? {
                    return Ok(());
                }
                Err(match self.logged(agent, before, control) {
                    Some(reason) => Error::new(
                        error.kind(),
                        format!("{}. Home Assistant's log: {reason}", error.message()),
                    )
                    .advice(error.next_step().cloned().unwrap_or("Try again.".into())),
                    None => error,
                })
            }
            Err(Failed { error, .. }) => Err(error),
        }
    }

    /// Sends the events to the uploading thread, over new connections if one ends.
    fn listen(&self, tell: &Sender<Incoming>, control: &Control) {
        let mut losses = 0;
        loop {
            let outcome = self.pass_on(tell, &mut losses, control);
            let Err(error) = outcome else { return };
            losses += 1;
            if losses > RECONNECTS || is_final(&error) || control.check().is_err() {
                let _ = tell.send(Incoming::Lost(error));
                return;
            }
            if pause(PAUSE, control).is_err() {
                return;
            }
        }
    }

    /// Returns without an error if no one listens any more.
    fn pass_on(&self, tell: &Sender<Incoming>, losses: &mut u32, control: &Control) -> Result<()> {
        let mut talk = self.subscribe(control)?;
        loop {
            let event: Event = parsed(talk.next_event()?)?;
            *losses = 0;
            if tell.send(Incoming::Event(event)).is_err() {
                return Ok(());
            }
        }
    }

    /// Sends the file and waits for a reply that says 201.
    fn send(
        &self,
        content: &mut dyn Content,
        file: &File,
        agent: &str,
        watch: &RefCell<Watch<'_>>,
    ) -> Result<(), Failed> {
        let control = watch.borrow().control;
        let patience = Box::new(|idle| watch.borrow_mut().wait(idle));
        let mut connection = self.open(patience, control)?;
        let frame = Frame::new()?;
        let path = format!("/api/backup/upload?agent_id={}", encoded(agent));
        let head = http::head(
            "POST",
            &self.address.path(&path),
            &self.address.authority(),
            &self.token,
            &frame.headers(file.size),
        );
        watch.borrow_mut().show(Some((Stage::Send, file.size)));
        let body = match http::send(&mut connection, head.as_bytes()) {
            Ok(()) => body(&mut connection, content, &frame, control),
            Err(error) => Err(http::lost(error)),
        };
        let body = body.inspect_err(|_| connection.cut())?;
        if body.is_whole {
            watch.borrow_mut().show(None);
            watch.borrow().observer.event(UploadEvent::Received);
        }
        let is_whole = body.is_whole;
        let reply = Reply::read(&mut connection).map_err(|error| ended(error, &body, file.size));
        let reply = reply.map_err(|error| Failed { error, is_whole })?;
        if reply.status == 201 && is_whole {
            watch.borrow_mut().finish()?;
            return Ok(());
        }
        let (status, server) = (reply.status, reply.server());
        let is_from_proxy = reply.is_from_proxy();
        let text = if is_from_proxy {
            String::new()
        } else {
            reply.text(&mut connection)
        };
        let error = refusal(status, is_from_proxy.then_some(&server), &text, file.size);
        Err(Failed { error, is_whole })
    }
}

/// An upload that failed.
struct Failed {
    error: Error,
    /// Whether Home Assistant may have received everything.
    is_whole: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self {
            error,
            is_whole: false,
        }
    }
}

/// Sends the file. Stops early if a reply is there, or if the connection no longer takes bytes,
/// which also means that there may be a reply.
///
/// # Errors
/// Errors of the content, `Interrupted`, and the error of a wait.
fn body(
    connection: &mut Connection<'_>,
    content: &mut dyn Content,
    frame: &Frame,
    control: &Control,
) -> Result<Body> {
    let mut sent = 0;
    let early = |bytes| {
        Ok(Body {
            bytes,
            is_whole: false,
        })
    };
    if !taken(http::send(connection, frame.head()))? {
        return early(0);
    }
    loop {
        let bytes = content.next()?;
        if bytes.is_empty() {
            break;
        }
        if connection.has_reply() || !taken(http::send(connection, bytes))? {
            return early(sent);
        }
        sent += bytes.len() as u64;
        control.advance(bytes.len() as u64)?;
    }
    // Without the end of the body, Home Assistant discards the file.
    content.finish()?;
    if !taken(http::send(connection, frame.tail()))? {
        return early(sent);
    }
    Ok(Body {
        bytes: sent,
        is_whole: true,
    })
}

/// Whether the connection took the bytes.
///
/// # Errors
/// The error of a wait: a cancellation, or too long a silence.
fn taken(outcome: io::Result<()>) -> Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(error) => match error.downcast::<Error>() {
            Ok(ours) => Err(ours),
            Err(_) => Ok(false),
        },
    }
}

/// The error if there is no reply.
fn ended(error: Error, body: &Body, size: u64) -> Error {
    match error.kind() {
        Kind::Interrupted(_) if body.is_whole => Error::new(
            error.kind(),
            "stopped on request, and Home Assistant stops the upload as well",
        ),
        Kind::HomeAssistant => {
            let done = if body.is_whole {
                "after everything was sent".to_owned()
            } else {
                format!("at {}", crate::size::percent(body.bytes, size))
            };
            Error::new(error.kind(), format!("{}, {done}", error.message()))
                .advice("Check that Home Assistant runs, and run the same command again: it removes what this upload may have left in Home Assistant's temporary folder.")
        }
        _ => error,
    }
}

/// Why Home Assistant, or a proxy with this name, refuses an upload. All answers were tried, unless
/// marked.
fn refusal(status: u16, proxy: Option<&String>, text: &str, size: u64) -> Error {
    let (message, advice): (String, &str) = match (status, proxy) {
        // Known, not tried.
        (413, Some(server)) if server.contains("cloudflare") => (
            "Cloudflare refuses uploads of this size (413)".into(),
            "Use the address of Home Assistant in your own network.",
        ),
        (413, Some(server)) => (
            format!("{} refuses uploads of this size (413)", proxy_of(server)),
            "Use the address of Home Assistant itself. In nginx, client_max_body_size 0 removes the limit.",
        ),
        // The Supervisor's own proxy, tried.
        (502, server) if server.is_none_or(|name| name.contains("aiohttp")) => (
            "the Supervisor gave up waiting (502), and Home Assistant stopped the upload".into(),
            "Use the address of Home Assistant itself.",
        ),
        // 524 is Cloudflare's: known, not tried.
        (504 | 524, Some(server)) => (
            format!(
                "{} gave up waiting ({status}), and Home Assistant stopped the upload",
                proxy_of(server)
            ),
            if status == 524 {
                "Use the address of Home Assistant in your own network."
            } else {
                "Use the address of Home Assistant itself. In nginx, proxy_read_timeout 12h helps."
            },
        ),
        (status, Some(server)) => return proxied(status, server),
        (403, None) => return banned(),
        (401, None) => return token_refused(),
        (413, None) if text.contains("Maximum request body size") => (
            format!("Home Assistant cannot receive files of this size: {text}"),
            "Update Home Assistant to 2026.9.1 or later.",
        ),
        (500, None) if text.contains("Errno 28") => (
            format!(
                "the disk of Home Assistant is full; it needs {} for a while",
                crate::size::short(size)
            ),
            NO_ROOM,
        ),
        (500, None) if text.contains("busy") => (
            format!("Home Assistant is busy: {text}"),
            "Wait until it has finished, and try again.",
        ),
        (500, None) if text.contains("got itself in trouble") => (
            "Home Assistant could not read the file (500)".into(),
            "Check the file for damage, and look at Settings → System → Logs in Home Assistant.",
        ),
        (503, None) => (
            "Home Assistant is stopping (503)".into(),
            "Wait until it has started again, and try again.",
        ),
        (status, None) => (
            format!("Home Assistant answered with {status}: {text}"),
            "See Settings → System → Logs in Home Assistant.",
        ),
    };
    Error::new(Kind::HomeAssistant, message.trim_end_matches(": ")).advice(advice)
}

/// An id in the query of an address.
pub(super) fn encoded(id: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    id.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl UploadObserver for Nobody {
        fn event(&self, _: UploadEvent) {}
    }

    /// TRAP "closing": the cloud is silent for minutes.
    #[test]
    fn an_upload_is_waited_for_as_long_as_home_assistant_says_that_it_receives() {
        let long_ago = |ago: Duration| Instant::now().checked_sub(ago).unwrap();
        let waits = |states: &[&str], is_lost: bool, silence: Duration| {
            let (tell, received) = channel();
            for state in states {
                let event = Event {
                    manager_state: (*state).into(),
                    ..Event::default()
                };
                tell.send(Incoming::Event(event)).unwrap();
            }
            if is_lost {
                let why = Error::new(Kind::HomeAssistant, "gone");
                tell.send(Incoming::Lost(why)).unwrap();
            }
            let control = Control::default();
            let mut watch = Watch {
                received,
                phase: Phase::default(),
                last: Instant::now(),
                has_events: true,
                agent: "cloud.cloud",
                stage: None,
                total: 0,
                observer: &Nobody,
                control: &control,
            };
            watch.drain().unwrap();
            watch.last = long_ago(silence);
            watch.wait(silence).is_ok()
        };
        let (hour, minutes) = (Duration::from_secs(3600), Duration::from_secs(600));
        assert!(waits(&["receive_backup"], false, hour));
        assert!(!waits(&["receive_backup", "idle"], false, minutes));
        assert!(!waits(&[], false, minutes));
        // Without events nobody knows.
        assert!(waits(&["receive_backup"], true, minutes));
        assert!(!waits(&["receive_backup"], true, hour));
        assert!(waits(&["idle"], false, Duration::from_secs(60)));
    }

    /// The rows of the table of failures that a reply shows, and TRAP "proxies".
    #[test]
    fn every_reply_names_its_cause_and_the_next_step() {
        let nginx = "nginx/1.22.1".to_owned();
        let cloudflare = "cloudflare".to_owned();
        let supervisor = "Python/3.14 aiohttp/3.13.2".to_owned();
        for (status, proxy, text, cause, step) in [
            (
                413,
                Some(&nginx),
                "",
                "proxy (nginx/1.22.1) refuses",
                "client_max_body_size 0",
            ),
            (413, Some(&cloudflare), "", "Cloudflare", "own network"),
            (
                504,
                Some(&nginx),
                "",
                "gave up waiting",
                "proxy_read_timeout",
            ),
            (524, Some(&cloudflare), "", "gave up waiting", "own network"),
            (400, Some(&nginx), "", "answered with 400", "itself"),
            (502, Some(&nginx), "", "cannot reach", "runs"),
            (401, None, "", "refuses the token", "NewToken"),
            (403, None, "", "(403)", "ip_bans.yaml"),
            (
                413,
                None,
                "Maximum request body size 16777216 exceeded",
                "16777216",
                "2026.9.1",
            ),
            (
                500,
                None,
                "Can't write backup file: [Errno 28] No space left",
                "needs 5.00 GB",
                "Free",
            ),
            (
                500,
                None,
                "Can't upload backup file: Backup manager busy: blocked",
                "busy: blocked",
                "Wait",
            ),
            (
                500,
                None,
                "500: Server got itself in trouble",
                "could not read",
                "damage",
            ),
            (400, None, "", "answered with 400", "Logs"),
            (502, Some(&supervisor), "", "Supervisor", "itself"),
            (502, None, "", "Supervisor", "itself"),
            (503, None, "", "stopping", "again"),
        ] {
            let error = refusal(status, proxy, text, 5_000_000_000);
            assert!(error.message().contains(cause), "{status}: {error}");
            let next = format!("{:?}", error.next_step());
            assert!(next.contains(step), "{status}: {next}");
        }
    }

    #[test]
    fn an_id_cannot_add_to_the_address() {
        assert_eq!(encoded("cloud.cloud"), "cloud.cloud");
        assert_eq!(encoded("a b&c=d/ü"), "a%20b%26c%3Dd%2F%C3%BC");
    }
}
