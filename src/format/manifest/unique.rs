//! Checks whether a text is JSON, and whether all readers see the same fields in it.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, Result, escape};
use crate::format::raw_json::Key;

/// Checks that a text is one JSON value, nested at most 128 levels deep, in which no object has the
/// same key twice.
///
/// Of two equal keys serde_json and Python would keep the last, but other readers keep the first.
/// Memory: at most about 20 bytes per key.
///
/// # Errors
/// `Damaged` if it is not JSON, `Refused` for the rest.
pub(super) fn check(text: &str) -> Result<()> {
    let Err(error) = serde_json::from_str::<Unique<HashSet<u64>>>(text) else {
        return Ok(());
    };
    let message = error.to_string();
    if message.contains("recursion limit") {
        return Err(Error::refused(
            "backup.json is nested more than 128 levels deep",
        ));
    }
    if !message.starts_with(TWICE) {
        return Err(not_valid(&message));
    }
    // Two keys can have the same hash, but so rarely that a second check costs nothing.
    match serde_json::from_str::<Unique<HashSet<String>>>(text).map_err(|e| e.to_string()) {
        Err(message) => Err(match message.strip_prefix(TWICE) {
            Some(key) => twice(key),
            None => not_valid(&message),
        }),
        Ok(_) => Ok(()),
    }
}

/// The error for a key that is there twice; serde appends the position to it.
fn twice(key: &str) -> Error {
    let key = key.rsplit_once(" at line").map_or(key, |(key, _)| key);
    let shown = escape(key.as_bytes());
    Error::refused(format!(
        "backup.json has the key '{shown}' twice: readers disagree about which one counts"
    ))
}

fn not_valid(message: &str) -> Error {
    let shown = escape(message.as_bytes());
    Error::damaged(format!("backup.json is not valid: {shown}"))
}

/// Marks the error for a duplicate key, so that it differs from the parser's own errors.
const TWICE: &str = "duplicate key: ";

/// The keys of one object.
trait Seen: Default {
    /// Adds a key; returns false if it is already there.
    fn add(&mut self, key: &str) -> bool;
}

impl Seen for HashSet<u64> {
    fn add(&mut self, key: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        self.insert(hasher.finish())
    }
}

impl Seen for HashSet<String> {
    fn add(&mut self, key: &str) -> bool {
        self.insert(key.to_owned())
    }
}

struct Unique<S>(PhantomData<S>);

impl<'de, S: Seen> Deserialize<'de> for Unique<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(PhantomData))
    }
}

struct Any<S>(PhantomData<S>);

impl<'de, S: Seen> Visitor<'de> for Any<S> {
    type Value = Unique<S>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Unique(PhantomData))
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Unique(PhantomData))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Unique(PhantomData))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Unique(PhantomData))
    }
    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Unique(PhantomData))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Unique(PhantomData))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<Unique<S>>()?.is_some() {}
        Ok(Unique(PhantomData))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut keys = S::default();
        while let Some(Key(key)) = entries.next_key()? {
            entries.next_value::<Unique<S>>()?;
            if !keys.add(&key) {
                return Err(A::Error::custom(format!("{TWICE}{key}")));
            }
        }
        Ok(Unique(PhantomData))
    }
}
