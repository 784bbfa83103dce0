//! Measures what a part would take if it were compressed.

use std::time::Instant;

use super::filter::CutFilter;
use super::part::Counting;
use crate::crypt::KeyRing;
use crate::error::{Error, Result};
use crate::gzip::{self, Packed};
use crate::open::{Backup, locate, source};
use crate::pipe::{Control, ReadAhead};
use crate::plan::PartEdit;
use crate::survey::PartSurvey;

/// What was measured.
#[derive(Debug, Clone)]
pub struct PackedSize {
    /// The size, and where each block ends.
    pub packed: Packed,
    /// How long it took, in seconds. Writing the part takes about as long.
    pub seconds: f64,
}

/// Compresses a part that is stored uncompressed, on all cores, and keeps nothing but the sizes. If
/// nothing is removed from the part, [`rewrite`](super::rewrite()) writes a gzip stream of exactly this
/// size.
///
/// Memory: 4 MiB of read-ahead, about 1.4 MiB for each of `threads + 3` blocks, and 8 bytes for each
/// 512 KiB of the part.
///
/// # Errors
/// `Damaged`, `Refused`, `Password` or `InputIo`, with the part and the position in the file;
/// `Interrupted`.
pub fn packed_size(
    backup: &Backup,
    survey: &PartSurvey,
    keys: Option<&KeyRing>,
    control: &Control,
) -> Result<PackedSize> {
    let part = backup.part(survey.part);
    control.part(&part.id);
    let begin = Instant::now();
    let reader =
        source(backup, part, keys).and_then(|r| ReadAhead::new(r).map_err(Error::no_thread))?;
    let reader = Counting { reader, control };
    let everything = PartEdit::default();
    let mut filter = CutFilter::new(&everything, Some(survey), control);
    let packed = gzip::measure(reader, &mut filter, gzip::NEW_LEVEL, control.threads())
        .map_err(|e| locate(backup, part, Error::from_read(e)))?;
    Ok(PackedSize {
        packed,
        seconds: begin.elapsed().as_secs_f64(),
    })
}
