//! Secrets are never printed, and the keys have the right values.

use super::super::MAX_ROOT_SALTS;
use super::super::secretstream::{StreamState, Tag};
use super::*;

#[test]
fn no_debug_output_holds_a_secret() {
    let password = Password::new("hunter2-hunter2".into());
    assert_eq!(
        format!("{password:?} {:#?}", Some(&password)),
        "Password(…) Some(\n    Password(…),\n)"
    );
    let ring = KeyRing::new(password);
    let salts = ring.new_v3_salts().unwrap();
    assert_eq!(format!("{ring:?} {ring:#?}"), "KeyRing(…) KeyRing(…)");
    assert_eq!(format!("{:?}", ring.cbc_key()), "Secret(…)");
    assert_eq!(
        format!("{:?}", ring.stream_key(&salts, &[0; 16]).unwrap()),
        "Secret(…)"
    );
    let mut state = StreamState::new(&[7; 32], &[7; 24]);
    assert_eq!(format!("{state:?}"), "StreamState(…)");
    assert_eq!(
        format!("{:?}", state.advance(Tag::Message, &[0; 16])),
        "ChunkKey(…)"
    );
    let encrypter = Encrypter::new_v3(Vec::new(), &ring, &salts).unwrap();
    assert_eq!(
        format!("{encrypter:?}"),
        "Encrypter { plaintext_len: 0, .. }"
    );
    let member = v2(b"contents-of-a-file");
    let mut reader = decrypter(&member, keys()).unwrap();
    reader.starts_plain().unwrap();
    assert_eq!(format!("{reader:?}"), "Decrypter { position: 0, .. }");
}

#[test]
fn salts_above_the_cap_are_refused_and_known_ones_still_work() {
    // Derives keys for as many salts as the limit allows, which takes a while.
    let ring = KeyRing::new(Password::new("x".into()));
    let first = ring.new_v3_salts().unwrap();
    for _ in 1..MAX_ROOT_SALTS {
        ring.new_v3_salts().unwrap();
    }
    assert_eq!(
        ring.new_v3_salts().err(),
        Some(CryptError::TooManySalts {
            limit: MAX_ROOT_SALTS
        })
    );
    assert_eq!(ring.check_v3(&first), Ok(true));
}

#[test]
fn an_archive_of_another_password_cannot_be_written_to() {
    let other = KeyRing::new(Password::new("other".into()));
    assert_eq!(
        Encrypter::new_v3(Vec::new(), &other, salts()).err(),
        Some(CryptError::WrongPassword)
    );
}

#[test]
fn threads_share_one_key_ring() {
    let ring = KeyRing::new(Password::new(PASSWORD.into()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(ring.check_v3(salts()), Ok(true)));
        }
    });
}
