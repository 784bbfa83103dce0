//! Why each part is treated as it is, and which selectors had an effect.

use crate::error::Result;
use crate::gzip;
use crate::open::Backup;
use crate::plan::choose::candidate::Candidate;
use crate::plan::choose::candidates::may_go;
use crate::plan::compression::{CompressedFor, Compressing};
use crate::plan::edit::scan::Scans;
use crate::plan::encryption::Encryption;
use crate::plan::facts::{PartReason, Taker};
use crate::plan::model::{Action, Form, Outcome, PartEdit, PartPlan, Plan};
use crate::plan::request::Request;
use crate::plan::request::selector_set::Selectors;
use crate::rules::Class;
use crate::survey::{PartSurvey, config_path};

/// Why a part is treated as it is. [`of_what_stays`] adds the reasons that are known only once the
/// plan is finished.
pub(super) fn reason(
    action: &Action,
    form: &Form,
    encryption: &Encryption,
    backup: &Backup,
    at: usize,
    request: &Request,
    units: &[Candidate],
) -> PartReason {
    let part = backup.part(at);
    let is_plain = *encryption == Encryption::Plain;
    match action {
        Action::Rewrite if form.compressed && !part.compressed && request.packing.compresses() => {
            PartReason::Compressed
        }
        Action::Rewrite if form.compressed != part.compressed => PartReason::Recoded {
            compressed: form.compressed,
        },
        Action::Copy if form.name.is_some() => PartReason::Renamed,
        Action::Rewrite | Action::Reencrypt if is_plain => PartReason::Decrypted,
        Action::Rewrite if part.has_odd_gzip && part.version().is_some() && !is_plain => {
            PartReason::PutInOrder
        }
        Action::Rewrite if part.version().is_none() => PartReason::Encrypted,
        Action::Rewrite => PartReason::OtherVersion,
        Action::Drop | Action::Edit(_) => {
            let takers = takers(backup, at, request, units);
            if takers.is_empty() && backup.is_stray(part) {
                PartReason::Stray
            } else {
                PartReason::Taken(takers)
            }
        }
        Action::Reencrypt if part.version().is_none() => PartReason::Encrypted,
        Action::Reencrypt => PartReason::Reencrypted,
        Action::Copy if request.keeps_component(&part.id) => PartReason::Kept,
        Action::Copy => PartReason::NotNamed,
    }
}

/// How a part is compressed as a whole, if it is.
pub(super) fn compressing(
    backup: &Backup,
    at: usize,
    action: &Action,
    form: &Form,
    survey: Option<&PartSurvey>,
    request: &Request,
) -> Option<Compressing> {
    let edit = action.edit().filter(|_| form.compressed)?;
    let part = backup.part(at);
    if !part.compressed {
        let packed = survey.and_then(|survey| survey.packed);
        return Some(Compressing {
            why: if request.packing.compresses() {
                CompressedFor::Size
            } else {
                CompressedFor::Flag
            },
            level: gzip::NEW_LEVEL,
            seconds: packed.map(|packed| packed.seconds),
            is_exact: packed.is_some() && edit.is_empty(),
        });
    }
    let why = match survey {
        None => CompressedFor::Version,
        Some(survey) if survey.end.gzip.is_some_and(|gzip| gzip.members > 1) => {
            CompressedFor::Members
        }
        Some(_) => return None,
    };
    let tried = request.levels.iter().find(|tried| tried.part == at);
    Some(Compressing {
        why,
        level: tried.map_or_else(
            || gzip::level(part.version().is_some()),
            |tried| tried.level,
        ),
        seconds: tried.map(|tried| tried.seconds),
        is_exact: false,
    })
}

fn takers(backup: &Backup, at: usize, request: &Request, units: &[Candidate]) -> Vec<Taker> {
    let selectors = request.selectors_into(backup.part(at));
    let mut takers: Vec<Taker> = selectors
        .map(|selector| Taker::Selector(selector.text().to_owned()))
        .collect();
    for unit in units.iter().filter(|u| u.part == at) {
        if unit.rule.is_none() {
            takers.push(Taker::Whole);
        }
        let rules = unit.finds().filter_map(|find| find.rule.as_ref());
        takers.extend(rules.map(|rule| Taker::Rule(rule.id.clone())));
    }
    takers.dedup();
    takers
}

/// For every copied part, finds why it does not get smaller.
pub(super) fn of_what_stays(
    plan: &mut Plan,
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    units: &[Candidate],
) {
    let fits = plan.outcome == Outcome::AlreadyFits;
    for (at, (planned, part)) in plan.parts.iter_mut().zip(&backup.parts).enumerate() {
        if planned.action != Action::Copy || request.keeps_component(&part.id) {
            continue;
        }
        let surveyed = surveys.iter().any(|s| s.part == at);
        planned.why = if fits {
            PartReason::Fits
        } else {
            stays(backup, request, units, at, surveyed)
        };
    }
}

fn stays(
    backup: &Backup,
    request: &Request,
    units: &[Candidate],
    at: usize,
    surveyed: bool,
) -> PartReason {
    let finds = || units.iter().filter(|u| u.part == at && u.rule.is_some());
    if finds().any(|u| may_go(backup, request, u)) {
        return PartReason::NotNeeded;
    }
    let is_declined = |unit: &&Candidate| request.declined.contains(&unit.key(backup));
    let stored_of = |class: Class| -> u64 {
        let of_class = finds().filter(|u| u.class() == class && !is_declined(u));
        of_class.map(|u| u.stored).sum()
    };
    let asks = [Class::History, Class::User].map(|class| (class, stored_of(class)));
    let asks: Vec<(Class, u64)> = asks.into_iter().filter(|(_, stored)| *stored > 0).collect();
    let declined: u64 = finds().filter(is_declined).map(|u| u.stored).sum();
    let whole = (backup.part(at).id.clone(), None);
    match (asks.is_empty(), declined) {
        (true, 0) if request.declined.contains(&whole) => PartReason::Declined,
        (true, 0) if surveyed => PartReason::NoFinds,
        (true, 0) => PartReason::NotLookedInto,
        _ => PartReason::Consent { asks, declined },
    }
}

/// For each of the user's selectors, whether it had any effect. Reads the paths at most once.
///
/// # Errors
/// `Interrupted`.
pub(super) fn took_something(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    scans: &Scans,
    parts: &[PartPlan],
) -> Result<Vec<bool>> {
    let mut took = vec![false; request.drops.len()];
    for (_, part) in parts
        .iter()
        .zip(&backup.parts)
        .filter(|(plan, _)| plan.action == Action::Drop)
    {
        for (took, selector) in took.iter_mut().zip(&request.drops) {
            *took |= selector.takes_component(&part.id) || selector.looks_into(&part.id);
        }
    }
    for survey in surveys {
        if let Some(Action::Edit(cut)) = parts.get(survey.part).map(|plan| &plan.action) {
            took_paths(backup, survey, cut, request, scans, &mut took)?;
        }
    }
    Ok(took)
}

fn took_paths(
    backup: &Backup,
    survey: &PartSurvey,
    cut: &PartEdit,
    request: &Request,
    scans: &Scans,
    took: &mut [bool],
) -> Result<()> {
    for reason in (0..cut.fates.len()).filter_map(|at| cut.reason(at)) {
        took.get_mut(usize::from(reason))
            .into_iter()
            .for_each(|took| *took = true);
    }
    // The others may match entries that were dropped for another reason.
    let hits = scans
        .of(survey.part)
        .map(|scan| scan.drops.as_slice())
        .unwrap_or_default();
    if took.iter().zip(hits).all(|(took, hits)| *took || !hits.any) {
        return Ok(());
    }
    let part = backup.part(survey.part);
    let selectors = Selectors::new(&request.drops, &part.id)?;
    let (mut pace, mut taking) = (request.control.pace(), Vec::new());
    for (_, entry) in survey
        .entries
        .iter()
        .enumerate()
        .filter(|(at, _)| cut.drops_name(*at))
    {
        pace.step(entry.name.len())?;
        let Some(path) = config_path(part.kind, backup.manifest.version(), &entry.name) else {
            continue;
        };
        selectors.taking(path, &mut taking);
        for &at in &taking {
            took.get_mut(at).into_iter().for_each(|took| *took = true);
        }
    }
    Ok(())
}
