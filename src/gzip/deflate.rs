//! Writes deflate data, or one gzip member, on all cores.
//!
//! It works like pigz (zlib's `deflateSetDictionary`): the plaintext is divided into blocks, each
//! compressed on its own with the 32 KiB before it as dictionary and ended with a sync flush, so
//! that the blocks together are one deflate stream.

use std::io::{self, Write};
use std::sync::Arc;

use flate2::{Compress, Compression, FlushCompress, Status};

use super::header;
use super::inflate::WINDOW;
use super::ordered::Ordered;

/// Bytes of plaintext in a block: long enough that the flush between two blocks has no measurable
/// cost.
pub(super) const BLOCK: usize = 512 << 10;
/// Maximum bytes of a compressed block: stored blocks (RFC 1951 §3.2.4) add far less than this.
/// Because no block ever fills its buffer, the bytes written depend on the plaintext alone, never
/// on a buffer's history.
const ROOM: usize = BLOCK + BLOCK / 8 + 1024;
/// The strongest compression level.
const STRONGEST: u32 = 9;

/// Divides plaintext into blocks, which workers compress into a deflate stream without any framing.
///
/// The bytes depend on the plaintext and the level, not on the number of threads or on how the
/// plaintext was divided into writes. The work is done on rayon's threads. Memory: one block, besides
/// those that wait in the writer.
pub(super) struct Deflater {
    level: Compression,
    filling: Block,
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

    /// The bytes of the deflate stream.
    pub(super) fn compressed(&self) -> &[u8] {
        &self.compressed
    }

    /// The checksum of the plaintext.
    pub(super) fn crc(&self) -> &crc32fast::Hasher {
        &self.crc
    }
}

impl Deflater {
    /// `level` is zlib's, 0 to 9; more counts as 9.
    pub fn new(level: u32) -> Self {
        let level = Compression::new(level.min(STRONGEST));
        Self {
            level,
            filling: Block::new(level),
        }
    }

    /// Begins where this plaintext ends: later bytes may refer to its last 32 KiB.
    pub fn begin(&mut self, before: &[u8]) {
        self.filling.follow(before);
    }

    /// Takes plaintext; what is full goes to `out`.
    ///
    /// # Errors
    /// Errors of the writer, or [`GzipError::LostWorker`](super::GzipError::LostWorker).
    pub fn write_all<W: Write>(
        &mut self,
        mut bytes: &[u8],
        out: &mut Ordered<W>,
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            let taken = self.write(bytes, out)?;
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    fn write<W: Write>(&mut self, bytes: &[u8], out: &mut Ordered<W>) -> io::Result<usize> {
        // A full block is sent only when more data arrives, so that the last one is known.
        if self.filling.plaintext.len() == BLOCK && !bytes.is_empty() {
            // Make room first: an error then leaves the block where it is.
            out.make_room(1)?;
            self.send(false, out);
        }
        let plaintext = &mut self.filling.plaintext;
        let now = bytes
            .get(..bytes.len().min(BLOCK - plaintext.len()))
            .unwrap_or_default();
        plaintext.extend_from_slice(now);
        Ok(now.len())
    }

    /// Takes plaintext that was compressed before.
    fn append<W: Write>(&mut self, stretch: Arc<Stretch>, out: &mut Ordered<W>) -> io::Result<()> {
        out.make_room(2)?;
        if !self.filling.plaintext.is_empty() {
            self.send(false, out);
        }
        self.filling.follow(&stretch.plaintext);
        out.append(stretch);
        Ok(())
    }

    /// Takes plaintext that a worker makes. Nothing after it refers to it, because it is not known
    /// yet.
    fn append_later<W: Write>(
        &mut self,
        make: impl FnOnce() -> Stretch + Send + 'static,
        out: &mut Ordered<W>,
    ) -> io::Result<()> {
        out.make_room(2)?;
        if !self.filling.plaintext.is_empty() {
            self.send(false, out);
        }
        self.filling.follow(&[]);
        out.append_later(make);
        Ok(())
    }

    /// Has the rest compressed. `last` ends the deflate stream; otherwise a sync flush (an empty
    /// stored block) ends on a byte boundary.
    ///
    /// # Errors
    /// As [`Deflater::write_all`].
    pub fn end<W: Write>(&mut self, last: bool, out: &mut Ordered<W>) -> io::Result<()> {
        out.make_room(1)?;
        self.send(last, out);
        Ok(())
    }

    fn send<W: Write>(&mut self, last: bool, out: &mut Ordered<W>) {
        let next = out.free().unwrap_or_else(|| Block::new(self.level));
        let block = std::mem::replace(&mut self.filling, next);
        self.filling.follow(&block.plaintext);
        out.compress(block, last);
    }
}

/// Writes a gzip stream: one member, one deflate stream, no optional fields.
///
/// The bytes depend on the plaintext, the level and the stretches, not on the number of threads or
/// on how the plaintext was divided into writes. The work is done on rayon's threads. Memory: about
/// 1.4 MiB for each of `threads + 3` blocks. If it is dropped unfinished, no reader accepts the stream.
pub struct GzipWriter<W> {
    out: Ordered<W>,
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
            out: Ordered::new(out, threads.saturating_add(2)),
            deflater: Deflater::new(level),
        })
    }

    /// Appends a stretch that was compressed before. At most `threads + 2` of these and of blocks are
    /// held.
    ///
    /// # Errors
    /// Errors of the writer, or [`GzipError::LostWorker`](super::GzipError::LostWorker).
    pub fn append(&mut self, stretch: Arc<Stretch>) -> io::Result<()> {
        self.deflater.append(stretch, &mut self.out)
    }

    /// Bytes of plaintext so far, without the stretches that are not written yet.
    pub fn plaintext_len(&self) -> u64 {
        self.out.size() + self.deflater.filling.plaintext.len() as u64
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
    /// Errors of the writer, or [`GzipError::LostWorker`](super::GzipError::LostWorker).
    pub fn finish(mut self) -> io::Result<W> {
        self.deflater.end(true, &mut self.out)?;
        let (mut out, crc, size) = self.out.finish()?;
        out.write_all(&header::trailer(crc, size))?;
        Ok(out)
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
pub(super) struct Block {
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

    /// Bytes of its plaintext.
    pub fn len(&self) -> usize {
        self.plaintext.len()
    }

    /// What it was compressed to.
    pub fn compressed(&self) -> &[u8] {
        &self.compressed
    }

    /// The checksum of its plaintext, once it is compressed.
    pub fn crc(&self) -> &crc32fast::Hasher {
        &self.crc
    }

    /// Compresses it; `last` ends the deflate stream.
    ///
    /// # Errors
    /// The compressor's.
    pub fn compress(&mut self, last: bool) -> io::Result<()> {
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
