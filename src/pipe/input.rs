//! The input file: opened once, for reading only, read at positions, and checked for changes since
//! it was opened.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::{Control, Ranges};
use crate::error::{Advice, Error, Kind, Result, escaped_path};
use crate::sys::{self, FileIdentity, FileState};

/// How many bytes [`Input::pass`] reads at once.
const PASSED: usize = 1 << 20;

/// An open file that is read only at explicit positions, so that threads can share it.
#[derive(Debug)]
pub struct Input {
    source: Source,
    path: PathBuf,
    state: FileState,
    /// Creates the error for a failed read: it depends on which file this is.
    failed: fn(io::Error, &str) -> Error,
}

/// Where the bytes are.
#[derive(Debug)]
enum Source {
    File(File),
    /// In memory, as far as they were kept.
    Kept(Ranges),
}

impl Input {
    /// Opens a regular file.
    ///
    /// # Errors
    /// [`Kind::InputIo`] if it cannot be opened, [`Kind::Refused`] if it is a folder or not a
    /// regular file.
    pub fn open(path: &Path) -> Result<Arc<Self>> {
        let fail = |e: io::Error| {
            Error::input(e, &format!("cannot open {}", escaped_path(path)))
                .advice("Check the path and the permissions.")
        };
        // Checked before it is opened: opening a FIFO would wait for a writer.
        let meta = std::fs::metadata(path).map_err(fail)?;
        if meta.is_dir() {
            return Err(Error::refused(format!(
                "{} is a folder, not a backup",
                escaped_path(path)
            ))
            .advice(Advice::PickFromFolder));
        }
        if !meta.is_file() {
            return Err(
                Error::refused(format!("{} is not a regular file", escaped_path(path))).advice(
                    "haslim reads a backup at many places at once; save it to a file first.",
                ),
            );
        }
        let file = File::open(path).map_err(fail)?;
        Self::take(file, path, Error::input)
    }

    /// Takes an open file; messages call it `path`.
    ///
    /// # Errors
    /// [`Kind::InputIo`] if its metadata cannot be read.
    pub fn from_file(file: File, path: &Path) -> Result<Arc<Self>> {
        Self::take(file, path, Error::input)
    }

    /// Takes an output, which need not have a name yet, to read it back. Errors are then errors of
    /// the output.
    ///
    /// # Errors
    /// [`Kind::OutputIo`] if its metadata cannot be read.
    pub fn of_output(file: File, path: &Path) -> Result<Arc<Self>> {
        Self::take(file, path, Error::output)
    }

    fn take(file: File, path: &Path, failed: fn(io::Error, &str) -> Error) -> Result<Arc<Self>> {
        let state = FileState::of_file(&file)
            .map_err(|e| failed(e, &format!("cannot look at {}", escaped_path(path))))?;
        Ok(Arc::new(Self {
            state,
            source: Source::File(file),
            path: path.to_owned(),
            failed,
        }))
    }

    /// What was kept of an output of `len` bytes that is not in a file; messages call it `path`. All
    /// other bytes read as zeros. It has no identity, and never changes.
    pub fn kept(ranges: Ranges, len: u64, path: &Path) -> Arc<Self> {
        Arc::new(Self {
            source: Source::Kept(ranges),
            path: path.to_owned(),
            state: FileState {
                identity: FileIdentity::default(),
                size: len,
                modified: None,
            },
            failed: Error::output,
        })
    }

    /// A test input that claims to have `len` bytes and is never read.
    ///
    /// # Errors
    /// The same as for [`Input::from_file`].
    #[cfg(test)]
    pub(crate) fn stand_in(len: u64) -> Result<Arc<Self>> {
        let file =
            tempfile::tempfile().map_err(|e| Error::input(e, "cannot create the stand-in"))?;
        let state = FileState::of_file(&file)
            .map_err(|e| Error::input(e, "cannot look at the stand-in"))?;
        Ok(Arc::new(Self {
            state: FileState { size: len, ..state },
            source: Source::File(file),
            path: "stand-in".into(),
            failed: Error::input,
        }))
    }

    /// The path where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its size in bytes when it was opened.
    pub fn len(&self) -> u64 {
        self.state.size
    }

    /// When it was last written, as of when it was opened; `None` if the system does not record
    /// that.
    pub fn modified(&self) -> Option<SystemTime> {
        self.state.modified
    }

    /// True for a file without bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The identity of the file, to check whether another path leads to the same file.
    pub fn identity(&self) -> FileIdentity {
        self.state.identity
    }

    /// The file itself, for copies inside the kernel; `None` if it is not in a file.
    pub fn file(&self) -> Option<&File> {
        match &self.source {
            Source::File(file) => Some(file),
            Source::Kept(_) => None,
        }
    }

    /// Reads up to `buf.len()` bytes at `offset`; fewer only at the end of the file.
    ///
    /// # Errors
    /// [`Kind::InputIo`] with the offset, [`Kind::OutputIo`] for an output that is read back.
    pub fn read_at(&self, mut offset: u64, buf: &mut [u8]) -> Result<usize> {
        let file = match &self.source {
            Source::File(file) => file,
            Source::Kept(ranges) => {
                let left = usize::try_from(self.len().saturating_sub(offset)).unwrap_or(usize::MAX);
                let len = left.min(buf.len());
                ranges.read(offset, buf.get_mut(..len).unwrap_or_default());
                return Ok(len);
            }
        };
        let mut filled = 0;
        while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match sys::read_at(file, rest, offset) {
                Ok(0) => break,
                Ok(n) => {
                    filled += n;
                    offset += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    return Err((self.failed)(
                        e,
                        &format!("reading {} failed", escaped_path(&self.path)),
                    )
                    .at(offset));
                }
            }
        }
        Ok(filled)
    }

    /// Reads exactly `buf.len()` bytes.
    ///
    /// # Errors
    /// [`Kind::Damaged`] if the file ends before, [`Kind::InputIo`] if reading fails.
    pub fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let got = self.read_at(offset, buf)?;
        if got < buf.len() {
            return Err(Error::damaged(format!(
                "the file ends after {} of {} bytes that should be here",
                got,
                buf.len()
            ))
            .at(offset));
        }
        Ok(())
    }

    /// Reads `len` bytes from `offset` on and passes them to `take`, in order. Memory: up to 1 MiB.
    ///
    /// # Errors
    /// As [`Input::read_exact_at`]; those of `take`; `Interrupted`.
    pub fn pass(
        &self,
        offset: u64,
        len: u64,
        control: &Control,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let at_once = |left: u64| usize::try_from(left).unwrap_or(usize::MAX).min(PASSED);
        let mut buffer = vec![0u8; at_once(len)];
        let (mut at, mut left) = (offset, len);
        while left > 0 {
            let now = at_once(left);
            let bytes = buffer.get_mut(..now).unwrap_or_default();
            self.read_exact_at(at, bytes)?;
            take(bytes)?;
            (at, left) = (at + now as u64, left - now as u64);
            control.advance(now as u64)?;
        }
        Ok(())
    }

    /// The first position from `at` on that is not in a hole of zeros; the end of the file if there
    /// is none.
    pub fn skip_hole(&self, at: u64) -> u64 {
        let Some(file) = self.file() else { return at };
        match sys::next_data(file, at) {
            Ok(Some(data)) => data.max(at),
            Ok(None) => self.len().max(at),
            // The file system does not report holes.
            Err(_) => at,
        }
    }

    /// A reader over `len` bytes from `start`.
    pub fn window(self: &Arc<Self>, start: u64, len: u64) -> Window {
        Window {
            input: Arc::clone(self),
            at: start,
            end: start.saturating_add(len),
        }
    }

    /// The change of the file if that explains the error, otherwise the error itself.
    pub fn explain(&self, error: Error) -> Error {
        let about_contents = matches!(
            error.kind(),
            Kind::Damaged | Kind::Refused | Kind::VerifyFailed | Kind::Password
        );
        match self.check_unchanged() {
            Err(changed) if about_contents => changed.caused_by(error),
            _ => error,
        }
    }

    /// Checks that the file has not changed since it was opened.
    ///
    /// # Errors
    /// [`Kind::InputIo`] if it grew, shrank, was written to, or if its path now leads to another
    /// file.
    pub fn check_unchanged(&self) -> Result<()> {
        let Some(file) = self.file() else {
            return Ok(());
        };
        let now = FileState::of_file(file)
            .map_err(|e| Error::input(e, "cannot look at the backup again"))?;
        let named = FileState::of_path(&self.path)
            .map_err(|e| Error::input(e, "the backup is gone from its place"))?;
        if now != self.state || named != self.state {
            return Err(
                Error::new(Kind::InputIo, "the backup changed while it was being read")
                    .advice("Wait until Home Assistant has finished writing it, then try again."),
            );
        }
        Ok(())
    }
}

/// A range of the input as a reader. Ends early, with `UnexpectedEof`, if the file does.
#[derive(Debug)]
pub struct Window {
    input: Arc<Input>,
    at: u64,
    end: u64,
}

impl Window {
    /// Skips this many bytes, or all that are left.
    pub fn skip(&mut self, bytes: u64) {
        self.at += bytes.min(self.left());
    }

    /// Bytes that are left.
    pub fn left(&self) -> u64 {
        self.end - self.at
    }

    /// The position in the file of the next byte.
    pub fn position(&self) -> u64 {
        self.at
    }
}

impl Read for Window {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.left()).unwrap_or(usize::MAX);
        let want = left.min(buf.len());
        let Some(buf) = buf.get_mut(..want).filter(|buf| !buf.is_empty()) else {
            return Ok(0);
        };
        let got = self.input.read_at(self.at, buf).map_err(Error::into_io)?;
        if got == 0 {
            let missing = self.left();
            return Err(
                Error::damaged(format!("the file ends {missing} bytes too early"))
                    .at(self.at)
                    .into_io(),
            );
        }
        self.at += got as u64;
        Ok(got)
    }
}
