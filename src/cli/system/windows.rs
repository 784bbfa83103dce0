//! Windows: Ctrl-C, and the folder of settings.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// The number for Ctrl-C. Windows has no numbers for signals; this is the one that shells of other
/// systems use.
pub const INTERRUPT: i32 = 2;

/// The variable with the user's own folder.
pub const HOME: &str = "USERPROFILE";

/// What a user types to run curl: without its ending, Windows PowerShell means a command of its own.
pub const CURL: &str = "curl.exe";

/// What continues a command on the next line.
pub const CONTINUED: char = '`';

/// Calls this function, on a thread of its own, for everything that asks the program to end:
/// Ctrl-C, Ctrl-Break, the closing of its window, and the end of the session. All of them have the
/// same number. After the last two, Windows ends the program in any case.
///
/// # Errors
/// If the system refuses the handler.
pub fn on_signal(mut heard: impl FnMut(i32) + Send + 'static) -> io::Result<()> {
    ctrlc::set_handler(move || heard(INTERRUPT)).map_err(io::Error::other)
}

/// Whether a terminal shows colours. Old consoles must be asked to.
pub fn shows_colours() -> bool {
    anstyle_query::windows::enable_ansi_colors().unwrap_or(true)
}

/// The folder of the user's settings.
pub fn settings_folder(variable: &impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    variable("APPDATA")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
}
