//! The recorder's database in one backup: the meaning of `database` there.

use crate::component::HOME_ASSISTANT;
use crate::error::NoDatabase;
use crate::rules::{belongs_to_database, is_mariadb_file, is_recorder_file};
use crate::survey::Place;

/// What `database` matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// `home-assistant_v2.db` in the config directory. Home Assistant's own switch for the history
    /// handles only this file (Supervisor, `homeassistant/module.py`).
    Usual,
    /// Another SQLite file.
    File(Place),
    /// All databases of MariaDB, in this component.
    MariaDb(String),
    /// Nothing: it is not in this backup.
    Nowhere(NoDatabase),
}

/// Where the recorder's database is, as far as a survey of the configuration has shown.
#[derive(Debug, Clone, Default)]
pub struct Located(pub(crate) Option<Database>);

impl Located {
    /// Where it is; `None` until the configuration has been read.
    pub fn target(&self) -> Option<&Database> {
        self.0.as_ref()
    }

    /// Whether the recorder certainly keeps the history in another place than the usual file. A
    /// file with the usual name is then left over from before.
    pub fn is_elsewhere(&self) -> bool {
        match &self.0 {
            None | Some(Database::Usual | Database::Nowhere(NoDatabase::Unknown(_))) => false,
            Some(Database::File(_) | Database::MariaDb(_) | Database::Nowhere(_)) => true,
        }
    }
}

impl Database {
    /// The component that contains it.
    pub fn component(&self) -> Option<&str> {
        match self {
            Self::Usual => Some(HOME_ASSISTANT),
            Self::File(place) => Some(place.component),
            Self::MariaDb(component) => Some(component),
            Self::Nowhere(_) => None,
        }
    }

    /// Whether a file belongs to it.
    pub fn takes(&self, id: &str, path: &[u8]) -> bool {
        self.component() == Some(id)
            && match self {
                Self::Usual => is_recorder_file(path),
                Self::File(place) => belongs_to_database(path, &place.path),
                Self::MariaDb(_) => is_mariadb_file(path),
                Self::Nowhere(_) => false,
            }
    }
}
