//! Files of every recognised kind, and files that look similar.

use super::*;
use crate::dates;
use crate::format::tar::block::{BLOCK, set_size};

fn member(name: &str, flag: u8, data: &[u8]) -> Vec<u8> {
    let mut block = [0u8; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[156] = flag;
    block[257..263].copy_from_slice(b"ustar\0");
    set_size(&mut block, data.len() as u64);
    let mut out = block.to_vec();
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
    out
}

fn ended(members: &[Vec<u8>]) -> Vec<u8> {
    let mut tar = members.concat();
    tar.resize((tar.len() + 2 * BLOCK).next_multiple_of(10_240), 0);
    tar
}

fn sniff(bytes: &[u8], piece: usize) -> Verdict {
    let mut sniffer = NestedBackup::default();
    for piece in bytes.chunks(piece) {
        sniffer.feed(piece);
    }
    sniffer.verdict().unwrap_or(Verdict::Other)
}

/// The result for a whole file if the outer backup's Home Assistant is "us".
fn contents(bytes: &[u8]) -> Contents {
    [1, 17, 4096].map(|piece| {
        let mut sniffer = Sniffer::default();
        bytes.chunks(piece).for_each(|piece| sniffer.feed(piece));
        sniffer.finish(&Made {
            instance: Some("us".into()),
            date: dates::seconds("2026-11-01T04:45:00+00:00"),
        })
    })[0]
}

#[test]
fn what_is_not_older_or_is_a_rest_is_no_old_backup() {
    for (about, found) in [
        (r#""date":"2026-11-01T04:44:59+00:00""#, true),
        (r#""date":"2026-11-01T05:44:59+01:00""#, true),
        (r#""date":"2026-11-01T04:45:00+00:00""#, false),
        (r#""date":"2026-12-22T05:00:00+00:00""#, false),
        (
            r#""date":"2025-01-01T00:00:00+00:00","extra":{"haslim":{"rest_of":{"slug":"a"}}}"#,
            false,
        ),
        (
            r#""date":"2025-01-01T00:00:00+00:00","extra":{"haslim":{"slim_of":{"slug":"a"}}}"#,
            true,
        ),
    ] {
        let about = format!(r#"{{"slug":"0a1b2c3d",{about},"type":"partial"}}"#);
        let file = ended(&[
            member("homeassistant.tar.gz", b'0', b"x"),
            member("./backup.json", b'0', about.as_bytes()),
        ]);
        assert_eq!(contents(&file).is_backup(), found, "{about}");
    }
}

#[test]
fn an_archive_that_is_no_part_makes_a_tar_no_backup() {
    let about = br#"{"slug":"0a1b2c3d","date":"2025-01-01T00:00:00+00:00","type":"partial","folders":["addons/local"],"addons":[{"slug":"my app"}]}"#;
    for (name, found) in [
        ("kids-photos.tar", false),
        ("photos.tar.gz", false),
        ("my app.tar.gz", true),
        ("addons_local.tar", true),
        ("core_ssh.tar", true),
        ("local_mine.tar.gz", true),
        ("a0d7b954_influxdb.tar.gz", true),
        ("A0D7B954_influxdb.tar.gz", false),
        ("a0d7b95_influxdb.tar.gz", false),
    ] {
        // Supervisor puts the metadata last, Core first.
        for first in [true, false] {
            let mut members = vec![
                member("media.tar.gz", b'0', b"x"),
                member(name, b'0', b"x"),
                member("./backup.json", b'0', about),
            ];
            if first {
                members.rotate_right(1);
            }
            assert_eq!(contents(&ended(&members)).is_backup(), found, "{name}");
        }
    }
}

const ABOUT: &[u8] = br#"{"slug":"0a1b2c3d","date":"2025-01-01T00:00:00+00:00","type":"partial"}"#;

fn backup() -> Vec<u8> {
    ended(&[
        member("././@PaxHeader", b'x', b"27 mtime=1732449123.123456\n"),
        member("homeassistant.tar.gz", b'0', &[7; 1500]),
        member("core_ssh.tar.gz", b'0', &[]),
        member("./backup.json", b'0', ABOUT),
    ])
}

#[test]
fn a_backup_is_recognised_in_pieces_of_any_size() {
    for piece in [1, 7, 511, 512, 513, 4096, 1 << 20] {
        assert_eq!(
            sniff(&backup(), piece),
            Verdict::Backup,
            "pieces of {piece} bytes"
        );
    }
}

#[test]
fn metadata_first_and_the_old_name_count_too() {
    let core = [
        member("./backup.json", b'0', ABOUT),
        member("homeassistant.tar.gz", b'0', b"x"),
    ];
    assert_eq!(sniff(&ended(&core), 512), Verdict::Backup);
    let old = [
        member("./snapshot.json", b'0', ABOUT),
        member("./ssl.tar", b'0', b"x"),
    ];
    assert_eq!(sniff(&ended(&old), 512), Verdict::Backup);
}

#[test]
fn tars_of_other_people_stay() {
    let json = || member("./backup.json", b'0', ABOUT);
    let part = || member("share.tar.gz", b'0', b"x");
    let cases = [
        ("no part", vec![json()]),
        ("no metadata", vec![part()]),
        (
            "another file",
            vec![json(), part(), member("./photo.jpg", b'0', b"x")],
        ),
        (
            "a part in a folder",
            vec![json(), member("old/share.tar.gz", b'0', b"x")],
        ),
        (
            "metadata without ./",
            vec![member("backup.json", b'0', b"{}"), part()],
        ),
        (
            "a folder",
            vec![json(), part(), member("photos", b'5', b"")],
        ),
        ("nothing", vec![]),
    ];
    for (what, members) in cases {
        assert_eq!(sniff(&ended(&members), 512), Verdict::Other, "{what}");
    }
    assert_eq!(sniff(b"no tar at all", 4), Verdict::Other);
    assert_eq!(sniff(&[0x1f; 2000], 100), Verdict::Other);
    assert_eq!(sniff(b"", 1), Verdict::Other);
}

#[test]
fn a_backup_that_ends_early_anywhere_stays() {
    let whole = backup();
    let ends_at = whole
        .iter()
        .rposition(|&b| b != 0)
        .map_or(0, |at| at + 1)
        .next_multiple_of(BLOCK);
    for length in (0..ends_at + BLOCK).step_by(97) {
        assert_eq!(
            sniff(&whole[..length], 512),
            Verdict::Other,
            "cut at {length}"
        );
    }
}

#[test]
fn the_size_of_a_large_member_comes_from_its_pax_record() {
    // The size field is zero, as Python leaves it, and the record says 1500.
    let mut large = member("share.tar.gz", b'0', &[]);
    large.extend_from_slice(&[9; 1536]);
    let pax = member(
        "././@PaxHeader",
        b'x',
        b"13 size=1500\n27 mtime=1732449123.123456\n",
    );
    let tar = ended(&[pax, large, member("./backup.json", b'0', ABOUT)]);
    assert_eq!(sniff(&tar, 300), Verdict::Backup);
}

#[test]
fn a_size_in_base_256_is_skipped_without_being_stored() {
    let mut head = [0u8; BLOCK];
    head[..12].copy_from_slice(b"share.tar.gz");
    head[156] = b'0';
    set_size(&mut head, 1 << 34);
    let mut sniffer = NestedBackup::default();
    assert_eq!(sniffer.feed(&head), None);
    let zeros = vec![0u8; 1 << 20];
    for _ in 0..64 {
        assert_eq!(
            sniffer.feed(&zeros),
            None,
            "the data of a member is no header"
        );
    }
}

#[test]
fn records_longer_than_a_block_are_passed_over() {
    let comment = format!("1010 comment={}\n", "c".repeat(996));
    let pax = member("././@PaxHeader", b'x', comment.as_bytes());
    let tar = ended(&[
        pax,
        member("share.tar.gz", b'0', b"x"),
        member("./backup.json", b'0', ABOUT),
    ]);
    assert_eq!(sniff(&tar, 512), Verdict::Backup);
}

/// RELIABILITY, the case of the family's archive: any tar may contain a backup.json.
#[test]
fn metadata_without_slug_date_and_type_are_not_those_of_a_backup() {
    for text in [
        r#"{"mine":1}"#,
        r#"{"slug":"a","date":"2025-01-01"}"#,
        r#"{"slug":"","date":"2025-01-01","type":"full"}"#,
        r#"{"slug":"a","date":"yesterday","type":"full"}"#,
        r#"{"slug":"a","date":"2025","type":"full"}"#,
        r#"{"slug":"a","date":"2025-01-01","type":"photos"}"#,
        r#"{"slug":1,"date":"2025-01-01","type":"full"}"#,
        "slug date type",
        "",
    ] {
        let tar = ended(&[
            member("photos.tar", b'0', b"x"),
            member("./backup.json", b'0', text.as_bytes()),
        ]);
        assert_eq!(sniff(&tar, 100), Verdict::Other, "{text}");
    }
    let marked = [&b"\xef\xbb\xbf"[..], ABOUT].concat();
    assert_eq!(
        sniff(
            &ended(&[
                member("./backup.json", b'0', &marked),
                member("share.tar", b'0', b"x")
            ]),
            100
        ),
        Verdict::Backup
    );
    let twice = ended(&[
        member("./backup.json", b'0', ABOUT),
        member("share.tar", b'0', b"x"),
        member("./backup.json", b'0', ABOUT),
    ]);
    assert_eq!(
        sniff(&twice, 512),
        Verdict::Other,
        "nobody knows which one counts"
    );
}

#[test]
fn the_home_assistant_that_made_a_backup_is_told_by_its_metadata() {
    let made_by = |extra: &str| {
        let text = format!(r#"{{"slug":"a","date":"2025-01-01","type":"full","extra":{extra}}}"#);
        contents(&ended(&[
            member("homeassistant.tar.gz", b'0', b"x"),
            member("./backup.json", b'0', text.as_bytes()),
        ]))
    };
    assert_eq!(
        made_by(r#"{"instance_id":"us"}"#),
        Contents::Backup(Origin::Same)
    );
    assert_eq!(
        made_by(r#"{"instance_id":"them"}"#),
        Contents::Backup(Origin::Other)
    );
    for extra in [
        "{}",
        "null",
        "[]",
        r#"{"instance_id":""}"#,
        r#"{"instance_id":5}"#,
    ] {
        assert_eq!(made_by(extra), Contents::Backup(Origin::Unknown), "{extra}");
    }
    assert_eq!(
        contents(&backup()),
        Contents::Backup(Origin::Unknown),
        "older ones have no `extra` at all"
    );
}

/// An ELF header of this type (gABI), followed by other bytes.
fn elf(order: u8, kind: [u8; 2]) -> Vec<u8> {
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, order, 1];
    file.resize(16, 0);
    file.extend(kind);
    file.resize(4000, 7);
    file
}

#[test]
fn the_memory_of_a_crashed_program_is_told_by_its_elf_header() {
    assert_eq!(contents(&elf(1, [4, 0])), Contents::CoreDump);
    assert_eq!(contents(&elf(2, [0, 4])), Contents::CoreDump);
    // A program, a library, an object; the wrong byte order; a drawing; cut short.
    for (order, kind) in [
        (1, [2, 0]),
        (1, [3, 0]),
        (1, [1, 0]),
        (1, [0, 4]),
        (2, [4, 0]),
        (3, [4, 0]),
    ] {
        assert_eq!(
            contents(&elf(order, kind)),
            Contents::Other,
            "{order} {kind:?}"
        );
    }
    for file in [
        &b"<svg>core 2024</svg>"[..],
        b"",
        b"\x7fELF",
        &elf(1, [4, 0])[..17],
    ] {
        assert_eq!(contents(file), Contents::Other);
    }
}

#[test]
fn databases_are_told_by_their_first_bytes() {
    let mut page = b"SQLite format 3\0".to_vec();
    page.resize(4096, 0);
    assert_eq!(contents(&page), Contents::Database);
    assert_eq!(
        contents(b"\x37\x7f\x06\x82rest of a log"),
        Contents::Database
    );
    assert_eq!(
        contents(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"),
        Contents::Database
    );
    assert_eq!(
        contents(b"SQLite format 3 is a good format"),
        Contents::Other
    );
}

#[test]
fn a_verdict_stays() {
    let mut sniffer = NestedBackup::default();
    assert_eq!(sniffer.feed(&[1; 512]), Some(Verdict::Other));
    assert_eq!(sniffer.feed(&backup()), Some(Verdict::Other));
}
