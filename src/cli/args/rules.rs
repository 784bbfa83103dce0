//! The arguments of `haslim rules`.

use std::path::PathBuf;

use clap::Args;

use super::shared::{Display, Shared};

/// Which rules to list.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Rules {
    /// Show all of this rule
    pub id: Option<String>,
    /// A file with your own rules: additions, and ids to switch off [env: HASLIM_RULES]
    #[arg(long, value_name = "F")]
    pub rules: Option<PathBuf>,
    #[command(flatten)]
    pub display: Display,
}

impl Rules {
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
  haslim rules                            what haslim knows
  haslim rules frigate-rec                all that is known about one rule
  haslim rules --rules my-rules.toml      with your own rules";
