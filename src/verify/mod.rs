//! Fifth stage: a second reading by independent means.
//!
//! The outer tar and every inner tar are read by the `tar` crate beside our own reader. gzip is
//! read by `flate2` and as one member, because Home Assistant reads only the first. Both readers
//! must see the same entries. [`output`] then compares a copy with its plan and its original,
//! [`Verification`] does so in two steps, beginning while the copy is still being written, and
//! [`backup`] checks a single backup.
#![deny(clippy::indexing_slicing)]

mod compare;
mod growing;
mod hazards;
mod reference_tar;
mod single_gzip;
mod verification;

pub use compare::{Verified, output};
pub use growing::Begun;
pub use verification::Verification;

use crate::crypt::KeyRing;
use crate::error::{Error, Result};
use crate::finding::Finding;
use crate::format::securetar::Version;
use crate::format::tar::walk::Walker;
use crate::open::{Backup, Part, Pieces, StreamEnd};
use crate::pipe::{Control, Stage, parallel};
use crate::plan::facts::{Note, Specials};
use crate::{open, survey};

/// The results for one part.
#[derive(Debug, Clone)]
pub struct PartCheck {
    /// Index in [`Backup::parts`].
    pub part: usize,
    /// Entries seen by both readers; `None` for a member that is not an archive.
    pub entries: Option<u64>,
    /// Bytes of plaintext tar.
    pub plaintext_bytes: u64,
    /// The evidence for the integrity of the bytes.
    pub evidence: Evidence,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Named pipes and devices. A restore may fail on them.
    pub specials: Option<Specials>,
}

/// What shows whether a byte of a part was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Every chunk is authenticated (v3).
    Authenticated,
    /// The gzip checksum covers the contents.
    Checksum,
    /// Nothing: the part is neither encrypted with v3 nor compressed, or is not an archive.
    Nothing,
}

impl Evidence {
    /// The result in one word. A part that nothing could vouch for is not called ok.
    pub fn word(self) -> &'static str {
        match self {
            Self::Authenticated | Self::Checksum => "ok",
            Self::Nothing => "readable",
        }
    }

    /// The wording in the report.
    pub fn text(self) -> &'static str {
        match self {
            Self::Authenticated => "every chunk authenticated",
            Self::Checksum => "checksum right",
            Self::Nothing => "readable; the format has nothing that could show a changed byte",
        }
    }
}

/// Reads every byte of a backup and checks everything that can be checked, parts in parallel.
///
/// # Errors
/// One entry per part, so that the error of one part does not hide those of others. The outer error
/// is for the outer tar.
pub fn backup(
    backup: &Backup,
    keys: Option<&KeyRing>,
    control: &Control,
) -> Result<Vec<Result<PartCheck>>> {
    reference_tar::outer(backup)?;
    let all: Vec<usize> = (0..backup.parts.len()).collect();
    Ok(each_part(backup, &all, control, |at| {
        check_part(backup, at, keys, control)
    }))
}

/// Reads the parts with these indices to the end of the archives in them, to detect damage. Returns
/// the results in the order of the indices: what in a part makes a restore fail, for the user.
///
/// Memory per thread: that of the decoder, and the names in a part.
pub fn integrity(
    backup: &Backup,
    parts: &[usize],
    keys: Option<&KeyRing>,
    control: &Control,
) -> Vec<Result<Intact>> {
    each_part(backup, parts, control, |at| {
        intact(backup, at, keys, control)
    })
}

fn intact(backup: &Backup, at: usize, keys: Option<&KeyRing>, control: &Control) -> Result<Intact> {
    let part = backup.part(at);
    open::check_head(backup, part)?;
    let mut pieces = Pieces::new(backup, part, keys)?.with_limit(control.max_expanded());
    let (mut walker, mut names) = (Walker::default(), hazards::HazardCollector::default());
    let mut before = 0;
    while let Some((piece, stored)) = pieces.next_piece_up_to(walker.wanted())? {
        if let Err(fault) = walker.feed(piece, &mut names) {
            return Err(pieces.reason_for(fault.into(), control));
        }
        control.advance(stored - before)?;
        before = stored;
    }
    let ended = walker.finish()?.ended;
    let end = pieces.end();
    let findings = survey::warnings::of_stream(part, &end, ended);
    let mut notes: Vec<Note> = findings
        .iter()
        .map(|finding| Note::Survey(finding.text()))
        .collect();
    notes.extend(names.kept(at, control)?);
    let has_more_members = end.gzip.is_some_and(|gzip| gzip.members > 1);
    Ok(Intact {
        notes,
        ends_early: has_more_members && part.version().is_some(),
    })
}

/// What is known about an intact part.
#[derive(Debug)]
pub struct Intact {
    /// What in it makes a restore fail.
    pub notes: Vec<Note>,
    /// Whether Home Assistant restores its beginning alone: it is encrypted and consists of several
    /// gzip members.
    pub ends_early: bool,
}

/// Runs a task on several parts, the largest first, and returns the results in the order of the
/// parts.
fn each_part<T: Send>(
    backup: &Backup,
    parts: &[usize],
    control: &Control,
    check: impl Fn(usize) -> Result<T> + Sync,
) -> Vec<Result<T>> {
    let size = |&at: &usize| backup.parts.get(at).map_or(0, |part| backup.stored(part));
    control.begin(Stage::Verify, parts.iter().map(size).sum());
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(parts.get(at).map(size)));
    let checks = parallel::each(control.threads(), &order, |at| {
        let at = *parts.get(at)?;
        let part = backup.parts.get(at)?;
        control.part(&part.id);
        Some(check(at).map_err(|e| open::locate(backup, part, e)))
    });
    control.end();
    checks.into_iter().flatten().collect()
}

fn check_part(
    backup: &Backup,
    at: usize,
    keys: Option<&KeyRing>,
    control: &Control,
) -> Result<PartCheck> {
    let part = backup.part(at);
    open::check_head(backup, part)?;
    if part.layer.is_none() {
        let warnings = vec![format!(
            "{}: not an archive that haslim knows; its bytes were not checked.",
            part.id
        )];
        return Ok(PartCheck {
            part: at,
            entries: None,
            plaintext_bytes: 0,
            evidence: Evidence::Nothing,
            warnings,
            specials: None,
        });
    }
    let mut pieces = Pieces::new(backup, part, keys)?.with_limit(control.max_expanded());
    let mut hazards = hazards::HazardCollector::default();
    let read = reference_tar::inner(
        reference_tar::PieceReader::new(&mut pieces, control),
        &mut hazards,
    );
    let read = read.map_err(|fault| pieces.reason_for(fault, control))?;
    let end = pieces.end();
    let mut warnings: Vec<String> = survey::warnings::of_stream(part, &end, read.ended)
        .iter()
        .map(Finding::text)
        .collect();
    warnings.extend(survey::warnings::slow_restore(part, &end));
    let (long_paths, specials) = hazards.finish(at, part, control)?;
    warnings.extend(long_paths);
    Ok(PartCheck {
        part: at,
        entries: Some(read.entries),
        plaintext_bytes: read.bytes,
        evidence: evidence(part, &end),
        warnings,
        specials,
    })
}

fn evidence(part: &Part, end: &StreamEnd) -> Evidence {
    match (part.version(), &end.gzip) {
        (Some(Version::V3), _) => Evidence::Authenticated,
        (_, Some(gzip)) if gzip.checksum_checked => Evidence::Checksum,
        _ => Evidence::Nothing,
    }
}

/// The error for two readers that saw different archives.
fn disagree(what: impl std::fmt::Display) -> Error {
    Error::refused(format!("two tar readers disagree: {what}")).advice(
        "Home Assistant may restore something else than what is shown here; make a new backup.",
    )
}
