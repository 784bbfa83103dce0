//! Writes a copy, and beside it what the copy lacks.

use std::path::Path;
use std::sync::OnceLock;

use super::events::Observer;
use super::prepared::Prepared;
use super::rest_file::UnnamedRest;
use super::write::{WriteOptions, WriteOutcome};
use super::writer::CopyWriter;
use crate::error::{Error, Kind, OutputAdvice, Result, escaped_path};
use crate::pipe::{Control, Input};
use crate::plan::{self, Plan};
use crate::rest::{Digest, Record, digest};
use crate::rewrite::OutputPath;
use crate::size;

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

    /// As [`Prepared::write`], and writes what the copy lacks to `rest`. Both are complete and
    /// compared with the original before the rest gets its name, and then the copy.
    ///
    /// The rest, with the SHA-256 of the original, is made on another thread while the copy is
    /// written, unless the control allows only one.
    ///
    /// # Errors
    /// As [`Prepared::write`], also for the rest; as [`Prepared::plan_rest`]. If the copy cannot get
    /// its name in the end, the rest is removed again.
    pub fn write_with_rest(
        &mut self,
        path: &Path,
        rest: &Path,
        options: WriteOptions,
        observer: &dyn Observer,
        control: &Control,
    ) -> Result<WriteOutcome> {
        let check = |input: &Input| OutputPath::check(rest, options.replace, input);
        let expected = self.plan_rest()?.predicted_size;
        let mut place = check(&self.backup.input)?;
        place.remove_leftovers();
        place.check_space(expected)?;
        if rest.parent() == path.parent() {
            check_both(&place, self.plan.predicted_size, expected)?;
        }
        let target = |input: &Input| OutputPath::check(path, options.replace, input);
        // The original stays the same when the copy is planned again.
        let known = OnceLock::new();
        let write = |prepared: &Self, control: &Control| {
            let input = &prepared.backup.input;
            let sha256 = match known.get() {
                Some(sha256) => *sha256,
                None => digest(input, control)?,
            };
            let _ = known.set(sha256);
            prepared.write_rest(check(input)?, sha256, options, control)
        };
        self.write_to(&target, options, observer, control, Some(&write))
    }

    /// Writes the rest as a file without a name.
    pub(super) fn write_rest(
        &self,
        mut target: OutputPath,
        sha256: Digest,
        options: WriteOptions,
        control: &Control,
    ) -> Result<UnnamedRest> {
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
        Ok(UnnamedRest {
            output,
            size: written.size,
            name: self.backup.manifest.changed_name(&written.changes),
            slug: written.changes.slug,
        })
    }
}

/// Checks that there is room for the copy and the rest in the same folder.
///
/// # Errors
/// `OutputIo`.
fn check_both(place: &OutputPath, copy: u64, rest: u64) -> Result<()> {
    let both = copy.saturating_add(rest);
    match place.free_space() {
        Some(free) if free < both => Err(Error::new(
            Kind::OutputIo,
            format!(
                "the copy and the rest need {} together, but {} has only {} free",
                size::decimal(both),
                escaped_path(place.path()),
                size::decimal(free)
            ),
        )
        .advice(OutputAdvice::OtherDisk)),
        _ => Ok(()),
    }
}
