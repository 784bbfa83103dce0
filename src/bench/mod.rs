//! Measures the speed of each stage on a given backup, and generates backups for that.
//!
//! [`run`] times the stages one after another over all parts, each on one thread unless stated
//! otherwise and with output that is only counted. Then it times the whole run as a command does
//! it, on all threads. [`make`] generates backups of any size.

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
    /// The folder for a temporary file without a name.
    pub folder: &'a Path,
    /// The contents to leave out of the copy that is written there; `None` for no copy. If the list
    /// is empty, the largest folder is left out.
    pub copy: Option<Vec<Selector>>,
}

/// Times every stage, and the whole run.
///
/// Memory does not depend on the backup's size, except for its entries. The backup is only read. Up
/// to 256 MiB are written to the folder, and one copy if requested, in files without a name that
/// are gone afterwards.
///
/// # Errors
/// Errors from reading the backup and from writing into the folder.
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
    // A stage that takes no time does not occur in this backup.
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
