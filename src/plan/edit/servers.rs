//! Folders in which a database server keeps its files: without one of them the others are worth
//! nothing.

use std::collections::HashSet;

use crate::open::{Backup, Part};
use crate::plan::edit::paths::paths;
use crate::survey::PartSurvey;

/// A file that shows that its folder, with all below it, belongs to a server.
fn is_mark(name: &[u8]) -> bool {
    // postgresql.org/docs, "Database File Layout"; mariadb.com/kb, "InnoDB System Tablespaces";
    // source.wiredtiger.com, "WiredTiger.turtle"; redis.io/docs, "Redis persistence";
    // github.com/google/leveldb, "doc/impl.md".
    matches!(
        name,
        b"PG_VERSION" | b"ibdata1" | b"WiredTiger" | b"dump.rdb" | b"appendonly.aof"
    ) || name.starts_with(b"MANIFEST-0")
        // docs.influxdata.com, "In-memory indexing and the Time-Structured Merge Tree".
        || name.ends_with(b".tsm")
}

/// The folders of all database servers in a part.
///
/// Memory: their paths.
#[derive(Debug, Default)]
pub(crate) struct Servers<'a>(HashSet<&'a [u8]>);

impl<'a> Servers<'a> {
    /// Looks at the names of all entries.
    pub fn new(backup: &Backup, part: &Part, survey: &'a PartSurvey) -> Self {
        let paths = paths(backup, part, survey).into_iter().flatten();
        Self(paths.filter_map(marked_folder).collect())
    }

    /// Whether a file is in one of the folders, or below it.
    pub fn have(&self, path: &[u8]) -> bool {
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let folders = slashes.filter_map(|(at, _)| path.get(..at));
        !self.0.is_empty() && folders.into_iter().any(|folder| self.0.contains(folder))
    }
}

fn marked_folder(path: &[u8]) -> Option<&[u8]> {
    let at = path.iter().rposition(|&byte| byte == b'/')?;
    let (folder, name) = path.split_at_checked(at)?;
    is_mark(name.get(1..)?).then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_below_a_marked_folder_belongs_to_its_server() {
        let servers = Servers(
            ["data/postgres/PG_VERSION", "data/x/a.tsm", "notes.txt"]
                .iter()
                .filter_map(|path| marked_folder(path.as_bytes()))
                .collect(),
        );
        for (path, theirs) in [
            ("data/postgres/base/1/1234", true),
            ("data/postgres/pg_xact/0000", true),
            ("data/postgres2/a", false),
            ("data/x/b.wal", true),
            ("data/x", false),
            ("data/y/a", false),
        ] {
            assert_eq!(servers.have(path.as_bytes()), theirs, "{path}");
        }
    }
}
