//! The meaning of a Huffman code, packed into one word, so that a single look-up is enough.

/// One entry, packed:
///
/// | bits | literal | length or distance | pointer | end, no symbol |
/// |---|---|---|---|---|
/// | 0..6 | bits of the code | bits of the code and its extra bits | bits of the first level | bits of the code |
/// | 6..8 | – | – | 1 | 2, 3 |
/// | 8..14 | – | bits of the code | bits of the second level | – |
/// | 14..16 | 2 | 0 | 1 | 1 |
/// | 16..32 | the byte | base value | where the second level begins | – |
///
/// The numbers of bits are placed so that a shift, which takes its count modulo 64, needs no mask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Symbol(u32);

const LITERAL: u32 = 0x8000;
/// Neither a byte nor a match.
const OTHER: u32 = 0x4000;
const POINTER: u32 = OTHER | 0x40;
const END: u32 = OTHER | 0x80;
const INVALID: u32 = OTHER | 0xc0;
const KINDS: u32 = OTHER | 0xc0;

impl Symbol {
    pub const NONE: Self = Self(INVALID | 1);

    /// A symbol with its code; its extra bits are already counted.
    pub fn with_code(self, bits: u32) -> Self {
        Self(self.0 + bits + (bits << 8))
    }

    /// A pointer to a second level of `second` bits that begins at index `begin`.
    pub fn pointer(first: u32, second: u32, begin: usize) -> Self {
        Self(POINTER | first | second << 8 | (begin as u32) << 16)
    }

    /// All its bits, or those of the first level.
    #[inline(always)]
    pub fn bits(self) -> u32 {
        self.0 & 63
    }

    /// Removes it from a word of bits.
    #[inline(always)]
    pub fn skip(self, word: u64) -> u64 {
        word.wrapping_shr(self.0)
    }

    /// The number of bits that are left of `count`, modulo 64. What else is in the word changes only
    /// higher bits.
    #[inline(always)]
    pub fn less(self, count: u32) -> u32 {
        count.wrapping_sub(self.0)
    }

    /// The length or distance, computed from the word before the symbol was removed.
    #[inline(always)]
    pub fn with_extra(self, word: u64) -> usize {
        let all = word & (1u64.wrapping_shl(self.0) - 1);
        (self.0 >> 16) as usize + all.wrapping_shr(self.0 >> 8) as usize
    }

    /// The target of a pointer, computed from the word after the first level was removed.
    #[inline(always)]
    pub fn second(self, word: u64) -> usize {
        let bits = self.0 >> 8 & 63;
        (self.0 >> 16) as usize + (word & (1u64.wrapping_shl(bits) - 1)) as usize
    }

    /// The base value.
    #[inline(always)]
    pub fn value(self) -> usize {
        (self.0 >> 16) as usize
    }

    /// The byte of a literal.
    #[inline(always)]
    pub fn byte(self) -> u8 {
        (self.0 >> 16) as u8
    }

    #[inline(always)]
    pub fn is_literal(self) -> bool {
        self.0 & LITERAL != 0
    }

    #[inline(always)]
    pub fn is_pointer(self) -> bool {
        self.0 & KINDS == POINTER
    }

    #[inline(always)]
    pub fn is_end(self) -> bool {
        self.0 & KINDS == END
    }

    /// A length or a distance.
    #[inline(always)]
    pub fn is_value(self) -> bool {
        self.0 & (LITERAL | OTHER) == 0
    }
}

/// Base values and extra bits of the length symbols 257.. (RFC 1951 §3.2.5).
const LENGTHS: [(u32, u32); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// Base values and extra bits of the distance symbols.
const DISTANCES: [(u32, u32); 30] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12289, 12),
    (16385, 13),
    (24577, 13),
];

pub(super) fn literal_symbol(symbol: usize) -> Symbol {
    match symbol {
        0..=255 => Symbol(LITERAL | (symbol as u32) << 16),
        256 => Symbol(END),
        _ => LENGTHS
            .get(symbol - 257)
            .map_or(Symbol::NONE, |(base, extra)| Symbol(base << 16 | extra)),
    }
}

pub(super) fn distance_symbol(symbol: usize) -> Symbol {
    DISTANCES
        .get(symbol)
        .map_or(Symbol::NONE, |(base, extra)| Symbol(base << 16 | extra))
}

pub(super) fn plain_symbol(symbol: usize) -> Symbol {
    Symbol((symbol as u32) << 16)
}
