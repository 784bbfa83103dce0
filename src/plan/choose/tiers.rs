//! Which units to give up so that enough is saved and the least is lost. Sizes in,
//! indices out; nothing here knows what a backup is.

use std::collections::{HashMap, HashSet};

/// How many sets are looked at before the best one found so far is taken. Real
/// backups have a few dozen units and end long before.
const BUDGET: usize = 2_000_000;

/// Something that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// Bytes that leaving it out saves.
    pub size: u64,
    /// When it is given up: lower tiers go first.
    pub tier: u8,
    /// The part that it belongs to.
    pub part: usize,
    /// Whether it is the whole part, every other unit of it included. A part has one
    /// such item at most, and none of its other items is of the same tier or a higher one.
    pub whole: bool,
}

/// The outcome of a choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Indices of what goes, rising.
    pub picks: Vec<usize>,
    /// Bytes that are still too many when all of it goes; zero when it is enough.
    pub missing: u64,
}

/// Chooses among `items` so that at least `need` bytes are saved.
///
/// A tier is touched only when all lower ones together are not enough. Within it
/// the set with the fewest bytes too many is taken, and of those the one with the
/// fewest units. What a higher tier then makes needless in a lower one stays: no
/// unit can be taken back without missing the need. A larger need never saves fewer bytes.
pub fn choose(items: &[Item], need: u64) -> Choice {
    let all: Vec<usize> = (0..items.len())
        .filter(|&at| items.get(at).is_some_and(|i| i.size > 0))
        .collect();
    let mut picks = among(items, &all, need);
    let saved = saved(items, &picks);
    picks.sort_unstable();
    Choice {
        missing: need.saturating_sub(saved),
        picks,
    }
}

/// Bytes saved by a set; what lies inside a whole part counts once.
pub fn saved(items: &[Item], picks: &[usize]) -> u64 {
    let picked = || picks.iter().filter_map(|&at| items.get(at));
    let whole: HashSet<usize> = picked().filter(|i| i.whole).map(|i| i.part).collect();
    picked()
        .filter(|i| i.whole || !whole.contains(&i.part))
        .map(|i| i.size)
        .sum()
}

fn among(items: &[Item], candidates: &[usize], need: u64) -> Vec<usize> {
    if need == 0 {
        return Vec::new();
    }
    let item = |at: &usize| items.get(*at).copied();
    let mut tiers: Vec<u8> = candidates.iter().filter_map(item).map(|i| i.tier).collect();
    tiers.sort_unstable();
    tiers.dedup();
    for tier in tiers {
        let below: Vec<usize> = candidates
            .iter()
            .copied()
            .filter(|at| item(at).is_some_and(|i| i.tier < tier))
            .collect();
        let here: Vec<usize> = candidates
            .iter()
            .copied()
            .filter(|at| item(at).is_some_and(|i| i.tier == tier))
            .collect();
        let have = saved(items, &below);
        let sizes = marginals(items, &below, &here);
        let Some(cover) = least_cover(&sizes, need.saturating_sub(have)) else {
            continue;
        };
        let mut picks: Vec<usize> = cover
            .into_iter()
            .filter_map(|at| here.get(at).copied())
            .collect();
        // Units inside a part that goes as a whole go with it.
        let gone: HashSet<usize> = picks
            .iter()
            .filter_map(item)
            .filter(|i| i.whole)
            .map(|i| i.part)
            .collect();
        let rest: Vec<usize> = below
            .into_iter()
            .filter(|at| item(at).is_some_and(|i| !gone.contains(&i.part)))
            .collect();
        let left = need.saturating_sub(saved(items, &picks));
        picks.extend(among(items, &rest, left));
        return picks;
    }
    candidates.to_vec()
}

/// What each unit saves on top of the units below its tier.
fn marginals(items: &[Item], below: &[usize], here: &[usize]) -> Vec<u64> {
    let mut inside: HashMap<usize, u64> = HashMap::new();
    for item in below.iter().filter_map(|&at| items.get(at)) {
        *inside.entry(item.part).or_default() += item.size;
    }
    let marginal = |item: &Item| {
        if item.whole {
            item.size
                .saturating_sub(inside.get(&item.part).copied().unwrap_or(0))
        } else {
            item.size
        }
    };
    here.iter()
        .filter_map(|&at| items.get(at))
        .map(marginal)
        .collect()
}

/// The subset with the smallest sum that is at least `need`, and of those one with
/// the fewest items; `None` when all together are not enough.
fn least_cover(sizes: &[u64], need: u64) -> Option<Vec<usize>> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    let size = |at: usize| sizes.get(at).copied().unwrap_or(0);
    order.sort_by_key(|&at| std::cmp::Reverse(size(at)));
    let sorted: Vec<u64> = order.iter().map(|&at| size(at)).collect();
    // Sums of all from an index on, to end branches that cannot reach the need.
    let mut tails = vec![0u64];
    let mut all = 0u64;
    for size in sorted.iter().rev() {
        all = all.saturating_add(*size);
        tails.push(all);
    }
    tails.reverse();
    if all < need {
        return None;
    }
    let mut search = Search {
        sizes: &sorted,
        tails: &tails,
        need,
        best: (all, sorted.len(), (0..sorted.len()).collect()),
    };
    search.run();
    let mut picked: Vec<usize> = search
        .best
        .2
        .iter()
        .filter_map(|&at| order.get(at).copied())
        .collect();
    picked.sort_unstable();
    Some(picked)
}

struct Search<'a> {
    /// Falling.
    sizes: &'a [u64],
    tails: &'a [u64],
    need: u64,
    /// Sum, number of units, units.
    best: (u64, usize, Vec<usize>),
}

impl Search<'_> {
    /// Tries every set, each unit first with and then without it, and ends a branch as
    /// soon as nothing better can come of it. Without recursion: an archive decides how
    /// many units there are.
    fn run(&mut self) {
        let (mut chosen, mut sum, mut at) = (Vec::<usize>::new(), 0u64, 0usize);
        for _ in 0..BUDGET {
            if let Some(size) = self.next(at, sum, chosen.len()) {
                // Larger than the best set alone: only without it.
                if sum.saturating_add(size) <= self.best.0 {
                    chosen.push(at);
                    sum = sum.saturating_add(size);
                }
                at += 1;
                continue;
            }
            if sum >= self.need && (sum, chosen.len()) < (self.best.0, self.best.1) {
                self.best = (sum, chosen.len(), chosen.clone());
            }
            let Some(last) = chosen.pop() else { return };
            sum -= self.sizes.get(last).copied().unwrap_or(0);
            at = last + 1;
        }
    }

    /// The size of the unit at `at`, if it is worth trying to go on with it.
    fn next(&self, at: usize, sum: u64, count: usize) -> Option<u64> {
        let (&size, &tail) = (self.sizes.get(at)?, self.tails.get(at)?);
        let perfect = self.best.0 == self.need && self.best.1 <= count + 1;
        (sum < self.need && sum.saturating_add(tail) >= self.need && !perfect).then_some(size)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Units of one part each.
    fn items(units: &[(u64, u8)]) -> Vec<Item> {
        units
            .iter()
            .enumerate()
            .map(|(part, &(size, tier))| Item {
                size,
                tier,
                part,
                whole: false,
            })
            .collect()
    }

    fn picks(units: &[(u64, u8)], need: u64) -> (Vec<usize>, u64) {
        let choice = choose(&items(units), need);
        (choice.picks, choice.missing)
    }

    #[test]
    fn nothing_goes_when_nothing_is_needed() {
        assert_eq!(picks(&[(5, 0), (9, 1)], 0), (vec![], 0));
    }

    #[test]
    fn a_lower_tier_goes_first_even_when_a_higher_one_fits_better() {
        assert_eq!(picks(&[(50, 0), (10, 1)], 10), (vec![0], 0));
    }

    #[test]
    fn within_a_tier_the_fewest_bytes_too_many_go() {
        assert_eq!(picks(&[(50, 0), (30, 0), (22, 0)], 45), (vec![0], 0));
        assert_eq!(picks(&[(50, 0), (30, 0), (18, 0)], 45), (vec![1, 2], 0));
        assert_eq!(
            picks(&[(48, 0), (30, 0), (18, 0)], 45),
            (vec![0], 0),
            "one unit is better than two of the same size"
        );
    }

    #[test]
    fn what_a_higher_tier_makes_needless_stays() {
        assert_eq!(picks(&[(5, 0), (3, 0), (100, 1)], 60), (vec![2], 0));
        assert_eq!(picks(&[(5, 0), (3, 0), (58, 1)], 60), (vec![1, 2], 0));
    }

    #[test]
    fn all_goes_and_the_rest_is_named_when_it_is_not_enough() {
        assert_eq!(picks(&[(5, 0), (3, 1)], 10), (vec![0, 1], 2));
    }

    #[test]
    fn a_whole_part_takes_its_units_with_it() {
        let unit = Item {
            size: 40,
            tier: 0,
            part: 7,
            whole: false,
        };
        let whole = Item {
            size: 60,
            tier: 2,
            part: 7,
            whole: true,
        };
        assert_eq!(
            choose(&[unit, whole], 50),
            Choice {
                picks: vec![1],
                missing: 0
            }
        );
        assert_eq!(
            choose(&[unit, whole], 30),
            Choice {
                picks: vec![0],
                missing: 0
            }
        );
        assert_eq!(
            choose(&[unit, whole], 70),
            Choice {
                picks: vec![0, 1],
                missing: 10
            }
        );
    }

    #[test]
    fn a_hundred_thousand_units_end_in_time_and_without_a_deep_stack() {
        let units: Vec<(u64, u8)> = (0..100_000u64)
            .map(|n| (n % 977 + 1, (n % 3) as u8))
            .collect();
        let need = 20_000_000;
        let choice = choose(&items(&units), need);
        let sum: u64 = choice.picks.iter().map(|&at| units[at].0).sum();
        assert!(
            choice.missing == 0 && sum >= need && sum < need + 977,
            "{sum}"
        );
    }

    fn any_items() -> impl Strategy<Value = Vec<Item>> {
        let unit = (0u64..60, 0u8..4, 0usize..4).prop_map(|(size, tier, part)| Item {
            size,
            tier,
            part,
            whole: false,
        });
        (
            prop::collection::vec(unit, 0..9),
            prop::collection::hash_set(0usize..4, 0..3),
        )
            .prop_map(|(mut units, wholes)| {
                for part in wholes {
                    let inside: u64 = units
                        .iter()
                        .filter(|u| u.part == part)
                        .map(|u| u.size)
                        .sum();
                    // Above all other units of the part, which may be any tier.
                    let tier = units
                        .iter()
                        .filter(|u| u.part == part)
                        .map(|u| u.tier + 1)
                        .max()
                        .unwrap_or(1);
                    units.push(Item {
                        size: inside + 7,
                        tier,
                        part,
                        whole: true,
                    });
                }
                units
            })
    }

    /// A need that can be met.
    fn reachable(items: &[Item], need: u64) -> u64 {
        let all: Vec<usize> = (0..items.len()).collect();
        need % (saved(items, &all) + 1)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_choice_is_enough_or_takes_everything(items in any_items(), need in 0u64..300) {
            let choice = choose(&items, need);
            let got = saved(&items, &choice.picks);
            prop_assert_eq!(choice.missing, need.saturating_sub(got));
            if choice.missing > 0 {
                let all: Vec<usize> = (0..items.len()).collect();
                prop_assert_eq!(got, saved(&items, &all));
            }
        }

        #[test]
        fn no_unit_can_be_taken_back(items in any_items(), need in 0u64..300) {
            let need = reachable(&items, need);
            let choice = choose(&items, need);
            prop_assert_eq!(choice.missing, 0);
            for at in &choice.picks {
                let rest: Vec<usize> = choice.picks.iter().copied().filter(|p| p != at).collect();
                prop_assert!(saved(&items, &rest) < need, "unit {at} is not needed");
            }
        }

        #[test]
        fn a_larger_need_never_saves_fewer_bytes(items in any_items(), need in 0u64..300, more in 0u64..50) {
            let less = choose(&items, need);
            let most = choose(&items, need + more);
            prop_assert!(saved(&items, &less.picks) <= saved(&items, &most.picks));
        }

        #[test]
        fn a_higher_tier_is_used_only_when_the_lower_ones_are_not_enough(items in any_items(), need in 1u64..300) {
            let need = reachable(&items, need);
            let choice = choose(&items, need);
            let Some(top) = choice.picks.iter().map(|&p| items[p].tier).max() else { return Ok(()) };
            let below: Vec<usize> = (0..items.len()).filter(|&at| items[at].tier < top).collect();
            prop_assert!(saved(&items, &below) < need);
        }

        #[test]
        fn the_smallest_sum_is_found(sizes in prop::collection::vec(0u64..50, 0..10), need in 1u64..200) {
            let found = least_cover(&sizes, need).map(|set| set.iter().map(|&at| sizes[at]).sum::<u64>());
            let sum_of = |mask: u32| -> u64 { sizes.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, s)| s).sum() };
            prop_assert_eq!(found, (0..1u32 << sizes.len()).map(sum_of).filter(|&s| s >= need).min());
        }
    }
}
