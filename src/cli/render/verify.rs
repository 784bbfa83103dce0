//! `verify`: what was found in each part, damage first.

use haslim::finding::Finding;
use haslim::open::{Backup, Part};
use haslim::report::{names, notes};
use haslim::verify::PartCheck;
use haslim::{Error, Result, size};
use unicode_width::UnicodeWidthStr;

use super::columns::{left, right, shorten};
use super::terms::CommandLine;
use crate::cli::session::Session;

/// The columns before the name.
const BEFORE_NAME: usize = 30;

/// Prints the verdict, a line for each part, and the verdict again. `refused` is the error for a
/// backup that Home Assistant would refuse although its parts are intact.
pub fn show(
    session: &Session,
    backup: &Backup,
    checks: &[Result<PartCheck>],
    refused: Option<&Error>,
) {
    let screen = &session.screen;
    let verdict = verdict(session, backup, checks, refused);
    screen.say(&verdict);
    screen.say("");
    parts(session, backup, checks);
    let of_checks = checks.iter().flatten();
    let warnings = of_checks.flat_map(|check| notes::of_check(backup, check, &CommandLine));
    let all = backup.warnings().into_iter().chain(warnings);
    all.for_each(|warning| screen.warn(&warning));
    screen.say("");
    screen.say(&verdict);
}

fn verdict(
    session: &Session,
    backup: &Backup,
    checks: &[Result<PartCheck>],
    refused: Option<&Error>,
) -> String {
    let screen = &session.screen;
    let (all, failed) = (checks.len(), checks.iter().filter(|c| c.is_err()).count());
    if failed > 0 {
        let text = format!("PROBLEMS in {failed} of {}.", count(all, "part"));
        return screen.red(&text);
    }
    let mended = backup.findings.iter().any(Finding::is_mended);
    match refused {
        Some(_) => screen.red("The contents of all parts are intact, but Home Assistant would not restore the backup as it is."),
        None if mended => "The contents of all parts are intact; `haslim repair` fixes the rest.".into(),
        None => {
            let checks = checks.iter().flatten();
            let (entries, bytes) = checks.fold((0, 0), |(entries, bytes), check| {
                (entries + check.entries.unwrap_or(0), bytes + check.plaintext_bytes)
            });
            format!(
                "{} {}, {entries} entries, {} of contents.",
                screen.green("No problems found."),
                count(all, "part"),
                size::short(bytes)
            )
        }
    }
}

fn count(number: usize, what: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{number} {what}{end}")
}

/// A line for each part, those with an error first.
fn parts(session: &Session, backup: &Backup, checks: &[Result<PartCheck>]) {
    let mut rows: Vec<(&Part, &Result<PartCheck>)> = backup.parts.iter().zip(checks).collect();
    rows.sort_by_key(|(_, check)| check.is_ok());
    let ids = rows.iter().map(|(part, _)| part.id.width()).max();
    let ids = ids.unwrap_or(0);
    let names = rows
        .iter()
        .map(|(part, _)| names::part(backup, part).width());
    let names = names.max().unwrap_or(0);
    let width = session.screen.width();
    let name_width = width.map_or(names, |width| {
        let spare = width.saturating_sub(BEFORE_NAME + 2 + ids);
        names.min(spare.max(width / 4).max(10))
    });
    let room = width.map(|width| width.saturating_sub(BEFORE_NAME + name_width + 2));
    for (part, check) in rows {
        let name = names::part(backup, part);
        let shown = left(&shorten(&name, Some(name_width)), name_width);
        let id = shorten(&part.id, room);
        match check {
            Ok(check) => ok(session, check, &format!("{shown}  {id}")),
            Err(error) => failed(session, error, &format!("{shown}  {id}")),
        }
    }
}

fn ok(session: &Session, check: &PartCheck, name: &str) {
    let settings = &session.settings;
    let entries = check.entries.map_or("-".into(), |n| n.to_string());
    session.screen.as_is(&format!(
        "  {}  {}  {}  {name}",
        left(check.evidence.word(), 8),
        right(&size::short(check.plaintext_bytes), 7),
        right(&entries, 7)
    ));
    if settings.details || settings.verbose {
        session
            .screen
            .say(&format!("            {}", check.evidence.text()));
    }
}

fn failed(session: &Session, error: &Error, name: &str) {
    let screen = &session.screen;
    screen.as_is(&format!(
        "  {}{}{name}",
        screen.red("failed"),
        " ".repeat(BEFORE_NAME - 8)
    ));
    let at = error
        .offset()
        .filter(|_| session.settings.verbose)
        .map(|at| format!(" (at byte {at})"));
    screen.say(&format!(
        "            {}{}.",
        error.message().trim_end_matches('.'),
        at.unwrap_or_default()
    ));
}
