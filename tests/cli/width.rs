//! Output on a narrow terminal.

use std::collections::HashSet;

use crate::line;
use crate::support::*;
use crate::terminal::Terminal;

/// What stays on the screen. The progress bar is drawn and erased again.
fn shown(columns: u16, command: &str, rest: &str) -> String {
    let (_, screen) =
        Terminal::sized(columns, command, &fixture("demo.tar"), rest, Some(PASSWORD)).end();
    let (text, _) = screen
        .rsplit_once("\u{1b}[2K")
        .map_or((screen.as_str(), ""), |(_, text)| (text, ""));
    assert!(!text.contains('\u{1b}'), "{text:?}");
    text.replace(&fixture("demo.tar").display().to_string(), "demo.tar")
}

const COMMANDS: [(&str, &str); 6] = [
    ("info", "--limit 1MB"),
    ("plan", "--limit 1MB"),
    (
        "plan",
        "--drop media --drop homeassistant:nest/event_media/**",
    ),
    ("ls", ""),
    ("verify", ""),
    ("plan", "--why homeassistant:secrets.yaml"),
];

#[test]
fn no_word_is_broken_on_80_columns() {
    for (command, rest) in COMMANDS {
        let wide: String = shown(250, command, rest);
        let words: HashSet<&str> = wide.split_whitespace().collect();
        for columns in [60, 80, 100] {
            let narrow = shown(columns, command, rest);
            // The line below the headings is as long as they are. A selector may be wrapped.
            let is_piece = |word: &str| {
                words
                    .iter()
                    .any(|whole| whole.len() > 20 && whole.contains(word))
            };
            // Names are shortened in the middle, and bars have the width that is left.
            let is_drawn = |word: &str| word.contains(['─', '█', '░', '…']);
            let is_whole = |word: &&str| words.contains(word) || is_piece(word) || is_drawn(word);
            let broken: Vec<&str> = narrow
                .split_whitespace()
                .filter(|word| !is_whole(word))
                .collect();
            assert!(
                broken.is_empty(),
                "{command} {rest} at {columns}: {broken:?} in\n{narrow}"
            );
        }
    }
}

#[test]
fn what_is_told_keeps_to_80_columns() {
    for (command, rest) in COMMANDS {
        let narrow = shown(80, command, rest);
        // Text to be copied stays in one piece.
        let copied = |line: &str| {
            line.starts_with("  haslim ") || line.contains(" kB  ") || line.contains(" MB  ")
        };
        for line in narrow.lines().filter(|line| !copied(line)) {
            assert!(
                line.trim_end().chars().count() <= 80,
                "{command} {rest}: {line}"
            );
        }
    }
}

#[test]
fn errors_and_questions_are_wrapped_too() {
    let (code, screen) = Terminal::sized(
        80,
        "plan",
        &fixture("demo.tar"),
        "--limit 1kB",
        Some(PASSWORD),
    )
    .end();
    assert_eq!(code, 4);
    let (_, error) = screen.split_once("error: ").unwrap();
    assert!(
        error.lines().count() > 1 && error.lines().all(|line| line.len() <= 80),
        "{error}"
    );
    let scratch = Scratch::new();
    let mut terminal = Terminal::sized(
        80,
        "shrink",
        &scratch.copy("demo.tar"),
        "--limit 1MB",
        Some(PASSWORD),
    );
    let asked = terminal.expect("[q]uit: ");
    let (_, question) = asked.split_once("\n1  ").unwrap();
    assert!(
        question.lines().all(|line| line.chars().count() <= 80) && question.contains("\n   "),
        "{question}"
    );
    terminal.say("q\n");
    assert_eq!(terminal.end().0, 130);
}

#[test]
fn off_a_terminal_no_sentence_is_wrapped() {
    let run = haslim(line("plan", &fixture("demo.tar"), "--limit 1kB")).code(4);
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
    let run = haslim(line(
        "plan",
        &fixture("demo.tar"),
        "--drop homeassistant:nest/**",
    ))
    .code(0);
    assert!(
        run.out
            .lines()
            .any(|line| line.starts_with("A restore of this copy") && line.chars().count() > 90),
        "{}",
        run.out
    );
}

#[test]
fn plan_on_80_columns() {
    insta::assert_snapshot!(shown(80, "plan", "--limit 1MB"));
}

#[test]
fn info_on_80_columns() {
    // It fits, so no command depends on where the fixtures are.
    insta::assert_snapshot!(shown(80, "info", "--limit 3MB"));
}

#[test]
fn a_locale_without_utf_8_has_bars_of_ascii() {
    let draw = |locale: &str| {
        let mut command = assert_cmd::Command::cargo_bin("haslim").unwrap();
        command
            .env("HASLIM_PASSWORD", PASSWORD)
            .env("LC_ALL", locale)
            .args(line("plan", "demo.tar".as_ref(), "--drop media --details"))
            .current_dir(fixture("demo.tar").parent().unwrap());
        let out = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let table: Vec<&str> = out
            .lines()
            .skip_while(|line| !line.starts_with("Part "))
            .take_while(|line| !line.starts_with("Now:"))
            .collect();
        table.join("\n")
    };
    let (ascii, unicode) = (draw("C"), draw("C.UTF-8"));
    assert!(ascii.is_ascii() && ascii.contains(" ##########"), "{ascii}");
    assert_eq!(
        ascii.replace('-', "─").replace('#', "▇"),
        unicode.replace('-', "─")
    );
}
