//! What the user's globs do not take: that has to be typed out in full.

use super::Request;
use super::conditions::{IMAGE, image_must_stay};
use super::scan::Scans;
use super::selector::Selector;
use crate::error::{Error, Kind, Result, escape};
use crate::open::{Backup, Part};
use crate::rules::NeverList;
use crate::survey::{PartSurvey, config_path};

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
        let asked = request.drops.iter().any(|s| !s.is_typed_in_full() && (s.looks_into(&part.id) || s.takes_component(&part.id)));
        let never = asked.then(|| NeverList::new(&request.catalogue, &part.id)).transpose();
        let never = never.map_err(|e| Error::new(Kind::Usage, e.to_string()))?;
        Ok(Self { request, id: &part.id, image_stays: never.is_some() && image_must_stay(backup, part, request), never })
    }

    /// Why a selector does not take a path that it matches.
    pub fn held_back(&self, selector: &Selector, path: &[u8]) -> Option<&str> {
        if selector.is_typed_in_full() {
            return None;
        }
        if self.image_stays && path == IMAGE {
            return Some("Nothing could build this add-on's image again.");
        }
        self.request.spared_component(selector, self.id).or_else(|| selector.held_back(self.never.as_ref()?, path))
    }
}

/// Says what the user's globs would have taken but for this, by selector.
pub(super) fn notes(backup: &Backup, surveys: &[PartSurvey], request: &Request, scans: &Scans) -> Vec<(usize, String)> {
    let mut notes = Vec::new();
    for part in &backup.parts {
        for (at, selector) in request.drops.iter().enumerate() {
            if let Some(reason) = request.spared_component(selector, &part.id) {
                let text = escape(selector.text().as_bytes());
                let note =
                    format!("--drop {text}: {} stays, for a glob never drops it. {reason} Name it to drop it all the same.", part.id);
                notes.push((at, note));
            }
        }
    }
    for survey in surveys {
        let part = backup.part(survey.part);
        for (at, selector) in request.drops.iter().enumerate().filter(|(_, s)| s.looks_into(&part.id)) {
            let Some(hits) = scans.of(survey.part).and_then(|scan| scan.drops.get(at)) else { continue };
            let Some((first, reason)) = &hits.first_held else { continue };
            let first = survey.entries.get(*first).and_then(|e| config_path(part.kind, backup.manifest.version(), &e.name));
            let (first, more) = (first.unwrap_or_default(), hits.held - 1);
            let others = if more == 0 { String::new() } else { format!(" and {more} more") };
            let (text, first) = (escape(selector.text().as_bytes()), escape(first));
            let stays = format!("--drop {text}: in {}, {first}{others} will stay, for a glob never drops it.", part.id);
            notes.push((at, format!("{stays} {reason} Type a path out in full to drop it all the same.")));
        }
    }
    notes
}
