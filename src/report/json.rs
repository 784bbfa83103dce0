//! The stable JSON of `--json`, `"schema": 1`. Keys are only ever added.

mod entries;
mod extracted;
#[cfg(feature = "homeassistant")]
pub mod home;
mod rows;

pub use entries::Entries;
pub use extracted::{Extraction, ToExtract, output_path};
pub use rows::Rows;

use std::io;

use serde_json::{Map, Value, json};

use crate::bench::Report;
use crate::error::{Error, Result, escape, is_unsafe};
use crate::finding::Finding;
use crate::format::securetar::Version;
use crate::open::Backup;
use crate::pipe::Control;
use crate::plan::Plan;
use crate::plan::facts::{Lasting, LastingFile};
use crate::report::drops::{DropView, WayOut};
use crate::report::largest::largest;
use crate::report::names;
use crate::report::notes;
use crate::report::plan_view::PlanView;
use crate::report::terms::Terms;
use crate::rest::{self, Joined};
use crate::rules::{Catalogue, Class, Rule};
use crate::survey::PartSurvey;
use crate::verify::PartCheck;

/// The version of everything here.
pub const SCHEMA: u32 = 1;

/// Writes a value on many lines, and a line end. Characters that a terminal would interpret are
/// written as `\u....`, which is equivalent JSON. Memory does not grow with the value.
///
/// # Errors
/// Errors of the writer, or for a value that cannot be expressed in JSON.
pub fn write(value: &impl serde::Serialize, out: impl io::Write) -> io::Result<()> {
    let mut safe = Spelled(out);
    serde_json::to_writer_pretty(&mut safe, value)?;
    safe.0.write_all(b"\n")?;
    safe.0.flush()
}

/// Escapes characters that a terminal would interpret. serde_json passes whole characters.
struct Spelled<W>(W);

impl<W: io::Write> io::Write for Spelled<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let mut plain = 0;
        for (at, c) in text
            .char_indices()
            .filter(|&(_, c)| c != '\n' && is_unsafe(c))
        {
            self.0
                .write_all(text.get(plain..at).unwrap_or_default().as_bytes())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(self.0, "\\u{unit:04x}")?;
            }
            plain = at + c.len_utf8();
        }
        self.0
            .write_all(text.get(plain..).unwrap_or_default().as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The path of a file in a form that can be opened. If it is not UTF-8, it is escaped as in texts.
pub fn path(path: &std::path::Path) -> String {
    path.to_str().map_or_else(
        || escape(path.as_os_str().as_encoded_bytes()),
        str::to_owned,
    )
}

/// `info`: one backup and its parts.
pub fn info(backup: &Backup, limit: u64) -> Map<String, Value> {
    let size = backup.input.len();
    let components: Vec<Value> = backup
        .parts
        .iter()
        .map(|part| {
            json!({
                "id": part.id,
                "name": names::part(backup, part),
                "kind": part.kind.name(),
                "member": backup.member(part).display_name(),
                "stored_bytes": backup.stored(part),
                "securetar": part.version().map(|v| v.number()),
                "listed": part.listed,
                "fault": part.fault.as_ref().map(ToString::to_string),
            })
        })
        .collect();
    object(json!({
        "schema": SCHEMA,
        "file": path(backup.input.path()),
        "size": size,
        "limit": limit,
        "fits": size <= limit,
        "slug": backup.manifest.slug(),
        "name": backup.manifest.name(),
        "date": backup.manifest.date(),
        "type": backup.manifest.kind(),
        "protected": backup.is_protected(),
        "mixed": backup.findings.iter().any(|finding| matches!(finding, Finding::Mixed { .. })),
        "compressed": backup.manifest.compressed(),
        "securetar": backup.version().map(|v| v.number()),
        "homeassistant_version": backup.manifest.homeassistant_version(),
        "components": components,
        "warnings": backup.warnings(),
    }))
}

/// The files that nobody makes again: how many, from when, and the largest.
fn lasting(lasting: &Lasting) -> Value {
    let file = |file: &LastingFile| {
        json!({
            "path": escape(&file.path),
            "stored_bytes": file.stored,
            "mtime": file.mtime,
            "harm": file.harm.name(),
        })
    };
    json!({
        "files": lasting.files,
        "stored_bytes": lasting.stored,
        "first_mtime": lasting.span.map(|(first, _)| first),
        "last_mtime": lasting.span.map(|(_, last)| last),
        "largest": lasting.largest.iter().map(file).collect::<Vec<_>>(),
    })
}

fn drop_row(view: &DropView<'_>) -> Value {
    let facts = view.facts;
    json!({
        "target": view.targets.join(" "),
        "targets": view.targets,
        "component": view.component,
        "rule": facts.rule().map(|rule| &rule.id),
        "class": facts.class().map(Class::name),
        "harm": facts.harm.name(),
        "irreplaceable": facts.harm.is_irreplaceable(),
        "destroyed_on_restore": facts.is_destroyed_on_restore(),
        "oldest_of": facts.oldest_of.map(|all| json!({"files": all.files, "stored_bytes": all.stored})),
        "lasting": lasting(&facts.loss.lasting),
        "stored_bytes": facts.stored_bytes,
        "files": facts.files,
        "lost": view.lost,
        "on_restore": view.on_restore,
        "title": view.title,
        "advice": view.advice,
    })
}

/// How many of the largest paths `plan` lists.
pub const LARGEST: usize = 10;

/// `plan`: all of `info`, and the plan.
///
/// `damaged` lists the parts that a copy would keep although they are damaged, as far as they were
/// checked.
///
/// # Errors
/// `Interrupted`.
pub fn plan(
    backup: &Backup,
    surveys: &[PartSurvey],
    view: &PlanView<'_>,
    damaged: &[(&str, &Error)],
    terms: &dyn Terms,
    control: &Control,
) -> Result<Map<String, Value>> {
    let plan = view.plan;
    let mut all = info(backup, plan.limit);
    let drops: Vec<Value> = view.drops.iter().map(drop_row).collect();
    let largest: Vec<Value> = largest(backup, surveys, plan, LARGEST, control)?
        .into_iter()
        .map(|large| json!({"path": large.place, "stored_bytes": large.stored, "files": large.files, "dropped_bytes": large.dropped}))
        .collect();
    all.insert(
        "warnings".into(),
        backup
            .warnings()
            .into_iter()
            .chain(view.warnings.iter().cloned())
            .collect(),
    );
    all.extend(object(json!({
        "predicted_size": plan.predicted_size,
        "predicted_exact": !plan.is_estimate(),
        "compressed_parts": compressed_parts(backup, plan),
        "predicted_fits": plan.predicted_size <= plan.limit,
        "outcome": plan.outcome.name(),
        "drops": drops,
        "ways_out": ways_out(view),
        "notes": view.notes,
        "largest": largest,
        "damaged": damaged.iter().map(|(id, error)| json!({"id": id, "error": error_body(error, terms)})).collect::<Vec<_>>(),
    })));
    Ok(all)
}

/// The parts that are compressed from their beginning to their end. How long that takes differs
/// from run to run, so only the notes say it, roughly.
fn compressed_parts(backup: &Backup, plan: &Plan) -> Vec<Value> {
    let parts = backup.parts.iter().zip(&plan.parts);
    let parts = parts.filter_map(|(part, planned)| Some((part, planned, planned.compressing?)));
    parts
        .map(|(part, planned, how)| {
            json!({
                "id": part.id,
                "why": how.why.name(),
                "stored_bytes": backup.stored(part),
                "predicted_bytes": planned.predicted,
                "exact": how.is_exact,
                "level": how.level,
            })
        })
        .collect()
}

/// A written copy: the values that `size`, `fits`, `slug` and `name` of [`info`] have for the
/// original.
#[derive(Debug)]
pub struct Copy<'a> {
    /// Where it is.
    pub path: &'a std::path::Path,
    /// Its bytes.
    pub size: u64,
    /// Whether the size is within the limit.
    pub fits: bool,
    /// Its own id in Home Assistant.
    pub slug: &'a str,
    /// Its own name in Home Assistant.
    pub name: &'a str,
    /// Whether it is encrypted.
    pub protected: bool,
    /// Its SecureTar version.
    pub securetar: Option<Version>,
    /// The rest beside it.
    pub rest: Option<Rest<'a>>,
    /// Whether it was read back and compared.
    pub verified: bool,
    /// How long everything took.
    pub seconds: f64,
}

/// A written rest.
#[derive(Debug)]
pub struct Rest<'a> {
    /// Where it is.
    pub path: &'a std::path::Path,
    /// Its bytes.
    pub size: u64,
    /// Its id in Home Assistant.
    pub slug: &'a str,
    /// Its name in Home Assistant.
    pub name: &'a str,
}

impl Copy<'_> {
    fn object(&self) -> Map<String, Value> {
        let rest = self.rest.as_ref().map(|rest| {
            json!({
                "output": path(rest.path),
                "size": rest.size,
                "slug": rest.slug,
                "name": rest.name,
            })
        });
        let mut all = object(json!({
            "output": path(self.path),
            "output_size": self.size,
            "output_fits": self.fits,
            "output_slug": self.slug,
            "output_name": self.name,
            "output_protected": self.protected,
            "output_securetar": self.securetar.map(Version::number),
            "verified": self.verified,
            "seconds": self.seconds,
        }));
        all.extend(rest.map(|rest| ("rest".to_owned(), rest)));
        all
    }
}

/// `plan` that ends with an exit code other than 0: all of `plan`, and the reason.
pub fn refused(
    mut all: Map<String, Value>,
    error: &Error,
    terms: &dyn Terms,
) -> Map<String, Value> {
    all.insert("error".into(), error_body(error, terms));
    all
}

/// `shrink`: all of `plan`, and what was done.
///
/// `all` is the result of [`plan`]. `unseen` lists the parts that could not be checked for damage,
/// mostly because the key was missing.
pub fn shrink(mut all: Map<String, Value>, copy: &Copy<'_>, unseen: &[&str]) -> Map<String, Value> {
    all.extend(copy.object());
    all.insert("unchecked".into(), unseen.to_vec().into());
    all
}

/// `shrink` that has nothing to write: all of `plan`, and that there is no output. `error` is the
/// reason, unless it is no error.
pub fn nothing_written(
    mut all: Map<String, Value>,
    error: Option<&Error>,
    terms: &dyn Terms,
) -> Map<String, Value> {
    all.insert("output".into(), Value::Null);
    match error {
        Some(error) => refused(all, error, terms),
        None => all,
    }
}

/// `bench --make`: the new backup.
pub fn made(output: &std::path::Path, size: u64) -> Map<String, Value> {
    object(json!({"schema": SCHEMA, "output": path(output), "output_size": size}))
}

/// A scan that was written.
#[derive(Debug)]
pub struct Saved<'a> {
    /// Where it is.
    pub output: &'a std::path::Path,
    /// Its bytes.
    pub size: u64,
    /// The number of parts in it, and of entries in them.
    pub counts: (usize, usize),
    /// The ids of the parts that are not in it although they belong there, and why.
    pub left_out: &'a [(String, Error)],
}

/// `scan`: what was saved.
pub fn scan(backup: &Backup, saved: &Saved<'_>, terms: &dyn Terms) -> Map<String, Value> {
    let left_out = saved.left_out.iter();
    let (parts, entries) = saved.counts;
    object(json!({
        "schema": SCHEMA,
        "file": path(backup.input.path()),
        "output": path(saved.output),
        "output_size": saved.size,
        "parts": parts,
        "entries": entries,
        "left_out": left_out
            .map(|(id, error)| json!({"id": id, "error": error_body(error, terms)}))
            .collect::<Vec<_>>(),
    }))
}

/// `bench`: the measurements. If there is an `earlier` result, also how many times as fast each
/// measure is now (`gain`), and what makes the two hard to compare (`differences`).
pub fn bench(report: &Report, earlier: Option<&Report>) -> Value {
    let mut all = json!(report);
    let Some(earlier) = earlier else { return all };
    for (key, measures) in [("stages", &report.stages), ("whole", &report.whole)] {
        let rows = all
            .get_mut(key)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten();
        for (row, measure) in rows.zip(measures) {
            if let Some(row) = row.as_object_mut() {
                row.insert("gain".into(), json!(Report::gain(measure, earlier)));
            }
        }
    }
    if let Some(all) = all.as_object_mut() {
        all.insert("differences".into(), json!(report.differences(earlier)));
    }
    all
}

/// `repair`: the faults that were fixed in the copy.
pub fn repair(
    backup: &Backup,
    view: &PlanView<'_>,
    limit: u64,
    findings: &[Finding],
    copy: &Copy<'_>,
) -> Map<String, Value> {
    let findings: Vec<String> = findings.iter().map(Finding::text).collect();
    let mut all = info(backup, limit);
    all.extend(object(json!({"repaired": findings, "notes": view.notes})));
    all.extend(copy.object());
    all
}

/// `join`: the original, which was put together again.
pub fn join(joined: &Joined, seconds: f64) -> Map<String, Value> {
    object(json!({
        "schema": SCHEMA,
        "output": path(&joined.path),
        "output_size": joined.size,
        "sha256": rest::hex(&joined.sha256),
        "seconds": seconds,
    }))
}

/// `plan --why`: the sentences about one path.
pub fn why(place: &str, said: &[String]) -> Map<String, Value> {
    object(json!({"schema": SCHEMA, "path": escape(place.as_bytes()), "why": said}))
}

/// `verify`: what was checked in each part, and what cannot be checked. `failed` is the error that
/// determines the exit code.
pub fn checks(
    backup: &Backup,
    checks: &[Result<PartCheck, Error>],
    failed: Option<&Error>,
    terms: &dyn Terms,
) -> Map<String, Value> {
    let parts: Vec<Value> = checks
        .iter()
        .zip(&backup.parts)
        .map(|(check, part)| match check {
            Ok(check) => json!({
                "id": part.id,
                "ok": true,
                "entries": check.entries,
                "plaintext_bytes": check.plaintext_bytes,
                "evidence": check.evidence.text(),
                "warnings": notes::of_check(backup, check, terms),
            }),
            Err(e) => json!({"id": part.id, "ok": false, "error": error_body(e, terms)}),
        })
        .collect();
    let mut all = object(
        json!({"schema": SCHEMA, "file": path(backup.input.path()), "ok": failed.is_none(), "components": parts, "warnings": backup.warnings()}),
    );
    all.extend(failed.map(|error| ("error".into(), error_body(error, terms))));
    all
}

/// `rules`: the catalogue, including rules that are switched off; or only one of its rules.
pub fn rules(catalogue: &Catalogue, only: Option<&Rule>) -> Map<String, Value> {
    let rules = only.map_or(catalogue.rules(), std::slice::from_ref);
    object(
        json!({"schema": SCHEMA, "version": catalogue.version, "rules": rules, "never": catalogue.never()}),
    )
}

/// Any error.
pub fn error(error: &Error, terms: &dyn Terms) -> Value {
    json!({"schema": SCHEMA, "error": error_body(error, terms)})
}

fn ways_out(view: &PlanView<'_>) -> Vec<Value> {
    let way = |way: &WayOut| {
        json!({
            "options": way.options,
            "args": way.brief.args,
            "title": way.brief.title,
            "stored_bytes": way.brief.bytes,
            "harm": way.harm.name(),
            "irreplaceable": way.harm.is_irreplaceable(),
            "destroyed_on_restore": way.is_destroyed_on_restore,
            "lost": way.lost,
            "predicted_size": way.predicted_size,
        })
    };
    view.ways_out.iter().map(way).collect()
}

fn error_body(error: &Error, terms: &dyn Terms) -> Value {
    json!({
        "code": error.kind().code(),
        "kind": error.kind().name(),
        "message": error.message(),
        "part": error.part(),
        "offset": error.offset(),
        "advice": error.next_step().map(|advice| terms.advice(advice)),
    })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
