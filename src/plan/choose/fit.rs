//! From units to a plan that fits: choose, measure, choose again.

use crate::error::Result;
use crate::format::tar::block::{BLOCK, EntryKind};
use crate::open::Backup;
use crate::plan::choose::candidate::Candidate;
use crate::plan::choose::candidates::{allowed, folded};
use crate::plan::choose::harm::Harm;
use crate::plan::choose::tiers::{self, Chooser, Item, Pick};
use crate::plan::draft;
use crate::plan::edit::scan::Scans;
use crate::plan::model::Plan;
use crate::plan::request::Request;
use crate::survey::{Entry, PartSurvey};

/// How often the next larger set is tried if a set saves less than the size of its units.
const STEPS: usize = 24;
/// After that, how often a set is tried that saves all missing bytes at once.
const LEAPS: usize = 8;
/// Of how many units it is tried whether they are needed.
const SPARED: usize = 16;

/// The plan with the fewest losses that fits, or the one with all units that may be dropped.
/// `units` are all that there are.
pub(in crate::plan) fn enough(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    scans: &Scans,
    units: &[Candidate],
) -> Result<Plan> {
    let wholes: Vec<Candidate> = units.iter().filter(|u| u.is_whole()).cloned().collect();
    let reach = Reach {
        backup,
        surveys,
        request,
        scans,
        wholes: &wholes,
    };
    let is_forced = |unit: &Candidate| {
        request.thorough && unit.rule.is_some() || request.forced.contains(&unit.key(backup))
    };
    let (base, others): (Vec<Candidate>, Vec<Candidate>) = allowed(backup, request, units)
        .into_iter()
        .partition(is_forced);
    reach.beyond(&base, &others)
}

struct Reach<'a> {
    backup: &'a Backup,
    surveys: &'a [PartSurvey],
    request: &'a Request,
    scans: &'a Scans,
    /// The parts that can be dropped as a whole.
    wholes: &'a [Candidate],
}

impl Reach<'_> {
    /// Leaves out all of `base`, and as few of `units` as are enough.
    ///
    /// The sets tried are those that [`Chooser`] returns for rising needs, so a smaller limit ends
    /// at the same set or a later one.
    fn beyond(&self, base: &[Candidate], units: &[Candidate]) -> Result<Plan> {
        let most = self.request.most();
        let alone = self.with(base, units, &[]);
        let size = self.weigh(&alone)?;
        if size <= most {
            return self.plan(&alone);
        }
        let items = self.items(base, units)?;
        let Some(tier) = self.dearest_tier(base, units, &items, most)? else {
            return self.plan(&self.with(base, units, &up_to(&items, u8::MAX)));
        };
        let (units, items): (Vec<Candidate>, Vec<Item>) = units
            .iter()
            .zip(items)
            .filter(|(_, item)| item.tier <= tier)
            .map(|(unit, item)| (unit.clone(), item))
            .unzip();
        self.fewest(base, &units, &items, size, most)
    }

    /// The highest tier of which something is needed; `None` if everything is not enough.
    ///
    /// Found with real sizes: what the units of a tier save together is more than the sum of their
    /// sizes where they make up a whole folder, and less where linked names stay.
    fn dearest_tier(
        &self,
        base: &[Candidate],
        units: &[Candidate],
        items: &[Item],
        most: u64,
    ) -> Result<Option<u8>> {
        let mut tiers: Vec<u8> = items.iter().map(|item| item.tier).collect();
        tiers.sort_unstable();
        tiers.dedup();
        let fits = |tier: u8| -> Result<bool> {
            self.request.control.check()?;
            let picked = self.with(base, units, &up_to(items, tier));
            Ok(self.weigh(&picked)? <= most)
        };
        let (mut low, mut high) = (0, tiers.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let tier = tiers.get(middle).copied().unwrap_or(u8::MAX);
            if fits(tier)? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(tiers.get(low).copied())
    }

    /// As few of these units as are enough; all together are. Without them it has `size` bytes.
    fn fewest(
        &self,
        base: &[Candidate],
        units: &[Candidate],
        items: &[Item],
        size: u64,
        most: u64,
    ) -> Result<Plan> {
        let chooser = Chooser::new(items);
        // A member's padding may shrink by one block more than the size of its units.
        let slack = (self.backup.members.len() * BLOCK) as u64;
        let mut need = size.saturating_sub(most).saturating_sub(slack).max(1);
        for step in 0..STEPS + LEAPS {
            self.request.control.check()?;
            let choice = chooser.choose(need);
            let picked = self.with(base, units, &choice.picks);
            let size = self.weigh(&picked)?;
            if size <= most {
                return self.plan(&self.spare(picked, size, most)?);
            }
            // Kept links and remaining folders may make the saving smaller than the size of the
            // units.
            let by = if step < STEPS { 1 } else { size - most };
            need = tiers::saved(items, &choice.picks) + by;
        }
        self.plan(&self.with(base, units, &up_to(items, u8::MAX)))
    }

    /// Takes back what is not needed, the dearest first: a folder that goes as a whole saves more
    /// than what was picked in it, and names of linked files save less than their size. Of what
    /// makes itself again all goes before anything dearer, so it is then not taken back.
    fn spare(&self, mut picked: Vec<Candidate>, size: u64, most: u64) -> Result<Vec<Candidate>> {
        let dearest = picked.iter().map(|unit| unit.harm).max();
        let mut spare = most.saturating_sub(size);
        let mut order: Vec<Candidate> = picked
            .iter()
            .filter(|unit| unit.harm.is_lasting() || dearest == Some(Harm::Remade))
            .filter(|unit| unit.stored <= spare + (4 * BLOCK) as u64 || self.has_links(unit.part))
            .cloned()
            .collect();
        order.sort_by_key(|unit| std::cmp::Reverse((unit.harm, unit.stored)));
        for unit in order.iter().take(SPARED) {
            let without: Vec<Candidate> = picked
                .iter()
                .filter(|other| *other != unit)
                .cloned()
                .collect();
            let size = self.weigh(&without)?;
            if size <= most {
                picked = without;
                spare = most - size;
            }
            if spare == 0 {
                break;
            }
        }
        Ok(picked)
    }

    fn has_links(&self, part: usize) -> bool {
        let survey = self.surveys.iter().find(|survey| survey.part == part);
        let is_link = |entry: &Entry| entry.kind == EntryKind::HardLink;
        survey.is_some_and(|survey| survey.entries.iter().any(is_link))
    }

    /// What each unit saves in addition to the base.
    fn items(&self, base: &[Candidate], units: &[Candidate]) -> Result<Vec<Item>> {
        if base.is_empty() {
            return Ok(units.iter().map(Candidate::item).collect());
        }
        let left =
            draft::draft(self.backup, self.surveys, self.request, self.scans, base)?.predicted;
        let item = |unit: &Candidate| match unit.is_whole() {
            true => Item {
                size: left.get(unit.part).copied().unwrap_or(0),
                ..unit.item()
            },
            false => unit.item(),
        };
        Ok(units.iter().map(item).collect())
    }

    /// The base and the picked units. Units inside a dropped part are dropped with it, and a folder
    /// of which everything is picked is dropped as a folder.
    fn with(&self, base: &[Candidate], units: &[Candidate], picks: &[Pick]) -> Vec<Candidate> {
        let unit = |pick: &Pick| {
            let unit = units.get(pick.item)?;
            Some(match pick.pieces {
                Some(count) => unit.oldest(count),
                None => unit.clone(),
            })
        };
        let picked: Vec<Candidate> = base
            .iter()
            .cloned()
            .chain(picks.iter().filter_map(unit))
            .collect();
        let gone: Vec<usize> = picked
            .iter()
            .filter(|u| u.is_whole())
            .map(|u| u.part)
            .collect();
        let inside = |unit: &Candidate| !unit.is_whole() && gone.contains(&unit.part);
        let picked = picked.into_iter().filter(|unit| !inside(unit)).collect();
        folded(self.backup, self.wholes, picked)
    }

    fn weigh(&self, units: &[Candidate]) -> Result<u64> {
        let draft = draft::draft(self.backup, self.surveys, self.request, self.scans, units)?;
        Ok(draft.most_size())
    }

    fn plan(&self, units: &[Candidate]) -> Result<Plan> {
        draft::plan(self.backup, self.surveys, self.request, self.scans, units)
    }
}

/// All items up to this tier.
fn up_to(items: &[Item], tier: u8) -> Vec<Pick> {
    let is_in = |at: &usize| items.get(*at).is_some_and(|item| item.tier <= tier);
    (0..items.len()).filter(is_in).map(Pick::all).collect()
}
