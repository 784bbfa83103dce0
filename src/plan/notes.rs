//! What the user should know about a plan.

use crate::error::Result;
use crate::format::manifest::Changes;
use crate::format::securetar::Version;
use crate::open::Backup;
use crate::plan::compression::{CompressedFor, Packing};
use crate::plan::edit::groups::Groups;
use crate::plan::edit::paths::paths;
use crate::plan::edit::scan::{Scan, Scans};
use crate::plan::encryption::EncryptionChoice;
use crate::plan::facts::{Note, PartReason};
use crate::plan::model::{Action, PartPlan};
use crate::plan::request::unmatched::{self, Match};
use crate::plan::request::{Request, locate};
use crate::plan::{leftovers, part_reasons};
use crate::survey::{PartSurvey, config_path};

/// More reasons than this are too many to read.
const REASONS: usize = 6;

/// What the notes are based on.
pub(super) struct Noted<'a> {
    pub backup: &'a Backup,
    pub surveys: &'a [PartSurvey],
    pub request: &'a Request,
    pub scans: &'a Scans,
    pub changes: &'a Changes,
    pub parts: &'a [PartPlan],
    pub order: &'a [usize],
}

impl Noted<'_> {
    /// All notes, in the order in which they are shown.
    ///
    /// # Errors
    /// `Interrupted`.
    pub fn notes(&self) -> Result<Vec<Note>> {
        let (backup, surveys) = (self.backup, self.surveys);
        let of_surveys = surveys.iter().flat_map(|s| s.warnings.iter().cloned());
        let mut notes: Vec<Note> = of_surveys.map(Note::Survey).collect();
        notes.extend(locate::note(self.request));
        let held = self.held_back();
        notes.extend(self.without_effect(&held)?);
        notes.extend(held.into_iter().map(|(_, note)| note));
        let action = |at: usize| self.parts.get(at).map(|p| &p.action);
        notes.extend(hazards_kept(backup, surveys, action));
        notes.extend(leftovers::links_kept(backup, surveys, action));
        notes.extend(self.of_encryption());
        notes.extend(self.of_compression());
        notes.extend(self.compressed_as_whole());
        notes.extend(self.moved());
        notes.extend(self.strays());
        Ok(notes)
    }

    /// Parts that are left out because nothing is in them.
    fn strays(&self) -> Option<Note> {
        let parts = self.parts.iter().enumerate();
        let strays = parts.filter(|(_, plan)| plan.why == PartReason::Stray);
        let parts: Vec<usize> = strays.map(|(at, _)| at).collect();
        (!parts.is_empty()).then_some(Note::Strays { parts })
    }

    /// The selectors that drop nothing, except those whose reason is in `held`.
    fn without_effect(&self, held: &[(usize, Note)]) -> Result<Vec<Note>> {
        let (request, scans) = (self.request, self.scans);
        let took =
            part_reasons::took_something(self.backup, self.surveys, request, scans, self.parts)?;
        let mut notes = Vec::new();
        for (at, selector) in request.drops.iter().enumerate() {
            let is_held = held.iter().any(|(of, _)| *of == at);
            if is_held || took.get(at).copied().unwrap_or_default() {
                continue;
            }
            let text = selector.text().to_owned();
            let hits = |part| Some(scans.of(part)?.drops.get(at)?.any);
            match unmatched::find(selector, self.backup, hits) {
                Match::Found => notes.push(Note::TakesNothing(text)),
                Match::Unknown => notes.push(Note::NotLookedInto(text)),
                // See [`Plan::unmatched`](crate::plan::Plan::unmatched).
                Match::Nowhere => {}
            }
        }
        Ok(notes)
    }

    /// By selector: what the user's selectors do not drop because files are protected or needed.
    fn held_back(&self) -> Vec<(usize, Note)> {
        let mut notes = self.spared_parts();
        for survey in self.surveys {
            if let Some(scan) = self.scans.of(survey.part) {
                notes.extend(self.protected(survey, scan));
                notes.extend(self.needed(survey, scan));
            }
        }
        notes
    }

    fn spared_parts(&self) -> Vec<(usize, Note)> {
        let mut notes = Vec::new();
        for (part, id) in self.backup.parts.iter().map(|part| &part.id).enumerate() {
            for (at, selector) in self.request.drops.iter().enumerate() {
                let reason = self.request.spared_component(selector, id);
                let note = reason.map(|reason| Note::SparesPart {
                    selector: selector.text().to_owned(),
                    part,
                    reason: reason.to_owned(),
                });
                notes.extend(note.map(|note| (at, note)));
            }
        }
        notes
    }

    fn protected(&self, survey: &PartSurvey, scan: &Scan) -> Vec<(usize, Note)> {
        let part = self.backup.part(survey.part);
        let path = |entry: usize| {
            let entry = survey.entries.get(entry)?;
            config_path(part.kind, self.backup.manifest.version(), &entry.name)
        };
        let mut notes = Vec::new();
        let selectors = self.request.drops.iter().enumerate();
        for (at, selector) in selectors.filter(|(_, s)| s.looks_into(&part.id)) {
            let held = scan.drops.get(at).map(|hits| hits.held.as_slice());
            notes.extend(held.unwrap_or_default().iter().map(|held| {
                let note = Note::Protects {
                    selector: selector.text().to_owned(),
                    part: survey.part,
                    first: path(held.first).unwrap_or_default().into(),
                    more: held.count - 1,
                    why: held.why.clone(),
                };
                (at, note)
            }));
        }
        notes
    }

    /// The files that a selector matches but that cannot be dropped alone.
    fn needed(&self, survey: &PartSurvey, scan: &Scan) -> Vec<(usize, Note)> {
        let mut notes: Vec<(usize, Note)> = Vec::new();
        if scan.drops.iter().all(|hits| !hits.any) {
            return notes;
        }
        let part = self.backup.part(survey.part);
        let paths = paths(self.backup, part, survey);
        let groups = Groups::new(&part.id, survey, &paths);
        let action = self.parts.get(survey.part).map(|plan| &plan.action);
        let goes = |at: usize| action.is_some_and(|action| action.drops_name(at));
        let mut dependent: Vec<usize> = groups.dependent().filter(|at| !goes(*at)).collect();
        dependent.sort_unstable();
        for index in dependent {
            let taken = scan.drops(index).map(usize::from);
            let selector = taken.and_then(|at| Some((at, self.request.drops.get(at)?)));
            let path = paths.get(index).copied().flatten();
            let (Some((at, selector)), Some(path)) = (selector, path) else {
                continue;
            };
            let Some(reason) = groups.held(index, &paths) else {
                continue;
            };
            let known = notes.iter_mut().find_map(|(of, note)| match note {
                Note::Needed { why, more, .. } if *of == at && *why == reason => Some(more),
                _ => None,
            });
            if let Some(more) = known {
                *more += 1;
            } else if notes.len() < REASONS {
                let note = Note::Needed {
                    selector: selector.text().to_owned(),
                    part: survey.part,
                    first: path.into(),
                    more: 0,
                    why: reason,
                };
                notes.push((at, note));
            }
        }
        notes
    }

    fn of_encryption(&self) -> Vec<Note> {
        let (backup, request) = (self.backup, self.request);
        let (was, is) = (backup.is_protected(), self.changes.protected);
        let not_encrypted = Note::NotEncrypted {
            asked: request.encryption == EncryptionChoice::Plain,
        };
        let stays_v1 = !request.has_key && backup.version() == Some(Version::V1);
        let notes = [
            (!is).then_some(not_encrypted),
            (request.has_key && !was && is).then_some(Note::EncryptedNow),
            stays_v1.then_some(Note::StaysV1),
        ];
        notes.into_iter().flatten().collect()
    }

    /// Why the parts stay uncompressed, if compressing them was considered.
    fn of_compression(&self) -> Option<Note> {
        match &self.request.packing {
            Packing::AsStored | Packing::Compress => None,
            packing => Some(Note::NotCompressed(packing.clone())),
        }
    }

    /// The parts that are compressed as a whole for another reason than the size.
    fn compressed_as_whole(&self) -> impl Iterator<Item = Note> {
        let parts = self.parts.iter().enumerate();
        let parts = parts.filter_map(|(part, planned)| Some((part, planned.compressing?)));
        let others = parts.filter(|(_, how)| how.why != CompressedFor::Size);
        others.map(|(part, how)| Note::CompressedAsWhole { part, how })
    }

    /// The part that is at another place in the copy than in the original.
    fn moved(&self) -> Option<Note> {
        let mut places = self.order.iter().enumerate();
        let (now, &member) = places.find(|&(at, &member)| at != member)?;
        Some(Note::Moved {
            part: self.backup.part_of(member)?,
            before: self.backup.part_of(now)?,
        })
    }
}

/// The hazards in parts that keep all of their contents, and the entries in all parts on which a
/// restore fails.
pub(super) fn hazards_kept<'a>(
    backup: &Backup,
    surveys: &[PartSurvey],
    action: impl Fn(usize) -> Option<&'a Action>,
) -> Vec<Note> {
    let is_whole = |survey: &&PartSurvey| {
        matches!(
            action(survey.part),
            Some(Action::Copy | Action::Reencrypt | Action::Rewrite)
        )
    };
    let note = |survey: &PartSurvey| {
        let first = survey.hazards.first()?;
        Some(Note::Hazards {
            part: survey.part,
            count: survey.hazards.len(),
            first: survey.describe(first),
        })
    };
    let hazards = surveys.iter().filter(is_whole).filter_map(note);
    let specials = leftovers::specials_kept(backup, surveys, &action);
    hazards
        .chain(specials.into_iter().map(Note::Specials))
        .collect()
}
