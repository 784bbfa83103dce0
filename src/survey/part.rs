//! What one part holds, entry by entry.

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
    /// The name as it stands in the tar, byte for byte.
    pub name: Box<[u8]>,
    /// The target of a link.
    pub link: Option<Box<[u8]>>,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes of data.
    pub size: u64,
    /// Compressed bytes between its begin and its end, header and padding included.
    pub stored: u64,
    /// Bytes of its header blocks, extensions included.
    pub head: u32,
    /// CRC-32 of all plaintext before it.
    pub before_crc: u32,
    /// CRC-32 of its header blocks: equal in a copy that kept it as it is.
    pub header_crc: u32,
    /// CRC-32 of its data: equal in every copy that kept it.
    pub data_crc: u32,
    /// What its data are, where a name can't tell.
    pub contents: Contents,
}

impl Entry {
    /// Bytes of plaintext that it takes: header, data and padding.
    pub fn span(&self) -> u64 {
        u64::from(self.head) + self.size + padding(self.size)
    }
}

/// Everything inside one part.
#[derive(Debug, Clone)]
pub struct PartSurvey {
    /// Index in [`crate::open::Backup::parts`].
    pub part: usize,
    /// The entries in archive order.
    pub entries: Vec<Entry>,
    /// How the stream ended.
    pub end: StreamEnd,
    /// Bytes of plaintext tar.
    pub plaintext_bytes: u64,
    /// CRC-32 of the plaintext up to the end of the last entry.
    pub entries_crc: u32,
    /// Bytes of headers that belong to no entry but apply to all that follow (POSIX pax, type `g`).
    pub global_bytes: u64,
    /// Where the compressed stream can be entered; none when it is not compressed or is
    /// more than one gzip member. At most 1 MiB.
    pub checkpoints: Vec<Checkpoint>,
    /// Bytes in the file that belong to no entry: the outer header, the SecureTar
    /// header, the cipher's overhead, the tar's tail. Together with the entries'
    /// stored bytes exactly the part's size.
    pub overhead: u64,
    /// Where the recorder keeps its database, by what the configuration in this part says.
    pub recorder: recorder::Recorder,
    /// The modules of an add-on that `package.json` names.
    pub modules: NpmModules,
    /// What a restore could not cope with, if it is kept; in the order of the entries.
    pub hazards: Vec<Hazard>,
    /// What is odd about its stream.
    pub findings: Vec<Finding>,
    /// What the user should know, those findings included.
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
    /// What is wrong, in one sentence without a full stop.
    pub fn describe(&self, hazard: &Hazard) -> String {
        hazard.text(|at| self.entries.get(at).map(Entry::view))
    }

    /// What [`crate::open::read_entry`] takes to read the data of the entry with this number
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
