//! Backups as one line of text, and requests as another.

use crate::format::manifest::Manifest;
use crate::format::outer::Member;
use crate::format::securetar::{Layer, SecureHeader, V3Salts, Version};
use crate::format::tar::block::{BLOCK, EntryKind, padding};
use crate::format::tar::header::Header;
use crate::open::{Backup, ComponentKind, Part};
use crate::pipe::Input;
use crate::plan::{Dropped, Outcome, Plan, Request, Selector, make};
use crate::report::drops::{self, DropView, WayOut};
use crate::report::plan_view::PlanView;
use crate::report::tests::options::Options;
use crate::rules::{Catalogue, Class, Contents, NpmModules, Origin};
use crate::survey::{Entry, PartSurvey, Place, Recorder, StreamEnd};

/// The unit of all sizes here: files grow and shrink by whole records.
pub use crate::format::outer::RECORD;

/// A backup that exists only for the planner.
///
/// Its text lists the parts, with `; ` between them: `media: film.mkv 50, a/b 3` is a folder with
/// two files of 50 and 3 records. `film.mkv@7 50` was changed 7 hours
/// after the beginning of 1970. `!` after a name marks a backup inside the backup, a slash marks
/// a directory, and `a=b` is a hard link `a` to `b`. The config directory is `homeassistant:`, an
/// add-on is `addon:SLUG:`; its `addon.json` is added. A trailing `db_url=FILE` in the
/// configuration says where the recorder writes; `COMPONENT:FILE` is in another component, `//HOST`
/// is a server.
pub struct Sketch {
    version: Option<Version>,
    compressed: bool,
    parts: Vec<(String, Vec<Entry>)>,
    recorder: Recorder,
    pub repositories: &'static str,
    /// Records of garbage after the end.
    pub garbage: u64,
}

fn entry(name: &[u8], stored: u64, kind: EntryKind) -> Entry {
    Entry {
        name: name.into(),
        link: None,
        kind,
        size: stored,
        mtime: 0,
        stored,
        head: 512,
        before_crc: 0,
        header_crc: 0,
        data_crc: 0,
        contents: Contents::Other,
    }
}

/// What the configuration says about the database.
pub fn recorder(text: &str) -> Recorder {
    if let Some(host) = text.strip_prefix("//") {
        return Recorder::Server(host.to_owned());
    }
    let (component, path) = text.split_once(':').unwrap_or(("homeassistant", text));
    let component = ["homeassistant", "share", "media"]
        .into_iter()
        .find(|known| *known == component)
        .unwrap();
    Recorder::File(vec![Place {
        component,
        path: path.to_owned(),
    }])
}

impl Sketch {
    pub fn new(text: &str) -> Self {
        let mut sketch = Self {
            version: Some(Version::V3),
            compressed: true,
            parts: Vec::new(),
            recorder: Recorder::Usual,
            repositories: r#"["https://github.com/hassio-addons/repository"]"#,
            garbage: 0,
        };
        for part in text.split(';').map(str::trim).filter(|p| !p.is_empty()) {
            let (id, files) = part
                .split_once(": ")
                .unwrap_or((part.trim_end_matches(':'), ""));
            let mut entries = beside(id);
            for file in files.split(',').map(str::trim).filter(|f| !f.is_empty()) {
                match file.strip_prefix("db_url=") {
                    Some(database) => sketch.recorder = recorder(database),
                    None => entries.push(parse_file(id, file)),
                }
            }
            sketch.parts.push((id.to_owned(), entries));
        }
        sketch
    }

    pub fn part(mut self, id: &str, files: impl IntoIterator<Item = (String, u64)>) -> Self {
        let mut entries = beside(id);
        entries.extend(
            files
                .into_iter()
                .map(|(path, bytes)| entry(&name(id, &path), bytes, EntryKind::File)),
        );
        self.parts.push((id.to_owned(), entries));
        self
    }

    pub fn version(mut self, version: Option<Version>) -> Self {
        self.version = version;
        self
    }

    /// The parts are stored uncompressed.
    pub fn uncompressed(mut self) -> Self {
        self.compressed = false;
        self
    }

    /// The backup and the surveys of all its parts.
    pub fn build(&self) -> (Backup, Vec<PartSurvey>) {
        let (mut members, mut parts, mut surveys) = (Vec::new(), Vec::new(), Vec::new());
        for (id, entries) in &self.parts {
            let inside = entries.iter().map(|e| e.stored).sum::<u64>();
            let stream = if self.compressed {
                // The tail of the gzip stream: the end of the tar, checksum and length.
                inside + 40
            } else {
                (inside + 2 * BLOCK as u64).next_multiple_of(RECORD)
            };
            let size = self.version.map_or(stream, |v| {
                crate::format::securetar::ciphertext_len(v, stream) + v.header_len() as u64
            });
            surveys.push(survey(
                parts.len(),
                entries.clone(),
                stream,
                if id == "homeassistant" {
                    self.recorder.clone()
                } else {
                    Recorder::Usual
                },
            ));
            parts.push(self.part_of(id, members.len(), stream));
            let at = members.last().map_or(0, Member::end);
            members.push(member(
                &format!(
                    "{}{}",
                    list_name(id).replace('/', "_"),
                    if self.compressed { ".tar.gz" } else { ".tar" }
                ),
                at,
                size,
            ));
        }
        let manifest = self.manifest(&members);
        let at = members.last().map_or(0, Member::end);
        members.push(member("./backup.json", at, manifest.text().len() as u64));
        let end = members.last().unwrap().end() + 2 * BLOCK as u64;
        let input = Input::stand_in(end.next_multiple_of(RECORD) + self.garbage * RECORD).unwrap();
        let manifest_member = members.len() - 1;
        (
            Backup {
                input,
                manifest,
                manifest_member,
                members,
                parts,
                findings: Vec::new(),
            },
            surveys,
        )
    }

    fn part_of(&self, id: &str, member: usize, stream: u64) -> Part {
        let kind = match id {
            "homeassistant" => ComponentKind::HomeAssistant,
            "supervisor" => ComponentKind::Supervisor,
            _ if id.starts_with("addon:") => ComponentKind::Addon,
            _ => ComponentKind::Folder,
        };
        let layer = self.version.map_or(Layer::Plain, |version| {
            Layer::Secure(secure_header(version, stream))
        });
        Part {
            id: id.to_owned(),
            kind,
            member,
            layer: Some(layer),
            compressed: self.compressed,
            listed: true,
            fault: None,
            suffix: Some(self.compressed),
            closed: false,
            has_bad_head: false,
            is_apple_double: false,
            has_odd_gzip: false,
            is_empty_stream: false,
            is_cut_off: false,
        }
    }

    /// The metadata are padded so that the last record is half full. What a copy needs for names
    /// and padding then never decides.
    fn manifest(&self, members: &[Member]) -> Manifest {
        let quoted = |of: fn(&str) -> bool| -> Vec<String> {
            self.parts
                .iter()
                .filter(|(id, _)| of(id))
                .map(|(id, _)| format!("\"{}\"", list_name(id)))
                .collect()
        };
        let folders =
            quoted(|id| matches!(id, "media" | "share" | "ssl" | "addons/local")).join(",");
        let addons: Vec<String> = quoted(|id| id.starts_with("addon:"))
            .iter()
            .map(|slug| format!("{{\"slug\":{slug},\"name\":\"App\",\"version\":\"1\"}}"))
            .collect();
        let text = |pad: usize| {
            format!(
                r#"{{"slug":"aaaaaaaa","version":2,"name":"n","date":"d","type":"full","compressed":{},"protected":{},"homeassistant":{{"version":"2026.10.3","exclude_database":false}},"folders":[{folders}],"addons":[{}],"repositories":{},"pad":"{}"}}"#,
                self.compressed,
                self.version.is_some(),
                addons.join(","),
                self.repositories,
                "x".repeat(pad)
            )
        };
        let ends = |pad: usize| {
            let at = members.last().map_or(0, Member::end);
            member("./backup.json", at, text(pad).len() as u64).end() + 2 * BLOCK as u64
        };
        let pad = (0..2 * RECORD as usize)
            .step_by(BLOCK)
            .find(|&pad| ends(pad) % RECORD == RECORD / 2)
            .unwrap();
        Manifest::parse(text(pad)).unwrap()
    }
}

fn list_name(id: &str) -> &str {
    id.strip_prefix("addon:").unwrap_or(id)
}

/// The files that Supervisor adds to a component's own files.
fn beside(id: &str) -> Vec<Entry> {
    match id {
        "homeassistant" => vec![
            entry(b"./homeassistant.json", 0, EntryKind::File),
            entry(b"data", 0, EntryKind::Directory),
        ],
        _ if id.starts_with("addon:") => vec![entry(b"./addon.json", 0, EntryKind::File)],
        _ => vec![entry(b".", 0, EntryKind::Directory)],
    }
}

fn name(id: &str, path: &str) -> Vec<u8> {
    if id == "homeassistant" {
        format!("data/{path}").into()
    } else {
        path.into()
    }
}

fn parse_file(id: &str, text: &str) -> Entry {
    let (path, records) = text.rsplit_once(' ').unwrap_or((text, "0"));
    let stored = records
        .parse::<u64>()
        .unwrap_or_else(|_| panic!("no size: {text}"))
        * RECORD;
    if let Some(dir) = path.strip_suffix('/') {
        return entry(&name(id, dir), stored, EntryKind::Directory);
    }
    if let Some((link, target)) = path.split_once('=') {
        let target: Box<[u8]> = name(id, target).into();
        return Entry {
            link: Some(target),
            ..entry(&name(id, link), stored, EntryKind::HardLink)
        };
    }
    let (path, mtime) = match path.rsplit_once('@') {
        Some((path, hours)) => (path, hours.parse::<i64>().unwrap() * 3600),
        None => (path, 0),
    };
    let (path, contents) = path
        .strip_suffix('!')
        .map_or((path, Contents::Other), |path| {
            (path, Contents::Backup(Origin::Same))
        });
    Entry {
        contents,
        mtime,
        ..entry(&name(id, path), stored, EntryKind::File)
    }
}

fn member(name: &str, header_at: u64, size: u64) -> Member {
    let mut raw = vec![0; BLOCK];
    raw[..name.len()].copy_from_slice(name.as_bytes());
    let header = Header {
        raw,
        name: name.into(),
        link: Vec::new(),
        kind: EntryKind::File,
        size,
        pax: Vec::new(),
    };
    assert_eq!(header.span(), BLOCK as u64 + size + padding(size));
    Member {
        header,
        header_at,
        size,
        stale: false,
    }
}

fn survey(part: usize, entries: Vec<Entry>, stream_bytes: u64, recorder: Recorder) -> PartSurvey {
    PartSurvey {
        part,
        entries,
        end: StreamEnd {
            stream_bytes,
            gzip: None,
        },
        plaintext_bytes: 0,
        entries_crc: 0,
        globals: Vec::new(),
        checkpoints: Vec::new(),
        packed: None,
        overhead: 0,
        recorder,
        modules: NpmModules::default(),
        hazards: Vec::new(),
        findings: Vec::new(),
        warnings: Vec::new(),
    }
}

fn secure_header(version: Version, plaintext_size: u64) -> SecureHeader {
    let salts = V3Salts {
        root_salt: [1; 16],
        validation_salt: [2; 16],
        validation_key: [3; 32],
    };
    match version {
        Version::V1 => SecureHeader::V1 { salt: [0; 16] },
        Version::V2 => SecureHeader::V2 {
            plaintext_size,
            reserved: [0; 8],
            salt: [0; 16],
        },
        Version::V3 => SecureHeader::V3 {
            plaintext_size,
            reserved: [0; 8],
            salts,
            derivation_salt: [0; 16],
            stream_header: [0; 24],
        },
    }
}

/// The user's request: `drop=SEL keep=SEL allow=CLASS,CLASS yes=COMPONENT/RULE off=RULE thorough`,
/// in any order.
#[derive(Clone)]
pub struct Wish(pub Request);

impl Wish {
    pub fn new(text: &str) -> Self {
        let mut request = Request {
            has_key: true,
            ..Request::new(u64::MAX).unwrap()
        };
        for word in text.split_whitespace() {
            let (what, value) = word.split_once('=').unwrap_or((word, ""));
            match what {
                "drop" => request.drops.push(Selector::parse(value).unwrap()),
                "keep" => request.keeps.push(Selector::parse(value).unwrap()),
                "allow" => request.allow.extend(value.split(',').map(class)),
                "yes" => {
                    let (component, rule) = value.split_once('/').unwrap_or((value, ""));
                    request.consent.push((
                        component.to_owned(),
                        Some(rule.to_owned()).filter(|r| !r.is_empty()),
                    ));
                }
                "off" => {
                    request.catalogue =
                        Catalogue::with_user_file(&format!("disable = [\"{value}\"]")).unwrap()
                }
                "thorough" => request.thorough = true,
                other => panic!("no such wish: {other}"),
            }
        }
        Self(request)
    }

    /// The same with a limit of this many records below the size of the backup.
    pub fn saving(mut self, backup: &Backup, records: u64) -> Request {
        self.0.limit = backup.input.len() - records * RECORD;
        self.0
    }
}

fn class(name: &str) -> Class {
    match name {
        "history" => Class::History,
        "user" => Class::User,
        other => panic!("no such class: {other}"),
    }
}

/// Plans for a sketch that must lose this many records.
pub fn plan_of(sketch: &Sketch, records: u64, wish: &str) -> (Backup, Plan) {
    let (backup, surveys) = sketch.build();
    let request = Wish::new(wish).saving(&backup, records);
    let plan = make(&backup, &surveys, &request).unwrap();
    (backup, plan)
}

/// A plan in one line: the outcome, and each row by its rule, by the selector after a `=`, or by
/// the component. A star marks a component that is dropped as a whole.
pub fn shown(planned: &(Backup, Plan)) -> String {
    shown_of(&planned.0, &planned.1)
}

/// The same line for a plan of this backup.
pub fn shown_of(backup: &Backup, plan: &Plan) -> String {
    let outcome = match plan.outcome {
        Outcome::AlreadyFits => "already fits:",
        Outcome::Fits => "fits:",
        Outcome::CannotFit => "cannot fit:",
    };
    let mut rows: Vec<String> = plan
        .drops
        .iter()
        .map(|dropped| row(backup, dropped))
        .collect();
    rows.sort();
    std::iter::once(outcome.to_owned())
        .chain(rows)
        .collect::<Vec<_>>()
        .join(" ")
}

fn row(backup: &Backup, row: &Dropped) -> String {
    let whole = if is_whole(row) { "*" } else { "" };
    let view = drops::view(backup, row);
    match (row.rule(), row.is_chosen()) {
        (Some(rule), _) => format!("{}{whole}", rule.id),
        (None, true) => format!("{}{whole}", view.component),
        (None, false) => format!("={}{whole}", view.title),
    }
}

/// Whether a row is about a whole component.
pub fn is_whole(row: &Dropped) -> bool {
    matches!(
        row.effect.name(),
        "whole_folder" | "whole_addon" | "whole_config" | "supervisor"
    )
}

/// The sentences about one dropped thing.
#[derive(Debug)]
pub struct Row {
    pub target: String,
    pub title: String,
    pub component: String,
    pub stored_bytes: u64,
    pub files: Option<u64>,
    pub lost: String,
    pub on_restore: String,
    pub advice: Option<String>,
}

/// The sentences about a plan.
#[derive(Debug)]
pub struct Said {
    pub reasons: Vec<String>,
    pub drops: Vec<Row>,
    pub ways_out: Vec<WayOut>,
    pub notes: Vec<String>,
    pub warnings: Vec<String>,
    /// Whether the copy declares the recorder's database excluded.
    pub without_database: bool,
}

/// Puts a plan into words.
pub fn said(backup: &Backup, plan: &Plan) -> Said {
    let view = PlanView::new(backup, plan, &Options);
    let row = |view: DropView<'_>| Row {
        target: view.targets.join(" "),
        title: view.title,
        component: view.component,
        stored_bytes: view.facts.stored_bytes,
        files: view.facts.files,
        lost: view.lost,
        on_restore: view.on_restore.to_owned(),
        advice: view.advice,
    };
    Said {
        reasons: view.reasons,
        drops: view.drops.into_iter().map(row).collect(),
        ways_out: view.ways_out,
        notes: view.notes,
        warnings: view.warnings,
        without_database: plan.changes.without_database,
    }
}

/// The sentences about the plan for a sketch that must lose this many records.
pub fn said_of(sketch: &Sketch, records: u64, wish: &str) -> Said {
    let (backup, plan) = plan_of(sketch, records, wish);
    said(&backup, &plan)
}
