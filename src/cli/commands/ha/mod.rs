//! `haslim ha`: commands that talk to Home Assistant.

mod fetch;
mod list;
mod slim;
mod status;
mod upload;

use haslim::Result;

use crate::cli::home::Home;
use crate::cli::session::Session;
use crate::cli::settings::HaTask;

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
