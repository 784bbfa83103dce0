//! Guided mode: a few simple questions, the biggest saving first.

use std::collections::VecDeque;
use std::path::Path;

use haslim::job::Prepared;
use haslim::open::ComponentKind;
use haslim::plan::{self, Candidate, Outcome, Request};
use haslim::report::ask::question;
use haslim::report::words;
use haslim::{Result, size};

use super::writing;
use crate::cli::session::Session;
use crate::cli::settings::Writing;
use crate::cli::terminal::prompt::{Answer, ask, tell};

/// More questions than this are tiring; after them, the ways out are shown instead.
const QUESTIONS: usize = 6;

/// Asks for consent until the plan fits. Returns false if the user wants to stop.
///
/// Asks nothing if no answer can make it fit, and stops asking as soon as that is the case.
///
/// # Errors
/// `OutputIo` before the first question if the copy could not get its name; errors from planning
/// again and from reading the answers.
pub fn consent(
    session: &Session,
    prepared: &mut Prepared,
    place: &Path,
    settings: &Writing,
) -> Result<bool> {
    let units = plan::candidates(&prepared.backup, &prepared.surveys, &prepared.request)?;
    let mut open: VecDeque<&Candidate> = units
        .iter()
        .filter(|u| u.stored > 0 && needs_asking(&prepared.request, u))
        .collect();
    let mut questions = 0;
    while prepared.plan.outcome == Outcome::CannotFit && questions < QUESTIONS && !open.is_empty() {
        if !could_fit(prepared, &open)? {
            if questions > 0 {
                tell(
                    "\nNothing more is asked: what is left could not bring the copy below the limit.",
                );
            }
            break;
        }
        if questions == 0 {
            writing::check_free(place, settings, &prepared.backup)?;
            introduce(session, prepared);
        }
        let Some(unit) = open.pop_front() else { break };
        questions += 1;
        if !ask_about(session, prepared, &units, unit, questions)? {
            return Ok(false);
        }
        // Never ask about a whole part after asking about its contents, or the reverse.
        let whole = prepared
            .request
            .consent
            .contains(&(unit.key(&prepared.backup).0, None));
        open.retain(|other| other.part != unit.part || !whole && other.rule.is_some());
    }
    if questions == QUESTIONS && prepared.plan.outcome == Outcome::CannotFit && !open.is_empty() {
        tell(&format!(
            "\nNothing more is asked after {QUESTIONS} questions; the ways that are left are named at the end."
        ));
    }
    Ok(true)
}

/// Whether it would fit if the user agreed to everything that is still open.
fn could_fit(prepared: &Prepared, open: &VecDeque<&Candidate>) -> Result<bool> {
    let mut request = prepared.request.clone();
    // After a question about its contents, only a folder is offered as a whole.
    let follows =
        |at: usize, whole: &Candidate| open.iter().take(at).any(|before| before.part == whole.part);
    let is_folder =
        |unit: &Candidate| prepared.backup.parts[unit.part].kind == ComponentKind::Folder;
    let reachable = open
        .iter()
        .enumerate()
        .filter(|(at, unit)| unit.rule.is_some() || is_folder(unit) || !follows(*at, unit));
    request
        .consent
        .extend(reachable.map(|(_, unit)| unit.key(&prepared.backup)));
    Ok(plan::make(&prepared.backup, &prepared.surveys, &request)?.outcome != Outcome::CannotFit)
}

fn needs_asking(request: &Request, unit: &Candidate) -> bool {
    !unit.class().is_free() && !request.allow.contains(&unit.class())
}

fn introduce(session: &Session, prepared: &Prepared) {
    let now = prepared.backup.input.len();
    let then = prepared.plan.predicted_size;
    tell(&format!(
        "{} {}.",
        session.screen.bold("This backup has"),
        words::against_limit(now, prepared.plan.limit)
    ));
    if then < now {
        tell(&format!(
            "Without caches, logs and old backups inside it, it would have {}.",
            size::both(then)
        ));
    }
    tell(
        "What else may be left out of the copy? The original does not change, and nothing is written before you agree.",
    );
}

/// Asks one question and plans again. Returns false if the user wants to stop.
fn ask_about(
    session: &Session,
    prepared: &mut Prepared,
    units: &[Candidate],
    unit: &Candidate,
    number: usize,
) -> Result<bool> {
    let whole = units
        .iter()
        .find(|u| u.part == unit.part && u.rule.is_none());
    let question = question(&prepared.backup, unit, whole);
    tell(&format!(
        "\n{number}. {}",
        session.screen.bold(&question.text)
    ));
    question
        .details
        .iter()
        .chain(&question.whole)
        .for_each(|line| tell(&format!("   {line}")));
    let offers_whole = question.whole.is_some();
    let prompt = if offers_whole {
        "   [y]es, [n]o, [w]hole folder, [q]uit: "
    } else {
        "   [y]es, [n]o, [q]uit: "
    };
    let key = unit.key(&prepared.backup);
    match ask(&session.control, prompt, offers_whole)? {
        Answer::Quit => return Ok(false),
        Answer::No => prepared.request.declined.push(key),
        Answer::Yes => prepared.request.consent.push(key),
        Answer::Whole => prepared.request.consent.push((key.0, None)),
    }
    prepared.replan()?;
    tell(&format!(
        "   The copy would have {}.",
        words::against_limit(prepared.plan.predicted_size, prepared.plan.limit)
    ));
    Ok(true)
}
