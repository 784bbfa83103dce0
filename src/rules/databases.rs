//! Databases: files that no rule takes without asking.

use super::component::{choices, component_fits};
use super::glob_set::GlobSet;
use super::rule::Rule;

/// The endings of database names, in lower case: SQLite, and others that keep all in one file
/// (DuckDB, LMDB, bbolt).
const ENDINGS: [&[u8]; 10] = [
    b".db",
    b".db3",
    b".sqlite",
    b".sqlite3",
    b".sqlitedb",
    b".s3db",
    b".vscdb",
    b".duckdb",
    b".mdb",
    b".bolt",
];

/// What SQLite appends to the name of a database for its side files (sqlite.org, "Temporary Files
/// Used By SQLite").
const SIDES: [&[u8]; 3] = [b"-wal", b"-shm", b"-journal"];

/// Whether a file is named like a database or one of the side files of SQLite.
pub fn is_database_name(path: &[u8]) -> bool {
    let main = SIDES.iter().find_map(|side| path.strip_suffix(*side));
    let path = main.unwrap_or(path);
    let ends_in = |ending: &[u8]| {
        path.len()
            .checked_sub(ending.len())
            .and_then(|at| path.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(ending))
    };
    ENDINGS.into_iter().any(ends_in)
}

/// The glob with which a rule would take a database, if there is one: by its name, or because the
/// built-in catalogue lists a database there.
pub(super) fn claimed<'a>(rule: &'a Rule, known: &[Rule]) -> Option<&'a str> {
    let by_name = rule
        .globs
        .iter()
        .find(|glob| choices(glob).iter().any(|glob| names_database(glob)));
    by_name
        .or_else(|| {
            rule.globs
                .iter()
                .find(|glob| takes_known(rule, glob, known))
        })
        .map(String::as_str)
}

/// Whether the last name of a glob is a database name, as far as it is literal.
fn names_database(glob: &str) -> bool {
    let name = glob.rsplit('/').next().unwrap_or(glob);
    is_database_name(name.as_bytes())
        || is_database_name(name.trim_end_matches(['*', '?', '-']).as_bytes())
}

/// Whether a glob takes an example of a database in the catalogue.
fn takes_known(rule: &Rule, glob: &str, known: &[Rule]) -> bool {
    let (Ok(glob), Ok(except)) = (GlobSet::of([glob]), GlobSet::of(&rule.except)) else {
        return false;
    };
    let taken = |path: &str| glob.is_match(path.as_bytes()) && !except.is_match(path.as_bytes());
    known
        .iter()
        .filter(|k| k.database && share_component(&rule.component, &k.component))
        .any(|k| k.matches.iter().any(|path| taken(path)))
}

/// Whether two component globs can match the same component.
fn share_component(one: &str, other: &str) -> bool {
    component_fits(other, one)
        || choices(other)
            .iter()
            .any(|id| component_fits(one, &id.replace('*', "x")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_and_their_side_files_are_known_by_their_names() {
        for name in [
            "a.db",
            "x/home-assistant_v2.db-wal",
            "y.sqlite3-shm",
            "Z.DB",
            "q.sqlite-journal",
            ".db",
            "state.vscdb",
            "X.S3DB-wal",
            "lmdb/data.mdb",
        ] {
            assert!(is_database_name(name.as_bytes()), "{name}");
        }
        for name in [
            "a.db.bak",
            "db",
            "a.dbx",
            "notes-wal",
            "a.db/readme.txt",
            "thumbs",
            "",
        ] {
            assert!(!is_database_name(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn braces_are_written_out() {
        let mut all = choices("a/{b,c}.{db,log}");
        all.sort();
        assert_eq!(all, ["a/b.db", "a/b.log", "a/c.db", "a/c.log"]);
        assert_eq!(choices("plain"), ["plain"]);
        assert_eq!(
            choices(&"{a,b}".repeat(40)).len(),
            1,
            "too many are left as they are"
        );
    }
}
