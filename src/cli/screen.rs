//! Printing, with or without colour. A reader that went away is no error.

use std::io::{self, IsTerminal, Write};

use haslim::error::printable;
use haslim::report::{json, words};
use haslim::{Error, Kind};

use super::args::{Color, Common};

/// Standard output and standard error, as the options want them.
pub struct Screen {
    quiet: bool,
    out_color: bool,
    err_color: bool,
}

impl Screen {
    /// Decides about colour: `--color`, then `NO_COLOR` (no-color.org), then whether it is a terminal.
    pub fn new(common: &Common) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let wanted = |terminal: bool| match common.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !no_color,
        };
        Self { quiet: common.quiet, out_color: wanted(io::stdout().is_terminal()), err_color: wanted(io::stderr().is_terminal()) }
    }

    /// Prints a text and a line end, unless quiet.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            print(text);
        }
    }

    /// Prints JSON: always, and alone.
    pub fn json(&self, value: &impl serde::Serialize) {
        json(value);
    }

    /// Prints a warning on standard error, unless quiet.
    pub fn warn(&self, text: &str) {
        if !self.quiet {
            report(&format!("{} {}", paint(self.err_color, YELLOW, "warning:"), printable(text)));
        }
    }

    /// Prints a warning that must not be missed: on standard error, also when quiet.
    pub fn shout(&self, text: &str) {
        report(&format!("{} {text}", paint(self.err_color, RED, "WARNING:")));
    }

    /// Prints an error on standard error.
    pub fn error(&self, error: &Error) {
        let text = words::error(error);
        // That there is nothing to do is no failure, though it has a code of its own.
        if matches!(error.kind(), Kind::AlreadyFits | Kind::NothingToRepair) {
            report(&text);
        } else {
            report(&format!("{} {text}", paint(self.err_color, RED, "error:")));
        }
    }

    /// A heading.
    pub fn bold(&self, text: &str) -> String {
        paint(self.out_color, BOLD, text)
    }

    /// Good news.
    pub fn green(&self, text: &str) -> String {
        paint(self.out_color, GREEN, text)
    }

    /// Bad news.
    pub fn red(&self, text: &str) -> String {
        paint(self.out_color, RED, text)
    }
}

/// Prints JSON where there are no options yet.
pub fn json(value: &impl serde::Serialize) {
    // A reader that went away is no error.
    let mut out = io::BufWriter::new(io::stdout().lock());
    let _ = json::write(value, &mut out);
}

const BOLD: &str = "1";
const RED: &str = "1;31";
const GREEN: &str = "32";
const YELLOW: &str = "33";

fn paint(on: bool, code: &str, text: &str) -> String {
    if on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

fn print(text: &str) {
    // `println!` would panic when the reader is gone.
    let _ = writeln!(io::stdout().lock(), "{text}");
}

fn report(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
