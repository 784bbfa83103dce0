//! The total size of several entries.

use super::{Entry, PartSurvey};
use crate::format::tar::block::EntryKind;
use crate::open::Backup;

/// The sums over some entries. Every list of a part's paths is computed with this.
///
/// For an entry without data of its own, such as a directory or a link, its header counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Compressed bytes in the backup.
    pub stored: u64,
    /// Bytes of data, unpacked.
    pub unpacked: u64,
    /// Entries other than directories: files, links and special files. A restore creates one name
    /// for each.
    pub files: u64,
    /// When the newest of those was changed: seconds since 1970. `None` if there are none.
    pub newest: Option<i64>,
}

impl Totals {
    /// Counts one more entry.
    pub fn add(&mut self, entry: &Entry) {
        self.stored += entry.stored;
        self.unpacked += entry.size;
        if entry.kind != EntryKind::Directory {
            self.files += 1;
            self.newest = self.newest.max(Some(entry.mtime));
        }
    }

    /// Adds the sums over other entries.
    pub fn join(&mut self, other: &Self) {
        self.stored += other.stored;
        self.unpacked += other.unpacked;
        self.files += other.files;
        self.newest = self.newest.max(other.newest);
    }

    /// The whole part: what a copy without it saves. That is more than the size of its entries,
    /// because it includes the headers and the padding around them, and the entries that no
    /// selector names.
    pub fn of_part(backup: &Backup, survey: &PartSurvey) -> Self {
        let mut totals = Self::default();
        survey.entries.iter().for_each(|entry| totals.add(entry));
        totals.stored = survey.stored(backup);
        totals
    }
}
