//! Reads on its own thread, so that the steps that follow (decoding, walking) run at the same time.

use std::io::{self, Read};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::read_until_error;

/// One buffer's size in bytes: SecureTar's v3 chunk, so that each chunk is passed on at once.
pub const BUFFER: usize = 1 << 20;
/// The number of buffers in use: one that is filled, one that is used, and one between them.
const BUFFERS: usize = 3;

/// A reused buffer, cleared once and not before every use.
#[derive(Default)]
struct Buffer {
    room: Vec<u8>,
    len: usize,
}

impl Buffer {
    fn bytes(&self) -> &[u8] {
        self.room.get(..self.len).unwrap_or_default()
    }

    /// Reads up to `bytes`, or until the end; bytes read before an error stay.
    fn fill(&mut self, reader: &mut impl Read, bytes: usize) -> io::Result<()> {
        if self.room.len() != bytes {
            self.room = vec![0; bytes];
        }
        let (len, outcome) = read_until_error(reader, &mut self.room);
        self.len = len;
        outcome
    }
}

/// A reader whose bytes come from another thread, in order.
///
/// Memory: three buffers, of 1 MiB unless another size is set. When all are full the reading thread
/// waits; when all are empty the consumer does. An error is returned after the bytes read before
/// it. Dropping it ends the thread after at most one more read.
pub struct ReadAhead<R> {
    full: Option<Receiver<io::Result<Buffer>>>,
    empty: Sender<Buffer>,
    current: Buffer,
    taken: usize,
    thread: Option<JoinHandle<R>>,
}

impl<R: Read + Send + 'static> ReadAhead<R> {
    /// Starts reading.
    ///
    /// # Errors
    /// If the system cannot start another thread.
    pub fn new(reader: R) -> io::Result<Self> {
        Self::with_buffers_of(BUFFER, reader)
    }

    /// Starts reading into buffers of another size, from one byte up to [`BUFFER`].
    ///
    /// # Errors
    /// If the system cannot start another thread.
    pub fn with_buffers_of(bytes: usize, reader: R) -> io::Result<Self> {
        let bytes = bytes.clamp(1, BUFFER);
        let (give_full, full) = bounded(BUFFERS);
        let (empty, take_empty) = bounded(BUFFERS);
        for _ in 0..BUFFERS {
            // The channel has room for all of them.
            let _ = empty.send(Buffer::default());
        }
        let thread = std::thread::Builder::new()
            .name("read".into())
            .spawn(move || fill(reader, bytes, &take_empty, &give_full))?;
        Ok(Self {
            full: Some(full),
            empty,
            current: Buffer::default(),
            taken: 0,
            thread: Some(thread),
        })
    }

    /// Ends the thread and returns the reader, so that the caller can check how it ended; `None` if
    /// the thread panicked.
    pub fn into_inner(mut self) -> Option<R> {
        self.full = None;
        self.thread.take()?.join().ok()
    }
}

fn fill<R: Read>(
    mut reader: R,
    bytes: usize,
    empty: &Receiver<Buffer>,
    full: &Sender<io::Result<Buffer>>,
) -> R {
    while let Ok(mut buffer) = empty.recv() {
        let outcome = buffer.fill(&mut reader, bytes);
        let done = buffer.len == 0 || outcome.is_err();
        // A closed channel means that the consumer is gone.
        if buffer.len > 0 && full.send(Ok(buffer)).is_err() {
            break;
        }
        if let Err(error) = outcome {
            let _ = full.send(Err(error));
        }
        if done {
            break;
        }
    }
    reader
}

impl<R> Read for ReadAhead<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.current.len && !self.next_buffer()? {
            return Ok(0);
        }
        let n = self
            .current
            .bytes()
            .get(self.taken..)
            .unwrap_or_default()
            .read(out)?;
        self.taken += n;
        Ok(n)
    }
}

impl<R> ReadAhead<R> {
    fn next_buffer(&mut self) -> io::Result<bool> {
        let Some(Ok(next)) = self.full.as_ref().map(Receiver::recv) else {
            return Ok(false);
        };
        let used = std::mem::replace(&mut self.current, next?);
        self.taken = 0;
        // The thread may have ended; then the buffer is no longer needed.
        let _ = self.empty.try_send(used);
        Ok(true)
    }
}

impl<R> Drop for ReadAhead<R> {
    fn drop(&mut self) {
        self.full = None;
        if let Some(thread) = self.thread.take() {
            // Wakes a thread that waits for an empty buffer.
            let (closed, _) = bounded(0);
            self.empty = closed;
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bytes_arrive_in_order_and_the_reader_comes_back() {
        let all: Vec<u8> = (0..3 * BUFFER + 17).map(|i| (i % 251) as u8).collect();
        for (bytes, len) in [
            (0, 999),
            (999, 99_999),
            (BUFFER, all.len()),
            (usize::MAX, all.len()),
        ] {
            let data = all[..len].to_vec();
            let mut ahead =
                ReadAhead::with_buffers_of(bytes, io::Cursor::new(data.clone())).unwrap();
            let mut got = Vec::new();
            ahead.read_to_end(&mut got).unwrap();
            assert!(got == data, "bytes were lost or reordered");
            assert_eq!(ahead.into_inner().unwrap().position(), data.len() as u64);
        }
    }

    #[test]
    fn an_error_comes_after_the_bytes_before_it() {
        struct Failing(u8);
        impl Read for Failing {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                if self.0 == 0 {
                    return Err(io::Error::other("broken"));
                }
                self.0 -= 1;
                buf[0] = self.0;
                Ok(1)
            }
        }
        let mut ahead = ReadAhead::new(Failing(3)).unwrap();
        let mut got = Vec::new();
        assert!(ahead.read_to_end(&mut got).is_err());
        assert_eq!(got, [2, 1, 0]);
    }

    #[test]
    fn dropping_it_unread_ends_the_thread() {
        drop(ReadAhead::new(io::repeat(1)).unwrap());
    }
}
