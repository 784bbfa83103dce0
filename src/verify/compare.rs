//! Compares a finished copy with its plan and its original.

mod entries;
mod members;
mod passing;

use std::sync::Arc;

use self::members::{Checker, pair_members};
use super::reference_tar;
use super::verification::Verification;
use crate::crypt::KeyRing;
use crate::error::{Error, Kind, Result};
use crate::finding::Finding;
use crate::format::outer::RECORD;
use crate::format::tar::block::BLOCK;
use crate::open::{self, Backup};
use crate::pipe::{Control, Input, Stage, parallel};
use crate::plan::Plan;
use crate::rewrite::Written;
use crate::survey::PartSurvey;

/// Evidence that a copy holds what was planned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verified {
    /// Bytes that were compared one by one with the original.
    pub bytes_compared: u64,
    /// Entries of rewritten parts that match the original.
    pub entries_compared: u64,
}

/// Reads back every byte of a finished copy, and compares it with the plan, the metadata that
/// should have been written, and the original: copied members byte by byte, rewritten ones entry by
/// entry.
///
/// # Errors
/// `VerifyFailed` for any difference. The file must not be published then.
pub fn output(
    original: &Backup,
    surveys: &[PartSurvey],
    plan: &Plan,
    written: &Written,
    copy: Arc<Input>,
    keys: Option<&KeyRing>,
    control: &Control,
) -> Result<Verified> {
    Verification::new(original, surveys, plan, keys).finish(written, copy, control)
}

impl Verification<'_> {
    /// Does the same as [`output()`], but does not compare parts again that were compared early.
    /// Waits for a part whose comparison is running.
    ///
    /// # Errors
    /// As [`output()`].
    pub fn finish(
        &self,
        written: &Written,
        copy: Arc<Input>,
        control: &Control,
    ) -> Result<Verified> {
        self.end_early();
        self.check(written, copy, control).map_err(failure)
    }

    fn check(&self, written: &Written, copy: Arc<Input>, control: &Control) -> Result<Verified> {
        let (original, plan) = (self.original, self.plan);
        if copy.len() != written.size {
            return Err(failed(format!(
                "it has {} bytes instead of {}",
                copy.len(),
                written.size
            )));
        }
        let mut copy = Backup::read(copy, control)?;
        if let Some(keys) = self.keys {
            open::close_others(&mut copy, keys)?;
        }
        reference_tar::outer(&copy)?;
        check_gaps(&copy)?;
        check_manifest(original, plan, written, &copy)?;
        let pairs = pair_members(original, plan, &copy)?;
        control.begin(
            Stage::Verify,
            pairs.iter().map(|pair| pair.new.stored()).sum(),
        );
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(pairs.get(at).map(|pair| pair.new.size)));
        let checker = Checker {
            verification: self,
            copy: &copy,
            control,
        };
        let results = parallel::each(control.threads(), &order, |at| match pairs.get(at) {
            Some(pair) => checker.pair(pair),
            None => Err(Error::new(Kind::Internal, "a member was not compared")),
        });
        control.end();
        let mut verified = Verified::default();
        for result in results {
            let one = result?;
            verified.bytes_compared += one.bytes_compared;
            verified.entries_compared += one.entries_compared;
        }
        Ok(verified)
    }
}

/// An error about the contents of a copy as the failure of its verification.
fn failure(error: Error) -> Error {
    match error.kind() {
        Kind::Interrupted(_)
        | Kind::InputIo
        | Kind::OutputIo
        | Kind::Internal
        | Kind::VerifyFailed => error,
        _ => failed(error.to_string()).caused_by(error),
    }
}

pub(super) fn failed(what: impl Into<String>) -> Error {
    let what = what.into();
    Error::new(Kind::VerifyFailed, format!("the finished copy is not what was planned: {what}"))
        .advice("Try again; if it happens twice, check the memory and the disk of this machine, and report it.")
}

/// Checks that everything between and after the members is zeros, up to a whole record.
fn check_gaps(copy: &Backup) -> Result<()> {
    let mut end = 0;
    for member in &copy.members {
        let data_end = member.data_at() + member.size;
        end = member.end();
        only_zeros(&copy.input, data_end, end)?;
    }
    let expected = (end + 2 * BLOCK as u64).next_multiple_of(RECORD);
    if copy.input.len() != expected {
        return Err(failed(format!(
            "it has {} bytes and not the {expected} that its members take",
            copy.input.len()
        )));
    }
    only_zeros(&copy.input, end, expected)
}

fn only_zeros(input: &Input, from: u64, to: u64) -> Result<()> {
    let mut gap = [0u8; RECORD as usize + BLOCK];
    let len = usize::try_from(to - from).unwrap_or(usize::MAX);
    let gap = gap
        .get_mut(..len)
        .ok_or_else(|| failed("there is too much between its members").at(from))?;
    input.read_exact_at(from, gap)?;
    match gap.iter().position(|&b| b != 0) {
        Some(at) => Err(failed("there is something between its members").at(from + at as u64)),
        None => Ok(()),
    }
}

fn check_manifest(original: &Backup, plan: &Plan, written: &Written, copy: &Backup) -> Result<()> {
    let members = original
        .members
        .get(original.manifest_member)
        .zip(copy.members.get(copy.manifest_member));
    let (old, new) = members.ok_or_else(|| failed("its backup.json is gone"))?;
    if new.header.raw != old.header_with_size(new.size)? {
        return Err(failed(
            "the header of its backup.json differs by more than the size",
        ));
    }
    if !original
        .manifest
        .changes_to(&written.changes, &copy.manifest)?
    {
        return Err(failed("its backup.json reads back differently"));
    }
    if copy.manifest.slug() == original.manifest.slug() {
        return Err(failed("it has the slug of its original"));
    }
    if let Some(finding) = copy
        .findings
        .iter()
        .find(|finding| is_unacceptable(finding))
    {
        return Err(failed(format!(
            "Home Assistant would not accept it. {}",
            finding.text()
        )));
    }
    let lists_dropped = plan.changes.without.iter().any(|gone| {
        copy.manifest
            .folders()
            .chain(copy.manifest.addons())
            .any(|listed| listed == gone)
    });
    if lists_dropped {
        return Err(failed("its backup.json lists a part that was left out"));
    }
    Ok(())
}

/// Whether a finding prevents a copy from being published: Home Assistant's own checks would refuse
/// it, or its parts are of different kinds.
fn is_unacceptable(finding: &Finding) -> bool {
    let mixed = matches!(
        finding,
        Finding::Mixed { .. } | Finding::Versions | Finding::RootSalts | Finding::Protection { .. }
    );
    finding.is_refused()
        || mixed
        || matches!(finding, Finding::StaleSize { .. } | Finding::ByteOrderMark)
}
