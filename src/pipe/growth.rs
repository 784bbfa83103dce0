//! How far a file has been written, for a thread that reads it meanwhile.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Control;
use crate::error::Result;

/// How often a waiting thread looks for cancellation.
const GLANCE: Duration = Duration::from_millis(100);

/// The end of what has been written of a file, shared by its writer and its readers.
#[derive(Debug, Default)]
pub struct Growth {
    end: Mutex<u64>,
    moved: Condvar,
}

impl Growth {
    fn lock(&self) -> MutexGuard<'_, u64> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything before `end` has been written.
    pub fn reach(&self, end: u64) {
        *self.lock() = end;
        self.moved.notify_all();
    }

    /// Wakes up all that wait: something else has happened that they may wait for.
    pub fn wake(&self) {
        // With the lock, nobody is between looking and waiting.
        let _end = self.lock();
        self.moved.notify_all();
    }

    /// Waits until `is_enough`, which gets the end of what has been written.
    ///
    /// # Errors
    /// `Interrupted`.
    pub fn wait(&self, control: &Control, mut is_enough: impl FnMut(u64) -> bool) -> Result<()> {
        let mut end = self.lock();
        while !is_enough(*end) {
            control.check()?;
            (end, _) = self
                .moved
                .wait_timeout(end, GLANCE)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_reader_waits_until_enough_is_written_or_something_else_happens() {
        let (growth, has_happened) = (Growth::default(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let control = Control::default();
                let mut ends = Vec::new();
                let mut enough = |end: u64| {
                    ends.push(end);
                    end >= 3
                };
                growth.wait(&control, &mut enough)?;
                let happened = |_: u64| has_happened.load(Ordering::Relaxed);
                growth.wait(&control, happened)?;
                Result::<_>::Ok(ends)
            });
            (1..=3).for_each(|end| growth.reach(end));
            has_happened.store(true, Ordering::Relaxed);
            growth.wake();
            assert_eq!(reader.join().unwrap().unwrap().last(), Some(&3));
        });
    }

    #[test]
    fn waiting_ends_when_the_work_is_abandoned() {
        let control = Control::default();
        control.abandon();
        let error = Growth::default().wait(&control, |_| false).unwrap_err();
        assert_eq!(error.kind(), Kind::Interrupted(0));
    }
}
