//! The stable JSON of `--json`, `"schema": 1`. Keys are only ever added.

mod entries;

pub use entries::Entries;

use serde_json::{Map, Value, json};

use crate::error::{Error, escape};
use crate::open::Backup;
use crate::plan::Plan;
use crate::rules::Catalogue;
use crate::verify::PartCheck;

/// The version of everything here.
pub const SCHEMA: u32 = 1;

/// `info`: one backup and its parts.
pub fn info(backup: &Backup, limit: u64) -> Map<String, Value> {
    let size = backup.input.len();
    let components: Vec<Value> = backup
        .parts
        .iter()
        .map(|part| {
            json!({
                "id": part.id,
                "kind": part.kind.name(),
                "member": backup.member(part).display_name(),
                "stored_bytes": backup.stored(part),
                "securetar": part.version().map(|v| v.number()),
                "listed": part.listed,
            })
        })
        .collect();
    object(json!({
        "schema": SCHEMA,
        "file": escape(backup.input.path().as_os_str().as_encoded_bytes()),
        "size": size,
        "limit": limit,
        "fits": size <= limit,
        "slug": backup.manifest.slug(),
        "name": backup.manifest.name(),
        "date": backup.manifest.date(),
        "type": backup.manifest.kind(),
        "protected": backup.is_protected(),
        "compressed": backup.manifest.compressed(),
        "securetar": backup.version().map(|v| v.number()),
        "homeassistant_version": backup.manifest.homeassistant_version(),
        "components": components,
        "warnings": backup.warnings,
    }))
}

/// `plan`: all of `info` and what is to be done.
pub fn plan(backup: &Backup, plan: &Plan) -> Map<String, Value> {
    let mut all = info(backup, plan.limit);
    let drops: Vec<Value> = plan
        .drops
        .iter()
        .map(|row| {
            json!({
                "target": row.target,
                "component": row.component,
                "rule": row.rule,
                "class": row.class,
                "stored_bytes": row.stored_bytes,
                "files": row.files,
                "lost": row.lost,
                "on_restore": row.on_restore,
                "title": row.title,
                "advice": row.advice,
            })
        })
        .collect();
    let ways: Vec<Value> =
        plan.ways_out.iter().map(|way| json!({"options": way.options, "lost": way.lost, "predicted_size": way.predicted_size})).collect();
    all.extend(object(json!({
        "predicted_size": plan.predicted_size,
        "outcome": plan.outcome.name(),
        "drops": drops,
        "ways_out": ways,
        "notes": plan.notes,
    })));
    all
}

/// `shrink`: all of `plan` and what was done.
pub fn shrink(backup: &Backup, made: &Plan, output: &std::path::Path, size: u64, verified: bool, seconds: f64) -> Map<String, Value> {
    let mut all = plan(backup, made);
    all.extend(object(json!({
        "output": escape(output.as_os_str().as_encoded_bytes()),
        "output_size": size,
        "verified": verified,
        "seconds": seconds,
    })));
    all
}

/// `bench --make`: the backup that was made.
pub fn made(output: &std::path::Path, size: u64) -> Map<String, Value> {
    object(json!({"schema": SCHEMA, "output": escape(output.as_os_str().as_encoded_bytes()), "output_size": size}))
}

/// `repair`: what was wrong and is right in the copy.
pub fn repair(backup: &Backup, limit: u64, findings: &[String], output: &std::path::Path, size: u64, seconds: f64) -> Map<String, Value> {
    let mut all = info(backup, limit);
    all.extend(object(json!({
        "repaired": findings,
        "output": escape(output.as_os_str().as_encoded_bytes()),
        "output_size": size,
        "verified": true,
        "seconds": seconds,
    })));
    all
}

/// `verify`: what was checked in each part, and what nothing can check.
pub fn checks(backup: &Backup, checks: &[Result<PartCheck, Error>]) -> Map<String, Value> {
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
                "warnings": check.warnings,
            }),
            Err(e) => json!({"id": part.id, "ok": false, "error": error_body(e)}),
        })
        .collect();
    let ok = checks.iter().all(Result::is_ok);
    object(
        json!({"schema": SCHEMA, "file": escape(backup.input.path().as_os_str().as_encoded_bytes()), "ok": ok, "components": parts, "warnings": backup.warnings}),
    )
}

/// `rules`: the catalogue, rules that are switched off included.
pub fn rules(catalogue: &Catalogue) -> Map<String, Value> {
    object(json!({"schema": SCHEMA, "version": catalogue.version, "rules": catalogue.rules(), "never": catalogue.never()}))
}

/// Any error.
pub fn error(error: &Error) -> Value {
    json!({"schema": SCHEMA, "error": error_body(error)})
}

fn error_body(error: &Error) -> Value {
    json!({
        "code": error.kind().code(),
        "kind": error.kind().name(),
        "message": error.message(),
        "part": error.part(),
        "offset": error.offset(),
        "advice": error.next_step(),
    })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
