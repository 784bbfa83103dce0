//! The arguments of `haslim repair`.

use std::path::PathBuf;

use clap::Args;

use super::new_file::new_file;
use super::shared::{Display, Key, Limit, Reading, Shared};
use super::shrink::Replacing;

/// What to repair, and where the copy goes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Repair {
    /// The backup to repair; it stays as it is
    pub backup: PathBuf,
    /// Where to write the copy [default: <name>.repaired.tar beside the backup]
    #[arg(short, long, value_name = "OUT", value_parser = new_file())]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub consent: Replacing,
    /// The JSON says whether the copy fits it.
    #[command(flatten)]
    pub limit: Limit,
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub display: Display,
}

impl Repair {
    /// The shared options among them.
    pub fn shared(&self) -> Shared {
        Shared {
            limit: self.limit.clone(),
            key: self.key.clone(),
            reading: self.reading.clone(),
            display: self.display.clone(),
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  haslim repair backup.tar --emergency-kit kit.txt
  haslim repair backup.tar -o fixed.tar --yes
It lists the errors and asks before it writes; the original is never changed.";
