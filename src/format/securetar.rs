//! The SecureTar header before an encrypted part, versions 1 to 3.
//!
//! Layouts as securetar 2026.10.0 reads and writes them (all numbers are big-endian):
//!
//! | bytes | v1 | v2 | v3 |
//! |---|---|---|---|
//! | 0..16 | salt | `SecureTar` 02 00×6 | `SecureTar` 03 00×6 |
//! | 16..24 | | plaintext size | plaintext size |
//! | 24..32 | | reserved, ignored | reserved, ignored |
//! | 32.. | | salt 16 | root salt 16, validation salt 16, validation key 32, derivation salt 16, stream header 24 |
//!
//! Version 1 has no mark of its own: bytes count as version 1 if they have no mark and are not a
//! plain gzip or tar either.

mod lengths;

pub use crate::finding::HeaderError;
pub use lengths::{ciphertext_len, ciphertext_position, plaintext_len_from_ciphertext};

use crate::format::tar::block::{BLOCK, HeaderBlock};

/// How many first bytes of a member [`sniff`] needs: one tar block, which is longer than any
/// header.
pub const SNIFF_LEN: usize = BLOCK;

/// The length of the longest SecureTar header, in bytes.
pub const MAX_HEADER: usize = V3_LEN;

/// Plaintext bytes in every v3 chunk except the last.
pub const CHUNK: usize = 1 << 20;

/// The overhead of a v3 chunk: one encrypted tag byte in front and a 16-byte MAC at the end
/// (libsodium, `crypto_secretstream_xchacha20poly1305_ABYTES`).
pub const CHUNK_OVERHEAD: usize = 17;

/// The AES block size, the unit of v1 and v2 ciphertext.
pub const CIPHER_BLOCK: usize = 16;

const MAGIC: &[u8; 9] = b"SecureTar";
const V1_LEN: usize = 16;
const V2_LEN: usize = 48;
const V3_LEN: usize = 136;

/// A version of the SecureTar format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// Before 2025: AES-128-CBC without a mark or a size.
    V1,
    /// 2025 to early 2026: AES-128-CBC with PKCS#7 padding.
    V2,
    /// From Core 2026.3 on: Argon2id and XChaCha20-Poly1305.
    V3,
}

impl Version {
    /// The number shown to users and in `--json`.
    pub fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }

    /// Bytes of the header before the ciphertext.
    pub fn header_len(self) -> usize {
        match self {
            Self::V1 => V1_LEN,
            Self::V2 => V2_LEN,
            Self::V3 => V3_LEN,
        }
    }
}

/// What all v3 members of one archive share: readers derive the root key once, from the first
/// header that they find.
///
/// None of it is secret: the validation key only shows whether a password fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct V3Salts {
    /// Salt of the root key, which Argon2id derives from the password.
    pub root_salt: [u8; 16],
    /// Salt of the validation key, which BLAKE2b derives from the root key.
    pub validation_salt: [u8; 16],
    /// The validation key as the writer computed it.
    pub validation_key: [u8; 32],
}

/// The header of an encrypted member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecureHeader {
    /// Version 1: a salt, nothing else.
    V1 {
        /// Salt of the CBC initialisation vector.
        salt: [u8; 16],
    },
    /// Version 2.
    V2 {
        /// Bytes of plaintext, as the writer counted them.
        plaintext_size: u64,
        /// Reserved bytes: ignored by readers, written as zero.
        reserved: [u8; 8],
        /// Salt of the CBC initialisation vector.
        salt: [u8; 16],
    },
    /// Version 3.
    V3 {
        /// Bytes of plaintext, as the writer counted them.
        plaintext_size: u64,
        /// Reserved bytes: ignored by readers, written as zero.
        reserved: [u8; 8],
        /// The archive's salts.
        salts: V3Salts,
        /// Salt of this member's stream key.
        derivation_salt: [u8; 16],
        /// The header of the secretstream.
        stream_header: [u8; 24],
    },
}

/// What the first bytes of a member are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// A gzip or tar stream, not encrypted.
    Plain,
    /// Encrypted; the ciphertext begins [`SecureHeader::len`] bytes in.
    Secure(SecureHeader),
}

impl SecureHeader {
    /// Bytes of the header before the ciphertext.
    #[expect(clippy::len_without_is_empty, reason = "a header is never empty")]
    pub fn len(&self) -> usize {
        self.version().header_len()
    }

    /// The format version.
    pub fn version(&self) -> Version {
        match self {
            Self::V1 { .. } => Version::V1,
            Self::V2 { .. } => Version::V2,
            Self::V3 { .. } => Version::V3,
        }
    }

    /// Bytes of plaintext as stated in the header; version 1 does not state them.
    pub fn plaintext_size(&self) -> Option<u64> {
        match self {
            Self::V1 { .. } => None,
            Self::V2 { plaintext_size, .. } | Self::V3 { plaintext_size, .. } => {
                Some(*plaintext_size)
            }
        }
    }

    /// The same header with this size of the plaintext; version 1 does not state it.
    #[must_use]
    pub fn with_plaintext_size(mut self, size: u64) -> Self {
        if let Self::V2 { plaintext_size, .. } | Self::V3 { plaintext_size, .. } = &mut self {
            *plaintext_size = size;
        }
        self
    }

    /// The archive's salts; only version 3 has them.
    pub fn v3_salts(&self) -> Option<&V3Salts> {
        match self {
            Self::V3 { salts, .. } => Some(salts),
            Self::V1 { .. } | Self::V2 { .. } => None,
        }
    }

    /// True if reserved metadata bytes are set. This is worth a warning, because readers ignore
    /// them and a rewritten header has zeros there.
    pub fn reserved_set(&self) -> bool {
        match self {
            Self::V1 { .. } => false,
            Self::V2 { reserved, .. } | Self::V3 { reserved, .. } => *reserved != [0; 8],
        }
    }

    /// The length in bytes of the whole member (header and ciphertext) for the stated plaintext
    /// size, to compare with the size in the outer tar. `None` for version 1.
    pub fn member_len(&self) -> Option<u64> {
        let ciphertext = ciphertext_len(self.version(), self.plaintext_size()?);
        Some(ciphertext.saturating_add(self.len() as u64))
    }

    /// The header's bytes, exactly as read.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(V3_LEN);
        match self {
            Self::V1 { salt } => out.extend_from_slice(salt),
            Self::V2 {
                plaintext_size,
                reserved,
                salt,
            } => {
                put_marked(&mut out, Version::V2, *plaintext_size, reserved);
                out.extend_from_slice(salt);
            }
            Self::V3 {
                plaintext_size,
                reserved,
                salts,
                derivation_salt,
                stream_header,
            } => {
                put_marked(&mut out, Version::V3, *plaintext_size, reserved);
                out.extend_from_slice(&salts.root_salt);
                out.extend_from_slice(&salts.validation_salt);
                out.extend_from_slice(&salts.validation_key);
                out.extend_from_slice(derivation_salt);
                out.extend_from_slice(stream_header);
            }
        }
        out
    }

    /// Reads a header that begins with the mark; `first` may be longer than the header.
    fn parse_marked(first: &[u8]) -> Result<Self, HeaderError> {
        let mut fields = Fields {
            rest: first,
            read: 0,
        };
        let _magic: [u8; 9] = fields.take(V2_LEN)?;
        let [version] = fields.take(V2_LEN)?;
        if !matches!(version, 2 | 3) {
            return Err(HeaderError::UnknownVersion { version });
        }
        let needed = if version == 2 { V2_LEN } else { V3_LEN };
        if fields.take::<6>(needed)? != [0; 6] {
            return Err(HeaderError::ReservedBytes { version });
        }
        let plaintext_size = u64::from_be_bytes(fields.take(needed)?);
        let reserved = fields.take(needed)?;
        if version == 2 {
            return Ok(Self::V2 {
                plaintext_size,
                reserved,
                salt: fields.take(needed)?,
            });
        }
        let salts = V3Salts {
            root_salt: fields.take(needed)?,
            validation_salt: fields.take(needed)?,
            validation_key: fields.take(needed)?,
        };
        let derivation_salt = fields.take(needed)?;
        Ok(Self::V3 {
            plaintext_size,
            reserved,
            salts,
            derivation_salt,
            stream_header: fields.take(needed)?,
        })
    }
}

fn put_marked(out: &mut Vec<u8>, version: Version, plaintext_size: u64, reserved: &[u8; 8]) {
    out.extend_from_slice(MAGIC);
    out.push(version.number());
    out.extend_from_slice(&[0; 6]);
    out.extend_from_slice(&plaintext_size.to_be_bytes());
    out.extend_from_slice(reserved);
}

/// Takes fields of fixed width from the front.
struct Fields<'a> {
    rest: &'a [u8],
    read: usize,
}

impl Fields<'_> {
    fn take<const N: usize>(&mut self, needed: usize) -> Result<[u8; N], HeaderError> {
        let found = (self.read + self.rest.len()) as u64;
        let (field, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(HeaderError::TooShort {
                found,
                needed: needed as u64,
            })?;
        self.rest = rest;
        self.read += N;
        Ok(*field)
    }
}

/// Distinguishes plain from encrypted by the first bytes of a member.
///
/// `first` must be at least the first [`SNIFF_LEN`] bytes, or the whole member if it is shorter
/// ([`MAX_HEADER`] bytes are enough for v2 and v3 alone); `compressed` is what the member's name
/// states (`.tar.gz` or `.tar`). A member without a mark that does not look plain is taken for
/// version 1, as every reader does; only decryption shows whether it is.
///
/// # Errors
/// [`HeaderError`] for a member too short for its format, an unknown version, or reserved
/// identification bytes in use.
pub fn sniff(first: &[u8], compressed: bool) -> Result<Layer, HeaderError> {
    if first.starts_with(MAGIC) {
        return SecureHeader::parse_marked(first).map(Layer::Secure);
    }
    if looks_plain(first, compressed) {
        return Ok(Layer::Plain);
    }
    let found = first.len() as u64;
    let Some((salt, ciphertext)) = first.split_first_chunk::<V1_LEN>() else {
        return Err(HeaderError::TooShort {
            found,
            needed: V1_LEN as u64,
        });
    };
    let whole = ciphertext.len() % CIPHER_BLOCK == 0 && !ciphertext.is_empty();
    if first.len() < SNIFF_LEN && !whole {
        return Err(HeaderError::Unrecognised { found });
    }
    Ok(Layer::Secure(SecureHeader::V1 { salt: *salt }))
}

/// True if the bytes begin like the stream that the name states.
///
/// Compressed: the gzip mark, deflate as the method and no reserved flag (RFC 1952 §2.3.1); one
/// random block in 2^27 passes. Otherwise: a tar header with a valid checksum, or the zero blocks
/// of an empty tar; one zero block is enough if there are no more bytes.
pub fn looks_plain(first: &[u8], compressed: bool) -> bool {
    if compressed {
        return matches!(first, [0x1f, 0x8b, 8, flags, ..] if flags & 0xe0 == 0);
    }
    let Some((block, rest)) = first.split_first_chunk::<BLOCK>() else {
        return false;
    };
    let header = HeaderBlock(block);
    if header.is_zero() {
        return rest.iter().take(BLOCK).all(|&b| b == 0);
    }
    header.checksum_fits()
}

#[cfg(test)]
mod tests;
