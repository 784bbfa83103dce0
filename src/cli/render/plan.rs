//! A plan in a form for people.

use haslim::error::printable;
use haslim::finding::Finding;
use haslim::job::Prepared;
use haslim::plan::{Harm, Outcome};
use haslim::report::drops::{DropView, WayOut};
use haslim::report::largest::{self, Large};
use haslim::report::plan_view::PlanView;
use haslim::report::summary::{self, Row};
use haslim::report::{json, words};
use haslim::rules::Class;
use haslim::{Result, size};

use super::columns::{left, right, shorten};
use super::{next_steps, tables};
use crate::cli::render::terms::CommandLine;
use crate::cli::session::Session;
use crate::cli::settings::{Selection, Writing};
use crate::cli::terminal::wrap::wrap;

/// How many of the largest paths `plan` shows.
const LARGEST: usize = json::LARGEST;

/// The groups of drops, in the order in which they are dropped.
const GROUPS: [(Option<Class>, &str); 6] = [
    (None, "Named by you"),
    (
        Some(Class::Cache),
        "Caches and downloads, which can be made or fetched again",
    ),
    (Some(Class::Log), "Logs and temporary files"),
    (Some(Class::Nested), "Old backups and copies"),
    (Some(Class::History), "History and recordings"),
    (Some(Class::User), "Your own files"),
];

/// The plan in the words of this program.
pub fn view(prepared: &Prepared) -> PlanView<'_> {
    PlanView::new(&prepared.backup, &prepared.plan, &CommandLine)
}

/// Prints the plan in brief: the verdict, what is left out, and what a restore does; with
/// `--details` all that is known about each part and each thing that is left out.
pub fn plan(session: &Session, prepared: &Prepared, view: &PlanView<'_>, tense: &str) {
    let screen = &session.screen;
    verdict(session, prepared);
    if prepared.plan.outcome != Outcome::CannotFit || session.settings.details {
        compressed(session, prepared);
        left_out(session, prepared);
        let said = summary::on_restore(&prepared.backup, &prepared.plan);
        if !said.is_empty() {
            screen.as_is("");
        }
        said.iter().for_each(|sentence| screen.say(sentence));
    }
    if session.settings.details {
        details(session, prepared, view, tense);
    }
    // Faults that every copy fixes are not worth mentioning.
    let is_mended = |finding: &&Finding| {
        finding.is_about_kinds() || matches!(finding, Finding::FirstArchive { .. })
    };
    let findings = prepared
        .backup
        .findings
        .iter()
        .filter(|finding| !is_mended(finding))
        .map(Finding::text);
    findings
        .chain(view.notes.iter().cloned())
        .for_each(|w| screen.warn(&w));
}

/// Prints the answer in one line.
pub fn verdict(session: &Session, prepared: &Prepared) {
    let text = summary::verdict(&prepared.backup, &prepared.plan);
    session.screen.say(&match prepared.plan.outcome {
        Outcome::AlreadyFits | Outcome::Fits => session.screen.green(&text),
        Outcome::CannotFit => session.screen.red(&text),
    });
}

/// The columns of the list of what is left out: the size, the mark, and what the rest is at least
/// given.
const SIZE: usize = 9;
const MARK: usize = 10;
const LOST: usize = 26;

/// How many of the parts that are compressed are named.
const COMPRESSED: usize = 4;

/// Prints the parts that are compressed to make the copy smaller.
fn compressed(session: &Session, prepared: &Prepared) {
    let screen = &session.screen;
    let parts = summary::compressed(&prepared.backup, &prepared.plan);
    if parts.is_empty() {
        return;
    }
    let time = words::duration(summary::compressing_time(&prepared.plan));
    let shown = if session.settings.details {
        parts.len()
    } else {
        COMPRESSED
    };
    screen.as_is("");
    screen.as_is(&screen.bold(&format!("Compressed; nothing of it is lost ({time})")));
    let line = |before: u64, after: u64, title: &str| {
        let sizes = format!(
            "{} → {}",
            right(&size::short(before), SIZE),
            right(&size::short(after), SIZE)
        );
        let room = screen
            .width()
            .map(|width| width.saturating_sub(2 * SIZE + 5));
        screen.as_is(&format!("{sizes}  {}", shorten(title, room)));
    };
    for part in parts.iter().take(shown) {
        let about = if part.is_exact { "" } else { " (about)" };
        line(part.before, part.after, &format!("{}{about}", part.title));
    }
    let more = parts.get(shown..).unwrap_or_default();
    if !more.is_empty() {
        let sum = |of: fn(&summary::Compressed) -> u64| more.iter().map(of).sum();
        let parts = if more.len() == 1 { "part" } else { "parts" };
        let title = format!("{} more {parts}", more.len());
        line(sum(|part| part.before), sum(|part| part.after), &title);
    }
}

/// Prints one line for each thing that is left out, and the names of what nobody makes again.
fn left_out(session: &Session, prepared: &Prepared) {
    let screen = &session.screen;
    let rows = summary::rows(&prepared.backup, &prepared.plan);
    if rows.is_empty() {
        return;
    }
    let need = prepared
        .backup
        .input
        .len()
        .saturating_sub(prepared.plan.limit);
    let is_minor = |row: &Row| row.harm == Harm::Remade && row.bytes < need / 1000;
    let (minor, rows): (Vec<Row>, Vec<Row>) = rows
        .into_iter()
        .partition(|row| is_minor(row) && !session.settings.details);
    let longest = rows.iter().map(|row| row.title.chars().count()).max();
    let room = screen
        .width()
        .map(|width| width.saturating_sub(SIZE + MARK + LOST + 6));
    let title = longest
        .unwrap_or(0)
        .min(room.map_or(usize::MAX, |room| room.max(20)));
    screen.as_is("");
    screen.as_is(&screen.bold("Left out"));
    for row in &rows {
        one_left_out(session, row, title);
    }
    if !minor.is_empty() {
        let sum: u64 = minor.iter().map(|row| row.bytes).sum();
        let size = right(&size::short(sum), SIZE);
        let what = match minor.len() {
            1 => "1 smaller cache, log or old backup".to_owned(),
            count => format!("{count} smaller caches, logs or old backups"),
        };
        screen.as_is(&format!("{size}  {what}"));
    }
    screen.as_is("Kept: everything else.");
}

fn one_left_out(session: &Session, row: &Row, title: usize) {
    let screen = &session.screen;
    let head = format!(
        "{}  {}  {}",
        right(&size::short(row.bytes), SIZE),
        left(&shorten(&row.title, Some(title)), title),
        left(row.mark.word(), MARK)
    );
    let indent = " ".repeat(SIZE + 2);
    let all = format!("{head}  {}", row.lost);
    let fits = screen
        .width()
        .is_none_or(|width| all.chars().count() <= width);
    if fits {
        screen.as_is(all.trim_end());
    } else {
        screen.as_is(head.trim_end());
        screen.as_is(&format!("{indent}{}", row.lost));
    }
    for file in &row.named {
        let end = format!("  {}  {}", size::short(file.bytes), file.day);
        let room = screen
            .width()
            .map(|width| width.saturating_sub(SIZE + 4 + end.chars().count()));
        screen.as_is(&format!("{indent}  {}{end}", shorten(&file.path, room)));
    }
    if row.more > 0 {
        let files = if row.more == 1 { "file" } else { "files" };
        screen.as_is(&format!("{indent}  and {} more {files}", row.more));
    }
    if let Some(text) = &row.protected {
        screen.as_is(&wrap(&format!("{indent}  {text}"), screen.width()));
    }
}

/// Prints the table of parts, the totals, and each thing that is left out with its reasons.
fn details(session: &Session, prepared: &Prepared, view: &PlanView<'_>, tense: &str) {
    let Prepared { backup, plan, .. } = prepared;
    let screen = &session.screen;
    screen.as_is("");
    screen.as_is(&tables::plan(backup, view));
    screen.say(&format!(
        "Now:      {}",
        words::against_limit(backup.input.len(), plan.limit)
    ));
    if plan.outcome != Outcome::AlreadyFits {
        screen.say(&format!(
            "Expected: {}",
            words::against_limit(plan.predicted_size, plan.limit)
        ));
    }
    for (class, heading) in GROUPS {
        let of_group =
            |row: &&DropView<'_>| row.facts.class() == class && !row.facts.is_chosen_part();
        group(session, heading, view.drops.iter().filter(of_group), tense);
    }
    let whole = view.drops.iter().filter(|row| row.facts.is_chosen_part());
    group(session, "Whole folders and add-ons", whole, tense);
}

/// Prints the selectors that match nothing, even with `--quiet`. JSON lists them among its
/// warnings.
pub fn unmatched_selectors(session: &Session, view: &PlanView<'_>) {
    if !session.settings.json {
        view.warnings
            .iter()
            .for_each(|warning| session.screen.shout(warning));
    }
}

fn group<'a>(
    session: &Session,
    heading: &str,
    rows: impl Iterator<Item = &'a DropView<'a>>,
    tense: &str,
) {
    let rows: Vec<&DropView<'_>> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let screen = &session.screen;
    let sum: u64 = rows.iter().map(|row| row.facts.stored_bytes).sum();
    screen.say(&format!(
        "\n{}: {} {tense} left out",
        screen.bold(heading),
        size::decimal(sum)
    ));
    for row in rows {
        let files = row
            .facts
            .files
            .map_or(String::new(), |n| format!(", {}", words::files(n)));
        let target = row.targets.join(" ");
        let place = if row.title == target {
            String::new()
        } else {
            format!(" [{target}]")
        };
        screen.say(&format!(
            "  {}{place}: {}{files}",
            row.title,
            size::decimal(row.facts.stored_bytes)
        ));
        screen.say(&format!("      Lost: {}", row.lost));
        screen.say(&format!("      Restore: {}", row.on_restore));
        if let Some(advice) = &row.advice {
            screen.say(&format!("      Next time: {advice}"));
        }
    }
}

/// Prints the largest paths of all surveyed parts.
///
/// # Errors
/// `Interrupted`.
pub fn largest(session: &Session, prepared: &Prepared) -> Result<()> {
    let paths = largest::largest(
        &prepared.backup,
        &prepared.surveys,
        &prepared.plan,
        LARGEST,
        &session.control,
    )?;
    if paths.is_empty() {
        return Ok(());
    }
    session.screen.say(&format!(
        "\n{}",
        session.screen.bold("The largest files and folders inside")
    ));
    for Large {
        place,
        stored,
        files,
        dropped,
    } in paths
    {
        let files = if place.ends_with('/') {
            format!("  ({})", words::files(files))
        } else {
            String::new()
        };
        let mark = match dropped {
            0 => String::new(),
            all if all >= stored => "  [left out]".into(),
            some => format!("  [{} of it left out]", size::decimal(some)),
        };
        let (stored, end) = (size::decimal(stored), format!("{files}{mark}"));
        let room = session.screen.width();
        let room = room.map(|width| width.saturating_sub(14 + end.chars().count()));
        let place = shorten(&place, room);
        session
            .screen
            .as_is(&format!("  {stored:>10}  {place}{end}"));
    }
    Ok(())
}

/// Prints the ways to make it fit, the one with the least harm first.
pub fn ways_out(
    session: &Session,
    prepared: &Prepared,
    view: &PlanView<'_>,
    selection: &Selection,
    writing: Option<&Writing>,
) {
    let ways = &view.ways_out;
    if ways.is_empty() {
        return;
    }
    let screen = &session.screen;
    screen.as_is("");
    screen.as_is(&screen.bold("Ways to make it fit, least loss first"));
    let longest = ways.iter().map(|way| way.brief.title.chars().count()).max();
    let title = longest.unwrap_or(0).min(34);
    for (at, way) in ways.iter().enumerate() {
        one_way(session, at + 1, way, title);
    }
    let command = next_steps::shrink(session, prepared, selection, writing).join(" ");
    screen.as_is("");
    screen
        .as_is("Run this and answer the questions, or add the options of one of the lines above:");
    screen.as_is(&format!("  {}", printable(&command)));
}

fn one_way(session: &Session, number: usize, way: &WayOut, title: usize) {
    let screen = &session.screen;
    let name = &way.brief.title;
    let head = format!(
        "{number:>3}  {}",
        right(&size::short(way.brief.bytes), SIZE)
    );
    let options = printable(&way.options);
    let all = format!("{head}  {}  {options}", left(name, title));
    let width = screen.width();
    if width.is_none_or(|width| all.chars().count() <= width) {
        screen.as_is(&all);
    } else {
        let indent = " ".repeat(SIZE + 7);
        let room = width.map(|width| width.saturating_sub(indent.len()));
        let name = wrap(name, room).replace('\n', &format!("\n{indent}"));
        screen.as_is(&format!("{head}  {name}"));
        screen.as_is(&format!("{indent}{options}"));
    }
    if session.settings.details {
        let size = words::against_limit(way.predicted_size, session.settings.limit);
        screen.say(&format!("      The copy would have {size}."));
        for lost in &way.lost {
            screen.say(&format!("      {lost}"));
        }
    }
}
