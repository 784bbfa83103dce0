//! The component in a member, known from its name, and the encryption of its bytes.

use std::io::{self, Read};

use flate2::read::GzDecoder;

use super::Backup;
use crate::error::{Error, Result, escape};
use crate::format::manifest::Manifest;
use crate::format::outer::Member;
use crate::format::securetar::{self, HeaderError, Layer, SecureHeader, Version};
use crate::format::tar::block::{BLOCK, HeaderBlock};
use crate::pipe::Input;

/// The kind of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ComponentKind {
    /// `media`, `share`, `ssl` or `addons/local`.
    Folder,
    /// An add-on, by slug.
    Addon,
    /// The configuration directory.
    HomeAssistant,
    /// The Supervisor's own settings (since Supervisor 2026.03.3).
    Supervisor,
    /// A component that this version of haslim does not recognise; it is kept as it is.
    Unknown,
}

impl ComponentKind {
    /// The word that tables and `--json` use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Addon => "addon",
            Self::HomeAssistant => "homeassistant",
            Self::Supervisor => "supervisor",
            Self::Unknown => "unknown",
        }
    }
}

/// One component of a backup and the member with its data.
#[derive(Debug, Clone)]
pub struct Part {
    /// The name that selectors use: `media`, `addons/local`, `addon:SLUG`,
    /// `homeassistant`, `supervisor`, `unknown:MEMBER` (escaped).
    pub id: String,
    /// The kind of the component.
    pub kind: ComponentKind,
    /// Index of its member in [`Backup::members`].
    pub member: usize,
    /// The encryption of the archive; `None` for a member that is not a valid archive.
    pub layer: Option<Layer>,
    /// Why the first bytes are not an archive's, although `backup.json` lists the part.
    pub fault: Option<HeaderError>,
    /// Whether the archive is a gzip stream: by its bytes, or by its name if they are encrypted.
    pub compressed: bool,
    /// Whether the name says so: `.tar.gz` or `.tar`; `None` if the name is not an archive's.
    pub suffix: Option<bool>,
    /// Whether `backup.json` lists it.
    pub listed: bool,
    /// Whether the given key opens other parts, but not this one.
    pub closed: bool,
    /// Whether the first bytes cannot be decrypted although the key is the right one, cannot be
    /// decompressed, or are no header of a tar. Known of an encrypted part once the key was tried.
    pub has_bad_head: bool,
    /// Whether it is a file that macOS adds beside another one on disks of other systems: it has
    /// no place in a backup, its name begins with `._`, and its contents with the mark of such
    /// files.
    pub is_apple_double: bool,
    /// Whether the file ends in it: what is there of it can be read, but not its end.
    pub is_cut_off: bool,
    /// Whether it is a gzip stream of no bytes, and not encrypted. No reader takes that for a tar.
    pub is_empty_stream: bool,
    /// Whether its gzip stream begins with an extra field, or with a member of no bytes. Home
    /// Assistant reads such a stream only as long as it is not encrypted: `tarfile`'s `r|gz`, with
    /// which it reads encrypted parts, loses its place behind that field, and reads one member
    /// alone. Known of an encrypted part once the key was tried.
    pub has_odd_gzip: bool,
}

/// The flag for an extra field in the header of a gzip stream (RFC 1952 §2.3.1).
const GZIP_EXTRA: u8 = 4;
/// The first bytes of a file that macOS adds (RFC 1740, appendix A and B: "AppleDouble").
const APPLE_DOUBLE: [u8; 4] = [0x00, 0x05, 0x16, 0x07];

/// The folders of Home Assistant, by the names of their archives.
const FOLDERS: [(&str, &str); 4] = [
    ("share", "share"),
    ("media", "media"),
    ("ssl", "ssl"),
    ("addons_local", "addons/local"),
];

impl Part {
    pub(super) fn recognise(backup: &Backup, at: usize, member: &Member) -> Result<Self> {
        let name = member
            .header
            .name
            .strip_prefix(b"./")
            .unwrap_or(&member.header.name);
        let (stem, suffix) = stem_and_compression(name);
        let (id, kind, listed) = component(backup, stem, &member.header.name);
        let mut part = Self {
            id,
            kind,
            member: at,
            layer: None,
            fault: None,
            compressed: suffix == Some(true),
            suffix,
            listed,
            closed: false,
            has_bad_head: false,
            is_apple_double: kind == ComponentKind::Unknown
                && plain(name).starts_with(b"._")
                && begins_with(&backup.input, member, &APPLE_DOUBLE)?,
            has_odd_gzip: false,
            is_empty_stream: false,
            is_cut_off: false,
        };
        let Some(named) = suffix else {
            let found = unnamed(&backup.input, member)
                .map_err(|e| e.in_part(part.id.clone()).at(member.data_at()))?;
            if let Some((layer, compressed)) = found {
                (part.layer, part.compressed) = (Some(layer), compressed);
            }
            return Ok(part);
        };
        let head = head(&backup.input, member)
            .map_err(|e: Error| e.in_part(part.id.clone()).at(member.data_at()))?;
        let (found, read) = (sniffed(&head, named), head.len() as u64);
        if let Ok((Layer::Plain, compressed)) = found {
            part.has_bad_head = begins_badly(&head, compressed, read == member.size);
            part.has_odd_gzip = compressed && begins_oddly(&head);
        }
        part.is_empty_stream = part.has_odd_gzip && read == member.size && begins_empty(&head);
        match found {
            Err(error) if error.has_mark() => part.fault = Some(error),
            // Bytes without any mark are taken for SecureTar v1 only where an archive must be, and
            // only if the backup says that it is encrypted: they look like damage.
            Ok((Layer::Secure(SecureHeader::V1 { .. }), _)) | Err(_)
                if kind == ComponentKind::Unknown => {}
            Ok((Layer::Secure(SecureHeader::V1 { .. }), _))
                if !backup.manifest.claims_encryption() =>
            {
                part.is_no_archive(member.size)
            }
            Ok((layer, compressed)) => (part.layer, part.compressed) = (Some(layer), compressed),
            Err(HeaderError::Unrecognised { found }) if found == read => {
                part.is_no_archive(member.size)
            }
            Err(error) => part.fault = Some(error),
        }
        Ok(part)
    }

    /// Records that the first bytes are neither an archive nor encrypted.
    pub(super) fn is_no_archive(&mut self, size: u64) {
        (self.layer, self.fault) = (None, Some(HeaderError::Unrecognised { found: size }));
    }

    /// Marks it as an unknown member, because `backup.json` means another one.
    pub(super) fn becomes_unknown(&mut self, member: &Member) {
        (self.id, self.kind, self.listed) = (unknown_id(member), ComponentKind::Unknown, false);
        self.fault = None;
    }

    /// The SecureTar version, `None` if it is not encrypted.
    pub fn version(&self) -> Option<Version> {
        self.secure().map(SecureHeader::version)
    }

    /// Whether its contents can be read, with or without a key.
    pub fn is_readable(&self, has_key: bool) -> bool {
        self.layer.is_some() && !self.closed && (has_key || self.version().is_none())
    }

    /// Whether its name allows its contents to be compressed, or not to be.
    pub fn can_be_named(&self, compressed: bool) -> bool {
        self.suffix.is_none_or(|named| named == compressed)
    }

    /// Whether its name or its bytes say that it is an archive.
    pub fn is_archive(&self) -> bool {
        self.suffix.is_some() || self.layer.is_some()
    }

    /// The SecureTar header, `None` if it is not encrypted.
    pub fn secure(&self) -> Option<&SecureHeader> {
        match &self.layer {
            Some(Layer::Secure(header)) => Some(header),
            _ => None,
        }
    }

    /// The name under which `backup.json` lists it: the folder id or the add-on's slug.
    pub fn list_name(&self) -> &str {
        self.id.strip_prefix("addon:").unwrap_or(&self.id)
    }
}

/// The name without its suffix, and whether the suffix says compressed; `None` if the name is not
/// an archive's.
pub(super) fn stem_and_compression(name: &[u8]) -> (&[u8], Option<bool>) {
    if let Some(stem) = name.strip_suffix(b".tar.gz") {
        (stem, Some(true))
    } else if let Some(stem) = name.strip_suffix(b".tar") {
        (stem, Some(false))
    } else {
        (name, None)
    }
}

/// The id and the kind of the component in a member, and whether `backup.json` lists it. `stem` is
/// the member's name without the suffix of an archive.
fn component(backup: &Backup, stem: &[u8], member: &[u8]) -> (String, ComponentKind, bool) {
    let has_suffix = stem.len() < member.strip_prefix(b"./").unwrap_or(member).len();
    std::str::from_utf8(stem)
        .ok()
        .filter(|_| has_suffix)
        .and_then(|stem| known_component(&backup.manifest, stem))
        .unwrap_or_else(|| {
            let id = format!("unknown:{}", escape(member));
            (id, ComponentKind::Unknown, false)
        })
}

fn known_component(manifest: &Manifest, stem: &str) -> Option<(String, ComponentKind, bool)> {
    let is_folder = |id: &str| manifest.folders().any(|folder| folder == id);
    if stem == "homeassistant" {
        let listed = manifest.homeassistant_version().is_some() || is_folder(stem);
        return Some((stem.into(), ComponentKind::HomeAssistant, listed));
    }
    if stem == "supervisor" {
        return Some((stem.into(), ComponentKind::Supervisor, false));
    }
    if let Some(&(_, id)) = FOLDERS.iter().find(|(file, _)| *file == stem) {
        return Some((id.into(), ComponentKind::Folder, is_folder(id)));
    }
    let is_addon = manifest.addons().any(|slug| slug == stem);
    is_addon.then(|| (format!("addon:{stem}"), ComponentKind::Addon, true))
}

fn unknown_id(member: &Member) -> String {
    format!("unknown:{}", escape(&member.header.name))
}

/// The last name of a path, without the folders before it.
fn plain(name: &[u8]) -> &[u8] {
    name.rsplit(|&byte| byte == b'/').next().unwrap_or(name)
}

/// Whether a gzip stream begins in a way at which `r|gz` stops.
pub(super) fn begins_oddly(gzip: &[u8]) -> bool {
    gzip.get(3).is_some_and(|flags| flags & GZIP_EXTRA != 0) || begins_empty(gzip)
}

/// Whether the first bytes of an archive show that a reader fails on its first header. `is_all` says
/// that there are no more bytes.
pub(super) fn begins_badly(head: &[u8], compressed: bool, is_all: bool) -> bool {
    let mut first = Vec::new();
    let outcome = if compressed {
        let mut decoder = GzDecoder::new(head).take(BLOCK as u64);
        decoder.read_to_end(&mut first).map(drop)
    } else {
        first.extend(head.iter().take(BLOCK));
        Ok(())
    };
    match (outcome, <&[u8; BLOCK]>::try_from(first.as_slice())) {
        (_, Ok(block)) => !HeaderBlock(block).is_zero() && !HeaderBlock(block).checksum_fits(),
        (Err(error), _) => is_all || error.kind() != io::ErrorKind::UnexpectedEof,
        (Ok(()), _) => false,
    }
}

/// Whether the first gzip member has no bytes.
fn begins_empty(gzip: &[u8]) -> bool {
    GzDecoder::new(gzip)
        .read(&mut [0])
        .is_ok_and(|got| got == 0)
}

fn begins_with(input: &Input, member: &Member, mark: &[u8]) -> Result<bool> {
    let mut head = vec![0; mark.len()];
    if member.size < mark.len() as u64 {
        return Ok(false);
    }
    input.read_exact_at(member.data_at(), &mut head)?;
    Ok(head == mark)
}

/// The first bytes of a member.
pub(super) fn head(input: &Input, member: &Member) -> Result<Vec<u8>> {
    let mut head =
        vec![0u8; securetar::SNIFF_LEN.min(usize::try_from(member.size).unwrap_or(usize::MAX))];
    input.read_exact_at(member.data_at(), &mut head)?;
    Ok(head)
}

/// How many bytes of an archive without an archive's name are looked at: enough for a gzip stream to
/// show the first block of what is in it.
const LOOK: usize = 4096;

/// The layer of an archive whose name is not an archive's, such as `old.tgz`, and whether it is
/// compressed; `None` if it is something else. Encryption without a mark (version 1) is not
/// recognised, and an encrypted one is compressed if its name hints at it.
fn unnamed(input: &Input, member: &Member) -> Result<Option<(Layer, bool)>> {
    let mut head = vec![0; LOOK.min(usize::try_from(member.size).unwrap_or(LOOK))];
    input.read_exact_at(member.data_at(), &mut head)?;
    let is_tar =
        |first: &[u8]| securetar::looks_plain(first, false) && first.iter().any(|&byte| byte != 0);
    if securetar::looks_plain(&head, true) {
        let mut first = Vec::new();
        let block = securetar::SNIFF_LEN as u64;
        // The stream is cut off after the bytes that were read.
        let _ = GzDecoder::new(&*head).take(block).read_to_end(&mut first);
        return Ok(is_tar(&first).then_some((Layer::Plain, true)));
    }
    if is_tar(&head) {
        return Ok(Some((Layer::Plain, false)));
    }
    let name = member.header.name.to_ascii_lowercase();
    let hints = [&b".gz"[..], b".tgz"];
    let compressed = hints
        .iter()
        .any(|hint| name.windows(hint.len()).any(|part| part == *hint));
    Ok(match securetar::sniff(&head, compressed) {
        Ok(layer @ Layer::Secure(SecureHeader::V2 { .. } | SecureHeader::V3 { .. })) => {
            Some((layer, compressed))
        }
        _ => None,
    })
}

/// The layer of an archive's bytes, and whether they are compressed. A name that is wrong about
/// that does not hide a plain archive: Supervisor has written such names (supervisor#3838).
pub(super) fn sniffed(head: &[u8], named: bool) -> std::result::Result<(Layer, bool), HeaderError> {
    let zeros = head.iter().all(|&byte| byte == 0);
    let found = securetar::sniff(head, named);
    match found {
        Ok(Layer::Plain) => Ok((Layer::Plain, named)),
        Ok(Layer::Secure(SecureHeader::V1 { .. })) | Err(_)
            if !zeros && securetar::looks_plain(head, !named) =>
        {
            Ok((Layer::Plain, !named))
        }
        Ok(Layer::Secure(SecureHeader::V1 { .. })) if zeros => Err(HeaderError::Unrecognised {
            found: head.len() as u64,
        }),
        other => other.map(|layer| (layer, named)),
    }
}

/// The layer of an archive of `size` bytes at this position of a file.
///
/// # Errors
/// The inner error if the bytes are not a header; the outer one if they cannot be read.
pub(crate) fn layer_at(
    input: &Input,
    at: u64,
    size: u64,
    compressed: bool,
) -> Result<std::result::Result<Layer, HeaderError>> {
    let mut head = [0u8; securetar::SNIFF_LEN];
    let want = usize::try_from(size).unwrap_or(usize::MAX).min(head.len());
    let head = head.get_mut(..want).unwrap_or_default();
    input.read_exact_at(at, head)?;
    Ok(securetar::sniff(head, compressed))
}
