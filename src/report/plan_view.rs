//! A plan in words, for a terminal, for `--json` and for other outputs.

use crate::open::Backup;
use crate::plan::Plan;
use crate::report::drops::{self, DropView, WayOut};
use crate::report::terms::Terms;
use crate::report::{notes, part_reasons};

/// Everything that is said about a plan.
#[derive(Debug, Clone)]
pub struct PlanView<'a> {
    /// The facts.
    pub plan: &'a Plan,
    /// By part: why it is treated as it is, in a few words.
    pub reasons: Vec<String>,
    /// What is left out.
    pub drops: Vec<DropView<'a>>,
    /// What would make it fit, if it cannot fit.
    pub ways_out: Vec<WayOut>,
    /// What the user should know.
    pub notes: Vec<String>,
    /// Warnings about selectors that match nothing in the backup.
    pub warnings: Vec<String>,
}

impl<'a> PlanView<'a> {
    /// Words a plan for `backup`. The time grows with the number of drops and notes, not with the
    /// number of entries.
    pub fn new(backup: &Backup, plan: &'a Plan, terms: &dyn Terms) -> Self {
        let reasons = plan
            .parts
            .iter()
            .map(|part| part_reasons::reason(&part.why, terms));
        let drops = plan
            .drops
            .iter()
            .map(|dropped| drops::view(backup, dropped));
        let ways = plan
            .alternatives
            .iter()
            .map(|way| drops::way_out(backup, way, terms));
        let notes = plan
            .notes
            .iter()
            .map(|note| notes::note(backup, note, terms));
        let warnings = plan
            .unmatched
            .iter()
            .map(|unmatched| notes::unmatched(unmatched, terms));
        Self {
            plan,
            reasons: reasons.collect(),
            drops: drops.collect(),
            ways_out: ways.collect(),
            notes: notes.collect(),
            warnings: warnings.collect(),
        }
    }
}
