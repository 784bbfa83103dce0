//! Hidden files: those that a run creates if it cannot use a file without a name, and those that
//! killed runs left behind.
//!
//! A process holds a lock on its hidden file for as long as it lives. A hidden file without a lock
//! has no process any more, and the next run removes it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind};

use super::system::System;
use crate::sys::{FileIdentity, FileKind, Folder};

const BEGIN: &[u8] = b".haslim-";
const END: &[u8] = b".tmp";
/// The number of random hex digits between them.
const DIGITS: usize = 16;
/// How often another run may remove a new file as a leftover before it is locked.
const ATTEMPTS: usize = 8;

/// A new name for a hidden file.
pub(crate) fn name() -> io::Result<OsString> {
    let mut bytes = [0u8; DIGITS / 2];
    getrandom::fill(&mut bytes)
        .map_err(|_| io::Error::other("the system gave no random numbers"))?;
    Ok(format!(".haslim-{:016x}.tmp", u64::from_be_bytes(bytes)).into())
}

fn is_name(name: &[u8]) -> bool {
    let digits = name
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.strip_suffix(END))
        .unwrap_or_default();
    digits.len() == DIGITS
        && digits
            .iter()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Creates a hidden file and locks it.
pub(super) fn create(system: &System, folder: &Folder) -> io::Result<(File, OsString)> {
    for _ in 0..ATTEMPTS {
        let name = name()?;
        let file = system.create_hidden(folder, &name)?;
        let failed_as = |error: Option<io::Error>, kind| error.is_some_and(|e| e.kind() == kind);
        let taken = failed_as(system.lock(&file).err(), ErrorKind::WouldBlock)
            || failed_as(system.look_at(folder, &name).err(), ErrorKind::NotFound);
        if !taken {
            return Ok((file, name));
        }
        let _ = system.remove(folder, &name);
    }
    Err(io::Error::other(
        "other runs remove the temporary files of this one",
    ))
}

/// Removes the hidden files that no living process has locked, except the file `spared`, if any.
/// Files that cannot be removed stay.
pub(super) fn remove(system: &System, folder: &Folder, spared: Option<FileIdentity>) {
    let Ok(names) = folder.names() else {
        return;
    };
    for name in names.filter(|name| is_name(name.as_encoded_bytes())) {
        if is_left(system, folder, &name, spared) {
            let _ = system.remove(folder, &name);
        }
    }
}

fn is_left(system: &System, folder: &Folder, name: &OsStr, spared: Option<FileIdentity>) -> bool {
    let Ok(named) = system.look_at(folder, name) else {
        return false;
    };
    named.is_own
        && Some(named.identity) != spared
        && named.kind == FileKind::Regular
        && system
            .open_hidden(folder, name)
            .is_ok_and(|file| system.lock(&file).is_ok())
}
