//! When a plan cannot fit: what the user could say, and what that would cost.

use super::scan::Scans;
use super::{
    DropRow, Outcome, Plan, Request, Selector, Unit, decide, predict, propose, reach, units,
};
use crate::error::Result;
use crate::format::tar::block::BLOCK;
use crate::open::Backup;
use crate::report::words;
use crate::rules::{Class, Condition};
use crate::size;
use crate::survey::PartSurvey;

/// One way to make it fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayOut {
    /// The options to add to the command.
    pub options: String,
    /// What would be lost and what a restore would do about it, one sentence or two each.
    pub lost: Vec<String>,
    /// The copy's size then, in bytes.
    pub predicted_size: u64,
}

/// Up to three ways: consent to history, consent to all that rules know, the
/// smallest set of whole folders and add-ons. Each is planned as the command would be.
pub(super) fn out(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    scans: &Scans,
    units: &[Unit],
) -> Result<Vec<WayOut>> {
    let mut ways: Vec<WayOut> = Vec::new();
    for classes in [&[Class::History][..], &[Class::History, Class::User]] {
        let new: Vec<&str> = classes
            .iter()
            .filter(|c| !request.class_may_go(**c))
            .map(|c| c.name())
            .collect();
        if new.is_empty() {
            continue;
        }
        let wider = Request {
            allow: classes.iter().chain(&request.allow).copied().collect(),
            ..request.clone()
        };
        let plan = reach::enough(
            backup,
            surveys,
            &wider,
            scans,
            &units::allowed(backup, &wider, units),
        )?;
        add(
            &mut ways,
            request,
            format!("--allow {}", new.join(",")),
            &plan,
        );
    }
    if let Some((options, plan)) = whole(backup, surveys, request, scans, units)? {
        add(&mut ways, request, options, &plan);
    }
    Ok(ways)
}

fn add(ways: &mut Vec<WayOut>, request: &Request, options: String, plan: &Plan) {
    let way = WayOut {
        options,
        lost: lost(request, plan),
        predicted_size: plan.predicted_size,
    };
    if plan.outcome != Outcome::Fits {
        return;
    }
    match ways.iter_mut().find(|w| w.lost == way.lost) {
        // To name what goes says more than to allow it.
        Some(same) if way.options.starts_with("--drop") => same.options = way.options,
        Some(_) => {}
        None => ways.push(way),
    }
}

/// The fewest whole parts that are enough on top of what may go anyway.
fn whole(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    scans: &Scans,
    units: &[Unit],
) -> Result<Option<(String, Plan)>> {
    let mut free = units::allowed(backup, request, units);
    free.retain(|u| u.rule.is_some());
    let draft = decide::draft(backup, surveys, request, scans, &free)?;
    let wholes: Vec<&Unit> = units.iter().filter(|u| u.rule.is_none()).collect();
    let left: Vec<u64> = wholes
        .iter()
        .map(|u| draft.predicted.get(u.part).copied().unwrap_or(0))
        .collect();
    let over = draft
        .exact_size
        .saturating_sub(predict::unpadded(request.target_size()));
    // What the metadata say about the rest may take a block more.
    let Some(chosen) = propose::smallest_cover(&left, over.saturating_add(BLOCK as u64)) else {
        return Ok(None);
    };
    let parts: Vec<usize> = chosen
        .into_iter()
        .filter_map(|at| wholes.get(at).map(|u| u.part))
        .collect();
    let mut named = request.clone();
    // They come last and take whole parts, so that the scans still hold for all others.
    for &at in &parts {
        named.drops.push(Selector::component(&backup.part(at).id)?);
    }
    let source_goes = parts.iter().any(|&at| backup.part(at).id == "addons/local");
    let image_of_local = |u: &Unit| {
        u.rule
            .as_ref()
            .is_some_and(|r| r.condition == Condition::ImageTar)
            && backup.part(u.part).id.starts_with("addon:local_")
    };
    free.retain(|u| !(parts.contains(&u.part) || source_goes && image_of_local(u)));
    Ok(Some((
        words::drop_options(backup, &parts),
        reach::enough(backup, surveys, &named, scans, &free)?,
    )))
}

/// What is lost besides what the user named already: in full what somebody may miss,
/// and the rest in one sum.
fn lost(request: &Request, plan: &Plan) -> Vec<String> {
    let named = |row: &DropRow| {
        !row.unit && (row.files.is_some() || request.drops_component(&row.component))
    };
    let (free, asked): (Vec<&DropRow>, Vec<&DropRow>) =
        plan.drops.iter().partition(|row| row.is_free());
    let mut lost: Vec<String> = asked
        .iter()
        .filter(|row| !named(row))
        .map(|row| sentence(row))
        .collect();
    let sum: u64 = free.iter().map(|row| row.stored_bytes).sum();
    if sum > 0 {
        lost.push(format!(
            "And caches, logs and old backups that may go anyway ({}).",
            size::decimal(sum)
        ));
    }
    lost
}

fn sentence(row: &DropRow) -> String {
    format!(
        "{} ({}): {} {}",
        row.title,
        size::decimal(row.stored_bytes),
        row.lost,
        row.on_restore
    )
}
