//! Taking bytes out of a stream while it passes.

use std::collections::VecDeque;
use std::io::{self, Write};

use super::error::GzipError;

/// One step of an edit; the steps apply to the plaintext in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// So many bytes stay.
    Keep(u64),
    /// So many bytes go.
    Drop(u64),
    /// These bytes come in.
    Insert(Vec<u8>),
}

/// Decides about a plaintext that it is shown once, in order.
///
/// Edits may lag behind what was shown, as long as a decision needs more bytes, and
/// they may run ahead: an entry of 8 GB is kept or dropped with one edit.
pub trait Filter {
    /// Sees the next bytes; appends what is decided now.
    ///
    /// # Errors
    /// Whatever makes the filter give up.
    fn feed(&mut self, plaintext: &[u8], edits: &mut Vec<Edit>) -> io::Result<()>;

    /// The plaintext is over; appends what is still undecided.
    ///
    /// # Errors
    /// Whatever makes the filter give up.
    fn finish(&mut self, edits: &mut Vec<Edit>) -> io::Result<()>;
}

/// Applies a filter's edits to the bytes it was shown, and writes what stays.
///
/// Memory: the bytes that the filter has not decided about, a header at most.
#[derive(Default)]
pub struct EditBuffer {
    pending: Vec<u8>,
    edits: Vec<Edit>,
    queue: VecDeque<Edit>,
}

impl EditBuffer {
    /// Shows `plaintext` to the filter and writes what is decided.
    ///
    /// # Errors
    /// The filter's or the writer's.
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

    /// Ends the stream: every byte must be decided now.
    ///
    /// # Errors
    /// The filter's or the writer's; [`GzipError::BadEdit`] when edits and bytes do not meet.
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

    /// Applies edits to the begin of `bytes`; gives how many of them were used.
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

/// The bytes that an edit takes now; the edit is shortened by them.
fn take<'a>(count: &mut u64, bytes: &'a [u8]) -> &'a [u8] {
    let now = usize::try_from(*count)
        .unwrap_or(usize::MAX)
        .min(bytes.len());
    *count -= now as u64;
    bytes.get(..now).unwrap_or_default()
}
