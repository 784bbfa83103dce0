//! Code that the writing commands share.

use std::path::Path;
use std::time::Instant;

use haslim::error::Advice;
use haslim::job::{Prepared, Published, WriteOptions, WriteOutcome};
use haslim::open::Backup;
use haslim::report::{json, words};
use haslim::rewrite::OutputPath;
use haslim::{Error, Kind, Result};

use crate::cli::mistake::usage;
use crate::cli::render::{escaped_path, refusal, terms};
use crate::cli::session::{STOPPED, Session};
use crate::cli::settings::{Selection, Writing};

/// Checks, before any work, that a copy can be written at this place, and a rest at its own. An
/// existing file causes an error only once it is known that something must be written: see
/// [`check_free`].
///
/// # Errors
/// As [`OutputPath::check`] with `force`; `Usage` if the copy and the rest would be the same file.
pub fn check_place(place: &Path, writing: &Writing, backup: &Backup) -> Result<OutputPath> {
    let copy = OutputPath::check(place, true, &backup.input)?;
    if let Some(rest) = &writing.rest
        && free_rest(rest, true, backup)?.is_same(&copy)
    {
        return Err(usage(
            "the copy and the rest cannot be the same file",
            "Give -o and --rest different names.",
        ));
    }
    Ok(copy)
}

/// As [`OutputPath::check`] for a rest.
fn free_rest(rest: &Path, replace: bool, backup: &Backup) -> Result<OutputPath> {
    OutputPath::check(rest, replace, &backup.input).map_err(|error| match error.next_step() {
        Some(Advice::Output(advice)) => {
            let advice = terms::output(*advice, " with --rest");
            error.advice(advice)
        }
        _ => error,
    })
}

/// Checks that the copy can get its name. Called before the user is asked anything.
///
/// # Errors
/// As [`OutputPath::check`]: `OutputIo` for an existing file that may not be replaced.
pub fn check_free(place: &Path, writing: &Writing, backup: &Backup) -> Result<OutputPath> {
    OutputPath::check(place, writing.replace, &backup.input)
}

/// Checks that the user has agreed, or can be asked.
///
/// # Errors
/// `Usage`, with this advice.
pub fn check_consent(
    session: &Session,
    writing: &Writing,
    command: &str,
    advice: &'static str,
) -> Result<()> {
    if writing.yes || session.may_ask() {
        return Ok(());
    }
    let message = format!("{command} asks before it writes, and there is no terminal to ask on");
    Err(usage(message, advice))
}

/// Whether an error is a success for this user: a backup that fits, with `--ok-if-fits`.
pub fn is_accepted(selection: &Selection, error: &Error) -> bool {
    selection.ok_if_fits && error.kind() == Kind::AlreadyFits
}

/// Ends a run that the user stopped.
pub fn stopped(session: &Session) -> Result<u8> {
    session.screen.say(words::UNCHANGED);
    Ok(STOPPED)
}

fn options(writing: &Writing) -> WriteOptions {
    WriteOptions {
        replace: writing.replace,
        verify: writing.verify,
        asked: !writing.yes,
        // If the user was asked, damage was checked before.
        check_kept: writing.yes && writing.verify,
    }
}

/// The copy at this place, if an earlier run wrote exactly what is planned now.
///
/// # Errors
/// As [`Prepared::reuse`].
pub fn reuse(
    session: &Session,
    prepared: &mut Prepared,
    place: &Path,
    writing: &Writing,
) -> Result<Option<Published>> {
    let (screen, control) = (&session.screen, &session.control);
    prepared.reuse(place, options(writing), screen, control)
}

/// Writes and publishes the copy.
///
/// # Errors
/// As [`Prepared::write`]; the error of a plan that no longer leads to a copy.
pub fn write(
    session: &Session,
    prepared: &mut Prepared,
    place: &Path,
    writing: &Writing,
) -> Result<Published> {
    let options = options(writing);
    let (screen, control) = (&session.screen, &session.control);
    let outcome = match &writing.rest {
        Some(rest) => {
            let was_there = rest.exists();
            let outcome = prepared.write_with_rest(place, rest, options, screen, control);
            if outcome.is_err() && !was_there && rest.exists() {
                // The copy got no name, and the rest could not be removed again.
                screen.left_behind(&format!(
                    "The rest is still there, without its copy: {}.",
                    escaped_path(rest)
                ));
            }
            outcome
        }
        None => prepared.write(place, options, screen, control),
    };
    match outcome? {
        WriteOutcome::Published(copy) => {
            session.published();
            Ok(copy)
        }
        WriteOutcome::Refused(reason) => Err(refusal::error(prepared, reason)),
    }
}

/// Checks that the rest can be written, if one is wanted. Returns its size, as far as it can be
/// predicted.
///
/// # Errors
/// As [`Prepared::plan_rest`] and [`OutputPath::check`].
pub fn check_rest(prepared: &Prepared, writing: &Writing) -> Result<Option<u64>> {
    let Some(rest) = &writing.rest else {
        return Ok(None);
    };
    free_rest(rest, writing.replace, &prepared.backup)?;
    Ok(Some(prepared.plan_rest()?.predicted_size))
}

/// A copy as JSON.
pub fn json_copy(copy: &Published, limit: u64, verified: bool, begin: Instant) -> json::Copy<'_> {
    json::Copy {
        path: &copy.path,
        size: copy.size,
        fits: copy.size <= limit,
        slug: &copy.slug,
        name: &copy.name,
        protected: copy.protected,
        securetar: copy.securetar,
        rest: copy.rest.as_ref().map(|rest| json::Rest {
            path: &rest.path,
            size: rest.size,
            slug: &rest.slug,
            name: &rest.name,
        }),
        verified,
        seconds: begin.elapsed().as_secs_f64(),
    }
}
