//! A plan as people read it.

use haslim::error::escape;
use haslim::plan::{DropRow, Outcome, WayOut};
use haslim::report::words;
use haslim::size;

use super::args::Choice;
use super::prepare::Prepared;
use super::{Session, tables};

/// How many paths `plan` shows.
const LARGEST: usize = 10;

/// The groups of drops, in the order in which they are given up.
const GROUPS: [(Option<&str>, &str); 6] = [
    (None, "Named by you"),
    (Some("cache"), "Caches, which are rebuilt by themselves"),
    (Some("log"), "Logs and temporary files"),
    (Some("nested"), "Backups inside the backup"),
    (Some("history"), "History"),
    (Some("user"), "Your own files"),
];

/// Prints the table of parts, the totals, what is left out and why.
pub fn plan(session: &Session, prepared: &Prepared, tense: &str) {
    let Prepared { backup, plan, .. } = prepared;
    let screen = &session.screen;
    screen.say(&tables::plan(backup, plan).trim_fmt());
    screen.say(&format!("Now:      {}", words::against_limit(backup.input.len(), plan.limit)));
    if plan.outcome != Outcome::AlreadyFits {
        screen.say(&format!("Expected: {}", words::against_limit(plan.predicted_size, plan.limit)));
    }
    for (class, heading) in GROUPS {
        let whole = |row: &&DropRow| row.unit && row.class.is_none();
        let of_group = |row: &&DropRow| row.class.as_deref() == class && !whole(row);
        group(session, heading, plan.drops.iter().filter(of_group), tense);
    }
    group(session, "Whole folders and add-ons", plan.drops.iter().filter(|row| row.unit && row.class.is_none()), tense);
    backup.warnings.iter().chain(&plan.notes).for_each(|w| screen.warn(w));
}

fn group<'a>(session: &Session, heading: &str, rows: impl Iterator<Item = &'a DropRow>, tense: &str) {
    let rows: Vec<&DropRow> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let screen = &session.screen;
    let sum: u64 = rows.iter().map(|r| r.stored_bytes).sum();
    screen.say(&format!("\n{} {tense} left out, {}:", screen.bold(heading), size::decimal(sum)));
    for row in rows {
        let files = row.files.map_or(String::new(), |n| format!(", {n} files"));
        let place = if row.title == row.target { String::new() } else { format!(" [{}]", row.target) };
        screen.say(&format!("  {}{place}: {}{files}", row.title, size::decimal(row.stored_bytes)));
        screen.say(&format!("      Lost: {}", row.lost));
        screen.say(&format!("      Restore: {}", row.on_restore));
        if let Some(advice) = &row.advice {
            screen.say(&format!("      Next time: {advice}"));
        }
    }
}

/// Prints the largest paths over all parts that were surveyed.
pub fn largest(session: &Session, prepared: &Prepared) {
    let Prepared { backup, surveys, .. } = prepared;
    let mut paths: Vec<(u64, &str, &[u8])> = Vec::new();
    for survey in surveys {
        let id = backup.parts[survey.part].id.as_str();
        paths.extend(survey.entries.iter().map(|e| (e.stored, id, &*e.name)));
    }
    if paths.is_empty() {
        return;
    }
    paths.sort_by_key(|(stored, ..)| std::cmp::Reverse(*stored));
    session.screen.say(&format!("\n{}", session.screen.bold("The largest files")));
    for (stored, id, name) in paths.iter().take(LARGEST) {
        session.screen.say(&format!("  {:>10}  {id}  {}", size::decimal(*stored), escape(name)));
    }
}

/// Prints what would make it fit, as commands to paste.
pub fn ways_out(session: &Session, prepared: &Prepared, choice: &Choice) {
    let ways = &prepared.plan.ways_out;
    if ways.is_empty() {
        return;
    }
    let screen = &session.screen;
    screen.say(&format!("\n{}", screen.bold("This would make it fit:")));
    for way in ways {
        screen.say(&format!("  {}", command(session, prepared, choice, way)));
        screen.say(&format!("      {}", words::against_limit(way.predicted_size, prepared.plan.limit)));
        for lost in &way.lost {
            screen.say(&format!("      {lost}"));
        }
    }
}

fn command(session: &Session, prepared: &Prepared, choice: &Choice, way: &WayOut) -> String {
    let mut parts = vec!["haslim shrink".to_owned(), words::shell(&prepared.backup.input.path().display().to_string())];
    if session.common.limit != size::CLOUD_LIMIT {
        parts.push(format!("--limit {}", session.common.limit));
    }
    parts.extend(choice.drop.iter().map(|s| format!("--drop {}", words::shell(s))));
    parts.extend(choice.keep.iter().map(|s| format!("--keep {}", words::shell(s))));
    parts.push(way.options.clone());
    parts.join(" ")
}
