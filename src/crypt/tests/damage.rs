//! Every difference from the written stream must be detected.

use super::*;

const HEADER: usize = 136;
const SEALED: usize = MIB + 17;

#[test]
fn every_truncation_of_a_short_stream_fails() {
    let plain = pattern(100);
    for member in [v2(&plain), v3(&plain)] {
        let header = open(&member).0.len();
        for len in header..member.len() {
            assert_ne!(
                error_of(&member[..len]),
                CryptError::WrongPassword,
                "{len} bytes"
            );
        }
    }
}

#[test]
fn a_stream_that_ends_before_its_stated_length_is_truncated() {
    for member in [v2(&pattern(2 * MIB + 9)), v3(&pattern(2 * MIB + 9))] {
        let (header, ciphertext) = open(&member);
        for cut in [1, 16, 17, 26, 27, MIB, MIB + 43, 2 * MIB] {
            let short = &ciphertext[..ciphertext.len() - cut];
            for batch in [1, 4] {
                let reader =
                    Decrypter::new(short, &header, ciphertext.len() as u64, keys(), true).unwrap();
                let error = reader.with_batch(batch).finish().unwrap_err();
                let expected = CryptError::Truncated {
                    offset: (member.len() - cut) as u64,
                    missing: cut as u64,
                };
                assert_eq!(
                    CryptError::in_io(&error),
                    Some(&expected),
                    "{cut} bytes cut, batch {batch}"
                );
            }
        }
    }
}

#[test]
fn every_flipped_bit_in_v3_ciphertext_is_noticed() {
    let member = v3(&pattern(60));
    for at in HEADER..member.len() {
        for bit in 0..8 {
            let mut flipped = member.clone();
            flipped[at] ^= 1 << bit;
            let expected = CryptError::BadChunk {
                index: 0,
                offset: HEADER as u64,
            };
            assert_eq!(error_of(&flipped), expected, "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn every_flipped_byte_in_a_v3_header_is_noticed_or_provably_ignored() {
    let member = v3(&pattern(60));
    // The mark and the root salt are left out: without the mark it is v1, and each change of the
    // salt costs a key derivation (one is tried below).
    for at in (16..32).chain(48..HEADER) {
        let mut flipped = member.clone();
        flipped[at] ^= 0x10;
        let outcome = decrypt(&flipped);
        if (24..32).contains(&at) {
            assert_eq!(outcome.unwrap().0, pattern(60), "reserved byte {at}");
            assert!(open(&flipped).0.reserved_set());
        } else {
            assert!(outcome.is_err(), "byte {at}");
        }
    }
    let mut flipped = member;
    flipped[32] ^= 1;
    assert_eq!(error_of(&flipped), CryptError::WrongPassword);
}

#[test]
fn a_flip_deep_in_v3_names_its_chunk_after_the_good_ones_were_read() {
    let plain = pattern(4 * MIB);
    let mut member = v3(&plain);
    member[HEADER + 2 * SEALED + 12345] ^= 1;
    for batch in [1, 4] {
        let mut reader = decrypter(&member, keys()).unwrap().with_batch(batch);
        let mut out = Vec::new();
        let error = reader.read_to_end(&mut out).unwrap_err();
        let expected = CryptError::BadChunk {
            index: 2,
            offset: (HEADER + 2 * SEALED) as u64,
        };
        assert_eq!(CryptError::in_io(&error), Some(&expected));
        assert!(
            out == plain[..2 * MIB],
            "the chunks before the damage are given out, and no byte of it"
        );
        let again = reader.read(&mut [0; 9]).unwrap_err();
        assert_eq!(
            CryptError::in_io(&again),
            Some(&expected),
            "the error stays"
        );
    }
}

#[test]
fn swapped_chunks_fail() {
    let member = v3(&pattern(3 * MIB));
    let chunk = |i: usize| &member[HEADER + i * SEALED..HEADER + (i + 1) * SEALED];
    let swapped = [&member[..HEADER], chunk(1), chunk(0), chunk(2)].concat();
    assert_eq!(
        error_of(&swapped),
        CryptError::BadChunk {
            index: 0,
            offset: HEADER as u64
        }
    );
    let dropped = [&member[..HEADER], chunk(0), chunk(2), chunk(2)].concat();
    assert_eq!(
        error_of(&dropped),
        CryptError::BadChunk {
            index: 1,
            offset: (HEADER + SEALED) as u64
        }
    );
}

/// The same member with another plaintext size in its header.
fn claiming(member: &[u8], size: u64) -> Vec<u8> {
    let mut out = member.to_vec();
    out[16..24].copy_from_slice(&size.to_be_bytes());
    out
}

#[test]
fn a_wrong_size_in_a_v3_header_is_damage_and_costs_no_memory() {
    let plain = pattern(2 * MIB);
    let member = v3(&plain);
    let real = plain.len() as u64;
    for wrong in [
        0,
        1,
        real - 100,
        real - 1,
        real + 1,
        real + 100,
        1 << 40,
        u64::MAX,
    ] {
        assert_eq!(
            crate::Error::from(error_of(&claiming(&member, wrong))).kind(),
            crate::Kind::Damaged,
            "{wrong}"
        );
    }
    assert_eq!(
        error_of(&claiming(&member, MIB as u64)),
        CryptError::MissingFinal {
            index: 0,
            offset: HEADER as u64
        },
        "a size one chunk too small"
    );
}

#[test]
fn an_early_final_chunk_is_damage() {
    // A whole stream of one chunk, with a header that states two.
    let mut member = claiming(&v3(&pattern(MIB)), MIB as u64 + 1);
    member.extend([0; 18]);
    assert_eq!(
        error_of(&member),
        CryptError::EarlyFinal {
            index: 0,
            offset: HEADER as u64,
            missing: 1
        }
    );
}

#[test]
fn a_wrong_size_in_a_v2_header_is_damage() {
    let plain = pattern(100);
    let member = v2(&plain);
    for wrong in [0, 84, 96, 99, 101, 111, 112, 1 << 40, u64::MAX] {
        let error = error_of(&claiming(&member, wrong));
        match wrong {
            96..=111 => assert_eq!(
                error,
                CryptError::BadPadding {
                    offset: member.len() as u64 - 16
                },
                "{wrong}"
            ),
            _ => assert_eq!(
                error,
                CryptError::SizeMismatch {
                    plaintext_size: wrong,
                    ciphertext_len: 112
                }
            ),
        }
    }
}

#[test]
fn v2_ciphertext_that_is_not_whole_blocks_is_damage() {
    let mut member = v2(&pattern(100));
    member.push(0);
    assert_eq!(
        error_of(&member),
        CryptError::NotWholeBlocks {
            ciphertext_len: 113
        }
    );
    assert_eq!(
        error_of(&member[..48]),
        CryptError::NotWholeBlocks { ciphertext_len: 0 }
    );
}

#[test]
fn damaged_v2_padding_is_noticed() {
    let member = v2(&pattern(100));
    for at in member.len() - 32..member.len() {
        let mut flipped = member.clone();
        flipped[at] ^= 1;
        let padding_hit = at >= member.len() - 16 || at >= member.len() - 32 + 4;
        if padding_hit {
            assert_eq!(
                error_of(&flipped),
                CryptError::BadPadding {
                    offset: member.len() as u64 - 16
                },
                "byte {at}"
            );
        }
    }
}

/// Fails after accepting this many bytes.
#[derive(Debug)]
struct Full(usize);

impl Write for Full {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let n = data.len().min(self.0);
        self.0 -= n;
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn after_a_failed_write_nothing_more_is_written() {
    let data = pattern(3 * MIB);
    let writers = [
        Encrypter::new_v2(Full(1000), keys()),
        Encrypter::new_v3(Full(1000), keys(), salts()),
    ];
    for mut writer in writers.map(Result::unwrap) {
        assert_eq!(
            writer.write_all(&data).unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
        let again = writer.write(&data).unwrap_err();
        assert_eq!(CryptError::in_io(&again), Some(&CryptError::Poisoned));
        assert_eq!(
            CryptError::in_io(&writer.finish().unwrap_err()),
            Some(&CryptError::Poisoned)
        );
    }
}

#[test]
fn a_stream_that_was_not_finished_does_not_open() {
    let plain = pattern(2 * MIB);
    let mut written = [Vec::new(), Vec::new()];
    let [old, new] = &mut written;
    let mut encrypter = Encrypter::new_v2(old, keys()).unwrap();
    let v2_header = encrypter.header(plain.len() as u64).to_bytes();
    encrypter.write_all(&plain).unwrap();
    drop(encrypter);
    let mut encrypter = Encrypter::new_v3(new, keys(), salts()).unwrap();
    let v3_header = encrypter.header(plain.len() as u64).to_bytes();
    encrypter.write_all(&plain).unwrap();
    drop(encrypter);
    for (header, ciphertext) in [v2_header, v3_header].iter().zip(&written) {
        error_of(&[&header[..], ciphertext].concat());
    }
}
