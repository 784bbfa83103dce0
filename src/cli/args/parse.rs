//! From the words of the command line to [`Cli`].

use std::ffi::OsString;
use std::path::Path;

use clap::{Command, CommandFactory, FromArgMatches};

use super::Cli;

/// The options that `info` only passes on to the commands that it suggests.
const PASSED_ON: [&str; 2] = ["password_file", "emergency_kit"];

/// The definition of the commands and their options.
pub fn command() -> Command {
    // `mut_subcommand` would move it to the end of the list.
    Cli::command().mut_subcommands(|command| match command.get_name() {
        "info" => command.mut_args(|arg| {
            let passed_on = PASSED_ON.contains(&arg.get_id().as_str());
            arg.hide(passed_on)
        }),
        _ => command,
    })
}

/// Parses the words, the program's name first. `haslim FILE` means `haslim info FILE`; to know
/// whether a word that is not a command is a file, this looks for it on the disk.
///
/// # Errors
/// Wrong usage, and requests for the help or the version.
pub fn parse(words: &[OsString]) -> Result<Cli, clap::Error> {
    let matches = command().try_get_matches_from(with_command(words))?;
    Cli::from_arg_matches(&matches)
}

/// The words, with `info` before a file that stands in the place of the command.
fn with_command(words: &[OsString]) -> Vec<OsString> {
    let mut words = words.to_vec();
    let open = command().allow_external_subcommands(true);
    let Ok(matches) = open.try_get_matches_from(&words) else {
        return words;
    };
    let Some((name, rest)) = matches.subcommand() else {
        return words;
    };
    if command().find_subcommand(name).is_some() || !is_file_name(name) {
        return words;
    }
    let after = rest.get_many::<OsString>("").map_or(0, |rest| rest.len());
    let at = words.len().saturating_sub(after + 1);
    words.insert(at, "info".into());
    words
}

/// Whether this is a file or a folder, or looks like one. No command has such a name.
fn is_file_name(word: &str) -> bool {
    word.contains(['/', '\\', '.']) || Path::new(word).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(line: &str) -> String {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let words = with_command(&words);
        let words: Vec<&str> = words.iter().map(|word| word.to_str().unwrap()).collect();
        words.join(" ")
    }

    #[test]
    fn a_file_in_the_place_of_the_command_is_described() {
        for (given, meant) in [
            ("haslim a.tar", "haslim info a.tar"),
            ("haslim a.tar --json", "haslim info a.tar --json"),
            ("haslim --json ./a -q", "haslim --json info ./a -q"),
            ("haslim --limit 1kB src", "haslim --limit 1kB info src"),
            (r"haslim C:\a.tar", r"haslim info C:\a.tar"),
        ] {
            assert_eq!(with(given), meant);
        }
    }

    #[test]
    fn a_command_or_a_slip_of_one_stays() {
        for line in [
            "haslim info a.tar",
            "haslim inof a.tar",
            "haslim help info",
            "haslim --json",
            "haslim --nonsense a.tar",
        ] {
            assert_eq!(with(line), line);
        }
    }
}
