//! What the rules know about the entries of a backup, in one word.

use crate::component::Folder;
use crate::error::{Kind, Result};
use crate::format::tar::block::EntryKind;
use crate::open::{Backup, Part, config_path};
use crate::pipe::Control;
use crate::plan::{self, Request};
use crate::rules::{Class, RemadeBy, Rule};
use crate::survey::{Entry, PartSurvey};

/// What a file is, as far as the rules know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// It is made or fetched again.
    Cache,
    /// A log, or a temporary file.
    Log,
    /// A backup inside the backup, or a copy of something.
    OldBackup,
    /// Pictures, videos and sounds that were recorded over time.
    Recordings,
    /// Anything else that was recorded over time.
    History,
    /// A file of the user.
    Yours,
}

impl Mark {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Cache,
        Self::Log,
        Self::OldBackup,
        Self::Recordings,
        Self::History,
        Self::Yours,
    ];

    /// The word for it, in text and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Log => "log",
            Self::OldBackup => "old backup",
            Self::Recordings => "recordings",
            Self::History => "history",
            Self::Yours => "yours",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }

    /// The mark of a file that this rule matches.
    fn of(rule: &Rule, entry: &Entry) -> Self {
        match rule.class {
            Class::Cache => Self::Cache,
            Class::Log => Self::Log,
            Class::Nested => Self::OldBackup,
            Class::User => Self::Yours,
            Class::History if entry.contents.is_backup() => Self::OldBackup,
            Class::History if rule.remade_by != RemadeBy::Nobody => Self::Cache,
            Class::History if is_footage(&entry.name) => Self::Recordings,
            Class::History => Self::History,
        }
    }
}

/// The bit of a file about which nothing is known.
const UNKNOWN: u8 = 1 << 6;
/// The bit of an entry that no selector can name by the path under which it is shown.
const NAMELESS: u8 = 1 << 7;

/// The mark that all entries of a node have; `None` if they have different ones, or one has none.
pub(super) fn mark(kinds: u8) -> Option<Mark> {
    let kinds = kinds & !NAMELESS;
    Mark::ALL.into_iter().find(|mark| mark.bit() == kinds)
}

/// Whether a selector can name a node.
pub(super) fn has_selector(kinds: u8) -> bool {
    kinds & NAMELESS == 0
}

/// The bits of every entry, in the order of the surveys. One byte for each entry.
///
/// # Errors
/// `Interrupted`.
pub(super) fn kinds(
    backup: &Backup,
    surveys: &[PartSurvey],
    control: &Control,
) -> Result<Vec<Vec<u8>>> {
    let mut kinds: Vec<Vec<u8>> = Vec::with_capacity(surveys.len());
    let mut pace = control.pace();
    for survey in surveys {
        let part = backup.part(survey.part);
        let mut bits = Vec::with_capacity(survey.entries.len());
        for entry in &survey.entries {
            pace.step(0)?;
            bits.push(unmatched(backup, part, entry));
        }
        kinds.push(bits);
    }
    for (survey, rule, entries) in found(backup, surveys, control)? {
        let (Some(survey), Some(bits)) = (surveys.get(survey), kinds.get_mut(survey)) else {
            continue;
        };
        for at in entries.iter().copied() {
            let (Some(entry), Some(bit)) = (survey.entries.get(at), bits.get_mut(at)) else {
                continue;
            };
            if entry.kind != EntryKind::Directory {
                *bit = *bit & NAMELESS | Mark::of(&rule, entry).bit();
            }
        }
    }
    Ok(kinds)
}

/// The matches of the rules: the number of the survey, the rule, and the numbers of the entries.
type Found = (usize, Rule, std::sync::Arc<[usize]>);

/// What the planner could leave out. If it refuses the backup, nothing is known about its files:
/// that must not keep anyone from looking at them.
fn found(backup: &Backup, surveys: &[PartSurvey], control: &Control) -> Result<Vec<Found>> {
    let request = Request {
        control: control.clone(),
        ..Request::new(u64::MAX)?
    };
    let units = match plan::candidates(backup, surveys, &request) {
        Err(error) if matches!(error.kind(), Kind::Interrupted(_)) => return Err(error),
        units => units.unwrap_or_default(),
    };
    let unit = |find: &plan::Candidate| {
        let survey = surveys.iter().position(|s| s.part == find.part)?;
        Some((survey, find.rule.clone()?, find.entries.clone()))
    };
    Ok(units
        .iter()
        .flat_map(plan::Candidate::finds)
        .filter_map(unit)
        .collect())
}

/// The bits of an entry that no rule matches.
fn unmatched(backup: &Backup, part: &Part, entry: &Entry) -> u8 {
    let path = config_path(part.kind, backup.manifest.version(), &entry.name);
    let nameless = match path {
        Some(path) if path.is_empty() || is_plain(path) => 0,
        _ => NAMELESS,
    };
    let folder = part.id.parse::<Folder>().ok();
    let known = match (entry.kind, folder) {
        (EntryKind::Directory, _) => 0,
        (_, Some(Folder::Media | Folder::Share)) => Mark::Yours.bit(),
        _ => UNKNOWN,
    };
    nameless | known
}

/// Whether a path is shown as it is written.
pub(super) fn is_plain(path: &[u8]) -> bool {
    path.split(|&b| b == b'/')
        .all(|name| !name.is_empty() && name != b".")
}

/// Whether the name of a file is that of a picture, a video or a sound.
fn is_footage(path: &[u8]) -> bool {
    const ENDS: [&[u8]; 17] = [
        b"aac", b"avi", b"flac", b"gif", b"jpeg", b"jpg", b"m4a", b"mkv", b"mov", b"mp3", b"mp4",
        b"ogg", b"png", b"ts", b"wav", b"webm", b"webp",
    ];
    let end = path.rsplit(|&b| b == b'.').next().unwrap_or_default();
    ENDS.iter().any(|known| end.eq_ignore_ascii_case(known))
}
