//! Compressed input as bits, lowest first (RFC 1951 §3.1.1).

use std::io::{self, Read};

use crate::gzip::GzipError;

/// Bytes per read.
const READ: usize = 256 << 10;

/// The position of the decoder: an index in the buffer, and the preceding bits that were moved into
/// a word but not used yet.
///
/// Above `count`, the word already contains the bits that follow; refilling writes the same bits
/// there.
#[derive(Debug, Clone, Copy, Default)]
pub struct BitState {
    /// Index of the first byte that is not in the word.
    pub at: usize,
    /// The bits, with the next one lowest.
    pub word: u64,
    /// How many of them are valid.
    pub count: u32,
}

/// Reads a byte stream bit by bit.
///
/// It can keep the bytes after a mark, so that they can be read again. Memory: 256 KiB and the kept
/// bytes.
pub struct BitInput<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were read.
    real: usize,
    /// Bytes visible to the decoder: the real ones and, at the end of the input, zeros.
    visible: usize,
    ended: bool,
    state: BitState,
    /// Bytes of the stream before the buffer.
    base: u64,
    mark: Option<usize>,
}

impl<R: Read> BitInput<R> {
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: vec![0; READ],
            real: 0,
            visible: 0,
            ended: false,
            state: BitState::default(),
            base: 0,
            mark: None,
        }
    }

    /// Bits of the stream that were used.
    pub fn bit_position(&self) -> u64 {
        (self.base + self.state.at as u64) * 8 - u64::from(self.state.count)
    }

    /// Bytes of the stream that were used, including a partly used one.
    pub fn byte_position(&self) -> u64 {
        self.bit_position().div_ceil(8)
    }

    /// Keeps all bytes from the one with the next bit on.
    pub fn set_mark(&mut self) {
        self.mark = Some(self.index());
    }

    /// Stops keeping bytes.
    pub fn clear_mark(&mut self) {
        self.mark = None;
    }

    /// The bytes from the mark up to the one with the next bit, which is included if it is partly
    /// used.
    pub fn marked(&self) -> &[u8] {
        let end = (self.state.at * 8 - self.state.count as usize)
            .div_ceil(8)
            .min(self.real);
        self.mark
            .and_then(|mark| self.buffer.get(mark..end))
            .unwrap_or_default()
    }

    /// Returns to the bit that was next when the mark was set, given its position within its byte.
    pub fn rewind(&mut self, bit: u64) {
        if let Some(at) = self.mark.take() {
            self.state = BitState {
                at,
                word: 0,
                count: 0,
            };
            self.take((bit % 8) as u32);
        }
    }

    /// Index of the byte with the next bit.
    fn index(&self) -> usize {
        (self.state.at * 8 - self.state.count as usize) / 8
    }

    /// The bytes visible to the decoder.
    pub fn visible(&self) -> &[u8] {
        self.buffer.get(..self.visible).unwrap_or_default()
    }

    pub fn state(&self) -> BitState {
        self.state
    }

    /// Continues from the decoder's current position.
    ///
    /// # Errors
    /// `Truncated` if it used more bits than there are.
    pub fn set_state(&mut self, state: BitState) -> io::Result<()> {
        self.state = state;
        let end = self.base + self.real as u64;
        if self.ended && self.bit_position() > end * 8 {
            return Err(GzipError::Truncated { offset: end }.into());
        }
        Ok(())
    }

    /// Reads until this many bytes follow; at the end of the input they are zeros.
    pub fn ensure(&mut self, need: usize) -> io::Result<()> {
        while self.visible < self.state.at + need {
            if self.ended {
                self.visible = self.state.at + need;
                if self.buffer.len() < self.visible {
                    self.buffer.resize(self.visible, 0);
                }
                self.buffer.get_mut(self.real..).unwrap_or_default().fill(0);
            } else {
                self.fill()?;
            }
        }
        Ok(())
    }

    fn fill(&mut self) -> io::Result<()> {
        let keep = self.mark.unwrap_or(usize::MAX).min(self.index());
        self.buffer.copy_within(keep..self.real, 0);
        self.base += keep as u64;
        self.state.at -= keep;
        self.real -= keep;
        self.mark = self.mark.map(|mark| mark - keep);
        if self.buffer.len() < self.real + READ {
            self.buffer.resize(self.real + READ, 0);
        }
        let free = self.buffer.get_mut(self.real..).unwrap_or_default();
        let got = loop {
            match self.reader.read(free) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.real += got;
        self.visible = self.real;
        self.ended = got == 0;
        Ok(())
    }

    fn refill(&mut self) {
        let BitState { at, word, count } = &mut self.state;
        if let Some(next) = self
            .buffer
            .get(*at..)
            .and_then(|rest| rest.first_chunk::<8>())
        {
            *word |= u64::from_le_bytes(*next) << *count;
            *at += (63 - *count as usize) >> 3;
            *count |= 56;
        }
    }

    /// At least 32 bits, without using them. [`BitInput::ensure`] must be called first.
    pub fn peek(&mut self) -> u64 {
        if self.state.count < 32 {
            self.refill();
        }
        self.state.word
    }

    /// Uses bits that [`BitInput::peek`] returned.
    pub fn skip(&mut self, bits: u32) {
        self.state.word >>= bits;
        self.state.count = self.state.count.saturating_sub(bits);
    }

    /// Uses up to 32 bits and returns them.
    pub fn take(&mut self, bits: u32) -> u32 {
        let value = (self.peek() & ((1 << bits) - 1)) as u32;
        self.skip(bits);
        value
    }

    /// Advances to the next byte boundary and returns whole bytes to the buffer.
    pub fn align(&mut self) {
        let whole = self.state.count / 8;
        self.state = BitState {
            at: self.state.at - whole as usize,
            word: 0,
            count: 0,
        };
    }

    /// The bytes that follow the next byte boundary: at least `want` of them unless
    /// the input ends.
    pub fn following(&mut self, want: usize) -> io::Result<&[u8]> {
        self.align();
        while !self.ended && self.real < self.state.at + want {
            self.fill()?;
        }
        Ok(self
            .buffer
            .get(self.state.at..self.real)
            .unwrap_or_default())
    }

    /// Uses this many of the bytes that [`BitInput::following`] returned.
    pub fn consume(&mut self, bytes: usize) {
        self.state.at += bytes;
    }

    /// Advances to a bit and passes on the whole bytes before it: from the one with the current bit
    /// up to, not including, the one with the bit at `to`. Returns the bits of that byte below
    /// `to`.
    ///
    /// # Errors
    /// `Truncated` if the stream ends before; errors of `pass`.
    pub fn forward(
        &mut self,
        to: u64,
        mut pass: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<u8> {
        self.clear_mark();
        self.back_to_byte();
        loop {
            let left = (to / 8).saturating_sub(self.base + self.state.at as u64);
            let there = self.following(1)?;
            let now = usize::try_from(left).unwrap_or(usize::MAX).min(there.len());
            if left > 0 && now == 0 {
                let offset = self.base + self.real as u64;
                return Err(GzipError::Truncated { offset }.into());
            }
            pass(there.get(..now).unwrap_or_default())?;
            self.consume(now);
            if now as u64 == left {
                break;
            }
        }
        self.ensure(8)?;
        Ok(self.take((to % 8) as u32) as u8)
    }

    /// Goes back to the start of a partly used byte.
    fn back_to_byte(&mut self) {
        self.state = BitState {
            at: self.index(),
            word: 0,
            count: 0,
        };
    }
}
