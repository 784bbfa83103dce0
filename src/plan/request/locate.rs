//! Where the recorder's database is in one backup.
use std::borrow::Cow;

use crate::error::escape;
use crate::open::Backup;
use crate::plan::request::Request;
use crate::plan::request::database::{Database, Located};
use crate::survey::{PartSurvey, Place, Recorder, config_path};

/// The component of the MariaDB app.
const MARIADB: &str = "addon:core_mariadb";

/// Where the database is; `None` as long as nobody looked into the configuration.
pub(in crate::plan) fn target(backup: &Backup, surveys: &[PartSurvey]) -> Option<Database> {
    let survey = surveys.iter().find(|s| {
        backup
            .parts
            .get(s.part)
            .is_some_and(|part| part.id == "homeassistant")
    })?;
    Some(match &survey.recorder {
        Recorder::Usual => Database::Usual,
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

fn nowhere(why: String) -> Database {
    Database::Nowhere { why }
}

/// Of the places that `db_url` can mean the first that is there, or could be.
fn file(backup: &Backup, surveys: &[PartSurvey], places: &[Place]) -> Database {
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
        (Some(place), _) => Database::File(place.clone()),
        (None, Some(place)) => nowhere(format!(
            "`db_url` puts the recorder's database at {}:{}, which is not in this backup.",
            place.component,
            escape(place.path.as_bytes())
        )),
        (None, None) => Database::Usual,
    }
}

/// An app's host name is its slug with hyphens (Supervisor, `addons/model.py`).
fn server(backup: &Backup, host: &str) -> Database {
    let app = format!("addon:{}", host.replace('-', "_"));
    let shown = escape(host.as_bytes());
    match backup.parts.iter().find(|part| part.id == app) {
        Some(part) if part.id == MARIADB => Database::MariaDb(app),
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
pub(in crate::plan) fn located<'a>(
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
    let to_keep = if matches!(target, Database::Nowhere { .. }) {
        &Database::Usual
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
pub(in crate::plan) fn notes(request: &Request) -> Vec<String> {
    if !request.drops.iter().any(super::Selector::is_database) {
        return Vec::new();
    }
    match request.database.target() {
        Some(Database::File(place)) => vec![format!(
            "The recorder's database is {}:{} (`db_url`). Home Assistant's own switch for the history does not know it.",
            place.component,
            escape(place.path.as_bytes())
        )],
        Some(Database::MariaDb(component)) => {
            vec![format!(
                "The recorder's database is in MariaDB (`db_url`), so all databases in {component} are left out."
            )]
        }
        _ => Vec::new(),
    }
}
