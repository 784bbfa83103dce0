//! The settings of a run: typed values made from the arguments.
//!
//! Making them reads no files and asks no questions. A settings file would be merged here, between
//! the arguments and the work.

use std::path::{Path, PathBuf};

use haslim::format::securetar::Version;
use haslim::plan::EncryptionChoice;
use haslim::rules::Class;

use super::args::{self, Cli, Color, Command, Common, Consent};

/// The settings of every command.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The maximum size of a copy.
    pub limit: u64,
    /// Parts with larger contents are refused.
    pub max_expanded: Option<u64>,
    /// The source of the key.
    pub key: KeySource,
    /// Print JSON on standard output and nothing else.
    pub json: bool,
    /// How many threads to use; `None` for as many as there are cores.
    pub threads: Option<usize>,
    /// Print errors only.
    pub quiet: bool,
    /// Print each stage as it begins.
    pub verbose: bool,
    /// When to use colour.
    pub color: Color,
}

/// The source of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// The first line of this file.
    PasswordFile(PathBuf),
    /// This emergency kit of Home Assistant.
    EmergencyKit(PathBuf),
    /// The variable `HASLIM_PASSWORD`, otherwise a prompt.
    VariableOrPrompt,
}

/// What to leave out of a copy, as the user named it.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Selectors of what to leave out.
    pub drop: Vec<String>,
    /// Selectors of what to keep anyway.
    pub keep: Vec<String>,
    /// Classes that may be dropped in addition to the free ones.
    pub allow: Vec<Class>,
    /// Leave out everything that may be dropped, even if less would be enough.
    pub thorough: bool,
    /// A file with the user's own rules.
    pub rules: Option<PathBuf>,
    /// A scan of the backup to plan with.
    pub scan: Option<PathBuf>,
    /// How the copy is encrypted.
    pub encryption: EncryptionChoice,
}

/// Where a copy goes, and what is allowed when writing it.
#[derive(Debug, Clone)]
pub struct Writing {
    /// The named file.
    pub output: Option<PathBuf>,
    /// Do not ask for confirmation.
    pub yes: bool,
    /// Replace an existing file.
    pub replace: bool,
    /// Read the copy back and compare it before it gets its name.
    pub verify: bool,
}

impl Writing {
    /// The named file, or else `<name>.MARK.tar` next to the backup.
    pub fn path(&self, backup: &Path, mark: &str) -> PathBuf {
        self.output.clone().unwrap_or_else(|| {
            let mut name = backup.file_stem().unwrap_or_default().to_owned();
            name.push(format!(".{mark}.tar"));
            backup.with_file_name(name)
        })
    }
}

/// What `ls` shows.
#[derive(Debug)]
pub struct Listing {
    /// Only this component, or this path in it.
    pub scope: Option<String>,
    /// How many levels of folders.
    pub depth: usize,
    /// How many lines in each folder.
    pub top: usize,
    /// A scan of the backup to look into.
    pub scan: Option<PathBuf>,
}

/// Where a scan goes.
#[derive(Debug)]
pub struct Saving {
    /// The named file.
    pub output: Option<PathBuf>,
    /// Replace an existing file.
    pub replace: bool,
}

impl Saving {
    /// The named file, or else `<name>.scan` next to the backup.
    pub fn path(&self, backup: &Path) -> PathBuf {
        let default = || backup.with_extension("scan");
        self.output.clone().unwrap_or_else(default)
    }
}

/// What `bench` measures.
#[derive(Debug)]
pub struct Measuring {
    /// The backup; `None` for one that is made for this run.
    pub backup: Option<PathBuf>,
    /// If given, a copy is written and measured in this folder.
    pub folder: Option<PathBuf>,
    /// What that copy leaves out.
    pub drop: Vec<String>,
    /// If given, the result is saved in this file.
    pub save: Option<PathBuf>,
    /// An earlier result, to compare with.
    pub compare: Option<PathBuf>,
    /// Replace an existing file.
    pub replace: bool,
}

/// What `bench --make` makes.
#[derive(Debug)]
pub struct Making {
    /// The file.
    pub path: PathBuf,
    /// Its approximate size in bytes.
    pub size: u64,
    /// How it is encrypted. `AsIs` means encrypted if there is a key.
    pub encryption: EncryptionChoice,
    /// Another number produces other contents of the same kinds.
    pub seed: u64,
    /// Replace an existing file.
    pub replace: bool,
}

/// The task of a run.
#[derive(Debug)]
pub enum Task {
    Info {
        path: PathBuf,
    },
    Ls {
        backup: PathBuf,
        listing: Listing,
    },
    /// Shows what a copy would leave out; with `writing`, for `shrink --dry-run`.
    Plan {
        backup: PathBuf,
        selection: Selection,
        writing: Option<Writing>,
    },
    /// Explains what decides about one path.
    Why {
        backup: PathBuf,
        selection: Selection,
        location: String,
    },
    Shrink {
        backup: PathBuf,
        selection: Selection,
        writing: Writing,
    },
    Repair {
        backup: PathBuf,
        writing: Writing,
    },
    Scan {
        backup: PathBuf,
        saving: Saving,
    },
    Verify {
        backup: PathBuf,
    },
    Rules {
        file: Option<PathBuf>,
    },
    Measure(Measuring),
    Make(Making),
}

impl Task {
    /// Whether the command writes a backup or a scan. If so, a run that ends without one says so.
    pub fn is_to_write(&self) -> bool {
        match self {
            Self::Shrink { .. } | Self::Repair { .. } | Self::Scan { .. } | Self::Make(_) => true,
            Self::Plan { writing, .. } => writing.is_some(),
            _ => false,
        }
    }
}

/// The settings and the task for these arguments.
pub fn from_args(cli: Cli) -> (Settings, Task) {
    (cli.common.into(), cli.command.into())
}

impl From<Common> for Settings {
    fn from(common: Common) -> Self {
        let key = match (common.password_file, common.emergency_kit) {
            (Some(path), _) => KeySource::PasswordFile(path),
            (None, Some(path)) => KeySource::EmergencyKit(path),
            (None, None) => KeySource::VariableOrPrompt,
        };
        Self {
            limit: common.limit,
            max_expanded: common.max_expanded,
            key,
            json: common.json,
            threads: common.threads.map(usize::from),
            quiet: common.quiet,
            verbose: common.verbose,
            color: common.color,
        }
    }
}

impl From<args::Choice> for Selection {
    fn from(choice: args::Choice) -> Self {
        let class = |consent| match consent {
            Consent::History => Class::History,
            Consent::User => Class::User,
        };
        Self {
            drop: choice.drop,
            keep: choice.keep,
            allow: choice.allow.into_iter().map(class).collect(),
            thorough: choice.thorough,
            rules: choice.rules,
            scan: choice.scan,
            encryption: encryption(choice.securetar),
        }
    }
}

impl From<Command> for Task {
    fn from(command: Command) -> Self {
        match command {
            Command::Info { path } => Self::Info { path },
            Command::Ls {
                backup,
                scope,
                depth,
                top,
                scan,
            } => Self::Ls {
                backup,
                listing: Listing {
                    scope,
                    depth,
                    top,
                    scan,
                },
            },
            Command::Scan {
                backup,
                output,
                force,
            } => Self::Scan {
                backup,
                saving: Saving {
                    output,
                    replace: force,
                },
            },
            Command::Plan {
                backup,
                choice,
                why: None,
            } => Self::Plan {
                backup,
                selection: choice.into(),
                writing: None,
            },
            Command::Plan {
                backup,
                choice,
                why: Some(location),
            } => Self::Why {
                backup,
                selection: choice.into(),
                location,
            },
            Command::Shrink(shrink) => shrink.into(),
            Command::Verify { backup } => Self::Verify { backup },
            Command::Repair {
                backup,
                output,
                yes,
                force,
            } => Self::Repair {
                backup,
                writing: Writing {
                    output,
                    yes,
                    replace: force,
                    verify: true,
                },
            },
            Command::Rules { rules } => Self::Rules { file: rules },
            Command::Bench(bench) => bench.into(),
        }
    }
}

impl From<args::Shrink> for Task {
    fn from(shrink: args::Shrink) -> Self {
        let (backup, selection) = (shrink.backup, shrink.choice.into());
        let writing = Writing {
            output: shrink.output,
            yes: shrink.yes,
            replace: shrink.force,
            verify: !shrink.no_verify,
        };
        if shrink.dry_run {
            Self::Plan {
                backup,
                selection,
                writing: Some(writing),
            }
        } else {
            Self::Shrink {
                backup,
                selection,
                writing,
            }
        }
    }
}

impl From<args::Bench> for Task {
    fn from(bench: args::Bench) -> Self {
        match (bench.make, bench.file) {
            (Some(size), Some(path)) => Self::Make(Making {
                path,
                size,
                encryption: encryption(bench.securetar),
                seed: bench.seed.unwrap_or(0),
                replace: bench.force,
            }),
            (_, backup) => Self::Measure(Measuring {
                backup,
                folder: bench.write,
                drop: bench.drop,
                save: bench.save,
                compare: bench.compare,
                replace: bench.force,
            }),
        }
    }
}

fn encryption(named: Option<args::Wrapping>) -> EncryptionChoice {
    match named {
        None => EncryptionChoice::AsIs,
        Some(args::Wrapping::Two) => EncryptionChoice::Version(Version::V2),
        Some(args::Wrapping::Three) => EncryptionChoice::Version(Version::V3),
        Some(args::Wrapping::None) => EncryptionChoice::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn task(line: &str) -> Task {
        from_args(Cli::try_parse_from(line.split(' ')).unwrap()).1
    }

    #[test]
    fn a_copy_has_its_default_place_beside_the_backup() {
        for (line, expected) in [
            ("haslim shrink folder/a.b.tar", "folder/a.b.slim.tar"),
            ("haslim shrink folder/a.tar -o out", "out"),
        ] {
            let Task::Shrink {
                backup, writing, ..
            } = task(line)
            else {
                panic!("{line}");
            };
            assert_eq!(writing.path(&backup, "slim"), Path::new(expected), "{line}");
        }
    }

    #[test]
    fn a_scan_has_its_default_place_beside_the_backup() {
        for (line, expected) in [
            ("haslim scan folder/a.b.tar", "folder/a.b.scan"),
            ("haslim scan folder/a -o out", "out"),
        ] {
            let Task::Scan { backup, saving } = task(line) else {
                panic!("{line}");
            };
            assert_eq!(saving.path(&backup), Path::new(expected), "{line}");
        }
    }

    #[test]
    fn only_commands_that_are_there_to_write_are_taken_for_such() {
        for (line, writes) in [
            ("haslim shrink a.tar", true),
            ("haslim shrink a.tar -n", true),
            ("haslim repair a.tar", true),
            ("haslim scan a.tar", true),
            ("haslim bench a.tar --make 1MB", true),
            ("haslim bench a.tar", false),
            ("haslim plan a.tar", false),
            ("haslim plan a.tar --why media", false),
            ("haslim info a.tar", false),
            ("haslim ls a.tar", false),
            ("haslim verify a.tar", false),
            ("haslim rules", false),
        ] {
            assert_eq!(task(line).is_to_write(), writes, "{line}");
        }
    }
}
