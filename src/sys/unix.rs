//! What all Unix systems share.
#![allow(
    clippy::disallowed_methods,
    reason = "these are the calls that the rest of the library reaches through this room"
)]

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, stdin};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use rustix::fs::{Access, AtFlags, Dir, FileType, Mode, OFlags, SeekFrom, Stat};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, geteuid, getrlimit, setrlimit};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::{FileIdentity, FileKind, FileState, Named};

/// A stream that may be a terminal.
pub use std::os::fd::AsFd as AsStream;

/// Only its owner may read a backup, whatever the umask says.
pub(super) const OWNER_ONLY: Mode = Mode::RUSR.union(Mode::WUSR);

/// Reads at a position, as many bytes as the system has at once, and moves nothing that other
/// threads could see. Zero bytes are the end of the file.
///
/// # Errors
/// The system's.
pub(crate) fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buf, offset)
}

/// Writes all bytes at a position.
///
/// # Errors
/// The system's.
pub(crate) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

/// The first place from `at` on that is in no hole of zeros; `None` where a hole lasts to the end
/// of the file. Moves the file's own position, on which nothing here depends (lseek(2),
/// `SEEK_DATA`).
///
/// # Errors
/// Where the file system does not know its holes.
pub(crate) fn next_data(file: &File, at: u64) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, SeekFrom::Data(at)) {
        Ok(data) => Ok(Some(data)),
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The size beyond which the system lets this process write no file (getrlimit(2),
/// `RLIMIT_FSIZE`); `None` where there is no limit.
pub(crate) fn largest_file() -> Option<u64> {
    getrlimit(Resource::Fsize).current
}

/// No core file is written, whatever ends this process.
pub(super) fn refuse_core_files() {
    // Never refused; nothing depends on it either.
    let _ = setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    );
}

impl FileState {
    /// The state of an open file.
    ///
    /// # Errors
    /// The system's.
    pub fn of_file(file: &File) -> io::Result<Self> {
        file.metadata().map(|meta| Self::of(&meta))
    }

    /// The state of the file that a path leads to, links followed.
    ///
    /// # Errors
    /// The system's.
    pub fn of_path(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|meta| Self::of(&meta))
    }

    fn of(meta: &Metadata) -> Self {
        Self {
            identity: FileIdentity {
                device: meta.dev(),
                number: meta.ino(),
            },
            size: meta.len(),
            modified: meta.modified().ok(),
        }
    }
}

impl From<Stat> for Named {
    fn from(stat: Stat) -> Self {
        Self {
            identity: FileIdentity {
                device: stat.st_dev,
                number: stat.st_ino,
            },
            kind: match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => FileKind::Regular,
                FileType::Directory => FileKind::Folder,
                _ => FileKind::Other,
            },
            is_own: stat.st_uid == geteuid().as_raw(),
        }
    }
}

/// A folder that stays the same one, whatever happens to its path.
#[derive(Debug)]
pub struct Folder(pub(super) OwnedFd);

impl Folder {
    /// Opens a folder.
    ///
    /// # Errors
    /// `NotFound`, `NotADirectory`, or another one of the system's.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// Fails where this process can create nothing in the folder.
    ///
    /// # Errors
    /// The reason.
    pub fn may_write(&self) -> io::Result<()> {
        let flags = AtFlags::EACCESS;
        Ok(rustix::fs::accessat(&self.0, ".", Access::WRITE_OK, flags)?)
    }

    /// What a name stands for, links followed.
    ///
    /// # Errors
    /// `NotFound`, or another one of the system's.
    pub fn look_through(&self, name: &OsStr) -> io::Result<Named> {
        Ok(rustix::fs::statat(&self.0, name, AtFlags::empty())?.into())
    }

    /// What a name stands for, a link being a link.
    ///
    /// # Errors
    /// `NotFound`, or another one of the system's.
    pub fn look_at(&self, name: &OsStr) -> io::Result<Named> {
        Ok(rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?.into())
    }

    /// All names in the folder, in no order. Names that cannot be read are left out.
    ///
    /// # Errors
    /// When the folder itself cannot be read.
    pub fn names(&self) -> io::Result<impl Iterator<Item = OsString> + use<>> {
        let entries = Dir::read_from(&self.0)?.flatten();
        Ok(entries.map(|entry| OsString::from_vec(entry.file_name().to_bytes().to_vec())))
    }

    /// Bytes that this process can still write to the folder's disk.
    ///
    /// # Errors
    /// The system's.
    pub fn free_space(&self) -> io::Result<u64> {
        let disk = rustix::fs::fstatvfs(&self.0)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Creates a file that only its owner may read. Never opens one that is there.
    ///
    /// # Errors
    /// `AlreadyExists`, or another one of the system's.
    pub(crate) fn create_new(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, name, flags, OWNER_ONLY)?.into())
    }

    /// Opens a file that is there, to lock it. Never waits, never follows a link.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn open_existing(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::empty())?.into())
    }

    /// Adds a second name to a file. Never replaces anything.
    ///
    /// # Errors
    /// `AlreadyExists`, or another one of the system's.
    pub(crate) fn link(&self, old: &OsStr, new: &OsStr) -> io::Result<()> {
        let flags = AtFlags::empty();
        Ok(rustix::fs::linkat(&self.0, old, &self.0, new, flags)?)
    }

    /// Renames a file, and replaces what has the new name, in one step.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn replace(&self, old: &OsStr, new: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, old, &self.0, new)?)
    }

    /// Removes a name.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Waits until the names in the folder are on the disk.
    ///
    /// # Errors
    /// `InvalidInput` or `Unsupported` where the file system has no such thing, or another one of
    /// the system's.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::io::retry_on_intr(|| rustix::fs::fsync(&self.0))?)
    }
}

/// How the terminal at standard input takes what is typed.
#[derive(Debug)]
pub struct Typing(Termios);

impl Typing {
    /// As it is now; `None` where standard input is no terminal.
    pub fn now() -> Option<Self> {
        tcgetattr(stdin()).ok().map(Self)
    }

    /// The same, but what is typed is not shown.
    pub fn unseen(mut self) -> Self {
        self.0.local_modes -= LocalModes::ECHO;
        self
    }

    /// Makes the terminal take what is typed in this way, at once. Where that fails, it stays as
    /// it was.
    pub fn apply(&self) {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}
