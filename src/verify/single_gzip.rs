//! Reads exactly one gzip member, because Home Assistant reads no more of an encrypted part (`r|gz`
//! stops at the end of the first member). It is inflated by zlib-rs, not by our own decoder.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};

use crate::error::{Error, Kind};
use crate::gzip;

/// The number of bytes in one read.
const STEP: usize = 256 << 10;

/// Reads the plaintext of exactly one member with flags 0. Checks its checksum and its size, and
/// that nothing follows. Memory: 256 KiB and the decoder's window.
pub(super) struct SingleGzip<R> {
    reader: R,
    inflate: Decompress,
    buffer: Vec<u8>,
    /// The start of the unused bytes in the buffer.
    from: usize,
    to: usize,
    crc: crc32fast::Hasher,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Body,
    Done,
}

fn wrong(what: &str) -> io::Error {
    Error::new(Kind::Damaged, what).into_io()
}

impl<R: Read> SingleGzip<R> {
    pub fn new(reader: R) -> Self {
        let inflate = Decompress::new(false);
        Self {
            reader,
            inflate,
            buffer: vec![0; STEP],
            from: 0,
            to: 0,
            crc: crc32fast::Hasher::new(),
            state: State::Header,
        }
    }

    /// Reads more if everything was used. Returns false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.from == self.to {
            (self.from, self.to) = (0, self.reader.read(&mut self.buffer)?);
        }
        Ok(self.from < self.to)
    }

    fn exactly<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut out = [0; N];
        for slot in &mut out {
            if !self.fill()? {
                return Err(wrong("its gzip member is cut short"));
            }
            *slot = self.buffer.get(self.from).copied().unwrap_or_default();
            self.from += 1;
        }
        Ok(out)
    }

    fn header(&mut self) -> io::Result<()> {
        // The header is not covered by a checksum.
        if self.exactly()? != gzip::HEADER {
            return Err(wrong("its gzip header is not the one that was written"));
        }
        self.state = State::Body;
        Ok(())
    }

    fn trailer(&mut self) -> io::Result<()> {
        let [a, b, c, d, e, f, g, h] = self.exactly::<8>()?;
        let crc = std::mem::take(&mut self.crc).finalize();
        // The size is stored modulo 2^32.
        let size = self.inflate.total_out() & u64::from(u32::MAX);
        if u32::from_le_bytes([a, b, c, d]) != crc
            || u64::from(u32::from_le_bytes([e, f, g, h])) != size
        {
            return Err(wrong("its contents do not match their checksum"));
        }
        if self.fill()? {
            return Err(wrong(
                "bytes follow its gzip member, which Home Assistant would not read",
            ));
        }
        self.state = State::Done;
        Ok(())
    }
}

impl<R: Read> Read for SingleGzip<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.state == State::Header {
            self.header()?;
        }
        while self.state == State::Body && !out.is_empty() {
            if !self.fill()? {
                return Err(wrong("its gzip member is cut short"));
            }
            let there = self.buffer.get(self.from..self.to).unwrap_or_default();
            let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(there, out, FlushDecompress::None)
                .map_err(|_| wrong("its deflate data are damaged"))?;
            // Both values fit: they count bytes of the given buffers.
            self.from += (self.inflate.total_in() - read) as usize;
            let got = (self.inflate.total_out() - written) as usize;
            self.crc.update(out.get(..got).unwrap_or_default());
            if status == Status::StreamEnd {
                self.trailer()?;
            }
            if got > 0 {
                return Ok(got);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn member() -> Vec<u8> {
        let mut gzip = gzip::GzipWriter::new(Vec::new(), 6, 1).unwrap();
        gzip.write_all(&[7u8; 100_000]).unwrap();
        gzip.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        SingleGzip::new(bytes).read_to_end(&mut out).map(|_| out)
    }

    #[test]
    fn a_single_plain_member_is_read_whole() {
        assert_eq!(read(&member()).unwrap(), [7u8; 100_000]);
    }

    #[test]
    fn every_truncation_and_every_flip_that_matters_is_told() {
        let whole = member();
        for cut in 0..whole.len() {
            assert!(read(&whole[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << bit;
                // The last byte of the deflate data has unused bits.
                assert!(
                    read(&flipped).map_or(true, |plain| plain == [7u8; 100_000]),
                    "bit {bit} of byte {at}"
                );
            }
        }
    }

    #[test]
    fn what_home_assistant_would_not_read_is_told() {
        let whole = member();
        assert!(
            read(&[whole.as_slice(), &whole].concat()).is_err(),
            "a second member"
        );
        assert!(
            read(&[whole.as_slice(), &[0]].concat()).is_err(),
            "a zero behind"
        );
        let mut named = flate2::GzBuilder::new()
            .filename("x")
            .read(&[7u8; 10][..], flate2::Compression::new(6));
        let mut out = Vec::new();
        named.read_to_end(&mut out).unwrap();
        assert!(read(&out).is_err(), "a name in the header");
    }
}
