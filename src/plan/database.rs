//! The recorder's database in one backup: what `database` means there.

use std::borrow::Cow;

use super::Request;
use super::groups::is_mariadb_file;
use super::selector::is_recorder_file;
use crate::error::escape;
use crate::open::Backup;
use crate::rules::belongs_to_database;
use crate::survey::{PartSurvey, Place, Recorder, config_path};

/// What `database` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// `home-assistant_v2.db` in the config directory, the only one that Home Assistant's own
    /// switch for the history knows (Supervisor, `homeassistant/module.py`).
    Usual,
    /// Another SQLite file.
    File(Place),
    /// All databases of MariaDB, in this component.
    MariaDb(String),
    /// Nothing in this backup.
    Nowhere {
        /// Why, in a sentence.
        why: String,
    },
}

/// Where the recorder's database is, as far as a survey of the configuration has told.
#[derive(Debug, Clone, Default)]
pub struct Located(Option<Target>);

impl Located {
    pub(super) fn target(&self) -> Option<&Target> {
        self.0.as_ref()
    }
}

/// The component of the MariaDB app.
const MARIADB: &str = "addon:core_mariadb";

impl Target {
    /// The component that it lies in.
    pub fn component(&self) -> Option<&str> {
        match self {
            Self::Usual => Some("homeassistant"),
            Self::File(place) => Some(place.component),
            Self::MariaDb(component) => Some(component),
            Self::Nowhere { .. } => None,
        }
    }

    /// Whether a file belongs to it.
    pub fn takes(&self, id: &str, path: &[u8]) -> bool {
        self.component() == Some(id)
            && match self {
                Self::Usual => is_recorder_file(path),
                Self::File(place) => belongs_to_database(path, &place.path),
                Self::MariaDb(_) => is_mariadb_file(path),
                Self::Nowhere { .. } => false,
            }
    }
}

/// Where the database is; `None` as long as nobody looked into the configuration.
pub(super) fn target(backup: &Backup, surveys: &[PartSurvey]) -> Option<Target> {
    let survey = surveys.iter().find(|s| {
        backup
            .parts
            .get(s.part)
            .is_some_and(|part| part.id == "homeassistant")
    })?;
    Some(match &survey.recorder {
        Recorder::Usual => Target::Usual,
        Recorder::File(places) => file(backup, surveys, places),
        Recorder::Server(host) => server(backup, host),
        Recorder::Elsewhere(path) => nowhere(format!(
            "`db_url` puts the recorder's database into {}, which is in no part of this backup.",
            escape(path.as_bytes())
        )),
        Recorder::Unknown(why) => nowhere(format!(
            "It cannot be told where the recorder's database is: {why}. Name the file itself, for example homeassistant:home-assistant_v2.db."
        )),
    })
}

fn nowhere(why: String) -> Target {
    Target::Nowhere { why }
}

/// Of the places that `db_url` can mean the first that is there, or could be.
fn file(backup: &Backup, surveys: &[PartSurvey], places: &[Place]) -> Target {
    let part = |place: &Place| {
        backup
            .parts
            .iter()
            .position(|part| part.id == place.component)
    };
    let is_there = |place: &&Place| {
        let Some(at) = part(place) else { return false };
        let Some(survey) = surveys.iter().find(|s| s.part == at) else {
            return true;
        };
        let kind = backup.part(at).kind;
        let paths = survey
            .entries
            .iter()
            .filter_map(|e| config_path(kind, backup.manifest.version(), &e.name));
        paths.into_iter().any(|path| path == place.path.as_bytes())
    };
    match (places.iter().find(is_there), places.first()) {
        (Some(place), _) => Target::File(place.clone()),
        (None, Some(place)) => nowhere(format!(
            "`db_url` puts the recorder's database at {}:{}, which is not in this backup.",
            place.component,
            escape(place.path.as_bytes())
        )),
        (None, None) => Target::Usual,
    }
}

/// An app's host name is its slug with hyphens (Supervisor, `addons/model.py`).
fn server(backup: &Backup, host: &str) -> Target {
    let app = format!("addon:{}", host.replace('-', "_"));
    let shown = escape(host.as_bytes());
    match backup.parts.iter().find(|part| part.id == app) {
        Some(part) if part.id == MARIADB => Target::MariaDb(app),
        Some(part) => nowhere(format!(
            "The recorder's database is on the server {shown}, an app of this backup; haslim does not know its files. --drop {} leaves the app out as a whole.",
            escape(part.id.as_bytes())
        )),
        None => nowhere(format!(
            "`db_url` puts the recorder's database on the server {shown}, which is no app in this backup; there is no database of the recorder to leave out."
        )),
    }
}

/// The request with `database` in its place.
pub(super) fn located<'a>(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &'a Request,
) -> Cow<'a, Request> {
    let Some(target) = target(backup, surveys) else {
        return Cow::Borrowed(request);
    };
    let mut request = request.clone();
    for selector in request.drops.iter_mut() {
        *selector = selector.located(&target);
    }
    // Where nobody knows which file it is, the usual one is kept.
    let to_keep = if matches!(target, Target::Nowhere { .. }) {
        &Target::Usual
    } else {
        &target
    };
    for selector in request.keeps.iter_mut() {
        *selector = selector.located(to_keep);
    }
    request.database = Located(Some(target));
    Cow::Owned(request)
}

/// What the user should know about a database that is not in its usual place.
pub(super) fn notes(request: &Request) -> Vec<String> {
    if !request.drops.iter().any(super::Selector::is_database) {
        return Vec::new();
    }
    match request.database.target() {
        Some(Target::File(place)) => vec![format!(
            "The recorder's database is {}:{} (`db_url`). Home Assistant's own switch for the history does not know it.",
            place.component,
            escape(place.path.as_bytes())
        )],
        Some(Target::MariaDb(component)) => {
            vec![format!(
                "The recorder's database is in MariaDB (`db_url`), so all databases in {component} are left out."
            )]
        }
        _ => Vec::new(),
    }
}
