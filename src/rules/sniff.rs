//! Recognises files by their contents if the name is not enough: Home Assistant backups, the memory
//! of crashed programs, databases.

mod nested;

pub use nested::{Made, NestedBackup, Verdict};

/// The contents of a file, as far as rules need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Contents {
    /// None of the following.
    #[default]
    Other,
    /// A whole Home Assistant backup.
    Backup(Origin),
    /// The memory of a crashed program.
    CoreDump,
    /// An SQLite database, or its write-ahead log or rollback journal.
    Database,
}

impl Contents {
    /// True for a backup, whichever Home Assistant made it.
    pub fn is_backup(self) -> bool {
        matches!(self, Self::Backup(_))
    }
}

/// The Home Assistant that made a backup inside a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The one that made the outer backup.
    Same,
    /// Another Home Assistant.
    Other,
    /// One of the two does not record it: Home Assistant has recorded it since 2025.1, and other
    /// programs that make backups never do.
    Unknown,
}

/// Examines the contents of one file while they are read.
///
/// Memory: 1 MiB, used by [`NestedBackup`].
#[derive(Debug, Clone, Default)]
pub struct Sniffer {
    head: [u8; HEAD],
    seen: usize,
    nested: NestedBackup,
}

/// How many bytes at the start of a file are examined.
const HEAD: usize = 18;

impl Sniffer {
    /// Reads the next piece of the file.
    pub fn feed(&mut self, bytes: &[u8]) {
        for (to, from) in self.head.iter_mut().skip(self.seen).zip(bytes) {
            *to = *from;
        }
        self.seen = self.seen.saturating_add(bytes.len()).min(HEAD);
        self.nested.feed(bytes);
    }

    /// The result for the file. `outer` is the backup that it is in. A backup that is not certainly
    /// older than that one is like any other file: no rule is about it.
    pub fn finish(self, outer: &Made) -> Contents {
        let head = self.head.get(..self.seen).unwrap_or_default();
        if is_core_dump(head) {
            return Contents::CoreDump;
        }
        if is_database(head) {
            return Contents::Database;
        }
        match self.nested.finish() {
            Some(made) if is_older(&made, outer) => Contents::Backup(origin(&made, outer)),
            _ => Contents::Other,
        }
    }
}

/// Whether a file begins like an ELF file of the type ET_CORE (System V gABI, "ELF Header": magic,
/// class, byte order, and the type at byte 16).
fn is_core_dump(head: &[u8]) -> bool {
    let is_elf = matches!(head, [0x7f, b'E', b'L', b'F', 1 | 2, ..]);
    let (order, kind) = (head.get(5), head.get(16..18));
    is_elf
        && matches!(
            (order, kind),
            (Some(1), Some([4, 0])) | (Some(2), Some([0, 4]))
        )
}

/// Whether a file begins like an SQLite file (sqlite.org, "Database File Format": 1.3 the database,
/// 3 the rollback journal, 4.1 the write-ahead log in both byte orders).
fn is_database(head: &[u8]) -> bool {
    let marks: [&[u8]; 4] = [
        b"SQLite format 3\0",
        &[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7],
        &[0x37, 0x7f, 0x06, 0x82],
        &[0x37, 0x7f, 0x06, 0x83],
    ];
    marks.iter().any(|mark| head.starts_with(mark))
}

/// Whether a backup is certainly older than the one that it is in.
fn is_older(made: &Made, outer: &Made) -> bool {
    made.date
        .zip(outer.date)
        .is_some_and(|(date, outer)| date < outer)
}

fn origin(made: &Made, outer: &Made) -> Origin {
    match (&made.instance, &outer.instance) {
        (Some(theirs), Some(own)) if theirs == own => Origin::Same,
        (Some(_), Some(_)) => Origin::Other,
        _ => Origin::Unknown,
    }
}

#[cfg(test)]
mod tests;
