//! What came of an extraction, as facts; `report::extracted` words them.

use crate::error::Error;
use crate::format::tar::block::EntryKind;
use crate::format::tar::path::Fault;

/// What was done with every part. Memory: one of these for each part, and the path of each entry
/// that was left out or changed.
#[derive(Debug, Default)]
pub struct Extracted {
    /// The parts that were read, in the order of the backup.
    pub parts: Vec<PartDone>,
    /// Parts that contain no archive, by index; nothing was extracted from them.
    pub no_archives: Vec<usize>,
}

impl Extracted {
    /// Files, among them hard links.
    pub fn files(&self) -> u64 {
        self.parts.iter().map(|part| part.files).sum()
    }

    /// Folders and symbolic links.
    pub fn others(&self) -> u64 {
        self.parts
            .iter()
            .map(|part| part.folders + part.links)
            .sum()
    }

    /// Whether nothing was extracted.
    pub fn is_empty(&self) -> bool {
        self.files() + self.others() == 0
    }

    /// Bytes of the contents of all files. The contents of hard links count once.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }

    /// The error that determines the exit code: a cancellation, then an output that cannot be
    /// written, then the first in the order of the parts.
    pub fn error(&self) -> Option<usize> {
        use crate::error::Kind;
        let rank = |error: &Error| match error.kind() {
            Kind::Interrupted(_) => 0,
            Kind::OutputIo | Kind::Internal | Kind::InputIo => 1,
            _ => 2,
        };
        let failed = self.parts.iter().enumerate();
        let failed = failed.filter_map(|(at, part)| Some((rank(part.error.as_ref()?), at)));
        failed.min().map(|(_, at)| at)
    }

    /// Whether a file with contents was left out.
    pub fn lacks_contents(&self) -> bool {
        let mut left_out = self.parts.iter().flat_map(|part| &part.left_out);
        left_out.any(|one| matches!(one.kind, EntryKind::File | EntryKind::HardLink))
    }
}

/// What was extracted from one part.
#[derive(Debug)]
pub struct PartDone {
    /// Its index in the backup.
    pub part: usize,
    /// The name of its folder.
    pub folder: String,
    /// Files, among them hard links.
    pub files: u64,
    /// Folders that the archive lists.
    pub folders: u64,
    /// Symbolic links.
    pub links: u64,
    /// Bytes of the contents of the files.
    pub bytes: u64,
    /// The entries that were selected but left out.
    pub left_out: Vec<LeftOut>,
    /// The entries that differ from those in the backup.
    pub changed: Vec<Changed>,
    /// Why the part could not be read to its end.
    pub error: Option<Error>,
    /// Whether it was abandoned because another part failed.
    pub is_abandoned: bool,
    /// By selector: whether it matched anything in the part.
    pub hits: Vec<bool>,
}

impl PartDone {
    pub(super) fn new(part: usize, folder: &str) -> Self {
        Self {
            part,
            folder: folder.to_owned(),
            files: 0,
            folders: 0,
            links: 0,
            bytes: 0,
            left_out: Vec::new(),
            changed: Vec::new(),
            error: None,
            is_abandoned: false,
            hits: Vec::new(),
        }
    }

    /// Whether the part was read to its end.
    pub fn is_complete(&self) -> bool {
        self.error.is_none() && !self.is_abandoned
    }
}

/// An entry that was selected but not extracted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its path in the part, as `ls` shows it, or its name in the archive if that is no path.
    pub path: Vec<u8>,
    /// Its kind.
    pub kind: EntryKind,
    /// Why.
    pub why: Why,
}

/// Why an entry is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Its name is not a path inside the part.
    Name(Fault),
    /// Its name or its path is longer than the system allows.
    TooLong,
    /// It is a device or a pipe.
    Special,
    /// The link leads, or could lead, out of the folder.
    LeadsOut(Vec<u8>),
    /// A folder on its path is a link.
    BehindLink,
    /// A folder on its path is a file.
    BehindFile,
    /// Something else has its name, and is not replaced.
    Taken,
    /// The backup itself has its name.
    Backup,
    /// The file system does not distinguish its name from that of another entry.
    Similar,
    /// It is a hard link, and the file with its contents is not in the part.
    NoContents(Vec<u8>),
    /// The system does not accept its name, for this reason.
    System(String),
}

/// An entry that was extracted but differs from the one in the backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its path in the part, as `ls` shows it.
    pub path: Vec<u8>,
    /// The difference.
    pub how: How,
}

/// How an extracted entry differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// The system does not accept its name; it has this path instead.
    Renamed(String),
    /// It is a hard link to this file in the backup, and a file of its own now.
    Copied(Vec<u8>),
    /// The name occurs more than once, and this is the last entry with it.
    Repeated,
    /// It has no setuid, setgid or sticky bit any more.
    Bits,
    /// The system did not accept its time or its permissions, for this reason.
    Metadata(String),
}
