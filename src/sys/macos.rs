//! Functions that macOS has in its own form, or not at all.
#![allow(
    clippy::disallowed_methods,
    reason = "these are the calls that the rest of the library reaches through this room"
)]

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;

use rustix::fs::RenameFlags;
use rustix::io::Errno;

use super::unix::{self, Folder};

/// Copying between open files inside the kernel: macOS only clones whole files.
///
/// # Errors
/// Always `Unsupported`.
pub(crate) fn copy_range(_: &File, _: u64, _: &File, _: u64, _: usize) -> io::Result<usize> {
    Err(ErrorKind::Unsupported.into())
}

/// Does nothing. Only time is lost: the disk starts to write when the system decides to.
pub(crate) fn begin_write_back(_: &File, _: u64, _: u64) {}

/// Waits until a file is on disk.
///
/// # Errors
/// Errors of the system.
pub(crate) fn sync(file: &File) -> io::Result<()> {
    full_sync(file)
}

/// Waits until the disk has emptied its own cache too (fcntl(2), `F_FULLFSYNC`): fsync(2) alone
/// does not wait for that. Network shares and FAT have only fsync(2).
fn full_sync(file: impl AsFd) -> io::Result<()> {
    match rustix::io::retry_on_intr(|| rustix::fs::fcntl_fullfsync(&file)) {
        Err(error) if is_no_such_call(error) => {
            Ok(rustix::io::retry_on_intr(|| rustix::fs::fsync(&file))?)
        }
        other => Ok(other?),
    }
}

/// Whether a file system does not have a call.
fn is_no_such_call(error: Errno) -> bool {
    matches!(
        error,
        Errno::INVAL | Errno::NOTSUP | Errno::OPNOTSUPP | Errno::NOTTY | Errno::NOSYS
    )
}

impl Folder {
    /// Whether the folder is on any kind of FAT file system (statfs(2), `f_fstypename`). exFAT has
    /// its own name.
    ///
    /// # Errors
    /// Errors of the system.
    pub fn is_fat(&self) -> io::Result<bool> {
        let disk = rustix::fs::fstatfs(&self.0)?;
        let name = disk
            .f_fstypename
            .iter()
            .map_while(|&c| u8::try_from(c).ok());
        Ok(name.take_while(|&byte| byte != 0).eq(*b"msdos"))
    }

    /// Creating a file without a name: macOS has no such files.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub(crate) fn create_nameless(&self) -> io::Result<File> {
        Err(ErrorKind::Unsupported.into())
    }

    /// Naming a file that has no name: there are none.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub(crate) fn name_file(&self, _: &File, _: &OsStr) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    /// Renames a file (`renameatx_np`, `RENAME_EXCL`). Never replaces anything.
    ///
    /// # Errors
    /// `AlreadyExists`; `InvalidInput` or `Unsupported` if the file system cannot promise this; or
    /// another error of the system.
    pub(crate) fn rename_to_new(&self, old: &OsStr, new: &OsStr) -> io::Result<()> {
        let flags = RenameFlags::NOREPLACE;
        rustix::fs::renameat_with(&self.0, old, &self.0, new, flags).map_err(|error| {
            if is_no_such_call(error) {
                ErrorKind::Unsupported.into()
            } else {
                error.into()
            }
        })
    }

    /// Waits until the names in the folder are on disk.
    ///
    /// # Errors
    /// `InvalidInput` or `Unsupported` if the file system cannot do this, or another error of the
    /// system.
    pub(crate) fn sync(&self) -> io::Result<()> {
        full_sync(&self.0)
    }
}

/// Keeps this process's memory out of core files. A debugger of the same user is kept away by the
/// system itself, for programs that are signed for that.
pub fn keep_memory_private() {
    unix::refuse_core_files();
}

/// The signals that this process inherited as ignored. macOS reports them only through calls that
/// are `unsafe`, so none are known, and `nohup` has no effect.
pub fn ignored_signals() -> impl Fn(i32) -> bool {
    |_| false
}

/// The maximum memory that this process has used so far. Zero: macOS reports it only through calls
/// that are `unsafe`.
pub fn peak_memory() -> u64 {
    0
}

/// The system's name for the processor. Empty: macOS reports it only through calls that are
/// `unsafe`.
pub fn processor_name() -> String {
    String::new()
}
