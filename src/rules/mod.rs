//! What is known about the things that make backups large.
//!
//! The catalogue (`catalogue.toml`) is data: each rule names paths of one kind of
//! component, says what they are, what is lost without them, how a user stops
//! them from growing, and where the facts come from. A user's own file adds
//! rules or switches some off. The never-drop list beats them all.
//!
//! Nothing here decides: a plan asks a [`Matcher`] for the rule of a path,
//! checks the rule's [`Condition`], and tells the user the rule's texts and the
//! [`Effect`] on a restore.

mod catalogue;
mod conditions;
mod effects;
mod error;
mod matcher;
mod never;
mod rule;
mod slug;
mod sniff;

pub use catalogue::{Catalogue, RuleIndex, compile, typed_in_full};
pub use conditions::{ImageTarStays, belongs_to_database, image_tar_allowed, recorder_path, recorder_url};
pub use effects::Effect;
pub use error::RulesError;
pub use matcher::{Matcher, Matchers};
pub use never::{NeverList, Taking};
pub use rule::{Class, Condition, Confidence, Never, Rule};
pub use slug::slug_prefix;
pub use sniff::{NestedBackup, Verdict};

#[cfg(test)]
mod tests;
