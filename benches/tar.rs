//! Walking the entries of an inner tar, in bytes of plaintext per second.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use haslim::bench::make;
use haslim::format::tar::block::TarError;
use haslim::format::tar::header::Header;
use haslim::format::tar::walk::{Visitor, Walker};

/// The size of the decoder's pieces.
const PIECE: usize = 64 << 10;

/// Counts entries and bytes of data.
#[derive(Default)]
struct Count(u64, u64);

impl Visitor for Count {
    fn entry(&mut self, _: &Header, _: u64) -> Result<(), TarError> {
        self.0 += 1;
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        self.1 += bytes.len() as u64;
        Ok(())
    }
}

/// A part with few large files, and one with many small ones.
fn walk(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("walk");
    for part in ["homeassistant", "a0d7b954_nodered"] {
        let mut tar = Vec::new();
        make::part(support::RECIPE, part, &mut tar).unwrap();
        group.throughput(Throughput::Bytes(tar.len() as u64));
        group.bench_function(part, |bencher| {
            bencher.iter(|| {
                let (mut walker, mut count) = (Walker::default(), Count::default());
                tar.chunks(PIECE)
                    .for_each(|piece| walker.feed(piece, &mut count).unwrap());
                walker.finish().unwrap();
                (count.0, count.1)
            });
        });
    }
}

criterion_group! { name = benches; config = support::settings(); targets = walk }
criterion_main!(benches);
