//! A plan in brief: the verdict, what is left out in one line each, what a restore does, and the
//! ways to make it fit.

use std::collections::BTreeSet;

use crate::dates;
use crate::error::escape;
use crate::open::{Backup, ComponentKind};
use crate::plan::facts::{Alternative, Cause, Dropped, Lasting, LastingFile, Offer};
use crate::plan::{Compressing, Harm, Outcome, PartPlan, Plan};
use crate::report::terms::Terms;
use crate::report::{names, protected, words};
use crate::rules::{Class, Effect, RemadeBy, Rule};
use crate::size;

/// The answer in one line: whether it fits, the sizes before and after, the limit.
pub fn verdict(backup: &Backup, plan: &Plan) -> String {
    let (before, after, limit) = (backup.input.len(), plan.predicted_size, plan.limit);
    let short = size::short;
    let about = if plan.is_estimate() { "about " } else { "" };
    match plan.outcome {
        Outcome::AlreadyFits => format!(
            "FITS: {}, {} under the limit of {}",
            short(before),
            short(limit.saturating_sub(before)),
            short(limit)
        ),
        Outcome::Fits => format!(
            "WOULD FIT: {} → {about}{} ({}), {} under the limit of {}",
            short(before),
            short(after),
            words::change(before, after),
            short(limit.saturating_sub(after)),
            short(limit)
        ),
        Outcome::CannotFit => format!(
            "STILL TOO BIG: {about}{}{}; {} over the limit of {}",
            short(after),
            without(plan),
            short(after.saturating_sub(limit)),
            short(limit)
        ),
    }
}

/// What the size of a plan that does not fit takes into account.
fn without(plan: &Plan) -> String {
    let free = plan.drops.iter().any(Dropped::is_free);
    let without = match (free, plan.drops.iter().any(|dropped| !dropped.is_free())) {
        (false, false) => "",
        (true, false) => " without caches, logs and old backups",
        (_, true) => " without what this plan leaves out",
    };
    let compressed = if plan.compresses() { " compressed" } else { "" };
    format!("{compressed}{without}")
}

/// A part that is compressed to make the copy smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compressed {
    /// What Home Assistant calls it.
    pub title: String,
    /// Its stored bytes now.
    pub before: u64,
    /// Its stored bytes in the copy.
    pub after: u64,
    /// Whether that is exact.
    pub is_exact: bool,
}

/// The parts that are compressed to make the copy smaller, the one that saves most first.
pub fn compressed(backup: &Backup, plan: &Plan) -> Vec<Compressed> {
    let one = |(at, planned, how): (usize, &PartPlan, Compressing)| {
        let part = backup.part(at);
        Compressed {
            title: names::part(backup, part),
            before: backup.stored(part),
            after: planned.predicted,
            is_exact: how.is_exact,
        }
    };
    let mut parts: Vec<Compressed> = plan.compressed().map(one).collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.before.saturating_sub(part.after)));
    parts
}

/// About how many seconds it takes to compress them.
pub fn compressing_time(plan: &Plan) -> f64 {
    plan.compressed()
        .filter_map(|(_, _, how)| how.seconds)
        .sum()
}

/// One thing that is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its stored bytes.
    pub bytes: u64,
    /// How bad it is to lose it.
    pub harm: Harm,
    /// What it is.
    pub title: String,
    /// What kind of thing it is.
    pub mark: Mark,
    /// What is lost, or what makes it again, in a few words.
    pub lost: String,
    /// The largest of the files that nobody makes again: path, size and day.
    pub named: Vec<Named>,
    /// How many more there are.
    pub more: u64,
    /// What the protected files among them are, in sentences.
    pub protected: Option<String>,
}

/// What kind of thing something is, for a short list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It makes itself again.
    Cache,
    /// Logs and temporary files.
    Log,
    /// Backups inside the backup.
    OldBackup,
    /// Recorded over time, file by file.
    Recordings,
    /// Recorded over time, as a whole.
    History,
    /// A database that a restore would empty.
    Database,
    /// Files of the owner's.
    Yours,
    /// A folder as a whole.
    Folder,
    /// An app as a whole.
    App,
}

impl Mark {
    /// The mark of something that does this harm and is matched by this rule.
    pub fn of(harm: Harm, rule: Option<&Rule>) -> Self {
        match (harm, rule.map(|rule| rule.class)) {
            (Harm::Remade, Some(Class::Log)) => Self::Log,
            (Harm::Remade, Some(Class::Nested)) => Self::OldBackup,
            (Harm::Remade, _) => Self::Cache,
            (Harm::Recordings, _) => Self::Recordings,
            (Harm::History, _) if rule.is_some_and(|rule| rule.condition.wants_backup()) => {
                Self::OldBackup
            }
            (Harm::History, _) => Self::History,
            (Harm::Destroyed, _) => Self::Database,
            (Harm::Irreplaceable, _) => Self::Yours,
        }
    }

    /// The mark in one or two words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Log => "log",
            Self::OldBackup => "old backup",
            Self::Recordings => "recordings",
            Self::History => "history",
            Self::Database => "database",
            Self::Yours => "yours",
            Self::Folder => "folder",
            Self::App => "app",
        }
    }
}

/// A file that is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its path in the component, escaped.
    pub path: String,
    /// Its stored bytes.
    pub bytes: u64,
    /// The day when it was changed.
    pub day: String,
}

impl Named {
    /// The last name of its path.
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// What a plan leaves out, the most harmful first, then the largest.
pub fn rows(backup: &Backup, plan: &Plan) -> Vec<Row> {
    let mut rows: Vec<Row> = plan
        .drops
        .iter()
        .map(|dropped| row(backup, dropped))
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse((row.harm, row.bytes)));
    rows
}

/// One dropped thing in brief.
pub fn row(backup: &Backup, dropped: &Dropped) -> Row {
    let lasting = &dropped.loss.lasting;
    let named: Vec<Named> = lasting.largest.iter().map(named).collect();
    Row {
        bytes: dropped.stored_bytes,
        harm: dropped.harm,
        title: title(backup, dropped),
        mark: mark(backup, dropped),
        lost: lost(dropped),
        more: lasting.files.saturating_sub(named.len() as u64),
        protected: protected::files(dropped),
        named,
    }
}

fn named(file: &LastingFile) -> Named {
    Named {
        path: escape(&file.path),
        bytes: file.stored,
        day: dates::day(file.mtime),
    }
}

fn title(backup: &Backup, dropped: &Dropped) -> String {
    let part = dropped.part.and_then(|at| backup.parts.get(at));
    match (&dropped.cause, part) {
        (Cause::Part { .. }, Some(part)) => format!("all of {}", names::part(backup, part)),
        (Cause::Rule { rule, .. }, _) if dropped.oldest_of.is_some() => {
            format!("{}, oldest", rule.title)
        }
        (Cause::Rule { rule, .. } | Cause::Trailing(rule), _) => rule.title.clone(),
        (Cause::Selector { text, .. }, _) => escape(text.as_bytes()),
        (Cause::Part { .. }, None) => String::new(),
    }
}

fn mark(backup: &Backup, dropped: &Dropped) -> Mark {
    let part = dropped.part.and_then(|at| backup.parts.get(at));
    match (&dropped.cause, part.map(|part| part.kind)) {
        (Cause::Part { .. }, Some(ComponentKind::Addon)) => Mark::App,
        (Cause::Part { .. }, Some(ComponentKind::Folder)) => Mark::Folder,
        _ => Mark::of(dropped.harm, dropped.rule()),
    }
}

/// What is lost in a few words.
fn lost(dropped: &Dropped) -> String {
    let lasting = &dropped.loss.lasting;
    match (dropped.harm, dropped.rule()) {
        (Harm::Remade, Some(rule)) => made_again(rule).to_owned(),
        (Harm::Remade, None) => "made again".to_owned(),
        // Of a whole part, the times are only those of what nobody makes again.
        _ if lasting.files == 0 || matches!(dropped.cause, Cause::Part { .. }) => {
            dropped.files.map_or(String::new(), words::files)
        }
        _ => format!("{}{}", span(lasting), count(dropped)),
    }
}

fn span(lasting: &Lasting) -> String {
    // Files without a time were made at the beginning of 1970.
    let known = lasting.span.filter(|(first, _)| *first > 0);
    known.map_or(String::new(), |(first, last)| {
        format!("{}, ", dates::span(first, last))
    })
}

/// How many files, of how many.
fn count(dropped: &Dropped) -> String {
    match (dropped.files, dropped.oldest_of) {
        (Some(files), Some(all)) => format!("{files} of {} files", all.files),
        _ => words::files(dropped.loss.lasting.files),
    }
}

/// How the files of a rule come back. Rules that need consent match something that does not.
fn made_again(rule: &Rule) -> &'static str {
    match (rule.class, rule.remade_by) {
        (Class::Log, _) => "newer ones are written",
        (Class::Nested, _) => "newer ones are made",
        (class, RemadeBy::Scan) if !class.is_free() => "a rescan fetches most",
        (class, RemadeBy::Network) if !class.is_free() => "most is fetched again",
        (class, _) if !class.is_free() => "most is made again",
        (_, RemadeBy::Scan) => "made again by a rescan",
        (_, RemadeBy::Network) => "fetched again",
        _ => "made again",
    }
}

/// What a restore of the copy does on the live system about what was left out, in sentences, the
/// worst first.
pub fn on_restore(backup: &Backup, plan: &Plan) -> Vec<String> {
    let lasting = |dropped: &&Dropped| dropped.harm.is_lasting() || !dropped.is_chosen();
    let places = |of: &[Effect]| -> BTreeSet<String> {
        let here = plan
            .drops
            .iter()
            .filter(|dropped| of.contains(&dropped.effect));
        let part = |dropped: &Dropped| Some(names::place(backup, backup.parts.get(dropped.part?)?));
        here.filter(lasting).filter_map(part).collect()
    };
    type Sentence = fn(&str) -> String;
    let sentences: [(&[Effect], Sentence); 6] = [
        (&[Effect::MariaDb, Effect::MovedDatabase], |places| {
            format!(
                "A restore of this copy replaces the live databases of {places} with empty ones."
            )
        }),
        (
            &[
                Effect::PartOfFolder,
                Effect::PartOfConfig,
                Effect::ConfigBackups,
                Effect::PartOfAddon,
            ],
            |places| {
                format!(
                    "A restore of this copy first empties {places}: what was left out is then gone from there too."
                )
            },
        ),
        (&[Effect::ImageLost], |places| {
            format!("{places} cannot be set up from this copy: its image is left out.")
        }),
        (&[Effect::RecorderDatabase], |_| {
            "On this system your history stays. On a new one it starts empty.".to_owned()
        }),
        (&[Effect::UnusedDatabase], |_| {
            "home-assistant_v2.db stays on this system. Home Assistant does not use it: db_url names another database.".to_owned()
        }),
        (
            &[Effect::WholeFolder, Effect::WholeConfig, Effect::WholeAddon],
            |places| format!("A restore of this copy leaves {places} as it is on the system."),
        ),
    ];
    let said = sentences.into_iter().filter_map(|(effects, sentence)| {
        let places: Vec<String> = places(effects).into_iter().collect();
        (!places.is_empty()).then(|| sentence(&listed(&places)))
    });
    said.collect()
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A way to make it fit, in brief.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The stored bytes that it gives up in addition to what goes anyway.
    pub bytes: u64,
    /// What would go.
    pub title: String,
    /// The words to add to the command.
    pub args: Vec<String>,
}

/// A way in brief; the words of the command are those of the program.
pub fn way(backup: &Backup, alternative: &Alternative, terms: &dyn Terms) -> Way {
    let mut rows: Vec<Row> = alternative.drops.iter().map(|d| row(backup, d)).collect();
    rows.sort_by_key(|row| std::cmp::Reverse((row.harm, row.bytes)));
    // What nobody makes again is named, however much it is.
    let owners = rows
        .iter()
        .filter(|row| row.harm.is_irreplaceable())
        .count();
    let shown = owners.max(2);
    let mut title: Vec<String> = rows.iter().take(shown).map(with_names).collect();
    if rows.len() > shown {
        title.push(format!("{} more", rows.len() - shown));
    }
    Way {
        bytes: rows.iter().map(|row| row.bytes).sum(),
        title: title.join("; "),
        args: args(backup, &alternative.offer, terms),
    }
}

/// The files of a row that are named, with their sizes, and how many more there are; empty if there
/// are none.
pub fn named_files(row: &Row) -> String {
    listed_files(row, |file| {
        format!("{} {}", file.name(), size::short(file.bytes))
    })
}

fn listed_files(row: &Row, name: impl Fn(&Named) -> String) -> String {
    let named: Vec<String> = row.named.iter().map(name).collect();
    match row.more {
        _ if named.is_empty() => String::new(),
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// What goes, with the names of the owner's files in it.
fn with_names(row: &Row) -> String {
    match (row.mark, row.named.as_slice()) {
        (Mark::Yours, [file]) if row.more == 0 => format!("YOUR FILE {}", file.name()),
        (Mark::Yours | Mark::Folder | Mark::App, [_, ..]) => {
            let files = listed_files(row, |file| file.name().to_owned());
            format!("{}, with {files}", row.title)
        }
        _ => row.title.clone(),
    }
}

/// The words that ask for an offer, one argument each.
pub fn args(backup: &Backup, offer: &Offer, terms: &dyn Terms) -> Vec<String> {
    let pairs = |option: &str, values: Vec<String>| -> Vec<String> {
        let each = values
            .into_iter()
            .flat_map(|value| [option.to_owned(), value]);
        each.collect()
    };
    match offer {
        Offer::Allow(classes) => {
            let names: Vec<&str> = classes.iter().map(|class| class.name()).collect();
            vec![terms.allow().to_owned(), names.join(",")]
        }
        Offer::Parts(parts) => {
            let ids = parts.iter().map(|&at| backup.part(at).id.clone());
            pairs(terms.drop(), ids.collect())
        }
        Offer::Files(selectors) => pairs(terms.drop(), selectors.clone()),
    }
}
