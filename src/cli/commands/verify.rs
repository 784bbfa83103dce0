//! `haslim verify`: checks a backup for damage.

use std::path::Path;

use haslim::job::Unlocked;
use haslim::open::Backup;
use haslim::report::json;
use haslim::{Error, Result};

use crate::cli::key;
use crate::cli::render;
use crate::cli::render::terms::CommandLine;
use crate::cli::session::{DONE, Session};

/// Checks the backup. The exit code is that of the first part that failed.
pub fn run(session: &Session, path: &Path) -> Result<u8> {
    let Unlocked { backup, keys } = key::unlock_all(session, session.open(path)?)?;
    if keys.is_some() && !backup.is_protected() {
        session
            .screen
            .warn("The backup is not encrypted; the password was not needed.");
    }
    let checks = haslim::verify::backup(&backup, keys.as_deref(), &session.control)?;
    backup.input.check_unchanged()?;
    let refused = refused(&backup);
    if session.settings.json {
        let failed = checks.iter().find_map(|check| check.as_ref().err());
        let failed = failed.or(refused.as_ref());
        let document = json::checks(&backup, &checks, failed, &CommandLine);
        session.screen.json(&document);
        // The document already contains the error.
        return Ok(failed.map_or(DONE, |error| error.kind().code()));
    }
    render::verify::show(session, &backup, &checks, refused.as_ref());
    let failed = checks.into_iter().find_map(Result::err);
    failed.or(refused).map_or(Ok(DONE), Err)
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
