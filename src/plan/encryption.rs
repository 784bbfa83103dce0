//! How the copy's parts are encrypted: as before, in another version, or not at all.

use crate::format::securetar;
use crate::format::securetar::{SecureHeader, V3Salts, Version};
use crate::open::Part;

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EncryptionChoice {
    /// The version that the input has; v1 becomes v2, and an unprotected backup is
    /// protected when there is a key.
    #[default]
    AsIs,
    /// SecureTar of this version.
    Version(Version),
    /// Not encrypted.
    Plain,
}

/// What every rewritten part of the copy gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// Not encrypted.
    Plain,
    /// AES-CBC.
    V2,
    /// secretstream; all members share these salts, or fresh ones where the input has none.
    V3(Option<V3Salts>),
}

impl Encryption {
    /// The version that `info` would show.
    pub fn version(&self) -> Option<Version> {
        match self {
            Self::Plain => None,
            Self::V2 => Some(Version::V2),
            Self::V3(_) => Some(Version::V3),
        }
    }

    /// Bytes of data for a member whose inner stream has so many bytes.
    pub fn member_size(&self, stream: u64) -> u64 {
        match self.version() {
            None => stream,
            Some(version) => securetar::ciphertext_len(version, stream)
                .saturating_add(version.header_len() as u64),
        }
    }

    /// True when a part already is wrapped like this, so that its bytes can be copied.
    pub fn fits(&self, part: &Part) -> bool {
        match (self, &part.layer) {
            (_, None) => true,
            (Self::V3(Some(salts)), _) => {
                matches!(part.secure(), Some(SecureHeader::V3 { salts: own, .. }) if own == salts)
            }
            _ => part.version() == self.version() && !matches!(self, Self::V3(None)),
        }
    }
}
