//! Passwords, keys, and the layer between ciphertext and gzip or tar.
//!
//! [`KeyRing`] derives keys from a password, [`Decrypter`] reads a member of any SecureTar version,
//! [`Encrypter`] writes version 2 or 3. [`crate::format::securetar`] handles the header before the
//! ciphertext.
//!
//! Keys are wiped from memory when dropped, and no type here prints one. This module never reuses a
//! salt or nonce: only `Encrypter` creates them, at random, one set per stream.
#![deny(clippy::indexing_slicing)]

mod cbc;
mod chunked;
mod decrypter;
mod encrypter;
mod error;
mod key;
pub mod secretstream;
mod spelling;

#[cfg(test)]
mod tests;

pub use crate::format::securetar::looks_plain;
pub use decrypter::{Decrypter, End, LARGEST_READ};
pub use encrypter::Encrypter;
pub use error::CryptError;
pub use key::{KeyRing, MAX_ROOT_SALTS, Password};
pub use spelling::is_dash;
