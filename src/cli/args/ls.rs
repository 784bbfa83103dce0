//! The arguments of `haslim ls`.

use std::path::PathBuf;

use clap::Args;

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
    /// How many levels of folders to show
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub depth: usize,
    /// How many lines to show in each folder
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub top: usize,
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub display: Display,
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
