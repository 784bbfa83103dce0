//! Knowledge about the files that make backups large.
//!
//! The catalogue (`catalogue.toml`) is data: each rule lists paths of one kind of component, what
//! they are, what is lost without them, how a user stops them from growing, and the source of these
//! facts. A user's own file adds rules or disables some. The never-drop list overrides them all.
//!
//! This module makes no decisions: a plan gets the rule of a path from a [`Matcher`], checks the
//! rule's [`Condition`], and shows the user the rule's texts and the [`Effect`] on a restore.
#![deny(clippy::indexing_slicing)]

mod catalogue;
mod component;
mod conditions;
mod databases;
mod effects;
mod error;
mod glob;
mod glob_set;
mod known_files;
mod matcher;
mod never;
mod npm;
mod rule;
mod slug;
mod sniff;
mod voices;

pub(crate) use catalogue::KnownDatabases;
pub use catalogue::{Catalogue, RuleIndex};
pub use conditions::{ImageTarStays, belongs_to_database, image_tar_allowed, recorder_url};
pub use databases::is_database_name;
pub use effects::Effect;
pub use error::RulesError;
pub use glob::typed_in_full;
pub(crate) use glob_set::GlobSet;
pub use known_files::{MARIADB, RECORDER, is_mariadb_file, is_recorder_file};
pub use matcher::{Matcher, Matchers, Matching};
pub use never::{NeverList, Taking};
pub use npm::{NpmModules, PackageReader};
pub use rule::{Class, Condition, Confidence, Never, RemadeBy, Rule, RuleEffect, Split};
pub use slug::slug_prefix;
pub use sniff::{Contents, Made, NestedBackup, Origin, Sniffer, Verdict};
pub use voices::{is_published_voice, is_spoken_message};

#[cfg(test)]
mod tests;
