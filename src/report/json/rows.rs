//! `ls` with options: the rows that text shows, serialised one by one.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{SCHEMA, error_body, path};
use crate::error::Error;
use crate::open::Backup;
use crate::report::listing::{self, Listing, What};
use crate::report::terms::Terms;

/// The output of `ls --json` with an option that says what to list.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// The backup.
    pub backup: &'a Backup,
    /// The rows.
    pub listing: &'a Listing,
    /// The error of a part that could not be read.
    pub error: Option<&'a Error>,
    /// The names of the program's options.
    pub terms: &'a dyn Terms,
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Document<'a> {
            schema: u32,
            file: String,
            size: u64,
            rows: List<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<Value>,
        }
        Document {
            schema: SCHEMA,
            file: path(self.backup.input.path()),
            size: self.listing.whole,
            rows: List(*self),
            error: self.error.map(|error| error_body(error, self.terms)),
        }
        .serialize(serializer)
    }
}

struct List<'a>(Rows<'a>);

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = self.0.listing.rows.iter();
        serializer.collect_seq(rows.map(|row| body(self.0.backup, row)))
    }
}

#[derive(Serialize)]
struct Row {
    /// `backup`, `found`, `component`, `folder`, `file`, or `more` for several that are not shown.
    kind: &'static str,
    level: usize,
    /// `COMPONENT:PATH`; a slash marks a folder. Null for a sum.
    path: Option<String>,
    size: u64,
    stored_bytes: u64,
    files: u64,
    /// When the newest file was changed: seconds since 1970. Null without files.
    mtime: Option<i64>,
    /// How many paths a sum stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    /// What all its files are; null if nothing is known, or not the same about all of them.
    mark: Option<&'static str>,
    /// The argument of `--drop` for exactly this path; null if there is none.
    selector: Option<String>,
}

fn body(backup: &Backup, row: &listing::Row) -> Row {
    let place = row.place();
    let (kind, count) = match &row.what {
        What::Whole => ("backup", None),
        What::Found(count) => ("found", Some(*count)),
        What::Part { place, .. } if place.path.is_empty() => ("component", None),
        What::Part { place, .. } | What::Path { place, .. } if place.folder => ("folder", None),
        What::Part { .. } | What::Path { .. } => ("file", None),
        What::Alike { count, .. } => ("alike", Some(*count)),
        What::More { count, .. } => ("more", Some(*count)),
    };
    Row {
        kind,
        level: row.level,
        path: place.map(|place| place.text(backup)),
        size: row.totals.unpacked,
        stored_bytes: row.totals.stored,
        files: row.totals.files,
        mtime: row.totals.newest,
        count,
        mark: row.mark.map(listing::Mark::word),
        selector: place.and_then(|place| place.selector(backup)),
    }
}
