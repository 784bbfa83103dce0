//! `haslim info`: one backup, or one line per backup in a folder.

use std::path::{Path, PathBuf};

use comfy_table::Cell;
use haslim::finding::Finding;
use haslim::open::Backup;
use haslim::pipe::Input;
use haslim::report::{json, words};
use haslim::{Error, Result, size};
use walkdir::WalkDir;

use crate::cli::render::{escaped_path, next_steps, tables};
use crate::cli::session::{DONE, Session};

/// Prints what is inside.
pub fn run(session: &Session, path: &Path) -> Result<u8> {
    if path.is_dir() {
        folder(session, path)
    } else {
        one(session, path)
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

/// Every file in the folder that looks like a backup; what cannot be read gets a line too.
fn folder(session: &Session, path: &Path) -> Result<u8> {
    // The folder itself has to be readable; what vanishes from it meanwhile is no backup.
    std::fs::read_dir(path).map_err(|e| {
        Error::input(
            e,
            &format!("cannot look into the folder {}", path.display()),
        )
        .advice("Check the path and the permissions.")
    })?;
    let files = WalkDir::new(path)
        .max_depth(1)
        .sort_by_file_name()
        .into_iter()
        .filter_map(|e| e.ok());
    let backups = files
        .filter(|e| e.file_type().is_file() && e.path().extension().is_some_and(|x| x == "tar"));
    let open = |path: &Path| Backup::read(Input::open(path)?, &session.control);
    let opened: Vec<_> = backups
        .map(|e| (e.path().to_owned(), open(e.path())))
        .collect();
    session.control.check()?;
    let limit = session.settings.limit;
    if session.settings.json {
        let rows: Vec<_> = opened
            .iter()
            .map(|(path, backup)| match backup {
                Ok(backup) => serde_json::Value::Object(json::info(backup, limit)),
                Err(e) => {
                    let mut value = json::error(e);
                    value["file"] = json::path(path).into();
                    value
                }
            })
            .collect();
        session
            .screen
            .json(&serde_json::json!({"schema": json::SCHEMA, "backups": rows}));
        return Ok(DONE);
    }
    if opened.is_empty() {
        session.screen.say(&format!(
            "There are no backups in {}: no file whose name ends in .tar.",
            escaped_path(path)
        ));
        return Ok(DONE);
    }
    let cells = |(path, backup): &(PathBuf, Result<Backup>)| {
        let file = haslim::error::escape(path.file_name().unwrap_or_default().as_encoded_bytes());
        match backup {
            Ok(backup) => row(file, backup, limit),
            Err(e) => vec![
                Cell::new(file),
                Cell::new(haslim::error::printable(&format!("not readable: {e}"))),
            ],
        }
    };
    session
        .screen
        .as_is(&tables::backups(opened.iter().map(cells).collect()));
    Ok(DONE)
}

/// The encryption of all parts in a word.
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
