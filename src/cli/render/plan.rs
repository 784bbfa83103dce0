//! A plan in a form for people.

use haslim::error::printable;
use haslim::finding::Finding;
use haslim::job::Prepared;
use haslim::plan::Outcome;
use haslim::report::drops::DropView;
use haslim::report::largest::{self, Large};
use haslim::report::plan_view::PlanView;
use haslim::report::{json, words};
use haslim::rules::Class;
use haslim::{Result, size};

use super::{next_steps, tables};
use crate::cli::render::terms::CommandLine;
use crate::cli::session::Session;
use crate::cli::settings::{Selection, Writing};

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

/// Prints the table of parts, the totals, and what is left out and why.
pub fn plan(session: &Session, prepared: &Prepared, view: &PlanView<'_>, tense: &str) {
    let Prepared { backup, plan, .. } = prepared;
    let screen = &session.screen;
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
    // Faults that every copy fixes are not worth mentioning.
    let is_mended = |finding: &&Finding| {
        finding.is_about_kinds() || matches!(finding, Finding::FirstArchive { .. })
    };
    let findings = backup
        .findings
        .iter()
        .filter(|finding| !is_mended(finding))
        .map(Finding::text);
    findings
        .chain(view.notes.iter().cloned())
        .for_each(|w| screen.warn(&w));
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
        let place = if row.title == row.target {
            String::new()
        } else {
            format!(" [{}]", row.target)
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
        session.screen.as_is(&format!(
            "  {:>10}  {place}{files}{mark}",
            size::decimal(stored)
        ));
    }
    Ok(())
}

/// Prints ways to make it fit, as commands to paste.
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
    let heading = if ways.len() == 1 {
        "This would make it fit:"
    } else {
        "Each of these would make it fit:"
    };
    screen.say(&format!("\n{}", screen.bold(heading)));
    for way in ways {
        let mut command = next_steps::shrink(session, prepared, selection, writing);
        command.push(way.options.clone());
        screen.as_is(&format!("  {}", printable(&command.join(" "))));
        screen.say(&format!(
            "      The copy would have {}.",
            words::against_limit(way.predicted_size, prepared.plan.limit)
        ));
        for lost in &way.lost {
            screen.say(&format!("      {lost}"));
        }
    }
}
