//! Collects the entries of one part while they are read.

use super::hazards::{self, Hazard, LongPaths};
use super::part::{Entry, Global};
use super::recorder::{Files, Recorder};
use crate::format::tar::block::{EntryKind, TarError};
use crate::format::tar::header::Header;
use crate::format::tar::walk::Visitor;
use crate::open::{ComponentKind, config_path};
use crate::rules::{Contents, Made, NpmModules, PackageReader, Sniffer};

/// Records every entry and its stored size.
pub(super) struct EntryCollector {
    kind: ComponentKind,
    manifest_version: u64,
    entries: Vec<Entry>,
    /// Entries on which a restore would fail, as far as single headers show it.
    hazards: Vec<Hazard>,
    long_paths: LongPaths,
    /// Examines the contents of the current entry.
    sniffer: Sniffer,
    /// Where and when the outer backup was made.
    outer: Made,
    /// The modules in the `package.json` of an add-on.
    packages: PackageReader,
    /// The configuration of the database.
    configuration: Files,
    crc: crc32fast::Hasher,
    /// Over headers, data and padding of all entries.
    running: crc32fast::Hasher,
    globals: Vec<Global>,
    /// The current piece: where it begins in the plaintext and in the stored stream, and its length
    /// in both.
    plain_begin: u64,
    plain_len: u64,
    stored_begin: u64,
    stored_len: u64,
    /// Stored position where the last entry ended.
    boundary: u64,
}

/// The results, once all entries were read.
pub(super) struct Collected {
    /// The entries in archive order.
    pub entries: Vec<Entry>,
    /// CRC-32 of their headers, data and padding.
    pub entries_crc: u32,
    /// The headers that belong to no entry.
    pub globals: Vec<Global>,
    /// Entries on which a restore would fail, as far as single headers show it.
    pub hazards: Vec<Hazard>,
    /// The names that are too long for Linux.
    pub long_paths: LongPaths,
    /// Where the recorder keeps its database.
    pub recorder: Recorder,
    /// The modules of an add-on.
    pub modules: NpmModules,
}

impl EntryCollector {
    /// Prepares for a part of this kind of a backup that was made there and then.
    pub fn new(kind: ComponentKind, manifest_version: u64, outer: Made) -> Self {
        Self {
            kind,
            manifest_version,
            entries: Vec::new(),
            hazards: Vec::new(),
            long_paths: LongPaths::default(),
            sniffer: Sniffer::default(),
            outer,
            packages: PackageReader::default(),
            configuration: Files::default(),
            crc: crc32fast::Hasher::new(),
            running: crc32fast::Hasher::new(),
            globals: Vec::new(),
            plain_begin: 0,
            plain_len: 0,
            stored_begin: 0,
            stored_len: 0,
            boundary: 0,
        }
    }

    /// Begins the next piece; returns the stored bytes that it takes.
    pub fn begin_piece(&mut self, plain_begin: u64, len: usize, stored_end: u64) -> u64 {
        self.stored_begin += self.stored_len;
        self.stored_len = stored_end.saturating_sub(self.stored_begin);
        self.plain_begin = plain_begin;
        self.plain_len = len as u64;
        self.stored_len
    }

    /// All results.
    pub fn finish(self) -> Collected {
        Collected {
            entries: self.entries,
            entries_crc: self.running.finalize(),
            globals: self.globals,
            hazards: self.hazards,
            long_paths: self.long_paths,
            recorder: self.configuration.recorder(),
            modules: self.packages.finish(),
        }
    }

    /// The stored position of a plaintext position inside the current piece, assuming even
    /// compression within the piece. A piece ends with an entry, or one match later, so the error
    /// is at most the compressed share of 258 bytes.
    fn stored_position(&self, plain: u64) -> u64 {
        let into = u128::from(plain.saturating_sub(self.plain_begin));
        let share = into * u128::from(self.stored_len) / u128::from(self.plain_len.max(1));
        self.stored_begin + u64::try_from(share).unwrap_or(self.stored_len)
    }

    /// The entry as far as its header tells.
    fn begun(&self, header: &Header) -> Entry {
        let is_link = matches!(header.kind, EntryKind::HardLink | EntryKind::Symlink);
        Entry {
            name: header.name.as_slice().into(),
            link: is_link.then(|| header.link.as_slice().into()),
            kind: header.kind,
            size: header.size,
            mtime: header.mtime(),
            stored: 0,
            // Headers have a maximum size; see the assembler.
            head: u32::try_from(header.raw.len()).unwrap_or(u32::MAX),
            before_crc: self.running.clone().finalize(),
            header_crc: crc32fast::hash(&header.raw),
            data_crc: 0,
            contents: Contents::Other,
        }
    }
}

impl Visitor for EntryCollector {
    fn entry(&mut self, header: &Header, _at: u64) -> Result<(), TarError> {
        self.crc = crc32fast::Hasher::new();
        self.sniffer = Sniffer::default();
        let path = config_path(self.kind, self.manifest_version, &header.name);
        if self.kind == ComponentKind::Addon {
            self.packages.begin(path.unwrap_or_default());
        }
        let configured = path.filter(|_| self.kind == ComponentKind::HomeAssistant);
        self.configuration.begin(configured, header.kind);
        self.hazards
            .extend(hazards::of_header(self.entries.len(), header));
        self.long_paths.see(&header.name);
        self.entries.push(self.begun(header));
        self.running.update(&header.raw);
        Ok(())
    }

    fn global(&mut self, raw: &[u8]) -> Result<(), TarError> {
        let before = self.entries.len();
        match self.globals.last_mut().filter(|g| g.before == before) {
            Some(global) => global.bytes += raw.len() as u64,
            None => self.globals.push(Global {
                before,
                bytes: raw.len() as u64,
                before_crc: self.running.clone().finalize(),
            }),
        }
        self.running.update(raw);
        Ok(())
    }

    fn padding(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        self.running.update(bytes);
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        self.crc.update(bytes);
        self.running.update(bytes);
        self.sniffer.feed(bytes);
        self.packages.feed(bytes);
        self.configuration.data(bytes);
        Ok(())
    }

    fn entry_end(&mut self, at: u64) -> Result<(), TarError> {
        self.configuration.end();
        let end = self.stored_position(at);
        self.packages.end();
        let contents = std::mem::take(&mut self.sniffer).finish(&self.outer);
        if let Some(entry) = self.entries.last_mut() {
            entry.stored = end.saturating_sub(self.boundary);
            entry.data_crc = std::mem::take(&mut self.crc).finalize();
            entry.contents = contents;
        }
        self.boundary = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_positions_inside_a_piece_add_up_to_the_piece() {
        let mut collector = EntryCollector::new(ComponentKind::Folder, 2, Made::default());
        collector.begin_piece(0, 1000, 101);
        assert_eq!(
            (
                collector.stored_position(0),
                collector.stored_position(1000)
            ),
            (0, 101)
        );
        collector.begin_piece(1000, 10, 102);
        assert_eq!(
            (
                collector.stored_position(1000),
                collector.stored_position(1010)
            ),
            (101, 102)
        );
    }
}
