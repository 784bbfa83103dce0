//! Home Assistant's own names for what is in a backup: folders as its apps see them
//! (`/config/www`), the database's file, and the names of apps.

use crate::component::{ComponentId, Folder, HOME_ASSISTANT, LOCAL_ADDONS, Location, addon_id};
use crate::open::{Backup, ComponentKind};
use crate::rules::Catalogue;

/// The recorder's database in the configuration.
const DATABASE: &str = "home-assistant_v2.db";

/// What selects everything in a folder.
const ALL_IN_IT: &str = "/**";

/// The selector that a text means: the text itself, unless it is one of Home Assistant's names. The
/// file of the database means all of the database.
pub fn selector(text: &str, backup: &Backup) -> String {
    let place = location(text, backup);
    if place != text.trim() && place == database_file() {
        return "database".into();
    }
    place
}

/// The location that a text means: the text itself, unless it is one of Home Assistant's names.
pub fn location(text: &str, backup: &Backup) -> String {
    let text = text.trim();
    let Location { component, path } = Location::parse(text);
    if text == "database" || ComponentId::parse(component).is_some() {
        return text.to_owned();
    }
    let meant = folder(text).or_else(|| app(component, path, backup));
    meant.unwrap_or_else(|| text.to_owned())
}

/// What a rule takes, as selectors, if this is the id of a built-in rule.
pub(crate) fn of_rule(id: &str) -> Vec<String> {
    let rules = Catalogue::builtin().map(Catalogue::rules);
    let rule = rules
        .ok()
        .and_then(|rules| rules.iter().find(|rule| rule.id == id));
    rule.into_iter()
        .flat_map(|rule| {
            let globs = rule.globs.iter();
            globs.map(|glob| format!("{}:{glob}", rule.component))
        })
        .collect()
}

/// The same as locations; without what has wildcards, which no location has.
pub(crate) fn places_of_rule(id: &str) -> Vec<String> {
    let places = of_rule(id).into_iter();
    places
        .map(|text| text.strip_suffix(ALL_IN_IT).unwrap_or(&text).to_owned())
        .filter(|text| !text.contains(['*', '?', '[', '{']))
        .collect()
}

fn database_file() -> String {
    format!("{HOME_ASSISTANT}:{DATABASE}")
}

/// The location of a path as it is inside Home Assistant, or as Home Assistant's documentation
/// writes it.
fn folder(text: &str) -> Option<String> {
    let path = text.trim_start_matches('/').trim_end_matches('/');
    if path == DATABASE {
        return Some(database_file());
    }
    let (first, rest) = path.split_once(['/', ':']).unwrap_or((path, ""));
    let rest = rest.trim_matches('/');
    let component = match first {
        "config" | "homeassistant" => HOME_ASSISTANT,
        "addons" => {
            let rest = rest.strip_prefix("local").unwrap_or(rest);
            return Some(joined(LOCAL_ADDONS, rest.trim_start_matches('/')));
        }
        "addon_configs" => {
            let (slug, rest) = rest.split_once('/').unwrap_or((rest, ""));
            let inside = format!("config/{rest}");
            let inside = inside.trim_end_matches('/');
            return (!slug.is_empty()).then(|| joined(&addon_id(slug), inside));
        }
        _ => first.parse::<Folder>().ok()?.id(),
    };
    Some(joined(component, rest))
}

fn joined(component: &str, path: &str) -> String {
    if path.is_empty() {
        component.into()
    } else {
        format!("{component}:{path}")
    }
}

/// The location in an app, which may be named by its slug, or by its slug without the repository or
/// its title if no other app of the backup has the same one.
fn app(name: &str, path: Option<&str>, backup: &Backup) -> Option<String> {
    let parts = backup.parts.iter();
    let slugs = || {
        let apps = parts
            .clone()
            .filter(|part| part.kind == ComponentKind::Addon);
        apps.map(|part| part.list_name())
    };
    let is_called = |slug: &&str| {
        let short = slug.split_once('_').map(|(_, short)| short);
        let title = backup.manifest.addon_name(slug);
        short == Some(name) || title.is_some_and(|title| title.eq_ignore_ascii_case(name))
    };
    let exact = slugs().find(|slug| *slug == name);
    let slug = exact.or_else(|| {
        let mut called = slugs().filter(is_called);
        called.next().filter(|_| called.next().is_none())
    })?;
    Some(joined(&addon_id(slug), path.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_inside_home_assistant_are_locations() {
        for (text, meant) in [
            ("/config", Some("homeassistant")),
            ("/config/", Some("homeassistant")),
            ("config", Some("homeassistant")),
            ("/config/www/a b.mp4", Some("homeassistant:www/a b.mp4")),
            ("config:www", Some("homeassistant:www")),
            ("/homeassistant/www/", Some("homeassistant:www")),
            ("homeassistant/www", Some("homeassistant:www")),
            ("/media", Some("media")),
            ("/media/frigate", Some("media:frigate")),
            ("media/frigate/", Some("media:frigate")),
            ("/media/a:b", Some("media:a:b")),
            ("/share/jellyfin/**", Some("share:jellyfin/**")),
            ("/ssl", Some("ssl")),
            ("/addons", Some("addons/local")),
            ("/addons/local/x", Some("addons/local:x")),
            ("/addons/x", Some("addons/local:x")),
            ("/addon_configs/a_b", Some("addon:a_b:config")),
            ("/addon_configs/a_b/c.yaml", Some("addon:a_b:config/c.yaml")),
            (DATABASE, Some("homeassistant:home-assistant_v2.db")),
            (
                "/config/home-assistant_v2.db",
                Some("homeassistant:home-assistant_v2.db"),
            ),
            ("medai", None),
            ("/backup", None),
            ("", None),
        ] {
            assert_eq!(folder(text).as_deref(), meant, "{text}");
        }
    }

    #[test]
    fn a_rule_is_known_by_its_id() {
        let rules = Catalogue::builtin().unwrap().rules();
        assert!(rules.iter().all(|rule| !of_rule(&rule.id).is_empty()));
        assert!(of_rule("no-such-rule").is_empty());
        let places = rules.iter().flat_map(|rule| places_of_rule(&rule.id));
        assert!(places.clone().count() > 0);
        assert!(places.into_iter().all(|place| !place.contains('*')));
    }
}
