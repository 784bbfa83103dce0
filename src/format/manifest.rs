//! `backup.json`: what a backup says about itself, and what a slimmed copy has
//! to say instead. Key order, unknown keys and the spelling of numbers are kept.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::raw_json::RawObject;
use crate::error::{Error, Result, escape};

/// The member that holds it, exactly as Home Assistant's readers look it up.
pub const MEMBER: &[u8] = b"./backup.json";
/// The same in backups from before 2022.
pub const OLD_MEMBER: &[u8] = b"./snapshot.json";

/// More bytes than this are no metadata.
pub const MAX_BYTES: u64 = 16 << 20;
/// More values than this neither: each takes far more memory than text.
const MAX_VALUES: usize = 200_000;

/// The metadata of one backup: what it says, and the text that says it.
#[derive(Debug, Clone)]
pub struct Manifest {
    fields: Map<String, Value>,
    text: RawObject,
}

impl PartialEq for Manifest {
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields
    }
}

/// What a copy says differently from its original.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The copy's own slug: eight hex digits.
    pub slug: String,
    /// Folder ids and add-on slugs that are left out, `homeassistant` among them.
    pub without: Vec<String>,
    /// Folder ids that are to be listed besides.
    pub also: Vec<String>,
    /// Marks the copy as partial: a full restore would uninstall what is not listed.
    pub partial: bool,
    /// The recorder database was left out: a restore must then keep the live one.
    pub without_database: bool,
    /// Whether the copy is encrypted.
    pub protected: bool,
    /// Whether its parts are gzip archives, where the original is wrong about that.
    pub compressed: Option<bool>,
}

impl Manifest {
    /// Reads the JSON text.
    ///
    /// # Errors
    /// `Damaged` when it is not one JSON object in UTF-8 with the keys that every
    /// backup has; `Refused` for duplicate keys, absurd nesting, or a version
    /// newer than this program.
    pub fn parse(text: &[u8]) -> Result<Self> {
        // Every value but the first in its place stands behind one of these.
        if text.iter().filter(|b| matches!(b, b',' | b'[' | b'{')).count() > MAX_VALUES {
            return Err(Error::refused(format!("backup.json holds more than {MAX_VALUES} values, which is not plausible")));
        }
        let error = |e: serde_json::Error| {
            if e.to_string().contains("recursion limit") {
                return Error::refused("backup.json is nested more than 128 levels deep");
            }
            Error::damaged(format!("backup.json is not valid: {}", escape(e.to_string().as_bytes())))
        };
        let Value::Object(fields) = serde_json::from_slice(text).map_err(error)? else {
            return Err(Error::damaged("backup.json does not hold a JSON object"));
        };
        if let Some(key) = duplicate_key(text) {
            return Err(Error::refused(format!(
                "backup.json has the key '{}' twice: readers disagree about which one counts",
                escape(key.as_bytes())
            )));
        }
        let manifest = Self { fields, text: serde_json::from_slice(text).map_err(error)? };
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<()> {
        match self.fields.get("version").map(|v| v.as_u64()) {
            None | Some(Some(1 | 2)) => {}
            Some(other) => {
                let shown = other.map_or("unknown".into(), |v| v.to_string());
                return Err(Error::refused(format!("backup.json has version {shown}; haslim knows 1 and 2")));
            }
        }
        if !matches!(self.kind(), "full" | "partial") {
            return Err(Error::refused(format!("backup.json has the unknown type '{}'", escape(self.kind().as_bytes()))));
        }
        if self.slug().is_empty() {
            return Err(Error::damaged("backup.json has no slug"));
        }
        let mut seen = HashSet::new();
        for slug in self.addons() {
            if !is_safe_slug(slug) {
                return Err(Error::refused(format!("an add-on is called '{}', which is not a slug", escape(slug.as_bytes()))));
            }
            if !seen.insert(slug) {
                return Err(Error::damaged(format!("backup.json lists the add-on {slug} twice")));
            }
        }
        let mut seen = HashSet::new();
        if let Some(folder) = self.folders().find(|folder| !seen.insert(*folder)) {
            return Err(Error::damaged(format!("backup.json lists the folder {} twice", escape(folder.as_bytes()))));
        }
        Ok(())
    }

    fn text(&self, key: &str) -> &str {
        self.fields.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// The id that Home Assistant keeps the backup under.
    pub fn slug(&self) -> &str {
        self.text("slug")
    }

    /// The name that the user sees.
    pub fn name(&self) -> &str {
        self.text("name")
    }

    /// When it was made, as written there.
    pub fn date(&self) -> &str {
        self.text("date")
    }

    /// `full` or `partial`.
    pub fn kind(&self) -> &str {
        self.fields.get("type").and_then(Value::as_str).unwrap_or("partial")
    }

    /// 1 for backups from before the config directory moved into `data/`, else 2.
    pub fn version(&self) -> u64 {
        self.fields.get("version").and_then(Value::as_u64).unwrap_or(1)
    }

    /// What it claims about encryption; the bytes of each part are the truth.
    pub fn protected(&self) -> bool {
        self.fields.get("protected").and_then(Value::as_bool).unwrap_or(false)
    }

    /// Whether it says in either place that the parts are encrypted.
    pub fn claims_encryption(&self) -> bool {
        self.protected() || self.fields.get("crypto").is_some_and(|crypto| !crypto.is_null())
    }

    /// Whether the parts are gzip archives.
    pub fn compressed(&self) -> bool {
        self.fields.get("compressed").and_then(Value::as_bool).unwrap_or(true)
    }

    /// The Core version that made it.
    pub fn homeassistant_version(&self) -> Option<&str> {
        let entry = self.fields.get("homeassistant")?;
        entry.as_str().or_else(|| entry.get("version")?.as_str())
    }

    /// Whether a restore is told to keep the live recorder database.
    pub fn excludes_database(&self) -> bool {
        self.fields.get("homeassistant").and_then(|h| h.get("exclude_database")).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Whether a copy can tell a restore to keep the live database: old metadata have no
    /// place to say so.
    pub fn can_exclude_database(&self) -> bool {
        self.fields.get("homeassistant").is_some_and(Value::is_object)
    }

    /// Whether Home Assistant's automatic retention counts this backup.
    pub fn is_automatic(&self) -> bool {
        self.fields.get("extra").and_then(|e| e.get("with_automatic_settings")).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The folders listed, `addons/local` in that spelling.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.list("folders").iter().filter_map(Value::as_str)
    }

    /// The slugs of the add-ons listed.
    pub fn addons(&self) -> impl Iterator<Item = &str> {
        self.list("addons").iter().filter_map(addon_slug)
    }

    /// What an add-on is called.
    pub fn addon_name(&self, slug: &str) -> Option<&str> {
        self.list("addons").iter().find(|addon| addon_slug(addon) == Some(slug))?.get("name")?.as_str()
    }

    /// The add-on repositories listed.
    pub fn repositories(&self) -> impl Iterator<Item = &str> {
        self.list("repositories").iter().filter_map(Value::as_str)
    }

    fn list(&self, key: &str) -> &[Value] {
        self.fields.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// The copy's metadata. Everything that [`Changes`] does not name stays the
    /// text that it was, in its order.
    ///
    /// # Errors
    /// `Internal`, which does not happen for a value that was parsed.
    pub fn changed(&self, changes: &Changes) -> Result<Self> {
        let mut text = self.text.clone();
        self.write_changes(changes, &mut text).map_err(not_written)?;
        let bytes = serde_json::to_vec(&text).map_err(not_written)?;
        Self::parse(&bytes)
    }

    fn write_changes(&self, changes: &Changes, text: &mut RawObject) -> serde_json::Result<()> {
        text.set("slug", &changes.slug)?;
        text.set("name", copy_name(self.name(), &changes.slug))?;
        text.set("protected", changes.protected)?;
        if let Some(compressed) = changes.compressed {
            text.set("compressed", compressed)?;
        }
        if !changes.protected && text.get("crypto").is_some() {
            text.set("crypto", ())?;
        }
        if changes.partial {
            text.set("type", "partial")?;
        }
        let gone = |id: Option<&str>| id.is_some_and(|id| changes.without.iter().any(|w| w == id));
        text.retain("folders", |item| !gone(value(item).as_str()))?;
        text.retain("addons", |item| !gone(addon_slug(&value(item))))?;
        text.extend("folders", &changes.also)?;
        if gone(Some("homeassistant")) {
            text.set("homeassistant", ())?;
        } else if changes.without_database {
            text.change("homeassistant", |homeassistant| homeassistant.set("exclude_database", true))?;
        }
        if self.is_automatic() {
            text.change("extra", |extra| extra.set("with_automatic_settings", false))?;
        }
        Ok(())
    }

    /// The JSON text.
    ///
    /// # Errors
    /// `Internal`, which does not happen for a value that was parsed.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(&self.text).map_err(not_written)
    }
}

fn not_written(error: serde_json::Error) -> Error {
    Error::new(crate::Kind::Internal, "cannot write backup.json").caused_by(error)
}

fn value(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

fn addon_slug(addon: &Value) -> Option<&str> {
    addon.get("slug")?.as_str()
}

/// Slugs become file names: letters, digits, `_`, `-` and `.`, not leading.
pub fn is_safe_slug(slug: &str) -> bool {
    !slug.is_empty() && !slug.starts_with('.') && slug.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// The copy's name: `NAME (slim SLUG)`.
///
/// Core makes the file name of an upload out of name and date. With the original's
/// name, uploading the copy would overwrite the original; with the slug in it, two
/// copies can stand side by side as well. Since 2026.11 Core also refuses names
/// that are no part of a file name.
fn copy_name(name: &str, slug: &str) -> String {
    let safe = name.replace(['/', '\\'], "-");
    let base = match without_mark(&safe) {
        "" | "." | ".." => "Backup",
        base => base,
    };
    format!("{base}{MARK_BEGIN}{slug}{MARK_END}")
}

const MARK_BEGIN: &str = " (slim ";
const MARK_END: &str = ")";

/// A copy of a copy gets one mark, not two.
fn without_mark(name: &str) -> &str {
    let slug = |rest: &str| rest.len() == 8 && rest.bytes().all(|b| b.is_ascii_hexdigit());
    match name.strip_suffix(MARK_END).and_then(|n| n.rsplit_once(MARK_BEGIN)) {
        Some((base, rest)) if slug(rest) => base,
        _ => name,
    }
}

/// The first key that an object holds twice. `serde_json` would keep the last
/// one and Python too, but others keep the first.
fn duplicate_key(text: &[u8]) -> Option<String> {
    struct Unique;

    impl<'de> Deserialize<'de> for Unique {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(UniqueVisitor)
        }
    }

    struct UniqueVisitor;

    impl<'de> Visitor<'de> for UniqueVisitor {
        type Value = Unique;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any JSON")
        }
        fn visit_bool<E>(self, _: bool) -> Result<Unique, E> {
            Ok(Unique)
        }
        fn visit_u64<E>(self, _: u64) -> Result<Unique, E> {
            Ok(Unique)
        }
        fn visit_i64<E>(self, _: i64) -> Result<Unique, E> {
            Ok(Unique)
        }
        fn visit_f64<E>(self, _: f64) -> Result<Unique, E> {
            Ok(Unique)
        }
        fn visit_str<E>(self, _: &str) -> Result<Unique, E> {
            Ok(Unique)
        }
        fn visit_unit<E>(self) -> Result<Unique, E> {
            Ok(Unique)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unique, A::Error> {
            while items.next_element::<Unique>()?.is_some() {}
            Ok(Unique)
        }
        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Unique, A::Error> {
            let mut keys = HashSet::new();
            while let Some(key) = entries.next_key::<String>()? {
                entries.next_value::<Unique>()?;
                if let Some(double) = keys.replace(key) {
                    return Err(serde::de::Error::custom(format!("{MARK}{double}")));
                }
            }
            Ok(Unique)
        }
    }

    /// Tells this error from the parser's own.
    const MARK: &str = "duplicate key: ";

    let error = serde_json::from_slice::<Unique>(text).err()?.to_string();
    let rest = error.strip_prefix(MARK)?;
    Some(rest.rsplit_once(" at line").map_or(rest, |(key, _)| key).to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SAMPLE: &str = r#"{"zeta":1e3,"slug":"0a1b2c3d","version":2,"name":"a/b","date":"2026","type":"full","protected":true,
        "homeassistant":{"version":"2026.10.3","exclude_database":false,"size":1.50},"folders":["share","media","addons/local"],
        "addons":[{"slug":"core_mosquitto","size":0.0},{"slug":"local_x","odd":1E400}],
        "extra":{"with_automatic_settings":true,"big":123456789012345678901234567890},"crypto":"aes128","new_key":{"b":1,"a":2}}"#;

    fn changes(without: &[&str]) -> Changes {
        Changes {
            slug: "ffffffff".into(),
            without: without.iter().map(|s| (*s).to_owned()).collect(),
            also: Vec::new(),
            partial: true,
            without_database: true,
            protected: true,
            compressed: None,
        }
    }

    #[test]
    fn a_copy_changes_what_it_must_and_keeps_the_rest_as_spelled() {
        let text = Manifest::parse(SAMPLE.as_bytes()).unwrap().changed(&changes(&["media", "core_mosquitto"])).unwrap().to_bytes().unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            r#"{"zeta":1e3,"slug":"ffffffff","version":2,"name":"a-b (slim ffffffff)","date":"2026","type":"partial","protected":true,"homeassistant":{"version":"2026.10.3","exclude_database":true,"size":1.50},"folders":["share","addons/local"],"addons":[{"slug":"local_x","odd":1E400}],"extra":{"with_automatic_settings":false,"big":123456789012345678901234567890},"crypto":"aes128","new_key":{"b":1,"a":2}}"#
        );
    }

    #[test]
    fn a_copy_has_a_name_of_its_own_and_one_mark_only() {
        let first = copy_name("Automatic backup", "0a1b2c3d");
        assert_eq!(first, "Automatic backup (slim 0a1b2c3d)");
        assert_eq!(copy_name(&first, "ffffffff"), "Automatic backup (slim ffffffff)");
        assert_eq!(copy_name("..", "ffffffff"), "Backup (slim ffffffff)");
        assert_eq!(copy_name("a (slim x)", "ffffffff"), "a (slim x) (slim ffffffff)");
    }

    #[test]
    fn without_homeassistant_its_entry_is_null() {
        let copy = Manifest::parse(SAMPLE.as_bytes()).unwrap().changed(&changes(&["homeassistant"])).unwrap();
        assert_eq!(copy.fields.get("homeassistant"), Some(&Value::Null));
    }

    #[test]
    fn an_unprotected_copy_names_no_cipher() {
        let copy = Manifest::parse(SAMPLE.as_bytes()).unwrap().changed(&Changes { protected: false, ..changes(&[]) }).unwrap();
        assert_eq!((copy.protected(), copy.fields.get("crypto")), (false, Some(&Value::Null)));
    }

    #[test]
    fn what_readers_would_read_differently_is_refused_or_damaged() {
        let kind = |text: &[u8]| Manifest::parse(text).unwrap_err().kind();
        let deep = format!(r#"{{"slug":"a","x":{}{}}}"#, "[".repeat(300), "]".repeat(300));
        for text in [
            &br#"{"slug":"a","slug":"b"}"#[..],
            br#"{"slug":"a","extra":{"x":1,"x":2}}"#,
            br#"{"slug":"a","version":3}"#,
            br#"{"slug":"a","type":"odd"}"#,
            br#"{"slug":"a","addons":[{"slug":"../x"}]}"#,
            deep.as_bytes(),
            [br#"{"slug":"a","x":["#.as_slice(), &b"0,".repeat(200_000), b"0]}"].concat().as_slice(),
        ] {
            assert_eq!(kind(text), crate::Kind::Refused, "{}", escape(text));
        }
        for text in [
            &b""[..],
            b"[]",
            b"{}",
            br#"{"slug":"a"} x"#,
            br#"{"slug":NaN}"#,
            b"{\"slug\":\"\xff\"}",
            br#"{"slug":"\ud800"}"#,
            br#"{"slug":"a","addons":[{"slug":"x"},{"slug":"x"}]}"#,
            br#"{"slug":"a","folders":["ssl","ssl"]}"#,
        ] {
            assert_eq!(kind(text), crate::Kind::Damaged, "{}", escape(text));
        }
    }
}
