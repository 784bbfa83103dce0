//! `haslim join`: the original from a copy and its rest.

use std::time::Instant;

use haslim::report::json;
use haslim::rest::{Joined, join};
use haslim::rewrite::OutputPath;
use haslim::{Result, size};

use crate::cli::render::escaped_path;
use crate::cli::session::{DONE, Session};
use crate::cli::settings::Joining;

/// Writes the original.
///
/// # Errors
/// As [`join`]; errors of opening the two files.
pub fn run(session: &Session, joining: &Joining) -> Result<u8> {
    let begin = Instant::now();
    let copy = session.open_repairable(&joining.copy)?;
    let rest = session.open_repairable(&joining.rest)?;
    let check = |input| OutputPath::check(&joining.output, joining.replace, input);
    check(&rest.input)?;
    let target = check(&copy.input)?;
    let joined = join(&copy, &rest, target, &session.control)?;
    session.published();
    report(session, &joined, begin);
    Ok(DONE)
}

fn report(session: &Session, joined: &Joined, begin: Instant) {
    let seconds = begin.elapsed().as_secs_f64();
    let screen = &session.screen;
    if session.settings.json {
        screen.json(&json::join(joined, seconds));
        return;
    }
    screen.say(&screen.green(&format!(
        "Done in {seconds:.1} s: {}, the original bit for bit (its SHA-256 is right).",
        size::short(joined.size)
    )));
    screen.as_is(&format!("  {}", escaped_path(&joined.path)));
}
