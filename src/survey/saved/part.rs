//! One part of a scan.

use super::bytes::{Budget, Bytes, put_number, put_text};
use super::{ScanError, columns, facts};
use crate::finding::Finding;
use crate::open::Backup;
use crate::survey::hazards::LongPaths;
use crate::survey::{Global, PartSurvey, warnings};

/// Deflate expands nothing by more than a factor of 1032 (zlib, "Maximum Compression Factor").
const RATIO: u64 = 1032;

/// Appends what a survey says. Its checksums and checkpoints are left out: only writing needs them,
/// and then the part is read again.
pub fn put(out: &mut Vec<u8>, backup: &Backup, survey: &PartSurvey) {
    put_number(out, survey.part as u64);
    put_text(out, backup.part(survey.part).id.as_bytes());
    put_number(out, survey.plaintext_bytes);
    put_number(out, survey.globals.len() as u64);
    for global in &survey.globals {
        put_number(out, global.before as u64);
        put_number(out, global.bytes);
    }
    let ended = !survey
        .findings
        .iter()
        .any(|finding| matches!(finding, Finding::MissingEnd { .. }));
    out.push(ended.into());
    facts::put_end(out, &survey.end);
    facts::put_recorder(out, &survey.recorder);
    facts::put_modules(out, &survey.modules);
    columns::put(out, &survey.entries);
    facts::put_hazards(out, &survey.hazards);
}

/// Reads the survey of a part.
///
/// # Errors
/// `Damaged`, also if the backup has no such part, or the survey says something that no part of
/// this size can have: sums over its entries never overflow.
pub fn take(
    bytes: &mut Bytes<'_>,
    budget: &mut Budget,
    backup: &Backup,
) -> Result<PartSurvey, ScanError> {
    let at = bytes.index(backup.parts.len())?;
    let part = backup.part(at);
    if bytes.text()? != part.id.as_bytes() {
        return Err(ScanError::Damaged("it names a part that is not there"));
    }
    let room = backup.stored(part);
    let plaintext_bytes = at_most(bytes.number()?, room.saturating_mul(RATIO))?;
    let globals = globals(bytes, budget, plaintext_bytes)?;
    let ended = bytes.byte()? != 0;
    let end = facts::take_end(bytes)?;
    at_most(end.stream_bytes, room)?;
    let recorder = facts::take_recorder(bytes, budget)?;
    let modules = facts::take_modules(bytes, budget)?;
    let entries = columns::take(bytes, budget, plaintext_bytes)?;
    if globals
        .last()
        .is_some_and(|last| last.before >= entries.len())
    {
        return Err(ScanError::Damaged(
            "a global header in it belongs to nothing",
        ));
    }
    let hazards = facts::take_hazards(bytes, budget, entries.len())?;
    let inside = entries.iter().try_fold(0u64, |sum, entry| {
        at_most(sum.saturating_add(entry.stored), room)
    })?;
    let mut long_paths = LongPaths::default();
    entries.iter().for_each(|entry| long_paths.see(&entry.name));
    let (findings, warnings) = warnings::of_survey(part, &end, ended, &long_paths);
    Ok(PartSurvey {
        part: at,
        entries,
        end,
        plaintext_bytes,
        entries_crc: 0,
        globals,
        checkpoints: Vec::new(),
        packed: None,
        overhead: room - inside,
        recorder,
        modules,
        hazards,
        findings,
        warnings,
    })
}

/// The headers that belong to no entry, without their checksums.
fn globals(
    bytes: &mut Bytes<'_>,
    budget: &mut Budget,
    plaintext_bytes: u64,
) -> Result<Vec<Global>, ScanError> {
    let count = bytes.number()?;
    budget.spend(count, size_of::<Global>())?;
    let mut globals: Vec<Global> = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
    let mut sum = 0u64;
    for _ in 0..count {
        let global = Global {
            before: bytes.index(usize::MAX)?,
            bytes: bytes.number()?,
            before_crc: 0,
        };
        sum = at_most(sum.saturating_add(global.bytes), plaintext_bytes)?;
        let is_next = globals
            .last()
            .is_none_or(|last| last.before < global.before);
        if global.bytes == 0 || !is_next {
            return Err(ScanError::Damaged("its global headers are out of order"));
        }
        globals.push(global);
    }
    Ok(globals)
}

fn at_most(number: u64, most: u64) -> Result<u64, ScanError> {
    if number <= most {
        Ok(number)
    } else {
        Err(ScanError::Damaged("a size in it is too large"))
    }
}
