//! What Home Assistant answers, as far as it is used here. Unknown keys are ignored, and a key that
//! is missing counts as empty, so that newer versions are understood too.
//!
//! Source: Core 2026.11.0, `components/backup/websocket.py` and `manager.py`, tried.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::queries::without_queries;
use crate::dates;
use crate::format::manifest::Origin;

/// The answer to `auth/current_user`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct User {
    /// The name of the token's user.
    #[serde(deserialize_with = "or_empty")]
    pub name: String,
    /// Whether the user may use backups.
    pub is_admin: bool,
}

/// The part of `get_config` that matters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Core's version.
    pub version: String,
    /// The integrations that are loaded.
    pub components: Vec<String>,
}

impl Config {
    /// Whether it runs with a Supervisor.
    pub fn has_supervisor(&self) -> bool {
        self.components.iter().any(|name| name == "hassio")
    }

    /// Whether this version refuses every upload over 16 MiB with 413: 2026.7.0 to 2026.9.0 (core
    /// issues 177999, 178574, 180502).
    pub fn caps_uploads(&self) -> bool {
        let mut numbers = self.version.split('.').map(|number| {
            let digits = number.find(|c: char| !c.is_ascii_digit());
            number
                .get(..digits.unwrap_or(number.len()))?
                .parse::<u32>()
                .ok()
        });
        let mut next = || numbers.next().flatten().unwrap_or_default();
        let version = (next(), next(), next());
        // A beta of 2026.9.1 would count as fixed, and has the fix.
        ((2026, 7, 0)..=(2026, 9, 0)).contains(&version)
    }
}

/// A place where Home Assistant stores backups.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Agent {
    /// Its id, such as `cloud.cloud`.
    pub agent_id: String,
    /// Its name.
    pub name: String,
}

/// The answer to `backup/agents/info`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Agents {
    /// The places.
    pub agents: Vec<Agent>,
}

/// A copy of a backup at one place.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct Copy {
    /// Its size in bytes.
    pub size: u64,
    /// Whether it is encrypted.
    pub protected: bool,
}

/// A backup that Home Assistant lists.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Stored {
    /// Its id: the slug in `backup.json`.
    pub backup_id: String,
    /// Its name.
    #[serde(deserialize_with = "or_empty")]
    pub name: String,
    /// Its date: that of the request, if `backup.json` has it (read, `components/backup/util.py`).
    #[serde(deserialize_with = "or_empty")]
    pub date: String,
    /// Where it is stored.
    pub agents: BTreeMap<String, Copy>,
    /// Whether the configuration is in it.
    pub homeassistant_included: bool,
    /// Whether the database is in it.
    pub database_included: bool,
    /// The version that made it.
    pub homeassistant_version: Option<String>,
    /// Whether this instance made it by its schedule; `None` if another instance made it.
    pub with_automatic_settings: Option<bool>,
    /// Where the last attempt to store it failed.
    pub failed_agent_ids: Vec<String>,
    /// What else is in `extra` of `backup.json`.
    pub extra_metadata: Option<Map<String, Value>>,
}

impl Stored {
    /// The date that Home Assistant shows: that of the request, if it is recorded.
    pub fn shown_date(&self) -> &str {
        let requested = self.extra("supervisor.backup_request_date");
        requested.and_then(Value::as_str).unwrap_or(&self.date)
    }

    /// The name of the backup that haslim made this one from, if it did, and as what: then its own
    /// name ends with its own id.
    fn original_name(&self) -> Option<(&str, &'static str)> {
        ["slim", "repaired", "rest"].into_iter().find_map(|mark| {
            let end = format!(" ({mark} {})", self.backup_id);
            Some((self.name.strip_suffix(end.as_str())?, mark))
        })
    }

    /// The backup that haslim made this smaller copy from, if the copy says it.
    pub fn origin(&self) -> Option<Origin> {
        Origin::of(self.extra("haslim")?)
    }

    /// Whether haslim made it from another backup.
    pub fn is_copy(&self) -> bool {
        self.origin().is_some() || self.original_name().is_some()
    }

    /// Whether haslim made it from `original`, and it stands for it: what a copy lacks does not. A
    /// repaired copy does not name its original; it keeps the date, and gets its name from the
    /// original's.
    pub fn is_copy_of(&self, original: &Self) -> bool {
        if let Some(origin) = self.origin() {
            return origin.slug == original.backup_id;
        }
        let same_name = |(name, mark)| name == original.name && mark != "rest";
        self.original_name().is_some_and(same_name)
            && dates::seconds(&self.date) == dates::seconds(&original.date)
    }

    fn extra(&self, key: &str) -> Option<&Value> {
        self.extra_metadata.as_ref()?.get(key)
    }

    /// The copy at this place.
    pub fn at(&self, agent: &str) -> Option<Copy> {
        self.agents.get(agent).copied()
    }
}

/// The answer to `backup/info`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Info {
    /// The backups that the places list.
    pub backups: Vec<Stored>,
    /// The places that cannot list theirs, and why.
    #[serde(deserialize_with = "unsigned")]
    pub agent_errors: BTreeMap<String, String>,
    /// What the manager does: `idle` if nothing.
    pub state: String,
    /// When an automatic backup was last tried.
    pub last_attempted_automatic_backup: Option<String>,
    /// When one last arrived at every place.
    pub last_completed_automatic_backup: Option<String>,
    /// When the next is due.
    pub next_automatic_backup: Option<String>,
}

impl Info {
    /// The backups at this place, the newest first.
    pub fn at<'a>(&'a self, agent: &'a str) -> impl Iterator<Item = &'a Stored> {
        let here = |backup: &&Stored| backup.at(agent).is_some();
        self.newest_first().into_iter().filter(here)
    }

    /// All backups, the newest first.
    pub fn newest_first(&self) -> Vec<&Stored> {
        let mut backups: Vec<&Stored> = self.backups.iter().collect();
        backups.sort_by_key(|backup| std::cmp::Reverse(dates::seconds(backup.shown_date())));
        backups
    }
}

/// The answer to `backup/details`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Details {
    /// The backup; `None` if no place lists it.
    pub backup: Option<Stored>,
    /// The places that cannot list theirs, and why.
    #[serde(deserialize_with = "unsigned")]
    pub agent_errors: BTreeMap<String, String>,
}

/// A text; `null` counts as empty.
fn or_empty<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Errors of places, without the queries of the addresses in them.
fn unsigned<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let errors = BTreeMap::<String, String>::deserialize(from)?.into_iter();
    Ok(errors
        .map(|(agent, why)| (agent, without_queries(&why)))
        .collect())
}

/// An event of `backup/subscribe_events`: a state, or the progress of a place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Event {
    /// What the manager does.
    pub manager_state: String,
    /// How far it is.
    pub stage: Option<String>,
    /// `in_progress`, `completed` or `failed`.
    pub state: Option<String>,
    /// The place, in an event of progress.
    pub agent_id: Option<String>,
    /// The bytes that it has sent on.
    pub uploaded_bytes: Option<u64>,
    /// The bytes of the backup.
    pub total_bytes: Option<u64>,
}

/// An entry of `system_log/list`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct LogEntry {
    /// The logger.
    pub name: String,
    /// Up to five different messages of the same place in the code.
    pub message: Vec<String>,
    /// How often.
    pub count: u64,
    /// When last, in seconds since 1970.
    pub timestamp: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TRAP "old Core" of the notes on uploading.
    #[test]
    fn only_some_versions_cap_uploads() {
        for (version, caps) in [
            ("2026.6.4", false),
            ("2026.7.0", true),
            ("2026.7.0b3", true),
            ("2026.8.12", true),
            ("2026.9.0", true),
            ("2026.9.1", false),
            ("2026.11.0", false),
            ("2025.8.0", false),
            ("2026.10.0.dev202610010000", false),
            ("", false),
        ] {
            let config = Config {
                version: version.into(),
                ..Config::default()
            };
            assert_eq!(config.caps_uploads(), caps, "{version}");
        }
    }

    #[test]
    fn a_copy_is_known_by_its_origin_or_else_by_its_name_and_date() {
        let stored = |id: &str, name: &str, haslim: Option<&str>| Stored {
            backup_id: id.into(),
            name: name.into(),
            date: "2026-11-02T00:00:00+00:00".into(),
            extra_metadata: haslim.map(|slug| {
                let about: Value =
                    serde_json::from_str(&Origin { slug: slug.into() }.about()).unwrap();
                Map::from_iter([("haslim".to_owned(), about)])
            }),
            ..Stored::default()
        };
        let original = stored("0a", "Auto", None);
        for (copy, is_copy, is_of) in [
            (stored("0b", "Renamed", Some("0a")), true, true),
            (stored("0b", "Auto (slim 0b)", Some("0c")), true, false),
            (stored("0b", "Auto (slim 0b)", None), true, true),
            (stored("0b", "Auto (repaired 0b)", None), true, true),
            (stored("0b", "Auto (rest 0b)", None), true, false),
            (stored("0b", "Auto (slim 0d)", None), false, false),
            (stored("0b", "Auto", None), false, false),
        ] {
            assert_eq!(
                (copy.is_copy(), copy.is_copy_of(&original)),
                (is_copy, is_of),
                "{copy:?}"
            );
        }
        let mut other_day = stored("0b", "Auto (slim 0b)", None);
        other_day.date = "2026-11-03T00:00:00+00:00".into();
        assert!(!other_day.is_copy_of(&original));
    }

    #[test]
    fn the_newest_is_the_one_that_was_requested_last() {
        let text = r#"{"backups": [
            {"backup_id": "a", "date": "2026-11-02T00:00:00+00:00"},
            {"backup_id": "b", "date": "2026-11-01T00:00:00+00:00",
             "extra_metadata": {"supervisor.backup_request_date": "2026-11-03T00:00:00+00:00"}},
            {"backup_id": "c", "date": "no date", "failed_agent_ids": [], "unknown": 1}
        ], "next_automatic_backup": null}"#;
        let info: Info = serde_json::from_str(text).unwrap();
        let ids: Vec<&str> = info
            .newest_first()
            .iter()
            .map(|b| b.backup_id.as_str())
            .collect();
        assert_eq!(ids, ["b", "a", "c"]);
    }
}
