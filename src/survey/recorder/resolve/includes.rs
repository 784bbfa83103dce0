//! Values by key, and the included files that replace them.

use super::{At, Search, Why};
use crate::survey::recorder::yaml::Value;

impl Search<'_> {
    /// The value of a key, following includes.
    pub(super) fn get(&self, at: &At, key: &str, depth: usize) -> Result<Option<At>, Why> {
        match self.get_raw(at, key, depth)? {
            Some(value) => self.followed(value, depth),
            None => Ok(None),
        }
    }

    /// The value of a key as written. Several files can form one mapping.
    pub(super) fn get_raw(&self, at: &At, key: &str, depth: usize) -> Result<Option<At>, Why> {
        self.step(depth)?;
        let Some(node) = at.tree.node(at.node) else {
            return Ok(None);
        };
        match node.tag.as_deref() {
            Some("include_dir_merge_named") => self.get_merged(at, key, depth),
            Some("include_dir_named") => {
                match self.folder(at)?.iter().find(|file| stem(file) == Some(key)) {
                    Some(file) => self.open(file),
                    None => Ok(None),
                }
            }
            _ => Ok(at.value(key)),
        }
    }

    /// The value of a key in the first file of a folder that has it.
    fn get_merged(&self, at: &At, key: &str, depth: usize) -> Result<Option<At>, Why> {
        for file in self.folder(at)? {
            let Some(inner) = self.open(&file)? else {
                continue;
            };
            if let Some(found) = self.get_raw(&inner, key, depth + 1)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Follows `!include`.
    pub(super) fn followed(&self, at: At, depth: usize) -> Result<Option<At>, Why> {
        self.step(depth)?;
        match at.tree.node(at.node) {
            Some(node) if node.tag.as_deref() == Some("include") => {
                let Value::Scalar(path) = &node.value else {
                    return Ok(None);
                };
                match self.open(&beside(&at.file, path)?)? {
                    Some(inner) => self.followed(inner, depth + 1),
                    None => Ok(None),
                }
            }
            _ => Ok(Some(at)),
        }
    }

    /// The values in a mapping or a list, following includes.
    pub(super) fn values(&self, at: &At, depth: usize) -> Result<Vec<At>, Why> {
        self.step(depth)?;
        let Some(node) = at.tree.node(at.node) else {
            return Ok(Vec::new());
        };
        match node.tag.as_deref() {
            Some("include_dir_named" | "include_dir_list") => {
                return self.values_in_files(at, false, depth);
            }
            Some("include_dir_merge_named" | "include_dir_merge_list") => {
                return self.values_in_files(at, true, depth);
            }
            _ => {}
        }
        let inside: Vec<usize> = match &node.value {
            Value::Map(pairs) => pairs.iter().map(|(_, value)| *value).collect(),
            Value::List(items) => items.clone(),
            Value::Scalar(_) => Vec::new(),
        };
        let mut values = Vec::new();
        for node in inside {
            values.extend(self.followed(At { node, ..at.clone() }, depth + 1)?);
        }
        Ok(values)
    }

    /// The files of a folder as values; if they are `merged`, the values in these files.
    fn values_in_files(&self, at: &At, merged: bool, depth: usize) -> Result<Vec<At>, Why> {
        let mut values = Vec::new();
        for file in self.folder(at)? {
            let Some(inner) = self.open(&file)? else {
                continue;
            };
            if merged {
                values.extend(self.values(&inner, depth + 1)?);
            } else {
                values.extend(self.followed(inner, depth + 1)?);
            }
        }
        Ok(values)
    }

    /// The files that `!include_dir_…` reads: all YAML files below the folder except secrets and
    /// hidden files (Core, `util/yaml/loader.py`, `_find_files`).
    fn folder(&self, at: &At) -> Result<Vec<String>, Why> {
        let Some(name) = at.tree.scalar(at.node) else {
            return Ok(Vec::new());
        };
        let folder = beside(&at.file, name)?;
        let hidden = |path: &str| path.split('/').any(|name| name.starts_with('.'));
        let inside = |path: &&str| {
            let rest = if folder.is_empty() {
                Some(*path)
            } else {
                path.strip_prefix(folder.as_str())
            };
            let yaml = path.ends_with(".yaml")
                && !path.ends_with("/secrets.yaml")
                && *path != "secrets.yaml";
            yaml && rest.is_some_and(|rest| !hidden(rest))
        };
        Ok(self
            .files
            .below(&folder)
            .filter(inside)
            .map(str::to_owned)
            .collect())
    }
}

/// The path of a file's `!include`, relative to the config directory.
pub(super) fn beside(file: &str, name: &str) -> Result<String, Why> {
    let name = name.trim();
    let outside = || {
        let shown = crate::error::escape(name.as_bytes());
        format!("{shown} lies outside the configuration")
    };
    let (mut names, inside): (Vec<&str>, &str) = match name.strip_prefix('/') {
        Some(_) => (
            Vec::new(),
            name.strip_prefix("/config/").ok_or_else(outside)?,
        ),
        None => (folders(file), name),
    };
    for part in inside.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                names.pop().ok_or_else(outside)?;
            }
            part => names.push(part),
        }
    }
    Ok(names.join("/"))
}

/// The names of the folders above a file.
fn folders(file: &str) -> Vec<&str> {
    file.rsplit_once('/')
        .map_or(Vec::new(), |(folder, _)| folder.split('/').collect())
}

/// The name of a file of YAML without folder and suffix.
fn stem(file: &str) -> Option<&str> {
    file.rsplit('/').next()?.strip_suffix(".yaml")
}
