//! What is said about compressing a copy: what the user wants, what was decided, and how.

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
    /// ([`PartSurvey::packed`](crate::survey::PartSurvey::packed)).
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
