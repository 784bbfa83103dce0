//! The one place that opens, fills and publishes an output.
//!
//! The file has no name while it is written (`O_TMPFILE`), so that a crash leaves
//! nothing behind; where the file system cannot do that, it is a hidden file with
//! mode 0600 that is removed on every way out. Only [`Output::publish`] gives it
//! its name, without ever replacing a file that was not asked to be replaced.
#![allow(clippy::disallowed_methods, reason = "this is the one file that may")]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RenameFlags};

use crate::error::{Error, Kind, Result};
use crate::pipe::{Control, Input};

/// How many bytes the kernel copies in one call: short enough that a wish to stop
/// is heard at once.
const COPY_STEP: u64 = 8 << 20;

/// Only its owner may read a backup, whatever the umask says.
const MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A place for an output, looked at before any work is done.
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    folder: OwnedFd,
    name: OsString,
    force: bool,
}

impl Target {
    /// Checks that `path` can become the output of a run over `input`.
    ///
    /// # Errors
    /// `OutputIo` when it exists (unless `force`) or its folder is missing or not
    /// writable; `Refused` when it is the input itself or no regular file.
    pub fn check(path: &Path, force: bool, input: &Input) -> Result<Self> {
        let name = path.file_name().ok_or_else(|| Error::refused(format!("{} names no file", path.display())))?.to_owned();
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(parent, flags, Mode::empty())
            .map_err(|e| Error::output(e.into(), &format!("cannot open the folder {}", parent.display())))?;
        let target = Self { path: path.to_owned(), folder, name, force };
        target.check_existing(input)?;
        rustix::fs::accessat(&target.folder, ".", rustix::fs::Access::WRITE_OK, AtFlags::EACCESS)
            .map_err(|e| Error::output(e.into(), &format!("cannot write into {}", parent.display())))?;
        Ok(target)
    }

    fn check_existing(&self, input: &Input) -> Result<()> {
        let shown = self.path.display();
        // Following links: the input reached by another name is the input still.
        if let Ok(stat) = rustix::fs::statat(&self.folder, &self.name, AtFlags::empty())
            && (stat.st_dev, stat.st_ino) == input.identity()
        {
            return Err(Error::refused(format!("{shown} is the backup itself")).advice("Choose another output with -o."));
        }
        let stat = match rustix::fs::statat(&self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(rustix::io::Errno::NOENT) => return Ok(()),
            other => other.map_err(|e| Error::output(e.into(), &format!("cannot look at {shown}")))?,
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Error::refused(format!("{shown} exists and is not a regular file")).advice("Choose another output with -o."));
        }
        if !self.force {
            return Err(Error::new(Kind::OutputIo, format!("{shown} exists already"))
                .advice("Choose another output with -o, or replace it with --force."));
        }
        Ok(())
    }

    /// Where the output will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes sure that `bytes` fit on the disk.
    ///
    /// # Errors
    /// `OutputIo` with the bytes needed and free.
    pub fn check_space(&self, bytes: u64) -> Result<()> {
        let Ok(disk) = rustix::fs::fstatvfs(&self.folder) else { return Ok(()) };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < bytes {
            return Err(Error::new(
                Kind::OutputIo,
                format!(
                    "the copy needs {} but {} has only {} free",
                    crate::size::both(bytes),
                    self.path.display(),
                    crate::size::both(free)
                ),
            )
            .advice("Free some space, or write to another disk with -o."));
        }
        Ok(())
    }

    /// Opens the file that will become the output.
    ///
    /// # Errors
    /// `OutputIo`.
    pub fn create(self) -> Result<Output> {
        let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        let (file, hidden) = match rustix::fs::openat(&self.folder, ".", flags, MODE) {
            Ok(file) => (file, None),
            // Not every file system can; NFS, FAT and some network shares cannot.
            Err(_) => self.create_hidden()?,
        };
        Ok(Output { file: File::from(file), at: 0, hidden, target: self })
    }

    fn create_hidden(&self) -> Result<(OwnedFd, Option<OsString>)> {
        let name = hidden_name()?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.folder, &name, flags, MODE)
            .map_err(|e| Error::output(e.into(), &format!("cannot create a file beside {}", self.path.display())))?;
        Ok((file, Some(name)))
    }
}

fn hidden_name() -> Result<OsString> {
    let mut bytes = [0u8; 8];
    getrandom::fill(&mut bytes).map_err(|_| Error::new(Kind::Internal, "the system gave no random numbers"))?;
    Ok(format!(".haslim-{:016x}.tmp", u64::from_be_bytes(bytes)).into())
}

/// A file being written. Dropped without [`Output::publish`], it is gone.
#[derive(Debug)]
pub struct Output {
    file: File,
    at: u64,
    /// The name of the file where it could not be made without one.
    hidden: Option<OsString>,
    target: Target,
}

impl Output {
    /// Bytes written up to now.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// `OutputIo`.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.patch(self.at, bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// Appends zeros.
    ///
    /// # Errors
    /// `OutputIo`.
    pub fn zeros(&mut self, count: u64) -> Result<()> {
        let zeros = [0u8; 4096];
        let mut left = count;
        while left > 0 {
            let now = left.min(zeros.len() as u64);
            self.append(zeros.get(..usize::try_from(now).unwrap_or_default()).unwrap_or_default())?;
            left -= now;
        }
        Ok(())
    }

    /// Overwrites bytes that were appended before.
    ///
    /// # Errors
    /// `OutputIo`.
    pub fn patch(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file.write_all_at(bytes, offset).map_err(|e| self.failed(e))
    }

    fn failed(&self, error: io::Error) -> Error {
        let free = rustix::fs::fstatvfs(&self.file).map(|d| d.f_bavail.saturating_mul(d.f_frsize)).unwrap_or(0);
        let doing = format!(
            "writing {} failed after {} bytes, with {} free on the disk",
            self.target.path.display(),
            self.at,
            crate::size::decimal(free)
        );
        Error::output(error, &doing)
    }

    /// Appends `len` bytes of the input from `offset` on, inside the kernel where it can.
    ///
    /// # Errors
    /// `OutputIo`, `InputIo`, `Damaged` when the input ends before, `Interrupted`.
    pub fn copy(&mut self, input: &Input, offset: u64, len: u64, control: &Control) -> Result<()> {
        let (mut from, mut left) = (offset, len);
        while left > 0 {
            let step = left.min(COPY_STEP);
            let (mut source, mut to) = (from, self.at);
            let size = usize::try_from(step).unwrap_or_default();
            let copied = match rustix::fs::copy_file_range(input.file(), Some(&mut source), &self.file, Some(&mut to), size) {
                Ok(copied) if copied > 0 => copied as u64,
                Err(rustix::io::Errno::INTR) => 0,
                Err(e @ (rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT | rustix::io::Errno::FBIG)) => {
                    return Err(self.failed(e.into()));
                }
                // Another file system, an old kernel, or the end of the input: the plain way knows which.
                _ => return self.copy_through_memory(input, from, left, control),
            };
            (from, left, self.at) = (from + copied, left - copied, self.at + copied);
            control.advance(copied)?;
        }
        Ok(())
    }

    fn copy_through_memory(&mut self, input: &Input, mut from: u64, mut left: u64, control: &Control) -> Result<()> {
        let mut buffer = vec![0u8; 1 << 20];
        while left > 0 {
            let now = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let bytes = buffer.get_mut(..now).unwrap_or_default();
            input.read_exact_at(from, bytes)?;
            self.append(bytes)?;
            (from, left) = (from + now as u64, left - now as u64);
            control.advance(now as u64)?;
        }
        Ok(())
    }

    /// Waits until everything is on the disk.
    ///
    /// # Errors
    /// `OutputIo`.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|e| self.failed(e))
    }

    /// The file as an input, for reading it back.
    ///
    /// # Errors
    /// `OutputIo`.
    pub fn read_back(&self) -> Result<Arc<Input>> {
        let file = self.file.try_clone().map_err(|e| self.failed(e))?;
        Input::from_file(file, &self.target.path)
    }

    /// Gives the file its name and makes that durable.
    ///
    /// # Errors
    /// `OutputIo`, with nothing left at the output path that was not there before.
    pub fn publish(mut self) -> Result<PathBuf> {
        let folder = &self.target.folder;
        let hidden = match self.hidden.take() {
            Some(name) => name,
            None if !self.target.force => {
                self.link(&self.target.name)?;
                return self.make_durable();
            }
            None => {
                let name = hidden_name()?;
                self.link(&name)?;
                name
            }
        };
        let flags = if self.target.force { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
        let renamed = rustix::fs::renameat_with(folder, &hidden, folder, &self.target.name, flags).or_else(|e| match e {
            // A file system without no-replace: the check and the rename are two steps then.
            rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS => self.rename_in_two_steps(&hidden),
            other => Err(other),
        });
        if let Err(error) = renamed {
            self.hidden = Some(hidden);
            return Err(self.unnamed(error));
        }
        self.make_durable()
    }

    fn rename_in_two_steps(&self, hidden: &OsStr) -> rustix::io::Result<()> {
        let folder = &self.target.folder;
        if !self.target.force {
            // A hard link never replaces anything.
            rustix::fs::linkat(folder, hidden, folder, &self.target.name, AtFlags::empty())?;
            return rustix::fs::unlinkat(folder, hidden, AtFlags::empty());
        }
        rustix::fs::renameat(folder, hidden, folder, &self.target.name)
    }

    fn link(&self, name: &OsStr) -> Result<()> {
        let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        rustix::fs::linkat(CWD, own, &self.target.folder, name, AtFlags::SYMLINK_FOLLOW).map_err(|e| self.unnamed(e))
    }

    fn unnamed(&self, error: rustix::io::Errno) -> Error {
        Error::output(error.into(), &format!("cannot give the finished file its name {}", self.target.path.display()))
    }

    fn make_durable(self) -> Result<PathBuf> {
        if let Err(error) = rustix::fs::fsync(&self.target.folder) {
            // Not durable is not done; a replaced file is lost either way.
            let _ = rustix::fs::unlinkat(&self.target.folder, &self.target.name, AtFlags::empty());
            return Err(self.unnamed(error));
        }
        Ok(self.target.path.clone())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(name) = &self.hidden {
            // Nothing more can be done about a failure here.
            let _ = rustix::fs::unlinkat(&self.target.folder, name, AtFlags::empty());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    fn input(folder: &Path) -> Arc<Input> {
        let path = folder.join("in.tar");
        std::fs::write(&path, vec![5u8; 100_000]).unwrap();
        Input::open(&path).unwrap()
    }

    fn listing(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn an_output_has_no_name_before_it_is_published() {
        let folder = tempfile::tempdir().unwrap();
        let input = input(folder.path());
        let path = folder.path().join("out.tar");
        let mut output = Target::check(&path, false, &input).unwrap().create().unwrap();
        output.append(b"head").unwrap();
        output.copy(&input, 10, 50_000, &Control::default()).unwrap();
        output.patch(0, b"HEAD").unwrap();
        assert_eq!(listing(folder.path()), ["in.tar"]);
        output.publish().unwrap();
        let meta = std::fs::metadata(&path).unwrap();
        assert_eq!((meta.len(), meta.mode() & 0o777), (50_004, 0o600));
        assert!(std::fs::read(&path).unwrap().starts_with(b"HEAD\x05"));
    }

    #[test]
    fn a_hidden_file_is_removed_or_renamed() {
        let folder = tempfile::tempdir().unwrap();
        let input = input(folder.path());
        for publish in [false, true] {
            let target = Target::check(&folder.path().join("out.tar"), false, &input).unwrap();
            let (file, hidden) = target.create_hidden().unwrap();
            let mut output = Output { file: file.into(), at: 0, hidden, target };
            output.append(b"x").unwrap();
            if publish {
                output.publish().unwrap();
                assert_eq!(listing(folder.path()), ["in.tar", "out.tar"]);
            } else {
                drop(output);
                assert_eq!(listing(folder.path()), ["in.tar"]);
            }
        }
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let input = input(folder.path());
        let path = folder.path().join("out.tar");
        let output = Target::check(&path, false, &input).unwrap().create().unwrap();
        std::fs::write(&path, b"other").unwrap();
        assert_eq!(output.publish().unwrap_err().kind(), Kind::OutputIo);
        assert_eq!(std::fs::read(&path).unwrap(), b"other");
    }

    #[test]
    fn force_replaces_a_file_in_one_step() {
        let folder = tempfile::tempdir().unwrap();
        let input = input(folder.path());
        let path = folder.path().join("out.tar");
        std::fs::write(&path, b"old").unwrap();
        assert_eq!(Target::check(&path, false, &input).unwrap_err().kind(), Kind::OutputIo);
        let mut output = Target::check(&path, true, &input).unwrap().create().unwrap();
        output.append(b"new").unwrap();
        output.publish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(listing(folder.path()), ["in.tar", "out.tar"]);
    }

    #[test]
    fn the_input_under_any_name_is_refused_even_with_force() {
        let folder = tempfile::tempdir().unwrap();
        let input = input(folder.path());
        std::fs::hard_link(folder.path().join("in.tar"), folder.path().join("hard")).unwrap();
        symlink("in.tar", folder.path().join("soft")).unwrap();
        for name in ["in.tar", "hard", "soft"] {
            assert_eq!(Target::check(&folder.path().join(name), true, &input).unwrap_err().kind(), Kind::Refused, "{name}");
        }
    }

    #[test]
    fn what_is_no_regular_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let input = input(folder.path());
        symlink("nowhere", folder.path().join("dangling")).unwrap();
        std::fs::create_dir(folder.path().join("dir")).unwrap();
        for name in ["dangling", "dir"] {
            assert_eq!(Target::check(&folder.path().join(name), true, &input).unwrap_err().kind(), Kind::Refused, "{name}");
        }
    }
}
