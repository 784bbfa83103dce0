//! `rules`: the catalogue, one line a rule, or all of one rule.

use haslim::rules::{Catalogue, Class, Confidence, Rule};
use unicode_width::UnicodeWidthStr;

use super::columns::{left, shorten};
use crate::cli::terminal::output::Screen;
use crate::cli::terminal::wrap;

/// The classes in the order in which they are dropped.
const CLASSES: [Class; 5] = [
    Class::Cache,
    Class::Log,
    Class::Nested,
    Class::History,
    Class::User,
];

/// The width of the column with the class.
const CLASS: usize = 7;

/// The width of the labels of a rule's facts.
const LABEL: usize = 17;

/// The columns between and before the others.
const GAPS: usize = 6;

/// Prints a line for each rule, class by class.
pub fn list(screen: &Screen, catalogue: &Catalogue) {
    screen.say(&summary(catalogue));
    let ids = catalogue.rules().iter().map(|rule| id(rule).width()).max();
    let ids = ids.unwrap_or(0);
    let room = screen
        .width()
        .map(|width| width.saturating_sub(ids + CLASS + GAPS));
    for class in CLASSES {
        screen.say(&screen.bold(&format!("\n{}", meaning(class))));
        let of_class = catalogue.rules().iter().filter(|rule| rule.class == class);
        for rule in of_class {
            screen.as_is(&format!(
                "  {}  {}  {}",
                left(&id(rule), ids),
                left(class.name(), CLASS),
                shorten(&rule.title, room)
            ));
        }
    }
    screen.say("\nAll of one rule:  haslim rules ID     of every rule:  haslim rules --details");
}

/// Prints all of every rule.
pub fn all(screen: &Screen, catalogue: &Catalogue) {
    screen.say(&summary(catalogue));
    for rule in catalogue.rules() {
        screen.say("");
        one(screen, rule);
    }
    screen.say(&format!("\n{}", summary(catalogue)));
}

/// Prints all of a rule.
pub fn one(screen: &Screen, rule: &Rule) {
    screen.say(&format!("{}  {}", screen.bold(&id(rule)), rule.title));
    let sure = match rule.confidence {
        Confidence::High => "",
        Confidence::Inferred => " (the paths are inferred)",
    };
    let facts = [
        ("Class:", meaning(rule.class).to_owned()),
        ("Part:", rule.component.clone()),
        ("Paths:", rule.globs.join("\n")),
        ("Not:", rule.except.join("\n")),
        ("You lose:", rule.lost.clone()),
        (
            "Made again:",
            format!("{}.", rule.remade_by.words(rule.class)),
        ),
        ("To prevent this:", rule.prevent.clone()),
        ("Source:", format!("{}{sure}", rule.source)),
        ("Formerly:", rule.formerly.join(", ")),
    ];
    let width = screen.width();
    let room = width.map(|width| width.saturating_sub(2 + LABEL).max(LABEL));
    for (label, text) in facts.iter().filter(|(_, text)| !text.is_empty()) {
        let text = wrap::wrap(text, room);
        for (at, line) in text.lines().enumerate() {
            let label = if at == 0 { *label } else { "" };
            screen.as_is(&format!("  {}{line}", left(label, LABEL)));
        }
    }
}

/// The id; it says so if the rule is switched off.
fn id(rule: &Rule) -> String {
    if rule.enabled {
        rule.id.clone()
    } else {
        format!("{} (off)", rule.id)
    }
}

fn meaning(class: Class) -> &'static str {
    match class {
        Class::Cache => "cache: made again by itself; goes first, without asking",
        Class::Log => "log: logs and temporary files; go first, without asking",
        Class::Nested => "nested: backups inside the backup; go first, without asking",
        Class::History => "history: what was recorded; goes only with --allow history",
        Class::User => "user: your own files; go only with --allow user",
    }
}

fn summary(catalogue: &Catalogue) -> String {
    format!(
        "{} rules, version {}; {} kinds of files are never left out by a rule.",
        catalogue.rules().len(),
        catalogue.version,
        catalogue.never().len()
    )
}
