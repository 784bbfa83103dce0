//! The commands, one file each, and what several of them share.

mod bench;
mod guide;
mod info;
mod ls;
mod plan;
mod preparing;
mod repair;
mod rules;
mod scan;
mod shrink;
mod verify;
mod writing;

use haslim::Result;

use super::session::Session;
use super::settings::Task;

/// Runs the task and returns the exit code.
///
/// # Errors
/// The error with which the command ends. It is shown and turned into an exit code.
pub fn run(task: Task, session: &Session) -> Result<u8> {
    match task {
        Task::Info { path } => info::run(session, &path),
        Task::Ls { backup, listing } => ls::run(
            session,
            &backup,
            listing.scope.as_deref(),
            listing.depth,
            listing.top,
            listing.scan.as_deref(),
        ),
        Task::Scan { backup, saving } => scan::run(session, &backup, &saving),
        Task::Plan {
            backup,
            selection,
            writing,
        } => plan::run(session, &backup, &selection, writing.as_ref()),
        Task::Why {
            backup,
            selection,
            location,
        } => plan::why(session, &backup, &selection, &location),
        Task::Shrink {
            backup,
            selection,
            writing,
        } => shrink::run(session, &backup, &selection, &writing),
        Task::Repair { backup, writing } => repair::run(session, &backup, &writing),
        Task::Verify { backup } => verify::run(session, &backup),
        Task::Rules { file } => rules::run(session, file.as_deref()),
        Task::Measure(measuring) => bench::measure(session, &measuring),
        Task::Make(making) => bench::make(session, &making),
    }
}
