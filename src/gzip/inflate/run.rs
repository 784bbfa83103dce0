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

/// Decodes until it has to stop.
pub fn decode(bits: &mut BitState, input: &[u8], tables: &Tables, out: &mut Out<'_>) -> Stop {
    let mut source = Source { input, bits: *bits };
    let (limit, floor) = (out.limit.min(OUTPUT - STEP), out.floor);
    let mut sink = Sink {
        bytes: out.bytes,
        filled: out.filled,
    };
    let stop = loop {
        if sink.filled >= limit {
            break Stop::Full;
        }
        // Enough for this step's second filling too.
        let there = input.get(source.bits.at..).map_or(0, <[u8]>::len);
        if there < 16 || !source.refill() {
            break Stop::Hungry;
        }
        let length = match next_length(&mut source, tables, &mut sink) {
            Next::Literal => continue,
            Next::Length(length) => length,
            Next::Stop(stop) => break stop,
        };
        if source.bits.count < DISTANCE_NEED && !source.refill() {
            break Stop::Bad;
        }
        let Some(distance) = next_distance(&mut source, tables) else {
            break Stop::Bad;
        };
        if distance > sink.filled - floor {
            break Stop::Bad;
        }
        copy_match(sink.bytes, sink.filled, distance, length);
        sink.filled += length;
    };
    *bits = source.bits;
    out.filled = sink.filled;
    stop
}

/// The input of the loop. A copy of the bits, which the compiler can keep in registers.
struct Source<'a> {
    input: &'a [u8],
    bits: BitState,
}

impl Source<'_> {
    /// Fills the word up to 56 bits at least; false when the input has less than 8 bytes.
    #[inline(always)]
    fn refill(&mut self) -> bool {
        let BitState { at, word, count } = &mut self.bits;
        let rest = self.input.get(*at..);
        let Some(next) = rest.and_then(|rest| rest.first_chunk::<8>()) else {
            return false;
        };
        *word |= u64::from_le_bytes(*next) << *count;
        *at += (63 - *count as usize) >> 3;
        *count |= 56;
        true
    }

    /// Uses the bits of a symbol.
    #[inline(always)]
    fn take(&mut self, symbol: Symbol) {
        self.bits.word = symbol.skip(self.bits.word);
        self.bits.count -= symbol.bits();
    }
}

/// The output of the loop. A copy of where it stands, which the compiler can keep in a register.
struct Sink<'a> {
    bytes: &'a mut [u8; OUTPUT],
    filled: usize,
}

impl Sink<'_> {
    #[allow(
        clippy::indexing_slicing,
        reason = "each index is masked to its array's length, so that no check is compiled in"
    )]
    #[inline(always)]
    fn put(&mut self, symbol: Symbol) {
        self.bytes[self.filled & (OUTPUT - 1)] = symbol.byte();
        self.filled += 1;
    }
}

/// What came of looking for a length.
enum Next {
    /// Literals, which are in the output.
    Literal,
    Length(usize),
    Stop(Stop),
}

/// Decodes up to three literals, or up to two and a length.
#[allow(
    clippy::indexing_slicing,
    reason = "each index is masked to its array's length, so that no check is compiled in"
)]
#[inline(always)]
fn next_length(source: &mut Source<'_>, tables: &Tables, sink: &mut Sink<'_>) -> Next {
    let first = |source: &Source<'_>| tables.literals[(source.bits.word & LITERAL_MASK) as usize];
    let mut symbol = first(source);
    // Two short literals leave enough bits for what follows; a third one comes often.
    if symbol.is_literal() {
        source.take(symbol);
        sink.put(symbol);
        symbol = first(source);
        if symbol.is_literal() {
            source.take(symbol);
            sink.put(symbol);
            symbol = first(source);
            if symbol.is_literal() {
                source.take(symbol);
                sink.put(symbol);
                return Next::Literal;
            }
        }
    }
    if !symbol.is_value() {
        if symbol.is_pointer() {
            source.take(symbol);
            symbol = tables.literals[symbol.second(source.bits.word) & (LITERAL_SIZE - 1)];
        }
        if symbol.is_literal() {
            source.take(symbol);
            sink.put(symbol);
            return Next::Literal;
        }
        if !symbol.is_value() {
            source.take(symbol);
            return Next::Stop(if symbol.is_end() {
                Stop::End
            } else {
                Stop::Bad
            });
        }
    }
    let length = symbol.with_extra(source.bits.word);
    source.take(symbol);
    Next::Length(length)
}

/// Decodes a distance; `None` where the code has none.
#[allow(
    clippy::indexing_slicing,
    reason = "each index is masked to its array's length, so that no check is compiled in"
)]
#[inline(always)]
fn next_distance(source: &mut Source<'_>, tables: &Tables) -> Option<usize> {
    let mut symbol = tables.distances[(source.bits.word & DISTANCE_MASK) as usize];
    if !symbol.is_value() {
        if symbol.is_pointer() {
            source.take(symbol);
            symbol = tables.distances[symbol.second(source.bits.word) & (DISTANCE_SIZE - 1)];
        }
        if !symbol.is_value() {
            return None;
        }
    }
    let distance = symbol.with_extra(source.bits.word);
    source.take(symbol);
    Some(distance)
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
