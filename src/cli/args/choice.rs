//! What to leave out of a copy, and how the copy is encrypted.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What to leave out.
#[derive(Debug, Args)]
pub struct Choice {
    /// Leave this out: media, share, ssl, addons/local, homeassistant, addon:SLUG, database,
    /// COMPONENT:GLOB, unknown:MEMBER
    #[arg(long, value_name = "SEL")]
    pub drop: Vec<String>,
    /// Keep this even if --drop names it
    #[arg(long, value_name = "SEL")]
    pub keep: Vec<String>,
    /// Also drop these if the limit requires it; caches, logs and nested backups may always be
    /// dropped
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    pub allow: Vec<Consent>,
    /// Leave out everything that may be dropped, even if less would be enough
    #[arg(long)]
    pub thorough: bool,
    /// Compress what the backup stores uncompressed; this loses nothing, so it comes before
    /// anything is left out [default: auto]
    #[arg(long, value_name = "WHEN")]
    pub compress: Option<Compress>,
    /// End with code 0 instead of 3 if the backup already fits
    #[arg(long)]
    pub ok_if_fits: bool,
    /// A file with your own rules: additions, and ids to switch off [env: HASLIM_RULES]
    #[arg(long, value_name = "F")]
    pub rules: Option<PathBuf>,
    /// Encrypt the copy in this SecureTar version, or not at all [default: as in the backup]
    #[arg(long, value_name = "2|3|none")]
    pub securetar: Option<Wrapping>,
}

/// What was found out about the backup before.
#[derive(Debug, Args)]
pub struct Known {
    /// Plan with this scan of the backup instead of reading it
    #[arg(long, value_name = "FILE")]
    pub scan: Option<PathBuf>,
}

/// A class that needs consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Consent {
    /// Recordings, history, statistics
    History,
    /// Your own files and, as a last resort, whole folders and add-ons
    User,
}

/// When a copy is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compress {
    /// If the copy would otherwise be too large
    Auto,
    /// Even if it fits uncompressed
    Always,
    /// Never
    Never,
}

/// How a copy is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Wrapping {
    #[value(name = "2")]
    Two,
    #[value(name = "3")]
    Three,
    None,
}
