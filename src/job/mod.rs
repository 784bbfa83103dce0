//! Sixth stage: combines the other stages into what a program calls.
//!
//! [`Job`] holds a backup and a request. With the key, [`Job::prepare`] reads what the plan depends
//! on and makes the plan. [`Prepared::write`] checks the parts that are kept, writes the copy,
//! reads it back, compares it with the original and gives it its name; if it fails, it leaves
//! nothing behind. [`prepare_repair`] prepares a copy in which nothing is left out.
//!
//! Nothing here prints or asks. Information for the user is sent to an [`Observer`] as an [`Event`]
//! while the job runs. Progress is reported through the [`Control`](crate::pipe::Control), which
//! also makes every call end with `Interrupted`.
//!
//! While a copy is written, up to three more threads work beside the writing thread and those of
//! the stages below: one checks kept parts, one compares parts that are already complete, one waits
//! for the disk. They end before the call returns. If the control allows one thread, the checks are
//! done one after the other. Memory: that of the stages; this module keeps only the entries of the
//! surveys and one result for each part.
#![deny(clippy::indexing_slicing)]

mod depth;
mod events;
mod integrity;
mod mirror;
mod prepare;
mod prepared;
mod refusal;
mod repair;
mod rest;
mod rest_file;
mod saved;
mod stream;
#[cfg(test)]
mod tests;
mod unlocked;
mod write;
mod writer;

pub use depth::Depth;
pub use events::{Event, Observer};
pub use integrity::Damage;
pub use prepare::{Job, KeyNeed};
pub use prepared::{PartIntegrity, Prepared};
pub use refusal::Refusal;
pub use repair::{PreparedRepair, prepare_repair};
pub use rest_file::PublishedRest;
pub use stream::MeasureOutcome;
pub use unlocked::Unlocked;
pub use write::{Published, WriteOptions, WriteOutcome};
pub use writer::CopyWriter;
