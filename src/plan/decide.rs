//! The plan for a given set of things to leave out.

use std::collections::HashMap;

use super::cut::{self, Judges, Reason};
use super::{Action, Outcome, PartPlan, Plan, Request, Target, Unit, Wrapping, drops, predict, wrapping};
use crate::error::{Error, Kind, Result};
use crate::format::manifest::Changes;
use crate::format::secure::Version;
use crate::open::Backup;
use crate::rules::NeverList;
use crate::survey::PartSurvey;

/// Leaves out what the user named and these units.
pub(super) fn plan(backup: &Backup, surveys: &[PartSurvey], request: &Request, units: &[Unit]) -> Result<Plan> {
    let actions = (0..backup.parts.len()).map(|at| action(backup, surveys, request, units, at)).collect::<Result<Vec<_>>>()?;
    finish(backup, surveys, request, units, actions)
}

fn action(backup: &Backup, surveys: &[PartSurvey], request: &Request, units: &[Unit], at: usize) -> Result<Action> {
    let part = &backup.parts[at];
    if request.keeps.iter().any(|s| s.takes_component(&part.id)) {
        return Ok(Action::Copy);
    }
    if units.iter().any(|u| u.part == at && u.is_whole()) {
        return Ok(Action::Drop);
    }
    let dropped = request.drops.iter().any(|s| s.takes_component(&part.id));
    let keeps_some = request.keeps.iter().any(|s| s.looks_into(&part.id));
    match surveys.iter().find(|s| s.part == at) {
        _ if dropped && !keeps_some => Ok(Action::Drop),
        Some(survey) => cut_or_copy(backup, at, survey, request, units),
        None if dropped => Ok(Action::Drop),
        None => Ok(Action::Copy),
    }
}

fn cut_or_copy(backup: &Backup, at: usize, survey: &PartSurvey, request: &Request, units: &[Unit]) -> Result<Action> {
    let part = &backup.parts[at];
    let never = NeverList::new(&request.catalogue, &part.id).map_err(|e| Error::new(Kind::Usage, e.to_string()))?;
    let picked = picked(at, units, request.drops.len());
    let judges = Judges { drops: &request.drops, keeps: &request.keeps, picked: &picked, never: &never };
    let cut = cut::cut(backup, part, survey, &judges)?;
    Ok(if cut.is_empty() {
        Action::Copy
    } else if cut.leaves_nothing(backup, part, survey) {
        Action::Drop
    } else {
        Action::Cut(cut)
    })
}

/// The entries of a part's units; their reasons come after those of the selectors.
fn picked(part: usize, units: &[Unit], selectors: usize) -> HashMap<usize, Reason> {
    let mut picked = HashMap::new();
    for (at, unit) in units.iter().enumerate().filter(|(_, u)| u.part == part) {
        let Ok(reason) = Reason::try_from(selectors + at) else { continue };
        picked.extend(unit.entries.iter().map(|&entry| (entry, reason)));
    }
    picked
}

fn finish(backup: &Backup, surveys: &[PartSurvey], request: &Request, units: &[Unit], mut actions: Vec<Action>) -> Result<Plan> {
    let cuts = actions.iter().any(|a| matches!(a, Action::Cut(_)));
    let target = wrapping::target(backup, request.wrapping, request.has_key, cuts)?;
    let idle = actions.iter().all(|a| *a == Action::Copy);
    // A backup that is protected already is not converted for its own sake.
    let wanted = !idle || request.wrapping != Wrapping::AsIs || !backup.is_protected();
    let able = request.has_key || target == Target::Plain && !backup.is_protected();
    if wanted && able {
        rewrap(backup, &target, &mut actions);
    }
    let changes = changes(backup, surveys, &actions, &target);
    let plan_part = |(at, action): (usize, Action)| {
        let survey = surveys.iter().find(|s| s.part == at);
        let predicted = predict::part(backup, at, &action, survey, &target);
        PartPlan { why: drops::why(&action, backup, at, request, units), action, predicted }
    };
    let parts: Vec<PartPlan> = actions.into_iter().enumerate().map(plan_part).collect();
    let predicted_size = predict::total(backup, &parts, &changes)?;
    let idle = parts.iter().all(|p| p.action == Action::Copy);
    let outcome = match () {
        () if idle && backup.input.len() <= request.limit => Outcome::AlreadyFits,
        () if predicted_size <= request.target_size() && !idle => Outcome::Fits,
        () => Outcome::CannotFit,
    };
    let notes = notes(backup, surveys, request, &changes, &parts);
    let drops = drops::rows(backup, surveys, request, units, &parts);
    let limit = request.limit;
    Ok(Plan { parts, drops, units: units.to_vec(), changes, target, limit, predicted_size, outcome, ways_out: Vec::new(), notes })
}

/// Every kept part must be wrapped alike.
fn rewrap(backup: &Backup, target: &Target, actions: &mut [Action]) {
    for (part, action) in backup.parts.iter().zip(actions.iter_mut()) {
        if *action != Action::Copy || target.fits(part) {
            continue;
        }
        // The trailer of v1's gzip streams is not one that others read.
        let broken = part.version() == Some(Version::V1) && part.compressed;
        *action = if broken { Action::Cut(cut::Cut::default()) } else { Action::Rewrap };
    }
}

fn changes(backup: &Backup, surveys: &[PartSurvey], actions: &[Action], target: &Target) -> Changes {
    let parts = || backup.parts.iter().enumerate().zip(actions);
    let without: Vec<String> = parts().filter(|(_, a)| **a == Action::Drop).map(|((_, p), _)| p.list_name().to_owned()).collect();
    let without_database = parts().any(|((at, part), action)| match (action, surveys.iter().find(|s| s.part == at)) {
        (Action::Cut(cut), Some(survey)) => cut::drops_recorder(backup, part, survey, cut),
        _ => false,
    });
    let protected = parts().any(|((_, part), action)| match action {
        Action::Drop => false,
        Action::Copy => part.version().is_some(),
        Action::Cut(_) | Action::Rewrap => *target != Target::Plain,
    });
    let partial = !without.is_empty() || backup.manifest.kind() == "partial";
    Changes { slug: "00000000".into(), without, partial, without_database, protected }
}

fn notes(backup: &Backup, surveys: &[PartSurvey], request: &Request, changes: &Changes, parts: &[PartPlan]) -> Vec<String> {
    let mut notes: Vec<String> = surveys.iter().flat_map(|s| s.warnings.iter().cloned()).collect();
    for selector in request.drops.iter().filter(|s| !drops::took_something(s, backup, surveys, parts)) {
        notes.push(format!("Nothing in this backup matches --drop {}.", crate::error::escape(selector.text().as_bytes())));
    }
    notes.extend(drops::held_back(backup, surveys, request));
    if !changes.protected {
        notes.push("The copy is not encrypted; Home Assistant Cloud accepts only encrypted backups. Give a key to encrypt it.".into());
    }
    if request.has_key && !backup.is_protected() && changes.protected {
        notes.push("The backup is not encrypted; the copy will be, with the key given. Keep that key: a restore asks for it.".into());
    }
    if !request.has_key && backup.version() == Some(Version::V1) {
        notes.push("The parts stay in SecureTar v1; with the key they would become v2.".into());
    }
    notes
}
