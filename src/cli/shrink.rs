//! `haslim plan` and `haslim shrink`.

use std::io::{BufRead, IsTerminal, Write, stdin};
use std::path::{Path, PathBuf};
use std::time::Instant;

use haslim::crypt::KeyRing;
use haslim::format::secure::Version;
use haslim::open::Backup;
use haslim::plan::{self, Outcome, Plan, Request, Selector};
use haslim::report::{json, words};
use haslim::rewrite::{self, OutputPath};
use haslim::survey::{self, PartSurvey};
use haslim::{Error, Kind, Result, size, verify};

use super::args::{Choice, Wrapping};
use super::{DONE, Session, key, signals, tables, usage};

/// Where the copy goes and how freely.
pub struct Writing {
    pub output: Option<PathBuf>,
    pub yes: bool,
    pub force: bool,
}

/// A backup with everything that is needed to decide about it and to write it.
struct Prepared {
    backup: Backup,
    keys: Option<KeyRing>,
    surveys: Vec<PartSurvey>,
    plan: Plan,
}

/// `haslim plan`: shows the plan and ends with the code that `shrink` would.
pub fn plan(session: &Session, path: &Path, choice: &Choice) -> Result<u8> {
    let prepared = prepare(session, Backup::open(path)?, choice)?;
    if session.common.json {
        session.screen.json(&json::plan(&prepared.backup, &prepared.plan));
    } else {
        show(session, &prepared, "would be");
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
    let backup = Backup::open(path)?;
    let output = writing.output.clone().unwrap_or_else(|| default_output(path));
    let target = OutputPath::check(&output, writing.force, &backup.input)?;
    let may_ask = stdin().is_terminal() && std::io::stdout().is_terminal() && !session.common.json;
    if !writing.yes && !may_ask {
        return Err(usage(
            "shrink asks before it writes, and there is no terminal to ask on",
            "Add --yes, or look first with `haslim plan`.",
        ));
    }
    let prepared = prepare(session, backup, choice)?;
    if !session.common.json {
        show(session, &prepared, "will be");
    }
    if let Some(error) = refusal(&prepared) {
        return Err(error);
    }
    target.check_space(prepared.plan.predicted_size)?;
    if !writing.yes && !confirm(&output, prepared.plan.predicted_size)? {
        session.screen.say(words::UNCHANGED);
        return Ok(DONE);
    }
    let (output, size) = write(session, &prepared, target)?;
    if session.common.json {
        session.screen.json(&json::shrink(&prepared.backup, &prepared.plan, &output, size, true, begin.elapsed().as_secs_f64()));
    } else {
        announce(session, &prepared, &output, size);
    }
    Ok(DONE)
}

fn prepare(session: &Session, backup: Backup, choice: &Choice) -> Result<Prepared> {
    let selectors = |texts: &[String]| texts.iter().map(|t| Selector::parse(t)).collect::<Result<Vec<_>>>();
    let mut request = Request {
        drops: selectors(&choice.drop)?,
        keeps: selectors(&choice.keep)?,
        limit: session.common.limit,
        wrapping: match choice.securetar {
            None => plan::Wrapping::AsIs,
            Some(Wrapping::Two) => plan::Wrapping::Version(Version::V2),
            Some(Wrapping::Three) => plan::Wrapping::Version(Version::V3),
            Some(Wrapping::None) => plan::Wrapping::Plain,
        },
        has_key: false,
    };
    let parts = plan::to_survey(&backup, &request);
    let looks_inside = parts.iter().any(|&at| backup.parts[at].version().is_some());
    let needed = looks_inside || choice.securetar.is_some_and(|w| w != Wrapping::None || backup.is_protected());
    let keys = key::keys(&session.common, &backup, needed)?;
    request.has_key = keys.is_some();
    let surveys = survey::survey(&backup, &parts, keys.as_ref(), &session.control)?;
    let plan = plan::make(&backup, &surveys, &request)?;
    backup.input.check_unchanged()?;
    Ok(Prepared { backup, keys, surveys, plan })
}

/// The error that ends a run with nothing to write.
fn refusal(prepared: &Prepared) -> Option<Error> {
    let plan = &prepared.plan;
    match plan.outcome {
        Outcome::Fits => None,
        Outcome::AlreadyFits => Some(
            Error::new(
                Kind::AlreadyFits,
                format!("nothing to do: the backup fits ({})", words::against_limit(prepared.backup.input.len(), plan.limit)),
            )
            .advice("Name something with --drop to make it smaller all the same."),
        ),
        Outcome::CannotFit => {
            let message = format!("the limit would be missed by {} bytes ({})", words::shortfall(plan), size::both(words::shortfall(plan)));
            let advice = match &plan.proposal {
                Some(parts) => format!("This would be enough: {}", words::drop_options(&prepared.backup, parts)),
                None => "Name more to leave out with --drop; `haslim ls` shows what is big.".into(),
            };
            Some(Error::new(Kind::CannotFit, message).advice(advice))
        }
    }
}

fn write(session: &Session, prepared: &Prepared, target: OutputPath) -> Result<(PathBuf, u64)> {
    let Prepared { backup, keys, surveys, plan } = prepared;
    let mut output = target.create()?;
    let written = rewrite::rewrite(backup, surveys, plan, keys.as_ref(), &mut output, &session.control)?;
    output.sync()?;
    verify::output(backup, surveys, plan, &written, output.read_back()?, keys.as_ref(), &session.control)?;
    backup.input.check_unchanged()?;
    session.control.check()?;
    Ok((output.publish()?, written.size))
}

/// `<name>.slim.tar` beside the backup.
fn default_output(path: &Path) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(".slim.tar");
    path.with_file_name(name)
}

fn confirm(output: &Path, size: u64) -> Result<bool> {
    let _waiting = signals::waiting();
    print!("Write {} to {}? [y/N] ", size::decimal(size), output.display());
    let failed = |e| Error::input(e, "cannot read the answer");
    std::io::stdout().flush().map_err(failed)?;
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn show(session: &Session, prepared: &Prepared, tense: &str) {
    let Prepared { backup, plan, .. } = prepared;
    let screen = &session.screen;
    screen.say(&tables::plan(backup, plan).trim_fmt());
    screen.say(&format!("Now:      {}", words::against_limit(backup.input.len(), plan.limit)));
    if plan.outcome != Outcome::AlreadyFits {
        screen.say(&format!("Expected: {}", words::against_limit(plan.predicted_size, plan.limit)));
    }
    for row in &plan.drops {
        let files = row.files.map_or(String::new(), |n| format!(", {n} files"));
        screen.say(&format!(
            "{} {tense} left out: {}{files}. Lost: {}. {}",
            screen.bold(&row.target),
            size::decimal(row.stored_bytes),
            row.lost,
            row.on_restore
        ));
    }
    backup.warnings.iter().chain(&plan.notes).for_each(|w| screen.warn(w));
    if let Some(parts) = &plan.proposal {
        let file = words::shell(&backup.input.path().display().to_string());
        screen.say(&format!(
            "The smallest set of folders and add-ons that would be enough:\n  haslim shrink {file} {}",
            words::drop_options(backup, parts)
        ));
    }
}

fn announce(session: &Session, prepared: &Prepared, output: &Path, size: u64) {
    let screen = &session.screen;
    let expected = prepared.plan.predicted_size;
    screen.say(&format!("Reached:  {}", words::against_limit(size, prepared.plan.limit)));
    screen.say(&format!("          {:+} bytes from what was expected", i128::from(size) - i128::from(expected)));
    screen.say(&screen.green(&format!("Written, read back and compared with the original: {}", output.display())));
}
