//! The system calls behind an output, each in one place, so that the tests can let
//! every one of them fail in turn.
#![allow(
    clippy::disallowed_methods,
    reason = "these are the calls that nothing else may make"
)]

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{
    Access, Advice, AtFlags, CWD, FlockOperation, Mode, OFlags, RenameFlags, Stat, StatVfs,
};
use rustix::io::{Errno, Result};

/// Only its owner may read a backup, whatever the umask says.
const MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// What can fail.
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

/// The way to the system of one output. Outside tests it is empty, and
/// [`System::before`] is nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct System {
    #[cfg(test)]
    pub faults: super::tests::faults::Faults,
}

impl System {
    #[cfg(not(test))]
    #[inline(always)]
    fn before(&self, _: Call) -> Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn before(&self, call: Call) -> Result<()> {
        self.faults.before(call)
    }

    pub fn open_folder(&self, path: &Path) -> Result<OwnedFd> {
        self.before(Call::OpenFolder)?;
        rustix::fs::open(
            path,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
    }

    /// Fails where nothing can be created in the folder.
    pub fn may_write(&self, folder: &OwnedFd) -> Result<()> {
        self.before(Call::Look)?;
        rustix::fs::accessat(folder, ".", Access::WRITE_OK, AtFlags::EACCESS)
    }

    /// What a name stands for, links followed.
    pub fn look_through(&self, folder: &OwnedFd, name: &OsStr) -> Result<Stat> {
        self.before(Call::Look)?;
        rustix::fs::statat(folder, name, AtFlags::empty())
    }

    /// What a name stands for, a link being a link.
    pub fn look_at(&self, folder: &OwnedFd, name: &OsStr) -> Result<Stat> {
        self.before(Call::Look)?;
        rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// The disk on which an open file or folder is.
    pub fn disk(&self, on: &OwnedFd) -> Result<StatVfs> {
        self.before(Call::Space)?;
        rustix::fs::fstatvfs(on)
    }

    /// Whether an open folder is on a FAT file system, of whatever kind (statfs(2),
    /// `MSDOS_SUPER_MAGIC`).
    pub fn is_fat(&self, folder: &OwnedFd) -> Result<bool> {
        self.before(Call::Space)?;
        #[cfg(test)]
        if self.faults.is_fat() {
            return Ok(true);
        }
        Ok(rustix::fs::fstatfs(folder)?.f_type == 0x4d44)
    }

    /// The size beyond which the system lets this process write no file (getrlimit(2),
    /// `RLIMIT_FSIZE`); `None` where there is no limit.
    pub fn largest_of_process(&self) -> Option<u64> {
        #[cfg(test)]
        if let Some(most) = self.faults.largest() {
            return Some(most);
        }
        rustix::process::getrlimit(rustix::process::Resource::Fsize).current
    }

    pub fn create_nameless(&self, folder: &OwnedFd) -> Result<File> {
        self.before(Call::CreateNameless)?;
        rustix::fs::openat(
            folder,
            ".",
            OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC,
            MODE,
        )
        .map(File::from)
    }

    pub fn create_hidden(&self, folder: &OwnedFd, name: &OsStr) -> Result<File> {
        self.before(Call::CreateHidden)?;
        rustix::fs::openat(
            folder,
            name,
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC,
            MODE,
        )
        .map(File::from)
    }

    /// Opens what an earlier run left behind. Never waits, never follows a link.
    pub fn open_hidden(&self, folder: &OwnedFd, name: &OsStr) -> Result<File> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::openat(folder, name, flags, Mode::empty()).map(File::from)
    }

    /// Says that somebody is at work on this file; `WOULDBLOCK` when another process said so
    /// before.
    pub fn lock(&self, file: &File) -> Result<()> {
        self.before(Call::Lock)?;
        rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive)
    }

    pub fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.before(Call::Write)?;
        file.write_all_at(bytes, offset)
    }

    /// Copies inside the kernel, as much as it does in one go.
    pub fn copy_range(
        &self,
        from: &File,
        mut source: u64,
        to: &File,
        mut target: u64,
        len: usize,
    ) -> Result<usize> {
        self.before(Call::CopyRange)?;
        rustix::fs::copy_file_range(from, Some(&mut source), to, Some(&mut target), len)
    }

    /// Makes the disk begin with a range, and does not wait for it. Linux begins to write the
    /// range back when told that it is not needed; what is being written stays in the cache
    /// (mm/fadvise.c, `POSIX_FADV_DONTNEED`). Where that is not so, nothing is lost but time.
    pub fn begin_write_back(&self, file: &File, offset: u64, len: u64) {
        let _ = rustix::fs::fadvise(file, offset, NonZeroU64::new(len), Advice::DontNeed);
    }

    pub fn sync(&self, file: &File) -> io::Result<()> {
        self.before(Call::Sync)?;
        file.sync_all()
    }

    /// Gives a nameless file a name. Never replaces anything.
    pub fn link(&self, file: &File, folder: &OwnedFd, name: &OsStr) -> Result<()> {
        self.before(Call::Link)?;
        let own = format!("/proc/self/fd/{}", file.as_raw_fd());
        rustix::fs::linkat(CWD, own, folder, name, AtFlags::SYMLINK_FOLLOW)
    }

    /// Replaces what is there, in one step.
    pub fn replace(&self, folder: &OwnedFd, old: &OsStr, new: &OsStr) -> Result<()> {
        self.before(Call::Rename)?;
        rustix::fs::renameat(folder, old, folder, new)
    }

    /// Renames and never replaces anything.
    pub fn rename(&self, folder: &OwnedFd, old: &OsStr, new: &OsStr) -> Result<()> {
        let renamed = self.before(Call::Rename).and_then(|()| {
            rustix::fs::renameat_with(folder, old, folder, new, RenameFlags::NOREPLACE)
        });
        match renamed {
            // A file system without no-replace. A hard link never replaces anything either.
            Err(Errno::INVAL | Errno::NOSYS) => {
                self.before(Call::Link)?;
                rustix::fs::linkat(folder, old, folder, new, AtFlags::empty())?;
                // The output has its name; a second one that cannot be taken away is no reason to
                // take back the first.
                let _ = self.remove(folder, old);
                Ok(())
            }
            other => other,
        }
    }

    pub fn sync_folder(&self, folder: &OwnedFd) -> Result<()> {
        self.before(Call::SyncFolder)?;
        rustix::io::retry_on_intr(|| rustix::fs::fsync(folder))
    }

    pub fn remove(&self, folder: &OwnedFd, name: &OsStr) -> Result<()> {
        self.before(Call::Remove)?;
        rustix::fs::unlinkat(folder, name, AtFlags::empty())
    }
}
