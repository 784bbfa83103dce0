//! How all parts of one copy are encrypted.

use crate::error::{Advice, Error, Kind, Result};
use crate::finding::{Finding, HeaderError};
use crate::format::securetar::Version;
use crate::open;
use crate::open::{Archive, Backup, Part, State};
use crate::plan::encryption::{Encryption, EncryptionChoice};
use crate::plan::model::Action;

/// Decides for the whole archive. Readers take the version and the root salt from the first member
/// they meet, and refuse other ones under the same key.
///
/// # Errors
/// `Password` if a part that stays must be decrypted or encrypted and there is no key; `Refused` if
/// it is encrypted in a way that this program does not know.
pub(super) fn choose(
    backup: &Backup,
    actions: &[Action],
    encryption: EncryptionChoice,
    has_key: bool,
) -> Result<Encryption> {
    let staying = Staying { backup, actions };
    let target = match (encryption, staying.newest()) {
        (EncryptionChoice::Plain, _) => Encryption::Plain,
        (EncryptionChoice::Version(Version::V3), _) => staying.v3(),
        (EncryptionChoice::Version(_), _) => Encryption::V2,
        (EncryptionChoice::AsIs, None) if has_key && backup.is_protected() => staying.as_before(),
        (EncryptionChoice::AsIs, None) if has_key => for_the_host(backup),
        (EncryptionChoice::AsIs, None) => Encryption::Plain,
        (EncryptionChoice::AsIs, Some(Version::V3)) => staying.v3(),
        (EncryptionChoice::AsIs, Some(_)) => Encryption::V2,
    };
    if encryption != EncryptionChoice::AsIs || target == Encryption::Plain {
        staying.check_marks()?;
    }
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

    /// Checks that no part is encrypted in an unknown way: it would stay unlike all others.
    fn check_marks(&self) -> Result<()> {
        let parts = self.backup.parts.iter().zip(self.actions);
        let mut staying = parts.filter(|(_, action)| **action != Action::Drop);
        let is_unknown = |part: &Part| part.fault.as_ref().is_some_and(HeaderError::has_mark);
        let Some((part, _)) = staying.find(|(part, _)| is_unknown(part)) else {
            return Ok(());
        };
        open::check_head(self.backup, part).map_err(|error| {
            error.advice(Advice::NewerOrDrop {
                part: part.id.clone(),
                may_stay: false,
            })
        })
    }

    fn newest(&self) -> Option<Version> {
        self.parts().filter_map(|(part, _)| part.version()).max()
    }

    /// The encryption of the dropped parts.
    fn as_before(&self) -> Encryption {
        let versions = self.backup.parts.iter().filter_map(Part::version);
        if versions.max() == Some(Version::V3) {
            self.v3()
        } else {
            Encryption::V2
        }
    }

    /// Version 3 with the salts of a part that stays, or else of one that goes. A part that the key
    /// does not open has none to offer: they may be those of another key, or damaged.
    fn v3(&self) -> Encryption {
        let goes = self.backup.parts.iter();
        let all = self.parts().map(|(part, _)| part).chain(goes);
        Encryption::V3(
            all.filter(|part| !part.closed)
                .find_map(|part| part.secure()?.v3_salts().copied()),
        )
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
                    "{} {} A copy has to have them alike, which takes the key",
                    finding.text(),
                    unlike(&archives)
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

/// The encrypted archives that differ from the first one, by name.
fn unlike(archives: &[Archive<'_>]) -> String {
    let mut encrypted = archives.iter().filter_map(|archive| match archive.state {
        State::Encrypted { version, salts, .. } => Some((archive.id, (version, salts))),
        _ => None,
    });
    let Some((first, way)) = encrypted.next() else {
        return String::new();
    };
    let others: Vec<&str> = encrypted
        .filter(|(_, other)| *other != way)
        .map(|(id, _)| id)
        .collect();
    format!("These differ from {first}: {}.", others.join(", "))
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
