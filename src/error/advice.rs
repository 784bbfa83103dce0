//! The next step after an error, as a fact: who shows it knows what the program's options are called.

use std::borrow::Cow;

/// What to do about an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// A sentence that names no option and no command.
    Text(Cow<'static, str>),
    /// Download the backup again, or use an older one.
    DownloadAgain,
    /// Free memory, or use fewer threads.
    Scarce,
    /// Allow more contents than the bound says, or leave the part out.
    RaiseExpansion,
    /// Name one of the backups in the folder.
    PickFromFolder,
    /// Make a new backup, or leave the part out.
    LeavePartOut,
    /// Make a new backup, or a copy without the entry.
    LeaveEntryOut,
    /// Look at the paths of the backup.
    ListPaths,
    /// Look at the components of the backup and at the paths in them.
    ListAll,
    /// Give the key, so that the parts can be looked into.
    GiveKeyToLook,
    /// Give the key; whole parts can be left out without it.
    GiveKey,
    /// Give the key, or leave out more whole parts.
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
    /// Download the backup again, or go on without this damaged part, or with it as it is.
    DropOrKeepDamaged {
        /// Its component.
        part: String,
    },
    /// Leave out the entry of this part, which a repair does not do.
    DropInsteadOfRepair {
        /// Its component.
        part: String,
    },
    /// Use one of the forms of selectors.
    SelectorForms,
    /// Use one of these selectors.
    DidYouMean {
        /// What may have been meant.
        selectors: Vec<String>,
        /// Whether the forms of selectors are of use, too.
        forms: bool,
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
    /// Give a file that a benchmark saved.
    GiveSavedBenchmark,
    /// Put the output somewhere else, or make room for it.
    Output(OutputAdvice),
}

/// What to do about an output that cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputAdvice {
    /// Check the folder, or choose another one.
    CheckFolder,
    /// Choose another output.
    Another,
    /// Choose another output, or replace the one that is there.
    AnotherOrReplace,
    /// Choose another place.
    AnotherPlace,
    /// Create the folder, or choose another place.
    CreateFolder,
    /// Free some space, or write to another disk.
    OtherDisk,
    /// The file system cannot hold a file of this size.
    TooLargeForDisk,
    /// The same, for FAT32 and its 4 GiB.
    TooLargeForFat,
    /// The quota is used up.
    Quota,
}

/// Why the recorder's database is not in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoDatabase {
    /// `db_url` puts it at this path, which is in no part.
    Outside(String),
    /// `db_url` puts it there, but the backup has no such file.
    Absent {
        /// The component.
        component: &'static str,
        /// The path in it.
        path: String,
    },
    /// It cannot be told where it is, for this reason.
    Unknown(String),
    /// It is on this server, an app of the backup.
    App {
        /// The server's host.
        host: String,
        /// The app's component.
        component: String,
    },
    /// It is on this server, which is no app of the backup.
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
