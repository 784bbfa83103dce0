//! Writes a copy that is not larger than the limit, and gives it its name.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::ScopedJoinHandle;

use super::events::{Event, Observer};
use super::integrity::Damage;
use super::mirror::Mirror;
use super::prepared::{PartIntegrity, Prepared};
use super::refusal::Refusal;
use super::rest_file::{PublishedRest, RestWriter, UnnamedRest};
use super::writer::{AbandonOnDrop, lost, named};
use crate::error::{Error, Kind, Result};
use crate::format::manifest::Changes;
use crate::format::outer::RECORD;
use crate::format::securetar::Version;
use crate::open::Backup;
use crate::pipe::{Control, Input};
use crate::rewrite::{Output, OutputPath, Written, output};

/// How a copy is written.
#[derive(Debug, Clone, Copy)]
pub struct WriteOptions {
    /// Replace an existing file.
    pub replace: bool,
    /// Read the copy back and compare it with the original before it gets its name.
    pub verify: bool,
    /// The user has agreed to exactly this plan: if the copy needs another one, nothing is written.
    pub asked: bool,
    /// Meanwhile check the parts that are kept unchanged and whose integrity is unknown. Damage in
    /// one of them ends the job. If this is false, they should already have been checked: see
    /// [`Prepared::check_kept_parts`].
    pub check_kept: bool,
}

/// A published copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub size: u64,
    /// Its id in Home Assistant.
    pub slug: String,
    /// Its name in Home Assistant.
    pub name: String,
    /// Whether it is encrypted.
    pub protected: bool,
    /// Its SecureTar version.
    pub securetar: Option<Version>,
    /// The rest beside it, if one was written.
    pub rest: Option<PublishedRest>,
}

/// A copy without a name, and what was written and found beside it.
struct Complete {
    written: Written,
    /// The results of the checks of kept parts.
    checked: Vec<PartIntegrity>,
    rest: Option<UnnamedRest>,
}

/// How writing ended, if nothing failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The copy is complete and has its name.
    Published(Published),
    /// With the measured sizes, the plan does not lead to a copy. The plan states the reason.
    Refused(Refusal),
}

/// By how many bytes a plan is made smaller at least.
const LEAST_MARGIN: u64 = 1024;

/// How many times a copy that was too large is planned again with the measured sizes.
pub(super) const ATTEMPTS: usize = 3;

impl Prepared {
    /// Writes the copy until it is not larger than the limit: if the plan was too optimistic, it is
    /// made again with the measured sizes. What the plan took from a scan is read again first, and
    /// compared.
    ///
    /// Nothing appears at `path` before the whole copy is written and, if the options ask for it,
    /// verified.
    ///
    /// # Errors
    /// As [`OutputPath::check`] and [`CopyWriter::write`](super::CopyWriter::write); the damage in
    /// a part that is kept; `Usage` if the backup differs from its scan; `InputIo` if the backup changed meanwhile; `CannotFit` if the copy was
    /// too large at the last attempt. In all these cases no file is left behind.
    pub fn write(
        &mut self,
        path: &Path,
        options: WriteOptions,
        observer: &dyn Observer,
        control: &Control,
    ) -> Result<WriteOutcome> {
        let target = |input: &Input| OutputPath::check(path, options.replace, input);
        self.write_to(&target, options, observer, control, None)
    }

    /// The copy at `path`, if an earlier run wrote it by the same plan: it is read and compared as a
    /// new one would be. `None` if there is no such file, or if it has anything else in it.
    ///
    /// # Errors
    /// The damage in a part that is kept; `InputIo` if the backup cannot be read or changed
    /// meanwhile; `Interrupted`.
    pub fn reuse(
        &mut self,
        path: &Path,
        options: WriteOptions,
        observer: &dyn Observer,
        control: &Control,
    ) -> Result<Option<Published>> {
        self.confirm(control)?;
        let Ok(copy) = Input::open(path) else {
            return Ok(None);
        };
        let slug = match Backup::read(Arc::clone(&copy), control) {
            Ok(copy) => copy.manifest.slug().to_owned(),
            Err(error) if matches!(error.kind(), Kind::Interrupted(_)) => return Err(error),
            Err(_) => return Ok(None),
        };
        let written = Written {
            size: copy.len(),
            changes: Changes {
                slug,
                ..self.plan.changes.clone()
            },
        };
        if written.size > self.plan.limit {
            return Ok(None);
        }
        match self.writer().compare(Arc::clone(&copy), &written, control) {
            Ok(_) => {}
            Err(error) if error.kind() == Kind::VerifyFailed => return Ok(None),
            Err(error) => return Err(error),
        }
        if options.check_kept {
            let mut checks = self.kept_parts_integrity(control);
            self.report(&mut checks, Damage::EndsTheJob, observer, control)?;
            self.integrity.extend(checks);
            if self.mend_streams(control)?.is_some() {
                return Ok(None);
            }
        }
        self.backup.input.check_unchanged()?;
        copy.check_unchanged()?;
        Ok(Some(self.published(path.to_owned(), written)))
    }

    /// As [`Prepared::write`], with a new target for each attempt. `rest` writes the rest of each
    /// attempt. It gets its name when its copy is complete, directly before the copy does.
    pub(super) fn write_to(
        &mut self,
        target: &dyn Fn(&Input) -> Result<OutputPath>,
        options: WriteOptions,
        observer: &dyn Observer,
        control: &Control,
        rest: Option<RestWriter<'_>>,
    ) -> Result<WriteOutcome> {
        let mut attempt = 1;
        loop {
            let mut target = target(&self.backup.input)?;
            target.remove_leftovers();
            self.confirm(control)?;
            target.check_space(self.plan.predicted_size)?;
            let mut output = target.create()?;
            match self.write_checked(&mut output, options, observer, control, rest) {
                Ok(complete) => {
                    self.integrity.extend(complete.checked);
                    if let Some(is_other) = self.mend_streams(control)? {
                        if let Some(refusal) =
                            self.agree(is_other, None, options.asked, observer)?
                        {
                            return Ok(WriteOutcome::Refused(refusal));
                        }
                        continue;
                    }
                    let rest = complete.rest.map(UnnamedRest::publish).transpose()?;
                    let path = output.publish().inspect_err(|_| {
                        // Without its copy it is of no use. A failure cannot be handled any further.
                        let _ = rest.as_ref().map(|rest| output::remove(&rest.path));
                    })?;
                    return Ok(WriteOutcome::Published(Published {
                        rest,
                        ..self.published(path, complete.written)
                    }));
                }
                Err(error) if error.kind() != Kind::CannotFit || attempt == ATTEMPTS => {
                    return Err(error);
                }
                Err(_) => {
                    let (excess, is_other) = self.plan_smaller(output.position(), attempt)?;
                    if let Some(refusal) =
                        self.agree(is_other, Some(excess), options.asked, observer)?
                    {
                        return Ok(WriteOutcome::Refused(refusal));
                    }
                    attempt += 1;
                }
            }
        }
    }

    /// Whether a new plan can be carried out; `is_other` says that it leaves out something else.
    /// `excess` is by how many bytes the copy was too large; `None` if parts have to be written anew.
    /// `asked` says that the user has agreed to the plan before. Returns why the plan does not lead to a copy.
    ///
    /// # Errors
    /// `CannotFit` if the user has agreed to another plan.
    pub(super) fn agree(
        &self,
        is_other: bool,
        excess: Option<u64>,
        asked: bool,
        observer: &dyn Observer,
    ) -> Result<Option<Refusal>> {
        if let Some(refusal) = self.refusal() {
            return Ok(Some(refusal));
        }
        if is_other && asked {
            return Err(needs_another_plan(match excess {
                Some(_) => "the copy came out larger than planned",
                None => "some parts have to be written anew",
            }));
        }
        if is_other {
            observer.event(self.replanned(excess));
        }
        Ok(None)
    }

    /// Plans again after an attempt for which the copy had `size` bytes. Returns by how many bytes it
    /// was larger than predicted, and whether the new plan leaves out something else.
    pub(super) fn plan_smaller(&mut self, size: u64, attempt: usize) -> Result<(u64, bool)> {
        let excess = size.saturating_sub(self.plan.predicted_size);
        // Both sizes are in whole records; the true excess may be a few bytes.
        let least = excess.saturating_sub(RECORD).max(LEAST_MARGIN);
        let more = if attempt == 1 { least } else { excess };
        self.request.margin = self.request.margin.saturating_add(more);
        Ok((excess, self.replan_otherwise()?))
    }

    /// What to tell about a new plan; see [`Event::Replanned`].
    fn replanned(&self, excess: Option<u64>) -> Event<'_> {
        Event::Replanned {
            excess,
            backup: &self.backup,
            plan: &self.plan,
        }
    }

    /// Writes and verifies. At the same time, checks the kept parts, and writes the rest.
    fn write_checked(
        &self,
        output: &mut Output,
        options: WriteOptions,
        observer: &dyn Observer,
        control: &Control,
        rest: Option<RestWriter<'_>>,
    ) -> Result<Complete> {
        let (own, beside) = (control.apart(), control.beside());
        let mirror = Arc::new(Mirror::default());
        let apart = control.reporting_to(Arc::<Mirror>::clone(&mirror));
        let done = std::thread::scope(|scope| -> Result<Complete> {
            let _abandoned = (AbandonOnDrop(&beside), AbandonOnDrop(&apart));
            let check = || self.kept_parts_integrity(&beside);
            let checking = if options.check_kept && control.threads() > 1 {
                named("check").spawn_scoped(scope, check).ok()
            } else {
                None
            };
            let (alive, end) = channel();
            let resting = rest.filter(|_| control.threads() > 1).and_then(|write| {
                let (own, apart) = (&own, &apart);
                let write = move || {
                    let _alive: Sender<()> = alive;
                    // Without its rest, the copy is not wanted.
                    write(self, apart).inspect_err(|_| own.abandon())
                };
                named("rest").spawn_scoped(scope, write).ok()
            });
            let written = match self.writer().write(output, options.verify, &own) {
                Err(error) if error.kind() == Kind::Interrupted(0) => {
                    return Err(resting.and_then(error_of).unwrap_or(error));
                }
                written => written.map_err(|error| self.explained(error, control))?,
            };
            let mut checked = match checking {
                Some(thread) => thread.join().map_err(|_| lost("check"))?,
                None if options.check_kept => self.kept_parts_integrity(control),
                None => Vec::new(),
            };
            self.report(&mut checked, Damage::EndsTheJob, observer, control)?;
            let rest = match (resting, rest) {
                (Some(thread), _) => {
                    mirror.show(&end, control)?;
                    Some(thread.join().map_err(|_| lost("rest"))??)
                }
                (None, Some(write)) => Some(write(self, control)?),
                (None, None) => None,
            };
            Ok(Complete {
                written,
                checked,
                rest,
            })
        })?;
        self.backup.input.check_unchanged()?;
        control.check()?;
        Ok(done)
    }

    fn published(&self, path: PathBuf, written: Written) -> Published {
        let Written { size, changes } = written;
        Published {
            path,
            size,
            name: self.backup.manifest.changed_name(&changes),
            slug: changes.slug,
            protected: changes.protected,
            securetar: self.plan.securetar(&self.backup),
            rest: None,
        }
    }
}

/// The error if the user has agreed to a plan that cannot be carried out.
pub(super) fn needs_another_plan(why: &str) -> Error {
    Error::new(
        Kind::CannotFit,
        format!("{why}, and that needs another plan"),
    )
    .advice("Start again with a slightly lower limit, to see that plan.")
}

/// The error with which this thread ended.
fn error_of<T>(thread: ScopedJoinHandle<'_, Result<T>>) -> Option<Error> {
    thread.join().ok().and_then(Result::err)
}
