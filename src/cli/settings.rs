//! The settings of a run: typed values made from the arguments, and from lower layers where the
//! arguments leave something open.
//!
//! The layers, the strongest first: the arguments, the environment, the chosen profile, the
//! configuration file, the defaults. [`super::layers`] reads the three in the middle; what is done
//! here reads no files and asks no questions.

use std::path::{Path, PathBuf, is_separator};

use clap_complete::Shell;
use haslim::extract::Format;
use haslim::format::securetar::Version;
use haslim::plan::{CompressionChoice, EncryptionChoice};
use haslim::report::listing::Sort;
use haslim::rules::Class;
use haslim::size::CLOUD_LIMIT;

use super::args::{self, Automation, Color, Command, Consent, ProgressKind, Shared};
use super::home::Home;
use super::key_source::KeySource;
use super::layers::Layer;

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
    /// Print everything that is known, not only what matters most.
    pub details: bool,
    /// Print bars and marks with ASCII characters only.
    pub ascii: bool,
    /// When to use colour.
    pub color: Color,
    /// How to report progress.
    pub progress: ProgressKind,
    /// What the arguments say about configuration files; commands that are printed repeat it.
    pub config: Automation,
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
    /// A backup that already fits is a success.
    pub ok_if_fits: bool,
    /// A file with the user's own rules.
    pub rules: Option<PathBuf>,
    /// A scan of the backup to plan with.
    pub scan: Option<PathBuf>,
    /// Whether parts that are stored uncompressed are compressed.
    pub compression: CompressionChoice,
    /// A rest is wanted, from which and the copy the original can be made again.
    pub with_rest: bool,
    /// How the copy is encrypted.
    pub encryption: EncryptionChoice,
}

/// Where a copy goes, and what is allowed when writing it.
#[derive(Debug, Clone)]
pub struct Writing {
    /// The named file.
    pub output: Option<PathBuf>,
    /// Where everything goes that the copy lacks.
    pub rest: Option<PathBuf>,
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

/// What `join` puts together.
#[derive(Debug)]
pub struct Joining {
    /// The smaller copy.
    pub copy: PathBuf,
    /// Its rest.
    pub rest: PathBuf,
    /// Where the original goes.
    pub output: PathBuf,
    /// Replace an existing file.
    pub replace: bool,
}

/// What `ls` shows.
#[derive(Debug)]
pub struct Listing {
    /// Only this component, or this path in it.
    pub scope: Option<String>,
    /// How many levels of folders, if given.
    pub depth: Option<usize>,
    /// How many lines in each folder, if given.
    pub top: Option<usize>,
    /// Files only, without folders.
    pub flat: bool,
    /// Only what this glob matches.
    pub find: Option<String>,
    /// The order, if given.
    pub sort: Option<Sort>,
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

/// What `extract` takes out of a backup.
#[derive(Debug)]
pub struct Extraction {
    /// Selectors of what to extract; none for everything.
    pub selectors: Vec<String>,
    /// Where it goes.
    pub goal: Goal,
    /// The level of zstd, if given.
    pub level: Option<i32>,
    /// Replace existing files.
    pub force: bool,
    /// Go on after damage.
    pub keep_going: bool,
}

/// Where extracted files go.
#[derive(Debug)]
pub enum Goal {
    Folder(PathBuf),
    Archive(PathBuf, Format),
    /// Nowhere: they are only listed.
    List,
    Stdout,
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
    /// How many source files there are, if not the usual number.
    pub sources: Option<u64>,
    /// Replace an existing file.
    pub replace: bool,
}

/// What to do with Home Assistant.
#[derive(Debug)]
pub enum HaTask {
    Status,
    List,
    Upload {
        backup: PathBuf,
        sending: Sending,
    },
    Fetch {
        wanted: Wanted,
        output: Option<PathBuf>,
        replace: bool,
    },
    Slim {
        wanted: Wanted,
        sending: Sending,
        selection: Selection,
        keeping: Keeping,
    },
}

/// Where a backup goes.
#[derive(Debug, Clone)]
pub struct Sending {
    /// The place that stores it.
    pub to: String,
    /// Wait for another backup.
    pub wait: bool,
    /// Do not ask for confirmation.
    pub yes: bool,
}

/// Which backup to download.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its id, or the beginning of it; the newest if there is none.
    pub id: Option<String>,
    /// The place that it must be at.
    pub from: Option<String>,
}

/// The files of `ha slim`.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// Where they are.
    pub folder: PathBuf,
    /// The original stays.
    pub original: bool,
    /// The copy stays.
    pub slim: bool,
    /// The copy is sent as it is made, and is never a file.
    pub is_streamed: bool,
}

/// The task of a run.
#[derive(Debug)]
pub enum Task {
    Info {
        paths: Vec<PathBuf>,
        /// Only whether each backup fits.
        check: bool,
    },
    Ls {
        backup: PathBuf,
        listing: Listing,
    },
    Extract {
        backup: PathBuf,
        extraction: Extraction,
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
    Join(Joining),
    /// Talks to Home Assistant.
    Ha {
        home: Home,
        task: HaTask,
    },
    Verify {
        backups: Vec<PathBuf>,
    },
    Rules {
        /// Show only this rule.
        id: Option<String>,
        file: Option<PathBuf>,
    },
    Completions(Shell),
    /// The manual: on standard output, or as pages in a folder.
    Man(Option<PathBuf>),
    Measure(Measuring),
    Make(Making),
}

impl Task {
    /// Whether the command writes a backup or a scan. If so, a run that ends without one says so.
    pub fn is_to_write(&self) -> bool {
        match self {
            Self::Shrink { .. }
            | Self::Repair { .. }
            | Self::Scan { .. }
            | Self::Make(_)
            | Self::Join(_) => true,
            Self::Ha { task, .. } => matches!(task, HaTask::Fetch { .. }),
            Self::Plan { writing, .. } => writing.is_some(),
            _ => false,
        }
    }
}

/// The settings and the task for these arguments, with `lower` for what they leave open.
pub fn from_args(mut shared: Shared, mut command: Command, lower: Layer) -> (Settings, Task) {
    complete_shared(&mut shared, &lower);
    match &mut command {
        Command::Plan(plan) => complete_choice(&mut plan.choice, lower),
        Command::Shrink(shrink) => complete_choice(&mut shrink.choice, lower),
        Command::Ha(args::Ha {
            command: args::HaCommand::Slim(slim),
        }) => complete_choice(&mut slim.choice, lower),
        Command::Rules(rules) => rules.rules = rules.rules.take().or(lower.rules),
        _ => {}
    }
    (shared.into(), command.into())
}

fn complete_shared(shared: &mut Shared, lower: &Layer) {
    let Shared {
        limit,
        key,
        reading,
        display,
    } = shared;
    limit.limit = limit.limit.or(lower.limit);
    reading.max_expanded = reading.max_expanded.or(lower.max_expanded);
    reading.threads = reading.threads.or(lower.threads);
    display.color = display.color.or(lower.color);
    // Who asks for silence wants no progress that only a lower layer asks for.
    if !display.quiet {
        display.automation.progress = display.automation.progress.or(lower.progress);
    }
    display.ascii |= lower.ascii.unwrap_or_default();
    display.details |= lower.details.unwrap_or_default();
    if !display.quiet && !display.verbose {
        display.quiet = lower.quiet.unwrap_or_default();
        display.verbose = lower.verbose.unwrap_or_default();
    }
    if !key.is_named() {
        match &lower.key {
            Some(KeySource::PasswordFile(path)) => key.password_file = Some(path.clone()),
            Some(KeySource::EmergencyKit(path)) => key.emergency_kit = Some(path.clone()),
            Some(KeySource::HomeAssistant | KeySource::VariableOrPrompt) | None => {}
        }
    }
}

/// A list replaces the list of a lower layer. Only `keep` adds to it, because a file that protects
/// something must not lose its effect when something else is to be kept as well.
fn complete_choice(choice: &mut args::Choice, lower: Layer) {
    if choice.drop.is_empty() {
        choice.drop = lower.drop.unwrap_or_default();
    }
    if choice.allow.is_empty() {
        choice.allow = lower.allow.unwrap_or_default();
    }
    let kept = lower.keep.unwrap_or_default();
    let added = kept.into_iter().filter(|one| !choice.keep.contains(one));
    let added: Vec<String> = added.collect();
    choice.keep.extend(added);
    choice.thorough |= lower.thorough.unwrap_or_default();
    choice.ok_if_fits |= lower.ok_if_fits.unwrap_or_default();
    choice.rules = choice.rules.take().or(lower.rules);
    choice.compress = choice.compress.or(lower.compress);
    choice.securetar = choice.securetar.or(lower.securetar);
}

impl From<Shared> for Settings {
    fn from(shared: Shared) -> Self {
        let Shared {
            limit,
            key,
            reading,
            display,
        } = shared;
        let key = match (key.password_file, key.emergency_kit) {
            (Some(path), _) => KeySource::PasswordFile(path),
            (None, Some(path)) => KeySource::EmergencyKit(path),
            (None, None) if key.is_from_home => KeySource::HomeAssistant,
            (None, None) => KeySource::VariableOrPrompt,
        };
        Self {
            limit: limit.limit.unwrap_or(CLOUD_LIMIT),
            max_expanded: reading.max_expanded,
            key,
            json: display.json,
            threads: reading.threads.map(usize::from),
            quiet: display.quiet,
            verbose: display.verbose,
            details: display.details,
            ascii: display.ascii,
            color: display.color.unwrap_or_default(),
            progress: display.automation.progress.unwrap_or_default(),
            config: display.automation,
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
            ok_if_fits: choice.ok_if_fits,
            rules: choice.rules,
            scan: None,
            compression: compression(choice.compress),
            with_rest: false,
            encryption: encryption(choice.securetar),
        }
    }
}

impl From<Command> for Task {
    fn from(command: Command) -> Self {
        match command {
            Command::Info(info) => Self::Info {
                paths: info.paths,
                check: info.check,
            },
            Command::Scan(scan) => Self::Scan {
                backup: scan.backup,
                saving: Saving {
                    output: scan.output,
                    replace: scan.force,
                },
            },
            Command::Extract(extract) => extract.into(),
            Command::Ls(ls) => ls.into(),
            Command::Plan(plan) => plan.into(),
            Command::Shrink(shrink) => shrink.into(),
            Command::Join(join) => Self::Join(Joining {
                copy: join.copy,
                rest: join.rest,
                output: join.output,
                replace: join.force,
            }),
            Command::Ha(ha) => ha.into(),
            Command::Verify(verify) => Self::Verify {
                backups: verify.backups,
            },
            Command::Repair(repair) => Self::Repair {
                backup: repair.backup,
                writing: Writing {
                    output: repair.output,
                    rest: None,
                    yes: repair.consent.yes,
                    replace: repair.consent.force,
                    verify: true,
                },
            },
            Command::Rules(rules) => Self::Rules {
                id: rules.id,
                file: rules.rules,
            },
            Command::Bench(bench) => bench.into(),
            Command::Completions(completions) => Self::Completions(completions.shell),
            Command::Man(man) => Self::Man(man.output),
        }
    }
}

impl From<args::Connection> for Home {
    fn from(connection: args::Connection) -> Self {
        Self {
            url: connection.url,
            token_file: connection.token_file,
            ca_file: connection.ca_file,
        }
    }
}

impl From<args::Sending> for Sending {
    fn from(sending: args::Sending) -> Self {
        Self {
            to: sending.to,
            wait: sending.wait,
            yes: sending.yes,
        }
    }
}

fn wanted(id: Option<String>, from: Option<String>) -> Wanted {
    Wanted {
        id: id.filter(|id| id != "latest"),
        from,
    }
}

impl From<args::Ha> for Task {
    fn from(ha: args::Ha) -> Self {
        let (connection, task) = match ha.command {
            args::HaCommand::Status(look) => (look.connection, HaTask::Status),
            args::HaCommand::List(look) => (look.connection, HaTask::List),
            args::HaCommand::Upload(upload) => {
                let (backup, sending) = (upload.backup, upload.sending.into());
                (upload.connection, HaTask::Upload { backup, sending })
            }
            args::HaCommand::Fetch(fetch) => {
                let task = HaTask::Fetch {
                    wanted: wanted(fetch.id, fetch.from),
                    output: fetch.output,
                    replace: fetch.force,
                };
                (fetch.connection, task)
            }
            args::HaCommand::Slim(slim) => {
                let keeping = Keeping {
                    folder: slim.folder,
                    original: slim.keep_original,
                    slim: slim.keep_slim,
                    is_streamed: slim.stream,
                };
                let task = HaTask::Slim {
                    wanted: wanted(slim.id, slim.from),
                    sending: slim.sending.into(),
                    selection: slim.choice.into(),
                    keeping,
                };
                (slim.connection, task)
            }
        };
        Self::Ha {
            home: connection.into(),
            task,
        }
    }
}

impl From<args::Plan> for Task {
    fn from(plan: args::Plan) -> Self {
        let backup = plan.backup;
        let selection = Selection {
            scan: plan.known.scan,
            ..plan.choice.into()
        };
        match plan.why {
            None => Self::Plan {
                backup,
                selection,
                writing: None,
            },
            Some(location) => Self::Why {
                backup,
                selection,
                location,
            },
        }
    }
}

impl From<args::Extract> for Task {
    fn from(extract: args::Extract) -> Self {
        let goal = match extract.output {
            _ if extract.list => Goal::List,
            Some(path) => goal(path, extract.level),
            None => Goal::Stdout,
        };
        Self::Extract {
            backup: extract.backup,
            extraction: Extraction {
                selectors: extract.selectors,
                goal,
                level: extract.level,
                force: extract.force,
                keep_going: extract.keep_going,
            },
        }
    }
}

/// An archive if the name says so, and otherwise a folder. A path that ends in a separator is a
/// folder, whatever its name.
fn goal(path: PathBuf, level: Option<i32>) -> Goal {
    let text = path.as_os_str().as_encoded_bytes();
    let is_folder = text.last().is_some_and(|&b| is_separator(b.into()));
    match Format::of(&path).filter(|_| !is_folder) {
        Some(Format::Zstd(default)) => Goal::Archive(path, Format::Zstd(level.unwrap_or(default))),
        Some(format) => Goal::Archive(path, format),
        None => Goal::Folder(path),
    }
}

impl From<args::Ls> for Task {
    fn from(ls: args::Ls) -> Self {
        let sort = |sort| match sort {
            args::Sort::Size => Sort::Size,
            args::Sort::Name => Sort::Name,
            args::Sort::Count => Sort::Count,
            args::Sort::Date => Sort::Date,
        };
        let listing = Listing {
            scope: ls.scope,
            depth: ls.depth,
            top: ls.top,
            flat: ls.flat,
            find: ls.find,
            sort: ls.sort.map(sort),
            scan: ls.scan,
        };
        Self::Ls {
            backup: ls.backup,
            listing,
        }
    }
}

impl From<args::Shrink> for Task {
    fn from(shrink: args::Shrink) -> Self {
        let backup = shrink.backup;
        let selection = Selection {
            scan: shrink.known.scan,
            with_rest: shrink.rest.is_some(),
            ..shrink.choice.into()
        };
        let writing = Writing {
            output: shrink.output,
            rest: shrink.rest,
            yes: shrink.consent.yes,
            replace: shrink.consent.force,
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
                sources: bench.sources,
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

fn compression(named: Option<args::Compress>) -> CompressionChoice {
    match named {
        None | Some(args::Compress::Auto) => CompressionChoice::AsNeeded,
        Some(args::Compress::Always) => CompressionChoice::Always,
        Some(args::Compress::Never) => CompressionChoice::Never,
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
    use crate::cli::args::Cli;
    use clap::Parser;

    fn parse(line: &str) -> Result<(Settings, Task), clap::Error> {
        let (shared, command) = Cli::try_parse_from(line.split(' '))?.split();
        Ok(from_args(shared, command, Layer::default()))
    }

    fn task(line: &str) -> Task {
        parse(line).unwrap().1
    }

    fn settings(line: &str) -> Settings {
        parse(line).unwrap().0
    }

    #[test]
    fn shared_options_may_stand_before_the_command_or_after_it() {
        for line in [
            "haslim --limit 1kB --json --threads 3 --emergency-kit k --color never plan a.tar",
            "haslim plan a.tar --limit 1kB --json --threads 3 --emergency-kit k --color never",
        ] {
            let settings = settings(line);
            assert_eq!(
                (settings.limit, settings.threads),
                (1000, Some(3)),
                "{line}"
            );
            assert!(settings.json && settings.color == Color::Never, "{line}");
            assert_eq!(settings.key, KeySource::EmergencyKit("k".into()), "{line}");
        }
    }

    #[test]
    fn an_option_after_the_command_overrides_the_one_before_it() {
        let line =
            "haslim -q --limit 1kB --emergency-kit k plan -v --limit 2kB --password-file p a";
        let settings = settings(line);
        assert_eq!(settings.limit, 2000);
        assert!(settings.verbose && !settings.quiet);
        assert_eq!(settings.key, KeySource::PasswordFile("p".into()));
    }

    #[test]
    fn a_command_has_only_the_options_that_it_uses() {
        for line in [
            "verify a.tar --limit 1kB",
            "rules --limit 1kB",
            "rules --password-file p",
            "rules --threads 2",
            "info a.tar --max-expanded 1kB",
            "info a.tar --threads 2",
            "ls a.tar --limit 1kB",
            "bench --limit 1kB",
        ] {
            assert!(parse(&format!("haslim {line}")).is_err(), "{line}");
            // An alias of the shell may set options for every command.
            let mut words: Vec<&str> = line.split(' ').collect();
            let options = words.split_off(words.len() - 2);
            let before = format!("haslim {} {}", options.join(" "), words.join(" "));
            assert!(parse(&before).is_ok(), "{before}");
        }
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
