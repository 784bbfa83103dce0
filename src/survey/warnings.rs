//! What the user should know about a part's stream, though it could be read.

use super::pieces::StreamEnd;
use crate::open::Part;

/// The warning for an archive without end blocks.
pub(crate) fn missing_end(part: &Part) -> String {
    format!("{}: the blocks of zeros that end an archive are missing; all its files are complete.", part.id)
}

/// What is odd about a part's stream, though it could be read.
pub(crate) fn of_stream(part: &Part, end: &StreamEnd) -> Vec<String> {
    let mut warnings = Vec::new();
    let Some(gzip) = &end.gzip else { return warnings };
    if gzip.members > 1 {
        warnings.push(format!(
            "{}: {} gzip members in one archive; Home Assistant would restore only the first one, haslim reads and keeps all.",
            part.id, gzip.members
        ));
    }
    if gzip.trailing_bytes > 0 {
        let what = if gzip.trailing_nonzero > 0 { "that belong to nothing" } else { "of zeros" };
        warnings.push(format!("{}: {} bytes {what} follow the compressed data.", part.id, gzip.trailing_bytes));
    }
    if !gzip.checksum_checked {
        warnings.push(format!("{}: the checksum could not be checked.", part.id));
    }
    warnings
}

/// From this ratio of contents to stored bytes on Home Assistant's reader of encrypted parts
/// spends its time on moving what it has inflated already.
const RATIO: u64 = 100;
/// Up to so many bytes of contents nobody notices.
const SMALL: u64 = 1 << 20;

/// The note for a part that would be restored slowly.
pub(crate) fn slow_restore(part: &Part, end: &StreamEnd) -> Option<String> {
    let gzip = end.gzip.filter(|gzip| gzip.plaintext_bytes > SMALL && gzip.plaintext_bytes / RATIO > gzip.compressed_bytes)?;
    let ratio = gzip.plaintext_bytes / gzip.compressed_bytes.max(1);
    Some(format!(
        "{}: its contents are {ratio} times as large as what is stored; Home Assistant restores such a part slowly when it is encrypted (supervisor#7247).",
        part.id
    ))
}
