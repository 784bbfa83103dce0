//! Third stage, without any I/O: what is kept, dropped and rewritten, why, and how large the copy
//! will be.
#![deny(clippy::indexing_slicing)]

pub mod choose;
pub mod compression;
mod draft;
mod drops;
pub mod edit;
pub mod effects;
pub mod encryption;
pub mod facts;
mod layout;
pub(crate) mod leftovers;
mod losses;
pub mod model;
mod notes;
mod packing;
mod part_reasons;
mod predict;
mod repair;
pub mod request;
mod rest;
#[cfg(test)]
pub(crate) mod tests;

pub use choose::candidate::{Candidate, OldestOf};
pub use choose::harm::{Cost, Harm};
pub use compression::{CompressedFor, Compressing, CompressionChoice, Packing, ToCompress};
pub use effects::effect;
pub use encryption::{Encryption, EncryptionChoice};
pub use facts::{Alternative, Dropped, Offer};
pub use model::{Action, EntryFate, Form, Outcome, PartEdit, PartPlan, Plan};
pub use packing::{blocked, may_compress, to_compress};
pub use repair::{Repair, repair};
pub use request::names::location;
pub use request::selector::Selector;
pub use request::unmatched::{check_named, parse};
pub use request::{Request, builtin_catalogue};
pub use rest::rest;

use choose::{alternatives, candidates, fit};
use edit::scan::Scans;
use facts::List;
use request::locate::located;
use request::unmatched;

use crate::component::HOME_ASSISTANT;
use crate::error::Result;
use crate::open::Backup;
use crate::survey::PartSurvey;

/// The parts that must be surveyed before [`make`] can handle what the user named. To let the
/// planner choose, survey every part that can be read.
///
/// If `database` is named, the configuration is among them, because it states the location of the
/// database. [`to_survey_then`] returns the other parts.
pub fn to_survey(backup: &Backup, request: &Request) -> Vec<usize> {
    let locates = request
        .drops
        .iter()
        .chain(&request.keeps)
        .any(Selector::is_database);
    let wanted = |at: &usize| {
        let part = backup.part(*at);
        if locates && part.id == HOME_ASSISTANT && !request.drops_component(&part.id) {
            return part.layer.is_some();
        }
        let dropped_whole = request.drops_component(&part.id);
        let out_of = dropped_whole && request.keeps_within(&part.id);
        let into = request.drops_within(&part.id) && !dropped_whole;
        part.layer.is_some()
            && !part.closed
            && !request.keeps_component(&part.id)
            && (out_of || into)
    };
    (0..backup.parts.len()).filter(wanted).collect()
}

/// The other parts that must be surveyed, now that `surveys` show where `database` is.
pub fn to_survey_then(backup: &Backup, surveys: &[PartSurvey], request: &Request) -> Vec<usize> {
    let request = located(backup, surveys, request);
    let mut parts = to_survey(backup, &request);
    parts.retain(|at| surveys.iter().all(|survey| survey.part != *at));
    parts
}

/// The parts that must be surveyed before this plan is carried out: those that it encrypts or
/// decrypts. Not every stream that can be read in one form can be read in the other.
pub fn to_survey_before_converting(
    backup: &Backup,
    surveys: &[PartSurvey],
    plan: &Plan,
) -> Vec<usize> {
    let is_unseen = |at: &usize| surveys.iter().all(|survey| survey.part != *at);
    let parts = backup.parts.iter().zip(&plan.parts).enumerate();
    let converted =
        parts.filter(|(_, (part, planned))| planned.action == Action::Reencrypt && part.compressed);
    converted.map(|(at, _)| at).filter(is_unseen).collect()
}

/// Makes the plan. `surveys` holds the parts that [`to_survey`] returned and any others that the
/// planner may choose from, in any order.
///
/// What the user named is dropped first. If that is not enough, units of the free classes and of
/// the classes with consent are chosen (see [`choose::tiers::Chooser`]).
///
/// # Errors
/// `Password` if a part must be decrypted or encrypted without a key; `Refused` for links that
/// cannot be kept intact; `Interrupted` if the request's control asks to stop.
pub fn make(backup: &Backup, surveys: &[PartSurvey], request: &Request) -> Result<Plan> {
    let request = &*located(backup, surveys, request);
    let scans = Scans::new(backup, surveys, request)?;
    let named = draft::plan(backup, surveys, request, &scans, &[])?;
    let units = candidates::find(backup, surveys, request, &scans, &named)?;
    let fits = named.outcome != Outcome::CannotFit;
    let mut plan = if fits && !request.thorough {
        named
    } else {
        fit::enough(backup, surveys, request, &scans, &units)?
    };
    if plan.outcome == Outcome::CannotFit {
        plan.alternatives = alternatives::out(backup, surveys, request, &scans, &units)?;
    }
    plan.unmatched = unmatched::unmatched(backup, surveys, request, |list, at, part| {
        let scan = scans.of(part)?;
        let hits = match list {
            List::Drop => scan.drops.get(at)?,
            List::Keep => scan.keeps.get(at)?,
        };
        Some(hits.any)
    })?;
    part_reasons::of_what_stays(&mut plan, backup, surveys, request, &units);
    Ok(plan)
}

/// Everything that could be left out in addition to what the user named, the largest gain first.
/// The gain of a whole part is what it saves beyond the matches in it.
///
/// # Errors
/// As [`make`].
pub fn candidates(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
) -> Result<Vec<Candidate>> {
    let request = &*located(backup, surveys, request);
    let scans = Scans::new(backup, surveys, request)?;
    let named = draft::plan(backup, surveys, request, &scans, &[])?;
    let units = candidates::find(backup, surveys, request, &scans, &named)?;
    let inside = |part: usize| -> u64 {
        units
            .iter()
            .filter(|u| u.part == part && u.rule.is_some())
            .map(|u| u.stored)
            .sum()
    };
    let mut ranked: Vec<(u64, Candidate)> = units
        .iter()
        .map(|unit| {
            if unit.rule.is_some() {
                unit.stored
            } else {
                unit.stored.saturating_sub(inside(unit.part))
            }
        })
        .zip(units.iter().cloned())
        .collect();
    ranked.sort_by_key(|(gain, _)| std::cmp::Reverse(*gain));
    Ok(ranked.into_iter().map(|(_, unit)| unit).collect())
}
