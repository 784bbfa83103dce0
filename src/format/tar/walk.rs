//! The entries of an inner tar, from a stream of plaintext, byte for byte.

use super::block::{BLOCK, TarError, padding};
use super::header::{Assembler, Header, Step};

/// Receives what a [`Walker`] reads. Every byte of the stream is passed on exactly once: as part of
/// a header, as data, as padding, or as the tail.
pub trait Visitor {
    /// An entry begins; its header is at `at` in the plaintext.
    ///
    /// # Errors
    /// Any error with which the visitor stops the walk.
    fn entry(&mut self, header: &Header, at: u64) -> Result<(), TarError>;

    /// The next bytes of the entry's data (padding excluded).
    ///
    /// # Errors
    /// Any error with which the visitor stops the walk.
    fn data(&mut self, _bytes: &[u8]) -> Result<(), TarError> {
        Ok(())
    }

    /// The next bytes of the padding after an entry's data.
    ///
    /// # Errors
    /// Any error with which the visitor stops the walk.
    fn padding(&mut self, _bytes: &[u8]) -> Result<(), TarError> {
        Ok(())
    }

    /// The entry is over, padding included.
    ///
    /// # Errors
    /// Any error with which the visitor stops the walk.
    fn entry_end(&mut self, _at: u64) -> Result<(), TarError> {
        Ok(())
    }

    /// A global header, which belongs to no entry.
    ///
    /// # Errors
    /// Any error with which the visitor stops the walk.
    fn global(&mut self, _raw: &[u8]) -> Result<(), TarError> {
        Ok(())
    }

    /// The first of the zero blocks that end the archive began at `at`.
    ///
    /// # Errors
    /// Any error with which the visitor stops the walk.
    fn tail(&mut self, _at: u64) -> Result<(), TarError> {
        Ok(())
    }
}

/// Walks a tar that arrives in pieces of any size.
///
/// Memory: one header (at most 1 MiB per extension block) and one partial block.
pub struct Walker {
    assembler: Assembler,
    partial: Vec<u8>,
    state: State,
    position: u64,
    header_at: u64,
}

enum State {
    Headers,
    Data { left: u64, padding: u64 },
    Padding { left: u64 },
    Tail,
}

impl State {
    /// The state directly behind a header.
    fn behind(header: &Header) -> Self {
        match header.size {
            0 => Self::Padding { left: 0 },
            size => Self::Data {
                left: size,
                padding: padding(size),
            },
        }
    }
}

/// The result of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walked {
    /// Bytes of plaintext read.
    pub bytes: u64,
    /// False if the end blocks are missing; all entries were complete anyway.
    pub ended: bool,
}

impl Default for Walker {
    fn default() -> Self {
        Self {
            assembler: Assembler::default(),
            partial: Vec::with_capacity(BLOCK),
            state: State::Headers,
            position: 0,
            header_at: 0,
        }
    }
}

impl Walker {
    /// Bytes read so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The minimum number of bytes up to the next important position: the end of an entry, or the
    /// earliest point where the end of its header can be known.
    pub fn wanted(&self) -> u64 {
        match self.state {
            State::Headers => self.assembler.wanted() - self.partial.len() as u64,
            State::Data { left, padding } => left + padding,
            State::Padding { left } => left,
            State::Tail => u64::MAX,
        }
    }

    /// Takes the next piece of plaintext.
    ///
    /// # Errors
    /// A [`TarError`] of the format or of the visitor; the walk cannot continue after it.
    pub fn feed(&mut self, mut bytes: &[u8], visitor: &mut dyn Visitor) -> Result<(), TarError> {
        while !bytes.is_empty() {
            let used = match &mut self.state {
                State::Headers => self.header_bytes(bytes, visitor)?,
                State::Data { left, padding } => {
                    let (now, _) = bytes.split_at(bytes_of(*left, bytes));
                    visitor.data(now)?;
                    *left -= now.len() as u64;
                    if *left == 0 {
                        self.state = State::Padding { left: *padding };
                    }
                    now.len()
                }
                State::Padding { left } => {
                    let (now, _) = bytes.split_at(bytes_of(*left, bytes));
                    visitor.padding(now)?;
                    *left -= now.len() as u64;
                    now.len()
                }
                State::Tail => {
                    if bytes.iter().any(|&b| b != 0) {
                        return Err(TarError::damaged(
                            "bytes that are not zero follow the end of the inner tar: no reader would restore them",
                        ));
                    }
                    bytes.len()
                }
            };
            self.position += used as u64;
            bytes = bytes.get(used..).unwrap_or_default();
            if matches!(self.state, State::Padding { left: 0 }) {
                self.state = State::Headers;
                self.header_at = self.position;
                visitor.entry_end(self.position)?;
            }
        }
        Ok(())
    }

    fn header_bytes(&mut self, bytes: &[u8], visitor: &mut dyn Visitor) -> Result<usize, TarError> {
        let used = (BLOCK - self.partial.len()).min(bytes.len());
        self.partial.extend(bytes.iter().take(used));
        let Some(&block) = self.partial.first_chunk::<BLOCK>() else {
            return Ok(used);
        };
        self.partial.clear();
        let half_ended = self.assembler.half_ended();
        match self.assembler.push(&block)? {
            Step::More if !half_ended && self.assembler.half_ended() => {
                visitor.tail(self.header_at)?;
            }
            Step::More => {}
            Step::Header(header) => {
                visitor.entry(&header, self.header_at)?;
                self.state = State::behind(&header);
            }
            Step::Global(raw) => {
                visitor.global(&raw)?;
                self.header_at = self.position + used as u64;
            }
            Step::End => self.state = State::Tail,
        }
        Ok(used)
    }

    /// Ends the walk.
    ///
    /// # Errors
    /// `Damaged` if the stream ended inside an entry.
    pub fn finish(self) -> Result<Walked, TarError> {
        let between = self.partial.is_empty() && self.assembler.is_idle();
        match self.state {
            State::Tail => Ok(Walked {
                bytes: self.position,
                ended: true,
            }),
            // Even Python's reader does not accept an empty file as an archive.
            State::Headers if self.position == 0 => Err(TarError::damaged(
                "the inner tar is empty: not even its end is there",
            )),
            State::Headers if between => Ok(Walked {
                bytes: self.position,
                ended: false,
            }),
            _ => Err(TarError::damaged(
                "the inner tar ends in the middle of an entry",
            )),
        }
    }
}

fn bytes_of(left: u64, bytes: &[u8]) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len())
}

#[cfg(test)]
mod tests;
