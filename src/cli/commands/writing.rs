//! What the commands share that write a copy.

use std::io::{IsTerminal, stdin, stdout};
use std::path::Path;
use std::time::Instant;

use haslim::Result;
use haslim::job::{Prepared, Published, WriteOptions, WriteOutcome};
use haslim::open::Backup;
use haslim::report::{json, words};
use haslim::rewrite::OutputPath;

use crate::cli::render::refusal;
use crate::cli::session::{STOPPED, Session, usage};
use crate::cli::settings::Writing;

/// Makes sure, before any work, that a file can be written at this place. One that is there already
/// decides nothing before it is known that something has to be written: see [`check_free`].
///
/// # Errors
/// As [`OutputPath::check`] with `force`.
pub fn check_place(place: &Path, backup: &Backup) -> Result<OutputPath> {
    OutputPath::check(place, true, &backup.input)
}

/// Makes sure that the copy can have its name; to be asked before a person is.
///
/// # Errors
/// As [`OutputPath::check`]: `OutputIo` for a file that is there and may not be replaced.
pub fn check_free(place: &Path, writing: &Writing, backup: &Backup) -> Result<OutputPath> {
    OutputPath::check(place, writing.replace, &backup.input)
}

/// Makes sure that the user has agreed, or can be asked.
///
/// # Errors
/// `Usage`, with this advice.
pub fn check_consent(
    session: &Session,
    writing: &Writing,
    command: &str,
    advice: &'static str,
) -> Result<()> {
    let may_ask = stdin().is_terminal() && stdout().is_terminal() && !session.settings.json;
    if writing.yes || may_ask {
        return Ok(());
    }
    let message = format!("{command} asks before it writes, and there is no terminal to ask on");
    Err(usage(message, advice))
}

/// Ends a run that the user did not want to go on.
pub fn stopped(session: &Session) -> Result<u8> {
    session.screen.say(words::UNCHANGED);
    Ok(STOPPED)
}

/// Writes and publishes the copy.
///
/// # Errors
/// As [`Prepared::write`]; that of a plan which leads to no copy any more.
pub fn write(
    session: &Session,
    prepared: &mut Prepared,
    place: &Path,
    writing: &Writing,
) -> Result<Published> {
    let options = WriteOptions {
        replace: writing.replace,
        verify: writing.verify,
        // A user who was asked knows what is damaged: it was checked before.
        check_kept: writing.yes && writing.verify,
    };
    match prepared.write(place, options, &session.screen, &session.control)? {
        WriteOutcome::Published(copy) => {
            session.published();
            Ok(copy)
        }
        WriteOutcome::Refused(reason) => Err(refusal::error(prepared, reason)),
    }
}

/// A copy as programs read about it.
pub fn json_copy(copy: &Published, limit: u64, verified: bool, begin: Instant) -> json::Copy<'_> {
    json::Copy {
        path: &copy.path,
        size: copy.size,
        fits: copy.size <= limit,
        slug: &copy.slug,
        name: &copy.name,
        protected: copy.protected,
        securetar: copy.securetar,
        verified,
        seconds: begin.elapsed().as_secs_f64(),
    }
}
