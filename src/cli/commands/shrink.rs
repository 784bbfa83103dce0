//! `haslim plan` and `haslim shrink`.

use std::io::{IsTerminal, stdin};
use std::path::{Path, PathBuf};
use std::time::Instant;

use haslim::open::Backup;
use haslim::pipe::Control;
use haslim::plan::{Outcome, explain};
use haslim::report::{json, words};
use haslim::rewrite::OutputPath;
use haslim::{Error, Kind, Result, size};

use super::guide::{self, Answer};
use crate::cli::args::Choice;
use crate::cli::copy::{self, Finished, Writing};
use crate::cli::prepare::{Depth, Prepared, prepare};
use crate::cli::render::{next_steps, plan as show};
use crate::cli::{DONE, STOPPED, Session, kept, usage};

/// What `--no-verify` leaves out.
const UNVERIFIED: &str = "--no-verify: the copy is NOT read back, NOT decrypted, NOT decompressed and NOT compared with the original; parts that are kept whole are NOT checked for damage. \
    If the disk, the memory or haslim makes a mistake, nobody will notice before a restore fails. \
    This is for measurements; do not keep such a copy as a backup.";

/// `haslim plan --why`: tells what decides about a path.
pub fn why(session: &Session, path: &Path, choice: &Choice, place: &str) -> Result<u8> {
    let prepared = prepare(session, session.open(path)?, choice, Depth::All)?;
    show::slips(session, &prepared);
    let Prepared {
        backup,
        surveys,
        request,
        plan,
        ..
    } = &prepared;
    let said = explain::why(backup, surveys, request, plan, place)?;
    if session.common.json {
        session.screen.json(&json::why(place, &said));
    } else {
        said.iter()
            .for_each(|sentence| session.screen.say(sentence));
    }
    Ok(DONE)
}

/// `haslim plan`, and `haslim shrink --dry-run` with its own options: shows the plan and
/// ends with the code that `shrink` would. Only the latter knows where the copy would go.
pub fn plan(
    session: &Session,
    path: &Path,
    choice: &Choice,
    writing: Option<&Writing>,
) -> Result<u8> {
    let backup = session.open(path)?;
    let target = writing
        .map(|writing| open_place(&place(writing, path), &backup))
        .transpose()?;
    let mut prepared = prepare(session, backup, choice, Depth::All)?;
    show::slips(session, &prepared);
    let taken = writing.is_some_and(|writing| is_taken(&place(writing, path), writing, &prepared));
    if taken && let Some(target) = &target {
        prepared.plan.notes.push(format!(
            "{} exists already: a copy would not replace it without --force.",
            shown(target.path())
        ));
    }
    // Where nothing would be written anyway, a warning does.
    let refusal = refusal(&prepared);
    let damage = tell_known(session, &mut prepared, refusal.is_some());
    let room = || {
        target.map_or(Ok(()), |mut target| {
            target.check_space(prepared.plan.predicted_size)
        })
    };
    // One document for programs: the plan, or why there is none that can be followed.
    let refused = refusal.map_or_else(|| damage.and_then(|()| room()), Err);
    let hopeless =
        matches!(&refused, Err(error) if matches!(error.kind(), Kind::Damaged | Kind::OutputIo));
    if session.common.json {
        match &refused {
            Err(_) if hopeless => return refused.map(|()| DONE),
            _ => {
                let damaged = kept::wrong(&prepared, Kind::Damaged);
                let planned = json::plan(
                    &prepared.backup,
                    &prepared.surveys,
                    &prepared.plan,
                    &damaged,
                    &session.control,
                )?;
                session.screen.json(&match &refused {
                    Err(error) => json::refused(planned, error),
                    Ok(()) => planned,
                });
            }
        }
    } else {
        show::plan(session, &prepared, "would be");
        show::largest(session, &prepared)?;
        show::ways_out(session, &prepared, choice, writing);
        if !hopeless {
            next_steps::after_plan(session, &prepared, choice, writing, taken);
        }
    }
    match refused {
        Err(error) if session.common.json => Ok(error.kind().code()),
        other => other.map(|()| DONE),
    }
}

/// `haslim shrink`: shows the plan, asks, writes, verifies, publishes.
pub fn run(session: &Session, path: &Path, choice: &Choice, writing: &Writing) -> Result<u8> {
    let begin = Instant::now();
    let backup = session.open(path)?;
    let place = place(writing, path);
    open_place(&place, &backup)?;
    may_write(
        session,
        writing.yes,
        "shrink",
        "Add --yes, or look first with `haslim plan`.",
    )?;
    let depth = if writing.no_verify {
        Depth::Needed
    } else {
        Depth::Checked
    };
    let mut prepared = prepare(session, backup, choice, depth)?;
    show::slips(session, &prepared);
    if !writing.yes
        && prepared.plan.outcome == Outcome::CannotFit
        && !guide::consent(session, &mut prepared, &place, writing)?
    {
        return stopped(session);
    }
    let refusal = refusal(&prepared);
    if refusal.is_none() {
        is_free(&place, writing, &prepared.backup)?;
    }
    if !session.common.json {
        show::plan(session, &prepared, "will be");
    }
    if let Some(error) = refusal {
        if session.common.json {
            let code = error.kind().code();
            session.screen.json(&json::nothing_written(
                &with_slips(error, &prepared),
                &prepared.plan,
            ));
            return Ok(code);
        }
        show::ways_out(session, &prepared, choice, Some(writing));
        return Err(error);
    }
    OutputPath::check(&place, writing.force, &prepared.backup.input)?
        .check_space(prepared.plan.predicted_size)?;
    let verified = !writing.no_verify;
    // Whoever is asked has to know first; else the rest is found out while the copy is written.
    if verified && !writing.yes {
        let checks = kept::check(&prepared, &session.control);
        prepared.checked.extend(checks);
    }
    tell_known(session, &mut prepared, !writing.yes)?;
    let expected = prepared.plan.predicted_size;
    let question = format!(
        "\nWrite {} to {}? [y]es, [N]o: ",
        size::decimal(expected),
        shown(&place)
    );
    if !writing.yes && guide::ask(session, &question, false)? != Answer::Yes {
        return stopped(session);
    }
    if !verified {
        session.screen.shout(UNVERIFIED);
    }
    let copy = copy::write(session, &mut prepared, &place, writing)?;
    // Else a note has said it, and JSON says it.
    if session.common.quiet
        && !session.common.json
        && prepared.backup.is_protected()
        && !copy.protected
    {
        session
            .screen
            .shout("The copy is NOT encrypted: whoever has the file can read it.");
    }
    if session.common.json {
        let wrong = kept::wrong(&prepared, Kind::Damaged);
        // The copy has its name; nobody can stop that any more.
        let planned = json::plan(
            &prepared.backup,
            &prepared.surveys,
            &prepared.plan,
            &wrong,
            &Control::default(),
        )?;
        let mut unseen = kept::unseen(&prepared);
        unseen.extend(
            kept::wrong(&prepared, Kind::Refused)
                .into_iter()
                .map(|(id, _)| id),
        );
        session.screen.json(&json::shrink(
            planned,
            &copy.for_json(prepared.plan.limit, verified, begin),
            &unseen,
        ));
    } else {
        announce(session, &prepared, &copy, verified);
    }
    Ok(DONE)
}

/// See [`kept::tell`], about what is known before anything is written.
fn tell_known(session: &Session, prepared: &mut Prepared, asked: bool) -> Result<()> {
    let known = std::mem::take(&mut prepared.checked);
    prepared.checked = kept::tell(session, prepared, known, asked)?;
    Ok(())
}

/// Makes sure that somebody said yes, or can be asked.
pub fn may_write(session: &Session, yes: bool, command: &str, advice: &str) -> Result<()> {
    let may_ask = stdin().is_terminal() && std::io::stdout().is_terminal() && !session.common.json;
    if yes || may_ask {
        return Ok(());
    }
    let message = format!("{command} asks before it writes, and there is no terminal to ask on");
    Err(usage(message, advice))
}

/// A path, safe to print.
pub fn shown(path: &Path) -> String {
    haslim::error::escape(path.as_os_str().as_encoded_bytes())
}

/// Ends a run that the user did not want to go on.
pub fn stopped(session: &Session) -> Result<u8> {
    session.screen.say(words::UNCHANGED);
    Ok(STOPPED)
}

/// An error that stands alone also says what was named and is not there: that may be why.
fn with_slips(error: Error, prepared: &Prepared) -> Error {
    if prepared.plan.warnings.is_empty() {
        return error;
    }
    let slips = prepared.plan.warnings.iter().map(String::as_str);
    let advice: Vec<&str> = slips.chain(error.next_step()).collect();
    let advice = advice.join(" ");
    error.advice(advice)
}

/// The error that ends a run with nothing to write.
pub fn refusal(prepared: &Prepared) -> Option<Error> {
    let plan = &prepared.plan;
    match plan.outcome {
        Outcome::Fits => None,
        Outcome::AlreadyFits => Some(
            Error::new(
                Kind::AlreadyFits,
                format!("Nothing to do: the backup fits, with {}", words::against_limit(prepared.backup.input.len(), plan.limit)),
            )
            .advice(if prepared.request.drops.is_empty() {
                "Name something with --drop to make it smaller all the same."
            } else {
                "Nothing that --drop names would go; `haslim plan --why PATH` tells why a path stays."
            }),
        ),
        Outcome::CannotFit => {
            let over = words::shortfall(plan);
            let message = format!("the limit would be missed by {over} bytes, {}", size::both(over));
            let ways: Vec<&str> = plan.ways_out.iter().map(|w| w.options.as_str()).collect();
            let look = if prepared.keys.is_none() && prepared.backup.is_protected() {
                " With the key, haslim could look inside the parts."
            } else {
                ""
            };
            let advice = match ways.as_slice() {
                [] => format!("`haslim ls` shows what is big; name more of it with --drop, or raise --limit.{look}"),
                [way] => format!("To make it fit, add {way}.{look}"),
                ways => format!("To make it fit, add one of these: {}.{look}", ways.join("; or: ")),
            };
            Some(Error::new(Kind::CannotFit, message).advice(advice))
        }
    }
}

/// Makes sure, before any work, that a file can be written at this place. One that is there already
/// decides nothing before it is known that something has to be written: see [`is_free`].
///
/// # Errors
/// As [`OutputPath::check`] with `force`.
pub fn open_place(place: &Path, backup: &Backup) -> Result<OutputPath> {
    OutputPath::check(place, true, &backup.input)
}

/// Makes sure that the copy can have its name; to be asked before a person is.
///
/// # Errors
/// As [`OutputPath::check`]: `OutputIo` for a file that is there and may not be replaced.
pub fn is_free(place: &Path, writing: &Writing, backup: &Backup) -> Result<()> {
    OutputPath::check(place, writing.force, &backup.input).map(drop)
}

/// Whether a dry run has to tell that the copy could not have its name.
fn is_taken(place: &Path, writing: &Writing, prepared: &Prepared) -> bool {
    prepared.plan.outcome != Outcome::AlreadyFits
        && is_free(place, writing, &prepared.backup).is_err()
}

fn place(writing: &Writing, path: &Path) -> PathBuf {
    writing
        .output
        .clone()
        .unwrap_or_else(|| beside(path, "slim"))
}

/// `<name>.MARK.tar` beside the backup.
pub fn beside(path: &Path, mark: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!(".{mark}.tar"));
    path.with_file_name(name)
}

fn announce(session: &Session, prepared: &Prepared, copy: &Finished, verified: bool) {
    let screen = &session.screen;
    let stands = match i128::from(copy.size) - i128::from(prepared.plan.predicted_size) {
        0 => "exactly as expected".into(),
        off => format!("{off:+} bytes from what was expected"),
    };
    let shown = shown(&copy.path);
    screen.say(&format!(
        "\nReached:  {}",
        words::against_limit(copy.size, prepared.plan.limit)
    ));
    screen.say(&format!("          {stands}"));
    screen.say(&if verified {
        screen.green(&format!(
            "Written, read back and compared with the original: {shown}"
        ))
    } else {
        screen.red(&format!("Written, NOT VERIFIED: {shown}"))
    });
    let unseen = kept::unseen(prepared);
    if verified && !unseen.is_empty() {
        screen.say(&format!(
            "          Not checked for damage, for want of the key, and copied bit by bit: {}",
            unseen.join(", ")
        ));
    }
    next_steps::after_writing(session, copy);
}
