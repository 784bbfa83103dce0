//! Errors of a gzip stream.

use crate::Error;
use crate::error::Advice;

/// A gzip stream that cannot be read. Offsets count bytes of the compressed
/// stream; the texts do not contain them, because most readers cannot use them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GzipError {
    /// The first bytes are not a gzip header.
    #[error("the part is not compressed with gzip")]
    NotGzip,
    /// The names and extra fields of a header are too long to be genuine.
    #[error("a gzip header is longer than 1 MiB")]
    LongHeader {
        /// Where the header begins.
        offset: u64,
    },
    /// A further member has flags that RFC 1952 reserves; some readers ignore them and others do
    /// not.
    #[error("a further gzip header sets reserved flags")]
    ReservedFlags {
        /// Where the header begins.
        offset: u64,
    },
    /// There is more plaintext than the caller allows.
    #[error("the data expand to more than {limit} bytes")]
    TooLarge {
        /// The limit set by the caller, in bytes of plaintext.
        limit: u64,
    },
    /// The stream ends early.
    #[error("the compressed data end too early")]
    Truncated {
        /// Where the stream ends.
        offset: u64,
    },
    /// The deflate data are invalid.
    #[error("the compressed data are damaged")]
    BadDeflate {
        /// The position up to which they were read.
        offset: u64,
    },
    /// The contents do not match the checksum or the size in the trailer.
    #[error("the contents do not match their {what}")]
    BadTrailer {
        /// `checksum` or `size`.
        what: &'static str,
        /// Where the trailer begins.
        offset: u64,
    },
    /// An edit does not fit the plaintext: an error in haslim, not in the input.
    #[error("an edit reaches beyond the end of the data")]
    BadEdit,
    /// A compression thread ended without a result.
    #[error("a compression thread was lost")]
    LostWorker,
}

impl GzipError {
    /// The position of the error in the compressed stream, if it has one.
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::LongHeader { offset }
            | Self::ReservedFlags { offset }
            | Self::Truncated { offset }
            | Self::BadDeflate { offset }
            | Self::BadTrailer { offset, .. } => Some(*offset),
            Self::NotGzip => Some(0),
            Self::TooLarge { .. } | Self::BadEdit | Self::LostWorker => None,
        }
    }
}

/// For errors that pass through a reader: see [`Error::into_io`].
impl From<GzipError> for std::io::Error {
    fn from(error: GzipError) -> Self {
        Error::from(error).into_io()
    }
}

impl From<GzipError> for Error {
    fn from(error: GzipError) -> Self {
        let message = error.to_string();
        match error {
            GzipError::BadEdit | GzipError::LostWorker => Self::new(crate::Kind::Internal, message),
            GzipError::LongHeader { .. } => Self::refused(message),
            GzipError::TooLarge { .. } => Self::refused(message).advice(Advice::RaiseExpansion),
            _ => Self::damaged(message),
        }
        .caused_by(error)
    }
}
