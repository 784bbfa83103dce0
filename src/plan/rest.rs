//! The plan for a rest: a backup of everything that a copy lacks.

use crate::error::{Error, Kind, Result};
use crate::format::manifest::Made;
use crate::format::securetar::Version;
use crate::open::Backup;
use crate::plan::draft::changes;
use crate::plan::facts::PartReason;
use crate::plan::layout::{self, Extent, Wanted};
use crate::plan::model::{Action, Outcome, PartPlan, Plan};
use crate::plan::predict;

/// Plans a backup with every part that the copy planned by `copy` lacks or holds only in part, as
/// it is in the original. Needs no key. The predicted size does not include what
/// [`Changes::about`](crate::format::manifest::Changes::about) will say.
///
/// # Errors
/// `Refused` if the copy holds a part in another form than the original, because the original
/// cannot be put together again from it, or if the copy lacks nothing; what prevents a backup of
/// just these parts from being accepted by Home Assistant.
pub fn rest(backup: &Backup, copy: &Plan) -> Result<Plan> {
    let parts = || backup.parts.iter().zip(&copy.parts);
    if let Some((part, _)) = parts().find(|(_, planned)| is_converted(&planned.action)) {
        return Err(converted(backup, "the copy will hold it in another form than the original, so a rest could not complete it")
            .in_part(part.id.clone()));
    }
    let actions: Vec<Action> = parts()
        .map(|(_, planned)| match planned.action {
            Action::Copy => Action::Drop,
            _ => Action::Copy,
        })
        .collect();
    if !actions.contains(&Action::Copy) {
        return Err(Error::refused(
            "the copy lacks no part of the original, so there is no rest",
        ));
    }
    let settled = layout::lay_out(backup, &[], actions, Wanted::as_it_is(false), Extent::Names)
        .map_err(
            |error| match (error.kind(), error.part().map(str::to_owned)) {
                (Kind::Password, Some(part)) => in_another_form(backup).in_part(part),
                _ => error,
            },
        )?;
    if let Some((part, _)) = backup
        .parts
        .iter()
        .zip(&settled.actions)
        .find(|(_, action)| is_converted(action))
    {
        return Err(in_another_form(backup).in_part(part.id.clone()));
    }
    let mut changes = changes(backup, &[], &settled);
    (changes.made, changes.about) = (Made::Rest, None);
    layout::check_metadata(backup, &changes.without)?;
    let predicted = predict::parts(backup, &[], &settled);
    let predicted_size = predict::padded(predict::exact(backup, &predicted, &changes)?);
    let planned = settled
        .actions
        .into_iter()
        .zip(settled.forms)
        .zip(predicted);
    let parts = planned.map(|((action, form), predicted)| PartPlan {
        why: PartReason::AsItIs,
        compressing: None,
        action,
        form,
        predicted,
    });
    Ok(Plan {
        encryption: settled.target,
        order: settled.order,
        predicted_size,
        ..Plan::new(parts.collect(), changes, u64::MAX, Outcome::Fits)
    })
}

/// Whether the part is decoded although nothing is removed from it.
fn is_converted(action: &Action) -> bool {
    matches!(action, Action::Reencrypt | Action::Rewrite)
}

fn in_another_form(backup: &Backup) -> Error {
    converted(
        backup,
        "Home Assistant would accept it only in another form than that of the original, so a rest cannot hold it",
    )
}

fn converted(backup: &Backup, what: &str) -> Error {
    let is_v1 = backup.version() == Some(Version::V1);
    Error::refused(what).advice(if is_v1 {
        "This backup has an old encryption, which the copy replaces if the key is given: shrink it without the key, or without a rest."
    } else if backup.is_protected() {
        "Leave the encryption and the form of the backup as they are, or shrink it without a rest."
    } else {
        "This backup is not encrypted. If a key is given, the copy is: shrink it without the key, or without a rest."
    })
}
