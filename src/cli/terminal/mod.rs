//! The terminal and the process: output, questions, progress, signals, memory.

pub mod confirm;
pub mod memory;
pub mod output;
pub mod progress;
pub mod prompt;
pub mod signals;
pub mod wrap;
