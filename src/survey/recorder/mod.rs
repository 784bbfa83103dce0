//! Where the recorder keeps its database: `db_url` under `recorder:`, wherever it is in the
//! configuration (Core, `components/recorder`, `util/yaml/loader.py`, `config.py`).

mod files;
mod resolve;
#[cfg(test)]
mod tests;
mod url;
mod yaml;

pub(super) use files::Files;

/// The location of the recorder's database, according to the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Recorder {
    /// In `home-assistant_v2.db` in the config directory, the default.
    #[default]
    Usual,
    /// In a file: the possible meanings of `db_url`, the likeliest first.
    File(Vec<Place>),
    /// On a server with this host name.
    Server(String),
    /// In a file that belongs to no component of a backup.
    Elsewhere(String),
    /// It cannot be determined, for this reason: half a sentence, without secrets.
    Unknown(String),
}

/// A file of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The id of the component.
    pub component: &'static str,
    /// The path as selectors and rules see it.
    pub path: String,
}
