//! JSON objects and arrays whose values stay the text that they were: number
//! spellings, escapes and white space inside them included.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

/// An object: keys in order, values as text.
#[derive(Debug, Clone, Default)]
pub(super) struct RawObject(Vec<(String, Box<RawValue>)>);

impl RawObject {
    /// The text of a value.
    pub fn get(&self, key: &str) -> Option<&RawValue> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, value)| &**value)
    }

    /// Replaces a value in its place, or adds it at the end.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn set(&mut self, key: &str, value: impl Serialize) -> serde_json::Result<()> {
        let value = serde_json::value::to_raw_value(&value)?;
        match self.0.iter_mut().find(|(k, _)| k == key) {
            Some((_, slot)) => *slot = value,
            None => self.0.push((key.to_owned(), value)),
        }
        Ok(())
    }

    /// Lets `change` work on a value that is an object; anything else is left alone.
    ///
    /// # Errors
    /// Those of `change`.
    pub fn change(&mut self, key: &str, change: impl FnOnce(&mut Self) -> serde_json::Result<()>) -> serde_json::Result<()> {
        let Some(mut inner) = self.get(key).and_then(|raw| serde_json::from_str::<Self>(raw.get()).ok()) else { return Ok(()) };
        change(&mut inner)?;
        self.set(key, inner)
    }

    /// Removes the items of an array for which `keep` is false; anything else is left alone.
    ///
    /// # Errors
    /// When the array cannot be written as JSON.
    pub fn retain(&mut self, key: &str, keep: impl Fn(&RawValue) -> bool) -> serde_json::Result<()> {
        let Some(mut items) = self.get(key).and_then(|raw| serde_json::from_str::<Vec<Box<RawValue>>>(raw.get()).ok()) else {
            return Ok(());
        };
        let before = items.len();
        items.retain(|item| keep(item));
        if items.len() == before { Ok(()) } else { self.set(key, items) }
    }

    /// Appends to a list, which begins empty when there is none.
    pub fn extend(&mut self, key: &str, more: &[String]) -> serde_json::Result<()> {
        if more.is_empty() {
            return Ok(());
        }
        let mut items: Vec<Box<RawValue>> = self.get(key).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        for item in more {
            items.push(serde_json::value::to_raw_value(item)?);
        }
        self.set(key, items)
    }
}

impl Serialize for RawObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de> Deserialize<'de> for RawObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = RawObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawObject, A::Error> {
                let mut fields = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    fields.push(entry);
                }
                Ok(RawObject(fields))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}
