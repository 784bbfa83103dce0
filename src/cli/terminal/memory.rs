//! Whether there is memory enough, asked before it is needed.
//!
//! Rust ends a program at once when memory runs out in the middle of something, and leaves
//! no time to say what to do about it. So a run asks for as much as its buffers take at a time,
//! gives it back, and only then begins. Where the system promises more than it has, nothing
//! can be told from that.

use haslim::error::Advice;
use haslim::{Error, Kind, Result, size};

use crate::cli::settings::Task;

/// What a thread takes: the stack that the standard library gives it, and its first buffers.
const THREAD: usize = 3 << 20;
/// What everything else takes.
const REST: usize = 4 << 20;

/// How many of so many threads there is memory for; one at least.
pub fn threads(wanted: usize) -> usize {
    let mut threads = wanted;
    while threads > 1 && !has(threads.saturating_mul(THREAD).saturating_add(REST)) {
        threads /= 2;
    }
    threads
}

/// Makes sure that there is memory for what a command does.
///
/// # Errors
/// `Internal`, as for any promise that cannot be kept here, with what is missing.
pub fn check(task: &Task) -> Result<()> {
    let needed = match task {
        Task::Info { .. } | Task::Rules { .. } => REST,
        // Argon2 takes 16 MiB for itself (crypt::key), and gives them back.
        Task::Ls { .. } | Task::Plan { .. } | Task::Why { .. } | Task::Verify { .. } => 28 << 20,
        Task::Shrink { .. } | Task::Repair { .. } | Task::Measure(_) | Task::Make(_) => 40 << 20,
    };
    if has(needed) {
        return Ok(());
    }
    let message = format!(
        "there is too little memory: this takes {}, which the system did not give",
        size::binary(needed as u64)
    );
    Err(Error::new(Kind::Internal, message).advice(Advice::Scarce))
}

/// Whether so many bytes could be had now.
pub fn has(bytes: usize) -> bool {
    Vec::<u8>::new().try_reserve_exact(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_one_thread_and_never_more_than_wanted() {
        assert_eq!(threads(1), 1);
        assert!((1..=4).contains(&threads(4)));
        assert!(threads(usize::MAX) < usize::MAX);
        assert!(has(1) && !has(usize::MAX / 2));
    }
}
