//! What would keep an upload from succeeding, as far as it can be known before a byte is sent.
//! Pure: no input or output.

use super::answers::Stored;
use super::{CLOUD, IDLE, Instance};
use crate::dates;
use crate::error::{Error, Kind, Result, escape};
use crate::format::manifest::{LONGEST_NAME, Made, names_drive};
use crate::open::{Backup, ComponentKind};
use crate::size;

/// How exactly the free space is told: in tenths of a gibibyte.
const EXACTNESS: u64 = (1 << 30) / 10;

/// Uploads of more bytes fail in some versions, see [`Config::caps_uploads`](super::Config::caps_uploads).
const CAP: u64 = 16 << 20;

/// What Home Assistant will read about a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The bytes of the file.
    pub size: u64,
    /// Its id.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Its date: that of the request, if it has one, as Home Assistant lists it.
    pub date: String,
    /// Whether it is a rest: what a smaller copy lacks.
    pub is_rest: bool,
    /// Whether it says that it is encrypted.
    pub is_protected: bool,
    /// Whether Home Assistant's configuration is in it.
    pub has_configuration: bool,
}

impl File {
    /// These facts about an open backup.
    pub fn of(backup: &Backup) -> Self {
        let manifest = &backup.manifest;
        let parts = &backup.parts;
        Self {
            size: backup.input.len(),
            slug: manifest.slug().to_owned(),
            name: manifest.name().to_owned(),
            date: manifest.shown_date().to_owned(),
            is_rest: manifest.made() == Some(Made::Rest),
            is_protected: manifest.protected() && backup.is_protected(),
            has_configuration: parts
                .iter()
                .any(|part| part.kind == ComponentKind::HomeAssistant),
        }
    }
}

/// What an upload changes at its place.
#[derive(Debug, Clone, Default)]
pub struct Upload {
    /// The backups there that it replaces.
    pub replaced: Vec<Stored>,
    /// What the user should know before.
    pub warnings: Vec<Warning>,
}

/// What does not keep an upload from succeeding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// The configuration is missing. Home Assistant's page does not offer the cloud for such
    /// backups (read, frontend `DISALLOWED_AGENTS_NO_HA`); the cloud itself accepts them.
    NoConfiguration,
    /// The place could not list what it stores.
    NotListed,
}

/// Checks an upload of `file` to the place `agent`. `limit` is what the cloud accepts at most.
///
/// # Errors
/// `HomeAssistant` if the place is unknown, the manager of backups is busy, or the version or the
/// disk cannot receive the file; `CannotFit` if the file is too large; `Refused` if it is not
/// encrypted, or if its name or id would do harm; `AlreadyStored`.
pub fn check(instance: &Instance, file: &File, agent: &str, limit: u64) -> Result<Upload> {
    known(instance, agent)?;
    storable(file, agent, limit)?;
    named(instance, file, agent)?;
    if instance.config.caps_uploads() && file.size > CAP {
        let message = format!(
            "Home Assistant {} cannot receive more than 16 MiB: 2026.7.0 to 2026.9.0 have this fault",
            escape(instance.config.version.as_bytes())
        );
        return Err(Error::new(Kind::HomeAssistant, message)
            .advice("Update Home Assistant to 2026.9.1 or later."));
    }
    if instance.info.state != IDLE {
        return Err(busy(&instance.info.state));
    }
    has_room(instance, file)?;
    let mut upload = Upload::default();
    if agent == CLOUD {
        // The cloud has one slot, for `<instance id>.tar` (tried).
        upload.replaced = instance.info.at(agent).cloned().collect();
        upload
            .warnings
            .extend((!file.has_configuration).then_some(Warning::NoConfiguration));
    }
    let unlisted = instance.info.agent_errors.contains_key(agent);
    upload
        .warnings
        .extend(unlisted.then_some(Warning::NotListed));
    Ok(upload)
}

/// # Errors
/// `HomeAssistant` if Home Assistant has no such place, with those that it has. Core would answer
/// 201 and store nothing (tried).
fn known(instance: &Instance, agent: &str) -> Result<()> {
    if instance.agent(agent).is_some() {
        return Ok(());
    }
    let there: Vec<String> = instance
        .agents
        .iter()
        .map(|agent| escape(agent.agent_id.as_bytes()))
        .collect();
    let message = format!(
        "Home Assistant has no place {} for backups, only {}",
        escape(agent.as_bytes()),
        there.join(", ")
    );
    let error = Error::new(Kind::HomeAssistant, message);
    Err(if agent == CLOUD {
        error.advice("Log in to Home Assistant Cloud: Settings → Home Assistant Cloud.")
    } else {
        error.advice("Use one of these places.")
    })
}

/// The error if a place has a backup with the id of the file.
fn has_another(place: &str, file: &File) -> Error {
    let message = format!(
        "{} stores another backup with the same id ({})",
        escape(place.as_bytes()),
        file.slug
    );
    Error::refused(message).advice("Make a copy of it; a copy has an id of its own.")
}

/// Home Assistant receives a file as a whole before it goes to any place (tried: 500, `Errno 28`).
fn has_room(instance: &Instance, file: &File) -> Result<()> {
    let Some(free) = instance.free else {
        return Ok(());
    };
    if file.size <= free.saturating_add(EXACTNESS) {
        return Ok(());
    }
    let message = format!(
        "the disk of Home Assistant has {} free, and needs {} for a while",
        size::short(free),
        size::short(file.size)
    );
    Err(Error::new(Kind::HomeAssistant, message).advice(NO_ROOM))
}

/// What helps against a full disk there.
pub(super) const NO_ROOM: &str =
    "Free some space there, for example by deleting old backups, and try again.";

/// The cloud refuses these files, with nothing but an entry in the log (tried).
fn storable(file: &File, agent: &str, limit: u64) -> Result<()> {
    if agent != CLOUD {
        return Ok(());
    }
    if file.is_rest {
        let message = "this is what a smaller copy lacks, and Home Assistant Cloud keeps only one backup: it would replace the copy";
        return Err(Error::refused(message)
            .advice("Send the smaller copy, and keep this file on another disk."));
    }
    if file.size > limit {
        let message = format!(
            "the backup is too large for Home Assistant Cloud: {}, {} over the limit of {}",
            size::short(file.size),
            size::short(file.size - limit),
            size::short(limit)
        );
        return Err(Error::new(Kind::CannotFit, message).advice("Make a smaller copy first."));
    }
    if !file.is_protected {
        let message = "Home Assistant Cloud stores only encrypted backups, and this one is not";
        return Err(Error::refused(message).advice("Make a copy of it with an encryption key."));
    }
    Ok(())
}

/// Home Assistant refuses some names with 400, and replaces files of the same name and date without
/// a word (tried).
fn named(instance: &Instance, file: &File, agent: &str) -> Result<()> {
    let refused = |what: &str| {
        let name = escape(file.name.as_bytes());
        Error::refused(format!("the name of the backup, \"{name}\", {what}"))
            .advice("Make a copy of it; a copy has a name of its own.")
    };
    let name = file.name.as_str();
    if name.is_empty()
        || matches!(name, "." | "..")
        || name.contains(['/', '\\', '\0'])
        || names_drive(name)
    {
        return Err(refused("is one that Home Assistant refuses"));
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if file.slug.is_empty() || !file.slug.chars().all(is_plain) {
        let slug = escape(file.slug.as_bytes());
        return Err(
            Error::refused(format!("the id of the backup, \"{slug}\", is not plain"))
                .advice("Make a copy of it; a copy has an id of its own."),
        );
    }
    let here = instance
        .info
        .backups
        .iter()
        .filter(|backup| backup.at(agent).is_some());
    if let Some(stored) = here.clone().find(|stored| stored.backup_id == file.slug) {
        if stored.at(agent).is_some_and(|copy| copy.size == file.size) {
            let message = format!(
                "{} already stores this backup (id {})",
                escape(agent.as_bytes()),
                file.slug
            );
            return Err(Error::new(Kind::AlreadyStored, message));
        }
        return Err(has_another(agent, file));
    }
    // Its Supervisor has one list for all its places (read, Supervisor `backups/manager.py`).
    let is_supervisors = |agent: &str| agent.starts_with("hassio.");
    let same_id = instance.info.backups.iter();
    let same_id = same_id.filter(|stored| stored.backup_id == file.slug);
    let other = same_id
        .flat_map(|stored| &stored.agents)
        .find(|(place, copy)| is_supervisors(place) && copy.size != file.size);
    if let Some((place, _)) = other.filter(|_| is_supervisors(agent)) {
        return Err(has_another(place, file));
    }
    if agent == CLOUD {
        return Ok(());
    }
    if name.len() > LONGEST_NAME {
        return Err(refused("is too long for a file"));
    }
    let time = |date: &str| dates::seconds(date);
    // Core replaces each stretch of white space by one underscore.
    let in_file = |name: &str| name.split_whitespace().collect::<Vec<_>>().join("_");
    let same = |stored: &&Stored| {
        in_file(&stored.name) == in_file(&file.name)
            && (stored.date == file.date
                || time(&stored.date).is_some() && time(&stored.date) == time(&file.date))
    };
    match here.clone().find(same) {
        Some(_) => Err(refused(
            "and its date are those of another backup there, whose file Home Assistant would replace",
        )),
        None => Ok(()),
    }
}

/// The error for a manager that does something else.
pub(super) fn busy(state: &str) -> Error {
    let doing = match state {
        "blocked" => "Home Assistant is still starting",
        "create_backup" => "Home Assistant is making a backup",
        "receive_backup" => "Home Assistant is receiving another backup",
        "restore_backup" => "Home Assistant is restoring a backup",
        _ => "Home Assistant is busy with another backup",
    };
    Error::new(Kind::HomeAssistant, doing).advice("Wait until it has finished.")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::answers::{Agent, Config, Copy, Info};
    use super::*;

    fn instance() -> Instance {
        let agent = |id: &str| Agent {
            agent_id: id.into(),
            name: id.into(),
        };
        let stored = |id: &str, name: &str, agent: &str| Stored {
            backup_id: id.into(),
            name: name.into(),
            date: "2026-11-01T05:00:00+00:00".into(),
            agents: BTreeMap::from([(
                agent.into(),
                Copy {
                    size: 1000,
                    protected: true,
                },
            )]),
            ..Stored::default()
        };
        Instance {
            config: Config {
                version: "2026.11.0".into(),
                ..Config::default()
            },
            agents: vec![agent("backup.local"), agent(CLOUD)],
            info: Info {
                backups: vec![
                    stored("0a", "Auto", "backup.local"),
                    stored("0b", "Old", CLOUD),
                ],
                state: IDLE.into(),
                ..Info::default()
            },
            ..Instance::default()
        }
    }

    fn file() -> File {
        File {
            size: 50 << 20,
            slug: "0c1d2e3f".into(),
            name: "Auto (slim 0c1d2e3f)".into(),
            date: "2026-11-01T05:00:00Z".into(),
            is_rest: false,
            is_protected: true,
            has_configuration: true,
        }
    }

    const LIMIT: u64 = 5_000_000_000;

    #[test]
    fn an_upload_to_the_cloud_replaces_what_is_there_and_to_other_places_nothing() {
        let upload = check(&instance(), &file(), CLOUD, LIMIT).unwrap();
        assert_eq!(upload.replaced.len(), 1);
        assert_eq!(upload.replaced[0].backup_id, "0b");
        let upload = check(&instance(), &file(), "backup.local", LIMIT).unwrap();
        assert!(upload.replaced.is_empty() && upload.warnings.is_empty());
    }

    type Change = fn(&mut Instance, &mut File);

    /// The rows of the table of failures that can be known before, and the TRAPs "same name and
    /// date", "slug there", "name" and "old Core".
    #[test]
    fn whatever_would_fail_is_refused_before_a_byte_is_sent() {
        let cloud: [(Change, Kind, &str); 14] = [
            (
                |i, f| (i.free, f.size) = (Some(4 << 30), 4_900_000_000),
                Kind::HomeAssistant,
                "has 4.29 GB free, and needs 4.90 GB",
            ),
            (
                |_, f| f.size = 5_000_000_001,
                Kind::CannotFit,
                "1 B over the limit",
            ),
            (
                |_, f| f.is_protected = false,
                Kind::Refused,
                "only encrypted",
            ),
            (
                |i, _| drop(i.agents.pop()),
                Kind::HomeAssistant,
                "only backup.local",
            ),
            (
                |i, _| i.info.state = "create_backup".into(),
                Kind::HomeAssistant,
                "making a backup",
            ),
            (
                |i, _| i.info.state = "blocked".into(),
                Kind::HomeAssistant,
                "still starting",
            ),
            (
                |i, _| i.config.version = "2026.9.0".into(),
                Kind::HomeAssistant,
                "16 MiB",
            ),
            (|_, f| f.name = String::new(), Kind::Refused, "refuses"),
            (|_, f| f.name = "a/b".into(), Kind::Refused, "refuses"),
            (|_, f| f.name = "..".into(), Kind::Refused, "refuses"),
            (|_, f| f.name = "C:x".into(), Kind::Refused, "refuses"),
            (|_, f| f.slug = "../x".into(), Kind::Refused, "not plain"),
            (|_, f| f.slug = "0b".into(), Kind::Refused, "same id"),
            (
                |_, f| (f.slug, f.size) = ("0b".into(), 1000),
                Kind::AlreadyStored,
                "already stores",
            ),
        ];
        let local: [(Change, Kind, &str); 2] = [
            (
                |_, f| f.name = "Auto".into(),
                Kind::Refused,
                "its date are those",
            ),
            (|_, f| f.name = "x".repeat(230), Kind::Refused, "too long"),
        ];
        let cases = cloud.map(|case| (CLOUD, case)).into_iter();
        for (agent, (change, kind, says)) in cases.chain(local.map(|case| ("backup.local", case))) {
            let (mut instance, mut file) = (instance(), file());
            change(&mut instance, &mut file);
            let error = check(&instance, &file, agent, LIMIT).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.message().contains(says), "{error}");
        }
    }

    /// Row "slug clash (Supervisor)".
    #[test]
    fn an_id_that_the_supervisor_has_at_another_place_is_refused() {
        for (size, is_fine) in [(1000, true), (2000, false)] {
            let mut there = instance();
            let place = |id: &str| super::super::Agent {
                agent_id: id.into(),
                ..Default::default()
            };
            there.agents = vec![place("hassio.local"), place("hassio.nas")];
            let copy = super::super::Copy {
                size: 1000,
                protected: true,
            };
            there.info.backups = vec![Stored {
                backup_id: "0c".into(),
                agents: [("hassio.local".into(), copy)].into(),
                ..Stored::default()
            }];
            let mut file = file();
            (file.slug, file.size) = ("0c".into(), size);
            let outcome = check(&there, &file, "hassio.nas", LIMIT);
            assert_eq!(outcome.is_ok(), is_fine, "{outcome:?}");
        }
    }

    #[test]
    fn what_does_no_harm_is_accepted() {
        let fine: [(&str, Change); 7] = [
            // What is told is rounded to a tenth of a gibibyte.
            (CLOUD, |i, f| {
                (i.free, f.size) = (Some(4 << 30), (4 << 30) + 50_000_000)
            }),
            (CLOUD, |_, f| f.size = 5_000_000_000),
            (CLOUD, |_, f| f.name = "ok: fine?*".into()),
            ("backup.local", |_, f| {
                (f.size, f.is_protected) = (6_000_000_000, false)
            }),
            ("backup.local", |_, f| {
                (f.name, f.date) = ("Auto".into(), "2026-11-02T05:00:00Z".into())
            }),
            (CLOUD, |i, f| {
                (i.config.version, f.size) = ("2026.9.0".into(), 16 << 20)
            }),
            (CLOUD, |i, _| i.config.version = "2026.9.1".into()),
        ];
        for (agent, change) in fine {
            let (mut instance, mut file) = (instance(), file());
            change(&mut instance, &mut file);
            check(&instance, &file, agent, LIMIT).unwrap();
        }
        let bare = File {
            has_configuration: false,
            ..file()
        };
        let upload = check(&instance(), &bare, CLOUD, LIMIT).unwrap();
        assert_eq!(upload.warnings, [Warning::NoConfiguration]);
    }
}
