//! Names of parts, as Home Assistant shows them.

use crate::component::LOCAL_ADDONS;
use crate::error::escape;
use crate::open::{Backup, ComponentKind, Part};

/// The name of a part as Home Assistant's pages show it: `Configuration`, `Media`, an app's name.
/// A part that Home Assistant has no name for gets its id. Escaped.
pub fn part(backup: &Backup, part: &Part) -> String {
    match (part.kind, part.id.as_str()) {
        (ComponentKind::HomeAssistant, _) => "Configuration".into(),
        (ComponentKind::Supervisor, _) => "Supervisor settings".into(),
        (ComponentKind::Folder, LOCAL_ADDONS) => "Local apps".into(),
        (ComponentKind::Folder, "media") => "Media".into(),
        (ComponentKind::Folder, "share") => "Share".into(),
        (ComponentKind::Folder, "ssl") => "SSL certificates".into(),
        (ComponentKind::Addon, _) => app(backup, part),
        (_, id) => escape(id.as_bytes()),
    }
}

/// The name of an app; its slug where the backup does not list one.
fn app(backup: &Backup, part: &Part) -> String {
    let slug = part.list_name();
    let name = backup.manifest.addon_name(slug);
    escape(
        name.filter(|name| !name.is_empty())
            .unwrap_or(slug)
            .as_bytes(),
    )
}

/// Where something in a part is, for the middle of a sentence: `the configuration`, `Media`,
/// `the app InfluxDB`.
pub fn place(backup: &Backup, part: &Part) -> String {
    match part.kind {
        ComponentKind::HomeAssistant => "the configuration".into(),
        ComponentKind::Addon => format!("the app {}", app(backup, part)),
        _ => self::part(backup, part),
    }
}
