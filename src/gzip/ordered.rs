//! Writes what workers compress in the order in which it was given to them.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;

use crossbeam_channel::{Receiver, bounded};

use super::deflate::{Block, Stretch};
use super::error::GzipError;

/// How many bytes may wait behind blocks that are not done.
const WAITING: usize = 512 << 10;

/// A writer that gets blocks which workers still compress, and bytes between them. Nobody waits for
/// a block before there are too many, or too many bytes behind it.
///
/// At most `depth` blocks and stretches, of about 1.4 MiB each, and 1 MiB for bytes are held.
/// Dropping it does not wait; what is in progress is discarded when it is done.
pub(super) struct Ordered<W> {
    out: W,
    queue: VecDeque<Queued>,
    depth: usize,
    /// How many of the queue are not bytes, and how many bytes are in it.
    pieces: usize,
    waiting: usize,
    free: Vec<Block>,
    /// What blocks and stretches inflate to: its checksum, as far as it was written, and its length.
    crc: crc32fast::Hasher,
    size: u64,
}

/// What comes next.
enum Queued {
    /// A worker compresses it.
    Block(Receiver<io::Result<Block>>),
    /// It was compressed before.
    Stretch(Arc<Stretch>),
    /// A worker makes it.
    Later(Receiver<Stretch>),
    /// What is written between them.
    Bytes(Vec<u8>),
}

impl Queued {
    /// Whether it can be written without waiting. A worker that is lost never is ready.
    fn is_ready(&self) -> bool {
        match self {
            Self::Block(worker) => !worker.is_empty(),
            Self::Later(worker) => !worker.is_empty(),
            Self::Stretch(_) | Self::Bytes(_) => true,
        }
    }
}

impl<W: Write> Ordered<W> {
    /// At most `depth` blocks are in progress or wait to be written; at least one.
    pub fn new(out: W, depth: usize) -> Self {
        Self {
            out,
            queue: VecDeque::new(),
            depth,
            pieces: 0,
            waiting: 0,
            free: Vec::new(),
            crc: crc32fast::Hasher::new(),
            size: 0,
        }
    }

    /// A block that is no longer needed, for its buffers.
    pub fn free(&mut self) -> Option<Block> {
        self.free.pop()
    }

    /// The plaintext bytes of all blocks, and of the stretches that are written.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Waits until there is room for this many more blocks and stretches.
    ///
    /// # Errors
    /// Errors of the writer, or [`GzipError::LostWorker`].
    pub fn make_room(&mut self, more: usize) -> io::Result<()> {
        while self.pieces > 0 && self.pieces + more > self.depth {
            self.receive()?;
        }
        Ok(())
    }

    /// Has a worker compress a block; `last` ends the deflate stream.
    pub fn compress(&mut self, mut block: Block, last: bool) {
        self.size += block.len() as u64;
        let (give, take) = bounded(1);
        rayon::spawn(move || {
            let outcome = block.compress(last).map(|()| block);
            // The writer may be gone; then the block is no longer needed.
            let _ = give.send(outcome);
        });
        self.push(Queued::Block(take));
    }

    /// Takes what was compressed before.
    pub fn append(&mut self, stretch: Arc<Stretch>) {
        self.push(Queued::Stretch(stretch));
    }

    /// Has a worker make a stretch.
    pub fn append_later(&mut self, make: impl FnOnce() -> Stretch + Send + 'static) {
        let (give, take) = bounded(1);
        rayon::spawn(move || {
            let _ = give.send(make());
        });
        self.push(Queued::Later(take));
    }

    fn push(&mut self, piece: Queued) {
        self.pieces += 1;
        self.queue.push_back(piece);
    }

    /// Waits for everything, and returns the writer with the checksum and the length of what blocks
    /// and stretches inflate to.
    ///
    /// # Errors
    /// Errors of the writer, or [`GzipError::LostWorker`].
    pub fn finish(mut self) -> io::Result<(W, u32, u64)> {
        while !self.queue.is_empty() {
            self.receive()?;
        }
        Ok((self.out, self.crc.finalize(), self.size))
    }

    /// Writes the oldest, and waits for it.
    fn receive(&mut self) -> io::Result<()> {
        let Some(next) = self.queue.pop_front() else {
            return Ok(());
        };
        // Counted first: what fails is gone all the same.
        match &next {
            Queued::Bytes(bytes) => self.waiting -= bytes.len(),
            _ => self.pieces -= 1,
        }
        match next {
            Queued::Bytes(bytes) => self.out.write_all(&bytes),
            Queued::Stretch(stretch) => self.pass(&stretch),
            Queued::Later(worker) => self.pass(&waited(&worker)?),
            Queued::Block(worker) => {
                let block = waited(&worker)??;
                self.crc.combine(block.crc());
                self.out.write_all(block.compressed())?;
                self.free.push(block);
                Ok(())
            }
        }
    }

    /// Writes a stretch.
    fn pass(&mut self, stretch: &Stretch) -> io::Result<()> {
        self.size += stretch.plaintext().len() as u64;
        self.crc.combine(stretch.crc());
        self.out.write_all(stretch.compressed())
    }
}

/// What a worker made, once it is there.
fn waited<T>(worker: &Receiver<T>) -> io::Result<T> {
    // Waiting on one of rayon's own threads could deadlock, because the work may be queued on it.
    while worker.is_empty() && rayon::yield_now() == Some(rayon::Yield::Executed) {}
    Ok(worker.recv().map_err(|_| GzipError::LostWorker)?)
}

/// Bytes between the blocks, in their order.
impl<W: Write> Write for Ordered<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        while let Some(next) = self.queue.front() {
            if self.waiting + bytes.len() <= WAITING && !next.is_ready() {
                break;
            }
            self.receive()?;
        }
        if self.queue.is_empty() {
            return self.out.write(bytes);
        }
        match self.queue.back_mut() {
            Some(Queued::Bytes(before)) => before.extend_from_slice(bytes),
            _ => self.queue.push_back(Queued::Bytes(bytes.to_vec())),
        }
        self.waiting += bytes.len();
        Ok(bytes.len())
    }

    /// Flushes nothing: the order of what is waiting must not depend on the caller.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_wait_for_what_comes_before_them() {
        let (release, held) = bounded(1);
        let mut ordered = Ordered::new(Vec::new(), 3);
        ordered.write_all(b"begin ").unwrap();
        ordered.append_later(move || {
            held.recv().unwrap();
            Stretch::store(b"late".to_vec())
        });
        ordered.write_all(b" between ").unwrap();
        ordered.append(Arc::new(Stretch::store(b"early".to_vec())));
        ordered.write_all(b" end").unwrap();
        assert_eq!(ordered.out, b"begin ");
        release.send(()).unwrap();
        let (out, crc, size) = ordered.finish().unwrap();
        let stored = |text: &[u8]| Stretch::store(text.to_vec()).compressed().to_vec();
        let expected = [
            b"begin ",
            &stored(b"late")[..],
            b" between ",
            &stored(b"early"),
            b" end",
        ];
        assert_eq!(out, expected.concat());
        assert_eq!((crc, size), (crc32fast::hash(b"lateearly"), 9));
    }

    #[test]
    fn more_bytes_than_may_wait_are_written() {
        let (release, held) = bounded(1);
        let mut ordered = Ordered::new(Vec::new(), 3);
        let long = vec![7; WAITING];
        ordered.append_later(move || {
            held.recv().unwrap();
            Stretch::store(b"x".to_vec())
        });
        ordered.write_all(&long).unwrap();
        assert!(ordered.out.is_empty() && ordered.waiting == WAITING);
        // The next byte waits for the worker, and nothing is held any more.
        let worker = std::thread::spawn(move || release.send(()).unwrap());
        ordered.write_all(b"y").unwrap();
        worker.join().unwrap();
        assert_eq!((ordered.pieces, ordered.waiting), (0, 0));
        assert!(ordered.out.len() > WAITING && ordered.out.ends_with(b"y"));
    }

    /// Takes nothing.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn after_an_error_of_the_output_there_is_room_again() {
        let mut ordered = Ordered::new(Full, 3);
        for _ in 0..9 {
            // An error, or room: it ends.
            let _ = ordered.make_room(1);
            ordered.append(Arc::new(Stretch::store(b"x".to_vec())));
        }
        assert!(ordered.pieces <= 3 && ordered.pieces == ordered.queue.len());
    }

    #[test]
    fn a_worker_that_is_lost_is_an_error() {
        let mut ordered = Ordered::new(Vec::new(), 3);
        let (give, take) = bounded::<Stretch>(1);
        drop(give);
        ordered.push(Queued::Later(take));
        let error = ordered.finish().map(drop).unwrap_err();
        let error = error.downcast::<crate::Error>().unwrap();
        assert_eq!(error.kind(), crate::Kind::Internal);
    }
}
