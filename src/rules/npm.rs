//! Modules that npm installs again: those that a `package.json` names.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The folders of an add-on in which modules are installed, beside their `package.json`.
const FOLDERS: [&[u8]; 2] = [b"config", b"data"];

/// A longer `package.json` is not read: then no module counts as named.
const LONGEST: usize = 1 << 20;

/// The modules that `npm install` would fetch again, by the folder in which it runs.
///
/// Memory: the names in files of at most 1 MiB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NpmModules {
    folders: BTreeMap<Box<[u8]>, BTreeSet<String>>,
}

impl NpmModules {
    /// Reads the `package.json` in `folder`. An unreadable file names no modules.
    pub fn read(&mut self, folder: &[u8], text: &[u8]) {
        self.folders.insert(folder.into(), named(text));
    }

    /// The folders, each with the names of its modules.
    pub(crate) fn folders(&self) -> impl Iterator<Item = (&[u8], &BTreeSet<String>)> {
        let folders = self.folders.iter();
        folders.map(|(folder, names)| (&**folder, names))
    }

    /// Adds a folder with the names of its modules.
    pub(crate) fn insert(&mut self, folder: &[u8], names: BTreeSet<String>) {
        self.folders.insert(folder.into(), names);
    }

    /// Whether a path of the add-on belongs to a named module: `config/node_modules/NAME/…`.
    pub fn names(&self, path: &[u8]) -> bool {
        let Some(at) = path.iter().position(|&b| b == b'/') else {
            return false;
        };
        let (folder, rest) = path.split_at_checked(at).unwrap_or_default();
        let (Some(modules), Some(inside)) = (
            self.folders.get(folder),
            rest.strip_prefix(b"/node_modules/"),
        ) else {
            return false;
        };
        // A scoped module name contains one slash: @scope/name.
        let slashes = if inside.starts_with(b"@") { 2 } else { 1 };
        let mut ends = inside
            .iter()
            .enumerate()
            .filter(|(_, b)| **b == b'/')
            .map(|(at, _)| at);
        let end = ends.nth(slashes - 1).unwrap_or(inside.len());
        inside
            .get(..end)
            .and_then(|name| std::str::from_utf8(name).ok())
            .is_some_and(|name| modules.contains(name))
    }
}

/// npm-docs, "package.json": what `npm install` fetches. Development dependencies are left out.
#[derive(Deserialize, Default)]
#[serde(default)]
struct PackageJson {
    dependencies: BTreeMap<String, serde_json::Value>,
    #[serde(rename = "optionalDependencies")]
    optional: BTreeMap<String, serde_json::Value>,
}

fn named(text: &[u8]) -> BTreeSet<String> {
    let Ok(package) = serde_json::from_slice::<PackageJson>(text) else {
        return BTreeSet::new();
    };
    let all = package.dependencies.into_iter().chain(package.optional);
    all.filter(|(_, range)| range.as_str().is_some_and(from_registry))
        .map(|(name, _)| name)
        .collect()
}

/// Whether a version comes from npm's registry: a folder (`file:`), a link or a private repository
/// may be gone. Versions and tags contain neither a colon nor a slash.
fn from_registry(range: &str) -> bool {
    !range.contains([':', '/'])
}

/// Reads the `package.json` files of an add-on while its entries are read.
///
/// Memory: 1 MiB.
#[derive(Debug, Default)]
pub struct PackageReader {
    modules: NpmModules,
    /// The current file: its folder, and its text so far.
    passing: Option<(&'static [u8], Vec<u8>)>,
}

impl PackageReader {
    /// A new entry begins.
    pub fn begin(&mut self, path: &[u8]) {
        let beside = |folder: &&'static [u8]| path.strip_prefix(*folder) == Some(b"/package.json");
        self.passing = FOLDERS
            .into_iter()
            .find(beside)
            .map(|folder| (folder, Vec::new()));
    }

    /// The next piece of its data.
    pub fn feed(&mut self, bytes: &[u8]) {
        if let Some((_, text)) = &mut self.passing {
            if text.len() + bytes.len() <= LONGEST {
                text.extend_from_slice(bytes);
            } else {
                self.passing = None;
            }
        }
    }

    /// The entry has ended.
    pub fn end(&mut self) {
        if let Some((folder, text)) = self.passing.take() {
            self.modules.read(folder, &text);
        }
    }

    /// The modules that all of them name.
    pub fn finish(self) -> NpmModules {
        self.modules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"name":"x","dependencies":{"lodash":"~4.17.1","@me/node":"*","mine":"file:../mine","fork":"user/fork","git":"git+ssh://x"},
        "optionalDependencies":{"serialport":"^12.0.0 || latest"},"devDependencies":{"mocha":"1"}}"#;

    fn modules() -> NpmModules {
        let mut modules = NpmModules::default();
        modules.read(b"config", TEXT.as_bytes());
        modules
    }

    #[test]
    fn what_npm_fetches_again_is_named_and_nothing_else() {
        let modules = modules();
        for path in [
            "lodash/index.js",
            "lodash",
            "@me/node/a/b.js",
            "serialport/x",
            "lodash/node_modules/deep/a.js",
        ] {
            assert!(
                modules.names(format!("config/node_modules/{path}").as_bytes()),
                "{path}"
            );
        }
        for path in [
            "mine/a.js",
            "fork/a.js",
            "git/a.js",
            "mocha/a.js",
            "lodash2/a.js",
            "@me/other/a.js",
            "@me",
            ".bin/x",
            "",
        ] {
            assert!(
                !modules.names(format!("config/node_modules/{path}").as_bytes()),
                "{path}"
            );
        }
        for path in [
            "data/node_modules/lodash/a.js",
            "config/lodash/a.js",
            "node_modules/lodash/a.js",
            "config",
            "",
        ] {
            assert!(!modules.names(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn a_list_that_cannot_be_read_names_nothing() {
        for text in [
            "",
            "{",
            "[]",
            r#"{"dependencies":["a"]}"#,
            r#"{"dependencies":{"a":1}}"#,
        ] {
            let mut modules = NpmModules::default();
            modules.read(b"data", text.as_bytes());
            assert!(!modules.names(b"data/node_modules/a/b"), "{text}");
        }
    }

    #[test]
    fn the_lists_are_read_as_they_pass_in_pieces_of_any_size() {
        for piece in [1, 7, 4096] {
            let mut reader = PackageReader::default();
            for (path, text) in [
                ("data/other.json", "{}"),
                ("config/package.json", TEXT),
                ("config/node_modules/a/package.json", "{}"),
            ] {
                reader.begin(path.as_bytes());
                text.as_bytes()
                    .chunks(piece)
                    .for_each(|piece| reader.feed(piece));
                reader.end();
            }
            assert_eq!(reader.finish(), modules());
        }
    }

    #[test]
    fn a_list_longer_than_a_megabyte_is_not_kept() {
        let mut reader = PackageReader::default();
        reader.begin(b"config/package.json");
        for _ in 0..20 {
            reader.feed(&vec![b' '; 100_000]);
        }
        reader.end();
        assert_eq!(reader.finish(), NpmModules::default());
    }
}
