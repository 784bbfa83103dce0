//! How the copy's parts are encrypted: unchanged, in another version, or not at all.

use crate::format::securetar;
use crate::format::securetar::{SecureHeader, V3Salts, Version};
use crate::open::Part;

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EncryptionChoice {
    /// The version of the input. v1 becomes v2, and an unprotected backup is encrypted if there is
    /// a key.
    #[default]
    AsIs,
    /// SecureTar of this version.
    Version(Version),
    /// Not encrypted.
    Plain,
}

/// How every rewritten part of the copy is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// Not encrypted.
    Plain,
    /// AES-CBC.
    V2,
    /// secretstream. All members share these salts, or new ones if the input has none.
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

    /// Bytes of data in a member whose inner stream has this length.
    pub fn member_size(&self, stream: u64) -> u64 {
        match self.version() {
            None => stream,
            Some(version) => securetar::ciphertext_len(version, stream)
                .saturating_add(version.header_len() as u64),
        }
    }

    /// True if a part is already encrypted like this, so that its bytes can be copied.
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
