//! Which entries of one part go, and what must change in those that stay.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Request;
use super::groups::Groups;
use super::scan::Scan;
use super::selector::is_recorder_file;
use crate::error::{Kind, Result};
use crate::format::tar::block::EntryKind;
use crate::format::tar::path::PathHasher;
use crate::open::{Backup, Part};
use crate::pipe::Pace;
use crate::survey::{PartSurvey, config_path};

/// Why an entry goes: the index of the reason that took it.
pub type Reason = u16;

/// The verdict on every entry of one part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cut {
    /// By entry: `None` keeps it, else the reason that dropped it.
    pub verdicts: Vec<Option<Reason>>,
    /// Entries whose first name goes while a later hard link stays: the data stays
    /// under that link's name.
    pub promoted: HashMap<usize, Box<[u8]>>,
    /// Hard links that have to point to another name now. All links to one file share that
    /// name: it may be long, and they may be many.
    pub relinked: HashMap<usize, Arc<[u8]>>,
    /// Hard links that became the promoted file itself, so that their own entry goes.
    pub merged: HashSet<usize>,
}

impl Cut {
    /// True when nothing goes.
    pub fn is_empty(&self) -> bool {
        self.verdicts.iter().all(Option::is_none)
    }

    /// Whether an entry's name is dropped. The data may stay, under the name of a hard link.
    pub fn drops_name(&self, entry: usize) -> bool {
        self.verdicts.get(entry).copied().flatten().is_some()
    }

    /// Whether an entry's bytes leave the archive; a promoted entry's data stays.
    pub fn removes(&self, entry: usize) -> bool {
        if self.promoted.contains_key(&entry) {
            return false;
        }
        self.merged.contains(&entry) || self.drops_name(entry)
    }

    /// The names under which the kept entries appear in the copy, in order, with
    /// the index of the entry that each one's bytes come from.
    pub fn kept<'a>(&'a self, survey: &'a PartSurvey) -> impl Iterator<Item = (usize, &'a [u8])> {
        survey
            .entries
            .iter()
            .enumerate()
            .filter(|(at, _)| !self.removes(*at))
            .map(|(at, entry)| {
                let name = self.promoted.get(&at).map_or(&*entry.name, |name| &**name);
                (at, name)
            })
    }

    /// True when no file of the component itself is left.
    pub fn leaves_nothing(&self, backup: &Backup, part: &Part, survey: &PartSurvey) -> bool {
        let version = backup.manifest.version();
        let mut had_some = false;
        for (at, entry) in survey.entries.iter().enumerate() {
            if entry.kind == EntryKind::Directory
                || config_path(part.kind, version, &entry.name).is_none()
            {
                continue;
            }
            had_some = true;
            if !self.removes(at) {
                return false;
            }
        }
        had_some
    }
}

/// Who decides about the entries of a part.
pub(super) struct Judges<'a> {
    /// What the user leaves out and keeps; reason `n` is the `n`th of the former.
    pub request: &'a Request,
    /// By entry: the reason for which the planner leaves it out.
    pub picked: &'a [Option<Reason>],
    /// What the user's words say about its paths.
    pub scan: Option<&'a Scan>,
}

impl Judges<'_> {
    fn verdict(&self, path: &[u8], entry: usize) -> Option<Reason> {
        // The root of a component goes with the component or not at all.
        if path.is_empty() || self.scan.is_some_and(|scan| scan.keeps(entry)) {
            return None;
        }
        let named = self.scan.and_then(|scan| scan.drops(entry));
        named.or_else(|| self.picked.get(entry).copied().flatten())
    }
}

/// The paths of a part's entries, as selectors and rules see them.
pub(super) fn paths<'a>(
    backup: &Backup,
    part: &Part,
    survey: &'a PartSurvey,
) -> Vec<Option<&'a [u8]>> {
    survey
        .entries
        .iter()
        .map(|e| config_path(part.kind, backup.manifest.version(), &e.name))
        .collect()
}

/// Decides about every entry of a part. Files that only make sense together go together.
///
/// # Errors
/// `Refused`, when hard links in what stays would get other contents than in the original;
/// `Interrupted`.
pub(super) fn cut(
    backup: &Backup,
    part: &Part,
    survey: &PartSurvey,
    judges: &Judges<'_>,
) -> Result<Cut> {
    let paths = paths(backup, part, survey);
    let verdicts = paths
        .iter()
        .enumerate()
        .map(|(at, path)| judges.verdict((*path)?, at))
        .collect();
    let mut cut = Cut {
        verdicts,
        ..Cut::default()
    };
    // Of nothing that goes nothing has to follow.
    if !cut.is_empty() {
        let keeps = |at: usize| judges.scan.is_some_and(|scan| scan.keeps(at));
        Groups::new(&part.id, survey, &paths).follow(keeps, &mut cut.verdicts);
    }
    let control = &judges.request.control;
    keep_directories_of_kept(survey, &paths, &mut cut.verdicts, &mut control.pace())?;
    let promoted = super::links::promote(survey, &mut cut, &mut control.pace());
    promoted.map_err(|e| {
        if e.kind() == Kind::Refused {
            e.in_part(part.id.clone()).at(backup.member(part).data_at())
        } else {
            e
        }
    })?;
    Ok(cut)
}

/// A directory stays when anything in it does. Takes time with the bytes of the paths, not
/// with their depth.
fn keep_directories_of_kept(
    survey: &PartSurvey,
    paths: &[Option<&[u8]>],
    verdicts: &mut [Option<Reason>],
    pace: &mut Pace<'_>,
) -> Result<()> {
    let hasher = PathHasher::default();
    let mut gone: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, (entry, path)) in survey.entries.iter().zip(paths).enumerate() {
        pace.step(entry.name.len())?;
        let dropped = verdicts.get(at).copied().flatten().is_some();
        if let (EntryKind::Directory, Some(path), true) = (entry.kind, path, dropped) {
            gone.entry(hasher.hash(path)).or_default().push(at);
        }
    }
    if gone.is_empty() {
        return Ok(());
    }
    let (mut needed, mut folder) = (Vec::new(), &b""[..]);
    for path in paths
        .iter()
        .zip(verdicts.iter())
        .filter(|(_, verdict)| verdict.is_none())
        .filter_map(|(path, _)| *path)
    {
        let above = path
            .iter()
            .rposition(|&b| b == b'/')
            .and_then(|slash| path.get(..slash))
            .unwrap_or_default();
        // Neighbours mostly lie in the same folder.
        pace.step(above.len())?;
        if above != folder {
            folder = above;
            needed.extend(
                hasher
                    .prefixes(above)
                    .filter_map(|(hash, _)| gone.remove(&hash))
                    .flatten(),
            );
        }
    }
    for at in needed {
        if let Some(slot) = verdicts.get_mut(at) {
            *slot = None;
        }
    }
    Ok(())
}

/// Whether the recorder's database goes: the file itself, not one beside it.
pub fn drops_recorder(backup: &Backup, part: &Part, survey: &PartSurvey, cut: &Cut) -> bool {
    let is_database = |path: &[u8]| is_recorder_file(path) && path.ends_with(b".db");
    part.id == "homeassistant"
        && survey.entries.iter().enumerate().any(|(at, entry)| {
            cut.drops_name(at)
                && config_path(part.kind, backup.manifest.version(), &entry.name)
                    .is_some_and(is_database)
        })
}
