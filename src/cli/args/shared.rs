//! Options that several commands share, in groups. A command flattens the groups that matter to it.
//!
//! All of them may also stand before the command, for example in an alias of the shell. There, a
//! command ignores those that it does not have. None has a default here, so that an option before
//! the command can tell whether the command has it too; `settings` knows the defaults.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::automation::Automation;

/// All shared options, as they stand before the command.
#[derive(Debug, Clone, Default, Args)]
pub struct Shared {
    #[command(flatten)]
    pub limit: Limit,
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub display: Display,
}

/// The size that a copy may have.
#[derive(Debug, Clone, Default, Args)]
pub struct Limit {
    /// The maximum size of the copy; 5GB is 5,000,000,000 bytes, 5GiB works too [default: 5GB]
    /// [env: HASLIM_LIMIT]
    #[arg(long, value_name = "SIZE", value_parser = haslim::size::parse_limit)]
    pub limit: Option<u64>,
}

/// The source of the key.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Encryption key")]
pub struct Key {
    /// Read the key from the first line of this file [env: HASLIM_PASSWORD_FILE]
    #[arg(long, value_name = "F", conflicts_with = "emergency_kit")]
    pub password_file: Option<PathBuf>,
    /// Read the key from Home Assistant's emergency kit [env: HASLIM_EMERGENCY_KIT]
    #[arg(long, value_name = "F")]
    pub emergency_kit: Option<PathBuf>,
    /// Whether Home Assistant is asked for the key. Only `ha` has an option for that.
    #[arg(skip)]
    pub is_from_home: bool,
}

/// How the parts are read.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Reading")]
pub struct Reading {
    /// Refuse a part whose contents are larger than this when unpacked [default: no limit]
    /// [env: HASLIM_MAX_EXPANDED]
    #[arg(long, value_name = "SIZE", value_parser = haslim::size::parse)]
    pub max_expanded: Option<u64>,
    /// How many threads to use [default: all cores] [env: HASLIM_THREADS]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
}

/// What is printed, and how.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct Display {
    /// Print JSON on standard output and nothing else
    #[arg(long)]
    pub json: bool,
    /// Print errors only
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print each stage as it begins, and where in the file an error is
    #[arg(short, long)]
    pub verbose: bool,
    /// Print everything that is known, not only what matters most
    #[arg(long)]
    pub details: bool,
    /// Print bars and marks with ASCII characters only
    #[arg(long)]
    pub ascii: bool,
    /// When to use colour [default: auto] [env: HASLIM_COLOR]
    #[arg(long, value_name = "WHEN")]
    pub color: Option<Color>,
    #[command(flatten)]
    pub automation: Automation,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

impl Shared {
    /// These options, completed with those that stand `before` the command.
    #[must_use]
    pub fn or(self, before: Self) -> Self {
        Self {
            limit: Limit {
                limit: self.limit.limit.or(before.limit.limit),
            },
            key: self.key.or(before.key),
            reading: Reading {
                max_expanded: self.reading.max_expanded.or(before.reading.max_expanded),
                threads: self.reading.threads.or(before.reading.threads),
            },
            display: self.display.or(before.display),
        }
    }
}

impl Key {
    /// Whether these options name a source.
    pub fn is_named(&self) -> bool {
        self.password_file.is_some() || self.emergency_kit.is_some() || self.is_from_home
    }

    /// Only one source is used, so one after the command replaces any before it.
    fn or(self, before: Self) -> Self {
        if self.is_named() { self } else { before }
    }
}

impl Display {
    fn or(self, before: Self) -> Self {
        Self {
            json: self.json || before.json,
            quiet: self.quiet || before.quiet && !self.verbose,
            verbose: self.verbose || before.verbose && !self.quiet,
            details: self.details || before.details,
            ascii: self.ascii || before.ascii,
            color: self.color.or(before.color),
            automation: self.automation.or(before.automation),
        }
    }
}
