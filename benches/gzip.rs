//! Inflating, deflating and splicing, in bytes of plaintext per second.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::io::{self, Write};
use std::ops::Range;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flate2::{Decompress, FlushDecompress, Status};
use haslim::bench::make;
use haslim::gzip::{Change, Changes, Checkpoint, Gunzip, GzipWriter, Patch, Trailer, splice};
use haslim::pipe::Counter;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

/// The header length in the output of `support::compressed`, which has no extra fields.
const HEADER: usize = 10;

fn inflate(gzip: &[u8], checkpoints: bool) -> (u64, Vec<Checkpoint>) {
    let mut gunzip = Gunzip::new(gzip, Trailer::Strict);
    if checkpoints {
        gunzip = gunzip.with_checkpoints();
    }
    while gunzip.next_piece().unwrap().is_some() {}
    (gunzip.summary().plaintext_bytes, gunzip.checkpoints())
}

/// The same with zlib-rs, which does not report where blocks begin: bytes of plaintext, checksum.
fn inflate_by_zlib_rs(gzip: &[u8]) -> (u64, u32) {
    let mut inflate = Decompress::new(false);
    let (mut piece, mut crc) = (vec![0; 64 << 10], crc32fast::Hasher::new());
    loop {
        let (read, written) = (inflate.total_in() as usize, inflate.total_out());
        let rest = &gzip[HEADER + read..];
        let status = inflate.decompress(rest, &mut piece, FlushDecompress::None);
        crc.update(&piece[..(inflate.total_out() - written) as usize]);
        if status.unwrap() == Status::StreamEnd {
            return (inflate.total_out(), crc.finalize());
        }
    }
}

/// The same with miniz_oxide, which stops where blocks begin.
fn inflate_by_miniz_oxide(gzip: &[u8]) -> (u64, u32) {
    let mut inflate = DecompressorOxide::new();
    let (mut window, mut crc) = (vec![0; 256 << 10], crc32fast::Hasher::new());
    let (mut read, mut written, mut at) = (HEADER, 0, 0);
    let flags = inflate_flags::TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY;
    loop {
        let (status, used, got) = decompress(&mut inflate, &gzip[read..], &mut window, at, flags);
        crc.update(&window[at..at + got]);
        (read, written) = (read + used, written + got as u64);
        at = (at + got) % window.len();
        match status {
            TINFLStatus::Done => return (written, crc.finalize()),
            TINFLStatus::BlockBoundary | TINFLStatus::HasMoreOutput => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The same with libdeflate, which needs the whole input and the size of the plaintext at once.
fn inflate_by_libdeflate(gzip: &[u8], plaintext: &mut [u8]) -> usize {
    let mut decompressor = libdeflater::Decompressor::new();
    decompressor.gzip_decompress(gzip, plaintext).unwrap()
}

/// Each kind of contents on its own, beside libdeflate: sources, a database, object files,
/// recordings.
fn kinds(criterion: &mut Criterion) {
    for part in [
        "a0d7b954_nodered",
        "core_mariadb",
        "5c53de3b_esphome",
        "media",
    ] {
        let mut tar = Vec::new();
        make::part(support::RECIPE, part, &mut tar).unwrap();
        let gzip = support::compressed(&tar);
        let mut group = criterion.benchmark_group(format!("inflate {part}"));
        group.throughput(Throughput::Bytes(tar.len() as u64));
        group.bench_function("here", |bencher| bencher.iter(|| inflate(&gzip, false)));
        let mut plaintext = vec![0; tar.len()];
        group.bench_function("libdeflate", |bencher| {
            bencher.iter(|| inflate_by_libdeflate(&gzip, &mut plaintext))
        });
        assert!(plaintext == tar);
    }
}

/// All decoders in one run, so that their ratios can be compared.
fn reading(criterion: &mut Criterion) {
    let tar = support::tar();
    let gzip = support::compressed(&tar);
    let mut group = criterion.benchmark_group("inflate");
    group.throughput(Throughput::Bytes(tar.len() as u64));
    group.bench_function("plain", |bencher| bencher.iter(|| inflate(&gzip, false)));
    group.bench_function("with checkpoints", |bencher| {
        bencher.iter(|| inflate(&gzip, true))
    });
    let whole = (tar.len() as u64, crc32fast::hash(&tar));
    assert_eq!(inflate_by_zlib_rs(&gzip), whole);
    assert_eq!(inflate_by_miniz_oxide(&gzip), whole);
    group.bench_function("zlib-rs", |bencher| {
        bencher.iter(|| inflate_by_zlib_rs(&gzip))
    });
    group.bench_function("miniz_oxide", |bencher| {
        bencher.iter(|| inflate_by_miniz_oxide(&gzip))
    });
}

fn writing(criterion: &mut Criterion) {
    let tar = support::tar();
    let mut group = criterion.benchmark_group("deflate");
    group
        .throughput(Throughput::Bytes(tar.len() as u64))
        .sample_size(10);
    for level in [6, 9] {
        group.bench_function(format!("level {level}"), |bencher| {
            bencher.iter(|| {
                let mut gzip =
                    GzipWriter::new(Counter::default(), level, support::threads()).unwrap();
                gzip.write_all(&tar).unwrap();
                gzip.finish().unwrap().0
            });
        });
    }
}

/// Puts in headers and an end as long as a tar's.
struct Blocks;

impl Patch for Blocks {
    fn put(&mut self, old: &[u8]) -> io::Result<Vec<u8>> {
        Ok(old.iter().map(|byte| !byte).collect())
    }

    fn tail(&mut self, _size: u64) -> Vec<u8> {
        vec![0; 10_240]
    }
}

/// Runs of entries removed from the middle, one long, and many short ones; and headers replaced.
fn splicing(criterion: &mut Criterion) {
    let tar = support::tar();
    let gzip = support::compressed(&tar);
    let (_, checkpoints) = inflate(&gzip, true);
    let length = tar.len() as u64;
    let third = length / 3;
    let mut group = criterion.benchmark_group("splice");
    group.throughput(Throughput::Bytes(length));
    let long = std::iter::once(third..2 * third).collect();
    let many = |bytes| {
        (1..40)
            .map(|n| n * length / 40..n * length / 40 + bytes)
            .collect()
    };
    let cases: [(&str, Vec<Range<u64>>, bool); 3] = [
        ("one cut", long, false),
        ("39 cuts", many(10_240), false),
        ("39 new headers", many(512), true),
    ];
    for (name, ranges, puts) in cases {
        // The result is never read, so its checksums do not matter.
        let change = |range| Change {
            range,
            kept: 0,
            puts,
        };
        let changes = Changes {
            list: ranges.into_iter().map(change).collect(),
            end: length - 10_240,
            kept: 0,
        };
        let run = || {
            splice(
                gzip.as_slice(),
                &checkpoints,
                &changes,
                &mut Blocks,
                Counter::default(),
                9,
                support::threads(),
            )
            .unwrap()
        };
        group.bench_function(name, |bencher| bencher.iter(|| run().0.0));
    }
}

criterion_group! { name = benches; config = support::settings(); targets = reading, kinds, writing, splicing }
criterion_main!(benches);
