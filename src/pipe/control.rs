//! What a long call is given besides its data: where to report progress, how
//! many threads it may use, and whether somebody asked it to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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
        Self { progress, stop, threads: threads.max(1), max_expanded: u64::MAX }
    }

    /// Refuses parts whose contents are larger than so many bytes.
    #[must_use]
    pub fn with_max_expanded(mut self, bytes: u64) -> Self {
        self.max_expanded = bytes;
        self
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
    /// [`Kind::Interrupted`] when somebody asked to stop.
    pub fn advance(&self, bytes: u64) -> Result<()> {
        self.check()?;
        self.progress.advance(bytes);
        Ok(())
    }

    /// # Errors
    /// [`Kind::Interrupted`] when somebody asked to stop.
    pub fn check(&self) -> Result<()> {
        match self.stop.load(Ordering::Relaxed) {
            0 => Ok(()),
            signal => {
                let signal = i32::try_from(signal).unwrap_or_default();
                Err(Error::new(Kind::Interrupted(signal), "stopped on request"))
            }
        }
    }
}
