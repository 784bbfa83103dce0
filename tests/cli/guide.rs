//! Guided mode, on a terminal.

use std::path::PathBuf;

use crate::support::*;
use crate::terminal::Terminal;

const ASKED: &str = "[q]uit: ";
const LAST: &str = "[y]es, [N]o: ";
const FRIGATE: &str = "Frigate recordings in Media, 1.32 MB, 12 files, 27 Jun – 26 Jul 2025";

/// A demo backup in a folder of its own.
fn demo() -> (Scratch, PathBuf) {
    let scratch = Scratch::new();
    let input = scratch.copy("demo.tar");
    (scratch, input)
}

#[track_caller]
fn nothing_written(scratch: &Scratch) {
    assert_eq!(scratch.listing(), ["demo.tar"]);
    assert_eq!(
        std::fs::read(scratch.path("demo.tar")).unwrap(),
        std::fs::read(fixture("demo.tar")).unwrap()
    );
}

fn components(path: &std::path::Path) -> Vec<String> {
    members(path).into_iter().map(|m| m.name).collect()
}

#[test]
fn one_yes_to_the_biggest_gain_is_enough() {
    let (scratch, input) = demo();
    let mut terminal = Terminal::shrink(&input, "--limit 1MB");
    let before = terminal.expect(ASKED);
    assert!(
        before.contains("1.24 MB over the limit of 1.00 MB"),
        "{before}"
    );
    assert!(
        before.contains("Caches, logs and old backups go anyway (195 kB): 2.05 MB are left."),
        "{before}"
    );
    assert!(before.contains(&format!("1  {FRIGATE}")), "{before}");
    assert!(
        before.contains("Lost with it: The recorded footage of your cameras."),
        "{before}"
    );
    // The folder contains other files, so it would be emptied; the whole folder is offered.
    assert!(
        before.contains("files that were left out are deleted there too"),
        "{before}"
    );
    assert!(
        before.contains("[w] all of Media") && before.contains("with jingle.mp3 21.9 kB"),
        "{before}"
    );
    assert!(
        before.contains("27 Jun – 21 Jul 2025, 10 of 12 files"),
        "the oldest are enough:\n{before}"
    );
    terminal.say("y\n");
    let after = terminal.expect(LAST);
    assert!(after.contains("WOULD FIT: 2.24 MB → 942 kB"), "{after}");
    assert!(
        after.contains("Frigate recordings") && after.contains("10 of 12 files"),
        "{after}"
    );
    assert!(
        !after.contains("\n2  "),
        "more was asked than needed:\n{after}"
    );
    assert_eq!(
        scratch.listing(),
        ["demo.tar"],
        "something was written before the last yes"
    );
    terminal.say("yes\n");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    let output = scratch.path("demo.slim.tar");
    assert!(std::fs::metadata(&output).unwrap().len() <= 1_000_000);
    let left = entries(&output, "media");
    let films = left
        .iter()
        .filter(|e| e.name.starts_with(b"frigate/recordings") && e.name.ends_with(b".mp4"));
    assert_eq!(films.count(), 2, "the newest two stay: {left:?}");
}

#[test]
fn an_existing_output_is_told_before_the_first_question() {
    let (scratch, input) = demo();
    let output = scratch.file("demo.slim.tar", b"old");
    // If no question would be asked, because no answer could help, the option has no effect.
    for (limit, code) in [("1MB", 7), ("1kB", 4)] {
        let (ended, screen) = Terminal::shrink(&input, &format!("--limit {limit}")).end();
        assert!(
            ended == code
                && screen.contains("exists already") == (code == 7)
                && !screen.contains(ASKED),
            "{screen}"
        );
    }
    assert_eq!(std::fs::read(output).unwrap(), b"old");
}

#[test]
fn the_whole_folder_can_be_chosen_instead() {
    let (scratch, input) = demo();
    let mut terminal = Terminal::shrink(&input, "--limit 1MB");
    terminal.expect(ASKED);
    terminal.say("w\n");
    let after = terminal.expect(LAST);
    assert!(
        after.contains("A restore of this copy leaves Media as it is"),
        "{after}"
    );
    terminal.say("y\n");
    assert_eq!(terminal.end().0, 0);
    let names = components(&scratch.path("demo.slim.tar"));
    assert!(!names.contains(&"media.tar.gz".to_owned()), "{names:?}");
    assert_eq!(manifest(&scratch.path("demo.slim.tar"))["type"], "partial");
}

#[test]
fn no_to_everything_ends_after_a_handful_of_questions_with_the_ways_out() {
    let (scratch, input) = demo();
    let mut terminal = Terminal::shrink(&input, "--limit 2.04MB");
    let mut questions = 0;
    while terminal.until(ASKED).is_some() {
        questions += 1;
        terminal.say("n\n");
    }
    let (code, screen) = terminal.end();
    assert_eq!((code, questions), (4, 6), "{screen}");
    let after = screen
        .split_once(
            "Nothing more is asked after 6 questions; the ways that are left are named at the end.",
        )
        .expect(&screen)
        .1;
    // Consent to a class would take what was declined.
    assert!(
        after.contains("--drop media:radio/jingle.mp3") && !after.contains("--allow"),
        "{screen}"
    );
    assert!(screen.trim_end().ends_with(UNCHANGED), "{screen}");
    let order: Vec<usize> = (1..=6)
        .map(|n| screen.find(&format!("\n{n}  ")).unwrap())
        .collect();
    assert!(order.is_sorted(), "{screen}");
    nothing_written(&scratch);
}

#[test]
fn nothing_more_is_asked_when_no_yes_could_help_any_more() {
    let (scratch, input) = demo();
    let mut terminal = Terminal::shrink(&input, "--limit 1MB");
    terminal.expect(ASKED);
    terminal.say("n\n");
    // The event pictures are offered with the whole folder, which is enough.
    while terminal.until(ASKED).is_some() {
        terminal.say("n\n");
    }
    let (code, screen) = terminal.end();
    assert_eq!(code, 4, "{screen}");
    let after = screen
        .split_once("Nothing more is asked: what is left could not bring the copy below the limit.")
        .expect(&screen)
        .1;
    assert!(!after.contains("\n4  "), "{screen}");
    assert!(screen.trim_end().ends_with(UNCHANGED), "{screen}");
    nothing_written(&scratch);
}

#[test]
fn quitting_at_any_question_writes_nothing() {
    // The answers before, and the way to quit; the end of the input counts.
    for (answers, quit) in [
        ("", "q\n"),
        ("", "quit\n"),
        ("", "\u{4}"),
        ("n", "q\n"),
        ("nn", "\u{4}"),
        ("y", "n\n"),
        ("y", "\n"),
        ("y", "q\n"),
        ("y", "\u{4}"),
    ] {
        let (scratch, input) = demo();
        let mut terminal = Terminal::shrink(&input, "--limit 2MB");
        for answer in answers.chars() {
            terminal.expect(ASKED);
            terminal.say(&format!("{answer}\n"));
        }
        terminal.expect(if answers == "y" { LAST } else { ASKED });
        terminal.say(quit);
        let (code, screen) = terminal.end();
        assert_eq!(code, 130, "{answers} {quit:?}\n{screen}");
        assert!(
            screen.trim_end().ends_with(UNCHANGED),
            "{answers} {quit:?}\n{screen}"
        );
        nothing_written(&scratch);
    }
}

#[test]
fn a_repair_that_is_declined_writes_nothing() {
    let (scratch, input) = demo();
    // Extra bytes, which a repair removes.
    let mut bytes = std::fs::read(&input).unwrap();
    bytes.extend([7; 600]);
    std::fs::write(&input, bytes).unwrap();
    let before = scratch.listing();
    let mut terminal = Terminal::start("repair", &input, "", Some(crate::support::PASSWORD));
    terminal.expect("[y]es, [N]o:");
    terminal.say("n\n");
    let (code, screen) = terminal.end();
    assert_eq!(code, 130, "{screen}");
    assert!(screen.trim_end().ends_with(UNCHANGED), "{screen}");
    assert_eq!(scratch.listing(), before);
}

#[test]
fn ctrl_c_at_a_question_ends_the_program_at_once() {
    for answers in ["", "n", "y"] {
        let (scratch, input) = demo();
        let mut terminal = Terminal::shrink(&input, "--limit 2MB");
        for answer in answers.chars() {
            terminal.expect(ASKED);
            terminal.say(&format!("{answer}\n"));
        }
        terminal.expect(if answers == "y" { LAST } else { ASKED });
        terminal.say("\u{3}");
        let (code, screen) = terminal.end();
        assert_eq!(code, 130, "after '{answers}'\n{screen}");
        assert!(screen.trim_end().ends_with(UNCHANGED), "{screen}");
        nothing_written(&scratch);
    }
}

#[test]
fn an_answer_that_is_none_is_asked_for_again() {
    let (scratch, input) = demo();
    let mut terminal = Terminal::shrink(&input, "--limit 1MB");
    for answer in ["maybe\n", "7\n", "ye\n"] {
        terminal.expect(ASKED);
        terminal.say(answer);
    }
    terminal.expect(ASKED);
    terminal.say("q\n");
    assert_eq!(terminal.end().0, 130);
    nothing_written(&scratch);
}

#[test]
fn what_nobody_will_miss_is_not_asked_about() {
    let (scratch, input) = demo();
    let mut terminal = Terminal::shrink(&input, "--limit 2.1MB");
    let before = terminal.expect(LAST);
    assert!(!before.contains("Leave"), "{before}");
    assert!(
        before.contains("ESPHome build files") && before.contains("Write "),
        "{before}"
    );
    terminal.say("y\n");
    assert_eq!(terminal.end().0, 0);
    assert_eq!(scratch.listing(), ["demo.slim.tar", "demo.tar"]);
}

#[test]
fn nothing_is_asked_when_no_answer_could_help() {
    let (scratch, input) = demo();
    let (code, screen) = Terminal::shrink(&input, "--limit 10kB").end();
    assert_eq!(code, 4, "{screen}");
    assert!(
        !screen.contains(ASKED) && screen.trim_end().ends_with(UNCHANGED),
        "{screen}"
    );
    nothing_written(&scratch);
}

#[test]
fn a_backup_that_fits_is_left_alone_without_a_question() {
    let (scratch, input) = demo();
    let (code, screen) = Terminal::shrink(&input, "").end();
    assert_eq!(code, 3, "{screen}");
    assert!(
        screen.contains("Nothing to do: the backup fits") && !screen.contains("]es"),
        "{screen}"
    );
    nothing_written(&scratch);
}

#[test]
fn quiet_still_asks() {
    let (scratch, input) = demo();
    let mut terminal = Terminal::shrink(&input, "--limit 1MB -q");
    let before = terminal.expect(ASKED);
    assert!(before.contains(FRIGATE), "{before}");
    terminal.say("y\n");
    terminal.expect(LAST);
    terminal.say("y\n");
    assert_eq!(terminal.end().0, 0);
    assert!(scratch.path("demo.slim.tar").exists());
}

#[test]
fn the_key_can_be_typed() {
    let (scratch, input) = demo();
    let mut terminal = Terminal::start("shrink", &input, "--limit 1MB", None);
    terminal.expect(": ");
    terminal.say(&format!("{PASSWORD}\n"));
    terminal.expect(ASKED);
    terminal.say("q\n");
    let (code, screen) = terminal.end();
    assert_eq!(code, 130, "{screen}");
    nothing_written(&scratch);
}

/// Report 118.
#[test]
fn the_key_can_be_typed_three_times() {
    let (_scratch, input) = demo();
    for right in [true, false] {
        let mut terminal = Terminal::start("verify", &input, "", None);
        for left in ["2 more tries", "one more try"] {
            terminal.expect("Encryption key of the backup: ");
            terminal.say("wrong\n");
            terminal.expect(left);
        }
        terminal.expect("Encryption key of the backup: ");
        terminal.say(&if right {
            format!("{}\n", PASSWORD.to_lowercase())
        } else {
            "\n".into()
        });
        let (code, screen) = terminal.end();
        assert_eq!(code, if right { 0 } else { 12 }, "{screen}");
        assert!(
            !screen.to_uppercase().contains(PASSWORD) && !screen.contains("wrong\n"),
            "{screen}"
        );
    }
}
