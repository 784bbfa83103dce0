//! Version 1, as securetar 2024.11.0 wrote it.

use super::vectors::V1;
use super::*;
use crate::gzip::{V1Footer, v1_footer};

#[test]
fn the_footer_of_real_v1_members_is_found() {
    for vector in V1 {
        let member = unhex(vector.member);
        assert!(decrypter(&member, keys()).unwrap().starts_plain().unwrap());
        let (plain, end) = decrypt(&member).unwrap();
        assert_eq!(
            plain.len() % 16,
            0,
            "v1 hands out every byte, padding included"
        );
        assert_eq!((end.plaintext_len, end.trailing), (plain.len() as u64, 0));
        let tail = &plain[vector.deflate_end as usize..];
        let expected = V1Footer {
            crc32: vector.crc32,
            isize: vector.isize,
        };
        assert_eq!(v1_footer(vector.deflate_end, tail), Some(expected));
    }
}

/// The tail that securetar 2024.11.0 writes; checked above for two lengths.
fn split_tail(deflate_end: u64) -> Vec<u8> {
    let padding = (16 - deflate_end % 16) % 16;
    let mut tail = vec![padding as u8; padding as usize];
    tail.extend([1, 2, 3, 4]);
    tail.extend([12; 12]);
    tail.extend([5, 6, 7, 8]);
    tail.extend([12; 12]);
    tail
}

#[test]
fn the_footer_is_found_at_every_alignment_and_nothing_else_is_taken_for_one() {
    let expected = V1Footer {
        crc32: 0x0403_0201,
        isize: 0x0807_0605,
    };
    for end in 1000..1016 {
        let tail = split_tail(end);
        assert_eq!(v1_footer(end, &tail), Some(expected), "{end}");
        for len in 0..tail.len() {
            assert_ne!(
                v1_footer(end, &tail[..len]),
                Some(expected),
                "{end}: a tail cut to {len} bytes"
            );
        }
        for at in 0..tail.len() {
            let mut flipped = tail.clone();
            flipped[at] ^= 1;
            assert_ne!(
                v1_footer(end, &flipped),
                Some(expected),
                "{end}: byte {at} flipped"
            );
        }
    }
}

#[test]
fn a_footer_in_one_piece_is_taken_with_and_without_padding() {
    let expected = V1Footer {
        crc32: 0x0403_0201,
        isize: 0x0807_0605,
    };
    let footer = [1, 2, 3, 4, 5, 6, 7, 8];
    assert_eq!(v1_footer(1000, &footer), Some(expected));
    assert_eq!(
        v1_footer(1000, &[&footer[..], &[16; 16]].concat()),
        Some(expected)
    );
    assert_eq!(
        v1_footer(1003, &[&footer[..], &[13; 13]].concat()),
        Some(expected)
    );
    assert_eq!(v1_footer(1003, &[&footer[..], &[12; 13]].concat()), None);
    assert_eq!(
        v1_footer(1003, &[&footer[..], &[12; 12]].concat()),
        None,
        "not whole blocks"
    );
    assert_eq!(v1_footer(1001, &footer[..7]), None);
}

#[test]
fn a_v1_member_with_a_wrong_password_does_not_start_plain() {
    let wrong = KeyRing::new(Password::new("wrong".into()));
    for vector in V1 {
        assert!(
            !decrypter(&unhex(vector.member), &wrong)
                .unwrap()
                .starts_plain()
                .unwrap()
        );
    }
}
