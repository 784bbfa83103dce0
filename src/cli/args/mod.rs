//! The command line. Parsing it does not access the disk.

mod bench;
mod choice;
mod info;
mod ls;
mod plan;
mod repair;
mod rules;
mod shared;
mod shrink;
mod verify;

use std::ffi::OsString;

use clap::{Parser, Subcommand};
use haslim::{Error, Kind};

pub use bench::Bench;
pub use choice::{Choice, Consent, Wrapping};
pub use info::Info;
pub use ls::Ls;
pub use plan::Plan;
pub use repair::Repair;
pub use rules::Rules;
pub use shared::{Color, Shared};
pub use shrink::Shrink;
pub use verify::Verify;

const EXIT_CODES: &str = "\
Exit codes:
   0  done and verified
   1  internal error
   2  wrong usage
   3  already fits, nothing to do
   4  the limit cannot be reached with what may be dropped
   5  the backup is damaged
   6  the copy failed its verification
   7  the copy or what is printed could not be written (disk full, permission, exists)
  10  refused: ambiguous, unsafe or unsupported input
  11  reading the backup failed, or it changed meanwhile
  12  password missing or wrong
  129, 130, 143  stopped by a signal; 130 also when you decline to go on
For every code but 0 no file was written and the original is unchanged.

The key is read from --password-file, --emergency-kit, the variable HASLIM_PASSWORD, or a prompt.
No option takes the key itself: it would show in the process list.";

/// Make a Home Assistant backup fit the cloud.
///
/// Shows what is big inside a backup, leaves that out, and writes a smaller,
/// encrypted, verified backup that restores. The original is never touched.
#[derive(Debug, Parser)]
#[command(name = "haslim", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    shared: Shared,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// What is inside, how big each part is, how it is encrypted, whether it fits
    Info(Info),
    /// Sizes inside the parts, the biggest first
    Ls(Ls),
    /// What shrink would do; writes nothing
    Plan(Plan),
    /// Write a smaller copy
    Shrink(Shrink),
    /// Check a backup for damage
    Verify(Verify),
    /// Write a copy with format errors fixed
    Repair(Repair),
    /// List the rules for what makes backups large
    Rules(Rules),
    /// Measure how fast each stage is on this machine, or make a backup to measure on
    Bench(Bench),
}

impl Cli {
    /// The shared options, those after the command first, and the command.
    pub fn split(self) -> (Shared, Command) {
        let shared = match &self.command {
            Command::Info(info) => info.shared(),
            Command::Ls(ls) => ls.shared(),
            Command::Plan(plan) => plan.shared(),
            Command::Shrink(shrink) => shrink.shared(),
            Command::Verify(verify) => verify.shared(),
            Command::Repair(repair) => repair.shared(),
            Command::Rules(rules) => rules.shared(),
            Command::Bench(bench) => bench.shared(),
        };
        (shared.or(self.shared), self.command)
    }
}

/// Whether `--json` is among arguments that could not be parsed.
pub fn want_json(args: impl Iterator<Item = OsString>) -> bool {
    args.take_while(|arg| arg != "--")
        .any(|arg| arg == "--json")
}

/// The parser's message, without its hints for people.
pub fn usage(error: &clap::Error) -> Error {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = first
        .trim_start_matches("error: ")
        .split_whitespace()
        .collect();
    Error::new(Kind::Usage, words.join(" "))
        .advice("`haslim --help` lists the commands and their options.")
}
