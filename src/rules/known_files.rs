//! Files known by their place: the databases of the recorder and of MariaDB.

/// The recorder's files in the config directory: `home-assistant_v2.db`, its
/// write-ahead log, its shared memory, its journal.
pub fn is_recorder_file(path: &[u8]) -> bool {
    let Some(rest) = path.strip_prefix(b"home-assistant_v") else {
        return false;
    };
    let Some((version, rest)) = rest.split_first() else {
        return false;
    };
    version.is_ascii_digit() && matches!(rest, b".db" | b".db-wal" | b".db-shm" | b".db-journal")
}

/// The component of the MariaDB add-on.
pub const MARIADB: &str = "addon:core_mariadb";

/// MariaDB's databases: they are dropped or kept together, with their directory.
pub fn is_mariadb_file(path: &[u8]) -> bool {
    path.strip_prefix(b"data/databases")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}
