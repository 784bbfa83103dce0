//! Headers that tests/differential once found read differently from Python.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::format::tar::block::{set_checksum, set_size};

/// A header block with its checksum, and its data in whole blocks.
fn piece(flag: u8, name: &[u8], data: &[u8]) -> Vec<u8> {
    let mut block = [0u8; BLOCK];
    block[..name.len()].copy_from_slice(name);
    block[156] = flag;
    block[257..265].copy_from_slice(b"ustar\x0000");
    set_size(&mut block, data.len() as u64);
    let mut out = block.to_vec();
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
    out
}

/// A file's header with these bytes in one field.
fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut raw = piece(b'0', b"f", b"");
    raw[at..at + bytes.len()].copy_from_slice(bytes);
    set_checksum(raw.first_chunk_mut().unwrap());
    raw
}

fn records(records: &[(&str, &str)]) -> Vec<u8> {
    let mut data = Vec::new();
    records
        .iter()
        .for_each(|(key, value)| pax::write(key.as_bytes(), value.as_bytes(), &mut data));
    piece(b'x', b"pax", &data)
}

fn long(flag: u8, text: &str) -> Vec<u8> {
    piece(flag, b"long", format!("{text}\0").as_bytes())
}

/// Reads one header.
fn read(pieces: &[Vec<u8>]) -> Result<Header, TarError> {
    let mut assembler = Assembler::default();
    for block in pieces.concat().as_chunks::<BLOCK>().0 {
        if let Step::Header(header) = assembler.push(block)? {
            return Ok(*header);
        }
    }
    panic!("the header is not complete")
}

#[track_caller]
fn refused(pieces: &[Vec<u8>]) {
    assert!(
        matches!(read(pieces), Err(TarError::Refused(_))),
        "{:?}",
        read(pieces)
    );
}

#[track_caller]
fn damaged(pieces: &[Vec<u8>]) {
    assert!(
        matches!(read(pieces), Err(TarError::Damaged(_))),
        "{:?}",
        read(pieces)
    );
}

#[test]
fn a_number_that_ends_the_archive_for_python_is_damage() {
    for at in [100, 108, 116, 136, 329, 337] {
        for bytes in [
            &b"0000008\0"[..],
            b"abc\0\0\0\0\0",
            b"00 1\0\0\0\0",
            &[0x81; 8],
        ] {
            damaged(&[with(at, bytes)]);
        }
        // The header of an extension is also a header.
        let mut extension = records(&[("comment", "c")]);
        extension[at] = b'x';
        set_checksum(extension.first_chunk_mut().unwrap());
        damaged(&[extension, piece(b'0', b"f", b"")]);
    }
}

#[test]
fn a_number_that_stops_a_restore_is_refused() {
    refused(&[with(100, &[0x80, 0, 0, 0, 0, 0x20, 0, 0])]);
    refused(&[with(108, &[0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])]);
    damaged(&[with(136, &[0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0])]);
    damaged(&[with(
        136,
        &[0xff, 0xff, 0xff, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0],
    )]);
    for (key, value) in [
        ("mtime", "inf"),
        ("mtime", "nan"),
        ("mtime", "-1e300"),
        ("mtime", "1e19"),
        ("mtime", ""),
        ("mtime", " 5"),
    ] {
        refused(&[records(&[(key, value)]), piece(b'0', b"f", b"")]);
    }
    for value in ["4294967295", "-1", "1e300", ""] {
        refused(&[records(&[("uid", value)]), piece(b'0', b"f", b"")]);
    }
}

#[test]
fn times_before_1970_and_owners_beyond_octal_are_read() {
    assert_eq!(read(&[with(136, &[0xff; 12])]).map(|h| h.mtime()), Ok(-1));
    assert!(read(&[with(108, &[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff])]).is_ok());
    for (value, seconds) in [
        ("1732449123.123456", 1_732_449_123),
        ("-5.5", -6),
        ("1e-05", 0),
        ("0", 0),
    ] {
        let header = read(&[
            records(&[("mtime", value), ("uid", "4000000000")]),
            with(136, b"00000000017\0"),
        ]);
        assert_eq!(header.map(|header| header.mtime()), Ok(seconds), "{value}");
    }
}

#[test]
fn an_encoding_that_python_cannot_name_is_refused() {
    refused(&[records(&[("hdrcharset", "ü")]), piece(b'0', b"f", b"")]);
    assert!(read(&[records(&[("hdrcharset", "BINARY")]), piece(b'0', b"f", b"")]).is_ok());
}

#[test]
fn bytes_in_the_padding_of_an_extension_are_refused() {
    for mut extension in [records(&[("path", "p")]), long(b'L', "n")] {
        extension[BLOCK + 100] = b'x';
        refused(&[extension, piece(b'0', b"f", b"")]);
    }
}

#[test]
fn of_record_and_gnu_block_the_first_counts_for_name_and_link_apart() {
    let pax = || records(&[("path", "pax-name"), ("linkpath", "pax-link")]);
    let link = || piece(b'2', b"short", b"");
    let names = |pieces: &[Vec<u8>]| {
        read(pieces).map(|h| {
            (
                String::from_utf8(h.name).unwrap(),
                String::from_utf8(h.link).unwrap(),
            )
        })
    };
    let both = |name: &str, link: &str| Ok((name.to_owned(), link.to_owned()));
    assert_eq!(
        names(&[pax(), long(b'L', "L"), long(b'K', "K"), link()]),
        both("pax-name", "pax-link")
    );
    assert_eq!(
        names(&[long(b'L', "L"), pax(), long(b'K', "K"), link()]),
        both("L", "pax-link")
    );
    assert_eq!(
        names(&[long(b'K', "K"), pax(), long(b'L', "L"), link()]),
        both("pax-name", "K")
    );
    assert_eq!(
        names(&[long(b'L', "L"), long(b'K', "K"), pax(), link()]),
        both("L", "K")
    );
}

#[test]
fn a_long_name_behind_a_pax_size_is_refused_and_before_it_is_read() {
    let size = || records(&[("size", "1")]);
    for flag in [b'L', b'K'] {
        refused(&[size(), long(flag, "long"), piece(b'0', b"f", b"1")]);
        assert!(read(&[long(flag, "long"), size(), piece(b'0', b"f", b"1")]).is_ok());
    }
}

#[test]
fn an_old_directory_is_one_only_by_its_own_header() {
    assert_eq!(
        read(&[piece(b'\0', b"d/", b"")]).unwrap().kind,
        EntryKind::Directory
    );
    for extension in [
        long(b'L', "name"),
        long(b'L', "d/"),
        records(&[("comment", "c")]),
        piece(b'g', b"", b""),
    ] {
        refused(&[extension, piece(b'\0', b"d/", b"")]);
    }
    refused(&[long(b'L', "d/"), piece(b'\0', b"d", b"")]);
    let mut prefix = piece(b'\0', b"", b"");
    prefix[345..347].copy_from_slice(b"p/");
    set_checksum(prefix.first_chunk_mut().unwrap());
    refused(&[prefix]);
}

#[test]
fn names_of_slashes_are_refused() {
    for name in ["//", "d//"] {
        refused(&[piece(b'5', name.as_bytes(), b"")]);
        refused(&[long(b'L', name), piece(b'5', b"d", b"")]);
        refused(&[records(&[("path", name)]), piece(b'5', b"d", b"")]);
    }
    assert_eq!(
        read(&[long(b'L', "d/e/"), piece(b'5', b"d", b"")])
            .unwrap()
            .name,
        b"d/e"
    );
    // An empty name, which only matters if the entry is kept.
    assert_eq!(read(&[piece(b'5', b"/", b"")]).unwrap().name, b"");
}

#[test]
fn nothing_but_an_entry_may_follow_a_global_header() {
    let mut assembler = Assembler::default();
    let global = piece(b'g', b"", b"");
    assert!(matches!(
        assembler.push(global.first_chunk().unwrap()),
        Ok(Step::Global(_))
    ));
    assert!(!assembler.is_idle(), "the archive may not stop here");
    assert!(matches!(
        assembler.push(&[0; BLOCK]),
        Err(TarError::Damaged(_))
    ));
    assert!(read(&[piece(b'g', b"", b""), piece(b'0', b"f", b"")]).is_ok());
}
