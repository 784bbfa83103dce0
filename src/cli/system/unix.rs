//! Unix: signals, and the folder of settings.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;

use haslim::Kind;
use haslim::sys::ignored_signals;
pub use signal_hook::consts::SIGINT as INTERRUPT;
use signal_hook::consts::{SIGABRT, SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// The variable with the user's own folder.
pub const HOME: &str = "HOME";

/// What a user types to run curl.
pub const CURL: &str = "curl";

/// What continues a command on the next line.
pub const CONTINUED: char = '\\';

/// Calls this function, on a thread of its own, with the number of every signal that asks the
/// program to end: Ctrl-C, TERM and HUP. Two signals that would end the program with an exit code
/// of the system end it with one of its own codes. Signals that the parent process set to be
/// ignored, as `nohup` and a shell's background jobs do, stay ignored.
///
/// # Errors
/// If the system refuses the handlers.
pub fn on_signal(mut heard: impl FnMut(i32) + Send + 'static) -> io::Result<()> {
    // A file that reaches its size limit then causes a failed write.
    flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    // Rust raises this signal if memory runs out.
    flag::register_conditional_shutdown(
        SIGABRT,
        i32::from(Kind::Internal.code()),
        Arc::new(AtomicBool::new(true)),
    )?;
    let ignored = ignored_signals();
    let mut signals = Signals::new(
        [SIGINT, SIGTERM, SIGHUP]
            .into_iter()
            .filter(|signal| !ignored(*signal)),
    )?;
    let (ready, started) = mpsc::channel();
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            let _ = ready.send(());
            signals.forever().for_each(&mut heard);
        })?;
    // A thread needs some memory of its own to begin, and panics if there is none. So nothing else
    // may take what is left before it has begun.
    started
        .recv()
        .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))
}

/// Whether a terminal shows colours. Every terminal here does.
pub fn shows_colours() -> bool {
    true
}

/// Whether the program was started by a double click, so that its window closes when it ends. Here
/// programs are started in terminals.
pub fn is_double_click(_variable: &impl Fn(&str) -> Option<OsString>) -> bool {
    false
}

/// The folder of the user's settings, as the XDG Base Directory Specification says: a relative
/// `XDG_CONFIG_HOME` is ignored.
pub fn settings_folder(variable: &impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = |name| variable(name).map(PathBuf::from);
    path("XDG_CONFIG_HOME")
        .filter(|folder| folder.is_absolute())
        .or_else(|| Some(path(HOME)?.join(".config")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_where_the_specification_says() {
        let folder = |variables: &[(&str, &str)]| {
            settings_folder(&|name: &str| {
                let set = variables.iter().find(|(other, _)| *other == name);
                set.map(|(_, value)| value.into())
            })
        };
        let home = ("HOME", "/home/me");
        let usual = Some("/home/me/.config".into());
        assert_eq!(folder(&[home]), usual);
        assert_eq!(
            folder(&[home, ("XDG_CONFIG_HOME", "/x")]),
            Some("/x".into())
        );
        assert_eq!(folder(&[home, ("XDG_CONFIG_HOME", "x")]), usual);
        assert_eq!(folder(&[]), None);
    }
}
