//! `extract`: what was extracted, or what would be.

use std::path::Path;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::{SCHEMA, error_body, object, path};
use crate::error::{Error, escape};
use crate::extract::{Extracted, Listed, PartDone};
use crate::open::Backup;
use crate::report::extracted::{how, place, why};
use crate::report::terms::Terms;

/// What `extract` did.
#[derive(Clone, Copy)]
pub struct Extraction<'a> {
    /// The backup.
    pub backup: &'a Backup,
    /// The folder or the archive; `None` if there is no archive.
    pub output: Option<&'a Path>,
    /// `folder`, or the form of the archive.
    pub format: &'a str,
    /// What was extracted.
    pub extracted: &'a Extracted,
    /// What selectors did not match, and other warnings.
    pub warnings: &'a [String],
    /// The error that determines the exit code.
    pub error: Option<&'a Error>,
    /// The names of the program's options.
    pub terms: &'a dyn Terms,
}

impl Extraction<'_> {
    /// The document.
    pub fn document(&self) -> Map<String, Value> {
        let Self {
            backup, extracted, ..
        } = *self;
        let mut all = object(json!({
            "schema": SCHEMA,
            "file": path(backup.input.path()),
            "output": self.output.map(path),
            "format": self.format,
            "encrypted": false,
            "files": extracted.files(),
            "bytes": extracted.bytes(),
            "components": extracted.parts.iter().map(|done| self.part(done)).collect::<Vec<_>>(),
            "left_out": left_out(backup, extracted),
            "changed": changed(backup, extracted),
            "warnings": self.warnings,
        }));
        let error = self.error.map(|error| error_body(error, self.terms));
        all.extend(error.map(|error| ("error".to_owned(), error)));
        all
    }

    fn part(&self, done: &PartDone) -> Value {
        json!({
            "id": self.backup.part(done.part).id,
            "folder": done.folder,
            "files": done.files,
            "folders": done.folders,
            "links": done.links,
            "bytes": done.bytes,
            "complete": done.is_complete(),
            "error": done.error.as_ref().map(|error| error_body(error, self.terms)),
        })
    }
}

fn left_out(backup: &Backup, extracted: &Extracted) -> Vec<Value> {
    let parts = extracted.parts.iter();
    let left_out = parts.flat_map(|done| done.left_out.iter().map(|one| (done.part, one)));
    left_out
        .map(|(part, one)| {
            json!({
                "path": place(backup, part, &one.path),
                "kind": one.kind.name(),
                "why": why(one),
            })
        })
        .collect()
}

fn changed(backup: &Backup, extracted: &Extracted) -> Vec<Value> {
    let parts = extracted.parts.iter();
    let changed = parts.flat_map(|done| done.changed.iter().map(|one| (done.part, one)));
    changed
        .map(|(part, one)| json!({"path": place(backup, part, &one.path), "how": how(one)}))
        .collect()
}

/// What `extract --list` prints. The entries are serialised one by one.
#[derive(Clone, Copy)]
pub struct ToExtract<'a> {
    /// The backup.
    pub backup: &'a Backup,
    /// The entries.
    pub listed: &'a [Listed],
    /// By part: the name of its folder.
    pub folders: &'a [String],
    /// What would be left out.
    pub extracted: &'a Extracted,
    /// What selectors did not match, and other warnings.
    pub warnings: &'a [String],
    /// The error that determines the exit code.
    pub error: Option<&'a Error>,
    /// The names of the program's options.
    pub terms: &'a dyn Terms,
}

impl Serialize for ToExtract<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Document<'a> {
            schema: u32,
            file: String,
            files: u64,
            bytes: u64,
            entries: Entries<'a>,
            left_out: Vec<Value>,
            changed: Vec<Value>,
            warnings: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<Value>,
        }
        Document {
            schema: SCHEMA,
            file: path(self.backup.input.path()),
            files: self.extracted.files(),
            bytes: self.extracted.bytes(),
            entries: Entries(*self),
            left_out: left_out(self.backup, self.extracted),
            changed: changed(self.backup, self.extracted),
            warnings: self.warnings,
            error: self.error.map(|error| error_body(error, self.terms)),
        }
        .serialize(serializer)
    }
}

struct Entries<'a>(ToExtract<'a>);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ToExtract {
            backup,
            listed,
            folders,
            ..
        } = self.0;
        serializer.collect_seq(listed.iter().map(|one| {
            json!({
                "path": place(backup, one.part, &one.path),
                "to": output_path(folders, one),
                "kind": one.kind.name(),
                "size": one.size,
                "mtime": one.mtime,
            })
        }))
    }
}

/// Where an entry is below the output folder, escaped.
pub fn output_path(folders: &[String], one: &Listed) -> String {
    let folder = folders.get(one.part).map_or("", String::as_str);
    if one.path.is_empty() {
        folder.to_owned()
    } else {
        format!("{folder}/{}", escape(&one.path))
    }
}
