//! The formats: the outer tar, `backup.json`, SecureTar headers, and the
//! entries of the inner tars. Everything here is about bytes; nothing decides.
#![deny(clippy::indexing_slicing)]

pub mod assemble;
pub mod block;
pub mod entry;
pub mod manifest;
pub mod outer;
pub mod path;
pub mod pax;
mod raw_json;
pub mod secure;
