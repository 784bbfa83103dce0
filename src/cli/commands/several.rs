//! Several backups in one run.

use std::path::{Path, PathBuf};

use haslim::report::{json, words};
use haslim::{Error, Kind, Result};
use serde_json::{Map, Value};

use super::files::backups_in;
use crate::cli::render::escaped_path;
use crate::cli::render::terms::CommandLine;
use crate::cli::session::{DONE, Session};

/// The files that these paths name, in their order; a folder stands for the backups in it.
///
/// # Errors
/// As [`backups_in`].
pub fn files(session: &Session, paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(backups_in(session, path)?);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// How a run over several backups ends: with the code of the first one whose code is not 0, in the
/// order in which they were named.
#[derive(Debug, Default)]
pub struct Tally {
    first: Option<(u8, Value)>,
    failed: usize,
    rows: Vec<Value>,
}

impl Tally {
    /// Adds a backup with its document.
    pub fn add(&mut self, document: Map<String, Value>, failed: Option<&Error>) {
        if let Some(error) = failed {
            self.failed += 1;
            let body = document.get("error").cloned().unwrap_or_default();
            self.first.get_or_insert((error.kind().code(), body));
        }
        self.rows.push(document.into());
    }

    /// Adds a backup that ended with an error.
    ///
    /// # Errors
    /// The error itself if it ends the whole run, because the user stopped it.
    pub fn add_error(&mut self, path: &Path, error: Error) -> Result<()> {
        if matches!(error.kind(), Kind::Interrupted(_)) {
            return Err(error);
        }
        let mut document = json_error(&error);
        document.insert("file".into(), json::path(path).into());
        self.add(document, Some(&error));
        Ok(())
    }

    /// How many backups there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many of them failed.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.first.as_ref().map_or(DONE, |(code, _)| *code)
    }

    /// One document with all of them, and with the error that determines the exit code.
    pub fn document(self) -> Map<String, Value> {
        let mut all = Map::new();
        all.insert("schema".into(), json::SCHEMA.into());
        all.insert("backups".into(), self.rows.into());
        all.extend(self.first.map(|(_, error)| ("error".into(), error)));
        all
    }
}

/// Prints why one of several backups failed. The others follow.
pub fn tell(session: &Session, path: &Path, error: &Error) {
    let text = words::error(error, &CommandLine);
    session
        .screen
        .answer(&format!("error: {}: {text}", escaped_path(path)));
}

/// The document of an error.
pub fn json_error(error: &Error) -> Map<String, Value> {
    match json::error(error, &CommandLine) {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
