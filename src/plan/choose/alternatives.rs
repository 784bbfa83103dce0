//! Other options when a plan cannot fit, and what each would cost.

use crate::component::{LOCAL_ADDONS, is_local_addon};
use crate::error::Result;
use crate::format::tar::block::BLOCK;
use crate::open::Backup;
use crate::plan::choose::cover::{Order, cover};
use crate::plan::choose::{candidates, fit};
use crate::plan::edit::scan::Scans;
use crate::plan::facts::{Alternative, Dropped, Offer};
use crate::plan::model::{Candidate, Outcome, Plan};
use crate::plan::request::Request;
use crate::plan::request::selector::Selector;
use crate::plan::{draft, predict};
use crate::rules::{Class, Condition};
use crate::survey::PartSurvey;

/// Up to three alternatives: consent to history, consent to everything the rules match, and the
/// smallest set of whole folders and add-ons. Each is planned in the same way as the command it
/// stands for.
pub(in crate::plan) fn out(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    scans: &Scans,
    units: &[Candidate],
) -> Result<Vec<Alternative>> {
    let mut ways: Vec<Alternative> = Vec::new();
    for classes in [&[Class::History][..], &[Class::History, Class::User]] {
        let asked = classes.iter().copied();
        let new: Vec<Class> = asked.filter(|c| !request.class_may_go(*c)).collect();
        if new.is_empty() {
            continue;
        }
        let wider = Request {
            allow: classes.iter().chain(&request.allow).copied().collect(),
            ..request.clone()
        };
        let plan = fit::enough(
            backup,
            surveys,
            &wider,
            scans,
            &candidates::allowed(backup, &wider, units),
        )?;
        add(&mut ways, request, backup, Offer::Allow(new), &plan);
    }
    if let Some((parts, plan)) = whole(backup, surveys, request, scans, units)? {
        add(&mut ways, request, backup, Offer::Drop(parts), &plan);
    }
    Ok(ways)
}

fn add(ways: &mut Vec<Alternative>, request: &Request, backup: &Backup, offer: Offer, plan: &Plan) {
    if plan.outcome != Outcome::Fits {
        return;
    }
    let way = alternative(request, backup, offer, plan);
    let loses_the_same = |other: &&mut Alternative| {
        let pairs = || other.drops.iter().zip(&way.drops);
        (other.free_bytes, other.drops.len()) == (way.free_bytes, way.drops.len())
            && pairs().all(|(one, other)| one.loses_the_same(other))
    };
    match ways.iter_mut().find(loses_the_same) {
        // Naming what is dropped is clearer than allowing a class.
        Some(same) if matches!(way.offer, Offer::Drop(_)) => same.offer = way.offer,
        Some(_) => {}
        None => ways.push(way),
    }
}

/// The result of an offer, in addition to what the user already named.
fn alternative(request: &Request, backup: &Backup, offer: Offer, plan: &Plan) -> Alternative {
    let is_named = |dropped: &&Dropped| {
        let names = |part| request.drops_component(&backup.part(part).id);
        !dropped.is_chosen() && (dropped.files.is_some() || dropped.part.is_some_and(names))
    };
    let (free, asked): (Vec<&Dropped>, Vec<&Dropped>) =
        plan.drops.iter().partition(|dropped| dropped.is_free());
    let asked = asked.into_iter().filter(|dropped| !is_named(dropped));
    Alternative {
        offer,
        drops: asked.cloned().collect(),
        free_bytes: free.iter().map(|dropped| dropped.stored_bytes).sum(),
        predicted_size: plan.predicted_size,
    }
}

/// The fewest whole parts that are enough, in addition to what may be dropped anyway.
fn whole(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    scans: &Scans,
    units: &[Candidate],
) -> Result<Option<(Vec<usize>, Plan)>> {
    let mut free = candidates::allowed(backup, request, units);
    free.retain(|u| u.rule.is_some());
    let draft = draft::draft(backup, surveys, request, scans, &free)?;
    let wholes: Vec<&Candidate> = units.iter().filter(|u| u.rule.is_none()).collect();
    let left: Vec<u64> = wholes
        .iter()
        .map(|u| draft.predicted.get(u.part).copied().unwrap_or(0))
        .collect();
    let over = draft
        .exact_size
        .saturating_sub(predict::unpadded(request.target_size()));
    // The entry for the remaining parts in the metadata may take one more block.
    let need = over.saturating_add(BLOCK as u64);
    let Some(chosen) = cover(&left, need, Order::FewestItems) else {
        return Ok(None);
    };
    let parts: Vec<usize> = chosen
        .into_iter()
        .filter_map(|at| wholes.get(at).map(|u| u.part))
        .collect();
    let mut named = request.clone();
    // These selectors are added at the end and match whole parts, so the scans stay valid for all
    // others.
    for &at in &parts {
        named.drops.push(Selector::component(&backup.part(at).id)?);
    }
    let source_goes = parts.iter().any(|&at| backup.part(at).id == LOCAL_ADDONS);
    let image_of_local = |u: &Candidate| {
        u.rule
            .as_ref()
            .is_some_and(|r| r.condition == Condition::ImageTar)
            && is_local_addon(&backup.part(u.part).id)
    };
    free.retain(|u| !(parts.contains(&u.part) || source_goes && image_of_local(u)));
    let plan = fit::enough(backup, surveys, &named, scans, &free)?;
    Ok(Some((parts, plan)))
}
