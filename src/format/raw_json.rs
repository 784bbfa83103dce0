//! JSON objects and arrays whose values keep their text, including the spelling of numbers, escapes
//! and white space.
//!
//! No tree is built: the fields are visited one by one, so that a text of any size takes no further
//! memory.

use std::borrow::Cow;
use std::fmt;
use std::io::Write;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Result;
use serde_json::value::RawValue;

/// A key, borrowed from the text if it is spelled without escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Key<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// Calls `each` for every field of an object, in order.
///
/// # Errors
/// If the text is not an object, or an error from `each`.
pub(crate) fn each_field<'a>(
    text: &'a str,
    each: impl FnMut(&str, &'a RawValue) -> Result<()>,
) -> Result<()> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_map(FieldVisitor(each))
}

struct FieldVisitor<F>(F);

impl<'de, F: FnMut(&str, &'de RawValue) -> Result<()>> Visitor<'de> for FieldVisitor<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> std::result::Result<(), A::Error> {
        while let Some((Key(key), value)) = entries.next_entry::<Key<'de>, &'de RawValue>()? {
            (self.0)(&key, value).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// The last field of an object with this name; `None` too for anything but an object.
pub(crate) fn field<'a>(object: &'a RawValue, name: &str) -> Option<&'a RawValue> {
    let mut found = None;
    let _ = each_field(object.get(), |key, raw| {
        if key == name {
            found = Some(raw);
        }
        Ok(())
    });
    found
}

/// Calls `each` for every item of an array, in order.
///
/// # Errors
/// If the text is not an array, or an error from `each`.
pub(crate) fn each_item<'a>(
    text: &'a str,
    each: impl FnMut(&'a RawValue) -> Result<()>,
) -> Result<()> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_seq(ItemVisitor(each))
}

struct ItemVisitor<F>(F);

impl<'de, F: FnMut(&'de RawValue) -> Result<()>> Visitor<'de> for ItemVisitor<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> std::result::Result<(), A::Error> {
        while let Some(item) = items.next_element::<&'de RawValue>()? {
            (self.0)(item).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// Parses a text as the requested type; `None` if it is something else.
pub(crate) fn value<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// Whether a text is an object.
pub(crate) fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

/// A change to one field.
pub(super) enum Edit<'a> {
    /// Sets this value in its place, or at the end if there is no such field.
    Set(String),
    /// Sets this value if there is such a field.
    Replace(String),
    /// Sets these fields in a value that is an object; anything else is left alone.
    Inside(&'a [(&'a str, Edit<'a>)]),
    /// A list without the items that `gone` selects and with the items of `more`; anything but a
    /// list becomes one.
    List {
        /// Whether an item is removed.
        gone: &'a dyn Fn(&RawValue) -> bool,
        /// The items added at the end.
        more: &'a [String],
    },
}

/// Writes an object with these edits, in the order of the text and then of the edits. Unedited
/// values keep their text.
///
/// # Errors
/// If the text is not an object, or an error from the writer.
pub(super) fn edited(text: &str, edits: &[(&str, Edit<'_>)], out: &mut dyn Write) -> Result<()> {
    let mut fields = Fields { out, any: false };
    let mut seen = vec![false; edits.len()];
    fields.raw("{")?;
    each_field(text, |key, value| {
        let at = edits.iter().position(|(name, _)| *name == key);
        at.and_then(|at| seen.get_mut(at))
            .into_iter()
            .for_each(|seen| *seen = true);
        fields.key(key)?;
        match at.and_then(|at| edits.get(at)) {
            Some((_, edit)) => edit.apply(value, &mut fields),
            None => fields.raw(value.get()),
        }
    })?;
    for ((key, edit), _) in edits.iter().zip(seen).filter(|(_, seen)| !seen) {
        edit.add(key, &mut fields)?;
    }
    fields.raw("}")
}

struct Fields<'a> {
    out: &'a mut dyn Write,
    /// Whether an item was already written.
    any: bool,
}

impl Fields<'_> {
    fn raw(&mut self, text: &str) -> Result<()> {
        self.out
            .write_all(text.as_bytes())
            .map_err(serde::ser::Error::custom)
    }

    fn key(&mut self, key: &str) -> Result<()> {
        if std::mem::replace(&mut self.any, true) {
            self.raw(",")?;
        }
        serde_json::to_writer(&mut *self.out, key)?;
        self.raw(":")
    }
}

impl Edit<'_> {
    fn apply(&self, old: &RawValue, fields: &mut Fields<'_>) -> Result<()> {
        match self {
            Self::Set(new) | Self::Replace(new) => fields.raw(new),
            Self::Inside(edits) if is_object(old) => edited(old.get(), edits, fields.out),
            Self::List { gone, more } => list(old.get(), gone, more, fields),
            Self::Inside(_) => fields.raw(old.get()),
        }
    }

    /// Adds a field that is not there yet.
    fn add(&self, key: &str, fields: &mut Fields<'_>) -> Result<()> {
        match self {
            Self::Set(new) => {
                fields.key(key)?;
                fields.raw(new)
            }
            Self::List { more, .. } if !more.is_empty() => {
                fields.key(key)?;
                list("[]", &|_| false, more, fields)
            }
            Self::Replace(_) | Self::Inside(_) | Self::List { .. } => Ok(()),
        }
    }
}

fn list(
    old: &str,
    gone: &dyn Fn(&RawValue) -> bool,
    more: &[String],
    fields: &mut Fields<'_>,
) -> Result<()> {
    let is_list = old.starts_with('[');
    let changes = !more.is_empty() || !is_list || any_item(old, gone)?;
    if !changes {
        return fields.raw(old);
    }
    let mut separator = "[";
    let mut push = |text: &str| {
        fields.raw(std::mem::replace(&mut separator, ","))?;
        fields.raw(text)
    };
    if is_list {
        let mut keep = |item: &RawValue| if gone(item) { Ok(()) } else { push(item.get()) };
        each_item(old, &mut keep)?;
    }
    for item in more {
        push(&serde_json::to_string(item)?)?;
    }
    fields.raw(if separator == "[" { "[]" } else { "]" })
}

/// Whether a list has an item for which `test` holds.
fn any_item(list: &str, test: &dyn Fn(&RawValue) -> bool) -> Result<bool> {
    let mut any = false;
    each_item(list, |item| {
        any |= test(item);
        Ok(())
    })?;
    Ok(any)
}
