//! The names of a backup's components, and of locations inside them. Selectors, `ls` and `plan
//! --why` share this grammar.

use std::str::FromStr;

/// The configuration.
pub const HOME_ASSISTANT: &str = "homeassistant";

/// The source of local apps.
pub const LOCAL_ADDONS: &str = "addons/local";

/// A folder that Home Assistant backs up next to the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folder {
    /// `media`.
    Media,
    /// `share`.
    Share,
    /// `ssl`.
    Ssl,
    /// `addons/local`.
    LocalAddons,
}

impl Folder {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Media, Self::Share, Self::Ssl, Self::LocalAddons];

    /// The component's id.
    pub fn id(self) -> &'static str {
        match self {
            Self::Media => "media",
            Self::Share => "share",
            Self::Ssl => "ssl",
            Self::LocalAddons => LOCAL_ADDONS,
        }
    }
}

/// The kind of component that an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComponentId<'a> {
    /// `homeassistant`.
    HomeAssistant,
    /// A folder.
    Folder(Folder),
    /// `addon:SLUG`. In a selector the slug may be a pattern.
    Addon(&'a str),
    /// `supervisor`.
    Supervisor,
    /// `unknown:MEMBER`: a member of a kind that is unknown to this version.
    Unknown(&'a str),
}

impl<'a> ComponentId<'a> {
    /// Parses an id. Returns `None` for any other word. The slug is empty if the id has none.
    pub fn parse(id: &'a str) -> Option<Self> {
        if let Some(slug) = id.strip_prefix(ADDON) {
            return Some(Self::Addon(slug));
        }
        if let Some(member) = id.strip_prefix(UNKNOWN) {
            return Some(Self::Unknown(member));
        }
        match id {
            HOME_ASSISTANT => Some(Self::HomeAssistant),
            "supervisor" => Some(Self::Supervisor),
            _ => id.parse().ok().map(Self::Folder),
        }
    }
}

impl FromStr for Folder {
    type Err = ();

    fn from_str(id: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|folder| folder.id() == id)
            .ok_or(())
    }
}

const ADDON: &str = "addon:";
const UNKNOWN: &str = "unknown:";
const LOCAL: &str = "local_";

/// The id of an app's component.
pub fn addon_id(slug: &str) -> String {
    format!("{ADDON}{slug}")
}

/// The slug in the id of an app's component; `None` for other components.
pub fn addon_slug(id: &str) -> Option<&str> {
    id.strip_prefix(ADDON)
}

/// Whether a component is an app that was built from [`LOCAL_ADDONS`] (Supervisor,
/// `store/utils.py`: the repository comes before the slug).
pub fn is_local_addon(id: &str) -> bool {
    addon_slug(id).is_some_and(|slug| slug.starts_with(LOCAL))
}

/// `COMPONENT` or `COMPONENT:PATH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location<'a> {
    /// The component's id, or the text in its place.
    pub component: &'a str,
    /// The path in the component, without surrounding slashes and without a leading `./`. `None` if
    /// there is no colon.
    pub path: Option<&'a str>,
}

impl<'a> Location<'a> {
    /// Parses a location. An app's id contains a colon itself, and the whole rest of an unknown
    /// member's id is its name. Spaces around the location are ignored.
    pub fn parse(text: &'a str) -> Self {
        let text = text.trim();
        let alone = Self {
            component: text,
            path: None,
        };
        if text.starts_with(UNKNOWN) {
            return alone;
        }
        let from = if text.starts_with(ADDON) {
            ADDON.len()
        } else {
            0
        };
        let colon = text.get(from..).and_then(|rest| rest.find(':'));
        let Some((component, path)) = colon.and_then(|at| text.split_at_checked(from + at)) else {
            return alone;
        };
        let path = path.strip_prefix(':').unwrap_or(path);
        Self {
            component,
            path: Some(path.trim_start_matches("./").trim_matches('/')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_component_and_a_path_in_it() {
        for (text, component, path) in [
            ("media", "media", None),
            (" media ", "media", None),
            ("media:", "media", Some("")),
            ("media:frigate/", "media", Some("frigate")),
            ("homeassistant:./www", "homeassistant", Some("www")),
            ("addon:core_x", "addon:core_x", None),
            ("addon:core_x:data/y", "addon:core_x", Some("data/y")),
            ("addon:core_x:a:b", "addon:core_x", Some("a:b")),
            ("unknown:a:b", "unknown:a:b", None),
            ("", "", None),
        ] {
            assert_eq!(
                Location::parse(text),
                Location { component, path },
                "{text}"
            );
        }
    }

    #[test]
    fn an_id_says_what_a_component_is() {
        assert_eq!(
            ComponentId::parse("addons/local"),
            Some(ComponentId::Folder(Folder::LocalAddons))
        );
        assert_eq!(
            ComponentId::parse("addon:core_x"),
            Some(ComponentId::Addon("core_x"))
        );
        assert_eq!(ComponentId::parse("medai"), None);
        assert!(is_local_addon("addon:local_x") && !is_local_addon("addon:core_local_x"));
    }
}
