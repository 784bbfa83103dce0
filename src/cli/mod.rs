//! The command-line program: arguments, the key, progress, tables.

mod args;
mod commands;
mod home;
mod key;
mod key_source;
mod layers;
mod mistake;
mod render;
mod scan_file;
mod session;
mod settings;
mod small_file;
mod system;
mod terminal;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use anyhow::Context;
use haslim::error::{Advice, NO_MORE};
use haslim::pipe::Control;
use haslim::report::terms::Terms;
use haslim::report::{json, words};
use haslim::{Error, Kind, Result};

use render::terms::CommandLine;
use session::{DONE, Session};
use settings::{Settings, Task};
use terminal::output::{self, Screen};
use terminal::{memory, progress, signals};

/// Runs the command in the arguments.
pub fn main() -> ExitCode {
    if let Err(error) = memory::check_first() {
        output::error(&error);
        return ExitCode::from(error.kind().code());
    }
    let words: Vec<OsString> = std::env::args_os().collect();
    if words.len() <= 1 {
        return welcome();
    }
    let cli = match args::parse(&words) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return wrong_usage(&error, &words),
        Err(help) => return printed(help.print()),
    };
    let (shared, command) = cli.split();
    let want_json = shared.display.json;
    let lower = match layers::below(&shared.display.automation) {
        Ok(lower) => lower,
        Err(error) => return without_settings(&error, want_json),
    };
    let (settings, task) = settings::from_args(shared, command, lower);
    let (json, writes) = (settings.json, task.is_to_write());
    let session = match start(settings, writes) {
        Ok(session) => session,
        Err(error) => return without_session(&error, json, writes),
    };
    let verifies = matches!(task, Task::Verify { .. });
    let code = guarded(|| run(task, &session))
        .map_err(|e| session.explain(e, verifies))
        .unwrap_or_else(|error| {
            if session.settings.json {
                session.screen.json(&json::error(&error, &CommandLine));
            } else {
                session.screen.error(&error);
            }
            error.kind().code()
        });
    ExitCode::from(session.end(code))
}

/// Prints the first steps. After a double click, waits until they have been read.
fn welcome() -> ExitCode {
    let code = printed(output::text(args::WELCOME));
    let is_seen = io::stdin().is_terminal() && io::stdout().is_terminal();
    if is_seen && system::is_double_click(&|name: &str| std::env::var_os(name)) {
        let _ = output::text(args::WINDOW);
        let _ = io::stdin().read_line(&mut String::new());
    }
    code
}

fn run(task: Task, session: &Session) -> Result<u8> {
    memory::check(&task)?;
    commands::run(task, session)
}

/// Prints what is wrong with the environment or the configuration file.
fn without_settings(error: &Error, json: bool) -> ExitCode {
    if json {
        let _ = output::json(&json::error(error, &CommandLine));
    } else {
        let text = words::error(error, &CommandLine);
        let _ = writeln!(std::io::stderr(), "error: {}", text.trim_end());
    }
    ExitCode::from(error.kind().code())
}

/// Prints why the run could not start.
fn without_session(error: &anyhow::Error, json: bool, writes: bool) -> ExitCode {
    if json {
        let error = Error::new(Kind::Internal, format!("{error:#}"));
        let _ = output::json(&json::error(&error, &CommandLine));
    } else {
        let unchanged = if writes { words::UNCHANGED } else { "" };
        let text = format!("error: {error:#}. {unchanged}");
        let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
    }
    ExitCode::from(Kind::Internal.code())
}

/// Prints the error in the arguments.
fn wrong_usage(error: &clap::Error, words: &[OsString]) -> ExitCode {
    let error = args::explain(error, words);
    if args::want_json(words) {
        let _ = output::json(&json::error(&error, &CommandLine));
    } else {
        output::error(&error);
    }
    ExitCode::from(error.kind().code())
}

/// The exit code after printing the help.
fn printed(outcome: io::Result<()>) -> ExitCode {
    match output::loss(outcome) {
        Some(why) => {
            let error = output::unprinted(&why);
            output::error(&error);
            ExitCode::from(error.kind().code())
        }
        None => ExitCode::from(DONE),
    }
}

/// A panic is a bug in haslim. It still ends with an exit code from the list.
fn guarded(work: impl FnOnce() -> Result<u8>) -> Result<u8> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::new(Kind::Internal, "this is a mistake in haslim")
            .advice("Please report it with the lines above; they contain neither the key nor anything from the backup."))
    })
}

/// Installs the signal handlers, and prepares threads, progress and output.
fn start(settings: Settings, writes: bool) -> anyhow::Result<Session> {
    // A core file would contain the key, and a debugger could read it.
    haslim::sys::keep_memory_private();
    let scarce = || {
        let step = CommandLine.advice(&Advice::Scarce);
        format!("cannot begin: {NO_MORE}. {step} The system says")
    };
    let stop = signals::listen(writes).with_context(scarce)?;
    let wanted = settings
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    // More threads than the memory allows would end the run halfway.
    let threads = memory::threads(wanted);
    // The library's parallel codecs use this pool.
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .with_context(scarce)?;
    let control = Control::new(progress::choose(&settings), stop, threads)
        .with_max_expanded(settings.max_expanded.unwrap_or(u64::MAX));
    let screen = Screen::new(&settings, writes);
    Ok(Session::new(settings, control, screen))
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
                .is_some_and(|step| CommandLine.advice(step).contains("report"))
        );
    }
}
