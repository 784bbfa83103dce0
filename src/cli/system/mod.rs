//! What the program does differently on each system: the twin of the library's `sys`, for what only
//! a program needs. `unix.rs` and `windows.rs` provide the same functions.

mod quoting;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use quoting::posix as quoted;
#[cfg(windows)]
pub use quoting::powershell as quoted;
#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;
