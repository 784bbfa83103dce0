//! The functions of this room for Windows. `docs/systems.md` lists what Windows does not promise.
#![allow(
    clippy::disallowed_methods,
    reason = "these are the calls that the rest of the library reaches through this room"
)]

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::windows::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;
use tempfile::TempPath;
use winapi_util::file::{Information, information};

use super::{FileIdentity, FileKind, FileState, NameFault, Named};

/// A stream that may be a terminal.
pub use std::os::windows::io::AsHandle as AsStream;

// The numbers of winbase.h and winnt.h.
/// Opens folders too.
const BACKUP_SEMANTICS: u32 = 0x0200_0000;
/// Opens a link itself, not what it leads to.
const OPEN_REPARSE_POINT: u32 = 0x0020_0000;
/// Removes the file when it is closed.
const DELETE_ON_CLOSE: u32 = 0x0400_0000;
const FILE_SHARE_READ: u32 = 1;
const FILE_SHARE_WRITE: u32 = 2;
const GENERIC_WRITE: u32 = 0x4000_0000;
const DELETE: u32 = 0x0001_0000;

/// Reads at a position, as many bytes as the system returns at once. Moves the file's own position,
/// which nothing here depends on. Zero bytes are the end of the file.
///
/// # Errors
/// Errors of the system.
pub(crate) fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buf, offset)
}

/// Writes all bytes at a position.
///
/// # Errors
/// Errors of the system.
pub(crate) fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.seek_write(bytes, offset) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = bytes.get(written..).unwrap_or_default();
                offset += written as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The position of data behind a hole: Windows reports that only through calls that are `unsafe`.
///
/// # Errors
/// Always `Unsupported`.
pub(crate) fn next_data(_: &File, _: u64) -> io::Result<Option<u64>> {
    Err(ErrorKind::Unsupported.into())
}

/// Copying between open files inside the kernel: Windows only copies whole files.
///
/// # Errors
/// Always `Unsupported`.
pub(crate) fn copy_range(_: &File, _: u64, _: &File, _: u64, _: usize) -> io::Result<usize> {
    Err(ErrorKind::Unsupported.into())
}

/// Does nothing. Only time is lost: the disk starts to write when the system decides to.
pub(crate) fn begin_write_back(_: &File, _: u64, _: u64) {}

/// Waits until a file is on disk (`FlushFileBuffers`).
///
/// # Errors
/// Errors of the system.
pub(crate) fn sync(file: &File) -> io::Result<()> {
    file.sync_all()
}

/// The largest file that the system lets this process write. `None`: there is no such limit.
pub(crate) fn largest_file() -> Option<u64> {
    None
}

impl From<&Information> for FileIdentity {
    fn from(file: &Information) -> Self {
        Self {
            device: file.volume_serial_number(),
            number: file.file_index(),
        }
    }
}

impl FileState {
    /// The state of an open file.
    ///
    /// # Errors
    /// Errors of the system.
    pub fn of_file(file: &File) -> io::Result<Self> {
        let found = information(file)?;
        Ok(Self {
            identity: (&found).into(),
            size: found.file_size(),
            modified: file.metadata()?.modified().ok(),
        })
    }

    /// The state of the file that a path leads to, following links.
    ///
    /// # Errors
    /// Errors of the system.
    pub fn of_path(path: &Path) -> io::Result<Self> {
        Self::of_file(&look(path, 0)?)
    }
}

/// Opens a file or a folder only to look at it: no other process is kept from anything.
fn look(path: &Path, flags: u32) -> io::Result<File> {
    OpenOptions::new()
        .access_mode(0)
        .custom_flags(BACKUP_SEMANTICS | flags)
        .open(path)
}

fn named(path: &Path, flags: u32) -> io::Result<Named> {
    let file = look(path, flags)?;
    let kind = file.metadata()?.file_type();
    Ok(Named {
        identity: (&information(&file)?).into(),
        kind: if kind.is_file() {
            FileKind::Regular
        } else if kind.is_dir() {
            FileKind::Folder
        } else {
            FileKind::Other
        },
        // Windows reports the owner only through calls that are `unsafe`.
        is_own: true,
    })
}

/// The permission bits of a file: Windows has none.
///
/// # Errors
/// None.
pub(crate) fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

/// The permission bits of a folder: Windows has none.
///
/// # Errors
/// None.
pub(crate) fn set_folder_mode(_: &Dir, _: &OsStr, _: u32) -> io::Result<()> {
    Ok(())
}

/// Creates a folder. The folder around it decides who may use it.
///
/// # Errors
/// `AlreadyExists`, or another error of the system.
pub(crate) fn create_private_folder(parent: &Dir, name: &OsStr) -> io::Result<()> {
    parent.create_dir(name)
}

/// The name of a file from its bytes in an archive; `None` if they are not UTF-8.
pub(crate) fn name_of(bytes: &[u8]) -> Option<OsString> {
    std::str::from_utf8(bytes).ok().map(OsString::from)
}

/// Whether an error says that the bytes of a name are not valid in the file system's encoding: no
/// such name is passed to Windows.
pub(crate) fn is_illegal_sequence(_: &io::Error) -> bool {
    false
}

/// What keeps a name from naming a new file. Windows reads such a name as another one, as a device,
/// or as a stream inside another file, or cannot store it ("Naming Files, Paths, and Namespaces" in
/// the Windows documentation).
pub fn name_fault(name: &OsStr) -> Option<NameFault> {
    let name = name.to_string_lossy();
    if name.contains(':') {
        return Some(NameFault::Stream);
    }
    let is_odd = |c: char| c < ' ' || "<>\"|?*".contains(c);
    if let Some(odd) = name.chars().find(|&c| is_odd(c)) {
        return Some(NameFault::Character(odd));
    }
    if name.ends_with(['.', ' ']) {
        return Some(NameFault::End);
    }
    super::is_windows_device(&name).then_some(NameFault::Device)
}

/// A folder that stays the same even if its path changes: it is open, and Windows neither renames
/// nor removes a folder that another process has opened like this.
#[derive(Debug)]
pub struct Folder {
    /// Absolute and without links.
    path: PathBuf,
    open: File,
}

impl Folder {
    /// The folder that `cap_std` opened.
    ///
    /// # Errors
    /// `NotFound` if another folder has its path now, or another error of the system.
    pub(crate) fn of_dir(dir: &Dir) -> io::Result<Self> {
        let opened = dir.try_clone()?.into_std_file();
        let folder = Self::open(Path::new(&winx::file::get_file_path(&opened)?))?;
        if FileIdentity::from(&information(&opened)?) == folder.identity()? {
            Ok(folder)
        } else {
            Err(ErrorKind::NotFound.into())
        }
    }

    /// Opens a folder.
    ///
    /// # Errors
    /// `NotFound`, `NotADirectory`, or another error of the system.
    pub fn open(path: &Path) -> io::Result<Self> {
        let folder = OpenOptions::new()
            .read(true)
            .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE)
            .custom_flags(BACKUP_SEMANTICS)
            .open(path)?;
        if !folder.metadata()?.is_dir() {
            return Err(ErrorKind::NotADirectory.into());
        }
        Ok(Self {
            // A few network drives and memory disks cannot be resolved.
            path: std::fs::canonicalize(path).or_else(|_| std::path::absolute(path))?,
            open: folder,
        })
    }

    /// The identity of the folder, whatever path led to it.
    ///
    /// # Errors
    /// Errors of the system.
    pub fn identity(&self) -> io::Result<FileIdentity> {
        Ok((&information(&self.open)?).into())
    }

    /// Fails if this process cannot create anything in the folder. Only an attempt shows that: a
    /// file is created and disappears at once.
    ///
    /// # Errors
    /// The reason.
    pub fn may_write(&self) -> io::Result<()> {
        let number = getrandom::u64().map_err(io::Error::other)?;
        OpenOptions::new()
            .access_mode(GENERIC_WRITE | DELETE)
            .write(true)
            .create_new(true)
            .custom_flags(DELETE_ON_CLOSE)
            .open(self.path.join(format!(".haslim-{number:016x}.tmp")))
            .map(drop)
    }

    /// The file behind a name, following links.
    ///
    /// # Errors
    /// `NotFound`, or another error of the system.
    pub fn look_through(&self, name: &OsStr) -> io::Result<Named> {
        named(&self.path.join(name), 0)
    }

    /// The file behind a name, without following links.
    ///
    /// # Errors
    /// `NotFound`, or another error of the system.
    pub fn look_at(&self, name: &OsStr) -> io::Result<Named> {
        named(&self.path.join(name), OPEN_REPARSE_POINT)
    }

    /// All names in the folder, in no order. Names that cannot be read are left out.
    ///
    /// # Errors
    /// If the folder itself cannot be read.
    pub fn names(&self) -> io::Result<impl Iterator<Item = OsString> + use<>> {
        let entries = std::fs::read_dir(&self.path)?.flatten();
        Ok(entries.map(|entry| entry.file_name()))
    }

    /// Bytes that this process can still write to the folder's disk.
    ///
    /// # Errors
    /// Errors of the system.
    pub fn free_space(&self) -> io::Result<u64> {
        fs4::available_space(&self.path)
    }

    /// Whether the folder is on a FAT file system: Windows reports that only through calls that are
    /// `unsafe`.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub fn is_fat(&self) -> io::Result<bool> {
        Err(ErrorKind::Unsupported.into())
    }

    /// Creates a file. The folder decides who may read it: Windows has no mode for its owner alone.
    /// Never opens an existing one.
    ///
    /// # Errors
    /// `AlreadyExists`, or another error of the system.
    pub(crate) fn create_new(&self, name: &OsStr) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(self.path.join(name))
    }

    /// Creating a file without a name: Windows has no such files.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub(crate) fn create_nameless(&self) -> io::Result<File> {
        Err(ErrorKind::Unsupported.into())
    }

    /// Opens an existing file, to lock it. Never follows a link.
    ///
    /// # Errors
    /// Errors of the system.
    pub(crate) fn open_existing(&self, name: &OsStr) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OPEN_REPARSE_POINT)
            .open(self.path.join(name))
    }

    /// Naming a file that has no name: there are none.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub(crate) fn name_file(&self, _: &File, _: &OsStr) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    /// Adds a second name to a file. Never replaces anything.
    ///
    /// # Errors
    /// `AlreadyExists`, or another error of the system.
    pub(crate) fn link(&self, old: &OsStr, new: &OsStr) -> io::Result<()> {
        std::fs::hard_link(self.path.join(old), self.path.join(new))
    }

    /// Renames a file (`MoveFileEx` without `MOVEFILE_REPLACE_EXISTING`). Never replaces anything.
    ///
    /// # Errors
    /// `AlreadyExists`, or another error of the system.
    pub(crate) fn rename_to_new(&self, old: &OsStr, new: &OsStr) -> io::Result<()> {
        let old = TempPath::try_from_path(self.path.join(old))?;
        old.persist_noclobber(self.path.join(new))
            .map_err(|failed| {
                // Whoever created the file removes it.
                let _ = failed.path.keep();
                failed.error
            })
    }

    /// Renames a file, replacing any file with the new name, in one step.
    ///
    /// # Errors
    /// Errors of the system.
    pub(crate) fn replace(&self, old: &OsStr, new: &OsStr) -> io::Result<()> {
        std::fs::rename(self.path.join(old), self.path.join(new))
    }

    /// Removes a name.
    ///
    /// # Errors
    /// Errors of the system.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    /// Waiting until the names in the folder are on disk: Windows has no such call. NTFS writes
    /// them to its journal on its own.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }
}

/// How the terminal at standard input handles typed text. Nothing has to be restored on Windows:
/// the setting belongs to the call that reads.
#[derive(Debug)]
pub struct Typing(());

impl Typing {
    /// The current settings: always `None`.
    pub fn now() -> Option<Self> {
        None
    }

    /// The same, but typed text is not shown.
    pub fn unseen(self) -> Self {
        self
    }

    /// Applies these settings to the terminal at once.
    pub fn apply(&self) {}
}

/// Keeps this process's memory out of core files and away from debuggers: Windows writes no core
/// files, and lets only the same user and administrators debug a process.
pub fn keep_memory_private() {}

/// The maximum memory that this process has used so far. Zero: Windows reports it only through
/// calls that are `unsafe`.
pub fn peak_memory() -> u64 {
    0
}

/// The system's name for the processor. Empty if the system does not report it.
pub fn processor_name() -> String {
    std::env::var("PROCESSOR_IDENTIFIER").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_windows_reads_as_something_else_is_refused() {
        let fault = |name: &str| name_fault(OsStr::new(name));
        for name in [
            "nul",
            "CON.tar",
            "com1",
            "Lpt9.slim.tar",
            "aux .tar",
            "COM²",
        ] {
            assert_eq!(fault(name), Some(NameFault::Device), "{name}");
        }
        assert_eq!(fault("out.tar:stream"), Some(NameFault::Stream));
        assert_eq!(fault("out.tar."), Some(NameFault::End));
        assert_eq!(fault("out "), Some(NameFault::End));
        assert_eq!(fault("a?.tar"), Some(NameFault::Character('?')));
        for name in [
            "out.tar",
            "console.tar",
            "com10.tar",
            "LPT.tar",
            "a.nul",
            ".tar",
            "ü ä.tar",
        ] {
            assert_eq!(fault(name), None, "{name}");
        }
    }
}
