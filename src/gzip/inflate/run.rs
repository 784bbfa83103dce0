//! The inner loop of inflate: symbols to bytes until something runs out.

use super::input::BitState;
use super::symbol::Symbol;
use super::tables::{DISTANCE_BITS, DISTANCE_SIZE, LITERAL_BITS, LITERAL_SIZE};

/// Bytes of the output buffer; a power of two, so that indices can be masked.
pub const OUTPUT: usize = 256 << 10;
/// Bytes of the output buffer with the slack behind it, so that a masked index can begin a chunk.
pub const ROOM: usize = OUTPUT + CHUNK;
/// Bytes that one step may write: two literals, the longest match (RFC 1951 §3.2.5),
/// rounded up to the chunks in which it is copied.
pub const STEP: usize = 2 + 258 + CHUNK;
/// Bytes of input that are looked at together: within an array, masked indices need no check.
pub const VIEW: usize = VIEWED + WORD;
/// A power of two, so that indices can be masked.
const VIEWED: usize = 1 << 10;
/// No step begins at or beyond this index: it fills the word up to three times, each with up to
/// seven bytes.
const LAST: usize = VIEWED - 24;
/// Bytes of the word that holds the next bits, and of a short chunk.
const WORD: usize = 8;
/// Bytes of a match that are copied at once.
const CHUNK: usize = 16;
const LITERAL_MASK: u64 = (1 << LITERAL_BITS) - 1;
const DISTANCE_MASK: u64 = (1 << DISTANCE_BITS) - 1;

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
    pub bytes: &'a mut [u8; ROOM],
    /// Where the next byte goes.
    pub filled: usize,
    /// No step begins at or beyond this index, which leaves [`STEP`] bytes of room.
    pub limit: usize,
    /// No match may refer to a position below this index.
    pub floor: usize,
}

/// Decodes until it has to stop.
pub fn decode(bits: &mut BitState, input: &[u8], tables: &Tables, out: &mut Out<'_>) -> Stop {
    loop {
        let rest = input.get(bits.at..).unwrap_or_default();
        let Some(view) = rest.first_chunk::<VIEW>() else {
            return Stop::Hungry;
        };
        match decode_view(bits, view, tables, out) {
            Stop::Hungry => {}
            stop => return stop,
        }
    }
}

/// Decodes until it has to stop, or until the next step may need more than this input.
fn decode_view(bits: &mut BitState, view: &[u8; VIEW], tables: &Tables, out: &mut Out<'_>) -> Stop {
    let mut source = Source {
        view,
        at: 0,
        word: bits.word,
        count: bits.count,
    };
    let (limit, floor) = (out.limit.min(OUTPUT - STEP), out.floor);
    let mut sink = Sink {
        bytes: &mut *out.bytes,
        filled: out.filled,
    };
    source.refill();
    let mut symbol = source.first(tables);
    let stop = loop {
        if sink.filled >= limit {
            break Stop::Full;
        }
        if source.at >= LAST {
            break Stop::Hungry;
        }
        let length = match next_length(&mut source, symbol, tables, &mut sink) {
            Next::Literal => {
                source.refill();
                symbol = source.first(tables);
                continue;
            }
            Next::Length(length) => length,
            Next::Stop(stop) => break stop,
        };
        let Some(distance) = next_distance(&mut source, tables) else {
            break Stop::Bad;
        };
        if distance > sink.filled - floor {
            break Stop::Bad;
        }
        // The next symbol is looked up while the match is copied.
        source.refill();
        symbol = source.first(tables);
        sink.copy(distance, length);
    };
    *bits = BitState {
        at: bits.at + source.at,
        word: source.word,
        count: source.count & 63,
    };
    out.filled = sink.filled;
    stop
}

/// The input of the loop. A copy of the bits, which the compiler can keep in registers.
struct Source<'a> {
    view: &'a [u8; VIEW],
    /// Index of the first byte that is not in the word.
    at: usize,
    word: u64,
    /// How many bits of the word are valid, modulo 64.
    count: u32,
}

#[allow(
    clippy::indexing_slicing,
    reason = "each index is masked to its array's length, so that no check is compiled in"
)]
impl Source<'_> {
    /// Fills the word up to 56 bits at least.
    #[inline(always)]
    fn refill(&mut self) {
        let next = self.view[self.at & (VIEWED - 1)..].first_chunk();
        let next = u64::from_le_bytes(next.copied().unwrap_or_default());
        self.word |= next.wrapping_shl(self.count);
        self.at += (!self.count as usize & 63) >> 3;
        self.count |= 56;
    }

    /// The next literal or length, by the first level. Its bits stay.
    #[inline(always)]
    fn first(&self, tables: &Tables) -> Symbol {
        tables.literals[(self.word & LITERAL_MASK) as usize]
    }

    /// Uses the bits of a symbol.
    #[inline(always)]
    fn take(&mut self, symbol: Symbol) {
        self.word = symbol.skip(self.word);
        self.count = symbol.less(self.count);
    }
}

/// The output of the loop. A copy of where it stands, which the compiler can keep in a register.
struct Sink<'a> {
    bytes: &'a mut [u8; ROOM],
    filled: usize,
}

#[allow(
    clippy::indexing_slicing,
    reason = "each index is masked to its array's length, so that no check is compiled in"
)]
impl Sink<'_> {
    /// Writes a literal this many bytes, at most [`CHUNK`], behind what is filled.
    #[inline(always)]
    fn put(&mut self, behind: usize, symbol: Symbol) {
        self.bytes[(self.filled & (OUTPUT - 1)) + behind] = symbol.byte();
    }

    #[inline(always)]
    fn chunk<const N: usize>(&self, at: usize) -> [u8; N] {
        let chunk = self.bytes[at & (OUTPUT - 1)..].first_chunk();
        chunk.copied().unwrap_or([0; N])
    }

    #[inline(always)]
    fn put_chunk<const N: usize>(&mut self, at: usize, chunk: [u8; N]) {
        if let Some(slot) = self.bytes[at & (OUTPUT - 1)..].first_chunk_mut() {
            *slot = chunk;
        }
    }

    /// Copies a match; may write up to [`CHUNK`] bytes past its end.
    #[inline(always)]
    fn copy(&mut self, distance: usize, length: usize) {
        let (mut from, mut to) = (self.filled - distance, self.filled);
        let end = self.filled + length;
        self.filled = end;
        if distance >= CHUNK {
            loop {
                self.put_chunk::<CHUNK>(to, self.chunk(from));
                (from, to) = (from + CHUNK, to + CHUNK);
                if to >= end {
                    return;
                }
            }
        }
        if distance == 1 {
            let [byte] = self.chunk(from);
            while to < end {
                self.put_chunk(to, [byte; CHUNK]);
                to += CHUNK;
            }
            return;
        }
        // Of each word, at least as many bytes are right as the next one begins later.
        let step = distance.min(WORD);
        while to < end {
            self.put_chunk::<WORD>(to, self.chunk(from));
            (from, to) = (from + step, to + step);
        }
    }
}

/// What came of looking for a length.
enum Next {
    /// Literals, which are in the output.
    Literal,
    Length(usize),
    Stop(Stop),
}

/// Decodes up to three literals, or up to two and a length. The word is full, and `symbol` is the
/// first one in it.
///
/// Afterwards it has the 28 bits that a distance can take with its extra bits (RFC 1951 §3.2.5): of
/// 56, a literal of the first level takes up to 11, and a length up to 16, or up to 9 behind the first
/// level.
#[allow(
    clippy::indexing_slicing,
    reason = "each index is masked to its array's length, so that no check is compiled in"
)]
#[inline(always)]
fn next_length(
    source: &mut Source<'_>,
    mut symbol: Symbol,
    tables: &Tables,
    sink: &mut Sink<'_>,
) -> Next {
    if symbol.is_literal() {
        source.take(symbol);
        sink.put(0, symbol);
        symbol = source.first(tables);
        if symbol.is_literal() {
            source.take(symbol);
            sink.put(1, symbol);
            symbol = source.first(tables);
            if symbol.is_literal() {
                source.take(symbol);
                sink.put(2, symbol);
                sink.filled += 3;
                return Next::Literal;
            }
            source.refill();
            sink.filled += 2;
        } else {
            sink.filled += 1;
        }
    }
    if !symbol.is_value() {
        if symbol.is_pointer() {
            source.take(symbol);
            source.refill();
            symbol = tables.literals[symbol.second(source.word) & (LITERAL_SIZE - 1)];
        }
        if symbol.is_literal() {
            source.take(symbol);
            sink.put(0, symbol);
            sink.filled += 1;
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
    let length = symbol.with_extra(source.word);
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
    let mut symbol = tables.distances[(source.word & DISTANCE_MASK) as usize];
    if !symbol.is_value() {
        if symbol.is_pointer() {
            source.take(symbol);
            symbol = tables.distances[symbol.second(source.word) & (DISTANCE_SIZE - 1)];
        }
        if !symbol.is_value() {
            return None;
        }
    }
    let distance = symbol.with_extra(source.word);
    source.take(symbol);
    Some(distance)
}
