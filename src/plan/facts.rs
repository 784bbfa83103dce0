//! The facts about a plan: what is dropped and why, and what the user should be told.
//! [`crate::report`] puts them into words.

use std::collections::BTreeSet;

use crate::error::NoDatabase;
use crate::plan::choose::candidate::OldestOf;
use crate::plan::choose::harm::Harm;
use crate::plan::compression::{Compressing, Packing};
use crate::rules::{Class, Effect, Rule};

/// One thing that the copy leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Index of the part; `None` for something outside all parts.
    pub part: Option<usize>,
    /// Why it is left out.
    pub cause: Cause,
    /// Its compressed size in the original, in bytes.
    pub stored_bytes: u64,
    /// How many files; `None` for a whole part that was not read.
    pub files: Option<u64>,
    /// What a restore does about it.
    pub effect: Effect,
    /// What the owner loses.
    pub loss: Loss,
    /// How bad that is.
    pub harm: Harm,
    /// If only the oldest of its files are dropped: what they are a part of.
    pub oldest_of: Option<OldestOf>,
}

impl Dropped {
    /// The rule that chose it.
    pub fn rule(&self) -> Option<&Rule> {
        match &self.cause {
            Cause::Rule { rule, .. } | Cause::Trailing(rule) => Some(rule),
            Cause::Selector { .. } | Cause::Part { .. } => None,
        }
    }

    /// The class that allows it to be dropped; `None` if the user named it.
    pub fn class(&self) -> Option<Class> {
        match &self.cause {
            Cause::Rule { rule, .. } | Cause::Trailing(rule) => Some(rule.class),
            Cause::Part { named: false } => Some(Class::User),
            Cause::Selector { .. } | Cause::Part { named: true } => None,
        }
    }

    /// Whether the planner chose it.
    pub fn is_chosen(&self) -> bool {
        !matches!(
            self.cause,
            Cause::Selector { .. } | Cause::Part { named: true }
        )
    }

    /// True for a folder or an app that the planner drops as a whole.
    pub fn is_chosen_part(&self) -> bool {
        self.cause == Cause::Part { named: false }
    }

    /// True for something that may always be dropped.
    pub fn is_free(&self) -> bool {
        self.class().is_some_and(Class::is_free)
    }

    /// Whether a restore of the copy deletes it on the live system, and nobody makes it again.
    pub fn is_destroyed_on_restore(&self) -> bool {
        let deleted = matches!(
            self.effect,
            Effect::PartOfFolder
                | Effect::PartOfConfig
                | Effect::ConfigBackups
                | Effect::PartOfAddon
                | Effect::MariaDb
                | Effect::MovedDatabase
        );
        deleted && self.harm.is_lasting()
    }

    /// Whether the owner loses the same, regardless of the cause.
    pub fn loses_the_same(&self, other: &Self) -> bool {
        let whole = |cause: &Cause| matches!(cause, Cause::Part { .. });
        let same_cause = self.cause == other.cause || whole(&self.cause) && whole(&other.cause);
        let facts = |dropped: &Self| (dropped.part, dropped.stored_bytes, dropped.files);
        // Files that a rule finds, and that a selector names.
        let same_files = self.loss.lasting.files > 0
            && self.files == Some(self.loss.lasting.files)
            && self.loss.lasting == other.loss.lasting;
        facts(self) == facts(other)
            && (same_files
                || same_cause && (self.effect, &self.loss) == (other.effect, &other.loss))
    }
}

/// Why something is left out of the copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// One of the user's selectors.
    Selector {
        /// As the user wrote it.
        text: String,
        /// Whether this is everything that it drops from the part, with one effect on restore.
        alone: bool,
    },
    /// The part as a whole.
    Part {
        /// Whether the user named it; otherwise the planner chose it.
        named: bool,
    },
    /// A rule.
    Rule {
        /// The rule.
        rule: Rule,
        /// Its globs that matched something, or the single path that it matched, escaped.
        paths: Vec<String>,
    },
    /// Extra bytes after the end of the backup, matched by the rule for them.
    Trailing(Rule),
}

/// What is lost with dropped files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loss {
    /// The rules that match the files. Empty if other files are among them, or if there are too
    /// many rules to read.
    pub rules: Vec<Rule>,
    /// How many of the files are protected from all rules, by reason.
    pub protected: Vec<(String, u64)>,
    /// Which parts of the configuration these files hold.
    pub holds: BTreeSet<Holding>,
    /// Files of which only the name is dropped.
    pub renamed: Option<Renamed>,
    /// What nobody makes again of it.
    pub lasting: Lasting,
}

/// Files that are not made again once they are gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lasting {
    /// How many there are.
    pub files: u64,
    /// Their stored bytes.
    pub stored: u64,
    /// The largest of them, at most [`Lasting::NAMED`]: those that do the most harm first.
    pub largest: Vec<LastingFile>,
    /// When the oldest and the youngest of them were changed, in seconds since 1970.
    pub span: Option<(i64, i64)>,
}

/// A file that is not made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastingFile {
    /// How bad it is to lose it.
    pub harm: Harm,
    /// Its stored bytes.
    pub stored: u64,
    /// Its path in the component, as stored.
    pub path: Box<[u8]>,
    /// When it was changed, in seconds since 1970.
    pub mtime: i64,
}

impl Lasting {
    /// How many files are named.
    pub const NAMED: usize = 3;

    /// Adds other files.
    pub fn merge(&mut self, other: Self) {
        self.files += other.files;
        self.stored += other.stored;
        let spans = || self.span.into_iter().chain(other.span);
        let first = spans().map(|(first, _)| first).min();
        self.span = first.zip(spans().map(|(_, last)| last).max());
        self.largest.extend(other.largest);
        self.largest
            .sort_by_key(|file| std::cmp::Reverse((file.harm, file.stored)));
        self.largest.truncate(Self::NAMED);
    }

    /// Adds a file.
    pub fn add(&mut self, harm: Harm, stored: u64, path: &[u8], mtime: i64) {
        self.files += 1;
        self.stored += stored;
        self.span = Some(match self.span {
            Some((first, last)) => (first.min(mtime), last.max(mtime)),
            None => (mtime, mtime),
        });
        let key = |file: &LastingFile| (file.harm, file.stored);
        let least = self.largest.last().map(key);
        if self.largest.len() == Self::NAMED && least >= Some((harm, stored)) {
            return;
        }
        let file = LastingFile {
            harm,
            stored,
            path: path.into(),
            mtime,
        };
        self.largest.push(file);
        self.largest
            .sort_by_key(|file| std::cmp::Reverse(key(file)));
        self.largest.truncate(Self::NAMED);
    }
}

/// Files whose contents stay under the name of a hard link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// How many there are.
    pub count: u64,
    /// The first of them, as stored.
    pub name: Box<[u8]>,
    /// The name under which its contents stay.
    pub survivor: Box<[u8]>,
}

/// What Home Assistant stores in a file of `.storage` (Core, `homeassistant/auth`,
/// `helpers/*_registry.py`, `config_entries.py`, `components/lovelace`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holding {
    /// `core.area_registry`.
    Areas,
    /// `lovelace`.
    Dashboards,
    /// `core.device_registry`.
    Devices,
    /// `core.entity_registry`.
    Entities,
    /// `core.floor_registry`.
    Floors,
    /// `input_*`, `counter`, `timer`, `schedule`.
    Helpers,
    /// `core.config_entries`.
    Integrations,
    /// `core.label_registry`.
    Labels,
    /// `person`.
    Persons,
    /// `tag`.
    Tags,
    /// `energy`.
    Energy,
    /// `core.config`.
    Home,
    /// `auth`.
    Users,
    /// `zone`.
    Zones,
}

/// Why a part is treated as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartReason {
    /// The backup already fits.
    Fits,
    /// The user keeps it.
    Kept,
    /// It was not named.
    NotNamed,
    /// Some of it could be dropped, but that is not needed.
    NotNeeded,
    /// No rule matches anything in it.
    NoFinds,
    /// It was not read.
    NotLookedInto,
    /// The user declined to drop it as a whole.
    Declined,
    /// Some of it could be dropped: bytes by class that need consent, and bytes that the user
    /// declined to drop.
    Consent {
        /// By class, in the order in which classes are dropped.
        asks: Vec<(Class, u64)>,
        /// Bytes that the user declined to drop.
        declined: u64,
    },
    /// Its compression is changed to match the other parts.
    Recoded {
        /// Whether that is gzip.
        compressed: bool,
    },
    /// It is compressed to make the copy smaller.
    Compressed,
    /// It gets the name that Home Assistant expects.
    Renamed,
    /// It is no longer encrypted.
    Decrypted,
    /// It is encrypted for the first time.
    Encrypted,
    /// It is encrypted again.
    Reencrypted,
    /// It gets another SecureTar version.
    OtherVersion,
    /// All or some of it is dropped, for these reasons.
    Taken(Vec<Taker>),
    /// Nothing of the backup is in it, and no reader looks for it.
    Stray,
    /// A repair writes its stream again.
    PutInOrder,
    /// A repair encrypts it like the other parts.
    LikeTheOthers,
    /// A repair copies it unchanged.
    AsItIs,
}

/// Why a part or some of it is dropped, for a short list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taker {
    /// A selector, as the user wrote it.
    Selector(String),
    /// The planner, which drops the part as a whole.
    Whole,
    /// The rule with this id.
    Rule(String),
}

/// Which of the user's lists contains a selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// What to leave out.
    Drop,
    /// What to keep.
    Keep,
}

/// A selector that matches nothing in the backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// The list that contains it.
    pub list: List,
    /// As the user wrote it.
    pub selector: String,
    /// Why the database that it names is not in the backup.
    pub nowhere: Option<NoDatabase>,
    /// What the user may have meant.
    pub similar: Vec<String>,
}

/// Something that the user should know about a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// A finding of a survey, as a sentence.
    Survey(String),
    /// The recorder's database is not in its usual place.
    DatabaseAt {
        /// Its component.
        component: &'static str,
        /// Its path in the component.
        path: String,
    },
    /// The recorder's database is in MariaDB, in this component.
    DatabaseInMariaDb(String),
    /// Everything that a selector matches stays.
    TakesNothing(String),
    /// A selector names paths in parts that were not read.
    NotLookedInto(String),
    /// A pattern does not drop a component that cannot be replaced.
    SparesPart {
        /// The pattern.
        selector: String,
        /// Index of the part.
        part: usize,
        /// What is lost without it.
        reason: String,
    },
    /// A pattern does not drop protected files.
    Protects {
        /// The pattern.
        selector: String,
        /// Index of the part.
        part: usize,
        /// The first of the files.
        first: Box<[u8]>,
        /// How many more there are.
        more: u64,
        /// Why they stay.
        why: Protection,
    },
    /// A selector matches files that cannot be dropped without others.
    Needed {
        /// The selector.
        selector: String,
        /// Index of the part.
        part: usize,
        /// The first of the files.
        first: Box<[u8]>,
        /// How many more there are.
        more: u64,
        /// What needs them.
        why: Held,
    },
    /// A part is kept although it contains things that make a restore fail.
    Hazards {
        /// Index of the part.
        part: usize,
        /// How many.
        count: usize,
        /// The first of them, in the words of the survey.
        first: String,
    },
    /// The copy does not have these parts, because nothing of the backup is in them.
    Strays {
        /// Their indexes.
        parts: Vec<usize>,
    },
    /// Named pipes and devices stay.
    Specials(Specials),
    /// Symbolic links stay, but their targets are dropped.
    BrokenLinks {
        /// How many.
        count: usize,
        /// The first of them.
        shown: Vec<BrokenLink>,
    },
    /// The copy is not encrypted.
    NotEncrypted {
        /// Whether the user asked for an unencrypted copy.
        asked: bool,
    },
    /// The backup is not encrypted, but the copy is.
    EncryptedNow,
    /// The parts stay uncompressed; why.
    NotCompressed(Packing),
    /// A part is compressed as a whole, although that does not serve the size.
    CompressedAsWhole {
        /// Index of the part.
        part: usize,
        /// How, and why.
        how: Compressing,
    },
    /// Parts stay in SecureTar v1 because there is no key.
    StaysV1,
    /// A part is moved before another one that would fail Home Assistant's check of the key.
    Moved {
        /// Index of the part that passes the check.
        part: usize,
        /// Index of the part that would fail it.
        before: usize,
    },
}

/// Why a pattern does not drop a file that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection<Reason = String> {
    /// The file is on the never-drop list, for this reason.
    Listed(Reason),
    /// It is an app's image, which could not be built again.
    Image,
}

impl Protection<&str> {
    /// Converts the borrowed form into an owned one.
    pub fn into_owned(self) -> Protection {
        match self {
            Self::Listed(reason) => Protection::Listed(reason.to_owned()),
            Self::Image => Protection::Image,
        }
    }
}

/// Why a file cannot be dropped alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// The database at this path would be damaged without it.
    ByDatabase(Box<[u8]>),
    /// MariaDB cannot start without it.
    ByMariaDb,
}

/// Named pipes and devices in a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Specials {
    /// Index of the part.
    pub part: usize,
    /// How many there are.
    pub count: u64,
    /// The first names, as stored.
    pub shown: Vec<Box<[u8]>>,
}

/// A symbolic link whose target is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenLink {
    /// Index of its part.
    pub part: usize,
    /// Its path in the part.
    pub name: Box<[u8]>,
    /// Its target, as written.
    pub target: Box<[u8]>,
}

/// A way to make the copy fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// What to ask for.
    pub offer: Offer,
    /// What would be lost in addition to what the user named and what may always be dropped.
    pub drops: Vec<Dropped>,
    /// Bytes of what may always be dropped.
    pub free_bytes: u64,
    /// The resulting size of the copy, in bytes.
    pub predicted_size: u64,
}

/// What an [`Alternative`] asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// Consent to these classes.
    Allow(Vec<Class>),
    /// Dropping these parts.
    Parts(Vec<usize>),
    /// Dropping these files of the owner's, as selectors.
    Files(Vec<String>),
}
