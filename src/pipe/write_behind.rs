//! Writes on its own thread, so that the steps before it (copying, encoding) run at the same time.

use std::io::{self, Write};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::read_ahead::BUFFER;

/// The number of buffers in use.
const BUFFERS: usize = 3;

/// Runs `body` with a writer whose bytes another thread writes to `writer`, in order; returns both
/// after everything is written.
///
/// Memory: three buffers of 1 MiB. When all are full `body` waits; when all are empty the writing
/// thread does.
///
/// # Errors
/// The writer's error if it had one, because the error of `body` then only says that the writer is
/// gone; otherwise the error of `body`. Bytes not written by then are lost.
pub fn write_behind<W: Write + Send, T>(
    writer: W,
    body: impl FnOnce(&mut WriteBehind) -> io::Result<T>,
) -> io::Result<(W, T)> {
    let (full, take_full) = bounded(BUFFERS);
    let (give_empty, empty) = buffers();
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("write".into())
            .spawn_scoped(scope, move || drain(writer, &take_full, &give_empty))?;
        let mut behind = WriteBehind {
            full,
            empty,
            current: Vec::new(),
        };
        let outcome = body(&mut behind).and_then(|value| behind.hand_over().map(|()| value));
        drop(behind);
        let writer = thread
            .join()
            .map_err(|_| io::Error::other("the writing thread was lost"))??;
        Ok((writer, outcome?))
    })
}

/// A channel with all the buffers, empty.
fn buffers() -> (Sender<Vec<u8>>, Receiver<Vec<u8>>) {
    let (give, take) = bounded(BUFFERS);
    for _ in 0..BUFFERS {
        // The channel has room for all of them.
        let _ = give.send(Vec::with_capacity(BUFFER));
    }
    (give, take)
}

fn drain<W: Write>(
    mut writer: W,
    full: &Receiver<Vec<u8>>,
    empty: &Sender<Vec<u8>>,
) -> io::Result<W> {
    while let Ok(mut buffer) = full.recv() {
        writer.write_all(&buffer)?;
        buffer.clear();
        // The other thread may have ended.
        let _ = empty.send(buffer);
    }
    Ok(writer)
}

/// The side of [`write_behind`] that `body` uses.
pub struct WriteBehind {
    full: Sender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
    current: Vec<u8>,
}

impl WriteBehind {
    fn hand_over(&mut self) -> io::Result<()> {
        if self.current.is_empty() {
            return Ok(());
        }
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.full
            .send(std::mem::take(&mut self.current))
            .map_err(gone)
    }
}

impl Write for WriteBehind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.current.len() >= BUFFER {
            self.hand_over()?;
        }
        if self.current.capacity() == 0 {
            self.current = self
                .empty
                .recv()
                .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        }
        let now = bytes.get(..BUFFER - self.current.len()).unwrap_or(bytes);
        self.current.extend_from_slice(now);
        Ok(now.len())
    }

    /// Flushes nothing: the other thread writes the bytes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_arrive_in_order_and_the_writer_comes_back() {
        let data: Vec<u8> = (0..5 * BUFFER + 17).map(|i| (i % 251) as u8).collect();
        for step in [999, BUFFER, 3 * BUFFER] {
            let written = write_behind(Vec::new(), |out| {
                data.chunks(step).try_for_each(|piece| out.write_all(piece))
            });
            assert!(
                written.unwrap().0 == data,
                "bytes were lost or reordered, in steps of {step}"
            );
        }
    }

    #[test]
    fn the_writers_error_is_the_one_that_is_told() {
        struct Full(usize);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 = self
                    .0
                    .checked_sub(bytes.len())
                    .ok_or(io::ErrorKind::StorageFull)?;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        // More than all buffers, so that `body` sees the error too.
        let outcome = write_behind(Full(BUFFER), |out| {
            (0..20).try_for_each(|_| out.write_all(&[1; BUFFER]))
        });
        assert_eq!(
            outcome.map(drop).unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
    }

    #[test]
    fn an_error_before_the_writer_is_told_as_it_is() {
        let outcome = write_behind(Vec::new(), |_| {
            Err::<(), _>(io::Error::from(io::ErrorKind::InvalidData))
        });
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
