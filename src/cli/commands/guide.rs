//! Guided mode: a few simple questions, the least harm first.

use std::path::Path;

use haslim::dates;
use haslim::job::Prepared;
use haslim::open::config_path;
use haslim::plan::{self, Candidate, Outcome, Plan, Request};
use haslim::report::ask::{Topic, question, topics};
use haslim::report::{names, summary, words};
use haslim::{Result, size};

use super::writing;
use crate::cli::render::columns::{left, right};
use crate::cli::session::Session;
use crate::cli::settings::Writing;
use crate::cli::terminal::prompt::{ask_key, tell};

/// More questions than this are tiring; after them, the ways out are shown instead.
const QUESTIONS: usize = 6;

/// An answer to a question about something that could be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// As much of it as is needed.
    AsNeeded,
    /// All of it.
    All,
    /// The whole part.
    Whole,
    /// Nothing of it.
    No,
}

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
    let base = prepared.request.clone();
    let units = plan::candidates(&prepared.backup, &prepared.surveys, &base)?;
    let asks = |unit: &Candidate| {
        let class = unit.class();
        !class.is_free() && !base.allow.contains(&class)
    };
    let topics = topics(&prepared.backup, &units, asks);
    let mut answers: Vec<(usize, Answer)> = Vec::new();
    let mut asked = false;
    loop {
        let open = open(&topics, &answers);
        if prepared.plan.outcome != Outcome::CannotFit || open.is_empty() {
            return Ok(true);
        }
        let dialogue = Dialogue {
            session,
            base: &base,
            topics: &topics,
        };
        if let Some(why) = dialogue.ends(prepared, &answers, &open)? {
            if asked {
                tell(&why);
            }
            return Ok(true);
        }
        if !asked {
            writing::check_free(place, settings, &prepared.backup)?;
            introduce(session, prepared);
            asked = true;
        }
        let Some(&next) = open.first() else {
            return Ok(true);
        };
        match dialogue.ask(prepared, &answers, next)? {
            Reply::Quit => return Ok(false),
            Reply::Back => drop(answers.pop()),
            Reply::Answer(answer) => answers.push((next, answer)),
        }
        prepared.request = dialogue.with(prepared, &answers);
        prepared.replan()?;
        if prepared.plan.outcome == Outcome::CannotFit {
            tell(&format!(
                "\n{}.",
                summary::verdict(&prepared.backup, &prepared.plan)
            ));
        }
    }
}

/// The topics that are still to be asked about. Nothing is asked about a part that goes as a whole.
fn open(topics: &[Topic<'_>], answers: &[(usize, Answer)]) -> Vec<usize> {
    let is_open = |at: &usize| {
        let part = topics.get(*at).map(Topic::part);
        let decided = |(topic, answer): &(usize, Answer)| {
            let whole = *answer == Answer::Whole && topics.get(*topic).map(Topic::part) == part;
            topic == at || whole
        };
        !answers.iter().any(decided)
    };
    (0..topics.len()).filter(is_open).collect()
}

fn introduce(session: &Session, prepared: &Prepared) {
    let (now, then, limit) = (
        prepared.backup.input.len(),
        prepared.plan.predicted_size,
        prepared.plan.limit,
    );
    tell(&session.screen.bold(&format!(
        "TOO BIG: {}, {} over the limit of {}",
        size::short(now),
        size::short(now.saturating_sub(limit)),
        size::short(limit)
    )));
    let mut left = now;
    if prepared.plan.compresses() {
        let drops = prepared.plan.drops.iter();
        left = then + drops.map(|dropped| dropped.stored_bytes).sum::<u64>();
        tell(&format!(
            "It is compressed, which loses nothing ({}): {} are left.",
            size::short(now.saturating_sub(left)),
            size::short(left)
        ));
    }
    if then < left {
        tell(&format!(
            "Caches, logs and old backups go anyway ({}): {} are left.",
            size::short(left - then),
            size::short(then)
        ));
    }
    tell("Nothing is written before you agree, and the original stays as it is.");
}

/// What the user wants next.
enum Reply {
    Answer(Answer),
    Back,
    Quit,
}

struct Dialogue<'a> {
    session: &'a Session,
    /// The request before any answer.
    base: &'a Request,
    topics: &'a [Topic<'a>],
}

impl Dialogue<'_> {
    /// The request with these answers.
    fn with(&self, prepared: &Prepared, answers: &[(usize, Answer)]) -> Request {
        let mut request = self.base.clone();
        for (at, answer) in answers {
            let Some(topic) = self.topics.get(*at) else {
                continue;
            };
            let key = topic.key(&prepared.backup);
            match answer {
                Answer::AsNeeded => request.consent.push(key),
                Answer::All => request.forced.push(key),
                Answer::Whole => request.forced.push((key.0, None)),
                Answer::No => request.declined.push(key),
            }
        }
        request
    }

    /// The plan with one more answer.
    fn preview(
        &self,
        prepared: &Prepared,
        answers: &[(usize, Answer)],
        more: &[(usize, Answer)],
    ) -> Result<Plan> {
        let answers: Vec<(usize, Answer)> = answers.iter().chain(more).copied().collect();
        let request = self.with(prepared, &answers);
        plan::make(&prepared.backup, &prepared.surveys, &request)
    }

    /// Why nothing more is asked, if so.
    fn ends(
        &self,
        prepared: &Prepared,
        answers: &[(usize, Answer)],
        open: &[usize],
    ) -> Result<Option<String>> {
        if answers.len() >= QUESTIONS {
            return Ok(Some(format!(
                "\nNothing more is asked after {QUESTIONS} questions; the ways that are left are named at the end."
            )));
        }
        let most: Vec<(usize, Answer)> = open
            .iter()
            .flat_map(|&at| {
                let whole = self
                    .topics
                    .get(at)
                    .is_some_and(|topic| topic.whole.is_some());
                let answers = [(at, Answer::AsNeeded), (at, Answer::Whole)];
                answers.into_iter().take(1 + usize::from(whole))
            })
            .collect();
        let fits = self.preview(prepared, answers, &most)?.outcome != Outcome::CannotFit;
        Ok((!fits).then(|| {
            "\nNothing more is asked: what is left could not bring the copy below the limit.".into()
        }))
    }

    /// Asks one question.
    fn ask(&self, prepared: &Prepared, answers: &[(usize, Answer)], at: usize) -> Result<Reply> {
        let Some(topic) = self.topics.get(at) else {
            return Ok(Reply::Quit);
        };
        let asked = question(&prepared.backup, topic, &prepared.plan.database);
        let screen = &self.session.screen;
        tell(&format!(
            "\n{}  {}",
            answers.len() + 1,
            screen.bold(&asked.text)
        ));
        asked
            .details
            .iter()
            .for_each(|line| tell(&format!("   {line}")));
        let options = self.options(prepared, answers, at, topic)?;
        tell("");
        options.iter().for_each(|(_, line)| self.tell_option(line));
        let back = if answers.is_empty() { "" } else { " [b]ack," };
        let prompt = format!("   [N]o is Enter, [l]ist,{back} [?], [q]uit: ");
        loop {
            let typed = ask_key(&self.session.control, &prompt)?;
            let option = options
                .iter()
                .find(|(keys, _)| keys.contains(&typed.as_str()));
            match (typed.as_str(), option) {
                ("q" | "quit", _) => return Ok(Reply::Quit),
                ("" | "n" | "no", _) => return Ok(Reply::Answer(Answer::No)),
                ("b" | "back", _) if !answers.is_empty() => return Ok(Reply::Back),
                ("l" | "list", _) => list(prepared, topic),
                ("?" | "h" | "help", _) => tell(HELP),
                (_, Some((keys, _))) => return Ok(Reply::Answer(answer_of(keys))),
                _ => {}
            }
        }
    }

    /// Prints an answer; its note on a line of its own if they are too long for one.
    fn tell_option(&self, option: &OptionLine) {
        let head = format!("   {}{}", left(&option.label, 42), right(&option.size, 9));
        let all = format!("{head}  {}", option.note);
        let width = self.session.screen.width();
        if option.note.is_empty() || width.is_none_or(|width| all.chars().count() <= width) {
            tell(all.trim_end());
        } else {
            tell(&head);
            tell(&format!("       {}", option.note));
        }
    }

    /// The answers that leave something out: what can be typed for each, and its line.
    fn options(
        &self,
        prepared: &Prepared,
        answers: &[(usize, Answer)],
        at: usize,
        topic: &Topic<'_>,
    ) -> Result<Vec<(&'static [&'static str], OptionLine)>> {
        let mut options = Vec::new();
        // What another name shares stays, so all of it may save less than its files are large.
        let plan = self.preview(prepared, answers, &[(at, Answer::All)])?;
        let (all, names) = taken(prepared, &plan, topic);
        // Of what the owner made, every answer names what it takes.
        let is_own = topic.units.iter().any(|unit| unit.harm.is_irreplaceable());
        let names = if is_own { names } else { String::new() };
        let needed = if topic.is_divisible() {
            let plan = self.preview(prepared, answers, &[(at, Answer::AsNeeded)])?;
            Some(taken(prepared, &plan, topic))
        } else {
            None
        };
        match needed {
            Some((bytes, note)) if bytes < all => {
                let label = if topic.goes_by_age() {
                    "[o] only the oldest, as much as needed"
                } else {
                    "[o] only as much as needed"
                };
                options.push((OLDEST, line(label, &size::short(bytes), &note)));
                options.push((ALL, line("[a] all of them", &size::short(all), &names)));
            }
            Some(_) => options.push((YES, line("[y] leave them out", &size::short(all), &names))),
            None => options.push((YES, line("[y] leave it out", &size::short(all), &names))),
        }
        if let Some(whole) = topic.whole {
            let place = names::part(&prepared.backup, prepared.backup.part(whole.part));
            let plan = self.preview(prepared, answers, &[(at, Answer::Whole)])?;
            let note = self.also(prepared, &plan, whole.part);
            let size = size::short(whole.stored);
            options.push((WHOLE, line(&format!("[w] all of {place}"), &size, &note)));
        }
        Ok(options)
    }

    /// What else goes with a whole part.
    fn also(&self, prepared: &Prepared, plan: &Plan, part: usize) -> String {
        let dropped = plan.drops.iter().find(|dropped| dropped.part == Some(part));
        let row = dropped.map(|dropped| summary::row(&prepared.backup, dropped));
        match row.map(|row| summary::named_files(&row)) {
            Some(names) if !names.is_empty() => format!("with {names}"),
            _ => String::new(),
        }
    }
}

const OLDEST: &[&str] = &["o", "y", "yes"];
const ALL: &[&str] = &["a", "all"];
const YES: &[&str] = &["y", "yes"];
const WHOLE: &[&str] = &["w", "whole"];

fn answer_of(keys: &[&str]) -> Answer {
    match keys {
        keys if keys == OLDEST => Answer::AsNeeded,
        keys if keys == WHOLE => Answer::Whole,
        _ => Answer::All,
    }
}

const HELP: &str = "   o or y leaves out what the line says; w leaves out the whole folder, which a restore then does not touch;\n   \
    n keeps it; l lists its files; b goes back to the question before; q ends, and nothing is written.";

/// The line of an answer.
struct OptionLine {
    /// The key to type, and what goes.
    label: String,
    /// How much that is.
    size: String,
    /// From when it is, or what else goes.
    note: String,
}

fn line(label: &str, size: &str, note: &str) -> OptionLine {
    OptionLine {
        label: label.to_owned(),
        size: size.to_owned(),
        note: note.to_owned(),
    }
}

/// What a plan takes of a topic: the bytes, and from when they are; of the owner's files, which.
fn taken(prepared: &Prepared, plan: &Plan, topic: &Topic<'_>) -> (u64, String) {
    let rule = topic.units.first().and_then(|unit| unit.rule.as_ref());
    let of_topic = plan
        .drops
        .iter()
        .filter(|dropped| dropped.part == Some(topic.part()) && dropped.rule() == rule);
    let rows: Vec<summary::Row> = of_topic
        .map(|dropped| summary::row(&prepared.backup, dropped))
        .collect();
    let note = rows.first().map(|row| match summary::named_files(row) {
        names if !names.is_empty() && row.harm.is_irreplaceable() => names,
        _ => row.lost.clone(),
    });
    (
        rows.iter().map(|row| row.bytes).sum(),
        note.unwrap_or_default(),
    )
}

/// Lists the files of a topic, the oldest first where they go by age.
fn list(prepared: &Prepared, topic: &Topic<'_>) {
    let backup = &prepared.backup;
    let part = backup.part(topic.part());
    let Some(survey) = prepared.surveys.iter().find(|s| s.part == topic.part()) else {
        return tell("   The files of this part are not known.");
    };
    let all: Vec<usize> = match topic.units.first().map(|unit| unit.rule.is_some()) {
        Some(true) => {
            let by_age = |unit: &&Candidate| match &unit.ages {
                Some(ages) => ages.entries.clone(),
                None => unit.entries.to_vec(),
            };
            topic.units.iter().flat_map(by_age).collect()
        }
        _ => (0..survey.entries.len()).collect(),
    };
    for entry in all.into_iter().filter_map(|at| survey.entries.get(at)) {
        let version = backup.manifest.version();
        let path = config_path(part.kind, version, &entry.name).unwrap_or(&entry.name);
        tell(&format!(
            "   {}  {}  {}",
            right(&size::short(entry.stored), 9),
            left(&dates::day(entry.mtime), 11),
            haslim::error::escape(path)
        ));
    }
    tell(&format!(
        "   {}",
        words::files(topic.units.iter().map(|unit| unit.files).sum())
    ));
}
