//! The only module that opens, fills and publishes an output.
//!
//! The file has no name while it is written (`O_TMPFILE`), so that a crash leaves nothing behind.
//! If the file system cannot do that, it is a hidden file with mode 0600 that is removed in every
//! case of failure. Only [`Output::publish`] names it, and it replaces an existing file only on
//! request.

mod leftovers;
mod place;
mod room;
mod system;
mod target;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use system::is_no_such_call;

pub(crate) use leftovers::name as hidden_name;
pub use target::Target;

use crate::error::{Error, Result, escaped_path};
use crate::pipe::{Control, Growth, Input};
#[cfg(test)]
pub(crate) use system::Call;
#[cfg(test)]
pub(crate) use tests::{faults::Faults, is_private};

/// How many bytes the kernel copies in one call: few enough that cancellation takes effect at once.
const COPY_STEP: u64 = 4 << 20;
/// How many bytes are written before the disk starts to write them. If the queue of a slow disk is
/// full, that call waits until the disk accepts this many bytes, which is a short time.
const WRITE_BACK: u64 = 4 << 20;

/// A file being written. If it is dropped without [`Output::publish`], it is removed.
#[derive(Debug)]
pub struct Output {
    file: File,
    at: u64,
    /// Writing to disk was started for everything before this.
    on_its_way: u64,
    growth: Arc<Growth>,
    /// The name of the file, if it could not be created without one.
    hidden: Option<OsString>,
    target: Target,
}

impl Output {
    /// A file in `folder` for measurements: it is never named, and is removed when dropped.
    ///
    /// # Errors
    /// The same as for [`Target::check`] and [`Target::create`].
    pub fn scratch(folder: &Path) -> Result<Self> {
        Target::check_alone(
            &folder.join(
                leftovers::name().map_err(|e| Error::output(e, "cannot make a scratch file"))?,
            ),
            false,
        )?
        .create()
    }

    /// Bytes written so far.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// How far it is written, for a thread that reads it meanwhile.
    pub fn growth(&self) -> Arc<Growth> {
        Arc::clone(&self.growth)
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

    /// Counts more written bytes. Starts writing to disk while the rest is still being produced;
    /// otherwise the system would start at [`Output::sync`].
    fn advance(&mut self, bytes: u64) {
        self.at += bytes;
        self.growth.reach(self.at);
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
        room::failed(system, folder, &escaped_path(path), self.at, *needed, error)
    }

    /// Appends `len` bytes of the input from `offset` on, inside the kernel if possible.
    ///
    /// # Errors
    /// `OutputIo`, `InputIo`, `Damaged` if the input ends before, `Interrupted`.
    pub fn copy(&mut self, input: &Input, offset: u64, len: u64, control: &Control) -> Result<()> {
        let (mut from, mut left) = (offset, len);
        let Some(file) = input.file() else {
            return input.pass(from, left, control, |bytes| self.append(bytes));
        };
        while left > 0 {
            let step = usize::try_from(left.min(COPY_STEP)).unwrap_or_default();
            let copied = match self
                .target
                .system
                .copy_range(file, from, &self.file, self.at, step)
            {
                Ok(copied) if (1..=step).contains(&copied) => copied as u64,
                Err(e) if e.kind() == ErrorKind::Interrupted => 0,
                Err(e) if has_no_room(&e) => return Err(self.failed(e)),
                // Another file system, an old kernel, or the end of the input: the normal copy
                // finds out which.
                _ => return input.pass(from, left, control, |bytes| self.append(bytes)),
            };
            (from, left) = (from + copied, left - copied);
            self.advance(copied);
            control.advance(copied)?;
        }
        Ok(())
    }

    /// Waits until everything is on disk.
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

    /// Names the file and makes the name durable.
    ///
    /// # Errors
    /// `OutputIo`; the output path is then as it was before.
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
            // The folders of some file systems cannot be synced; nothing better is possible there.
            Err(error) if is_no_such_call(&error) => Ok(path.clone()),
            Ok(()) => Ok(path.clone()),
            Err(error) => {
                // A name that is not durable is a failure; a replaced file is lost in any case.
                let _ = system.remove(folder, name);
                Err(self.unnamed(error))
            }
        }
    }

    /// Sets the permission bits and the time of the last change, as an extracted file keeps them.
    /// Bits that a system does not have are ignored.
    ///
    /// # Errors
    /// Errors of the system.
    pub(crate) fn set_metadata(&self, mode: u32, modified: SystemTime) -> io::Result<()> {
        self.target.system.set_metadata(&self.file, mode, modified)
    }

    /// Names the file without waiting for the disk: for one of many files, which can be extracted
    /// again. It is complete when it gets its name. Only a power failure shortly afterwards can
    /// lose some of it.
    ///
    /// # Errors
    /// `AlreadyExists` without `force`, or another error of the system; the path is then as it was
    /// before.
    pub(crate) fn give_name_only(mut self) -> io::Result<()> {
        self.give_name()
    }

    fn give_name(&mut self) -> io::Result<()> {
        let target = &self.target;
        let (system, folder, name) = (&target.system, &target.folder, &target.name);
        if self.hidden.is_none() {
            match system.link(&self.file, folder, name) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists && target.force => {}
                other => return other,
            }
            // Only a file with a name can replace another one in one step.
            let hidden = leftovers::name()?;
            system.link(&self.file, folder, &hidden)?;
            self.hidden = Some(hidden);
        }
        if let Some(hidden) = &self.hidden {
            if target.force {
                system.replace(folder, hidden, name)?
            } else {
                system.rename(folder, hidden, name)?
            }
        }
        // From here on the file is the output.
        self.hidden = None;
        Ok(())
    }

    fn unnamed(&self, error: io::Error) -> Error {
        Error::output(
            error,
            &format!(
                "cannot give the finished file its name {}",
                escaped_path(&self.target.path)
            ),
        )
    }
}

/// Removes a finished file that this program published before, because it was only needed for a
/// while. The folder is not synced: if the power fails, the file may be there again.
///
/// # Errors
/// `OutputIo`.
pub fn remove(path: &Path) -> Result<()> {
    let system = system::System::default();
    let (folder, name) = place::open(&system, path)?;
    system
        .remove(&folder, &name)
        .map_err(|e| Error::output(e, &format!("cannot remove {}", escaped_path(path))))
}

/// Whether a write failed because a disk, a quota or the size of a file reached its limit.
fn has_no_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes).map_err(Error::into_io)?;
        Ok(bytes.len())
    }

    /// Nothing is buffered; [`Output::sync`] waits for the disk.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(name) = &self.hidden {
            // A failure here cannot be handled any further.
            let _ = self.target.system.remove(&self.target.folder, name);
        }
    }
}

#[cfg(test)]
mod tests;
