//! How the copy's parts are encrypted: as before, in another version, or not at all.

use crate::error::{Error, Kind, Result};
use crate::format::secure::{self, SecureHeader, V3Salts, Version};
use crate::open::{Backup, ComponentKind, Part};

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wrapping {
    /// The version that the input has; v1 becomes v2, and an unprotected backup is
    /// protected when there is a key.
    #[default]
    AsIs,
    /// SecureTar of this version.
    Version(Version),
    /// Not encrypted.
    Plain,
}

/// What every rewritten part of the copy gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Not encrypted.
    Plain,
    /// AES-CBC.
    V2,
    /// secretstream; all members share these salts, or fresh ones where the input has none.
    V3(Option<V3Salts>),
}

impl Target {
    /// The version that `info` would show.
    pub fn version(&self) -> Option<Version> {
        match self {
            Self::Plain => None,
            Self::V2 => Some(Version::V2),
            Self::V3(_) => Some(Version::V3),
        }
    }

    /// Bytes of data for a member whose inner stream has so many bytes.
    pub fn member_size(&self, stream: u64) -> u64 {
        match self.version() {
            None => stream,
            Some(version) => secure::ciphertext_len(version, stream).saturating_add(version.header_len() as u64),
        }
    }

    /// True when a part already is wrapped like this, so that its bytes can be copied.
    pub fn fits(&self, part: &Part) -> bool {
        match (self, &part.layer) {
            (_, None) => true,
            // An archive that Home Assistant does not know stays as it is.
            (_, Some(secure::Layer::Plain)) if part.kind == ComponentKind::Unknown => true,
            (Self::V3(Some(salts)), _) => matches!(part.secure(), Some(SecureHeader::V3 { salts: own, .. }) if own == salts),
            _ => part.version() == self.version() && !matches!(self, Self::V3(None)),
        }
    }
}

/// Decides for the whole archive: readers take the version and the root salt from
/// the first member they meet and refuse others under the same key.
///
/// # Errors
/// `Password` when a part has to be wrapped anew and there is no key.
pub(super) fn target(backup: &Backup, wrapping: Wrapping, has_key: bool, must_rewrite: bool) -> Result<Target> {
    let target = match (wrapping, backup.version()) {
        (Wrapping::Plain, _) => Target::Plain,
        (Wrapping::Version(Version::V3), _) => v3(backup),
        (Wrapping::Version(_), _) => Target::V2,
        (Wrapping::AsIs, None) if has_key => for_the_host(backup),
        (Wrapping::AsIs, None) => Target::Plain,
        (Wrapping::AsIs, Some(_)) if newest(backup) == Some(Version::V3) => v3(backup),
        (Wrapping::AsIs, Some(_)) => Target::V2,
    };
    // Without a key nothing can be wrapped anew; a plain copy of each part is all there is.
    let rewraps = wrapping != Wrapping::AsIs && (target != Target::Plain || backup.is_protected());
    let needs_key = rewraps || must_rewrite && backup.is_protected();
    if needs_key && !has_key {
        return Err(Error::new(Kind::Password, "this needs the password: parts have to be opened or encrypted")
            .advice("Give it with --password-file, --emergency-kit or HASLIM_PASSWORD."));
    }
    Ok(target)
}

fn newest(backup: &Backup) -> Option<Version> {
    backup.parts.iter().filter_map(Part::version).max()
}

/// v3 under the salts that the archive has already.
fn v3(backup: &Backup) -> Target {
    Target::V3(backup.parts.iter().find_map(|p| p.secure()?.v3_salts().cloned()))
}

/// The newest version that the Home Assistant which made the backup can read: v3
/// came with Core 2026.3.
fn for_the_host(backup: &Backup) -> Target {
    let mut numbers = backup.manifest.homeassistant_version().unwrap_or_default().split('.').map(|n| n.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version >= (2026, 3) { Target::V3(None) } else { Target::V2 }
}
