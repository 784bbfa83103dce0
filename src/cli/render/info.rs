//! `info` on one backup: does it fit, what is large in it, and what to do next.

use haslim::dates;
use haslim::error::{escape, printable};
use haslim::finding::Finding;
use haslim::open::Backup;
use haslim::report::overview::{Overview, Row};
use haslim::report::verdict::Verdict;
use haslim::report::words;
use haslim::size;
use haslim::size::percent;
use unicode_width::UnicodeWidthStr;

use super::columns::{bar, left, right, shorten};
use super::next_steps;
use crate::cli::key;
use crate::cli::session::Session;

/// The widest and the narrowest bar.
const BAR: (usize, usize) = (8, 23);

/// The columns before the bar, and those between it and the name.
const BEFORE_BAR: usize = 11;
const AFTER_BAR: usize = 8;

/// Prints everything about a backup.
pub fn show(session: &Session, backup: &Backup) {
    let screen = &session.screen;
    let verdict = Verdict::of(backup, session.settings.limit);
    let paint = |text: &str| {
        if verdict.fits() && verdict.protected {
            screen.green(text)
        } else {
            screen.red(text)
        }
    };
    screen.say(&format!("{}: {}", paint(verdict.answer()), verdict.sizes()));
    for remark in verdict.remarks() {
        screen.say(&format!("        {remark}"));
    }
    screen.say("");
    heading(session, backup);
    screen.say("");
    contents(session, backup);
    backup.warnings().iter().for_each(|w| screen.warn(w));
    screen.say("");
    screen.say(&paint(&verdict.again()));
    next(session, &steps(session, backup, verdict));
}

/// The name, the kind, the date and the encryption; with `--details` all the rest.
fn heading(session: &Session, backup: &Backup) {
    let screen = &session.screen;
    let manifest = &backup.manifest;
    let safe = |text: &str| escape(text.as_bytes());
    let facts = format!(
        " · {} · {} · {}",
        safe(manifest.kind()),
        dates::backup(manifest.date()),
        protection(backup)
    );
    let room = screen
        .width()
        .map(|width| width.saturating_sub(facts.width()));
    let name = shorten(&safe(manifest.name()), room);
    screen.as_is(&format!("{}{facts}", screen.bold(&name)));
    if session.settings.details {
        let version = manifest
            .homeassistant_version()
            .map_or("no configuration".into(), |version| {
                format!("Home Assistant {}", safe(version))
            });
        screen.say(&format!(
            "id {} · {version} · {} parts · {} bytes, {}",
            safe(manifest.slug()),
            backup.parts.len(),
            backup.input.len(),
            words::against_limit(backup.input.len(), session.settings.limit)
        ));
    }
}

fn protection(backup: &Backup) -> String {
    let is_mixed = |finding: &Finding| matches!(finding, Finding::Mixed { .. });
    match backup.version() {
        _ if backup.findings.iter().any(is_mixed) => "partly encrypted".into(),
        Some(version) => format!("encrypted (v{})", version.number()),
        None => "not encrypted".into(),
    }
}

fn contents(session: &Session, backup: &Backup) {
    let overview = if session.settings.details {
        Overview::all(backup)
    } else {
        Overview::short(backup)
    };
    let lines = lines(&overview, backup.input.len(), session.screen.width());
    lines.iter().for_each(|line| session.screen.as_is(line));
}

/// A line for each part that is shown, and one for all others.
fn lines(overview: &Overview<'_>, whole: u64, width: Option<usize>) -> Vec<String> {
    let name = |row: &Row<'_>| match row.part.fault {
        Some(_) => format!("{} (damaged)", row.name),
        None => row.name.clone(),
    };
    let rows: Vec<(String, &Row<'_>)> = overview.rows.iter().map(|row| (name(row), row)).collect();
    let widest = |text: &dyn Fn(&(String, &Row<'_>)) -> usize| rows.iter().map(text).max();
    let names = widest(&|(name, _)| name.width()).unwrap_or(0);
    let ids = widest(&|(_, row)| row.part.id.width()).unwrap_or(0);
    let columns = Columns::new(names, ids, width);
    let mut lines: Vec<String> = rows
        .iter()
        .map(|(name, row)| {
            format!(
                "{}{}  {}",
                columns.amount(row.stored, whole, true),
                left(&shorten(name, columns.name), columns.name.unwrap_or(names)),
                shorten(&row.part.id, columns.id)
            )
        })
        .collect();
    if !overview.rest.is_empty() {
        let room = width.map(|width| width.saturating_sub(BEFORE_BAR + columns.bar + AFTER_BAR));
        lines.push(format!(
            "{}{}",
            columns.amount(overview.rest_bytes(), whole, false),
            others(&overview.rest, room)
        ));
    }
    lines
}

/// The widths of the columns that depend on the contents and on the terminal.
struct Columns {
    bar: usize,
    name: Option<usize>,
    id: Option<usize>,
}

impl Columns {
    /// The bar gets what names and ids leave. Where the terminal is too narrow for that, names that
    /// are longer than a quarter of a line are shortened, then the ids.
    fn new(names: usize, ids: usize, width: Option<usize>) -> Self {
        let Some(width) = width else {
            return Self {
                bar: BAR.1,
                name: None,
                id: None,
            };
        };
        let spare = width.saturating_sub(BEFORE_BAR + BAR.0 + AFTER_BAR + 2 + ids);
        let name = names.min(spare.max(width / 4).max(10));
        let fixed = BEFORE_BAR + AFTER_BAR + name + 2;
        let bar = width.saturating_sub(fixed + ids).clamp(BAR.0, BAR.1);
        Self {
            bar,
            name: Some(name),
            id: Some(width.saturating_sub(fixed + bar)),
        }
    }

    /// The size, the bar and the share, up to where the name begins.
    fn amount(&self, bytes: u64, whole: u64, with_bar: bool) -> String {
        let drawn = if with_bar {
            bar(bytes, whole, self.bar)
        } else {
            " ".repeat(self.bar)
        };
        format!(
            "  {}  {drawn} {}  ",
            right(&size::short(bytes), 7),
            right(&percent(bytes, whole), 5)
        )
    }
}

/// `6 more (ESPHome, MariaDB, …)`: as many names as there is room for.
fn others(rest: &[Row<'_>], room: Option<usize>) -> String {
    let all: Vec<&str> = rest.iter().map(|row| row.name.as_str()).collect();
    let said = |shown: usize| {
        let mut names = all.get(..shown).unwrap_or_default().to_vec();
        if shown < all.len() {
            names.push("…");
        }
        format!("{} more ({})", all.len(), names.join(", "))
    };
    let fits = |shown: &usize| room.is_none_or(|room| said(*shown).width() <= room);
    match (1..=all.len()).rev().find(fits) {
        Some(shown) => said(shown),
        None => format!("{} more", all.len()),
    }
}

/// A command, and what it is for.
type Step = (String, &'static str);

/// What to do with a backup that cannot go to the cloud as it is.
fn steps(session: &Session, backup: &Backup, verdict: Verdict) -> Vec<Step> {
    if verdict.fits() && verdict.protected {
        return Vec::new();
    }
    let command = |name: &str, more: Option<&str>| {
        let mut command = next_steps::parts(name, session, backup.input.path());
        if let Some(begin) = command.first_mut() {
            *begin = left(begin, "haslim shrink".len());
        }
        if backup.is_protected() && !key::is_given(&session.settings) {
            command.push("--emergency-kit KIT".into());
        }
        command.extend(more.map(str::to_owned));
        printable(&command.join(" "))
    };
    let encrypted = (!verdict.protected).then_some("--securetar 3");
    let shrink = command("shrink", encrypted);
    if verdict.fits() {
        return vec![(shrink, "writes an encrypted copy")];
    }
    vec![
        (shrink, "asks before it writes"),
        (command("ls", None), "what is big inside"),
    ]
}

/// Prints the commands, each on a line of its own, and what they are for beside them; below them
/// where that is too wide.
fn next(session: &Session, steps: &[Step]) {
    let longest = steps.iter().map(|(command, _)| command.width()).max();
    let longest = longest.unwrap_or(0);
    let needed = |what: &str| 7 + longest + 3 + what.width();
    let is_wide = steps.iter().any(|(_, what)| {
        let width = session.screen.width();
        width.is_some_and(|width| needed(what) > width)
    });
    for (at, (command, what)) in steps.iter().enumerate() {
        let lead = if at == 0 { "Next:  " } else { "       " };
        session.screen.as_is(&if is_wide {
            format!("{lead}{command}\n           {what}")
        } else {
            format!("{lead}{}   {what}", left(command, longest))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_of_a_terminal_never_take_more_than_its_width() {
        for width in 50..200 {
            for (names, ids) in [(5, 13), (13, 23), (40, 60), (18, 30)] {
                let columns = Columns::new(names, ids, Some(width));
                let all = BEFORE_BAR
                    + columns.bar
                    + AFTER_BAR
                    + columns.name.unwrap()
                    + 2
                    + columns.id.unwrap().min(ids);
                assert!(all <= width, "{width}: {names} {ids}");
                assert!(columns.id.unwrap() >= 5, "{width}: {names} {ids}");
            }
        }
    }

    #[test]
    fn the_columns_of_a_pipe_shorten_nothing() {
        let columns = Columns::new(40, 60, None);
        assert_eq!((columns.bar, columns.name, columns.id), (BAR.1, None, None));
    }
}
