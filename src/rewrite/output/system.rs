//! The calls behind an output, each in one place, so that tests can make every one of them fail in
//! turn. `sys` maps each to its system call.
#![allow(
    clippy::disallowed_methods,
    reason = "these are the calls that nothing else may make"
)]

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::SystemTime;

use crate::sys::{self, Folder, Named};

/// The calls that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    OpenFolder,
    Look,
    Space,
    CreateNameless,
    CreateHidden,
    Lock,
    Write,
    CopyRange,
    Sync,
    Link,
    Rename,
    SyncFolder,
    Remove,
}

/// Access to the system for one output. Outside tests it is empty, and [`System::before`] does
/// nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct System {
    #[cfg(test)]
    pub faults: super::tests::faults::Faults,
}

impl System {
    #[cfg(not(test))]
    #[inline(always)]
    fn before(&self, _: Call) -> io::Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn before(&self, call: Call) -> io::Result<()> {
        Ok(self.faults.before(call)?)
    }

    pub fn open_folder(&self, path: &Path) -> io::Result<Folder> {
        self.before(Call::OpenFolder)?;
        Folder::open(path)
    }

    /// Fails if nothing can be created in the folder.
    pub fn may_write(&self, folder: &Folder) -> io::Result<()> {
        self.before(Call::Look)?;
        folder.may_write()
    }

    /// The file behind a name, following links.
    pub fn look_through(&self, folder: &Folder, name: &OsStr) -> io::Result<Named> {
        self.before(Call::Look)?;
        folder.look_through(name)
    }

    /// The file behind a name, without following links.
    pub fn look_at(&self, folder: &Folder, name: &OsStr) -> io::Result<Named> {
        self.before(Call::Look)?;
        folder.look_at(name)
    }

    /// Free bytes on the folder's disk.
    pub fn free_space(&self, folder: &Folder) -> io::Result<u64> {
        self.before(Call::Space)?;
        folder.free_space()
    }

    /// Whether the folder is on a FAT file system.
    pub fn is_fat(&self, folder: &Folder) -> io::Result<bool> {
        self.before(Call::Space)?;
        #[cfg(test)]
        if self.faults.is_fat() {
            return Ok(true);
        }
        folder.is_fat()
    }

    /// The largest file that the system lets this process write; `None` if there is no limit.
    pub fn largest_of_process(&self) -> Option<u64> {
        #[cfg(test)]
        if let Some(most) = self.faults.largest() {
            return Some(most);
        }
        sys::largest_file()
    }

    pub fn create_nameless(&self, folder: &Folder) -> io::Result<File> {
        self.before(Call::CreateNameless)?;
        folder.create_nameless()
    }

    pub fn create_hidden(&self, folder: &Folder, name: &OsStr) -> io::Result<File> {
        self.before(Call::CreateHidden)?;
        folder.create_new(name)
    }

    /// Opens a file that an earlier run left behind. Never waits, never follows a link.
    pub fn open_hidden(&self, folder: &Folder, name: &OsStr) -> io::Result<File> {
        folder.open_existing(name)
    }

    /// Marks this file as in use; `WouldBlock` if another process has already marked it.
    pub fn lock(&self, file: &File) -> io::Result<()> {
        self.before(Call::Lock)?;
        Ok(file.try_lock()?)
    }

    pub fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.before(Call::Write)?;
        sys::write_all_at(file, bytes, offset)
    }

    /// Copies inside the kernel, as much as one call copies.
    pub fn copy_range(
        &self,
        from: &File,
        source: u64,
        to: &File,
        target: u64,
        len: usize,
    ) -> io::Result<usize> {
        self.before(Call::CopyRange)?;
        sys::copy_range(from, source, to, target, len)
    }

    /// Starts writing a range to the disk without waiting for it.
    pub fn begin_write_back(&self, file: &File, offset: u64, len: u64) {
        sys::begin_write_back(file, offset, len);
    }

    /// Sets the permission bits and the time of the last change.
    pub fn set_metadata(&self, file: &File, mode: u32, modified: SystemTime) -> io::Result<()> {
        self.before(Call::Write)?;
        sys::set_mode(file, mode)?;
        file.set_modified(modified)
    }

    pub fn sync(&self, file: &File) -> io::Result<()> {
        self.before(Call::Sync)?;
        sys::sync(file)
    }

    /// Names a nameless file. Never replaces anything.
    pub fn link(&self, file: &File, folder: &Folder, name: &OsStr) -> io::Result<()> {
        self.before(Call::Link)?;
        folder.name_file(file, name)
    }

    /// Replaces an existing file in one step.
    pub fn replace(&self, folder: &Folder, old: &OsStr, new: &OsStr) -> io::Result<()> {
        self.before(Call::Rename)?;
        folder.replace(old, new)
    }

    /// Renames and never replaces anything.
    pub fn rename(&self, folder: &Folder, old: &OsStr, new: &OsStr) -> io::Result<()> {
        let renamed = self
            .before(Call::Rename)
            .and_then(|()| folder.rename_to_new(old, new));
        match renamed {
            // A file system that cannot rename without replacing. A hard link never replaces
            // anything either.
            Err(error) if is_no_such_call(&error) => {
                self.before(Call::Link)?;
                folder.link(old, new)?;
                // The output has its name; it keeps it even if the second name cannot be removed.
                let _ = self.remove(folder, old);
                Ok(())
            }
            other => other,
        }
    }

    pub fn sync_folder(&self, folder: &Folder) -> io::Result<()> {
        self.before(Call::SyncFolder)?;
        folder.sync()
    }

    pub fn remove(&self, folder: &Folder, name: &OsStr) -> io::Result<()> {
        self.before(Call::Remove)?;
        folder.remove(name)
    }
}

/// Whether a call failed because the file system or the kernel does not support it.
pub(super) fn is_no_such_call(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidInput | ErrorKind::Unsupported
    )
}
