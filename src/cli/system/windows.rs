//! Windows: Ctrl-C, and the folder of settings.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

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

/// Whether the program, without arguments and at a terminal, was started by a double click in
/// Explorer, so that its window closes when it ends.
///
/// Only a call that this crate cannot make without `unsafe` code says who else uses the window. But
/// Explorer starts a program in the folder that it is in, and shells leave variables that Explorer
/// does not have: `cmd` sets `PROMPT`, Windows Terminal `WT_SESSION`, the shells of Unix `TERM`.
/// PowerShell in an old window, in the folder of the program, looks the same as Explorer.
pub fn is_double_click(variable: &impl Fn(&str) -> Option<OsString>) -> bool {
    let folders = std::env::current_dir()
        .ok()
        .zip(std::env::current_exe().ok());
    folders.is_some_and(|(folder, program)| is_from_explorer(variable, &folder, &program))
}

fn is_from_explorer(
    variable: &impl Fn(&str) -> Option<OsString>,
    folder: &Path,
    program: &Path,
) -> bool {
    let no_shell = ["PROMPT", "WT_SESSION", "TERM"]
        .iter()
        .all(|name| variable(name).is_none());
    no_shell && program.parent() == Some(folder)
}

/// The folder of the user's settings.
pub fn settings_folder(variable: &impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    variable("APPDATA")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_double_click_leaves_no_variable_of_a_shell_and_starts_beside_the_program() {
        let in_folder = |folder: &str, variables: &[&str]| {
            let variable = |name: &str| variables.contains(&name).then(|| OsString::from("x"));
            let program = Path::new(r"C:\Users\me\Downloads\haslim.exe");
            is_from_explorer(&variable, Path::new(folder), program)
        };
        let beside = r"C:\Users\me\Downloads";
        assert!(in_folder(beside, &["PATH"]));
        for shell in ["PROMPT", "WT_SESSION", "TERM"] {
            assert!(!in_folder(beside, &["PATH", shell]), "{shell}");
        }
        assert!(!in_folder(r"C:\Users\me", &["PATH"]));
    }
}
