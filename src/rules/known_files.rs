//! Files known by their place: the databases of the recorder and of MariaDB.

/// The name of the recorder's database in the config directory. An older one, such as
/// `home-assistant_v1.db`, is a file like others: a restore without the database does not keep it
/// (Core, `backup_restore.py`: KEEP_DATABASE).
pub const RECORDER: &[u8] = b"home-assistant_v2.db";

/// The recorder's files in the config directory: [`RECORDER`], its write-ahead log, its shared
/// memory, its journal.
pub fn is_recorder_file(path: &[u8]) -> bool {
    let side = path.strip_prefix(RECORDER);
    side.is_some_and(|side| matches!(side, b"" | b"-wal" | b"-shm" | b"-journal"))
}

/// The component of the MariaDB add-on.
pub const MARIADB: &str = "addon:core_mariadb";

/// MariaDB's databases: they are dropped or kept together, with their directory.
pub fn is_mariadb_file(path: &[u8]) -> bool {
    path.strip_prefix(b"data/databases")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}
