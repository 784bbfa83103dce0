//! What Home Assistant stores, as JSON.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::SCHEMA;
use crate::error::escape;
use crate::homeassistant::{Address, CLOUD, File, Info, Instance, Source, Stored};

fn text(text: &str) -> String {
    escape(text.as_bytes())
}

/// A backup and its places.
pub fn stored(backup: &Stored, limit: u64) -> Value {
    let places = backup.agents.iter().map(|(agent, copy)| {
        json!({
            "agent": text(agent),
            "size": copy.size,
            "protected": copy.protected,
            "fits": copy.size <= limit,
        })
    });
    json!({
        "id": text(&backup.backup_id),
        "name": text(&backup.name),
        "date": text(backup.shown_date()),
        "automatic": backup.with_automatic_settings,
        "homeassistant": backup.homeassistant_included,
        "database": backup.database_included,
        "homeassistant_version": backup.homeassistant_version.as_deref().map(text),
        "copy": backup.is_copy(),
        "places": places.collect::<Vec<_>>(),
        "failed_agents": backup.failed_agent_ids.iter().map(|id| text(id)).collect::<Vec<_>>(),
    })
}

fn all(info: &Info, limit: u64) -> Vec<Value> {
    let backups = info.newest_first();
    backups
        .into_iter()
        .map(|backup| stored(backup, limit))
        .collect()
}

fn errors(info: &Info) -> Vec<Value> {
    let errors = info.agent_errors.iter();
    errors
        .map(|(agent, why)| json!({"agent": text(agent), "message": text(why)}))
        .collect()
}

/// `ha list`.
pub fn list(info: &Info, limit: u64) -> Value {
    json!({
        "schema": SCHEMA,
        "limit": limit,
        "backups": all(info, limit),
        "agent_errors": errors(info),
    })
}

/// An upload that is confirmed.
#[derive(Debug)]
pub struct Uploaded<'a> {
    /// What Home Assistant read about the file.
    pub file: &'a File,
    /// Where it is stored.
    pub agent: &'a str,
    /// What it replaced there.
    pub replaced: &'a [Stored],
    /// The warnings.
    pub warnings: &'a [String],
    /// The limit of the cloud.
    pub limit: u64,
    /// How long everything took.
    pub seconds: f64,
}

impl Uploaded<'_> {
    fn fields(&self) -> Map<String, Value> {
        let replaced = self.replaced.iter().map(|one| stored(one, self.limit));
        super::object(json!({
            "schema": SCHEMA,
            "agent": text(self.agent),
            "size": self.file.size,
            "id": text(&self.file.slug),
            "name": text(&self.file.name),
            "replaced": replaced.collect::<Vec<_>>(),
            "warnings": self.warnings,
            "seconds": self.seconds,
        }))
    }

    /// `ha upload`.
    pub fn document(&self, file: &Path) -> Value {
        let mut fields = self.fields();
        fields.insert("file".into(), super::path(file).into());
        fields.into()
    }

    /// `ha slim`: with what the upload was made from, and the files that are still there.
    pub fn slim(&self, source: &Source, kept: &[&Path]) -> Value {
        let mut fields = self.fields();
        let kept: Vec<String> = kept.iter().map(|file| super::path(file)).collect();
        fields.insert("kept".into(), kept.into());
        fields.insert("from".into(), self::source(source));
        fields.into()
    }
}

fn source(source: &Source) -> Value {
    json!({
        "id": text(&source.id),
        "name": text(&source.name),
        "agent": text(&source.agent),
        "size": source.size,
    })
}

/// `ha fetch`.
pub fn fetched(from: &Source, output: &Path, seconds: f64) -> Value {
    json!({
        "schema": SCHEMA,
        "from": source(from),
        "output": super::path(output),
        "output_size": from.size,
        "seconds": seconds,
    })
}

/// `ha status`.
pub fn status(address: &Address, instance: &Instance, limit: u64) -> Value {
    let info = &instance.info;
    let time = |time: &Option<String>| time.as_deref().map(text);
    let agents = instance.agents.iter().map(|agent| {
        let here = || info.at(&agent.agent_id);
        let bytes = here().filter_map(|backup| backup.at(&agent.agent_id));
        json!({
            "agent": text(&agent.agent_id),
            "name": text(&agent.name),
            "backups": here().count(),
            "bytes": bytes.map(|copy| copy.size).sum::<u64>(),
        })
    });
    json!({
        "schema": SCHEMA,
        "url": address.to_string(),
        "user": text(&instance.user.name),
        "version": text(&instance.config.version),
        "state": text(&info.state),
        "upload_capped": instance.config.caps_uploads(),
        "free_bytes": instance.free,
        "agents": agents.collect::<Vec<_>>(),
        "agent_errors": errors(info),
        "cloud": info.at(CLOUD).map(|backup| stored(backup, limit)).collect::<Vec<_>>(),
        "last_attempt": time(&info.last_attempted_automatic_backup),
        "last_success": time(&info.last_completed_automatic_backup),
        "next": time(&info.next_automatic_backup),
    })
}
