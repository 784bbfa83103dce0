//! Moving bytes: the input and windows of it, reading ahead and writing behind on
//! other threads, progress and the wish to stop.
#![deny(clippy::indexing_slicing)]

pub mod control;
mod counter;
mod fill;
pub mod input;
pub mod parallel;
pub mod read_ahead;
pub mod write_behind;

pub use control::{Control, Pace, Progress, Silent};
pub use counter::Counter;
pub(crate) use fill::{read_full, read_until_error};
pub use input::{Input, Window};
pub use read_ahead::ReadAhead;
pub use write_behind::{WriteBehind, write_behind};
