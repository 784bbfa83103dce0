//! Finds out what would be extracted, without writing anything.

use super::outcome::Why;
use super::pass::{Entry, Linked, Target};
use crate::error::Result;
use crate::format::tar::block::EntryKind;

/// An entry that would be extracted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The index of its part.
    pub part: usize,
    /// Its path in the part, as `ls` shows it; empty for the root.
    pub path: Vec<u8>,
    /// Its kind.
    pub kind: EntryKind,
    /// Bytes of its contents.
    pub size: u64,
    /// When it was changed: seconds since 1970.
    pub mtime: i64,
    /// The number in the archive of the entry that has its contents.
    pub index: usize,
    /// CRC-32 of its contents.
    pub crc: u32,
}

/// Lists the entries of one part. Memory: the list.
#[derive(Default)]
pub(super) struct IntoList {
    part: usize,
    pub listed: Vec<Listed>,
    /// Whether hard links are listed as files with contents.
    resolves: bool,
    crc: crc32fast::Hasher,
}

impl IntoList {
    pub fn new(part: usize, resolves: bool) -> Self {
        Self {
            part,
            resolves,
            ..Self::default()
        }
    }

    fn add(&mut self, entry: &Entry<'_>) -> Result<Option<Why>> {
        self.listed.push(Listed {
            part: self.part,
            path: entry.path.to_vec(),
            kind: entry.header.kind,
            size: entry.header.size,
            mtime: entry.header.exact_mtime(entry.globals).0,
            index: entry.index,
            crc: 0,
        });
        Ok(None)
    }
}

impl Target for IntoList {
    fn makes_files(&self) -> bool {
        !self.resolves
    }

    fn file(&mut self, entry: &Entry<'_>) -> Result<Option<Why>> {
        self.add(entry)
    }

    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        if self.resolves {
            self.crc.update(bytes);
        }
        Ok(())
    }

    fn file_end(&mut self) -> Result<Option<Why>> {
        let crc = std::mem::take(&mut self.crc).finalize();
        if let Some(last) = self.listed.last_mut() {
            last.crc = crc;
        }
        Ok(None)
    }

    fn folder(&mut self, entry: &Entry<'_>) -> Result<Option<Why>> {
        self.add(entry)
    }

    fn symlink(&mut self, entry: &Entry<'_>) -> Result<Option<Why>> {
        self.add(entry)
    }

    fn hard_link(&mut self, entry: &Entry<'_>, _: &[u8]) -> Result<Linked> {
        if self.resolves {
            return Ok(Linked::NeedsContents);
        }
        self.add(entry)?;
        Ok(Linked::Link)
    }
}
