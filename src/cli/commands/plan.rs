//! `haslim plan`, and `haslim shrink --dry-run`.

use std::path::Path;

use haslim::job::{Damage, Depth, Prepared};
use haslim::plan::Outcome;
use haslim::report::plan_view::PlanView;
use haslim::report::{explain, json};
use haslim::rewrite::OutputPath;
use haslim::{Error, Kind, Result, size};

use super::preparing::prepare;
use super::shrink::MARK;
use super::writing::{self, check_free, check_place, check_rest};
use crate::cli::render::terms::CommandLine;
use crate::cli::render::{self, escaped_path, next_steps, refusal};
use crate::cli::session::{DONE, Session};
use crate::cli::settings::{Selection, Writing};

/// `haslim plan --why`: explains what decides about a path.
///
/// # Errors
/// As [`prepare`] and [`explain::why`].
pub fn why(session: &Session, path: &Path, selection: &Selection, location: &str) -> Result<u8> {
    let prepared = prepare(session, session.open(path)?, selection, Depth::All)?;
    render::plan::unmatched_selectors(session, &render::plan::view(&prepared));
    let Prepared {
        backup,
        surveys,
        request,
        plan,
        ..
    } = &prepared;
    let said = explain::why(backup, surveys, request, plan, location, &CommandLine)?;
    if session.settings.json {
        session.screen.json(&json::why(location, &said));
    } else {
        said.iter()
            .for_each(|sentence| session.screen.say(sentence));
    }
    Ok(DONE)
}

/// What there is to say about the rest, if one is wanted.
fn rest_note(prepared: &Prepared, writing: &Writing) -> Result<Option<String>> {
    let rest = check_rest(prepared, writing)?.zip(writing.rest.as_deref());
    Ok(rest.map(|(bytes, rest)| {
        format!(
            "{} would hold what the copy lacks, {}.",
            escaped_path(rest),
            size::short(bytes)
        )
    }))
}

/// Shows the plan and returns the exit code that `shrink` would return. For a dry run this includes
/// its own options, because only they say where the copy would go.
///
/// # Errors
/// As [`prepare`]; the error with which `shrink` would end.
pub fn run(
    session: &Session,
    path: &Path,
    selection: &Selection,
    writing: Option<&Writing>,
) -> Result<u8> {
    let backup = session.open(path)?;
    let place = writing.map(|writing| writing.path(path, MARK));
    let target = writing
        .zip(place.as_deref())
        .map(|(writing, place)| check_place(place, writing, &backup))
        .transpose()?;
    let mut prepared = prepare(session, backup, selection, Depth::All)?;
    render::plan::unmatched_selectors(session, &render::plan::view(&prepared));
    let taken = writing
        .zip(place.as_deref())
        .is_some_and(|(writing, place)| {
            prepared.plan.outcome != Outcome::AlreadyFits
                && check_free(place, writing, &prepared.backup).is_err()
        });
    let taken_path = target.as_ref().filter(|_| taken);
    let taken_note = taken_path.map(|target| {
        let path = escaped_path(target.path());
        format!("{path} exists already: a copy would not replace it without --force.")
    });
    let rest_note = match writing {
        Some(writing) if prepared.refusal().is_none() => rest_note(&prepared, writing)?,
        _ => None,
    };
    let verdict = verdict(session, &mut prepared, target);
    let mut view = render::plan::view(&prepared);
    view.notes.extend(taken_note.into_iter().chain(rest_note));
    let accepted = |error: &Error| writing::is_accepted(selection, error);
    match verdict {
        Err(error) if session.settings.json && is_hopeless(&error) => Err(error),
        verdict if session.settings.json => {
            let refused = verdict.err().filter(|error| !accepted(error));
            print_json(session, &prepared, &view, refused)
        }
        verdict => {
            render::plan::plan(session, &prepared, &view, "would be");
            if session.settings.details {
                render::plan::largest(session, &prepared)?;
            }
            render::plan::ways_out(session, &prepared, &view, selection, writing);
            if !verdict.as_ref().is_err_and(is_hopeless) {
                next_steps::after_plan(session, &prepared, selection, writing, taken);
            }
            match verdict {
                Err(error) if accepted(&error) => session.screen.error(&error),
                verdict => verdict?,
            }
            Ok(DONE)
        }
    }
}

/// The error with which `shrink` would end before it writes anything.
fn verdict(session: &Session, prepared: &mut Prepared, target: Option<OutputPath>) -> Result<()> {
    let refusal = prepared
        .refusal()
        .map(|reason| refusal::error(prepared, reason));
    // If nothing would be written anyway, a warning is enough.
    let damage = match refusal {
        Some(_) => Damage::IsReported,
        None => Damage::EndsTheJob,
    };
    let damage = prepared.report_damage(damage, &session.screen, &session.control);
    if let Some(error) = refusal {
        return Err(error);
    }
    damage?;
    target.map_or(Ok(()), |mut target| {
        target.check_space(prepared.plan.predicted_size)
    })
}

/// Whether every plan must fail, whatever it leaves out.
fn is_hopeless(error: &Error) -> bool {
    matches!(error.kind(), Kind::Damaged | Kind::OutputIo)
}

/// Prints one document for programs: the plan, and why it cannot be carried out.
fn print_json(
    session: &Session,
    prepared: &Prepared,
    view: &PlanView<'_>,
    refused: Option<Error>,
) -> Result<u8> {
    let planned = json::plan(
        &prepared.backup,
        &prepared.surveys,
        view,
        &prepared.damaged_parts(),
        &CommandLine,
        &session.control,
    )?;
    let (document, code) = match &refused {
        Some(error) => (
            json::refused(planned, error, &CommandLine),
            error.kind().code(),
        ),
        None => (planned, DONE),
    };
    session.screen.json(&document);
    Ok(code)
}
