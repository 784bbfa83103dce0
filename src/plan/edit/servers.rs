//! Folders in which a database server keeps its files: without one of them the others are worth
//! nothing.

use std::collections::HashSet;

use crate::format::tar::path::PathHasher;
use crate::open::{Backup, Part};
use crate::plan::edit::paths::paths;
use crate::survey::PartSurvey;

/// How far above a file the folder is that belongs to a server with all below it, if the file's name
/// shows that: 1 for the folder of the file.
fn levels(name: &[u8]) -> Option<usize> {
    // postgresql.org/docs, "Database File Layout"; mariadb.com/kb, "InnoDB System Tablespaces";
    // source.wiredtiger.com, "WiredTiger.turtle"; redis.io/docs, "Redis persistence";
    // github.com/google/leveldb, "doc/impl.md"; docs.influxdata.com, "File system layout".
    match name {
        b"PG_VERSION"
        | b"ibdata1"
        | b"WiredTiger"
        | b"dump.rdb"
        | b"appendonly.aof"
        | b"appendonly.aof.manifest"
        | b"influxd.bolt" => Some(1),
        // `data/DATABASE/RETENTION/SHARD/NAME.tsm`, with `wal` and `meta` beside `data`.
        _ if name.ends_with(b".tsm") => Some(5),
        _ if name.starts_with(b"MANIFEST-0") => Some(1),
        _ => None,
    }
}

/// The folders of all database servers in a part, by their hashes.
///
/// Memory: 8 bytes for each of them.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    hasher: PathHasher,
    folders: HashSet<u64>,
}

impl Servers {
    /// Looks at the names of all entries.
    pub fn new(backup: &Backup, part: &Part, survey: &PartSurvey) -> Self {
        Self::of(paths(backup, part, survey).into_iter().flatten())
    }

    fn of<'a>(paths: impl Iterator<Item = &'a [u8]>) -> Self {
        let hasher = PathHasher::default();
        let folders = paths.filter_map(marked_folder);
        let folders = folders.map(|folder| hasher.hash(folder)).collect();
        Self { hasher, folders }
    }

    /// Whether a file is in one of the folders, or below it. Takes one pass over the path.
    pub fn have(&self, path: &[u8]) -> bool {
        let is_theirs = |(hash, prefix): (u64, &[u8])| {
            prefix.len() < path.len() && self.folders.contains(&hash)
        };
        !self.folders.is_empty() && self.hasher.prefixes(path).any(is_theirs)
    }
}

fn marked_folder(path: &[u8]) -> Option<&[u8]> {
    let folder = |path: &'_ [u8]| path.iter().rposition(|&byte| byte == b'/');
    let name = path.get(folder(path)? + 1..)?;
    let mut above = path;
    for _ in 0..levels(name)? {
        // Where there are fewer folders, the highest one counts.
        let Some(at) = folder(above) else { break };
        above = above.get(..at)?;
    }
    Some(above)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_below_a_marked_folder_belongs_to_its_server() {
        let names = [
            "data/postgres/PG_VERSION",
            "data/influx/data/ha/autogen/1/a.tsm",
            "data/redis/appendonlydir/appendonly.aof.manifest",
            "notes.txt",
        ];
        let servers = Servers::of(names.iter().map(|name| name.as_bytes()));
        for (path, theirs) in [
            ("data/postgres/base/1/1234", true),
            ("data/postgres/pg_xact/0000", true),
            ("data/postgres2/a", false),
            ("data/influx/wal/ha/autogen/1/_00001.wal", true),
            ("data/influx/meta/meta.db", true),
            ("data/influx", false),
            ("data/redis/appendonlydir/appendonly.aof.1.incr.aof", true),
            ("data/y/a", false),
        ] {
            assert_eq!(servers.have(path.as_bytes()), theirs, "{path}");
        }
    }
}
