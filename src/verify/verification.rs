//! Verifies a copy. This can begin while the copy is still being written.

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Verified;
use super::growing::{self, Begun, Growing, Seen};
use crate::crypt::KeyRing;
use crate::error::{Error, Kind, Result};
use crate::open::Backup;
use crate::pipe::{Control, Input};
use crate::plan::Plan;
use crate::rewrite::Place;
use crate::survey::{PartSurvey, Surveys};

/// How often a thread that waits for another one reports its progress and checks for cancellation.
const GLANCE: Duration = Duration::from_millis(100);

/// A copy that is being verified. Edited parts can be compared with their original while they are
/// written and the rest is copied, on another thread.
///
/// [`Verification::finish`] checks everything else, including the parts that were not started
/// early. It reads every byte of the finished file: an early result counts only if the part is
/// still at the same place with the same bytes, by their CRC-32.
pub struct Verification<'a> {
    pub(super) original: &'a Backup,
    pub(super) surveys: Surveys<'a>,
    pub(super) plan: &'a Plan,
    pub(super) keys: Option<&'a KeyRing>,
    early: Mutex<Early>,
    done: Condvar,
}

/// What is compared before [`Verification::finish`].
#[derive(Default)]
struct Early {
    parts: Vec<Started>,
    /// No more parts are started.
    over: bool,
}

/// A part whose comparison has started.
struct Started {
    part: usize,
    /// The number of bytes of it that were read.
    read: Arc<AtomicU64>,
    /// `None` while it is being compared.
    outcome: Option<Outcome>,
}

struct Outcome {
    place: Place,
    /// CRC-32 of the bytes there, which were compared; `None` if some of them could not be read.
    sum: Option<u32>,
    verified: Result<Verified>,
}

impl<'a> Verification<'a> {
    /// Prepares the verification; nothing is compared yet.
    pub fn new(
        original: &'a Backup,
        surveys: &'a [PartSurvey],
        plan: &'a Plan,
        keys: Option<&'a KeyRing>,
    ) -> Self {
        Self {
            original,
            surveys: Surveys::new(surveys),
            plan,
            keys,
            early: Mutex::default(),
            done: Condvar::new(),
        }
    }

    /// Compares an edited part while it is being written, and returns when that is done. Returns at
    /// once if another thread has started it, or if [`Verification::finish`] has been called. `finish`
    /// reports the result.
    ///
    /// What is compared has been written, and is read back.
    pub fn compare_early(&self, begun: &Begun, copy: &Arc<Input>, control: &Control) {
        let Some(read) = self.claim(begun.part) else {
            return;
        };
        let claim = Claim {
            verification: self,
            part: begun.part,
        };
        let seen = Seen::new(begun);
        let verified = self.compare(begun, copy, &seen, &read, control);
        let outcome = outcome(begun, copy, &seen, verified, control);
        if let Some(started) = self
            .early()
            .parts
            .iter_mut()
            .find(|started| started.part == begun.part)
        {
            started.outcome = outcome;
        }
        drop(claim);
    }

    /// From now on, no other thread starts a part.
    pub(super) fn end_early(&self) {
        self.early().over = true;
    }

    /// The result for a part, once it is available. `None` if the part was not started, or if its
    /// bytes have changed since; then the caller must compare it.
    ///
    /// # Errors
    /// `Interrupted`; `OutputIo` if the copy cannot be read.
    pub(super) fn known(
        &self,
        place: Place,
        copy: &Input,
        control: &Control,
    ) -> Result<Option<Result<Verified>>> {
        let mut told = 0;
        let Some(outcome) = self.wait(place.part, |read| {
            let new = read - std::mem::replace(&mut told, read);
            control.advance(new)
        })?
        else {
            return Ok(None);
        };
        let Some(sum) = outcome.sum else {
            return Ok(Some(outcome.verified));
        };
        // What failed while it was being written is compared again when it is complete.
        let counts = outcome.verified.is_ok()
            && outcome.place == place
            && sum == checksum(copy, place, control)?;
        Ok(counts.then_some(outcome.verified))
    }

    /// Waits for the result of a part, and regularly reports how much of it was read.
    fn wait(
        &self,
        part: usize,
        mut tell: impl FnMut(u64) -> Result<()>,
    ) -> Result<Option<Outcome>> {
        let mut early = self.early();
        loop {
            let Some(at) = early.parts.iter().position(|started| started.part == part) else {
                return Ok(None);
            };
            if let Some(started) = early.parts.get(at) {
                tell(started.read.load(Ordering::Relaxed))?;
                if started.outcome.is_some() {
                    return Ok(early.parts.swap_remove(at).outcome);
                }
            }
            (early, _) = self
                .done
                .wait_timeout(early, GLANCE)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Claims a part. Returns the counter for the bytes read from it.
    fn claim(&self, part: usize) -> Option<Arc<AtomicU64>> {
        let mut early = self.early();
        if early.over || early.parts.iter().any(|started| started.part == part) {
            return None;
        }
        let read = Arc::new(AtomicU64::new(0));
        early.parts.push(Started {
            part,
            read: Arc::clone(&read),
            outcome: None,
        });
        Some(read)
    }

    fn early(&self) -> MutexGuard<'_, Early> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn compare(
        &self,
        begun: &Begun,
        copy: &Arc<Input>,
        seen: &Seen,
        read: &Arc<AtomicU64>,
        control: &Control,
    ) -> Result<Verified> {
        let planned = self.plan.parts.get(begun.part);
        let Some((cut, form)) = planned.and_then(|p| Some((p.action.edit()?, &p.form))) else {
            return Err(Error::new(
                Kind::Internal,
                "only a part that was cut is compared early",
            ));
        };
        let (compressed, id) = (form.compressed, &self.original.part(begun.part).id);
        let keys = self.keys;
        let stream = Growing::new(begun, copy, compressed, seen, id, keys, control)?;
        self.same_entries(
            begun.part,
            cut,
            Counted {
                stream,
                read: Arc::clone(read),
            },
            control,
        )
    }
}

/// The result of a comparison, when the part is complete; `None` if it never is.
fn outcome(
    begun: &Begun,
    copy: &Input,
    seen: &Seen,
    verified: Result<Verified>,
    control: &Control,
) -> Option<Outcome> {
    let place = begun.wait(control).ok()?;
    if verified.is_ok() && !seen.is_at_the_end_of(place) {
        // What follows is judged when everything is complete.
        return None;
    }
    match seen.sum(begun, place, copy, control) {
        Ok(sum) => settled(Some(sum), place, verified),
        Err(error) => settled(None, place, Err(error)),
    }
}

/// The final result of a comparison. A missing thread and a cancellation are not final, because
/// they will occur again. A file with a read error is not trusted again.
fn settled(sum: Option<u32>, place: Place, verified: Result<Verified>) -> Option<Outcome> {
    match verified.as_ref().map_err(Error::kind) {
        Err(Kind::Internal | Kind::Interrupted(_)) => None,
        Err(Kind::InputIo | Kind::OutputIo) => Some(Outcome {
            place,
            sum: None,
            verified,
        }),
        _ => Some(Outcome {
            place,
            sum,
            verified,
        }),
    }
}

/// CRC-32 of a part's bytes in the copy.
fn checksum(copy: &Input, place: Place, control: &Control) -> Result<u32> {
    let mut sum = crc32fast::Hasher::new();
    let end = place.data_at.saturating_add(place.size);
    growing::add(&mut sum, copy, place.data_at, end, control)?;
    Ok(sum.finalize())
}

/// Releases a part that has no result, because the comparison failed or its thread died. A thread
/// that waits for the part then compares it itself.
struct Claim<'a> {
    verification: &'a Verification<'a>,
    part: usize,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.verification
            .early()
            .parts
            .retain(|started| started.part != self.part || started.outcome.is_some());
        self.verification.done.notify_all();
    }
}

/// Counts the bytes that are read from a stream.
struct Counted<R> {
    stream: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let got = self.stream.read(buf)?;
        self.read.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}
