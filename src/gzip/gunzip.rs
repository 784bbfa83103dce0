//! Reads a gzip stream piece by piece.

use std::io::{self, Read};

use super::checkpoints::{Checkpoint, Checkpoints};
use super::error::GzipError;
use super::header::{self, Parsed};
use super::inflate::{Event, Inflate};
use super::v1_footer;

/// The number of bytes that identify a gzip member.
const MAGIC: usize = 2;
/// More than any genuine end of a SecureTar v1 stream.
const V1_TAIL: usize = 64;
/// By how many bytes the buffer grows for a long header.
const MORE: usize = 4 << 10;

/// What follows the deflate data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trailer {
    /// CRC-32 and size as in RFC 1952 §2.3.1; further members may follow.
    Strict,
    /// SecureTar v1 padded the two fields separately; see [`v1_footer()`]. One member only.
    SecureTarV1,
}

/// The result of reading a whole stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// gzip members. Home Assistant reads only the first of an encrypted archive.
    pub members: u64,
    /// Bytes of the stream, including all that follows the last member.
    pub compressed_bytes: u64,
    /// Bytes of plaintext.
    pub plaintext_bytes: u64,
    /// Bytes after the last member, including zeros.
    pub trailing_bytes: u64,
    /// How many of these bytes are not zero.
    pub trailing_nonzero: u64,
    /// Whether every member had a checksum that was right.
    pub checksum_checked: bool,
}

/// Inflates a gzip stream piece by piece.
///
/// Checks CRC-32 and size of every member. Memory: half a MiB for the decoder; up to 1 MiB more for
/// a header with long names, and the memory of the checkpoints.
pub struct Gunzip<R> {
    inflate: Inflate<R>,
    trailer: Trailer,
    state: State,
    crc: crc32fast::Hasher,
    member_bytes: u64,
    position: u64,
    summary: Summary,
    limit: u64,
    /// Whether the bytes after the last member are left unread.
    leaves_rest: bool,
    checkpoints: Option<Checkpoints>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Body,
    Done,
    /// An error was returned; nothing after it can be trusted.
    Failed(u64),
}

impl<R: Read> Gunzip<R> {
    /// Prepares to read; nothing is read yet.
    pub fn new(reader: R, trailer: Trailer) -> Self {
        Self {
            inflate: Inflate::new(reader),
            trailer,
            state: State::Header,
            crc: crc32fast::Hasher::new(),
            member_bytes: 0,
            position: 0,
            summary: Summary {
                checksum_checked: true,
                ..Summary::default()
            },
            limit: u64::MAX,
            leaves_rest: false,
            checkpoints: None,
        }
    }

    /// Fails instead of returning more than `limit` bytes of plaintext, over all members.
    #[must_use]
    pub fn with_limit(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// Ends directly after the last member: zeros and other bytes that follow are not read, so that
    /// [`Summary::compressed_bytes`] is the end of the stream.
    #[must_use]
    pub fn leaving_the_rest(mut self) -> Self {
        self.leaves_rest = true;
        self
    }

    /// Records positions where reading can begin later, for [`super::splice()`].
    #[must_use]
    pub fn with_checkpoints(mut self) -> Self {
        self.checkpoints = Some(Checkpoints::default());
        self
    }

    /// The recorded positions; none if there is more than one member.
    pub fn checkpoints(&mut self) -> Vec<Checkpoint> {
        let noted = self
            .checkpoints
            .take()
            .map(Checkpoints::into_vec)
            .unwrap_or_default();
        if self.summary.members == 1 {
            noted
        } else {
            Vec::new()
        }
    }

    /// Inflates the next piece, never an empty one and at most 64 KiB; `None` at the end of the
    /// stream, after all checks.
    ///
    /// # Errors
    /// A [`GzipError`] inside the [`io::Error`], or the reader's own error. Either is final:
    /// further calls report the stream as truncated there.
    pub fn next_piece(&mut self) -> io::Result<Option<&[u8]>> {
        self.next_piece_up_to(usize::MAX)
    }

    /// Like [`Gunzip::next_piece`], with a piece that ends as soon as it has `want` bytes, or at
    /// most 258 bytes later (RFC 1951 §3.2.5). The caller can thus find the compressed position of
    /// a position in the plaintext.
    ///
    /// # Errors
    /// The same as for [`Gunzip::next_piece`].
    pub fn next_piece_up_to(&mut self, want: usize) -> io::Result<Option<&[u8]>> {
        match self.fill(want) {
            Ok(true) => {
                self.position = self.inflate.input.byte_position();
                Ok(Some(self.piece()))
            }
            Ok(false) => Ok(None),
            Err(error) => {
                self.state = State::Failed(self.inflate.input.byte_position());
                Err(error)
            }
        }
    }

    /// Fills the inflater's output with the next piece; false at the end.
    fn fill(&mut self, want: usize) -> io::Result<bool> {
        loop {
            match self.state {
                State::Header => self.begin_member()?,
                State::Body => {
                    if self.inflate_some(want)? {
                        return Ok(true);
                    }
                }
                State::Done => return Ok(false),
                State::Failed(offset) => return Err(GzipError::Truncated { offset }.into()),
            }
        }
    }

    /// The piece that [`Gunzip::next_piece`] returned last.
    pub fn piece(&self) -> &[u8] {
        if self.state == State::Body {
            self.inflate.piece()
        } else {
            &[]
        }
    }

    /// Bytes of the compressed stream that were consumed when the last piece ended.
    pub fn compressed_position(&self) -> u64 {
        self.position
    }

    /// The summary so far; complete after the last piece.
    pub fn summary(&self) -> Summary {
        Summary {
            compressed_bytes: self.inflate.input.byte_position(),
            ..self.summary
        }
    }

    fn begin_member(&mut self) -> io::Result<()> {
        let first = self.summary.members == 0;
        if !first
            && self.leaves_rest
            && header::parse(self.inflate.input.following(MORE)?) == Parsed::Wrong
        {
            self.state = State::Done;
            return Ok(());
        }
        if !first {
            self.skip_zeros()?;
        }
        let mut want = MORE;
        loop {
            let offset = self.inflate.input.byte_position();
            let there = self.inflate.input.following(want)?;
            let ended = there.len() < want;
            match header::parse(there) {
                Parsed::Complete(len) => {
                    self.inflate.input.consume(len);
                    self.inflate.resume(&[]);
                    self.state = State::Body;
                    self.summary.members += 1;
                    self.summary.trailing_bytes = 0;
                    return Ok(());
                }
                Parsed::Wrong | Parsed::Reserved if first => return Err(GzipError::NotGzip.into()),
                // Python's GzipFile takes this for a member, not for garbage.
                Parsed::Reserved => return Err(GzipError::ReservedFlags { offset }.into()),
                Parsed::Wrong => return self.trailing(),
                Parsed::TooLong => return Err(GzipError::LongHeader { offset }.into()),
                // After a member, a single first byte proves nothing; two are a truncated member.
                Parsed::More if ended && !first && there.len() < MAGIC => return self.trailing(),
                Parsed::More if ended => {
                    return Err(GzipError::Truncated {
                        offset: offset + there.len() as u64,
                    }
                    .into());
                }
                Parsed::More => want += MORE,
            }
        }
    }

    /// Python's GzipFile looks for a further member after any number of zeros.
    fn skip_zeros(&mut self) -> io::Result<()> {
        loop {
            let rest = self.inflate.input.following(1)?;
            let zeros = rest.iter().take_while(|&&b| b == 0).count();
            if zeros == 0 {
                return Ok(());
            }
            self.inflate.input.consume(zeros);
            self.summary.trailing_bytes += zeros as u64;
        }
    }

    /// Nothing after the last member belongs to the stream; these bytes are only counted.
    fn trailing(&mut self) -> io::Result<()> {
        loop {
            let rest = self.inflate.input.following(1)?;
            if rest.is_empty() {
                self.state = State::Done;
                return Ok(());
            }
            self.summary.trailing_bytes += rest.len() as u64;
            self.summary.trailing_nonzero += rest.iter().filter(|&&b| b != 0).count() as u64;
            let len = rest.len();
            self.inflate.input.consume(len);
        }
    }

    /// Continues inside a member; true if there is a piece.
    fn inflate_some(&mut self, want: usize) -> io::Result<bool> {
        match self.inflate.next_up_to(want)? {
            Event::Block => {
                if let Some(checkpoints) = &mut self.checkpoints {
                    checkpoints.offer(
                        self.inflate.input.bit_position(),
                        self.member_bytes,
                        self.inflate.window(),
                    );
                }
                Ok(false)
            }
            Event::Data => {
                let piece = self.inflate.piece();
                self.crc.update(piece);
                self.member_bytes += piece.len() as u64;
                self.summary.plaintext_bytes += piece.len() as u64;
                if self.summary.plaintext_bytes > self.limit {
                    return Err(GzipError::TooLarge { limit: self.limit }.into());
                }
                Ok(true)
            }
            Event::End => self.end_member().map(|()| false),
        }
    }

    fn end_member(&mut self) -> io::Result<()> {
        let crc = std::mem::take(&mut self.crc).finalize();
        let size = std::mem::take(&mut self.member_bytes);
        self.inflate.input.align();
        let offset = self.inflate.input.byte_position();
        let (stated_crc, stated_size) = self.stated_checksum_and_size()?;
        let bad = |what| Err(GzipError::BadTrailer { what, offset }.into());
        if stated_crc != crc {
            return bad("checksum");
        }
        // The field contains the size modulo 2^32.
        if u64::from(stated_size) != size & u64::from(u32::MAX) {
            return bad("size");
        }
        Ok(())
    }

    /// Reads the trailer and goes on to what follows it.
    fn stated_checksum_and_size(&mut self) -> io::Result<(u32, u32)> {
        match self.trailer {
            Trailer::Strict => {
                self.state = State::Header;
                self.strict_trailer()
            }
            Trailer::SecureTarV1 => {
                self.state = State::Done;
                self.v1_trailer()
            }
        }
    }

    fn strict_trailer(&mut self) -> io::Result<(u32, u32)> {
        let input = &mut self.inflate.input;
        let offset = input.byte_position();
        let there = input.following(8)?;
        let Some([a, b, c, d, e, f, g, h]) = there.first_chunk::<8>().copied() else {
            return Err(GzipError::Truncated {
                offset: offset + there.len() as u64,
            }
            .into());
        };
        input.consume(8);
        Ok((
            u32::from_le_bytes([a, b, c, d]),
            u32::from_le_bytes([e, f, g, h]),
        ))
    }

    fn v1_trailer(&mut self) -> io::Result<(u32, u32)> {
        let input = &mut self.inflate.input;
        let offset = input.byte_position();
        let rest = input.following(V1_TAIL)?;
        let footer = v1_footer(offset, rest).ok_or(GzipError::BadTrailer {
            what: "trailer",
            offset,
        })?;
        let len = rest.len();
        input.consume(len);
        Ok((footer.crc32, footer.isize))
    }
}
