//! Prepares a complete copy with its faults fixed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::prepare::KeyNeed;
use super::prepared::Prepared;
use super::unlocked::Unlocked;
use crate::crypt::KeyRing;
use crate::error::Result;
use crate::finding::Finding;
use crate::open::Backup;
use crate::pipe::Control;
use crate::plan::{self, Repair, Request};
use crate::survey;

/// A prepared repair.
#[derive(Debug)]
pub struct PreparedRepair {
    /// The job. Its [refusal](Prepared::refusal) is `AlreadyFits` if there is nothing to repair.
    pub prepared: Prepared,
    /// The faults that the copy will not have.
    pub findings: Vec<Finding>,
}

impl PreparedRepair {
    /// How much a key is needed: without it, only the outer file can be repaired.
    pub fn key_need(backup: &Backup) -> KeyNeed {
        if backup.is_protected() {
            KeyNeed::Helps
        } else {
            KeyNeed::No
        }
    }
}

/// Surveys every part that can be read, and plans the repair.
///
/// # Errors
/// As [`survey::survey`] and [`plan::repair`].
pub fn prepare_repair(
    backup: Backup,
    keys: Option<Arc<KeyRing>>,
    control: &Control,
) -> Result<PreparedRepair> {
    let unlocked = Unlocked::new(backup, keys)?;
    let parts = unlocked.readable();
    let Unlocked { backup, keys } = unlocked;
    let surveys = survey::survey(&backup, &parts, keys.as_deref(), control)?;
    let Repair { plan, findings } = plan::repair(&backup, &surveys, keys.is_some())?;
    let request = Request {
        has_key: keys.is_some(),
        ..Request::new(plan.limit)?
    };
    let prepared = Prepared {
        backup,
        keys,
        surveys,
        saved: BTreeSet::new(),
        integrity: Vec::new(),
        request,
        plan,
        #[cfg(test)]
        flip: None,
    };
    Ok(PreparedRepair { prepared, findings })
}
