//! Selectors, as users write them: `media`, `addon:*_influxdb`, `database`, `homeassistant:www/**`.

use crate::component::{ComponentId, HOME_ASSISTANT, Location};
use crate::error::{Advice, Error, Kind, NoDatabase, Result};
use crate::plan::request::database::Database;
use crate::plan::request::pattern::Pattern;
use crate::rules::{NeverList, Taking};

/// One selector of `--drop` or `--keep`.
#[derive(Debug, Clone)]
pub struct Selector {
    text: String,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Component(Pattern),
    Path {
        component: Pattern,
        path: Pattern,
    },
    /// The recorder's database; `None` until its location is known.
    Database(Option<Database>),
}

impl Selector {
    /// Parses one selector.
    ///
    /// # Errors
    /// `Usage`, with the available forms.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let what = match text {
            "database" => What::Database(None),
            _ => parse_component(text)?,
        };
        Ok(Self {
            text: text.to_owned(),
            what,
        })
    }

    /// The selector for one component as a whole.
    ///
    /// # Errors
    /// None, if the id is that of a part.
    pub(crate) fn component(id: &str) -> Result<Self> {
        Ok(Self {
            text: id.to_owned(),
            what: What::Component(exact(id)?),
        })
    }

    /// The text that selects exactly one path of a component, including its contents if it is a
    /// folder. `None` for the root of a component and for a path that no selector can name.
    pub fn text_of(id: &str, path: &[u8]) -> Option<String> {
        let path = std::str::from_utf8(path)
            .ok()
            .filter(|path| !path.is_empty())?;
        // An unknown member is dropped as a whole or not at all.
        if matches!(ComponentId::parse(id), Some(ComponentId::Unknown(_))) {
            return None;
        }
        let mut text = Pattern::literal_text(path);
        // Spaces at the end would be taken for spaces around the selector.
        if let Some((at, space)) = text
            .char_indices()
            .next_back()
            .filter(|(_, c)| c.is_whitespace())
        {
            text.truncate(at);
            text.extend(['{', space, '}']);
        }
        Some(format!("{id}:{text}"))
    }

    /// As the user wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True if it names the component as a whole.
    pub fn takes_component(&self, id: &str) -> bool {
        matches!(&self.what, What::Component(component) if component.is_match(id.as_bytes()))
    }

    /// True if it names paths inside the component, so that the component must be surveyed.
    pub fn looks_into(&self, id: &str) -> bool {
        match &self.what {
            What::Component(_) => false,
            What::Path { component, .. } => component.is_match(id.as_bytes()),
            What::Database(None) => id == HOME_ASSISTANT,
            What::Database(Some(target)) => target.component() == Some(id),
        }
    }

    /// The regular expression for the paths that it names and everything below them. It matches the
    /// same paths as `takes_path` if [`Selector::looks_into`] is true. `None` if the selector is
    /// not a pattern.
    pub(crate) fn pattern(&self) -> Option<String> {
        match &self.what {
            What::Path { path, .. } => Some(path.regex().to_owned()),
            What::Component(_) | What::Database(_) => None,
        }
    }

    /// True if it names this path inside the component, or a directory above it.
    pub fn takes_path(&self, id: &str, path: &[u8]) -> bool {
        match &self.what {
            What::Component(component) => component.is_match(id.as_bytes()),
            What::Path {
                component,
                path: glob,
            } => component.is_match(id.as_bytes()) && glob.is_match(path),
            What::Database(None) => Database::Usual.takes(id, path),
            What::Database(Some(target)) => target.takes(id, path),
        }
    }

    /// Whether this is the word `database`.
    pub(crate) fn is_database(&self) -> bool {
        matches!(self.what, What::Database(_))
    }

    /// The same selector, with the location of the database.
    pub(crate) fn located(&self, target: &Database) -> Self {
        let what = if self.is_database() {
            What::Database(Some(target.clone()))
        } else {
            self.what.clone()
        };
        Self {
            text: self.text.clone(),
            what,
        }
    }

    /// Why the database that it names is not in the backup.
    pub(crate) fn nowhere(&self) -> Option<&NoDatabase> {
        match &self.what {
            What::Database(Some(Database::Nowhere(why))) => Some(why),
            _ => None,
        }
    }
}

fn parse_component(text: &str) -> Result<What> {
    let Location { component, path } = Location::parse(text);
    let matching = match ComponentId::parse(component) {
        None => return Err(usage(text, "no component has this name")),
        Some(ComponentId::Addon("")) => return Err(usage(text, "the add-on's slug is missing")),
        Some(ComponentId::Addon(_)) => glob(component, text)?,
        Some(_) => exact(component)?,
    };
    match path {
        None => Ok(What::Component(matching)),
        Some("") => Err(usage(text, "the path after the colon is empty")),
        Some(path) => Ok(What::Path {
            component: matching,
            path: Pattern::of_paths(path).map_err(|why| usage(text, &why))?,
        }),
    }
}

fn glob(pattern: &str, text: &str) -> Result<Pattern> {
    Pattern::of_names(pattern).map_err(|why| usage(text, &why))
}

fn exact(name: &str) -> Result<Pattern> {
    glob(&Pattern::literal_text(name), name)
}

fn usage(text: &str, why: &str) -> Error {
    let text = crate::error::escape(text.as_bytes());
    Error::new(Kind::Usage, format!("'{text}' selects nothing: {why}"))
        .advice(Advice::SelectorForms)
}

impl Selector {
    /// True if neither the component nor the path is a glob. Only then does it drop anything
    /// irreplaceable.
    pub fn is_typed_in_full(&self) -> bool {
        match &self.what {
            What::Component(component) => component.is_literal(),
            What::Path { component, path } => component.is_literal() && path.is_literal(),
            What::Database(_) => true,
        }
    }

    /// True if it names everything in a folder whose name has no wildcards: `www/**`.
    pub fn names_a_folder(&self) -> bool {
        matches!(&self.what, What::Path { component, path } if component.is_literal() && path.is_all_of_a_folder())
    }

    /// Why the never-drop list protects a path from this selector.
    pub fn held_back<'a>(&self, never: &'a NeverList, path: &[u8]) -> Option<&'a str> {
        let taking = match &self.what {
            What::Path { path, .. } => Taking::by_glob(path.text()),
            What::Component(_) | What::Database(_) => Taking::Folder,
        };
        let typed = self.is_typed_in_full() || self.names_a_folder();
        if typed {
            None
        } else {
            never.reason_when(path, taking)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn takes(selector: &str, id: &str, path: &str) -> bool {
        Selector::parse(selector)
            .unwrap()
            .takes_path(id, path.as_bytes())
    }

    #[test]
    fn components_are_taken_by_name_and_addons_by_glob() {
        assert!(Selector::parse("media").unwrap().takes_component("media"));
        assert!(
            Selector::parse("addons/local")
                .unwrap()
                .takes_component("addons/local")
        );
        let influx = Selector::parse("addon:*_influxdb").unwrap();
        assert!(influx.takes_component("addon:a0d7b954_influxdb"));
        assert!(!influx.takes_component("addon:a0d7b954_influxdb_two"));
        assert!(
            Selector::parse("unknown:odd[1].bin")
                .unwrap()
                .takes_component("unknown:odd[1].bin")
        );
    }

    #[test]
    fn a_star_stays_inside_a_directory_and_two_stars_do_not() {
        assert!(takes(
            "homeassistant:nest/event_media/**",
            "homeassistant",
            "nest/event_media/a/b.mp4"
        ));
        assert!(!takes(
            "homeassistant:nest/event_media/**",
            "homeassistant",
            "nest/event_media"
        ));
        assert!(takes("media:*.mp4", "media", "a.mp4"));
        assert!(!takes("media:*.mp4", "media", "b/a.mp4"));
        assert!(!takes("media:*.mp4", "share", "a.mp4"));
    }

    #[test]
    fn a_directory_named_takes_everything_in_it() {
        assert!(takes("homeassistant:nest", "homeassistant", "nest"));
        assert!(takes(
            "homeassistant:/nest/",
            "homeassistant",
            "nest/event_media/a"
        ));
        assert!(!takes("homeassistant:nest", "homeassistant", "nesting/a"));
    }

    #[test]
    fn the_database_is_its_three_files_at_the_root() {
        for file in [
            "home-assistant_v2.db",
            "home-assistant_v2.db-wal",
            "home-assistant_v2.db-shm",
        ] {
            assert!(takes("database", "homeassistant", file));
        }
        for file in [
            "home-assistant_v2.db.corrupt.1",
            "sub/home-assistant_v2.db",
            "zigbee.db",
        ] {
            assert!(
                !takes("database", "homeassistant", file),
                "{file} was taken for the recorder"
            );
        }
    }

    #[test]
    fn only_a_selector_without_any_glob_is_typed_in_full() {
        for text in [
            "media",
            "addon:core_x",
            "homeassistant:.storage/auth",
            "addon:core_x:data/options.json",
            "database",
        ] {
            assert!(Selector::parse(text).unwrap().is_typed_in_full(), "{text}");
        }
        for text in [
            "addon:*",
            "addon:core_?:data",
            "addon:*:data/options.json",
            "homeassistant:*.yaml",
            "addon:{a,b}",
        ] {
            assert!(!Selector::parse(text).unwrap().is_typed_in_full(), "{text}");
        }
    }

    #[test]
    fn an_unknown_member_is_named_as_it_is_shown() {
        for id in [
            "unknown:odd\\x80.tar",
            "unknown:a\\nb",
            "unknown:a[1]{2}*.bin",
        ] {
            assert!(Selector::parse(id).unwrap().takes_component(id), "{id}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_text_of_a_path_takes_it_and_no_other(
            path in "([a-b*?{}!,:\\[\\]\\\\ \n\u{1b}-]{1,4}/){0,2}[a-b*?{}!,:\\[\\]\\\\ \n-]{1,4}",
            other in "[ab/]{1,6}",
            id in "media|homeassistant|addons/local|addon:core_x",
        ) {
            let selector = Selector::parse(&Selector::text_of(&id, path.as_bytes()).unwrap()).unwrap();
            proptest::prop_assert!(selector.takes_path(&id, path.as_bytes()) && selector.looks_into(&id));
            let (below, beside) = (format!("{path}/x"), format!("{path}x"));
            proptest::prop_assert!(selector.takes_path(&id, below.as_bytes()) && !selector.takes_path(&id, beside.as_bytes()));
            let inside = other == path || other.starts_with(&format!("{path}/"));
            proptest::prop_assert_eq!(selector.takes_path(&id, other.as_bytes()), inside);
        }
    }

    #[test]
    fn what_no_text_can_name_has_none() {
        for (id, path) in [
            ("media", &b""[..]),
            ("media", b"a\xff"),
            ("unknown:x.tar", b"a"),
        ] {
            assert_eq!(Selector::text_of(id, path), None, "{id} {path:?}");
        }
    }

    #[test]
    fn what_names_nothing_is_a_usage_error() {
        for text in ["medai", "addon:", "media:", "media:[", "foo:bar", ""] {
            assert_eq!(
                Selector::parse(text).unwrap_err().kind(),
                Kind::Usage,
                "{text}"
            );
        }
    }
}
