//! Which siblings are shown one by one, and which are folded into one row.

use std::cmp::Reverse;

use super::Shape;
use crate::survey::Totals;

/// A sibling that may be shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    /// Its number among its siblings, which are in the order of their names.
    pub at: usize,
    /// Its sums.
    pub totals: Totals,
    /// Its bits.
    pub kinds: u8,
    /// Only siblings of the same sort are folded as alike; `None` for one that is named in any
    /// case.
    pub alike: Option<Alikeness>,
}

/// What siblings must have in common to be alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alikeness {
    pub folder: bool,
    pub days: bool,
    pub kinds: u8,
}

/// One row below a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Arranged {
    One(usize),
    Alike {
        first: usize,
        count: u64,
        days: bool,
        same: bool,
        totals: Totals,
        kinds: u8,
    },
    More {
        count: u64,
        all: bool,
        totals: Totals,
        kinds: u8,
    },
}

/// As few as this are not folded as alike.
const ALIKE: usize = 3;

/// Arranges siblings. `first` is true for those directly below the first row, of which some are
/// always named; `whole` is the size of that row.
pub(super) fn arrange(
    mut items: Vec<Item>,
    shape: &Shape,
    whole: u64,
    first: bool,
) -> Vec<Arranged> {
    let mut rows: Vec<(Item, Arranged)> = Vec::new();
    let mut rest: Vec<Item> = Vec::new();
    if shape.fold {
        rows = fold_alike(&mut items, whole);
        let is_small = |item: &Item| percent_below(item.totals.stored, whole);
        let (small, large): (Vec<Item>, Vec<Item>) = items.iter().partition(|i| is_small(i));
        let none_named = large.is_empty() && rows.is_empty();
        if small.len() > 1 && !(first && none_named) {
            (items, rest) = (large, small);
        }
    }
    rows.extend(items.iter().map(|item| (*item, Arranged::One(item.at))));
    rows.sort_by(|(a, _), (b, _)| {
        let by_name = || a.at.cmp(&b.at);
        shape.sort.order(&a.totals, &b.totals).then_with(by_name)
    });
    let cut = rows.split_off(shape.top.min(rows.len()));
    let hidden = more(rest, &cut, rows.is_empty());
    let mut arranged: Vec<Arranged> = rows.into_iter().map(|(_, row)| row).collect();
    arranged.extend(hidden);
    arranged
}

/// The row for what is not shown.
fn more(rest: Vec<Item>, cut: &[(Item, Arranged)], all: bool) -> Option<Arranged> {
    let group = |(item, row): &(Item, Arranged)| match row {
        Arranged::Alike { count, totals, .. } => (*totals, item.kinds, *count),
        Arranged::One(_) | Arranged::More { .. } => (item.totals, item.kinds, 1),
    };
    let (mut totals, mut kinds, mut hidden) = (Totals::default(), 0, 0);
    let folded = rest.iter().map(|item| (item.totals, item.kinds, 1));
    for (sums, bits, count) in folded.chain(cut.iter().map(group)) {
        totals.join(&sums);
        kinds |= bits;
        hidden += count;
    }
    (hidden > 0).then_some(Arranged::More {
        count: hidden,
        all,
        totals,
        kinds,
    })
}

/// Takes the siblings of about the same size out of `items`, where they matter at all.
fn fold_alike(items: &mut Vec<Item>, whole: u64) -> Vec<(Item, Arranged)> {
    let mut sorted: Vec<Item> = items
        .iter()
        .filter(|i| i.alike.is_some())
        .copied()
        .collect();
    sorted.sort_by_key(|item| (item.alike, Reverse(item.totals.stored), item.at));
    let (mut rows, mut folded) = (Vec::new(), vec![false; items.len()]);
    let mut left = sorted.as_slice();
    while let Some(head) = left.first() {
        let is_alike = |item: &&Item| {
            let least = head.totals.stored - head.totals.stored / 20;
            item.alike == head.alike && item.totals.stored >= least
        };
        let run = left.iter().take_while(is_alike).count();
        let (group, others) = left.split_at(run);
        left = others;
        let sum: u64 = group.iter().map(|item| item.totals.stored).sum();
        if group.len() < ALIKE || percent_below(sum, whole) {
            continue;
        }
        for item in group {
            if let Some(slot) = folded.get_mut(item.at) {
                *slot = true;
            }
        }
        rows.push(alike(group));
    }
    items.retain(|item| !folded.get(item.at).copied().unwrap_or(false));
    rows
}

/// The row for a group, the largest first. Its item is one of an average size: rows are sorted by
/// what they show.
fn alike(group: &[Item]) -> (Item, Arranged) {
    let (mut totals, mut kinds, mut at) = (Totals::default(), 0, usize::MAX);
    for item in group {
        totals.join(&item.totals);
        kinds |= item.kinds;
        at = at.min(item.at);
    }
    let size = |item: Option<&Item>| item.map_or(0, |item| item.totals.stored);
    let (most, least) = (size(group.first()), size(group.last()));
    let kind = group.first().and_then(|item| item.alike);
    let count = group.len() as u64;
    let average = Totals {
        stored: totals.stored / count.max(1),
        unpacked: totals.unpacked / count.max(1),
        files: totals.files / count.max(1),
        newest: totals.newest,
    };
    let item = Item {
        at,
        totals: average,
        kinds,
        alike: kind,
    };
    let row = Arranged::Alike {
        first: at,
        count,
        days: kind.is_some_and(|kind| kind.days),
        same: most - least <= most / 200,
        totals,
        kinds,
    };
    (item, row)
}

/// Whether a share is less than one percent.
fn percent_below(bytes: u64, whole: u64) -> bool {
    u128::from(bytes) * 100 < u128::from(whole)
}
