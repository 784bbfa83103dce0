//! Oddities inside a header block.

use super::Oddity;
use super::build::{Archive, Checksum, FLAG, LINK, MAGIC, NAME, NUMBERS, PREFIX, Piece, SIZE};
use crate::rng::Rng;

pub const ODDITIES: &[Oddity] = &[
    ("name", name),
    ("link target", link),
    ("prefix", prefix),
    ("magic", magic),
    ("type", kind),
    ("number", number),
    ("number", number),
    ("size", size),
    ("size spelled oddly", spelled_size),
    ("checksum", checksum),
    ("high bytes", high_bytes),
    ("any byte", any_byte),
];

fn odd_name(rng: &mut Rng) -> Vec<u8> {
    let names: [&[u8]; 22] = [
        b"",
        b"/",
        b"//",
        b".",
        b"./",
        b"..",
        b"a/",
        b"a//",
        b"/a",
        b"//a",
        b"a\0b",
        b"\0a",
        b"a/\0b",
        b"\xff\xfe",
        b"a\n\x1b[31m",
        b" ",
        b"a/../../b",
        b"a\\b",
        b"\xed\xa0\x80",
        b"././@LongLink",
        b"././@PaxHeader",
        b"GNUSparseFile.0/a",
    ];
    match rng.below(8) {
        0 => vec![b'n'; rng.pick(&[99, 100])],
        1 => [&[b'd'; 98][..], b"//"].concat(),
        _ => rng.pick(&names).to_vec(),
    }
}

fn name(rng: &mut Rng, archive: &mut Archive) {
    let name = odd_name(rng);
    archive.piece(rng).set(NAME, &name);
}

fn link(rng: &mut Rng, archive: &mut Archive) {
    let target = odd_name(rng);
    archive.main(rng).set(LINK, &target);
}

fn prefix(rng: &mut Rng, archive: &mut Archive) {
    let prefix: &[u8] = rng.pick(&[
        &b"p"[..],
        b"p/q",
        b"p/",
        b"/",
        b"//",
        b"\xff",
        b"p\0q",
        b"\0q",
        b" ",
        b".",
    ]);
    let piece = archive.piece(rng);
    piece.set(PREFIX, prefix);
    if rng.one_in(6) {
        // Old GNU headers store times there.
        piece.set(PREFIX, b"14700000000\x0014700000000\0");
    }
    if rng.one_in(4) {
        piece.set(PREFIX, &[b'p'; 155]);
    }
}

fn magic(rng: &mut Rng, archive: &mut Archive) {
    let odd: [&[u8; 8]; 8] = [
        b"ustar  \0",
        b"\0\0\0\0\0\0\0\0",
        b"ustar\0  ",
        b"ustar\x0001",
        b"ustar   ",
        b"USTAR\x0000",
        b"ustar000",
        b"tar\0\0\0\0\0",
    ];
    let magic = rng.pick(&odd);
    archive.piece(rng).put(MAGIC, magic);
}

/// Another type; the trailing slash may be added or removed with it.
fn kind(rng: &mut Rng, archive: &mut Archive) {
    let flag = if rng.one_in(8) {
        rng.byte()
    } else {
        rng.pick(b"0123456778xgLKXSDMNVA \0\0\0")
    };
    let piece = archive.piece(rng);
    piece.block[FLAG] = flag;
    if rng.one_in(3) {
        piece.set(NAME, rng.pick(&[&b"d/"[..], b"f", b"d//"]));
    }
    if rng.one_in(3) {
        piece.data.clear();
        piece.fit();
    }
}

/// A number of this many bytes, in a form that some writer or reader supports.
fn spelling(rng: &mut Rng, len: usize, value: u64) -> Vec<u8> {
    let fill = |text: String| {
        let mut bytes = text.into_bytes();
        bytes.resize(len, 0);
        bytes
    };
    match rng.below(24) {
        0 => fill(format!("{value:o} ")),
        1 => fill(format!("{value:>width$o}", width = len - 1)),
        2 => fill(format!("{value:>width$o}", width = len)),
        3 => fill(format!("{value:0width$o} ", width = len - 2)),
        4 => fill(format!("{value:0width$o}", width = len)),
        5 => vec![0; len],
        6 => vec![b' '; len],
        7 => fill(format!("0o{value:o}")),
        8 => fill(format!("+{value:o}")),
        9 => fill(format!("-{value:o}")),
        10 => fill(format!("{}_{}", value / 8, value % 8)),
        11 => fill("8".into()),
        12 => fill(format!("\t{value:o}\n")),
        13 => fill(format!("\x0b{value:o}\x1c")),
        14 => fill(format!("{value:o}\0 7")),
        15 => fill(format!("\0{value:o}")),
        16 => fill("abc".into()),
        17 => fill(format!("{value:o} 1")),
        18 => fill(format!("{value:o}\u{a0}")),
        19 => base256(rng, len, 0xff, value),
        20 => base256(rng, len, 0x81, value),
        21 => vec![0xff; len],
        _ => base256(rng, len, 0x80, value),
    }
}

/// GNU's binary form: a mark, then a big-endian number; sometimes too large.
fn base256(rng: &mut Rng, len: usize, mark: u8, value: u64) -> Vec<u8> {
    let mut bytes = vec![0; len - 1];
    let count = bytes.len();
    bytes
        .iter_mut()
        .rev()
        .zip(value.to_le_bytes())
        .for_each(|(to, from)| *to = from);
    if rng.one_in(4) {
        let at = rng.below(count);
        bytes[at] = rng.pick(&[1, 0x7f, 0x80, 0xff]);
    }
    bytes.insert(0, mark);
    bytes
}

fn number(rng: &mut Rng, archive: &mut Archive) {
    let field = rng.pick(&NUMBERS);
    let value = if rng.one_in(4) {
        rng.next() >> rng.below(64)
    } else {
        0o644
    };
    let bytes = spelling(rng, field.1, value);
    archive.piece(rng).put(field, &bytes);
}

/// A size that differs from that of the data.
fn size(rng: &mut Rng, archive: &mut Archive) {
    let piece = archive.piece(rng);
    let real = piece.data.len() as u64;
    let huge = rng.next() >> rng.below(64);
    let size = rng.pick(&[
        0,
        1,
        real + 1,
        real + 512,
        real.saturating_sub(1),
        real.saturating_sub(512),
        512,
        huge,
        huge,
    ]);
    let mut bytes = base256(rng, SIZE.1, 0x80, size);
    if size < 1 << 33 {
        bytes = format!("{size:011o}\0").into_bytes();
    }
    piece.put(SIZE, &bytes);
}

fn spelled_size(rng: &mut Rng, archive: &mut Archive) {
    let piece = archive.piece(rng);
    let bytes = spelling(rng, SIZE.1, piece.data.len() as u64);
    piece.put(SIZE, &bytes);
}

fn checksum(rng: &mut Rng, archive: &mut Archive) {
    let spellings: [fn(u32) -> Vec<u8>; 12] = [
        |sum| format!("{sum:07o}\0").into_bytes(),
        |sum| format!("{sum:08o}").into_bytes(),
        |sum| format!("{sum:o} \0\0\0").into_bytes(),
        |sum| format!("{sum:>6o}\0 ").into_bytes(),
        |sum| format!("  {sum:o}  ").into_bytes(),
        |sum| format!("0o{sum:o}\0").into_bytes(),
        |sum| format!("+{sum:o}\0").into_bytes(),
        |sum| format!("{:06o}\0 ", sum + 1).into_bytes(),
        |sum| format!("{:06o}\0 ", sum ^ 0o100).into_bytes(),
        |sum| [&[0x80, 0, 0, 0], &sum.to_be_bytes()[..]].concat(),
        |sum| format!("{sum:o}\x009").into_bytes(),
        |_| vec![0; 8],
    ];
    let spelled = rng.pick(&spellings);
    archive.piece(rng).checksum = Checksum::Spelled(spelled);
}

/// Bytes that count differently in a signed sum, with either sum.
fn high_bytes(rng: &mut Rng, archive: &mut Archive) {
    let places = [(20, 60), (265, 32), (297, 32), (400, 30), (500, 12)];
    let (field, bytes) = (rng.pick(&places), vec![rng.byte() | 0x80; 30]);
    let signed = rng.one_in(2);
    let piece = archive.piece(rng);
    piece.put(field, &bytes);
    if signed {
        piece.checksum = Checksum::Signed;
    }
}

/// One byte of a header is replaced by any other; the checksum includes it, or does not.
fn any_byte(rng: &mut Rng, archive: &mut Archive) {
    let (at, byte, known) = (rng.below(512), rng.byte(), !rng.one_in(10));
    let piece: &mut Piece = archive.piece(rng);
    piece.block[at] = byte;
    if !known {
        piece.checksum = Checksum::AsItIs;
    }
}
