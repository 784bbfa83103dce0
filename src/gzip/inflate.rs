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
/// Bytes that tell a gzip member from anything else.
const MAGIC: usize = 2;
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
/// output and the inflater's window; up to 1 MiB more for a header with long names.
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
    limit: u64,
}

enum State {
    Header,
    Body,
    Done,
    /// An error was given out; nothing after it can be trusted.
    Failed(u64),
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
            limit: u64::MAX,
        }
    }

    /// Refuses to give out more than `limit` bytes of plaintext, over all members.
    #[must_use]
    pub fn with_limit(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// Inflates the next piece, never an empty one; `None` at the end of the
    /// stream, once everything was checked.
    ///
    /// # Errors
    /// A [`GzipError`] inside the [`io::Error`], or the reader's own error. Either is
    /// final: asked again, the stream counts as cut off there.
    pub fn next_piece(&mut self) -> io::Result<Option<&[u8]>> {
        match self.fill() {
            Ok(true) => {
                self.position = self.input.consumed;
                Ok(Some(self.piece()))
            }
            Ok(false) => Ok(None),
            Err(error) => {
                self.filled = 0;
                self.state = State::Failed(self.input.consumed);
                Err(error)
            }
        }
    }

    /// Puts the next piece into `output`; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        self.filled = 0;
        while self.filled == 0 {
            match self.state {
                State::Header => self.begin_member()?,
                State::Body => self.inflate_some()?,
                State::Done => return Ok(false),
                State::Failed(offset) => return Err(GzipError::Truncated { offset }.into()),
            }
        }
        Ok(true)
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
                Parsed::Wrong => return Err(GzipError::NotGzip.into()),
                Parsed::TooLong => return Err(GzipError::LongHeader { offset: self.input.consumed }.into()),
                Parsed::More => {}
            }
            if !self.input.more()? {
                // After a member a lone first byte proves nothing; two are a member cut off.
                let begun = self.summary.members == 0 || self.input.rest().len() >= MAGIC;
                return if begun { Err(self.input.cut_off().into()) } else { self.trailing() };
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
        if self.summary.plaintext_bytes > self.limit {
            return Err(GzipError::TooLarge { limit: self.limit }.into());
        }
        if status == Status::StreamEnd {
            return self.end_member();
        }
        if read == 0 && self.filled == 0 && !self.input.more()? {
            return Err(self.input.cut_off().into());
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
                return Err(input.cut_off().into());
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
    /// Where in the buffer the bytes not used yet begin and end.
    taken: usize,
    filled: usize,
    consumed: u64,
}

impl<R: Read> Input<R> {
    fn new(reader: R) -> Self {
        Self { reader, buffer: vec![0; INPUT], taken: 0, filled: 0, consumed: 0 }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.taken..self.filled).unwrap_or_default()
    }

    fn consume(&mut self, len: usize) {
        self.taken += len;
        self.consumed += len as u64;
    }

    /// The stream ends here, too early.
    fn cut_off(&self) -> GzipError {
        GzipError::Truncated { offset: self.consumed + self.rest().len() as u64 }
    }

    /// Reads on; false at the end.
    fn more(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;
        // Only a header with long names outgrows the buffer, which stays initialised, so
        // that reading on does not fill it with zeros first.
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.filled + INPUT, 0);
        }
        let free = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let got = loop {
            match self.reader.read(free) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.filled += got;
        Ok(got > 0)
    }
}
