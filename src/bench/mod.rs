//! How fast each stage is on a given backup, and backups to find that out with.
//!
//! [`run`] times the stages one after the other over all parts, each on one thread
//! unless said otherwise and into a sink that only counts, and then the whole as a
//! command does it, on all threads. [`make`] makes backups of any size.

pub mod make;
mod reading;
mod report;
mod timed;
mod whole;
mod writing;

pub use report::{Machine, Measure, Report, SCHEMA, Sample};

use std::path::Path;

use crate::crypt::KeyRing;
use crate::error::Result;
use crate::open::Backup;
use crate::pipe::Control;
use crate::plan::Selector;
use crate::survey::{self, PartSurvey};

/// What to measure besides reading.
#[derive(Debug)]
pub struct Options<'a> {
    /// Where a file without a name may be written, which is gone afterwards.
    pub folder: &'a Path,
    /// What the copy that is written there leaves out; `None` for no copy. With nothing in
    /// it, the folder that takes most is left out.
    pub copy: Option<Vec<Selector>>,
}

/// Times every stage, and the whole.
///
/// Memory does not depend on the backup's size, the entries excepted. The backup is only
/// read; into the folder go up to 256 MiB, and one copy if there is to be one, in files
/// without a name that are gone afterwards.
///
/// # Errors
/// Those of reading the backup and of writing into the folder.
pub fn run(
    backup: &Backup,
    keys: Option<&KeyRing>,
    options: &Options<'_>,
    control: &Control,
) -> Result<Report> {
    let all: Vec<usize> = (0..backup.parts.len())
        .filter(|&at| backup.parts[at].layer.is_some())
        .collect();
    let (surveys, survey) = whole::time("survey", control, || {
        survey::survey(backup, &all, keys, control)
    })?;
    let plaintext = surveys.iter().map(|s| s.plaintext_bytes).sum();
    let mut stages = reading::stages(backup, &surveys, keys, control)?;
    stages.extend(writing::stages(backup, &surveys, keys, control)?);
    stages.push(writing::to_disk(backup, options.folder, control)?);
    let mut whole = vec![Measure {
        stored_bytes: backup.input.len(),
        plaintext_bytes: plaintext,
        ..survey
    }];
    if let Some(drops) = &options.copy {
        whole.extend(whole::copy(
            backup,
            &surveys,
            drops,
            keys,
            options.folder,
            control,
        )?);
    }
    // What takes no time has nothing to do in this backup.
    stages.retain(|stage| stage.stored_bytes > 0);
    Ok(Report::new(
        sample(backup, &surveys),
        control.threads(),
        stages,
        whole,
    ))
}

fn sample(backup: &Backup, surveys: &[PartSurvey]) -> Sample {
    Sample {
        size: backup.input.len(),
        securetar: backup.version().map(|v| v.number()),
        parts: backup.parts.len() as u64,
        entries: surveys.iter().map(|s| s.entries.len() as u64).sum(),
        plaintext_bytes: surveys.iter().map(|s| s.plaintext_bytes).sum(),
    }
}
