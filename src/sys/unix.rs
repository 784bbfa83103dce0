//! Functions that all Unix systems share.
#![allow(
    clippy::disallowed_methods,
    reason = "these are the calls that the rest of the library reaches through this room"
)]

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, Permissions};
use std::io::{self, stdin};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;

use cap_std::fs::{Dir, DirBuilder, DirBuilderExt};
use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags, SeekFrom, Stat};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, geteuid, getrlimit, setrlimit};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::{FileIdentity, FileKind, FileState, NameFault, Named};

/// A stream that may be a terminal.
pub use std::os::fd::AsFd as AsStream;

/// Only its owner may read a backup, whatever the umask says.
pub(super) const OWNER_ONLY: Mode = Mode::RUSR.union(Mode::WUSR);

/// Reads at a position, as many bytes as the system returns at once, without moving the position
/// that other threads use. Zero bytes are the end of the file.
///
/// # Errors
/// Errors of the system.
pub(crate) fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buf, offset)
}

/// Writes all bytes at a position.
///
/// # Errors
/// Errors of the system.
pub(crate) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

/// Sets the permission bits of an open file.
///
/// # Errors
/// Errors of the system.
pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
}

/// Sets the permission bits of a folder in `parent`. Does not leave `parent`.
///
/// # Errors
/// Errors of the system.
pub(crate) fn set_folder_mode(parent: &Dir, name: &OsStr, mode: u32) -> io::Result<()> {
    let permissions = Permissions::from_mode(mode);
    parent.set_permissions(name, cap_std::fs::Permissions::from_std(permissions))
}

/// Creates a folder that only its owner may use.
///
/// # Errors
/// `AlreadyExists`, or another error of the system.
pub(crate) fn create_private_folder(parent: &Dir, name: &OsStr) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    parent.create_dir_with(name, &builder)
}

/// The name of a file from its bytes in an archive; `None` if this system cannot express it.
pub(crate) fn name_of(bytes: &[u8]) -> Option<OsString> {
    Some(OsString::from_vec(bytes.to_vec()))
}

/// Whether an error says that the bytes of a name are not valid in the file system's encoding.
pub(crate) fn is_illegal_sequence(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::ILSEQ.raw_os_error())
}

/// The first position from `at` on that is not in a hole of zeros; `None` if a hole lasts to the
/// end of the file. Moves the file's own position, which nothing here depends on (lseek(2),
/// `SEEK_DATA`).
///
/// # Errors
/// If the file system cannot report its holes.
pub(crate) fn next_data(file: &File, at: u64) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, SeekFrom::Data(at)) {
        Ok(data) => Ok(Some(data)),
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The largest file that the system lets this process write (getrlimit(2), `RLIMIT_FSIZE`); `None`
/// if there is no limit.
pub(crate) fn largest_file() -> Option<u64> {
    getrlimit(Resource::Fsize).current
}

/// Prevents a core file, however this process ends.
pub(super) fn refuse_core_files() {
    // This never fails, and nothing depends on it.
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
    /// Errors of the system.
    pub fn of_file(file: &File) -> io::Result<Self> {
        file.metadata().map(|meta| Self::of(&meta))
    }

    /// The state of the file that a path leads to, following links.
    ///
    /// # Errors
    /// Errors of the system.
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
    #[allow(
        clippy::unnecessary_cast,
        reason = "the number of a device has another type on macOS; the standard library casts it too"
    )]
    fn from(stat: Stat) -> Self {
        Self {
            identity: FileIdentity {
                device: stat.st_dev as u64,
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

/// What keeps a name from naming a new file: nothing. Every name in a path names a file here.
pub fn name_fault(_: &OsStr) -> Option<NameFault> {
    None
}

/// A folder that stays the same even if its path changes.
#[derive(Debug)]
pub struct Folder(pub(super) OwnedFd);

impl Folder {
    /// The folder that `cap_std` opened.
    ///
    /// # Errors
    /// Errors of the system.
    pub(crate) fn of_dir(dir: &Dir) -> io::Result<Self> {
        Ok(Self(dir.try_clone()?.into_std_file().into()))
    }

    /// Opens a folder.
    ///
    /// # Errors
    /// `NotFound`, `NotADirectory`, or another error of the system.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// The identity of the folder, whatever path led to it.
    ///
    /// # Errors
    /// Errors of the system.
    pub fn identity(&self) -> io::Result<FileIdentity> {
        Ok(Named::from(rustix::fs::fstat(&self.0)?).identity)
    }

    /// Fails if this process cannot create anything in the folder.
    ///
    /// # Errors
    /// The reason.
    pub fn may_write(&self) -> io::Result<()> {
        let flags = AtFlags::EACCESS;
        Ok(rustix::fs::accessat(&self.0, ".", Access::WRITE_OK, flags)?)
    }

    /// The file behind a name, following links.
    ///
    /// # Errors
    /// `NotFound`, or another error of the system.
    pub fn look_through(&self, name: &OsStr) -> io::Result<Named> {
        Ok(rustix::fs::statat(&self.0, name, AtFlags::empty())?.into())
    }

    /// The file behind a name, without following links.
    ///
    /// # Errors
    /// `NotFound`, or another error of the system.
    pub fn look_at(&self, name: &OsStr) -> io::Result<Named> {
        Ok(rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?.into())
    }

    /// All names in the folder, in no order. Names that cannot be read are left out.
    ///
    /// # Errors
    /// If the folder itself cannot be read.
    pub fn names(&self) -> io::Result<impl Iterator<Item = OsString> + use<>> {
        let entries = rustix::fs::Dir::read_from(&self.0)?.flatten();
        Ok(entries.map(|entry| OsString::from_vec(entry.file_name().to_bytes().to_vec())))
    }

    /// Bytes that this process can still write to the folder's disk.
    ///
    /// # Errors
    /// Errors of the system.
    pub fn free_space(&self) -> io::Result<u64> {
        let disk = rustix::fs::fstatvfs(&self.0)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Creates a file that only its owner may read. Never opens an existing one.
    ///
    /// # Errors
    /// `AlreadyExists`, or another error of the system.
    pub(crate) fn create_new(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, name, flags, OWNER_ONLY)?.into())
    }

    /// Opens an existing file, to lock it. Never waits, never follows a link.
    ///
    /// # Errors
    /// Errors of the system.
    pub(crate) fn open_existing(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::empty())?.into())
    }

    /// Adds a second name to a file. Never replaces anything.
    ///
    /// # Errors
    /// `AlreadyExists`, or another error of the system.
    pub(crate) fn link(&self, old: &OsStr, new: &OsStr) -> io::Result<()> {
        let flags = AtFlags::empty();
        Ok(rustix::fs::linkat(&self.0, old, &self.0, new, flags)?)
    }

    /// Renames a file, replacing any file with the new name, in one step.
    ///
    /// # Errors
    /// Errors of the system.
    pub(crate) fn replace(&self, old: &OsStr, new: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, old, &self.0, new)?)
    }

    /// Removes a name.
    ///
    /// # Errors
    /// Errors of the system.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }
}

/// How the terminal at standard input handles typed text.
#[derive(Debug)]
pub struct Typing(Termios);

impl Typing {
    /// The current settings; `None` if standard input is not a terminal.
    pub fn now() -> Option<Self> {
        tcgetattr(stdin()).ok().map(Self)
    }

    /// The same, but typed text is not shown.
    pub fn unseen(mut self) -> Self {
        self.0.local_modes -= LocalModes::ECHO;
        self
    }

    /// Applies these settings to the terminal at once. If that fails, it stays as it was.
    pub fn apply(&self) {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}
