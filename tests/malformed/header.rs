//! 39 to 52: SecureTar headers and ciphertext.

use haslim::format::securetar::SecureHeader;

use crate::judge::Hostile;
use crate::make::*;
use crate::seal::{self, SEALED, V2_HEADER, V3_HEADER};
use crate::support::*;

/// The stream of a small part.
fn stream() -> Vec<u8> {
    gzip(&around(&[file("noise", &noise(4000))]))
}

/// The stream of a part of three chunks.
fn long_stream() -> Vec<u8> {
    gzip(&around(&[file("noise", &noise(5 << 19))]))
}

/// The position of `media`'s data in all these backups.
const MEDIA: usize = 512;

/// Asserts that both `verify` and a `shrink` that opens the part report damage at this byte of it.
#[track_caller]
fn damaged(bytes: Vec<u8>, place: usize, says: &str) {
    Hostile::sealed(bytes).is_refused_inside(
        5,
        &[
            "media: ",
            says,
            &format!("(at byte {})", MEDIA + place),
            "Download",
        ],
    );
}

#[test]
fn n39_parts_that_are_too_short_are_damaged() {
    for (part, says) in [
        (Vec::new(), "only 0 bytes"),
        (noise(10), "only 10 bytes"),
        (noise(16), "16 bytes"),
        (noise(100), "100 bytes"),
        (
            seal::v3(&stream())[..100].to_vec(),
            "only 100 bytes; its header alone takes 136",
        ),
        (
            seal::v2(&stream())[..47].to_vec(),
            "only 47 bytes; its header alone takes 48",
        ),
    ] {
        Hostile::sealed(seal::backup_v2(&part))
            .never_reads_media(5, &["media: ", says, "(at byte 512)", "Download"]);
    }
}

#[test]
fn n40_unknown_versions_and_reserved_id_bytes_are_refused() {
    for (at, byte, says) in [
        (9, 4, "version 4"),
        (9, 0, "version 0"),
        (9, 255, "version 255"),
        (10, 1, "must be zero"),
        (15, 1, "must be zero"),
    ] {
        let mut part = seal::v3(&stream());
        part[at] = byte;
        Hostile::sealed(seal::backup(&part))
            .never_reads_media(10, &["media: ", says, "(at byte 512)", "newer haslim"]);
    }
}

#[test]
fn n41_reserved_metadata_are_warned_of_and_not_written_again() {
    for part in [seal::v3(&stream()), seal::v2(&stream())] {
        let mut part = part;
        part[24..32].copy_from_slice(b"reserved");
        let bytes = if part[9] == 3 {
            seal::backup(&part)
        } else {
            seal::backup_v2(&part)
        };
        let hostile = Hostile::sealed(bytes);
        let output = hostile.shrinks(
            "--drop media:gone",
            &["media: its SecureTar header sets reserved bytes"],
        );
        assert_eq!(member(&output, "media.tar.gz")[24..32], [0; 8]);
        // A part that is kept as a whole is kept byte for byte.
        let output = hostile.shrinks("--drop share", &["reserved bytes"]);
        assert_eq!(member(&output, "media.tar.gz"), part);
        assert_eq!(
            member(&hostile.writes("repair"), "media.tar.gz")[24..32],
            [0; 8]
        );
    }
}

#[test]
fn n42_a_wrong_v2_size_is_damaged() {
    let stream = stream();
    for size in [
        0,
        1,
        stream.len() as u64 - 16,
        stream.len() as u64 + 16,
        1 << 40,
        u64::MAX,
    ] {
        let part = seal::claiming(seal::v2(&stream), size);
        damaged(
            seal::backup_v2(&part),
            0,
            &format!("the header promises {size} bytes"),
        );
    }
    // A size within the same block contradicts the padding, which is read last.
    let size = stream.len() as u64 / 16 * 16 + (stream.len() as u64 + 1) % 16;
    let part = seal::claiming(seal::v2(&stream), size);
    let last = part.len() - 16;
    damaged(
        seal::backup_v2(&part),
        last,
        "the padding of the last encrypted block is wrong",
    );
}

#[test]
fn n43_a_wrong_v3_size_is_damaged_and_reserves_nothing() {
    let stream = stream();
    let part = || seal::v3(&stream);
    let len = stream.len() as u64;
    for size in [0, len - 100, len - 1] {
        damaged(
            seal::backup(&seal::claiming(part(), size)),
            V3_HEADER,
            "the encrypted data are damaged",
        );
    }
    for size in [len + 1, len + 100, 1 << 50, u64::MAX] {
        let part = seal::claiming(part(), size);
        let end = part.len();
        damaged(seal::backup(&part), end, "the encrypted data end");
    }
}

#[test]
fn n44_chunks_that_are_missing_swapped_cut_or_end_early_are_damaged() {
    let whole = seal::v3(&long_stream());
    assert!(whole.len() > V3_HEADER + 2 * SEALED && whole.len() < V3_HEADER + 3 * SEALED);
    let without_last = whole[..V3_HEADER + 2 * SEALED].to_vec();
    damaged(
        seal::backup(&without_last),
        without_last.len(),
        "the encrypted data end",
    );
    let one_byte_less = whole[..whole.len() - 1].to_vec();
    damaged(
        seal::backup(&one_byte_less),
        one_byte_less.len(),
        "end 1 byte too early",
    );
    let mut swapped = whole.clone();
    swapped[V3_HEADER..V3_HEADER + 2 * SEALED].rotate_left(SEALED);
    damaged(
        seal::backup(&swapped),
        V3_HEADER,
        "the encrypted data are damaged",
    );
    // The second chunk is not marked as the last one, although the header makes it the last.
    let not_final = seal::claiming(without_last, 2 << 20);
    damaged(
        seal::backup(&not_final),
        V3_HEADER + SEALED,
        "the encrypted data do not end at the size that their header states",
    );
    // A complete stream of one chunk, under a header that promises more.
    let early = seal::claiming(
        [seal::v3(&long_stream()[..1 << 20]), vec![0; 18]].concat(),
        (1 << 20) + 1,
    );
    damaged(
        seal::backup(&early),
        V3_HEADER,
        "before the size that their header states",
    );
}

#[test]
fn n45_bytes_behind_the_final_chunk_are_warned_of() {
    for more in [1, 100, 100_000] {
        let part = [seal::v3(&stream()), noise(more)].concat();
        let hostile = Hostile::sealed(seal::backup(&part));
        let warning =
            format!("media: {more} bytes that belong to nothing follow the encrypted data");
        let output = hostile.shrinks("--drop media:gone", &[&warning]);
        for output in [output, hostile.writes("repair")] {
            assert!(
                !haslim(["info".as_ref(), output.as_os_str()])
                    .code(0)
                    .err
                    .contains("warning")
            );
        }
        hostile.works("verify", &[&warning]);
    }
}

#[test]
fn n46_v2_ciphertext_that_is_no_whole_blocks_is_damaged() {
    // Zeros after the data show that the size is wrong by that much; this is fixed.
    for change in [-17, -1] {
        let mut part = seal::v2(&stream());
        part.resize(part.len().saturating_add_signed(change), 0);
        let says = format!(
            "{} encrypted bytes are not whole blocks of 16",
            part.len() - V2_HEADER
        );
        damaged(seal::backup_v2(&part), 0, &says);
    }
}

#[test]
fn n47_bad_padding_is_damaged() {
    let stream = stream();
    let part = seal::v2(&stream);
    let last = part.len() - 16;
    // In CBC, a flip changes the same bit of the next block.
    for (flip, bit) in [(1, 0x01), (1, 0x80)] {
        let mut part = part.clone();
        part[last - flip] ^= bit;
        damaged(
            seal::backup_v2(&part),
            last,
            "the padding of the last encrypted block is wrong",
        );
    }
}

#[test]
fn n48_a_flipped_bit_is_found_or_harmless_or_said_to_be_beyond_finding() {
    let sound = entries_of(&seal::backup(&seal::v3(&stream())));
    for part in [seal::v3(&stream()), seal::v2(&stream())] {
        for at in (0..part.len())
            .step_by(part.len() / 20)
            .chain([9, 16, 24, part.len() - 1])
        {
            let mut flipped = part.clone();
            flipped[at] ^= 0x10;
            let bytes = if part[9] == 3 {
                seal::backup(&flipped)
            } else {
                seal::backup_v2(&flipped)
            };
            let hostile = Hostile::sealed(bytes.clone());
            let code = hostile.run("verify").code;
            // A changed salt is indistinguishable from another key; the mark determines the
            // version.
            let header = at < if part[9] == 3 { V3_HEADER } else { V2_HEADER };
            match code {
                0 => assert!(
                    entries_of(&bytes) == sound,
                    "byte {at}: other contents, and nobody saw it"
                ),
                5 => {}
                10 | 12 if header => {}
                12 if at < V2_HEADER + 16 && part[9] == 2 => {}
                other => panic!("byte {at}: code {other}"),
            }
        }
    }
    // The contents of an uncompressed v2 part have no checksum.
    let checked = haslim([
        "verify".as_ref(),
        fixture("v2-uncompressed.tar").as_os_str(),
        "--json".as_ref(),
    ])
    .code(0)
    .json();
    let evidence = checked["components"][0]["evidence"].as_str().unwrap();
    assert!(
        evidence.contains("nothing that could show a changed byte"),
        "{evidence}"
    );
}

/// The entries of `media` in a backup, as far as they can be read.
fn entries_of(bytes: &[u8]) -> Vec<InnerEntry> {
    let scratch = Scratch::new();
    entries(&scratch.file("in.tar", bytes), "media")
}

/// The SecureTar headers of the parts of a backup.
fn headers(path: &std::path::Path) -> Vec<SecureHeader> {
    let backup = haslim::open::Backup::open(path).unwrap();
    backup
        .parts
        .iter()
        .filter_map(|p| p.secure().cloned())
        .collect()
}

#[test]
fn n49_different_root_salts_become_one() {
    let hostile = Hostile::sealed(seal::backup(&seal::v3_of(PASSWORD, &stream())));
    for rest in ["--drop media:gone", "--drop media:kept"] {
        let output = hostile.shrinks(rest, &[]);
        let salts: Vec<_> = headers(&output)
            .iter()
            .map(|h| *h.v3_salts().unwrap())
            .collect();
        assert!(salts.len() == 2 && salts[0] == salts[1], "{rest}");
        assert_eq!(entries(&output, "share").len(), 2);
    }
    // Without the key, the parts cannot be made alike; the program says so.
    let extra = [
        file("media.tar.gz", &seal::v3_of(PASSWORD, &stream())),
        file("share.tar.gz", &seal::v3(&share())),
        file("ssl.tar.gz", &seal::v3(&share())),
    ];
    let bytes = tar(&[
        &extra[..],
        &[metadata_member(metadata(&["media", "share", "ssl"], true))],
    ]
    .concat());
    Hostile::new(bytes).fails("plan --drop ssl", 12, &["different root salts", "the key"]);
}

#[test]
fn n50_mixed_versions_become_one() {
    let hostile = Hostile::sealed(seal::backup(&seal::v2(&stream())));
    let output = hostile.shrinks("--drop media:gone", &[]);
    assert_eq!(
        headers(&output)
            .iter()
            .map(|h| h.version().number())
            .collect::<Vec<_>>(),
        [3, 3]
    );
    let plain = [
        file("media.tar.gz", &stream()),
        file("share.tar.gz", &seal::v2(&share())),
        metadata_member(metadata(&["media", "share"], true)),
    ];
    let output = Hostile::sealed(tar(&plain)).shrinks("--drop media:gone", &[]);
    assert_eq!(
        headers(&output)
            .iter()
            .map(|h| h.version().number())
            .collect::<Vec<_>>(),
        [2, 2]
    );
}

#[test]
fn n51_more_salts_than_any_backup_has_are_refused_before_a_key_is_derived() {
    let mut members: Vec<Vec<u8>> = (0..17)
        .map(|at| {
            let mut part = seal::v3(&share());
            part[32] ^= at;
            file(format!("addon_{at}.tar.gz"), &part)
        })
        .collect();
    let addons: Vec<String> = (0..17)
        .map(|at| format!(r#"{{"slug":"addon_{at}"}}"#))
        .collect();
    let text = metadata(&[], true).replace(
        r#""addons":[]"#,
        &format!(r#""addons":[{}]"#, addons.join(",")),
    );
    members.push(metadata_member(&text));
    let hostile = Hostile::sealed(tar(&members));
    for line in ["verify", "ls", "shrink --drop addon:addon_3:note.txt --yes"] {
        hostile.fails(
            line,
            10,
            &[
                "addon:addon_16: the parts use more than 16 different key salts",
                "at byte",
                "Whole parts",
            ],
        );
    }
    // Whole parts can be dropped without the key.
    hostile.run("info").code(0);
    // 100,000 members, more than any backup has.
    let one = file("x.tar.gz", b"");
    let mut many = Vec::with_capacity(100_000 * one.len());
    for at in 0..100_000 {
        many.extend(Head::new(format!("x{at}.tar.gz"), b'0', 0).data(b""));
    }
    many.extend(tar(&[metadata_member(metadata(&[], true))]));
    Hostile::new(many).fails("info", 10, &["more than 10000 members", "at byte 5120000"]);
}

#[test]
fn n52_no_salt_and_no_nonce_is_ever_used_for_changed_data() {
    for part in [seal::v3(&stream()), seal::v2(&stream())] {
        let bytes = if part[9] == 3 {
            seal::backup(&part)
        } else {
            seal::backup_v2(&part)
        };
        let hostile = Hostile::sealed(bytes);
        let nonce = |header: &SecureHeader| match header {
            SecureHeader::V3 {
                derivation_salt,
                stream_header,
                ..
            } => [derivation_salt.as_slice(), stream_header].concat(),
            SecureHeader::V2 { salt, .. } | SecureHeader::V1 { salt } => salt.to_vec(),
        };
        let scratch = Scratch::new();
        let mut seen: Vec<Vec<u8>> =
            headers(&scratch.file("in.tar", &std::fs::read(hostile.path()).unwrap()))
                .iter()
                .map(nonce)
                .collect();
        let share = seen[1].clone();
        for _ in 0..3 {
            let output = hostile.shrinks("--drop media:gone", &[]);
            let new: Vec<Vec<u8>> = headers(&output).iter().map(nonce).collect();
            assert!(!seen.contains(&new[0]), "a nonce came twice");
            // Unchanged parts keep their own.
            assert_eq!(new[1], share);
            seen.push(new[0].clone());
        }
    }
}
