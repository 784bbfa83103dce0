//! Why the first bytes of a part are no archive's.

use crate::Error;

/// Why the first bytes of a member are not a usable header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The member ends before its header does, or is too short for any archive.
    #[error("the part has only {found} bytes; its header alone takes {needed}")]
    TooShort {
        /// Bytes that are present.
        found: u64,
        /// The minimum required.
        needed: u64,
    },
    /// No mark, not plain, and not whole cipher blocks: not even version 1.
    #[error("the part is no archive, neither plain nor encrypted ({found} bytes)")]
    Unrecognised {
        /// Bytes of the whole member.
        found: u64,
    },
    /// A version that this program does not support.
    #[error(
        "the part is encrypted with SecureTar version {version}, which is newer than this program"
    )]
    UnknownVersion {
        /// The version byte.
        version: u8,
    },
    /// The reserved bytes beside the version byte are in use.
    #[error("the SecureTar header (version {version}) sets bytes that must be zero")]
    ReservedBytes {
        /// The version byte.
        version: u8,
    },
}

impl HeaderError {
    /// Whether SecureTar's mark is there, but nothing that this program knows behind it: the part is
    /// encrypted in an unknown way.
    pub fn has_mark(&self) -> bool {
        matches!(
            self,
            Self::UnknownVersion { .. } | Self::ReservedBytes { .. }
        )
    }
}

impl From<HeaderError> for Error {
    fn from(error: HeaderError) -> Self {
        let message = error.to_string();
        match error {
            HeaderError::TooShort { .. } | HeaderError::Unrecognised { .. } => {
                Self::damaged(message)
            }
            HeaderError::UnknownVersion { .. } | HeaderError::ReservedBytes { .. } => {
                Self::refused(message).advice("Look for a newer haslim; a newer Home Assistant wrote this, or the part is damaged.")
            }
        }
    }
}
