//! Warnings about a part's stream that was nevertheless read.

use super::hazards::LongPaths;
use crate::finding::Finding;
use crate::open::{Part, StreamEnd};

/// Findings about a part's stream that was nevertheless read; `has_end` is true if the two zero
/// blocks that end a tar are there (POSIX pax, "ustar Interchange Format").
pub(crate) fn of_stream(part: &Part, end: &StreamEnd, has_end: bool) -> Vec<Finding> {
    let id = || part.id.clone();
    let mut found = Vec::new();
    if !has_end {
        found.push(Finding::MissingEnd { id: id() });
    }
    let Some(gzip) = &end.gzip else { return found };
    if gzip.members > 1 {
        found.push(Finding::GzipMembers {
            id: id(),
            count: gzip.members,
        });
    }
    if gzip.trailing_bytes > 0 {
        found.push(Finding::BytesBehindGzip {
            id: id(),
            count: gzip.trailing_bytes,
            zeros: gzip.trailing_nonzero == 0,
        });
    }
    if !gzip.checksum_checked {
        found.push(Finding::Unchecked { id: id() });
    }
    found
}

/// The findings about a part's stream, and all warnings of its survey.
pub(super) fn of_survey(
    part: &Part,
    end: &StreamEnd,
    has_end: bool,
    long_paths: &LongPaths,
) -> (Vec<Finding>, Vec<String>) {
    let findings = of_stream(part, end, has_end);
    let mut warnings: Vec<String> = findings.iter().map(Finding::text).collect();
    warnings.extend(long_paths.warning(&part.id));
    warnings.extend(slow_restore(part, end));
    (findings, warnings)
}

/// From this ratio of contents to stored bytes, Home Assistant's reader of encrypted parts spends
/// most of its time moving data that it has already inflated.
const RATIO: u64 = 100;
/// Up to this many bytes of contents the delay is not noticeable.
const SMALL: u64 = 1 << 20;

/// The warning for a part that restores slowly.
pub(crate) fn slow_restore(part: &Part, end: &StreamEnd) -> Option<String> {
    let gzip = end.gzip.filter(|gzip| {
        gzip.plaintext_bytes > SMALL && gzip.plaintext_bytes / RATIO > gzip.compressed_bytes
    })?;
    let ratio = gzip.plaintext_bytes / gzip.compressed_bytes.max(1);
    Some(format!(
        "{}: its contents are {ratio} times as large as what is stored; Home Assistant restores such a part slowly when it is encrypted (supervisor#7247).",
        part.id
    ))
}
