//! The arguments of `haslim plan`.

use std::path::PathBuf;

use clap::Args;

use super::choice::{Choice, Known};
use super::shared::{Display, Key, Limit, Reading, Shared};

/// What to plan.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Plan {
    /// The backup to make smaller
    pub backup: PathBuf,
    #[command(flatten)]
    pub choice: Choice,
    #[command(flatten)]
    pub known: Known,
    #[command(flatten)]
    pub limit: Limit,
    /// Explain which rule or choice decides about this path
    #[arg(long, value_name = "COMPONENT:PATH")]
    pub why: Option<String>,
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub display: Display,
}

impl Plan {
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
  haslim plan backup.tar --emergency-kit kit.txt
  haslim plan backup.tar --allow history           recordings may go as well
  haslim plan backup.tar --drop media --drop database
  haslim plan backup.tar --drop media --keep media:family
  haslim plan backup.tar --why homeassistant:www   why this stays or goes";
