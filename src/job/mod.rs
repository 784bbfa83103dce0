//! Sixth stage: the others put together, as a program needs them.
//!
//! [`Job`] holds a backup and what is wanted of it. With the key, [`Job::prepare`] reads what the
//! plan depends on and makes the plan; [`Prepared::write`] checks the parts that are kept, writes
//! the copy, reads it back, compares it with the original and gives it its name, or leaves nothing
//! behind. [`prepare_repair`] prepares a copy in which nothing is left out.
//!
//! Nothing here prints or asks. What the user should know while it goes on arrives at an
//! [`Observer`] as an [`Event`]; how far it has come, at the progress of the
//! [`Control`](crate::pipe::Control), which also ends every call with `Interrupted`.
//!
//! While a copy is written, up to three more threads work beside the one that writes and those of
//! the stages below: one checks kept parts, one compares parts that are complete already, one waits
//! for the disk. They end before the call does. With a control of one thread the checks are done
//! one after the other. Memory is what the stages take; here only the entries of the surveys are
//! kept, and one result for each part.
#![deny(clippy::indexing_slicing)]

mod events;
mod integrity;
mod prepare;
mod prepared;
mod refusal;
mod repair;
#[cfg(test)]
mod tests;
mod unlocked;
mod write;
mod writer;

pub use events::{Event, Observer};
pub use prepare::{Depth, Job, KeyNeed};
pub use prepared::{PartIntegrity, Prepared};
pub use refusal::Refusal;
pub use repair::{PreparedRepair, prepare_repair};
pub use unlocked::Unlocked;
pub use write::{Published, WriteOptions, WriteOutcome};
pub use writer::CopyWriter;
