//! Oddities in extended headers: PAX records, GNU long names and links.

use super::Oddity;
use super::build::{Archive, Piece, SIZE};
use crate::rng::Rng;

pub const ODDITIES: &[Oddity] = &[
    ("PAX name or link", pax_name),
    ("PAX size", pax_size),
    ("PAX size and long name", size_and_long),
    ("PAX time or owner", pax_number),
    ("PAX records", pax_records),
    ("PAX records beyond the size", beyond),
    ("PAX record damaged", damaged),
    ("GNU long name", long_name),
    ("GNU long link", long_link),
    ("extensions mixed", mixed),
    ("global header", global),
    ("extension without entry", orphan),
    ("extension's size", extension_size),
    ("sparse", sparse),
];

/// A record with its length in front. The length includes itself.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + rest.to_string().len();
    length = rest + length.to_string().len();
    [length.to_string().as_bytes(), b" ", key, b"=", value, b"\n"].concat()
}

fn extension(rng: &mut Rng, records: Vec<u8>) -> Piece {
    let flag = if rng.one_in(12) { b'X' } else { b'x' };
    Piece::extension(flag, records)
}

fn long_text(rng: &mut Rng) -> Vec<u8> {
    let texts: [&[u8]; 14] = [
        b"long",
        b"long/",
        b"long//",
        b"/",
        b"//",
        b"",
        b"a\0b",
        b"\xff/x",
        b"\xed\xa0\x80",
        b"a\n12 path=zz\n",
        b"/abs",
        b"x=y",
        b"data/",
        b".",
    ];
    if rng.one_in(3) {
        let mut text = b"dir/".repeat(rng.pick(&[24, 25, 26, 127, 128, 129]));
        text.extend(rng.pick(&[&b"file"[..], b"", b"/"]).iter());
        return text;
    }
    rng.pick(&texts).to_vec()
}

fn pax_name(rng: &mut Rng, archive: &mut Archive) {
    let key: &[u8] = rng.pick(&[&b"path"[..], b"path", b"linkpath"]);
    let mut records = record(key, &long_text(rng));
    if rng.one_in(4) {
        records.splice(
            0..0,
            record(
                b"hdrcharset",
                rng.pick(&[&b"BINARY"[..], b"ISO-IR 10646 2000 UTF-8", b"odd", b"\xff"]),
            ),
        );
    }
    let piece = extension(rng, records);
    archive.extend(rng, piece);
}

/// A size by PAX: the right one or not, with the plain field empty or not.
fn pax_size(rng: &mut Rng, archive: &mut Archive) {
    let at = rng.below(archive.entries.len());
    let main = archive.entries[at].last_mut().unwrap();
    let real = main.data.len();
    let values: [Vec<u8>; 12] = [
        b"".to_vec(),
        b"-1".to_vec(),
        b"1_0".to_vec(),
        format!("{real}.0").into_bytes(),
        format!(" {real}").into_bytes(),
        format!("+{real}").into_bytes(),
        format!("000{real}").into_bytes(),
        (real + 1).to_string().into_bytes(),
        (real + 512).to_string().into_bytes(),
        u64::MAX.to_string().into_bytes(),
        "\u{661}".as_bytes().to_vec(),
        b"0".to_vec(),
    ];
    let value = if rng.one_in(2) {
        real.to_string().into_bytes()
    } else {
        rng.pick(&values)
    };
    if rng.one_in(2) {
        main.put(SIZE, b"00000000000\0");
    }
    let mut records = record(b"size", &value);
    if rng.one_in(6) {
        records.extend(record(b"size", real.to_string().as_bytes()));
    }
    let piece = extension(rng, records);
    archive.entries[at].insert(0, piece);
}

/// Python up to 3.11 and since 3.14 compute the position of the next header differently.
fn size_and_long(rng: &mut Rng, archive: &mut Archive) {
    let at = rng.below(archive.entries.len());
    let main = archive.entries[at].last_mut().unwrap();
    let size = extension_of_size(main);
    if rng.one_in(2) {
        main.put(SIZE, b"00000000000\0");
    }
    let long = Piece::extension(rng.pick(b"LK"), [long_text(rng), vec![0]].concat());
    let both = if rng.one_in(2) {
        [size, long]
    } else {
        [long, size]
    };
    archive.entries[at].splice(0..0, both);
}

fn extension_of_size(main: &Piece) -> Piece {
    Piece::extension(
        b'x',
        record(b"size", main.data.len().to_string().as_bytes()),
    )
}

fn pax_number(rng: &mut Rng, archive: &mut Archive) {
    let key = rng.pick(&["mtime", "mtime", "atime", "ctime", "uid", "gid"]);
    let value = rng.pick(&[
        "1700000000.25",
        "-1",
        "",
        "inf",
        "-inf",
        "nan",
        "1e300",
        "1e18",
        "1e19",
        "abc",
        "1_0",
        " 5 ",
        "0x10",
        "9223372036854775808",
    ]);
    let piece = extension(rng, record(key.as_bytes(), value.as_bytes()));
    archive.extend(rng, piece);
}

/// Several records: unknown, repeated, odd keys and values.
fn pax_records(rng: &mut Rng, archive: &mut Archive) {
    let mut records = Vec::new();
    for _ in 0..=rng.below(4) {
        let keys: [&[u8]; 14] = [
            b"path",
            b"path",
            b"linkpath",
            b"comment",
            b"SCHILY.xattr.user.a",
            b"LIBARCHIVE.xattr.b",
            b"GNU.sparse.",
            b"path ",
            b"\xff",
            b"a\nb",
            b"uname",
            b"hdrcharset",
            b"Path",
            b" path",
        ];
        let value: &[u8] = rng.pick(&[
            &b"v"[..],
            b"",
            b"a=b",
            b"a\nb",
            b"\0",
            b"\xff",
            b"v/",
            b"BINARY",
            b"12 path=x\n",
        ]);
        records.extend(record(rng.pick(&keys), value));
    }
    let piece = extension(rng, records);
    archive.extend(rng, piece);
}

/// Data in the padding of an extension.
fn beyond(rng: &mut Rng, archive: &mut Archive) {
    let (flag, mut data) = match rng.below(3) {
        0 => (b'x', record(b"comment", b"v")),
        1 => (b'x', record(b"path", b"inside")),
        _ => (rng.pick(b"LK"), b"short".to_vec()),
    };
    let size = data.len();
    data.extend(rng.pick(&[
        record(b"path", b"beyond"),
        b"tail\0".to_vec(),
        b"\0x".to_vec(),
        vec![b' '],
    ]));
    let mut piece = Piece::extension(flag, data);
    piece.put(SIZE, format!("{size:011o}\0").as_bytes());
    archive.extend(rng, piece);
}

/// An invalid record, alone or between others.
fn damaged(rng: &mut Rng, archive: &mut Archive) {
    let odd: [&[u8]; 22] = [
        b"0 a=b\n",
        b"5 a=b\n",
        b"7 a=b\n",
        b"6 a=b ",
        b"6 =ab\n",
        b"6 abc\n",
        b"6 a=b\n\0",
        b"\0",
        b"\n",
        b" 6 a=b\n",
        b"06 a=b\n",
        b"006 a=b\n",
        b"8  a=b\n",
        b"7\ta=b\n",
        b"-6 a=b\n",
        b"+7 a=b\n",
        b"999999999999999999999999 a=b\n",
        b"99 path=x\n",
        b"\xd9\xa1\xd9\xa2 path=x\n",
        b"4 =\n",
        b"5 a=\n",
        b"13 path=name",
    ];
    let mut records = Vec::new();
    if rng.one_in(2) {
        records.extend(record(b"path", b"before"));
    }
    records.extend(rng.pick(&odd).iter());
    if rng.one_in(2) {
        records.extend(record(b"path", b"after"));
    }
    let piece = if rng.one_in(8) {
        Piece::extension(b'g', records)
    } else {
        extension(rng, records)
    };
    archive.extend(rng, piece);
}

/// A GNU long text, ended by a zero or not.
fn gnu(rng: &mut Rng, flag: u8) -> Piece {
    let mut text = long_text(rng);
    if !rng.one_in(3) {
        text.push(0);
    }
    if rng.one_in(6) {
        text.extend(b"more\0");
    }
    Piece::extension(flag, text)
}

fn long_name(rng: &mut Rng, archive: &mut Archive) {
    let piece = gnu(rng, b'L');
    archive.extend(rng, piece);
}

fn long_link(rng: &mut Rng, archive: &mut Archive) {
    let piece = gnu(rng, b'K');
    archive.extend(rng, piece);
}

/// Extensions of all kinds before one entry.
fn mixed(rng: &mut Rng, archive: &mut Archive) {
    let at = rng.below(archive.entries.len());
    for _ in 0..2 + rng.below(2) {
        let piece = match rng.below(5) {
            0 => gnu(rng, b'L'),
            1 => gnu(rng, b'K'),
            2 => Piece::extension(b'x', record(b"linkpath", b"by-pax")),
            3 => Piece::extension(b'g', record(b"comment", b"v")),
            _ => Piece::extension(b'x', record(b"path", b"by-pax")),
        };
        archive.entries[at].insert(0, piece);
    }
}

fn global(rng: &mut Rng, archive: &mut Archive) {
    let keys: [&[u8]; 9] = [
        b"comment",
        b"comment",
        b"mtime",
        b"uid",
        b"path",
        b"linkpath",
        b"size",
        b"GNU.sparse.size",
        b"hdrcharset",
    ];
    let value: &[u8] = rng.pick(&[&b"5"[..], b"x", b"", b"BINARY"]);
    let piece = Piece::extension(b'g', record(rng.pick(&keys), value));
    archive.extend(rng, piece);
}

/// The last entry is removed, and its extensions stay.
fn orphan(rng: &mut Rng, archive: &mut Archive) {
    let piece = match rng.below(4) {
        0 => gnu(rng, b'L'),
        1 => Piece::extension(b'g', record(b"comment", b"v")),
        2 => Piece::extension(b'g', Vec::new()),
        _ => Piece::extension(b'x', record(b"comment", b"v")),
    };
    let at = rng.below(archive.entries.len() + 1);
    archive.entries.insert(at, vec![piece]);
}

fn extension_size(rng: &mut Rng, archive: &mut Archive) {
    let mut piece = match rng.below(3) {
        0 => gnu(rng, b'L'),
        1 => Piece::extension(b'x', Vec::new()),
        _ => Piece::extension(b'x', record(b"path", &b"p".repeat(600))),
    };
    let real = piece.data.len();
    let size = rng.pick(&[
        0,
        1,
        real,
        real + 1,
        real.saturating_sub(1),
        real.next_multiple_of(512),
        real + 512,
        1 << 20,
        (1 << 20) + 1,
        1 << 32,
    ]);
    piece.put(SIZE, format!("{size:011o}\0").as_bytes());
    archive.extend(rng, piece);
}

fn sparse(rng: &mut Rng, archive: &mut Archive) {
    let records = match rng.below(4) {
        0 => [
            record(b"GNU.sparse.major", b"1"),
            record(b"GNU.sparse.minor", b"0"),
            record(b"GNU.sparse.realsize", b"9"),
        ]
        .concat(),
        1 => [
            record(b"GNU.sparse.map", b"0,1"),
            record(b"GNU.sparse.size", b"9"),
        ]
        .concat(),
        2 => record(b"GNU.sparse.name", b"other"),
        _ => record(b"GNU.sparse.numblocks", b"1"),
    };
    let piece = extension(rng, records);
    archive.extend(rng, piece);
}
