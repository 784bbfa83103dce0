//! Checks that the program's output can be restored: every fixture, every trap of the formats, and
//! every repair. One binary, because linking each takes longer than running it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods
)]

mod entry;
mod fixtures;
mod repair;
#[path = "../support/mod.rs"]
mod support;
mod traps;
