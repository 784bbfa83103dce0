//! Integrity of the parts that a copy keeps unchanged.

use std::io::Read;

use super::events::{Event, Observer};
use super::prepared::{PartIntegrity, Prepared};
use super::write::needs_another_plan;
use super::writer::named;
use crate::crypt::KeyRing;
use crate::error::{Advice, Error, Kind, Result};
use crate::finding::HeaderError;
use crate::open::{Backup, source};
use crate::pipe::Control;
use crate::plan::Action;
use crate::plan::facts::Note;
use crate::survey::survey;
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
        .map(|(&part, outcome)| PartIntegrity {
            part,
            ends_early: outcome.as_ref().is_ok_and(|intact| intact.ends_early),
            outcome: outcome.map(|intact| intact.notes),
        })
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

/// The same for a part that is encrypted in an unknown way.
fn with_newer(error: Error, id: &str) -> Error {
    error.advice(Advice::NewerOrDrop {
        part: id.into(),
        may_stay: true,
    })
}

/// The same for a part that cannot be kept as it is, because the copy needs it in another form.
fn with_drop(error: Error, id: &str) -> Error {
    if error.kind() != Kind::Damaged {
        return error;
    }
    error.advice(Advice::DropDamaged { part: id.into() })
}

/// What damage in the parts of a copy means. Damage in a part that the copy would hold in another
/// form always ends the job, unless nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// It ends the job, unless the part was named to be kept.
    EndsTheJob,
    /// The user is asked afterwards and decides.
    IsDecidedOn,
    /// Nothing is written anyway: it is only reported.
    IsReported,
}

/// Adds advice on the part with this id to its damage.
type WithAdvice = fn(Error, &str) -> Error;

impl Prepared {
    /// Checks the parts that the copy would keep and whose integrity is unknown, as far as the key
    /// allows. Damage in them would go into the copy unnoticed. See [`Prepared::report_damage`] for
    /// the outcome.
    ///
    /// This includes the parts that are written in another form: they have to be read. Those of
    /// which Home Assistant would restore the beginning alone are then written anew.
    ///
    /// # Errors
    /// As [`plan::make`](crate::plan::make); errors from reading those parts; `CannotFit` if that
    /// needs another plan than the present one.
    pub fn check_kept_parts(&mut self, control: &Control) -> Result<()> {
        let checks =
            self.integrity_of(|at| self.is_copied(at) || self.is_written_anew(at), control);
        self.integrity.extend(checks);
        if self.mend_streams(control)? == Some(true) {
            return Err(needs_another_plan("some parts have to be written anew"));
        }
        Ok(())
    }

    /// Plans to write those copied parts anew of which Home Assistant would restore the beginning
    /// alone, according to their checks. Returns whether the new plan leaves out something else;
    /// `None` if there are no such parts.
    ///
    /// # Errors
    /// As [`plan::make`](crate::plan::make); errors from reading the parts.
    pub(super) fn mend_streams(&mut self, control: &Control) -> Result<Option<bool>> {
        let checks = self.integrity.iter();
        let found = checks.filter(|check| check.ends_early && self.is_copied(check.part));
        let found: Vec<usize> = found
            .map(|check| check.part)
            .filter(|part| self.surveys.iter().all(|survey| survey.part != *part))
            .collect();
        if found.is_empty() {
            return Ok(None);
        }
        let surveys = survey(&self.backup, &found, self.keys.as_deref(), control)?;
        self.surveys.extend(surveys);
        self.replan_otherwise().map(Some)
    }

    /// Checks those of the `wanted` parts that the copy would hold in another form and whose
    /// integrity is unknown.
    pub(super) fn check_parts_written_anew(
        &mut self,
        wanted: impl Fn(usize) -> bool,
        control: &Control,
    ) {
        let checks = self.integrity_of(|at| self.is_written_anew(at) && wanted(at), control);
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
        let outcomes = checked.into_iter().flatten().map(|check| check.outcome);
        let mut found = outcomes.filter_map(Result::err);
        let better = found.find(|error| error.kind() != Kind::Refused);
        with_drop(better.unwrap_or(error), self.id(at))
    }

    /// Reports the damage and failed checks in parts that the copy would hold; `damage` says whether
    /// damage is an error.
    ///
    /// # Errors
    /// The damage, and any error that prevented a check and is not about the contents of the part.
    /// The checks of all other parts stay known.
    pub fn report_damage(
        &mut self,
        damage: Damage,
        observer: &dyn Observer,
        control: &Control,
    ) -> Result<()> {
        let mut known = std::mem::take(&mut self.integrity);
        let outcome = self.report(&mut known, damage, observer, control);
        self.integrity = known;
        outcome
    }

    /// See [`Prepared::report_damage`]. Takes the check that ends the job out of `checks`.
    pub(super) fn report(
        &self,
        checks: &mut Vec<PartIntegrity>,
        damage: Damage,
        observer: &dyn Observer,
        control: &Control,
    ) -> Result<()> {
        let mut ending = None;
        for (at, check) in checks.iter().enumerate() {
            if let Some(with_advice) = self.ends_the_job(check, damage, control)? {
                ending = Some((at, with_advice));
                break;
            }
        }
        let ending = ending.map(|(at, with_advice)| (checks.swap_remove(at), with_advice));
        for event in checks.iter().flat_map(|check| self.events(check)) {
            observer.event(event);
        }
        match ending {
            Some((check, with_advice)) => {
                let id = self.id(check.part);
                check
                    .outcome
                    .map(drop)
                    .map_err(|error| with_advice(error, id))
            }
            None => Ok(()),
        }
    }

    /// What there is to say about a part that the copy would hold.
    fn events<'a>(&'a self, check: &'a PartIntegrity) -> Vec<Event<'a>> {
        let part = self.id(check.part);
        let backup = &self.backup;
        match &check.outcome {
            Ok(notes) => {
                // What is written anew was kept when the plan was shown.
                let is_kept = check.ends_early || self.is_copied(check.part);
                let said = |note: &&Note| check.ends_early || !self.plan.notes.contains(note);
                let notes = notes.iter().filter(|_| is_kept).filter(said);
                notes.map(|note| Event::Kept { backup, note }).collect()
            }
            Err(error) if !is_about_contents(error) => Vec::new(),
            Err(error) if self.is_written_anew(check.part) => {
                vec![Event::PartUnusable { part, error }]
            }
            Err(_) if !self.is_copied(check.part) => Vec::new(),
            Err(error) if error.kind() == Kind::Damaged => vec![Event::PartDamaged { part, error }],
            Err(error) => vec![Event::PartUnchecked { part, error }],
        }
    }

    /// Whether the outcome of a check ends the job: then what gives the error its advice.
    ///
    /// # Errors
    /// Any error that prevents finding that out.
    fn ends_the_job(
        &self,
        check: &PartIntegrity,
        damage: Damage,
        control: &Control,
    ) -> Result<Option<WithAdvice>> {
        let at = check.part;
        let Err(error) = &check.outcome else {
            return Ok(None);
        };
        if !is_about_contents(error) {
            return Ok(Some(with_drop));
        }
        let fault = self.backup.part(at).fault.as_ref();
        let is_marked = fault.is_some_and(HeaderError::has_mark);
        let is_damaged = (error.kind() == Kind::Damaged || is_marked) && self.is_copied(at);
        Ok(if damage == Damage::IsReported {
            None
        } else if self.is_written_anew(at) || is_damaged && self.cannot_be_decrypted(at, control)? {
            Some(with_drop)
        } else {
            let may_stay =
                damage == Damage::IsDecidedOn || self.request.keeps_component(self.id(at));
            let with_advice: WithAdvice = if is_marked { with_newer } else { with_way_out };
            (is_damaged && !may_stay).then_some(with_advice)
        })
    }

    /// Whether a copied part is to be encrypted anew, but cannot be decrypted as a whole.
    fn cannot_be_decrypted(&self, at: usize, control: &Control) -> Result<bool> {
        let action = self.plan.parts.get(at).map(|part| &part.action);
        if action != Some(&Action::Reencrypt) {
            return Ok(false);
        }
        let decrypted = self.decrypt(at, control);
        match decrypted {
            Err(error) if !is_about_contents(&error) => Err(error),
            decrypted => Ok(decrypted.is_err()),
        }
    }

    fn decrypt(&self, at: usize, control: &Control) -> Result<()> {
        let mut source = source(&self.backup, self.backup.part(at), self.keys.as_deref())?;
        let mut buffer = vec![0; 1 << 18];
        loop {
            control.check()?;
            if source.read(&mut buffer).map_err(Error::from_read)? == 0 {
                return Ok(());
            }
        }
    }

    /// What the checks found in the parts that the copy keeps: what a restore fails on, although they
    /// are intact. It is without what the plan notes already.
    pub fn notes_on_kept(&self) -> impl Iterator<Item = &Note> {
        let checks = self.integrity.iter();
        let kept = checks.filter(|check| self.is_copied(check.part));
        let notes = kept.filter_map(|check| check.outcome.as_ref().ok());
        let notes = notes.flatten();
        notes.filter(|note| !self.plan.notes.contains(note))
    }

    /// Parts that the copy keeps although they are damaged, and those for whose damage there is no
    /// copy.
    pub fn damaged_parts(&self) -> Vec<(&str, &Error)> {
        self.with(Kind::Damaged, |at| {
            self.is_copied(at) || self.is_written_anew(at)
        })
        .collect()
    }

    /// Parts that the copy keeps and that were not checked for damage, because the key was missing
    /// or the check failed.
    pub fn unchecked_parts(&self) -> Vec<&str> {
        let mut parts = self.locked_parts();
        let refused = self.with(Kind::Refused, |at| self.is_copied(at));
        parts.extend(refused.map(|(id, _)| id));
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

    fn with(
        &self,
        kind: Kind,
        wanted: impl Fn(usize) -> bool,
    ) -> impl Iterator<Item = (&str, &Error)> {
        let checks = self.integrity.iter();
        let checks = checks.filter(move |check| wanted(check.part));
        checks.filter_map(move |check| {
            let error = check.outcome.as_ref().err()?;
            (error.kind() == kind).then(|| (self.id(check.part), error))
        })
    }

    fn id(&self, at: usize) -> &str {
        &self.backup.part(at).id
    }
}
