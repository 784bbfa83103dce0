//! The terminal and the process: output, progress, signals, memory.

pub mod memory;
pub mod output;
pub mod progress;
pub mod signals;
pub mod wrap;
