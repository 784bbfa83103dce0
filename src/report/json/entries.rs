//! `ls`: every entry of the surveyed parts. They are serialised one by one, because a backup may
//! have millions.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{SCHEMA, error_body, path};
use crate::error::{Error, escape};
use crate::open::{Backup, config_path};
use crate::plan::Selector;
use crate::report::terms::Terms;
use crate::survey::{Entry, PartSurvey};

/// The output of `ls --json`. Holds no copies of entries.
#[derive(Clone, Copy)]
pub struct Entries<'a> {
    /// The backup.
    pub backup: &'a Backup,
    /// The parts that were read.
    pub surveys: &'a [PartSurvey],
    /// The error of a part that could not be read.
    pub error: Option<&'a Error>,
    /// The names of the program's options.
    pub terms: &'a dyn Terms,
}

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Document<'a> {
            schema: u32,
            file: String,
            components: Components<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<Value>,
        }
        let file = path(self.backup.input.path());
        Document {
            schema: SCHEMA,
            file,
            components: Components(*self),
            error: self.error.map(|error| error_body(error, self.terms)),
        }
        .serialize(serializer)
    }
}

struct Components<'a>(Entries<'a>);

impl Serialize for Components<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.surveys.iter().map(|survey| Component {
            backup: self.0.backup,
            survey,
        }))
    }
}

#[derive(Clone, Copy)]
struct Component<'a> {
    backup: &'a Backup,
    survey: &'a PartSurvey,
}

impl Serialize for Component<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            id: &'a str,
            stored_bytes: u64,
            overhead_bytes: u64,
            entries: List<'a>,
        }
        let part = self.backup.part(self.survey.part);
        let (stored_bytes, overhead_bytes) = (self.backup.stored(part), self.survey.overhead);
        Body {
            id: &part.id,
            stored_bytes,
            overhead_bytes,
            entries: List(*self),
        }
        .serialize(serializer)
    }
}

struct List<'a>(Component<'a>);

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Component { backup, survey } = self.0;
        let (part, version) = (backup.part(survey.part), backup.manifest.version());
        let one = |e: &Entry| Row {
            path: escape(&e.name),
            kind: e.kind.name(),
            size: e.size,
            stored_bytes: e.stored,
            mtime: e.mtime,
            selector: config_path(part.kind, version, &e.name)
                .and_then(|path| Selector::text_of(&part.id, path)),
        };
        serializer.collect_seq(survey.entries.iter().map(one))
    }
}

#[derive(Serialize)]
struct Row {
    path: String,
    kind: &'static str,
    size: u64,
    stored_bytes: u64,
    /// When it was changed: seconds since 1970.
    mtime: i64,
    /// The argument of `--drop` for exactly this path; null if there is none.
    selector: Option<String>,
}
