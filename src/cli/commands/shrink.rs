//! `haslim shrink`: shows the plan, asks, writes, verifies, publishes.

use std::path::Path;
use std::time::Instant;

use haslim::job::{Damage, Depth, Prepared, Published, Refusal};
use haslim::open::Backup;
use haslim::pipe::Control;
use haslim::plan::Outcome;
use haslim::report::plan_view::PlanView;
use haslim::report::{json, notes, words};
use haslim::rewrite::OutputPath;
use haslim::{Error, Result, size};
use serde_json::{Map, Value};

use super::guide;
use super::preparing::prepare;
use super::writing::{self, check_consent, check_free, check_place, check_rest, stopped};
use crate::cli::render::terms::CommandLine;
use crate::cli::render::{self, escaped_path, next_steps, refusal, summary};
use crate::cli::session::{DONE, Session};
use crate::cli::settings::{Selection, Writing};
use crate::cli::terminal::prompt::{Answer, ask};

/// The suffix before `.tar` in the default name of a copy.
pub const MARK: &str = "slim";

/// The warning about what `--no-verify` skips.
const UNVERIFIED: &str = "--no-verify: the copy is NOT read back, NOT decrypted, NOT decompressed and NOT compared with the original; parts that are kept whole are NOT checked for damage. \
    An error of the disk, the memory or haslim would remain unnoticed until a restore fails. \
    This is for measurements; do not keep such a copy as a backup.";

/// Writes a smaller copy.
///
/// # Errors
/// As [`prepare`] and [`writing::write`]; errors that end a run before anything is written.
pub fn run(session: &Session, path: &Path, selection: &Selection, writing: &Writing) -> Result<u8> {
    let backup = session.open(path)?;
    let place = writing.path(path, MARK);
    check_place(&place, writing, &backup)?;
    check_consent(
        session,
        writing,
        "shrink",
        "Add --yes, or look first with `haslim plan`.",
    )?;
    let purpose = Purpose::Keep;
    match make(session, backup, path, selection, writing, purpose)? {
        Ending::Ended(code) => Ok(code),
        Ending::Copied | Ending::Fits => Ok(DONE),
    }
}

/// What a copy is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// It is the result.
    Keep,
    /// It is sent to Home Assistant, and that run reports the result.
    Send,
    /// The same, without a file.
    Stream,
}

/// How a run for a copy ended.
pub enum Ending {
    /// The copy is there.
    Copied,
    /// The backup fits, so there is no copy. Only for a copy that is to be sent.
    Fits,
    /// The run is over, with this exit code.
    Ended(u8),
}

/// Writes a smaller copy that is to be sent, without reporting the result.
///
/// # Errors
/// As [`run`], but no error for a backup that already fits.
pub fn copy(
    session: &Session,
    backup: Backup,
    path: &Path,
    selection: &Selection,
    writing: &Writing,
) -> Result<Ending> {
    make(session, backup, path, selection, writing, Purpose::Send)
}

fn make(
    session: &Session,
    backup: Backup,
    path: &Path,
    selection: &Selection,
    writing: &Writing,
    purpose: Purpose,
) -> Result<Ending> {
    let begin = Instant::now();
    let place = writing.path(path, MARK);
    let (mut prepared, rest) = match decide(session, backup, path, selection, writing, purpose)? {
        Decided::Copy(prepared, rest) => (*prepared, rest),
        Decided::Fits => return Ok(Ending::Fits),
        Decided::Ended(code) => return Ok(Ending::Ended(code)),
    };
    if !is_agreed(session, &mut prepared, &place, rest, writing)? {
        return stopped(session).map(Ending::Ended);
    }
    if !writing.verify {
        session.screen.shout(UNVERIFIED);
    }
    let before = match purpose {
        Purpose::Keep => None,
        Purpose::Send | Purpose::Stream => writing::reuse(session, &mut prepared, &place, writing)?,
    };
    let done = if before.is_some() {
        "Made before"
    } else {
        "Made a copy"
    };
    let copy = match before {
        Some(copy) => copy,
        None => writing::write(session, &mut prepared, &place, writing)?,
    };
    match purpose {
        Purpose::Keep => report(session, &prepared, &copy, writing.verify, begin)?,
        _ => session.screen.say(&format!(
            "{done}: {}, read back and compared, nothing differs.",
            size::short(copy.size)
        )),
    }
    Ok(Ending::Copied)
}

/// What was decided about a copy.
pub enum Decided {
    /// It can be made. The size of the rest, if one is wanted.
    Copy(Box<Prepared>, Option<u64>),
    /// The backup fits, so there is no copy. Only for a copy that is to be sent.
    Fits,
    /// The run is over, with this exit code.
    Ended(u8),
}

/// Plans a copy that is sent as it is made, and checks the parts that it keeps.
///
/// # Errors
/// As [`run`], but no error for a backup that already fits.
pub fn plan_to_stream(
    session: &Session,
    backup: Backup,
    path: &Path,
    selection: &Selection,
    writing: &Writing,
) -> Result<Decided> {
    let mut decided = decide(session, backup, path, selection, writing, Purpose::Stream)?;
    if let Decided::Copy(prepared, _) = &mut decided {
        prepared.check_kept_parts(&session.control)?;
        prepared.report_damage(on_damage(writing), &session.screen, &session.control)?;
    }
    Ok(decided)
}

/// What damage in the parts that stay means: a user who is asked decides on it.
fn on_damage(writing: &Writing) -> Damage {
    if writing.yes {
        Damage::EndsTheJob
    } else {
        Damage::IsDecidedOn
    }
}

/// Plans, with the user's consent where it is needed, and shows the plan.
fn decide(
    session: &Session,
    backup: Backup,
    path: &Path,
    selection: &Selection,
    writing: &Writing,
    purpose: Purpose,
) -> Result<Decided> {
    let place = writing.path(path, MARK);
    let depth = match writing {
        Writing { verify: false, .. } => Depth::Needed,
        Writing { yes: true, .. } => Depth::Checked,
        _ => Depth::Asked,
    };
    let mut prepared = prepare(session, backup, selection, depth)?;
    render::plan::unmatched_selectors(session, &render::plan::view(&prepared));
    if !writing.yes
        && prepared.plan.outcome == Outcome::CannotFit
        && !guide::consent(session, &mut prepared, &place, writing)?
    {
        return stopped(session).map(Decided::Ended);
    }
    let refusal = prepared.refusal();
    if purpose != Purpose::Keep && matches!(refusal, Some(Refusal::AlreadyFits)) {
        session
            .screen
            .say("It fits already, so it is sent as it is.");
        return Ok(Decided::Fits);
    }
    let mut rest = None;
    if refusal.is_none() && purpose != Purpose::Stream {
        check_free(&place, writing, &prepared.backup)?;
        rest = check_rest(&prepared, writing)?;
    }
    if !session.settings.json {
        render::plan::plan(
            session,
            &prepared,
            &render::plan::view(&prepared),
            "will be",
        );
    }
    if let Some(reason) = refusal {
        let error = refusal::error(&prepared, reason);
        return refuse(session, &prepared, selection, writing, error).map(Decided::Ended);
    }
    Ok(Decided::Copy(Box::new(prepared), rest))
}

/// Ends a run whose plan does not lead to a copy.
fn refuse(
    session: &Session,
    prepared: &Prepared,
    selection: &Selection,
    writing: &Writing,
    error: Error,
) -> Result<u8> {
    let view = render::plan::view(prepared);
    let is_json = session.settings.json;
    let accepted = writing::is_accepted(selection, &error);
    if is_json {
        let all = planned(prepared, &view, &session.control)?;
        let code = if accepted { DONE } else { error.kind().code() };
        let error = refusal::with_unmatched_selectors(error, &view);
        let error = Some(&error).filter(|_| !accepted);
        session
            .screen
            .json(&json::nothing_written(all, error, &CommandLine));
        return Ok(code);
    }
    if accepted {
        session.screen.error(&error);
        return Ok(DONE);
    }
    render::plan::ways_out(session, prepared, &view, selection, Some(writing));
    Err(error)
}

/// Whether the user wants the copy and knows about any damage. Always true if no question is asked.
/// `rest` is the size of the rest, if one is wanted.
fn is_agreed(
    session: &Session,
    prepared: &mut Prepared,
    place: &Path,
    rest: Option<u64>,
    writing: &Writing,
) -> Result<bool> {
    // A user who is asked must know about damage first. Otherwise the check runs while the copy is
    // written.
    if writing.verify && !writing.yes {
        prepared.check_kept_parts(&session.control)?;
    }
    let expected = prepared.plan.predicted_size;
    let rest = rest
        .zip(writing.rest.as_ref())
        .map_or(String::new(), |(bytes, rest)| {
            format!(" and {}, {}", escaped_path(rest), size::short(bytes))
        });
    let mut target = OutputPath::check(place, writing.replace, &prepared.backup.input)?;
    target.remove_leftovers();
    target.check_space(expected)?;
    let free = target.free_space();
    prepared.report_damage(on_damage(writing), &session.screen, &session.control)?;
    let free = free.map_or(String::new(), |free| {
        format!(" ({} free)", size::short(free))
    });
    let question = format!(
        "\nWrite {}, {}{rest}?{free} [y]es, [N]o: ",
        escaped_path(place),
        size::short(expected)
    );
    Ok(writing.yes || ask(&session.control, &question)? == Answer::Yes)
}

/// Prints what was written.
fn report(
    session: &Session,
    prepared: &Prepared,
    copy: &Published,
    verified: bool,
    begin: Instant,
) -> Result<()> {
    if !session.settings.json {
        // Otherwise a note has already said it, and JSON says it too.
        if session.settings.quiet && prepared.backup.is_protected() && !copy.protected {
            session
                .screen
                .shout("The copy is NOT encrypted: anyone who has the file can read it.");
        }
        announce(session, prepared, copy, verified, begin);
        return Ok(());
    }
    // The copy has its name, so it is too late to cancel.
    session.screen.json(&json::shrink(
        planned(prepared, &render::plan::view(prepared), &Control::default())?,
        &writing::json_copy(copy, prepared.plan.limit, verified, begin),
        &prepared.unchecked_parts(),
    ));
    Ok(())
}

/// The plan as JSON, with what the checks of the kept parts found.
fn planned(
    prepared: &Prepared,
    view: &PlanView<'_>,
    control: &Control,
) -> Result<Map<String, Value>> {
    let mut view = view.clone();
    let found = prepared.notes_on_kept();
    let found = found.map(|note| notes::note(&prepared.backup, note, &CommandLine));
    view.notes.extend(found);
    json::plan(
        &prepared.backup,
        &prepared.surveys,
        &view,
        &prepared.damaged_parts(),
        &CommandLine,
        control,
    )
}

fn announce(
    session: &Session,
    prepared: &Prepared,
    copy: &Published,
    verified: bool,
    begin: Instant,
) {
    let screen = &session.screen;
    let change = words::change(prepared.backup.input.len(), copy.size);
    let seconds = begin.elapsed().as_secs_f64();
    let done = format!(
        "Done in {seconds:.1} s: {} ({change})",
        size::short(copy.size)
    );
    screen.say("");
    screen.say(&if verified {
        screen.green(&format!("{done}, read back and compared, nothing differs."))
    } else {
        screen.red(&format!("{done}, NOT VERIFIED."))
    });
    screen.as_is(&format!("  {}", escaped_path(&copy.path)));
    if copy.size != prepared.plan.predicted_size || session.settings.details {
        let off = i128::from(copy.size) - i128::from(prepared.plan.predicted_size);
        screen.say(&format!(
            "It has {}: {off:+} bytes from what was expected.",
            words::against_limit(copy.size, prepared.plan.limit)
        ));
    }
    let locked = prepared.locked_parts();
    if verified && !locked.is_empty() {
        screen.say(&format!(
            "Copied unchanged and not checked (no key): {}",
            locked.join(", ")
        ));
    }
    if let Some(rest) = &copy.rest {
        screen.say(&format!(
            "What it lacks, {}, is in a backup of its own. Keep it, but not in the cloud, which keeps only one backup:",
            size::short(rest.size)
        ));
        screen.as_is(&format!("  {}", escaped_path(&rest.path)));
    }
    next_steps::after_writing(session, copy, prepared.backup.is_protected());
    summary::of_copy(session, prepared.backup.input.len(), copy, verified);
}
