//! Which units to give up so that enough is saved and the least is lost. Takes sizes and returns
//! indices; nothing here depends on backups.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::plan::choose::cover::{Order, cover};

/// Something that can be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Bytes saved by leaving it out.
    pub size: u64,
    /// When it is given up: lower tiers go first.
    pub tier: u8,
    /// Whether nothing of a tier without this mark goes while it stays. Marked tiers are the lowest
    /// ones.
    pub first: bool,
    /// The part that it belongs to.
    pub part: usize,
    /// Whether it is the whole part, including every other unit of the part. A part has at most one
    /// such item.
    pub whole: bool,
    /// If it can be given up piece by piece: the pieces, the oldest first. Together they have the
    /// item's size. All items of a tier have pieces, or none has.
    pub pieces: Option<Arc<[Piece]>>,
}

/// A piece of an item, which can go without the younger ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Its age: of all pieces of a tier, those with the smallest number go first.
    pub time: i64,
    /// Bytes saved by leaving it out.
    pub size: u64,
}

/// An item that is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pick {
    /// Its index.
    pub item: usize,
    /// How many of its oldest pieces go; `None` for all of it.
    pub pieces: Option<usize>,
}

impl Pick {
    /// All of an item.
    pub fn all(item: usize) -> Self {
        Self { item, pieces: None }
    }
}

/// The result of a choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// What is dropped, in rising order.
    pub picks: Vec<Pick>,
    /// How many bytes are still too many if all of it is dropped. Zero if it is enough.
    pub missing: u64,
}

/// Chooses among items, for any number of needs.
///
/// A tier is used only if all lower ones together are not enough. Within a tier of whole items the
/// choice is the set with the smallest excess, and among those the one with the fewest items;
/// within a tier of pieces it is the oldest ones. An item of a lower tier stays chosen even if a
/// higher tier makes it look unnecessary: without it the need would be missed. Items marked `first`
/// all go as soon as anything else goes. A larger need never saves fewer bytes.
pub struct Chooser<'a> {
    items: &'a [Item],
    /// By tier: the pieces of its items, the oldest first. Memory: 24 bytes for each piece.
    ladders: BTreeMap<u8, Vec<Step>>,
}

/// A piece of one of the items of a tier.
struct Step {
    time: i64,
    item: usize,
    size: u64,
}

impl<'a> Chooser<'a> {
    /// Sorts the pieces.
    pub fn new(items: &'a [Item]) -> Self {
        let mut ladders = BTreeMap::<u8, Vec<Step>>::new();
        for (at, item) in items.iter().enumerate() {
            let Some(pieces) = &item.pieces else { continue };
            let step = |piece: &Piece| Step {
                time: piece.time,
                item: at,
                size: piece.size,
            };
            ladders
                .entry(item.tier)
                .or_default()
                .extend(pieces.iter().map(step));
        }
        for ladder in ladders.values_mut() {
            // Stable, so that the pieces of one item keep their order.
            ladder.sort_by_key(|step| (step.time, step.item));
        }
        Self { items, ladders }
    }

    /// Chooses so that at least `need` bytes are saved.
    pub fn choose(&self, need: u64) -> Choice {
        let sized = |at: &usize| self.items.get(*at).is_some_and(|item| item.size > 0);
        let all: Vec<usize> = (0..self.items.len()).filter(sized).collect();
        let mut picks = self.among(&all, need);
        let missing = need.saturating_sub(saved(self.items, &picks));
        picks.sort_unstable();
        Choice { picks, missing }
    }

    fn among(&self, candidates: &[usize], need: u64) -> Vec<Pick> {
        if need == 0 {
            return Vec::new();
        }
        let tier = |at: &usize| self.items.get(*at).map(|item| item.tier);
        let mut tiers: Vec<u8> = candidates.iter().filter_map(tier).collect();
        tiers.sort_unstable();
        tiers.dedup();
        for here in tiers {
            let below: Vec<usize> = only(candidates, |at| tier(&at) < Some(here));
            let of_tier: Vec<usize> = only(candidates, |at| tier(&at) == Some(here));
            let left = need.saturating_sub(saved(self.items, &all_of(&below)));
            if let Some(picks) = self.cover(here, &below, &of_tier, left) {
                return self.with_lower(picks, &below, need);
            }
        }
        all_of(candidates)
    }

    /// The best items of one tier that save `need` bytes in addition to those `below`.
    fn cover(&self, tier: u8, below: &[usize], here: &[usize], need: u64) -> Option<Vec<Pick>> {
        let gone = self.whole_parts(below.iter().copied());
        let sizes = self.marginals(below, &gone, here);
        if let Some(ladder) = self.ladders.get(&tier) {
            let open: HashSet<usize> = here
                .iter()
                .copied()
                .zip(sizes)
                .filter(|(_, size)| *size > 0)
                .map(|(at, _)| at)
                .collect();
            return oldest(ladder, &open, need);
        }
        let chosen = cover(&sizes, need, Order::SmallestSum)?;
        let pick = |at: usize| here.get(at).copied().map(Pick::all);
        Some(chosen.into_iter().filter_map(pick).collect())
    }

    /// Adds what is needed of the lower tiers.
    fn with_lower(&self, mut picks: Vec<Pick>, below: &[usize], need: u64) -> Vec<Pick> {
        // Units inside a dropped part are dropped with it.
        let gone = self.whole_parts(picks.iter().map(|pick| pick.item));
        let item = |at: usize| self.items.get(at);
        let stays = |at: usize| item(at).is_some_and(|item| !gone.contains(&item.part));
        let rest = only(below, stays);
        let is_first = |at: usize| item(at).is_some_and(|item| item.first);
        let dearer = picks.iter().any(|pick| !is_first(pick.item));
        let (first, other): (Vec<usize>, Vec<usize>) =
            rest.into_iter().partition(|&at| dearer && is_first(at));
        picks.extend(all_of(&first));
        let left = need.saturating_sub(saved(self.items, &picks));
        picks.extend(self.among(&other, left));
        picks
    }

    fn whole_parts(&self, items: impl Iterator<Item = usize>) -> HashSet<usize> {
        items
            .filter_map(|at| self.items.get(at))
            .filter(|item| item.whole)
            .map(|item| item.part)
            .collect()
    }

    /// What each item saves in addition to those below its tier. `gone` are the parts that go as a
    /// whole with those.
    fn marginals(&self, below: &[usize], gone: &HashSet<usize>, here: &[usize]) -> Vec<u64> {
        let mut inside: HashMap<usize, u64> = HashMap::new();
        for item in below.iter().filter_map(|&at| self.items.get(at)) {
            *inside.entry(item.part).or_default() += item.size;
        }
        let marginal = |item: &Item| match item.whole {
            true => item
                .size
                .saturating_sub(inside.get(&item.part).copied().unwrap_or(0)),
            false if gone.contains(&item.part) => 0,
            false => item.size,
        };
        here.iter()
            .filter_map(|&at| self.items.get(at))
            .map(marginal)
            .collect()
    }
}

/// The oldest pieces of the items in `open` that save `need` bytes.
fn oldest(ladder: &[Step], open: &HashSet<usize>, need: u64) -> Option<Vec<Pick>> {
    let (mut sum, mut counts) = (0u64, BTreeMap::<usize, usize>::new());
    for step in ladder.iter().filter(|step| open.contains(&step.item)) {
        if sum >= need {
            break;
        }
        sum = sum.saturating_add(step.size);
        *counts.entry(step.item).or_default() += 1;
    }
    let pick = |(item, pieces)| Pick {
        item,
        pieces: Some(pieces),
    };
    (sum >= need).then(|| counts.into_iter().map(pick).collect())
}

fn only(items: &[usize], wanted: impl Fn(usize) -> bool) -> Vec<usize> {
    items.iter().copied().filter(|&at| wanted(at)).collect()
}

fn all_of(items: &[usize]) -> Vec<Pick> {
    items.iter().copied().map(Pick::all).collect()
}

/// Bytes saved by a set. Anything inside a dropped part counts once.
pub fn saved(items: &[Item], picks: &[Pick]) -> u64 {
    let picked = || {
        picks
            .iter()
            .filter_map(|pick| Some((items.get(pick.item)?, pick.pieces)))
    };
    let whole: HashSet<usize> = picked()
        .filter(|(item, _)| item.whole)
        .map(|(item, _)| item.part)
        .collect();
    picked()
        .filter(|(item, _)| item.whole || !whole.contains(&item.part))
        .map(|(item, pieces)| size_of(item, pieces))
        .sum()
}

/// The size of an item, or of this many of its oldest pieces.
fn size_of(item: &Item, pieces: Option<usize>) -> u64 {
    match (pieces, &item.pieces) {
        (Some(count), Some(all)) => all.iter().take(count).map(|piece| piece.size).sum(),
        _ => item.size,
    }
}

#[cfg(test)]
mod tests;
