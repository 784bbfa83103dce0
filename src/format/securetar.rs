//! The SecureTar header in front of an encrypted part, versions 1 to 3.
//!
//! Layouts as securetar 2026.10.0 reads and writes them (all numbers big-endian):
//!
//! | bytes | v1 | v2 | v3 |
//! |---|---|---|---|
//! | 0..16 | salt | `SecureTar` 02 00×6 | `SecureTar` 03 00×6 |
//! | 16..24 | | plaintext size | plaintext size |
//! | 24..32 | | reserved, ignored | reserved, ignored |
//! | 32.. | | salt 16 | root salt 16, validation salt 16, validation key 32, derivation salt 16, stream header 24 |
//!
//! Version 1 has no mark of its own: it is what is left when the bytes are
//! neither marked nor a plain gzip or tar.

mod lengths;

pub use crate::finding::HeaderError;
pub use lengths::{ciphertext_len, ciphertext_position, plaintext_len_from_ciphertext};

use crate::format::tar::block::{BLOCK, HeaderBlock};

/// How many first bytes of a member [`sniff`] wants to see: one tar block, which
/// is longer than any header.
pub const SNIFF_LEN: usize = BLOCK;

/// The length of the longest SecureTar header, in bytes.
pub const MAX_HEADER: usize = V3_LEN;

/// Plaintext bytes in every v3 chunk but the last.
pub const CHUNK: usize = 1 << 20;

/// What a v3 chunk grows by: one encrypted tag byte in front, a 16-byte MAC behind
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
    /// The number that users and `--json` see.
    pub fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }

    /// Bytes of the header in front of the ciphertext.
    pub fn header_len(self) -> usize {
        match self {
            Self::V1 => V1_LEN,
            Self::V2 => V2_LEN,
            Self::V3 => V3_LEN,
        }
    }
}

/// What all v3 members of one archive share: readers derive the root key once,
/// from the first header that they meet.
///
/// None of it is secret: the validation key only tells whether a password fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct V3Salts {
    /// Salt of the root key, which Argon2id makes from the password.
    pub root_salt: [u8; 16],
    /// Salt of the validation key, which BLAKE2b makes from the root key.
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
        /// Reserved bytes: ignored by readers, zero when we write.
        reserved: [u8; 8],
        /// Salt of the CBC initialisation vector.
        salt: [u8; 16],
    },
    /// Version 3.
    V3 {
        /// Bytes of plaintext, as the writer counted them.
        plaintext_size: u64,
        /// Reserved bytes: ignored by readers, zero when we write.
        reserved: [u8; 8],
        /// The archive's salts.
        salts: V3Salts,
        /// Salt of this member's stream key.
        derivation_salt: [u8; 16],
        /// The header of the secretstream.
        stream_header: [u8; 24],
    },
}

/// What the first bytes of a member turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// A gzip or tar stream, not encrypted.
    Plain,
    /// Encrypted; the ciphertext begins [`SecureHeader::len`] bytes in.
    Secure(SecureHeader),
}

impl SecureHeader {
    /// Bytes that the header takes in front of the ciphertext.
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

    /// Bytes of plaintext as the header states them; version 1 does not say.
    pub fn plaintext_size(&self) -> Option<u64> {
        match self {
            Self::V1 { .. } => None,
            Self::V2 { plaintext_size, .. } | Self::V3 { plaintext_size, .. } => {
                Some(*plaintext_size)
            }
        }
    }

    /// The archive's salts, of version 3 alone.
    pub fn v3_salts(&self) -> Option<&V3Salts> {
        match self {
            Self::V3 { salts, .. } => Some(salts),
            Self::V1 { .. } | Self::V2 { .. } => None,
        }
    }

    /// True when reserved metadata bytes are set: worth a warning, since readers
    /// ignore them and a rewritten header has zeros there.
    pub fn reserved_set(&self) -> bool {
        match self {
            Self::V1 { .. } => false,
            Self::V2 { reserved, .. } | Self::V3 { reserved, .. } => *reserved != [0; 8],
        }
    }

    /// Bytes of the whole member (header and ciphertext) by the stated plaintext
    /// size, to be held against the size in the outer tar. `None` for version 1.
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

    /// Reads a header that begins with the mark; `first` may go on behind it.
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

/// Takes fields of fixed width off the front.
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

/// Tells plain from encrypted by the first bytes of a member.
///
/// `first` must be the first [`SNIFF_LEN`] bytes or more, or the whole member when it is shorter
/// ([`MAX_HEADER`] do for v2 and v3 alone); `compressed` is what the member's name promises
/// (`.tar.gz` or `.tar`). A member without a mark that does not look plain is taken for version 1,
/// as every reader does; whether it really is shows only once it is decrypted.
///
/// # Errors
/// [`HeaderError`] for a member too short for what it claims to be, an unknown
/// version, or reserved identification bytes in use.
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

/// True when bytes begin like the stream that the name promises.
///
/// Compressed: the gzip mark, deflate as the method and no reserved flag (RFC 1952
/// §2.3.1); a random block passes once in 2^27. Otherwise: a tar header whose
/// checksum fits, or the zero blocks of an empty tar, of which one is enough where no
/// more bytes are given.
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
