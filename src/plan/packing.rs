//! Whether a copy compresses the parts that the backup stores uncompressed.
//!
//! `backup.json` has one flag for all of them, and Home Assistant looks for names that agree with it
//! (Supervisor, `backups/backup.py`: `.tar.gz` if `compressed`, else `.tar`). So a copy compresses
//! all parts that it keeps, or none.

use crate::error::Result;
use crate::open::{Backup, Part};
use crate::plan::compression::{CompressionChoice, Obstacle, ToCompress};
use crate::plan::edit::scan::Scans;
use crate::plan::request::Request;
use crate::plan::request::locate::located;
use crate::plan::{draft, layout};
use crate::survey::PartSurvey;

/// The first of the parts that cannot be compressed, and why not, as far as it is known before they
/// are read.
pub fn blocked(wanted: &ToCompress, backup: &Backup, has_key: bool) -> Option<(usize, Obstacle)> {
    let blocked = |&at: &usize| Some((at, obstacle(backup, backup.part(at), has_key)?));
    wanted.parts.iter().find_map(blocked)
}

fn obstacle(backup: &Backup, part: &Part, has_key: bool) -> Option<Obstacle> {
    if part.layer.is_none() {
        Some(Obstacle::NoArchive)
    } else if part.closed {
        Some(Obstacle::OtherKey)
    } else if part.version().is_some() && !has_key {
        Some(Obstacle::NoKey)
    } else if !layout::can_be_compressed(backup, part) {
        Some(Obstacle::Name)
    } else {
        None
    }
}

/// Whether a copy of this backup could be made smaller by compressing its parts, and the user allows
/// it.
pub fn may_compress(backup: &Backup, request: &Request) -> bool {
    request.compression != CompressionChoice::Never && !backup.right_compression()
}

/// The parts that the copy would compress: all that it keeps and that are stored uncompressed.
/// Empty if the user does not want that, or if the copy fits without it once it lacks what the user
/// named. `surveys` are those that [`to_survey`](super::to_survey) returned.
///
/// # Errors
/// As [`make`](super::make).
pub fn to_compress(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
) -> Result<ToCompress> {
    if !may_compress(backup, request) {
        return Ok(ToCompress::default());
    }
    let request = &*located(backup, surveys, request);
    let scans = Scans::new(backup, surveys, request)?;
    let named = draft::draft(backup, surveys, request, &scans, &[])?;
    let excess = named.exact_size.saturating_sub(request.most());
    if excess == 0 && request.compression == CompressionChoice::AsNeeded {
        return Ok(ToCompress::default());
    }
    let is_stored = |&at: &usize| {
        let part = backup.part(at);
        !part.compressed && backup.is_looked_for(part) && named.keeps(at)
    };
    Ok(ToCompress {
        parts: (0..backup.parts.len()).filter(is_stored).collect(),
        excess,
    })
}
