//! Checks whether the key is right.

use std::collections::HashSet;
use std::io::Read;

use super::component::{begins_badly, begins_oddly};
use super::plaintext::{locate, source};
use super::{Backup, Part};
use crate::crypt::{CryptError, KeyRing, MAX_ROOT_SALTS};
use crate::error::{Error, Kind, Result};
use crate::format::securetar::SecureHeader;

/// Bytes of plaintext that distinguish gzip or tar from noise.
const PROBE: usize = 512;

/// Checks that the key belongs to this backup, before anything large is read: it must open at least
/// one of the encrypted parts. [`close_others`] records the parts that it does not open.
///
/// The header of v3 shows this. For v1 and v2 only the first bytes of plaintext do, so one damaged
/// part and a wrong key look alike; the other parts decide.
///
/// # Errors
/// `Password` if the key opens no part.
pub fn unlock(backup: &Backup, keys: &KeyRing) -> Result<()> {
    refuse_many_salts(backup)?;
    let mut failed = Vec::new();
    for part in &backup.parts {
        match is_right(backup, part, keys)? {
            Some(true) => return Ok(()),
            Some(false) => failed.push(part),
            None => {}
        }
    }
    let Some(first) = failed.first() else {
        return Ok(());
    };
    // v1 and v2 only show whether a key is right by the decrypted bytes.
    let alone = failed.len() == 1 && !matches!(first.secure(), Some(SecureHeader::V3 { .. }));
    let message = if alone {
        "the password is wrong, or the first bytes of the one encrypted part are damaged"
    } else {
        "the password is wrong"
    };
    Err(Error::new(Kind::Password, message).advice(wrong_key(backup)))
}

/// Records the parts that the key does not open although it opens others: they have another key, or
/// their first bytes are damaged. They can be left out, or kept as they are. Adds the finding that
/// Home Assistant would refuse the backup because the first archive is such a part.
///
/// # Errors
/// The same as for [`unlock`], for errors that do not concern the key.
pub fn close_others(backup: &mut Backup, keys: &KeyRing) -> Result<()> {
    for at in 0..backup.parts.len() {
        let part = backup.part(at);
        let Some(header) = part.secure() else {
            continue;
        };
        let tried = match header {
            // The header alone shows whether the key is right.
            SecureHeader::V3 { salts, .. } if !keys.check_v3(salts)? => Tried::Closed,
            SecureHeader::V3 { .. } => match tried(backup, part, keys)? {
                Tried::Closed => Tried::Damaged,
                tried => tried,
            },
            _ => tried(backup, part, keys)?,
        };
        if let Some(part) = backup.parts.get_mut(at) {
            part.closed = matches!(tried, Tried::Closed);
            part.has_bad_head = matches!(tried, Tried::Damaged);
            if let Tried::Opens(head) = tried {
                part.compressed = crate::crypt::looks_plain(&head, true);
                part.has_odd_gzip = part.compressed && begins_oddly(&head);
                part.has_bad_head = begins_badly(&head, part.compressed, head.len() < PROBE);
            }
        }
    }
    backup.look_inside();
    Ok(())
}

/// Whether the key opens a part; `None` if this cannot be determined.
fn is_right(backup: &Backup, part: &Part, keys: &KeyRing) -> Result<Option<bool>> {
    match part.secure() {
        None => Ok(None),
        Some(SecureHeader::V3 { salts, .. }) => Ok(Some(keys.check_v3(salts)?)),
        Some(_) => Ok(match tried(backup, part, keys)? {
            Tried::Opens(_) => Some(true),
            Tried::Closed => Some(false),
            Tried::Damaged => None,
        }),
    }
}

/// What came of trying the key on a part.
enum Tried {
    /// It opens; these are the first bytes.
    Opens(Vec<u8>),
    /// It does not.
    Closed,
    /// The length is impossible, which says nothing about the key. Reading the part will report that.
    Damaged,
}

fn tried(backup: &Backup, part: &Part, keys: &KeyRing) -> Result<Tried> {
    let head = match head(backup, part, keys) {
        Err(error) if error.kind() == Kind::Damaged => return Ok(Tried::Damaged),
        head => head?,
    };
    // A name that is wrong about the compression says nothing about the key.
    let is_archive = [true, false]
        .into_iter()
        .any(|compressed| crate::crypt::looks_plain(&head, compressed));
    Ok(if is_archive {
        Tried::Opens(head)
    } else {
        Tried::Closed
    })
}

/// Checks that a part begins like an archive, if it must be read.
///
/// # Errors
/// `Damaged`, or `Refused` for an unknown version.
pub fn check_head(backup: &Backup, part: &Part) -> Result<()> {
    match &part.fault {
        None => Ok(()),
        Some(fault) => Err(Error::from(fault.clone())
            .in_part(part.id.clone())
            .at(backup.member(part).data_at())),
    }
}

/// Advice for a key that opens no part.
fn wrong_key(backup: &Backup) -> String {
    let made = day(backup.manifest.date())
        .map(|day| format!(", on {day}"))
        .unwrap_or_default();
    format!(
        "It may have been changed since this backup was made{made}: then an emergency kit from before holds the right one. \
        Home Assistant shows the present one under Settings > System > Backups > Encryption key."
    )
}

/// The day of a date that begins in ISO 8601 form.
fn day(date: &str) -> Option<&str> {
    let day = date.get(..10)?;
    let fits = day.bytes().enumerate().all(|(at, b)| {
        if at == 4 || at == 7 {
            b == b'-'
        } else {
            b.is_ascii_digit()
        }
    });
    fits.then_some(day)
}

/// Each different salt costs a key derivation, so a crafted file could cost days of computing time.
/// Genuine backups have one.
fn refuse_many_salts(backup: &Backup) -> Result<()> {
    let mut salts = HashSet::new();
    for part in &backup.parts {
        let Some(own) = part.secure().and_then(SecureHeader::v3_salts) else {
            continue;
        };
        salts.insert(own.root_salt);
        if salts.len() > MAX_ROOT_SALTS {
            return Err(Error::from(CryptError::TooManySalts { limit: MAX_ROOT_SALTS })
                .in_part(part.id.clone())
                .at(backup.member(part).data_at())
                .advice("Home Assistant uses one for a whole backup. Whole parts can be left out or kept without the key."));
        }
    }
    Ok(())
}

/// The first bytes of a part; none if it cannot be decrypted.
fn head(backup: &Backup, part: &Part, keys: &KeyRing) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut reader = source(backup, part, Some(keys))?.take(PROBE as u64);
    // A short part may end badly; its first bytes are enough.
    if let Err(error) = reader.read_to_end(&mut head) {
        let error = Error::from_read(error);
        // A disk that cannot be read says nothing about the key.
        if !matches!(error.kind(), Kind::Damaged | Kind::Refused | Kind::Password) {
            return Err(locate(backup, part, error));
        }
    }
    Ok(head)
}
