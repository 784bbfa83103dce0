//! The contents of one part, entry by entry.

use super::hazards::{Hazard, View, Viewed};
use super::recorder;
use crate::finding::Finding;
use crate::format::tar::block::{EntryKind, padding};
use crate::gzip::{Checkpoint, Packed};
use crate::open::{Backup, EntryAt, StreamEnd};
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
    /// Stored bytes between its start and its end, including header and padding: compressed, if the
    /// part is.
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
    /// What the part takes compressed, if that was measured because a copy compresses it. The stored
    /// bytes of the entries are then their shares of that, see [`PartSurvey::price`].
    pub packed: Option<PackedPart>,
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

/// What a part that is stored uncompressed takes compressed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PackedPart {
    /// Bytes of the gzip stream with all entries.
    pub stream_bytes: u64,
    /// How long compressing took, in seconds.
    pub seconds: f64,
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
    /// Counts every entry with the bytes that it takes in this gzip stream of the part, instead of
    /// those that it takes now. Within a block of 512 KiB all bytes count the same, so the sizes of
    /// single small entries are rough; those of many together are not.
    pub fn price(&mut self, packed: &Packed, seconds: f64) {
        let before: u64 = self.entries.iter().map(|entry| entry.stored).sum();
        // The headers around the stream stay as they are.
        let around = (self.overhead + before).saturating_sub(self.end.stream_bytes);
        let mut globals = self.globals.iter().peekable();
        let (mut at, mut inside) = (0, 0);
        for (index, entry) in self.entries.iter_mut().enumerate() {
            while let Some(global) = globals.next_if(|global| global.before <= index) {
                at += global.bytes;
            }
            let end = at + entry.span();
            entry.stored = packed.position(end) - packed.position(at);
            inside += entry.stored;
            at = end;
        }
        self.overhead = around + packed.stream_bytes.saturating_sub(inside);
        self.packed = Some(PackedPart {
            stream_bytes: packed.stream_bytes,
            seconds,
        });
    }

    /// What the part takes: in the file, or compressed if [`PartSurvey::price`] says so.
    pub fn stored(&self, backup: &Backup) -> u64 {
        if self.packed.is_none() {
            return backup.stored(backup.part(self.part));
        }
        self.overhead + self.entries.iter().map(|entry| entry.stored).sum::<u64>()
    }

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
