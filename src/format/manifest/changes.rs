//! The changes in a copy's `backup.json`.

use std::collections::HashSet;
use std::io::{self, Write};

use serde_json::json;
use serde_json::value::RawValue;

use super::Manifest;
use super::reader::{Addon, is_repository};
use crate::error::{Error, Result};
use crate::finding::MetadataFault;
use crate::format::raw_json::{Edit, edited, value};
use crate::pipe::Counter;

/// The differences between a copy's metadata and the original's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The copy's own slug: eight hex digits.
    pub slug: String,
    /// Folder ids and add-on slugs that are left out, possibly with `homeassistant`.
    pub without: Vec<String>,
    /// Folder ids that are listed in addition.
    pub also: Vec<String>,
    /// Marks the copy as partial: a full restore would uninstall what is not listed.
    pub partial: bool,
    /// The recorder database was left out: a restore must then keep the live one.
    pub without_database: bool,
    /// Whether the copy is encrypted.
    pub protected: bool,
    /// Whether its parts are gzip archives, if the original is wrong about that.
    pub compressed: Option<bool>,
    /// What the copy holds; its name says so.
    pub made: Made,
    /// What `extra.haslim` says: JSON text. Whatever the original says there is not true of a copy.
    pub about: Option<String>,
}

/// What haslim made from a backup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Made {
    /// A smaller copy.
    #[default]
    Slim,
    /// The whole original with its errors corrected.
    Repaired,
    /// What a smaller copy lacks.
    Rest,
}

impl Made {
    pub(super) const ALL: [Self; 3] = [Self::Slim, Self::Repaired, Self::Rest];

    /// What stands between the name of the original and the slug of the copy.
    fn mark(self) -> &'static str {
        match self {
            Self::Slim => " (slim ",
            Self::Repaired => " (repaired ",
            Self::Rest => " (rest ",
        }
    }
}

impl Manifest {
    /// The copy's text. Everything that [`Changes`] does not name keeps its text and its order.
    ///
    /// # Errors
    /// `Internal`, which does not happen for a text that was parsed.
    pub fn changed(&self, changes: &Changes) -> Result<Vec<u8>> {
        let mut text = Vec::with_capacity(usize::try_from(self.changed_len(changes)?).unwrap_or(0));
        self.write_changed(changes, &mut text)?;
        Ok(text)
    }

    /// The length of that text in bytes.
    ///
    /// # Errors
    /// The same as for [`Manifest::changed`].
    pub fn changed_len(&self, changes: &Changes) -> Result<u64> {
        let mut counter = Counter::default();
        self.write_changed(changes, &mut counter)?;
        Ok(counter.0)
    }

    /// Whether `copy` has exactly the text that these changes produce.
    ///
    /// # Errors
    /// The same as for [`Manifest::changed`].
    pub fn changes_to(&self, changes: &Changes, copy: &Self) -> Result<bool> {
        let mut rest = Expected {
            rest: copy.text.as_bytes(),
            equal: true,
        };
        self.write_changed(changes, &mut rest)?;
        Ok(rest.equal && rest.rest.is_empty())
    }

    /// The name of the copy.
    pub fn changed_name(&self, changes: &Changes) -> String {
        copy_name(self.name(), &changes.slug, changes.made)
    }

    /// Whether Home Assistant does not accept the value of this key.
    fn refuses(&self, key: &str) -> bool {
        let mut faults = self.known.faults.iter();
        faults.any(|fault| matches!(fault, MetadataFault::Value { key: of } if *of == key))
    }

    /// What haslim made this backup as, if it did: then its name has a mark, with its own slug.
    pub fn made(&self) -> Option<Made> {
        self.copied_name().map(|(_, made)| made)
    }

    /// Whether haslim made this backup from `original`: a copy keeps the date and the instance of
    /// Home Assistant, and gets its name from the original's.
    pub fn is_copy_of(&self, original: &Self) -> bool {
        self.copied_name().is_some_and(|(name, _)| {
            original.made().is_none() && name == base_name(original.name())
        }) && self.date() == original.date()
            && self.instance_id() == original.instance_id()
    }

    /// The name of the original, if haslim made this from it, and as what.
    fn copied_name(&self) -> Option<(&str, Made)> {
        let marked = self
            .name()
            .strip_suffix(MARK_END)?
            .strip_suffix(self.slug())?;
        Made::ALL
            .iter()
            .find_map(|made| Some((marked.strip_suffix(made.mark())?, *made)))
    }

    fn write_changed(&self, changes: &Changes, out: &mut dyn Write) -> Result<()> {
        let is_gone = |id: &str| changes.without.iter().any(|w| w == id);
        // What is no name is not accepted by Home Assistant.
        let folder_gone = |item: &RawValue| value::<String>(item).is_none_or(|id| is_gone(&id));
        let addon_gone = |item: &RawValue| {
            Addon::of(item)
                .and_then(|addon| value::<String>(addon.slug?))
                .is_none_or(|id| is_gone(&id))
        };
        let database = [("exclude_database", Edit::Set("true".into()))];
        let about = || changes.about.clone();
        let mut extra = Vec::new();
        if self.is_automatic() {
            extra.push(("with_automatic_settings", Edit::Set("false".into())));
        }
        // Home Assistant deletes older backups that have one of these, whatever the flag above says
        // (read, Core `components/hassio/backup.py`; the second is the frontend's newer name). A
        // copy that has it could push its original out.
        for update in ["supervisor.addon_update", "supervisor.app_update"] {
            extra.push((update, Edit::Replace("null".into())));
        }
        extra.push(match about() {
            Some(about) => ("haslim", Edit::Set(about)),
            None => ("haslim", Edit::Replace("null".into())),
        });
        let mut edits = vec![
            ("slug", Edit::Set(quoted(&changes.slug))),
            ("name", Edit::Set(quoted(&self.changed_name(changes)))),
            ("protected", Edit::Set(changes.protected.to_string())),
            (
                "folders",
                Edit::List {
                    gone: &folder_gone,
                    more: &changes.also,
                },
            ),
            (
                "addons",
                Edit::List {
                    gone: &addon_gone,
                    more: &[],
                },
            ),
        ];
        if self.refuses("repositories") {
            let mut seen = HashSet::new();
            let all = self.known.repositories.iter();
            let valid = all.filter(|text| is_repository(text) && seen.insert(*text));
            let list: serde_json::Value = valid.map(String::as_str).collect();
            edits.push(("repositories", Edit::Set(list.to_string())));
        }
        if let Some(compressed) = changes.compressed {
            edits.push(("compressed", Edit::Set(compressed.to_string())));
        }
        if !changes.protected {
            edits.push(("crypto", Edit::Replace("null".into())));
        }
        if changes.partial {
            edits.push(("type", Edit::Set(quoted("partial"))));
        }
        let is_alone = self.known.homeassistant.is_version();
        if is_gone("homeassistant") {
            edits.push(("homeassistant", Edit::Set("null".into())));
        } else if let Some(version) = self.homeassistant_version().filter(|_| is_alone) {
            let core = if changes.without_database {
                json!({"version": version, "exclude_database": true})
            } else {
                json!({"version": version})
            };
            edits.push(("homeassistant", Edit::Set(core.to_string())));
        } else if changes.without_database {
            edits.push(("homeassistant", Edit::Inside(&database)));
        }
        match about().filter(|_| !self.known.has_extra) {
            Some(about) => edits.push(("extra", Edit::Set(format!("{{\"haslim\":{about}}}")))),
            None if self.refuses("extra") => edits.push(("extra", Edit::Set("{}".into()))),
            None => edits.push(("extra", Edit::Inside(&extra))),
        }
        edited(&self.text, &edits, out)
            .map_err(|e| Error::new(crate::Kind::Internal, "cannot write backup.json").caused_by(e))
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Compares written bytes with expected bytes.
struct Expected<'a> {
    rest: &'a [u8],
    equal: bool,
}

impl Write for Expected<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.rest.strip_prefix(bytes) {
            Some(rest) => self.rest = rest,
            None => self.equal = false,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The copy's name: for example `NAME (slim SLUG)`.
///
/// Core builds the file name of an upload from name and date. With the original's name, uploading
/// the copy would overwrite the original; the slug also keeps two copies apart. Since 2026.11 Core
/// also refuses names that cannot be part of a file name.
pub(super) fn copy_name(name: &str, slug: &str, made: Made) -> String {
    let base = base_name(name);
    format!("{base}{}{slug}{MARK_END}", made.mark())
}

/// The part of a copy's name that comes from the original's name.
fn base_name(name: &str) -> String {
    let mut safe = name.replace(['/', '\\'], "-");
    if names_drive(&safe) {
        safe = safe.replacen(':', "-", 1);
    }
    match without_mark(&safe) {
        "" | "." | ".." => "Backup".into(),
        base => base
            .get(..base.floor_char_boundary(LONGEST))
            .unwrap_or(base)
            .into(),
    }
}

const MARK_END: &str = ")";
/// The maximum length of a backup's name, in bytes: Home Assistant makes a file of that name and
/// `_YYYY-MM-DD_HH.MM_SSSSSSSS.tar` (read, `components/backup/util.py`), and Linux allows 255.
pub const LONGEST_NAME: usize = 255 - 30;
/// The maximum length of what a copy's name keeps of the original's: the mark of a copy has at most 20
/// bytes.
const LONGEST: usize = LONGEST_NAME - 20;

/// Whether Home Assistant refuses a name because it begins like a drive: Python's `PureWindowsPath`
/// takes any character before a colon for one (tried).
pub fn names_drive(name: &str) -> bool {
    name.chars().nth(1) == Some(':')
}

/// A copy of a copy has one mark, not two.
fn without_mark(name: &str) -> &str {
    let slug = |rest: &str| rest.len() == 8 && rest.bytes().all(|b| b.is_ascii_hexdigit());
    let Some(begin) = name.strip_suffix(MARK_END) else {
        return name;
    };
    let base = |made: &Made| {
        begin
            .rsplit_once(made.mark())
            .filter(|(_, rest)| slug(rest))
            .map(|(base, _)| base)
    };
    Made::ALL.iter().find_map(base).unwrap_or(name)
}
