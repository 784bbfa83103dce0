//! Compares spliced streams, read by zlib and libdeflate, with the same cuts of a slice.

#![allow(
    clippy::single_range_in_vec_init,
    reason = "one cut is a list of one range"
)]

use std::io::Read;
use std::ops::Range;

use proptest::prelude::*;

use super::super::inflate::tests::{deflate, mixture};
use super::super::{Cuts, Gunzip, Trailer, splice};

/// A gzip member around deflate data, with a name, as other programs write it.
fn member(plaintext: &[u8], data: &[u8]) -> Vec<u8> {
    let mut out = b"\x1f\x8b\x08\x08\0\0\0\0\0\x03name.tar\0".to_vec();
    out.extend_from_slice(data);
    out.extend(crc32fast::hash(plaintext).to_le_bytes());
    out.extend((plaintext.len() as u32).to_le_bytes());
    out
}

/// Ranges in order that do not touch, from any numbers.
fn ranges(points: &[usize], len: usize) -> Vec<Range<u64>> {
    let mut points: Vec<u64> = points.iter().map(|&p| (p % (len + 1)) as u64).collect();
    points.sort_unstable();
    points.dedup();
    points
        .chunks_exact(2)
        .map(|pair| pair[0]..pair[1])
        .collect()
}

fn cut(plaintext: &[u8], drops: Vec<Range<u64>>, end: usize, tail: usize) -> (Vec<u8>, Cuts) {
    let drops: Vec<_> = drops.into_iter().filter(|d| d.end < end as u64).collect();
    let (mut kept, mut at) = (Vec::new(), 0);
    for drop in &drops {
        kept.extend_from_slice(&plaintext[at..drop.start as usize]);
        at = drop.end as usize;
    }
    kept.extend_from_slice(&plaintext[at..end]);
    kept.resize(kept.len() + tail, 0);
    let cuts = Cuts {
        drops,
        end: end as u64,
        tail: vec![0; tail],
        crc: crc32fast::hash(&kept),
        size: kept.len() as u64,
    };
    (kept, cuts)
}

/// Splices, and has all libraries read the result.
fn check(
    plaintext: &[u8],
    stream: &[u8],
    drops: Vec<Range<u64>>,
    end: usize,
    tail: usize,
) -> Result<(Vec<u8>, u64), TestCaseError> {
    let mut gunzip = Gunzip::new(stream, Trailer::Strict).with_checkpoints();
    while gunzip.next_piece().unwrap().is_some() {}
    let checkpoints = gunzip.checkpoints();
    let (kept, cuts) = cut(plaintext, drops, end, tail);
    let (out, encoded) = splice(stream, &checkpoints, &cuts, Vec::new(), 6, 2).unwrap();
    prop_assert_eq!(&out[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
    let mut ours = Gunzip::new(out.as_slice(), Trailer::Strict);
    let mut read = Vec::new();
    while let Some(piece) = ours.next_piece().unwrap() {
        read.extend_from_slice(piece);
    }
    prop_assert!(read == kept, "our own reader");
    prop_assert_eq!(
        (ours.summary().members, ours.summary().trailing_bytes),
        (1, 0)
    );
    let mut zlib = Vec::new();
    flate2::bufread::GzDecoder::new(out.as_slice())
        .read_to_end(&mut zlib)
        .unwrap();
    prop_assert!(zlib == kept, "zlib");
    let mut room = vec![0; kept.len()];
    prop_assert_eq!(
        libdeflater::Decompressor::new().gzip_decompress(&out, &mut room),
        Ok(kept.len())
    );
    prop_assert!(room == kept, "libdeflate");
    let (again, _) = splice(stream, &checkpoints, &cuts, Vec::new(), 6, 7).unwrap();
    prop_assert!(again == out, "the number of threads shows");
    Ok((out, encoded))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_cuts_of_any_stream_leave_exactly_the_kept_bytes(
        seed: u64, len in 0usize..600_000, level in 0u32..10,
        flushes in prop::collection::vec((0usize..600_000, 0u8..3), 0..8),
        points in prop::collection::vec(any::<usize>(), 0..14),
        end: prop::sample::Index, tail in 0usize..2000,
    ) {
        let plaintext = mixture(seed, len);
        let stream = member(&plaintext, &deflate(&plaintext, level, &flushes));
        check(&plaintext, &stream, ranges(&points, len), end.index(len + 1), tail)?;
    }

    #[test]
    fn cuts_at_the_very_edges_of_blocks(seed: u64, len in 50_000usize..500_000, level in 0u32..10, picks in prop::collection::vec((any::<prop::sample::Index>(), -1i64..2), 2..8)) {
        let plaintext = mixture(seed, len);
        let data = deflate(&plaintext, level, &[(len / 2, 0)]);
        let blocks = super::super::inflate::tests::blocks(&data);
        let points: Vec<usize> = picks.iter().map(|(index, by)| blocks[index.index(blocks.len())].1.saturating_add_signed(*by) as usize).collect();
        check(&plaintext, &member(&plaintext, &data), ranges(&points, len), len, 10)?;
    }

    #[test]
    fn streams_of_libdeflate_with_long_blocks(seed: u64, len in 0usize..1_500_000, level in 1i32..13, points in prop::collection::vec(any::<usize>(), 0..6)) {
        let plaintext: Vec<u8> = mixture(seed, len / 10 + 1).iter().copied().cycle().take(len).collect();
        let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::new(level).unwrap());
        let mut data = vec![0; compressor.deflate_compress_bound(len)];
        let size = compressor.deflate_compress(&plaintext, &mut data).unwrap();
        check(&plaintext, &member(&plaintext, &data[..size]), ranges(&points, len), len, 0)?;
    }
}

#[test]
fn a_small_cut_encodes_little_and_costs_little() {
    let plaintext = mixture(3, 20 << 20);
    let stream = member(&plaintext, &deflate(&plaintext, 6, &[]));
    let (out, encoded) = check(
        &plaintext,
        &stream,
        vec![5 << 20..6 << 20, 12 << 20..15 << 20],
        plaintext.len() - 100,
        100,
    )
    .unwrap();
    assert!(encoded < 700_000, "{encoded} bytes were encoded again");
    let kept = stream.len() * 16 / 20;
    assert!(
        out.len() < kept * 102 / 100,
        "{} for some {kept}",
        out.len()
    );
}

#[test]
fn cuts_that_do_not_fit_the_stream_are_an_error() {
    let plaintext = mixture(4, 100_000);
    let stream = member(&plaintext, &deflate(&plaintext, 6, &[]));
    let mut gunzip = Gunzip::new(stream.as_slice(), Trailer::Strict).with_checkpoints();
    while gunzip.next_piece().unwrap().is_some() {}
    let checkpoints = gunzip.checkpoints();
    let cuts = |drops: Vec<Range<u64>>, end| Cuts {
        drops,
        end,
        tail: Vec::new(),
        crc: 0,
        size: 0,
    };
    assert!(
        splice(
            stream.as_slice(),
            &checkpoints,
            &cuts(vec![10..200_000], 200_000),
            Vec::new(),
            6,
            1
        )
        .is_err()
    );
    assert!(
        splice(
            stream.as_slice(),
            &checkpoints,
            &cuts(vec![], 100_001),
            Vec::new(),
            6,
            1
        )
        .is_err()
    );
    assert!(splice(stream.as_slice(), &[], &cuts(vec![], 5), Vec::new(), 6, 1).is_err());
}

#[test]
fn a_stream_cut_short_is_told() {
    let plaintext = mixture(5, 300_000);
    let stream = member(&plaintext, &deflate(&plaintext, 6, &[]));
    let mut gunzip = Gunzip::new(stream.as_slice(), Trailer::Strict).with_checkpoints();
    while gunzip.next_piece().unwrap().is_some() {}
    let (_, cuts) = cut(&plaintext, vec![100..200], 299_999, 5);
    let short = &stream[..stream.len() / 2];
    assert!(splice(short, &gunzip.checkpoints(), &cuts, Vec::new(), 6, 1).is_err());
}
