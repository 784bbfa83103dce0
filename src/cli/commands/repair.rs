//! `haslim repair`: writes a complete copy with its faults fixed.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use haslim::error::Advice;
use haslim::job::{PreparedRepair, Published, Refusal, prepare_repair};
use haslim::open::Backup;
use haslim::report::json;
use haslim::{Error, Kind, Result, size};

use super::writing::{self, check_consent, check_free, check_place, stopped};
use crate::cli::key;
use crate::cli::render::{self, escaped_path, next_steps};
use crate::cli::session::{DONE, Session};
use crate::cli::settings::Writing;
use crate::cli::terminal::prompt::{Answer, ask};

/// The suffix before `.tar` in the default name of a copy.
const MARK: &str = "repaired";

/// Reports the faults, asks, writes the copy, verifies it and publishes it.
///
/// # Errors
/// As [`prepare_repair`] and [`writing::write`]; `NothingToRepair`.
pub fn run(session: &Session, path: &Path, writing: &Writing) -> Result<u8> {
    let begin = Instant::now();
    let backup = session.open_repairable(path)?;
    let place = writing.path(path, MARK);
    check_place(&place, writing, &backup)?;
    check_consent(
        session,
        writing,
        "repair",
        "Add --yes, or run it on a terminal, where it lists the faults before it asks.",
    )?;
    let mut repair = prepare(session, backup)?;
    let expected = repair.prepared.plan.predicted_size;
    check_free(&place, writing, &repair.prepared.backup)?.check_space(expected)?;
    announce(session, &repair);
    let question = format!("Write it to {}? [y]es, [N]o: ", escaped_path(&place));
    if !writing.yes && ask(&session.control, &question)? != Answer::Yes {
        return stopped(session);
    }
    let copy =
        writing::write(session, &mut repair.prepared, &place, writing).map_err(without_options)?;
    report(session, &repair, &copy, begin);
    Ok(DONE)
}

/// An error with advice that a repair can follow: it has no options that leave parts out or keep
/// them.
fn without_options(error: Error) -> Error {
    match error.next_step() {
        Some(
            Advice::DropOrKeepDamaged { part }
            | Advice::DropOrKeep { part }
            | Advice::DropDamaged { part }
            | Advice::NewerOrDrop { part, .. },
        ) => {
            let part = part.clone();
            error.advice(Advice::ShrinkInstead { part })
        }
        _ => error,
    }
}

/// Reads the key, surveys, and plans the repair.
fn prepare(session: &Session, backup: Backup) -> Result<PreparedRepair> {
    let screen = &session.screen;
    let keys = key::keys(session, &backup, PreparedRepair::key_need(&backup))?.map(Arc::new);
    if keys.is_none() && backup.is_protected() {
        screen.warn("Without the key, only the outer file is checked, not the parts in it.");
    }
    let repair = prepare_repair(backup, keys, &session.control).map_err(without_options)?;
    let view = render::plan::view(&repair.prepared);
    view.notes.iter().for_each(|note| screen.warn(note));
    if repair.prepared.refusal() == Some(Refusal::AlreadyFits) {
        return Err(Error::new(
            Kind::NothingToRepair,
            "Nothing to do: found nothing to repair",
        )
        .advice("`haslim verify` checks the whole backup."));
    }
    Ok(repair)
}

/// Prints the faults that will be fixed.
fn announce(session: &Session, repair: &PreparedRepair) {
    let screen = &session.screen;
    screen.say(&screen.bold(&format!("{} can be fixed:", faults(repair))));
    let findings = repair.findings.iter();
    findings.for_each(|finding| screen.say(&format!("  - {}", finding.text())));
    screen.say(&format!(
        "The copy will have none of these faults, and about {}.",
        size::short(repair.prepared.plan.predicted_size)
    ));
}

/// The number of faults in words.
fn faults(repair: &PreparedRepair) -> String {
    match repair.findings.len() {
        1 => "1 fault".into(),
        count => format!("{count} faults"),
    }
}

/// Prints what was written.
fn report(session: &Session, repair: &PreparedRepair, copy: &Published, begin: Instant) {
    if session.settings.json {
        let limit = session.settings.limit;
        session.screen.json(&json::repair(
            &repair.prepared.backup,
            &render::plan::view(&repair.prepared),
            limit,
            &repair.findings,
            &writing::json_copy(copy, limit, true, begin),
        ));
        return;
    }
    let screen = &session.screen;
    screen.say(&format!(
        "\n{}: {}. The copy of {} was read back and compared with the original: nothing else differs.",
        screen.green("Fixed"),
        faults(repair),
        size::short(copy.size)
    ));
    screen.as_is(&format!("  {}", escaped_path(&copy.path)));
    next_steps::after_writing(session, copy, repair.prepared.backup.is_protected());
}
