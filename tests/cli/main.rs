//! The command line from the user's side: codes, texts, JSON, options, keys, signals and a
//! terminal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods
)]

#[cfg(unix)] // Types into a terminal.
mod advice;
mod automation;
mod bench;
mod compress;
mod config;
mod counts;
mod craft;
mod exit_codes;
#[cfg(unix)] // Compares modes, times and links, which Windows does not have like this.
mod extract;
#[cfg(unix)] // Types into a terminal.
mod guide;
mod ha;
mod help;
mod hostile;
mod json;
mod kept;
mod key;
mod limits;
mod ls;
#[cfg(unix)] // Types into a terminal.
mod mockups;
mod names;
#[cfg(unix)] // Pastes commands into sh.
mod next;
mod options;
mod overview;
mod predict;
mod rest;
mod rules;
mod scan;
mod schema;
mod screen;
#[path = "../support/mod.rs"]
mod support;
#[cfg(unix)] // Types into a terminal.
mod terminal;
mod text;
mod trust;
#[cfg(unix)] // Types into a terminal.
mod width;

use std::path::Path;

use support::*;

/// The program, for tests that need more than a finished run.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_haslim");

/// The exit codes of `plan` and of a `shrink` after it.
pub fn both_codes(
    scratch: &Scratch,
    input: &Path,
    rest: &str,
    password: Option<&str>,
) -> (i32, i32) {
    let plan = run(line("plan", input, rest), password);
    let output = scratch.path("both.tar");
    let shrink = run(
        line(
            "shrink",
            input,
            &format!("{rest} --yes -o {}", output.display()),
        ),
        password,
    );
    assert_eq!(
        output.exists(),
        shrink.code == 0,
        "{rest}: a file exactly when the code is 0\n{}",
        shrink.err
    );
    let _ = std::fs::remove_file(output);
    (plan.code, shrink.code)
}
