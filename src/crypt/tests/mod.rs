//! Tests of the whole module, and their shared helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod damage;
mod growing;
mod oracle;
mod round_trip;
mod secrets;
mod securetar;
mod v1;
mod vectors;

use std::io::{self, Read, Write};
use std::sync::OnceLock;

use super::{CryptError, Decrypter, Encrypter, End, KeyRing, Password};
use crate::format::securetar::{Layer, SecureHeader, V3Salts, sniff};

const PASSWORD: &str = "Päss-wörd 1234";
const MIB: usize = 1 << 20;

/// One key ring for all tests, since Argon2 is slow on purpose.
fn keys() -> &'static KeyRing {
    static KEYS: OnceLock<KeyRing> = OnceLock::new();
    KEYS.get_or_init(|| KeyRing::new(Password::new(PASSWORD.into())))
}

/// One set of salts for all archives that the tests write.
fn salts() -> &'static V3Salts {
    static SALTS: OnceLock<V3Salts> = OnceLock::new();
    SALTS.get_or_init(|| keys().new_v3_salts().unwrap())
}

/// The bytes in the vectors.
fn pattern(len: usize) -> Vec<u8> {
    (0..len as u64)
        .map(|i| ((i * i / 7 + i * 31) % 251) as u8)
        .collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Splits a member into its header and ciphertext.
fn open(member: &[u8]) -> (SecureHeader, &[u8]) {
    let Layer::Secure(header) = sniff(member, true).unwrap() else {
        panic!("taken for plain")
    };
    let ciphertext = &member[header.len()..];
    (header, ciphertext)
}

fn decrypter<'a>(member: &'a [u8], keys: &KeyRing) -> Result<Decrypter<&'a [u8]>, CryptError> {
    let (header, ciphertext) = open(member);
    Decrypter::new(ciphertext, &header, ciphertext.len() as u64, keys, true)
}

/// Reads a member to its end, with all checks.
fn decrypt(member: &[u8]) -> io::Result<(Vec<u8>, End)> {
    let mut reader = decrypter(member, keys())?;
    let mut out = Vec::new();
    reader.read_to_end(&mut out)?;
    Ok((out, reader.finish()?.1))
}

/// The crypt error returned for a member.
fn error_of(member: &[u8]) -> CryptError {
    let error = decrypt(member).expect_err("a damaged member was read without complaint");
    CryptError::in_io(&error)
        .unwrap_or_else(|| panic!("not a crypt error: {error}"))
        .clone()
}

fn encrypt(mut encrypter: Encrypter<Vec<u8>>, data: &[u8], step: usize) -> Vec<u8> {
    let mut start = encrypter.header(data.len() as u64).to_bytes();
    for piece in data.chunks(step) {
        encrypter.write_all(piece).unwrap();
    }
    let (ciphertext, len) = encrypter.finish().unwrap();
    assert_eq!(len, data.len() as u64);
    start.extend(ciphertext);
    start
}

fn v2(data: &[u8]) -> Vec<u8> {
    encrypt(Encrypter::new_v2(Vec::new(), keys()).unwrap(), data, 7777)
}

fn v3(data: &[u8]) -> Vec<u8> {
    encrypt(
        Encrypter::new_v3(Vec::new(), keys(), salts()).unwrap(),
        data,
        7777,
    )
}
