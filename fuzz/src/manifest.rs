//! `backup.json`, from any text.

use haslim::format::manifest::{Changes, Made, Manifest};
use haslim::rest::Record;
use serde_json::{Map, Value};

const SLUG: &str = "0badcafe";
/// The fields in which a copy may differ from its original.
const CHANGED: [&str; 10] = [
    "slug",
    "name",
    "protected",
    "compressed",
    "crypto",
    "type",
    "folders",
    "addons",
    "homeassistant",
    "extra",
];

/// A copy can be read again, has its new slug, and has no other differences.
pub fn run(data: &[u8]) {
    let Some((&choice, text)) = data.split_first() else {
        return;
    };
    let Ok(original) = Manifest::parse(text) else {
        return;
    };
    if let Ok(Some(record)) = Record::of(&original) {
        let inside: u64 = record.parts.iter().map(|part| part.size).sum();
        assert_eq!(inside + record.outside.len() as u64, record.size);
    }
    let picked = |at: u32| choice >> at & 1 == 1;
    let mut without = Vec::new();
    if picked(0) {
        without.extend(original.folders().take(1).map(str::to_owned));
    }
    if picked(1) {
        without.extend(original.addons().skip(1).map(str::to_owned));
    }
    if picked(2) {
        without.push("homeassistant".into());
    }
    let changes = Changes {
        slug: SLUG.into(),
        without: without.clone(),
        also: Vec::new(),
        partial: picked(3),
        without_database: picked(4),
        protected: picked(5),
        compressed: picked(6).then_some(picked(7)),
        made: if picked(7) { Made::Rest } else { Made::Slim },
        about: picked(7).then(|| r#"{"rest_of":{}}"#.to_owned()),
    };
    let bytes = original
        .changed(&changes)
        .expect("any sound metadata can be changed");
    assert_eq!(original.changed_len(&changes).unwrap(), bytes.len() as u64);
    let again = Manifest::parse(bytes.clone()).expect("and read again");
    assert!(
        original.changes_to(&changes, &again).unwrap(),
        "writing is not stable"
    );
    assert_eq!((again.slug(), again.protected()), (SLUG, changes.protected));
    assert_eq!(again.about(), changes.about.as_deref());
    assert_eq!(again.made(), Some(changes.made));
    assert_eq!(
        again.compressed(),
        changes.compressed.unwrap_or(original.compressed())
    );
    assert!(!again.name().contains(['/', '\\']) && !again.name().is_empty());
    assert!(!again.is_automatic(), "retention would count the copy");
    for gone in &without {
        assert!(
            !again.folders().any(|f| f == gone) && !again.addons().any(|a| a == gone),
            "{gone} is still listed"
        );
    }
    let unchanged = |map: Map<String, Value>| {
        map.into_iter()
            .filter(|(key, _)| !CHANGED.contains(&key.as_str()))
            .collect::<Vec<_>>()
    };
    // serde_json refuses a valid text with a key to which it gives a special meaning.
    let Ok(before) = serde_json::from_slice::<Map<String, Value>>(text) else {
        return;
    };
    let after: Map<String, Value> = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(unchanged(before), unchanged(after));
}
