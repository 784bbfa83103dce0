//! Errors in the arguments, in this program's words.

use std::ffi::OsString;
use std::path::Path;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use haslim::error::escaped_path;
use haslim::{Error, Kind};

use super::parse::command;

/// Why no option takes the key.
const NO_KEY: &str = "Give the key with --password-file, --emergency-kit or the variable HASLIM_PASSWORD. No option takes the key itself, because other users of the computer could see it in the list of processes.";

/// Options that people try, the option that they mean, and what to say about it.
const GUESSES: [(&[&str], &str, &str); 6] = [
    (
        &[
            "exclude", "remove", "delete", "without", "skip", "omit", "strip",
        ],
        "drop",
        "--drop leaves something out, for example --drop media.",
    ),
    (
        &["include", "except", "preserve"],
        "keep",
        "--keep keeps something, for example --keep media:family.",
    ),
    (
        &["kit", "emergency", "recovery-kit", "emergency-key"],
        "emergency-kit",
        "Did you mean --emergency-kit?",
    ),
    (
        &[
            "key",
            "password",
            "passphrase",
            "pass",
            "encryption-key",
            "secret",
        ],
        "password-file",
        NO_KEY,
    ),
    (
        &["size", "max-size", "max", "maximum", "target-size"],
        "limit",
        "Did you mean --limit?",
    ),
    (
        &[
            "out",
            "outfile",
            "output-file",
            "dest",
            "destination",
            "target",
        ],
        "output",
        "Did you mean -o (--output)?",
    ),
];

/// Whether `--json` is among arguments that could not be parsed.
pub fn want_json(words: &[OsString]) -> bool {
    let mut words = words.iter().take_while(|word| *word != "--");
    words.any(|word| word == "--json")
}

/// The error in these words, the program's name first.
pub fn explain(error: &clap::Error, words: &[OsString]) -> Error {
    let cli = command();
    let place = Place::of(&cli, words);
    let typed = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        Some(ContextValue::Strings(texts)) => texts.first().map(String::as_str),
        _ => None,
    };
    // Nothing that was typed begins a line of its own. It can be a path.
    let value = |kind| typed(kind).map(|text| escaped_path(Path::new(text)));
    match (error.kind(), value(ContextKind::InvalidArg).as_deref()) {
        (ErrorKind::UnknownArgument, Some(option)) if option.starts_with('-') => {
            let similar = value(ContextKind::SuggestedArg);
            usage(
                place.has_no(option),
                place.instead_of(option, similar.as_deref()),
            )
        }
        (ErrorKind::UnknownArgument, Some(word)) => {
            usage(format!("'{word}' is one argument too many"), place.help())
        }
        (ErrorKind::MissingRequiredArgument, Some(missing)) => {
            usage(format!("{} needs {missing}", place.name()), place.help())
        }
        (ErrorKind::MissingSubcommand, _) => usage(
            "no command is given".into(),
            "For a start: `haslim info BACKUP`. `haslim --help` lists the commands.".into(),
        ),
        (ErrorKind::InvalidSubcommand, _) => {
            let word = value(ContextKind::InvalidSubcommand).unwrap_or_default();
            let similar = value(ContextKind::SuggestedSubcommand);
            usage(
                format!("there is no command '{word}'"),
                did_you_mean(similar.as_deref()).unwrap_or_else(|| place.help()),
            )
        }
        _ => usage(first_paragraph(error), place.help()),
    }
}

fn usage(message: String, advice: String) -> Error {
    Error::new(Kind::Usage, message).advice(advice)
}

fn did_you_mean(word: Option<&str>) -> Option<String> {
    word.map(|word| format!("Did you mean {word}?"))
}

/// The parser's message, without its hints. They advise to pass an unknown option after `--`, as
/// the name of a file, which nobody wants here.
fn first_paragraph(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let words = first.trim_start_matches("error: ").split_whitespace();
    words.collect::<Vec<_>>().join(" ")
}

/// Where in the arguments the error is.
struct Place<'a> {
    cli: &'a Command,
    /// The command, if there is one.
    command: Option<&'a Command>,
    /// The command that it is inside, as `upload` is inside `ha`.
    outer: Option<&'a Command>,
    /// The words before the command.
    before: &'a [OsString],
}

impl<'a> Place<'a> {
    fn of(cli: &'a Command, words: &'a [OsString]) -> Self {
        let find = |word: &OsString| cli.find_subcommand(word);
        let at = words.iter().skip(1).position(|word| find(word).is_some());
        let at = at.map_or(words.len(), |at| at + 1);
        let command = words.get(at).and_then(find);
        let rest = words.get(at + 1..).unwrap_or_default();
        let inner = command.and_then(|outer| rest.iter().find_map(|w| outer.find_subcommand(w)));
        Self {
            cli,
            command: inner.or(command),
            outer: inner.and(command),
            before: words.get(..at).unwrap_or_default(),
        }
    }

    /// The program with the command, as it is typed.
    fn name(&self) -> String {
        format!("`{}`", self.typed())
    }

    fn typed(&self) -> String {
        let commands = self.outer.iter().chain(self.command.iter());
        let names = commands.map(|command| command.get_name());
        let words: Vec<&str> = std::iter::once("haslim").chain(names).collect();
        words.join(" ")
    }

    fn help(&self) -> String {
        match self.command {
            Some(_) => format!("`{} --help` shows how.", self.typed()),
            None => "`haslim --help` lists the commands and their options.".into(),
        }
    }

    /// Whether the option stands before the command.
    fn is_before(&self, option: &str) -> bool {
        let is_it = |word: &OsString| {
            let word = word.to_string_lossy();
            word.split('=').next() == Some(option)
        };
        self.command.is_none() || self.before.iter().any(is_it)
    }

    fn has_no(&self, option: &str) -> String {
        if self.is_before(option) {
            format!("there is no option {option} before the command")
        } else {
            format!("{} has no option {option}", self.name())
        }
    }

    /// What to type instead of an option that is not there.
    fn instead_of(&self, option: &str, similar: Option<&str>) -> String {
        let name = option.trim_start_matches('-');
        let guess = GUESSES.iter().find(|(tried, ..)| tried.contains(&name));
        let (meant, said) = guess.map_or((name, ""), |(_, meant, said)| (*meant, *said));
        let owners = self.owners(meant);
        let here = self.command.filter(|_| !self.is_before(option));
        if here.is_some_and(|command| has(command, meant)) && !said.is_empty() {
            return said.into();
        }
        if owners.is_empty() {
            return did_you_mean(similar).unwrap_or_else(|| self.help());
        }
        let owners = owners.join(", ");
        let said = if said.is_empty() {
            String::new()
        } else {
            format!("{said} ")
        };
        if here.is_none() {
            format!("{said}It stands after the command; these have it: {owners}.")
        } else {
            format!("{said}These commands have --{meant}: {owners}.")
        }
    }

    /// The commands that have an option.
    fn owners(&self, option: &str) -> Vec<&str> {
        let commands = self.cli.get_subcommands();
        commands
            .filter(|command| has(command, option))
            .map(Command::get_name)
            .collect()
    }
}

/// Whether the command with this name takes this option; `ha upload` is one inside another.
pub fn takes(name: &str, option: &str) -> bool {
    let inner = |outer: Command, word: &str| outer.find_subcommand(word).cloned();
    let found = name.split(' ').try_fold(command(), inner);
    found.is_some_and(|command| has(&command, option))
}

/// Whether a command shows this option in its help.
fn has(command: &Command, option: &str) -> bool {
    let mut options = command.get_arguments();
    options.any(|arg| arg.get_long() == Some(option) && !arg.is_hide_set())
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;
    use crate::cli::render::terms::CommandLine;
    use haslim::report::words;

    fn said(line: &str) -> String {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let error = explain(&parse(&words).unwrap_err(), &words);
        assert_eq!(error.kind(), Kind::Usage, "{line}");
        let said = words::error(&error, &CommandLine);
        assert!(!said.contains("-- --") && !said.contains("tip:"), "{said}");
        said
    }

    #[test]
    fn options_that_people_try_lead_to_those_that_exist() {
        for (line, expected) in [
            ("haslim plan a.tar --exclude media", "--drop"),
            ("haslim plan a.tar --include media", "--keep"),
            ("haslim plan a.tar --kit k", "--emergency-kit"),
            ("haslim ls a.tar --key AAAA", "list of processes"),
            ("haslim ls a.tar --password AAAA", "--password-file"),
            ("haslim info a.tar --key AAAA", "--password-file"),
            ("haslim shrink a.tar --size 1GB", "--limit"),
            ("haslim shrink a.tar --max-size 1GB", "--limit"),
            ("haslim shrink a.tar --out b.tar", "-o"),
            ("haslim plan a.tar --limti 1GB", "Did you mean --limit?"),
            ("haslim verify a.tar --exclude media", "have --drop: plan"),
            (
                "haslim verify a.tar --limit 1GB",
                "have --limit: info, plan",
            ),
            ("haslim --drop media plan a.tar", "stands after the command"),
        ] {
            let said = said(line);
            assert!(said.contains(expected), "{line}: {said}");
        }
    }

    #[test]
    fn a_key_that_was_typed_as_an_option_is_not_repeated() {
        for line in [
            "haslim ls a.tar --key AAAA-BBBB",
            "haslim ls a.tar --key=AAAA-BBBB",
            "haslim ls a.tar --password=AAAA-BBBB",
        ] {
            let said = said(line);
            assert!(!said.contains("AAAA"), "{said}");
        }
    }

    #[test]
    fn a_command_with_a_slip_is_suggested() {
        assert_eq!(
            said("haslim inof a.tar"),
            "there is no command 'inof'. Did you mean info?"
        );
        assert!(said("haslim qqqq a.tar").contains("`haslim --help`"));
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        for (line, expected) in [
            (
                "haslim plan",
                "`haslim plan` needs <BACKUP>. `haslim plan --help`",
            ),
            ("haslim plan a b c", "'b'"),
            ("haslim --json", "no command"),
            ("haslim ha upload", "`haslim ha upload` needs"),
            ("haslim ha list a.tar", "'a.tar'"),
            ("haslim plan a.tar --limit x", "--limit"),
            ("haslim plan a.tar --allow x", "history, user"),
            ("haslim plan a.tar -q -v", "--quiet"),
        ] {
            let said = said(line);
            assert!(said.contains(expected), "{line}: {said}");
        }
    }
}
