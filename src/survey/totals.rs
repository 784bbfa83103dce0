//! What entries cost together.

use super::{Entry, PartSurvey};
use crate::format::tar::block::EntryKind;
use crate::open::Backup;

/// The sums over some entries. Whatever lists the paths of a part counts with this.
///
/// Of an entry that has no data of its own, such as a directory or a link, its header counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Compressed bytes in the backup.
    pub stored: u64,
    /// Bytes of data, unpacked.
    pub unpacked: u64,
    /// Entries that are no directories: files, links and special files, of which a restore makes
    /// one name each.
    pub files: u64,
}

impl Totals {
    /// Counts one more entry.
    pub fn add(&mut self, entry: &Entry) {
        self.stored += entry.stored;
        self.unpacked += entry.size;
        self.files += u64::from(entry.kind != EntryKind::Directory);
    }

    /// All of a part: what a copy without it saves. That is more than its entries take, by the
    /// headers and the padding around them, and counts the entries that no selector names too.
    pub fn of_part(backup: &Backup, survey: &PartSurvey) -> Self {
        let mut totals = Self::default();
        survey.entries.iter().for_each(|entry| totals.add(entry));
        totals.stored = backup.stored(backup.part(survey.part));
        totals
    }
}
