//! Assembles deflate data from pieces that end inside a byte.

use std::io::{self, Write};

/// A deflate stream of copied blocks and new ones, lowest bit first (RFC 1951 §3.1.1).
///
/// Copied blocks keep their bit position within a byte: before a copy, empty blocks are inserted
/// until the stream is at the same bit of a byte as the source. So copies are whole bytes, and a
/// stored block, whose data begin on a byte boundary (RFC 1951 §3.2.4), is valid at any position.
pub(super) struct BitOut<W> {
    out: W,
    /// The byte that is not full yet, and how many of its bits are set.
    partial: u8,
    count: u32,
}

/// An empty block with fixed codes: its header and the end symbol (RFC 1951 §3.2.6).
const EMPTY_FIXED: (u64, u32) = (0b010, 10);

/// An empty block with its own codes (RFC 1951 §3.2.7), 97 bits long: an odd number, unlike every
/// other empty block. Its parts in order: the header with the counts (257 literals, 2 distances, 18
/// code lengths), the lengths of the codes for 18, 2 and 1, 254 zeros, the lengths of 254, 255, 256
/// and of two distances, and the end symbol.
const EMPTY_ODD: [(u64, u32); 10] = [
    (0b100, 3),
    // Counts are stored minus 257, 1 and 4.
    (0, 5),
    (1, 5),
    (14, 4),
    // In the order 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1: 18 and 2
    // have two bits, 1 has one.
    (2 << 6 | 2 << 45, 48),
    (1 << 3, 6),
    // 138 and 116 zeros.
    (0b11 | 127 << 2, 9),
    (0b11 | 105 << 2, 9),
    // 2, 2, then 1, 1, 1.
    (0b01 | 0b01 << 2, 7),
    (0, 1),
];

const fn mask(bits: u32) -> u8 {
    ((1u32 << bits) - 1) as u8
}

impl<W: Write> BitOut<W> {
    pub fn new(out: W) -> Self {
        Self {
            out,
            partial: 0,
            count: 0,
        }
    }

    /// Appends the lowest `bits` bits, at most 48.
    fn put(&mut self, value: u64, bits: u32) -> io::Result<()> {
        let word = u64::from(self.partial) | value << self.count;
        let count = self.count + bits;
        let whole = (count / 8) as usize;
        let bytes = word.to_le_bytes();
        self.out.write_all(bytes.get(..whole).unwrap_or_default())?;
        self.count = count % 8;
        self.partial = bytes.get(whole).copied().unwrap_or(0) & mask(self.count);
        Ok(())
    }

    /// The writer, on a byte boundary: an empty stored block fills a partial byte.
    ///
    /// # Errors
    /// Errors of the writer.
    pub fn aligned(&mut self) -> io::Result<&mut W> {
        if self.count != 0 {
            self.put(0, 3)?;
            if self.count != 0 {
                self.put(0, 8 - self.count)?;
            }
            self.out.write_all(&[0, 0, 0xff, 0xff])?;
        }
        Ok(&mut self.out)
    }

    /// Inserts empty blocks until the stream is at this bit of a byte.
    ///
    /// # Errors
    /// Errors of the writer.
    pub fn meet(&mut self, bit: u64) -> io::Result<()> {
        let missing = |count: u32| (bit + 8 - u64::from(count)) % 8;
        if missing(self.count) % 2 == 1 {
            for (value, bits) in EMPTY_ODD {
                self.put(value, bits)?;
            }
        }
        while missing(self.count) != 0 {
            self.put(EMPTY_FIXED.0, EMPTY_FIXED.1)?;
        }
        Ok(())
    }

    /// Appends bytes of a source that is at the same bit of a byte; of the first byte only the bits
    /// from there on.
    ///
    /// # Errors
    /// Errors of the writer.
    pub fn copy(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some((&first, rest)) = bytes.split_first() else {
            return Ok(());
        };
        if self.count == 0 {
            return self.out.write_all(bytes);
        }
        let kept = mask(self.count);
        self.out.write_all(&[self.partial & kept | first & !kept])?;
        (self.partial, self.count) = (0, 0);
        self.out.write_all(rest)
    }

    /// Appends the rest of the copy: the source's next byte up to `bit`.
    pub fn copy_end(&mut self, byte: u8, bit: u64) {
        let kept = mask(self.count);
        self.count = (bit % 8) as u32;
        self.partial = (self.partial & kept | byte & !kept) & mask(self.count);
    }

    /// Returns the writer; the stream has ended on a byte boundary.
    pub fn into_inner(self) -> W {
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_blocks_lead_from_any_bit_to_any_other_and_read_as_nothing() {
        for from in 0..8u64 {
            for to in 0..8u64 {
                let mut bits = BitOut::new(Vec::new());
                bits.meet(from).unwrap();
                bits.meet(to).unwrap();
                assert_eq!(u64::from(bits.count), to);
                // A last block with fixed codes that contains `a`: 0x30 + 0x61, then the end (RFC
                // 1951 §3.2.6).
                bits.put(0b011, 3).unwrap();
                bits.put(u64::from((0x30u8 + b'a').reverse_bits()), 8)
                    .unwrap();
                bits.put(0, 7).unwrap();
                bits.put(0, 7).unwrap();
                let mut room = [0; 8];
                let stream = bits.into_inner();
                let read = libdeflater::Decompressor::new().deflate_decompress(&stream, &mut room);
                assert_eq!((read, room[0]), (Ok(1), b'a'), "libdeflate, {from} to {to}");
                let mut out = Vec::with_capacity(8);
                let status = flate2::Decompress::new(false).decompress_vec(
                    &stream,
                    &mut out,
                    flate2::FlushDecompress::Finish,
                );
                assert_eq!(
                    (status.unwrap(), out.as_slice()),
                    (flate2::Status::StreamEnd, &b"a"[..]),
                    "zlib, {from} to {to}"
                );
            }
        }
    }

    #[test]
    fn alignment_costs_nothing_where_it_is_met() {
        let mut bits = BitOut::new(Vec::new());
        bits.aligned().unwrap();
        bits.meet(0).unwrap();
        assert!(bits.into_inner().is_empty());
    }
}
