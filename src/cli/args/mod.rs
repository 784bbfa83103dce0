//! The command line: what can be typed, and what is wrong with what was typed.

mod automation;
mod bench;
mod choice;
mod extract;
mod extras;
mod ha;
mod info;
mod join;
mod ls;
mod new_file;
mod parse;
mod plan;
mod repair;
mod rules;
mod scan;
mod shared;
mod shrink;
mod usage;
mod verify;

use clap::{Parser, Subcommand};

pub use automation::{Automation, ProgressKind};
pub use bench::Bench;
pub use choice::{Choice, Compress, Consent, Wrapping};
pub use extract::Extract;
pub use extras::{Completions, Man};
pub use ha::{Connection, Ha, HaCommand, Sending};
pub use info::Info;
pub use join::Join;
pub use ls::{Ls, Sort};
pub use parse::{command, parse};
pub use plan::Plan;
pub use repair::Repair;
pub use rules::Rules;
pub use scan::Scan;
pub use shared::{Color, Shared};
pub use shrink::Shrink;
pub use usage::{explain, takes, want_json};
pub use verify::Verify;

const EXIT_CODES: &str = "\
Exit codes:
   0  done and verified
   1  internal error
   2  wrong usage
   3  already fits or already stored, nothing to do
   4  the limit cannot be reached with what may be dropped
   5  the backup is damaged
   6  the copy failed its verification
   7  the copy, or what is printed, could not be written
   8  Home Assistant cannot be reached, or answered with an error
   9  Home Assistant accepted the upload, but did not store it
  10  refused: ambiguous, unsafe or unsupported input
  11  reading the backup failed, or it changed meanwhile
  12  password missing or wrong
  129, 130, 143  stopped by a signal; 130 also when you decline to go on
For every code but 0 no file was written and the original is unchanged. Only
`extract` into a folder keeps the files that were complete by then, and
`ha slim` what it has fetched and made, which it names.

The key is read from --password-file, --emergency-kit, the variable
HASLIM_PASSWORD, or a prompt. No option takes the key itself: it would show in
the process list.

Shared options may stand before the command or after it. `haslim BACKUP` means
`haslim info BACKUP`. The options of a command: `haslim shrink --help`.";

/// What `--version` prints after the name; `-V` prints the first line.
const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit: ",
    env!("HASLIM_COMMIT"),
    "\ntarget: ",
    env!("HASLIM_TARGET")
);

/// What `haslim` alone prints.
pub const WELCOME: &str = "\
haslim makes a Home Assistant backup small enough for the cloud. To begin:
  haslim info   BACKUP                       what is inside; whether it fits
  haslim plan   BACKUP --emergency-kit KIT   what a smaller copy would leave out
  haslim shrink BACKUP --emergency-kit KIT   asks, and writes the smaller copy
The original is never changed. `haslim --help` lists everything.
";

/// What follows after a double click on the program, before it waits for Enter.
pub const WINDOW: &str = "
haslim is a program for the terminal. To open one, right-click an empty place in
this folder in Explorer, and choose \"Open in Terminal\". (Windows 10: hold Shift
as you right-click, and choose \"Open PowerShell window here\".) Then type:
  .\\haslim info BACKUP
Press Enter to close this window.
";

/// Make a Home Assistant backup fit the cloud.
///
/// Shows what is big inside a backup, leaves that out, and writes a smaller,
/// encrypted, verified backup that restores. The original is never touched.
#[derive(Debug, Parser)]
#[command(name = "haslim", version, long_version = LONG_VERSION, after_help = EXIT_CODES, max_term_width = 100)]
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
    /// Save what is inside, so that ls, plan and shrink need not read it all again
    Scan(Scan),
    /// Take files out of a backup
    Extract(Extract),
    /// What shrink would do; writes nothing
    Plan(Plan),
    /// Write a smaller copy
    Shrink(Shrink),
    /// Make the original again from a smaller copy and its rest
    Join(Join),
    /// Talk to Home Assistant: what it stores, and uploads to the cloud
    Ha(Ha),
    /// Check a backup for damage
    Verify(Verify),
    /// Write a copy with format errors fixed
    Repair(Repair),
    /// List the rules for what makes backups large
    Rules(Rules),
    /// Measure how fast each stage is on this machine, or make a backup to measure on
    Bench(Bench),
    /// Print a script that lets your shell complete commands and options
    Completions(Completions),
    /// Print the manual, or write it as pages for `man`
    Man(Man),
}

impl Cli {
    /// The shared options, those after the command first, and the command.
    pub fn split(self) -> (Shared, Command) {
        let shared = match &self.command {
            Command::Info(info) => info.shared(),
            Command::Ls(ls) => ls.shared(),
            Command::Scan(scan) => scan.shared(),
            Command::Extract(extract) => extract.shared(),
            Command::Plan(plan) => plan.shared(),
            Command::Shrink(shrink) => shrink.shared(),
            Command::Join(join) => join.shared(),
            Command::Ha(ha) => ha.shared(),
            Command::Verify(verify) => verify.shared(),
            Command::Repair(repair) => repair.shared(),
            Command::Rules(rules) => rules.shared(),
            Command::Bench(bench) => bench.shared(),
            Command::Completions(_) | Command::Man(_) => Shared::default(),
        };
        (shared.or(self.shared), self.command)
    }
}
