//! The arguments of `haslim scan`.

use std::path::PathBuf;

use clap::Args;

use super::new_file::new_file;
use super::shared::{Display, Key, Reading, Shared};

/// What to read, and where to save what was found.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Scan {
    /// The backup to look into
    pub backup: PathBuf,
    /// Where to save it [default: <name>.scan beside the backup]
    #[arg(short, long, value_name = "FILE", value_parser = new_file())]
    pub output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub display: Display,
}

impl Scan {
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
  haslim scan backup.tar --emergency-kit kit.txt
  haslim plan backup.tar --scan backup.scan        reads nothing again
The scan holds the names of all files. They are not encrypted in it.";
