//! A job that was prepared.

use std::sync::Arc;

use super::refusal::Refusal;
use super::writer::CopyWriter;
use crate::crypt::KeyRing;
use crate::error::Result;
use crate::open::Backup;
use crate::plan::{self, Action, Plan, Request};
use crate::survey::PartSurvey;

/// Whether the bytes of a part are those that were stored.
#[derive(Debug)]
pub struct PartIntegrity {
    /// Index in [`Backup::parts`].
    pub part: usize,
    /// What is wrong with it, or what kept it from being checked.
    pub outcome: Result<()>,
}

/// A backup with everything that is needed to decide about it and to write a copy of it.
#[derive(Debug)]
pub struct Prepared {
    /// The backup.
    pub backup: Backup,
    /// Its key, if there is one.
    pub keys: Option<Arc<KeyRing>>,
    /// What was surveyed.
    pub surveys: Vec<PartSurvey>,
    /// What is known about parts without a survey: those that could not be surveyed, and others
    /// that were only checked.
    pub integrity: Vec<PartIntegrity>,
    /// What is wanted.
    pub request: Request,
    /// What is to be done.
    pub plan: Plan,
}

impl Prepared {
    /// Plans again after the request changed.
    ///
    /// # Errors
    /// As [`plan::make`].
    pub fn replan(&mut self) -> Result<()> {
        self.plan = plan::make(&self.backup, &self.surveys, &self.request)?;
        Ok(())
    }

    /// Why the plan leads to no copy; `None` when it can be written.
    pub fn refusal(&self) -> Option<Refusal> {
        Refusal::of(&self.plan)
    }

    /// What writes one copy by this plan, and compares it.
    pub fn writer(&self) -> CopyWriter<'_> {
        CopyWriter {
            backup: &self.backup,
            surveys: &self.surveys,
            plan: &self.plan,
            keys: self.keys.as_deref(),
        }
    }

    /// Whether a part's stored bytes go into the copy without being looked into.
    pub(super) fn is_copied(&self, at: usize) -> bool {
        matches!(
            self.plan.parts.get(at).map(|part| &part.action),
            Some(Action::Copy | Action::Reencrypt)
        )
    }

    /// Whether the survey of a part, or an earlier check, says that it is sound or not.
    pub(super) fn is_known(&self, at: usize) -> bool {
        self.surveys.iter().any(|survey| survey.part == at)
            || self.integrity.iter().any(|known| known.part == at)
    }
}
