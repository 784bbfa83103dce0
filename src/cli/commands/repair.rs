//! `haslim repair`: a copy with everything in it, put in order.

use std::path::Path;
use std::time::Instant;

use haslim::open;
use haslim::plan::{self, Outcome, Repair, Request};
use haslim::report::json;
use haslim::rewrite::OutputPath;
use haslim::{Error, Kind, Result, size, survey};

use super::guide::{self, Answer};
use super::shrink;
use crate::cli::copy::{self, Writing};
use crate::cli::key::Need;
use crate::cli::prepare::Prepared;
use crate::cli::render::next_steps;
use crate::cli::{DONE, Session, key};

/// Says what is wrong, asks, writes the copy, verifies, publishes.
pub fn run(session: &Session, path: &Path, writing: &Writing) -> Result<u8> {
    let begin = Instant::now();
    let mut backup = session.open_repairable(path)?;
    let place = writing
        .output
        .clone()
        .unwrap_or_else(|| shrink::beside(path, "repaired"));
    shrink::open_place(&place, &backup)?;
    shrink::may_write(
        session,
        writing.yes,
        "repair",
        "Add --yes, or run it on a terminal: it says what it would put right before it asks.",
    )?;
    let keys = key::keys(
        session,
        &backup,
        if backup.is_protected() {
            Need::Helps
        } else {
            Need::No
        },
    )?;
    if keys.is_none() && backup.is_protected() {
        session
            .screen
            .warn("Without the key only the outer file is looked at, not the parts in it.");
    }
    if let Some(keys) = &keys {
        open::close_others(&mut backup, keys)?;
    }
    let readable = |at: &usize| backup.parts[*at].is_readable(keys.is_some());
    let parts: Vec<usize> = (0..backup.parts.len()).filter(readable).collect();
    let surveys = survey::survey(&backup, &parts, keys.as_ref(), &session.control)?;
    let Repair { plan, findings } = plan::repair(&backup, &surveys, keys.is_some())?;
    plan.notes.iter().for_each(|note| session.screen.warn(note));
    if plan.outcome == Outcome::AlreadyFits {
        return Err(Error::new(
            Kind::NothingToRepair,
            "Nothing to do: nothing to repair was found",
        )
        .advice("`haslim verify` reads and checks everything."));
    }
    shrink::is_free(&place, writing, &backup)?;
    OutputPath::check(&place, writing.force, &backup.input)?.check_space(plan.predicted_size)?;
    if !session.common.json {
        findings
            .iter()
            .for_each(|finding| session.screen.say(&format!("  {finding}")));
        session.screen.say(&format!(
            "In the copy all of this is put right. It will have about {}.",
            size::both(plan.predicted_size)
        ));
    }
    if !writing.yes
        && guide::ask(
            session,
            &format!("Write it to {}? [y]es, [N]o: ", shrink::shown(&place)),
            false,
        )? != Answer::Yes
    {
        return shrink::stopped(session);
    }
    let request = Request {
        has_key: keys.is_some(),
        ..Request::new(plan.limit)?
    };
    let mut prepared = Prepared {
        backup,
        keys,
        surveys,
        checked: Vec::new(),
        request,
        plan,
    };
    let copy = copy::write(session, &mut prepared, &place, writing)?;
    if session.common.json {
        let limit = session.common.limit;
        session.screen.json(&json::repair(
            &prepared.backup,
            &prepared.plan,
            limit,
            &findings,
            &copy.for_json(limit, true, begin),
        ));
    } else {
        let (shown, size) = (shrink::shown(&copy.path), size::both(copy.size));
        session.screen.say(&session.screen.green(&format!(
            "Written, read back and compared with the original: {shown}, {size}"
        )));
        next_steps::after_writing(session, &copy);
    }
    Ok(DONE)
}
