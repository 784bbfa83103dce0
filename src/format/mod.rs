//! The formats: the outer tar, `backup.json`, SecureTar headers, and the entries of the inner tars.
//! This module reads and writes bytes and makes no decisions.
#![deny(clippy::indexing_slicing)]

pub mod manifest;
pub mod outer;
pub(crate) mod raw_json;
pub mod securetar;
pub mod tar;
