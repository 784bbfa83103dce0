//! Wrong sizes, and the sizes that the data show instead.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;

use super::super::{Outer, scan, scan_closely};
use super::*;
use crate::error::Kind;
use crate::format::securetar::V3Salts;
use crate::format::tar::block::{padding, set_size};
use crate::format::tar::pax;

/// How a header states its size.
#[derive(Debug, Clone, Copy)]
enum Field {
    Octal,
    Base256,
    Pax,
}

const FIELDS: [Field; 3] = [Field::Octal, Field::Base256, Field::Pax];

fn block(name: &str, flag: u8, size: u64) -> [u8; BLOCK] {
    let mut block = [0u8; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[156] = flag;
    block[257..265].copy_from_slice(b"ustar\x0000");
    set_size(&mut block, size);
    block
}

fn header(name: &str, size: u64, field: Field) -> Vec<u8> {
    match field {
        Field::Octal => block(name, b'0', size).to_vec(),
        Field::Base256 => {
            let mut block = block(name, b'0', 0);
            block[124..136].copy_from_slice(&[&[0x80, 0, 0, 0][..], &size.to_be_bytes()].concat());
            crate::format::tar::block::set_checksum(&mut block);
            block.to_vec()
        }
        Field::Pax => {
            let mut records = Vec::new();
            pax::write(b"size", size.to_string().as_bytes(), &mut records);
            [
                &block("x", b'x', records.len() as u64)[..],
                &padded(records),
                &block(name, b'0', 0),
            ]
            .concat()
        }
    }
}

fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

/// A member's name, its data, and the size in its header.
type Row<'a> = (&'a str, &'a [u8], u64);

fn sound<'a>(name: &'a str, data: &'a [u8]) -> Row<'a> {
    (name, data, data.len() as u64)
}

fn members(rows: &[Row<'_>], field: Field) -> Vec<u8> {
    rows.iter()
        .flat_map(|(name, data, size)| [header(name, *size, field), padded(data.to_vec())].concat())
        .collect()
}

/// A tar with its end, as Python writes it.
fn ended(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize((bytes.len() + 2 * BLOCK).next_multiple_of(10_240), 0);
    bytes
}

fn input(bytes: &[u8]) -> Arc<Input> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Input::from_file(file, Path::new("ends.tar")).unwrap()
}

fn scanned(bytes: &[u8]) -> Result<Outer> {
    scan(&input(bytes), &Control::default())
}

/// Bytes that do not compress.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..len.div_ceil(8))
        .flat_map(|_| next().to_le_bytes())
        .take(len)
        .collect()
}

fn inner(len: usize) -> Vec<u8> {
    let noise = noise(len);
    ended(members(
        &[
            sound("./addon.json", b"{}"),
            sound("data/x", &noise),
            sound("data/y", b"y"),
        ],
        Field::Octal,
    ))
}

fn gzip(plaintext: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(plaintext).unwrap();
    encoder.finish().unwrap()
}

/// Data with a SecureTar header and the length that it states.
fn sealed(version: u8, len: usize) -> Vec<u8> {
    let plaintext_size = len as u64;
    let header = match version {
        2 => SecureHeader::V2 {
            plaintext_size,
            reserved: [0; 8],
            salt: [7; 16],
        },
        _ => SecureHeader::V3 {
            plaintext_size,
            reserved: [0; 8],
            salts: V3Salts {
                root_salt: [1; 16],
                validation_salt: [2; 16],
                validation_key: [3; 32],
            },
            derivation_salt: [4; 16],
            stream_header: [5; 24],
        },
    };
    let mut out = header.to_bytes();
    let more = header.member_len().unwrap() as usize - out.len();
    out.extend(noise(more));
    // The last byte shows that something is cut off.
    *out.last_mut().unwrap() = 1;
    out
}

/// The sizes of the members, and which of them were wrong.
fn sizes(outer: &Outer) -> Vec<(u64, bool)> {
    outer.members.iter().map(|m| (m.size, m.stale)).collect()
}

fn true_sizes(rows: &[Row<'_>]) -> Vec<(u64, bool)> {
    rows.iter()
        .map(|(_, data, size)| (data.len() as u64, *size != data.len() as u64))
        .collect()
}

#[track_caller]
fn is_put_right(rows: &[Row<'_>], what: &str) {
    for field in FIELDS {
        let bytes = ended(members(rows, field));
        let outer = scanned(&bytes).unwrap_or_else(|e| panic!("{what} {field:?}: {e}"));
        // The same as opening the backup does: if the metadata are missing, it scans a second time,
        // more closely.
        let is_hidden = outer
            .members
            .iter()
            .all(|member| member.header.name != b"./backup.json");
        let closely = if is_hidden {
            scan_closely(&input(&bytes), &Control::default()).unwrap()
        } else {
            None
        };
        let outer = closely.unwrap_or(outer);
        assert_eq!(sizes(&outer), true_sizes(rows), "{what} {field:?}");
        assert_eq!(outer.findings, [], "{what} {field:?}");
    }
}

/// A part of each kind.
fn kinds() -> Vec<(&'static str, Vec<u8>)> {
    let inner = inner(30_000);
    vec![
        ("homeassistant.tar.gz", gzip(&inner, 6)),
        ("homeassistant.tar", inner),
        ("homeassistant.tar.gz", sealed(2, 30_000)),
        ("homeassistant.tar.gz", sealed(3, 30_000)),
        ("homeassistant.tar", sealed(3, 1 << 20)),
    ]
}

const OFF: [i64; 16] = [
    1, 17, 153, 511, 512, 513, 700, 1536, 3000, 10_240, 90_000, 900_000, 5_000_000, -1, -17, -153,
];
const SHORT: [i64; 7] = [-511, -512, -513, -1536, -3000, -10_240, -20_000];

#[test]
fn a_size_that_is_too_large_or_too_small_is_put_right() {
    let (share, meta) = (gzip(&inner(5000), 6), b"{}".as_slice());
    for (name, data) in kinds() {
        for off in OFF.into_iter().chain(SHORT) {
            let stated = (data.len() as u64).checked_add_signed(off).unwrap();
            let what = format!("{name} of {} bytes, off by {off}", data.len());
            is_put_right(
                &[
                    (name, &data, stated),
                    sound("share.tar.gz", &share),
                    sound("./backup.json", meta),
                ],
                &what,
            );
        }
    }
}

#[test]
fn the_last_member_and_several_in_a_row_are_put_right() {
    for (name, data) in kinds() {
        for off in OFF.into_iter().chain(SHORT).filter(|off| off % 512 != 0) {
            let stated = (data.len() as u64).checked_add_signed(off).unwrap();
            is_put_right(
                &[sound("./backup.json", b"{}"), (name, &data, stated)],
                &format!("{name}, the last, off by {off}"),
            );
        }
    }
    let parts: Vec<_> = kinds().into_iter().map(|(_, data)| data).collect();
    let names = ["a.tar.gz", "b.tar", "c.tar.gz", "d.tar.gz", "e.tar"];
    for off in [-3000i64, 700, 90_000] {
        let rows: Vec<Row<'_>> = names
            .iter()
            .zip(&parts)
            .map(|(name, data)| {
                (
                    *name,
                    data.as_slice(),
                    (data.len() as u64).checked_add_signed(off).unwrap(),
                )
            })
            .collect();
        is_put_right(&rows, &format!("all off by {off}"));
    }
}

#[test]
fn a_size_is_put_right_where_the_file_has_no_end_blocks() {
    for (name, data) in kinds() {
        for off in [-3000i64, 700, 90_000] {
            let rows = [
                sound("./backup.json", b"{}"),
                (
                    name,
                    &data,
                    (data.len() as u64).checked_add_signed(off).unwrap(),
                ),
            ];
            let outer = scanned(&members(&rows, Field::Octal)).unwrap();
            assert_eq!(sizes(&outer), true_sizes(&rows), "{name} off by {off}");
            assert_eq!(outer.findings.len(), 1, "{:?}", outer.findings);
        }
    }
}

/// supervisor#4924, GD#1194: the size in the header was never filled in.
#[test]
fn a_size_of_zero_in_front_of_data_is_put_right() {
    let share = gzip(&inner(5000), 6);
    for (name, data) in kinds() {
        is_put_right(
            &[
                (name, &data, 0),
                sound("share.tar.gz", &share),
                sound("./backup.json", b"{}"),
            ],
            name,
        );
    }
}

#[test]
fn an_empty_member_stays_empty() {
    let share = inner(5000);
    for name in ["core_x.tar.gz", "core_x.tar"] {
        is_put_right(
            &[
                sound(name, b""),
                sound("share.tar", &share),
                sound("./backup.json", b"{}"),
            ],
            name,
        );
        is_put_right(
            &[
                sound("./backup.json", b"{}"),
                sound("share.tar", &share),
                sound(name, b""),
            ],
            name,
        );
    }
}

/// What Supervisor packs first differs by part: its own settings, an app's image, a folder's files.
#[test]
fn a_size_of_zero_is_put_right_whatever_a_part_begins_with() {
    let share = inner(3000);
    for first in [
        "docker.json",
        "./apparmor.txt",
        "image.tar",
        "config/a",
        "films/b.mp4",
    ] {
        let entries = [sound(first, b"{}"), sound("data/c", b"c")];
        let data = ended(members(&entries, Field::Octal));
        is_put_right(
            &[
                ("a.tar", &data, 0),
                sound("share.tar", &share),
                sound("./backup.json", b"{}"),
            ],
            first,
        );
    }
}

/// An archive without contents, or one that ends between two entries, does not take the members
/// behind it, whatever they are (supervisor#4924; files of macOS).
#[test]
fn a_member_that_is_no_archive_does_not_become_part_of_the_one_before_it() {
    let open = inner(5000);
    // Without its last entry.
    let cut = &open[..13 * BLOCK];
    let own = [7; 700];
    for other in [
        "notes.txt",
        ".DS_Store",
        "._share.tar",
        "./._backup.json",
        "data",
    ] {
        for archive in [&b""[..], cut] {
            for rows in [
                vec![
                    sound("a.tar", archive),
                    sound(other, &own),
                    sound("./backup.json", b"{}"),
                ],
                // Otherwise it could be the beginning of a part.
                vec![
                    sound("./backup.json", b"{}"),
                    sound("a.tar", archive),
                    sound(if other == "data" { "x" } else { other }, &own),
                ],
                vec![
                    sound("./backup.json", b"{}"),
                    sound("a.tar", archive),
                    sound(other, &own),
                    sound("share.tar", &open),
                ],
            ] {
                is_put_right(&rows, &format!("{other} behind {} bytes", archive.len()));
            }
        }
    }
}

#[test]
fn a_size_that_leads_to_the_header_of_a_later_member_is_put_right() {
    let (share, meta) = (gzip(&inner(5000), 6), b"{}".as_slice());
    let open = inner(5000);
    for (name, data) in kinds() {
        for (next, between) in [("share.tar.gz", &share), ("share.tar", &open)] {
            let padding = padding(data.len() as u64);
            let to_the_next = padding + BLOCK as u64 + between.len().next_multiple_of(BLOCK) as u64;
            // Up to the metadata, to the end, and to a header inside the next part's tar.
            let meta_too = to_the_next + 2 * BLOCK as u64;
            for more in [
                to_the_next,
                to_the_next - padding,
                meta_too,
                padding + 3 * BLOCK as u64,
            ] {
                let rows = [
                    (name, &*data, data.len() as u64 + more),
                    sound(next, between),
                    sound("./backup.json", meta),
                ];
                let bytes = ended(members(&rows, Field::Octal));
                let outer = scan_closely(&input(&bytes), &Control::default()).unwrap();
                let outer = outer.map_or_else(|| scanned(&bytes), Ok).unwrap();
                assert_eq!(
                    sizes(&outer),
                    true_sizes(&rows),
                    "{name} of {} bytes, {more} more, before {next}",
                    data.len()
                );
            }
        }
    }
}

#[test]
fn a_size_that_leads_to_a_header_inside_the_data_is_put_right() {
    // Stored without compression, so that headers and zeros of the inner tar appear unchanged.
    let plaintext = ended(members(
        &[sound("a.tar", &inner(3000)), sound("b", &[0; 4000])],
        Field::Octal,
    ));
    let stored = gzip(&plaintext, 0);
    let first = stored.windows(5).position(|w| w == b"a.tar").unwrap();
    // A name field in front, so that the tar's blocks are where a header could be.
    let name = vec![b'n'; (2 * BLOCK - first - 1) % BLOCK];
    let data = [
        &[0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0xff][..],
        &name,
        &[0],
        &stored[10..],
    ]
    .concat();
    let place = data.windows(5).position(|w| w == b"a.tar").unwrap() as u64;
    assert_eq!(place % BLOCK as u64, 0);
    for stated in [
        place + BLOCK as u64,
        place + 5000,
        data.len() as u64 / 512 * 512 - 4096,
    ] {
        is_put_right(
            &[
                ("share.tar.gz", &data, stated),
                sound("./backup.json", b"{}"),
            ],
            &stated.to_string(),
        );
    }
}

#[test]
fn what_follows_the_data_inside_a_member_is_no_reason_to_shorten_it() {
    for (_, data) in kinds() {
        for rest in [&b"garbage"[..], &[1; 3000]] {
            let with_rest = [&data, rest].concat();
            let rows = [
                sound("media.tar.gz", &with_rest),
                sound("share.tar.gz", &data),
                sound("./backup.json", b"{}"),
            ];
            is_put_right(&rows, &format!("{} bytes behind", rest.len()));
        }
    }
}

#[test]
fn gzip_members_that_follow_each_other_are_one_part() {
    let plaintext = inner(5000);
    let data: Vec<u8> = plaintext
        .chunks(4321)
        .flat_map(|piece| gzip(piece, 6))
        .collect();
    for off in [-2000, -1, 0, 1, 700, 90_000] {
        let stated = (data.len() as u64).checked_add_signed(off).unwrap();
        is_put_right(
            &[
                ("media.tar.gz", &data, stated),
                sound("./backup.json", b"{}"),
            ],
            &off.to_string(),
        );
    }
}

#[test]
fn where_nothing_proves_an_end_the_error_names_member_place_and_reason() {
    let mut data = gzip(&inner(5000), 6);
    let middle = data.len() / 2;
    let stated = data.len() as u64 + 3000;
    let rows = |data: &[u8]| {
        ended(
            [
                members(&[("media.tar.gz", data, stated)], Field::Pax),
                members(&[sound("share.tar.gz", &noise(9000))], Field::Pax),
            ]
            .concat(),
        )
    };
    data[middle] ^= 0xff;
    let error = scanned(&rows(&data)).unwrap_err();
    assert_eq!(
        (error.kind(), error.part()),
        (Kind::Damaged, Some("after media.tar.gz"))
    );
    assert!(
        error
            .message()
            .contains("nor do the data of that part show where they end: "),
        "{error}"
    );
    assert!(error.offset().is_some());
    // A valid stream, with nothing after it.
    data[middle] ^= 0xff;
    let mut bytes = rows(&data);
    let next = 3 * BLOCK + data.len().next_multiple_of(BLOCK);
    bytes[next] ^= 1;
    let error = scanned(&bytes).unwrap_err();
    let told = format!(
        "the data of that part end after {} bytes, but no header follows at byte {next} either",
        data.len()
    );
    assert!(
        error.kind() == Kind::Damaged && error.message().contains(&told),
        "{error}"
    );
}

#[test]
fn a_file_that_is_cut_off_is_told_to_be_so() {
    for (name, data) in kinds() {
        let rows = [sound("./backup.json", b"{}"), sound(name, &data)];
        let bytes = members(&rows, Field::Octal);
        for cut in [4 * BLOCK, 20 * BLOCK, 20 * BLOCK + 7] {
            let error = scanned(&bytes[..cut]).unwrap_err();
            assert!(
                error
                    .message()
                    .starts_with("the file ends inside this member"),
                "{name} cut at {cut}: {error}"
            );
        }
    }
}

#[test]
fn a_sound_part_is_not_inflated() {
    // The checksum is wrong, and nothing notices it here.
    let mut data = gzip(&inner(5000), 6);
    let at = data.len() - 8;
    data[at] ^= 1;
    let bytes = ended(members(
        &[sound("media.tar.gz", &data), sound("./backup.json", b"{}")],
        Field::Octal,
    ));
    let input = input(&bytes);
    let control = Control::default();
    let ends = Ends::new(&input, &control, false);
    let before = ends.budget.get();
    for member in scanned(&bytes).unwrap().members {
        assert_eq!(ends.find(&member).unwrap(), Found::AsStated);
    }
    assert_eq!(ends.budget.get(), before);
}

#[test]
fn streams_that_lead_through_all_later_members_are_not_read_again_for_each() {
    // Each tar claims an entry that finally leads to one long tar, and a size that leads to the
    // next member.
    let tail = members(&vec![sound("e", b""); 4000], Field::Octal);
    let count = 500usize;
    let mut bytes = Vec::new();
    for at in 0..count {
        let jump = ((count - at - 1) * 3 + 1) as u64 * BLOCK as u64;
        bytes.extend(
            [
                header(&format!("{at}.tar"), 513, Field::Octal),
                header("in", jump, Field::Octal),
                vec![1; BLOCK],
            ]
            .concat(),
        );
    }
    bytes.extend([block("last.tar", b'0', tail.len() as u64).to_vec(), tail].concat());
    let (input, control) = (input(&bytes), Control::default());
    let ends = Ends::new(&input, &control, false);
    let mut looked = 0;
    let outer = scan(&input, &control).unwrap();
    for member in &outer.members {
        let before = ends.budget.get();
        ends.find(member).unwrap();
        looked += before - ends.budget.get();
    }
    assert!(looked <= 3 * bytes.len() as u64 + MOST_EXCESS, "{looked}");
}

#[test]
fn whoever_waits_for_the_end_of_a_stream_can_be_stopped() {
    let data = gzip(&inner(5000), 6);
    let bytes = ended(members(&[("media.tar.gz", &data, 7)], Field::Octal));
    let stopped = Control::new(Arc::new(crate::pipe::Silent), Arc::new(2.into()), 1);
    assert_eq!(
        scan(&input(&bytes), &stopped).unwrap_err().kind(),
        Kind::Interrupted(2)
    );
}
