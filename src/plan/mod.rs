//! Third stage, without any I/O: what is kept, dropped and rewritten, why, and how
//! large the copy will be.
#![deny(clippy::indexing_slicing)]

pub mod choose;
mod conditions;
pub mod cut;
mod database;
mod decide;
pub mod explain;
mod groups;
mod guard;
mod known;
pub(crate) mod leftovers;
mod links;
mod named;
mod pattern;
mod predict;
pub mod propose;
mod reach;
mod reasons;
mod repair;
mod request;
mod rows;
mod scan;
pub mod selector;
mod settle;
#[cfg(test)]
pub(crate) mod tests;
mod units;
mod ways;
pub mod wrapping;

pub use cut::Cut;
pub use database::Located;
pub use named::{check_named, parse};
pub use repair::{Repair, repair};
pub use request::Request;
pub use rows::{DropRow, effect};
pub use selector::Selector;
pub use settle::Form;
pub use units::{Unit, builtin_catalogue};
pub use ways::WayOut;
pub use wrapping::{Target, Wrapping};

use crate::error::Result;
use crate::format::manifest::Changes;
use crate::format::securetar::Version;
use crate::open::{Backup, Part};
use crate::survey::PartSurvey;
use scan::Scans;

/// What happens to one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Its member is copied byte for byte.
    Copy,
    /// It is left out.
    Drop,
    /// Its stream is encrypted anew, without being inflated.
    Rewrap,
    /// Entries are taken out of it, or its stream is put in order.
    Cut(Cut),
}

/// The plan for one part.
#[derive(Debug, Clone)]
pub struct PartPlan {
    /// What happens to it.
    pub action: Action,
    /// Its name and form in the copy.
    pub form: Form,
    /// Bytes that it will take in the copy, as far as can be told beforehand.
    pub predicted: u64,
    /// In one sentence, for the table.
    pub why: String,
}

/// Where the plan leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was asked for and nothing has to be done.
    AlreadyFits,
    /// The copy is not larger than the limit.
    Fits,
    /// It would be larger.
    CannotFit,
}

impl Outcome {
    /// The word that `--json` uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::AlreadyFits => "already_fits",
            Self::Fits => "fits",
            Self::CannotFit => "cannot_fit",
        }
    }
}

/// A whole plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// By part, in the order of [`Backup::parts`].
    pub parts: Vec<PartPlan>,
    /// What is left out, with what that means.
    pub drops: Vec<DropRow>,
    /// The units that the planner chose; in a [`Cut`] their reasons follow those of the user's
    /// selectors.
    pub units: Vec<Unit>,
    /// What the copy's `backup.json` says differently; the slug is a stand-in of
    /// the right length until the copy is written.
    pub changes: Changes,
    /// How rewritten parts are encrypted.
    pub target: Target,
    /// The members of the original in the order in which the copy has them, also those that are
    /// left out.
    pub order: Vec<usize>,
    /// The limit that it was made for.
    pub limit: u64,
    /// The copy's size in bytes as far as can be told beforehand.
    pub predicted_size: u64,
    /// Where it leads.
    pub outcome: Outcome,
    /// When it cannot fit: what the user could say to make it fit.
    pub ways_out: Vec<WayOut>,
    /// What the user should know.
    pub notes: Vec<String>,
    /// What the user named and the backup does not have.
    pub warnings: Vec<String>,
}

impl Plan {
    /// The SecureTar version of the copy's encrypted parts; the oldest where they are mixed.
    pub fn securetar(&self, backup: &Backup) -> Option<Version> {
        let version = |(part, planned): (&Part, &PartPlan)| match planned.action {
            Action::Drop => None,
            Action::Copy => part.version(),
            Action::Cut(_) | Action::Rewrap => self.target.version(),
        };
        backup
            .parts
            .iter()
            .zip(&self.parts)
            .filter_map(version)
            .min()
    }
}

/// The parts that have to be surveyed before [`make`] can decide about what the
/// user named. To let the planner choose, survey all that can be read.
///
/// Where `database` is named, the configuration is among them: it says where that is.
/// [`to_survey_then`] has the rest.
pub fn to_survey(backup: &Backup, request: &Request) -> Vec<usize> {
    let locates = request
        .drops
        .iter()
        .chain(&request.keeps)
        .any(Selector::is_database);
    let wanted = |at: &usize| {
        let part = backup.part(*at);
        if locates && part.id == "homeassistant" && !request.drops_component(&part.id) {
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

/// The parts that have to be surveyed besides, now that `surveys` tell where `database` is.
pub fn to_survey_then(backup: &Backup, surveys: &[PartSurvey], request: &Request) -> Vec<usize> {
    let request = database::located(backup, surveys, request);
    let mut parts = to_survey(backup, &request);
    parts.retain(|at| surveys.iter().all(|survey| survey.part != *at));
    parts
}

/// Makes the plan. `surveys` holds the parts that [`to_survey`] named and any
/// others that the planner may choose from, in any order.
///
/// What the user named goes first. If that is not enough, units of the free
/// classes and of those with consent are chosen (see [`choose::choose`]).
///
/// # Errors
/// `Password` when a part has to be opened or encrypted without a key, `Refused`
/// for links that cannot be kept intact, `Interrupted` when the request's control says so.
pub fn make(backup: &Backup, surveys: &[PartSurvey], request: &Request) -> Result<Plan> {
    let request = &*database::located(backup, surveys, request);
    let scans = Scans::new(backup, surveys, request)?;
    let named = decide::plan(backup, surveys, request, &scans, &[])?;
    let units = units::find(backup, surveys, request, &scans, &named)?;
    let fits = named.predicted_size <= request.target_size();
    let mut plan = if fits && !request.thorough {
        named
    } else {
        reach::enough(
            backup,
            surveys,
            request,
            &scans,
            &units::allowed(backup, request, &units),
        )?
    };
    if plan.outcome == Outcome::CannotFit {
        plan.ways_out = ways::out(backup, surveys, request, &scans, &units)?;
    }
    plan.warnings = named::warnings(backup, surveys, request, &scans)?;
    reasons::of_what_stays(&mut plan, backup, surveys, request, &units);
    Ok(plan)
}

/// Everything that could be left out besides what the user named, the largest gain
/// first. A whole part gains what it frees beyond the finds in it.
///
/// # Errors
/// As [`make`].
pub fn candidates(backup: &Backup, surveys: &[PartSurvey], request: &Request) -> Result<Vec<Unit>> {
    let request = &*database::located(backup, surveys, request);
    let scans = Scans::new(backup, surveys, request)?;
    let named = decide::plan(backup, surveys, request, &scans, &[])?;
    let units = units::find(backup, surveys, request, &scans, &named)?;
    let inside = |part: usize| -> u64 {
        units
            .iter()
            .filter(|u| u.part == part && u.rule.is_some())
            .map(|u| u.stored)
            .sum()
    };
    let mut ranked: Vec<(u64, Unit)> = units
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
