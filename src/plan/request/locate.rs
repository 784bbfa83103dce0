//! Finds the recorder's database in one backup.
use std::borrow::Cow;

use crate::component::{HOME_ASSISTANT, addon_id};
use crate::error::NoDatabase;
use crate::open::Backup;
use crate::plan::facts::Note;
use crate::plan::request::Request;
use crate::plan::request::database::{Database, Located};
use crate::plan::request::selector::Selector;
use crate::rules::MARIADB;
use crate::survey::{PartSurvey, Place, Recorder, config_path};

/// Where the database is; `None` until the configuration has been read.
pub(crate) fn target(backup: &Backup, surveys: &[PartSurvey]) -> Option<Database> {
    let survey = surveys.iter().find(|s| {
        backup
            .parts
            .get(s.part)
            .is_some_and(|part| part.id == HOME_ASSISTANT)
    })?;
    Some(match &survey.recorder {
        Recorder::Usual => Database::Usual,
        Recorder::File(places) => file(backup, surveys, places),
        Recorder::Server(host) => server(backup, host),
        Recorder::Elsewhere(path) => Database::Nowhere(NoDatabase::Outside(path.clone())),
        Recorder::Unknown(why) => Database::Nowhere(NoDatabase::Unknown(why.clone())),
    })
}

/// The first of the locations that `db_url` can mean where the file exists or could exist.
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
        (None, Some(place)) => Database::Nowhere(NoDatabase::Absent {
            component: place.component,
            path: place.path.clone(),
        }),
        (None, None) => Database::Usual,
    }
}

/// An app's host name is its slug with hyphens (Supervisor, `addons/model.py`).
fn server(backup: &Backup, host: &str) -> Database {
    let app = addon_id(&host.replace('-', "_"));
    match backup.parts.iter().find(|part| part.id == app) {
        Some(part) if part.id == MARIADB => Database::MariaDb(app),
        Some(part) => Database::Nowhere(NoDatabase::App {
            host: host.to_owned(),
            component: part.id.clone(),
        }),
        None => Database::Nowhere(NoDatabase::Server(host.to_owned())),
    }
}

/// The request, with the location of `database` filled in.
pub(crate) fn located<'a>(
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
    // If it is unknown which file is the database, the usual one is kept.
    let to_keep = if matches!(target, Database::Nowhere(_)) {
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

/// The note about a database that is not in its usual place.
pub(crate) fn note(request: &Request) -> Option<Note> {
    let named = request.drops.iter().any(Selector::is_database);
    match request.database.target().filter(|_| named)? {
        Database::File(place) => Some(Note::DatabaseAt {
            component: place.component,
            path: place.path.clone(),
        }),
        Database::MariaDb(component) => Some(Note::DatabaseInMariaDb(component.clone())),
        Database::Usual | Database::Nowhere(_) => None,
    }
}
