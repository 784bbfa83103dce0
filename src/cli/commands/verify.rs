//! `haslim verify`: checks a backup for damage.

use std::path::{Path, PathBuf};

use haslim::job::Unlocked;
use haslim::open::Backup;
use haslim::report::json;
use haslim::verify::PartCheck;
use haslim::{Error, Result};
use serde_json::{Map, Value};

use super::several::{self, Tally};
use crate::cli::key;
use crate::cli::render;
use crate::cli::render::escaped_path;
use crate::cli::render::terms::CommandLine;
use crate::cli::session::{DONE, Session};

/// What was found in a backup.
struct Checked {
    backup: Backup,
    checks: Vec<Result<PartCheck>>,
    /// Why Home Assistant refuses a backup whose parts are intact.
    refused: Option<Error>,
}

impl Checked {
    /// The error that determines the exit code: that of the first part that failed.
    fn failed(&self) -> Option<&Error> {
        let failed = self.checks.iter().find_map(|check| check.as_ref().err());
        failed.or(self.refused.as_ref())
    }

    fn into_failed(self) -> Option<Error> {
        let failed = self.checks.into_iter().find_map(Result::err);
        failed.or(self.refused)
    }

    fn show(&self, session: &Session) {
        render::verify::show(session, &self.backup, &self.checks, self.refused.as_ref());
    }

    fn document(&self) -> Map<String, Value> {
        json::checks(&self.backup, &self.checks, self.failed(), &CommandLine)
    }
}

/// Checks the backups, one after the other.
pub fn run(session: &Session, paths: &[PathBuf]) -> Result<u8> {
    match paths {
        [path] => one(session, path),
        paths => several(session, paths),
    }
}

fn one(session: &Session, path: &Path) -> Result<u8> {
    let checked = check(session, path)?;
    if session.settings.json {
        session.screen.json(&checked.document());
        // The document already contains the error.
        return Ok(checked.failed().map_or(DONE, |error| error.kind().code()));
    }
    checked.show(session);
    checked.into_failed().map_or(Ok(DONE), Err)
}

/// A backup that fails does not keep the others from being checked.
fn several(session: &Session, paths: &[PathBuf]) -> Result<u8> {
    let mut tally = Tally::default();
    let is_text = !session.settings.json;
    for path in paths {
        if is_text {
            session
                .screen
                .say(&session.screen.bold(&escaped_path(path)));
        }
        match check(session, path) {
            Ok(checked) => {
                tally.add(checked.document(), checked.failed());
                if is_text {
                    checked.show(session);
                    checked
                        .failed()
                        .iter()
                        .for_each(|error| several::tell(session, path, error));
                }
            }
            Err(error) => {
                let error = session.explain(error, true);
                if is_text {
                    several::tell(session, path, &error);
                }
                tally.add_error(path, error)?;
            }
        }
    }
    let code = tally.code();
    if is_text {
        session.screen.say(&summary(&tally));
    } else {
        session.screen.json(&tally.document());
    }
    Ok(code)
}

fn summary(tally: &Tally) -> String {
    match (tally.len(), tally.failed()) {
        (count, 0) => format!("\n{count} backups checked, no errors found."),
        (count, failed) => format!("\n{count} backups checked, {failed} with errors."),
    }
}

/// # Errors
/// Those that keep it from being checked. Damage that was found is in the result.
fn check(session: &Session, path: &Path) -> Result<Checked> {
    let Unlocked { backup, keys } = key::unlock_all(session, session.open(path)?)?;
    if keys.is_some() && !backup.is_protected() {
        session
            .screen
            .warn("The backup is not encrypted; the password was not needed.");
    }
    let checks = haslim::verify::backup(&backup, keys.as_deref(), &session.control)?;
    backup.input.check_unchanged()?;
    let refused = refused(&backup);
    Ok(Checked {
        backup,
        checks,
        refused,
    })
}

/// The error for a backup whose parts are intact but that Home Assistant's own checks refuse.
fn refused(backup: &Backup) -> Option<Error> {
    let finding = backup
        .findings
        .iter()
        .find(|finding| finding.is_refused())?;
    let advice = if finding.is_mended() {
        "`haslim repair` writes a copy that Home Assistant accepts."
    } else {
        "Make a new backup, or use another one."
    };
    Some(Error::damaged(finding.text().trim_end_matches('.')).advice(advice))
}
