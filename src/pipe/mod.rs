//! Moves bytes: the input and ranges of it, reading ahead and writing behind on other threads,
//! progress and cancellation.
#![deny(clippy::indexing_slicing)]

pub mod content;
pub mod control;
mod count;
mod fan_out;
mod growth;
pub mod input;
pub mod parallel;
mod ranges;
pub mod read_ahead;
mod read_full;
pub mod write_behind;

pub use content::{Content, FileContent};
pub use control::{Control, Pace, Progress, Silent, Stage};
pub use count::Counter;
pub use fan_out::{FanOut, Shared, fan_out};
pub use growth::Growth;
pub use input::{Input, Window};
pub use ranges::Ranges;
pub use read_ahead::ReadAhead;
pub(crate) use read_full::{read_full, read_until_error};
pub use write_behind::{WriteBehind, write_behind};
