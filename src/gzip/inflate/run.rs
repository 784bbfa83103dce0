//! The inner loop of inflate: symbols to bytes until something runs out.

use super::input::BitState;
use super::symbol::Symbol;
use super::tables::{DISTANCE_BITS, DISTANCE_SIZE, LITERAL_BITS, LITERAL_SIZE};

/// Bytes of the output buffer; a power of two, so that indices can be masked.
pub const OUTPUT: usize = 256 << 10;
/// Bytes that one step may write: two literals, the longest match (RFC 1951 §3.2.5),
/// rounded up to the chunks in which it is copied.
pub const STEP: usize = 2 + 258 + CHUNK;
const CHUNK: usize = 16;
const LITERAL_MASK: u64 = (1 << LITERAL_BITS) - 1;
const DISTANCE_MASK: u64 = (1 << DISTANCE_BITS) - 1;
/// The most bits that a distance and its extra bits take (RFC 1951 §3.2.5).
const DISTANCE_NEED: u32 = 15 + 13;

/// The codes of the current block.
pub struct Tables {
    pub literals: [Symbol; LITERAL_SIZE],
    pub distances: [Symbol; DISTANCE_SIZE],
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            literals: [Symbol::default(); LITERAL_SIZE],
            distances: [Symbol::default(); DISTANCE_SIZE],
        }
    }
}

/// Why the loop stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The output has no room for another step.
    Full,
    /// The input has too few bytes for another step.
    Hungry,
    /// The block's end symbol was read.
    End,
    /// An invalid symbol, or a distance before the start of the data.
    Bad,
}

/// The state of the output.
pub struct Out<'a> {
    pub bytes: &'a mut [u8; OUTPUT],
    /// Where the next byte goes.
    pub filled: usize,
    /// No step begins at or beyond this index, which leaves [`STEP`] bytes of room.
    pub limit: usize,
    /// No match may refer to a position below this index.
    pub floor: usize,
}

/// Decodes until it must stop.
#[allow(
    clippy::indexing_slicing,
    reason = "each index is masked to its array's length, so that no check is compiled in"
)]
pub fn decode(bits: &mut BitState, input: &[u8], tables: &Tables, out: &mut Out<'_>) -> Stop {
    let BitState {
        mut at,
        mut word,
        mut count,
    } = *bits;
    let mut filled = out.filled;
    let (limit, floor) = (out.limit.min(OUTPUT - STEP), out.floor);
    let bytes = &mut *out.bytes;
    let stop = loop {
        if filled >= limit {
            break Stop::Full;
        }
        // Also enough for the second refill of this step.
        let Some(rest) = input.get(at..).filter(|rest| rest.len() >= 16) else {
            break Stop::Hungry;
        };
        let Some(next) = rest.first_chunk::<8>() else {
            break Stop::Hungry;
        };
        word |= u64::from_le_bytes(*next) << count;
        at += (63 - count as usize) >> 3;
        count |= 56;
        let mut symbol = tables.literals[(word & LITERAL_MASK) as usize];
        // Two short literals leave enough bits for what follows; a third one is common.
        if symbol.is_literal() {
            (word, count) = (symbol.skip(word), count - symbol.bits());
            bytes[filled & (OUTPUT - 1)] = symbol.byte();
            filled += 1;
            symbol = tables.literals[(word & LITERAL_MASK) as usize];
            if symbol.is_literal() {
                (word, count) = (symbol.skip(word), count - symbol.bits());
                bytes[filled & (OUTPUT - 1)] = symbol.byte();
                filled += 1;
                symbol = tables.literals[(word & LITERAL_MASK) as usize];
                if symbol.is_literal() {
                    (word, count) = (symbol.skip(word), count - symbol.bits());
                    bytes[filled & (OUTPUT - 1)] = symbol.byte();
                    filled += 1;
                    continue;
                }
            }
        }
        if !symbol.is_value() {
            if symbol.is_pointer() {
                (word, count) = (symbol.skip(word), count - symbol.bits());
                symbol = tables.literals[symbol.second(word) & (LITERAL_SIZE - 1)];
            }
            if symbol.is_literal() {
                (word, count) = (symbol.skip(word), count - symbol.bits());
                bytes[filled & (OUTPUT - 1)] = symbol.byte();
                filled += 1;
                continue;
            }
            if !symbol.is_value() {
                (word, count) = (symbol.skip(word), count - symbol.bits());
                break if symbol.is_end() {
                    Stop::End
                } else {
                    Stop::Bad
                };
            }
        }
        let length = symbol.with_extra(word);
        (word, count) = (symbol.skip(word), count - symbol.bits());
        if count < DISTANCE_NEED {
            let Some(next) = input.get(at..).and_then(|rest| rest.first_chunk::<8>()) else {
                break Stop::Bad;
            };
            word |= u64::from_le_bytes(*next) << count;
            at += (63 - count as usize) >> 3;
            count |= 56;
        }
        let mut symbol = tables.distances[(word & DISTANCE_MASK) as usize];
        if !symbol.is_value() {
            if symbol.is_pointer() {
                (word, count) = (symbol.skip(word), count - symbol.bits());
                symbol = tables.distances[symbol.second(word) & (DISTANCE_SIZE - 1)];
            }
            if !symbol.is_value() {
                break Stop::Bad;
            }
        }
        let distance = symbol.with_extra(word);
        (word, count) = (symbol.skip(word), count - symbol.bits());
        if distance > filled - floor {
            break Stop::Bad;
        }
        copy_match(bytes, filled, distance, length);
        filled += length;
    };
    *bits = BitState { at, word, count };
    out.filled = filled;
    stop
}

/// Copies a match; may write up to [`CHUNK`] bytes past its end.
#[inline(always)]
#[allow(
    clippy::indexing_slicing,
    reason = "the caller keeps to Out::limit and Out::floor; a check that ends well costs time in each round"
)]
fn copy_match(bytes: &mut [u8; OUTPUT], to: usize, distance: usize, length: usize) {
    let from = to - distance;
    if distance >= CHUNK {
        let (mut source, mut target) = (from, to);
        loop {
            bytes.copy_within(source..source + CHUNK, target);
            (source, target) = (source + CHUNK, target + CHUNK);
            if target >= to + length {
                return;
            }
        }
    }
    if distance == 1 {
        let byte = bytes[from];
        bytes[to..to + length].fill(byte);
        return;
    }
    for at in to..to + length {
        bytes[at & (OUTPUT - 1)] = bytes[(at - distance) & (OUTPUT - 1)];
    }
}
