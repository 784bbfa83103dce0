//! Moving bytes: the input and windows of it, reading ahead on another thread,
//! progress and the wish to stop.

pub mod control;
pub mod input;
pub mod parallel;
pub mod read_ahead;

pub use control::{Control, Progress, Silent};
pub use input::{Input, Window};
pub use read_ahead::ReadAhead;
