//! Measures how many bytes a stream would take as a gzip stream, without keeping it.

use std::io::{self, Read, Write};

use super::deflate::{BLOCK, GzipWriter};
use super::edit::Filter;
use super::recompress::copy_plain;

/// What a plaintext takes as one gzip member, and where in it each block of the plaintext ends.
///
/// Memory: 8 bytes for each 512 KiB of plaintext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Bytes of the gzip stream, header and trailer included.
    pub stream_bytes: u64,
    /// Bytes of the plaintext.
    pub plaintext_bytes: u64,
    /// Where the header ends in the stream, and then each block.
    ends: Vec<u64>,
}

impl Packed {
    /// Where the byte at this place of the plaintext would be in the gzip stream. Exact where a block
    /// begins; in between, as if all bytes of a block were equally compressible.
    pub fn position(&self, plaintext: u64) -> u64 {
        let plaintext = plaintext.min(self.plaintext_bytes);
        let block = plaintext / BLOCK as u64;
        let at = usize::try_from(block).unwrap_or(usize::MAX);
        let Some(&begin) = self.ends.get(at) else {
            return self.stream_bytes;
        };
        let Some(end) = self.ends.get(at.saturating_add(1)) else {
            return begin;
        };
        let first = block * BLOCK as u64;
        let len = (self.plaintext_bytes - first).min(BLOCK as u64).max(1);
        let share = u128::from(plaintext - first) * u128::from(end - begin) / u128::from(len);
        begin + u64::try_from(share).unwrap_or_default()
    }
}

/// Counts what is written, call by call.
#[derive(Default)]
struct Ends {
    at: u64,
    ends: Vec<u64>,
}

impl Write for Ends {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The writer puts out the header, each block and the trailer with one call each.
        self.at += bytes.len() as u64;
        self.ends.push(self.at);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Measures what [`compress`](super::compress) would write for the same arguments: to the byte,
/// because it does the same work. Memory: as for that, and [`Packed`].
///
/// # Errors
/// Errors of the input, or of the filter.
pub fn measure<R: Read>(
    input: R,
    filter: &mut dyn Filter,
    level: u32,
    threads: usize,
) -> io::Result<Packed> {
    let writer = copy_plain(
        input,
        GzipWriter::new(Ends::default(), level, threads)?,
        filter,
    )?;
    let plaintext_bytes = writer.plaintext_len();
    let Ends { at, mut ends } = writer.finish()?;
    // The trailer is no block.
    ends.pop();
    Ok(Packed {
        stream_bytes: at,
        plaintext_bytes,
        ends,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]
    use proptest::prelude::*;

    use super::*;
    use crate::gzip::{Edit, compress};

    /// Keeps everything.
    struct All;

    impl Filter for All {
        fn feed(&mut self, plaintext: &[u8], edits: &mut Vec<Edit>) -> io::Result<()> {
            edits.push(Edit::Keep(plaintext.len() as u64));
            Ok(())
        }

        fn finish(&mut self, _: &mut Vec<Edit>) -> io::Result<()> {
            Ok(())
        }
    }

    /// Bytes of which some are noise and some repeat.
    fn plaintext(len: usize, seed: u64) -> Vec<u8> {
        let mut state = seed | 1;
        let mut noise = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        (0..len)
            .map(|at| if at / 3000 % 2 == 0 { noise() } else { b'x' })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn the_measured_size_is_that_of_what_is_written(len in 0usize..3 * BLOCK, seed: u64, level in 0u32..10, threads in 1usize..5) {
            let plaintext = plaintext(len, seed);
            let written = compress(&plaintext[..], Vec::new(), &mut All, level, 1).unwrap();
            let packed = measure(&plaintext[..], &mut All, level, threads).unwrap();
            prop_assert_eq!(packed.stream_bytes, written.len() as u64);
            prop_assert_eq!(packed.plaintext_bytes, len as u64);
            // The places rise, from the end of the header to the beginning of the trailer.
            let places: Vec<u64> = (0..=len).step_by(len / 50 + 1).map(|at| packed.position(at as u64)).collect();
            prop_assert!(places.is_sorted());
            prop_assert_eq!(packed.position(0), 10);
            if len > 0 {
                prop_assert_eq!(packed.position(len as u64), written.len() as u64 - 8);
            }
        }

        #[test]
        fn what_is_compressed_is_the_same_with_any_number_of_threads(len in 0usize..3 * BLOCK, seed: u64, threads in 2usize..9) {
            let plaintext = plaintext(len, seed);
            let one = compress(&plaintext[..], Vec::new(), &mut All, 6, 1).unwrap();
            let many = compress(&plaintext[..], Vec::new(), &mut All, 6, threads).unwrap();
            prop_assert!(one == many);
            let mut back = Vec::new();
            let mut gunzip = flate2::read::GzDecoder::new(&one[..]);
            gunzip.read_to_end(&mut back).unwrap();
            prop_assert!(back == plaintext);
            prop_assert!(gunzip.into_inner().is_empty(), "one member, and nothing behind it");
        }
    }
}
