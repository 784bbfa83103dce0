//! `backup.json`: what a backup says about itself, and what a slimmed copy must say instead. Key
//! order, unknown keys and the spelling of numbers are kept.

mod changes;
mod origin;
mod reader;
mod unique;

use std::collections::HashSet;

pub use changes::{Changes, LONGEST_NAME, Made, names_drive};
pub use origin::Origin;

use self::reader::Reader;
use super::raw_json::each_field;
use crate::error::{Error, Result, escape};
use crate::finding::MetadataFault;

/// The member with the metadata, exactly as Home Assistant's readers look it up.
pub const MEMBER: &[u8] = b"./backup.json";
/// Its name in backups from before 2022.
pub const OLD_MEMBER: &[u8] = b"./snapshot.json";

/// A longer text is refused as metadata.
pub const MAX_BYTES: u64 = 16 << 20;
/// A text with more values is refused too: each value takes far more memory than its text.
const MAX_VALUES: usize = 200_000;
/// Limit for the names, slugs and similar values that are kept; all other values are only read in
/// passing.
const MAX_KNOWN: usize = 1 << 20;
/// Some editors put this mark in front of a text.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// The folders that a backup may contain (supervisor `backups/validate.py`, `ALL_FOLDERS`); version
/// 1 lists the configuration as another one.
const FOLDERS: [&str; 5] = ["share", "addons/local", "ssl", "media", "homeassistant"];

/// The metadata of one backup: the values that haslim needs, and the text.
///
/// Memory: the text once, plus a few MiB at most.
#[derive(Debug, Clone)]
pub struct Manifest {
    text: String,
    known: Known,
}

/// The values that haslim needs. A value of the wrong type counts as absent.
#[derive(Debug, Clone, Default)]
struct Known {
    slug: String,
    name: Option<String>,
    date: Option<String>,
    kind: Option<String>,
    /// `None` if there is no version, `Some(None)` if it is not a valid number.
    version: Option<Option<u64>>,
    protected: Option<bool>,
    compressed: Option<bool>,
    faults: Vec<MetadataFault>,
    has_mark: bool,
    names_cipher: bool,
    homeassistant: Core,
    is_automatic: bool,
    instance_id: Option<String>,
    requested: Option<String>,
    has_extra: bool,
    about: Option<String>,
    folders: Vec<String>,
    addons: Vec<Listed>,
    repositories: Vec<String>,
}

/// The field `homeassistant`.
#[derive(Debug, Clone, Default)]
struct Core {
    version: Option<String>,
    excludes_database: bool,
    is_object: bool,
}

impl Core {
    /// Whether it is the version alone, as in old metadata.
    fn is_version(&self) -> bool {
        !self.is_object && self.version.is_some()
    }
}

/// A listed add-on.
#[derive(Debug, Clone, Default)]
struct Listed {
    slug: String,
    name: Option<String>,
    has_version: bool,
    has_size: bool,
}

impl Manifest {
    /// Reads the JSON text.
    ///
    /// # Errors
    /// `Damaged` if it is not one JSON object in UTF-8 with the keys that every backup has;
    /// `Refused` for duplicate keys, absurd nesting or counts, or a version newer than this
    /// program.
    pub fn parse(text: impl Into<Vec<u8>>) -> Result<Self> {
        let text = text.into();
        // Every value except the first item of an array or object follows one of these.
        if text
            .iter()
            .filter(|b| matches!(b, b',' | b'[' | b'{'))
            .count()
            > MAX_VALUES
        {
            return Err(Error::refused(format!(
                "backup.json holds more than {MAX_VALUES} values, which is not plausible"
            )));
        }
        let mut text = String::from_utf8(text).map_err(|e| {
            Error::damaged(format!(
                "backup.json is not valid: it is no UTF-8 behind byte {}",
                e.utf8_error().valid_up_to()
            ))
        })?;
        // Python's json accepts a text with this mark, Core's does not; copies are written without
        // it.
        let has_mark = text.starts_with(BYTE_ORDER_MARK);
        if has_mark {
            text.remove(0);
        }
        unique::check(&text)?;
        if !text.trim_start().starts_with('{') {
            return Err(Error::damaged("backup.json does not hold a JSON object"));
        }
        let mut reader = Reader {
            known: Known {
                has_mark,
                ..Known::default()
            },
            room: MAX_KNOWN,
        };
        each_field(&text, |key, raw| {
            reader.field(key, raw);
            Ok(())
        })
        .map_err(|e| {
            Error::damaged(format!(
                "backup.json is not valid: {}",
                escape(e.to_string().as_bytes())
            ))
        })?;
        if reader.room == 0 {
            return Err(Error::refused(
                "backup.json holds more than 1 MiB of names, which is not plausible",
            ));
        }
        let mut manifest = Self {
            known: reader.known,
            text,
        };
        manifest.check()?;
        manifest.known.faults = manifest.faults_in_all();
        Ok(manifest)
    }

    /// The JSON text.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn check(&self) -> Result<()> {
        match self.known.version {
            None | Some(Some(1 | 2)) => {}
            Some(other) => {
                let shown = other.map_or("unknown".into(), |v| v.to_string());
                return Err(Error::refused(format!(
                    "backup.json has version {shown}; haslim knows 1 and 2"
                )));
            }
        }
        if !matches!(self.kind(), "full" | "partial") {
            return Err(Error::refused(format!(
                "backup.json has the unknown type '{}'",
                escape(self.kind().as_bytes())
            )));
        }
        if self.slug().is_empty() {
            return Err(Error::damaged("backup.json has no slug"));
        }
        let mut seen = HashSet::new();
        for slug in self.addons() {
            if !is_file_name(slug) {
                return Err(Error::refused(format!(
                    "an add-on is called '{}', which cannot be a file's name",
                    escape(slug.as_bytes())
                )));
            }
            if !seen.insert(slug) {
                return Err(Error::damaged(format!(
                    "backup.json lists the add-on {slug} twice"
                )));
            }
        }
        let mut seen = HashSet::new();
        if let Some(folder) = self.folders().find(|folder| !seen.insert(*folder)) {
            return Err(Error::damaged(format!(
                "backup.json lists the folder {} twice",
                escape(folder.as_bytes())
            )));
        }
        Ok(())
    }

    /// The id under which Home Assistant keeps the backup.
    pub fn slug(&self) -> &str {
        &self.known.slug
    }

    /// The name that the user sees.
    pub fn name(&self) -> &str {
        self.known.name.as_deref().unwrap_or_default()
    }

    /// When the backup was made, as written in the metadata.
    pub fn date(&self) -> &str {
        self.known.date.as_deref().unwrap_or_default()
    }

    /// `full` or `partial`.
    pub fn kind(&self) -> &str {
        self.known.kind.as_deref().unwrap_or("partial")
    }

    /// 1 for backups from before the config directory moved into `data/`, otherwise 2.
    pub fn version(&self) -> u64 {
        self.known.version.flatten().unwrap_or(1)
    }

    /// What the metadata claim about encryption; only the bytes of each part are reliable.
    pub fn protected(&self) -> bool {
        self.known.protected.unwrap_or(false)
    }

    /// Whether either field says that the parts are encrypted.
    pub fn claims_encryption(&self) -> bool {
        self.protected() || self.known.names_cipher
    }

    /// Whether the parts are gzip archives.
    pub fn compressed(&self) -> bool {
        self.known.compressed.unwrap_or(true)
    }

    /// The Core version that made the backup.
    pub fn homeassistant_version(&self) -> Option<&str> {
        self.known.homeassistant.version.as_deref()
    }

    /// Whether the backup makes a restore keep the live recorder database.
    pub fn excludes_database(&self) -> bool {
        self.known.homeassistant.excludes_database
    }

    /// Whether a copy can make a restore keep the live database: it cannot if the metadata say
    /// nothing about Home Assistant.
    pub fn can_exclude_database(&self) -> bool {
        let core = &self.known.homeassistant;
        core.is_object || core.is_version()
    }

    /// Whether Home Assistant's automatic retention counts this backup.
    pub fn is_automatic(&self) -> bool {
        self.known.is_automatic
    }

    /// What haslim wrote into `extra.haslim` about the original of this backup: JSON text.
    pub fn about(&self) -> Option<&str> {
        self.known.about.as_deref()
    }

    /// The instance of Home Assistant that made the backup, if it is recorded (Core,
    /// `components/backup`: `extra` of `backup.json`).
    pub fn instance_id(&self) -> Option<&str> {
        self.known.instance_id.as_deref()
    }

    /// The date that Home Assistant lists: when the backup was asked for, if that is recorded (`extra`
    /// of `backup.json`), and otherwise its own.
    pub fn shown_date(&self) -> &str {
        self.known.requested.as_deref().unwrap_or(self.date())
    }

    /// The listed folders; local add-ons appear as `addons/local`.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.known.folders.iter().map(String::as_str)
    }

    /// The listed folders that Home Assistant does not recognise: it refuses a backup that lists
    /// one.
    pub fn unknown_folders(&self) -> impl Iterator<Item = &str> {
        self.folders().filter(|folder| !FOLDERS.contains(folder))
    }

    /// The slugs of the listed add-ons.
    pub fn addons(&self) -> impl Iterator<Item = &str> {
        self.known.addons.iter().map(|addon| addon.slug.as_str())
    }

    /// The name of an add-on.
    pub fn addon_name(&self, slug: &str) -> Option<&str> {
        self.known
            .addons
            .iter()
            .find(|addon| addon.slug == slug)?
            .name
            .as_deref()
    }

    /// Whether the text begins with a byte order mark, which is left out of every copy.
    pub fn has_byte_order_mark(&self) -> bool {
        self.known.has_mark
    }

    /// What Home Assistant's schema rejects, or what its versions read differently.
    pub fn faults(&self) -> &[MetadataFault] {
        &self.known.faults
    }

    /// The faults that need all fields together, added to those found in single fields.
    fn faults_in_all(&self) -> Vec<MetadataFault> {
        let known = &self.known;
        let missing = |is: bool, key, set_in_copies| {
            is.then_some(MetadataFault::Missing { key, set_in_copies })
        };
        let mut faults = known.faults.clone();
        faults.extend(missing(known.name.is_none(), "name", true));
        faults.extend(missing(known.date.is_none(), "date", false));
        faults.extend(missing(known.kind.is_none(), "type", true));
        faults.extend(self.unknown_folders().map(|name| MetadataFault::Folder {
            name: escape(name.as_bytes()),
        }));
        let incomplete = known
            .addons
            .iter()
            .filter(|addon| addon.name.is_none() || !addon.has_version || !addon.has_size);
        faults.extend(incomplete.map(|addon| MetadataFault::App {
            slug: escape(addon.slug.as_bytes()),
        }));
        faults
    }

    /// The listed add-on repositories.
    pub fn repositories(&self) -> impl Iterator<Item = &str> {
        self.known.repositories.iter().map(String::as_str)
    }
}

/// Whether a slug can be a file name, as it is in a backup. Until March 2023 Supervisor allowed any
/// slug for a local add-on, with spaces and umlauts.
pub fn is_file_name(slug: &str) -> bool {
    !slug.is_empty() && !slug.starts_with('.') && !slug.chars().any(|c| c == '/' || c.is_control())
}

#[cfg(test)]
mod tests;
