//! What a restore does about missing data, in one plain sentence per case. The facts come from
//! Supervisor's and Core's restore code.

use super::rule::{Condition, Rule, RuleEffect};
use crate::component::ComponentId;

/// How a component, or a piece of it, is missing from the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// `media`, `share`, `ssl` or `addons/local` as a whole.
    WholeFolder,
    /// Files from one of these.
    PartOfFolder,
    /// Home Assistant's configuration as a whole.
    WholeConfig,
    /// Files from the config directory.
    PartOfConfig,
    /// The recorder's default database, with `exclude_database` set in the copy.
    RecorderDatabase,
    /// A file like the recorder's default database, with `exclude_database` set in the copy, while
    /// the recorder uses another database.
    UnusedDatabase,
    /// The recorder's database under another name or in another folder, which `exclude_database`
    /// does not save (Supervisor, `homeassistant/module.py`; Core, `backup_restore.py`:
    /// KEEP_DATABASE).
    MovedDatabase,
    /// An add-on as a whole.
    WholeAddon,
    /// Files from an add-on.
    PartOfAddon,
    /// All of MariaDB's databases, with their directory.
    MariaDb,
    /// `image.tar` of an add-on that was built on the system itself.
    ImageTar,
    /// The same if it could not be built again.
    ImageLost,
    /// Backups inside the config directory.
    ConfigBackups,
    /// Bytes that belong to no member.
    OuterGarbage,
    /// The Supervisor's own settings.
    Supervisor,
    /// A member that this version does not recognise.
    Unknown,
}

impl Effect {
    /// The effect of dropping all of `component`, or some of it.
    ///
    /// `rule` is the rule that takes the piece, if one does; it is ignored if the component is
    /// dropped as a whole.
    pub fn of(component: &str, whole: bool, rule: Option<&Rule>) -> Self {
        match ComponentId::parse(component) {
            Some(ComponentId::Folder(_)) if whole => Self::WholeFolder,
            Some(ComponentId::Folder(_)) => Self::part_of_folder(rule),
            Some(ComponentId::HomeAssistant) if whole => Self::WholeConfig,
            Some(ComponentId::HomeAssistant) => Self::part_of_config(rule),
            Some(ComponentId::Supervisor) => Self::Supervisor,
            Some(ComponentId::Addon(_)) if whole => Self::WholeAddon,
            Some(ComponentId::Addon(_)) => Self::part_of_addon(rule),
            Some(ComponentId::Unknown(_)) | None => Self::Unknown,
        }
    }

    fn part_of_folder(rule: Option<&Rule>) -> Self {
        match rule {
            Some(rule) if rule.condition == Condition::RecorderUrl => Self::MovedDatabase,
            _ => Self::PartOfFolder,
        }
    }

    fn part_of_config(rule: Option<&Rule>) -> Self {
        match rule {
            Some(rule) if rule.condition == Condition::RecorderDatabase => Self::RecorderDatabase,
            Some(rule) if rule.condition == Condition::RecorderUrl => Self::MovedDatabase,
            Some(rule) if rule.effect == Some(RuleEffect::ConfigBackups) => Self::ConfigBackups,
            _ => Self::PartOfConfig,
        }
    }

    fn part_of_addon(rule: Option<&Rule>) -> Self {
        match rule {
            Some(rule) if rule.condition == Condition::ImageTar => Self::ImageTar,
            Some(rule) if rule.effect == Some(RuleEffect::MariaDb) => Self::MariaDb,
            _ => Self::PartOfAddon,
        }
    }

    /// The sentence for the user.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::WholeFolder => {
                "What is on your system stays there: a restore leaves the live folder as it is. On a new system there is nothing to fill it with."
            }
            Self::PartOfFolder => {
                "A restore empties the live folder first: files that were left out are deleted there too, if they still exist."
            }
            Self::WholeConfig => {
                "A restore leaves the live configuration and history as they are; on a new system there is no configuration to restore."
            }
            Self::PartOfConfig => {
                "A restore empties the config directory first: files that were left out are deleted there too, if they still exist."
            }
            Self::RecorderDatabase => {
                "The copy says that it comes without the database, so a restore keeps the live one; on a new system history begins anew."
            }
            Self::UnusedDatabase => {
                "The copy says that it comes without this file, so a restore keeps the live one, if there is one. Home Assistant does not use it: `db_url` names another database."
            }
            Self::MovedDatabase => {
                "A restore empties the folder first, and the live database goes with it: Home Assistant keeps only home-assistant_v2.db in the config directory. History begins anew."
            }
            Self::WholeAddon => {
                "The copy is marked as partial, so a restore leaves this add-on as it is; on a new system the add-on will be missing."
            }
            Self::PartOfAddon => {
                "A restore removes the add-on's stored files first: what was left out is deleted there too, if it still exists."
            }
            Self::MariaDb => {
                "A restore removes the add-on's stored files first, its live databases included; MariaDB then begins with new, empty ones."
            }
            Self::ImageTar => {
                "A restore builds the add-on's image again: that needs internet access, and the add-on's repository must still be installed."
            }
            Self::ImageLost => {
                "A restore cannot set this add-on up: its image is missing, and there is nothing to build it from."
            }
            // Core, homeassistant/backup_restore.py: KEEP_BACKUPS.
            Self::ConfigBackups => {
                "A restore empties the config directory first: these backups are deleted there too, if they still exist. Only Home Assistant Container leaves its folder `backups` alone."
            }
            Self::OuterGarbage => "Nothing: no restore reads these bytes.",
            Self::Supervisor => {
                "A restore has no Supervisor settings to put back; on a new system they have to be made again."
            }
            Self::Unknown => {
                "This version of haslim does not know this part; a restore puts nothing back from what was left out."
            }
        }
    }

    /// The same in a few words, for a table.
    pub fn short(self) -> &'static str {
        match self {
            Self::WholeFolder => "live folder left alone",
            Self::PartOfFolder => "live folder emptied, then filled",
            Self::WholeConfig => "live configuration left alone",
            Self::PartOfConfig => "config emptied, then filled",
            Self::RecorderDatabase => "live database kept",
            Self::UnusedDatabase => "live file kept",
            Self::MovedDatabase => "new, empty database",
            Self::WholeAddon => "live add-on left alone",
            Self::PartOfAddon => "add-on emptied, then filled",
            Self::MariaDb => "new, empty databases",
            Self::ImageTar => "image built again",
            Self::ImageLost => "add-on cannot be set up",
            Self::ConfigBackups => "config emptied, then filled",
            Self::OuterGarbage => "nothing",
            Self::Supervisor | Self::Unknown => "nothing put back",
        }
    }

    /// A stable name for `--json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::WholeFolder => "whole_folder",
            Self::PartOfFolder => "part_of_folder",
            Self::WholeConfig => "whole_config",
            Self::PartOfConfig => "part_of_config",
            Self::RecorderDatabase => "recorder_database",
            Self::UnusedDatabase => "unused_database",
            Self::MovedDatabase => "moved_database",
            Self::WholeAddon => "whole_addon",
            Self::PartOfAddon => "part_of_addon",
            Self::MariaDb => "mariadb",
            Self::ImageTar => "image_tar",
            Self::ImageLost => "image_lost",
            Self::ConfigBackups => "config_backups",
            Self::OuterGarbage => "outer_garbage",
            Self::Supervisor => "supervisor",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;
    use crate::rules::Catalogue;

    const CONFIG: &str = "homeassistant";
    const MARIADB: &str = "addon:core_mariadb";

    /// A component, the id of the rule that takes it or a piece of it, and the effect.
    type Case = (&'static str, Option<&'static str>, Effect);

    fn assert_effects(whole: bool, cases: &[Case]) {
        for &(component, rule, expected) in cases {
            let rule = rule.map(|id| Catalogue::builtin().unwrap().by_id(id).unwrap());
            let effect = Effect::of(component, whole, rule);
            assert_eq!(effect, expected, "{component}, whole: {whole}");
        }
    }

    #[test]
    fn every_whole_component_has_its_own_effect_whatever_the_rule() {
        assert_effects(
            true,
            &[
                ("media", None, Effect::WholeFolder),
                (CONFIG, Some("ha-recorder"), Effect::WholeConfig),
                (MARIADB, None, Effect::WholeAddon),
                ("supervisor", None, Effect::Supervisor),
                ("unknown:x.tar", None, Effect::Unknown),
            ],
        );
    }

    #[test]
    fn the_effect_of_a_piece_comes_from_its_component_and_rule() {
        assert_effects(
            false,
            &[
                ("addons/local", None, Effect::PartOfFolder),
                (CONFIG, Some("ha-recorder"), Effect::RecorderDatabase),
                (CONFIG, Some("ha-recorder-moved"), Effect::MovedDatabase),
                (CONFIG, Some("config-backups"), Effect::ConfigBackups),
                (CONFIG, Some("ha-db-leftover"), Effect::PartOfConfig),
                (CONFIG, None, Effect::PartOfConfig),
                (MARIADB, Some("mariadb"), Effect::MariaDb),
                (MARIADB, Some("image-tar"), Effect::ImageTar),
                (MARIADB, None, Effect::PartOfAddon),
            ],
        );
    }

    #[test]
    fn a_part_of_a_folder_warns_that_live_files_go_too() {
        for effect in [
            Effect::PartOfFolder,
            Effect::PartOfConfig,
            Effect::ConfigBackups,
            Effect::PartOfAddon,
        ] {
            assert!(
                effect.sentence().contains("deleted there too"),
                "{effect:?}"
            );
        }
        assert!(
            Effect::WholeFolder
                .sentence()
                .contains("a restore leaves the live folder as it is")
        );
    }
}
