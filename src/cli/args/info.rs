//! The arguments of `haslim info`.

use std::path::PathBuf;

use clap::Args;

use super::shared::{Display, Key, Limit, Shared};

/// What to describe.
#[derive(Debug, Args)]
pub struct Info {
    /// A backup, or a folder of backups
    #[arg(value_name = "BACKUP|FOLDER")]
    pub path: PathBuf,
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
