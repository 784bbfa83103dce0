//! Entries inside a part on which a restore would fail: names that lead elsewhere, links that lead
//! nowhere, two entries in one place.
//!
//! Found once over all entries; whether one matters depends on what a copy keeps. Leaving entries
//! out never creates a new one.

use std::collections::HashMap;

use crate::error::{Result, escape};
use crate::format::tar::block::EntryKind;
use crate::format::tar::header::Header;
use crate::format::tar::path::{self, Fault, PathHasher, plain};
use crate::pipe::{Control, Pace};

/// One entry on which a restore would fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hazard {
    /// The index of the entry.
    pub entry: usize,
    /// The entry that it collides with: without that entry there is no hazard.
    pub with: Option<usize>,
    /// The kind of hazard.
    pub kind: HazardKind,
}

/// What can be wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HazardKind {
    /// Its name cannot be restored.
    Name(Fault),
    /// It would replace the folder that everything is restored into.
    Root,
    /// A symbolic link without a target.
    NoTarget,
    /// A hard link whose target is not an earlier file.
    LostLink,
    /// It is below something that is not a directory, for example a link to another place.
    NoDirectory,
    /// An entry of another kind has the same name.
    TwoKinds,
}

/// The fields of an entry that are needed here.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The kind of the entry.
    pub kind: EntryKind,
    /// The target of a link.
    pub link: &'a [u8],
}

/// Can be viewed as an entry.
pub trait Viewed {
    /// The view.
    fn view(&self) -> View<'_>;
}

/// The hazard that an entry's header alone shows.
pub fn of_header(entry: usize, header: &Header) -> Option<Hazard> {
    let kind = match (path::fault(&header.name), header.kind) {
        (Some(fault), _) => HazardKind::Name(fault),
        (None, kind) if kind != EntryKind::Directory && plain(&header.name).is_empty() => {
            HazardKind::Root
        }
        (None, EntryKind::Symlink) if header.link.is_empty() || header.link.contains(&0) => {
            HazardKind::NoTarget
        }
        _ => return None,
    };
    Some(Hazard {
        entry,
        with: None,
        kind,
    })
}

/// The hazards that the entries show together, in the order of the entries.
///
/// Memory: about 30 bytes for each entry that is not a directory. The time grows with the bytes of
/// the names, not with their depth.
///
/// # Errors
/// `Interrupted`.
pub fn among<T: Viewed>(entries: &[T], control: &Control) -> Result<Vec<Hazard>> {
    let mut found = Vec::new();
    let mut places = Places {
        entries,
        hasher: PathHasher::default(),
        first: HashMap::new(),
    };
    places.fill(&mut found, &mut control.pace())?;
    places.search(&mut found, &mut control.pace())?;
    found.sort_by_key(|hazard| hazard.entry);
    Ok(found)
}

/// The positions of all entries that are not directories.
struct Places<'a, T> {
    entries: &'a [T],
    hasher: PathHasher,
    /// The first entry at each path, by the hash of the path.
    first: HashMap<u64, usize>,
}

impl<'a, T: Viewed> Places<'a, T> {
    fn get(&self, at: usize) -> Option<View<'a>> {
        self.entries.get(at).map(T::view)
    }

    /// The entries with valid paths as names.
    fn sound(&self) -> impl Iterator<Item = (usize, View<'a>)> + use<'a, T> {
        self.entries
            .iter()
            .map(T::view)
            .enumerate()
            .filter(|(_, entry)| path::fault(entry.name).is_none())
    }

    /// The first entry with this path that is not a directory.
    fn find(&self, hash: u64, path: &[u8]) -> Option<(usize, View<'a>)> {
        let at = *self.first.get(&hash)?;
        let entry = self.get(at)?;
        (plain(entry.name) == path).then_some((at, entry))
    }

    fn fill(&mut self, found: &mut Vec<Hazard>, pace: &mut Pace<'_>) -> Result<()> {
        let mut first = HashMap::new();
        // An entry that replaces the whole folder is already a hazard of its own.
        let files = self
            .sound()
            .filter(|(_, e)| e.kind != EntryKind::Directory && !plain(e.name).is_empty());
        for (at, entry) in files {
            pace.step(entry.name.len())?;
            let name = self.hasher.hash(plain(entry.name));
            let before = *first.entry(name).or_insert(at);
            let differs = |other: View<'_>| class(other.kind) != class(entry.kind);
            if before != at && self.get(before).is_some_and(differs) {
                found.push(Hazard {
                    entry: at,
                    with: Some(before),
                    kind: HazardKind::TwoKinds,
                });
            }
        }
        self.first = first;
        Ok(())
    }

    fn search(&self, found: &mut Vec<Hazard>, pace: &mut Pace<'_>) -> Result<()> {
        // Neighbours are usually in the same folder.
        let (mut folder, mut in_the_way) = (&b""[..], None);
        for (at, entry) in self.sound() {
            pace.step(entry.name.len() + entry.link.len())?;
            let path = plain(entry.name);
            let above = path
                .iter()
                .rposition(|&b| b == b'/')
                .and_then(|slash| path.get(..slash))
                .unwrap_or_default();
            if above != folder {
                folder = above;
                in_the_way = self
                    .hasher
                    .prefixes(above)
                    .find_map(|(hash, prefix)| self.find(hash, prefix))
                    .map(|(other, _)| other);
            }
            let with_other = |other, kind| Hazard {
                entry: at,
                with: Some(other),
                kind,
            };
            found.extend(in_the_way.map(|other| with_other(other, HazardKind::NoDirectory)));
            match entry.kind {
                EntryKind::Directory => {
                    let other = self.find(self.hasher.hash(path), path);
                    found.extend(other.map(|(other, _)| with_other(other, HazardKind::TwoKinds)));
                }
                EntryKind::HardLink if !self.leads_back(at, entry.link) => {
                    found.push(Hazard {
                        entry: at,
                        with: None,
                        kind: HazardKind::LostLink,
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether a hard link's target is an earlier file.
    fn leads_back(&self, at: usize, link: &[u8]) -> bool {
        let target = plain(link);
        let sound = path::fault(link).is_none() && !target.is_empty();
        let before = self
            .find(self.hasher.hash(target), target)
            .filter(|(other, _)| sound && *other < at);
        before.is_some_and(|(_, entry)| class(entry.kind) == class(EntryKind::File))
    }
}

/// A hard link counts as a file.
fn class(kind: EntryKind) -> EntryKind {
    if kind == EntryKind::HardLink {
        EntryKind::File
    } else {
        kind
    }
}

impl Hazard {
    /// Describes the hazard in one sentence without a full stop.
    pub fn text<'a>(&self, view: impl Fn(usize) -> Option<View<'a>>) -> String {
        let (Some(entry), other) = (view(self.entry), self.with.and_then(&view)) else {
            return String::new();
        };
        let (name, kind) = (escape(entry.name), entry.kind.name());
        match (self.kind, other) {
            (HazardKind::Name(Fault::Empty), _) => "an entry has no name".into(),
            (HazardKind::Name(fault), _) => format!("the name {name} {}", fault.text()),
            (HazardKind::Root, _) => format!("a {kind} takes the place of the whole folder"),
            (HazardKind::NoTarget, _) => format!("the symbolic link {name} leads nowhere"),
            (HazardKind::LostLink, _) => {
                let link = escape(entry.link);
                format!(
                    "the hard link {name} points to {link}, which is no file that comes before it"
                )
            }
            (HazardKind::NoDirectory, Some(other)) => {
                let (path, what) = (escape(other.name), other.kind.name());
                format!("{name} lies below {path}, which is a {what}")
            }
            (_, other) => {
                let also = other.map_or("something else", |other| other.kind.name());
                format!("{name} is a {kind}, and a {also} as well")
            }
        }
    }
}

/// Counts paths that Linux cannot create.
#[derive(Debug, Default)]
pub struct LongPaths {
    count: u64,
    first: Option<String>,
}

/// How much of such a path is shown.
const SHOWN: usize = 80;

impl LongPaths {
    /// Checks one more name.
    pub fn see(&mut self, name: &[u8]) {
        if path::is_too_long(plain(name)) {
            self.count += 1;
            self.first
                .get_or_insert_with(|| format!("{}…", escape(name.get(..SHOWN).unwrap_or(name))));
        }
    }

    /// The warning, if there are such paths.
    pub fn warning(&self, part: &str) -> Option<String> {
        let first = self.first.as_ref()?;
        Some(format!(
            "{part}: {} paths are longer than Linux allows ({} bytes, {} for one name); a restore cannot make them. The first: {first}",
            self.count,
            path::MAX_PATH,
            path::MAX_NAME
        ))
    }
}

#[cfg(test)]
mod tests;
