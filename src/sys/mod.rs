//! Every call that only one kind of system has, behind functions that are named by what they
//! promise.
//!
//! Nothing else in the library or the program names a system: what Linux, macOS or Windows do
//! in another way, or cannot do, is decided here. `unix.rs` holds what all Unix systems share,
//! `linux.rs` what only Linux has. A further system is a file beside them that offers the same
//! functions. One that cannot keep a promise returns [`io::ErrorKind::Unsupported`], and the
//! caller goes the way that needs less.
//!
//! The functions that create, name or remove files are for `rewrite::output` alone; `clippy.toml`
//! refuses them everywhere else.
//!
//! [`io::ErrorKind::Unsupported`]: std::io::ErrorKind::Unsupported
#![deny(clippy::indexing_slicing)]

#[cfg(target_os = "linux")]
mod linux;
#[cfg(unix)]
mod unix;

use std::time::SystemTime;

// Files that are open: reading and writing at positions, and copying.
#[cfg(target_os = "linux")]
pub(crate) use linux::{begin_write_back, copy_range};
#[cfg(unix)]
pub(crate) use unix::{next_data, read_at, write_all_at};

// Folders, and the files in them by name: see `unix::Folder`, which `linux.rs` adds to.
#[cfg(unix)]
pub use unix::Folder;

// The process and the machine.
#[cfg(target_os = "linux")]
pub use linux::{ignored_signals, keep_memory_private, peak_memory, processor_name};
#[cfg(unix)]
pub(crate) use unix::largest_file;

// The terminal.
#[cfg(unix)]
pub use unix::{AsStream, Typing};

/// Which file it is, whatever its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    device: u64,
    number: u64,
}

/// What distinguishes one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileState {
    /// Which file it is.
    pub identity: FileIdentity,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written to; `None` where the system does not record that.
    pub modified: Option<SystemTime>,
}

/// What a name in a folder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// Which file it is.
    pub identity: FileIdentity,
    /// What kind of file it is.
    pub kind: FileKind,
    /// Whether it belongs to the user who runs this process.
    pub is_own: bool,
}

/// The kinds of files that an output has to know apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A file of bytes.
    Regular,
    /// A folder.
    Folder,
    /// Anything else: a link, a pipe, a device, a socket.
    Other,
}
