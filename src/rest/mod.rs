//! A rest: everything that a smaller copy lacks, as a backup of its own, and the original from
//! both.
//!
//! A rest holds every part that the copy lacks or holds only in part, byte for byte, so Home
//! Assistant restores it as it restores any partial backup. Its `extra.haslim` also has a
//! [`Record`] of the original: its size, its SHA-256, and all its bytes outside the parts. With
//! that, [`join()`] puts the original together again, bit for bit.
#![deny(clippy::indexing_slicing)]

mod digest;
mod join;
mod record;

pub use digest::{Digest, digest, hex};
pub use join::{Joined, join};
pub use record::{Held, Piece, Record};
