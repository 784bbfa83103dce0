//! The contents of one part, entry by entry.

use super::hazards::{Hazard, View, Viewed};
use super::recorder;
use crate::finding::Finding;
use crate::format::tar::block::{EntryKind, padding};
use crate::gzip::Checkpoint;
use crate::open::{EntryAt, StreamEnd};
use crate::rules::{Contents, NpmModules};

/// One entry of an inner tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name as written in the tar, byte for byte.
    pub name: Box<[u8]>,
    /// The target of a link.
    pub link: Option<Box<[u8]>>,
    /// The kind of the entry.
    pub kind: EntryKind,
    /// Bytes of data.
    pub size: u64,
    /// When it was changed: seconds since 1970.
    pub mtime: i64,
    /// Compressed bytes between its start and its end, including header and padding.
    pub stored: u64,
    /// Bytes of its header blocks, including extensions.
    pub head: u32,
    /// CRC-32 of all plaintext before it.
    pub before_crc: u32,
    /// CRC-32 of its header blocks: equal in a copy that kept the entry unchanged.
    pub header_crc: u32,
    /// CRC-32 of its data: equal in every copy that kept it.
    pub data_crc: u32,
    /// What its data are, if the name does not show it.
    pub contents: Contents,
}

impl Entry {
    /// Its bytes of plaintext: header, data and padding.
    pub fn span(&self) -> u64 {
        u64::from(self.head) + self.size + padding(self.size)
    }
}

/// Headers that belong to no entry but apply to all that follow (POSIX pax, type `g`), one directly
/// after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Global {
    /// The number of the entry that follows.
    pub before: usize,
    /// Bytes of plaintext.
    pub bytes: u64,
    /// CRC-32 of all plaintext before it.
    pub before_crc: u32,
}

/// Everything inside one part.
#[derive(Debug, Clone)]
pub struct PartSurvey {
    /// Index in [`crate::open::Backup::parts`].
    pub part: usize,
    /// The entries in archive order.
    pub entries: Vec<Entry>,
    /// The end of the stream.
    pub end: StreamEnd,
    /// Bytes of plaintext tar.
    pub plaintext_bytes: u64,
    /// CRC-32 of the plaintext up to the end of the last entry.
    pub entries_crc: u32,
    /// The headers that belong to no entry but apply to all that follow, in order.
    pub globals: Vec<Global>,
    /// Where reading of the compressed stream can begin; empty if it is not compressed or has more
    /// than one gzip member. At most 1 MiB.
    pub checkpoints: Vec<Checkpoint>,
    /// Bytes in the file that belong to no entry: the outer header, the SecureTar header, the
    /// cipher's overhead, the tar's tail. With the entries' stored bytes they add up to exactly the
    /// part's size.
    pub overhead: u64,
    /// Where the recorder keeps its database, according to the configuration in this part.
    pub recorder: recorder::Recorder,
    /// The modules in an add-on's `package.json`.
    pub modules: NpmModules,
    /// Entries on which a restore would fail if they are kept; in the order of the entries.
    pub hazards: Vec<Hazard>,
    /// What is odd about its stream.
    pub findings: Vec<Finding>,
    /// Warnings for the user, including those findings.
    pub warnings: Vec<String>,
}

impl Viewed for Entry {
    fn view(&self) -> View<'_> {
        View {
            name: &self.name,
            kind: self.kind,
            link: self.link.as_deref().unwrap_or_default(),
        }
    }
}

impl PartSurvey {
    /// Describes the hazard in one sentence without a full stop.
    pub fn describe(&self, hazard: &Hazard) -> String {
        hazard.text(|at| self.entries.get(at).map(Entry::view))
    }

    /// The argument for [`crate::open::read_entry`] to read the data of the entry with this number
    /// again.
    pub fn entry_at(&self, index: usize) -> Option<EntryAt> {
        let entry = self.entries.get(index)?;
        Some(EntryAt {
            index,
            size: entry.size,
            crc: entry.data_crc,
        })
    }
}
