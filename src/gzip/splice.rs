//! Changes the plaintext of a gzip stream without compressing the rest again.
//!
//! Deflate refers back at most 32 KiB (RFC 1951 §2). So after a change, only the plaintext up to the
//! first block that begins at least 32 KiB after it must be encoded again; from there on the old
//! blocks are copied unchanged, up to the block that contains the next change. Copied blocks are
//! not even inflated, because checkpoints record where blocks begin.
//!
//! The checksum of the result follows from those of the parts that stay, which are never read, and
//! of the bytes that are put in.

use std::io::{self, Read, Write};
use std::ops::Range;

use super::bits::BitOut;
use super::checkpoints::Checkpoint;
use super::deflate::Deflater;
use super::error::GzipError;
use super::header;
use super::inflate::{Event, Inflate, WINDOW};
use super::ordered::Ordered;

/// The maximum compressed size of a block that is held until its end shows whether it can be
/// copied; a longer one is encoded again. zlib's blocks have at most 96 KiB.
const HELD: usize = 1 << 20;
/// How many blocks may be encoded at once, on any number of cores: stretches are short, and what lies
/// between them is copied faster than two workers need for one.
const DEPTH: usize = 2;
/// How many changes may be encoded at level 9. Level 7 takes a third of the time, and a two-hundredth
/// more room (12 MB of Python sources in pieces of 84 kB, zlib 1.3), which shows only in a small part.
pub(crate) const FEW: usize = 16;

/// A change to a plaintext: some of its bytes go, and others may take their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The bytes that go; empty if others are only put in.
    pub range: Range<u64>,
    /// CRC-32 of the bytes that stay between the change before, or the start, and this one.
    pub kept: u32,
    /// Whether others take their place: those that [`Patch::put`] returns.
    pub puts: bool,
}

/// The changes to a plaintext. Memory: 32 bytes for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// In order; they may touch, but not overlap.
    pub list: Vec<Change>,
    /// From here on everything goes and is replaced by [`Patch::tail`].
    pub end: u64,
    /// CRC-32 of the bytes that stay between the last change and the end.
    pub kept: u32,
}

impl Changes {
    /// Where the change with this number begins; the end after the last one.
    fn start(&self, number: usize) -> u64 {
        self.list.get(number).map_or(self.end, |c| c.range.start)
    }
}

/// Makes the bytes that are put into a plaintext.
pub trait Patch {
    /// The bytes in place of `old`, which the next change with [`Change::puts`] takes out. It is
    /// called once for each of them, in order.
    ///
    /// # Errors
    /// Any error that stops the splicing.
    fn put(&mut self, old: &[u8]) -> io::Result<Vec<u8>>;

    /// The new end of a plaintext that has `size` bytes without it.
    fn tail(&mut self, size: u64) -> Vec<u8>;
}

/// Copies `input`, a gzip stream of one member, with changes. Writes one member with flags 0 and
/// returns the writer and the number of plaintext bytes that had to be encoded.
///
/// `checkpoints` come from [`super::Gunzip::with_checkpoints`] over the same stream; the one at its
/// start must be there. `level` is zlib's, 0 to 9; many changes are encoded at level 7 at most. The
/// bytes written do not depend on `threads`. Stretches are encoded on rayon's threads while what
/// follows is read and copied. Memory: the decoder's, 1 MiB for a block, up to three of the encoder's
/// blocks and 1 MiB for bytes behind them, and the bytes of one change that are replaced by others.
///
/// # Errors
/// A [`GzipError`] for damaged input; [`GzipError::BadEdit`] if the changes do not fit the stream;
/// errors of input and output, and of `patch`.
pub fn splice<R: Read, W: Write>(
    input: R,
    checkpoints: &[Checkpoint],
    changes: &Changes,
    patch: &mut dyn Patch,
    mut output: W,
    level: u32,
    threads: usize,
) -> io::Result<(W, u64)> {
    output.write_all(&header::OURS)?;
    let level = if changes.list.len() > FEW {
        level.min(7)
    } else {
        level
    };
    let mut splicer = Splicer {
        inflate: Inflate::new(input),
        begin: 0,
        used: 0,
        checkpoints,
        out: BitOut::new(Ordered::new(output, threads.min(DEPTH))),
        deflater: Deflater::new(level),
        window: Vec::with_capacity(WINDOW),
        encoded: 0,
        result: Sums::default(),
    };
    splicer.run(changes, patch)?;
    let Sums { crc, size } = splicer.result;
    let (mut output, ..) = splicer.out.into_inner().finish()?;
    output.write_all(&header::trailer(crc.finalize(), size))?;
    Ok((output, splicer.encoded))
}

struct Splicer<'a, R, W> {
    inflate: Inflate<R>,
    /// Where the decoder's current piece begins in the plaintext, and how much of it was used.
    begin: u64,
    used: usize,
    checkpoints: &'a [Checkpoint],
    out: BitOut<Ordered<W>>,
    deflater: Deflater,
    /// The plaintext before the current block.
    window: Vec<u8>,
    encoded: u64,
    result: Sums,
}

/// The checksum and the length of the new plaintext so far.
#[derive(Default)]
struct Sums {
    crc: crc32fast::Hasher,
    size: u64,
}

impl Sums {
    /// Adds bytes that stay, of which only the checksum is known.
    fn keep(&mut self, range: Range<u64>, crc: u32) -> io::Result<()> {
        let len = range.end.checked_sub(range.start);
        let len = len.ok_or(GzipError::BadEdit)?;
        let kept = crc32fast::Hasher::new_with_initial_len(crc, len);
        self.crc.combine(&kept);
        self.size += len;
        Ok(())
    }
}

/// Where a newly encoded stretch ends.
enum Stretch {
    /// At a block that can be copied.
    Block,
    /// At the next change.
    Change,
}

impl<R: Read, W: Write> Splicer<'_, R, W> {
    fn run(&mut self, changes: &Changes, patch: &mut dyn Patch) -> io::Result<()> {
        let first = self.checkpoints.first().filter(|c| c.plain == 0);
        let first = first.ok_or(GzipError::BadEdit)?;
        self.inflate.input.forward(first.bit, |_| Ok(()))?;
        self.resume(0, &[])?;
        // The number of the next change, and where the one before ends.
        let (mut next, mut after) = (0, 0);
        'copying: loop {
            self.copy_to(changes.start(next))?;
            while let Some(Change { range, kept, puts }) = changes.list.get(next) {
                self.result.keep(after..range.start, *kept)?;
                if range.end < range.start {
                    return Err(GzipError::BadEdit.into());
                }
                if *puts {
                    let old = self.read_to(range.end)?;
                    self.insert(&patch.put(&old)?)?;
                } else {
                    self.skip_to(range.end)?;
                }
                (next, after) = (next + 1, range.end);
                let full = range.end.saturating_add(WINDOW as u64);
                if let Stretch::Block = self.encode(full, changes.start(next))? {
                    continue 'copying;
                }
            }
            self.result.keep(after..changes.end, changes.kept)?;
            self.insert(&patch.tail(self.result.size))?;
            return self.deflater.end(true, self.out.aligned()?);
        }
    }

    /// Encodes new bytes.
    fn insert(&mut self, new: &[u8]) -> io::Result<()> {
        self.deflater.write_all(new, self.out.aligned()?)?;
        self.encoded += new.len() as u64;
        self.result.crc.update(new);
        self.result.size += new.len() as u64;
        Ok(())
    }

    /// Reads the plaintext up to `to`.
    fn read_to(&mut self, to: u64) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        loop {
            let piece = up_to(self.inflate.piece(), self.begin, to);
            read.extend_from_slice(piece.get(self.used..).unwrap_or_default());
            self.used = piece.len();
            if self.position() == to {
                return Ok(read);
            }
            if self.next()? == Event::End {
                return Err(GzipError::BadEdit.into());
            }
        }
    }

    /// Plaintext position of the next unused byte.
    fn position(&self) -> u64 {
        self.begin + self.used as u64
    }

    /// Decodes up to the next event; the piece before counts as used.
    fn next(&mut self) -> io::Result<Event> {
        self.begin += self.inflate.piece().len() as u64;
        self.used = 0;
        self.inflate.next()
    }

    /// Moves the decoder to the start of the block at the input's position.
    fn resume(&mut self, plain: u64, window: &[u8]) -> io::Result<()> {
        self.inflate.resume(window);
        (self.begin, self.used) = (plain, 0);
        if self.next()? == Event::Block {
            Ok(())
        } else {
            Err(GzipError::BadEdit.into())
        }
    }

    /// The last checkpoint up to a position in the plaintext, if it is ahead.
    fn ahead(&self, to: u64) -> Option<&Checkpoint> {
        let behind = self.begin + self.inflate.piece().len() as u64;
        self.checkpoints
            .iter()
            .rev()
            .find(|c| c.plain <= to)
            .filter(|c| c.plain > behind)
    }

    /// The decoder is at the start of a block. Copies all blocks that end at or before `to`, and
    /// encodes the part of the next one before `to`.
    fn copy_to(&mut self, to: u64) -> io::Result<()> {
        if let Some(Checkpoint { bit, plain, window }) = self.ahead(to).cloned() {
            let low = self
                .inflate
                .input
                .forward(bit, |bytes| self.out.copy(bytes))?;
            self.out.copy_end(low, bit);
            self.resume(plain, &window)?;
        }
        loop {
            match self.hold_block(to)? {
                Held::Copied => {}
                Held::Reached => return Ok(()),
                Held::TooLong => {
                    if let Stretch::Change = self.encode(self.position() + 1, to)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Reads the block that begins here, and copies it if it ends at or before `to`; otherwise
    /// returns to its start, where a newly encoded stretch begins.
    fn hold_block(&mut self, to: u64) -> io::Result<Held> {
        let (start, plain) = (self.inflate.input.bit_position(), self.position());
        self.inflate.input.set_mark();
        self.window.clear();
        self.window.extend_from_slice(self.inflate.window());
        let held = loop {
            let event = self.next()?;
            let end = self.begin + self.inflate.piece().len() as u64;
            match event {
                Event::Block => return self.copy_block(start).map(|()| Held::Copied),
                Event::Data if end > to => break Held::Reached,
                Event::Data if self.inflate.input.marked().len() > HELD => break Held::TooLong,
                Event::Data => {}
                // The last block must not be copied: it would end the stream.
                Event::End if end == to => break Held::Reached,
                Event::End => return Err(GzipError::BadEdit.into()),
            }
        };
        self.inflate.input.rewind(start);
        self.begin_encoding(plain)?;
        if let Held::Reached = held {
            self.encode(u64::MAX, to)?;
        }
        Ok(held)
    }

    /// Encodes from the plaintext position `plain` on, where the held window ends.
    fn begin_encoding(&mut self, plain: u64) -> io::Result<()> {
        let window = std::mem::take(&mut self.window);
        self.deflater.begin(&window);
        self.resume(plain, &window)?;
        self.window = window;
        Ok(())
    }

    /// Copies the block that was read since `start`, up to the start of the next one.
    fn copy_block(&mut self, start: u64) -> io::Result<()> {
        let end = self.inflate.input.bit_position();
        let whole = usize::try_from(end / 8 - start / 8).unwrap_or(usize::MAX);
        let marked = self.inflate.input.marked();
        self.out.copy(marked.get(..whole).unwrap_or_default())?;
        self.out
            .copy_end(marked.get(whole).copied().unwrap_or(0), end);
        Ok(())
    }

    /// Skips the plaintext up to `to`, by way of a checkpoint if that is shorter.
    fn skip_to(&mut self, to: u64) -> io::Result<()> {
        if let Some(Checkpoint { bit, plain, window }) = self.ahead(to).cloned() {
            self.inflate.input.forward(bit, |_| Ok(()))?;
            self.resume(plain, &window)?;
        }
        loop {
            self.used = up_to(self.inflate.piece(), self.begin, to).len();
            if self.position() == to {
                return Ok(());
            }
            if self.next()? == Event::End {
                return Err(GzipError::BadEdit.into());
            }
        }
    }

    /// Encodes the plaintext up to `to`, or up to the first block that begins at or after `from`.
    fn encode(&mut self, from: u64, to: u64) -> io::Result<Stretch> {
        loop {
            let piece = up_to(self.inflate.piece(), self.begin, to);
            let new = piece.get(self.used..).unwrap_or_default();
            self.deflater.write_all(new, self.out.aligned()?)?;
            self.encoded += new.len() as u64;
            self.used = piece.len();
            if self.position() == to {
                return Ok(Stretch::Change);
            }
            match self.next()? {
                Event::Block if self.position() >= from => {
                    self.deflater.end(false, self.out.aligned()?)?;
                    self.out.meet(self.inflate.input.bit_position() % 8)?;
                    return Ok(Stretch::Block);
                }
                Event::Block | Event::Data => {}
                Event::End => return Err(GzipError::BadEdit.into()),
            }
        }
    }
}

/// The result of reading a block.
enum Held {
    /// It ended early enough and was copied.
    Copied,
    /// The position is inside it; the part before it is encoded again.
    Reached,
    /// It is too long to be held and must be encoded again.
    TooLong,
}

/// The bytes before `to` of a piece that begins at `begin`.
fn up_to(piece: &[u8], begin: u64, to: u64) -> &[u8] {
    let len = usize::try_from(to.saturating_sub(begin))
        .unwrap_or(usize::MAX)
        .min(piece.len());
    piece.get(..len).unwrap_or_default()
}
