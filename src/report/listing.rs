//! What `ls` shows: the paths of a backup with their sizes, as rows in the order of printing.
//!
//! A row is a path, or several that were folded into one. The rows directly below a row add up to
//! its size, except for bytes that belong to no path below it: those of its own folder entries, and
//! around a part and its entries.

mod arrange;
mod find;
mod flat;
mod marks;
#[cfg(test)]
mod tests;
mod tree;

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::error::{Result, escape};
use crate::open::{Backup, Part, config_path};
use crate::pipe::Control;
use crate::plan::Selector;
use crate::report::places::no_such_place;
use crate::survey::tree::{PathTree, Tag};
use crate::survey::{Entry, PartSurvey, Totals};

pub use find::Find;
pub use marks::Mark;

/// The order of the rows below one row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// The largest first.
    #[default]
    Size,
    /// By name.
    Name,
    /// The one with the most files first.
    Count,
    /// The newest first; a folder is as new as the newest file in it.
    Date,
}

impl Sort {
    /// Compares two rows; `Equal` keeps the order of their names.
    fn order(self, a: &Totals, b: &Totals) -> Ordering {
        match self {
            Self::Size => b.stored.cmp(&a.stored),
            Self::Count => b.files.cmp(&a.files),
            Self::Date => b.newest.cmp(&a.newest),
            Self::Name => Ordering::Equal,
        }
    }
}

/// How much a listing shows.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// How many levels of folders below the first row.
    pub depth: usize,
    /// How many rows below one row; the others are folded into one.
    pub top: usize,
    /// Whether to fold siblings of about the same size, and those below one percent.
    pub fold: bool,
    /// The order of the rows.
    pub sort: Sort,
}

/// Rows in the order of printing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The size of the backup in bytes: what shares are shares of.
    pub whole: u64,
    /// The rows; the first one is the sum.
    pub rows: Vec<Row>,
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it shows.
    pub what: What,
    /// How deep it is below the first row.
    pub level: usize,
    /// The sums over everything that it shows. For the whole backup and for a part, the stored
    /// bytes include what belongs to no entry.
    pub totals: Totals,
    /// What all its files are.
    pub mark: Option<Mark>,
}

/// What a row shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The whole backup.
    Whole,
    /// Everything that a glob matches: this many paths.
    Found(u64),
    /// A part, or the path in it that was asked for.
    Part {
        /// Where.
        place: Place,
        /// Whether its contents could be read.
        read: bool,
    },
    /// A file, or a folder with everything in it.
    Path {
        /// Where.
        place: Place,
        /// Where in the path its name begins, after the path of the row above.
        name: usize,
    },
    /// Siblings of about the same size.
    Alike {
        /// The first of them, by name.
        first: Place,
        /// Where in its path its name begins.
        name: usize,
        /// How many there are.
        count: u64,
        /// Whether their names are dates.
        days: bool,
        /// Whether they have the same size up to rounding.
        same: bool,
    },
    /// The rest.
    More {
        /// How many rows it stands for.
        count: u64,
        /// Whether these are parts.
        parts: bool,
        /// Whether nothing beside it is shown.
        all: bool,
    },
}

/// A path in a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Index of the part.
    pub part: usize,
    /// The path in the form that selectors and rules use, without empty names; empty for the part
    /// itself.
    pub path: Vec<u8>,
    /// Whether it is a folder.
    pub folder: bool,
    /// Whether a selector can name it.
    named: bool,
}

impl Place {
    /// `COMPONENT:PATH`, escaped; a slash marks a folder. `COMPONENT` alone for a part.
    pub fn text(&self, backup: &Backup) -> String {
        let id = &backup.part(self.part).id;
        if self.path.is_empty() {
            id.clone()
        } else {
            format!("{id}:{}", self.name(0))
        }
    }

    /// Its path from this byte on, escaped; a slash marks a folder.
    pub fn name(&self, from: usize) -> String {
        let slash = if self.folder { "/" } else { "" };
        let name = self.path.get(from..).unwrap_or_default();
        format!("{}{slash}", escape(name))
    }

    /// The selector for exactly this place; `None` if there is none.
    pub fn selector(&self, backup: &Backup) -> Option<String> {
        let part = backup.part(self.part);
        if self.path.is_empty() {
            return Some(part.id.clone());
        }
        self.named
            .then(|| Selector::text_of(&part.id, &self.path))
            .flatten()
    }
}

impl Row {
    /// Where it is; `None` for a sum.
    pub fn place(&self) -> Option<&Place> {
        match &self.what {
            What::Part { place, .. } | What::Path { place, .. } => Some(place),
            What::Alike { first, .. } => Some(first),
            What::Whole | What::Found(_) | What::More { .. } => None,
        }
    }
}

/// What a listing is about: everything, or one component or path.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The number of the component.
    pub part: usize,
    /// The path in it; empty for all of it.
    pub path: &'a str,
}

/// The contents of a backup, ready for listing.
///
/// Memory: a byte for each entry, and [`PathTree`]'s for one part at a time.
pub struct Contents<'a> {
    backup: &'a Backup,
    surveys: &'a [PartSurvey],
    kinds: Vec<Vec<u8>>,
    control: &'a Control,
}

impl<'a> Contents<'a> {
    /// Finds out what the rules know about the entries of these surveys.
    ///
    /// # Errors
    /// `Interrupted`.
    pub fn new(
        backup: &'a Backup,
        surveys: &'a [PartSurvey],
        control: &'a Control,
    ) -> Result<Self> {
        Ok(Self {
            backup,
            surveys,
            kinds: marks::kinds(backup, surveys, control)?,
            control,
        })
    }

    /// The survey of a part with its bits; `None` if the part was not read.
    fn survey(&self, part: usize) -> Option<(&'a PartSurvey, &[u8])> {
        let at = self.surveys.iter().position(|s| s.part == part)?;
        self.surveys
            .get(at)
            .zip(self.kinds.get(at).map(Vec::as_slice))
    }

    /// The sums over a part; its size alone if it was not read.
    fn totals(&self, part: usize) -> Totals {
        match self.survey(part) {
            Some((survey, _)) => Totals::of_part(self.backup, survey),
            None => Totals {
                stored: self.backup.stored(self.backup.part(part)),
                ..Totals::default()
            },
        }
    }

    /// The paths of a part, each in its plain form: `a//./b` becomes `a/b`.
    fn tidied(&self, survey: &'a PartSurvey) -> Vec<(Cow<'a, [u8]>, &'a Entry)> {
        let part = self.backup.part(survey.part);
        let row = |entry| (tidied(self.backup, part, entry), entry);
        survey.entries.iter().map(row).collect()
    }

    /// The error for a path that is not in its part.
    fn missing(&self, scope: &Scope<'_>) -> crate::Error {
        let place = format!("{}:{}", self.backup.part(scope.part).id, scope.path);
        let surveys: Vec<PartSurvey> = Vec::new();
        let surveys = self
            .surveys
            .iter()
            .position(|s| s.part == scope.part)
            .and_then(|at| self.surveys.get(at..=at))
            .unwrap_or(&surveys);
        no_such_place(self.backup, surveys, &place, self.control)
    }
}

/// The tree of some paths of a part.
fn path_tree<'a>(
    paths: &'a [(Cow<'a, [u8]>, &'a Entry)],
    kinds: &[u8],
    overhead: u64,
    control: &'a Control,
) -> Result<PathTree<'a>> {
    let tag = |&kinds: &u8| Tag {
        marked: false,
        kinds,
    };
    let rows = paths.iter().zip(kinds.iter().map(tag));
    PathTree::new(
        rows.map(|((path, entry), tag)| (&**path, *entry, tag)),
        overhead,
        control,
    )
}

fn tidied<'a>(backup: &Backup, part: &Part, entry: &'a Entry) -> Cow<'a, [u8]> {
    // Files beside the config directory keep their own names.
    let path =
        config_path(part.kind, backup.manifest.version(), &entry.name).unwrap_or(&entry.name);
    if path.is_empty() || marks::is_plain(path) {
        return Cow::Borrowed(path);
    }
    let names = path.split(|&b| b == b'/');
    let is_name = |name: &&[u8]| !name.is_empty() && *name != b".";
    Cow::Owned(names.filter(is_name).collect::<Vec<_>>().join(&b'/'))
}
