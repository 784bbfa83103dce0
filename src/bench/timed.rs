//! Timers for the stages of a stream.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Total bytes and time. Clones add to the same totals.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter(Rc<Cell<(u64, Duration)>>);

impl Meter {
    pub fn bytes(&self) -> u64 {
        self.0.get().0
    }

    pub fn time(&self) -> Duration {
        self.0.get().1
    }

    /// Runs one step and adds its time.
    pub fn step<T>(&self, work: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let done = work();
        self.add(0, begin.elapsed());
        done
    }

    fn add(&self, bytes: u64, time: Duration) {
        let (all, sum) = self.0.get();
        self.0.set((all + bytes, sum + time));
    }
}

/// A reader with a meter. Its time includes all readers below it.
pub(super) struct Timed<R> {
    reader: R,
    meter: Meter,
}

impl<R: Read> Timed<R> {
    pub fn new(reader: R, meter: &Meter) -> Self {
        Self {
            reader,
            meter: meter.clone(),
        }
    }
}

impl<R: Read> Read for Timed<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let begin = Instant::now();
        let got = self.reader.read(buf);
        self.meter
            .add(*got.as_ref().unwrap_or(&0) as u64, begin.elapsed());
        got
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pipe::Counter;

    #[test]
    fn bytes_pass_unchanged_and_are_counted() {
        let meter = Meter::default();
        let mut counter = Counter::default();
        let mut timed = Timed::new(&b"some bytes"[..], &meter);
        io::copy(&mut timed, &mut counter).unwrap();
        assert_eq!((meter.bytes(), counter.0), (10, 10));
    }
}
