//! The next step after an error, as a fact. The program that shows it adds the names of its
//! options.

use std::borrow::Cow;

/// What to do about an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// A sentence that names no options and no commands.
    Text(Cow<'static, str>),
    /// Download the backup again, or use an older one.
    DownloadAgain,
    /// Free memory, or use fewer threads.
    Scarce,
    /// Allow larger contents than the bound, or leave the part out.
    RaiseExpansion,
    /// Name one of the backups in the folder.
    PickFromFolder,
    /// Make a new backup, or leave the part out.
    LeavePartOut,
    /// Make a new backup, or make a copy without the entry.
    LeaveEntryOut,
    /// Look at the paths of the backup.
    ListPaths,
    /// Look at the components of the backup and at the paths in them.
    ListAll,
    /// Provide the key, so that the parts can be read.
    GiveKeyToLook,
    /// Provide the key; without it, only whole parts can be left out.
    GiveKey,
    /// Provide the key, or leave out more whole parts.
    GiveKeyOrDrop,
    /// Leave out this part, which has another key.
    DropOtherKey {
        /// Its component, escaped.
        part: String,
    },
    /// Leave out the entry as well, or keep all of this part.
    DropOrKeep {
        /// Its component.
        part: String,
    },
    /// Download the backup again, or continue without this damaged part, or keep it as it is.
    DropOrKeepDamaged {
        /// Its component.
        part: String,
    },
    /// Download the backup again, or continue without this damaged part, which cannot stay as it is.
    DropDamaged {
        /// Its component.
        part: String,
    },
    /// Leave out this part, or do not compress the copy.
    DropOrNotCompress {
        /// Its component.
        part: String,
    },
    /// Leave out the entry of this part, because a repair does not do that.
    DropInsteadOfRepair {
        /// Its component.
        part: String,
    },
    /// Look for a newer version of this program, or leave this part out.
    NewerOrDrop {
        /// Its component.
        part: String,
        /// Whether it can be kept as it is, too.
        may_stay: bool,
    },
    /// Leave this part out when shrinking, because a repair leaves nothing out.
    ShrinkInstead {
        /// Its component.
        part: String,
    },
    /// Use one of the forms of selectors.
    SelectorForms,
    /// Use one of these selectors.
    DidYouMean {
        /// What the user may have meant.
        selectors: Vec<String>,
        /// Whether the list of selector forms helps as well.
        forms: bool,
    },
    /// List what this pattern matches, and name one of that.
    Find {
        /// The pattern.
        pattern: String,
    },
    /// The recorder's database is not in the backup.
    NoDatabase(NoDatabase),
    /// Repair the backup.
    Repair,
    /// Leave out more, or raise the limit.
    DropMore,
    /// Name something that is in the backup.
    DropWhatIsThere,
    /// Name something to leave out.
    DropSomething,
    /// Make the scan of the backup again.
    MakeScanAgain,
    /// Name a file that a benchmark saved.
    GiveSavedBenchmark,
    /// Make a new token for Home Assistant, as an administrator.
    NewToken,
    /// Check that Home Assistant runs and what its address begins with, and try again: the
    /// connection was lost.
    Reconnect,
    /// Update Home Assistant, which does not know this question.
    UpdateHomeAssistant,
    /// Put the output elsewhere, or make room for it.
    Output(OutputAdvice),
}

/// What to do about an output that cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputAdvice {
    /// Check the folder, or choose another one.
    CheckFolder,
    /// Choose another output.
    Another,
    /// Choose another output, or replace the existing one.
    AnotherOrReplace,
    /// Choose another place.
    AnotherPlace,
    /// Create the folder, or choose another place.
    CreateFolder,
    /// Free some space, or write to another disk.
    OtherDisk,
    /// The file system cannot hold a file of this size.
    TooLargeForDisk,
    /// The same, for FAT32 with its limit of 4 GiB.
    TooLargeForFat,
    /// The quota is used up.
    Quota,
}

/// Why the recorder's database is not in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoDatabase {
    /// `db_url` names this path, which is not in any part.
    Outside(String),
    /// `db_url` names a file that the backup does not contain.
    Absent {
        /// The component.
        component: &'static str,
        /// Its path in the component.
        path: String,
    },
    /// The location cannot be determined, for this reason.
    Unknown(String),
    /// The database is on this server, which is an app in the backup.
    App {
        /// The server's host.
        host: String,
        /// The app's component.
        component: String,
    },
    /// The database is on this server, which is not an app in the backup.
    Server(String),
}

impl From<&'static str> for Advice {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Advice {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<OutputAdvice> for Advice {
    fn from(advice: OutputAdvice) -> Self {
        Self::Output(advice)
    }
}
