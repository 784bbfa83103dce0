//! `extract`: what was extracted, and what was left out or changed.

use std::path::Path;

use haslim::extract::{Extracted, Listed};
use haslim::format::tar::block::EntryKind;
use haslim::open::Backup;
use haslim::report::extracted as words;
use haslim::report::json::output_path;
use haslim::{Result, size};
use unicode_width::UnicodeWidthStr;

use super::columns::{left, right};
use super::escaped_path;
use crate::cli::session::Session;

/// How many entries that were left out or changed are named, without `--details`.
const NAMED: usize = 10;

/// Prints what was extracted from each part, and the sum.
pub fn summary(session: &Session, done: &Extracted, output: Option<&Path>) {
    let screen = &session.screen;
    let Some(output) = output else {
        screen.say("No archive was written.");
        return;
    };
    let is_shown = |part: &&haslim::extract::PartDone| {
        part.files + part.folders + part.links > 0 || !part.is_complete()
    };
    let parts: Vec<_> = done.parts.iter().filter(is_shown).collect();
    let width = parts.iter().map(|part| part.folder.width()).max();
    let width = width.unwrap_or(0);
    for part in &parts {
        let note = if part.error.is_some() {
            screen.red("  failed")
        } else if part.is_abandoned {
            "  not complete".into()
        } else {
            String::new()
        };
        let line = format!(
            "  {}  {}  {}{note}",
            right(&size::short(part.bytes), 7),
            right(&words::files(part.files), 9),
            left(&part.folder, width),
        );
        screen.as_is(line.trim_end());
    }
    screen.say(&format!(
        "Extracted {}, {} of contents: {}",
        words::files(done.files()),
        size::short(done.bytes()),
        escaped_path(output)
    ));
}

/// Prints the warnings, and names what was left out or changed. Selectors that match nothing are
/// named even with `--quiet`.
pub fn warnings(
    session: &Session,
    backup: &Backup,
    done: &Extracted,
    unmatched: &[String],
    warnings: &[String],
) {
    let screen = &session.screen;
    unmatched.iter().for_each(|warning| screen.shout(warning));
    warnings.iter().for_each(|warning| screen.warn(warning));
    let sentences = words::sentences(backup, &done.parts);
    let most = if session.settings.details {
        sentences.len()
    } else {
        NAMED
    };
    sentences.iter().take(most).for_each(|one| screen.warn(one));
    let more = sentences.len().saturating_sub(most);
    if more > 0 {
        screen.warn(&format!(
            "{more} more were left out or changed; --details names them."
        ));
    }
}

/// Says that what was extracted can be read by anyone.
pub fn not_encrypted(session: &Session, output: Option<&Path>, is_folder: bool) {
    let Some(output) = output else { return };
    let output = escaped_path(output);
    session.screen.shout(&if is_folder {
        format!("The files in {output} are not encrypted. Anyone who gets them can read them.")
    } else {
        format!("{output} is not encrypted. Anyone who gets it can read it.")
    });
}

/// Prints what would be extracted, and the sum.
///
/// # Errors
/// `Interrupted`.
pub fn listing(
    session: &Session,
    listed: &[Listed],
    folders: &[String],
    done: &Extracted,
) -> Result<()> {
    let mut pace = session.control.pace();
    for one in listed {
        pace.step(one.path.len())?;
        let size = match one.kind {
            EntryKind::File => size::short(one.size),
            EntryKind::HardLink | EntryKind::Symlink => "link".into(),
            EntryKind::Directory | EntryKind::Special => continue,
        };
        let path = output_path(folders, one);
        session
            .screen
            .as_is(&format!("  {}  {path}", right(&size, 7)));
    }
    session.screen.say(&format!(
        "{}, {} of contents",
        words::files(done.files()),
        size::short(done.bytes())
    ));
    Ok(())
}
