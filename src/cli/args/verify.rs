//! The arguments of `haslim verify`.

use std::path::PathBuf;

use clap::Args;

use super::shared::{Display, Key, Reading, Shared};

/// What to check.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Verify {
    /// The backups to check
    #[arg(value_name = "BACKUP", required = true)]
    pub backups: Vec<PathBuf>,
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub display: Display,
}

impl Verify {
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
  haslim verify backup.tar --emergency-kit kit.txt
  haslim verify backup.tar --json";
