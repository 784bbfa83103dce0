//! The terminal side: arguments, the key, progress, tables.

mod args;
mod commands;
mod copy;
mod kept;
mod key;
mod prepare;
mod render;
mod small_file;
mod terminal;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use clap::Parser;
use haslim::error::{DOWNLOAD_AGAIN, NO_MORE, SCARCE};
use haslim::open::Backup;
use haslim::pipe::{Control, Input};
use haslim::report::{json, words};
use haslim::{Error, Kind, Result};

use args::{Cli, Command, Common};
use commands::{bench, info, ls, repair, rules, shrink, verify};
use terminal::output::{self, Screen};
use terminal::{memory, progress, signals};

/// Everything that a command is given besides its own arguments.
pub struct Session {
    pub common: Common,
    pub control: Control,
    pub screen: Screen,
    input: OnceLock<Arc<Input>>,
    /// Set when there is a backup around what is damaged, so that `verify` can tell more.
    opened: OnceLock<()>,
    /// Set when a file has got its name.
    published: OnceLock<()>,
}

impl Session {
    fn new(common: &Common, control: Control) -> Self {
        let screen = Screen::new(common);
        Self {
            common: common.clone(),
            control,
            screen,
            input: OnceLock::new(),
            opened: OnceLock::new(),
            published: OnceLock::new(),
        }
    }

    /// Opens the backup that the command is about.
    ///
    /// # Errors
    /// As [`Backup::open`]; `Refused` for `-`, as nothing can be read from a pipe.
    pub fn open(&self, path: &Path) -> Result<Backup> {
        let backup = self.open_repairable(path)?;
        backup.check_compression()?;
        Ok(backup)
    }

    /// As [`Session::open`], but also opens a backup whose parts Home Assistant would look for
    /// under other names.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_repairable(&self, path: &Path) -> Result<Backup> {
        let backup = Backup::read(self.input(path)?, &self.control)?;
        let _ = self.opened.set(());
        Ok(backup)
    }

    fn input(&self, path: &Path) -> Result<Arc<Input>> {
        if path.as_os_str() == "-" {
            return Err(Error::refused("a backup cannot be read from standard input")
                .advice("haslim reads it at many places at once: save it to a file first, and name that (./- if it is called so)."));
        }
        let input = Input::open(path)?;
        let _ = self.input.set(Arc::clone(&input));
        Ok(input)
    }

    /// Notes that a file has got its name: from then on the run has done what it was for.
    pub fn published(&self) {
        let _ = self.published.set(());
    }

    /// The code at the end, which also tells whether what was printed reached its place.
    fn end(&self, code: u8) -> u8 {
        let Some(error) = self.screen.lost() else {
            return code;
        };
        if self.published.get().is_some() {
            self.screen.shout(&format!(
                "{error}. The file that was to be made is complete all the same."
            ));
            return code;
        }
        self.screen.error(&error);
        if code == DONE {
            error.kind().code()
        } else {
            code
        }
    }

    /// Damage in a file that changed meanwhile is not what the user has to look into. What is
    /// sound, `verify` can tell, unless it just `verified`.
    fn explain(&self, error: Error, verified: bool) -> Error {
        let Some(input) = self.input.get() else {
            return error;
        };
        let error = input.explain(error);
        let general = error.kind() == Kind::Damaged && error.next_step() == Some(DOWNLOAD_AGAIN);
        if general && !verified && self.opened.get().is_some() {
            return error.advice(format!(
                "{DOWNLOAD_AGAIN} `haslim verify` lists every part that is intact."
            ));
        }
        error
    }
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && args::want_json(std::env::args_os()) => {
            let _ = output::json(&json::error(&args::usage(&error)));
            return ExitCode::from(Kind::Usage.code());
        }
        Err(error) => return without_command(&error),
    };
    let session = match start(&cli.common) {
        Ok(session) => session,
        Err(error) if cli.common.json => {
            let _ = output::json(&json::error(&Error::new(
                Kind::Internal,
                format!("{error:#}"),
            )));
            return ExitCode::from(Kind::Internal.code());
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}. {}", words::UNCHANGED);
            return ExitCode::from(Kind::Internal.code());
        }
    };
    let verifies = matches!(cli.command, Command::Verify { .. });
    let code = guarded(|| run(cli.command, &session))
        .map_err(|e| session.explain(e, verifies))
        .unwrap_or_else(|error| {
            if session.common.json {
                session.screen.json(&json::error(&error));
            } else {
                session.screen.error(&error);
            }
            error.kind().code()
        });
    ExitCode::from(session.end(code))
}

/// Prints the help, or what is wrong with the arguments.
fn without_command(error: &clap::Error) -> ExitCode {
    match output::loss(error.print()) {
        Some(why) if !error.use_stderr() => {
            let error = output::unprinted(&why);
            let _ = writeln!(std::io::stderr(), "error: {}", words::error(&error));
            ExitCode::from(error.kind().code())
        }
        _ => ExitCode::from(if error.use_stderr() {
            Kind::Usage.code()
        } else {
            DONE
        }),
    }
}

/// A panic is a mistake of ours. It ends with a code from the list all the same.
fn guarded(work: impl FnOnce() -> Result<u8>) -> Result<u8> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::new(Kind::Internal, "this is a mistake in haslim")
            .advice("Please report it with the lines above; they hold neither the key nor anything out of the backup."))
    })
}

fn start(common: &Common) -> anyhow::Result<Session> {
    keep_memory_private();
    let scarce = || format!("cannot begin: {NO_MORE}. {SCARCE} The system says");
    let stop = signals::listen().with_context(scarce)?;
    let wanted = common
        .threads
        .map(usize::from)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    // More than there is memory for would end the run when it is half done.
    let threads = memory::threads(wanted);
    // The library's parallel codecs use this pool.
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .with_context(scarce)?;
    let control = Control::new(progress::choose(common), stop, threads)
        .with_max_expanded(common.max_expanded.unwrap_or(u64::MAX));
    Ok(Session::new(common, control))
}

/// A core file would hold the key, and so does what a debugger can read.
///
/// The limit alone is not enough: it does not count where the system pipes core files
/// into a program (core(5)).
fn keep_memory_private() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    // Neither is ever refused; nothing depends on them either.
    let _ = setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    );
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

fn run(command: Command, session: &Session) -> Result<u8> {
    memory::check(&command)?;
    match command {
        Command::Info { path } => info::run(session, &path),
        Command::Ls {
            backup,
            scope,
            depth,
            top,
        } => ls::run(session, &backup, scope.as_deref(), depth, top),
        Command::Plan {
            backup,
            choice,
            why: None,
        } => shrink::plan(session, &backup, &choice, None),
        Command::Plan {
            backup,
            choice,
            why: Some(place),
        } => shrink::why(session, &backup, &choice, &place),
        Command::Shrink {
            backup,
            choice,
            dry_run,
            output,
            yes,
            force,
            no_verify,
        } => {
            let writing = copy::Writing {
                output,
                yes,
                force,
                no_verify,
            };
            if dry_run {
                shrink::plan(session, &backup, &choice, Some(&writing))
            } else {
                shrink::run(session, &backup, &choice, &writing)
            }
        }
        Command::Repair {
            backup,
            output,
            yes,
            force,
        } => repair::run(
            session,
            &backup,
            &copy::Writing {
                output,
                yes,
                force,
                no_verify: false,
            },
        ),
        Command::Verify { backup } => verify::run(session, &backup),
        Command::Rules { rules } => rules::run(session, rules.as_deref()),
        Command::Bench(choice) => bench::run(session, &choice),
    }
}

/// The result of a command that ended as asked.
pub const DONE: u8 = 0;

/// The result of a question that was answered with no or quit: as after Ctrl-C.
pub const STOPPED: u8 = 130;

/// An error of the command line's own.
pub fn usage(message: impl Into<String>, advice: impl Into<String>) -> Error {
    Error::new(Kind::Usage, message).advice(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_with_the_code_of_an_internal_error() {
        let error = guarded(|| panic!("a mistake")).unwrap_err();
        assert_eq!(error.kind(), Kind::Internal);
        assert!(
            error
                .next_step()
                .is_some_and(|step| step.contains("report"))
        );
    }
}
