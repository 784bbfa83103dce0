//! The plaintext of a part in pieces, with the place in the stored stream where
//! each piece ends.

use std::io::Read;

use crate::crypt::KeyRing;
use crate::error::{Error, Result};
use crate::format::securetar::Version;
use crate::gzip::{Checkpoint, Gunzip, Summary, Trailer};
use crate::open::{self, Backup, Part};
use crate::pipe::{ReadAhead, read_ahead};

type Ahead = ReadAhead<Box<dyn Read + Send>>;

/// Bytes that are read ahead at once and are still in the processor's cache when they are inflated.
const NEAR: usize = 256 << 10;

/// A part's plaintext tar, decrypted ahead on another thread and inflated here.
pub struct Pieces {
    source: Source,
}

enum Source {
    Gzip(Box<Gunzip<Ahead>>),
    Plain {
        reader: Ahead,
        buffer: Vec<u8>,
        position: u64,
    },
}

/// How a part's stream ended.
#[derive(Debug, Clone, Default)]
pub struct StreamEnd {
    /// Bytes of the stream that is encrypted or stored: gzip, or the bare tar.
    pub stream_bytes: u64,
    /// The gzip members, their trailers and what follows; `None` for a bare tar.
    pub gzip: Option<Summary>,
}

/// The kind of gzip trailer that a part may have.
pub(crate) fn trailer(part: &Part) -> Trailer {
    if part.version() == Some(Version::V1) {
        Trailer::SecureTarV1
    } else {
        Trailer::Strict
    }
}

impl Pieces {
    /// Starts reading a part.
    ///
    /// # Errors
    /// `Password` when it is encrypted and there is no key.
    pub fn new(backup: &Backup, part: &Part, keys: Option<&KeyRing>) -> Result<Self> {
        let reader = open::source(backup, part, keys)?;
        // A v3 chunk is one hand-over; what has no chunks stays in the processor's cache.
        let bytes = if part.version() == Some(Version::V3) {
            read_ahead::BUFFER
        } else {
            NEAR
        };
        let reader = ReadAhead::with_buffers_of(bytes, reader);
        let reader = reader
            .map_err(|e| Error::new(crate::Kind::Internal, "no further thread").caused_by(e))?;
        let source = if part.compressed {
            Source::Gzip(Box::new(Gunzip::new(reader, trailer(part))))
        } else {
            Source::Plain {
                reader,
                buffer: vec![0; read_ahead::BUFFER],
                position: 0,
            }
        };
        Ok(Self { source })
    }

    /// The next piece and the position in the stored stream where it ends; `None` at the end.
    ///
    /// # Errors
    /// `Damaged` or `InputIo`, without the part's name, which the caller knows.
    pub fn next_piece(&mut self) -> Result<Option<(&[u8], u64)>> {
        self.next_piece_up_to(u64::MAX)
    }

    /// As [`Pieces::next_piece`]; a piece of a compressed stream ends as soon as it has
    /// `want` bytes, or at most 258 bytes later.
    ///
    /// # Errors
    /// As [`Pieces::next_piece`].
    pub fn next_piece_up_to(&mut self, want: u64) -> Result<Option<(&[u8], u64)>> {
        let want = usize::try_from(want).unwrap_or(usize::MAX);
        match &mut self.source {
            Source::Gzip(gunzip) => {
                // Asked for twice, because the piece borrows the decoder.
                if gunzip
                    .next_piece_up_to(want)
                    .map_err(Error::from_read)?
                    .is_none()
                {
                    return Ok(None);
                }
                let position = gunzip.compressed_position();
                Ok(Some((gunzip.piece(), position)))
            }
            Source::Plain {
                reader,
                buffer,
                position,
            } => {
                let got = reader.read(buffer).map_err(Error::from_read)?;
                *position += got as u64;
                let piece = buffer.get(..got).unwrap_or_default();
                Ok((got > 0).then_some((piece, *position)))
            }
        }
    }

    /// Makes the pieces note where the compressed stream can be entered.
    #[must_use]
    pub fn with_checkpoints(self) -> Self {
        let source = match self.source {
            Source::Gzip(gunzip) => Source::Gzip(Box::new(gunzip.with_checkpoints())),
            plain => plain,
        };
        Self { source }
    }

    /// Makes the pieces end with an error as soon as there are more than `bytes` of plaintext.
    #[must_use]
    pub fn with_limit(self, bytes: u64) -> Self {
        let source = match self.source {
            Source::Gzip(gunzip) => Source::Gzip(Box::new(gunzip.with_limit(bytes))),
            // Its size is that of the file, which is known to be bearable.
            plain => plain,
        };
        Self { source }
    }

    /// The places that were noted; to be taken once, after the last piece.
    pub fn checkpoints(&mut self) -> Vec<Checkpoint> {
        match &mut self.source {
            Source::Gzip(gunzip) => gunzip.checkpoints(),
            Source::Plain { .. } => Vec::new(),
        }
    }

    /// What is known once the last piece was taken.
    pub fn end(&self) -> StreamEnd {
        match &self.source {
            Source::Gzip(gunzip) => {
                let summary = gunzip.summary();
                StreamEnd {
                    stream_bytes: summary.compressed_bytes,
                    gzip: Some(summary),
                }
            }
            Source::Plain { position, .. } => StreamEnd {
                stream_bytes: *position,
                gzip: None,
            },
        }
    }
}
