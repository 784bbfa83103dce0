//! The model of a plan: facts about every part and about the whole, without wording.

use std::sync::Arc;

use super::compression::{CompressedFor, Compressing};
use super::encryption::Encryption;
use crate::error::{Error, Kind, Result};
use crate::format::manifest::Changes;
use crate::format::outer::Member;
use crate::format::securetar::Version;
use crate::format::tar::block::EntryKind;
use crate::open::{Backup, Part};
use crate::plan::choose::candidate::Candidate;
use crate::plan::facts::{Alternative, Dropped, Note, PartReason, Unmatched};
use crate::plan::request::database::Located;
use crate::survey::{PartSurvey, config_path};

/// What happens to one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Its member is copied byte for byte.
    Copy,
    /// It is left out.
    Drop,
    /// Its stream is encrypted again without being inflated.
    Reencrypt,
    /// Its stream is decoded and written again with all its entries: with another compression, in
    /// another version, or to repair it.
    Rewrite,
    /// Entries are removed from it.
    Edit(PartEdit),
}

static NOTHING: PartEdit = PartEdit { fates: Vec::new() };

impl Action {
    /// The changes to the entries, if the part is decoded and written again.
    pub fn edit(&self) -> Option<&PartEdit> {
        match self {
            Self::Edit(edit) => Some(edit),
            Self::Rewrite => Some(&NOTHING),
            Self::Copy | Self::Drop | Self::Reencrypt => None,
        }
    }

    /// Whether the copy holds some but not all of the part.
    pub fn is_partial(&self) -> bool {
        matches!(self, Self::Edit(_))
    }

    /// Whether an entry's bytes are missing from the copy.
    pub fn removes(&self, entry: usize) -> bool {
        *self == Self::Drop || self.edit().is_some_and(|edit| edit.removes(entry))
    }

    /// Whether an entry's name is missing from the copy.
    pub fn drops_name(&self, entry: usize) -> bool {
        *self == Self::Drop || self.edit().is_some_and(|edit| edit.drops_name(entry))
    }
}

/// The plan for one part.
#[derive(Debug, Clone)]
pub struct PartPlan {
    /// The action for the part.
    pub action: Action,
    /// Its name and form in the copy.
    pub form: Form,
    /// Its size in the copy in bytes, as far as it can be predicted.
    pub predicted: u64,
    /// How it is compressed, if that is done from its beginning to its end.
    pub compressing: Option<Compressing>,
    /// The reason for the action.
    pub why: PartReason,
}

/// The outcome of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was asked for and there is nothing to do.
    AlreadyFits,
    /// The copy is not larger than the limit.
    Fits,
    /// The copy would be larger than the limit.
    CannotFit,
}

impl Outcome {
    /// The word that `--json` uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::AlreadyFits => "already_fits",
            Self::Fits => "fits",
            Self::CannotFit => "cannot_fit",
        }
    }
}

/// A whole plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// By part, in the order of [`Backup::parts`].
    pub parts: Vec<PartPlan>,
    /// What is left out, with the consequences.
    pub drops: Vec<Dropped>,
    /// The units that the planner chose. In a [`PartEdit`] their reasons follow those of the user's
    /// selectors.
    pub units: Vec<Candidate>,
    /// The changes to the copy's `backup.json`. The slug is a placeholder of the right length until
    /// the copy is written.
    pub changes: Changes,
    /// How rewritten parts are encrypted.
    pub encryption: Encryption,
    /// The members of the original in the order of the copy, including the dropped ones.
    pub order: Vec<usize>,
    /// The limit for which the plan was made.
    pub limit: u64,
    /// The copy's size in bytes, as far as it can be predicted.
    pub predicted_size: u64,
    /// The outcome.
    pub outcome: Outcome,
    /// Ways to make the copy fit, if the plan does not.
    pub alternatives: Vec<Alternative>,
    /// What the user should know.
    pub notes: Vec<Note>,
    /// Selectors that match nothing in the backup.
    pub unmatched: Vec<Unmatched>,
    /// Where the recorder's database is.
    pub database: Located,
}

impl Plan {
    /// A plan of which only this is known: nothing is encrypted or moved, nothing is said.
    pub(in crate::plan) fn new(
        parts: Vec<PartPlan>,
        changes: Changes,
        limit: u64,
        outcome: Outcome,
    ) -> Self {
        Self {
            parts,
            drops: Vec::new(),
            units: Vec::new(),
            changes,
            encryption: Encryption::Plain,
            order: Vec::new(),
            limit,
            predicted_size: 0,
            outcome,
            alternatives: Vec::new(),
            notes: Vec::new(),
            unmatched: Vec::new(),
            database: Located::default(),
        }
    }

    /// Whether the copy is compressed and the backup is not, in order to make it smaller.
    pub fn compresses(&self) -> bool {
        self.compressed().next().is_some()
    }

    /// The parts that are compressed to make the copy smaller: their indices, and how.
    pub fn compressed(&self) -> impl Iterator<Item = (usize, &PartPlan, Compressing)> {
        let parts = self.parts.iter().enumerate();
        let parts = parts.filter_map(|(at, part)| Some((at, part, part.compressing?)));
        parts.filter(|(_, _, how)| how.why == CompressedFor::Size)
    }

    /// Whether the predicted size is an estimate, because something is left out of a part that is
    /// compressed for the first time. Everywhere else it is right to within some bytes.
    pub fn is_estimate(&self) -> bool {
        self.compressed().any(|(_, _, how)| !how.is_exact)
    }

    /// The SecureTar version of the copy's encrypted parts; the oldest where they are mixed.
    pub fn securetar(&self, backup: &Backup) -> Option<Version> {
        let version = |(part, planned): (&Part, &PartPlan)| match planned.action {
            Action::Drop => None,
            Action::Copy => part.version(),
            Action::Edit(_) | Action::Rewrite | Action::Reencrypt => self.encryption.version(),
        };
        backup
            .parts
            .iter()
            .zip(&self.parts)
            .filter_map(version)
            .min()
    }
}

/// Why an entry is dropped: the index of the reason. The user's selectors come first, then the
/// plan's units.
pub type Reason = u16;

/// What happens to one entry. 16 bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EntryFate {
    /// It stays unchanged.
    #[default]
    Keep,
    /// It is dropped.
    Drop(Reason),
    /// Its name is dropped, but a hard link to it stays: the contents stay under that link's name.
    Rename(Box<NewName>),
    /// A hard link that must point to another name. All links to one file share that name, because
    /// it may be long and the links may be many.
    Relink(Arc<Box<[u8]>>),
    /// A hard link that becomes the file itself, so that its own entry is dropped.
    Merge,
}

/// Why an entry loses its name, and the new name for its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewName {
    /// Why the name is dropped.
    pub reason: Reason,
    /// The name in the copy.
    pub name: Box<[u8]>,
}

/// What happens to every entry of one part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartEdit {
    /// By entry. Entries without a fate are kept.
    pub fates: Vec<EntryFate>,
}

impl PartEdit {
    /// Drops the entries for which there is a reason.
    pub fn new(verdicts: impl IntoIterator<Item = Option<Reason>>) -> Self {
        let fate = |verdict: Option<Reason>| verdict.map_or(EntryFate::Keep, EntryFate::Drop);
        Self {
            fates: verdicts.into_iter().map(fate).collect(),
        }
    }

    /// How many places of the archive change: runs of entries that go, and new headers.
    pub fn places(&self) -> usize {
        let entries = 0..self.fates.len();
        let begins = |&at: &usize| {
            let follows = at.checked_sub(1).is_some_and(|before| self.removes(before));
            self.changes_header(at) || self.removes(at) && !follows
        };
        entries.filter(begins).count()
    }

    /// What happens to an entry.
    pub fn fate(&self, entry: usize) -> &EntryFate {
        self.fates.get(entry).unwrap_or(&EntryFate::Keep)
    }

    /// True if no name is dropped.
    pub fn is_empty(&self) -> bool {
        (0..self.fates.len()).all(|entry| !self.drops_name(entry))
    }

    /// Why an entry's name is dropped, if it is.
    pub fn reason(&self, entry: usize) -> Option<Reason> {
        match self.fate(entry) {
            EntryFate::Drop(reason) => Some(*reason),
            EntryFate::Rename(new) => Some(new.reason),
            EntryFate::Keep | EntryFate::Relink(_) | EntryFate::Merge => None,
        }
    }

    /// Whether an entry's name is dropped. The data may stay under the name of a hard link.
    pub fn drops_name(&self, entry: usize) -> bool {
        self.reason(entry).is_some()
    }

    /// Whether an entry's bytes leave the archive. The data of a renamed entry stays.
    pub fn removes(&self, entry: usize) -> bool {
        matches!(self.fate(entry), EntryFate::Drop(_) | EntryFate::Merge)
    }

    /// The new name of an entry, if it changes.
    pub fn new_name(&self, entry: usize) -> Option<&[u8]> {
        match self.fate(entry) {
            EntryFate::Rename(new) => Some(&new.name),
            _ => None,
        }
    }

    /// The new target of a hard link, if it changes.
    pub fn new_link(&self, entry: usize) -> Option<&[u8]> {
        match self.fate(entry) {
            EntryFate::Relink(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the header of a kept entry changes.
    pub fn changes_header(&self, entry: usize) -> bool {
        matches!(
            self.fate(entry),
            EntryFate::Rename(_) | EntryFate::Relink(_)
        )
    }

    /// How many entries there are up to the last one that stays. Only the global headers before
    /// these stay: behind them, they would apply to nothing, and no reader accepts a header there.
    pub fn kept_length(&self, survey: &PartSurvey) -> usize {
        let mut entries = 0..survey.entries.len();
        entries
            .rfind(|at| !self.removes(*at))
            .map_or(0, |last| last + 1)
    }

    /// The names of the kept entries in the copy, in order, each with the index of the entry that
    /// provides its bytes.
    pub fn kept<'a>(&'a self, survey: &'a PartSurvey) -> impl Iterator<Item = (usize, &'a [u8])> {
        let entries = survey.entries.iter().enumerate();
        let kept = entries.filter(|(at, _)| !self.removes(*at));
        kept.map(|(at, entry)| (at, self.new_name(at).unwrap_or(&entry.name)))
    }

    /// True if no file of the component itself is left.
    pub fn leaves_nothing(&self, backup: &Backup, part: &Part, survey: &PartSurvey) -> bool {
        let version = backup.manifest.version();
        let mut had_some = false;
        for (at, entry) in survey.entries.iter().enumerate() {
            let path = config_path(part.kind, version, &entry.name);
            if entry.kind == EntryKind::Directory || path.is_none() {
                continue;
            }
            had_some = true;
            if !self.removes(at) {
                return false;
            }
        }
        had_some
    }
}

/// The name and the form of a part in the copy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    /// Whether it is a gzip stream.
    pub compressed: bool,
    /// Its member's name, if it differs from the original.
    pub name: Option<Vec<u8>>,
}

impl Form {
    /// The header of the part's member in the copy, for data of this size.
    ///
    /// # Errors
    /// `Internal` if the header does not consist of blocks, or the name does not fit into it.
    pub fn header(&self, member: &Member, size: u64) -> Result<Vec<u8>> {
        match &self.name {
            None => member.header_with_size(size),
            Some(name) => member
                .renamed(name, size)
                .ok_or_else(|| Error::new(Kind::Internal, "a name that does not fit its header")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_go_together_are_one_place() {
        let (goes, moves) = (EntryFate::Merge, EntryFate::Relink(Arc::default()));
        let keep = EntryFate::Keep;
        let of = |fates: &[&EntryFate]| PartEdit {
            fates: fates.iter().map(|fate| (*fate).clone()).collect(),
        };
        for (fates, places) in [
            (&[][..], 0),
            (&[&keep, &keep], 0),
            (&[&goes, &goes, &keep, &goes], 2),
            (&[&keep, &goes, &moves, &goes, &goes], 3),
            (&[&moves, &moves], 2),
        ] {
            assert_eq!(of(fates).places(), places, "{fates:?}");
        }
    }
}
