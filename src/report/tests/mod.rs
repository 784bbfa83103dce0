//! Tests of the sentences about plans.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

mod leftovers;
pub(crate) mod options;
