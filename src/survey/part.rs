//! One part, walked once.

use super::hazards::{self, Hazard, LongPaths, View, Viewed};
use super::pieces::{Pieces, StreamEnd};
use super::recorder::{self, Files};
use super::warnings;
use crate::crypt::{CryptError, KeyRing};
use crate::error::{Error, Kind, Result};
use crate::finding::Finding;
use crate::format::securetar;
use crate::format::tar::block::{EntryKind, TarError, padding};
use crate::format::tar::header::Header;
use crate::format::tar::walk::{Visitor, Walker};
use crate::gzip::{Checkpoint, GzipError};
use crate::open::{Backup, ComponentKind, Part};
use crate::pipe::Control;
use crate::rules::{Contents, NpmModules, PackageReader, Sniffer};

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
    /// Index in [`Backup::parts`].
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
}

/// The path that selectors and rules see.
///
/// For `homeassistant` it is relative to the config directory, which is `data`
/// in the archive (and the archive's root in version 1 backups); `None` for what
/// lies outside. For everything else it is relative to the archive's root.
pub fn config_path(kind: ComponentKind, manifest_version: u64, name: &[u8]) -> Option<&[u8]> {
    let mut name = name;
    while let Some(rest) = name.strip_prefix(b"./") {
        name = rest;
    }
    if name == b"." {
        name = b"";
    }
    if kind != ComponentKind::HomeAssistant || manifest_version < 2 {
        return Some(name);
    }
    match name.strip_prefix(b"data") {
        Some(b"") => Some(b""),
        Some(rest) => rest.strip_prefix(b"/"),
        None => None,
    }
}

pub(crate) fn survey_part(
    backup: &Backup,
    at: usize,
    keys: Option<&KeyRing>,
    control: &Control,
) -> Result<PartSurvey> {
    let part = backup.part(at);
    walk(backup, part, at, keys, control).map_err(|e| locate(backup, part, e))
}

/// Adds what only the caller of a stream knows: which part it is and where it lies. Where the
/// error knows its place in the stream, the byte in the file is exact; else the part's begin.
pub(crate) fn locate(backup: &Backup, part: &Part, error: Error) -> Error {
    if matches!(error.kind(), Kind::OutputIo | Kind::Interrupted(_)) {
        return error;
    }
    let source = std::error::Error::source(&error);
    let crypt = source
        .and_then(|s| s.downcast_ref::<CryptError>())
        .and_then(CryptError::offset);
    let gzip = source
        .and_then(|s| s.downcast_ref::<GzipError>())
        .and_then(GzipError::offset);
    let inside = match (crypt, gzip, part.secure()) {
        (Some(offset), _, _) => offset,
        (None, Some(offset), Some(header)) => {
            securetar::ciphertext_position(header.version(), offset) + header.len() as u64
        }
        (None, offset, _) => offset.unwrap_or(0),
    };
    let begin = backup.member(part).data_at();
    error
        .in_part(part.id.clone())
        .at(begin.saturating_add(inside))
}

fn walk(
    backup: &Backup,
    part: &Part,
    at: usize,
    keys: Option<&KeyRing>,
    control: &Control,
) -> Result<PartSurvey> {
    let mut pieces = Pieces::new(backup, part, keys)?
        .with_checkpoints()
        .with_limit(control.max_expanded());
    let (mut walker, mut recorder) = (
        Walker::default(),
        Recorder::new(part.kind, backup.manifest.version()),
    );
    recorder.instance = backup.manifest.instance_id().map(str::to_owned);
    while let Some((piece, stored_end)) = pieces.next_piece_up_to(walker.wanted())? {
        let step = recorder.begin_piece(walker.position(), piece.len(), stored_end);
        walker.feed(piece, &mut recorder)?;
        control.advance(step)?;
    }
    let walked = walker.finish()?;
    let stored = backup.stored(part);
    let inside: u64 = recorder.entries.iter().map(|e| e.stored).sum();
    let end = pieces.end();
    let checkpoints = pieces.checkpoints();
    let mut hazards = std::mem::take(&mut recorder.hazards);
    hazards.extend(hazards::among(&recorder.entries, control)?);
    hazards.sort_by_key(|hazard| hazard.entry);
    let findings = warnings::of_stream(part, &end, walked.ended);
    let mut warnings: Vec<String> = findings.iter().map(Finding::text).collect();
    warnings.extend(recorder.long_paths.warning(&part.id));
    warnings.extend(warnings::slow_restore(part, &end));
    Ok(PartSurvey {
        part: at,
        recorder: recorder.configuration.recorder(),
        modules: recorder.packages.finish(),
        entries_crc: recorder.running.finalize(),
        global_bytes: recorder.global_bytes,
        entries: recorder.entries,
        end,
        checkpoints,
        plaintext_bytes: walked.bytes,
        overhead: stored.saturating_sub(inside),
        hazards,
        findings,
        warnings,
    })
}

/// Notes every entry and prices it.
struct Recorder {
    kind: ComponentKind,
    manifest_version: u64,
    entries: Vec<Entry>,
    /// What the headers alone tell.
    hazards: Vec<Hazard>,
    long_paths: LongPaths,
    /// Looks at what the current entry holds.
    sniffer: Sniffer,
    /// Which Home Assistant made this backup.
    instance: Option<String>,
    /// What the `package.json` of an add-on names.
    packages: PackageReader,
    /// What the configuration says about the database.
    configuration: Files,
    crc: crc32fast::Hasher,
    /// Over headers, data and padding of all entries.
    running: crc32fast::Hasher,
    global_bytes: u64,
    /// The current piece: where it begins in the plaintext and in the stored
    /// stream, and how long it is in both.
    plain_begin: u64,
    plain_len: u64,
    stored_begin: u64,
    stored_len: u64,
    /// Stored position where the last entry ended.
    boundary: u64,
}

impl Recorder {
    fn new(kind: ComponentKind, manifest_version: u64) -> Self {
        Self {
            kind,
            manifest_version,
            entries: Vec::new(),
            hazards: Vec::new(),
            long_paths: LongPaths::default(),
            sniffer: Sniffer::default(),
            instance: None,
            packages: PackageReader::default(),
            configuration: Files::default(),
            crc: crc32fast::Hasher::new(),
            running: crc32fast::Hasher::new(),
            global_bytes: 0,
            plain_begin: 0,
            plain_len: 0,
            stored_begin: 0,
            stored_len: 0,
            boundary: 0,
        }
    }

    /// Announces the next piece; gives the stored bytes that it took.
    fn begin_piece(&mut self, plain_begin: u64, len: usize, stored_end: u64) -> u64 {
        self.stored_begin += self.stored_len;
        self.stored_len = stored_end.saturating_sub(self.stored_begin);
        self.plain_begin = plain_begin;
        self.plain_len = len as u64;
        self.stored_len
    }

    /// The stored position of a plaintext position inside the current piece,
    /// taken as even within the piece. A piece ends with an entry, or one match later, so
    /// that this is off by the compressed share of 258 bytes at most.
    fn stored_position(&self, plain: u64) -> u64 {
        let into = u128::from(plain.saturating_sub(self.plain_begin));
        let share = into * u128::from(self.stored_len) / u128::from(self.plain_len.max(1));
        self.stored_begin + u64::try_from(share).unwrap_or(self.stored_len)
    }
}

impl Visitor for Recorder {
    fn entry(&mut self, header: &Header, _at: u64) -> Result<(), TarError> {
        self.crc = crc32fast::Hasher::new();
        self.sniffer = Sniffer::default();
        if self.kind == ComponentKind::Addon {
            self.packages.begin(
                config_path(self.kind, self.manifest_version, &header.name).unwrap_or_default(),
            );
        }
        let configuration = self.kind == ComponentKind::HomeAssistant;
        let path =
            config_path(self.kind, self.manifest_version, &header.name).filter(|_| configuration);
        self.configuration.begin(path, header.kind);
        self.hazards
            .extend(hazards::of_header(self.entries.len(), header));
        self.long_paths.see(&header.name);
        self.entries.push(Entry {
            name: header.name.as_slice().into(),
            link: matches!(header.kind, EntryKind::HardLink | EntryKind::Symlink)
                .then(|| header.link.as_slice().into()),
            kind: header.kind,
            size: header.size,
            stored: 0,
            // Headers are bounded; see the assembler.
            head: u32::try_from(header.raw.len()).unwrap_or(u32::MAX),
            before_crc: self.running.clone().finalize(),
            header_crc: crc32fast::hash(&header.raw),
            data_crc: 0,
            contents: Contents::Other,
        });
        self.running.update(&header.raw);
        Ok(())
    }

    fn global(&mut self, raw: &[u8]) -> Result<(), TarError> {
        self.global_bytes += raw.len() as u64;
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
        let contents = std::mem::take(&mut self.sniffer).finish(self.instance.as_deref());
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
    fn the_config_directory_is_the_root_of_its_paths() {
        let path = |name: &'static [u8]| config_path(ComponentKind::HomeAssistant, 2, name);
        assert_eq!(path(b"data/www/a"), Some(&b"www/a"[..]));
        assert_eq!(path(b"./data"), Some(&b""[..]));
        assert_eq!(path(b"./homeassistant.json"), None);
        assert_eq!(path(b"database"), None);
        assert_eq!(
            config_path(ComponentKind::HomeAssistant, 1, b"./www/a"),
            Some(&b"www/a"[..])
        );
        assert_eq!(
            config_path(ComponentKind::Addon, 2, b"./data/x"),
            Some(&b"data/x"[..])
        );
        assert_eq!(config_path(ComponentKind::Folder, 2, b"."), Some(&b""[..]));
    }

    #[test]
    fn stored_positions_inside_a_piece_add_up_to_the_piece() {
        let mut recorder = Recorder::new(ComponentKind::Folder, 2);
        recorder.begin_piece(0, 1000, 101);
        assert_eq!(
            (recorder.stored_position(0), recorder.stored_position(1000)),
            (0, 101)
        );
        recorder.begin_piece(1000, 10, 102);
        assert_eq!(
            (
                recorder.stored_position(1000),
                recorder.stored_position(1010)
            ),
            (101, 102)
        );
    }
}
