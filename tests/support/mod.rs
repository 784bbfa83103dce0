//! What every integration test needs: the program, the fixtures, a temporary folder, and an
//! independent reader for backups.
#![allow(dead_code, reason = "each test binary uses its own share")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods
)]

pub mod draft;
pub mod make;
pub mod rng;
pub mod seal;

use std::ffi::OsStr;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The password of every fixture.
pub const PASSWORD: &str = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG";

/// The end of every message about a run that should have written an output and did not.
pub const UNCHANGED: &str = "No file was written; the original is unchanged.";

/// Whether an error says that no file was written where it must: at its end if the command writes,
/// and nowhere if it only reads.
pub fn says_what_did_not_happen(command: &str, error: &str) -> bool {
    if matches!(command, "shrink" | "repair") {
        error.trim_end().ends_with(UNCHANGED)
    } else {
        !error.contains(UNCHANGED)
    }
}

/// A finished run of the program.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Run {
    /// Asserts the exit code, and prints everything if it differs.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(
            self.code, expected,
            "\nstdout:\n{}\nstderr:\n{}",
            self.out, self.err
        );
        self
    }

    /// Standard output, which must be JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|e| panic!("not JSON ({e}):\n{}\n{}", self.out, self.err))
    }
}

/// Runs haslim with the right password in the environment.
#[track_caller]
pub fn haslim<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    run(args, Some(PASSWORD))
}

/// Runs haslim without any password.
#[track_caller]
pub fn keyless<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    run(args, None)
}

/// Runs haslim with this password in the environment.
#[track_caller]
pub fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>, password: Option<&str>) -> Run {
    let args: Vec<S> = args.into_iter().collect();
    spares_the_fixtures(&args);
    let mut command = assert_cmd::Command::cargo_bin("haslim").unwrap();
    for variable in ["HASLIM_PASSWORD", "NO_COLOR", "LC_ALL", "LC_CTYPE", "LANG"] {
        command.env_remove(variable);
    }
    // No test depends on the settings of the user who runs it.
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    command.env("APPDATA", "C:\\nonexistent");
    command.args(args);
    if let Some(password) = password {
        command.env("HASLIM_PASSWORD", password);
    }
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    Run {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// A command line made of a command, its backup, and the rest, split at spaces.
pub fn line(command: &str, backup: &Path, rest: &str) -> Vec<String> {
    let mut args = vec![command.to_owned(), text(backup)];
    args.extend(rest.split_whitespace().map(str::to_owned));
    args
}

/// A `shrink` of `input` into `output`, with more options, split at spaces.
pub fn shrink(input: &Path, output: &Path, rest: &str) -> Vec<String> {
    let mut args = line("shrink", input, "--yes -o");
    args.push(text(output));
    args.extend(rest.split_whitespace().map(str::to_owned));
    args
}

/// A path as an argument.
pub fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Asserts that this command does not use the folder of the fixtures for its output: no test may
/// depend on the files there, or on whether the folder is writable.
#[track_caller]
fn spares_the_fixtures<S: AsRef<OsStr>>(args: &[S]) {
    let args: Vec<_> = args
        .iter()
        .map(|arg| arg.as_ref().to_string_lossy())
        .collect();
    let writes = args
        .first()
        .is_some_and(|command| command == "shrink" || command == "repair");
    let elsewhere = args.iter().any(|arg| arg == "-o" || arg == "--output");
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/");
    assert!(
        !writes || elsewhere || !args.iter().any(|arg| arg.starts_with(fixtures)),
        "copy the fixture, or give -o: {args:?}"
    );
}

/// The path of a fixture, which must exist.
pub fn fixture(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name);
    assert!(path.exists(), "the fixture {name} is missing");
    path
}

/// The contents of a fixture according to the reference library.
pub fn expected(name: &str) -> Value {
    let path = fixture("expected").join(format!("{name}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The fixtures that contain a small complete system.
pub const SYSTEMS: [&str; 7] = [
    "v1",
    "v1-uncompressed",
    "v2",
    "v2-uncompressed",
    "v3",
    "v3-uncompressed",
    "plain",
];

/// A temporary folder, deleted when dropped.
pub struct Scratch(pub tempfile::TempDir);

impl Scratch {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A copy of a fixture under its own name.
    pub fn copy(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::copy(fixture(name), &path).unwrap();
        path
    }

    /// Writes bytes to a file.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Saves a scan of a backup, which takes the place of an earlier one.
    pub fn scan(&self, backup: &Path) -> PathBuf {
        let path = self.path("saved.scan");
        let rest = format!("--force -o {}", path.display());
        haslim(line("scan", backup, &rest)).code(0);
        path
    }

    /// Writes a file that begins with these bytes and has the others at this position, with a hole
    /// between them.
    pub fn with_hole(&self, name: &str, begin: &[u8], at: u64, end: &[u8]) -> PathBuf {
        let path = self.file(name, begin);
        let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.seek(std::io::SeekFrom::Start(at)).unwrap();
        file.write_all(end).unwrap();
        path
    }

    /// The names in the folder, sorted.
    pub fn listing(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.0.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// The bytes of a file and its status, neither of which may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    checksum: u32,
    size: u64,
    modified: std::time::SystemTime,
    /// What else a Unix system records: change, mode, inode.
    status: Option<((i64, i64), u32, u64)>,
}

impl Fingerprint {
    pub fn of(path: &Path) -> Self {
        let meta = std::fs::symlink_metadata(path).unwrap();
        #[cfg(unix)]
        let status = {
            use std::os::unix::fs::MetadataExt;
            let changed = (meta.ctime(), meta.ctime_nsec());
            Some((changed, meta.mode(), meta.ino()))
        };
        #[cfg(windows)]
        let status = None;
        Self {
            checksum: crc32fast::hash(&std::fs::read(path).unwrap()),
            size: meta.len(),
            modified: meta.modified().unwrap(),
            status,
        }
    }
}

/// A member of the outer tar as the `tar` crate sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct OuterMember {
    pub name: String,
    pub data: Vec<u8>,
}

impl std::fmt::Debug for OuterMember {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} bytes", self.name, self.data.len())
    }
}

/// Reads the outer tar with the `tar` crate.
pub fn members(path: &Path) -> Vec<OuterMember> {
    let mut archive = tar::Archive::new(std::fs::File::open(path).unwrap());
    let read = |entry: std::io::Result<tar::Entry<'_, std::fs::File>>| {
        let mut entry = entry.unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let mut data = Vec::new();
        entry.read_to_end(&mut data).unwrap();
        OuterMember { name, data }
    };
    archive.entries().unwrap().map(read).collect()
}

/// The data of one member.
#[track_caller]
pub fn member(path: &Path, name: &str) -> Vec<u8> {
    let found = members(path).into_iter().find(|m| m.name == name);
    found.unwrap_or_else(|| panic!("no member {name}")).data
}

/// `backup.json` of a backup.
pub fn manifest(path: &Path) -> Value {
    serde_json::from_slice(&member(path, "./backup.json")).unwrap()
}

/// The plaintext tar of a part, decrypted by the library and inflated as Home Assistant does it:
/// only the first gzip member.
pub fn plaintext(path: &Path, component: &str) -> Vec<u8> {
    use haslim::crypt::{KeyRing, Password};
    let backup = haslim::open::Backup::open(path).unwrap();
    let keys = KeyRing::new(Password::new(PASSWORD.into()));
    let part = backup
        .parts
        .iter()
        .find(|p| p.id == component)
        .expect("the component is there");
    let stream = haslim::open::source(&backup, part, Some(&keys)).unwrap();
    let mut bytes = Vec::new();
    if part.version() == Some(haslim::format::securetar::Version::V1) && part.compressed {
        // No other reader supports the trailer of v1.
        let mut gunzip = haslim::gzip::Gunzip::new(stream, haslim::gzip::Trailer::SecureTarV1);
        while let Some(piece) = gunzip.next_piece().unwrap() {
            bytes.extend_from_slice(piece);
        }
    } else if part.compressed {
        flate2::read::GzDecoder::new(stream)
            .read_to_end(&mut bytes)
            .unwrap();
    } else {
        let mut stream = stream;
        stream.read_to_end(&mut bytes).unwrap();
    }
    bytes
}

impl std::fmt::Debug for InnerEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, link) = (self.name.escape_ascii(), self.link.escape_ascii());
        write!(
            f,
            "{name} -> {link} {:?} {:o} {} {} bytes",
            self.kind,
            self.mode,
            self.mtime,
            self.data.len()
        )
    }
}

/// An entry of an inner tar as the `tar` crate sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct InnerEntry {
    pub name: Vec<u8>,
    pub link: Vec<u8>,
    pub kind: tar::EntryType,
    pub mode: u32,
    pub mtime: String,
    pub data: Vec<u8>,
}

/// The entries of a part.
pub fn entries(path: &Path, component: &str) -> Vec<InnerEntry> {
    entries_of(&plaintext(path, component))
}

/// The entries of a tar.
pub fn entries_of(bytes: &[u8]) -> Vec<InnerEntry> {
    let mut archive = tar::Archive::new(bytes);
    let mut found = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut mtime = entry.header().mtime().unwrap().to_string();
        for record in entry.pax_extensions().unwrap().into_iter().flatten() {
            let record = record.unwrap();
            if record.key() == Ok("mtime") {
                mtime = record.value().unwrap().to_owned();
            }
        }
        let mut data = Vec::new();
        entry.read_to_end(&mut data).unwrap();
        found.push(InnerEntry {
            name: entry.path_bytes().into_owned(),
            link: entry.link_name_bytes().unwrap_or_default().into_owned(),
            kind: entry.header().entry_type(),
            mode: entry.header().mode().unwrap(),
            mtime,
            data,
        });
    }
    found
}
