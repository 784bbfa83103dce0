//! `info` on a folder: one line a file.

use std::path::{Path, PathBuf};

use haslim::dates;
use haslim::open::Backup;
use haslim::report::shelf::{self, Mark};
use haslim::report::words;
use haslim::{Result, size};
use unicode_width::UnicodeWidthStr;

use super::columns::{left, right, shorten};
use crate::cli::session::Session;

/// The columns before the name.
const BEFORE_NAME: usize = 29;

/// Prints a line for each of these files; their names are shown relative to `folder`.
pub fn show(session: &Session, folder: Option<&Path>, files: &[(PathBuf, Result<Backup>)]) {
    let screen = &session.screen;
    let limit = session.settings.limit;
    let count = words::files(files.len() as u64);
    let heading = format!("FITS {:>9}  {:<11}  BACKUP", "SIZE", "DATE");
    let room = screen.width().unwrap_or(0).saturating_sub(heading.width());
    screen.as_is(&screen.bold(&format!(
        "{heading}{}",
        right(&count, room.max(count.width() + 2))
    )));
    let order = shelf::order(files);
    for &(at, mark) in &order {
        if let Some((path, backup)) = files.get(at) {
            let name = shown(folder, path);
            screen.as_is(&line(&name, backup, mark, limit, screen.width()));
        }
    }
    let mut unreadable = false;
    for (path, error) in order.iter().filter_map(|&(at, _)| unread(files.get(at)?)) {
        unreadable = true;
        if session.settings.details || folder.is_none() {
            let name = shown(folder, path);
            screen.say(&format!("\n{name}: {}", haslim::error::printable(&error)));
        }
    }
    screen.say(&format!("\n{}", summary(files, limit)));
    if unreadable && folder.is_some() && !session.settings.details {
        screen.say("--details says why a file cannot be read.");
    }
}

fn unread((path, backup): &(PathBuf, Result<Backup>)) -> Option<(&Path, String)> {
    let error = backup.as_ref().err()?;
    Some((path.as_path(), format!("{error}.")))
}

/// The path relative to the folder, escaped.
fn shown(folder: Option<&Path>, path: &Path) -> String {
    let inside = folder.and_then(|folder| path.strip_prefix(folder).ok());
    super::escaped_path(inside.unwrap_or(path))
}

fn line(
    name: &str,
    backup: &Result<Backup>,
    mark: Mark,
    limit: u64,
    width: Option<usize>,
) -> String {
    let (fits, bytes, date) = match backup {
        Ok(backup) => {
            let bytes = backup.input.len();
            let fits = if bytes <= limit { "yes" } else { "no" };
            (
                fits,
                size::short(bytes),
                dates::backup_day(backup.manifest.date()),
            )
        }
        Err(_) => ("?", "-".into(), None),
    };
    let mut marks = vec![mark.text()];
    if backup.as_ref().is_ok_and(|backup| !backup.is_protected()) {
        marks.push("not encrypted");
    }
    marks.retain(|mark| !mark.is_empty());
    let mark = if marks.is_empty() {
        String::new()
    } else {
        format!("  ({})", marks.join(", "))
    };
    let room = width.map(|width| width.saturating_sub(BEFORE_NAME + mark.width()));
    format!(
        " {}  {}  {}  {}{mark}",
        left(fits, 4),
        right(&bytes, 7),
        left(date.as_deref().unwrap_or("-"), 11),
        shorten(name, room)
    )
}

/// How many fit, in one sentence.
fn summary(files: &[(PathBuf, Result<Backup>)], limit: u64) -> String {
    let read: Vec<&Backup> = files.iter().filter_map(|(_, b)| b.as_ref().ok()).collect();
    let fits = read.iter().filter(|b| b.input.len() <= limit).count();
    let big = read.len() - fits;
    let unread = files.len() - read.len();
    let limit = size::short(limit);
    let mut said = match big {
        0 => format!("{fits} of {} fit into {limit}", files.len()),
        _ => format!("{fits} of {} fit into {limit}, {big} too big", files.len()),
    };
    if unread > 0 {
        said += &format!(", {unread} not readable");
    }
    said + "."
}
