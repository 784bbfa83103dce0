//! Where the recorder keeps its database: `db_url` under `recorder:`, wherever the
//! configuration has it (Core, `components/recorder`, `util/yaml/loader.py`, `config.py`).

mod files;
mod resolve;
#[cfg(test)]
mod tests;
mod url;
mod yaml;

pub(super) use files::Files;

/// What the configuration says about where the recorder keeps its database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Recorder {
    /// In `home-assistant_v2.db` in the config directory, as nothing else is said.
    #[default]
    Usual,
    /// In a file: the places that `db_url` can mean, the likeliest first.
    File(Vec<Place>),
    /// On a server with this host name.
    Server(String),
    /// In a file that no component of a backup holds.
    Elsewhere(String),
    /// Nobody can tell, for this reason: half a sentence, without anything secret.
    Unknown(String),
}

/// A file of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The id of the component.
    pub component: &'static str,
    /// The path that selectors and rules see.
    pub path: String,
}
