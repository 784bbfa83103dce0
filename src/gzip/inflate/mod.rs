//! Inflate (RFC 1951) that reports where each deflate block begins, to the bit, and that can start
//! at any of them.
//!
//! Cutting a stream without recompressing it needs both, and speed is why this is no
//! library's: zlib-rs does not show where blocks begin, and miniz_oxide, whose feature
//! `block-boundary` does, takes 2.2 times as long (zlib-rs 1.8 times). That is the 9 MB of
//! `benches/support` at level 9 in one run of `cargo bench --bench gzip inflate`: 940 MiB/s
//! here, 773 with checkpoints, 519 by zlib-rs, 418 by miniz_oxide, two cores of an Intel Xeon,
//! not idle. Of a tar of sources both are closer: 1.7 and 1.3 times. In the tests miniz_oxide
//! judges where blocks begin.

mod input;
mod run;
mod symbol;
mod tables;

use std::io::{self, Read};

use self::input::BitInput;
use self::run::{OUTPUT, Out, ROOM, STEP, Stop, Tables, VIEW};
use self::symbol::Symbol;
use super::error::GzipError;

/// How far deflate can refer back (RFC 1951 §2).
pub(super) const WINDOW: usize = 32 << 10;
/// The longest piece of plaintext that is returned.
pub(super) const PIECE: usize = 64 << 10;
/// Bytes of input that must be available before a block header or a step is decoded; the longest
/// dynamic header has about 320 bytes.
const LOOKAHEAD: usize = VIEW;

/// The order in which the lengths of the code length codes come (RFC 1951 §3.2.7).
const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// What the decoder found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// A block begins at the input's bit position.
    Block,
    /// Plaintext of the current block: [`Inflate::piece`], never empty.
    Data,
    /// The last block is over; the input is positioned after it, not yet on a byte boundary.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Boundary,
    Header,
    Stored { left: usize, last: bool },
    Huffman { last: bool },
    Finished,
}

/// A deflate stream, decoded event by event.
///
/// Memory: 256 KiB of input and the bytes kept by a mark, 256 KiB of window and output, 20 KiB of
/// tables; allocated once.
pub(super) struct Inflate<R> {
    pub input: BitInput<R>,
    tables: Box<Tables>,
    output: Box<[u8; ROOM]>,
    /// The piece: where it begins and ends. The window is before it.
    begin: usize,
    filled: usize,
    /// Bytes before the start of the piece that a match may refer to, up to the window's size.
    reach: usize,
    state: State,
}

impl<R: Read> Inflate<R> {
    pub fn new(reader: R) -> Self {
        Self {
            input: BitInput::new(reader),
            tables: Box::default(),
            output: Box::new([0; ROOM]),
            begin: WINDOW,
            filled: WINDOW,
            reach: 0,
            state: State::Boundary,
        }
    }

    /// Begins a block at the input's position, with the plaintext before it: empty for a new
    /// stream.
    pub fn resume(&mut self, window: &[u8]) {
        let window = window
            .get(window.len().saturating_sub(WINDOW)..)
            .unwrap_or_default();
        self.reach = window.len();
        if let Some(slot) = self.output.get_mut(WINDOW - window.len()..WINDOW) {
            slot.copy_from_slice(window);
        }
        (self.begin, self.filled) = (WINDOW, WINDOW);
        self.state = State::Boundary;
    }

    /// The plaintext of the last [`Event::Data`].
    pub fn piece(&self) -> &[u8] {
        self.output.get(self.begin..self.filled).unwrap_or_default()
    }

    /// The plaintext before the next byte, as far as a match may refer to it.
    pub fn window(&self) -> &[u8] {
        let reach = (self.reach + self.filled - self.begin).min(WINDOW);
        self.output
            .get(self.filled - reach..self.filled)
            .unwrap_or_default()
    }

    /// Decodes up to the next event.
    ///
    /// # Errors
    /// A [`GzipError`], or an error of the reader.
    pub fn next(&mut self) -> io::Result<Event> {
        self.next_up_to(PIECE)
    }

    /// Like [`Inflate::next`], with a piece of plaintext that ends as soon as it has `want` bytes:
    /// at most one match later.
    ///
    /// # Errors
    /// The same as for [`Inflate::next`].
    pub fn next_up_to(&mut self, want: usize) -> io::Result<Event> {
        let want = want.clamp(1, PIECE - STEP);
        self.slide();
        loop {
            match self.state {
                State::Boundary => {
                    self.state = State::Header;
                    return Ok(Event::Block);
                }
                State::Header => self.header()?,
                State::Stored { left: 0, last } => self.end_block(last),
                State::Stored { left, last } => {
                    self.stored(left.min(want), left, last)?;
                    return Ok(Event::Data);
                }
                State::Huffman { last } => {
                    if self.huffman(want, last)? {
                        return Ok(Event::Data);
                    }
                }
                State::Finished => return Ok(Event::End),
            }
        }
    }

    fn end_block(&mut self, last: bool) {
        self.state = if last {
            State::Finished
        } else {
            State::Boundary
        };
    }

    /// The piece was taken: it becomes the window, which moves to the front when there is little
    /// space after it.
    fn slide(&mut self) {
        self.reach = (self.reach + self.filled - self.begin).min(WINDOW);
        if self.filled + PIECE + STEP > OUTPUT {
            self.output
                .copy_within(self.filled - WINDOW..self.filled, 0);
            self.filled = WINDOW;
        }
        self.begin = self.filled;
    }

    fn bad(&self) -> io::Error {
        GzipError::BadDeflate {
            offset: self.input.bit_position() / 8,
        }
        .into()
    }

    /// Reads a block's header (RFC 1951 §3.2.3).
    fn header(&mut self) -> io::Result<()> {
        self.input.ensure(LOOKAHEAD)?;
        let last = self.input.take(1) == 1;
        self.state = match self.input.take(2) {
            0 => State::Stored {
                left: self.stored_len()?,
                last,
            },
            1 => {
                self.fixed().ok_or_else(|| self.bad())?;
                State::Huffman { last }
            }
            2 => {
                let outcome = self.dynamic();
                self.input.set_state(self.input.state())?;
                outcome.ok_or_else(|| self.bad())?;
                State::Huffman { last }
            }
            _ => return Err(self.bad()),
        };
        self.input.set_state(self.input.state())
    }

    /// The length of a stored block, whose data follow.
    fn stored_len(&mut self) -> io::Result<usize> {
        self.input.align();
        let (len, check) = (self.input.take(16), self.input.take(16));
        // The data are whole bytes again.
        self.input.align();
        if len ^ check != 0xffff {
            // Zeros after the end of the input do not mean that it is damaged.
            self.input.set_state(self.input.state())?;
            return Err(self.bad());
        }
        Ok(len as usize)
    }

    /// The codes of RFC 1951 §3.2.6.
    fn fixed(&mut self) -> Option<()> {
        let mut lengths = [8u8; 288];
        lengths[144..256].fill(9);
        lengths[256..280].fill(7);
        tables::literals(&lengths, &mut self.tables.literals)?;
        tables::distances(&[5; 32], &mut self.tables.distances)
    }

    /// The codes of RFC 1951 §3.2.7.
    fn dynamic(&mut self) -> Option<()> {
        let literals = self.input.take(5) as usize + 257;
        let distances = self.input.take(5) as usize + 1;
        let count = self.input.take(4) as usize + 4;
        if literals > 286 || distances > 30 {
            return None;
        }
        let mut lengths = [0u8; 19];
        for &at in ORDER.iter().take(count) {
            *lengths.get_mut(at)? = self.input.take(3) as u8;
        }
        let mut table = [Symbol::default(); 128];
        tables::code_lengths(&lengths, &mut table)?;
        let mut lengths = [0u8; 320];
        self.code_lengths(&table, literals + distances, &mut lengths)?;
        let (first, rest) = lengths.split_at(literals);
        // Without an end symbol the block could not end.
        if first.get(256) == Some(&0) {
            return None;
        }
        tables::literals(first, &mut self.tables.literals)?;
        tables::distances(rest.get(..distances)?, &mut self.tables.distances)
    }

    fn code_lengths(
        &mut self,
        table: &[Symbol; 128],
        total: usize,
        lengths: &mut [u8; 320],
    ) -> Option<()> {
        let mut at = 0;
        while at < total {
            let symbol = *table.get((self.input.peek() & 127) as usize)?;
            self.input.skip(symbol.bits());
            let (value, repeat) = match symbol.value() {
                16 => (
                    *lengths.get(at.checked_sub(1)?)?,
                    3 + self.input.take(2) as usize,
                ),
                17 => (0, 3 + self.input.take(3) as usize),
                18 => (0, 11 + self.input.take(7) as usize),
                value => (value as u8, 1),
            };
            if at + repeat > total {
                return None;
            }
            lengths.get_mut(at..at + repeat)?.fill(value);
            at += repeat;
        }
        Some(())
    }

    fn stored(&mut self, want: usize, left: usize, last: bool) -> io::Result<()> {
        let there = self.input.following(1)?;
        let now = want.min(there.len());
        if now == 0 {
            return Err(GzipError::Truncated {
                offset: self.input.byte_position(),
            }
            .into());
        }
        let source = there.get(..now).unwrap_or_default();
        if let Some(room) = self.output.get_mut(self.filled..self.filled + now) {
            room.copy_from_slice(source);
        }
        self.input.consume(now);
        self.filled += now;
        self.state = State::Stored {
            left: left - now,
            last,
        };
        Ok(())
    }

    /// Decodes symbols; false when the block ended without any more plaintext.
    fn huffman(&mut self, want: usize, last: bool) -> io::Result<bool> {
        loop {
            self.input.ensure(LOOKAHEAD)?;
            let mut bits = self.input.state();
            let floor = self.begin - self.reach;
            let mut out = Out {
                bytes: &mut self.output,
                filled: self.filled,
                limit: self.begin + want,
                floor,
            };
            let stop = run::decode(&mut bits, self.input.visible(), &self.tables, &mut out);
            self.filled = out.filled;
            self.input.set_state(bits)?;
            match stop {
                Stop::Bad => return Err(self.bad()),
                Stop::Full => return Ok(true),
                Stop::Hungry => {}
                Stop::End => {
                    self.end_block(last);
                    return Ok(self.filled > self.begin);
                }
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
