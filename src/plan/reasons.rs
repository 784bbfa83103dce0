//! Why a part is treated as it is, in a few words for the table.

use crate::error::{Result, escape};
use crate::open::Backup;
use crate::plan::edit::scan::Scans;
use crate::plan::encryption::Encryption;
use crate::plan::model::{Action, Candidate, Form, Outcome, PartEdit, PartPlan, Plan};
use crate::plan::request::Request;
use crate::plan::request::selector::Selector;
use crate::plan::request::selector_set::Selectors;
use crate::rules::Class;
use crate::size;
use crate::survey::{PartSurvey, config_path};

/// Why a part is treated as it is. What is known only once a plan is finished is added
/// by [`of_what_stays`].
pub(super) fn why(
    action: &Action,
    form: &Form,
    target: &Encryption,
    backup: &Backup,
    at: usize,
    request: &Request,
    units: &[Candidate],
) -> String {
    let part = backup.part(at);
    match action {
        Action::Rewrite if form.compressed != part.compressed => if form.compressed {
            "compressed like the others"
        } else {
            "not compressed, like the others"
        }
        .into(),
        Action::Copy if form.name.is_some() => "under its right name".into(),
        Action::Rewrite if *target == Encryption::Plain => "decrypted".into(),
        Action::Reencrypt if *target == Encryption::Plain => "decrypted".into(),
        Action::Rewrite => "rewritten in another version".into(),
        Action::Drop | Action::Edit(_) => causes(backup, at, request, units).join(", "),
        Action::Reencrypt if part.version().is_none() => "encrypted".into(),
        Action::Reencrypt => "encrypted anew".into(),
        Action::Copy if request.keeps_component(&part.id) => "--keep".into(),
        Action::Copy => "not named".into(),
    }
}

fn causes(backup: &Backup, at: usize, request: &Request, units: &[Candidate]) -> Vec<String> {
    let part = backup.part(at);
    let takes = |s: &&Selector| {
        s.looks_into(&part.id)
            || s.takes_component(&part.id) && !request.spares_component(s, &part.id)
    };
    let mut causes: Vec<String> = request
        .drops
        .iter()
        .filter(takes)
        .map(|s| format!("--drop {}", escape(s.text().as_bytes())))
        .collect();
    for unit in units.iter().filter(|u| u.part == at) {
        if unit.rule.is_none() {
            causes.push("whole part".into());
        }
        causes.extend(
            unit.finds()
                .filter_map(|find| find.rule.as_ref())
                .map(|rule| rule.id.clone()),
        );
    }
    causes.dedup();
    causes
}

/// Says about every part that is copied what keeps it from getting smaller.
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
            "it fits as it is".into()
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
) -> String {
    let finds = || units.iter().filter(|u| u.part == at && u.rule.is_some());
    if finds().any(|u| request.may_go(backup, u)) {
        return "not needed".into();
    }
    let is_declined = |unit: &&Candidate| request.declined.contains(&unit.key(backup));
    let mut asks: Vec<String> = Vec::new();
    for class in [Class::History, Class::User] {
        let stored: u64 = finds()
            .filter(|u| u.class() == class && !is_declined(u))
            .map(|u| u.stored)
            .sum();
        if stored > 0 {
            asks.push(format!("{} of {}", size::decimal(stored), class.name()));
        }
    }
    let declined: u64 = finds().filter(is_declined).map(|u| u.stored).sum();
    let whole = request
        .declined
        .contains(&(backup.part(at).id.clone(), None));
    match (asks.is_empty(), declined) {
        (true, 0) if whole => "declined".into(),
        (true, 0) if surveyed => "no rule takes anything".into(),
        (true, 0) => "not looked into".into(),
        (true, declined) => format!("{} declined", size::decimal(declined)),
        (false, 0) => format!("{} only with consent", asks.join(", ")),
        (false, declined) => format!(
            "{} declined, {} only with consent",
            size::decimal(declined),
            asks.join(", ")
        ),
    }
}

/// For each of the user's selectors whether it had any effect. Looks at the paths once at most.
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
    // The others may match what has gone for another reason.
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
