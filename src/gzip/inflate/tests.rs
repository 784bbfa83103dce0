//! Compares the decoder with zlib-rs, libdeflate and miniz_oxide.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use flate2::{Compress, Compression, FlushCompress, Status};
use proptest::prelude::*;

use super::*;

mod blocks;
mod codes;

/// Bytes with runs, repeats and noise, generated from a seed.
pub fn mixture(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut out: Vec<u8> = Vec::with_capacity(len + 4096);
    while out.len() < len {
        let roll = next();
        let count = (roll >> 8) as usize % 2000 + 1;
        match roll % 5 {
            0 => out.extend(std::iter::repeat_n((roll >> 32) as u8, count)),
            1 => out.extend((0..count).map(|_| next() as u8)),
            2 => out.extend((0..count).map(|_| b"etaoin shrdlu"[next() as usize % 13])),
            _ if out.is_empty() => {}
            _ => {
                let from = next() as usize % out.len();
                let copy: Vec<u8> = out[from..].iter().copied().cycle().take(count).collect();
                out.extend(copy);
            }
        }
    }
    out.truncate(len);
    out
}

/// A raw deflate stream with the given flushes.
pub fn deflate(plaintext: &[u8], level: u32, flushes: &[(usize, u8)]) -> Vec<u8> {
    let mut compress = Compress::new(Compression::new(level), false);
    let mut out = Vec::with_capacity(plaintext.len() * 2 + 1024 * (flushes.len() + 1));
    let mut cuts: Vec<(usize, u8)> = flushes
        .iter()
        .map(|&(at, how)| (at.min(plaintext.len()), how))
        .collect();
    cuts.sort_unstable();
    let mut at = 0;
    for (cut, how) in cuts {
        let flush = [
            FlushCompress::Sync,
            FlushCompress::Full,
            FlushCompress::Partial,
        ][usize::from(how) % 3];
        compress
            .compress_vec(&plaintext[at..cut], &mut out, flush)
            .unwrap();
        at = cut;
    }
    while compress
        .compress_vec(&plaintext[at..], &mut out, FlushCompress::Finish)
        .unwrap()
        != Status::StreamEnd
    {
        at = compress.total_in() as usize;
        out.reserve(1 << 16);
    }
    out
}

/// Returns a few bytes at a time.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let now = self.1.min(out.len());
        self.0.read(&mut out[..now])
    }
}

/// The plaintext, and the start of each block: in bits of the stream and bytes of plaintext.
type Inflated = (Vec<u8>, Vec<(u64, u64)>);

fn inflated(bytes: &[u8]) -> io::Result<Inflated> {
    // Steps of every size, determined by the bytes themselves.
    let step = 1 + bytes
        .iter()
        .take(40)
        .map(|&b| usize::from(b))
        .sum::<usize>()
        % 700;
    let mut inflate = Inflate::new(Slow(bytes, step));
    let (mut out, mut blocks) = (Vec::new(), Vec::new());
    loop {
        match inflate.next()? {
            Event::Block => blocks.push((inflate.input.bit_position(), out.len() as u64)),
            Event::Data => {
                assert!(!inflate.piece().is_empty() && inflate.piece().len() <= PIECE);
                out.extend_from_slice(inflate.piece());
            }
            Event::End => return Ok((out, blocks)),
        }
    }
}

/// Where the blocks begin: in bits of the stream and bytes of plaintext.
pub fn blocks(bytes: &[u8]) -> Vec<(u64, u64)> {
    inflated(bytes).unwrap().1
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_zlib_wrote_is_read_at_every_level_with_every_flush(
        seed: u64, len in 0usize..400_000, level in 0u32..10,
        flushes in prop::collection::vec((0usize..400_000, 0u8..3), 0..6),
    ) {
        let plaintext = mixture(seed, len);
        let (read, blocks) = inflated(&deflate(&plaintext, level, &flushes)).unwrap();
        prop_assert!(read == plaintext);
        prop_assert_eq!(blocks[0], (0, 0));
        prop_assert!(blocks.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1));
    }

    #[test]
    fn what_libdeflate_wrote_is_read(seed: u64, len in 0usize..300_000, level in 0i32..13) {
        let plaintext = mixture(seed, len);
        let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::new(level).unwrap());
        let mut out = vec![0; compressor.deflate_compress_bound(len)];
        let size = compressor.deflate_compress(&plaintext, &mut out).unwrap();
        prop_assert!(inflated(&out[..size]).unwrap().0 == plaintext);
    }

    #[test]
    fn reading_can_begin_at_any_block(seed: u64, len in 1usize..400_000, level in 0u32..10, pick: prop::sample::Index) {
        let plaintext = mixture(seed, len);
        let stored = deflate(&plaintext, level, &[(len / 3, 0), (len / 2, 2)]);
        let (_, blocks) = inflated(&stored).unwrap();
        let (bit, plain) = blocks[pick.index(blocks.len())];
        let mut inflate = Inflate::new(stored.as_slice());
        inflate.input.forward(bit, |_| Ok(())).unwrap();
        inflate.resume(&plaintext[..plain as usize]);
        let mut out = Vec::new();
        loop {
            match inflate.next().unwrap() {
                Event::Data => out.extend_from_slice(inflate.piece()),
                Event::Block => prop_assert!(inflate.window().is_empty() || plaintext[..plain as usize + out.len()].ends_with(inflate.window())),
                Event::End => break,
            }
        }
        prop_assert!(out == plaintext[plain as usize..]);
    }

    #[test]
    fn damage_is_read_as_zlib_reads_it(seed: u64, level in 0u32..10, at: prop::sample::Index, flip in 1u8..=255, cut: prop::sample::Index) {
        let plaintext = mixture(seed, 3000);
        let mut bad = deflate(&plaintext, level, &[]);
        let place = at.index(bad.len());
        bad[place] ^= flip;
        bad.truncate(cut.index(bad.len() * 4).min(bad.len()));
        let mut theirs = Vec::with_capacity(1 << 22);
        let outcome = flate2::Decompress::new(false).decompress_vec(&bad, &mut theirs, flate2::FlushDecompress::Finish);
        match inflated(&bad) {
            Ok((read, _)) => prop_assert!(matches!(outcome, Ok(Status::StreamEnd)) && read == theirs, "zlib says {outcome:?}"),
            Err(ours) => prop_assert!(!matches!(outcome, Ok(Status::StreamEnd)), "we refuse what zlib reads: {ours}"),
        }
    }
}

#[test]
fn every_truncation_is_told() {
    let stored = deflate(&mixture(7, 5000), 6, &[(1000, 0)]);
    for cut in 0..stored.len() {
        assert!(inflated(&stored[..cut]).is_err(), "{cut}");
    }
}
