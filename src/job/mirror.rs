//! Shows the progress of one thread as that of another.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Result;
use crate::pipe::{Control, Progress, Stage};

/// How often the progress is looked at.
const GLANCE: Duration = Duration::from_millis(100);

/// Remembers the stage of a thread, until another thread that waits for it reports it.
#[derive(Default)]
pub(super) struct Mirror(Mutex<State>);

#[derive(Default, Clone, Copy)]
struct State {
    /// How many stages have begun.
    number: u64,
    stage: Option<Stage>,
    total: u64,
    done: u64,
}

impl Mirror {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports the stages through `control`, until the other thread drops the sender of `end`.
    ///
    /// # Errors
    /// `Interrupted`.
    pub(super) fn show(&self, end: &Receiver<()>, control: &Control) -> Result<()> {
        let mut shown = State::default();
        while let Err(RecvTimeoutError::Timeout) = end.recv_timeout(GLANCE) {
            let now = *self.state();
            if now.number != shown.number {
                if shown.stage.is_some() {
                    control.end();
                }
                if let Some(stage) = now.stage {
                    control.begin(stage, now.total);
                }
                shown = State { done: 0, ..now };
            }
            control.advance(now.done.saturating_sub(shown.done))?;
            shown.done = now.done;
        }
        if shown.stage.is_some() {
            control.end();
        }
        Ok(())
    }
}

impl Progress for Mirror {
    fn begin(&self, stage: Stage, total: u64) {
        let mut state = self.state();
        *state = State {
            number: state.number + 1,
            stage: Some(stage),
            total,
            done: 0,
        };
    }

    fn advance(&self, bytes: u64) {
        self.state().done += bytes;
    }

    fn end(&self) {
        let mut state = self.state();
        *state = State {
            number: state.number + 1,
            ..State::default()
        };
    }
}
