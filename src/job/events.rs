//! Events during a job that the user should be told.

use crate::error::Error;
use crate::open::Backup;
use crate::pipe::Silent;
use crate::plan::Plan;
use crate::plan::facts::Note;

/// Something that does not end the job. Parts are identified by their ids.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A part that a copy keeps unchanged is damaged.
    PartDamaged {
        /// The part.
        part: &'a str,
        /// The damage.
        error: &'a Error,
    },
    /// A part that a copy would hold in another form cannot be read as a whole, so there is no such
    /// copy.
    PartUnusable {
        /// The part.
        part: &'a str,
        /// The damage, or what prevented the check.
        error: &'a Error,
    },
    /// A part that a copy keeps unchanged could not be checked for damage.
    PartUnchecked {
        /// The part.
        part: &'a str,
        /// Why not.
        error: &'a Error,
    },
    /// Something in a part that a copy keeps unchanged makes a restore fail.
    Kept {
        /// The backup.
        backup: &'a Backup,
        /// What it is.
        note: &'a Note,
    },
    /// The copy was larger than the limit, or some parts have to be written anew. It was discarded,
    /// and another plan was made, which leaves out something else.
    Replanned {
        /// By how many bytes the copy was larger than predicted, in whole records; `None` if it is
        /// about parts to be written anew.
        excess: Option<u64>,
        /// The backup.
        backup: &'a Backup,
        /// The new plan.
        plan: &'a Plan,
    },
}

/// Receives the events of a job, in order and on the thread that runs the job.
pub trait Observer {
    /// Called for each event.
    fn event(&self, event: Event<'_>);
}

impl Observer for Silent {
    fn event(&self, _: Event<'_>) {}
}
