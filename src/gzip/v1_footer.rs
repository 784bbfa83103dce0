//! The end of a version 1 plaintext, where gzip's footer is in the wrong place.
//!
//! securetar up to 2024.11 padded each *write call* that was not a multiple of 16 bytes, and
//! Python's `tarfile` stream makes three at the end of a compressed archive. With E = end of the
//! deflate data, counted from the start of the gzip stream, the plaintext therefore ends like this:
//!
//! | bytes | contents |
//! |---|---|
//! | .. E | gzip header and deflate data |
//! | E .. A | p bytes of value p, where A is E rounded up to 16 and p = A − E; none if E is a multiple of 16 |
//! | A .. A+4 | CRC32 of the tar, little-endian |
//! | A+4 .. A+16 | 12 bytes of value 12 |
//! | A+16 .. A+20 | size of the tar modulo 2^32, little-endian |
//! | A+20 .. A+32 | 12 bytes of value 12 |
//!
//! The stream ends there: A+32 bytes, whole cipher blocks, nothing else. Tar's earlier writes have
//! the buffer size, a multiple of 16, and are not padded; for the same reason an uncompressed v1
//! archive has no padding at all.

/// Bytes of gzip's footer when it is written in one piece (RFC 1952 §2.3.1).
const FOOTER: usize = 8;
/// Bytes of the footer as v1 splits it.
const SPLIT: usize = 32;
const FIELD_PADDING: [u8; 12] = [12; 12];

/// The footer of a gzip stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct V1Footer {
    /// CRC32 of the uncompressed data.
    pub crc32: u32,
    /// Size of the uncompressed data modulo 2^32.
    pub isize: u32,
}

/// Finds CRC32 and ISIZE after the deflate data of a v1 plaintext.
///
/// `deflate_end` is E above; `tail` is all plaintext from there to the end (at most 47 bytes in a
/// genuine stream). The split layout must fit to the last byte. A normal footer, alone or with
/// PKCS#7 padding to a whole block, is also accepted, in case some tool wrote one. The lengths of
/// the two never overlap, and both end on a whole cipher block. `None` means that the stream is
/// damaged; a damaged one can also return `Some`, which shows when the numbers do not fit the data.
pub fn v1_footer(deflate_end: u64, tail: &[u8]) -> Option<V1Footer> {
    split(deflate_end, tail).or_else(|| joined(deflate_end, tail))
}

fn split(deflate_end: u64, tail: &[u8]) -> Option<V1Footer> {
    let padding = usize::try_from(deflate_end.wrapping_neg() % 16).ok()?;
    if tail.len() != padding + SPLIT {
        return None;
    }
    let (padding_bytes, rest) = tail.split_at_checked(padding)?;
    let (crc32, rest) = rest.split_first_chunk::<4>()?;
    let (first, rest) = rest.split_first_chunk::<12>()?;
    let (isize, second) = rest.split_first_chunk::<4>()?;
    let fits = padding_bytes.iter().all(|&b| usize::from(b) == padding)
        && *first == FIELD_PADDING
        && second == FIELD_PADDING;
    fits.then(|| V1Footer {
        crc32: u32::from_le_bytes(*crc32),
        isize: u32::from_le_bytes(*isize),
    })
}

fn joined(deflate_end: u64, tail: &[u8]) -> Option<V1Footer> {
    let (crc32, rest) = tail.split_first_chunk::<4>()?;
    let (isize, padding) = rest.split_first_chunk::<4>()?;
    let whole_blocks = deflate_end
        .wrapping_add(tail.len() as u64)
        .is_multiple_of(16);
    let fits = whole_blocks
        && tail.len() <= FOOTER + 16
        && padding.iter().all(|&b| usize::from(b) == padding.len());
    fits.then(|| V1Footer {
        crc32: u32::from_le_bytes(*crc32),
        isize: u32::from_le_bytes(*isize),
    })
}
