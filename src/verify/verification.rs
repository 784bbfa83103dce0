//! The verification of a copy, which can begin while it is still being written.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Verified;
use crate::crypt::KeyRing;
use crate::error::{Error, Kind, Result};
use crate::format::secure::{self, Layer, SecureHeader};
use crate::open::{self, Backup};
use crate::pipe::{Control, Input};
use crate::plan::{Action, Plan};
use crate::rewrite::Place;
use crate::survey::PartSurvey;

/// A copy being verified: rewritten parts can be compared with their original as soon as
/// they are complete in the file, on a thread that writing leaves idle.
///
/// What was found then counts only for a part that is in the finished copy at the same place,
/// with the same size and the same header. [`Verification::finish`] looks at everything else,
/// and at each part that nobody had begun with.
pub struct Verification<'a> {
    pub(super) original: &'a Backup,
    pub(super) surveys: &'a [PartSurvey],
    pub(super) plan: &'a Plan,
    pub(super) keys: Option<&'a KeyRing>,
    begun: Mutex<Vec<Begun>>,
    done: Condvar,
}

/// A part that somebody has begun to compare.
struct Begun {
    part: usize,
    /// `None` while it is being compared.
    outcome: Option<Outcome>,
}

struct Outcome {
    place: Place,
    /// The SecureTar header that was found.
    header: Option<SecureHeader>,
    verified: Result<Verified>,
}

impl<'a> Verification<'a> {
    /// Prepares; nothing is compared yet.
    pub fn new(original: &'a Backup, surveys: &'a [PartSurvey], plan: &'a Plan, keys: Option<&'a KeyRing>) -> Self {
        Self { original, surveys, plan, keys, begun: Mutex::default(), done: Condvar::new() }
    }

    /// Compares the part that was cut and is at this place of the copy, unless that was begun
    /// elsewhere. [`Verification::finish`] tells what came of it.
    pub fn begin_with(&self, place: Place, copy: &Arc<Input>, control: &Control) {
        if !self.claim(place.part) {
            return;
        }
        let unclaim = Unclaim { verification: self, part: place.part };
        let (header, verified) = match self.compare(place, copy, control) {
            Ok((header, verified)) => (header, Ok(verified)),
            Err(error) => (None, Err(error)),
        };
        let mut begun = self.begun();
        if let Some(one) = begun.iter_mut().find(|one| one.part == place.part) {
            one.outcome = Some(Outcome { place, header, verified });
        }
        drop(begun);
        // Whoever waits for it wakes up.
        drop(unclaim);
    }

    /// What was found out about a part, once that is known; `None` when nobody began with it,
    /// or when it is not what the finished copy has: then the caller is to compare it.
    pub(super) fn known(&self, place: Place, header: Option<&SecureHeader>) -> Option<Result<Verified>> {
        if self.claim(place.part) {
            return None;
        }
        let mut begun = self.begun();
        loop {
            let at = begun.iter().position(|one| one.part == place.part)?;
            if begun.get(at).is_some_and(|one| one.outcome.is_some()) {
                let outcome = begun.swap_remove(at).outcome?;
                let same = outcome.place == place && (outcome.verified.is_err() || outcome.header.as_ref() == header);
                return same.then_some(outcome.verified);
            }
            begun = self.done.wait(begun).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Claims a part; false when somebody has.
    fn claim(&self, part: usize) -> bool {
        let mut begun = self.begun();
        let free = begun.iter().all(|one| one.part != part);
        if free {
            begun.push(Begun { part, outcome: None });
        }
        free
    }

    fn begun(&self) -> MutexGuard<'_, Vec<Begun>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn compare(&self, place: Place, copy: &Arc<Input>, control: &Control) -> Result<(Option<SecureHeader>, Verified)> {
        let Some(Action::Cut(cut)) = self.plan.parts.get(place.part).map(|p| &p.action) else {
            return Err(Error::new(Kind::Internal, "only a part that was cut is compared early"));
        };
        let part = self.original.part(place.part);
        let header = read_header(place, copy, part.compressed)?;
        let stream = open::stream(copy.window(place.data_at, place.size), header.as_ref(), part, self.keys)?;
        let verified = self.same_entries(place.part, cut, stream, control)?;
        Ok((header, verified))
    }
}

/// Wakes whoever waits for a part; should there be no outcome, because the thread died,
/// they compare it themselves.
struct Unclaim<'a> {
    verification: &'a Verification<'a>,
    part: usize,
}

impl Drop for Unclaim<'_> {
    fn drop(&mut self) {
        self.verification.begun().retain(|one| one.part != self.part || one.outcome.is_some());
        self.verification.done.notify_all();
    }
}

/// The SecureTar header at the begin of a part's data, if it has one.
fn read_header(place: Place, copy: &Input, compressed: bool) -> Result<Option<SecureHeader>> {
    let mut head = [0u8; secure::SNIFF_LEN];
    let want = usize::try_from(place.size).unwrap_or(usize::MAX).min(head.len());
    let head = head.get_mut(..want).unwrap_or_default();
    copy.read_exact_at(place.data_at, head)?;
    match secure::sniff(head, compressed)? {
        Layer::Secure(header) => Ok(Some(header)),
        Layer::Plain => Ok(None),
    }
}
