//! Options for scripts: where settings come from, and how progress is reported.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Where settings come from, and how progress is reported.
#[derive(Debug, Clone, Default, Args)]
pub struct Automation {
    /// Read settings from this file [default: haslim/haslim.toml in the folder for settings]
    /// [env: HASLIM_CONFIG]
    #[arg(long, value_name = "F", conflicts_with = "no_config")]
    pub config: Option<PathBuf>,
    /// Read no file with settings
    #[arg(long, conflicts_with = "profile")]
    pub no_config: bool,
    /// Also use the settings in [profile.NAME] of that file [env: HASLIM_PROFILE]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// How to report progress on standard error [default: auto] [env: HASLIM_PROGRESS]
    #[arg(long, value_name = "HOW")]
    pub progress: Option<ProgressKind>,
}

impl Automation {
    /// These options, completed with those that stand `before` the command.
    #[must_use]
    pub fn or(self, before: Self) -> Self {
        let named = self.config.is_some() || self.no_config;
        Self {
            config: if named { self.config } else { before.config },
            no_config: if named {
                self.no_config
            } else {
                before.no_config
            },
            profile: self.profile.or(before.profile),
            progress: self.progress.or(before.progress),
        }
    }
}

/// How progress is reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ProgressKind {
    /// A bar on a terminal; elsewhere lines with --verbose, otherwise nothing
    #[default]
    Auto,
    /// A bar, which only a terminal shows
    Bar,
    /// Lines with the time since the start
    Plain,
    /// A line of JSON for each event
    Json,
    /// Nothing
    None,
}
