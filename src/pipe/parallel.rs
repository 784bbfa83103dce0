//! Does the same work on many items, on a few threads.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Runs `work` once for every index in `order`, which must contain each of `0..order.len()` once.
/// It takes the indices in that order on up to `threads` threads, including the caller's; on fewer
/// if the system cannot start more. Returns the results by index, whatever order they finish in.
///
/// # Panics
/// Passes on a panic of `work`.
pub fn each<R: Send>(threads: usize, order: &[usize], work: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(order.len()));
    let share = || {
        while let Some(&at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = work(at);
            done.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((at, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(order.len()) {
            let thread = std::thread::Builder::new().spawn_scoped(scope, share);
            if thread.is_err() {
                break;
            }
        }
        share();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// How many items make a step that is worth a thread's while.
const STEP: usize = 1 << 13;

/// Divides `0..len` into steps of some thousand, and runs `work` once for each on up to `threads`
/// threads. Returns the results in the order of the steps.
///
/// # Panics
/// Passes on a panic of `work`.
pub fn in_steps<R: Send>(
    threads: usize,
    len: usize,
    work: impl Fn(Range<usize>) -> R + Sync,
) -> Vec<R> {
    let order: Vec<usize> = (0..len.div_ceil(STEP)).collect();
    each(threads, &order, |step| {
        work(step * STEP..len.min((step + 1) * STEP))
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn steps_cover_everything_once_in_order() {
        for len in [0, 1, super::STEP, super::STEP + 1, 5 * super::STEP] {
            let steps = super::in_steps(3, len, |range| range.collect::<Vec<_>>());
            assert!(steps.concat().into_iter().eq(0..len), "{len}");
        }
    }

    #[test]
    fn results_come_by_index_for_any_number_of_threads() {
        for threads in [0, 1, 2, 9] {
            assert_eq!(super::each(threads, &[2, 0, 1], |at| at * 10), [0, 10, 20]);
        }
        assert!(super::each(2, &[], |at| at).is_empty());
    }
}
