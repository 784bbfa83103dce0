//! `haslim info`: one backup, or one line per backup in a folder.

use std::path::{Path, PathBuf};

use haslim::Result;
use haslim::open::Backup;
use haslim::pipe::Input;
use haslim::report::json;
use haslim::report::shelf::{self, Mark};

use super::files::backups_in;
use super::several;
use crate::cli::render::terms::CommandLine;
use crate::cli::render::{self, escaped_path};
use crate::cli::session::{DONE, Session};

/// A file, and the backup in it as far as it can be read.
type Opened = (PathBuf, Result<Backup>);

/// Prints the contents of one backup, or a line for each of several.
pub fn run(session: &Session, paths: &[PathBuf]) -> Result<u8> {
    match paths {
        [path] if path.is_dir() => list(session, backups_in(session, path)?, Some(path)),
        [path] => one(session, path),
        paths => list(session, several::files(session, paths)?, None),
    }
}

fn one(session: &Session, path: &Path) -> Result<u8> {
    let backup = session.open_repairable(path)?;
    let limit = session.settings.limit;
    if session.settings.json {
        session.screen.json(&json::info(&backup, limit));
        return Ok(DONE);
    }
    render::info::show(session, &backup);
    Ok(DONE)
}

/// Lists these files, which were found in a folder or else named. A file that cannot be read gets a
/// line too; if it was named, the exit code is that of the first such file.
fn list(session: &Session, files: Vec<PathBuf>, folder: Option<&Path>) -> Result<u8> {
    let opened: Vec<Opened> = files
        .into_iter()
        .map(|path| {
            let backup = Input::open(&path).and_then(|file| Backup::read(file, &session.control));
            (path, backup)
        })
        .collect();
    session.control.check()?;
    let limit = session.settings.limit;
    let first = opened.iter().find_map(|(_, backup)| backup.as_ref().err());
    let first = first.filter(|_| folder.is_none());
    let code = first.map_or(DONE, |error| error.kind().code());
    if session.settings.json {
        let rows: Vec<_> = shelf::order(&opened)
            .into_iter()
            .filter_map(|(at, mark)| Some(json_row(&opened, opened.get(at)?, mark, limit)))
            .collect();
        let mut document = serde_json::Map::new();
        document.insert("schema".into(), json::SCHEMA.into());
        document.insert("backups".into(), rows.into());
        document.extend(first.map(several::json_error).unwrap_or_default());
        session.screen.json(&document);
        return Ok(code);
    }
    if let Some(path) = folder.filter(|_| opened.is_empty()) {
        session.screen.say(&format!(
            "There are no backups in {}: no file whose name ends in .tar.",
            escaped_path(path)
        ));
        return Ok(DONE);
    }
    render::folder::show(session, folder, &opened);
    Ok(code)
}

/// A backup or its error. `copy_of` is the path of the listed backup that it was made from.
fn json_row(
    files: &[Opened],
    (path, backup): &Opened,
    mark: Mark,
    limit: u64,
) -> serde_json::Value {
    let mut value = match backup {
        Ok(backup) => serde_json::Value::Object(json::info(backup, limit)),
        Err(e) => {
            let mut value = json::error(e, &CommandLine);
            value["file"] = json::path(path).into();
            value
        }
    };
    if let Mark::CopyOf(original) = mark {
        value["copy_of"] = files.get(original).map(|(path, _)| json::path(path)).into();
    }
    value
}
