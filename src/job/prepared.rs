//! A prepared job.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::refusal::Refusal;
use super::writer::CopyWriter;
use crate::crypt::KeyRing;
use crate::error::Result;
use crate::open::Backup;
use crate::plan::facts::Note;
use crate::plan::{self, Action, Plan, Request};
use crate::survey::PartSurvey;

/// Whether a part is intact, with the archive in it.
#[derive(Debug)]
pub struct PartIntegrity {
    /// Index in [`Backup::parts`].
    pub part: usize,
    /// What in it makes a restore fail, although it is intact; or the damage, or what prevented the
    /// check.
    pub outcome: Result<Vec<Note>>,
    /// Whether Home Assistant would restore its beginning alone.
    pub ends_early: bool,
}

/// A backup, with everything needed to decide about it and to write a copy of it.
#[derive(Debug)]
pub struct Prepared {
    /// The backup.
    pub backup: Backup,
    /// Its key, if there is one.
    pub keys: Option<Arc<KeyRing>>,
    /// The surveys.
    pub surveys: Vec<PartSurvey>,
    /// The parts whose surveys come from a scan and were not compared with the backup. Before a copy
    /// is written, those on which the copy depends are read.
    pub saved: BTreeSet<usize>,
    /// The integrity of parts without a survey: those that could not be surveyed, and others that
    /// were only checked.
    pub integrity: Vec<PartIntegrity>,
    /// The request.
    pub request: Request,
    /// The plan.
    pub plan: Plan,
    /// The byte of a streamed copy that is to be wrong.
    #[cfg(test)]
    pub(crate) flip: Option<u64>,
}

impl Prepared {
    /// Plans again after a change of the request.
    ///
    /// # Errors
    /// As [`plan::make`].
    pub fn replan(&mut self) -> Result<()> {
        self.plan = plan::make(&self.backup, &self.surveys, &self.request)?;
        Ok(())
    }

    /// Plans again, and returns whether the new plan leaves out something else.
    ///
    /// # Errors
    /// As [`plan::make`].
    pub(super) fn replan_otherwise(&mut self) -> Result<bool> {
        let before = std::mem::take(&mut self.plan.drops);
        self.replan()?;
        Ok(self.plan.drops != before)
    }

    /// Why the plan does not lead to a copy; `None` if the copy can be written.
    pub fn refusal(&self) -> Option<Refusal> {
        Refusal::of(&self.plan)
    }

    /// Writes one copy by this plan, and compares it.
    pub fn writer(&self) -> CopyWriter<'_> {
        CopyWriter {
            backup: &self.backup,
            surveys: &self.surveys,
            plan: &self.plan,
            keys: self.keys.as_deref(),
        }
    }

    /// Whether the copy keeps a part's archive, at most encrypted in another way.
    pub(super) fn is_copied(&self, at: usize) -> bool {
        matches!(
            self.plan.parts.get(at).map(|part| &part.action),
            Some(Action::Copy | Action::Reencrypt)
        )
    }

    /// Whether the copy holds all of the part in another form, for which it has to be read.
    pub(super) fn is_written_anew(&self, at: usize) -> bool {
        let action = self.plan.parts.get(at).map(|part| &part.action);
        action == Some(&Action::Rewrite)
    }

    /// Whether a survey of the part, or an earlier check, shows whether it is intact.
    pub(super) fn is_known(&self, at: usize) -> bool {
        self.surveys.iter().any(|survey| survey.part == at) && !self.saved.contains(&at)
            || self.integrity.iter().any(|known| known.part == at)
    }
}
