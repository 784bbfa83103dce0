//! How all parts of one copy are encrypted.

use crate::error::{Advice, Error, Kind, Result};
use crate::finding::Finding;
use crate::format::securetar::Version;
use crate::open;
use crate::open::{Backup, Part};
use crate::plan::encryption::{Encryption, EncryptionChoice};
use crate::plan::model::Action;

/// Decides for the whole archive. Readers take the version and the root salt from the first member
/// they meet, and refuse other ones under the same key.
///
/// # Errors
/// `Password` if a part that stays must be decrypted or encrypted and there is no key.
pub(super) fn choose(
    backup: &Backup,
    actions: &[Action],
    encryption: EncryptionChoice,
    has_key: bool,
) -> Result<Encryption> {
    let staying = Staying { backup, actions };
    let target = match (encryption, staying.newest()) {
        (EncryptionChoice::Plain, _) => Encryption::Plain,
        (EncryptionChoice::Version(Version::V3), _) => v3(backup),
        (EncryptionChoice::Version(_), _) => Encryption::V2,
        (EncryptionChoice::AsIs, None) if has_key && backup.is_protected() => as_before(backup),
        (EncryptionChoice::AsIs, None) if has_key => for_the_host(backup),
        (EncryptionChoice::AsIs, None) => Encryption::Plain,
        (EncryptionChoice::AsIs, Some(Version::V3)) => v3(backup),
        (EncryptionChoice::AsIs, Some(_)) => Encryption::V2,
    };
    if !has_key {
        staying.check_without_key(encryption, &target)?;
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

    /// Checks that nothing has to be decrypted or encrypted.
    fn check_without_key(&self, encryption: EncryptionChoice, target: &Encryption) -> Result<()> {
        let missing =
            |what: String| Err(Error::new(Kind::Password, what).advice(Advice::GiveKeyOrDrop));
        let archives: Vec<_> = self
            .parts()
            .map(|(part, _)| self.backup.archive(part))
            .collect();
        if encryption == EncryptionChoice::AsIs {
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
        } else if *target != Encryption::Plain || self.backup.is_protected() {
            return missing("this needs the password: parts have to be opened or encrypted".into());
        }
        match self
            .parts()
            .find(|(part, action)| action.edit().is_some() && part.version().is_some())
        {
            Some(_) => {
                missing("this needs the password: parts have to be opened or encrypted".into())
            }
            None => Ok(()),
        }
    }
}

/// The encryption of the dropped parts.
fn as_before(backup: &Backup) -> Encryption {
    if newest(backup) == Some(Version::V3) {
        v3(backup)
    } else {
        Encryption::V2
    }
}

fn newest(backup: &Backup) -> Option<Version> {
    backup.parts.iter().filter_map(Part::version).max()
}

/// v3 with the salts that the archive already has.
fn v3(backup: &Backup) -> Encryption {
    Encryption::V3(
        backup
            .parts
            .iter()
            .find_map(|p| p.secure()?.v3_salts().cloned()),
    )
}

/// The newest version that the Home Assistant that made the backup can read. v3 came with Core
/// 2026.3.
fn for_the_host(backup: &Backup) -> Encryption {
    let mut numbers = backup
        .manifest
        .homeassistant_version()
        .unwrap_or_default()
        .split('.')
        .map(|n| n.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version >= (2026, 3) {
        Encryption::V3(None)
    } else {
        Encryption::V2
    }
}
