//! What the user's globs do not take: that, or its folder, has to be typed out in full.

use super::conditions::{IMAGE, image_must_stay};
use super::cut::paths;
use super::groups::Groups;
use super::scan::{Scan, Scans};
use super::selector::Selector;
use super::{Action, PartPlan, Request};
use crate::error::{Error, Kind, Result, escape};
use crate::format::tar::block::EntryKind;
use crate::open::{Backup, Part};
use crate::rules::NeverList;
use crate::survey::{PartSurvey, config_path};

/// Of more reasons than this nobody wants to read.
const REASONS: usize = 6;

/// How what a pattern leaves alone is left out all the same.
const PATTERN: &str =
    " Patterns leave such files alone: name the folder or the file in full to leave it out.";

/// What is held back from globs in one part.
pub(super) struct Guard<'a> {
    request: &'a Request,
    id: &'a str,
    /// None where no glob of the user's asks.
    never: Option<NeverList>,
    /// Whether nothing could build the add-on's image again.
    image_stays: bool,
}

impl<'a> Guard<'a> {
    /// # Errors
    /// `Usage`, when the globs of the never-drop list cannot be compiled.
    pub fn new(backup: &Backup, part: &'a Part, request: &'a Request) -> Result<Self> {
        let asked = request.drops.iter().any(|s| {
            !s.is_typed_in_full()
                && !s.names_a_folder()
                && (s.looks_into(&part.id) || s.takes_component(&part.id))
        });
        let never = asked
            .then(|| NeverList::new(&request.catalogue, &part.id))
            .transpose();
        let never = never.map_err(|e| Error::new(Kind::Usage, e.to_string()))?;
        Ok(Self {
            request,
            id: &part.id,
            image_stays: never.is_some() && image_must_stay(backup, part, request),
            never,
        })
    }

    /// Why a selector does not take a path that it matches. A symbolic link is nothing that
    /// nobody can make again.
    pub fn held_back(&self, selector: &Selector, path: &[u8], kind: EntryKind) -> Option<&str> {
        if selector.is_typed_in_full() {
            return None;
        }
        if self.image_stays && path == IMAGE {
            return Some("Nothing could build this add-on's image again.");
        }
        let listed = || {
            selector
                .held_back(self.never.as_ref()?, path)
                .filter(|_| kind != EntryKind::Symlink)
        };
        self.request
            .spared_component(selector, self.id)
            .or_else(listed)
    }
}

/// Says what the user's globs would have taken but for this, by selector.
pub(super) fn notes(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    scans: &Scans,
    plans: &[PartPlan],
) -> Vec<(usize, String)> {
    let mut notes = Vec::new();
    for part in &backup.parts {
        for (at, selector) in request.drops.iter().enumerate() {
            if let Some(reason) = request.spared_component(selector, &part.id) {
                let text = escape(selector.text().as_bytes());
                notes.push((
                    at,
                    format!(
                        "--drop {text} keeps {}. {reason} Name it in full to leave it out.",
                        part.id
                    ),
                ));
            }
        }
    }
    for survey in surveys {
        let part = backup.part(survey.part);
        let Some(scan) = scans.of(survey.part) else {
            continue;
        };
        let note = |selector: &Selector, path: &[u8], more: u64, reason: &str, how: &str| {
            let (text, first) = (escape(selector.text().as_bytes()), escape(path));
            let others = if more == 0 {
                String::new()
            } else {
                format!(" and {more} more")
            };
            format!(
                "--drop {text} keeps {first}{others} in {}. {reason}{how}",
                part.id
            )
        };
        for (at, selector) in request
            .drops
            .iter()
            .enumerate()
            .filter(|(_, s)| s.looks_into(&part.id))
        {
            for held in scan
                .drops
                .get(at)
                .map(|hits| &hits.held)
                .into_iter()
                .flatten()
            {
                let path = survey
                    .entries
                    .get(held.first)
                    .and_then(|e| config_path(part.kind, backup.manifest.version(), &e.name));
                notes.push((
                    at,
                    note(
                        selector,
                        path.unwrap_or_default(),
                        held.count - 1,
                        &held.reason,
                        PATTERN,
                    ),
                ));
            }
        }
        let stays = |entry: usize| match plans.get(survey.part).map(|plan| &plan.action) {
            Some(Action::Drop) => false,
            Some(Action::Cut(cut)) => !cut.drops_name(entry),
            _ => true,
        };
        notes.extend(
            grouped(backup, survey, request, scan, &stays)
                .into_iter()
                .map(|(at, path, more, reason)| {
                    (
                        at,
                        request.drops.get(at).map_or(String::new(), |selector| {
                            note(selector, &path, more, &reason, "")
                        }),
                    )
                }),
        );
    }
    notes
}

/// What files a selector takes that cannot go alone: by selector the first of them, how many
/// more, and why.
fn grouped(
    backup: &Backup,
    survey: &PartSurvey,
    request: &Request,
    scan: &Scan,
    stays: &dyn Fn(usize) -> bool,
) -> Vec<(usize, Vec<u8>, u64, String)> {
    let mut held: Vec<(usize, Vec<u8>, u64, String)> = Vec::new();
    if scan.drops.iter().all(|hits| !hits.any) {
        return held;
    }
    let paths = paths(backup, backup.part(survey.part), survey);
    let groups = Groups::new(&backup.part(survey.part).id, survey, &paths);
    let mut dependent: Vec<usize> = groups.dependent().collect();
    dependent.sort_unstable();
    for index in dependent.into_iter().filter(|at| stays(*at)) {
        let (Some(at), Some(path)) = (
            scan.drops(index).map(usize::from),
            paths.get(index).copied().flatten(),
        ) else {
            continue;
        };
        let Some(reason) = groups
            .held(index, &paths)
            .filter(|_| at < request.drops.len())
        else {
            continue;
        };
        match held
            .iter()
            .position(|(of, _, _, known)| *of == at && *known == reason)
        {
            Some(known) => held.get_mut(known).into_iter().for_each(|held| held.2 += 1),
            None if held.len() < REASONS => held.push((at, path.to_vec(), 0, reason)),
            None => {}
        }
    }
    held
}
