//! The commands, one file each, and what several of them share.

mod bench;
mod check;
mod extract;
mod extras;
mod files;
mod guide;
mod ha;
mod info;
mod join;
mod ls;
mod plan;
mod preparing;
mod repair;
mod rules;
mod scan;
mod several;
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
        Task::Info { paths, check: true } => check::run(session, &paths),
        Task::Info { paths, .. } => info::run(session, &paths),
        Task::Ls { backup, listing } => ls::run(session, &backup, &listing),
        Task::Extract { backup, extraction } => extract::run(session, &backup, &extraction),
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
        Task::Join(joining) => join::run(session, &joining),
        Task::Ha { home, task } => ha::run(session, &home, &task),
        Task::Verify { backups } => verify::run(session, &backups),
        Task::Rules { id, file } => rules::run(session, id.as_deref(), file.as_deref()),
        Task::Completions(shell) => extras::completions(session, shell),
        Task::Man(folder) => extras::man(session, folder.as_deref()),
        Task::Measure(measuring) => bench::measure(session, &measuring),
        Task::Make(making) => bench::make(session, &making),
    }
}
