//! Every exit code that a user can see, and its message.

use std::path::PathBuf;

use crate::support::*;
use crate::{both_codes, line};

/// How a row of the table gets its input.
enum Input {
    Fixture(&'static str),
    Bytes(Vec<u8>),
    Missing,
}

impl Input {
    fn place(&self, scratch: &Scratch) -> PathBuf {
        match self {
            Self::Fixture(name) => scratch.copy(name),
            Self::Bytes(bytes) => scratch.file("in.tar", bytes),
            Self::Missing => scratch.path("missing.tar"),
        }
    }
}

/// A fixture with one changed byte in a part.
pub fn damaged(name: &str, part: &str) -> Vec<u8> {
    let path = fixture(name);
    let backup = haslim::open::Backup::open(&path).unwrap();
    let part = backup.parts.iter().find(|p| p.id == part).unwrap();
    let member = backup.member(part);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[usize::try_from(member.data_at() + member.size / 2).unwrap()] ^= 1;
    bytes
}

fn cut_short(name: &str) -> Vec<u8> {
    let mut bytes = std::fs::read(fixture(name)).unwrap();
    bytes.truncate(bytes.len() / 2);
    bytes
}

#[test]
fn every_cause_has_its_code_and_leaves_nothing_behind() {
    use Input::{Bytes, Fixture, Missing};
    let right = Some(PASSWORD);
    let table: Vec<(i32, Input, &str, Option<&str>)> = vec![
        (0, Fixture("v3.tar"), "--drop media", None),
        (0, Fixture("v3.tar"), "--drop media:music", right),
        (2, Fixture("v3.tar"), "--drop nonsense", right),
        (2, Fixture("v3.tar"), "--limit 5potatoes", right),
        (2, Fixture("v3.tar"), "--limit 5", right),
        (2, Fixture("v3.tar"), "--threads 0", right),
        (2, Fixture("v3.tar"), "--no-such-option", right),
        (2, Fixture("v3.tar"), "-q -v", right),
        (
            2,
            Fixture("v3.tar"),
            "--password-file a --emergency-kit b",
            right,
        ),
        (3, Fixture("v3.tar"), "", None),
        (3, Fixture("v3.tar"), "", right),
        (4, Fixture("v3.tar"), "--limit 1kB", None),
        (
            4,
            Fixture("v3.tar"),
            "--limit 1kB --drop media:music",
            right,
        ),
        (5, Bytes(Vec::new()), "--drop media", right),
        (5, Bytes(vec![0; 10_240]), "--drop media", right),
        (5, Bytes(cut_short("v3.tar")), "--drop media", right),
        (
            5,
            Bytes(damaged("v3.tar", "media")),
            "--drop media:music",
            right,
        ),
        (
            7,
            Fixture("v3.tar"),
            "--drop media -o missing/folder/out.tar",
            right,
        ),
        (
            10,
            Fixture("v3.tar"),
            "--drop media --force -o in-place",
            right,
        ),
        (
            10,
            Bytes(b"\x1f\x8b\x08\0\0\0\0\0\0\x03".repeat(60)),
            "--drop media",
            right,
        ),
        (11, Missing, "--drop media", right),
        (12, Fixture("v3.tar"), "--drop media:music", None),
        (12, Fixture("v3.tar"), "--drop media:music", Some("wrong")),
        (12, Fixture("v2.tar"), "--drop media:music", Some("wrong")),
        (12, Fixture("v3.tar"), "--drop media:music", Some("")),
    ];
    for (code, input, rest, password) in table {
        let scratch = Scratch::new();
        let input = input.place(&scratch);
        let rest = rest.replace("in-place", input.to_str().unwrap());
        let before = (scratch.listing(), std::fs::read(&input).ok());
        let run = run(line("shrink", &input, &format!("{rest} --yes")), password);
        let name = format!("{rest} with {password:?}");
        assert_eq!(
            run.code, code,
            "{name}\nstdout:\n{}\nstderr:\n{}",
            run.out, run.err
        );
        if code == 0 {
            continue;
        }
        let label = if code == 3 {
            "Nothing to do: "
        } else {
            "error: "
        };
        assert!(run.err.starts_with(label), "{name}: {}", run.err);
        let by_the_parser = run.err.contains("--help");
        assert!(
            by_the_parser || run.err.trim_end().ends_with(UNCHANGED),
            "{name}: {}",
            run.err
        );
        assert_eq!(
            (scratch.listing(), std::fs::read(&input).ok()),
            before,
            "{name}"
        );
    }
}

#[test]
fn an_existing_output_is_7_without_force() {
    let scratch = Scratch::new();
    let (input, output) = (scratch.copy("v3.tar"), scratch.file("out.tar", b"precious"));
    let rest = format!("--drop media --yes -o {}", output.display());
    let run = keyless(line("shrink", &input, &rest)).code(7);
    assert!(run.err.contains("--force"), "{}", run.err);
    assert_eq!(std::fs::read(output).unwrap(), b"precious");
}

#[test]
fn help_lists_every_code() {
    let help = keyless(["--help"]).code(0).out;
    let (_, codes) = help.split_once("Exit codes:").unwrap();
    for code in [
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "129", "130", "143",
    ] {
        assert!(
            codes
                .split(|c: char| !c.is_ascii_digit())
                .any(|word| word == code),
            "{code} is not in --help"
        );
    }
}

#[test]
fn no_command_is_wrong_usage() {
    for words in [["--limit=1kB"], ["no-such-command"]] {
        let run = keyless(words).code(2);
        assert_eq!(run.out, "");
        assert!(run.err.starts_with("error: "), "{}", run.err);
    }
}

/// Options that end in each way, with the right key and without one.
const OPTIONS: [&str; 17] = [
    "",
    "--drop media",
    "--drop media --limit 60kB",
    "--drop media:music",
    "--drop media:no/such/path",
    "--drop addon:no_such_addon",
    "--drop media --keep media",
    "--drop homeassistant:** --keep homeassistant:**",
    "--drop database",
    "--limit 1kB",
    "--limit 50kB",
    "--limit 50kB --allow history,user",
    "--thorough",
    "--thorough --allow history,user",
    "--securetar 2",
    "--securetar none --drop share",
    "--drop no-such-thing",
];

/// Fails unless `plan` and `shrink` end alike with every `step`th of [`OPTIONS`].
#[track_caller]
fn check_codes_of_plan(fixtures: &[(&str, usize)]) {
    let scratch = Scratch::new();
    for (name, step) in fixtures {
        let input = fixture(name);
        let check = |rest: &str, password| {
            let (plan, shrink) = both_codes(&scratch, &input, rest, password);
            assert_eq!(plan, shrink, "{name} {rest} {password:?}");
        };
        for rest in OPTIONS.into_iter().step_by(*step) {
            for password in [None, Some(PASSWORD)] {
                check(rest, password);
            }
        }
        // A wrong key is found out in the same way whatever is named.
        for rest in ["", "--drop media", "--drop media:music"] {
            check(rest, Some("wrong"));
        }
    }
}

#[test]
fn plan_ends_with_the_code_of_shrink_over_old_backups() {
    check_codes_of_plan(&[("v1.tar", 3), ("v2.tar", 2), ("plain.tar", 2)]);
}

#[test]
fn plan_ends_with_the_code_of_shrink_over_new_backups() {
    check_codes_of_plan(&[
        ("v3.tar", 3),
        ("v3-uncompressed.tar", 4),
        ("core-v3.tar", 5),
    ]);
}

#[test]
fn plan_ends_with_the_code_of_shrink_when_a_part_is_damaged() {
    let scratch = Scratch::new();
    for (name, part) in [
        ("v3.tar", "share"),
        ("plain.tar", "share"),
        ("v2.tar", "share"),
    ] {
        let input = scratch.file("in.tar", &damaged(name, part));
        for rest in [
            "--drop media",
            "--drop share",
            "--drop media:music",
            "--drop share:**",
            "--limit 50kB",
        ] {
            let (plan, shrink) = both_codes(&scratch, &input, rest, Some(PASSWORD));
            assert_eq!(plan, shrink, "{name} {rest}");
        }
    }
}
