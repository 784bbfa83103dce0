//! Reading a gzip stream piece by piece.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};

use super::error::GzipError;
use super::header::{self, Parsed};
use crate::crypt::v1_footer;

/// Bytes of compressed input that are held at once.
const INPUT: usize = 128 << 10;
/// The longest piece of plaintext that is handed out.
const PIECE: usize = 64 << 10;
/// More than any genuine end of a SecureTar v1 stream.
const V1_TAIL: usize = 64;

/// What follows the deflate data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trailer {
    /// CRC-32 and size, as RFC 1952 §2.3.1 has them; further members may follow.
    Strict,
    /// SecureTar v1 padded the two fields apart; see [`v1_footer`]. One member only.
    SecureTarV1,
}

/// What a whole stream turned out to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// gzip members. Home Assistant reads only the first of an encrypted archive.
    pub members: u64,
    /// Bytes of the stream, with all that follows the last member.
    pub compressed_bytes: u64,
    /// Bytes of plaintext.
    pub plaintext_bytes: u64,
    /// Bytes after the last member, zeros included.
    pub trailing_bytes: u64,
    /// Those of them that are not zero.
    pub trailing_nonzero: u64,
    /// Whether every member's checksum was there and right.
    pub checksum_checked: bool,
}

/// A gzip stream that is inflated piece by piece.
///
/// Checks CRC-32 and size of every member. Memory: 128 KiB of input, 64 KiB of
/// output and the inflater's window; allocated once.
pub struct Gunzip<R> {
    input: Input<R>,
    inflate: Decompress,
    trailer: Trailer,
    state: State,
    crc: crc32fast::Hasher,
    member_bytes: u64,
    output: Vec<u8>,
    filled: usize,
    position: u64,
    summary: Summary,
}

enum State {
    Header,
    Body,
    Done,
}

impl<R: Read> Gunzip<R> {
    /// Prepares to read; nothing is read yet.
    pub fn new(reader: R, trailer: Trailer) -> Self {
        Self {
            input: Input::new(reader),
            inflate: Decompress::new(false),
            trailer,
            state: State::Header,
            crc: crc32fast::Hasher::new(),
            member_bytes: 0,
            output: vec![0; PIECE],
            filled: 0,
            position: 0,
            summary: Summary { checksum_checked: true, ..Summary::default() },
        }
    }

    /// Inflates the next piece, never an empty one; `None` at the end of the
    /// stream, once everything was checked.
    ///
    /// # Errors
    /// A [`GzipError`] inside the [`io::Error`], or the reader's own error.
    pub fn next_piece(&mut self) -> io::Result<Option<&[u8]>> {
        self.filled = 0;
        while self.filled == 0 {
            match self.state {
                State::Header => self.begin_member()?,
                State::Body => self.inflate_some()?,
                State::Done => return Ok(None),
            }
        }
        self.position = self.input.consumed;
        Ok(Some(self.piece()))
    }

    /// The piece that [`Gunzip::next_piece`] gave last.
    pub fn piece(&self) -> &[u8] {
        self.output.get(..self.filled).unwrap_or_default()
    }

    /// Bytes of the compressed stream that were consumed when the last piece ended.
    pub fn compressed_position(&self) -> u64 {
        self.position
    }

    /// What is known up to now; complete after the last piece.
    pub fn summary(&self) -> Summary {
        Summary { compressed_bytes: self.input.consumed, ..self.summary }
    }

    fn begin_member(&mut self) -> io::Result<()> {
        loop {
            match header::parse(self.input.rest()) {
                Parsed::Complete(len) => {
                    self.input.consume(len);
                    self.state = State::Body;
                    self.summary.members += 1;
                    return Ok(());
                }
                Parsed::Wrong if self.summary.members > 0 => return self.trailing(),
                Parsed::Wrong if !self.input.rest().is_empty() => return Err(GzipError::NotGzip.into()),
                _ => {}
            }
            if !self.input.more()? {
                return match (self.summary.members, self.input.rest().is_empty()) {
                    (0, _) => Err(GzipError::Truncated { offset: self.input.consumed }.into()),
                    (_, true) => {
                        self.state = State::Done;
                        Ok(())
                    }
                    // The begin of something that is no complete member.
                    (_, false) => self.trailing(),
                };
            }
        }
    }

    /// Everything after the last member belongs to nothing; it is only counted.
    fn trailing(&mut self) -> io::Result<()> {
        loop {
            let rest = self.input.rest();
            self.summary.trailing_bytes += rest.len() as u64;
            self.summary.trailing_nonzero += rest.iter().filter(|&&b| b != 0).count() as u64;
            let len = rest.len();
            self.input.consume(len);
            if !self.input.more()? {
                self.state = State::Done;
                return Ok(());
            }
        }
    }

    fn inflate_some(&mut self) -> io::Result<()> {
        let before = (self.inflate.total_in(), self.inflate.total_out());
        let outcome = self.inflate.decompress(self.input.rest(), &mut self.output, FlushDecompress::None);
        let status = outcome.map_err(|_| GzipError::BadDeflate { offset: self.input.consumed })?;
        let read = usize::try_from(self.inflate.total_in() - before.0).unwrap_or_default();
        self.filled = usize::try_from(self.inflate.total_out() - before.1).unwrap_or_default();
        self.input.consume(read);
        self.crc.update(self.output.get(..self.filled).unwrap_or_default());
        self.member_bytes += self.filled as u64;
        self.summary.plaintext_bytes += self.filled as u64;
        if status == Status::StreamEnd {
            return self.end_member();
        }
        if read == 0 && self.filled == 0 && !self.input.more()? {
            return Err(GzipError::Truncated { offset: self.input.consumed }.into());
        }
        Ok(())
    }

    fn end_member(&mut self) -> io::Result<()> {
        let crc = std::mem::take(&mut self.crc).finalize();
        let size = std::mem::take(&mut self.member_bytes);
        let offset = self.input.consumed;
        let (stated_crc, stated_size) = match self.trailer {
            Trailer::Strict => {
                self.state = State::Header;
                self.strict_trailer()?
            }
            Trailer::SecureTarV1 => {
                self.state = State::Done;
                self.v1_trailer()?
            }
        };
        self.inflate.reset(false);
        if stated_crc != crc {
            return Err(GzipError::BadTrailer { what: "checksum", offset }.into());
        }
        // The field holds the size modulo 2^32.
        if u64::from(stated_size) != size & u64::from(u32::MAX) {
            return Err(GzipError::BadTrailer { what: "size", offset }.into());
        }
        Ok(())
    }

    fn strict_trailer(&mut self) -> io::Result<(u32, u32)> {
        let field = |input: &mut Input<R>| -> io::Result<u32> {
            while input.rest().len() < 4 && input.more()? {}
            let Some(bytes) = input.rest().first_chunk::<4>().copied() else {
                return Err(GzipError::Truncated { offset: input.consumed + input.rest().len() as u64 }.into());
            };
            input.consume(4);
            Ok(u32::from_le_bytes(bytes))
        };
        Ok((field(&mut self.input)?, field(&mut self.input)?))
    }

    fn v1_trailer(&mut self) -> io::Result<(u32, u32)> {
        let offset = self.input.consumed;
        while self.input.rest().len() < V1_TAIL && self.input.more()? {}
        let footer = v1_footer(offset, self.input.rest()).ok_or(GzipError::BadTrailer { what: "trailer", offset })?;
        let len = self.input.rest().len();
        self.input.consume(len);
        Ok((footer.crc32, footer.isize))
    }
}

/// The reader with a buffer that can grow at its end while its begin is in use.
struct Input<R> {
    reader: R,
    buffer: Vec<u8>,
    taken: usize,
    consumed: u64,
}

impl<R: Read> Input<R> {
    fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::with_capacity(INPUT), taken: 0, consumed: 0 }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.taken..).unwrap_or_default()
    }

    fn consume(&mut self, len: usize) {
        self.taken += len;
        self.consumed += len as u64;
    }

    /// Reads on; false at the end.
    fn more(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let old = self.buffer.len();
        self.buffer.resize(old + INPUT, 0);
        let got = loop {
            match self.reader.read(self.buffer.get_mut(old..).unwrap_or_default()) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(old + *got.as_ref().unwrap_or(&0));
        Ok(got? > 0)
    }
}
