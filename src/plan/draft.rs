//! The plan for a given set of things to leave out.

use crate::error::{Advice, Error, Result};
use crate::format::manifest::{Changes, Made, Origin};
use crate::gzip;
use crate::open;
use crate::open::Backup;
use crate::plan::choose::candidate::Candidate;
use crate::plan::edit::Judges;
use crate::plan::edit::scan::{Scan, Scans};
use crate::plan::encryption::EncryptionChoice;
use crate::plan::layout::{Extent, Settled, Wanted, check_metadata};
use crate::plan::model::{Action, Form, Outcome, PartEdit, PartPlan, Plan, Reason};
use crate::plan::notes::Noted;
use crate::plan::request::Request;
use crate::plan::{drops, edit, layout, part_reasons, predict};
use crate::survey::PartSurvey;

/// Bytes by which a part may be larger than predicted if something is taken out of it, in whole
/// blocks. In all fixtures it was one block at most.
const SLACK: u64 = 1024;

/// Bytes that are added for each change, where there are too many to be encoded at the strongest level:
/// a two-hundredth of what is encoded again around it, which was 84 kB of contents on average.
const SLACK_OF_EACH: u64 = 128;

/// Bytes by which a part may be larger than predicted.
fn slack(edit: &PartEdit) -> u64 {
    match edit.places() {
        places if places > gzip::FEW => SLACK + SLACK_OF_EACH * places as u64,
        _ => SLACK,
    }
}

/// The action for each part, and the resulting size of the copy.
pub(super) struct Draft {
    settled: Settled,
    changes: Changes,
    /// By part: its size in the copy, in bytes.
    pub predicted: Vec<u64>,
    /// The size of the copy in bytes, before its last record is filled up.
    pub exact_size: u64,
}

impl Draft {
    /// The size that the copy will hardly exceed, in bytes, before its last record is filled up: what
    /// is compressed again around a cut may take some bytes more than it took.
    pub fn most_size(&self) -> u64 {
        let actions = self.settled.actions.iter();
        let slack = |action: &Action| match action {
            Action::Edit(edit) => slack(edit),
            _ => 0,
        };
        self.exact_size + actions.map(slack).sum::<u64>()
    }

    /// Whether the copy keeps the part, or some of it.
    pub fn keeps(&self, at: usize) -> bool {
        let action = self.settled.actions.get(at);
        action.is_some_and(|action| *action != Action::Drop)
    }
}

/// Leaves out what the user named and these units, and predicts the size of the result.
pub(super) fn draft(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    scans: &Scans,
    units: &[Candidate],
) -> Result<Draft> {
    let action = |at| action(backup, surveys, request, scans, units, at);
    let mut actions = (0..backup.parts.len())
        .map(action)
        .collect::<Result<Vec<_>>>()?;
    let extent = settled_extent(backup, request, &actions);
    if extent == Extent::All {
        for (part, action) in backup.parts.iter().zip(&mut actions) {
            if backup.is_stray(part) && !request.keeps_component(&part.id) {
                *action = Action::Drop;
            }
        }
    }
    let settled = layout::lay_out(backup, surveys, actions, Wanted::by(request), extent)?;
    let changes = changes(backup, surveys, &settled);
    let predicted = predict::parts(backup, surveys, &settled);
    let exact_size = predict::exact(backup, &predicted, &changes)?;
    Ok(Draft {
        settled,
        changes,
        predicted,
        exact_size,
    })
}

/// If a backup fits and nothing is left out of it, its faults alone are no reason to make a copy.
fn settled_extent(backup: &Backup, request: &Request, actions: &[Action]) -> Extent {
    let idle = actions.iter().all(|action| *action == Action::Copy);
    let fits = backup.input.len() <= request.limit;
    let stays = (backup.is_protected() || !request.has_key) && !request.packing.compresses();
    if idle && fits && stays && request.encryption == EncryptionChoice::AsIs {
        Extent::None
    } else {
        Extent::All
    }
}

/// The same as a full plan, with everything that is shown to the user.
pub(super) fn plan(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    scans: &Scans,
    units: &[Candidate],
) -> Result<Plan> {
    let Draft {
        settled,
        changes,
        predicted,
        exact_size,
    } = draft(backup, surveys, request, scans, units)?;
    let Settled {
        actions,
        forms,
        target,
        order,
        ..
    } = settled;
    let why = |at: usize, action: &Action, form: &Form| {
        part_reasons::reason(action, form, &target, backup, at, request, units)
    };
    let compressing = |at: usize, action: &Action, form: &Form| {
        let survey = surveys.iter().find(|survey| survey.part == at);
        part_reasons::compressing(backup, at, action, form, survey, request)
    };
    let planned = actions.into_iter().zip(forms).zip(predicted).enumerate();
    let parts: Vec<PartPlan> = planned
        .map(|(at, ((action, form), predicted))| PartPlan {
            why: why(at, &action, &form),
            compressing: compressing(at, &action, &form),
            action,
            form,
            predicted,
        })
        .collect();
    let predicted_size = predict::padded(exact_size);
    let outcome = outcome(backup, request, &parts, exact_size);
    if outcome != Outcome::AlreadyFits {
        check_metadata(backup, &changes.without)?;
    }
    let noted = Noted {
        backup,
        surveys,
        request,
        scans,
        changes: &changes,
        parts: &parts,
        order: &order,
    };
    let notes = noted.notes()?;
    let mut plan = Plan {
        notes,
        units: units.to_vec(),
        database: request.database.clone(),
        encryption: target,
        order,
        predicted_size,
        ..Plan::new(parts, changes, request.limit, outcome)
    };
    plan.drops = drops::drops(backup, surveys, request, &plan)?;
    Ok(plan)
}

fn outcome(backup: &Backup, request: &Request, parts: &[PartPlan], exact_size: u64) -> Outcome {
    let predicted_size = predict::padded(exact_size);
    let idle = parts.iter().all(|p| p.action == Action::Copy);
    // Even a copy that leaves nothing out loses the extra bytes after the end.
    let changes = !idle || predicted_size < backup.input.len();
    if idle && backup.input.len() <= request.limit {
        Outcome::AlreadyFits
    } else if exact_size <= request.most() && changes {
        Outcome::Fits
    } else {
        Outcome::CannotFit
    }
}

fn action(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    scans: &Scans,
    units: &[Candidate],
    at: usize,
) -> Result<Action> {
    request.control.check()?;
    let part = backup.part(at);
    if request.keeps_component(&part.id) {
        return Ok(Action::Copy);
    }
    if units.iter().any(|u| u.part == at && u.is_whole()) {
        return Ok(Action::Drop);
    }
    let dropped = request.drops_component(&part.id);
    if part.closed && !dropped {
        return Err(open::other_key(backup, part));
    }
    if !dropped && request.drops_within(&part.id) {
        open::check_head(backup, part)?;
    }
    match surveys.iter().find(|s| s.part == at) {
        _ if dropped && !request.keeps_within(&part.id) => Ok(Action::Drop),
        Some(survey) => cut_or_copy(backup, at, survey, request, scans, units),
        None if dropped => Ok(Action::Drop),
        None => Ok(Action::Copy),
    }
}

fn cut_or_copy(
    backup: &Backup,
    at: usize,
    survey: &PartSurvey,
    request: &Request,
    scans: &Scans,
    units: &[Candidate],
) -> Result<Action> {
    let part = backup.part(at);
    let picked = picked(at, survey, units, request.drops.len());
    let judges = Judges {
        request,
        picked: &picked,
        scan: scans.of(at),
    };
    // Most parts: their entries need not be looked at.
    if picked.is_empty() && judges.scan.is_none_or(Scan::drops_nothing) {
        return Ok(Action::Copy);
    }
    let cut = edit::edit(backup, part, survey, &judges)?;
    Ok(if cut.is_empty() {
        Action::Copy
    } else if cut.leaves_nothing(backup, part, survey) {
        Action::Drop
    } else {
        check_hazards(backup, survey, &cut).map_err(|e| {
            let id = &part.id;
            e.advice(Advice::DropOrKeep { part: id.clone() })
        })?;
        Action::Edit(cut)
    })
}

/// Refuses to rewrite a part that would make a restore fail. A part that is copied unchanged is not
/// checked: any fault in it comes from the original.
pub(super) fn check_hazards(backup: &Backup, survey: &PartSurvey, cut: &PartEdit) -> Result<()> {
    let part = backup.part(survey.part);
    let kept = |at: usize| !cut.drops_name(at);
    match survey
        .hazards
        .iter()
        .find(|hazard| kept(hazard.entry) && hazard.with.is_none_or(kept))
    {
        None => Ok(()),
        Some(hazard) => Err(Error::refused(survey.describe(hazard))
            .in_part(part.id.clone())
            .at(backup.member(part).data_at())),
    }
}

/// For each entry, the unit that drops it. The reasons for units follow those of the selectors.
fn picked(
    part: usize,
    survey: &PartSurvey,
    units: &[Candidate],
    selectors: usize,
) -> Vec<Option<Reason>> {
    let mut picked = Vec::new();
    for (at, unit) in units.iter().enumerate().filter(|(_, u)| u.part == part) {
        picked.resize(survey.entries.len(), None);
        for &entry in unit.entries.iter() {
            if let Some(slot) = picked.get_mut(entry) {
                *slot = Reason::try_from(selectors + at).ok();
            }
        }
    }
    picked
}

pub(super) fn changes(backup: &Backup, surveys: &[PartSurvey], settled: &Settled) -> Changes {
    let parts = || backup.parts.iter().enumerate().zip(&settled.actions);
    let mut without: Vec<String> = parts()
        .filter(|((_, part), action)| **action == Action::Drop && !backup.is_stray(part))
        .map(|((_, part), _)| part.list_name().to_owned())
        .collect();
    without.extend(backup.manifest.unknown_folders().map(str::to_owned));
    let without_database =
        parts().any(
            |((at, part), action)| match (action, surveys.iter().find(|s| s.part == at)) {
                (Action::Edit(cut), Some(survey)) => {
                    edit::drops_recorder(backup, part, survey, cut)
                }
                _ => false,
            },
        );
    let partial = !without.is_empty() || backup.manifest.kind() == "partial";
    let (protected, compressed) = (settled.protected, settled.compressed);
    let origin = Origin {
        slug: backup.manifest.slug().to_owned(),
    };
    Changes {
        slug: "00000000".into(),
        without,
        also: Vec::new(),
        partial,
        without_database,
        protected,
        compressed,
        made: Made::Slim,
        about: Some(origin.about()),
    }
}
