//! With nothing named: the smallest set of folders and add-ons that would do.

/// How many sets are looked at before the best one found so far is taken. Real
/// backups have a few dozen parts and end long before.
const BUDGET: usize = 2_000_000;

/// Of more parts than this the largest are taken, without looking for a better set.
const SEARCHED: usize = 64;

/// Indices of the fewest items whose sum is at least `need`; among those sets the
/// one with the smallest sum. `None` when all together are not enough.
pub fn smallest_cover(sizes: &[u64], need: u64) -> Option<Vec<usize>> {
    if need == 0 {
        return Some(Vec::new());
    }
    let mut order: Vec<usize> = (0..sizes.len())
        .filter(|&at| sizes.get(at).is_some_and(|&s| s > 0))
        .collect();
    let size = |at: usize| sizes.get(at).copied().unwrap_or(0);
    order.sort_by_key(|&at| std::cmp::Reverse(size(at)));
    let sorted: Vec<u64> = order.iter().map(|&at| size(at)).collect();
    let mut count = 0;
    let mut sum = 0u64;
    while sum < need {
        sum = sum.saturating_add(*sorted.get(count)?);
        count += 1;
    }
    let mut search = Search {
        sizes: &sorted,
        need,
        best: (sum, (0..count).collect()),
        chosen: Vec::new(),
        budget: BUDGET,
    };
    if count <= SEARCHED {
        search.go(0, 0, count);
    }
    let mut picked: Vec<usize> = search
        .best
        .1
        .iter()
        .filter_map(|&at| order.get(at).copied())
        .collect();
    picked.sort_unstable();
    Some(picked)
}

struct Search<'a> {
    sizes: &'a [u64],
    need: u64,
    best: (u64, Vec<usize>),
    chosen: Vec<usize>,
    budget: usize,
}

impl Search<'_> {
    /// Takes `left` more items from `from` on; sizes fall, so that a branch whose
    /// largest sum is too small ends at once.
    fn go(&mut self, from: usize, sum: u64, left: usize) {
        if sum >= self.best.0 {
            return;
        }
        if left == 0 {
            if sum >= self.need {
                self.best = (sum, self.chosen.clone());
            }
            return;
        }
        for at in from..self.sizes.len() {
            let most: u64 = self.sizes.iter().skip(at).take(left).sum();
            if self.budget == 0 || self.best.0 == self.need || sum.saturating_add(most) < self.need
            {
                return;
            }
            self.budget -= 1;
            let size = self.sizes.get(at).copied().unwrap_or(0);
            self.chosen.push(at);
            self.go(at + 1, sum.saturating_add(size), left - 1);
            self.chosen.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_part_is_better_than_two_and_the_smaller_one_better_than_the_larger() {
        assert_eq!(smallest_cover(&[10, 70, 50, 45], 40), Some(vec![3]));
        assert_eq!(smallest_cover(&[30, 30, 25, 20], 44), Some(vec![2, 3]));
        assert_eq!(smallest_cover(&[30, 30], 61), None);
        assert_eq!(smallest_cover(&[1], 0), Some(vec![]));
    }

    #[test]
    fn a_hundred_thousand_parts_end_in_time_and_without_a_deep_stack() {
        let sizes = vec![3u64; 100_000];
        assert_eq!(
            smallest_cover(&sizes, 299_999).map(|set| set.len()),
            Some(100_000)
        );
        assert_eq!(smallest_cover(&sizes, 31).map(|set| set.len()), Some(11));
    }

    proptest! {
        #[test]
        fn no_other_set_is_smaller(sizes in prop::collection::vec(0u64..50, 0..9), need in 0u64..200) {
            let found = smallest_cover(&sizes, need);
            let sum_of = |mask: u32| -> u64 { sizes.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, s)| s).sum() };
            let best = (0..1u32 << sizes.len()).filter(|&m| sum_of(m) >= need).map(|m| (m.count_ones(), sum_of(m))).min();
            let got = found.map(|set| (set.len() as u32, set.iter().map(|&at| sizes[at]).sum::<u64>()));
            prop_assert_eq!(got, best);
        }
    }
}
