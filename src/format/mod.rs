//! The formats: the outer tar, `backup.json`, SecureTar headers, and the
//! entries of the inner tars. Everything here is about bytes; nothing decides.
#![deny(clippy::indexing_slicing)]

pub mod manifest;
pub mod outer;
mod raw_json;
pub mod securetar;
pub mod tar;
