//! Functions that only Linux has.
#![allow(
    clippy::disallowed_methods,
    reason = "these are the calls that the rest of the library reaches through this room"
)]

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::AsRawFd;

use rustix::fs::{Advice, AtFlags, CWD, OFlags, RenameFlags};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use super::unix::{self, Folder, OWNER_ONLY};

/// Copies between open files inside the kernel, as much as one call copies; zero bytes are the end
/// of the source.
///
/// # Errors
/// Errors of the system; `Unsupported` and others if the file systems of the two files cannot do
/// this.
pub(crate) fn copy_range(
    from: &File,
    mut source: u64,
    to: &File,
    mut target: u64,
    len: usize,
) -> io::Result<usize> {
    let copied = rustix::fs::copy_file_range(from, Some(&mut source), to, Some(&mut target), len)?;
    Ok(copied)
}

/// Starts writing a range to the disk without waiting for it. Linux starts to write the range back
/// when told that it is not needed; data being written stay in the cache (mm/fadvise.c,
/// `POSIX_FADV_DONTNEED`). If a system does not do this, only time is lost.
pub(crate) fn begin_write_back(file: &File, offset: u64, len: u64) {
    let _ = rustix::fs::fadvise(file, offset, NonZeroU64::new(len), Advice::DontNeed);
}

/// Waits until a file is on disk.
///
/// # Errors
/// Errors of the system.
pub(crate) fn sync(file: &File) -> io::Result<()> {
    file.sync_all()
}

impl Folder {
    /// Whether the folder is on any kind of FAT file system (statfs(2), `MSDOS_SUPER_MAGIC`).
    ///
    /// # Errors
    /// Errors of the system.
    pub fn is_fat(&self) -> io::Result<bool> {
        Ok(rustix::fs::fstatfs(&self.0)?.f_type == 0x4d44)
    }

    /// Creates a file without a name (open(2), `O_TMPFILE`), which only its owner may read. It
    /// disappears with the process, unless [`Folder::name_file`] names it.
    ///
    /// # Errors
    /// Errors of the system, also if the file system has no such files: NFS, FAT and some network
    /// shares.
    pub(crate) fn create_nameless(&self) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, ".", flags, OWNER_ONLY)?.into())
    }

    /// Names a file that has no name. Never replaces anything.
    ///
    /// # Errors
    /// `AlreadyExists`, or another error of the system.
    pub(crate) fn name_file(&self, file: &File, name: &OsStr) -> io::Result<()> {
        let own = format!("/proc/self/fd/{}", file.as_raw_fd());
        let flags = AtFlags::SYMLINK_FOLLOW;
        Ok(rustix::fs::linkat(CWD, own, &self.0, name, flags)?)
    }

    /// Renames a file. Never replaces anything.
    ///
    /// # Errors
    /// `AlreadyExists`; `InvalidInput` or `Unsupported` if the file system cannot promise this; or
    /// another error of the system.
    pub(crate) fn rename_to_new(&self, old: &OsStr, new: &OsStr) -> io::Result<()> {
        let flags = RenameFlags::NOREPLACE;
        Ok(rustix::fs::renameat_with(
            &self.0, old, &self.0, new, flags,
        )?)
    }

    /// Waits until the names in the folder are on disk.
    ///
    /// # Errors
    /// `InvalidInput` or `Unsupported` if the file system cannot do this, or another error of the
    /// system.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::io::retry_on_intr(|| rustix::fs::fsync(&self.0))?)
    }
}

/// Keeps this process's memory out of core files and away from debuggers.
///
/// The limit on core files alone is not enough: it does not apply if the system pipes them into a
/// program (core(5)).
pub fn keep_memory_private() {
    unix::refuse_core_files();
    // This never fails, and nothing depends on it.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// The signals that this process inherited as ignored (proc_pid_status(5)); none if the system does
/// not report that.
pub fn ignored_signals() -> impl Fn(i32) -> bool {
    ignored(&status())
}

fn ignored(status: &str) -> impl Fn(i32) -> bool + use<> {
    let mask = status
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok())
        .unwrap_or(0);
    move |signal| {
        u32::try_from(signal - 1)
            .ok()
            .and_then(|bit| mask.checked_shr(bit))
            .is_some_and(|mask| mask & 1 == 1)
    }
}

/// The maximum memory that this process has used so far, in bytes: the high-water mark of the
/// resident set (proc(5), `VmHWM`). Zero if the system does not report it.
pub fn peak_memory() -> u64 {
    let text = status();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .map_or(0, |kb| kb * 1024)
}

/// This process's status; a program's name need not be UTF-8.
fn status() -> String {
    let bytes = std::fs::read("/proc/self/status").unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The system's name for the processor; machines other than PCs have other lines, or none. Empty if
/// the system does not report it.
pub fn processor_name() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text
        .lines()
        .find(|line| line.starts_with("model name") || line.starts_with("Model"));
    line.and_then(|line| line.split_once(':'))
        .map(|(_, name)| name.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUP: i32 = 1;
    const INT: i32 = 2;
    const TERM: i32 = 15;

    #[test]
    fn the_status_of_a_process_tells_what_it_ignores() {
        let ignored = |status: &[u8]| ignored(&String::from_utf8_lossy(status));
        // The first is `nohup`, the second a shell's background process under it.
        let hup = ignored(b"Name:\t\xff\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000004002\n");
        assert_eq!([HUP, INT, TERM].map(hup), [true, false, false]);
        let int = ignored(b"SigIgn:\t0000000000000006\n");
        assert_eq!([HUP, INT, TERM].map(int), [false, true, false]);
        for unclear in [b"".as_slice(), b"SigIgn:\n", b"SigIgn:\tnonsense"] {
            assert_eq!(
                [0, HUP, INT, TERM, 64, 65].map(ignored(unclear)),
                [false; 6]
            );
        }
    }
}
