//! The library's error type, and the exit code for each kind of error.

mod advice;
mod invisible;

use std::fmt;
use std::io;
use std::path::Path;

pub use advice::{Advice, NoDatabase, OutputAdvice};
pub(crate) use invisible::is_unsafe;

/// A short message for when the system refuses memory or a thread.
pub const NO_MORE: &str = "the system has no more memory or threads";

/// The result of a stage.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as the user sees it. Each kind has one stable exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// haslim broke one of its own rules.
    Internal,
    /// The request itself makes no sense.
    Usage,
    /// Nothing was named and there is nothing to do.
    AlreadyFits,
    /// The backup to repair has no fault that a repair can fix.
    NothingToRepair,
    /// Home Assistant already stores this backup there.
    AlreadyStored,
    /// The limit cannot be reached by dropping only what may be dropped.
    CannotFit,
    /// The input's bytes violate its format.
    Damaged,
    /// What was written differs from what was planned.
    VerifyFailed,
    /// The output could not be written.
    OutputIo,
    /// Home Assistant cannot be reached, or answered with an error.
    HomeAssistant,
    /// Home Assistant accepted an upload, but does not list it where it should be.
    NotStored,
    /// The input is ambiguous, unsafe or of an unknown kind.
    Refused,
    /// Reading the input failed, or the input changed while it was read.
    InputIo,
    /// The password is missing or wrong.
    Password,
    /// A signal asked the program to stop; the number is the signal's.
    Interrupted(i32),
}

impl Kind {
    /// The process exit code. Stable, and listed in `--help` and the README.
    pub fn code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::AlreadyFits | Self::NothingToRepair | Self::AlreadyStored => 3,
            Self::CannotFit => 4,
            Self::Damaged => 5,
            Self::VerifyFailed => 6,
            Self::OutputIo => 7,
            Self::HomeAssistant => 8,
            Self::NotStored => 9,
            Self::Refused => 10,
            Self::InputIo => 11,
            Self::Password => 12,
            // The shell's convention for a process that was ended by a signal.
            Self::Interrupted(signal) => 128u8.saturating_add(u8::try_from(signal).unwrap_or(0)),
        }
    }

    /// The name that `--json` prints. Stable.
    pub fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::AlreadyFits => "already_fits",
            Self::NothingToRepair => "nothing_to_repair",
            Self::AlreadyStored => "already_stored",
            Self::CannotFit => "cannot_fit",
            Self::Damaged => "damaged",
            Self::VerifyFailed => "verify_failed",
            Self::OutputIo => "output_io",
            Self::HomeAssistant => "home_assistant",
            Self::NotStored => "not_stored",
            Self::Refused => "refused",
            Self::InputIo => "input_io",
            Self::Password => "password",
            Self::Interrupted(_) => "interrupted",
        }
    }
}

/// An error, with its place and the next step.
///
/// Neither the message nor the `Debug` output ever holds key material. Names from archives are
/// escaped before they get here.
#[derive(Debug, thiserror::Error)]
pub struct Error {
    kind: Kind,
    message: String,
    part: Option<String>,
    offset: Option<u64>,
    advice: Option<Box<Advice>>,
    is_cut_off: bool,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(part) = &self.part {
            write!(f, "{part}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl Error {
    /// Creates an error of this kind, with the sentence that explains it.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            part: None,
            offset: None,
            advice: None,
            is_cut_off: false,
            source: None,
        }
    }

    /// Records that the input ends too early, as an interrupted download does.
    #[must_use]
    pub fn cut_off(mut self) -> Self {
        self.is_cut_off = true;
        self
    }

    /// Whether the input ends too early, as an interrupted download does.
    pub fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// The input's bytes are wrong.
    pub fn damaged(message: impl Into<String>) -> Self {
        Self::new(Kind::Damaged, message).advice(Advice::DownloadAgain)
    }

    /// The input can be read in more than one way, or is unsafe.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
            .advice("Home Assistant writes no such backup; make a new one, or use an older one.")
    }

    /// Reading the input failed. The kind is `Internal` if memory or a thread was missing.
    pub fn input(source: io::Error, doing: &str) -> Self {
        if is_scarcity(&source) {
            return Self::scarce(source, doing);
        }
        Self::new(Kind::InputIo, format!("{doing}: {source}"))
            .advice("Check the disk and that nothing else is writing the backup, then try again.")
            .caused_by(source)
    }

    /// Writing the output failed. The kind is `Internal` if memory or a thread was missing.
    pub fn output(source: io::Error, doing: &str) -> Self {
        if is_scarcity(&source) {
            return Self::scarce(source, doing);
        }
        Self::new(Kind::OutputIo, format!("{doing}: {source}"))
            .advice(OutputAdvice::CheckFolder)
            .caused_by(source)
    }

    /// The system cannot start another thread.
    pub(crate) fn no_thread(source: io::Error) -> Self {
        Self::new(Kind::Internal, "no further thread").caused_by(source)
    }

    fn scarce(source: io::Error, doing: &str) -> Self {
        Self::new(Kind::Internal, format!("{doing}: {NO_MORE} ({source})"))
            .advice(Advice::Scarce)
            .caused_by(source)
    }

    /// Adds the name of the affected part or member, already escaped. The innermost name wins.
    #[must_use]
    pub fn in_part(mut self, part: impl Into<String>) -> Self {
        self.part.get_or_insert_with(|| part.into());
        self
    }

    /// Adds the byte offset in the input file. The innermost one wins.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.offset.get_or_insert(offset);
        self
    }

    /// Replaces the next step shown to the user.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<Advice>) -> Self {
        self.advice = Some(Box::new(advice.into()));
        self
    }

    /// Keeps the error that caused this one.
    #[must_use]
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind, which determines the exit code.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The sentence alone, without part and offset.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The affected part, escaped.
    pub fn part(&self) -> Option<&str> {
        self.part.as_deref()
    }

    /// The byte offset in the input file.
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }

    /// The next step for the user.
    pub fn next_step(&self) -> Option<&Advice> {
        self.advice.as_deref()
    }

    /// The same error without the one that caused it, for a second place that reports it.
    #[must_use]
    pub fn copied(&self) -> Self {
        Self {
            kind: self.kind,
            message: self.message.clone(),
            part: self.part.clone(),
            offset: self.offset,
            advice: self.advice.clone(),
            is_cut_off: self.is_cut_off,
            source: None,
        }
    }

    /// Wraps this error so that it can pass through a `Read` or `Write`. [`Error::from_read`] and
    /// [`Error::from_write`] unwrap it unchanged.
    pub fn into_io(self) -> io::Error {
        io::Error::other(self)
    }

    /// Converts an error from a chain of readers: errors of this type are unwrapped unchanged, and
    /// any other error is a failed read.
    pub fn from_read(error: io::Error) -> Self {
        Self::from_io(error, |e| Self::input(e, "reading the backup failed"))
    }

    /// Like [`Error::from_read`], for a chain that ends in the output.
    pub fn from_write(error: io::Error) -> Self {
        Self::from_io(error, |e| Self::output(e, "writing the output failed"))
    }

    /// Unwraps an [`Error`] from an `io::Error`; `other` converts any other error.
    pub(crate) fn from_io(error: io::Error, other: impl FnOnce(io::Error) -> Self) -> Self {
        error.downcast::<Self>().unwrap_or_else(other)
    }
}

/// True when the system has run out of memory or threads (pthread_create(3), mmap(2)). Reading or
/// writing a file never fails like this, unless the file is in non-blocking mode.
fn is_scarcity(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory
    )
}

/// Escapes a name from an archive so that it is safe on a terminal and in JSON. Control characters,
/// bytes that are not UTF-8 and invisible characters (those that Unicode classes as format, private
/// use, ignorable or noncharacter) become `\x..` or `\u{..}`; everything else stays readable. An
/// emoji made of several characters is shown in its pieces.
pub fn escape(name: &[u8]) -> String {
    let mut out = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                c if is_unsafe(c) => out.extend(c.escape_unicode()),
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// Makes a finished text safe on a terminal, whatever it contains. Like [`escape`], but keeps line
/// ends, and backslashes, which already belong to an escape.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_unsafe(c) {
            out.extend(c.escape_unicode())
        } else {
            out.push(c)
        }
    }
    out
}

/// A path, safe to print: nothing in it can begin a line of its own.
pub fn escaped_path(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    if std::path::is_separator('\\') {
        // No name contains it, so it is shown as it is typed.
        let names: Vec<String> = bytes.split(|&byte| byte == b'\\').map(escape).collect();
        return names.join("\\");
    }
    escape(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_leaves_plain_text_and_neutralises_control_bytes() {
        assert_eq!(escape("www/é_日本.txt".as_bytes()), "www/é_日本.txt");
        assert_eq!(escape(b"a\nb\x1b[31m\xff"), "a\\nb\\u{1b}[31m\\xff");
        assert_eq!(escape("a\u{202e}b".as_bytes()), "a\\u{202e}b");
        // Report 115.
        assert_eq!(
            escape("\u{61c}\u{ad}\u{180e}\u{e0041}".as_bytes()),
            "\\u{61c}\\u{ad}\\u{180e}\\u{e0041}"
        );
        assert_eq!(escape("\u{2764}\u{fe0f}".as_bytes()), "\u{2764}\\u{fe0f}");
    }

    #[test]
    fn a_finished_text_keeps_its_lines_and_its_escapes() {
        assert_eq!(
            printable("a\nb \\x1b \u{1b}[31m\u{202e}\r é"),
            "a\nb \\x1b \\u{1b}[31m\\u{202e}\\u{d} é"
        );
    }

    #[test]
    fn an_error_survives_the_way_through_a_reader() {
        let io = Error::damaged("cut short").in_part("media").at(7).into_io();
        let back = Error::from_read(io);
        assert_eq!(
            (back.kind(), back.part(), back.offset()),
            (Kind::Damaged, Some("media"), Some(7))
        );
        assert_eq!(back.to_string(), "media: cut short");
    }

    /// Report 105.
    #[test]
    fn a_thread_that_cannot_be_had_is_no_matter_of_the_disk() {
        for kind in [io::ErrorKind::WouldBlock, io::ErrorKind::OutOfMemory] {
            for error in [
                Error::from_read(kind.into()),
                Error::from_write(kind.into()),
            ] {
                assert_eq!(error.kind(), Kind::Internal);
                assert!(
                    error.message().contains("memory")
                        && error.next_step() == Some(&Advice::Scarce),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn signals_follow_the_shell_convention() {
        assert_eq!(
            [2, 15, 1].map(|s| Kind::Interrupted(s).code()),
            [130, 143, 129]
        );
    }
}
