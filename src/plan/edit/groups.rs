//! Files that are worthless or harmful without each other: a database with its log files, and
//! MariaDB's folder.
//!
//! If the main file is dropped, the others are dropped with it. If only another file is matched, it
//! is dropped if the database recreates it, and kept if the database needs it.

use std::collections::HashMap;

use crate::format::tar::block::EntryKind;
use crate::plan::facts::Held;
use crate::plan::model::Reason;
use crate::rules::{Contents, MARIADB, is_database_name, is_mariadb_file};
use crate::survey::PartSurvey;

/// The files that SQLite puts next to a database (sqlite.org, "Temporary Files Used By SQLite"),
/// and whether the database loses data without the file.
const SIDES: [(&[u8], bool); 3] = [(b"-wal", true), (b"-journal", true), (b"-shm", false)];

/// A file next to a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Side {
    /// The database.
    main: usize,
    /// Whether the database needs it.
    needed: bool,
}

/// The groups of one part. Memory: some 50 bytes for each file in a group.
#[derive(Debug, Clone, Default)]
pub(crate) struct Groups {
    sides: HashMap<usize, Side>,
    /// All entries in MariaDB's folder, and the folder itself.
    folder: Vec<usize>,
    /// Those that MariaDB needs, in rising order.
    needed: Vec<usize>,
}

impl Groups {
    /// Finds the groups of a part. `paths` are the paths of its entries.
    pub fn new(id: &str, survey: &PartSurvey, paths: &[Option<&[u8]>]) -> Self {
        let mut groups = Self {
            sides: sides(survey, paths),
            ..Self::default()
        };
        if id == MARIADB {
            let inside = |path: &Option<&[u8]>| path.is_some_and(is_mariadb_file);
            groups.folder = paths
                .iter()
                .enumerate()
                .filter(|(_, path)| inside(path))
                .map(|(at, _)| at)
                .collect();
            let needed = |at: &usize| {
                let path = paths.get(*at).copied().flatten();
                let entry = survey.entries.get(*at);
                path.zip(entry)
                    .is_some_and(|(path, entry)| is_needed(path, entry.kind))
            };
            groups.needed = groups.folder.iter().copied().filter(needed).collect();
        }
        groups
    }

    /// The entry that decides about this one: its database, if the database needs it; otherwise the
    /// entry itself.
    pub fn leader(&self, entry: usize) -> usize {
        self.sides
            .get(&entry)
            .filter(|side| side.needed)
            .map_or(entry, |side| side.main)
    }

    /// The database next to which an entry lies.
    pub fn main(&self, entry: usize) -> Option<usize> {
        self.sides.get(&entry).map(|side| side.main)
    }

    /// Removes entries from a match that can only be dropped with the rest of MariaDB's folder,
    /// unless the match contains all of it.
    pub fn only_together(&self, entries: &mut Vec<usize>) {
        let found = |at: &usize| entries.binary_search(at).is_ok();
        if !self.needed.is_empty() && !self.needed.iter().all(found) {
            entries.retain(|at| self.needed.binary_search(at).is_err());
        }
    }

    /// Makes the groups follow their main files. `kept` returns whether the user keeps an entry.
    pub fn follow(&self, kept: impl Fn(usize) -> bool, verdicts: &mut [Option<Reason>]) {
        let verdict = |verdicts: &[Option<Reason>], at: usize| verdicts.get(at).copied().flatten();
        let set = |verdicts: &mut [Option<Reason>], at: usize, verdict| {
            if let Some(slot) = verdicts.get_mut(at) {
                *slot = verdict;
            }
        };
        // If the user keeps one file of a group, the whole group stays.
        for (_, side) in self.sides.iter().filter(|(at, _)| kept(**at)) {
            set(verdicts, side.main, None);
        }
        for (&at, side) in &self.sides {
            match (verdict(verdicts, side.main), verdict(verdicts, at)) {
                (Some(reason), None) => set(verdicts, at, Some(reason).filter(|_| !kept(at))),
                (None, Some(_)) if side.needed => set(verdicts, at, None),
                _ => {}
            }
        }
        let whole = self.takes_folder(verdicts) && !self.folder.iter().any(|&at| kept(at));
        let Some(reason) = self
            .needed
            .first()
            .and_then(|&at| verdict(verdicts, at))
            .filter(|_| whole)
        else {
            self.needed.iter().for_each(|&at| set(verdicts, at, None));
            return;
        };
        for &at in &self.folder {
            let own = verdict(verdicts, at);
            set(verdicts, at, own.or(Some(reason)));
        }
    }

    /// The entries that cannot be dropped alone.
    pub fn dependent(&self) -> impl Iterator<Item = usize> {
        let sides = self
            .sides
            .iter()
            .filter(|(_, side)| side.needed)
            .map(|(at, _)| *at);
        sides.chain(self.needed.iter().copied())
    }

    fn takes_folder(&self, verdicts: &[Option<Reason>]) -> bool {
        self.needed
            .iter()
            .all(|&at| verdicts.get(at).copied().flatten().is_some())
    }

    /// Why an entry stays although something matches it. `None` if it may be dropped alone.
    pub fn held(&self, entry: usize, paths: &[Option<&[u8]>]) -> Option<Held> {
        let side = self.sides.get(&entry).filter(|side| side.needed);
        let database = side.and_then(|side| paths.get(side.main).copied().flatten());
        if let Some(path) = database {
            return Some(Held::ByDatabase(path.into()));
        }
        self.needed
            .binary_search(&entry)
            .ok()
            .map(|_| Held::ByMariaDb)
    }
}

/// Finds the files next to a database.
fn sides(survey: &PartSurvey, paths: &[Option<&[u8]>]) -> HashMap<usize, Side> {
    let is_file = |at: usize| {
        survey
            .entries
            .get(at)
            .is_some_and(|e| matches!(e.kind, EntryKind::File | EntryKind::HardLink))
    };
    let holds_database = |at: usize| {
        let entry = survey.entries.get(at);
        entry.is_some_and(|entry| entry.contents == Contents::Database)
    };
    let mut wanted: HashMap<&[u8], Vec<(usize, bool)>> = HashMap::new();
    for (at, path) in paths.iter().enumerate() {
        let Some(path) = path else { continue };
        let side = SIDES
            .iter()
            .find_map(|(side, needed)| Some((path.strip_suffix(*side)?, *needed)));
        if let Some((main, needed)) = side.filter(|_| is_file(at)) {
            wanted.entry(main).or_default().push((at, needed));
        }
    }
    let mut sides = HashMap::new();
    if wanted.is_empty() {
        return sides;
    }
    for (main, path) in paths.iter().enumerate().filter(|(at, _)| is_file(*at)) {
        // Next to any other file, a name that ends like this may mean anything.
        let database = path.filter(|path| is_database_name(path) || holds_database(main));
        let beside = database
            .and_then(|path| wanted.get(path))
            .into_iter()
            .flatten();
        sides.extend(beside.map(|&(at, needed)| (at, Side { main, needed })));
    }
    sides
}

/// Whether MariaDB needs this entry of its folder: a file that it does not make again.
pub(crate) fn is_needed(path: &[u8], kind: EntryKind) -> bool {
    matches!(kind, EntryKind::File | EntryKind::HardLink) && !is_made_again(path)
}

/// The files that MariaDB writes into its folder but does not need to start: its error log, the
/// slow query log, its process id, its temporary tables, and the list of pages that were in memory
/// (mariadb.com/kb, "Server Logs", "InnoDB System Variables").
fn is_made_again(path: &[u8]) -> bool {
    let Some(name) = path
        .strip_prefix(b"data/databases/")
        .filter(|name| !name.contains(&b'/'))
    else {
        return false;
    };
    const ENDS: [&[u8]; 5] = [b".err", b".pid", b".sock", b"-slow.log", b"-general.log"];
    const NAMES: [&[u8]; 6] = [
        b"ib_buffer_pool",
        b"ibtmp1",
        b"error.log",
        b"mysql.log",
        b"mysqld.log",
        b"mariadb.log",
    ];
    ENDS.iter().any(|end| name.ends_with(end)) || NAMES.contains(&name)
}
