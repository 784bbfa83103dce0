//! Tests of whole plans over sketched backups: no file is read.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

mod catalogue;
mod compression;
mod groups;
mod named;
mod properties;
mod restore;
mod scan;
pub(crate) mod sketch;
mod table;
mod words;

use super::*;
use sketch::{RECORD, Sketch, Wish, plan_of, said, said_of};
