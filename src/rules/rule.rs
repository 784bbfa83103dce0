//! One rule of the catalogue, and its form in TOML.

use serde::{Deserialize, Serialize};
use toml::Spanned;

/// The kind of data that a rule covers, from the most to the least expendable.
///
/// A plan drops data in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Rebuilt or fetched again automatically.
    Cache,
    /// Logs and temporary files.
    Log,
    /// Backups and other copies inside the backup.
    Nested,
    /// Recorded over time: the user may miss it.
    History,
    /// Made or collected by the user.
    User,
}

impl Class {
    /// True for data that may be dropped without asking: caches, logs and nested backups.
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

/// What recreates the files of a rule once they are gone.
///
/// For a cache, the same files are recreated. For logs and nested backups, whose old contents are
/// not missed, newer ones are: a program continues its log, and the program that wrote a backup
/// writes the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RemadeBy {
    /// The program that they belong to, from its own data.
    Itself,
    /// A scan of a library: the program does it, but it must be started, or takes long.
    Scan,
    /// The program, from data that it downloads from the internet.
    Network,
    /// They cannot be recreated.
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

    /// What recreates files of this class, as the end of a sentence.
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

/// How certain it is that the paths of a rule contain what the rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// The path was seen in the source that the rule names.
    #[default]
    High,
    /// The path follows from how the software works; no report confirms it.
    Inferred,
}

/// In what pieces the matches of a rule may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// All matches in a component go or stay together.
    #[default]
    None,
    /// File by file, the oldest first: recordings, logs, old backups.
    Oldest,
    /// File by file, whichever files suit best.
    File,
}

/// A condition, besides the path, for a rule to apply. The caller checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The path is enough.
    #[default]
    None,
    /// Only if [`super::image_tar_allowed`] returns success.
    ImageTar,
    /// Only a Home Assistant backup, by its contents (see [`super::Contents`]), whichever Home
    /// Assistant made it.
    NestedBackup,
    /// Only a backup of the same Home Assistant.
    OwnBackup,
    /// Only a backup that is not known to come from another Home Assistant.
    LocalBackup,
    /// Only a backup that does not record which Home Assistant made it.
    UnknownBackup,
    /// Only the memory of a crashed program, by its contents.
    CoreDump,
    /// Only files of a module that `package.json` names: see [`super::NpmModules`].
    NpmModule,
    /// Only messages that Home Assistant renders again: see [`super::is_spoken_message`].
    SpokenMessage,
    /// Only a published voice of Piper: see [`super::is_published_voice`].
    PiperVoice,
    /// The recorder's default database: a copy without it must set `exclude_database` in
    /// `backup.json`, or a restore erases the live history.
    RecorderDatabase,
    /// Only if the recorder's `db_url` names this file: see [`crate::survey::Recorder`] and
    /// [`super::belongs_to_database`].
    RecorderUrl,
    /// No path: bytes of the outer file that belong to no member.
    OuterGarbage,
}

/// What a restore does about the files of a rule, if neither their component nor the rule's
/// [`Condition`] determines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleEffect {
    /// See [`super::Effect::ConfigBackups`].
    ConfigBackups,
    /// See [`super::Effect::MariaDb`].
    MariaDb,
}

impl Condition {
    /// True for the conditions that only a file of the recorder's database can meet.
    pub fn is_of_the_recorder(self) -> bool {
        matches!(self, Self::RecorderDatabase | Self::RecorderUrl)
    }

    /// True for the conditions that only a backup inside the backup can meet.
    pub fn wants_backup(self) -> bool {
        matches!(
            self,
            Self::NestedBackup | Self::OwnBackup | Self::LocalBackup | Self::UnknownBackup
        )
    }
}

/// One rule: its paths, what they are, and the texts for the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// A stable name: lower-case letters, digits and hyphens.
    pub id: String,
    /// Names that the rule had before. Whoever names one of them means this rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub formerly: Vec<String>,
    /// The name in plain words.
    pub title: String,
    /// A glob over component ids: `homeassistant`, `media`, `addon:*_netdata`.
    pub component: String,
    /// The paths, relative to the component. A glob that ends in `/**` takes the whole folder; any
    /// other glob takes files only.
    pub globs: Vec<String>,
    /// Paths that the globs would match but that stay.
    pub except: Vec<String>,
    /// The kind of data.
    pub class: Class,
    /// What recreates its files.
    pub remade_by: RemadeBy,
    /// Whether its files belong to a database: no user's rule takes them without asking.
    pub database: bool,
    /// One plain sentence: what is missing after a restore of the copy.
    pub lost: String,
    /// How to stop it from growing next time.
    pub prevent: String,
    /// How certain the paths are.
    pub confidence: Confidence,
    /// The source of the facts: `owner/repo#number`, or a file or site.
    pub source: String,
    /// Whether a glob `X/**` also takes the directory entry `X`.
    pub whole_directory: bool,
    /// Whether all matches of the rule in a component are dropped or kept together.
    pub all_or_nothing: bool,
    /// In what pieces its matches may go.
    pub split: Split,
    /// The condition besides the path.
    pub condition: Condition,
    /// What a restore does about its files, if that depends on more than their component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<RuleEffect>,
    /// Paths that the rule must match: its own test, and examples for readers.
    pub matches: Vec<String>,
    /// Paths that the rule must not match.
    pub spares: Vec<String>,
    /// False if the user's file disables the rule.
    pub enabled: bool,
    /// True for a rule from the user's file.
    pub added: bool,
}

impl Rule {
    /// Whether its files are made again once they are gone, or newer ones like them.
    pub fn makes_itself_again(&self) -> bool {
        self.class.is_free() || self.remade_by != RemadeBy::Nobody
    }
}

/// A rule as written in TOML.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) id: Spanned<String>,
    #[serde(default)]
    formerly: Vec<String>,
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
    split: Split,
    #[serde(default)]
    condition: Condition,
    effect: Option<RuleEffect>,
    #[serde(default)]
    matches: Vec<String>,
    #[serde(default)]
    spares: Vec<String>,
}

impl Rule {
    /// Whether `id` is the rule's id, or one that it had before.
    pub fn is_called(&self, id: &str) -> bool {
        self.id == id || self.formerly.iter().any(|former| former == id)
    }

    /// How far `id` is from one of the rule's names; `None` if it resembles none of them. An id
    /// that contains it resembles it, and so does a title.
    pub(super) fn distance(&self, id: &str) -> Option<usize> {
        const SLIPS: usize = 2;
        let id = id.to_lowercase();
        if id.len() > 2 && (self.id.contains(&id) || self.title.to_lowercase().contains(&id)) {
            return Some(0);
        }
        let names = std::iter::once(&self.id).chain(&self.formerly);
        names
            .map(|name| strsim::levenshtein(name, &id))
            .filter(|slips| *slips <= SLIPS)
            .min()
    }
}

impl RawRule {
    /// Fills in the fields that a user's rule may leave out.
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
        // If recreating the files needs the internet, every text that asks for consent says so.
        if remade_by == RemadeBy::Network && !lost.contains("internet") {
            lost += " They are fetched again from the internet.";
        }
        Rule {
            formerly: self.formerly,
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
            split: self.split,
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
    /// The reason, as one plain sentence.
    pub reason: String,
    /// The source of the facts.
    pub source: String,
    /// True if only taking single files out of a folder is dangerous: a glob that takes the whole
    /// folder is allowed.
    #[serde(default)]
    pub unless_whole_folder: bool,
    /// Paths that must be protected: the entry's own test.
    pub matches: Vec<String>,
    /// Paths that this entry must not protect.
    pub spares: Vec<String>,
}
