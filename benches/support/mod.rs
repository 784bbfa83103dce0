//! What every bench needs: generated plaintext, keys, settings.
#![allow(dead_code, reason = "each bench uses its own share")]
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::sync::Arc;

use criterion::Criterion;
use haslim::bench::make::{self, Recipe};
use haslim::crypt::{KeyRing, Password};
use haslim::gzip::GzipWriter;
use haslim::pipe::{Control, Silent};

/// The recipe of the generated parts: large enough for steady rates, small enough for `cargo test
/// --benches`.
pub const RECIPE: Recipe = Recipe {
    size: 20_000_000,
    seed: 0,
    sources: None,
};

/// Fewer samples than usual, because one takes tens of milliseconds or more.
pub fn settings() -> Criterion {
    Criterion::default().sample_size(20)
}

/// A key for the data encrypted here.
pub fn keys() -> KeyRing {
    KeyRing::new(Password::new("AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG".into()))
}

/// All threads, and no progress reports.
pub fn control() -> Control {
    Control::new(Arc::new(Silent), Arc::default(), threads())
}

pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The tar of a configuration directory: a database, sources, pictures and clips, 9 MB.
pub fn tar() -> Vec<u8> {
    let mut tar = Vec::new();
    make::part(RECIPE, "homeassistant", &mut tar).unwrap();
    tar
}

/// The same, compressed as in an encrypted backup.
pub fn compressed(tar: &[u8]) -> Vec<u8> {
    let mut gzip = GzipWriter::new(Vec::new(), 9, threads()).unwrap();
    gzip.write_all(tar).unwrap();
    gzip.finish().unwrap()
}
