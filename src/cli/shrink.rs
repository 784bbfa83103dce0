//! `haslim plan` and `haslim shrink`.

use std::io::{IsTerminal, stdin};
use std::path::{Path, PathBuf};
use std::time::Instant;

use haslim::plan::{Action, Outcome, explain};
use haslim::report::{json, words};
use haslim::rewrite::{self, Output, OutputPath, Written};
use haslim::{Error, Kind, Result, size, verify};

use super::args::Choice;
use super::guide::{self, Answer};
use super::prepare::{Depth, Prepared, prepare};
use super::{DONE, STOPPED, Session, show, usage};

/// Where the copy goes and how freely.
pub struct Writing {
    pub output: Option<PathBuf>,
    pub yes: bool,
    pub force: bool,
    /// Give the copy its name without having read it back.
    pub no_verify: bool,
}

/// What `--no-verify` leaves out.
const UNVERIFIED: &str = "--no-verify: the copy is NOT read back, NOT decrypted, NOT decompressed and NOT compared with the original; parts that are kept whole are NOT checked for damage. \
    If the disk, the memory or haslim makes a mistake, nobody will notice before a restore fails. \
    This is for measurements; do not keep such a copy as a backup.";

/// How often a copy that came out too large is planned anew with what was measured.
const ATTEMPTS: usize = 3;

/// `haslim plan`: shows the plan and ends with the code that `shrink` would.
pub fn plan(session: &Session, path: &Path, choice: &Choice, why: Option<&str>) -> Result<u8> {
    let prepared = prepare(session, session.open(path)?, choice, Depth::All)?;
    let Prepared { backup, surveys, request, plan, .. } = &prepared;
    if let Some(place) = why {
        let said = explain::why(backup, surveys, request, plan, place)?;
        if session.common.json {
            session.screen.json(&json::why(place, &said));
        } else {
            said.iter().for_each(|sentence| session.screen.say(sentence));
        }
        return Ok(DONE);
    }
    if session.common.json {
        session.screen.json(&json::plan(backup, surveys, plan));
    } else {
        show::plan(session, &prepared, "would be");
        show::largest(session, &prepared);
        show::ways_out(session, &prepared, choice, None);
    }
    match refusal(&prepared) {
        None => Ok(DONE),
        Some(error) if session.common.json => Ok(error.kind().code()),
        Some(error) => Err(error),
    }
}

/// `haslim shrink`: shows the plan, asks, writes, verifies, publishes.
pub fn run(session: &Session, path: &Path, choice: &Choice, writing: &Writing) -> Result<u8> {
    let begin = Instant::now();
    let backup = session.open(path)?;
    let place = writing.output.clone().unwrap_or_else(|| beside(path, "slim"));
    let check = || OutputPath::check(&place, writing.force, &backup.input);
    check()?;
    may_write(session, writing.yes, "shrink")?;
    let mut prepared = prepare(session, backup, choice, Depth::Needed)?;
    if !writing.yes && prepared.plan.outcome == Outcome::CannotFit && !guide::consent(session, &mut prepared)? {
        return stopped(session);
    }
    if !session.common.json {
        show::plan(session, &prepared, "will be");
    }
    if let Some(error) = refusal(&prepared) {
        if !session.common.json {
            show::ways_out(session, &prepared, choice, Some(writing));
        }
        return Err(error);
    }
    let verified = !writing.no_verify;
    if verified {
        check_kept(session, &prepared)?;
    }
    let expected = prepared.plan.predicted_size;
    let question = format!("\nWrite {} to {}? [y]es, [N]o: ", size::decimal(expected), shown(&place));
    if !writing.yes && guide::ask(session, &question, false)? != Answer::Yes {
        return stopped(session);
    }
    if !verified {
        session.screen.shout(UNVERIFIED);
    }
    let (output, size) = write(session, &mut prepared, &place, writing)?;
    if session.common.json {
        let planned = json::plan(&prepared.backup, &prepared.surveys, &prepared.plan);
        session.screen.json(&json::shrink(planned, &output, size, verified, begin.elapsed().as_secs_f64()));
    } else {
        announce(session, &prepared, &output, size, verified);
    }
    Ok(DONE)
}

/// Reads the parts that will be copied and were not looked into, as far as the key
/// reaches: damage in them would go into the copy unseen. It is told, and no reason to
/// stop, as the copy is no worse than its original.
fn check_kept(session: &Session, prepared: &Prepared) -> Result<()> {
    let Prepared { backup, keys, surveys, damaged, plan, .. } = prepared;
    let kept = |at: &usize| matches!(plan.parts.get(*at).map(|p| &p.action), Some(Action::Copy | Action::Rewrap));
    let read = |at: &usize| damaged.contains(at) || surveys.iter().any(|s| s.part == *at);
    let readable = |at: &usize| backup.parts[*at].is_readable(keys.is_some());
    let parts: Vec<usize> = (0..backup.parts.len()).filter(|at| kept(at) && !read(at) && readable(at)).collect();
    for (&at, check) in parts.iter().zip(verify::integrity(backup, &parts, keys.as_ref(), &session.control)) {
        match check {
            Err(error) if !matches!(error.kind(), Kind::Damaged | Kind::Refused) => return Err(error),
            Err(error) => {
                let what = if error.kind() == Kind::Damaged { "is damaged" } else { "could not be checked" };
                session.screen.warn(&format!("{} {what}; the copy keeps it as it is. {error}", backup.parts[at].id));
            }
            Ok(_) => {}
        }
    }
    Ok(())
}

/// Makes sure that somebody said yes, or can be asked.
pub fn may_write(session: &Session, yes: bool, command: &str) -> Result<()> {
    let may_ask = stdin().is_terminal() && std::io::stdout().is_terminal() && !session.common.json;
    if yes || may_ask {
        return Ok(());
    }
    let message = format!("{command} asks before it writes, and there is no terminal to ask on");
    Err(usage(message, "Add --yes, or look first with `haslim plan`."))
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

/// The error that ends a run with nothing to write.
fn refusal(prepared: &Prepared) -> Option<Error> {
    let plan = &prepared.plan;
    match plan.outcome {
        Outcome::Fits => None,
        Outcome::AlreadyFits => Some(
            Error::new(
                Kind::AlreadyFits,
                format!("Nothing to do: the backup fits, with {}", words::against_limit(prepared.backup.input.len(), plan.limit)),
            )
            .advice("Name something with --drop to make it smaller all the same."),
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
                ways => format!("To make it fit, add one of these: {}.{look}", ways.join("; or: ")),
            };
            Some(Error::new(Kind::CannotFit, message).advice(advice))
        }
    }
}

/// Writes until the copy is not larger than the limit; a plan that was too
/// optimistic is made anew with the bytes that were measured.
pub fn write(session: &Session, prepared: &mut Prepared, place: &Path, writing: &Writing) -> Result<(PathBuf, u64)> {
    for attempt in 1..=ATTEMPTS {
        let mut target = OutputPath::check(place, writing.force, &prepared.backup.input)?;
        target.remove_leftovers();
        target.check_space(prepared.plan.predicted_size)?;
        let mut output = target.create()?;
        match fill(session, prepared, &mut output) {
            Ok(written) => return publish(session, prepared, output, written, !writing.no_verify),
            Err(error) if error.kind() != Kind::CannotFit || attempt == ATTEMPTS => return Err(error),
            Err(_) => {
                let plan = &prepared.plan;
                let over = output.position().saturating_sub(plan.predicted_size);
                prepared.request.margin = prepared.request.margin.saturating_add(over);
                prepared.again()?;
                if let Some(error) = refusal(prepared) {
                    return Err(error);
                }
            }
        }
    }
    Err(Error::new(Kind::Internal, "no attempt was made"))
}

fn fill(session: &Session, prepared: &Prepared, output: &mut Output) -> Result<Written> {
    let Prepared { backup, keys, surveys, plan, .. } = prepared;
    rewrite::rewrite(backup, surveys, plan, keys.as_ref(), output, &session.control)
}

fn publish(session: &Session, prepared: &Prepared, output: Output, written: Written, verified: bool) -> Result<(PathBuf, u64)> {
    let Prepared { backup, keys, surveys, plan, .. } = prepared;
    // While the disk catches up, what it is given is read back.
    std::thread::scope(|scope| {
        let sync = scope.spawn(|| output.sync());
        if verified {
            verify::output(backup, surveys, plan, &written, output.read_back()?, keys.as_ref(), &session.control)?;
        }
        sync.join().map_err(|_| Error::new(Kind::Internal, "the syncing thread was lost"))?
    })?;
    backup.input.check_unchanged()?;
    session.control.check()?;
    Ok((output.publish()?, written.size))
}

/// `<name>.MARK.tar` beside the backup.
pub fn beside(path: &Path, mark: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!(".{mark}.tar"));
    path.with_file_name(name)
}

fn announce(session: &Session, prepared: &Prepared, output: &Path, size: u64, verified: bool) {
    let screen = &session.screen;
    let expected = prepared.plan.predicted_size;
    screen.say(&format!("\nReached:  {}", words::against_limit(size, prepared.plan.limit)));
    screen.say(&format!("          {:+} bytes from what was expected", i128::from(size) - i128::from(expected)));
    screen.say(&if verified {
        screen.green(&format!("Written, read back and compared with the original: {}", shown(output)))
    } else {
        screen.red(&format!("Written, NOT VERIFIED: {}", shown(output)))
    });
}
