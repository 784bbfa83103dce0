//! The plaintext of a part: its stream as it was before encryption, and its tar in pieces, with the
//! position in the stored stream where each piece ends.

use std::io::Read;

use super::{Backup, Part};
use crate::crypt::{CryptError, Decrypter, KeyRing};
use crate::error::{Advice, Error, Kind, Result};
use crate::format::securetar;
use crate::format::securetar::{CIPHER_BLOCK, SecureHeader, Version};
use crate::gzip::{Checkpoint, Gunzip, GzipError, Summary, Trailer};
use crate::pipe::{Control, ReadAhead, Window, read_ahead};

type Ahead = ReadAhead<Box<dyn Read + Send>>;

/// Bytes that are read ahead at once and are still in the processor's cache when inflated.
const NEAR: usize = 256 << 10;

/// A part's plaintext tar, decrypted ahead on another thread and inflated here.
pub struct Pieces {
    source: Source,
    /// Whether reading has failed: nothing more can be read then.
    failed: bool,
}

enum Source {
    Gzip(Box<Gunzip<Ahead>>),
    Plain {
        reader: Ahead,
        buffer: Vec<u8>,
        position: u64,
    },
}

/// The end of a part's stream.
#[derive(Debug, Clone, Default)]
pub struct StreamEnd {
    /// Bytes of the encrypted or stored stream: gzip, or the bare tar.
    pub stream_bytes: u64,
    /// The gzip members, their trailers and the bytes that follow; `None` for a bare tar.
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
    /// `Password` if it is encrypted and there is no key.
    pub fn new(backup: &Backup, part: &Part, keys: Option<&KeyRing>) -> Result<Self> {
        let reader = source(backup, part, keys)?;
        // A v3 chunk is passed on at once; smaller buffers stay in the processor's cache.
        let bytes = if part.version() == Some(Version::V3) {
            read_ahead::BUFFER
        } else {
            NEAR
        };
        let reader = ReadAhead::with_buffers_of(bytes, reader).map_err(Error::no_thread)?;
        let source = if part.compressed {
            Source::Gzip(Box::new(Gunzip::new(reader, trailer(part))))
        } else {
            Source::Plain {
                reader,
                buffer: vec![0; read_ahead::BUFFER],
                position: 0,
            }
        };
        Ok(Self {
            source,
            failed: false,
        })
    }

    /// The next piece and the position in the stored stream where it ends; `None` at the end.
    ///
    /// # Errors
    /// `Damaged` or `InputIo`, without the part's name, which the caller knows.
    pub fn next_piece(&mut self) -> Result<Option<(&[u8], u64)>> {
        self.next_piece_up_to(u64::MAX)
    }

    /// Like [`Pieces::next_piece`]; a piece of a compressed stream ends as soon as it has `want`
    /// bytes, or at most 258 bytes later.
    ///
    /// # Errors
    /// The same as for [`Pieces::next_piece`].
    pub fn next_piece_up_to(&mut self, want: u64) -> Result<Option<(&[u8], u64)>> {
        let want = usize::try_from(want).unwrap_or(usize::MAX);
        let failed = &mut self.failed;
        let typed = |error| {
            *failed = true;
            Error::from_read(error)
        };
        match &mut self.source {
            Source::Gzip(gunzip) => {
                // Requested twice, because the piece borrows the decoder.
                let piece = gunzip.next_piece_up_to(want).map_err(typed)?;
                if piece.is_none() {
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
                let got = reader.read(buffer).map_err(typed)?;
                *position += got as u64;
                let piece = buffer.get(..got).unwrap_or_default();
                Ok((got > 0).then_some((piece, *position)))
            }
        }
    }

    /// The reason for a fault in the archive: if its entries cannot be understood because the stream
    /// itself is damaged, that is the reason. Reads the rest of the stream to find out.
    pub fn reason_for(&mut self, fault: Error, control: &Control) -> Error {
        if self.failed || fault.kind() != Kind::Refused {
            return fault;
        }
        loop {
            if let Err(stop) = control.check() {
                return stop;
            }
            match self.next_piece() {
                Ok(Some(_)) => {}
                Err(error) if error.kind() == Kind::Damaged => return error,
                Ok(None) | Err(_) => return fault,
            }
        }
    }

    /// Records positions where reading of the compressed stream can begin.
    #[must_use]
    pub fn with_checkpoints(self) -> Self {
        let source = match self.source {
            Source::Gzip(gunzip) => Source::Gzip(Box::new(gunzip.with_checkpoints())),
            plain => plain,
        };
        Self { source, ..self }
    }

    /// Returns an error as soon as there are more than `bytes` of plaintext.
    #[must_use]
    pub fn with_limit(self, bytes: u64) -> Self {
        let source = match self.source {
            Source::Gzip(gunzip) => Source::Gzip(Box::new(gunzip.with_limit(bytes))),
            // Its size is the size of the file, which is acceptable.
            plain => plain,
        };
        Self { source, ..self }
    }

    /// The recorded positions; to be called once, after the last piece.
    pub fn checkpoints(&mut self) -> Vec<Checkpoint> {
        match &mut self.source {
            Source::Gzip(gunzip) => gunzip.checkpoints(),
            Source::Plain { .. } => Vec::new(),
        }
    }

    /// The summary, complete after the last piece.
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

/// The archive inside a part as it was before encryption: a gzip stream, or a tar if the backup is
/// not compressed. Errors while reading are typed.
///
/// # Errors
/// `Password` if the part is encrypted and there is no key, or not the right one.
pub fn source(
    backup: &Backup,
    part: &Part,
    keys: Option<&KeyRing>,
) -> Result<Box<dyn Read + Send>> {
    let member = backup.member(part);
    if part.closed {
        return Err(other_key(backup, part));
    }
    let mut data = backup.input.window(member.data_at(), member.size);
    let (header, size) = (part.secure(), member.size);
    let (Some(secure), true) = (header, part.is_cut_off) else {
        return stream(data, header, part, keys);
    };
    // As if the rest were there: everything up to the end of the file can be decrypted then.
    data.skip(secure.len() as u64);
    let whole = secure
        .member_len()
        .map_or(data.left().next_multiple_of(CIPHER_BLOCK as u64), |whole| {
            whole.max(size).saturating_sub(secure.len() as u64)
        });
    decrypted(data, whole, header, part, keys)
}

/// The archive in a member's data, which begin with a SecureTar header if it is encrypted.
///
/// # Errors
/// The same as for [`source`].
fn stream(
    mut data: Window,
    header: Option<&SecureHeader>,
    part: &Part,
    keys: Option<&KeyRing>,
) -> Result<Box<dyn Read + Send>> {
    data.skip(header.map_or(0, |header| header.len() as u64));
    let length = data.left();
    decrypted(data, length, header, part, keys)
}

/// The archive in `length` bytes that follow a SecureTar header, or that are not encrypted.
///
/// # Errors
/// The same as for [`source`].
pub(crate) fn decrypted(
    data: impl Read + Send + 'static,
    length: u64,
    header: Option<&SecureHeader>,
    part: &Part,
    keys: Option<&KeyRing>,
) -> Result<Box<dyn Read + Send>> {
    let Some(header) = header else {
        return Ok(Box::new(data));
    };
    let keys = keys.ok_or_else(|| missing_password(&part.id))?;
    Ok(Box::new(Decrypter::new(
        data,
        header,
        length,
        keys,
        part.compressed,
    )?))
}

/// The error for an encrypted part that must be opened without a key.
pub(crate) fn missing_password(part: &str) -> Error {
    Error::new(
        Kind::Password,
        "this part is encrypted, and no password was given",
    )
    .in_part(part)
    .advice(Advice::GiveKey)
}

/// The error for a part that the key does not open, although it opens others; it names all such
/// parts.
pub(crate) fn other_key(backup: &Backup, part: &Part) -> Error {
    let why = match part.secure() {
        Some(SecureHeader::V3 { .. }) => "they have another password",
        _ => "they have another password, or their first bytes are damaged",
    };
    let (closed, opened): (Vec<&Part>, Vec<&Part>) = backup
        .parts
        .iter()
        .filter(|p| p.secure().is_some())
        .partition(|p| p.closed);
    let names: Vec<&str> = closed.iter().map(|p| p.id.as_str()).collect();
    Error::new(
        Kind::Password,
        format!(
            "the password opens {} parts, but not {}: {why}",
            opened.len(),
            names.join(", ")
        ),
    )
    .in_part(part.id.clone())
    .at(backup.member(part).data_at())
    .advice(Advice::DropOtherKey {
        part: part.id.clone(),
    })
}

/// Adds the context that only the caller of a stream has: the part and its position. If the error
/// has a position in the stream, the byte in the file is exact; otherwise it is the part's start.
pub(crate) fn locate(backup: &Backup, part: &Part, error: Error) -> Error {
    if matches!(error.kind(), Kind::OutputIo | Kind::Interrupted(_)) {
        return error;
    }
    let source = std::error::Error::source(&error);
    let crypt = source
        .and_then(|s| s.downcast_ref::<CryptError>())
        .and_then(CryptError::offset);
    let gzip = source
        .and_then(|s| s.downcast_ref::<GzipError>())
        .and_then(GzipError::offset);
    let inside = match (crypt, gzip, part.secure()) {
        (Some(offset), _, _) => offset,
        (None, Some(offset), Some(header)) => {
            securetar::ciphertext_position(header.version(), offset) + header.len() as u64
        }
        (None, offset, _) => offset.unwrap_or(0),
    };
    let begin = backup.member(part).data_at();
    error
        .in_part(part.id.clone())
        .at(begin.saturating_add(inside))
}
