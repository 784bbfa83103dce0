//! Several backups side by side: their order, and what each file is.

use std::cmp::Reverse;
use std::path::PathBuf;

use crate::dates;
use crate::error::Result;
use crate::format::manifest::Made;
use crate::open::Backup;

/// What a file is, besides a backup of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A backup that Home Assistant made.
    Original,
    /// haslim's copy of the backup with this index, which is listed above it.
    CopyOf(usize),
    /// haslim's copy of a backup that is not listed.
    Copy,
    /// What haslim's copy of the backup with this index lacks.
    RestOf(usize),
    /// The same for a backup that is not listed.
    Rest,
    /// A file that ends too early.
    CutOff,
    /// A file that cannot be read as a backup.
    Unreadable,
}

impl Mark {
    /// The mark in words; empty for an original.
    pub fn text(self) -> &'static str {
        match self {
            Self::Original => "",
            Self::CopyOf(_) => "copy of the above",
            Self::Copy => "haslim's copy",
            Self::RestOf(_) => "rest of the above",
            Self::Rest => "haslim's rest",
            Self::CutOff => "incomplete download",
            Self::Unreadable => "not readable",
        }
    }
}

/// The indices of these files in the order in which they are listed, each with its mark: the newest
/// first, each copy below its original, and unreadable files at the end.
pub fn order(files: &[(PathBuf, Result<Backup>)]) -> Vec<(usize, Mark)> {
    let mut listed: Vec<(usize, Mark)> = (0..files.len()).map(|at| (at, mark(files, at))).collect();
    let date = |at: usize| {
        let (_, backup) = files.get(at)?;
        dates::seconds(backup.as_ref().ok()?.manifest.date())
    };
    listed.sort_by_key(|&(at, mark)| {
        let (group, is_copy) = match mark {
            Mark::CopyOf(original) | Mark::RestOf(original) => (original, true),
            _ => (at, false),
        };
        let unreadable = matches!(mark, Mark::CutOff | Mark::Unreadable);
        (unreadable, Reverse(date(group)), group, is_copy, at)
    });
    listed
}

fn mark(files: &[(PathBuf, Result<Backup>)], at: usize) -> Mark {
    let manifest = match files.get(at) {
        Some((_, Ok(backup))) => &backup.manifest,
        Some((_, Err(error))) if error.is_cut_off() => return Mark::CutOff,
        _ => return Mark::Unreadable,
    };
    let Some(made) = manifest.made() else {
        return Mark::Original;
    };
    let original = files.iter().position(|(_, other)| {
        other
            .as_ref()
            .is_ok_and(|other| manifest.is_copy_of(&other.manifest))
    });
    match made {
        Made::Rest => original.map_or(Mark::Rest, Mark::RestOf),
        Made::Slim | Made::Repaired => original.map_or(Mark::Copy, Mark::CopyOf),
    }
}
