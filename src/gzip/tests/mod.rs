//! Tests of the whole module: written data can be read, and damage is reported.

mod deflate;
mod edit;
mod gunzip;
mod splice;

use std::io::{self, Write};

use super::{GzipError, GzipWriter};

/// Plaintext that is moderately compressible, the same on every run.
fn sample(len: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    let mut out = Vec::with_capacity(len + 64);
    while out.len() < len {
        let word = next() % 500;
        out.extend_from_slice(format!("{word:x} ").as_bytes());
        if next() % 10 == 0 {
            out.extend_from_slice(&next().to_le_bytes());
        }
    }
    out.truncate(len);
    out
}

/// One member as haslim writes it.
fn gzip(plaintext: &[u8], level: u32, threads: usize) -> Vec<u8> {
    let mut writer = GzipWriter::new(Vec::new(), level, threads).unwrap();
    writer.write_all(plaintext).unwrap();
    writer.finish().unwrap()
}

/// The [`GzipError`] inside an I/O error.
fn own(error: &io::Error) -> &GzipError {
    error
        .get_ref()
        .and_then(|e| e.downcast_ref::<crate::Error>())
        .and_then(|e| std::error::Error::source(e)?.downcast_ref())
        .unwrap_or_else(|| panic!("not ours: {error}"))
}
