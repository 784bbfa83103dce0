//! The control of a long call: progress reports, the number of threads, and cancellation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::{Error, Kind, Result};

/// The stages of a run, as far as they are long enough to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A backup is read.
    Read,
    /// A part is compressed to know its size.
    Measure,
    /// A copy is written.
    Write,
    /// A backup or a finished copy is checked.
    Verify,
    /// A backup to measure on is made.
    Make,
    /// A backup is downloaded from Home Assistant.
    Fetch,
    /// A backup is sent to Home Assistant.
    Send,
    /// Home Assistant reads a backup for the checksum that its cloud wants, once before the first
    /// try. No bytes are counted.
    Prepare,
    /// Home Assistant sends a backup on to where it will be stored.
    Store,
}

impl Stage {
    /// Its name in JSON; stable.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Measure => "measure",
            Self::Write => "write",
            Self::Verify => "verify",
            Self::Make => "make",
            Self::Fetch => "fetch",
            Self::Send => "send",
            Self::Prepare => "prepare",
            Self::Store => "store",
        }
    }
}

/// Receives progress updates. The library never prints.
pub trait Progress: Send + Sync {
    /// A stage begins that will move `total` bytes.
    fn begin(&self, stage: Stage, total: u64);
    /// Work on this part begins. Other parts may still be in work, on other threads.
    fn part(&self, _id: &str) {}
    /// This many more bytes are processed.
    fn advance(&self, bytes: u64);
    /// The stage is over.
    fn end(&self);
}

/// Ignores all progress updates.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: Stage, _: u64) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
}

/// Passed down to every long call.
#[derive(Clone)]
pub struct Control {
    progress: Arc<dyn Progress>,
    stop: Arc<AtomicUsize>,
    abandoned: Arc<AtomicBool>,
    threads: usize,
    max_expanded: u64,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control")
            .field("threads", &self.threads)
            .field("max_expanded", &self.max_expanded)
            .finish_non_exhaustive()
    }
}

impl Default for Control {
    fn default() -> Self {
        Self::new(Arc::new(Silent), Arc::default(), 1)
    }
}

impl Control {
    /// `stop` is zero, or the number of the signal that requested cancellation; `threads` is at
    /// least one.
    pub fn new(progress: Arc<dyn Progress>, stop: Arc<AtomicUsize>, threads: usize) -> Self {
        Self {
            progress,
            stop,
            abandoned: Arc::default(),
            threads: threads.max(1),
            max_expanded: u64::MAX,
        }
    }

    /// Refuses parts whose contents are larger than this many bytes.
    #[must_use]
    pub fn with_max_expanded(mut self, bytes: u64) -> Self {
        self.max_expanded = bytes;
        self
    }

    /// For work in parallel to the work that this control reports: it reports no progress and can
    /// be abandoned separately with [`Control::abandon`].
    #[must_use]
    pub fn beside(&self) -> Self {
        self.reporting_to(Arc::new(Silent))
    }

    /// Like [`Control::beside`], but it reports its progress to `progress`.
    #[must_use]
    pub fn reporting_to(&self, progress: Arc<dyn Progress>) -> Self {
        Self {
            progress,
            ..self.apart()
        }
    }

    /// The same control, but it can be abandoned separately.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self {
            abandoned: Arc::default(),
            ..self.clone()
        }
    }

    /// Cancels all work that uses this control or a clone of it.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    /// The maximum size of a part's contents, in bytes.
    pub fn max_expanded(&self) -> u64 {
        self.max_expanded
    }

    /// How many threads may work at once.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Begins a stage.
    pub fn begin(&self, stage: Stage, total: u64) {
        self.progress.begin(stage, total);
    }

    /// Reports that work on this part begins.
    pub fn part(&self, id: &str) {
        self.progress.part(id);
    }

    /// Ends the stage.
    pub fn end(&self) {
        self.progress.end();
    }

    /// Counts bytes. Must be called at least once per mebibyte, so that cancellation takes effect
    /// well within a second.
    ///
    /// # Errors
    /// [`Kind::Interrupted`] if the work was cancelled or abandoned.
    pub fn advance(&self, bytes: u64) -> Result<()> {
        self.check()?;
        self.progress.advance(bytes);
        Ok(())
    }

    /// # Errors
    /// [`Kind::Interrupted`] if the work was cancelled or abandoned.
    pub fn check(&self) -> Result<()> {
        #[cfg(test)]
        if LOOKS.replace(LOOKS.get().saturating_sub(1)) == 0 {
            return Err(Error::new(Kind::Interrupted(15), "stopped at this look"));
        }
        match self.stop.load(Ordering::Relaxed) {
            0 if self.abandoned.load(Ordering::Relaxed) => {
                Err(Error::new(Kind::Interrupted(0), "abandoned"))
            }
            0 => Ok(()),
            signal => {
                let signal = i32::try_from(signal).unwrap_or_default();
                Err(Error::new(Kind::Interrupted(signal), "stopped on request"))
            }
        }
    }
}

impl Control {
    /// For loops over many small items, each too short for its own cancellation check.
    pub fn pace(&self) -> Pace<'_> {
        Pace {
            control: self,
            done: 0,
        }
    }
}

#[cfg(test)]
thread_local! {
    /// After this many checks, this thread is cancelled.
    pub(crate) static LOOKS: std::cell::Cell<u64> = const { std::cell::Cell::new(u64::MAX) };
}

/// Checks for cancellation from time to time, see [`Control::pace`].
#[derive(Debug)]
pub struct Pace<'a> {
    control: &'a Control,
    /// Work done since the last check.
    done: usize,
}

/// The amount of work between two checks. Even at 1 µs per unit, as where a path leads to new states
/// of many globs, that is 16 ms.
const WORK: usize = 1 << 14;
/// The cost of a step besides its bytes.
const STEP: usize = 16;

impl Pace<'_> {
    /// Counts one more item of this many bytes.
    ///
    /// # Errors
    /// [`Kind::Interrupted`] if the work was cancelled or abandoned.
    pub fn step(&mut self, bytes: usize) -> Result<()> {
        self.done += bytes + STEP;
        if self.done < WORK {
            return Ok(());
        }
        self.done = 0;
        self.control.check()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn abandoning_what_runs_beside_stops_nothing_else() {
        let control = Control::default();
        let beside = control.beside();
        let its_clone = beside.clone();
        beside.abandon();
        assert!(its_clone.check().is_err());
        assert!(control.check().is_ok());
    }

    #[test]
    fn many_small_steps_hear_the_wish_to_stop_as_few_large_ones_do() {
        let stop = Arc::new(AtomicUsize::new(15));
        let control = Control::new(Arc::new(Silent), stop, 1);
        let steps_until_heard = |bytes: usize| {
            let mut pace = control.pace();
            (1..).find(|_| pace.step(bytes).is_err()).unwrap()
        };
        assert_eq!(
            [1 << 20, 6_000, 0].map(steps_until_heard),
            [1, 3, WORK / STEP]
        );
    }

    #[test]
    fn a_wish_to_stop_reaches_what_runs_beside() {
        let stop = Arc::new(AtomicUsize::new(0));
        let beside = Control::new(Arc::new(Silent), Arc::clone(&stop), 2).beside();
        assert!(beside.check().is_ok());
        stop.store(15, Ordering::Relaxed);
        assert_eq!(beside.check().unwrap_err().kind(), Kind::Interrupted(15));
    }
}
