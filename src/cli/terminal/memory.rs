//! Checks whether there is enough memory before it is needed.
//!
//! Rust ends a program at once if memory runs out in the middle of its work, without time to say
//! what to do about it. A run therefore allocates as much as its buffers take at a time, frees it,
//! and only then begins. If the system promises more memory than it has, this check detects
//! nothing.

use haslim::error::Advice;
use haslim::{Error, Kind, Result, size};

use crate::cli::settings::Task;

/// The memory of a thread: the stack from the standard library, and its first buffers.
const THREAD: usize = 3 << 20;
/// The memory of everything else.
const REST: usize = 4 << 20;

/// How many of the `wanted` threads the memory allows; at least one.
pub fn threads(wanted: usize) -> usize {
    let mut threads = wanted;
    while threads > 1 && !has(threads.saturating_mul(THREAD).saturating_add(REST)) {
        threads /= 2;
    }
    threads
}

/// Checks that there is enough memory for a command.
///
/// # Errors
/// `Internal`, as for any internal promise that cannot be kept, with what is missing.
pub fn check(task: &Task) -> Result<()> {
    let needed = match task {
        Task::Info { .. } | Task::Rules { .. } | Task::Completions(_) | Task::Man(_) => REST,
        // Argon2 allocates 16 MiB of its own (crypt::key), and frees them.
        Task::Ls { .. } | Task::Plan { .. } | Task::Why { .. } | Task::Verify { .. } => 28 << 20,
        Task::Ha { .. }
        | Task::Join(_)
        | Task::Scan { .. }
        | Task::Extract { .. }
        | Task::Shrink { .. }
        | Task::Repair { .. }
        | Task::Measure(_)
        | Task::Make(_) => 40 << 20,
    };
    require(needed)
}

/// Checks that there is enough memory for the arguments, for the thread that waits for signals and
/// for one that works. A thread that starts with less panics before it runs any of our code.
///
/// # Errors
/// As [`check`].
pub fn check_first() -> Result<()> {
    require(2 * THREAD + REST)
}

/// Fails if this many bytes cannot be allocated now.
fn require(needed: usize) -> Result<()> {
    if has(needed) {
        return Ok(());
    }
    let message = format!(
        "not enough memory: this needs {}, which the system refused",
        size::binary(needed as u64)
    );
    Err(Error::new(Kind::Internal, message).advice(Advice::Scarce))
}

/// Whether this many bytes can be allocated now.
pub fn has(bytes: usize) -> bool {
    Vec::<u8>::new().try_reserve_exact(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(
        windows,
        ignore = "wine itself runs out of memory when it promises this much"
    )]
    fn there_is_always_one_thread_and_never_more_than_wanted() {
        assert_eq!(threads(1), 1);
        assert!((1..=4).contains(&threads(4)));
        assert!(threads(usize::MAX) < usize::MAX);
        assert!(has(1) && !has(usize::MAX / 2));
    }
}
