//! The help, the first steps, errors in the arguments, completions and the manual.

use std::process::Command;

use crate::PROGRAM;
use crate::line;
use crate::support::*;

const COMMANDS: [&str; 12] = [
    "info",
    "ls",
    "extract",
    "plan",
    "shrink",
    "join",
    "verify",
    "repair",
    "rules",
    "bench",
    "completions",
    "man",
];

/// The commands inside `ha`.
const HA_COMMANDS: [&str; 5] = ["status", "list", "upload", "fetch", "slim"];

const SHELLS: [&str; 4] = ["bash", "zsh", "fish", "powershell"];

fn on_80_columns(words: &[&str]) -> String {
    let output = Command::new(PROGRAM)
        .env("COLUMNS", "80")
        .args(words)
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn all_help_keeps_to_80_columns() {
    let commands = COMMANDS.map(|command| vec![command]);
    let inner = HA_COMMANDS.map(|command| vec!["ha", command]);
    let others = inner.into_iter().chain([vec![], vec!["ha"]]);
    for command in commands.into_iter().chain(others) {
        for option in ["-h", "--help"] {
            let words = [&command[..], &[option]].concat();
            for line in on_80_columns(&words).lines() {
                assert!(line.chars().count() <= 80, "{words:?}: {line}");
            }
        }
    }
}

#[test]
fn the_help_of_a_command_has_examples_and_describes_its_arguments() {
    for command in COMMANDS {
        let help = on_80_columns(&[command, "--help"]);
        assert!(help.contains("\nExamples:\n  haslim "), "{help}");
        let Some((_, arguments)) = help.split_once("\nArguments:\n") else {
            continue;
        };
        let (arguments, _) = arguments.split_once("\n\nOptions").unwrap();
        for name in arguments
            .lines()
            .filter(|line| line.starts_with("  [") || line.starts_with("  <"))
        {
            let described =
                name.trim().contains("  ") || arguments.contains(&format!("{name}\n    "));
            assert!(described, "{command}: {name}");
        }
    }
}

#[test]
fn help_shows_only_options_that_do_something() {
    for (command, absent) in [
        (
            "rules",
            vec!["--limit", "--emergency-kit", "--threads", "--max-expanded"],
        ),
        ("verify", vec!["--limit", "--drop"]),
        (
            "info",
            vec!["--max-expanded", "--threads", "--emergency-kit"],
        ),
        ("completions", vec!["--json", "--limit"]),
    ] {
        let help = on_80_columns(&[command, "--help"]);
        for option in absent {
            assert!(!help.contains(&format!("  {option} ")), "{command}: {help}");
        }
    }
}

/// Issue 15, point 6.
#[test]
fn the_version_is_one_line_and_the_long_one_names_commit_and_target() {
    let short = format!("haslim {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(keyless(["-V"]).code(0).out, short);
    let long = keyless(["--version"]).code(0).out;
    let rest = long.strip_prefix(&short).unwrap();
    let lines: Vec<_> = rest.lines().collect();
    let (commit, target) = match lines[..] {
        [commit, target] => (commit, target),
        _ => panic!("{long}"),
    };
    let commit = commit.strip_prefix("commit: ").unwrap();
    let digits = commit.strip_suffix(", with changes").unwrap_or(commit);
    let is_commit = digits.len() == 12 && digits.chars().all(|digit| digit.is_ascii_hexdigit());
    assert!(is_commit || commit == "not recorded", "{long}");
    let target = target.strip_prefix("target: ").unwrap();
    let system = std::env::consts::OS.replace("macos", "darwin");
    assert!(target.contains(&system), "{long}");
    assert!(target.contains(std::env::consts::ARCH), "{long}");
}

#[test]
fn the_program_alone_says_where_to_begin() {
    let run = keyless(Vec::<String>::new()).code(0);
    assert!(
        run.err.is_empty() && run.out.lines().count() == 5,
        "{}",
        run.out
    );
    for word in [
        "haslim info",
        "haslim plan",
        "haslim shrink",
        "haslim --help",
    ] {
        assert!(run.out.contains(word), "{}", run.out);
    }
    assert!(run.out.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn a_file_without_a_command_is_described() {
    let backup = fixture("demo.tar");
    let alone = keyless([backup.as_os_str()]).code(0);
    assert_eq!(alone.out, keyless(line("info", &backup, "")).code(0).out);
    let run = keyless(["no/such/backup.tar"]).code(11);
    assert!(run.err.contains("no/such/backup.tar"), "{}", run.err);
    let run = keyless(["inof", backup.to_str().unwrap()]).code(2);
    assert!(run.err.contains("Did you mean info?"), "{}", run.err);
}

#[test]
fn no_error_advises_to_pass_an_option_as_a_file() {
    let backup = fixture("demo.tar");
    for rest in ["--exclude media", "--nonsense", "--key AAAA", "--kit k"] {
        let run = keyless(line("plan", &backup, rest)).code(2);
        assert!(
            run.out.is_empty() && run.err.starts_with("error: "),
            "{}",
            run.err
        );
        assert!(
            !run.err.contains("-- --") && !run.err.contains("tip"),
            "{}",
            run.err
        );
        assert_eq!(run.err.lines().count(), 1, "{}", run.err);
    }
}

#[test]
fn every_shell_has_completions_for_every_command() {
    for shell in SHELLS {
        let script = keyless(["completions", shell]).code(0).out;
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
        assert!(script.contains("emergency-kit"), "{shell}");
    }
    keyless(["completions", "no-such-shell"]).code(2);
}

#[test]
#[cfg(unix)] // Needs bash.
fn bash_can_read_its_completions() {
    let scratch = Scratch::new();
    let script = keyless(["completions", "bash"]).code(0).out;
    let file = scratch.file("haslim.bash", script.as_bytes());
    let check = Command::new("bash").arg("-n").arg(file).output().unwrap();
    assert!(
        check.status.success() && check.stderr.is_empty(),
        "{check:?}"
    );
}

#[test]
fn the_manual_is_one_page_with_every_option() {
    let page = keyless(["man"]).code(0).out;
    assert!(!page.contains("commit"), "the same page on every system");
    assert!(
        page.lines().any(|line| line.starts_with(".TH haslim 1")),
        "{page}"
    );
    let plain = page.replace("\\-", "-");
    for command in COMMANDS {
        assert!(plain.contains(&format!(".SH \"HASLIM {}\"", command.to_uppercase())));
        let help = on_80_columns(&[command, "--help"]);
        let words = help.split(|c: char| !c.is_alphanumeric() && c != '-');
        for option in words.filter(|word| word.starts_with("--") && word.len() > 2) {
            assert!(plain.contains(option), "{command} {option}");
        }
    }
}

#[test]
fn the_manual_is_written_as_a_page_for_each_command() {
    let scratch = Scratch::new();
    let folder = scratch.path("man1");
    keyless(["man", "-o", folder.to_str().unwrap()]).code(0);
    for command in COMMANDS {
        let page = std::fs::read_to_string(folder.join(format!("haslim-{command}.1"))).unwrap();
        assert!(page.contains(".TH haslim"), "{page}");
    }
    let file = scratch.file("file", b"");
    let run = keyless(["man", "-o", file.to_str().unwrap()]).code(7);
    assert!(
        run.err.contains("cannot write manual pages into"),
        "{}",
        run.err
    );
}
