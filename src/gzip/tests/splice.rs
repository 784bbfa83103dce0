//! Compares spliced streams, read by zlib, libdeflate and miniz_oxide, with the same changes of a
//! slice.

#![allow(
    clippy::single_range_in_vec_init,
    reason = "one change is a list of one range"
)]

use std::io::{self, Read};
use std::ops::Range;

use proptest::prelude::*;

use super::super::inflate::tests::{deflate, mixture};
use super::super::{Change, Changes, Checkpoint, Gunzip, GzipError, Patch, Trailer, splice};

/// A gzip member around deflate data, with a name, as other programs write it.
fn member(plaintext: &[u8], data: &[u8]) -> Vec<u8> {
    let mut out = b"\x1f\x8b\x08\x08\0\0\0\0\0\x03name.tar\0".to_vec();
    out.extend_from_slice(data);
    out.extend(crc32fast::hash(plaintext).to_le_bytes());
    out.extend((plaintext.len() as u32).to_le_bytes());
    out
}

/// A range that goes, and the number of bytes in its place.
type Wish = (Range<u64>, Option<usize>);

/// A range of a plaintext by two numbers of any size, and the number of bytes in its place.
fn wish() -> impl Strategy<Value = (usize, usize, Option<usize>)> {
    let length = prop_oneof![
        2 => Just(0usize),
        2 => 1usize..2_000,
        2 => 1usize..100_000,
        1 => any::<usize>(),
    ];
    let put = prop_oneof![
        2 => Just(None),
        1 => Just(Some(0)),
        2 => (1usize..2_000).prop_map(Some),
        1 => (1usize..100_000).prop_map(Some),
    ];
    (any::<usize>(), length, put)
}

/// Ranges in order that do not overlap; some touch.
fn wishes(any: &[(usize, usize, Option<usize>)], len: usize) -> Vec<Wish> {
    let mut starts: Vec<_> = any.iter().map(|&(at, ..)| at % (len + 1)).collect();
    starts.sort_unstable();
    let ends = starts.iter().skip(1).copied().chain([len]);
    let range = |((start, end), &(_, most, put)): ((usize, usize), &(_, usize, _))| {
        (
            start as u64..start.saturating_add(most).min(end) as u64,
            put,
        )
    };
    starts
        .iter()
        .copied()
        .zip(ends)
        .zip(any)
        .map(range)
        .collect()
}

/// The bytes that are put in as the `number`th: some repeat what the stream has, some do not.
fn put(number: usize, old: &[u8], len: usize) -> Vec<u8> {
    let seed = crc32fast::hash(old) as u64 + number as u64;
    let mut new = mixture(seed, len);
    new.iter_mut()
        .zip(old)
        .take(len / 2)
        .for_each(|(new, old)| *new = *old);
    new
}

/// Puts in bytes of these lengths.
struct Puts {
    lengths: Vec<usize>,
    done: usize,
    tail: usize,
}

impl Patch for Puts {
    fn put(&mut self, old: &[u8]) -> io::Result<Vec<u8>> {
        let len = self.lengths.get(self.done).copied();
        self.done += 1;
        Ok(put(self.done, old, len.ok_or(GzipError::BadEdit)?))
    }

    fn tail(&mut self, _size: u64) -> Vec<u8> {
        vec![0; self.tail]
    }
}

/// The changes, the result of making them, and what puts the new bytes in.
fn changed(plaintext: &[u8], wishes: &[Wish], end: usize, tail: usize) -> (Changes, Vec<u8>, Puts) {
    let mut puts = Puts {
        lengths: Vec::new(),
        done: 0,
        tail,
    };
    let (mut list, mut result, mut at) = (Vec::new(), Vec::new(), 0);
    for (range, length) in wishes.iter().filter(|(range, _)| range.end <= end as u64) {
        let stays = &plaintext[at..range.start as usize];
        result.extend_from_slice(stays);
        if let Some(length) = length {
            puts.lengths.push(*length);
            let old = &plaintext[range.start as usize..range.end as usize];
            result.extend(put(puts.lengths.len(), old, *length));
        }
        list.push(Change {
            range: range.clone(),
            kept: crc32fast::hash(stays),
            puts: length.is_some(),
        });
        at = range.end as usize;
    }
    let stays = &plaintext[at..end];
    result.extend_from_slice(stays);
    result.resize(result.len() + tail, 0);
    let changes = Changes {
        list,
        end: end as u64,
        kept: crc32fast::hash(stays),
    };
    (changes, result, puts)
}

fn checkpoints(stream: &[u8]) -> Vec<Checkpoint> {
    let mut gunzip = Gunzip::new(stream, Trailer::Strict).with_checkpoints();
    while gunzip.next_piece().unwrap().is_some() {}
    gunzip.checkpoints()
}

/// Splices, and has all libraries read the result.
fn check(
    plaintext: &[u8],
    stream: &[u8],
    wishes: &[Wish],
    end: usize,
    tail: usize,
) -> Result<(Vec<u8>, u64), TestCaseError> {
    let checkpoints = checkpoints(stream);
    let (changes, wanted, mut puts) = changed(plaintext, wishes, end, tail);
    let mut spliced = |threads| {
        puts.done = 0;
        splice(
            stream,
            &checkpoints,
            &changes,
            &mut puts,
            Vec::new(),
            6,
            threads,
        )
        .unwrap()
    };
    let (out, encoded) = spliced(2);
    prop_assert!(spliced(7).0 == out, "the number of threads shows");
    prop_assert_eq!(puts.done, puts.lengths.len());
    prop_assert_eq!(&out[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
    let mut ours = Gunzip::new(out.as_slice(), Trailer::Strict);
    let mut read = Vec::new();
    while let Some(piece) = ours.next_piece().unwrap() {
        read.extend_from_slice(piece);
    }
    prop_assert!(read == wanted, "our own reader");
    prop_assert_eq!(
        (ours.summary().members, ours.summary().trailing_bytes),
        (1, 0)
    );
    let mut zlib = Vec::new();
    flate2::bufread::GzDecoder::new(out.as_slice())
        .read_to_end(&mut zlib)
        .unwrap();
    prop_assert!(zlib == wanted, "zlib");
    let mut room = vec![0; wanted.len()];
    prop_assert_eq!(
        libdeflater::Decompressor::new().gzip_decompress(&out, &mut room),
        Ok(wanted.len())
    );
    prop_assert!(room == wanted, "libdeflate");
    let miniz = miniz_oxide::inflate::decompress_to_vec(&out[10..out.len() - 8]).unwrap();
    prop_assert!(miniz == wanted, "miniz_oxide");
    Ok((out, encoded))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_changes_of_any_stream_give_exactly_the_wanted_bytes(
        seed: u64, len in 0usize..600_000, level in 0u32..10,
        flushes in prop::collection::vec((0usize..600_000, 0u8..3), 0..8),
        changes in prop::collection::vec(wish(), 0..8),
        end: prop::sample::Index, tail in 0usize..2000,
    ) {
        let plaintext = mixture(seed, len);
        let stream = member(&plaintext, &deflate(&plaintext, level, &flushes));
        check(&plaintext, &stream, &wishes(&changes, len), end.index(len + 1), tail)?;
    }

    #[test]
    fn changes_at_the_very_edges_of_blocks(seed: u64, len in 50_000usize..500_000, level in 0u32..10, picks in prop::collection::vec((any::<prop::sample::Index>(), -1i64..2, wish()), 1..6)) {
        let plaintext = mixture(seed, len);
        let data = deflate(&plaintext, level, &[(len / 2, 0)]);
        let blocks = super::super::inflate::tests::blocks(&data);
        let at = |(index, by, (_, most, put)): &(prop::sample::Index, i64, (usize, usize, Option<usize>))| {
            (blocks[index.index(blocks.len())].1.saturating_add_signed(*by) as usize, *most, *put)
        };
        let changes: Vec<_> = picks.iter().map(at).collect();
        check(&plaintext, &member(&plaintext, &data), &wishes(&changes, len), len, 10)?;
    }

    #[test]
    fn streams_of_libdeflate_with_long_blocks(seed: u64, len in 0usize..1_500_000, level in 1i32..13, changes in prop::collection::vec(wish(), 0..4)) {
        let plaintext: Vec<u8> = mixture(seed, len / 10 + 1).iter().copied().cycle().take(len).collect();
        let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::new(level).unwrap());
        let mut data = vec![0; compressor.deflate_compress_bound(len)];
        let size = compressor.deflate_compress(&plaintext, &mut data).unwrap();
        check(&plaintext, &member(&plaintext, &data[..size]), &wishes(&changes, len), len, 0)?;
    }
}

#[test]
fn a_small_cut_encodes_little_and_costs_little() {
    let plaintext = mixture(3, 20 << 20);
    let stream = member(&plaintext, &deflate(&plaintext, 6, &[]));
    let (out, encoded) = check(
        &plaintext,
        &stream,
        &[(5 << 20..6 << 20, None), (12 << 20..15 << 20, None)],
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
fn a_replaced_header_encodes_little_and_costs_little() {
    let plaintext = mixture(3, 20 << 20);
    let stream = member(&plaintext, &deflate(&plaintext, 6, &[]));
    let changes: Vec<Wish> = (1..11)
        .map(|at| ((at << 20)..(at << 20) + 512, Some(1536)))
        .collect();
    let (out, encoded) = check(&plaintext, &stream, &changes, plaintext.len() - 100, 100).unwrap();
    assert!(encoded < 2_000_000, "{encoded} bytes were encoded again");
    assert!(
        out.len() < stream.len() * 102 / 100,
        "{} after {}",
        out.len(),
        stream.len()
    );
}

#[test]
fn changes_that_do_not_fit_the_stream_are_an_error() {
    let plaintext = mixture(4, 100_000);
    let stream = member(&plaintext, &deflate(&plaintext, 6, &[]));
    let known = checkpoints(&stream);
    let fails = |checkpoints: &[Checkpoint], ranges: &[Range<u64>], end| {
        let change = |range: &Range<u64>| Change {
            range: range.clone(),
            kept: 0,
            puts: range.start % 2 == 1,
        };
        let changes = Changes {
            list: ranges.iter().map(change).collect(),
            end,
            kept: 0,
        };
        let mut puts = Puts {
            lengths: vec![5; 9],
            done: 0,
            tail: 0,
        };
        splice(
            stream.as_slice(),
            checkpoints,
            &changes,
            &mut puts,
            Vec::new(),
            6,
            1,
        )
        .is_err()
    };
    assert!(!fails(&known, &[10..20, 21..30], 100_000));
    assert!(
        fails(&[], &[10..20, 21..30], 100_000),
        "there is no place to begin"
    );
    assert!(
        fails(&known, &[10..200_000], 200_000),
        "it removes more than there is"
    );
    assert!(
        fails(&known, &[11..200_000], 200_000),
        "it replaces more than there is"
    );
    assert!(fails(&known, &[], 100_001), "the end is behind the end");
    assert!(fails(&known, &[10..20, 15..30], 100_000), "they overlap");
    assert!(
        fails(&known, &[50..60, 15..30], 100_000),
        "they are out of order"
    );
}

#[test]
fn an_error_of_the_patch_stops_the_splicing() {
    let plaintext = mixture(4, 100_000);
    let stream = member(&plaintext, &deflate(&plaintext, 6, &[]));
    let (changes, _, mut puts) = changed(&plaintext, &[(5..10, Some(3))], 100_000, 0);
    puts.lengths.clear();
    assert!(
        splice(
            stream.as_slice(),
            &checkpoints(&stream),
            &changes,
            &mut puts,
            Vec::new(),
            6,
            1
        )
        .is_err()
    );
}

#[test]
fn a_stream_cut_short_is_told() {
    let plaintext = mixture(5, 300_000);
    let stream = member(&plaintext, &deflate(&plaintext, 6, &[]));
    for put in [None, Some(7)] {
        let (changes, _, mut puts) = changed(&plaintext, &[(100..200, put)], 299_999, 5);
        let short = &stream[..stream.len() / 2];
        let known = checkpoints(&stream);
        assert!(splice(short, &known, &changes, &mut puts, Vec::new(), 6, 1).is_err());
    }
}
