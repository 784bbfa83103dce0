//! Blocks with codes that no compressor would choose: of any shape, up to 15 bits long.

use super::*;

/// Xorshift (Marsaglia, "Xorshift RNGs", 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }
}

/// Bits, lowest first (RFC 1951 §3.1.1).
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn put(&mut self, value: usize, bits: u32) {
        for bit in 0..bits {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= ((value >> bit & 1) as u8) << (self.count % 8);
            self.count += 1;
        }
    }

    /// A code, highest bit first.
    fn code(&mut self, (code, bits): (usize, u32)) {
        (0..bits).rev().for_each(|bit| self.put(code >> bit & 1, 1));
    }
}

/// Code lengths for a complete code with `used` of `symbols`, including `these`: leaves of a tree
/// that grows at random, and mostly in depth if it is `steep`.
fn lengths(dice: &mut Dice, symbols: usize, used: usize, these: &[usize], steep: bool) -> Vec<u8> {
    let mut leaves = vec![0u8];
    while leaves.len() < used {
        let open: Vec<usize> = (0..leaves.len()).filter(|&at| leaves[at] < 15).collect();
        let at = if steep {
            *open.iter().max_by_key(|&&at| leaves[at]).unwrap()
        } else {
            open[dice.below(open.len())]
        };
        leaves[at] += 1;
        leaves.push(leaves[at]);
    }
    let mut chosen = these.to_vec();
    while chosen.len() < used {
        let symbol = dice.below(symbols);
        if !chosen.contains(&symbol) {
            chosen.push(symbol);
        }
    }
    let mut lengths = vec![0; symbols];
    for symbol in chosen {
        lengths[symbol] = leaves.swap_remove(dice.below(leaves.len()));
    }
    lengths
}

/// The codes for these lengths (RFC 1951 §3.2.2).
fn codes(lengths: &[u8]) -> Vec<(usize, u32)> {
    let mut next = [0usize; 17];
    for bits in 1..=15 {
        next[bits + 1] =
            (next[bits] + lengths.iter().filter(|&&l| usize::from(l) == bits).count()) << 1;
    }
    let code = |&length: &u8| {
        let slot = &mut next[usize::from(length)];
        *slot += 1;
        (*slot - 1, u32::from(length))
    };
    lengths.iter().map(code).collect()
}

/// The base value and the number of extra bits of a length symbol (RFC 1951 §3.2.5).
fn length_of(symbol: usize) -> (usize, u32) {
    match symbol - 257 {
        at @ 0..=7 => (at + 3, 0),
        28 => (258, 0),
        at => {
            let extra = (at as u32 - 4) / 4;
            (((4 + at % 4) << extra) + 3, extra)
        }
    }
}

/// The same for a distance symbol.
fn distance_of(symbol: usize) -> (usize, u32) {
    match symbol {
        0..=3 => (symbol + 1, 0),
        _ => {
            let extra = (symbol as u32 - 2) / 2;
            (((2 + symbol % 2) << extra) + 1, extra)
        }
    }
}

/// Writes one block and appends its plaintext.
fn block(dice: &mut Dice, bits: &mut Bits, plain: &mut Vec<u8>, last: bool) {
    let (steep, deep) = (dice.below(2) == 0, dice.below(2) == 0);
    let used = 2 + dice.below(if steep { 14 } else { 285 });
    let literals = lengths(dice, 286, used, &[256], steep);
    let used = 2 + dice.below(if deep { 14 } else { 28 });
    let distances = lengths(dice, 30, used, &[], deep);
    bits.put(usize::from(last), 1);
    bits.put(2, 2);
    bits.put(286 - 257, 5);
    bits.put(30 - 1, 5);
    bits.put(19 - 4, 4);
    // Sixteen code lengths of four bits each, and no runs.
    ORDER
        .iter()
        .for_each(|&symbol| bits.put(if symbol < 16 { 4 } else { 0 }, 3));
    literals
        .iter()
        .chain(&distances)
        .for_each(|&length| bits.code((usize::from(length), 4)));
    let (literal_codes, distance_codes) = (codes(&literals), codes(&distances));
    let usable: Vec<usize> = (0..286)
        .filter(|&symbol| literals[symbol] > 0 && symbol != 256)
        .collect();
    for _ in 0..dice.below(3000) {
        let symbol = usable[dice.below(usable.len())];
        if symbol < 256 {
            bits.code(literal_codes[symbol]);
            plain.push(symbol as u8);
            continue;
        }
        let near = |&symbol: &usize| distances[symbol] > 0 && distance_of(symbol).0 <= plain.len();
        let reachable: Vec<usize> = (0..30).filter(near).collect();
        if reachable.is_empty() {
            continue;
        }
        let (base, extra) = length_of(symbol);
        let length = (base + dice.below(1 << extra)).min(258);
        bits.code(literal_codes[symbol]);
        bits.put(length - base, extra);
        let symbol = reachable[dice.below(reachable.len())];
        let (base, extra) = distance_of(symbol);
        let distance = (base + dice.below(1 << extra)).min(plain.len());
        bits.code(distance_codes[symbol]);
        bits.put(distance - base, extra);
        (0..length).for_each(|_| plain.push(plain[plain.len() - distance]));
    }
    bits.code(literal_codes[256]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn codes_of_any_shape_are_read(seed in 1u64.., count in 1usize..5) {
        let (mut dice, mut bits, mut plain) = (Dice(seed), Bits::default(), Vec::new());
        (0..count).for_each(|at| block(&mut dice, &mut bits, &mut plain, at + 1 == count));
        let mut theirs = Vec::with_capacity(plain.len() + 1);
        let outcome = flate2::Decompress::new(false).decompress_vec(&bits.bytes, &mut theirs, flate2::FlushDecompress::Finish);
        prop_assert!(matches!(outcome, Ok(Status::StreamEnd)) && theirs == plain, "zlib says {outcome:?}");
        let (read, blocks) = inflated(&bits.bytes).unwrap();
        prop_assert!(read == plain);
        prop_assert_eq!(blocks.len(), count);
        prop_assert!(blocks::inflated_by_miniz_oxide(&bits.bytes, plain.len()) == (plain, blocks));
        for cut in 0..bits.bytes.len().min(40) {
            prop_assert!(inflated(&bits.bytes[..bits.bytes.len() - 1 - cut]).is_err());
        }
    }
}
