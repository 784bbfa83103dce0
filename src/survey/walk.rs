//! Surveys one part in a single pass.

use super::collector::EntryCollector;
use super::part::PartSurvey;
use super::{hazards, warnings};
use crate::crypt::KeyRing;
use crate::dates;
use crate::error::Result;
use crate::format::tar::walk::Walker;
use crate::open::{Backup, Part, Pieces, locate};
use crate::pipe::Control;
use crate::rules::Made;

/// Surveys one part.
///
/// # Errors
/// `Damaged`, `Refused`, `Password` or `InputIo`, with the part and the position in the file;
/// `Interrupted`.
pub(crate) fn survey_part(
    backup: &Backup,
    at: usize,
    keys: Option<&KeyRing>,
    control: &Control,
) -> Result<PartSurvey> {
    let part = backup.part(at);
    walk(backup, part, at, keys, control).map_err(|e| locate(backup, part, e))
}

fn walk(
    backup: &Backup,
    part: &Part,
    at: usize,
    keys: Option<&KeyRing>,
    control: &Control,
) -> Result<PartSurvey> {
    let mut pieces = Pieces::new(backup, part, keys)?
        .with_checkpoints()
        .with_limit(control.max_expanded());
    let mut walker = Walker::default();
    let mut collector = EntryCollector::new(
        part.kind,
        backup.manifest.version(),
        Made {
            instance: backup.manifest.instance_id().map(str::to_owned),
            date: dates::seconds(backup.manifest.date()),
        },
    );
    while let Some((piece, stored_end)) = pieces.next_piece_up_to(walker.wanted())? {
        let step = collector.begin_piece(walker.position(), piece.len(), stored_end);
        if let Err(fault) = walker.feed(piece, &mut collector) {
            return Err(pieces.reason_for(fault.into(), control));
        }
        control.advance(step)?;
    }
    let walked = walker.finish()?;
    let found = collector.finish();
    let inside: u64 = found.entries.iter().map(|e| e.stored).sum();
    let end = pieces.end();
    let mut hazards = found.hazards;
    hazards.extend(hazards::among(&found.entries, control)?);
    hazards.sort_by_key(|hazard| hazard.entry);
    let (findings, warnings) = warnings::of_survey(part, &end, walked.ended, &found.long_paths);
    Ok(PartSurvey {
        part: at,
        recorder: found.recorder,
        modules: found.modules,
        entries_crc: found.entries_crc,
        globals: found.globals,
        entries: found.entries,
        end,
        checkpoints: pieces.checkpoints(),
        packed: None,
        plaintext_bytes: walked.bytes,
        overhead: backup.stored(part).saturating_sub(inside),
        hazards,
        findings,
        warnings,
    })
}
