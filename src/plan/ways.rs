//! When a plan cannot fit: what the user could say, and what that would cost.

use super::{Plan, Request, Unit, decide, enough, propose};
use crate::error::Result;
use crate::open::Backup;
use crate::report::words;
use crate::rules::Class;
use crate::survey::PartSurvey;

/// One way to make it fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayOut {
    /// The options to add to the command.
    pub options: String,
    /// What would be lost, one sentence each, beyond what may go anyway.
    pub lost: Vec<String>,
    /// The copy's size then, in bytes.
    pub predicted_size: u64,
}

/// Up to three ways: consent to history, consent to all that rules know, the
/// smallest set of whole folders and add-ons.
pub(super) fn out(backup: &Backup, surveys: &[PartSurvey], request: &Request, named: &Plan, units: &[Unit]) -> Result<Vec<WayOut>> {
    let mut ways: Vec<WayOut> = Vec::new();
    for classes in [&[Class::History][..], &[Class::History, Class::User]] {
        if classes.iter().all(|c| request.class_may_go(*c)) {
            continue;
        }
        let request = Request { allow: classes.to_vec(), ..request.clone() };
        let allowed: Vec<Unit> = units.iter().filter(|u| request.may_go(backup, u)).cloned().collect();
        let plan = enough(backup, surveys, &request, named, &allowed)?;
        let names: Vec<&str> = classes.iter().map(|c| c.name()).collect();
        let way = way(format!("--allow {}", names.join(",")), &plan, |u| !u.class().is_free());
        if plan.predicted_size <= request.target_size() && !ways.iter().any(|w| w.lost == way.lost) {
            ways.push(way);
        }
    }
    ways.extend(whole(backup, surveys, request, named, units)?);
    Ok(ways)
}

/// Whole parts on top of what may go anyway.
fn whole(backup: &Backup, surveys: &[PartSurvey], request: &Request, named: &Plan, units: &[Unit]) -> Result<Option<WayOut>> {
    let mut picked: Vec<Unit> = units.iter().filter(|u| request.may_go(backup, u) && !u.is_whole()).cloned().collect();
    let plan = decide::plan(backup, surveys, request, &picked)?;
    let whole: Vec<&Unit> = units.iter().filter(|u| u.is_whole()).collect();
    let left: Vec<u64> = whole.iter().map(|u| plan.parts.get(u.part).map_or(0, |p| p.predicted)).collect();
    let need = plan.predicted_size.saturating_sub(request.target_size());
    // The padding of the end may take up to a record of what is won.
    let Some(chosen) = propose::smallest_cover(&left, need.saturating_add(crate::format::outer::RECORD)) else { return Ok(None) };
    let parts: Vec<usize> = chosen.into_iter().filter_map(|at| whole.get(at).map(|u| u.part)).collect();
    picked.retain(|u| !parts.contains(&u.part));
    picked.extend(whole.into_iter().filter(|u| parts.contains(&u.part)).cloned());
    let plan = decide::plan(backup, surveys, request, &picked)?;
    if plan.predicted_size > request.target_size() || named.parts.is_empty() {
        return Ok(None);
    }
    Ok(Some(way(words::drop_options(backup, &parts), &plan, Unit::is_whole)))
}

fn way(options: String, plan: &Plan, counts: impl Fn(&Unit) -> bool) -> WayOut {
    let rows = plan.drops.iter().filter(|row| {
        let whole = plan.units.iter().any(|u| counts(u) && u.rule.as_ref().map(|r| &r.id) == row.rule.as_ref());
        whole && row.unit
    });
    let lost = rows.map(|row| format!("{} ({}): {}", row.title, crate::size::decimal(row.stored_bytes), row.lost)).collect();
    WayOut { options, lost, predicted_size: plan.predicted_size }
}
