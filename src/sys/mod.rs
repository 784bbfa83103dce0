//! Every call that only one kind of system has, behind functions named by what they promise.
//!
//! No other module refers to a system: everything that Linux, macOS and Windows do differently, or
//! cannot do, is decided here. `unix.rs` contains what Linux and macOS share, `linux.rs` and
//! `macos.rs` what only one of them has, `windows.rs` all of it for Windows. Another system is another file that provides the same functions. A function that
//! cannot keep its promise returns [`io::ErrorKind::Unsupported`], and the caller uses a way that
//! needs less.
//!
//! The functions that create, name or remove files are for `rewrite::output` alone; `clippy.toml`
//! forbids them everywhere else.
//!
//! [`io::ErrorKind::Unsupported`]: std::io::ErrorKind::Unsupported
#![deny(clippy::indexing_slicing)]

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::time::SystemTime;

// Open files: reading and writing at positions, and copying.
#[cfg(target_os = "linux")]
pub(crate) use linux::{begin_write_back, copy_range, sync};
#[cfg(target_os = "macos")]
pub(crate) use macos::{begin_write_back, copy_range, sync};
#[cfg(unix)]
pub(crate) use unix::{next_data, read_at, set_mode, write_all_at};
#[cfg(windows)]
pub(crate) use windows::{
    begin_write_back, copy_range, next_data, read_at, set_mode, sync, write_all_at,
};

// Folders, and the files in them by name: see `unix::Folder`, which `linux.rs` and
// `macos.rs` extend.
#[cfg(unix)]
pub use unix::{Folder, name_fault};
#[cfg(unix)]
pub(crate) use unix::{create_private_folder, is_illegal_sequence, name_of, set_folder_mode};
#[cfg(windows)]
pub use windows::{Folder, name_fault};
#[cfg(windows)]
pub(crate) use windows::{create_private_folder, is_illegal_sequence, name_of, set_folder_mode};

// The process and the machine.
#[cfg(target_os = "linux")]
pub use linux::{ignored_signals, keep_memory_private, peak_memory, processor_name};
#[cfg(target_os = "macos")]
pub use macos::{ignored_signals, keep_memory_private, peak_memory, processor_name};
#[cfg(unix)]
pub(crate) use unix::largest_file;
#[cfg(windows)]
pub(crate) use windows::largest_file;
#[cfg(windows)]
pub use windows::{keep_memory_private, peak_memory, processor_name};

// The terminal.
#[cfg(unix)]
pub use unix::{AsStream, Typing};
#[cfg(windows)]
pub use windows::{AsStream, Typing};

/// Whether Windows takes a name, with any ending, for a device ("Naming Files, Paths, and Namespaces"
/// in its documentation). On every system, because names are chosen and tested on every system.
pub(crate) fn is_windows_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    let stem = stem.trim_end_matches(' ').to_uppercase();
    let port = stem
        .strip_prefix("COM")
        .or_else(|| stem.strip_prefix("LPT"));
    let is_port = port.is_some_and(|number| {
        let mut chars = number.chars();
        matches!(chars.next(), Some('0'..='9' | '¹' | '²' | '³')) && chars.next().is_none()
    });
    is_port || matches!(&*stem, "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
}

/// The identity of a file, independent of its path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    device: u64,
    number: u64,
}

/// What distinguishes one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileState {
    /// The identity of the file.
    pub identity: FileIdentity,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written; `None` if the system does not record that.
    pub modified: Option<SystemTime>,
}

/// The file behind a name in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// The identity of the file.
    pub identity: FileIdentity,
    /// The kind of the file.
    pub kind: FileKind,
    /// Whether it belongs to the user who runs this process.
    pub is_own: bool,
}

/// What keeps a name from naming a new file, on systems where not every name does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameFault {
    /// It names a device.
    Device,
    /// It names a stream inside another file.
    Stream,
    /// It ends in a full stop or a space, which the system would leave out.
    End,
    /// It contains a character that no name may contain.
    Character(char),
}

/// The kinds of files that an output must distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A file of bytes.
    Regular,
    /// A folder.
    Folder,
    /// Anything else: a link, a pipe, a device, a socket.
    Other,
}
