//! The terminal side: arguments, the key, progress, tables.

mod args;
mod guide;
mod info;
mod key;
mod ls;
mod prepare;
mod progress;
mod rules;
mod screen;
mod show;
mod shrink;
mod signals;
mod tables;
mod verify;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use haslim::pipe::Control;
use haslim::report::{json, words};
use haslim::{Error, Kind, Result};

use args::{Cli, Command, Common};
use screen::Screen;

/// Everything that a command is given besides its own arguments.
pub struct Session {
    pub common: Common,
    pub control: Control,
    pub screen: Screen,
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let session = match start(&cli.common) {
        Ok(session) => session,
        Err(error) => {
            eprintln!("error: {error:#}. {}", words::UNCHANGED);
            return ExitCode::from(Kind::Internal.code());
        }
    };
    match run(cli.command, &session) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            if session.common.json {
                session.screen.json(&json::error(&error));
            } else {
                session.screen.error(&error);
            }
            ExitCode::from(error.kind().code())
        }
    }
}

fn start(common: &Common) -> anyhow::Result<Session> {
    no_core_dumps();
    let stop = signals::listen().context("cannot listen for signals")?;
    let threads = common.threads.map(usize::from).unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    // The library's parallel codecs use this pool.
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().context("cannot start threads")?;
    let control = Control::new(progress::choose(common), stop, threads);
    Ok(Session { common: common.clone(), control, screen: Screen::new(common) })
}

/// A core file would hold the key.
fn no_core_dumps() {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    // Not being allowed to lower one's own limit does not happen; nothing depends on it either.
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
}

fn run(command: Command, session: &Session) -> Result<u8> {
    match command {
        Command::Info { path } => info::run(session, &path),
        Command::Ls { backup, scope, depth, top } => ls::run(session, &backup, scope.as_deref(), depth, top),
        Command::Plan { backup, choice, why } => shrink::plan(session, &backup, &choice, why.as_deref()),
        Command::Shrink { backup, choice, dry_run: true, .. } => shrink::plan(session, &backup, &choice, None),
        Command::Shrink { backup, choice, output, yes, force, .. } => {
            shrink::run(session, &backup, &choice, &shrink::Writing { output, yes, force })
        }
        Command::Verify { backup } => verify::run(session, &backup),
        Command::Rules { rules } => rules::run(session, rules.as_deref()),
    }
}

/// The result of a command that ended as asked.
pub const DONE: u8 = 0;

/// An error of the command line's own.
pub fn usage(message: impl Into<String>, advice: impl Into<String>) -> Error {
    Error::new(Kind::Usage, message).advice(advice)
}
