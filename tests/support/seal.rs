//! Parts encrypted with SecureTar, for tests that damage them.

use std::io::Write;
use std::sync::OnceLock;

use haslim::crypt::{Encrypter, KeyRing, Password};
use haslim::format::securetar::V3Salts;

use super::{PASSWORD, make};

/// Bytes of the headers.
pub const V2_HEADER: usize = 48;
pub const V3_HEADER: usize = 136;
/// The size of a whole encrypted chunk of v3.
pub const SEALED: usize = (1 << 20) + 17;

/// The key ring for the password that the tests use, with the salts of all archives.
fn keys() -> &'static (KeyRing, V3Salts) {
    static KEYS: OnceLock<(KeyRing, V3Salts)> = OnceLock::new();
    KEYS.get_or_init(|| {
        let ring = ring(PASSWORD);
        let salts = ring.new_v3_salts().unwrap();
        (ring, salts)
    })
}

pub fn ring(password: &str) -> KeyRing {
    KeyRing::new(Password::new(password.into()))
}

/// A part in v3, with the salts that all tests share.
pub fn v3(stream: &[u8]) -> Vec<u8> {
    v3_under(&keys().0, &keys().1, stream)
}

/// A part in v3 with another key and other salts.
pub fn v3_of(password: &str, stream: &[u8]) -> Vec<u8> {
    let ring = ring(password);
    v3_under(&ring, &ring.new_v3_salts().unwrap(), stream)
}

fn v3_under(ring: &KeyRing, salts: &V3Salts, stream: &[u8]) -> Vec<u8> {
    sealed(Encrypter::new_v3(Vec::new(), ring, salts).unwrap(), stream)
}

/// A part in v2.
pub fn v2(stream: &[u8]) -> Vec<u8> {
    v2_of(PASSWORD, stream)
}

pub fn v2_of(password: &str, stream: &[u8]) -> Vec<u8> {
    sealed(
        Encrypter::new_v2(Vec::new(), &ring(password)).unwrap(),
        stream,
    )
}

fn sealed(mut encrypter: Encrypter<Vec<u8>>, stream: &[u8]) -> Vec<u8> {
    let mut out = encrypter.header(stream.len() as u64).to_bytes();
    encrypter.write_all(stream).unwrap();
    out.extend(encrypter.finish().unwrap().0);
    out
}

/// The same part with another plaintext size in its header.
pub fn claiming(mut part: Vec<u8>, size: u64) -> Vec<u8> {
    part[16..24].copy_from_slice(&size.to_be_bytes());
    part
}

/// A backup whose `media` is this part; `share` is correct and in v3.
pub fn backup(media: &[u8]) -> Vec<u8> {
    make::backup(media, &v3(&make::share()), true)
}

/// A backup whose `media` is this part; `share` is correct and in v2.
pub fn backup_v2(media: &[u8]) -> Vec<u8> {
    make::backup(media, &v2(&make::share()), true)
}
