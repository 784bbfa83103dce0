//! Inflating, deflating and splicing, in bytes of plaintext per second.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::io::Write;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use haslim::gzip::{Checkpoint, Cuts, Gunzip, GzipWriter, Trailer, splice};
use haslim::pipe::Counter;

fn inflate(gzip: &[u8], checkpoints: bool) -> (u64, Vec<Checkpoint>) {
    let mut gunzip = Gunzip::new(gzip, Trailer::Strict);
    if checkpoints {
        gunzip = gunzip.with_checkpoints();
    }
    while gunzip.next_piece().unwrap().is_some() {}
    (gunzip.summary().plaintext_bytes, gunzip.checkpoints())
}

fn reading(criterion: &mut Criterion) {
    let tar = support::tar();
    let gzip = support::compressed(&tar);
    let mut group = criterion.benchmark_group("inflate");
    group.throughput(Throughput::Bytes(tar.len() as u64));
    group.bench_function("plain", |bencher| bencher.iter(|| inflate(&gzip, false)));
    group.bench_function("with checkpoints", |bencher| {
        bencher.iter(|| inflate(&gzip, true))
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

/// Runs of entries taken out of the middle: one long, and many short ones.
fn splicing(criterion: &mut Criterion) {
    let tar = support::tar();
    let gzip = support::compressed(&tar);
    let (_, checkpoints) = inflate(&gzip, true);
    let length = tar.len() as u64;
    let third = length / 3;
    let mut group = criterion.benchmark_group("splice");
    group.throughput(Throughput::Bytes(length));
    let long = std::iter::once(third..2 * third).collect();
    let short = (1..40)
        .map(|n| n * length / 40..n * length / 40 + 10_240)
        .collect();
    for (name, drops) in [("one cut", long), ("39 cuts", short)] {
        // Nobody reads the result, so its checksum is of no interest.
        let cuts = Cuts {
            drops,
            end: length - 10_240,
            tail: vec![0; 10_240],
            crc: 0,
            size: 0,
        };
        let run = || {
            splice(
                gzip.as_slice(),
                &checkpoints,
                &cuts,
                Counter::default(),
                9,
                support::threads(),
            )
            .unwrap()
        };
        group.bench_function(name, |bencher| bencher.iter(|| run().0.0));
    }
}

criterion_group! { name = benches; config = support::settings(); targets = reading, writing, splicing }
criterion_main!(benches);
