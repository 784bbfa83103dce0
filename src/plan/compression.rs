//! Whether a copy compresses the parts that the backup stores uncompressed.
//!
//! `backup.json` has one flag for all of them, and Home Assistant looks for names that agree with it
//! (Supervisor, `backups/backup.py`: `.tar.gz` if `compressed`, else `.tar`). So a copy compresses
//! all parts that it keeps, or none.

use crate::error::Result;
use crate::gzip;
use crate::open::{Backup, Part};
use crate::plan::edit::scan::Scans;
use crate::plan::model::{Action, Form};
use crate::plan::request::Request;
use crate::plan::request::locate::located;
use crate::plan::{draft, layout, predict};
use crate::survey::PartSurvey;

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CompressionChoice {
    /// If the copy would otherwise be too large. Nothing is lost with it, so it comes before
    /// anything is left out that the user did not name.
    #[default]
    AsNeeded,
    /// In any case.
    Always,
    /// Never: everything stays as it is stored.
    Never,
}

/// What the copy does about parts that are stored uncompressed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Packing {
    /// They stay as they are.
    #[default]
    AsStored,
    /// They are compressed. The survey of each that stays says how large it is then
    /// ([`PartSurvey::packed`]).
    Compress,
    /// They stay as they are, because compressing them would save only this many bytes.
    Useless(u64),
    /// They stay as they are, because this part could not be compressed.
    Blocked {
        /// Index of the part.
        part: usize,
        /// Why not.
        obstacle: Obstacle,
    },
    /// They stay as they are, so that the copy and its rest make the original again.
    KeptForRest,
}

impl Packing {
    /// Whether the copy is compressed although the backup is not.
    pub fn compresses(&self) -> bool {
        *self == Self::Compress
    }
}

/// Why a part cannot be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// It is encrypted, and there is no key.
    NoKey,
    /// It is encrypted with another key.
    OtherKey,
    /// It cannot be read as an archive.
    NoArchive,
    /// It cannot get the name that Home Assistant then looks for.
    Name,
}

/// The parts to compress.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToCompress {
    /// Their indices; empty if nothing is to be compressed.
    pub parts: Vec<usize>,
    /// By how many bytes the copy would be too large otherwise.
    pub excess: u64,
}

impl ToCompress {
    /// The least share of what is too much that is worth the time, as one part in so many.
    const SHARE: u64 = 100;

    /// Whether saving this many bytes is worth the time that compressing takes.
    pub fn is_worth_it(&self, saves: u64) -> bool {
        saves > 0 && saves >= self.excess / Self::SHARE
    }

    /// The first of the parts that cannot be compressed, as far as it is known before they are read.
    pub fn blocked(&self, backup: &Backup, has_key: bool) -> Option<Packing> {
        let blocked = |&part: &usize| {
            let obstacle = obstacle(backup, backup.part(part), has_key)?;
            Some(Packing::Blocked { part, obstacle })
        };
        self.parts.iter().find_map(blocked)
    }
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
    let excess = predict::padded(named.exact_size).saturating_sub(request.target_size());
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

/// How a part is compressed from its beginning to its end. Of every other part, only what is around
/// a change is compressed again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compressing {
    /// Why.
    pub why: CompressedFor,
    /// zlib's level.
    pub level: u32,
    /// About how many seconds it takes, if it was measured.
    pub seconds: Option<f64>,
    /// Whether the predicted size is exact. It is not where entries are left out, because what stays
    /// is then divided into other blocks.
    pub is_exact: bool,
}

/// The level for a part that is compressed again as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Index of the part.
    pub part: usize,
    /// zlib's level.
    pub level: u32,
    /// About how many seconds it takes.
    pub seconds: f64,
}

/// Why a part is compressed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressedFor {
    /// To make the copy smaller.
    Size,
    /// `backup.json` says that it is compressed, and it is not.
    Flag,
    /// It consists of several gzip members, and readers of encrypted archives stop after the first.
    Members,
    /// Its stream must be written again, and it was not surveyed: a part of SecureTar version 1 that
    /// gets another version.
    Version,
}

impl CompressedFor {
    /// The word that `--json` uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Flag => "flag",
            Self::Members => "members",
            Self::Version => "version",
        }
    }
}

/// How a part is compressed as a whole, if it is.
pub(super) fn compressing(
    backup: &Backup,
    at: usize,
    action: &Action,
    form: &Form,
    survey: Option<&PartSurvey>,
    request: &Request,
) -> Option<Compressing> {
    let edit = action.edit().filter(|_| form.compressed)?;
    let part = backup.part(at);
    if !part.compressed {
        let packed = survey.and_then(|survey| survey.packed);
        return Some(Compressing {
            why: if request.packing.compresses() {
                CompressedFor::Size
            } else {
                CompressedFor::Flag
            },
            level: gzip::NEW_LEVEL,
            seconds: packed.map(|packed| packed.seconds),
            is_exact: packed.is_some() && edit.is_empty(),
        });
    }
    let why = match survey {
        None => CompressedFor::Version,
        Some(survey) if survey.end.gzip.is_some_and(|gzip| gzip.members > 1) => {
            CompressedFor::Members
        }
        Some(_) => return None,
    };
    let tried = request.levels.iter().find(|tried| tried.part == at);
    Some(Compressing {
        why,
        level: tried.map_or_else(
            || gzip::level(part.version().is_some()),
            |tried| tried.level,
        ),
        seconds: tried.map(|tried| tried.seconds),
        is_exact: false,
    })
}
