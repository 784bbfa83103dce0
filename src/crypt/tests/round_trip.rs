//! Encrypted data decrypts to the original, at every edge of a block or chunk.

use std::io::BufRead;

use super::*;
use crate::format::securetar::{Version, ciphertext_len, plaintext_len_from_ciphertext};

const STEP: usize = 256 * 1024;
const SIZES: &[usize] = &[
    0,
    1,
    15,
    16,
    17,
    31,
    32,
    STEP - 1,
    STEP,
    STEP + 1,
    STEP + 16,
    MIB - 1,
    MIB,
    MIB + 1,
    2 * MIB,
    5 * MIB + 77,
];

#[test]
fn every_size_comes_back_and_takes_the_predicted_room() {
    for &size in SIZES {
        let plain = pattern(size);
        for (version, member) in [(Version::V2, v2(&plain)), (Version::V3, v3(&plain))] {
            let predicted = ciphertext_len(version, size as u64) as usize + version.header_len();
            assert_eq!(member.len(), predicted, "{version:?} {size}");
            let (back, end) = decrypt(&member).unwrap();
            assert!(back == plain, "{version:?} {size}");
            assert_eq!((end.plaintext_len, end.unread), (size as u64, 0));
        }
    }
}

#[test]
fn a_batch_of_chunks_gives_the_same_bytes_as_one_at_a_time() {
    for &size in SIZES {
        let plain = pattern(size);
        let member = v3(&plain);
        for batch in [2, 3, 8] {
            let mut reader = decrypter(&member, keys()).unwrap().with_batch(batch);
            let mut back = Vec::new();
            reader.read_to_end(&mut back).unwrap();
            assert!(back == plain, "{size} bytes in batches of {batch}");
            assert_eq!(reader.finish().unwrap().1.plaintext_len, size as u64);
        }
    }
}

#[test]
fn the_cut_of_the_writes_does_not_matter() {
    let plain = pattern(MIB + 4711);
    for step in [1, 17, MIB, 2 * MIB] {
        let data = if step == 1 {
            &plain[..5000]
        } else {
            &plain[..]
        };
        let old = encrypt(Encrypter::new_v2(Vec::new(), keys()).unwrap(), data, step);
        let new = encrypt(
            Encrypter::new_v3(Vec::new(), keys(), salts()).unwrap(),
            data,
            step,
        );
        assert!(decrypt(&old).unwrap().0 == data, "v2 in steps of {step}");
        assert!(decrypt(&new).unwrap().0 == data, "v3 in steps of {step}");
    }
}

/// Returns one byte at a time, like a slow pipe, with an occasional interruption.
struct Dribble<'a>(&'a [u8], usize);

impl Read for Dribble<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1 += 1;
        if self.1.is_multiple_of(7) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = out.len().min(1);
        self.0.read(&mut out[..len])
    }
}

#[test]
fn short_reads_and_interruptions_change_nothing() {
    let plain = pattern(5000);
    for member in [v2(&plain), v3(&plain)] {
        let (header, ciphertext) = open(&member);
        let slow = Dribble(ciphertext, 0);
        let mut reader =
            Decrypter::new(slow, &header, ciphertext.len() as u64, keys(), true).unwrap();
        let mut back = Vec::new();
        reader.read_to_end(&mut back).unwrap();
        assert_eq!(back, plain);
    }
}

#[test]
fn finish_reads_what_the_caller_left_and_gives_the_reader_back_at_the_end() {
    let plain = pattern(2 * MIB + 9);
    for member in [v2(&plain), v3(&plain)] {
        let mut reader = decrypter(&member, keys()).unwrap();
        let taken = reader.fill_buf().unwrap().len().min(100);
        reader.consume(taken);
        let (rest, end) = reader.finish().unwrap();
        assert!(rest.is_empty());
        assert_eq!(
            (end.plaintext_len, end.unread),
            (plain.len() as u64, plain.len() as u64 - 100)
        );
    }
}

#[test]
fn bytes_after_the_final_chunk_are_counted_and_not_read() {
    let plain = pattern(MIB);
    let mut member = v3(&plain);
    member.extend([7; 5]);
    let mut reader = decrypter(&member, keys()).unwrap();
    let mut back = Vec::new();
    reader.read_to_end(&mut back).unwrap();
    let (rest, end) = reader.finish().unwrap();
    assert_eq!(
        (back == plain, rest, end.trailing),
        (true, &[7u8; 5][..], 5)
    );
}

#[test]
fn no_two_streams_share_a_salt_or_header() {
    let (mut first, mut second) = (v2(b"same"), v2(b"same"));
    assert_ne!(first.split_off(32)[..16], second.split_off(32)[..16]);
    let (first, second) = (open(&v3(b"same")).0, open(&v3(b"same")).0);
    let parts = |header: &SecureHeader| match header {
        SecureHeader::V3 {
            salts,
            derivation_salt,
            stream_header,
            ..
        } => (*salts, *derivation_salt, *stream_header),
        _ => panic!("not v3"),
    };
    let (a, b) = (parts(&first), parts(&second));
    assert_eq!(a.0, b.0, "one archive, one set of salts");
    assert_ne!(a.1, b.1);
    assert_ne!(a.2, b.2);
}

#[test]
fn lengths_and_their_inverse_agree() {
    for version in [Version::V1, Version::V2, Version::V3] {
        for plain in (0..40)
            .chain(MIB as u64 - 3..MIB as u64 + 3)
            .chain(2 * MIB as u64 - 3..2 * MIB as u64 + 3)
        {
            let len = ciphertext_len(version, plain);
            match plaintext_len_from_ciphertext(version, len) {
                Some(range) => assert!(range.contains(&plain), "{version:?} {plain}"),
                None => assert!(version == Version::V1 && plain == 0),
            }
        }
    }
    for impossible in [0, 1, 16, MIB as u64 + 18, MIB as u64 + 17 + 17] {
        assert_eq!(
            plaintext_len_from_ciphertext(Version::V3, impossible),
            None,
            "{impossible}"
        );
    }
    assert_eq!(plaintext_len_from_ciphertext(Version::V3, 17), Some(0..=0));
    assert_eq!(
        plaintext_len_from_ciphertext(Version::V2, 32),
        Some(16..=31)
    );
    assert_eq!(ciphertext_len(Version::V3, u64::MAX), u64::MAX);
}

/// Reads with buffers of these sizes, again and again in that order.
fn in_turns(member: &[u8], rooms: &[usize]) -> io::Result<Vec<u8>> {
    let (mut reader, mut out) = (decrypter(member, keys())?, Vec::new());
    for room in rooms.iter().cycle() {
        let mut buffer = vec![0; *room];
        match reader.read(&mut buffer)? {
            0 => break,
            got => out.extend_from_slice(&buffer[..got]),
        }
    }
    reader.finish().map(|_| out)
}

/// A buffer with room for a whole step is filled without a copy, a smaller one in another way.
const TURNS: &[&[usize]] = &[
    &[MIB],
    &[3 * MIB],
    &[1, MIB],
    &[MIB, MIB - 1, 2 * MIB],
    &[STEP, 7, MIB, MIB],
];

#[test]
fn the_room_of_the_reads_does_not_matter() {
    for &size in SIZES {
        let plain = pattern(size);
        for (member, rooms) in [v2(&plain), v3(&plain)]
            .iter()
            .flat_map(|member| TURNS.iter().map(move |rooms| (member, *rooms)))
        {
            assert!(
                in_turns(member, rooms).unwrap() == plain,
                "{size} bytes by {rooms:?}"
            );
        }
    }
}

#[test]
fn damage_is_the_same_error_whatever_room_the_reads_have() {
    let plain = pattern(3 * MIB);
    let (old, new) = (v2(&plain), v3(&plain));
    let cut = |member: &[u8], len: usize| member[..member.len() - len].to_vec();
    let flip = |at: usize| {
        let mut member = new.clone();
        member[at] ^= 1;
        member
    };
    let header = open(&new).0.len();
    let (last, sealed) = (new.len() - 1, MIB + 17);
    let damaged = [
        header,
        header + 1,
        header + sealed - 1,
        header + sealed + 5,
        last,
    ]
    .map(flip);
    for member in damaged.into_iter().chain([
        cut(&new, 1),
        cut(&new, sealed),
        cut(&old, 16),
        cut(&old, 1600),
    ]) {
        let (header, ciphertext) = open(&member);
        // The length that the part should have, as an outer tar would state it.
        let length = if member.len() < old.len() && header.version() == Version::V2 {
            old.len()
        } else {
            new.len()
        } - header.len();
        let errors: Vec<CryptError> = TURNS
            .iter()
            .map(|rooms| {
                let (mut reader, mut turn) = (
                    Decrypter::new(ciphertext, &header, length as u64, keys(), true).unwrap(),
                    0,
                );
                loop {
                    let mut buffer = vec![0xaa; rooms[turn % rooms.len()]];
                    turn += 1;
                    match reader.read(&mut buffer) {
                        Ok(0) => panic!("damage was read without complaint"),
                        Ok(_) => {}
                        Err(error) => {
                            let again = reader.read(&mut buffer).unwrap_err();
                            assert_eq!(CryptError::in_io(&again), CryptError::in_io(&error));
                            break CryptError::in_io(&error).unwrap().clone();
                        }
                    }
                }
            })
            .collect();
        assert!(
            errors.windows(2).all(|pair| pair[0] == pair[1]),
            "{errors:?}"
        );
    }
}

#[test]
fn after_an_error_of_the_input_nothing_more_is_read() {
    /// Fails once, in the middle, and would then continue.
    struct Once<'a>(&'a [u8], bool);
    impl Read for Once<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            if self.0.len() < 2 * MIB && !std::mem::replace(&mut self.1, true) {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            let room = buf.len().min(4096);
            self.0.read(&mut buf[..room])
        }
    }
    for member in [v2(&pattern(4 * MIB)), v3(&pattern(4 * MIB))] {
        for room in [MIB, 1000] {
            let (header, ciphertext) = open(&member);
            let mut reader = Decrypter::new(
                Once(ciphertext, false),
                &header,
                ciphertext.len() as u64,
                keys(),
                true,
            )
            .unwrap();
            let mut buffer = vec![0; room];
            let error = std::iter::repeat_with(|| reader.read(&mut buffer))
                .find_map(Result::err)
                .unwrap();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            assert!(reader.read(&mut buffer).is_err(), "room for {room}");
        }
    }
}
