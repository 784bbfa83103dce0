//! Writing deflate data and one gzip member on all cores.
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
use super::inflate::WINDOW;

/// Bytes of plaintext in a block: long enough that the flush between two blocks
/// costs nothing that can be seen.
pub(super) const BLOCK: usize = 512 << 10;
/// Bytes that a compressed block can have: stored blocks (RFC 1951 §3.2.4) add far
/// less than this. As no block ever fills its buffer, the bytes written depend on
/// the plaintext alone, never on a buffer's history.
const ROOM: usize = BLOCK + BLOCK / 8 + 1024;
/// The strongest compression there is.
const STRONGEST: u32 = 9;

/// A deflate stream being written, without any framing: blocks in order, on all cores.
///
/// The bytes depend on the plaintext and the level, not on the number of threads nor
/// on how the plaintext was cut into writes. The work is done on rayon's threads. At
/// most `threads + 2` blocks are under way; then the caller waits for the oldest.
/// Memory: about 1.4 MiB for each of them and one more, allocated when first needed and
/// used again. Dropped unfinished, nothing waits; the blocks under way are forgotten when
/// they are done.
pub(super) struct Deflater {
    level: Compression,
    filling: Block,
    queue: VecDeque<Receiver<io::Result<Block>>>,
    free: Vec<Block>,
    depth: usize,
    crc: crc32fast::Hasher,
    size: u64,
}

impl Deflater {
    /// `level` is zlib's, 0 to 9; more counts as 9. `threads` says how many blocks are
    /// worth having under way, not how many threads rayon has.
    pub fn new(level: u32, threads: usize) -> Self {
        let level = Compression::new(level.min(STRONGEST));
        Self {
            level,
            filling: Block::new(level),
            queue: VecDeque::new(),
            free: Vec::new(),
            depth: threads.saturating_add(2),
            crc: crc32fast::Hasher::new(),
            size: 0,
        }
    }

    /// Begins where this plaintext ends: later bytes may refer to its last 32 KiB.
    pub fn begin(&mut self, before: &[u8]) {
        self.filling.follow(before);
    }

    /// Takes plaintext; what is compressed by now goes to `out`.
    ///
    /// # Errors
    /// The writer's, or [`GzipError::LostWorker`].
    pub fn write_all(&mut self, mut bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        while !bytes.is_empty() {
            let taken = self.write(bytes, out)?;
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], out: &mut impl Write) -> io::Result<usize> {
        // A full block is sent only when more comes, so that the last one is known.
        if self.filling.plaintext.len() == BLOCK && !bytes.is_empty() {
            // First make room: an error then leaves the block where it is.
            if self.queue.len() >= self.depth {
                self.receive(out)?;
            }
            self.send(false);
        }
        let plaintext = &mut self.filling.plaintext;
        let now = bytes
            .get(..bytes.len().min(BLOCK - plaintext.len()))
            .unwrap_or_default();
        plaintext.extend_from_slice(now);
        Ok(now.len())
    }

    /// Compresses what is left and waits for everything. `last` ends the deflate
    /// stream; otherwise a sync flush (an empty stored block) ends on a byte boundary.
    ///
    /// # Errors
    /// The writer's, or [`GzipError::LostWorker`].
    pub fn end(&mut self, last: bool, out: &mut impl Write) -> io::Result<()> {
        self.send(last);
        while !self.queue.is_empty() {
            self.receive(out)?;
        }
        Ok(())
    }

    fn send(&mut self, last: bool) {
        let next = self.free.pop().unwrap_or_else(|| Block::new(self.level));
        let mut block = std::mem::replace(&mut self.filling, next);
        self.filling.follow(&block.plaintext);
        self.size += block.plaintext.len() as u64;
        let (give, take) = bounded(1);
        rayon::spawn(move || {
            let outcome = block.compress(last).map(|()| block);
            // The writer may be gone; then nobody wants the block.
            let _ = give.send(outcome);
        });
        self.queue.push_back(take);
    }

    fn receive(&mut self, out: &mut impl Write) -> io::Result<()> {
        let Some(next) = self.queue.pop_front() else {
            return Ok(());
        };
        // On one of rayon's own threads, waiting could mean waiting for ourselves.
        while next.is_empty() && rayon::yield_now() == Some(rayon::Yield::Executed) {}
        let block = next.recv().map_err(|_| GzipError::LostWorker)??;
        self.crc.combine(&block.crc);
        out.write_all(&block.compressed)?;
        self.free.push(block);
        Ok(())
    }
}

/// A gzip stream being written: one member, one deflate stream, no optional fields.
///
/// The bytes depend on the plaintext and the level, not on the number of threads nor on how
/// the plaintext was cut into writes. The work is done on rayon's threads. Memory: about
/// 1.4 MiB for each of `threads + 3` blocks. Dropped unfinished, it leaves a stream that no
/// reader accepts.
pub struct GzipWriter<W> {
    out: W,
    deflater: Deflater,
}

impl<W: Write> GzipWriter<W> {
    /// Writes the header. `level` is zlib's, 0 to 9; more counts as 9. `threads` says how many
    /// blocks are worth having under way.
    ///
    /// # Errors
    /// The writer's.
    pub fn new(mut out: W, level: u32, threads: usize) -> io::Result<Self> {
        out.write_all(&header::OURS)?;
        Ok(Self {
            out,
            deflater: Deflater::new(level, threads),
        })
    }

    /// Compresses the last block, writes the trailer and gives the writer back.
    ///
    /// # Errors
    /// The writer's, or [`GzipError::LostWorker`].
    pub fn finish(mut self) -> io::Result<W> {
        self.deflater.end(true, &mut self.out)?;
        let crc = self.deflater.crc.finalize();
        self.out
            .write_all(&header::trailer(crc, self.deflater.size))?;
        Ok(self.out)
    }
}

impl<W: Write> Write for GzipWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.deflater.write(bytes, &mut self.out)
    }

    /// Flushes nothing: where a block ends must not depend on who asks.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A block on its way to a worker and back; its buffers serve the next one.
struct Block {
    level: Compression,
    dictionary: Vec<u8>,
    plaintext: Vec<u8>,
    compressed: Vec<u8>,
    crc: crc32fast::Hasher,
}

impl Block {
    fn new(level: Compression) -> Self {
        Self {
            level,
            dictionary: Vec::with_capacity(WINDOW),
            plaintext: Vec::with_capacity(BLOCK),
            compressed: Vec::with_capacity(ROOM),
            crc: crc32fast::Hasher::new(),
        }
    }

    /// Empties the block; it will hold what comes after `before`.
    fn follow(&mut self, before: &[u8]) {
        self.plaintext.clear();
        self.dictionary.clear();
        let keep = before.len().saturating_sub(WINDOW);
        self.dictionary
            .extend_from_slice(before.get(keep..).unwrap_or_default());
    }

    fn compress(&mut self, last: bool) -> io::Result<()> {
        self.crc.reset();
        self.crc.update(&self.plaintext);
        self.compressed.clear();
        // Never one that was used and reset: zlib-rs keeps traces of the earlier data, so
        // the bytes written would depend on which block it was used for before.
        let mut deflate = Compress::new(self.level, false);
        if !self.dictionary.is_empty() {
            deflate
                .set_dictionary(&self.dictionary)
                .map_err(io::Error::other)?;
        }
        let flush = if last {
            FlushCompress::Finish
        } else {
            FlushCompress::Sync
        };
        loop {
            let used = usize::try_from(deflate.total_in()).unwrap_or(usize::MAX);
            let rest = self.plaintext.get(used..).unwrap_or_default();
            let status = deflate
                .compress_vec(rest, &mut self.compressed, flush)
                .map_err(io::Error::other)?;
            // Room left over means that everything is out (zlib's deflate()).
            let room = self.compressed.len() < self.compressed.capacity();
            let all = deflate.total_in() == self.plaintext.len() as u64;
            if status == Status::StreamEnd || (!last && all && room) {
                return Ok(());
            }
            self.compressed.reserve(BLOCK);
        }
    }
}
