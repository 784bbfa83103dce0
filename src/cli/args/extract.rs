//! The arguments of `haslim extract`.

use std::path::PathBuf;

use clap::Args;

use super::new_file::new_file;
use super::shared::{Display, Key, Reading, Shared};

/// What to take out of the backup, and where it goes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Extract {
    /// The backup to take files out of; it stays as it is
    pub backup: PathBuf,
    /// What to extract, in the forms that --drop takes [default: everything]
    #[arg(value_name = "SELECTOR")]
    pub selectors: Vec<String>,
    /// The folder for the files, or one archive: FILE.tar, FILE.tar.gz or FILE.tar.zst
    #[arg(short, long, value_name = "OUT", required_unless_present_any = ["list", "stdout"], value_parser = new_file())]
    pub output: Option<PathBuf>,
    /// Only list what would be extracted
    #[arg(short, long, conflicts_with_all = ["stdout", "level"])]
    pub list: bool,
    /// Write the contents of the one selected file to standard output
    #[arg(long, conflicts_with_all = ["output", "json", "keep_going", "force", "level"])]
    pub stdout: bool,
    /// Replace existing files
    #[arg(long)]
    pub force: bool,
    /// Go on after damage: extract what comes before it, and the other parts
    #[arg(short, long)]
    pub keep_going: bool,
    /// How hard zstd compresses FILE.tar.zst, from 1 to 19 [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=19))]
    pub level: Option<i32>,
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub display: Display,
}

impl Extract {
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
  haslim extract backup.tar -o files --emergency-kit kit.txt      everything
  haslim extract backup.tar homeassistant:automations.yaml -o files
  haslim extract backup.tar media:frigate -o recordings.tar.zst
  haslim extract backup.tar homeassistant:secrets.yaml --stdout
Each part has a folder of its own there: homeassistant, media, addon_SLUG, ...
What is extracted is not encrypted.";
