//! The arguments of `haslim ls`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::shared::{Display, Key, Reading, Shared};

/// What to list.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Ls {
    /// The backup to look into
    pub backup: PathBuf,
    /// Only this component, or this path in it
    #[arg(value_name = "COMPONENT[:PATH]")]
    pub scope: Option<String>,
    /// How many levels of folders to show [default: 2; with --json all]
    #[arg(long, value_name = "N")]
    pub depth: Option<usize>,
    /// How many lines to show in each folder [default: 10 without those that are small or alike;
    /// with --json all]
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,
    /// List files without their folders
    #[arg(long, conflicts_with = "depth")]
    pub flat: bool,
    /// List what this glob matches: '*.mp4', '**/clips', 'media:frigate/**/*.mp4'
    #[arg(long, value_name = "GLOB", conflicts_with = "depth")]
    pub find: Option<String>,
    /// What comes first: the largest, the first by name, the newest, or the one with the most files
    /// [default: size]
    #[arg(long, value_name = "KEY")]
    pub sort: Option<Sort>,
    /// Look into this scan of the backup, which needs no key, instead of reading it
    #[arg(long, value_name = "FILE")]
    pub scan: Option<PathBuf>,
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub display: Display,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    Size,
    Name,
    Date,
    Count,
}

impl Ls {
    /// The shared options among them.
    pub fn shared(&self) -> Shared {
        Shared {
            key: self.key.clone(),
            reading: self.reading.clone(),
            display: self.display.clone(),
            ..Shared::default()
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  haslim ls backup.tar --emergency-kit kit.txt
  haslim ls backup.tar media              only the media folder
  haslim ls backup.tar /config/www        Home Assistant's own names work too
  haslim ls backup.tar media:frigate --depth 4 --top 30";
