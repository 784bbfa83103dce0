//! What a restore of one backup does about what is left out.

use crate::open::{Backup, Part};
use crate::rules::{Effect, Rule};

/// What dropping something leads to in this backup.
pub fn effect(backup: &Backup, part: &Part, whole: bool, rule: Option<&Rule>) -> Effect {
    match Effect::of(&part.id, whole, rule) {
        // Where the metadata cannot say so, a restore erases the live database.
        Effect::RecorderDatabase if !backup.manifest.can_exclude_database() => Effect::PartOfConfig,
        effect => effect,
    }
}
