//! What a smaller copy says about its original, in `extra.haslim.slim_of` of `backup.json`.
//!
//! Home Assistant keeps `extra` and lists it as `extra_metadata`, also for a backup in the cloud
//! (tried, Core 2026.11.0). So a copy can be recognised without its file.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The original of a smaller copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its id in Home Assistant.
    pub slug: String,
}

impl Origin {
    /// The value of `extra.haslim` for a copy of this original: JSON text.
    pub fn about(&self) -> String {
        serde_json::json!({"slim_of": {"slug": self.slug}}).to_string()
    }

    /// The original that this value of `extra.haslim` names; `None` if it names none.
    pub fn of(about: &Value) -> Option<Self> {
        Self::deserialize(about.get("slim_of")?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_as_it_was_written() {
        let origin = Origin {
            slug: "0a\"b".into(),
        };
        let about: Value = serde_json::from_str(&origin.about()).unwrap();
        assert_eq!(Origin::of(&about), Some(origin));
    }

    #[test]
    fn anything_else_names_no_origin() {
        for about in [
            "null",
            "3",
            "{}",
            r#"{"rest_of":{"slug":"a"}}"#,
            r#"{"slim_of":"a"}"#,
            r#"{"slim_of":{"slug":1}}"#,
        ] {
            let about: Value = serde_json::from_str(about).unwrap();
            assert_eq!(Origin::of(&about), None, "{about}");
        }
    }
}
