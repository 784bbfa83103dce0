//! Converts a cut of entries into a cut of plaintext bytes, for splicing.

use std::ops::Range;

use crate::format::outer::RECORD;
use crate::format::tar::block::BLOCK;
use crate::gzip::Cuts;
use crate::plan::PartEdit;
use crate::survey::PartSurvey;

/// The bytes that a cut removes from a part's plaintext, and its new end: two zero blocks, padded
/// to a record as Python pads it.
///
/// `None` if the cut cannot be made by leaving bytes out: if links must be rewritten, if there are
/// global headers, or if the survey has no checkpoints.
pub(super) fn cuts(cut: &PartEdit, survey: &PartSurvey) -> Option<Cuts> {
    if (0..survey.entries.len()).any(|at| cut.changes_header(at))
        || survey.global_bytes > 0
        || survey.checkpoints.is_empty()
    {
        return None;
    }
    let mut ranges = Ranges::default();
    for (at, entry) in survey.entries.iter().enumerate() {
        ranges.entry(entry.span(), entry.before_crc, cut.removes(at));
    }
    Some(ranges.finish(survey.entries_crc))
}

/// Collects runs of kept and dropped entries.
#[derive(Default)]
struct Ranges {
    drops: Vec<Range<u64>>,
    position: u64,
    /// Where the current kept run began, and the checksum of everything before it.
    kept: Option<(u64, u32)>,
    crc: crc32fast::Hasher,
    size: u64,
}

impl Ranges {
    fn entry(&mut self, span: u64, before_crc: u32, removed: bool) {
        if removed {
            self.end_run(before_crc);
            match self
                .drops
                .last_mut()
                .filter(|last| last.end == self.position)
            {
                Some(last) => last.end += span,
                None => self.drops.push(self.position..self.position + span),
            }
        } else if self.kept.is_none() {
            self.kept = Some((self.position, before_crc));
        }
        self.position += span;
    }

    /// Adds the checksum of the kept run that ends here.
    fn end_run(&mut self, crc_here: u32) {
        let Some((begin, crc_before)) = self.kept.take() else {
            return;
        };
        let len = self.position - begin;
        // crc(a ++ b) = shift(crc(a), len(b)) ^ crc(b), where combining with a checksum of zero
        // shifts (zlib's crc32_combine): so crc(b) follows from the other two.
        let mut shifted = crc32fast::Hasher::new_with_initial(crc_before);
        shifted.combine(&crc32fast::Hasher::new_with_initial_len(0, len));
        let run = shifted.finalize() ^ crc_here;
        self.crc
            .combine(&crc32fast::Hasher::new_with_initial_len(run, len));
        self.size += len;
    }

    fn finish(mut self, entries_crc: u32) -> Cuts {
        self.end_run(entries_crc);
        // The new end also replaces a run of dropped entries at the end.
        let end = match self.drops.pop_if(|last| last.end == self.position) {
            Some(last) => last.start,
            None => self.position,
        };
        let total = (self.size + 2 * BLOCK as u64).next_multiple_of(RECORD);
        let tail = vec![0; usize::try_from(total - self.size).unwrap_or_default()];
        self.crc.update(&tail);
        Cuts {
            drops: self.drops,
            end,
            crc: self.crc.finalize(),
            size: total,
            tail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_checksum_is_that_of_the_kept_bytes(entries in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..60), any::<bool>()), 0..30)) {
            let (mut ranges, mut before, mut kept) = (Ranges::default(), Vec::new(), Vec::new());
            for (bytes, removed) in &entries {
                ranges.entry(bytes.len() as u64, crc32fast::hash(&before), *removed);
                before.extend_from_slice(bytes);
                if !removed {
                    kept.extend_from_slice(bytes);
                }
            }
            let cuts = ranges.finish(crc32fast::hash(&before));
            let mut left = Vec::new();
            let mut at = 0;
            for drop in &cuts.drops {
                prop_assert!(drop.start >= at && drop.end < cuts.end);
                left.extend_from_slice(&before[at as usize..drop.start as usize]);
                at = drop.end;
            }
            left.extend_from_slice(&before[at as usize..cuts.end as usize]);
            prop_assert_eq!(&left, &kept);
            left.extend_from_slice(&cuts.tail);
            prop_assert_eq!(left.len() as u64, cuts.size);
            prop_assert_eq!(left.len() % 10_240, 0);
            prop_assert_eq!(crc32fast::hash(&left), cuts.crc);
        }
    }
}
