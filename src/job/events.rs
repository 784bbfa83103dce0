//! What happens during a job that its user should know.

use crate::error::Error;
use crate::pipe::Silent;

/// Something that does not end the job. Parts are named by their ids.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The bytes of a part are those that were stored, but the archive in them cannot be looked
    /// into. A copy keeps it as it is.
    PartUnreadable {
        /// The part.
        part: &'a str,
        /// Why it cannot be looked into.
        error: &'a Error,
    },
    /// A part that a copy keeps as it is, is damaged.
    PartDamaged {
        /// The part.
        part: &'a str,
        /// The damage.
        error: &'a Error,
    },
    /// A part that a copy keeps as it is could not be checked for damage.
    PartUnchecked {
        /// The part.
        part: &'a str,
        /// Why not.
        error: &'a Error,
    },
    /// The copy came out larger than the limit; it was given up, and the plan made anew to stay
    /// below the limit by as much more.
    CopyTooLarge {
        /// Which attempt failed, counted from 1.
        attempt: usize,
        /// By how many bytes the copy was larger than planned.
        excess: u64,
    },
}

/// Receives the events of a job, in their order and on the thread that runs the job.
pub trait Observer {
    /// Something happened.
    fn event(&self, event: Event<'_>);
}

impl Observer for Silent {
    fn event(&self, _: Event<'_>) {}
}
