//! What [`Gunzip`] accepts, and what it reports as damaged.

use std::io::{self, Read};

use super::super::{Gunzip, GzipError, Summary, Trailer};
use super::{gzip, own, sample};

/// Reads all of `input`; checks that positions only increase.
fn read(input: impl Read, trailer: Trailer) -> io::Result<(Vec<u8>, Summary)> {
    let mut gunzip = Gunzip::new(input, trailer);
    let (mut plaintext, mut before) = (Vec::new(), 0);
    while let Some(piece) = gunzip.next_piece()? {
        assert!(!piece.is_empty() && piece.len() <= 64 << 10);
        plaintext.extend_from_slice(piece);
        assert!(gunzip.compressed_position() >= before);
        before = gunzip.compressed_position();
    }
    let summary = gunzip.summary();
    assert!(before <= summary.compressed_bytes);
    assert_eq!(summary.plaintext_bytes, plaintext.len() as u64);
    Ok((plaintext, summary))
}

fn strict(bytes: &[u8]) -> io::Result<(Vec<u8>, Summary)> {
    read(bytes, Trailer::Strict)
}

fn refusal(bytes: &[u8]) -> GzipError {
    own(&strict(bytes).unwrap_err()).clone()
}

/// Returns one byte at a time, with an interruption before each.
struct Trickle<'a>(&'a [u8], bool);

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = out.len().min(1);
        self.0.read(&mut out[..len])
    }
}

#[test]
fn what_we_write_is_read_and_counted() {
    for len in [0, 1, 70_000, 3_000_000] {
        let (plaintext, stored) = (sample(len), gzip(&sample(len), 6, 2));
        let (back, summary) = strict(&stored).unwrap();
        assert!(back == plaintext, "{len}");
        let expected = Summary {
            members: 1,
            compressed_bytes: stored.len() as u64,
            plaintext_bytes: len as u64,
            checksum_checked: true,
            ..Summary::default()
        };
        assert_eq!(summary, expected);
    }
}

#[test]
fn short_reads_and_interruptions_change_nothing() {
    let plaintext = sample(20_000);
    let stored = [gzip(&plaintext, 6, 1), gzip(&plaintext, 1, 1), vec![0; 9]].concat();
    let (back, summary) = read(Trickle(&stored, false), Trailer::Strict).unwrap();
    assert!(back == [&plaintext[..], &plaintext].concat());
    assert_eq!(summary, strict(&stored).unwrap().1);
}

#[test]
fn every_truncation_is_told_with_its_place() {
    let stored = gzip(&sample(3000), 9, 1);
    for cut in 0..stored.len() {
        assert_eq!(
            refusal(&stored[..cut]),
            GzipError::Truncated { offset: cut as u64 }
        );
    }
}

#[test]
fn a_second_member_cut_off_is_told_too() {
    let (first, second) = (gzip(b"one", 6, 1), gzip(&sample(500), 6, 1));
    // A single byte could be anything.
    for cut in 2..second.len() {
        let stored = [&first[..], &second[..cut]].concat();
        assert_eq!(
            refusal(&stored),
            GzipError::Truncated {
                offset: stored.len() as u64
            }
        );
    }
}

#[test]
fn every_flipped_bit_of_data_or_trailer_is_an_error_or_harmless() {
    let plaintext = sample(700);
    let stored = gzip(&plaintext, 9, 1);
    for at in 10..stored.len() {
        for bit in 0..8 {
            let mut bad = stored.clone();
            bad[at] ^= 1 << bit;
            // Harmless: a match that finds the same bytes at another distance.
            assert!(
                !strict(&bad).is_ok_and(|(read, _)| read != plaintext),
                "byte {at}, bit {bit}"
            );
        }
    }
    let trailer = stored.len() as u64 - 8;
    for (back, what) in [(8, "checksum"), (4, "size")] {
        let mut bad = stored.clone();
        bad[stored.len() - back] ^= 1;
        assert_eq!(
            refusal(&bad),
            GzipError::BadTrailer {
                what,
                offset: trailer
            }
        );
    }
}

#[test]
fn an_error_is_final() {
    let mut stored = gzip(b"first", 6, 1);
    let crc = stored.len() - 8;
    stored[crc] ^= 1;
    stored.extend(gzip(b"second", 6, 1));
    let mut gunzip = Gunzip::new(&stored[..], Trailer::Strict);
    assert_eq!(gunzip.next_piece().unwrap(), Some(&b"first"[..]));
    for _ in 0..3 {
        own(&gunzip.next_piece().unwrap_err());
        assert!(gunzip.piece().is_empty());
    }
}

#[test]
fn the_readers_own_error_comes_through() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::TimedOut))
        }
    }
    let stored = gzip(&sample(100), 6, 1);
    for cut in [0, 5, 30, stored.len() - 3, stored.len()] {
        let error = read(stored[..cut].chain(Broken), Trailer::Strict).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{cut}");
    }
}

#[test]
fn members_are_read_one_after_the_other() {
    let parts = [&b""[..], &sample(100_000), b"", b"end"];
    let stored: Vec<u8> = parts.iter().flat_map(|part| gzip(part, 6, 1)).collect();
    let (back, summary) = strict(&stored).unwrap();
    assert!(back == parts.concat());
    assert_eq!((summary.members, summary.trailing_bytes), (4, 0));
}

#[test]
fn members_behind_zeros_are_read_as_python_reads_them() {
    for zeros in [1, 6, 512, 70_000] {
        let stored = [
            gzip(b"one", 6, 1),
            vec![0; zeros],
            gzip(b"two", 6, 1),
            vec![0; 3],
        ]
        .concat();
        let (back, summary) = strict(&stored).unwrap();
        assert_eq!(back, b"onetwo");
        assert_eq!(
            (
                summary.members,
                summary.trailing_bytes,
                summary.trailing_nonzero
            ),
            (2, 3, 0)
        );
    }
    let cut = [gzip(b"one", 6, 1), vec![0; 6], gzip(b"two", 6, 1)].concat();
    assert_eq!(
        refusal(&cut[..cut.len() - 1]),
        GzipError::Truncated {
            offset: cut.len() as u64 - 1
        }
    );
}

#[test]
fn a_further_member_with_reserved_flags_is_no_garbage() {
    let (first, mut second) = (gzip(b"one", 6, 1), gzip(b"two", 6, 1));
    second[3] = 0x40;
    assert_eq!(
        refusal(&[&first[..], &second].concat()),
        GzipError::ReservedFlags {
            offset: first.len() as u64
        }
    );
}

#[test]
fn what_follows_the_last_member_is_counted() {
    let stored = gzip(b"data", 6, 1);
    let cases: [(&[u8], u64); 5] = [
        (&[0; 1000], 0),
        (b"garbage", 7),
        (&[0, 0, 5], 1),
        (&[0x1f], 1),
        (&[0x1f, 0], 1),
    ];
    for (tail, nonzero) in cases {
        let whole = [&stored[..], tail].concat();
        let (back, summary) = strict(&whole).unwrap();
        assert_eq!(back, b"data");
        assert_eq!(
            (
                summary.members,
                summary.trailing_bytes,
                summary.trailing_nonzero
            ),
            (1, tail.len() as u64, nonzero)
        );
        assert_eq!(summary.compressed_bytes, whole.len() as u64);
    }
}

#[test]
fn other_formats_are_named_as_not_gzip() {
    for bytes in [
        &b"PK\x03\x04"[..],
        b"\x28\xb5\x2f\xfd",
        b"BZh9",
        &[0; 512],
        &[0x1f, 0x8b, 9],
    ] {
        assert_eq!(refusal(bytes), GzipError::NotGzip);
    }
}

#[test]
fn optional_fields_are_read_and_a_name_without_end_is_refused() {
    let stored = gzip(b"data", 6, 1);
    let mut long = vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3];
    long.resize(300_000, b'n');
    let named = [&long[..], &[0], &stored[10..]].concat();
    assert_eq!(strict(&named).unwrap().0, b"data");
    let endless = long.chain(io::repeat(b'n'));
    let error = read(endless, Trailer::Strict).unwrap_err();
    assert_eq!(*own(&error), GzipError::LongHeader { offset: 0 });
}

#[test]
fn the_limit_counts_over_all_members() {
    let stored = [gzip(&[1; 6000], 6, 1), gzip(&[2; 4000], 6, 1)].concat();
    let run = |limit| {
        let mut gunzip = Gunzip::new(&stored[..], Trailer::Strict).with_limit(limit);
        while gunzip.next_piece()?.is_some() {}
        io::Result::Ok(gunzip.summary().plaintext_bytes)
    };
    assert_eq!(run(10_000).unwrap(), 10_000);
    assert_eq!(
        *own(&run(9_999).unwrap_err()),
        GzipError::TooLarge { limit: 9_999 }
    );
    assert_eq!(*own(&run(0).unwrap_err()), GzipError::TooLarge { limit: 0 });
}

/// Pads the end of a stream as securetar up to 2024.11 did: each write separately.
fn securetar_v1(stored: &[u8]) -> Vec<u8> {
    let (body, trailer) = stored.split_at(stored.len() - 8);
    let mut out = body.to_vec();
    let short = body.len().wrapping_neg() % 16;
    out.extend(vec![short as u8; short]);
    for field in trailer.chunks(4) {
        out.extend_from_slice(field);
        out.extend([12; 12]);
    }
    out
}

#[test]
fn the_split_footer_of_version_1_is_checked_for_every_alignment() {
    for len in 0..40 {
        let plaintext = sample(1000 + 31 * len);
        let stored = securetar_v1(&gzip(&plaintext, 9, 1));
        let (back, summary) = read(&stored[..], Trailer::SecureTarV1).unwrap();
        assert!(back == plaintext && summary.checksum_checked);
        assert_eq!(summary.compressed_bytes, stored.len() as u64);
        for at in [stored.len() - 32, stored.len() - 16] {
            let mut bad = stored.clone();
            bad[at] ^= 1;
            let error = read(&bad[..], Trailer::SecureTarV1).unwrap_err();
            assert!(
                matches!(own(&error), GzipError::BadTrailer { .. }),
                "{error}"
            );
        }
        assert!(read(&stored[..stored.len() - 16], Trailer::SecureTarV1).is_err());
    }
}
