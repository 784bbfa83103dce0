//! What a restore could not cope with inside a part: names that lead elsewhere, links
//! that lead nowhere, two things in one place.
//!
//! Found once over all entries; whether one matters depends on what a copy keeps. Leaving
//! entries out never makes a new one.

use std::collections::HashMap;
use std::collections::hash_map;

use crate::error::{Result, escape};
use crate::format::tar::block::EntryKind;
use crate::format::tar::header::Header;
use crate::format::tar::path::{self, Fault, PathHasher, plain};
use crate::pipe::{Control, Pace};

/// One such thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hazard {
    /// The index of the entry.
    pub entry: usize,
    /// The entry that it collides with: without that there is no hazard.
    pub with: Option<usize>,
    /// What is wrong.
    pub kind: HazardKind,
}

/// What can be wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HazardKind {
    /// Its name.
    Name(Fault),
    /// It would take the place of the folder that everything is restored into.
    Root,
    /// A symbolic link to nothing.
    NoTarget,
    /// A hard link whose target is no file before it.
    LostLink,
    /// It lies below something that is no directory, but for example a link to elsewhere.
    NoDirectory,
    /// An entry of another kind has the same name.
    TwoKinds,
}

/// An entry as far as this needs it.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// What it is.
    pub kind: EntryKind,
    /// The target of a link.
    pub link: &'a [u8],
}

/// What can be looked at as an entry.
pub trait Viewed {
    /// The view.
    fn view(&self) -> View<'_>;
}

/// What an entry's header alone tells.
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

/// What the entries tell together, in the order of the entries.
///
/// Memory: some 30 bytes for each entry that is no directory. The time grows with the
/// bytes of the names, not with their depth.
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

/// Where everything is that is no directory.
struct Places<'a, T> {
    entries: &'a [T],
    hasher: PathHasher,
    /// By the hash of its path the first entry there.
    first: HashMap<u64, usize>,
}

impl<'a, T: Viewed> Places<'a, T> {
    fn get(&self, at: usize) -> Option<View<'a>> {
        self.entries.get(at).map(T::view)
    }

    /// The entries whose names are paths.
    fn sound(&self) -> impl Iterator<Item = (usize, View<'a>)> + use<'a, T> {
        self.entries
            .iter()
            .map(T::view)
            .enumerate()
            .filter(|(_, entry)| path::fault(entry.name).is_none())
    }

    /// The first entry with this path that is no directory.
    fn find(&self, hash: u64, path: &[u8]) -> Option<(usize, View<'a>)> {
        let at = *self.first.get(&hash)?;
        let entry = self.get(at)?;
        (plain(entry.name) == path).then_some((at, entry))
    }

    fn fill(&mut self, found: &mut Vec<Hazard>, pace: &mut Pace<'_>) -> Result<()> {
        let mut first = HashMap::new();
        // One that takes the place of the whole folder is a hazard by itself.
        let files = self
            .sound()
            .filter(|(_, e)| e.kind != EntryKind::Directory && !plain(e.name).is_empty());
        for (at, entry) in files {
            pace.step(entry.name.len())?;
            match first.entry(self.hasher.hash(plain(entry.name))) {
                hash_map::Entry::Vacant(slot) => {
                    slot.insert(at);
                }
                hash_map::Entry::Occupied(slot) => {
                    let other = self
                        .get(*slot.get())
                        .filter(|other| class(other.kind) != class(entry.kind));
                    found.extend(other.map(|_| Hazard {
                        entry: at,
                        with: Some(*slot.get()),
                        kind: HazardKind::TwoKinds,
                    }));
                }
            }
        }
        self.first = first;
        Ok(())
    }

    fn search(&self, found: &mut Vec<Hazard>, pace: &mut Pace<'_>) -> Result<()> {
        // Neighbours mostly lie in the same folder.
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

    /// Whether a hard link's target is a file before it.
    fn leads_back(&self, at: usize, link: &[u8]) -> bool {
        let target = plain(link);
        let sound = path::fault(link).is_none() && !target.is_empty();
        let before = self
            .find(self.hasher.hash(target), target)
            .filter(|(other, _)| sound && *other < at);
        before.is_some_and(|(_, entry)| class(entry.kind) == class(EntryKind::File))
    }
}

/// A hard link is a file.
fn class(kind: EntryKind) -> EntryKind {
    if kind == EntryKind::HardLink {
        EntryKind::File
    } else {
        kind
    }
}

impl Hazard {
    /// What is wrong, in one sentence without a full stop.
    pub fn text<'a>(&self, view: impl Fn(usize) -> Option<View<'a>>) -> String {
        let (Some(entry), other) = (view(self.entry), self.with.and_then(&view)) else {
            return String::new();
        };
        let name = escape(entry.name);
        match (self.kind, other) {
            (HazardKind::Name(Fault::Empty), _) => "an entry has no name".into(),
            (HazardKind::Name(fault), _) => format!("the name {name} {}", fault.text()),
            (HazardKind::Root, _) => format!(
                "a {} takes the place of the whole folder",
                entry.kind.name()
            ),
            (HazardKind::NoTarget, _) => format!("the symbolic link {name} leads nowhere"),
            (HazardKind::LostLink, _) => {
                format!(
                    "the hard link {name} points to {}, which is no file that comes before it",
                    escape(entry.link)
                )
            }
            (HazardKind::NoDirectory, Some(other)) => {
                format!(
                    "{name} lies below {}, which is a {}",
                    escape(other.name),
                    other.kind.name()
                )
            }
            (_, other) => {
                let kind = other.map_or("something else", |other| other.kind.name());
                format!("{name} is a {}, and a {kind} as well", entry.kind.name())
            }
        }
    }
}

/// Counts paths that Linux cannot make.
#[derive(Debug, Default)]
pub struct LongPaths {
    count: u64,
    first: Option<String>,
}

/// How much of such a path is shown.
const SHOWN: usize = 80;

impl LongPaths {
    /// Looks at one more name.
    pub fn see(&mut self, name: &[u8]) {
        if path::is_too_long(plain(name)) {
            self.count += 1;
            self.first
                .get_or_insert_with(|| format!("{}…", escape(name.get(..SHOWN).unwrap_or(name))));
        }
    }

    /// The warning, if there were any.
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
