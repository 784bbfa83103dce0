//! Writes a copy, and beside it what the copy lacks.

use std::path::Path;
use std::sync::Arc;
use std::thread::ScopedJoinHandle;

use super::events::Observer;
use super::prepared::Prepared;
use super::write::{PublishedRest, WriteOptions, WriteOutcome};
use super::writer::{CopyWriter, lost, named};
use crate::error::{Error, Result};
use crate::pipe::{Control, Input};
use crate::plan::{self, Plan};
use crate::rest::{Digest, Record, digest};
use crate::rewrite::OutputPath;

impl Prepared {
    /// The plan for the rest of the planned copy.
    ///
    /// # Errors
    /// As [`plan::rest()`]; those of the record of the original that the rest will have, except for
    /// its SHA-256.
    pub fn plan_rest(&self) -> Result<Plan> {
        let rest = plan::rest(&self.backup, &self.plan)?;
        Record::new(&self.backup, &self.plan, &rest, Digest::default())?.to_json()?;
        Ok(rest)
    }

    /// As [`Prepared::write`], and writes what the copy lacks to `rest`. The rest is complete,
    /// compared with the original and published before the copy gets its name.
    ///
    /// The SHA-256 of the original is computed on another thread meanwhile, unless the control
    /// allows only one.
    ///
    /// # Errors
    /// As [`Prepared::write`], also for the rest; as [`Prepared::plan_rest`]. If the copy cannot get
    /// its name in the end, the rest stays.
    pub fn write_with_rest(
        &mut self,
        path: &Path,
        rest: &Path,
        options: WriteOptions,
        observer: &dyn Observer,
        control: &Control,
    ) -> Result<WriteOutcome> {
        let check = |input: &Input| OutputPath::check(rest, options.replace, input);
        let beside_copy = if rest.parent() == path.parent() {
            self.plan.predicted_size
        } else {
            0
        };
        let expected = self.plan_rest()?.predicted_size + beside_copy;
        check(&self.backup.input)?.check_space(expected)?;
        let input = Arc::clone(&self.backup.input);
        let beside = control.beside();
        std::thread::scope(|scope| {
            let hash = || digest(&input, &beside);
            let mut thread = if control.threads() > 1 {
                named("digest").spawn_scoped(scope, hash).ok()
            } else {
                None
            };
            let target = |input: &Input| OutputPath::check(path, options.replace, input);
            let mut before = |prepared: &Self| {
                let sha256 = match thread.take() {
                    Some(thread) => joined(thread)?,
                    None => digest(&prepared.backup.input, control)?,
                };
                let target = check(&prepared.backup.input)?;
                prepared
                    .write_rest(target, sha256, options, control)
                    .map(Some)
            };
            let done = self.write_to(&target, options, observer, control, &mut before);
            if done.is_err() {
                beside.abandon();
            }
            done
        })
    }

    fn write_rest(
        &self,
        mut target: OutputPath,
        sha256: Digest,
        options: WriteOptions,
        control: &Control,
    ) -> Result<PublishedRest> {
        let mut rest = plan::rest(&self.backup, &self.plan)?;
        let record = Record::new(&self.backup, &self.plan, &rest, sha256)?;
        rest.changes.about = Some(record.to_json()?);
        target.check_space(rest.predicted_size)?;
        let mut output = target.create()?;
        let writer = CopyWriter {
            plan: &rest,
            surveys: &[],
            ..self.writer()
        };
        let written = writer.write(&mut output, options.verify, control)?;
        self.backup.input.check_unchanged()?;
        control.check()?;
        Ok(PublishedRest {
            path: output.publish()?,
            size: written.size,
            name: self.backup.manifest.changed_name(&written.changes),
            slug: written.changes.slug,
        })
    }
}

fn joined(thread: ScopedJoinHandle<'_, Result<Digest>>) -> Result<Digest> {
    thread.join().map_err(|_| -> Error { lost("digest") })?
}
