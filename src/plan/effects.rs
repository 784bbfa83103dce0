//! What a restore of one backup does about the things left out.

use crate::open::{Backup, ComponentKind, Part};
use crate::plan::request::Request;
use crate::plan::request::database::{Database, Located};
use crate::rules::{
    Condition, Effect, MARIADB, RECORDER, Rule, RuleEffect, is_mariadb_file, is_recorder_file,
};

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

/// The rule for a file of a database that is recognised by its place, regardless of the rule's
/// globs. `None` for any other file.
pub(super) fn rule_of_database<'a>(
    request: &'a Request,
    part: &Part,
    path: &[u8],
) -> Option<Option<&'a Rule>> {
    let catalogue = &request.catalogue;
    let moved = request.database.target();
    let moved = moved.filter(|target| matches!(target, Database::File(_)));
    match part.kind {
        _ if moved.is_some_and(|target| target.takes(&part.id, path)) => {
            Some(catalogue.by_condition(Condition::RecorderUrl))
        }
        ComponentKind::HomeAssistant if is_recorder_file(path) => {
            Some(catalogue.by_condition(Condition::RecorderDatabase))
        }
        ComponentKind::Addon if part.id == MARIADB && is_mariadb_file(path) => {
            Some(catalogue.by_effect(RuleEffect::MariaDb))
        }
        _ => None,
    }
}

/// One of the two places where the recorder has its database, or had it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Under its usual name.
    Usual,
    /// Where `db_url` says.
    Moved,
}

/// The database of the recorder that has this path; `None` for any other file, one next to a
/// database included.
pub(super) fn which_recorder(request: &Request, part: &Part, path: &[u8]) -> Option<Which> {
    match request.database.target() {
        Some(Database::File(place))
            if place.component == part.id && path == place.path.as_bytes() =>
        {
            Some(Which::Moved)
        }
        _ => {
            (part.kind == ComponentKind::HomeAssistant && path == RECORDER).then_some(Which::Usual)
        }
    }
}
