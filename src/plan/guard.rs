//! What the user's globs do not take: that, or its folder, has to be typed out in full.

use std::borrow::Cow;

use super::conditions::{IMAGE, image_must_stay};
use super::cut::paths;
use super::groups::Groups;
use super::selector::Selector;
use super::{Action, PartPlan, Request};
use crate::error::{Error, Kind, Result, escape};
use crate::format::block::EntryKind;
use crate::open::{Backup, Part};
use crate::rules::NeverList;
use crate::survey::PartSurvey;

/// Of more reasons than this nobody wants to read.
const REASONS: usize = 6;

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
        let asked = request
            .drops
            .iter()
            .any(|s| !s.is_typed_in_full() && !s.names_a_folder() && (s.looks_into(&part.id) || s.takes_component(&part.id)));
        let never = asked.then(|| NeverList::new(&request.catalogue, &part.id)).transpose();
        let never = never.map_err(|e| Error::new(Kind::Usage, e.to_string()))?;
        Ok(Self { request, id: &part.id, image_stays: never.is_some() && image_must_stay(backup, part, request), never })
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
        let listed = || selector.held_back(self.never.as_ref()?, path).filter(|_| kind != EntryKind::Symlink);
        self.request.spared_component(selector, self.id).or_else(listed)
    }
}

/// Files that stay for the same reason.
struct Held<'a> {
    reason: Cow<'a, str>,
    /// Whether they go when their names, or that of their folder, are typed out.
    guarded: bool,
    first: &'a [u8],
    more: usize,
}

impl Held<'_> {
    fn note(&self, selector: &Selector, id: &str) -> String {
        let (text, first) = (escape(selector.text().as_bytes()), escape(self.first));
        let others = if self.more == 0 { String::new() } else { format!(" and {} more", self.more) };
        let how = if self.guarded { " Patterns leave such files alone: name the folder or the file in full to leave it out." } else { "" };
        format!("--drop {text} keeps {first}{others} in {id}. {}{how}", self.reason)
    }
}

/// Says what the user's globs would have taken but for this, by selector.
pub(super) fn notes(backup: &Backup, surveys: &[PartSurvey], request: &Request, plans: &[PartPlan]) -> Result<Vec<(usize, String)>> {
    let mut notes = Vec::new();
    for part in &backup.parts {
        for (at, selector) in request.drops.iter().enumerate() {
            if let Some(reason) = request.spared_component(selector, &part.id) {
                let text = escape(selector.text().as_bytes());
                let note = format!("--drop {text} keeps {}. {reason} Name it in full to leave it out.", part.id);
                notes.push((at, note));
            }
        }
    }
    for survey in surveys {
        let part = backup.part(survey.part);
        let guard = Guard::new(backup, part, request)?;
        let mut groups = None;
        for (at, selector) in request.drops.iter().enumerate().filter(|(_, s)| s.looks_into(&part.id)) {
            let (paths, groups) = groups.get_or_insert_with(|| {
                let paths = paths(backup, part, survey);
                let groups = Groups::new(&part.id, survey, &paths);
                (paths, groups)
            });
            let stays = |entry: usize| match plans.get(survey.part).map(|plan| &plan.action) {
                Some(Action::Drop) => false,
                Some(Action::Cut(cut)) => !cut.drops_name(entry),
                _ => true,
            };
            let mut held: Vec<Held<'_>> = Vec::new();
            for (index, (path, entry)) in paths.iter().zip(&survey.entries).enumerate() {
                let Some(path) = path.filter(|path| !path.is_empty() && selector.takes_path(&part.id, path)) else { continue };
                let listed = guard.held_back(selector, path, entry.kind);
                let guarded = listed.is_some();
                let group = || groups.held(index, paths).filter(|_| stays(index) && !request.keeps_path(&part.id, path));
                let Some(reason) = listed.map(Cow::Borrowed).or_else(|| group().map(Cow::Owned)) else { continue };
                if let Some(held) = held.iter_mut().find(|held| held.reason == reason) {
                    held.more += 1;
                } else if held.len() < REASONS {
                    held.push(Held { reason, guarded, first: path, more: 0 });
                }
            }
            notes.extend(held.iter().map(|held| (at, held.note(selector, &part.id))));
        }
    }
    Ok(notes)
}
