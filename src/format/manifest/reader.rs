//! Reads the values that haslim needs from `backup.json`, and notes its faults.

use std::collections::HashSet;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Core, Known, Listed};
use crate::finding::MetadataFault;
use crate::format::raw_json::{each_field, each_item, field, is_object, value};

/// Overhead of one value, in bytes, besides its text.
const EACH: usize = 64;

/// The fields of an add-on that haslim needs.
#[derive(serde::Deserialize)]
pub(super) struct Addon<'a> {
    #[serde(borrow)]
    pub slug: Option<&'a RawValue>,
    #[serde(borrow)]
    pub name: Option<&'a RawValue>,
    /// Null too.
    #[serde(borrow, default, deserialize_with = "present")]
    pub version: Option<&'a RawValue>,
    /// Null too.
    #[serde(borrow, default, deserialize_with = "present")]
    pub size: Option<&'a RawValue>,
}

/// Reads a field that is there, whatever its value.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(from).map(Some)
}

impl<'a> Addon<'a> {
    /// `None` for anything but an object; by type alone, a list would pass.
    pub fn of(raw: &'a RawValue) -> Option<Self> {
        value(raw).filter(|_| is_object(raw))
    }
}

/// Collects the known fields.
pub(super) struct Reader {
    pub known: Known,
    /// Bytes that may still be taken; zero once the limit was exceeded.
    pub room: usize,
}

impl Reader {
    pub fn field(&mut self, key: &str, raw: &RawValue) {
        match key {
            "slug" => self.known.slug = self.string(raw).unwrap_or_default(),
            "name" => self.known.name = self.string(raw),
            "date" => self.known.date = self.string(raw),
            "type" => self.known.kind = self.string(raw),
            "version" => self.known.version = Some(number(raw)),
            "protected" => self.known.protected = self.flag("protected", raw, |_| Some(true)),
            "compressed" => self.known.compressed = self.flag("compressed", raw, spelled_flag),
            "crypto" => self.known.names_cipher = raw.get() != "null",
            "homeassistant" => {
                self.known.homeassistant = self.core(raw);
                if self.known.homeassistant.is_version() {
                    let key = "homeassistant";
                    self.known.faults.push(MetadataFault::Type { key });
                } else {
                    self.accept("homeassistant", is_core(raw));
                }
            }
            "extra" => {
                self.accept("extra", is_object(raw));
                self.known.is_automatic = flag_in(raw, "with_automatic_settings");
                self.known.instance_id =
                    self.text_in(raw, "instance_id").filter(|id| !id.is_empty());
                self.known.requested = self.text_in(raw, "supervisor.backup_request_date");
                self.known.has_extra = is_object(raw);
                self.known.about = self.raw_in(raw, "haslim");
            }
            "folders" => {
                self.known.folders = self.list(raw, Self::string);
                self.accept("folders", is_list_of(raw, is_text));
            }
            "addons" => {
                self.known.addons = self.list(raw, Self::addon);
                self.accept("addons", is_list_of(raw, is_app));
            }
            "repositories" => {
                self.known.repositories = self.list(raw, Self::string);
                let mut seen = HashSet::new();
                let mut is_new = |raw: &RawValue| {
                    value::<String>(raw)
                        .is_some_and(|text| is_repository(&text) && seen.insert(text))
                };
                self.accept("repositories", is_list_of(raw, &mut is_new));
            }
            _ => {}
        }
    }

    /// Notes a value that Supervisor's schema refuses.
    fn accept(&mut self, key: &'static str, is_accepted: bool) {
        if !is_accepted {
            self.known.faults.push(MetadataFault::Value { key });
        }
    }

    /// The value if it is a string and fits into the remaining room.
    fn string(&mut self, raw: &RawValue) -> Option<String> {
        if !raw.get().starts_with('"') {
            return None;
        }
        self.room = self.room.saturating_sub(raw.get().len() + EACH);
        if self.room == 0 { None } else { value(raw) }
    }

    /// The text in this field of an object.
    fn text_in(&mut self, raw: &RawValue, name: &str) -> Option<String> {
        self.string(field(raw, name)?)
    }

    /// The JSON text of this field of an object, if it is an object too.
    fn raw_in(&mut self, raw: &RawValue, name: &str) -> Option<String> {
        let raw = field(raw, name).filter(|raw| is_object(raw))?;
        self.room = self.room.saturating_sub(raw.get().len() + EACH);
        (self.room > 0).then(|| raw.get().to_owned())
    }

    fn core(&mut self, raw: &RawValue) -> Core {
        let mut core = Core {
            version: self.string(raw).filter(|version| !version.is_empty()),
            excludes_database: flag_in(raw, "exclude_database"),
            is_object: is_object(raw),
        };
        if core.is_object {
            // The value was already parsed as JSON, so only a value that is not an object fails
            // here.
            let _ = each_field(raw.get(), |key, raw| {
                if key == "version" {
                    let number = value::<f64>(raw).map(|_| raw.get().to_owned());
                    core.version = self.string(raw).or(number);
                }
                Ok(())
            });
        }
        core
    }

    /// A flag. A value other than `true` or `false` counts as Supervisor reads it: any other
    /// `protected` means yes (`v1_protected`; old backups have text there, supervisor#3499).
    fn flag(
        &mut self,
        key: &'static str,
        raw: &RawValue,
        odd: impl Fn(&RawValue) -> Option<bool>,
    ) -> Option<bool> {
        value(raw).or_else(|| {
            self.known.faults.push(MetadataFault::Type { key });
            odd(raw)
        })
    }

    fn addon(&mut self, raw: &RawValue) -> Option<Listed> {
        let addon = Addon::of(raw)?;
        let slug = self.string(addon.slug?)?;
        Some(Listed {
            slug,
            name: addon.name.and_then(|name| self.string(name)),
            has_version: addon.version.is_some(),
            has_size: addon.size.is_none_or(is_number),
        })
    }

    /// The list's items of the requested kind; empty if the value is not a list.
    fn list<T>(
        &mut self,
        raw: &RawValue,
        item: impl Fn(&mut Self, &RawValue) -> Option<T>,
    ) -> Vec<T> {
        let mut items = Vec::new();
        let _ = each_item(raw.get(), |raw| {
            items.extend(item(self, raw));
            Ok(())
        });
        items
    }
}

fn is_text(raw: &RawValue) -> bool {
    raw.get().starts_with('"')
}

/// Whether a list's item is an app, so far that it can be named.
fn is_app(raw: &RawValue) -> bool {
    Addon::of(raw).is_some_and(|addon| addon.slug.is_some_and(is_text))
}

fn is_list_of(raw: &RawValue, mut is_item: impl FnMut(&RawValue) -> bool) -> bool {
    let mut all = true;
    let each = each_item(raw.get(), |raw| {
        all &= is_item(raw);
        Ok(())
    });
    each.is_ok() && all
}

/// What Python's `float` accepts, by which the schema reads sizes, as far as it occurs.
fn is_number(raw: &RawValue) -> bool {
    let is_read = |text: String| text.trim().replace('_', "").parse::<f64>().is_ok();
    value::<f64>(raw).is_some()
        || value::<bool>(raw).is_some()
        || value::<String>(raw).is_some_and(is_read)
}

/// Whether Supervisor's schema accepts this as `homeassistant`: an object with a version, a size that
/// is a number and a flag. What is empty, or has no version, counts as none (`v1_homeassistant`).
fn is_core(raw: &RawValue) -> bool {
    if !is_object(raw) {
        return matches!(raw.get(), "null" | "false" | "\"\"")
            || is_list_of(raw, |_| false)
            || value::<f64>(raw) == Some(0.0);
    }
    let (mut has_version, mut is_accepted) = (false, true);
    let _ = each_field(raw.get(), |key, raw| {
        match key {
            "version" => has_version = raw.get() != "null",
            "size" => is_accepted &= is_number(raw),
            "exclude_database" => is_accepted &= !is_text(raw) || spelled_flag(raw).is_some(),
            _ => {}
        }
        Ok(())
    });
    !has_version || is_accepted
}

/// Whether Supervisor's schema accepts this as a repository of apps: one of its own two, or an
/// address, possibly with a branch (supervisor `store/validate.py`).
pub(super) fn is_repository(text: &str) -> bool {
    let address = text.split_once("://");
    let is_address = address.is_some_and(|(scheme, rest)| {
        !scheme.is_empty() && !rest.starts_with(['/', '?', '#']) && !rest.is_empty()
    });
    is_address || matches!(text, "core" | "local")
}

/// Whether an object has this field with the value true.
fn flag_in(raw: &RawValue, name: &str) -> bool {
    field(raw, name).is_some_and(|raw| raw.get() == "true")
}

/// A whole number, or text with one: Supervisor's schema accepts both (`vol.Coerce(int)`).
fn number(raw: &RawValue) -> Option<u64> {
    value(raw).or_else(|| value::<String>(raw)?.trim().parse().ok())
}

/// What Supervisor's schema accepts as yes and no besides `true` and `false` (voluptuous,
/// `Boolean`).
fn spelled_flag(raw: &RawValue) -> Option<bool> {
    match value::<String>(raw)
        .map(|text| text.to_lowercase())
        .as_deref()
    {
        Some("1" | "true" | "yes" | "on" | "enable") => Some(true),
        Some("0" | "false" | "no" | "off" | "disable") => Some(false),
        _ => value::<i64>(raw).map(|number| number != 0),
    }
}
