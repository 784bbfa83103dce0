//! Which component a member holds, told from its name, and how its bytes are wrapped.

use super::Backup;
use crate::error::{Error, Result, escape};
use crate::format::manifest::is_safe_slug;
use crate::format::outer::Member;
use crate::format::secure::{self, HeaderError, Layer, SecureHeader, Version};
use crate::pipe::Input;

/// What a component is to Home Assistant.
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
    /// Something that this version of haslim does not know, kept as it is.
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

/// One component of a backup, in the member that holds it.
#[derive(Debug, Clone)]
pub struct Part {
    /// The name that selectors use: `media`, `addons/local`, `addon:SLUG`,
    /// `homeassistant`, `supervisor`, `unknown:MEMBER` (escaped).
    pub id: String,
    /// What it is.
    pub kind: ComponentKind,
    /// Index of its member in [`Backup::members`].
    pub member: usize,
    /// How the archive is wrapped; `None` for a member that is no archive.
    pub layer: Option<Layer>,
    /// Whether the archive is a gzip stream, by its name.
    pub compressed: bool,
    /// Whether `backup.json` lists it.
    pub listed: bool,
}

/// The folders that Home Assistant knows, as their archives are called.
const FOLDERS: [(&str, &str); 4] = [("share", "share"), ("media", "media"), ("ssl", "ssl"), ("addons_local", "addons/local")];

impl Part {
    pub(super) fn recognise(backup: &Backup, at: usize, member: &Member) -> Result<Self> {
        let name = member.header.name.strip_prefix(b"./").unwrap_or(&member.header.name);
        let (stem, suffix) = stem_and_compression(name);
        let (id, kind, listed) = component(backup, stem, &member.header.name);
        let layer = layer(backup, member, kind, suffix).map_err(|e| e.in_part(id.clone()).at(member.data_at()))?;
        Ok(Self { id, kind, member: at, layer, compressed: suffix == Some(true), listed })
    }

    /// The SecureTar version, `None` when it is not encrypted.
    pub fn version(&self) -> Option<Version> {
        self.secure().map(SecureHeader::version)
    }

    /// Whether it can be looked into, with or without a key.
    pub fn is_readable(&self, has_key: bool) -> bool {
        self.layer.is_some() && (has_key || self.version().is_none())
    }

    /// The SecureTar header, `None` when it is not encrypted.
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

/// The name without its suffix, and whether that says compressed; `None` for a
/// name that is no archive's.
fn stem_and_compression(name: &[u8]) -> (&[u8], Option<bool>) {
    if let Some(stem) = name.strip_suffix(b".tar.gz") {
        (stem, Some(true))
    } else if let Some(stem) = name.strip_suffix(b".tar") {
        (stem, Some(false))
    } else {
        (name, None)
    }
}

fn component(backup: &Backup, stem: &[u8], member: &[u8]) -> (String, ComponentKind, bool) {
    let manifest = &backup.manifest;
    let unknown = || (format!("unknown:{}", escape(member)), ComponentKind::Unknown, false);
    let Ok(stem) = std::str::from_utf8(stem) else { return unknown() };
    if stem.len() == member.strip_prefix(b"./").unwrap_or(member).len() {
        return unknown();
    }
    if stem == "homeassistant" {
        let listed = manifest.homeassistant_version().is_some() || manifest.folders().any(|f| f == stem);
        return (stem.into(), ComponentKind::HomeAssistant, listed);
    }
    if stem == "supervisor" {
        return (stem.into(), ComponentKind::Supervisor, false);
    }
    if let Some((_, id)) = FOLDERS.iter().find(|(file, _)| *file == stem) {
        return ((*id).into(), ComponentKind::Folder, manifest.folders().any(|f| f == *id));
    }
    if is_safe_slug(stem) && manifest.addons().any(|slug| slug == stem) {
        return (format!("addon:{stem}"), ComponentKind::Addon, true);
    }
    unknown()
}

/// Looks at the first bytes of a member.
fn layer(backup: &Backup, member: &Member, kind: ComponentKind, compressed: Option<bool>) -> Result<Option<Layer>> {
    let Some(compressed) = compressed else { return Ok(None) };
    match (layer_at(&backup.input, member.data_at(), member.size, compressed)?, kind) {
        // Bytes without any mark are only taken for SecureTar v1 where an archive must be, and
        // where the backup says that it is encrypted: they look like damage.
        (Ok(Layer::Secure(SecureHeader::V1 { .. })) | Err(_), ComponentKind::Unknown) => Ok(None),
        (Ok(Layer::Secure(SecureHeader::V1 { .. })), _) if !backup.manifest.claims_encryption() => {
            Err(HeaderError::Unrecognised { found: member.size }.into())
        }
        (Ok(layer), _) => Ok(Some(layer)),
        (Err(error), _) => Err(Error::from(error)),
    }
}

/// How an archive of `size` bytes is wrapped that begins at this place of a file.
///
/// # Errors
/// The inner one for bytes that are no header; the outer one when they cannot be read.
pub(crate) fn layer_at(input: &Input, at: u64, size: u64, compressed: bool) -> Result<std::result::Result<Layer, HeaderError>> {
    let mut head = [0u8; secure::SNIFF_LEN];
    let want = usize::try_from(size).unwrap_or(usize::MAX).min(head.len());
    let head = head.get_mut(..want).unwrap_or_default();
    input.read_exact_at(at, head)?;
    Ok(secure::sniff(head, compressed))
}
