//! SecureTar headers and ciphertexts, from any bytes; and from valid ones with damage.

use std::io::{Read, Write};
use std::sync::OnceLock;

use haslim::crypt::{Decrypter, Encrypter, KeyRing, Password};
use haslim::format::securetar::{Layer, SNIFF_LEN, SecureHeader, V3Salts, Version, sniff};

/// The fixtures' password.
const PASSWORD: &str = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG";

/// One root key for all: Argon2 is slow on purpose.
fn keys() -> &'static (KeyRing, V3Salts) {
    static KEYS: OnceLock<(KeyRing, V3Salts)> = OnceLock::new();
    KEYS.get_or_init(|| {
        let keys = KeyRing::new(Password::new(PASSWORD.into()));
        let salts = keys.new_v3_salts().unwrap();
        (keys, salts)
    })
}

pub fn run(data: &[u8]) {
    match data {
        [choice, rest @ ..] if choice & 1 == 0 => foreign(rest, choice & 2 != 0),
        [choice, at @ ..] if at.len() > 4 => {
            let (place, plaintext) = at.split_at(4);
            let place = u32::from_le_bytes(place.try_into().unwrap()) as usize;
            damaged(plaintext, choice >> 1, place);
        }
        _ => {}
    }
}

/// Any bytes as a part: its header is written as it was read, and reading it ends.
fn foreign(bytes: &[u8], compressed: bool) {
    let Ok(Layer::Secure(mut header)) = sniff(&bytes[..bytes.len().min(SNIFF_LEN)], compressed)
    else {
        return;
    };
    let (head, ciphertext) = bytes.split_at(header.len());
    assert_eq!(header.to_bytes(), head);
    let (keys, known) = keys();
    if let SecureHeader::V3 { salts, .. } = &mut header {
        *salts = *known;
    }
    let Ok(mut decrypter) = Decrypter::new(
        ciphertext,
        &header,
        ciphertext.len() as u64,
        keys,
        compressed,
    ) else {
        return;
    };
    let _ = decrypter.starts_plain();
    let mut plaintext = Vec::new();
    if decrypter.read_to_end(&mut plaintext).is_ok() && decrypter.finish().is_ok() {
        assert!(
            header
                .plaintext_size()
                .is_none_or(|size| size == plaintext.len() as u64)
        );
    }
}

/// A valid part with one kind of damage: version 3 detects it, or it does not matter.
fn damaged(plaintext: &[u8], damage: u8, place: usize) {
    let (keys, salts) = keys();
    let (version, damage) = if damage & 1 == 0 {
        (Version::V2, damage >> 1)
    } else {
        (Version::V3, damage >> 1)
    };
    let encrypter = match version {
        Version::V2 => Encrypter::new_v2(Vec::new(), keys),
        _ => Encrypter::new_v3(Vec::new(), keys, salts),
    };
    let mut encrypter = encrypter.unwrap();
    encrypter.write_all(plaintext).unwrap();
    let head = encrypter.header(plaintext.len() as u64).to_bytes();
    let mut bytes = [head, encrypter.finish().unwrap().0].concat();
    let len = bytes.len();
    match damage % 4 {
        0 => {}
        // Not in the salts: each wrong one would cost a run of Argon2.
        1 => {
            bytes[if version == Version::V3 {
                96 + place % (len - 96)
            } else {
                place % len
            }] ^= 1 << (damage >> 2 & 7)
        }
        2 => bytes.truncate(place % len),
        _ => bytes[16 + place % 8] ^= 1 << (damage >> 2 & 7),
    }
    let read = || -> std::io::Result<Vec<u8>> {
        let layer =
            sniff(&bytes[..bytes.len().min(SNIFF_LEN)], true).map_err(std::io::Error::other)?;
        let Layer::Secure(header) = layer else {
            return Err(std::io::Error::other("plain"));
        };
        let ciphertext = &bytes[header.len()..];
        let mut decrypter =
            Decrypter::new(ciphertext, &header, ciphertext.len() as u64, keys, true)
                .map_err(std::io::Error::other)?;
        let mut plaintext = Vec::new();
        decrypter.read_to_end(&mut plaintext)?;
        decrypter.finish()?;
        Ok(plaintext)
    };
    match (damage % 4, read()) {
        (0, read) => assert!(read.unwrap() == plaintext, "not what was encrypted"),
        (_, Ok(_)) if version == Version::V3 => panic!("damage was not told"),
        _ => {}
    }
}
