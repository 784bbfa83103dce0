//! What a plan says about itself: what goes and why, what the user should know. No words: see
//! [`crate::report`].

use std::collections::BTreeSet;

use crate::error::NoDatabase;
use crate::rules::{Class, Effect, Rule};

/// One thing that the copy leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Index of the part; `None` for what is in no part.
    pub part: Option<usize>,
    /// What takes it.
    pub cause: Cause,
    /// Compressed bytes that it takes in the original.
    pub stored_bytes: u64,
    /// How many files; `None` for a whole part, which is not looked into.
    pub files: Option<u64>,
    /// What a restore will do about it.
    pub effect: Effect,
    /// What the owner loses.
    pub loss: Loss,
}

impl Dropped {
    /// The rule that chose it.
    pub fn rule(&self) -> Option<&Rule> {
        match &self.cause {
            Cause::Rule { rule, .. } | Cause::Trailing(rule) => Some(rule),
            Cause::Selector { .. } | Cause::Part { .. } => None,
        }
    }

    /// The class that lets it go; `None` when the user named it.
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

    /// True for a folder or an app that the planner leaves out as a whole.
    pub fn is_chosen_part(&self) -> bool {
        self.cause == Cause::Part { named: false }
    }

    /// True for what may always go.
    pub fn is_free(&self) -> bool {
        self.class().is_some_and(Class::is_free)
    }

    /// Whether the owner loses the same, whoever asked for it.
    pub fn loses_the_same(&self, other: &Self) -> bool {
        let whole = |cause: &Cause| matches!(cause, Cause::Part { .. });
        let same_cause = self.cause == other.cause || whole(&self.cause) && whole(&other.cause);
        let facts = |dropped: &Self| (dropped.part, dropped.stored_bytes, dropped.files);
        same_cause
            && facts(self) == facts(other)
            && (self.effect, &self.loss) == (other.effect, &other.loss)
    }
}

/// What takes something out of the copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A selector of the user's.
    Selector {
        /// As the user wrote it.
        text: String,
        /// Whether all that it takes out of the part is here: a restore does the same about it.
        alone: bool,
    },
    /// The part as a whole.
    Part {
        /// Whether the user named it; else the planner chose it.
        named: bool,
    },
    /// A rule.
    Rule {
        /// The rule.
        rule: Rule,
        /// Its globs that found something, or the one path that it found, escaped.
        paths: Vec<String>,
    },
    /// Bytes behind the end of the backup, by the rule about them.
    Trailing(Rule),
}

/// What is lost with something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loss {
    /// The rules that know the files; none when there are others, or too many rules to be read.
    pub rules: Vec<Rule>,
    /// How many of the files no rule would ever take, by the reason for that.
    pub protected: Vec<(String, u64)>,
    /// What these hold of the configuration.
    pub holds: BTreeSet<Holding>,
    /// Files of which only the name goes.
    pub renamed: Option<Renamed>,
}

/// Files whose contents stay as those of a hard link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// How many there are.
    pub count: u64,
    /// The first of them, as it is stored.
    pub name: Box<[u8]>,
    /// The name under which its contents stay.
    pub survivor: Box<[u8]>,
}

/// What Home Assistant keeps in a file of `.storage` (Core, `homeassistant/auth`,
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
    /// The backup fits as it is.
    Fits,
    /// The user keeps it.
    Kept,
    /// Nothing was asked about it.
    NotNamed,
    /// What could go need not.
    NotNeeded,
    /// No rule takes anything.
    NoFinds,
    /// It was not looked into.
    NotLookedInto,
    /// The user declined to give it up as a whole.
    Declined,
    /// Something could go: bytes by class that need consent, and bytes that were declined.
    Consent {
        /// By class, in the order in which they are given up.
        asks: Vec<(Class, u64)>,
        /// Bytes that the user declined to give up.
        declined: u64,
    },
    /// It gets the compression of the others.
    Recoded {
        /// Whether that is gzip.
        compressed: bool,
    },
    /// It gets the name that Home Assistant looks for.
    Renamed,
    /// It is no longer encrypted.
    Decrypted,
    /// It is encrypted for the first time.
    Encrypted,
    /// It is encrypted anew.
    Reencrypted,
    /// It gets another SecureTar version.
    OtherVersion,
    /// Something takes it, or something out of it.
    Taken(Vec<Taker>),
    /// A repair makes its stream anew.
    PutInOrder,
    /// A repair encrypts it like the others.
    LikeTheOthers,
    /// A repair copies it.
    AsItIs,
}

/// What takes a part or something out of it, for a short list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taker {
    /// A selector, as the user wrote it.
    Selector(String),
    /// The planner, as a whole.
    Whole,
    /// The rule with this id.
    Rule(String),
}

/// Which of the user's lists a selector stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// What to leave out.
    Drop,
    /// What to keep.
    Keep,
}

/// A selector that names nothing in the backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// Where it stands.
    pub list: List,
    /// As the user wrote it.
    pub selector: String,
    /// Why the database that it names is not there.
    pub nowhere: Option<NoDatabase>,
    /// What may have been meant.
    pub similar: Vec<String>,
}

/// Something that the user should know about a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// What a survey found, in its own words.
    Survey(String),
    /// The recorder's database is in another place than usual.
    DatabaseAt {
        /// Its component.
        component: &'static str,
        /// Its path there.
        path: String,
    },
    /// The recorder's database is in MariaDB, in this component.
    DatabaseInMariaDb(String),
    /// All that a selector matches stays.
    TakesNothing(String),
    /// A selector names paths in parts that were not looked into.
    NotLookedInto(String),
    /// A pattern does not take a component that cannot be replaced.
    SparesPart {
        /// The pattern.
        selector: String,
        /// Index of the part.
        part: usize,
        /// What is lost without it.
        reason: String,
    },
    /// A pattern leaves protected files alone.
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
    /// A selector takes files that cannot go without others.
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
    /// A part is kept with things that a restore could not cope with.
    Hazards {
        /// Index of the part.
        part: usize,
        /// How many.
        count: usize,
        /// The first, in the survey's words.
        first: String,
    },
    /// Named pipes and devices stay.
    Specials(Specials),
    /// Symbolic links stay, but what they lead to goes.
    BrokenLinks {
        /// How many.
        count: usize,
        /// The first of them.
        shown: Vec<BrokenLink>,
    },
    /// The copy is not encrypted.
    NotEncrypted {
        /// Whether the user asked for that.
        asked: bool,
    },
    /// The backup is not encrypted, and the copy is.
    EncryptedNow,
    /// Parts stay in SecureTar v1 for lack of a key.
    StaysV1,
    /// A part stands before another one, which would not pass Home Assistant's check of the key.
    Moved {
        /// Index of the part that opens.
        part: usize,
        /// Index of the one that would not.
        before: usize,
    },
}

/// Why a pattern does not take a file that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection<Reason = String> {
    /// The never-drop list has it, for this reason.
    Listed(Reason),
    /// It is an app's image, which nothing could build again.
    Image,
}

impl Protection<&str> {
    /// The same without a borrow.
    pub fn into_owned(self) -> Protection {
        match self {
            Self::Listed(reason) => Protection::Listed(reason.to_owned()),
            Self::Image => Protection::Image,
        }
    }
}

/// Why a file cannot go alone.
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
    /// The names of the first, as they are stored.
    pub shown: Vec<Box<[u8]>>,
}

/// A symbolic link to something that is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenLink {
    /// Index of its part.
    pub part: usize,
    /// Its path there.
    pub name: Box<[u8]>,
    /// What it leads to, as it is written.
    pub target: Box<[u8]>,
}

/// A way to make the copy fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// What to ask for.
    pub offer: Offer,
    /// What would be lost besides what the user named and what may always go.
    pub drops: Vec<Dropped>,
    /// Bytes of what may always go.
    pub free_bytes: u64,
    /// The copy's size then, in bytes.
    pub predicted_size: u64,
}

/// What an [`Alternative`] asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// Consent to these classes.
    Allow(Vec<Class>),
    /// To leave out these parts.
    Drop(Vec<usize>),
}
