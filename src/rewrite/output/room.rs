//! How much can be written to a folder, and what to do if that is not enough.

use std::io::{self, ErrorKind};

use super::system::System;
use crate::error::{Advice, Error, Kind, OutputAdvice, Result};
use crate::size::decimal;
use crate::sys::Folder;

/// The maximum file size on a FAT file system, where a size is a number of 32 bits (Linux,
/// `fs/fat/inode.c`, `s_maxbytes`). exFAT has no such limit, and its own name.
const FAT: u64 = u32::MAX as u64;

/// Free bytes on the disk; `None` if the system does not report them.
pub(super) fn free(system: &System, folder: &Folder) -> Option<u64> {
    system.free_space(folder).ok()
}

/// Checks that a file of `bytes` bytes fits into the folder, as far as this can be known.
///
/// # Errors
/// `OutputIo` if a limit of the process, the file system or the free space is smaller.
pub(super) fn check(system: &System, folder: &Folder, shown: &str, bytes: u64) -> Result<()> {
    let needed = decimal(bytes);
    let refuse = |why: String, advice: Advice| {
        Err(Error::new(
            Kind::OutputIo,
            format!("the file needs {needed}, but {why}"),
        )
        .advice(advice))
    };
    if let Some(most) = system.largest_of_process().filter(|&most| most < bytes) {
        return refuse(
            format!(
                "haslim was started with a limit of {} for a file (ulimit -f)",
                decimal(most)
            ),
            advice_process(),
        );
    }
    if bytes > FAT && system.is_fat(folder).unwrap_or(false) {
        return refuse(
            format!(
                "the disk for {shown} has the file system FAT, where no file can have more than {}",
                decimal(FAT)
            ),
            OutputAdvice::TooLargeForFat.into(),
        );
    }
    match free(system, folder) {
        Some(free) if free < bytes => refuse(
            format!("{shown} has only {} free", decimal(free)),
            OutputAdvice::OtherDisk.into(),
        ),
        _ => Ok(()),
    }
}

/// The error for a write that failed after `at` bytes, out of `needed` if that is known.
pub(super) fn failed(
    system: &System,
    folder: &Folder,
    shown: &str,
    at: u64,
    needed: Option<u64>,
    error: io::Error,
) -> Error {
    let needed = needed
        .map(|n| format!(" of {} needed", decimal(n)))
        .unwrap_or_default();
    let doing = format!("writing {shown} failed after {}{needed}", decimal(at));
    if let Some(advice) = way_past_limit(system, folder, error.kind()) {
        return Error::output(error, &doing).advice(advice);
    }
    let free = free(system, folder)
        .map(|n| format!(", with {} free on the disk", decimal(n)))
        .unwrap_or_default();
    Error::output(error, &format!("{doing}{free}"))
}

/// What to do about an error that stands for a limit other than the free space.
fn way_past_limit(system: &System, folder: &Folder, error: ErrorKind) -> Option<Advice> {
    Some(match error {
        ErrorKind::FileTooLarge if system.is_fat(folder).unwrap_or(false) => {
            OutputAdvice::TooLargeForFat.into()
        }
        ErrorKind::FileTooLarge if system.largest_of_process().is_some() => advice_process(),
        ErrorKind::FileTooLarge => OutputAdvice::TooLargeForDisk.into(),
        ErrorKind::QuotaExceeded => OutputAdvice::Quota.into(),
        _ => return None,
    })
}

fn advice_process() -> Advice {
    "Start it where that limit is higher (`ulimit -f unlimited`), or leave out more.".into()
}
