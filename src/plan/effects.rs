//! What a restore of one backup does about the things left out.

use crate::open::{Backup, Part};
use crate::plan::request::database::Located;
use crate::rules::{Effect, Rule};

/// The effect of dropping something from this backup, whose recorder has its database there.
pub fn effect(
    backup: &Backup,
    part: &Part,
    whole: bool,
    rule: Option<&Rule>,
    database: &Located,
) -> Effect {
    match Effect::of(&part.id, whole, rule) {
        // If the metadata cannot declare the database excluded, a restore erases the live one.
        Effect::RecorderDatabase if !backup.manifest.can_exclude_database() => Effect::PartOfConfig,
        Effect::RecorderDatabase if database.is_elsewhere() => Effect::UnusedDatabase,
        effect => effect,
    }
}
