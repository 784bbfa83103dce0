//! Ciphertext lengths for plaintext lengths, and the reverse.

use std::ops::RangeInclusive;

use super::{CHUNK, CHUNK_OVERHEAD, CIPHER_BLOCK, Version};

/// Bytes of ciphertext (without the header) for this many bytes of plaintext.
///
/// Version 3: 17 more per started chunk of 1 MiB, with at least one chunk. Version 2: up to the
/// next multiple of 16, always adding. Version 1: up to a multiple of 16. Sizes above 2^64 are
/// capped there, which no file reaches.
pub fn ciphertext_len(version: Version, plaintext_len: u64) -> u64 {
    let block = CIPHER_BLOCK as u64;
    match version {
        Version::V1 => plaintext_len
            .checked_next_multiple_of(block)
            .unwrap_or(u64::MAX),
        Version::V2 => plaintext_len.saturating_add(block - plaintext_len % block),
        Version::V3 => {
            let chunks = plaintext_len.div_ceil(CHUNK as u64).max(1);
            plaintext_len.saturating_add(chunks.saturating_mul(CHUNK_OVERHEAD as u64))
        }
    }
}

/// The position in the ciphertext (without the header) of the plaintext byte number `plaintext`:
/// version 3 puts a tag before each chunk and an authenticator after it.
pub fn ciphertext_position(version: Version, plaintext: u64) -> u64 {
    match version {
        Version::V1 | Version::V2 => plaintext,
        Version::V3 => plaintext
            .saturating_add((plaintext / CHUNK as u64).saturating_mul(CHUNK_OVERHEAD as u64))
            .saturating_add(1),
    }
}

/// The plaintext sizes that are possible for this many bytes of ciphertext: one for version 3,
/// sixteen for version 2, and also sixteen for version 1, whose last blocks may or may not be
/// padded. `None` if no writer produces that length.
pub fn plaintext_len_from_ciphertext(version: Version, len: u64) -> Option<RangeInclusive<u64>> {
    let block = CIPHER_BLOCK as u64;
    if version != Version::V3 {
        let whole = len >= block && len.is_multiple_of(block);
        let most = if version == Version::V1 {
            len
        } else {
            len.checked_sub(1)?
        };
        return whole.then(|| most.saturating_sub(block - 1)..=most);
    }
    let overhead = CHUNK_OVERHEAD as u64;
    let chunks = len.div_ceil(CHUNK as u64 + overhead);
    let plaintext = len.checked_sub(chunks.checked_mul(overhead)?)?;
    (ciphertext_len(version, plaintext) == len).then_some(plaintext..=plaintext)
}
