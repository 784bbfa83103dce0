//! One rule of the catalogue, and how it is spelled in TOML.

use serde::{Deserialize, Serialize};
use toml::Spanned;

/// What kind of data a rule names, from the most to the least expendable.
///
/// The order is the order in which a plan gives things up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Rebuilt or fetched again without anyone's help.
    Cache,
    /// Logs and temporary files.
    Log,
    /// Backups and other copies inside the backup.
    Nested,
    /// Recorded over time: somebody may miss it.
    History,
    /// Made or collected by the user.
    User,
}

impl Class {
    /// True for what may go without asking: caches, logs and nested backups.
    pub fn is_free(self) -> bool {
        matches!(self, Self::Cache | Self::Log | Self::Nested)
    }

    /// The word that the catalogue, tables and `--json` use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Log => "log",
            Self::Nested => "nested",
            Self::History => "history",
            Self::User => "user",
        }
    }
}

/// What makes the files of a rule again once they are gone.
///
/// Of a cache it makes the same files. Of logs and nested backups, whose old contents
/// nobody misses, it makes newer ones: a program goes on writing its log, and what wrote a
/// backup writes the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RemadeBy {
    /// The program that they belong to, out of what it has.
    Itself,
    /// A scan of a library: the program does it, but it has to be started, or takes long.
    Scan,
    /// The program again, out of what it fetches from the internet.
    Network,
    /// Nothing and nobody.
    Nobody,
}

impl RemadeBy {
    /// The word that the catalogue and `--json` use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Itself => "itself",
            Self::Scan => "scan",
            Self::Network => "network",
            Self::Nobody => "nobody",
        }
    }

    /// What makes files of this class again, as the end of a sentence.
    pub fn words(self, class: Class) -> &'static str {
        match (self, class) {
            (Self::Itself, Class::Log) => "newer ones, by the program that wrote them",
            (Self::Itself, Class::Nested) => "newer ones, by what made these",
            (Self::Itself, _) => "by itself",
            (Self::Scan, _) => "by a scan",
            (Self::Network, _) => "by fetching it from the internet",
            (Self::Nobody, _) => "by nobody",
        }
    }
}

/// How sure it is that the paths of a rule hold what the rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// The path was seen in the source that the rule names.
    #[default]
    High,
    /// The path follows from how the software works; nobody was seen reporting it.
    Inferred,
}

/// What must hold, besides the path, before a rule applies. The caller checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The path is enough.
    #[default]
    None,
    /// Only as [`super::image_tar_allowed`] says.
    ImageTar,
    /// Only a Home Assistant backup, by its contents (see [`super::Contents`]), whichever
    /// Home Assistant made it.
    NestedBackup,
    /// Only a backup of the same Home Assistant.
    OwnBackup,
    /// Only a backup that no other Home Assistant is known to have made.
    LocalBackup,
    /// Only a backup that does not tell which Home Assistant made it.
    UnknownBackup,
    /// Only the memory of a crashed program, by its contents.
    CoreDump,
    /// Only what belongs to a module that `package.json` names: see [`super::NpmModules`].
    NpmModule,
    /// Only what Home Assistant renders again: see [`super::is_spoken_message`].
    SpokenMessage,
    /// Only a published voice of Piper: see [`super::is_published_voice`].
    PiperVoice,
    /// The recorder's default database: whoever drops it must set
    /// `exclude_database` in `backup.json`, or a restore erases the live history.
    RecorderDatabase,
    /// Only when the recorder's `db_url` names this file: see
    /// [`crate::survey::Recorder`] and [`super::belongs_to_database`].
    RecorderUrl,
    /// No path at all: bytes of the outer file that belong to no member.
    OuterGarbage,
}

/// What a restore does about the files of a rule, where neither their component nor the rule's
/// [`Condition`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleEffect {
    /// See [`super::Effect::ConfigBackups`].
    ConfigBackups,
    /// See [`super::Effect::MariaDb`].
    MariaDb,
}

impl Condition {
    /// True for the conditions that only a backup inside the backup can meet.
    pub fn wants_backup(self) -> bool {
        matches!(
            self,
            Self::NestedBackup | Self::OwnBackup | Self::LocalBackup | Self::UnknownBackup
        )
    }
}

/// One rule: which paths, what they are, and what to tell the user about them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// A stable name: lower-case letters, digits and hyphens.
    pub id: String,
    /// The name in plain words.
    pub title: String,
    /// A glob over component ids: `homeassistant`, `media`, `addon:*_netdata`.
    pub component: String,
    /// The paths, relative to the component. A glob that ends in `/**` takes
    /// the whole folder; any other glob takes files only.
    pub globs: Vec<String>,
    /// Paths that the globs would match but that stay.
    pub except: Vec<String>,
    /// What kind of data it is.
    pub class: Class,
    /// What makes its files again.
    pub remade_by: RemadeBy,
    /// Whether its files are those of a database: no rule of a user's takes them unasked.
    pub database: bool,
    /// One plain sentence: what is gone for whoever restores the copy.
    pub lost: String,
    /// How to stop it from growing next time.
    pub prevent: String,
    /// How sure the paths are.
    pub confidence: Confidence,
    /// Where the facts come from: `owner/repo#number`, or a file or site.
    pub source: String,
    /// Whether a glob `X/**` takes the directory entry `X` too.
    pub whole_directory: bool,
    /// Whether everything the rule matches in a component goes or stays together.
    pub all_or_nothing: bool,
    /// What must hold besides the path.
    pub condition: Condition,
    /// What a restore does about its files, where that is more than their component tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<RuleEffect>,
    /// Paths that the rule must match: its own test, and examples for readers.
    pub matches: Vec<String>,
    /// Paths that the rule must leave alone.
    pub spares: Vec<String>,
    /// False when the user's file switches the rule off.
    pub enabled: bool,
    /// True for a rule from the user's file.
    pub added: bool,
}

/// A rule as it stands in TOML.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) id: Spanned<String>,
    title: Option<String>,
    component: String,
    globs: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    class: Class,
    pub(super) remade_by: Option<RemadeBy>,
    #[serde(default)]
    database: bool,
    lost: Option<String>,
    #[serde(default)]
    prevent: String,
    #[serde(default)]
    confidence: Confidence,
    source: Option<String>,
    #[serde(default)]
    whole_directory: bool,
    #[serde(default)]
    all_or_nothing: bool,
    #[serde(default)]
    condition: Condition,
    effect: Option<RuleEffect>,
    #[serde(default)]
    matches: Vec<String>,
    #[serde(default)]
    spares: Vec<String>,
}

impl RawRule {
    /// Fills in what a user's rule may leave out.
    pub(super) fn into_rule(self, added: bool) -> Rule {
        let id = self.id.into_inner();
        let remade_by = self.remade_by.unwrap_or(if self.class.is_free() {
            RemadeBy::Itself
        } else {
            RemadeBy::Nobody
        });
        let mut lost = self
            .lost
            .unwrap_or_else(|| "The files that this rule of your own names.".into());
        // Where it takes the internet to have them back, every text that asks says so.
        if remade_by == RemadeBy::Network && !lost.contains("internet") {
            lost += " They are fetched again from the internet.";
        }
        Rule {
            title: self.title.unwrap_or_else(|| id.clone()),
            component: self.component,
            globs: self.globs,
            except: self.except,
            class: self.class,
            remade_by,
            database: self.database,
            lost,
            prevent: self.prevent,
            confidence: self.confidence,
            source: self.source.unwrap_or_else(|| "your rules file".into()),
            whole_directory: self.whole_directory,
            all_or_nothing: self.all_or_nothing,
            effect: self.effect,
            condition: self.condition,
            matches: self.matches,
            spares: self.spares,
            enabled: true,
            added,
            id,
        }
    }
}

/// An entry of the never-drop list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Never {
    /// A stable name.
    pub id: String,
    /// A glob over component ids.
    pub component: String,
    /// The paths that stay.
    pub globs: Vec<String>,
    /// Paths that these globs would match but that rules may take.
    #[serde(default)]
    pub except: Vec<String>,
    /// One plain sentence: why.
    pub reason: String,
    /// Where the facts come from.
    pub source: String,
    /// True when the danger lies in taking single files out of a folder: a glob
    /// that takes the whole folder is not held back.
    #[serde(default)]
    pub unless_whole_folder: bool,
    /// Paths that must be held back: the entry's own test.
    pub matches: Vec<String>,
    /// Paths that must not be held back by this entry.
    pub spares: Vec<String>,
}
