//! Something of a known size that is sent.

use std::sync::Arc;

use super::Input;
use crate::error::Result;

/// Bytes that are sent once, in order, to a receiver that discards them if the end is missing.
pub trait Content {
    /// The number of bytes.
    fn size(&self) -> u64;

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// Whatever prevents the content from being complete. The receiver must not get the end then.
    fn next(&mut self) -> Result<&[u8]>;

    /// Called once, after the last bytes and before the receiver learns that they were the last:
    /// whether they were right.
    ///
    /// # Errors
    /// As [`Content::next`].
    fn finish(&mut self) -> Result<()>;
}

/// How many bytes of a file are read at once.
pub const STEP: usize = 1 << 19;

/// A file as content. Memory: one buffer of [`STEP`] bytes.
#[derive(Debug)]
pub struct FileContent {
    input: Arc<Input>,
    at: u64,
    buffer: Vec<u8>,
}

impl FileContent {
    /// The whole file.
    pub fn new(input: &Arc<Input>) -> Self {
        Self {
            input: Arc::clone(input),
            at: 0,
            buffer: vec![0; STEP],
        }
    }
}

impl Content for FileContent {
    fn size(&self) -> u64 {
        self.input.len()
    }

    fn next(&mut self) -> Result<&[u8]> {
        let left = usize::try_from(self.size() - self.at).unwrap_or(usize::MAX);
        let bytes = self.buffer.get_mut(..left.min(STEP)).unwrap_or_default();
        self.input.read_exact_at(self.at, bytes)?;
        self.at += bytes.len() as u64;
        Ok(bytes)
    }

    /// # Errors
    /// `InputIo` if the file has changed.
    fn finish(&mut self) -> Result<()> {
        self.input.check_unchanged()
    }
}
