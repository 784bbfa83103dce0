//! `haslim info`: one backup, or one line per backup in a folder.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use comfy_table::Cell;
use haslim::finding::Finding;
use haslim::open::Backup;
use haslim::pipe::Input;
use haslim::report::{json, words};
use haslim::{Error, Result, size};
use walkdir::WalkDir;

use super::several;
use crate::cli::render::terms::CommandLine;
use crate::cli::render::{escaped_path, next_steps, tables};
use crate::cli::session::{DONE, Session};

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
    let screen = &session.screen;
    let manifest = &backup.manifest;
    let name = haslim::error::escape(manifest.name().as_bytes());
    let safe = |text: &str| haslim::error::escape(text.as_bytes());
    screen.say(&format!(
        "{}  ({}, {}, slug {})",
        screen.bold(&name),
        safe(manifest.kind()),
        safe(manifest.date()),
        safe(manifest.slug())
    ));
    let version = manifest
        .homeassistant_version()
        .map_or("not included".into(), safe);
    screen.say(&format!(
        "Home Assistant {version}, {}",
        protection(&backup)
    ));
    screen.as_is(&tables::parts(&backup, limit));
    screen.say(&verdict(session, &backup));
    backup.warnings().iter().for_each(|w| screen.warn(w));
    next_steps::after_info(session, &backup);
    Ok(DONE)
}

fn protection(backup: &Backup) -> String {
    let mixed = backup.findings.iter().find_map(|finding| match finding {
        Finding::Mixed { encrypted, plain } => Some((encrypted, plain)),
        _ => None,
    });
    match (mixed, backup.version()) {
        (Some((encrypted, plain)), _) => {
            format!(
                "partly encrypted: {} encrypted, {} not encrypted",
                encrypted.join(", "),
                plain.join(", ")
            )
        }
        (None, Some(version)) => format!("encrypted (SecureTar v{})", version.number()),
        (None, None) => "not encrypted".into(),
    }
}

fn verdict(session: &Session, backup: &Backup) -> String {
    let (size, limit) = (backup.input.len(), session.settings.limit);
    let text = words::against_limit(size, limit);
    let fits = if size <= limit {
        session.screen.green("It fits")
    } else {
        session.screen.red("It does not fit")
    };
    let cloud = if backup.is_protected() {
        ""
    } else {
        " Home Assistant Cloud accepts only encrypted backups; this one is not."
    };
    format!("{fits}: {text}.{cloud}")
}

/// Lists these files, which were found in a folder or else named. A file that cannot be read gets a
/// line too; if it was named, the exit code is that of the first such file.
fn list(session: &Session, files: Vec<PathBuf>, folder: Option<&Path>) -> Result<u8> {
    let opened: Vec<_> = files
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
        let rows: Vec<_> = opened
            .iter()
            .map(|(path, backup)| json_row(path, backup, limit))
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
    let rows = opened.iter().map(|(file, backup)| {
        // Its path relative to the folder.
        let file = folder.map_or(file.as_path(), |path| {
            file.strip_prefix(path).unwrap_or(file)
        });
        let file = haslim::error::escape(file.as_os_str().as_encoded_bytes());
        match backup {
            Ok(backup) => row(file, backup, limit),
            Err(e) => vec![
                Cell::new(file),
                Cell::new(haslim::error::printable(&format!("not readable: {e}"))),
            ],
        }
    });
    session.screen.as_is(&tables::backups(rows.collect()));
    Ok(code)
}

/// The files whose names end in .tar, sorted by name, folder by folder. Links are followed, except
/// a link that leads back to a parent folder.
///
/// # Errors
/// If the folder itself cannot be read. A subfolder that cannot be read causes a warning, and a
/// file that disappears meanwhile is skipped.
pub fn backups_in(session: &Session, path: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |folder: &Path, error: walkdir::Error| {
        let doing = format!("cannot read the folder {}", folder.display());
        let error = error.into_io_error().unwrap_or(ErrorKind::Other.into());
        Error::input(error, &doing).advice("Check the path and the permissions.")
    };
    let mut found = Vec::new();
    for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
        session.control.check()?;
        match entry {
            Ok(entry) => {
                let named = entry.path().extension().is_some_and(|end| end == "tar");
                if named && entry.file_type().is_file() {
                    found.push(entry.into_path());
                }
            }
            Err(error) if error.depth() == 0 => return Err(unreadable(path, error)),
            Err(error) if is_nothing(&error) => {}
            Err(error) => {
                let folder = error.path().unwrap_or(path).to_owned();
                session.screen.warn(unreadable(&folder, error).message());
            }
        }
    }
    Ok(found)
}

/// A link to a parent folder, a broken link, or a file that has disappeared.
fn is_nothing(error: &walkdir::Error) -> bool {
    let gone = |error: &io::Error| error.kind() == ErrorKind::NotFound;
    error.loop_ancestor().is_some() || error.io_error().is_some_and(gone)
}

fn json_row(path: &Path, backup: &Result<Backup>, limit: u64) -> serde_json::Value {
    match backup {
        Ok(backup) => serde_json::Value::Object(json::info(backup, limit)),
        Err(e) => {
            let mut value = json::error(e, &CommandLine);
            value["file"] = json::path(path).into();
            value
        }
    }
}

/// The encryption of all parts, in one word.
fn encryption(backup: &Backup) -> String {
    if backup
        .findings
        .iter()
        .any(|finding| matches!(finding, Finding::Mixed { .. }))
    {
        return "mixed".into();
    }
    backup
        .version()
        .map_or("none".into(), |version| format!("v{}", version.number()))
}

fn row(file: String, backup: &Backup, limit: u64) -> Vec<Cell> {
    let bytes = backup.input.len();
    let date = backup
        .manifest
        .date()
        .get(..10)
        .unwrap_or(backup.manifest.date());
    vec![
        Cell::new(file),
        Cell::new(haslim::error::escape(backup.manifest.name().as_bytes())),
        Cell::new(haslim::error::escape(date.as_bytes())),
        tables::right(size::decimal(bytes)),
        tables::right(words::share(bytes, limit)),
        Cell::new(encryption(backup)),
        Cell::new(if bytes <= limit { "yes" } else { "no" }),
    ]
}
