//! Writing one gzip member on all cores.
//!
//! As pigz does it (zlib's `deflateSetDictionary`): the plaintext is cut into
//! blocks, each compressed on its own with the 32 KiB before it as dictionary and
//! ended with a sync flush, so that the blocks put together are one deflate stream.

use std::collections::VecDeque;
use std::io::{self, Write};

use crossbeam_channel::{Receiver, bounded};
use flate2::{Compress, Compression, FlushCompress, Status};

use super::error::GzipError;
use super::header;

/// Bytes of plaintext in a block: long enough that the flush between two blocks
/// costs nothing that can be seen.
const BLOCK: usize = 512 << 10;
/// How far deflate can refer back (RFC 1951 §2).
const WINDOW: usize = 32 << 10;

/// A gzip stream being written.
///
/// The result does not depend on the number of threads. At most `threads + 2`
/// blocks are under way; then the caller waits for the oldest. Memory: about 1.2 MiB for
/// each of them. Dropped unfinished, it leaves a stream that no reader accepts.
pub struct GzipWriter<W> {
    out: W,
    level: u32,
    block: Vec<u8>,
    window: Vec<u8>,
    queue: VecDeque<Receiver<io::Result<Compressed>>>,
    depth: usize,
    crc: crc32fast::Hasher,
    size: u64,
}

/// A block on its way back, with its buffers for the next one.
struct Compressed {
    bytes: Vec<u8>,
    crc: crc32fast::Hasher,
}

impl<W: Write> GzipWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// The writer's.
    pub fn new(mut out: W, level: u32, threads: usize) -> io::Result<Self> {
        out.write_all(&header::OURS)?;
        Ok(Self {
            out,
            level,
            block: Vec::with_capacity(BLOCK),
            window: Vec::new(),
            queue: VecDeque::new(),
            depth: threads + 2,
            crc: crc32fast::Hasher::new(),
            size: 0,
        })
    }

    /// Compresses the last block and writes the trailer.
    ///
    /// # Errors
    /// The writer's, or [`GzipError::LostWorker`].
    pub fn finish(mut self) -> io::Result<W> {
        self.send(true);
        while !self.queue.is_empty() {
            self.receive()?;
        }
        self.out.write_all(&self.crc.finalize().to_le_bytes())?;
        // The size field holds the size modulo 2^32 (RFC 1952 §2.3.1).
        self.out.write_all(&((self.size & u64::from(u32::MAX)) as u32).to_le_bytes())?;
        Ok(self.out)
    }

    fn send(&mut self, last: bool) {
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
        self.size += block.len() as u64;
        let dictionary = std::mem::take(&mut self.window);
        let keep = block.len().saturating_sub(WINDOW);
        self.window.extend_from_slice(block.get(keep..).unwrap_or_default());
        let (give, take) = bounded(1);
        let level = self.level;
        rayon::spawn(move || {
            // The writer may be gone; then nobody wants the block.
            let _ = give.send(compress(&block, &dictionary, level, last));
        });
        self.queue.push_back(take);
    }

    fn receive(&mut self) -> io::Result<()> {
        let Some(next) = self.queue.pop_front() else { return Ok(()) };
        let done = next.recv().map_err(|_| GzipError::LostWorker)??;
        self.crc.combine(&done.crc);
        self.out.write_all(&done.bytes)
    }
}

impl<W: Write> Write for GzipWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full block is sent only when more comes, so that the last one is known.
        if self.block.len() == BLOCK {
            self.send(false);
            if self.queue.len() >= self.depth {
                self.receive()?;
            }
        }
        let now = bytes.get(..bytes.len().min(BLOCK - self.block.len())).unwrap_or_default();
        self.block.extend_from_slice(now);
        Ok(now.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn compress(block: &[u8], dictionary: &[u8], level: u32, last: bool) -> io::Result<Compressed> {
    let mut crc = crc32fast::Hasher::new();
    crc.update(block);
    let mut deflate = Compress::new(Compression::new(level), false);
    if !dictionary.is_empty() {
        deflate.set_dictionary(dictionary).map_err(io::Error::other)?;
    }
    let flush = if last { FlushCompress::Finish } else { FlushCompress::Sync };
    let mut bytes = Vec::with_capacity(block.len() / 2 + 64);
    loop {
        let rest = block.get(usize::try_from(deflate.total_in()).unwrap_or(usize::MAX)..).unwrap_or_default();
        let status = deflate.compress_vec(rest, &mut bytes, flush).map_err(io::Error::other)?;
        // Room left over means that everything is out.
        let flushed = !last && bytes.len() < bytes.capacity() && deflate.total_in() == block.len() as u64;
        if status == Status::StreamEnd || flushed {
            return Ok(Compressed { bytes, crc });
        }
        bytes.reserve(block.len() / 4 + 64);
    }
}
