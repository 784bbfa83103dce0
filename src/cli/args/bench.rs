//! The arguments of `haslim bench`.

use std::path::PathBuf;

use clap::Args;

use super::choice::Wrapping;
use super::shared::{Display, Key, Reading, Shared};

/// What to measure, or what to make.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Bench {
    /// The backup to measure on; with --make, the file to write [default: a backup of 64 MB, made
    /// for this run]
    #[arg(value_name = "BACKUP|OUT")]
    pub file: Option<PathBuf>,
    /// Also write a copy into an unnamed file in this folder, and measure that; it is gone
    /// afterwards
    #[arg(long, value_name = "FOLDER", conflicts_with = "make")]
    pub write: Option<PathBuf>,
    /// What that copy leaves out [default: the largest folder]
    #[arg(long, value_name = "SEL", requires = "write")]
    pub drop: Vec<String>,
    /// Save the result as JSON in this file
    #[arg(long, value_name = "F", conflicts_with = "make")]
    pub save: Option<PathBuf>,
    /// Compare with a saved result
    #[arg(long, value_name = "F", conflicts_with = "make")]
    pub compare: Option<PathBuf>,
    /// Write a realistic backup of about this size; with a key it is encrypted
    #[arg(long, value_name = "SIZE", requires = "file", value_parser = haslim::size::parse)]
    pub make: Option<u64>,
    /// With --make: the SecureTar version, or no encryption [default: 3 with a key, else none]
    #[arg(long, value_name = "2|3|none", requires = "make")]
    pub securetar: Option<Wrapping>,
    /// With --make: use another number for other contents of the same kinds
    #[arg(long, value_name = "N", requires = "make")]
    pub seed: Option<u64>,
    /// With --make: how many source files there are, which are smaller the more there are [default:
    /// about 17,000 for each GB]
    #[arg(long, value_name = "N", requires = "make")]
    pub sources: Option<u64>,
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

impl Bench {
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
  haslim bench                            on a backup made for this run
  haslim bench backup.tar --emergency-kit kit.txt --write /mnt/disk
  haslim bench sample.tar --make 1GB      write a backup to measure on";
