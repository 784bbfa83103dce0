//! A listing for people: sizes, bars, shares, names, and what is known about each.

use haslim::error::escape;
use haslim::open::Backup;
use haslim::report::listing::{Listing, Place, Row, Sort, What};
use haslim::report::{dates, words};
use haslim::size;
use unicode_width::UnicodeWidthStr;

use super::columns::{bar, left, right, shorten};
use super::next_steps;
use crate::cli::session::Session;
use crate::cli::settings;

/// The columns of a bar.
const BAR: usize = 20;
/// The columns before a name: the size, the bar, the share, and what is between them.
const BEFORE: usize = 9 + 2 + BAR + 2 + 5 + 2;
/// The columns of a number of files, and of an unpacked size.
const NUMBER: usize = 9;
/// The columns of a date.
const DATE: usize = 11;
/// Without a terminal, marks are not moved further to the right than this by long names.
const NAME: usize = 40;
/// Deeper levels are not indented further, so that lines stay short.
const INDENT: usize = 40;

/// Prints the rows, and how to leave one of them out.
pub fn listing(session: &Session, backup: &Backup, listing: &Listing, wanted: &settings::Listing) {
    let view = View {
        session,
        backup,
        listing,
        files: session.settings.details || wanted.sort == Some(Sort::Count),
        unpacked: session.settings.details,
        dates: session.settings.details || wanted.sort == Some(Sort::Date),
        wanted,
    };
    let lines: Vec<Line> = listing.rows.iter().map(|row| view.line(row)).collect();
    let known = lines.iter().map(|line| line.known.width()).max();
    let names = lines.iter().map(|line| line.name.width()).max();
    let (names, known) = (names.unwrap_or(0), known.unwrap_or(0));
    let room = session.screen.width().map(|width| {
        let marks = if known > 0 { known + 2 } else { 0 };
        width.saturating_sub(BEFORE + view.columns() + marks)
    });
    let width = names.min(room.unwrap_or(NAME));
    if view.columns() > 0 {
        session.screen.as_is(&view.heading());
    }
    for line in &lines {
        session.screen.as_is(&view.text(line, room, width));
    }
    if let Some(place) = example(listing).and_then(|place| place.selector(backup)) {
        next_steps::after_ls(session, backup, &place);
    }
}

struct View<'a> {
    session: &'a Session,
    backup: &'a Backup,
    listing: &'a Listing,
    wanted: &'a settings::Listing,
    files: bool,
    unpacked: bool,
    dates: bool,
}

/// One line before its name is shortened.
struct Line {
    numbers: String,
    indent: usize,
    name: String,
    strong: bool,
    known: String,
}

impl View<'_> {
    /// The columns of what is shown beside the sizes.
    fn columns(&self) -> usize {
        let numbers = usize::from(self.files) + usize::from(self.unpacked);
        numbers * (NUMBER + 2) + usize::from(self.dates) * (DATE + 2)
    }

    fn heading(&self) -> String {
        let mut line = right("IN BACKUP", 9) + &" ".repeat(2 + BAR + 2 + 5);
        if self.unpacked {
            line += &format!("  {}", right("UNPACKED", NUMBER));
        }
        if self.files {
            line += &format!("  {}", right("FILES", NUMBER));
        }
        if self.dates {
            line += &format!("  {}", right("NEWEST", DATE));
        }
        line + "  PATH"
    }

    fn line(&self, row: &Row) -> Line {
        // A group of alike siblings shows the size of one of them.
        let each = match row.what {
            What::Alike { count, .. } => row.totals.stored / count.max(1),
            _ => row.totals.stored,
        };
        let whole = self.listing.whole;
        let mut numbers = format!(
            "{}  {}  {}",
            right(&size::short(each), 9),
            bar(each, whole, BAR),
            right(&words::percent(each, whole), 5)
        );
        if self.unpacked {
            let unpacked = size::short(row.totals.unpacked);
            numbers += &format!("  {}", right(&unpacked, NUMBER));
        }
        if self.files {
            let files = row.totals.files.to_string();
            numbers += &format!("  {}", right(&files, NUMBER));
        }
        if self.dates {
            let day = row.totals.newest.map(dates::day).unwrap_or_default();
            numbers += &format!("  {}", right(&day, DATE));
        }
        Line {
            numbers,
            indent: 2 * self.indent(row).min(INDENT),
            name: self.name(row),
            strong: matches!(row.what, What::Whole | What::Found(_) | What::Part { .. }),
            known: known(row),
        }
    }

    /// The parts stand below the whole backup, but are not indented: every line is inside it.
    fn indent(&self, row: &Row) -> usize {
        let first = self.listing.rows.first().map(|row| &row.what);
        match first {
            Some(What::Found(_)) => 0,
            Some(What::Whole) => row.level.saturating_sub(1),
            _ => row.level,
        }
    }

    fn name(&self, row: &Row) -> String {
        match &row.what {
            What::Whole => {
                let path = self.backup.input.path();
                let name = path.file_name().unwrap_or(path.as_os_str());
                escape(name.as_encoded_bytes())
            }
            What::Found(count) => self.found(*count),
            What::Part { place, .. } => place.text(self.backup),
            What::Path { place, .. } if self.is_flat() => place.text(self.backup),
            What::Path { place, name } => place.name(*name),
            What::Alike { first, name, .. } => format!("{} …", first.name(*name)),
            What::More {
                count, all: true, ..
            } => format!("{count} entries, each below 1 %"),
            What::More {
                count, parts: true, ..
            } => format!("{count} more parts"),
            What::More { count, .. } => format!("{count} more"),
        }
    }

    fn is_flat(&self) -> bool {
        matches!(self.listing.rows.first(), Some(row) if matches!(row.what, What::Found(_)))
    }

    /// What a list is about.
    fn found(&self, count: u64) -> String {
        let files = words::files(count);
        match &self.wanted.find {
            None => files,
            Some(glob) => {
                let glob = escape(glob.as_bytes());
                let paths = match count {
                    1 => "1 path matches".to_owned(),
                    count => format!("{count} paths match"),
                };
                if self.wanted.flat {
                    format!("{files} in what '{glob}' matches")
                } else {
                    format!("{paths} '{glob}'")
                }
            }
        }
    }

    /// A line of at most the screen's width, if there is one.
    fn text(&self, line: &Line, room: Option<usize>, width: usize) -> String {
        let indent = " ".repeat(line.indent.min(width.saturating_sub(5)));
        let name = shorten(
            &line.name,
            room.map(|room| room.saturating_sub(indent.len())),
        );
        let padded = if line.known.is_empty() {
            name
        } else {
            left(&name, width.saturating_sub(indent.len()))
        };
        let name = if line.strong {
            self.session.screen.bold(&padded)
        } else {
            padded
        };
        let text = format!("{}  {indent}{name}  {}", line.numbers, line.known);
        text.trim_end().to_owned()
    }
}

/// What is known about a row, in a few words.
fn known(row: &Row) -> String {
    match &row.what {
        What::Part { read: false, .. } => "not read".into(),
        What::Alike {
            count,
            days,
            same,
            first,
            ..
        } => {
            let what = match (days, first.folder) {
                (true, _) => "days",
                (false, true) => "folders",
                (false, false) => "files",
            };
            let size = if *same { "same" } else { "similar" };
            format!("{count} {what}, {size} size")
        }
        _ => row.mark.map(|mark| mark.word()).unwrap_or_default().into(),
    }
}

/// The row for the example: the largest that says what it is and has no other below it.
fn example(listing: &Listing) -> Option<&Place> {
    let rows = &listing.rows;
    let is_leaf = |at: usize, row: &Row| {
        let next = rows.get(at + 1);
        next.is_none_or(|next| next.level <= row.level)
    };
    let is_one = |row: &Row| matches!(row.what, What::Path { .. } | What::Part { .. });
    let leaves = rows.iter().enumerate();
    let leaves = leaves.filter(|(at, row)| is_one(row) && is_leaf(*at, row));
    let best = leaves.max_by_key(|(_, row)| (row.mark.is_some(), row.totals.stored));
    best.and_then(|(_, row)| row.place())
}
