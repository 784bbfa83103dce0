//! Huffman tables for inflate (RFC 1951 §3.2): two levels, with one look-up for almost every
//! symbol, and its base value and extra bits in the same entry.

use super::symbol::{Symbol, distance_symbol, literal_symbol, plain_symbol};

/// Bits of the first look-up for literals and lengths.
pub const LITERAL_BITS: u32 = 11;
/// Bits of the first look-up for distances.
pub const DISTANCE_BITS: u32 = 9;
/// Codes are at most this long (RFC 1951 §3.2.7).
const MAX_BITS: usize = 15;

/// Room for the first level and every second level that any code can need: zlib's `enough` computes
/// 2342 for 288 symbols and 11 bits, 594 for 32 symbols and 9 bits.
pub const LITERAL_SIZE: usize = 4096;
/// See [`LITERAL_SIZE`].
pub const DISTANCE_SIZE: usize = 1024;

/// Fills the table for literals and lengths; `None` if the lengths are not a valid code.
pub fn literals(lengths: &[u8], table: &mut [Symbol; LITERAL_SIZE]) -> Option<()> {
    build(lengths, LITERAL_BITS, table, literal_symbol, true)
}

/// Fills the table for distances; `None` as above.
pub fn distances(lengths: &[u8], table: &mut [Symbol; DISTANCE_SIZE]) -> Option<()> {
    build(lengths, DISTANCE_BITS, table, distance_symbol, true)
}

/// Fills the table for code lengths, whose codes have at most seven bits.
pub fn code_lengths(lengths: &[u8], table: &mut [Symbol; 128]) -> Option<()> {
    build(lengths, 7, table, plain_symbol, false)
}

/// Builds a table from code lengths (RFC 1951 §3.2.2).
///
/// Like zlib, it accepts an incomplete code only if it is a single code of one bit, or empty;
/// unused codes decode to an invalid symbol.
fn build(
    lengths: &[u8],
    first: u32,
    table: &mut [Symbol],
    symbol_of: fn(usize) -> Symbol,
    may_be_single: bool,
) -> Option<()> {
    let mut counts = [0u32; MAX_BITS + 1];
    for &length in lengths {
        *counts.get_mut(usize::from(length))? += 1;
    }
    counts[0] = 0;
    let longest = counts.iter().rposition(|&n| n > 0).unwrap_or(0);
    let mut left = 1i64;
    for &count in &counts[1..] {
        left = left * 2 - i64::from(count);
        if left < 0 {
            return None;
        }
    }
    let open = left > 0;
    if open && !(may_be_single && longest <= 1) {
        return None;
    }
    if open {
        table.fill(Symbol::NONE);
    }
    // Symbols by length, then by value: the order of their codes.
    let mut offsets = [0usize; MAX_BITS + 2];
    for at in 1..=MAX_BITS {
        *offsets.get_mut(at + 1)? = offsets.get(at)? + *counts.get(at)? as usize;
    }
    let mut sorted = [0u16; 320];
    for (symbol, &length) in lengths.iter().enumerate().filter(|(_, l)| **l > 0) {
        let slot = offsets.get_mut(usize::from(length))?;
        *sorted.get_mut(*slot)? = symbol as u16;
        *slot += 1;
    }
    Filler {
        table,
        first,
        longest: longest as u32,
        next: 1 << first,
        prefix: usize::MAX,
        second: 0,
        begin: 0,
    }
    .fill(&counts, &sorted, symbol_of)
}

struct Filler<'a> {
    table: &'a mut [Symbol],
    first: u32,
    longest: u32,
    /// The index of the next second level.
    next: usize,
    /// The first level's index that the current second level belongs to.
    prefix: usize,
    /// Bits of the current second level, and where it begins.
    second: u32,
    begin: usize,
}

impl Filler<'_> {
    fn fill(
        mut self,
        counts: &[u32; MAX_BITS + 1],
        sorted: &[u16; 320],
        symbol_of: fn(usize) -> Symbol,
    ) -> Option<()> {
        let mut remaining = *counts;
        let (mut code, mut at) = (0u32, 0usize);
        for length in 1..=self.longest.max(self.first) {
            self.double(length);
            for _ in 0..*counts.get(length as usize)? {
                let symbol = symbol_of(usize::from(*sorted.get(at)?));
                // Codes are packed with their first bit lowest (RFC 1951 §3.1.1).
                let reversed = code.reverse_bits() >> (32 - length);
                self.put(reversed, length, symbol, &remaining)?;
                *remaining.get_mut(length as usize)? -= 1;
                at += 1;
                code += 1;
            }
            code <<= 1;
        }
        Some(())
    }

    /// The first level has codes of fewer than `length` bits: now it has an entry for each value of
    /// that many bits. The new bit does not affect the existing codes.
    fn double(&mut self, length: u32) {
        if length <= self.first {
            let half = 1 << (length - 1);
            self.table.copy_within(..half, half);
        }
    }

    fn put(
        &mut self,
        code: u32,
        length: u32,
        symbol: Symbol,
        remaining: &[u32; MAX_BITS + 1],
    ) -> Option<()> {
        if length <= self.first {
            *self.table.get_mut(code as usize)? = symbol.with_code(length);
            return Some(());
        }
        let prefix = (code & ((1 << self.first) - 1)) as usize;
        if prefix != self.prefix {
            self.open(prefix, length, remaining)?;
        }
        let entry = symbol.with_code(length - self.first);
        let places = self
            .table
            .get_mut(self.begin..self.begin + (1 << self.second))?;
        places
            .iter_mut()
            .skip((code >> self.first) as usize)
            .step_by(1 << (length - self.first))
            .for_each(|slot| *slot = entry);
        Some(())
    }

    /// Opens a second level large enough for all codes with this prefix.
    fn open(&mut self, prefix: usize, length: u32, remaining: &[u32; MAX_BITS + 1]) -> Option<()> {
        let mut bits = length - self.first;
        let mut left = 1i64 << bits;
        while self.first + bits < self.longest {
            left -= i64::from(*remaining.get((self.first + bits) as usize)?);
            if left <= 0 {
                break;
            }
            bits += 1;
            left <<= 1;
        }
        (self.prefix, self.second, self.begin) = (prefix, bits, self.next);
        self.next += 1 << bits;
        if self.next > self.table.len() {
            return None;
        }
        let pointer = Symbol::pointer(self.first, bits, self.begin);
        *self.table.get_mut(prefix)? = pointer;
        Some(())
    }
}
