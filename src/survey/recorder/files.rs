//! Files of the configuration that may say where the database is, kept while the archive is read.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use regex::bytes::Regex;

use crate::format::tar::block::EntryKind;

/// The maximum read from one file.
const FILE: usize = 1 << 20;
/// The maximum kept of all files except `configuration.yaml` and the secrets.
const ALL: usize = 1 << 20;

/// A file that contains none of these words says nothing about the database.
static WORDS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("(?-u)recorder|db_url|packages|!include|://").ok());

/// YAML files of the configuration. Memory: at most 4 MiB of text, and the names of the others.
#[derive(Debug, Default)]
pub struct Files {
    texts: BTreeMap<String, Vec<u8>>,
    /// The files that say nothing about databases.
    silent: HashSet<String>,
    bytes: usize,
    current: Option<(String, Vec<u8>)>,
    /// Whether a file that may matter had no room.
    overflowed: bool,
}

impl Files {
    /// Begins with the next entry; `path` is relative to the config directory.
    pub fn begin(&mut self, path: Option<&[u8]>, kind: EntryKind) {
        let path = path.and_then(|path| std::str::from_utf8(path).ok());
        let yaml = |path: &&str| path.ends_with(".yaml") || path.ends_with(".yml");
        self.current = path
            .filter(yaml)
            .filter(|_| kind == EntryKind::File)
            .map(|path| (path.to_owned(), Vec::new()));
    }

    /// Reads the next piece of the entry.
    pub fn data(&mut self, bytes: &[u8]) {
        if let Some((_, text)) = &mut self.current {
            let room = FILE.saturating_sub(text.len());
            text.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            self.overflowed |= bytes.len() > room;
        }
    }

    /// Keeps the entry if it may matter. It replaces an earlier one of the same name.
    pub fn end(&mut self) {
        let Some((path, text)) = self.current.take() else {
            return;
        };
        self.bytes -= self
            .texts
            .remove(&path)
            .map_or(0, |old| if always(&path) { 0 } else { old.len() });
        let matters = always(&path) || WORDS.as_ref().is_none_or(|words| words.is_match(&text));
        let counted = if always(&path) { 0 } else { text.len() };
        if !matters {
            self.silent.insert(path);
            return;
        }
        if self.bytes + counted > ALL {
            self.overflowed = true;
            return;
        }
        self.bytes += counted;
        self.texts.insert(path, text);
    }

    /// Whether some text was not kept because of a limit.
    pub(super) fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Whether a file was read and says nothing about databases.
    pub(super) fn is_silent(&self, path: &str) -> bool {
        self.silent.contains(path)
    }

    /// The text of a file.
    pub(super) fn text(&self, path: &str) -> Option<&[u8]> {
        self.texts.get(path).map(Vec::as_slice)
    }

    /// The files in a folder and below it, by name.
    pub(super) fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        let inside = move |path: &&String| {
            folder.is_empty()
                || path
                    .strip_prefix(folder)
                    .is_some_and(|rest| rest.starts_with('/'))
        };
        self.texts
            .range(folder.to_owned()..)
            .map(|(path, _)| path)
            .take_while(move |path| path.starts_with(folder))
            .filter(inside)
            .map(String::as_str)
    }
}

/// Only these two files are always kept, so this cannot grow either.
fn always(path: &str) -> bool {
    path == "configuration.yaml" || path == "secrets.yaml"
}
