//! The best set of sizes whose sum reaches a need.

/// How many steps the search takes before it returns the best set found so far. Real backups have a
/// few dozen units, and the search ends long before.
const BUDGET: usize = 2_000_000;

/// Which of two sets that reach the need is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The one with the smaller sum; if the sums are equal, the one with fewer items.
    SmallestSum,
    /// The one with fewer items; if the counts are equal, the one with the smaller sum.
    FewestItems,
}

/// Returns the indices, in rising order, of the best set of items whose sum is at least `need`.
/// Returns `None` if all items together are not enough.
///
/// If the search does not end within its budget, the set is good but not always the best. Memory:
/// some 40 bytes for each item.
pub fn cover(sizes: &[u64], need: u64, order: Order) -> Option<Vec<usize>> {
    if need == 0 {
        return Some(Vec::new());
    }
    let mut items: Vec<(u64, usize)> = sizes.iter().copied().zip(0..).collect();
    items.retain(|(size, _)| *size > 0);
    items.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    let search = Search::new(items.iter().map(|(size, _)| *size).collect(), need, order)?;
    let best = search.run();
    let mut picked: Vec<usize> = best
        .into_iter()
        .filter_map(|at| items.get(at).map(|(_, index)| *index))
        .collect();
    picked.sort_unstable();
    Some(picked)
}

struct Search {
    /// In falling order.
    sizes: Vec<u64>,
    /// For each index, the sum of the sizes before it.
    sums: Vec<u64>,
    need: u64,
    order: Order,
    best: Set,
}

/// A set of items, by index.
struct Set {
    sum: u64,
    items: Vec<usize>,
}

impl Search {
    /// `None` when all sizes together are not enough.
    fn new(sizes: Vec<u64>, need: u64, order: Order) -> Option<Self> {
        let mut sums = vec![0u64];
        let mut all = 0u64;
        for size in &sizes {
            all = all.saturating_add(*size);
            sums.push(all);
        }
        // The smallest possible number of items is reached with the largest ones.
        let count = match order {
            Order::SmallestSum if all >= need => sizes.len(),
            _ => sums.iter().position(|sum| *sum >= need)?,
        };
        let best = Set {
            sum: sums.get(count).copied()?,
            items: (0..count).collect(),
        };
        Some(Self {
            sizes,
            sums,
            need,
            order,
            best,
        })
    }

    /// Tries every set, each item first with and then without it, and abandons a branch as soon as
    /// it cannot lead to a better set. Not recursive, because the archive determines how many items
    /// there are.
    fn run(mut self) -> Vec<usize> {
        let (mut chosen, mut sum, mut at) = (Vec::<usize>::new(), 0u64, 0usize);
        for _ in 0..BUDGET {
            if let Some(size) = self.next(at, sum, chosen.len()) {
                // A set with this item exceeds the best one, so only sets without it are tried.
                if sum.saturating_add(size) <= self.best.sum {
                    chosen.push(at);
                    sum = sum.saturating_add(size);
                }
                at += 1;
                continue;
            }
            if sum >= self.need && self.is_better(sum, chosen.len()) {
                self.best = Set {
                    sum,
                    items: chosen.clone(),
                };
            }
            let Some(last) = chosen.pop() else { break };
            sum -= self.sizes.get(last).copied().unwrap_or(0);
            at = last + 1;
        }
        self.best.items
    }

    fn is_better(&self, sum: u64, count: usize) -> bool {
        let best = (self.best.sum, self.best.items.len());
        match self.order {
            Order::SmallestSum => (sum, count) < best,
            Order::FewestItems => (count, sum) < (best.1, best.0),
        }
    }

    /// The size of the item at `at`, if sets that contain it are worth trying.
    fn next(&self, at: usize, sum: u64, count: usize) -> Option<u64> {
        let &size = self.sizes.get(at)?;
        let least = self.best.items.len();
        let (end, perfect) = match self.order {
            Order::SmallestSum => (self.sizes.len(), least <= count + 1),
            // No set has fewer items than the first one found.
            Order::FewestItems => (at + least.saturating_sub(count), true),
        };
        let perfect = perfect && self.best.sum == self.need;
        let end = end.min(self.sizes.len());
        let most = self.sums.get(end)?.checked_sub(*self.sums.get(at)?)?;
        let reachable = sum.saturating_add(most) >= self.need;
        (sum < self.need && reachable && !perfect).then_some(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fewest(sizes: &[u64], need: u64) -> Option<Vec<usize>> {
        cover(sizes, need, Order::FewestItems)
    }

    #[test]
    fn one_part_is_better_than_two_and_the_smaller_one_better_than_the_larger() {
        assert_eq!(fewest(&[10, 70, 50, 45], 40), Some(vec![3]));
        assert_eq!(fewest(&[30, 30, 25, 20], 44), Some(vec![2, 3]));
        assert_eq!(fewest(&[30, 30], 61), None);
        assert_eq!(fewest(&[1], 0), Some(vec![]));
    }

    #[test]
    fn a_hundred_thousand_parts_end_in_time_and_without_a_deep_stack() {
        let sizes = vec![3u64; 100_000];
        assert_eq!(fewest(&sizes, 299_999).map(|set| set.len()), Some(100_000));
        assert_eq!(fewest(&sizes, 31).map(|set| set.len()), Some(11));
    }

    proptest! {
        #[test]
        fn no_other_set_is_smaller(sizes in prop::collection::vec(0u64..50, 0..9), need in 0u64..200) {
            let found = fewest(&sizes, need);
            let sum_of = |mask: u32| -> u64 { sizes.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, s)| s).sum() };
            let best = (0..1u32 << sizes.len()).filter(|&m| sum_of(m) >= need).map(|m| (m.count_ones(), sum_of(m))).min();
            let got = found.map(|set| (set.len() as u32, set.iter().map(|&at| sizes[at]).sum::<u64>()));
            prop_assert_eq!(got, best);
        }

        #[test]
        fn the_smallest_sum_is_found(sizes in prop::collection::vec(0u64..50, 0..10), need in 1u64..200) {
            let found = cover(&sizes, need, Order::SmallestSum).map(|set| set.iter().map(|&at| sizes[at]).sum::<u64>());
            let sum_of = |mask: u32| -> u64 { sizes.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, s)| s).sum() };
            prop_assert_eq!(found, (0..1u32 << sizes.len()).map(sum_of).filter(|&s| s >= need).min());
        }
    }
}
