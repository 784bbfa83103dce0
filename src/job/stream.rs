//! A copy that goes somewhere as it is made, without a file of its own.
//!
//! It is made twice: the first time it is only measured, because the sizes in its headers come before
//! the data. The second time its bytes go to two threads at once: to the caller, who sends them, and
//! to the verification. The caller learns before the end whether what was sent is right.

use std::sync::Arc;
use std::thread::ScopedJoinHandle;

use crossbeam_channel::Receiver;

use super::events::Observer;
use super::prepared::Prepared;
use super::refusal::Refusal;
use super::writer::{AbandonOnDrop, lost, named};
use crate::error::{Error, Kind, Result};
use crate::pipe::{Content, Control, Input, Shared, fan_out};
use crate::rewrite::{Measured, measure, pass_on};
use crate::verify::{Verification, Verified};

/// How measuring ended, if nothing failed.
#[derive(Debug)]
pub enum MeasureOutcome {
    /// The copy is not larger than the limit.
    Measured(Box<Measured>),
    /// With the measured sizes, the plan does not lead to a copy.
    Refused(Refusal),
}

impl Prepared {
    /// Finds out how long the copy is. If it is larger than the limit, it is planned again, as
    /// [`Prepared::write`] does.
    ///
    /// # Errors
    /// As [`measure`]; `Usage` if the backup differs from its scan; `CannotFit` if the copy was too
    /// large at the last attempt.
    pub fn measure(
        &mut self,
        observer: &dyn Observer,
        control: &Control,
    ) -> Result<MeasureOutcome> {
        for attempt in 1..=super::write::ATTEMPTS {
            self.confirm(control)?;
            let keys = self.keys.as_deref();
            let measured = measure(&self.backup, &self.surveys, &self.plan, keys, control)?;
            if measured.size <= self.plan.limit {
                return Ok(MeasureOutcome::Measured(Box::new(measured)));
            }
            if attempt == super::write::ATTEMPTS {
                return Err(crate::rewrite::too_large(measured.size, self.plan.limit));
            }
            let (excess, is_other) = self.plan_smaller(measured.size, attempt)?;
            if let Some(refusal) = self.agree(is_other, Some(excess), false, observer)? {
                return Ok(MeasureOutcome::Refused(refusal));
            }
        }
        Err(Error::new(Kind::Internal, "no attempt was made"))
    }

    /// Makes the copy that was measured, and verifies it. `consume` takes its bytes meanwhile. It
    /// must call [`Content::finish`] before it tells anyone that the bytes were all: that returns an
    /// error if they were not right, or if the backup has changed.
    ///
    /// Two threads make and verify the copy; they end before this returns. Memory: up to 7 buffers
    /// of 512 KiB, and what making and verifying take.
    ///
    /// # Errors
    /// Those of `consume`; `Internal` if there are no threads.
    pub fn stream<T>(
        &self,
        measured: &Measured,
        control: &Control,
        consume: impl FnOnce(&mut dyn Content) -> Result<T>,
    ) -> Result<T> {
        let keys = self.keys.as_deref();
        let verification = Verification::new(&self.backup, &self.surveys, &self.plan, keys);
        let beside = control.beside();
        let (mut writer, bytes, checked) = fan_out();
        #[cfg(test)]
        writer.flip(self.flip);
        std::thread::scope(|scope| {
            let _abandoned = AbandonOnDrop(&beside);
            let (backup, surveys, plan) = (&self.backup, &self.surveys, &self.plan);
            let (beside, verification) = (&beside, &verification);
            let make = move || {
                pass_on(backup, surveys, plan, keys, measured, &mut writer, beside)?;
                writer.finish().map_err(Error::from_write)
            };
            let verify = move || verification.passing(measured, checked, beside);
            let maker = named("write")
                .spawn_scoped(scope, make)
                .map_err(Error::no_thread)?;
            let verifier = named("verify")
                .spawn_scoped(scope, verify)
                .map_err(Error::no_thread)?;
            let mut copy = StreamedCopy {
                size: measured.size,
                taken: 0,
                current: Shared::default(),
                bytes,
                threads: Some((maker, verifier)),
                original: &self.backup.input,
            };
            consume(&mut copy)
        })
    }
}

type Thread<'scope, T> = ScopedJoinHandle<'scope, Result<T>>;

/// A copy that is being made and verified.
struct StreamedCopy<'scope> {
    size: u64,
    taken: u64,
    current: Shared,
    bytes: Receiver<Shared>,
    /// The thread that makes it, and the one that verifies it.
    threads: Option<(Thread<'scope, ()>, Thread<'scope, Verified>)>,
    original: &'scope Arc<Input>,
}

impl StreamedCopy<'_> {
    /// Waits for both threads.
    ///
    /// # Errors
    /// The error of the one that failed first: the other one then fails because of it.
    fn join(&mut self) -> Result<()> {
        let Some((maker, verifier)) = self.threads.take() else {
            return Ok(());
        };
        let verified = verifier.join().map_err(|_| lost("verify"))?;
        let made = maker.join().map_err(|_| lost("write"))?;
        match (made, verified) {
            (Ok(()), verified) => verified.map(drop),
            // The maker lost its receiver.
            (Err(made), Err(verified)) if made.kind() == Kind::OutputIo => Err(verified),
            (Err(made), _) => Err(made),
        }
    }
}

impl Content for StreamedCopy<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn next(&mut self) -> Result<&[u8]> {
        self.current = match self.bytes.recv() {
            Ok(bytes) => bytes,
            Err(_) if self.taken == self.size => Shared::default(),
            Err(_) => {
                self.join()?;
                return Err(lost("write"));
            }
        };
        self.taken += self.current.len() as u64;
        Ok(&self.current)
    }

    fn finish(&mut self) -> Result<()> {
        self.join()?;
        self.original.check_unchanged()
    }
}
