//! Guided mode: a few plain questions, the biggest gain first.

use std::io::{BufRead, Write, stdin, stdout};

use haslim::plan::{self, Outcome, Unit};
use haslim::report::words;
use haslim::rules::Effect;
use haslim::{Error, Result, size};

use super::prepare::Prepared;
use super::{Session, signals};

/// More questions than this tire; then the ways out are shown instead.
const QUESTIONS: usize = 6;

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
    /// Stop here; nothing is written.
    Quit,
}

/// Asks for consent until the plan fits. False when the user wants to stop.
pub fn consent(session: &Session, prepared: &mut Prepared) -> Result<bool> {
    let mut asked = 0;
    let units = plan::candidates(&prepared.backup, &prepared.surveys, &prepared.request)?;
    let mut refused: Vec<usize> = Vec::new();
    for unit in units.iter().filter(|u| !u.class().is_free() && !prepared.request.allow.contains(&u.class())).collect::<Vec<_>>() {
        if prepared.plan.outcome != Outcome::CannotFit || asked == QUESTIONS {
            break;
        }
        // Nothing is gained by a part whose pieces were agreed to, or by asking twice about one part.
        if unit.is_whole() && refused.contains(&unit.part) {
            continue;
        }
        asked += 1;
        session.screen.say(&question(prepared, unit));
        match ask("Leave it out? [y]es, [n]o, [q]uit: ")? {
            Answer::Quit => return Ok(false),
            Answer::No => refused.push(unit.part),
            Answer::Yes => {
                prepared.request.consent.push(unit.key(&prepared.backup));
                prepared.again()?;
                session
                    .screen
                    .say(&format!("Then it would have {}.", words::against_limit(prepared.plan.predicted_size, prepared.plan.limit)));
            }
        }
    }
    Ok(true)
}

fn question(prepared: &Prepared, unit: &Unit) -> String {
    let part = &prepared.backup.parts[unit.part];
    let gain = size::decimal(unit.stored);
    let effect = Effect::of(&part.id, unit.is_whole(), unit.rule.as_ref()).sentence();
    match &unit.rule {
        Some(rule) => format!("\n{gain} of {} in {} ({} files). Lost: {} {effect}", rule.title, part.id, unit.files, rule.lost),
        None => format!("\n{gain}: all of {}. {effect}", part.id),
    }
}

/// Asks until there is an answer. The end of the input means to stop.
pub fn ask(text: &str) -> Result<Answer> {
    let _waiting = signals::waiting();
    let failed = |e| Error::input(e, "cannot read the answer");
    loop {
        stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush()).map_err(failed)?;
        let mut answer = String::new();
        if stdin().lock().read_line(&mut answer).map_err(failed)? == 0 {
            return Ok(Answer::Quit);
        }
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => return Ok(Answer::Yes),
            "n" | "no" | "" => return Ok(Answer::No),
            "q" | "quit" => return Ok(Answer::Quit),
            _ => {}
        }
    }
}
