//! `haslim rules`, and reading a user's rules.

use std::path::Path;

use haslim::error::{Advice, escaped_path};
use haslim::pipe::Control;
use haslim::report::json;
use haslim::rules::{Catalogue, Rule};
use haslim::{Error, Kind, Result, plan};

use crate::cli::render;
use crate::cli::session::{DONE, Session};
use crate::cli::small_file;

/// The contents of a file of rules.
const KEYS: &str = "A file of rules holds `disable = [\"ID\"]`, and a table [[rule]] for each rule, with `id`, `component`, `globs` and `class` \
    (cache, log, nested, history or user); `title`, `except`, `lost`, `prevent` and `remade_by` (itself, scan, network or nobody) may follow. \
    `haslim rules --json` shows those that are built in.";

/// How many ids are suggested for an unknown one.
const GUESSES: usize = 4;

/// The built-in rules, with the user's rules added.
///
/// # Errors
/// `Usage` if the file cannot be read, is too large or is wrong, with the line; `Interrupted`.
pub fn catalogue(file: Option<&Path>, control: &Control) -> Result<Catalogue> {
    let Some(file) = file else {
        return plan::builtin_catalogue();
    };
    let wrong = |why: String| {
        Error::new(Kind::Usage, format!("{}: {why}", escaped_path(file))).advice(KEYS)
    };
    let bytes = small_file::RULES.read(file, control)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is not valid UTF-8".into()))?;
    Catalogue::with_user_file(text).map_err(|e| wrong(e.to_string()))
}

/// Lists the rules, or shows all of one.
///
/// # Errors
/// As [`catalogue`]; `Usage` if there is no rule with this id.
pub fn run(session: &Session, id: Option<&str>, file: Option<&Path>) -> Result<u8> {
    let catalogue = catalogue(file, &session.control)?;
    let only = id.map(|id| find(&catalogue, id)).transpose()?;
    match only {
        _ if session.settings.json => session.screen.json(&json::rules(&catalogue, only)),
        Some(rule) => render::rules::one(&session.screen, rule),
        None if session.settings.details => render::rules::all(&session.screen, &catalogue),
        None => render::rules::list(&session.screen, &catalogue),
    }
    Ok(DONE)
}

fn find<'a>(catalogue: &'a Catalogue, id: &str) -> Result<&'a Rule> {
    catalogue.by_id(id).ok_or_else(|| {
        let shown = haslim::error::escape(id.as_bytes());
        let error = Error::new(Kind::Usage, format!("there is no rule '{shown}'"));
        let similar = catalogue.similar_ids(id);
        if similar.is_empty() {
            return error.advice("`haslim rules` lists their ids.");
        }
        error.advice(Advice::DidYouMean {
            selectors: similar
                .into_iter()
                .take(GUESSES)
                .map(str::to_owned)
                .collect(),
            forms: false,
        })
    })
}
