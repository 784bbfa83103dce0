//! The plan for a given set of things to leave out.

use super::cut::{self, Cut, Judges, Reason};
use super::database;
use super::guard;
use super::leftovers;
use super::named::{self, Match};
use super::scan::Scans;
use super::settle::{Extent, Settled, check_metadata, settle};
use super::{
    Action, Form, Outcome, PartPlan, Plan, Request, Unit, Wrapping, predict, reasons, rows,
};
use crate::error::{Error, Result, escape};
use crate::format::manifest::Changes;
use crate::format::securetar::Version;
use crate::open::{self, Backup};
use crate::survey::PartSurvey;

/// What is done with each part, and how large that makes the copy.
pub(super) struct Draft {
    settled: Settled,
    changes: Changes,
    /// By part: bytes that it takes in the copy.
    pub predicted: Vec<u64>,
    /// Bytes of the copy before its last record is filled up.
    pub exact_size: u64,
}

/// Leaves out what the user named and these units, and weighs the result.
pub(super) fn draft(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    scans: &Scans,
    units: &[Unit],
) -> Result<Draft> {
    let action = |at| action(backup, surveys, request, scans, units, at);
    let actions = (0..backup.parts.len())
        .map(action)
        .collect::<Result<Vec<_>>>()?;
    let extent = settled_extent(backup, request, &actions);
    let settled = settle(backup, actions, request.wrapping, request.has_key, extent)?;
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

/// A backup that fits and of which nothing is left out is not put right for its own sake: no copy
/// is made of it.
fn settled_extent(backup: &Backup, request: &Request, actions: &[Action]) -> Extent {
    let idle = actions.iter().all(|action| *action == Action::Copy);
    let fits = backup.input.len() <= request.limit;
    let stays = backup.is_protected() || !request.has_key;
    if idle && fits && stays && request.wrapping == Wrapping::AsIs {
        Extent::None
    } else {
        Extent::All
    }
}

/// The same with all that the user wants to know about it.
pub(super) fn plan(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    scans: &Scans,
    units: &[Unit],
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
        reasons::why(action, form, &target, backup, at, request, units)
    };
    let planned = actions.into_iter().zip(forms).zip(predicted).enumerate();
    let parts: Vec<PartPlan> = planned
        .map(|(at, ((action, form), predicted))| PartPlan {
            why: why(at, &action, &form),
            action,
            form,
            predicted,
        })
        .collect();
    let predicted_size = predict::padded(exact_size);
    if outcome(backup, request, &parts, predicted_size) != Outcome::AlreadyFits {
        check_metadata(backup, &changes.without)?;
    }
    let mut notes = notes(backup, surveys, request, scans, &changes, &parts)?;
    notes.extend(moved(backup, &order));
    let mut plan = Plan {
        outcome: outcome(backup, request, &parts, predicted_size),
        notes,
        parts,
        drops: Vec::new(),
        units: units.to_vec(),
        changes,
        target,
        order,
        limit: request.limit,
        predicted_size,
        ways_out: Vec::new(),
        warnings: Vec::new(),
    };
    plan.drops = rows::rows(backup, surveys, request, &plan)?;
    Ok(plan)
}

/// Says which part the copy has in another place, and why.
fn moved(backup: &Backup, order: &[usize]) -> Option<String> {
    let (now, &member) = order
        .iter()
        .enumerate()
        .find(|&(at, &member)| at != member)?;
    let (moved, before) = (backup.part_of(member)?, backup.part_of(now)?);
    let (moved, before) = (&backup.part(moved).id, &backup.part(before).id);
    Some(format!(
        "In the copy {moved} stands before {before}: before a restore Home Assistant tries the key on the first archive, and {before} would not open."
    ))
}

fn outcome(backup: &Backup, request: &Request, parts: &[PartPlan], predicted_size: u64) -> Outcome {
    let idle = parts.iter().all(|p| p.action == Action::Copy);
    // A copy that leaves nothing out is rid of bytes that belong to nothing all the same.
    let changes = !idle || predicted_size < backup.input.len();
    match () {
        () if idle && backup.input.len() <= request.limit => Outcome::AlreadyFits,
        () if predicted_size <= request.target_size() && changes => Outcome::Fits,
        () => Outcome::CannotFit,
    }
}

fn action(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    scans: &Scans,
    units: &[Unit],
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
    units: &[Unit],
) -> Result<Action> {
    let part = backup.part(at);
    let picked = picked(at, survey, units, request.drops.len());
    let judges = Judges {
        request,
        picked: &picked,
        scan: scans.of(at),
    };
    let cut = cut::cut(backup, part, survey, &judges)?;
    Ok(if cut.is_empty() {
        Action::Copy
    } else if cut.leaves_nothing(backup, part, survey) {
        Action::Drop
    } else {
        check_hazards(backup, survey, &cut).map_err(|e| {
            let id = &part.id;
            e.advice(format!(
                "A restore could not cope with it. Leave it out as well with --drop, or keep the part as it is with --keep {id}."
            ))
        })?;
        Action::Cut(cut)
    })
}

/// Refuses to write a part anew that a restore could not cope with. One that is copied as it
/// is has only itself to blame.
pub(super) fn check_hazards(backup: &Backup, survey: &PartSurvey, cut: &Cut) -> Result<()> {
    let part = backup.part(survey.part);
    let kept = |at: usize| cut.verdicts.get(at).copied().flatten().is_none();
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

/// Says what a restore could not cope with in parts that keep all that they hold, and what it
/// fails on in all of them.
pub(super) fn hazards_kept<'a>(
    backup: &Backup,
    surveys: &[PartSurvey],
    action: impl Fn(usize) -> Option<&'a Action>,
) -> Vec<String> {
    let whole = |survey: &&PartSurvey| match action(survey.part) {
        Some(Action::Copy | Action::Rewrap) => true,
        Some(Action::Cut(cut)) => cut.is_empty(),
        Some(Action::Drop) | None => false,
    };
    let note = |survey: &PartSurvey| {
        let (first, part) = (survey.hazards.first()?, backup.parts.get(survey.part)?);
        let (count, first) = (survey.hazards.len(), survey.describe(first));
        Some(format!(
            "{} is kept as it is, with {count} things that a restore could not cope with. The first: {first}.",
            part.id
        ))
    };
    let hazards = surveys.iter().filter(whole).filter_map(note);
    hazards
        .chain(leftovers::specials_kept(backup, surveys, &action))
        .collect()
}

/// The entries of a part's units; their reasons come after those of the selectors.
fn picked(
    part: usize,
    survey: &PartSurvey,
    units: &[Unit],
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

fn changes(backup: &Backup, surveys: &[PartSurvey], settled: &Settled) -> Changes {
    let parts = || backup.parts.iter().enumerate().zip(&settled.actions);
    let mut without: Vec<String> = parts()
        .filter(|(_, a)| **a == Action::Drop)
        .map(|((_, p), _)| p.list_name().to_owned())
        .collect();
    without.extend(backup.manifest.unknown_folders().map(str::to_owned));
    let without_database =
        parts().any(
            |((at, part), action)| match (action, surveys.iter().find(|s| s.part == at)) {
                (Action::Cut(cut), Some(survey)) => cut::drops_recorder(backup, part, survey, cut),
                _ => false,
            },
        );
    let partial = !without.is_empty() || backup.manifest.kind() == "partial";
    let (protected, compressed) = (settled.protected, settled.compressed);
    Changes {
        slug: "00000000".into(),
        without,
        also: Vec::new(),
        partial,
        without_database,
        protected,
        compressed,
        repaired: false,
    }
}

fn notes(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    scans: &Scans,
    changes: &Changes,
    parts: &[PartPlan],
) -> Result<Vec<String>> {
    let mut notes: Vec<String> = surveys
        .iter()
        .flat_map(|s| s.warnings.iter().cloned())
        .collect();
    let held = guard::notes(backup, surveys, request, scans, parts);
    notes.extend(database::notes(request));
    let took = reasons::took_something(backup, surveys, request, scans, parts)?;
    for (at, selector) in request.drops.iter().enumerate() {
        if held.iter().any(|(of, _)| *of == at) || took.get(at).copied().unwrap_or_default() {
            continue;
        }
        let text = escape(selector.text().as_bytes());
        match named::find(selector, backup, |part| Some(scans.of(part)?.drops.get(at)?.any)) {
            Match::Found => notes.push(format!("--drop {text} takes nothing: all that it matches stays. `haslim plan --why` tells why.")),
            // Nobody could look.
            Match::Unknown => notes.push(format!("Nothing in this backup matches --drop {text}.")),
            // A warning says so.
            Match::Nowhere => {}
        }
    }
    notes.extend(held.into_iter().map(|(_, note)| note));
    let action = |at: usize| parts.get(at).map(|p| &p.action);
    notes.extend(hazards_kept(backup, surveys, action));
    notes.extend(leftovers::links_kept(backup, surveys, action));
    if !changes.protected {
        let way = match request.wrapping {
            Wrapping::Plain => "Without --securetar none it would be encrypted, with the key.",
            _ => {
                "Home Assistant's encryption key, given with --emergency-kit or --password-file, would encrypt it."
            }
        };
        notes.push(format!(
            "The copy is not encrypted; Home Assistant Cloud accepts only encrypted backups. {way}"
        ));
    }
    if request.has_key && !backup.is_protected() && changes.protected {
        notes.push("The backup is not encrypted; the copy will be, with the key given. Keep that key: a restore asks for it.".into());
    }
    if !request.has_key && backup.version() == Some(Version::V1) {
        notes.push("The parts stay in SecureTar v1; with the key they would become v2.".into());
    }
    Ok(notes)
}
