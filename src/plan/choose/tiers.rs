//! Which units to give up so that enough is saved and the least is lost. Takes sizes and returns
//! indices; nothing here depends on backups.

use std::collections::{HashMap, HashSet};

use crate::plan::choose::cover::{Order, cover};

/// Something that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// Bytes saved by leaving it out.
    pub size: u64,
    /// When it is given up: lower tiers go first.
    pub tier: u8,
    /// The part that it belongs to.
    pub part: usize,
    /// Whether it is the whole part, including every other unit of the part. A part has at most one
    /// such item, and its other items are all of lower tiers.
    pub whole: bool,
}

/// The result of a choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Indices of what is dropped, in rising order.
    pub picks: Vec<usize>,
    /// How many bytes are still too many if all of it is dropped. Zero if it is enough.
    pub missing: u64,
}

/// Chooses among `items` so that at least `need` bytes are saved.
///
/// A tier is used only if all lower ones together are not enough. Within a tier the choice is the
/// set with the smallest excess, and among those the one with the fewest units. A unit of a lower
/// tier stays chosen even if a higher tier makes it look unnecessary: without it the need would be
/// missed. A larger need never saves fewer bytes.
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

/// Bytes saved by a set. Anything inside a dropped part counts once.
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
        let Some(cover) = cover(&sizes, need.saturating_sub(have), Order::SmallestSum) else {
            continue;
        };
        let mut picks: Vec<usize> = cover
            .into_iter()
            .filter_map(|at| here.get(at).copied())
            .collect();
        // Units inside a dropped part are dropped with it.
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

/// What each unit saves in addition to the units below its tier.
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
                    // Above all other units of the part, which may have any tier.
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
    }
}
