//! A listing for people: sizes, bars, shares, names, and what is known about each.

use haslim::dates;
use haslim::error::escape;
use haslim::open::Backup;
use haslim::report::listing::{Listing, Mark, Place, Row, Sort, What};
use haslim::report::words;
use haslim::rules::MARIADB;
use haslim::size;
use unicode_width::UnicodeWidthStr;

use super::columns::{bar, left, right, shorten};
use super::next_steps;
use crate::cli::session::Session;
use crate::cli::settings;

/// The columns of a bar.
const BAR: usize = 20;
/// The columns of a size, and of any other number.
const NUMBER: usize = 9;
/// The columns of a share.
const SHARE: usize = 5;
/// The columns of a date.
const DATE: usize = 11;
/// Without a terminal, marks are not moved further to the right than this by long names.
const NAME: usize = 60;
/// Deeper levels are not indented further, so that lines stay short.
const INDENT: usize = 40;

/// Prints the rows, and how to leave one of them out.
pub fn listing(session: &Session, backup: &Backup, listing: &Listing, wanted: &settings::Listing) {
    let details = session.settings.details;
    let view = View {
        backup,
        listing,
        wanted,
        unpacked: details,
        files: details || wanted.sort == Some(Sort::Count),
        dates: details || wanted.sort == Some(Sort::Date),
    };
    let lines: Vec<Line> = listing.rows.iter().map(|row| view.line(row)).collect();
    let columns = Columns::new(&lines, session.screen.width());
    if view.files || view.unpacked || view.dates {
        session.screen.as_is(&view.heading());
    }
    for line in &lines {
        let name = columns.name(line);
        let name = if line.strong {
            session.screen.bold(&name)
        } else {
            name
        };
        let text = format!("{}  {name}{}", line.numbers, line.mark);
        session.screen.as_is(text.trim_end());
    }
    let place = example(backup, listing);
    if let Some(selector) = place.and_then(|place| place.selector(backup)) {
        next_steps::after_ls(session, backup, &selector, wanted.scan.as_deref());
    }
}

/// What is shown, and which columns are in it.
struct View<'a> {
    backup: &'a Backup,
    listing: &'a Listing,
    wanted: &'a settings::Listing,
    unpacked: bool,
    files: bool,
    dates: bool,
}

/// One line before its name is shortened.
struct Line {
    numbers: String,
    indent: usize,
    name: String,
    /// What stands behind the name and is not shortened.
    tail: String,
    mark: &'static str,
    strong: bool,
}

/// How wide names may be.
struct Columns {
    /// The columns from the first name to the end of the screen, if it has one.
    room: Option<usize>,
    /// The columns of marks, and of the space before them.
    marks: usize,
    /// The column of the marks, counted from the first name.
    at: usize,
}

impl Columns {
    fn new(lines: &[Line], width: Option<usize>) -> Self {
        let marked = || lines.iter().filter(|line| !line.mark.is_empty());
        let marks = marked().map(|line| line.mark.len() + 2).max().unwrap_or(0);
        let names = marked().map(Line::width).max().unwrap_or(0);
        let before = lines.first().map_or(0, |line| line.numbers.width()) + 2;
        let room = width.map(|width| width.saturating_sub(before));
        Self {
            room,
            marks,
            at: names.min(room.map_or(NAME, |room| room.saturating_sub(marks))),
        }
    }

    /// The name of a line, and the space up to its mark.
    fn name(&self, line: &Line) -> String {
        let marks = if line.mark.is_empty() { 0 } else { self.marks };
        let taken = line.indent + line.tail.width() + marks;
        let room = self.room.map(|room| room.saturating_sub(taken));
        let indent = " ".repeat(line.indent);
        let name = format!("{indent}{}{}", shorten(&line.name, room), line.tail);
        if line.mark.is_empty() {
            name
        } else {
            left(&name, self.at) + "  "
        }
    }
}

impl Line {
    fn width(&self) -> usize {
        self.indent + self.name.width() + self.tail.width()
    }
}

impl View<'_> {
    /// The numbers of a line; with many of them there is no room for a bar.
    fn numbers(&self, row: &Row) -> String {
        let whole = self.listing.whole;
        // A group of alike siblings shows the numbers of one of them.
        let of_one = |sum: u64| match row.what {
            What::Alike { count, .. } => sum / count.max(1),
            _ => sum,
        };
        let stored = of_one(row.totals.stored);
        let mut cells = vec![right(&size::short(stored), NUMBER)];
        if !self.unpacked {
            cells.push(bar(stored, whole, BAR));
        }
        cells.push(right(&size::percent(stored, whole), SHARE));
        if self.unpacked {
            cells.push(right(&size::short(of_one(row.totals.unpacked)), NUMBER));
        }
        if self.files {
            cells.push(right(&of_one(row.totals.files).to_string(), NUMBER));
        }
        if self.dates {
            let day = row.totals.newest.map(dates::day).unwrap_or_default();
            cells.push(right(&day, DATE));
        }
        cells.join("  ")
    }

    fn heading(&self) -> String {
        let mut cells = vec![right("IN BACKUP", NUMBER)];
        if !self.unpacked {
            cells.push(" ".repeat(BAR));
        }
        cells.push(" ".repeat(SHARE));
        if self.unpacked {
            cells.push(right("UNPACKED", NUMBER));
        }
        if self.files {
            cells.push(right("FILES", NUMBER));
        }
        if self.dates {
            cells.push(right("NEWEST", DATE));
        }
        cells.push("PATH".into());
        cells.join("  ")
    }

    fn line(&self, row: &Row) -> Line {
        let (tail, mark) = match &row.what {
            What::Part { read: false, .. } => (String::new(), "not read"),
            What::Alike { .. } => (self.alike(&row.what), ""),
            _ => (String::new(), row.mark.map(Mark::word).unwrap_or_default()),
        };
        Line {
            numbers: self.numbers(row),
            indent: 2 * self.indent(row).min(INDENT / 2),
            name: self.name(row),
            tail,
            mark,
            strong: matches!(row.what, What::Whole | What::Found(_) | What::Part { .. }),
        }
    }

    /// The parts stand below the whole backup, but are not indented: every line is inside it.
    fn indent(&self, row: &Row) -> usize {
        match self.listing.rows.first().map(|row| &row.what) {
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
            What::Path { place, .. } if self.is_list() => place.text(self.backup),
            What::Path { place, name } => place.name(*name),
            What::Alike { first, name, .. } => first.name(*name),
            What::More {
                count, all: true, ..
            } => format!("{count} entries, each below 1 %"),
            What::More {
                count, parts: true, ..
            } => format!("{count} more parts"),
            What::More { count, .. } => format!("{count} more"),
        }
    }

    /// Whether the rows are a list without folders around them.
    fn is_list(&self) -> bool {
        let first = self.listing.rows.first();
        first.is_some_and(|row| matches!(row.what, What::Found(_)))
    }

    /// What a list is about.
    fn found(&self, count: u64) -> String {
        let Some(glob) = &self.wanted.find else {
            return words::files(count);
        };
        let glob = escape(glob.as_bytes());
        match count {
            _ if self.wanted.flat => format!("{} in what '{glob}' matches", words::files(count)),
            1 => format!("1 path matches '{glob}'"),
            count => format!("{count} paths match '{glob}'"),
        }
    }

    /// What stands behind the first of some siblings: `…  5 days, same size`. Beside many numbers
    /// there is room for less.
    fn alike(&self, what: &What) -> String {
        let What::Alike {
            first,
            count,
            days,
            same,
            ..
        } = what
        else {
            return String::new();
        };
        let kind = match (days, first.folder) {
            (true, _) => "days",
            (false, true) => "folders",
            (false, false) => "files",
        };
        match same {
            _ if self.unpacked => format!(" …  {count} {kind}"),
            true => format!(" …  {count} {kind}, same size"),
            false => format!(" …  {count} {kind}, similar size"),
        }
    }
}

/// The row for the example: the largest that says what it is and has no other below it.
fn example<'a>(backup: &Backup, listing: &'a Listing) -> Option<&'a Place> {
    let rows = &listing.rows;
    let is_leaf = |at: usize, row: &Row| {
        let next = rows.get(at + 1);
        next.is_none_or(|next| next.level <= row.level)
    };
    let is_one = |row: &Row| matches!(row.what, What::Path { .. } | What::Part { .. });
    let leaves = rows.iter().enumerate();
    let leaves = leaves.filter(|(at, row)| is_one(row) && is_leaf(*at, row));
    // MariaDB's files go together or not at all.
    let is_alone = |row: &Row| {
        let place = row.place();
        place.is_some_and(|place| place.path.is_empty() || backup.part(place.part).id != MARIADB)
    };
    let leaves = leaves.filter(|(_, row)| is_alone(row));
    let best = leaves.max_by_key(|(_, row)| (row.mark.is_some(), row.totals.stored));
    best.and_then(|(_, row)| row.place())
}
