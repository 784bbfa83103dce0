//! Removes bytes from a stream while it passes through.

use std::collections::VecDeque;
use std::io::{self, Write};

use super::error::GzipError;

/// One step of an edit; the steps apply to the plaintext in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Keeps this many bytes.
    Keep(u64),
    /// Removes this many bytes.
    Drop(u64),
    /// Inserts these bytes.
    Insert(Vec<u8>),
}

/// Decides which bytes of a plaintext to keep; it reads the plaintext once, in order.
///
/// Edits may lag behind the bytes read if a decision needs more bytes, and they may run ahead: one
/// edit keeps or drops an entry of 8 GB.
pub trait Filter {
    /// Reads the next bytes and appends the edits decided so far.
    ///
    /// # Errors
    /// Any error that stops the filter.
    fn feed(&mut self, plaintext: &[u8], edits: &mut Vec<Edit>) -> io::Result<()>;

    /// The plaintext has ended; appends the remaining edits.
    ///
    /// # Errors
    /// Any error that stops the filter.
    fn finish(&mut self, edits: &mut Vec<Edit>) -> io::Result<()>;
}

/// Applies a filter's edits to the bytes it has read, and writes the bytes that stay.
///
/// Memory: the bytes that the filter has not decided about, at most one header.
#[derive(Default)]
pub struct EditBuffer {
    pending: Vec<u8>,
    edits: Vec<Edit>,
    queue: VecDeque<Edit>,
}

impl EditBuffer {
    /// Passes `plaintext` to the filter and writes the bytes that are decided.
    ///
    /// # Errors
    /// Errors of the filter or the writer.
    pub fn feed(
        &mut self,
        plaintext: &[u8],
        filter: &mut dyn Filter,
        out: &mut impl Write,
    ) -> io::Result<()> {
        filter.feed(plaintext, &mut self.edits)?;
        self.queue.extend(self.edits.drain(..));
        if self.pending.is_empty() {
            let used = self.apply(plaintext, out)?;
            self.pending
                .extend_from_slice(plaintext.get(used..).unwrap_or_default());
        } else {
            self.pending.extend_from_slice(plaintext);
            let pending = std::mem::take(&mut self.pending);
            let used = self.apply(&pending, out)?;
            self.pending = pending;
            self.pending.drain(..used);
        }
        Ok(())
    }

    /// Ends the stream: every byte must be decided by now.
    ///
    /// # Errors
    /// Errors of the filter or the writer; [`GzipError::BadEdit`] if edits and bytes do not match.
    pub fn finish(&mut self, filter: &mut dyn Filter, out: &mut impl Write) -> io::Result<()> {
        filter.finish(&mut self.edits)?;
        self.queue.extend(self.edits.drain(..));
        let pending = std::mem::take(&mut self.pending);
        let used = self.apply(&pending, out)?;
        if used != pending.len() || !self.queue.is_empty() {
            return Err(GzipError::BadEdit.into());
        }
        Ok(())
    }

    /// Applies edits to the start of `bytes`; returns how many of them were used.
    fn apply(&mut self, bytes: &[u8], out: &mut impl Write) -> io::Result<usize> {
        let mut used = 0;
        while let Some(edit) = self.queue.front_mut() {
            let rest = bytes.get(used..).unwrap_or_default();
            let done = match edit {
                Edit::Insert(new) => {
                    out.write_all(new)?;
                    true
                }
                Edit::Keep(count) => {
                    let now = take(count, rest);
                    out.write_all(now)?;
                    used += now.len();
                    *count == 0
                }
                Edit::Drop(count) => {
                    used += take(count, rest).len();
                    *count == 0
                }
            };
            if !done {
                break;
            }
            self.queue.pop_front();
        }
        Ok(used)
    }
}

/// The bytes that an edit covers now; the edit becomes shorter by them.
fn take<'a>(count: &mut u64, bytes: &'a [u8]) -> &'a [u8] {
    let now = usize::try_from(*count)
        .unwrap_or(usize::MAX)
        .min(bytes.len());
    *count -= now as u64;
    bytes.get(..now).unwrap_or_default()
}
