//! The owner's files that could be left out one by one: in a folder, matched by no rule that knows
//! what they are.

use std::collections::HashSet;

use crate::error::Result;
use crate::format::tar::block::EntryKind;
use crate::open::{Backup, ComponentKind};
use crate::plan::choose::candidate::Candidate;
use crate::plan::choose::cover::{Order, cover};
use crate::plan::choose::harm::Harm;
use crate::plan::edit::scan::Scans;
use crate::plan::request::Request;
use crate::plan::request::selector::Selector;
use crate::survey::{PartSurvey, config_path};

/// Only this many of the largest files are considered.
const LARGEST: usize = 50;

/// Nobody reads a list of more files than this to decide about it.
const MOST: usize = 3;

/// The selectors of the fewest files that save `need` bytes together, at most three; empty if there
/// are none.
///
/// # Errors
/// `Interrupted`.
pub(in crate::plan) fn large_enough(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    scans: &Scans,
    units: &[Candidate],
    need: u64,
) -> Result<Vec<String>> {
    let mut files: Vec<(u64, String)> = Vec::new();
    for survey in surveys {
        files.extend(of_part(backup, survey, request, scans, units)?);
    }
    files.sort_by_key(|file| std::cmp::Reverse(file.0));
    files.truncate(LARGEST);
    let sizes: Vec<u64> = files.iter().map(|(stored, _)| *stored).collect();
    let chosen = cover(&sizes, need, Order::FewestItems).unwrap_or_default();
    if chosen.len() > MOST {
        return Ok(Vec::new());
    }
    let name = |at: usize| files.get(at).map(|(_, name)| name.clone());
    Ok(chosen.into_iter().filter_map(name).collect())
}

/// The largest files of one part, with their selectors.
fn of_part(
    backup: &Backup,
    survey: &PartSurvey,
    request: &Request,
    scans: &Scans,
    units: &[Candidate],
) -> Result<Vec<(u64, String)>> {
    let part = backup.part(survey.part);
    let is_open = part.kind == ComponentKind::Folder
        && request.catalogue.irreplaceable(&part.id).is_none()
        && !request.keeps_component(&part.id)
        && !request.drops_component(&part.id);
    if !is_open {
        return Ok(Vec::new());
    }
    let here = || {
        units
            .iter()
            .filter(|unit| unit.part == survey.part && !unit.is_whole())
    };
    let is_known = |unit: &&Candidate| {
        unit.harm != Harm::Irreplaceable || request.declined.contains(&unit.key(backup))
    };
    let known: HashSet<usize> = here()
        .filter(is_known)
        .flat_map(|unit| unit.entries.iter().copied())
        .collect();
    let scan = scans.of(survey.part);
    let mut pace = request.control.pace();
    let mut files: Vec<(u64, usize)> = Vec::new();
    for (at, entry) in survey.entries.iter().enumerate() {
        pace.step(entry.name.len())?;
        let decided = scan.is_some_and(|scan| scan.keeps(at) || scan.drops(at).is_some());
        if entry.kind == EntryKind::File && !decided && !known.contains(&at) {
            files.push((entry.stored, at));
        }
    }
    files.sort_by(|one, other| other.cmp(one));
    files.truncate(LARGEST);
    let version = backup.manifest.version();
    let named = |(stored, at): (u64, usize)| {
        let path = config_path(part.kind, version, &survey.entries.get(at)?.name)?;
        Some((stored, Selector::text_of(&part.id, path)?))
    };
    Ok(files.into_iter().filter_map(named).collect())
}
