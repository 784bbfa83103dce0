//! Which entries of one part are dropped, and what must change in the remaining ones.

pub mod conditions;
pub mod groups;
pub mod hard_links;
pub mod paths;
pub mod protected;
pub mod scan;
mod servers;

use std::collections::HashMap;

use crate::component::HOME_ASSISTANT;
use crate::error::{Kind, Result};
use crate::format::tar::block::EntryKind;
use crate::format::tar::path::PathHasher;
use crate::open::{Backup, Part};
use crate::pipe::Pace;
use crate::plan::edit::groups::Groups;
use crate::plan::edit::scan::Scan;
use crate::plan::model::{PartEdit, Reason};
use crate::plan::request::Request;
use crate::rules::RECORDER;
use crate::survey::{PartSurvey, config_path};

/// What decides about the entries of a part.
pub(crate) struct Judges<'a> {
    /// What the user drops and keeps. Reason `n` is the `n`th selector to drop.
    pub request: &'a Request,
    /// By entry: the reason why the planner drops it.
    pub picked: &'a [Option<Reason>],
    /// The user's selectors applied to the part's paths.
    pub scan: Option<&'a Scan>,
}

impl Judges<'_> {
    fn verdict(&self, path: &[u8], entry: usize) -> Option<Reason> {
        // The root of a component is kept or dropped together with the component.
        if path.is_empty() || self.scan.is_some_and(|scan| scan.keeps(entry)) {
            return None;
        }
        let named = self.scan.and_then(|scan| scan.drops(entry));
        named.or_else(|| self.picked.get(entry).copied().flatten())
    }
}

/// Decides about every entry of a part. Files that belong together are kept or dropped together.
///
/// # Errors
/// `Refused` if hard links in the remaining entries would get other contents than in the original;
/// `Interrupted`.
pub(crate) fn edit(
    backup: &Backup,
    part: &Part,
    survey: &PartSurvey,
    judges: &Judges<'_>,
) -> Result<PartEdit> {
    let paths = paths::paths(backup, part, survey);
    let verdict = |(at, path): (usize, &Option<&[u8]>)| judges.verdict((*path)?, at);
    let mut verdicts: Vec<Option<Reason>> = paths.iter().enumerate().map(verdict).collect();
    // If nothing is dropped, no other file of a group has to follow.
    if verdicts.iter().any(Option::is_some) {
        let keeps = |at: usize| judges.scan.is_some_and(|scan| scan.keeps(at));
        Groups::new(&part.id, survey, &paths).follow(keeps, &mut verdicts);
    }
    let control = &judges.request.control;
    keep_directories_of_kept(survey, &paths, &mut verdicts, &mut control.pace())?;
    let mut edit = PartEdit::new(verdicts);
    hard_links::promote(survey, &mut edit, &mut control.pace()).map_err(|error| {
        if error.kind() == Kind::Refused {
            error
                .in_part(part.id.clone())
                .at(backup.member(part).data_at())
        } else {
            error
        }
    })?;
    Ok(edit)
}

/// A directory stays if anything in it stays. The time grows with the number of bytes in the paths,
/// not with their depth.
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
        // Consecutive entries are mostly in the same folder.
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

/// Whether the recorder's database is dropped: the file itself, not one next to it.
pub fn drops_recorder(backup: &Backup, part: &Part, survey: &PartSurvey, cut: &PartEdit) -> bool {
    part.id == HOME_ASSISTANT
        && survey.entries.iter().enumerate().any(|(at, entry)| {
            cut.drops_name(at)
                && config_path(part.kind, backup.manifest.version(), &entry.name)
                    .is_some_and(|path| path == RECORDER)
        })
}
