//! Second stage: the stored size of every path inside a part.
//!
//! One pass per part, parts in parallel. An entry's *stored* bytes are the distance in the
//! compressed stream between its start and its end; the sum over a part, including its tail and its
//! encryption, is exactly the part's size in the file.
#![deny(clippy::indexing_slicing)]

mod collector;
pub mod hazards;
mod part;
mod recorder;
pub mod saved;
mod surveys;
mod totals;
pub mod tree;
mod walk;
pub(crate) mod warnings;

pub use hazards::{Hazard, HazardKind};
pub use part::{Entry, Global, PackedPart, PartSurvey};
pub use recorder::{Place, Recorder};
pub use saved::{Scan, ScanError};
pub use surveys::Surveys;
pub use totals::Totals;

pub(crate) use walk::survey_part;

use crate::crypt::KeyRing;
use crate::error::Result;
use crate::open::Backup;
// Re-exported until the planner imports them from there.
pub use crate::open::{StreamEnd, config_path};
use crate::pipe::{Control, Stage, parallel};

/// Surveys the parts with these indices and returns the results in that order.
///
/// Works on as many parts at once as there are threads, the largest first, so that the last one
/// does not start late. Memory per thread: the read-ahead's 4 MiB and the decoder's window; apart
/// from that only the entries are kept.
///
/// # Errors
/// The first error in the order of `parts`, whichever thread returned it.
pub fn survey(
    backup: &Backup,
    parts: &[usize],
    keys: Option<&KeyRing>,
    control: &Control,
) -> Result<Vec<PartSurvey>> {
    survey_each(backup, parts, keys, control)
        .into_iter()
        .collect()
}

/// Like [`survey`], with a result for each part: for a caller that can continue without some.
pub fn survey_each(
    backup: &Backup,
    parts: &[usize],
    keys: Option<&KeyRing>,
    control: &Control,
) -> Vec<Result<PartSurvey>> {
    let part = |at: usize| parts.get(at).and_then(|&part| backup.parts.get(part));
    let mut order: Vec<usize> = (0..parts.len()).collect();
    let sizes = order.iter().filter_map(|&at| part(at));
    let size = sizes.map(|part| backup.member(part).size).sum();
    control.begin(Stage::Read, size);
    order.sort_by_key(|&at| std::cmp::Reverse(part(at).map(|part| backup.stored(part))));
    let done = parallel::each(control.threads(), &order, |at| {
        let part = parts.get(at)?;
        control.part(&backup.parts.get(*part)?.id);
        Some(walk::survey_part(backup, *part, keys, control))
    });
    control.end();
    done.into_iter().flatten().collect()
}
