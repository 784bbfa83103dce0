//! Comparison with files that the reference library wrote.

use sha2::{Digest, Sha256};

use super::super::secretstream::{StreamState, Tag};
use super::vectors::{V2, V3, V3_LONG};
use super::*;

#[test]
fn members_of_securetar_decrypt_to_what_went_in() {
    for vector in V2.iter().chain(V3) {
        let (plain, end) = decrypt(&unhex(vector.member)).unwrap();
        assert_eq!(
            plain,
            pattern(vector.plaintext_len),
            "{} bytes",
            vector.plaintext_len
        );
        assert_eq!(
            (end.plaintext_len, end.unread, end.trailing),
            (vector.plaintext_len as u64, 0, 0)
        );
    }
}

/// Seals [`pattern`] with the keys of a header, as securetar did.
fn seal_like(header: &SecureHeader, plain: &[u8]) -> Vec<u8> {
    let SecureHeader::V3 {
        salts,
        derivation_salt,
        stream_header,
        ..
    } = header
    else {
        panic!("not v3")
    };
    let key = keys().stream_key(salts, derivation_salt).unwrap();
    let mut state = StreamState::new(key.bytes(), stream_header);
    let mut out = Vec::new();
    let chunks: Vec<&[u8]> = plain.chunks(MIB).collect();
    for (i, chunk) in chunks.iter().enumerate() {
        let mut sealed = [&[0], *chunk, &[0; 16]].concat();
        let tag = if i + 1 == chunks.len() {
            Tag::Final
        } else {
            Tag::Message
        };
        assert!(state.seal(tag, &mut sealed));
        out.extend(sealed);
    }
    out
}

#[test]
fn long_streams_are_sealed_byte_for_byte_as_securetar_seals_them() {
    for vector in V3_LONG {
        let mut member = unhex(vector.header);
        let Layer::Secure(header) = sniff(&member, true).unwrap() else {
            panic!("taken for plain")
        };
        let plain = pattern(vector.plaintext_len);
        let ciphertext = seal_like(&header, &plain);
        let digest = Sha256::digest(&ciphertext);
        assert_eq!(
            &digest[..],
            &unhex(vector.ciphertext_sha256)[..],
            "{} bytes",
            plain.len()
        );
        member.extend(ciphertext);
        assert!(
            decrypt(&member).unwrap().0 == plain,
            "{} bytes",
            plain.len()
        );
    }
}

#[test]
fn a_wrong_password_for_v3_is_told_from_the_header_alone() {
    let wrong = KeyRing::new(Password::new("wrong".into()));
    let member = unhex(V3[6].member);
    let (header, _) = open(&member);
    assert_eq!(wrong.check_v3(header.v3_salts().unwrap()), Ok(false));
    assert_eq!(keys().check_v3(header.v3_salts().unwrap()), Ok(true));

    struct Untouchable;
    impl Read for Untouchable {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("data was read although the password is wrong");
        }
    }
    // The length is also wrong: the password must be checked first.
    let refused = Decrypter::new(Untouchable, &header, 3, &wrong, true);
    assert_eq!(refused.err(), Some(CryptError::WrongPassword));
}

#[test]
fn a_wrong_password_for_v2_shows_in_the_first_bytes_and_not_as_damage() {
    let wrong = KeyRing::new(Password::new("wrong".into()));
    for len in [8, 16, 600, 3 * MIB] {
        let mut plain = pattern(len);
        plain[..4].copy_from_slice(&[0x1f, 0x8b, 8, 0]);
        let member = v2(&plain);
        assert!(
            decrypter(&member, keys()).unwrap().starts_plain().unwrap(),
            "{len} bytes"
        );
        assert!(
            !decrypter(&member, &wrong).unwrap().starts_plain().unwrap(),
            "{len} bytes"
        );
    }
}

#[test]
fn a_password_in_decomposed_letters_opens_after_nfc() {
    let typed = Password::new("Pa\u{308}ss-wo\u{308}rd 1234".into());
    let member = unhex(V3[0].member);
    let (header, _) = open(&member);
    let salts = header.v3_salts().unwrap();
    assert_eq!(KeyRing::new(typed.clone()).check_v3(salts), Ok(false));
    assert_eq!(KeyRing::new(typed.nfc().unwrap()).check_v3(salts), Ok(true));
    assert!(
        Password::new(PASSWORD.into()).nfc().is_none(),
        "already composed"
    );
}
