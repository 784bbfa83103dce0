//! Where a copy goes: into a file, or to whoever takes it as it is made.

use std::io::{self, Write};

use super::Output;
use crate::error::{Error, Result};
use crate::pipe::{Control, FanOut, Input};

/// Takes the bytes of a copy in order.
pub(super) trait Sink: Write + Send {
    /// Bytes taken so far.
    fn position(&self) -> u64;

    /// Appends bytes.
    fn append(&mut self, bytes: &[u8]) -> Result<()>;

    /// Appends `len` bytes of the input from `offset` on.
    fn copy(&mut self, input: &Input, offset: u64, len: u64, control: &Control) -> Result<()>;

    /// Appends zeros.
    fn zeros(&mut self, count: u64) -> Result<()> {
        let zeros = [0u8; 4096];
        let mut left = count;
        while left > 0 {
            let now = usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len());
            self.append(zeros.get(..now).unwrap_or_default())?;
            left -= now as u64;
        }
        Ok(())
    }

    /// Overwrites bytes that were appended before. Fails where they are already gone.
    fn patch(&mut self, offset: u64, bytes: &[u8]) -> Result<()>;
}

impl Sink for Output {
    fn position(&self) -> u64 {
        Self::position(self)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        Self::append(self, bytes)
    }

    fn copy(&mut self, input: &Input, offset: u64, len: u64, control: &Control) -> Result<()> {
        Self::copy(self, input, offset, len, control)
    }

    fn zeros(&mut self, count: u64) -> Result<()> {
        Self::zeros(self, count)
    }

    fn patch(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        Self::patch(self, offset, bytes)
    }
}

impl Sink for FanOut {
    fn position(&self) -> u64 {
        Self::position(self)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(Error::from_write)
    }

    fn copy(&mut self, input: &Input, offset: u64, len: u64, control: &Control) -> Result<()> {
        input.pass(offset, len, control, |bytes| self.append(bytes))
    }

    fn patch(&mut self, _: u64, _: &[u8]) -> Result<()> {
        let why = "bytes that are sent already cannot be changed";
        Err(Error::from_write(io::Error::other(why)))
    }
}
