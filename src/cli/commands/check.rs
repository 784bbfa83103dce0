//! `haslim info --check`: whether backups fit the limit. Reads only what names the parts and says
//! how large they are, so that it takes no time and needs no key.

use std::path::{Path, PathBuf};

use haslim::open::Backup;
use haslim::report::{json, words};
use haslim::{Error, Kind, Result};

use super::several::{self, Tally};
use crate::cli::render::escaped_path;
use crate::cli::session::Session;

/// Prints a line for each backup. The exit code is that of the first one that does not fit or
/// cannot be read.
///
/// # Errors
/// That of a backup that cannot be read, if it is the only one; `Interrupted`.
pub fn run(session: &Session, paths: &[PathBuf]) -> Result<u8> {
    let files = several::files(session, paths)?;
    let is_only = matches!(paths, [path] if !path.is_dir());
    let mut tally = Tally::default();
    for path in &files {
        match session.open_repairable(path) {
            Ok(backup) => check(session, path, &backup, &mut tally),
            Err(error) if is_only => return Err(error),
            Err(error) => {
                let error = session.explain(error, false);
                if !session.settings.json {
                    several::tell(session, path, &error);
                }
                tally.add_error(path, error)?;
            }
        }
    }
    let code = tally.code();
    if session.settings.json {
        let document = tally.document();
        let only = document.get("backups").and_then(|rows| rows.get(0));
        match only.filter(|_| is_only) {
            Some(row) => session.screen.json(row),
            None => session.screen.json(&document),
        }
    }
    Ok(code)
}

fn check(session: &Session, path: &Path, backup: &Backup, tally: &mut Tally) {
    let limit = session.settings.limit;
    let mut document = json::info(backup, limit);
    let size = words::against_limit_in_short(backup.input.len(), limit);
    let too_big = (backup.input.len() > limit).then(|| {
        Error::new(Kind::CannotFit, format!("the backup is too big: {size}"))
            .advice("`haslim plan` shows what could be left out.")
    });
    if let Some(body) = too_big.as_ref().map(several::json_error) {
        document.extend(body);
    }
    let verdict = if too_big.is_some() { "too big" } else { "fits" };
    let shown = escaped_path(path);
    session.screen.as_is(&format!("{shown}: {verdict}: {size}"));
    tally.add(document, too_big.as_ref());
}
