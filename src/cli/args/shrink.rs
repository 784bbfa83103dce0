//! The arguments of `haslim shrink`, and those that every command that writes a copy has.

use std::path::PathBuf;

use clap::Args;

use super::choice::{Choice, Known};
use super::new_file::new_file;
use super::shared::{Display, Key, Limit, Reading, Shared};

/// What to leave out, where the smaller copy goes, and how it is written.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Shrink {
    /// The backup to make smaller; it stays as it is
    pub backup: PathBuf,
    #[command(flatten)]
    pub choice: Choice,
    #[command(flatten)]
    pub known: Known,
    #[command(flatten)]
    pub limit: Limit,
    /// Where to write the copy [default: <name>.slim.tar beside the backup]
    #[arg(short, long, value_name = "OUT", value_parser = new_file())]
    pub output: Option<PathBuf>,
    /// Also write everything that the copy lacks to this file: a backup of its own, which Home
    /// Assistant can restore, and with which `haslim join` makes the original again
    #[arg(long, value_name = "FILE", value_parser = new_file())]
    pub rest: Option<PathBuf>,
    #[command(flatten)]
    pub consent: Replacing,
    /// Only show the plan
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// For measurements only: do not read the copy back and compare it with the original before
    /// it gets its name
    #[arg(long, hide_short_help = true)]
    pub no_verify: bool,
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub display: Display,
}

/// What a command that writes a copy may do without asking.
#[derive(Debug, Args)]
pub struct Replacing {
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// Replace an existing output
    #[arg(long)]
    pub force: bool,
}

impl Shrink {
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
  haslim shrink backup.tar --emergency-kit kit.txt
  haslim shrink backup.tar --drop media:frigate -o small.tar
  haslim shrink backup.tar --limit 2GB --allow history
  haslim shrink backup.tar --drop media --rest rest.tar    loses nothing
  haslim shrink backup.tar --password-file key.txt --yes   asks nothing
It asks before it writes, and the original is never changed.";
