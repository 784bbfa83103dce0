//! Headers read, written, and refused.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::Error;

#[test]
fn a_byte_of_the_plaintext_is_found_in_the_ciphertext() {
    let chunk = CHUNK as u64;
    for (plaintext, ciphertext) in [
        (0, 1),
        (5, 6),
        (chunk - 1, chunk),
        (chunk, chunk + 18),
        (3 * chunk + 7, 3 * (chunk + 17) + 8),
    ] {
        assert_eq!(
            ciphertext_position(Version::V3, plaintext),
            ciphertext,
            "{plaintext}"
        );
        assert_eq!(ciphertext_position(Version::V2, plaintext), plaintext);
    }
}
use crate::Kind;
use crate::format::tar::block::set_checksum;

fn v3() -> SecureHeader {
    SecureHeader::V3 {
        plaintext_size: 0x0102_0304_0506_0708,
        reserved: [9; 8],
        salts: V3Salts {
            root_salt: [1; 16],
            validation_salt: [2; 16],
            validation_key: [3; 32],
        },
        derivation_salt: [4; 16],
        stream_header: [5; 24],
    }
}

fn v2() -> SecureHeader {
    SecureHeader::V2 {
        plaintext_size: 77,
        reserved: [0; 8],
        salt: [6; 16],
    }
}

#[test]
fn a_header_written_is_the_header_read() {
    for (header, len, reserved) in [(v2(), 48, false), (v3(), 136, true)] {
        let bytes = header.to_bytes();
        assert_eq!((bytes.len(), header.len()), (len, len));
        assert_eq!(header.reserved_set(), reserved);
        let followed = [&bytes[..], &[0xaa; 999]].concat();
        for compressed in [false, true] {
            assert_eq!(sniff(&bytes, compressed), Ok(Layer::Secure(header.clone())));
            assert_eq!(
                sniff(&followed, compressed),
                Ok(Layer::Secure(header.clone()))
            );
        }
    }
    assert_eq!(
        v3().to_bytes()[16..24],
        [1, 2, 3, 4, 5, 6, 7, 8],
        "sizes are big-endian"
    );
}

#[test]
fn every_truncation_of_a_marked_header_is_too_short() {
    for header in [v2(), v3()] {
        let bytes = header.to_bytes();
        for len in 9..bytes.len() {
            let error = sniff(&bytes[..len], true).unwrap_err();
            assert!(
                matches!(error, HeaderError::TooShort { found, .. } if found == len as u64),
                "{len}: {error}"
            );
            assert_eq!(Error::from(error).kind(), Kind::Damaged);
        }
    }
}

#[test]
fn short_members_are_damaged() {
    for len in [0, 10, 15, 16, 17, 100, 511] {
        let error = sniff(&vec![0x42; len], true).unwrap_err();
        assert_eq!(Error::from(error).kind(), Kind::Damaged, "{len} bytes");
    }
}

#[test]
fn unknown_versions_and_used_id_bytes_are_refused() {
    for version in [0, 1, 4, 255] {
        let mut bytes = v3().to_bytes();
        bytes[9] = version;
        let error = sniff(&bytes, true).unwrap_err();
        assert_eq!(error, HeaderError::UnknownVersion { version });
        assert_eq!(Error::from(error).kind(), Kind::Refused);
    }
    for at in 10..16 {
        let mut bytes = v2().to_bytes();
        bytes[at] = 1;
        assert_eq!(
            sniff(&bytes, true),
            Err(HeaderError::ReservedBytes { version: 2 }),
            "byte {at}"
        );
    }
}

#[test]
fn gzip_is_plain_only_where_it_is_promised() {
    let mut gzip = vec![0x55; SNIFF_LEN];
    gzip[..4].copy_from_slice(&[0x1f, 0x8b, 8, 8]);
    assert_eq!(sniff(&gzip, true), Ok(Layer::Plain));
    assert!(matches!(
        sniff(&gzip, false),
        Ok(Layer::Secure(SecureHeader::V1 { .. }))
    ));
    gzip[3] = 0x20;
    assert!(
        matches!(
            sniff(&gzip, true),
            Ok(Layer::Secure(SecureHeader::V1 { .. }))
        ),
        "a reserved flag"
    );
}

#[test]
fn a_tar_is_plain_by_its_checksum_or_its_end() {
    let mut tar = vec![0; 2 * BLOCK];
    assert_eq!(sniff(&tar, false), Ok(Layer::Plain), "an empty tar");
    assert_eq!(
        sniff(&tar[..BLOCK], false),
        Ok(Layer::Plain),
        "the first block of an empty tar"
    );
    tar[600] = 1;
    assert!(
        matches!(sniff(&tar, false), Ok(Layer::Secure(_))),
        "one zero block, then data"
    );
    let mut block = [0; BLOCK];
    block[..5].copy_from_slice(b"hello");
    set_checksum(&mut block);
    tar[..BLOCK].copy_from_slice(&block);
    assert_eq!(sniff(&tar, false), Ok(Layer::Plain));
    assert_eq!(sniff(&tar[..BLOCK], false), Ok(Layer::Plain));
    tar[0] ^= 1;
    assert!(
        matches!(sniff(&tar, false), Ok(Layer::Secure(_))),
        "a checksum that does not fit"
    );
}

#[test]
fn what_has_no_mark_and_is_not_plain_is_version_1() {
    let member = vec![0x77; 16 + 64];
    assert_eq!(
        sniff(&member, true),
        Ok(Layer::Secure(SecureHeader::V1 { salt: [0x77; 16] }))
    );
    assert_eq!(
        sniff(&member[..79], true),
        Err(HeaderError::Unrecognised { found: 79 })
    );
}

#[test]
fn the_member_length_follows_from_the_header() {
    assert_eq!(v2().member_len(), Some(48 + 80));
    let SecureHeader::V3 {
        reserved,
        salts,
        derivation_salt,
        stream_header,
        ..
    } = v3()
    else {
        panic!("not v3")
    };
    for (plaintext_size, expected) in [
        (0, 136 + 17),
        (1 << 20, 136 + (1 << 20) + 17),
        ((1 << 20) + 1, 136 + (1 << 20) + 1 + 34),
    ] {
        let header = SecureHeader::V3 {
            plaintext_size,
            reserved,
            salts,
            derivation_salt,
            stream_header,
        };
        assert_eq!(header.member_len(), Some(expected));
    }
    assert_eq!(SecureHeader::V1 { salt: [0; 16] }.member_len(), None);
}
