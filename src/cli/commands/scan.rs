//! `haslim scan`: saves what is inside a backup.

use std::path::{Path, PathBuf};

use haslim::job::Unlocked;
use haslim::open::Backup;
use haslim::report::json;
use haslim::rewrite::OutputPath;
use haslim::survey::{self, PartSurvey, Scan};
use haslim::{Error, Kind, Result, size};

use crate::cli::key;
use crate::cli::render::terms::CommandLine;
use crate::cli::render::{escaped_path, next_steps};
use crate::cli::session::{DONE, Session};
use crate::cli::settings::Saving;

/// Surveys everything that can be read, and saves it.
///
/// A part that is damaged or cannot be read is left out, with a warning. A command that needs it
/// reads the backup then, and reports the error.
///
/// # Errors
/// As [`OutputPath::check`] and [`key::unlock_all`]; errors that are not about the contents of a
/// part; `InputIo` if the backup changed meanwhile.
pub fn run(session: &Session, path: &Path, saving: &Saving) -> Result<u8> {
    let backup = session.open(path)?;
    let target = OutputPath::check(&saving.path(path), saving.replace, &backup.input)?;
    let unlocked = key::unlock_all(session, backup)?;
    let (surveys, left_out) = look(session, &unlocked)?;
    let Unlocked { backup, keys } = unlocked;
    let scan = Scan::new(&backup, surveys, keys.is_some());
    let (saved, bytes) = save(session, &scan, &backup, target)?;
    let made = json::Saved {
        output: &saved,
        size: bytes,
        counts: scan.counts(),
        left_out: &left_out,
    };
    if session.settings.json {
        session
            .screen
            .json(&json::scan(&backup, &made, &CommandLine));
    } else {
        announce(session, &backup, &made);
    }
    Ok(DONE)
}

/// The surveys of the parts that can be read, and the ids and the errors of the others.
type Looked = (Vec<PartSurvey>, Vec<(String, Error)>);

/// Surveys the parts that can be read.
fn look(session: &Session, unlocked: &Unlocked) -> Result<Looked> {
    let Unlocked { backup, keys } = unlocked;
    let parts = unlocked.readable();
    let outcomes = survey::survey_each(backup, &parts, keys.as_deref(), &session.control);
    let (mut surveys, mut left_out) = (Vec::new(), Vec::new());
    for (&at, outcome) in parts.iter().zip(outcomes) {
        match outcome {
            Ok(survey) => surveys.push(survey),
            Err(error) if matches!(error.kind(), Kind::Damaged | Kind::Refused) => {
                session.screen.warn(&format!("not in the scan: {error}"));
                left_out.push((backup.part(at).id.clone(), error));
            }
            Err(error) => return Err(error),
        }
    }
    Ok((surveys, left_out))
}

/// Writes the scan as copies are written: only its owner may read it, and it gets its name when it
/// is complete. Returns its path and its size.
fn save(
    session: &Session,
    scan: &Scan,
    backup: &Backup,
    mut target: OutputPath,
) -> Result<(PathBuf, u64)> {
    let mut bytes = Vec::new();
    scan.write(backup, &mut bytes)?;
    let size = bytes.len() as u64;
    target.remove_leftovers();
    target.check_space(size)?;
    let mut output = target.create()?;
    output.append(&bytes)?;
    output.sync()?;
    backup.input.check_unchanged()?;
    session.control.check()?;
    let path = output.publish()?;
    session.published();
    Ok((path, size))
}

fn announce(session: &Session, backup: &Backup, made: &json::Saved<'_>) {
    let (parts, entries) = made.counts;
    session.screen.say(&format!(
        "Saved what is inside {parts} parts, {entries} entries: {}, {}",
        escaped_path(made.output),
        size::decimal(made.size)
    ));
    if backup.is_protected() {
        session.screen.say(
            "It has the names of your files and can be read without the key: keep it to yourself.",
        );
    }
    next_steps::after_scan(session, backup, made.output);
}
