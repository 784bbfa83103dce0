//! Errors of decryption and encryption.

use std::io;

use crate::{Error, Kind};

/// Why a part could not be decrypted or encrypted.
///
/// Offsets count bytes from the start of the member, including its SecureTar header; the texts do
/// not contain them, because most readers cannot use them. No variant contains key material. `Read` and `Write` return it as the inner error of an [`io::Error`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CryptError {
    /// The password does not fit; the header alone shows it (version 3).
    #[error("the password does not open this part")]
    WrongPassword,
    /// More different root salts than [`MAX_ROOT_SALTS`](super::MAX_ROOT_SALTS): each costs a key
    /// derivation, so a crafted file could cost days of computing time.
    #[error("the parts use more than {limit} different key salts")]
    TooManySalts {
        /// The limit.
        limit: usize,
    },
    /// The ciphertext ends too early.
    #[error("the encrypted data end {} too early", bytes(*missing))]
    Truncated {
        /// Where the ciphertext ends.
        offset: u64,
        /// Bytes that are missing.
        missing: u64,
    },
    /// The size in the version 2 header and the length of the ciphertext disagree.
    #[error(
        "the header promises {plaintext_size} bytes, which does not go with {ciphertext_len} encrypted bytes"
    )]
    SizeMismatch {
        /// The header's plaintext size.
        plaintext_size: u64,
        /// Bytes of ciphertext that are present.
        ciphertext_len: u64,
    },
    /// AES-CBC ciphertext that is empty or not whole blocks of 16 bytes.
    #[error("{ciphertext_len} encrypted bytes are not whole blocks of 16")]
    NotWholeBlocks {
        /// Bytes of ciphertext that are present.
        ciphertext_len: u64,
    },
    /// The last block is not PKCS#7 padding, or not the padding for the header's size. With a wrong
    /// password this can be the first sign.
    #[error("the padding of the last encrypted block is wrong")]
    BadPadding {
        /// Where the last block begins.
        offset: u64,
    },
    /// A chunk does not have the right authenticator.
    #[error("the encrypted data are damaged")]
    BadChunk {
        /// Its number, from 0.
        index: u64,
        /// Where it begins.
        offset: u64,
    },
    /// A genuine chunk is marked as the last, but the header states more bytes.
    #[error("the encrypted data end {} before the size that their header states", bytes(*missing))]
    EarlyFinal {
        /// Its number, from 0.
        index: u64,
        /// Where it begins.
        offset: u64,
        /// Plaintext bytes that are missing.
        missing: u64,
    },
    /// The last chunk by the header's size is not marked as the last.
    #[error("the encrypted data do not end at the size that their header states")]
    MissingFinal {
        /// Its number, from 0.
        index: u64,
        /// Where it begins.
        offset: u64,
    },
    /// A genuine chunk with a tag that no SecureTar writer uses.
    #[error("the encrypted data have a tag that SecureTar does not use")]
    UnexpectedTag {
        /// Its number, from 0.
        index: u64,
        /// Where it begins.
        offset: u64,
    },
    /// Reading or writing failed earlier, so the stream is incomplete and cannot be completed.
    #[error("reading or writing encrypted data failed earlier")]
    Poisoned,
    /// The system returned no random bytes.
    #[error("the system gave no random numbers")]
    NoRandom,
    /// The key derivation failed to start; it takes 16 MiB of memory.
    #[error(
        "the key could not be derived from the password: that takes 16 MiB of memory, which the system did not give"
    )]
    Derivation,
}

fn bytes(count: u64) -> String {
    match count {
        1 => "1 byte".to_owned(),
        _ => format!("{count} bytes"),
    }
}

impl CryptError {
    /// The position of the error in the member, if it has one.
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::Truncated { offset, .. }
            | Self::BadPadding { offset }
            | Self::BadChunk { offset, .. }
            | Self::EarlyFinal { offset, .. }
            | Self::MissingFinal { offset, .. }
            | Self::UnexpectedTag { offset, .. } => Some(*offset),
            _ => None,
        }
    }

    /// The kind, which also determines the exit code.
    pub fn kind(&self) -> Kind {
        match self {
            Self::WrongPassword => Kind::Password,
            Self::TooManySalts { .. } => Kind::Refused,
            Self::Poisoned | Self::NoRandom | Self::Derivation => Kind::Internal,
            _ => Kind::Damaged,
        }
    }

    /// The crypt error inside an [`io::Error`], if there is one.
    pub fn in_io(error: &io::Error) -> Option<&Self> {
        let error: &Error = error.get_ref()?.downcast_ref()?;
        std::error::Error::source(error)?.downcast_ref()
    }
}

/// For errors that pass through a reader: see [`Error::into_io`].
impl From<CryptError> for io::Error {
    fn from(error: CryptError) -> Self {
        Error::from(error).into_io()
    }
}

/// The caller adds the position: see `open::locate`.
impl From<CryptError> for Error {
    fn from(error: CryptError) -> Self {
        let message = error.to_string();
        let out = match error.kind() {
            Kind::Damaged => Self::damaged(message),
            Kind::Password => Self::new(Kind::Password, message)
                .advice("Take the encryption key from the emergency kit, or the one that was set when this backup was made."),
            kind if error == CryptError::Derivation => Self::new(kind, message).advice(crate::error::Advice::Scarce),
            kind => Self::new(kind, message),
        };
        out.caused_by(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_cannot_be_derived_is_a_matter_of_memory() {
        let error = Error::from(CryptError::Derivation);
        assert_eq!(error.kind(), Kind::Internal);
        assert!(
            error.message().contains("16 MiB of memory")
                && error.next_step() == Some(&crate::error::Advice::Scarce)
        );
    }
}
