//! The one place that opens, fills and publishes an output.
//!
//! The file has no name while it is written (`O_TMPFILE`), so that a crash leaves
//! nothing behind; where the file system cannot do that, it is a hidden file with
//! mode 0600 that is removed on every way out. Only [`Output::publish`] gives it
//! its name, without ever replacing a file that was not asked to be replaced.

mod leftovers;
mod place;
mod room;
mod system;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FileType;
use rustix::io::Errno;

use crate::error::{Error, Kind, Result};
use crate::pipe::{Control, Input};
#[cfg(test)]
pub(crate) use system::Call;
use system::System;
#[cfg(test)]
pub(crate) use tests::faults::Faults;

/// How many bytes the kernel copies in one call: short enough that a wish to stop
/// is heard at once.
const COPY_STEP: u64 = 4 << 20;
/// How many bytes are written before the disk is told to begin with them. A slow disk whose
/// queue is full makes that call wait for as many to be taken: not for long.
const WRITE_BACK: u64 = 4 << 20;

/// A place for an output, looked at before any work is done.
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    folder: OwnedFd,
    name: OsString,
    force: bool,
    /// Device and inode of the input, if the output is made of one.
    input: Option<(u64, u64)>,
    /// The bytes that the output is expected to have, once somebody said so.
    needed: Option<u64>,
    system: System,
}

impl Target {
    /// Checks that `path` can become the output of a run over `input`.
    ///
    /// # Errors
    /// `OutputIo` when it exists (unless `force`) or its folder is missing or not
    /// writable; `Refused` when it is the input itself or no regular file, a folder for one.
    pub fn check(path: &Path, force: bool, input: &Input) -> Result<Self> {
        Self::check_by(System::default(), path, force, Some(input))
    }

    /// The same for an output that is made of nothing that was read.
    ///
    /// # Errors
    /// As [`Target::check`].
    pub fn check_alone(path: &Path, force: bool) -> Result<Self> {
        Self::check_by(System::default(), path, force, None)
    }

    fn check_by(system: System, path: &Path, force: bool, input: Option<&Input>) -> Result<Self> {
        let (folder, name) = place::open(&system, path)?;
        let target = Self {
            path: path.to_owned(),
            folder,
            name,
            force,
            input: input.map(Input::identity),
            needed: None,
            system,
        };
        target.check_existing()?;
        let cannot = |e: Errno| {
            Error::output(
                e.into(),
                &format!("cannot write into {}", place::parent(path).display()),
            )
        };
        target.system.may_write(&target.folder).map_err(cannot)?;
        Ok(target)
    }

    fn check_existing(&self) -> Result<()> {
        let shown = self.path.display();
        // Following links: the input reached by another name is the input still.
        if let Ok(stat) = self.system.look_through(&self.folder, &self.name)
            && Some((stat.st_dev, stat.st_ino)) == self.input
        {
            return Err(Error::refused(format!("{shown} is the backup itself"))
                .advice("Choose another output with -o."));
        }
        let stat = match self.system.look_at(&self.folder, &self.name) {
            Err(Errno::NOENT) => return Ok(()),
            other => {
                other.map_err(|e| Error::output(e.into(), &format!("cannot look at {shown}")))?
            }
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Directory {
            return Err(place::is_folder(&self.path));
        }
        if kind != FileType::RegularFile {
            return Err(
                Error::refused(format!("{shown} exists and is not a regular file"))
                    .advice("Choose another output with -o."),
            );
        }
        if !self.force {
            return Err(
                Error::new(Kind::OutputIo, format!("{shown} exists already"))
                    .advice("Choose another output with -o, or replace it with --force."),
            );
        }
        Ok(())
    }

    /// Where the output will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes sure that `bytes` fit on the disk, and into one file there.
    ///
    /// # Errors
    /// `OutputIo` with the bytes needed and how many there can be: by the free space, the file
    /// system (FAT) or a limit that the process was started with (`RLIMIT_FSIZE`).
    pub fn check_space(&mut self, bytes: u64) -> Result<()> {
        self.needed = Some(bytes);
        room::check(
            &self.system,
            &self.folder,
            &self.path.display().to_string(),
            bytes,
        )
    }

    /// Removes what runs that were killed left in the folder. Only a file system
    /// without nameless files, or a kill while a file was being replaced, leaves any.
    pub fn remove_leftovers(&self) {
        leftovers::remove(&self.system, &self.folder, self.input);
    }

    /// Opens the file that will become the output.
    ///
    /// # Errors
    /// `OutputIo`.
    pub fn create(self) -> Result<Output> {
        let (file, hidden) = match self.system.create_nameless(&self.folder) {
            Ok(file) => {
                // It may be hidden for a moment, when it replaces another one.
                let _ = self.system.lock(&file);
                (file, None)
            }
            // Not every file system can; NFS, FAT and some network shares cannot.
            Err(_) => {
                let (file, name) = leftovers::create(&self.system, &self.folder).map_err(|e| {
                    Error::output(
                        e,
                        &format!("cannot create a file beside {}", self.path.display()),
                    )
                })?;
                (file, Some(name))
            }
        };
        Ok(Output {
            file,
            at: 0,
            on_its_way: 0,
            hidden,
            target: self,
        })
    }
}

/// A file being written. Dropped without [`Output::publish`], it is gone.
#[derive(Debug)]
pub struct Output {
    file: File,
    at: u64,
    /// The disk was told to begin with everything before this.
    on_its_way: u64,
    /// The name of the file where it could not be made without one.
    hidden: Option<OsString>,
    target: Target,
}

impl Output {
    /// A file in `folder` for measurements: it is never meant to get a name, and gone when dropped.
    ///
    /// # Errors
    /// As [`Target::check`] and [`Target::create`].
    pub fn scratch(folder: &Path) -> Result<Self> {
        Target::check_alone(
            &folder.join(
                leftovers::name().map_err(|e| Error::output(e, "cannot make a scratch file"))?,
            ),
            false,
        )?
        .create()
    }

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
        self.advance(bytes.len() as u64);
        Ok(())
    }

    /// So many bytes more were written. Lets the disk write while the rest is still being
    /// made: left alone, it would begin at [`Output::sync`].
    fn advance(&mut self, bytes: u64) {
        self.at += bytes;
        let waiting = self.at - self.on_its_way;
        if waiting >= WRITE_BACK {
            self.target
                .system
                .begin_write_back(&self.file, self.on_its_way, waiting);
            self.on_its_way = self.at;
        }
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
            self.append(
                zeros
                    .get(..usize::try_from(now).unwrap_or_default())
                    .unwrap_or_default(),
            )?;
            left -= now;
        }
        Ok(())
    }

    /// Overwrites bytes that were appended before.
    ///
    /// # Errors
    /// `OutputIo`.
    pub fn patch(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.target
            .system
            .write_all_at(&self.file, bytes, offset)
            .map_err(|e| self.failed(e))
    }

    fn failed(&self, error: io::Error) -> Error {
        let Target {
            system,
            folder,
            path,
            needed,
            ..
        } = &self.target;
        room::failed(
            system,
            folder,
            &path.display().to_string(),
            self.at,
            *needed,
            error,
        )
    }

    /// Appends `len` bytes of the input from `offset` on, inside the kernel where it can.
    ///
    /// # Errors
    /// `OutputIo`, `InputIo`, `Damaged` when the input ends before, `Interrupted`.
    pub fn copy(&mut self, input: &Input, offset: u64, len: u64, control: &Control) -> Result<()> {
        let (mut from, mut left) = (offset, len);
        while left > 0 {
            let step = usize::try_from(left.min(COPY_STEP)).unwrap_or_default();
            let copied =
                match self
                    .target
                    .system
                    .copy_range(input.file(), from, &self.file, self.at, step)
                {
                    Ok(copied) if (1..=step).contains(&copied) => copied as u64,
                    Err(Errno::INTR) => 0,
                    Err(e @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => {
                        return Err(self.failed(e.into()));
                    }
                    // Another file system, an old kernel, or the end of the input: the plain way
                    // knows which.
                    _ => return self.copy_through_memory(input, from, left, control),
                };
            (from, left) = (from + copied, left - copied);
            self.advance(copied);
            control.advance(copied)?;
        }
        Ok(())
    }

    fn copy_through_memory(
        &mut self,
        input: &Input,
        mut from: u64,
        mut left: u64,
        control: &Control,
    ) -> Result<()> {
        let mut buffer = vec![0u8; 1 << 20];
        while left > 0 {
            let now = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
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
        self.target
            .system
            .sync(&self.file)
            .map_err(|e| self.failed(e))
    }

    /// The file as an input, for reading it back.
    ///
    /// # Errors
    /// `OutputIo`.
    pub fn read_back(&self) -> Result<Arc<Input>> {
        let file = self.file.try_clone().map_err(|e| self.failed(e))?;
        Input::of_output(file, &self.target.path)
    }

    /// Gives the file its name and makes that durable.
    ///
    /// # Errors
    /// `OutputIo`, with nothing left at the output path that was not there before.
    pub fn publish(mut self) -> Result<PathBuf> {
        self.give_name().map_err(|e| self.unnamed(e))?;
        let Target {
            folder,
            name,
            path,
            system,
            ..
        } = &self.target;
        match system.sync_folder(folder) {
            // The folders of some file systems cannot be synced; nothing better can be done there.
            Ok(()) | Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(path.clone()),
            Err(error) => {
                // Not durable is not done; a replaced file is lost either way.
                let _ = system.remove(folder, name);
                Err(self.unnamed(error))
            }
        }
    }

    fn give_name(&mut self) -> rustix::io::Result<()> {
        let Target {
            folder,
            name,
            force,
            system,
            ..
        } = &self.target;
        if self.hidden.is_none() {
            match system.link(&self.file, folder, name) {
                Err(Errno::EXIST) if *force => {}
                other => return other,
            }
            // Only a file that has a name can replace another one in one step.
            let hidden = leftovers::name().map_err(|_| Errno::IO)?;
            system.link(&self.file, folder, &hidden)?;
            self.hidden = Some(hidden);
        }
        if let Some(hidden) = &self.hidden {
            if *force {
                system.replace(folder, hidden, name)?
            } else {
                system.rename(folder, hidden, name)?
            }
        }
        // From here on it is the output.
        self.hidden = None;
        Ok(())
    }

    fn unnamed(&self, error: Errno) -> Error {
        Error::output(
            error.into(),
            &format!(
                "cannot give the finished file its name {}",
                self.target.path.display()
            ),
        )
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes).map_err(Error::into_io)?;
        Ok(bytes.len())
    }

    /// Nothing is held back; [`Output::sync`] is what waits for the disk.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(name) = &self.hidden {
            // Nothing more can be done about a failure here.
            let _ = self.target.system.remove(&self.target.folder, name);
        }
    }
}

#[cfg(test)]
mod tests;
