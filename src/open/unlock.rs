//! Is this the right key?

use std::collections::HashSet;
use std::io::Read;

use super::plaintext::source;
use super::{Backup, Part};
use crate::crypt::{CryptError, KeyRing, MAX_ROOT_SALTS};
use crate::error::{Error, Kind, Result};
use crate::format::securetar::SecureHeader;

/// Bytes of plaintext that tell gzip or tar from noise.
const PROBE: usize = 512;

/// Makes sure that the key is one of this backup's, before anything large is read: it opens at
/// least one of the encrypted parts. [`close_others`] notes those that it does not open.
///
/// v3 says so in its header. v1 and v2 show it only by their first bytes, so
/// that one damaged part and a wrong key look alike; the other parts decide.
///
/// # Errors
/// `Password` when the key opens nothing.
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
    // v1 and v2 know a key only by what comes of it.
    let alone = failed.len() == 1 && !matches!(first.secure(), Some(SecureHeader::V3 { .. }));
    let message = if alone {
        "the password is wrong, or the first bytes of the one encrypted part are damaged"
    } else {
        "the password is wrong"
    };
    Err(Error::new(Kind::Password, message).advice(wrong_key(backup)))
}

/// Notes which parts a key does not open that opens others: they have another one, or their first
/// bytes are damaged. They can be left out, or kept as they are.
///
/// # Errors
/// As [`unlock`], for what has nothing to do with the key.
pub fn close_others(backup: &mut Backup, keys: &KeyRing) -> Result<()> {
    for at in 0..backup.parts.len() {
        let closed = is_right(backup, backup.part(at), keys)? == Some(false);
        if let Some(part) = backup.parts.get_mut(at) {
            part.closed = closed;
        }
    }
    Ok(())
}

/// Whether the key opens a part; `None` where nothing can tell.
fn is_right(backup: &Backup, part: &Part, keys: &KeyRing) -> Result<Option<bool>> {
    match part.secure() {
        None => Ok(None),
        Some(SecureHeader::V3 { salts, .. }) => Ok(Some(keys.check_v3(salts)?)),
        Some(_) => match opens(backup, part, keys) {
            Ok(right) => Ok(Some(right)),
            // Lengths that cannot be right say nothing about the key; reading the part will say it.
            Err(error) if error.kind() == Kind::Damaged => Ok(None),
            Err(error) => Err(error),
        },
    }
}

/// Makes sure that a part begins as an archive does, where something has to be read of it.
///
/// # Errors
/// `Damaged`, or `Refused` for one of a version that is not known.
pub fn check_head(backup: &Backup, part: &Part) -> Result<()> {
    match &part.fault {
        None => Ok(()),
        Some(fault) => Err(Error::from(fault.clone())
            .in_part(part.id.clone())
            .at(backup.member(part).data_at())),
    }
}

/// What to do about a key that opens nothing.
fn wrong_key(backup: &Backup) -> String {
    let made = day(backup.manifest.date())
        .map(|day| format!(", on {day}"))
        .unwrap_or_default();
    format!(
        "It may have been changed since this backup was made{made}: then an emergency kit from before holds the right one. \
        Home Assistant shows the present one under Settings > System > Backups > Encryption key."
    )
}

/// The day in a date that begins as ISO 8601 has it.
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

/// Each different salt costs a key derivation, so that a made-up file could keep us busy for
/// days. Genuine backups have one.
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

fn opens(backup: &Backup, part: &Part, keys: &KeyRing) -> Result<bool> {
    let mut head = Vec::new();
    let mut reader = source(backup, part, Some(keys))?.take(PROBE as u64);
    // A short part may end badly; its first bytes still tell.
    let outcome = reader.read_to_end(&mut head);
    if outcome.is_err() && head.is_empty() {
        return Ok(false);
    }
    Ok(crate::crypt::looks_plain(&head, part.compressed))
}
