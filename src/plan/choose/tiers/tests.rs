//! Tests of the choice among units.

use super::*;
use proptest::prelude::*;

/// An item that goes as a whole. The tiers 0 and 1 go before anything dearer.
fn item(size: u64, tier: u8, part: usize) -> Item {
    Item {
        size,
        tier,
        first: tier < 2,
        part,
        whole: false,
        pieces: None,
    }
}

/// An item of these pieces, as pairs of a time and a size.
fn aged(pieces: &[(i64, u64)], tier: u8, part: usize) -> Item {
    let pieces: Vec<Piece> = pieces
        .iter()
        .map(|&(time, size)| Piece { time, size })
        .collect();
    let size = pieces.iter().map(|piece| piece.size).sum();
    Item {
        pieces: Some(pieces.into()),
        ..item(size, tier, part)
    }
}

fn choose(items: &[Item], need: u64) -> Choice {
    Chooser::new(items).choose(need)
}

/// The indices of whole picks.
fn whole(choice: &Choice) -> Vec<usize> {
    assert!(choice.picks.iter().all(|pick| pick.pieces.is_none()));
    choice.picks.iter().map(|pick| pick.item).collect()
}

/// Units of one part each.
fn picks(units: &[(u64, u8)], need: u64) -> (Vec<usize>, u64) {
    let items: Vec<Item> = units
        .iter()
        .enumerate()
        .map(|(part, &(size, tier))| item(size, tier, part))
        .collect();
    let choice = choose(&items, need);
    (whole(&choice), choice.missing)
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
    assert_eq!(picks(&[(5, 2), (3, 2), (100, 3)], 60), (vec![2], 0));
    assert_eq!(picks(&[(5, 2), (3, 2), (58, 3)], 60), (vec![1, 2], 0));
    assert_eq!(picks(&[(5, 0), (3, 0), (100, 1)], 60), (vec![2], 0));
}

#[test]
fn what_makes_itself_again_all_goes_before_anything_dearer() {
    assert_eq!(picks(&[(5, 0), (3, 1), (100, 2)], 60), (vec![0, 1, 2], 0));
    assert_eq!(
        picks(&[(5, 0), (20, 2), (100, 3)], 60),
        (vec![0, 2], 0),
        "the dearer of the others stays needless"
    );
}

#[test]
fn all_goes_and_the_rest_is_named_when_it_is_not_enough() {
    assert_eq!(picks(&[(5, 0), (3, 1)], 10), (vec![0, 1], 2));
}

#[test]
fn a_whole_part_takes_its_units_with_it() {
    let unit = item(40, 0, 7);
    let all = Item {
        whole: true,
        ..item(60, 2, 7)
    };
    let items = [unit, all];
    let chosen = |need| {
        let choice = choose(&items, need);
        (whole(&choice), choice.missing)
    };
    assert_eq!(chosen(50), (vec![1], 0));
    assert_eq!(chosen(30), (vec![0], 0));
    assert_eq!(chosen(70), (vec![0, 1], 10));
}

#[test]
fn what_is_dearer_than_its_whole_part_saves_nothing_more() {
    let all = Item {
        whole: true,
        ..item(60, 2, 7)
    };
    let items = [item(40, 3, 7), all, item(30, 3, 8)];
    let choice = choose(&items, 80);
    assert_eq!((whole(&choice), choice.missing), (vec![1, 2], 0));
}

#[test]
fn only_the_oldest_pieces_go_over_all_items_of_a_tier() {
    let items = [
        aged(&[(1, 10), (4, 10), (5, 10)], 2, 0),
        aged(&[(2, 10), (3, 10), (6, 10)], 2, 1),
    ];
    let pick = |item, pieces| Pick {
        item,
        pieces: Some(pieces),
    };
    assert_eq!(choose(&items, 1).picks, [pick(0, 1)]);
    assert_eq!(choose(&items, 25).picks, [pick(0, 1), pick(1, 2)]);
    assert_eq!(choose(&items, 60).picks, [pick(0, 3), pick(1, 3)]);
    assert_eq!(choose(&items, 61).missing, 1);
}

#[test]
fn a_hundred_thousand_units_end_in_time_and_without_a_deep_stack() {
    let units: Vec<(u64, u8)> = (0..100_000u64)
        .map(|n| (n % 977 + 1, (n % 3) as u8))
        .collect();
    let need = 20_000_000;
    let (picks, missing) = picks(&units, need);
    let sum: u64 = picks.iter().map(|&at| units[at].0).sum();
    assert!(missing == 0 && sum >= need && sum < need + 977, "{sum}");
}

/// Items of the tiers 0 to 3 as a whole, of the tier 4 with pieces, and some whole parts of tier 5.
fn any_items() -> impl Strategy<Value = Vec<Item>> {
    let unit = (0u64..60, 0u8..4, 0usize..4).prop_map(|(size, tier, part)| item(size, tier, part));
    let pieces = prop::collection::vec((0i64..9, 1u64..20), 1..5);
    let old = (pieces, 0usize..4).prop_map(|(mut pieces, part)| {
        pieces.sort_unstable();
        aged(&pieces, 4, part)
    });
    (
        prop::collection::vec(unit, 0..8),
        prop::collection::vec(old, 0..3),
        prop::collection::hash_set(0usize..4, 0..3),
    )
        .prop_map(|(mut units, old, wholes)| {
            units.extend(old);
            for part in wholes {
                let here = units.iter().filter(|u| u.part == part);
                let inside: u64 = here.map(|u| u.size).sum();
                units.push(Item {
                    whole: true,
                    ..item(inside + 7, 5, part)
                });
            }
            units
        })
}

fn all(items: &[Item]) -> Vec<Pick> {
    (0..items.len()).map(Pick::all).collect()
}

/// A need that can be met.
fn reachable(items: &[Item], need: u64) -> u64 {
    need % (saved(items, &all(items)) + 1)
}

/// The bytes that go of each tier, the dearest first.
fn harm(items: &[Item], picks: &[Pick]) -> [u64; 6] {
    let mut bytes = [0; 6];
    for tier in 0..6u8 {
        let to: Vec<Pick> = picks
            .iter()
            .copied()
            .filter(|pick| items[pick.item].tier >= tier)
            .collect();
        bytes[usize::from(5 - tier)] = saved(items, &to);
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_choice_is_enough_or_takes_everything(items in any_items(), need in 0u64..300) {
        let choice = choose(&items, need);
        let got = saved(&items, &choice.picks);
        prop_assert_eq!(choice.missing, need.saturating_sub(got));
        if choice.missing > 0 {
            prop_assert_eq!(got, saved(&items, &all(&items)));
        }
    }

    #[test]
    fn no_unit_can_be_taken_back(items in any_items(), need in 0u64..300) {
        let need = reachable(&items, need);
        let choice = choose(&items, need);
        prop_assert_eq!(choice.missing, 0);
        let dearer = choice.picks.iter().any(|pick| !items[pick.item].first);
        for at in &choice.picks {
            let rest: Vec<Pick> = choice.picks.iter().copied().filter(|p| p != at).collect();
            // The oldest go, even if younger ones alone would be enough.
            let must = dearer && items[at.item].first || at.pieces.is_some();
            prop_assert!(must || saved(&items, &rest) < need, "unit {:?} is not needed", at);
        }
    }

    #[test]
    fn nothing_dearer_goes_while_something_that_makes_itself_again_stays(items in any_items(), need in 0u64..300) {
        let choice = choose(&items, need);
        if choice.picks.iter().any(|pick| !items[pick.item].first) {
            let firsts = all(&items).into_iter().filter(|pick| items[pick.item].first);
            let mut with: Vec<Pick> = choice.picks.clone();
            with.extend(firsts);
            prop_assert_eq!(saved(&items, &with.iter().copied().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()), saved(&items, &choice.picks));
        }
    }

    #[test]
    fn a_larger_need_never_saves_fewer_bytes_or_does_less_harm(items in any_items(), need in 0u64..300, more in 0u64..50) {
        let less = choose(&items, need).picks;
        let most = choose(&items, need + more).picks;
        prop_assert!(saved(&items, &less) <= saved(&items, &most));
        prop_assert!(harm(&items, &less) <= harm(&items, &most));
    }

    #[test]
    fn a_higher_tier_is_used_only_when_the_lower_ones_are_not_enough(items in any_items(), need in 1u64..300) {
        let need = reachable(&items, need);
        let choice = choose(&items, need);
        let Some(top) = choice.picks.iter().map(|p| items[p.item].tier).max() else { return Ok(()) };
        let below: Vec<Pick> = all(&items).into_iter().filter(|p| items[p.item].tier < top).collect();
        prop_assert!(saved(&items, &below) < need);
    }

    #[test]
    fn of_pieces_the_oldest_go(items in any_items(), need in 0u64..300) {
        let choice = choose(&items, need);
        let taken = |at: usize| choice.picks.iter().find(|pick| pick.item == at).map_or(0, |pick| pick.pieces.unwrap_or(usize::MAX));
        let whole: Vec<usize> = choice.picks.iter().map(|p| &items[p.item]).filter(|i| i.whole).map(|i| i.part).collect();
        let of_tier: Vec<usize> = (0..items.len()).filter(|&at| items[at].pieces.is_some() && !whole.contains(&items[at].part)).collect();
        let times = |at: usize| items[at].pieces.iter().flat_map(|all| all.iter()).map(|piece| piece.time).collect::<Vec<_>>();
        let youngest = of_tier.iter().flat_map(|&at| times(at).into_iter().take(taken(at))).max();
        let oldest = of_tier.iter().flat_map(|&at| times(at).into_iter().skip(taken(at))).min();
        if let (Some(gone), Some(stays)) = (youngest, oldest) {
            prop_assert!(gone <= stays, "{} goes, {} stays", gone, stays);
        }
    }
}
