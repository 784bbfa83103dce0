//! Descriptions of a generated backup's contents, and the entries for a given size.

use super::Recipe;
use super::contents::Kind;
use super::random::Random;
use crate::format::tar::block::EntryKind;

/// Thousandths of the backup's size that all source files together have.
pub(super) const SOURCES: u64 = 38;

/// A part of a generated backup.
#[derive(Debug)]
pub(super) struct Component {
    /// Its name in Home Assistant: a folder's, an add-on's slug, or `homeassistant`.
    pub name: &'static str,
    pub kind: ComponentKind,
    pub items: Vec<Item>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ComponentKind {
    HomeAssistant,
    Addon,
    Folder,
}

/// One or more files of the same kind in a part's archive.
#[derive(Debug)]
pub(super) enum Item {
    /// A small file.
    Text(&'static str, &'static str),
    Symlink(&'static str, &'static str),
    HardLink(&'static str, &'static str),
    /// As many files as the size needs.
    Files(Files),
}

/// Files of one kind, whose number grows with the backup.
#[derive(Debug)]
pub(super) struct Files {
    /// The path of file `n` of `count`; files of one folder are adjacent.
    pub path: fn(n: u64, count: u64) -> String,
    pub kind: Kind,
    /// The usual size of a file; a kind with only one file has no usual size.
    pub each: Option<u64>,
    /// Thousandths of the backup's size.
    pub permille: u64,
}

/// One entry to be written.
#[derive(Debug)]
pub(super) struct Planned {
    pub path: String,
    pub kind: EntryKind,
    pub data: Data,
    pub link: &'static str,
}

#[derive(Debug)]
pub(super) enum Data {
    Text(&'static str),
    Made(Kind, u64),
}

impl Data {
    pub fn len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Made(_, size) => *size,
        }
    }
}

impl Component {
    /// The name of its archive.
    pub fn member(&self) -> String {
        format!("{}.tar.gz", self.name.replace('/', "_"))
    }

    /// Every entry in order, folders before their contents.
    pub fn entries(&self, recipe: Recipe) -> impl Iterator<Item = Planned> + '_ {
        let files = self.items.iter().flat_map(move |item| item.entries(recipe));
        let mut open = String::new();
        let root = match self.kind {
            ComponentKind::HomeAssistant => Planned {
                path: "./homeassistant.json".into(),
                kind: EntryKind::File,
                data: Data::Text("{}"),
                link: "",
            },
            _ => folder("."),
        };
        std::iter::once(root).chain(files.flat_map(move |file| {
            let mut all = folders(&open, &file.path);
            open.clone_from(&file.path);
            all.push(file);
            all
        }))
    }
}

fn folder(path: &str) -> Planned {
    Planned {
        path: path.to_owned(),
        kind: EntryKind::Directory,
        data: Data::Text(""),
        link: "",
    }
}

/// The folders above `path` that are not also above `before`.
fn folders(before: &str, path: &str) -> Vec<Planned> {
    let ends = path.match_indices('/').map(|(at, _)| at);
    let new = ends.filter(|&at| path.get(..=at) != before.get(..=at));
    new.filter_map(|at| path.get(..at)).map(folder).collect()
}

impl Item {
    fn entries(&self, recipe: Recipe) -> Box<dyn Iterator<Item = Planned> + '_> {
        let alone = |path: &str, kind, text, link| {
            let planned = Planned {
                path: path.to_owned(),
                kind,
                data: Data::Text(text),
                link,
            };
            Box::new(std::iter::once(planned))
        };
        match self {
            Self::Text(path, text) => alone(path, EntryKind::File, text, ""),
            Self::Symlink(path, target) => alone(path, EntryKind::Symlink, "", target),
            Self::HardLink(path, target) => alone(path, EntryKind::HardLink, "", target),
            Self::Files(files) => Box::new(files.entries(recipe)),
        }
    }
}

impl Files {
    fn entries(&self, recipe: Recipe) -> impl Iterator<Item = Planned> + '_ {
        let Recipe {
            size,
            seed,
            sources,
        } = recipe;
        // 2^64 is far away: a thousand times the size of any disk fits.
        let plain = size.saturating_mul(self.permille) / self.kind.permille();
        let usual = self.each.map_or(1, |each| (plain + each / 2) / each);
        let wanted = sources.filter(|_| self.kind == Kind::Source);
        let wanted = wanted.map(|all| all.saturating_mul(self.permille) / SOURCES);
        let count = wanted.unwrap_or(usual).max(1);
        let each = plain / count;
        (0..count).map(move |n| {
            // One is larger by as much as the next is smaller, so that the sum is as planned.
            let by = Random::new(seed, n / 2).below(each / 2);
            let wanted = match n % 2 {
                0 if n + 1 == count => each,
                0 => each + by,
                _ => each - by,
            };
            Planned {
                path: (self.path)(n, count),
                kind: EntryKind::File,
                data: Data::Made(self.kind, self.kind.size(wanted)),
                link: "",
            }
        })
    }
}
