//! What must hold when something fails around the program: its input, its output, its memory, other
//! programs. Tests that need root or a tracer are in the script `run` beside this file.
#![cfg(unix)] // These tests use signals, pipes with names, limits of processes and /proc.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods
)]

mod clock;
mod corrupted;
mod early;
mod flips;
mod fresh;
mod input;
mod job;
mod limits;
mod output;
mod paused;
mod pipes;
mod signals;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

use support::*;

/// The program, for tests that need more than a finished run.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_haslim");

/// The number in this variable, for long runs; otherwise a number that is enough for everyday runs.
pub fn count(variable: &str, everyday: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
        Err(_) => everyday,
    }
}

/// A folder that contains only a copy of a fixture, which must be unchanged at the end.
pub struct Place {
    /// The folder.
    pub scratch: Scratch,
    /// The copy.
    pub input: PathBuf,
    before: Fingerprint,
}

impl Place {
    /// Puts the copy there.
    pub fn new(fixture: &str) -> Self {
        let scratch = Scratch::new();
        let input = scratch.copy(fixture);
        let before = Fingerprint::of(&input);
        Self {
            scratch,
            input,
            before,
        }
    }

    /// Where the output goes.
    pub fn output(&self) -> PathBuf {
        self.scratch.path("out.tar")
    }

    /// Asserts that the folder contains the unchanged input, these files, and nothing else.
    #[track_caller]
    pub fn holds(&self, others: &[&str], what: &str) {
        let input = self.input.file_name().unwrap().to_str().unwrap();
        let mut names: Vec<&str> = others.iter().copied().chain([input]).collect();
        names.sort();
        assert_eq!(self.scratch.listing(), names, "{what}");
        assert_eq!(Fingerprint::of(&self.input), self.before, "{what}");
    }
}
