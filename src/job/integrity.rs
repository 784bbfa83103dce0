//! Integrity of the parts that a copy keeps unchanged.

use std::io::Read;

use super::events::{Event, Observer};
use super::prepared::{PartIntegrity, Prepared};
use super::writer::named;
use crate::crypt::KeyRing;
use crate::error::{Advice, Error, Kind, Result};
use crate::open::{Backup, source};
use crate::pipe::Control;
use crate::plan::Action;
use crate::plan::facts::Note;
use crate::verify;

/// Checks these parts in parallel, as far as the key allows.
pub(super) fn check(
    backup: &Backup,
    parts: &[usize],
    keys: Option<&KeyRing>,
    control: &Control,
) -> Vec<PartIntegrity> {
    if parts.is_empty() {
        return Vec::new();
    }
    let outcomes = verify::integrity(backup, parts, keys, control);
    parts
        .iter()
        .zip(outcomes)
        .map(|(&part, outcome)| PartIntegrity { part, outcome })
        .collect()
}

/// Runs `work`, which reads `busy` parts, and checks `parts` on a thread that it leaves idle, the
/// smallest first. Returns the results that exist when the work ends.
pub(super) fn check_while<T>(
    backup: &Backup,
    parts: &[usize],
    keys: Option<&KeyRing>,
    busy: usize,
    control: &Control,
    work: impl FnOnce() -> T,
) -> (T, Vec<PartIntegrity>) {
    if parts.is_empty() || busy == 0 || busy >= control.threads() {
        return (work(), Vec::new());
    }
    let beside = control.beside();
    let checks = || check_smallest_first(backup, parts, keys, &beside);
    std::thread::scope(|scope| {
        // If no further thread can be started, everything is checked later.
        let checks = named("check").spawn_scoped(scope, checks);
        let outcome = work();
        beside.abandon();
        let found = checks
            .ok()
            .and_then(|checks| checks.join().ok())
            .unwrap_or_default();
        // Any other error will occur again in a place that can report it.
        let finished =
            |check: &PartIntegrity| check.outcome.as_ref().err().is_none_or(is_about_contents);
        (outcome, found.into_iter().filter(finished).collect())
    })
}

/// Checks one part after the other until `control` says to stop.
fn check_smallest_first(
    backup: &Backup,
    parts: &[usize],
    keys: Option<&KeyRing>,
    control: &Control,
) -> Vec<PartIntegrity> {
    let mut order = parts.to_vec();
    order.sort_by_key(|&at| backup.stored(backup.part(at)));
    order
        .into_iter()
        .take_while(|_| control.check().is_ok())
        .flat_map(|at| check(backup, &[at], keys, control))
        .collect()
}

/// Whether an error is about the contents of a part. All other errors, such as a cancellation, end
/// a job.
pub(super) fn is_about_contents(error: &Error) -> bool {
    matches!(error.kind(), Kind::Damaged | Kind::Refused)
}

/// The damage in a part, with advice on how to continue anyway.
pub(super) fn with_way_out(error: Error, id: &str) -> Error {
    if error.kind() != Kind::Damaged {
        return error;
    }
    error.advice(Advice::DropOrKeepDamaged { part: id.into() })
}

/// The same for a part that cannot be kept as it is, because the copy needs it in another form.
fn with_drop(error: Error, id: &str) -> Error {
    if error.kind() != Kind::Damaged {
        return error;
    }
    error.advice(Advice::DropDamaged { part: id.into() })
}

impl Prepared {
    /// Checks the parts that the copy would keep and whose integrity is unknown, as far as the key
    /// allows. Damage in them would go into the copy unnoticed. See [`Prepared::report_damage`] for
    /// the outcome.
    ///
    /// This includes the parts that are written in another form: they have to be read.
    pub fn check_kept_parts(&mut self, control: &Control) {
        let checks =
            self.integrity_of(|at| self.is_copied(at) || self.is_written_anew(at), control);
        self.integrity.extend(checks);
    }

    /// Checks the parts that the copy would hold in another form and whose integrity is unknown.
    pub(super) fn check_parts_written_anew(&mut self, control: &Control) {
        let checks = self.integrity_of(|at| self.is_written_anew(at), control);
        self.integrity.extend(checks);
    }

    /// The integrity of the parts that are copied unchanged and whose integrity is unknown.
    pub(super) fn kept_parts_integrity(&self, control: &Control) -> Vec<PartIntegrity> {
        self.integrity_of(|at| self.is_copied(at), control)
    }

    fn integrity_of(
        &self,
        wanted: impl Fn(usize) -> bool,
        control: &Control,
    ) -> Vec<PartIntegrity> {
        let has_key = self.keys.is_some();
        let can_be_checked = |at: usize| {
            let part = self.backup.part(at);
            part.fault.is_some() || part.is_readable(has_key)
        };
        let parts: Vec<usize> = (0..self.backup.parts.len())
            .filter(|&at| wanted(at) && !self.is_known(at) && can_be_checked(at))
            .collect();
        check(&self.backup, &parts, self.keys.as_deref(), control)
    }

    /// An error that ended the writing, with advice about the part that is damaged.
    pub(super) fn explained(&self, error: Error, control: &Control) -> Error {
        let is_named = |at: &usize| error.part() == Some(self.id(*at));
        let Some(at) = (0..self.backup.parts.len()).find(is_named) else {
            return error;
        };
        if !self.is_written_anew(at) {
            return with_drop(error, self.id(at));
        }
        // The entries of a damaged part may be what nobody would write.
        let checked = (error.kind() == Kind::Refused)
            .then(|| check(&self.backup, &[at], self.keys.as_deref(), control));
        let damage = checked.into_iter().flatten().find_map(|check| {
            let error = check.outcome.err()?;
            (error.kind() == Kind::Damaged).then_some(error)
        });
        with_drop(damage.unwrap_or(error), self.id(at))
    }

    /// Reports the damage and failed checks in parts that the copy would keep. Damage is an error,
    /// unless the user is `asked` afterwards and can decide, or named the part with `keeps`. Damage in
    /// a part that has to be written in another form is always one.
    ///
    /// # Errors
    /// The damage, and any error that prevented a check and is not about the contents of the part.
    pub fn report_damage(
        &mut self,
        asked: bool,
        observer: &dyn Observer,
        control: &Control,
    ) -> Result<()> {
        let known = std::mem::take(&mut self.integrity);
        self.integrity = self.report(known, asked, observer, control)?;
        Ok(())
    }

    /// See [`Prepared::report_damage`]. Returns the checks if none of them ends the job.
    pub(super) fn report(
        &self,
        mut checks: Vec<PartIntegrity>,
        asked: bool,
        observer: &dyn Observer,
        control: &Control,
    ) -> Result<Vec<PartIntegrity>> {
        let first = checks
            .iter()
            .position(|check| self.ends_the_job(check, asked, control))
            .map(|at| checks.swap_remove(at));
        for check in checks.iter().filter(|check| self.is_copied(check.part)) {
            for event in self.events(check) {
                observer.event(event);
            }
        }
        match first {
            Some(PartIntegrity {
                part,
                outcome: Err(error),
            }) if self.has_to_be_read(part, control) => Err(with_drop(error, self.id(part))),
            Some(PartIntegrity {
                part,
                outcome: Err(error),
            }) => Err(with_way_out(error, self.id(part))),
            _ => Ok(checks),
        }
    }

    /// What there is to say about a part that is copied unchanged.
    fn events<'a>(&'a self, check: &'a PartIntegrity) -> Vec<Event<'a>> {
        let part = self.id(check.part);
        let backup = &self.backup;
        match &check.outcome {
            Ok(notes) => notes
                .iter()
                .map(|note| Event::Kept { backup, note })
                .collect(),
            Err(error) if error.kind() == Kind::Damaged => vec![Event::PartDamaged { part, error }],
            Err(error) if is_about_contents(error) => vec![Event::PartUnchecked { part, error }],
            Err(_) => Vec::new(),
        }
    }

    fn ends_the_job(&self, check: &PartIntegrity, asked: bool, control: &Control) -> bool {
        let at = check.part;
        match &check.outcome {
            Err(error) if is_about_contents(error) => {
                let may_stay = asked || self.request.keeps_component(self.id(at));
                let is_damaged = error.kind() == Kind::Damaged && self.is_copied(at);
                self.is_written_anew(at)
                    || is_damaged && (!may_stay || self.has_to_be_read(at, control))
            }
            other => other.is_err(),
        }
    }

    /// Whether damage in a part prevents the copy, because it holds the part in another form: all of
    /// it is read for that, or at least decrypted.
    fn has_to_be_read(&self, at: usize, control: &Control) -> bool {
        match self.plan.parts.get(at).map(|part| &part.action) {
            Some(Action::Rewrite) => true,
            Some(Action::Reencrypt) => !self.can_be_decrypted(at, control),
            _ => false,
        }
    }

    fn can_be_decrypted(&self, at: usize, control: &Control) -> bool {
        let source = source(&self.backup, self.backup.part(at), self.keys.as_deref());
        let Ok(mut source) = source else { return false };
        let mut buffer = vec![0; 1 << 18];
        loop {
            match source.read(&mut buffer) {
                _ if control.check().is_err() => return true,
                Ok(0) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }

    /// What the checks found in the parts that the copy keeps: what a restore fails on, although they
    /// are intact. The plan's own notes do not have it.
    pub fn notes_on_kept(&self) -> impl Iterator<Item = &Note> {
        let kept = |check: &&PartIntegrity| self.is_copied(check.part);
        let kept = self.integrity.iter().filter(kept);
        kept.filter_map(|check| check.outcome.as_ref().ok())
            .flatten()
    }

    /// Parts that the copy keeps although they are damaged.
    pub fn damaged_parts(&self) -> Vec<(&str, &Error)> {
        self.kept_with(Kind::Damaged).collect()
    }

    /// Parts that the copy keeps and that were not checked for damage, because the key was missing
    /// or the check failed.
    pub fn unchecked_parts(&self) -> Vec<&str> {
        let mut parts = self.locked_parts();
        parts.extend(self.kept_with(Kind::Refused).map(|(id, _)| id));
        parts
    }

    /// Parts that the copy keeps and that were not checked for damage because the key was missing.
    pub fn locked_parts(&self) -> Vec<&str> {
        let has_key = self.keys.is_some();
        let parts = self.backup.parts.iter().enumerate();
        parts
            .filter(|(at, part)| {
                self.is_copied(*at) && part.layer.is_some() && !part.is_readable(has_key)
            })
            .map(|(_, part)| part.id.as_str())
            .collect()
    }

    fn kept_with(&self, kind: Kind) -> impl Iterator<Item = (&str, &Error)> {
        let copied = self
            .integrity
            .iter()
            .filter(|check| self.is_copied(check.part));
        copied.filter_map(move |check| {
            let error = check.outcome.as_ref().err()?;
            (error.kind() == kind).then(|| (self.id(check.part), error))
        })
    }

    fn id(&self, at: usize) -> &str {
        &self.backup.part(at).id
    }
}
