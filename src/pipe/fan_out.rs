//! Passes the same bytes on to two threads.

use std::io::{self, Write};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

/// Bytes in one buffer.
pub const BUFFER: usize = 512 << 10;
/// How many buffers each receiver may be behind.
const BUFFERS: usize = 3;

/// A buffer that both receivers share.
pub type Shared = Arc<Vec<u8>>;

/// A writer whose bytes arrive at two receivers, in order.
///
/// Memory: each receiver may be three buffers of 512 KiB behind, and the writer fills one more. If a
/// receiver is full, the writer waits. If a receiver is gone, writing ends with `BrokenPipe`.
pub struct FanOut {
    current: Vec<u8>,
    position: u64,
    receivers: [Sender<Shared>; 2],
    #[cfg(test)]
    flip: Option<u64>,
}

/// The writer and its two receivers.
pub fn fan_out() -> (FanOut, Receiver<Shared>, Receiver<Shared>) {
    let (first, take_first) = bounded(BUFFERS);
    let (second, take_second) = bounded(BUFFERS);
    let writer = FanOut {
        current: Vec::new(),
        position: 0,
        receivers: [first, second],
        #[cfg(test)]
        flip: None,
    };
    (writer, take_first, take_second)
}

impl FanOut {
    /// The number of bytes written.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Passes on what is left. Without this call, both receivers get too little.
    ///
    /// # Errors
    /// `BrokenPipe` if a receiver is gone.
    pub fn finish(mut self) -> io::Result<()> {
        self.hand_over()
    }

    /// Inverts a bit of the byte at this position, as a fault of the memory would.
    #[cfg(test)]
    pub(crate) fn flip(&mut self, at: Option<u64>) {
        self.flip = at;
    }

    fn hand_over(&mut self) -> io::Result<()> {
        if self.current.is_empty() {
            return Ok(());
        }
        #[cfg(test)]
        self.flip_now();
        let bytes = Arc::new(std::mem::take(&mut self.current));
        for receiver in &self.receivers {
            let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
            receiver.send(Arc::clone(&bytes)).map_err(gone)?;
        }
        Ok(())
    }

    #[cfg(test)]
    fn flip_now(&mut self) {
        let begin = self.position - self.current.len() as u64;
        let at = self.flip.and_then(|at| at.checked_sub(begin));
        if let Some(byte) = at.and_then(|at| self.current.get_mut(at as usize)) {
            *byte ^= 1;
        }
    }
}

impl Write for FanOut {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.current.len() >= BUFFER {
            self.hand_over()?;
        }
        if self.current.capacity() == 0 {
            self.current = Vec::with_capacity(BUFFER);
        }
        let room = BUFFER - self.current.len();
        let now = bytes.get(..room).unwrap_or(bytes);
        self.current.extend_from_slice(now);
        self.position += now.len() as u64;
        Ok(now.len())
    }

    /// Flushes nothing: whole buffers are passed on.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_receivers_get_all_bytes_in_order() {
        let data: Vec<u8> = (0..5 * BUFFER + 17).map(|i| (i % 251) as u8).collect();
        let (mut writer, first, second) = fan_out();
        std::thread::scope(|scope| {
            let read = |receiver: Receiver<Shared>| {
                scope.spawn(move || {
                    receiver
                        .iter()
                        .flat_map(|b| b.to_vec())
                        .collect::<Vec<u8>>()
                })
            };
            let (first, second) = (read(first), read(second));
            let pieces = data.chunks(999_983);
            pieces.for_each(|piece| writer.write_all(piece).unwrap());
            assert_eq!(writer.position(), data.len() as u64);
            writer.finish().unwrap();
            assert!(first.join().unwrap() == data && second.join().unwrap() == data);
        });
    }

    #[test]
    fn a_receiver_that_is_gone_ends_the_writing() {
        let (mut writer, first, second) = fan_out();
        drop(second);
        let outcome = (0..20).try_for_each(|_| writer.write_all(&[1; BUFFER]));
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        drop(first);
    }
}
