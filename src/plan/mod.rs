//! Third stage, without any I/O: what is kept, dropped and rewritten, why, and how
//! large the copy will be.

pub mod choose;
pub mod cut;
mod decide;
mod drops;
pub mod explain;
mod links;
mod predict;
pub mod propose;
pub mod selector;
mod units;
mod ways;
pub mod wrapping;

pub use cut::Cut;
pub use drops::DropRow;
pub use selector::Selector;
pub use units::{Unit, builtin_catalogue};
pub use ways::WayOut;
pub use wrapping::{Target, Wrapping};

use crate::error::Result;
use crate::format::manifest::Changes;
use crate::open::Backup;
use crate::rules::{Catalogue, Class};
use crate::survey::PartSurvey;

/// What the user wants.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to leave out, as named.
    pub drops: Vec<Selector>,
    /// What to keep all the same; wins over everything else.
    pub keeps: Vec<Selector>,
    /// The copy must not be larger, in bytes.
    pub limit: u64,
    /// How the copy is encrypted.
    pub wrapping: Wrapping,
    /// Whether there is a key.
    pub has_key: bool,
    /// The rules, and what no rule may take.
    pub catalogue: Catalogue,
    /// Classes that may go besides the free ones.
    pub allow: Vec<Class>,
    /// Single units that may go besides, by component and rule (`None`: the whole part).
    pub consent: Vec<(String, Option<String>)>,
    /// Leave out all that may go, even if less would be enough.
    pub thorough: bool,
    /// Bytes by which a copy turned out larger than predicted; the plan stays below the limit by them.
    pub margin: u64,
}

impl Request {
    /// A request for nothing but to fit the limit.
    ///
    /// # Errors
    /// `Internal`, when the built-in catalogue is broken.
    pub fn new(limit: u64) -> Result<Self> {
        Ok(Self {
            drops: Vec::new(),
            keeps: Vec::new(),
            limit,
            wrapping: Wrapping::AsIs,
            has_key: false,
            catalogue: builtin_catalogue()?,
            allow: Vec::new(),
            consent: Vec::new(),
            thorough: false,
            margin: 0,
        })
    }

    fn class_may_go(&self, class: Class) -> bool {
        class.is_free() || self.allow.contains(&class)
    }

    fn may_go(&self, backup: &Backup, unit: &Unit) -> bool {
        self.class_may_go(unit.class()) || self.consent.contains(&unit.key(backup))
    }

    /// What the plan aims at, in bytes.
    fn target_size(&self) -> u64 {
        self.limit.saturating_sub(self.margin)
    }
}

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
    /// The units that the planner chose; in a [`Cut`] their reasons follow those of the user's selectors.
    pub units: Vec<Unit>,
    /// What the copy's `backup.json` says differently; the slug is a stand-in of
    /// the right length until the copy is written.
    pub changes: Changes,
    /// How rewritten parts are encrypted.
    pub target: Target,
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
}

/// The parts that have to be surveyed before [`make`] can decide about what the
/// user named. To let the planner choose, survey all that can be read.
pub fn to_survey(backup: &Backup, request: &Request) -> Vec<usize> {
    (0..backup.parts.len())
        .filter(|&at| {
            let part = &backup.parts[at];
            let dropped_whole = request.drops.iter().any(|s| s.takes_component(&part.id));
            let kept_whole = request.keeps.iter().any(|s| s.takes_component(&part.id));
            let into = request.drops.iter().any(|s| s.looks_into(&part.id));
            let out_of = dropped_whole && request.keeps.iter().any(|s| s.looks_into(&part.id));
            part.layer.is_some() && !kept_whole && (out_of || into && !dropped_whole)
        })
        .collect()
}

/// Makes the plan. `surveys` holds the parts that [`to_survey`] named and any
/// others that the planner may choose from, in any order.
///
/// What the user named goes first. If that is not enough, units of the free
/// classes and of those with consent are chosen (see [`choose::choose`]).
///
/// # Errors
/// `Password` when a part has to be opened or encrypted without a key, `Refused`
/// for links that cannot be kept intact.
pub fn make(backup: &Backup, surveys: &[PartSurvey], request: &Request) -> Result<Plan> {
    let named = decide::plan(backup, surveys, request, &[])?;
    let fits = named.predicted_size <= request.target_size();
    if fits && !request.thorough {
        return Ok(named);
    }
    let units = units::find(backup, surveys, request, &named)?;
    let allowed: Vec<Unit> = units.iter().filter(|u| request.may_go(backup, u)).cloned().collect();
    let mut plan = if request.thorough {
        let all: Vec<Unit> = allowed.iter().filter(|u| !u.is_whole()).cloned().collect();
        decide::plan(backup, surveys, request, &all)?
    } else {
        named.clone()
    };
    if plan.predicted_size > request.target_size() {
        plan = enough(backup, surveys, request, &named, &allowed)?;
    }
    if plan.outcome == Outcome::CannotFit {
        plan.ways_out = ways::out(backup, surveys, request, &named, &units)?;
    }
    Ok(plan)
}

/// Everything that could be left out besides what the user named, the largest first.
///
/// # Errors
/// As [`make`].
pub fn candidates(backup: &Backup, surveys: &[PartSurvey], request: &Request) -> Result<Vec<Unit>> {
    let named = decide::plan(backup, surveys, request, &[])?;
    let mut units = units::find(backup, surveys, request, &named)?;
    units.sort_by_key(|u| std::cmp::Reverse(u.stored));
    Ok(units)
}

/// How often a choice is corrected for what removing its units really saves.
const ROUNDS: usize = 8;

/// The plan with the fewest losses that fits, or with all that may go.
fn enough(backup: &Backup, surveys: &[PartSurvey], request: &Request, named: &Plan, units: &[Unit]) -> Result<Plan> {
    let items: Vec<choose::Item> = units.iter().map(Unit::item).collect();
    let mut need = named.predicted_size.saturating_sub(request.target_size());
    for _ in 0..ROUNDS {
        let choice = choose::choose(&items, need);
        let picked: Vec<Unit> = choice.picks.iter().filter_map(|&at| units.get(at).cloned()).collect();
        let plan = decide::plan(backup, surveys, request, &picked)?;
        let over = plan.predicted_size.saturating_sub(request.target_size());
        if over == 0 || choice.missing > 0 {
            return Ok(plan);
        }
        // Padding, promoted links and folders that stay save less than their units.
        need = need.saturating_add(over);
    }
    decide::plan(backup, surveys, request, units)
}
