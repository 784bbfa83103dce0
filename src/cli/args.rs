//! The command line. Parsing it does not access the disk.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use haslim::{Error, Kind};

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
    pub common: Common,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// What is inside, how big each part is, how it is encrypted, whether it fits
    Info {
        /// A backup, or a folder of backups
        #[arg(value_name = "BACKUP|FOLDER")]
        path: PathBuf,
    },
    /// Sizes inside the parts, the biggest first
    Ls {
        backup: PathBuf,
        /// Only this component, or this path in it
        #[arg(value_name = "COMPONENT[:PATH]")]
        scope: Option<String>,
        /// How many levels of folders to show
        #[arg(long, value_name = "N", default_value_t = 2)]
        depth: usize,
        /// How many lines to show in each folder
        #[arg(long, value_name = "N", default_value_t = 10)]
        top: usize,
        /// Look into this scan of the backup, which needs no key, instead of reading it
        #[arg(long, value_name = "FILE")]
        scan: Option<PathBuf>,
    },
    /// Save what is inside, so that ls, plan and shrink need not read it all again
    Scan {
        backup: PathBuf,
        /// Where to save it [default: <name>.scan beside the backup]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Replace an existing file
        #[arg(long)]
        force: bool,
    },
    /// What shrink would do; writes nothing
    Plan {
        backup: PathBuf,
        #[command(flatten)]
        choice: Choice,
        /// Explain which rule or choice decides about this path
        #[arg(long, value_name = "COMPONENT:PATH")]
        why: Option<String>,
    },
    /// Write a smaller copy
    Shrink(Shrink),
    /// Check a backup for damage
    Verify { backup: PathBuf },
    /// Write a copy with format errors fixed
    Repair {
        backup: PathBuf,
        /// Where to write the copy [default: <name>.repaired.tar beside the backup]
        #[arg(short, long, value_name = "OUT")]
        output: Option<PathBuf>,
        /// Do not ask for confirmation
        #[arg(short, long)]
        yes: bool,
        /// Replace an existing output
        #[arg(long)]
        force: bool,
    },
    /// List the rules for what makes backups large
    Rules {
        /// A file with your own rules: additions, and ids to switch off
        #[arg(long, value_name = "F")]
        rules: Option<PathBuf>,
    },
    /// Measure how fast each stage is on this machine, or make a backup to measure on
    Bench(Bench),
}

/// Where a smaller copy goes, and how it is written.
#[derive(Debug, Args)]
pub struct Shrink {
    pub backup: PathBuf,
    #[command(flatten)]
    pub choice: Choice,
    /// Where to write the copy [default: <name>.slim.tar beside the backup]
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// Only show the plan
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Replace an existing output
    #[arg(long)]
    pub force: bool,
    /// For measurements only: do not read the copy back and compare it with the original before
    /// it gets its name
    #[arg(long, hide_short_help = true)]
    pub no_verify: bool,
}

/// What to measure, or what to make.
#[derive(Debug, Args)]
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
    /// Replace an existing file
    #[arg(long)]
    pub force: bool,
}

/// What to leave out.
#[derive(Debug, Args)]
pub struct Choice {
    /// Leave this out: media, share, ssl, addons/local, homeassistant, addon:SLUG, database,
    /// COMPONENT:GLOB, unknown:MEMBER
    #[arg(long, value_name = "SEL")]
    pub drop: Vec<String>,
    /// Keep this even if --drop names it
    #[arg(long, value_name = "SEL")]
    pub keep: Vec<String>,
    /// Also drop these if the limit requires it; caches, logs and nested backups may always be
    /// dropped
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    pub allow: Vec<Consent>,
    /// Leave out everything that may be dropped, even if less would be enough
    #[arg(long)]
    pub thorough: bool,
    /// A file with your own rules: additions, and ids to switch off
    #[arg(long, value_name = "F")]
    pub rules: Option<PathBuf>,
    /// Plan with this scan of the backup instead of reading it
    #[arg(long, value_name = "FILE")]
    pub scan: Option<PathBuf>,
    /// Encrypt the copy in this SecureTar version, or not at all [default: as in the backup]
    #[arg(long, value_name = "2|3|none")]
    pub securetar: Option<Wrapping>,
}

/// A class that needs consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Consent {
    /// Recordings, history, statistics
    History,
    /// Your own files and, as a last resort, whole folders and add-ons
    User,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Wrapping {
    #[value(name = "2")]
    Two,
    #[value(name = "3")]
    Three,
    None,
}

#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The maximum size of the copy; 5GB is 5,000,000,000 bytes, 5GiB works too
    #[arg(long, global = true, value_name = "SIZE", default_value = "5GB", value_parser = haslim::size::parse_limit)]
    pub limit: u64,
    /// Refuse a part whose contents are larger than this when unpacked [default: no limit]
    #[arg(long, global = true, value_name = "SIZE", value_parser = haslim::size::parse)]
    pub max_expanded: Option<u64>,
    /// Read the key from the first line of this file
    #[arg(
        long,
        global = true,
        value_name = "F",
        conflicts_with = "emergency_kit"
    )]
    pub password_file: Option<PathBuf>,
    /// Read the key from Home Assistant's emergency kit
    #[arg(long, global = true, value_name = "F")]
    pub emergency_kit: Option<PathBuf>,
    /// Print JSON on standard output and nothing else
    #[arg(long, global = true)]
    pub json: bool,
    /// How many threads to use [default: all cores]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Print errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print each stage as it begins
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
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
