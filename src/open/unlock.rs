//! Is this the right key? And the plaintext stream of a part.

use std::collections::HashSet;
use std::io::Read;

use super::{Backup, Part};
use crate::crypt::{CryptError, Decrypter, KeyRing, MAX_ROOT_SALTS};
use crate::error::{Error, Kind, Result};
use crate::format::secure::SecureHeader;
use crate::pipe::Window;

/// Bytes of plaintext that tell gzip or tar from noise.
const PROBE: usize = 512;

/// Makes sure that the key opens the parts, before anything large is read.
///
/// v3 says so in its header. v1 and v2 show it only by their first bytes, so
/// that one damaged part and a wrong key look alike; the other parts decide.
///
/// # Errors
/// `Password` when the key opens nothing or not everything, `Damaged` when the
/// first bytes of some v1 or v2 parts are damaged.
pub fn unlock(backup: &Backup, keys: &KeyRing) -> Result<()> {
    refuse_many_salts(backup)?;
    let (mut opened, mut failed) = (Vec::new(), Vec::new());
    for part in &backup.parts {
        let Some(header) = part.secure() else { continue };
        let right = match header {
            SecureHeader::V3 { salts, .. } => keys.check_v3(salts)?,
            _ => match opens(backup, part, keys) {
                Ok(right) => right,
                // Lengths that cannot be right say nothing about the key; reading the part will say it.
                Err(error) if error.kind() == Kind::Damaged => continue,
                Err(error) => return Err(error),
            },
        };
        if right { opened.push(part) } else { failed.push(part) }
    }
    let Some(first) = failed.first() else { return Ok(()) };
    if opened.is_empty() {
        // v1 and v2 know a key only by what comes of it.
        let alone = failed.len() == 1 && !matches!(first.secure(), Some(SecureHeader::V3 { .. }));
        let message =
            if alone { "the password is wrong, or the first bytes of the one encrypted part are damaged" } else { "the password is wrong" };
        return Err(Error::new(Kind::Password, message)
            .advice("Home Assistant shows the key under Settings > System > Backups > Encryption key; the emergency kit holds it too."));
    }
    let names: Vec<&str> = failed.iter().map(|p| p.id.as_str()).collect();
    let message = format!("the password opens {} parts, but not {}", opened.len(), names.join(", "));
    let error = if matches!(first.secure(), Some(SecureHeader::V3 { .. })) {
        Error::new(Kind::Password, format!("{message}: they have another password"))
    } else {
        Error::new(Kind::Password, format!("{message}: they have another password, or their first bytes are damaged"))
    };
    Err(error.in_part(first.id.clone()).at(backup.member(first).data_at()).advice("Parts that are kept or dropped whole need no password."))
}

/// Each different salt costs a key derivation, so that a made-up file could keep us busy for
/// days. Genuine backups have one.
fn refuse_many_salts(backup: &Backup) -> Result<()> {
    let mut salts = HashSet::new();
    for part in &backup.parts {
        let Some(own) = part.secure().and_then(SecureHeader::v3_salts) else { continue };
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

/// The archive inside a part as it was before encryption: a gzip stream, or a
/// tar where the backup is not compressed. Errors arise while reading, typed.
///
/// # Errors
/// `Password` when the part is encrypted and there is no key.
pub fn source(backup: &Backup, part: &Part, keys: Option<&KeyRing>) -> Result<Box<dyn Read + Send>> {
    let member = backup.member(part);
    stream(backup.input.window(member.data_at(), member.size), part.secure(), part, keys)
}

/// The archive in a member's data, which begin with a SecureTar header where there is one.
///
/// # Errors
/// As [`source`].
pub(crate) fn stream(mut data: Window, header: Option<&SecureHeader>, part: &Part, keys: Option<&KeyRing>) -> Result<Box<dyn Read + Send>> {
    let Some(header) = header else { return Ok(Box::new(data)) };
    let keys = keys.ok_or_else(|| missing_password(&part.id))?;
    data.skip(header.len() as u64);
    let length = data.left();
    Ok(Box::new(Decrypter::new(data, header, length, keys, part.compressed)?))
}

/// The error for an encrypted part that has to be opened without a key.
pub(crate) fn missing_password(part: &str) -> Error {
    Error::new(Kind::Password, "this part is encrypted, and no password was given")
        .in_part(part)
        .advice("Give it with --password-file, --emergency-kit or HASLIM_PASSWORD. Dropping whole parts works without it.")
}
