//! What can be wrong with a gzip stream.

use crate::Error;
use crate::error::Advice;

/// A gzip stream that cannot be read. Offsets count bytes of the compressed stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GzipError {
    /// The first bytes are no gzip header.
    #[error("the part is not compressed with gzip")]
    NotGzip,
    /// The names and extra fields of a header are too long to be genuine.
    #[error("the gzip header at byte {offset} of the stream is longer than 1 MiB")]
    LongHeader {
        /// Where the header begins.
        offset: u64,
    },
    /// A further member has flags that RFC 1952 reserves, which some readers ignore and others do
    /// not.
    #[error("the gzip header at byte {offset} of the stream sets reserved flags")]
    ReservedFlags {
        /// Where the header begins.
        offset: u64,
    },
    /// There is more plaintext than the caller allows.
    #[error("the data expand to more than {limit} bytes")]
    TooLarge {
        /// What the caller allows, in bytes of plaintext.
        limit: u64,
    },
    /// The stream ends early.
    #[error("the compressed data ends too early, at byte {offset} of the stream")]
    Truncated {
        /// Where it ends.
        offset: u64,
    },
    /// The deflate data make no sense.
    #[error("the compressed data are damaged near byte {offset} of the stream")]
    BadDeflate {
        /// Up to where they were read.
        offset: u64,
    },
    /// The contents do not have the checksum or the size that the trailer states.
    #[error(
        "the contents do not match their {what}; the trailer is at byte {offset} of the stream"
    )]
    BadTrailer {
        /// `checksum` or `size`.
        what: &'static str,
        /// Where the trailer begins.
        offset: u64,
    },
    /// An edit does not fit the plaintext: a mistake of ours, not of the input.
    #[error("an edit reaches beyond the end of the data")]
    BadEdit,
    /// A compression thread ended without a result.
    #[error("a compression thread was lost")]
    LostWorker,
}

impl GzipError {
    /// Where in the compressed stream it happened, if it has a place.
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

/// For the way through a reader: see [`Error::into_io`].
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
