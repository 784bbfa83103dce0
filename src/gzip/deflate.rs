//! Writes deflate data, or one gzip member, on all cores.
//!
//! It works like pigz (zlib's `deflateSetDictionary`): the plaintext is divided into blocks, each
//! compressed on its own with the 32 KiB before it as dictionary and ended with a sync flush, so
//! that the blocks together are one deflate stream.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;

use crossbeam_channel::{Receiver, bounded};
use flate2::{Compress, Compression, FlushCompress, Status};

use super::error::GzipError;
use super::header;
use super::inflate::WINDOW;

/// Bytes of plaintext in a block: long enough that the flush between two blocks has no measurable
/// cost.
pub(super) const BLOCK: usize = 512 << 10;
/// Maximum bytes of a compressed block: stored blocks (RFC 1951 §3.2.4) add far less than this.
/// Because no block ever fills its buffer, the bytes written depend on the plaintext alone, never
/// on a buffer's history.
const ROOM: usize = BLOCK + BLOCK / 8 + 1024;
/// The strongest compression level.
const STRONGEST: u32 = 9;

/// Writes a deflate stream without any framing: blocks in order, on all cores.
///
/// The bytes depend on the plaintext and the level, not on the number of threads or on how the
/// plaintext was divided into writes. The work is done on rayon's threads. At most `threads + 2`
/// blocks are in progress; then the caller waits for the oldest. Memory: about 1.4 MiB for each of
/// them and one more, allocated when first needed and reused. Dropping it unfinished does not wait;
/// the blocks in progress are discarded when they are done.
pub(super) struct Deflater {
    level: Compression,
    filling: Block,
    queue: VecDeque<Queued>,
    free: Vec<Block>,
    depth: usize,
    crc: crc32fast::Hasher,
    size: u64,
}

/// What comes next in the stream.
enum Queued {
    /// A worker compresses it.
    Block(Receiver<io::Result<Block>>),
    /// It was compressed before.
    Stretch(Arc<Stretch>),
    /// A worker makes it.
    Later(Receiver<Stretch>),
}

/// A piece of a deflate stream that can stand anywhere in one, except at its end: it refers to
/// nothing before it, and ends on a byte boundary.
#[derive(Debug)]
pub struct Stretch {
    plaintext: Vec<u8>,
    compressed: Vec<u8>,
    crc: crc32fast::Hasher,
}

impl Stretch {
    /// Compresses `plaintext` at zlib's `level`, 0 to 9; more counts as 9.
    ///
    /// # Errors
    /// The compressor's.
    pub fn compress(plaintext: Vec<u8>, level: u32) -> io::Result<Self> {
        let mut block = Block::new(Compression::new(level.min(STRONGEST)));
        block.plaintext = plaintext;
        block.compress(false)?;
        Ok(Self {
            plaintext: block.plaintext,
            compressed: block.compressed,
            crc: block.crc,
        })
    }

    /// Puts `plaintext` into stored blocks (RFC 1951 §3.2.4), as a compressor does with data that it
    /// cannot make smaller.
    pub fn store(plaintext: Vec<u8>) -> Self {
        let mut compressed = Vec::with_capacity(plaintext.len() + plaintext.len() / 1000 + 8);
        for bytes in plaintext.chunks(usize::from(u16::MAX)) {
            let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
            compressed.push(0);
            compressed.extend(len.to_le_bytes());
            compressed.extend((!len).to_le_bytes());
            compressed.extend_from_slice(bytes);
        }
        let mut crc = crc32fast::Hasher::new();
        crc.update(&plaintext);
        Self {
            plaintext,
            compressed,
            crc,
        }
    }

    /// What it inflates to.
    pub fn plaintext(&self) -> &[u8] {
        &self.plaintext
    }
}

impl Deflater {
    /// `level` is zlib's, 0 to 9; more counts as 9. `threads` is the useful number of blocks in
    /// progress, not the number of rayon's threads.
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

    /// Takes plaintext; data that is already compressed goes to `out`.
    ///
    /// # Errors
    /// Errors of the writer, or [`GzipError::LostWorker`].
    pub fn write_all(&mut self, mut bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        while !bytes.is_empty() {
            let taken = self.write(bytes, out)?;
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], out: &mut impl Write) -> io::Result<usize> {
        // A full block is sent only when more data arrives, so that the last one is known.
        if self.filling.plaintext.len() == BLOCK && !bytes.is_empty() {
            // Make room first: an error then leaves the block where it is.
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

    /// Takes plaintext that was compressed before.
    fn append(&mut self, stretch: Arc<Stretch>, out: &mut impl Write) -> io::Result<()> {
        while self.queue.len() + 1 >= self.depth {
            self.receive(out)?;
        }
        if !self.filling.plaintext.is_empty() {
            self.send(false);
        }
        self.filling.follow(&stretch.plaintext);
        self.queue.push_back(Queued::Stretch(stretch));
        Ok(())
    }

    /// Takes plaintext that a worker makes. Nothing after it refers to it, because it is not known
    /// yet.
    fn append_later(
        &mut self,
        make: impl FnOnce() -> Stretch + Send + 'static,
        out: &mut impl Write,
    ) -> io::Result<()> {
        while self.queue.len() + 1 >= self.depth {
            self.receive(out)?;
        }
        if !self.filling.plaintext.is_empty() {
            self.send(false);
        }
        self.filling.follow(&[]);
        let (give, take) = bounded(1);
        rayon::spawn(move || {
            // The writer may be gone; then the stretch is no longer needed.
            let _ = give.send(make());
        });
        self.queue.push_back(Queued::Later(take));
        Ok(())
    }

    /// Compresses the rest and waits for all blocks. `last` ends the deflate stream; otherwise a
    /// sync flush (an empty stored block) ends on a byte boundary.
    ///
    /// # Errors
    /// Errors of the writer, or [`GzipError::LostWorker`].
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
            // The writer may be gone; then the block is no longer needed.
            let _ = give.send(outcome);
        });
        self.queue.push_back(Queued::Block(take));
    }

    fn receive(&mut self, out: &mut impl Write) -> io::Result<()> {
        let next = match self.queue.pop_front() {
            None => return Ok(()),
            Some(Queued::Block(next)) => next,
            Some(Queued::Stretch(stretch)) => return self.pass(&stretch, out),
            Some(Queued::Later(next)) => return self.pass(&waited(&next)?, out),
        };
        let block = waited(&next)??;
        self.crc.combine(&block.crc);
        out.write_all(&block.compressed)?;
        self.free.push(block);
        Ok(())
    }

    /// Writes a stretch.
    fn pass(&mut self, stretch: &Stretch, out: &mut impl Write) -> io::Result<()> {
        self.size += stretch.plaintext.len() as u64;
        self.crc.combine(&stretch.crc);
        out.write_all(&stretch.compressed)
    }
}

/// What a worker made, once it is there.
fn waited<T>(worker: &Receiver<T>) -> io::Result<T> {
    // Waiting on one of rayon's own threads could deadlock, because the work may be queued on it.
    while worker.is_empty() && rayon::yield_now() == Some(rayon::Yield::Executed) {}
    Ok(worker.recv().map_err(|_| GzipError::LostWorker)?)
}

/// Writes a gzip stream: one member, one deflate stream, no optional fields.
///
/// The bytes depend on the plaintext, the level and the stretches, not on the number of threads or
/// on how the plaintext was divided into writes. The work is done on rayon's threads. Memory: about
/// 1.4 MiB for each of `threads + 3` blocks. If it is dropped unfinished, no reader accepts the stream.
pub struct GzipWriter<W> {
    out: W,
    deflater: Deflater,
}

impl<W: Write> GzipWriter<W> {
    /// Writes the header. `level` is zlib's, 0 to 9; more counts as 9. `threads` is the useful
    /// number of blocks in progress.
    ///
    /// # Errors
    /// Errors of the writer.
    pub fn new(mut out: W, level: u32, threads: usize) -> io::Result<Self> {
        out.write_all(&header::OURS)?;
        Ok(Self {
            out,
            deflater: Deflater::new(level, threads),
        })
    }

    /// Appends a stretch that was compressed before. At most `threads + 2` of these and of blocks are
    /// held.
    ///
    /// # Errors
    /// Errors of the writer, or [`GzipError::LostWorker`].
    pub fn append(&mut self, stretch: Arc<Stretch>) -> io::Result<()> {
        self.deflater.append(stretch, &mut self.out)
    }

    /// Bytes of plaintext so far, without the stretches that are not written yet.
    pub fn plaintext_len(&self) -> u64 {
        self.deflater.size + self.deflater.filling.plaintext.len() as u64
    }

    /// Appends a stretch that `make` returns on one of rayon's threads. The same number of these is
    /// held.
    ///
    /// # Errors
    /// As [`GzipWriter::append`].
    pub fn append_later(
        &mut self,
        make: impl FnOnce() -> Stretch + Send + 'static,
    ) -> io::Result<()> {
        self.deflater.append_later(make, &mut self.out)
    }

    /// Compresses the last block, writes the trailer and returns the writer.
    ///
    /// # Errors
    /// Errors of the writer, or [`GzipError::LostWorker`].
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

    /// Flushes nothing: the end of a block must not depend on the caller.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A block that a worker compresses and returns; its buffers are reused for the next one.
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

    /// Empties the block for the data that follows `before`.
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
        let mut deflate = self.compressor()?;
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
            // If there is room left, all output was written (zlib's deflate()).
            let room = self.compressed.len() < self.compressed.capacity();
            let all = deflate.total_in() == self.plaintext.len() as u64;
            if status == Status::StreamEnd || (!last && all && room) {
                return Ok(());
            }
            self.compressed.reserve(BLOCK);
        }
    }

    /// A new compressor with this block's dictionary.
    ///
    /// It is never reset and reused: zlib-rs keeps traces of the earlier data, so the bytes written
    /// would depend on the block it was used for before.
    fn compressor(&self) -> io::Result<Compress> {
        let mut deflate = Compress::new(self.level, false);
        if !self.dictionary.is_empty() {
            deflate
                .set_dictionary(&self.dictionary)
                .map_err(io::Error::other)?;
        }
        Ok(deflate)
    }
}
