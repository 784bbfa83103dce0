//! Printing, with or without colour. A closed reader is not an error; a full disk is.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use haslim::error::printable;
use haslim::pipe::Control;
use haslim::report::{json, words};
use haslim::{Error, Kind, Result};

use super::signals::printing;
use super::wrap;
use crate::cli::args::Color;
use crate::cli::render::terms::CommandLine;
use crate::cli::settings::Settings;
use crate::cli::system;

/// Standard output and standard error, according to the options.
pub struct Screen {
    quiet: bool,
    /// Whether standard output is for JSON alone.
    json: bool,
    ascii: bool,
    /// Whether errors say where in the file they were found.
    verbose: bool,
    /// Whether the command writes a backup. If so, an error says that none was written.
    writes: bool,
    /// Whether a failed run left a file all the same.
    left: AtomicBool,
    out_color: bool,
    err_color: bool,
    /// Why some output was lost.
    lost: OnceLock<io::Error>,
}

impl Screen {
    /// Decides about colour: `--color`, then `NO_COLOR` (no-color.org), then whether it is a
    /// terminal. `writes` is true if the command writes a backup.
    pub fn new(settings: &Settings, writes: bool) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let wanted = |terminal: bool| match settings.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !no_color && system::shows_colours(),
        };
        let (out_color, err_color) = (
            wanted(io::stdout().is_terminal()),
            wanted(io::stderr().is_terminal()),
        );
        Self {
            quiet: settings.quiet,
            json: settings.json,
            ascii: !is_unicode(settings),
            verbose: settings.verbose,
            writes,
            left: AtomicBool::new(false),
            out_color,
            err_color,
            lost: OnceLock::new(),
        }
    }

    /// Prints a text and a line end, unless quiet or beside JSON. Long lines are wrapped on a
    /// terminal.
    pub fn say(&self, text: &str) {
        self.as_is(&wrap::wrap(text, wrap::width(io::stdout())));
    }

    /// Prints a table or a command to be pasted, unless quiet or beside JSON. Lines are not wrapped.
    pub fn as_is(&self, text: &str) {
        if !self.quiet && !self.json {
            // `println!` would panic if the reader has closed the pipe.
            let text = self.shown(text);
            self.note(printing(|| writeln!(io::stdout().lock(), "{text}")));
        }
    }

    /// Whether standard output is a terminal.
    pub fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// How many columns a line may take; `None` if lines may have any length, as in a pipe.
    pub fn width(&self) -> Option<usize> {
        wrap::width(io::stdout())
    }

    /// A text as it is printed: safe, and with ASCII characters instead of our bars and marks where
    /// others cannot be shown. Each bar and mark in a table stays one column wide.
    fn shown(&self, text: &str) -> String {
        let text = safe(text);
        if self.ascii { in_ascii(&text) } else { text }
    }

    /// Prints a text for another program, as it is.
    pub fn bytes(&self, text: &[u8]) {
        self.note(printing(|| {
            let mut out = io::stdout().lock();
            out.write_all(text)?;
            out.flush()
        }));
    }

    /// Prints JSON: even if quiet, and with nothing beside it.
    pub fn json(&self, value: &impl serde::Serialize) {
        self.note(json(value));
    }

    /// Prints JSON that may be long. Like [`Screen::json`], but can be cancelled.
    ///
    /// # Errors
    /// `Interrupted`.
    pub fn long_json(&self, value: &impl serde::Serialize, control: &Control) -> Result<()> {
        let out = Stoppable {
            out: io::stdout().lock(),
            control,
        };
        self.note(json::write(
            value,
            &mut io::BufWriter::with_capacity(1 << 16, out),
        ));
        control.check()
    }

    fn note(&self, outcome: io::Result<()>) {
        if let Some(error) = loss(outcome) {
            let _ = self.lost.set(error);
        }
    }

    /// The error that ends the run if some output was lost.
    pub fn lost(&self) -> Option<Error> {
        self.lost.get().map(unprinted)
    }

    /// Prints a warning on standard error, unless quiet.
    pub fn warn(&self, text: &str) {
        if !self.quiet {
            report(&format!(
                "{} {}",
                paint(self.err_color, YELLOW, "warning:"),
                printable(text)
            ));
        }
    }

    /// Prints on standard error what became of something that was typed, even if quiet.
    pub fn answer(&self, text: &str) {
        report(&printable(text));
    }

    /// Warns of a file that a failed run left. The error then does not say that there is none.
    pub fn left_behind(&self, text: &str) {
        self.left.store(true, Ordering::Relaxed);
        self.warn(text);
    }

    /// Prints a warning that must not be missed: on standard error, even if quiet.
    pub fn shout(&self, text: &str) {
        report(&format!(
            "{} {text}",
            paint(self.err_color, RED, "WARNING:")
        ));
    }

    /// Prints an error on standard error. Having nothing to do is not an error, although it has its
    /// own exit code: with `--quiet`, only the code shows it.
    pub fn error(&self, error: &Error) {
        let mut text = if self.verbose {
            words::error_in_detail(error, &CommandLine)
        } else {
            words::error(error, &CommandLine)
        };
        if self.writes && !self.left.load(Ordering::Relaxed) {
            text = format!("{text} {}", words::UNCHANGED);
        }
        if matches!(
            error.kind(),
            Kind::AlreadyFits | Kind::AlreadyStored | Kind::NothingToRepair
        ) {
            if !self.quiet {
                report(&text);
            }
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

/// A writer that stops after a cancellation, as if the reader had gone away.
struct Stoppable<'a, W> {
    out: W,
    control: &'a Control,
}

impl<W: Write> Write for Stoppable<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.control
            .check()
            .map_err(|_| io::ErrorKind::BrokenPipe)?;
        printing(|| self.out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        printing(|| self.out.flush())
    }
}

/// A text that is safe on a terminal: everything that a terminal would interpret, and everything
/// invisible, is escaped, except the colours of [`paint`].
fn safe(text: &str) -> String {
    let codes = [BOLD, RED, GREEN, YELLOW, PLAIN].map(|code| format!("[{code}m"));
    let mut pieces = text.split('\x1b');
    let mut out = printable(pieces.next().unwrap_or_default());
    for piece in pieces {
        out.push_str(if codes.iter().any(|code| piece.starts_with(code)) {
            "\x1b"
        } else {
            "\\u{1b}"
        });
        out.push_str(&printable(piece));
    }
    out
}

/// Prints an error before the options are known.
pub fn error(error: &Error) {
    report(&format!("error: {}", words::error(error, &CommandLine)));
}

/// Prints a text before the options are known.
pub fn text(text: &str) -> io::Result<()> {
    io::stdout().lock().write_all(text.as_bytes())
}

/// Prints JSON before the options are known.
pub fn json(value: &impl serde::Serialize) -> io::Result<()> {
    printing(|| json::write(value, &mut io::BufWriter::new(io::stdout().lock())))
}

/// The error for lost output, if anyone still reads it: not if the reader has gone away.
pub fn loss(outcome: io::Result<()>) -> Option<io::Error> {
    outcome
        .err()
        .filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
}

/// The error for output that could not be printed.
pub fn unprinted(why: &io::Error) -> Error {
    Error::new(
        Kind::OutputIo,
        format!("standard output cannot be written: {why}"),
    )
    .advice("Check the free space and the permissions of its destination.")
}

/// Whether bars and lines may use characters beyond ASCII. They may not with `--ascii`, or if the first of the three
/// variables that is set (locale(7)) names an encoding other than UTF-8. If none is set, as in a
/// container, the terminal outside is assumed to support UTF-8.
pub fn is_unicode(settings: &Settings) -> bool {
    let set = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
    !settings.ascii
        && speaks_utf8(
            ["LC_ALL", "LC_CTYPE", "LANG"]
                .iter()
                .find_map(set)
                .as_deref(),
        )
}

fn speaks_utf8(locale: Option<&str>) -> bool {
    locale.is_none_or(|locale| locale.to_lowercase().replace('-', "").contains("utf8"))
}

/// Our bars and marks in ASCII.
fn in_ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '█' | '▇' => out.push('#'),
            '░' => out.push('.'),
            '…' => out.push('~'),
            '−' | '–' | '─' | '·' => out.push('-'),
            '→' => out.push_str("->"),
            '⋮' => out.push_str("three dots"),
            c => out.push(c),
        }
    }
    out
}

const BOLD: &str = "1";
const RED: &str = "1;31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const PLAIN: &str = "0";

fn paint(on: bool, code: &str, text: &str) -> String {
    if on {
        format!("\x1b[{code}m{text}\x1b[{PLAIN}m")
    } else {
        text.to_owned()
    }
}

fn report(text: &str) {
    let text = safe(&wrap::wrap(text, wrap::width(io::stderr())));
    let _ = printing(|| writeln!(io::stderr().lock(), "{text}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_given_our_colours_and_nothing_else_to_obey() {
        let painted = paint(true, RED, "over\nhere");
        assert_eq!(safe(&painted), painted);
        assert_eq!(
            safe("a\x1b[2J\x1b]0;b\x07\u{202e}\u{61c}é"),
            "a\\u{1b}[2J\\u{1b}]0;b\\u{7}\\u{202e}\\u{61c}é"
        );
    }

    #[test]
    fn bars_and_marks_have_ascii_forms() {
        assert_eq!(
            in_ascii("5 GB → 4 GB (−12 %) ██░ a…b, é"),
            "5 GB -> 4 GB (-12 %) ##. a~b, é"
        );
    }

    #[test]
    fn only_a_locale_that_says_otherwise_is_not_utf_8() {
        for locale in [
            None,
            Some("C.UTF-8"),
            Some("de_AT.utf8"),
            Some("en_US.UTF-8@euro"),
        ] {
            assert!(speaks_utf8(locale), "{locale:?}");
        }
        for locale in ["C", "POSIX", "de_DE.ISO-8859-15", "en_US"] {
            assert!(!speaks_utf8(Some(locale)), "{locale}");
        }
    }
}
