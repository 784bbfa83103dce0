//! What a long call is given besides its data: where to report progress, how
//! many threads it may use, and whether somebody asked it to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::{Error, Kind, Result};

/// Hears how far a stage has come. The library never prints.
pub trait Progress: Send + Sync {
    /// A stage begins that will move `total` bytes.
    fn begin(&self, stage: &str, total: u64);
    /// So many more bytes are through.
    fn advance(&self, bytes: u64);
    /// The stage is over.
    fn end(&self);
}

/// Progress that nobody hears.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
}

/// Handed down to every long call.
#[derive(Clone)]
pub struct Control {
    progress: Arc<dyn Progress>,
    stop: Arc<AtomicUsize>,
    abandoned: Arc<AtomicBool>,
    threads: usize,
    max_expanded: u64,
}

impl Default for Control {
    fn default() -> Self {
        Self::new(Arc::new(Silent), Arc::default(), 1)
    }
}

impl Control {
    /// `stop` holds zero, or the number of the signal that asked to stop;
    /// `threads` is at least one.
    pub fn new(progress: Arc<dyn Progress>, stop: Arc<AtomicUsize>, threads: usize) -> Self {
        Self { progress, stop, abandoned: Arc::default(), threads: threads.max(1), max_expanded: u64::MAX }
    }

    /// Refuses parts whose contents are larger than so many bytes.
    #[must_use]
    pub fn with_max_expanded(mut self, bytes: u64) -> Self {
        self.max_expanded = bytes;
        self
    }

    /// For work beside the work that this one reports: it makes no progress, and can be
    /// abandoned alone with [`Control::abandon`].
    #[must_use]
    pub fn beside(&self) -> Self {
        Self { progress: Arc::new(Silent), abandoned: Arc::default(), ..self.clone() }
    }

    /// Nobody wants the outcome any more of what has this control or a clone of it.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    /// How many bytes a part's contents may have.
    pub fn max_expanded(&self) -> u64 {
        self.max_expanded
    }

    /// How many threads may work at once.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Begins a stage.
    pub fn begin(&self, stage: &str, total: u64) {
        self.progress.begin(stage, total);
    }

    /// Ends the stage.
    pub fn end(&self) {
        self.progress.end();
    }

    /// Counts bytes. Called at least once a mebibyte, so that a wish to stop is
    /// heard well within a second.
    ///
    /// # Errors
    /// [`Kind::Interrupted`] when somebody asked to stop, or the work was abandoned.
    pub fn advance(&self, bytes: u64) -> Result<()> {
        self.check()?;
        self.progress.advance(bytes);
        Ok(())
    }

    /// # Errors
    /// [`Kind::Interrupted`] when somebody asked to stop, or the work was abandoned.
    pub fn check(&self) -> Result<()> {
        match self.stop.load(Ordering::Relaxed) {
            0 if self.abandoned.load(Ordering::Relaxed) => Err(Error::new(Kind::Interrupted(0), "abandoned")),
            0 => Ok(()),
            signal => {
                let signal = i32::try_from(signal).unwrap_or_default();
                Err(Error::new(Kind::Interrupted(signal), "stopped on request"))
            }
        }
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
    fn a_wish_to_stop_reaches_what_runs_beside() {
        let stop = Arc::new(AtomicUsize::new(0));
        let beside = Control::new(Arc::new(Silent), Arc::clone(&stop), 2).beside();
        assert!(beside.check().is_ok());
        stop.store(15, Ordering::Relaxed);
        assert_eq!(beside.check().unwrap_err().kind(), Kind::Interrupted(15));
    }
}
