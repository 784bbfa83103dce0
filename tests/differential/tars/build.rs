//! The parts of a tar before they are encoded as bytes.

use std::collections::HashSet;

use crate::rng::Rng;

pub const BLOCK: usize = 512;

/// Positions of the fields in a header block (POSIX.1-2017 pax, "ustar Interchange Format").
pub const NAME: (usize, usize) = (0, 100);
pub const MODE: (usize, usize) = (100, 8);
pub const SIZE: (usize, usize) = (124, 12);
pub const CHECKSUM: (usize, usize) = (148, 8);
pub const FLAG: usize = 156;
pub const LINK: (usize, usize) = (157, 100);
pub const MAGIC: (usize, usize) = (257, 8);
pub const PREFIX: (usize, usize) = (345, 155);
/// Every field that holds a number, except the checksum.
pub const NUMBERS: [(usize, usize); 7] = [
    MODE,
    (108, 8),
    (116, 8),
    SIZE,
    (136, 12),
    (329, 8),
    (337, 8),
];

/// How a header's checksum is written.
#[derive(Clone)]
pub enum Checksum {
    Right,
    /// The sum of signed bytes, as old writers computed it.
    Signed,
    /// Correct, in another notation.
    Spelled(fn(u32) -> Vec<u8>),
    /// The bytes already in the block.
    AsItIs,
}

/// A header block, its data, and the padding.
#[derive(Clone)]
pub struct Piece {
    pub block: [u8; BLOCK],
    pub checksum: Checksum,
    pub data: Vec<u8>,
    pub padding: Vec<u8>,
}

/// Whole entries: extensions first, the entry's own header last.
#[derive(Clone)]
pub struct Archive {
    pub entries: Vec<Vec<Piece>>,
    pub end: Vec<u8>,
}

/// The types in an archive: those of parts, or those of backups, which contain only files.
#[derive(Clone, Copy)]
pub enum Types {
    All,
    Files,
}

impl Piece {
    /// A correct piece of this type with these data.
    pub fn new(flag: u8, name: &[u8], data: Vec<u8>) -> Self {
        let mut piece = Self {
            block: [0; BLOCK],
            checksum: Checksum::Right,
            data,
            padding: Vec::new(),
        };
        piece.put(NAME, name);
        for field in NUMBERS {
            piece.put(
                field,
                format!("{:0width$o}\0", 0, width = field.1 - 1).as_bytes(),
            );
        }
        piece.put(MODE, b"0000644\0");
        piece.put(MAGIC, b"ustar\x0000");
        piece.block[FLAG] = flag;
        piece.fit();
        piece
    }

    /// An extension: `x`, `g`, `L` or `K`.
    pub fn extension(flag: u8, data: Vec<u8>) -> Self {
        Self::new(flag, b"././@PaxHeader", data)
    }

    pub fn put(&mut self, (at, len): (usize, usize), bytes: &[u8]) {
        let len = len.min(bytes.len());
        self.block[at..at + len].copy_from_slice(&bytes[..len]);
    }

    /// Like `put`, followed by zeros.
    pub fn set(&mut self, (at, len): (usize, usize), bytes: &[u8]) {
        self.block[at..at + len].fill(0);
        self.put((at, len), bytes);
    }

    /// Makes size and padding match the data.
    pub fn fit(&mut self) {
        let size = format!("{:011o}\0", self.data.len());
        self.put(SIZE, size.as_bytes());
        self.padding = vec![0; self.data.len().next_multiple_of(BLOCK) - self.data.len()];
    }

    /// The header block with its checksum.
    fn header(&self) -> [u8; BLOCK] {
        let mut block = self.block;
        if matches!(self.checksum, Checksum::AsItIs) {
            return block;
        }
        let (at, len) = CHECKSUM;
        block[at..at + len].fill(b' ');
        let unsigned: u32 = block.iter().map(|&b| u32::from(b)).sum();
        let signed: i32 = block.iter().map(|&b| i32::from(b.cast_signed())).sum();
        let text = match self.checksum {
            Checksum::Spelled(spell) => spell(unsigned),
            Checksum::Signed => format!("{:06o}\0 ", signed.max(0)).into_bytes(),
            _ => format!("{unsigned:06o}\0 ").into_bytes(),
        };
        let count = text.len().min(len);
        block[at..at + count].copy_from_slice(&text[..count]);
        block
    }
}

impl Archive {
    /// At most six entries, as any writer could have made them.
    pub fn sound(rng: &mut Rng, types: Types) -> Self {
        let count = rng.below(6) + 1;
        let mut entries: Vec<Vec<Piece>> =
            (0..count).map(|_| vec![sound_piece(rng, types)]).collect();
        if matches!(types, Types::Files) {
            // Two members of one name are not a correct archive: readers disagree about which one
            // counts.
            let mut seen = HashSet::new();
            entries.retain(|entry| seen.insert(entry[0].block[..NAME.1].to_vec()));
        }
        Self {
            entries,
            end: vec![0; 2 * BLOCK],
        }
    }

    /// The header of any entry; the archive always has one.
    pub fn main(&mut self, rng: &mut Rng) -> &mut Piece {
        let at = rng.below(self.entries.len());
        self.entries[at].last_mut().unwrap()
    }

    /// Any piece, extensions included.
    pub fn piece(&mut self, rng: &mut Rng) -> &mut Piece {
        let at = rng.below(self.entries.len());
        let entry = &mut self.entries[at];
        let at = rng.below(entry.len());
        &mut entry[at]
    }

    /// Adds an extension to any entry, mostly at the front.
    pub fn extend(&mut self, rng: &mut Rng, extension: Piece) {
        let at = rng.below(self.entries.len());
        let entry = &mut self.entries[at];
        let place = if rng.one_in(3) {
            rng.below(entry.len())
        } else {
            0
        };
        entry.insert(place, extension);
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in self.entries.iter().flatten() {
            out.extend(piece.header());
            out.extend(&piece.data);
            out.extend(&piece.padding);
        }
        out.extend(&self.end);
        out
    }
}

fn sound_piece(rng: &mut Rng, types: Types) -> Piece {
    let names: [&[u8]; 8] = [
        b"a",
        b"./b",
        b"data/c.txt",
        b"d/",
        b"data/db/",
        b"\xc3\xa9.txt",
        b"e e",
        b"./backup.json",
    ];
    let name = rng.pick(&names);
    let flag = match types {
        _ if name.ends_with(b"/") => b'5',
        Types::All => rng.pick(b"0000001236"),
        Types::Files => b'0',
    };
    let data = if flag == b'0' {
        some_data(rng)
    } else {
        Vec::new()
    };
    let mut piece = Piece::new(flag, name, data);
    if matches!(flag, b'1' | b'2') {
        let target: &[u8] = rng.pick(&[&b"a"[..], b"../x", b"/abs/olute", b"data/c.txt", b""]);
        piece.set(LINK, target);
    }
    if rng.one_in(3) {
        piece.put(MAGIC, rng.pick(&[b"ustar  \0", b"\0\0\0\0\0\0\0\0"]));
    }
    piece
}

/// Small data of any size. Some look like tar headers, so that a reader at a wrong position finds
/// other entries.
fn some_data(rng: &mut Rng) -> Vec<u8> {
    let size = rng.pick(&[0, 1, 5, 100, 511, 512, 513, 1024, 1500]);
    if rng.one_in(3) {
        let mut hidden = Vec::new();
        while hidden.len() < size {
            hidden.extend(Piece::new(rng.pick(b"055x"), b"hidden", Vec::new()).header());
        }
        hidden.truncate(size);
        return hidden;
    }
    let byte = rng.byte();
    vec![byte; size]
}
