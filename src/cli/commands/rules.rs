//! `haslim rules`, and reading a user's rules.

use std::path::Path;

use comfy_table::Cell;
use haslim::pipe::Control;
use haslim::report::json;
use haslim::rules::{Catalogue, Rule};
use haslim::{Error, Kind, Result, plan};

use crate::cli::render::tables;
use crate::cli::session::{DONE, Session};
use crate::cli::small_file;

/// The contents of a file of rules.
const KEYS: &str = "A file of rules holds `disable = [\"ID\"]`, and a table [[rule]] for each rule, with `id`, `component`, `globs` and `class` \
    (cache, log, nested, history or user); `title`, `except`, `lost`, `prevent` and `remade_by` (itself, scan, network or nobody) may follow. \
    `haslim rules --json` shows those that are built in.";

/// The built-in rules, with the user's rules added.
///
/// # Errors
/// `Usage` if the file cannot be read, is too large or is wrong, with the line; `Interrupted`.
pub fn catalogue(file: Option<&Path>, control: &Control) -> Result<Catalogue> {
    let Some(file) = file else {
        return plan::builtin_catalogue();
    };
    let wrong =
        |why: String| Error::new(Kind::Usage, format!("{}: {why}", file.display())).advice(KEYS);
    let bytes = small_file::RULES.read(file, control)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is not valid UTF-8".into()))?;
    Catalogue::with_user_file(text).map_err(|e| wrong(e.to_string()))
}

/// The text of a rule for people: what is lost, what recreates it, and how to stop it from growing.
fn said(rule: &Rule) -> String {
    let mut said = format!(
        "{}\nMade again: {}.",
        rule.lost,
        rule.remade_by.words(rule.class)
    );
    if !rule.prevent.is_empty() {
        said += &format!("\nNext time: {}", rule.prevent);
    }
    said
}

/// Lists the rules.
pub fn run(session: &Session, file: Option<&Path>) -> Result<u8> {
    let catalogue = catalogue(file, &session.control)?;
    if session.settings.json {
        session.screen.json(&json::rules(&catalogue));
        return Ok(DONE);
    }
    let mut table = tables::new(&[
        "Rule",
        "Class",
        "Component",
        "Paths",
        "Lost, and how to stop it from growing",
    ]);
    for rule in catalogue.rules() {
        let id = if rule.enabled {
            rule.id.clone()
        } else {
            format!("{} (off)", rule.id)
        };
        table.add_row(vec![
            Cell::new(id),
            Cell::new(rule.class.name()),
            Cell::new(&rule.component),
            Cell::new(rule.globs.join("\n")),
            Cell::new(said(rule)),
        ]);
    }
    session.screen.as_is(&table.trim_fmt());
    session.screen.say(&format!(
        "{} rules, version {}; {} kinds of files are never left out by a rule.",
        catalogue.rules().len(),
        catalogue.version,
        catalogue.never().len()
    ));
    Ok(DONE)
}
