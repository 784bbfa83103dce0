//! How the copy's parts are encrypted: as before, in another version, or not at all.

use super::Action;
use crate::error::{Error, Kind, Result};
use crate::finding::Finding;
use crate::format::securetar::{self, SecureHeader, V3Salts, Version};
use crate::open::{self, Backup, Part};

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
            Some(version) => securetar::ciphertext_len(version, stream)
                .saturating_add(version.header_len() as u64),
        }
    }

    /// True when a part already is wrapped like this, so that its bytes can be copied.
    pub fn fits(&self, part: &Part) -> bool {
        match (self, &part.layer) {
            (_, None) => true,
            (Self::V3(Some(salts)), _) => {
                matches!(part.secure(), Some(SecureHeader::V3 { salts: own, .. }) if own == salts)
            }
            _ => part.version() == self.version() && !matches!(self, Self::V3(None)),
        }
    }
}

/// What to do when a key is missing.
pub(super) const GIVE_KEY: &str = "Give it with --password-file, --emergency-kit or HASLIM_PASSWORD, or leave out more whole parts with --drop.";

/// Decides for the whole archive: readers take the version and the root salt from
/// the first member they meet and refuse others under the same key.
///
/// # Errors
/// `Password` when a part that stays has to be opened or encrypted and there is no key.
pub(super) fn target(
    backup: &Backup,
    actions: &[Action],
    wrapping: Wrapping,
    has_key: bool,
) -> Result<Target> {
    let staying = Staying { backup, actions };
    let target = match (wrapping, staying.newest()) {
        (Wrapping::Plain, _) => Target::Plain,
        (Wrapping::Version(Version::V3), _) => v3(backup),
        (Wrapping::Version(_), _) => Target::V2,
        (Wrapping::AsIs, None) if has_key && backup.is_protected() => as_before(backup),
        (Wrapping::AsIs, None) if has_key => for_the_host(backup),
        (Wrapping::AsIs, None) => Target::Plain,
        (Wrapping::AsIs, Some(Version::V3)) => v3(backup),
        (Wrapping::AsIs, Some(_)) => Target::V2,
    };
    if !has_key {
        staying.check_without_key(wrapping, &target)?;
    }
    Ok(target)
}

/// The parts that a copy keeps.
struct Staying<'a> {
    backup: &'a Backup,
    actions: &'a [Action],
}

impl<'a> Staying<'a> {
    fn parts(&self) -> impl Iterator<Item = (&'a Part, &'a Action)> + use<'a> {
        self.backup
            .parts
            .iter()
            .zip(self.actions)
            .filter(|(part, action)| **action != Action::Drop && part.layer.is_some())
    }

    fn newest(&self) -> Option<Version> {
        self.parts().filter_map(|(part, _)| part.version()).max()
    }

    /// Makes sure that nothing has to be opened or encrypted.
    fn check_without_key(&self, wrapping: Wrapping, target: &Target) -> Result<()> {
        let missing = |what: String| Err(Error::new(Kind::Password, what).advice(GIVE_KEY));
        let archives: Vec<_> = self
            .parts()
            .map(|(part, _)| self.backup.archive(part))
            .collect();
        if wrapping == Wrapping::AsIs {
            if let Some(Finding::Mixed { encrypted, plain }) = open::mixed(&archives) {
                let (encrypted, plain) = (encrypted.join(", "), plain.join(", "));
                return missing(format!(
                    "encrypted: {encrypted}; not encrypted: {plain}. A copy has to have all of them in one way, which takes the key"
                ));
            }
            if let Some(finding) = open::one_context(&archives) {
                return missing(format!(
                    "{} A copy has to have them alike, which takes the key",
                    finding.text()
                ));
            }
        } else if *target != Target::Plain || self.backup.is_protected() {
            return missing("this needs the password: parts have to be opened or encrypted".into());
        }
        match self
            .parts()
            .find(|(part, action)| matches!(action, Action::Cut(_)) && part.version().is_some())
        {
            Some(_) => {
                missing("this needs the password: parts have to be opened or encrypted".into())
            }
            None => Ok(()),
        }
    }
}

/// As the parts that are left out were encrypted.
fn as_before(backup: &Backup) -> Target {
    if newest(backup) == Some(Version::V3) {
        v3(backup)
    } else {
        Target::V2
    }
}

fn newest(backup: &Backup) -> Option<Version> {
    backup.parts.iter().filter_map(Part::version).max()
}

/// v3 under the salts that the archive has already.
fn v3(backup: &Backup) -> Target {
    Target::V3(
        backup
            .parts
            .iter()
            .find_map(|p| p.secure()?.v3_salts().cloned()),
    )
}

/// The newest version that the Home Assistant which made the backup can read: v3
/// came with Core 2026.3.
fn for_the_host(backup: &Backup) -> Target {
    let mut numbers = backup
        .manifest
        .homeassistant_version()
        .unwrap_or_default()
        .split('.')
        .map(|n| n.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version >= (2026, 3) {
        Target::V3(None)
    } else {
        Target::V2
    }
}
