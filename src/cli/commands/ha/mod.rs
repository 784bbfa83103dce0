//! `haslim ha`: commands that talk to Home Assistant.

mod fetch;
mod list;
mod slim;
mod status;
mod upload;

use haslim::homeassistant::Client;
use haslim::{Error, Kind, Result};

use crate::cli::home::Home;
use crate::cli::key_source::KeySource;
use crate::cli::session::Session;
use crate::cli::settings::HaTask;

/// The id of a backup as the name of a file. Ids come from the network; only plain characters reach
/// the disk.
fn file_stem(id: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    id.chars().map(plain).collect()
}

/// Asks Home Assistant for its key, if that is the one to use.
///
/// # Errors
/// As [`Client::encryption_key`]; `Password` if Home Assistant has none.
fn ask_for_key(session: &Session, client: &Client) -> Result<()> {
    if session.settings.key != KeySource::HomeAssistant {
        return Ok(());
    }
    let key = client.encryption_key(&session.control)?;
    let key = key.ok_or_else(|| {
        let message =
            "Home Assistant has no encryption key, because its automatic backups are not set up";
        Error::new(Kind::Password, message)
            .advice("Give the key of the backup with --emergency-kit or --password-file.")
    })?;
    session.keep_home_key(key);
    Ok(())
}

/// Runs the task and returns the exit code.
///
/// # Errors
/// The error with which the command ends.
pub fn run(session: &Session, home: &Home, task: &HaTask) -> Result<u8> {
    match task {
        HaTask::Status => status::run(session, home),
        HaTask::List => list::run(session, home),
        HaTask::Upload { backup, sending } => upload::run(session, home, backup, sending),
        HaTask::Fetch {
            wanted,
            output,
            replace,
        } => fetch::run(session, home, wanted, output.as_deref(), *replace),
        HaTask::Slim {
            wanted,
            sending,
            selection,
            keeping,
        } => slim::run(session, home, wanted, sending, selection, keeping),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_name_another_folder() {
        assert_eq!(file_stem("0a1b2c3d"), "0a1b2c3d");
        assert_eq!(file_stem("../../etc/x"), "______etc_x");
        assert_eq!(file_stem("a\\b\0c"), "a_b_c");
    }
}
