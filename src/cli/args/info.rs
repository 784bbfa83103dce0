//! The arguments of `haslim info`.

use std::path::PathBuf;

use clap::Args;

use super::shared::{Display, Key, Limit, Shared};

/// What to describe.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Info {
    /// A backup, or a folder of backups; several are listed one a line
    #[arg(value_name = "BACKUP|FOLDER", required = true)]
    pub paths: Vec<PathBuf>,
    /// Only check whether each backup fits the limit: exit code 0 if so, otherwise 4
    #[arg(long)]
    pub check: bool,
    #[command(flatten)]
    pub limit: Limit,
    /// Only for the commands that `info` suggests: nothing is decrypted.
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub display: Display,
}

impl Info {
    /// The shared options among them.
    pub fn shared(&self) -> Shared {
        Shared {
            limit: self.limit.clone(),
            key: self.key.clone(),
            display: self.display.clone(),
            ..Shared::default()
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  haslim info backup.tar                  what is inside, and whether it fits
  haslim info backup.tar --limit 2GiB     whether it fits another limit
  haslim info backups/                    a line for each backup in a folder
No key is needed: sizes and names of the parts are not encrypted.";
