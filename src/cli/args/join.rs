//! The arguments of `haslim join`.

use std::path::PathBuf;

use clap::Args;

use super::new_file::new_file;
use super::shared::{Display, Shared};

/// The two files, and where the original goes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Join {
    /// The smaller copy
    pub copy: PathBuf,
    /// What `haslim shrink --rest` wrote beside it
    pub rest: PathBuf,
    /// Where to write the original
    #[arg(short, long, value_name = "OUT", value_parser = new_file())]
    pub output: PathBuf,
    /// Replace an existing output
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub display: Display,
}

impl Join {
    /// The shared options among them.
    pub fn shared(&self) -> Shared {
        Shared {
            display: self.display.clone(),
            ..Shared::default()
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  haslim shrink backup.tar --drop media --rest rest.tar
  haslim join backup.slim.tar rest.tar -o backup.tar
The result is the original, bit for bit. No key is needed.";
