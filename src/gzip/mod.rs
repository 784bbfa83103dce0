//! gzip (RFC 1952) and deflate (RFC 1951): reads a stream with the position of every byte in it,
//! writes one as a single member on all cores, and changes it.
#![deny(clippy::indexing_slicing)]

mod bits;
mod checkpoints;
mod deflate;
mod edit;
mod error;
mod gunzip;
mod header;
mod inflate;
mod measure;
mod ordered;
mod recompress;
mod splice;
mod v1_footer;

pub use checkpoints::Checkpoint;
pub use deflate::{GzipWriter, Stretch};
pub use edit::{Edit, EditBuffer, Filter};
pub use error::GzipError;
pub use gunzip::{Gunzip, Summary, Trailer};
pub(crate) use header::OURS as HEADER;
pub use measure::{Packed, measure};
pub use recompress::{compress, copy_plain, inflate, rewrite};
pub(crate) use splice::FEW;
pub use splice::{Change, Changes, Patch, splice};
pub use v1_footer::{V1Footer, v1_footer};

/// The level of what was stored without compression. Home Assistant takes it for archives that it
/// does not encrypt; level 9 takes far longer and saves little more.
pub(crate) const NEW_LEVEL: u32 = 6;

/// Home Assistant's compression level: strong for what it encrypts, fast for everything else.
pub(crate) fn level(is_encrypted: bool) -> u32 {
    if is_encrypted { 9 } else { 6 }
}

#[cfg(test)]
mod tests;
