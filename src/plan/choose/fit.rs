//! From units to a plan that fits: choose, measure, choose again.

use crate::error::Result;
use crate::format::tar::block::BLOCK;
use crate::open::Backup;
use crate::plan::choose::tiers;
use crate::plan::choose::tiers::Item;
use crate::plan::edit::scan::Scans;
use crate::plan::model::{Candidate, Plan};
use crate::plan::request::Request;
use crate::plan::{draft, predict};
use crate::survey::PartSurvey;

/// How often the next larger set is tried if a set saves less than the size of its units.
const STEPS: usize = 24;
/// After that, how often a set is tried that saves all missing bytes at once.
const LEAPS: usize = 8;

/// The plan with the fewest losses that fits, or the one with all of these units.
pub(in crate::plan) fn enough(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    scans: &Scans,
    units: &[Candidate],
) -> Result<Plan> {
    let reach = Reach {
        backup,
        surveys,
        request,
        scans,
    };
    if request.thorough {
        let (known, whole): (Vec<Candidate>, Vec<Candidate>) =
            units.iter().cloned().partition(|u| u.rule.is_some());
        return reach.beyond(&known, &whole);
    }
    reach.beyond(&[], units)
}

struct Reach<'a> {
    backup: &'a Backup,
    surveys: &'a [PartSurvey],
    request: &'a Request,
    scans: &'a Scans,
}

impl Reach<'_> {
    /// Leaves out all of `base`, and as few of `units` as are enough.
    ///
    /// The sets tried are those that [`tiers::choose`] returns for rising needs, so a smaller limit
    /// ends at the same set or a later one.
    fn beyond(&self, base: &[Candidate], units: &[Candidate]) -> Result<Plan> {
        let most = predict::unpadded(self.request.target_size());
        let size = self.weigh(base)?;
        if size <= most {
            return self.plan(base);
        }
        let items = self.items(base, units)?;
        let all: Vec<usize> = (0..items.len()).collect();
        let with_all = self.with(base, units, &all);
        if self.weigh(&with_all)? > most {
            return self.plan(&with_all);
        }
        // A member's padding may shrink by one block more than the size of its units.
        let slack = (self.backup.members.len() * BLOCK) as u64;
        let mut need = size.saturating_sub(most).saturating_sub(slack).max(1);
        for step in 0..STEPS + LEAPS {
            self.request.control.check()?;
            let choice = tiers::choose(&items, need);
            let picked = self.with(base, units, &choice.picks);
            let size = self.weigh(&picked)?;
            if size <= most {
                return self.plan(&picked);
            }
            // Kept links and remaining folders may make the saving smaller than the size of the
            // units.
            let by = if step < STEPS { 1 } else { size - most };
            need = tiers::saved(&items, &choice.picks) + by;
        }
        self.plan(&with_all)
    }

    /// What each unit saves in addition to the base.
    fn items(&self, base: &[Candidate], units: &[Candidate]) -> Result<Vec<Item>> {
        if base.is_empty() {
            return Ok(units.iter().map(Candidate::item).collect());
        }
        let left =
            draft::draft(self.backup, self.surveys, self.request, self.scans, base)?.predicted;
        Ok(units
            .iter()
            .map(|u| Item {
                size: left.get(u.part).copied().unwrap_or(0),
                ..u.item()
            })
            .collect())
    }

    /// The base and the picked units. Units inside a dropped part are dropped with it.
    fn with(&self, base: &[Candidate], units: &[Candidate], picks: &[usize]) -> Vec<Candidate> {
        let picked: Vec<&Candidate> = picks.iter().filter_map(|&at| units.get(at)).collect();
        let inside = |unit: &Candidate| {
            !unit.is_whole() && picked.iter().any(|p| p.is_whole() && p.part == unit.part)
        };
        base.iter()
            .chain(picked.iter().copied())
            .filter(|u| !inside(u))
            .cloned()
            .collect()
    }

    fn weigh(&self, units: &[Candidate]) -> Result<u64> {
        Ok(draft::draft(self.backup, self.surveys, self.request, self.scans, units)?.exact_size)
    }

    fn plan(&self, units: &[Candidate]) -> Result<Plan> {
        draft::plan(self.backup, self.surveys, self.request, self.scans, units)
    }
}
