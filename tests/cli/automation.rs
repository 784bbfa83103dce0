//! What scripts rely on: checks without reading, several files, progress for programs, one line at
//! the end.

use std::path::Path;

use crate::exit_codes::damaged;
use crate::line;
use crate::support::*;

/// A command line with several backups.
fn several(command: &str, backups: &[&Path], rest: &str) -> Vec<String> {
    let mut args = vec![command.to_owned()];
    args.extend(backups.iter().map(|path| text(path)));
    args.extend(rest.split_whitespace().map(str::to_owned));
    args
}

#[test]
fn check_says_by_its_code_whether_a_backup_fits_and_needs_no_key() {
    let backup = fixture("v3.tar");
    let run = keyless(line("info", &backup, "--check")).code(0);
    assert!(run.out.contains("v3.tar: fits: "), "{}", run.out);
    assert_eq!((run.out.lines().count(), run.err.as_str()), (1, ""));
    let run = keyless(line("info", &backup, "--check --limit 1kB")).code(4);
    assert!(run.out.contains("v3.tar: too big: "), "{}", run.out);
    let run = keyless(line("info", &backup, "--check --limit 1kB -q")).code(4);
    assert_eq!((run.out.as_str(), run.err.as_str()), ("", ""));
}

#[test]
fn check_does_not_read_what_is_in_the_parts() {
    let scratch = Scratch::new();
    let backup = scratch.file("damaged.tar", &damaged("v2.tar", "media"));
    keyless(line("info", &backup, "--check")).code(0);
    haslim(line("verify", &backup, "")).code(5);
}

#[test]
fn check_has_the_code_of_the_first_backup_that_is_not_fine() {
    let scratch = Scratch::new();
    let (fits, missing) = (fixture("v3.tar"), scratch.path("missing.tar"));
    let missing_first = [fits.as_path(), missing.as_path(), fits.as_path()];
    let run = keyless(several("info", &missing_first, "--check")).code(11);
    assert_eq!(run.out.lines().count(), 2, "{}", run.out);
    assert!(run.err.contains("missing.tar"), "{}", run.err);
    let too_large_first = several("info", &[&fits, &missing], "--check --limit 1kB --json");
    let document = keyless(too_large_first).code(4).json();
    assert_eq!(document["error"]["kind"], "cannot_fit");
    let kinds: Vec<_> = (0..2)
        .map(|at| document["backups"][at]["error"]["kind"].clone())
        .collect();
    assert_eq!(kinds, ["cannot_fit", "input_io"]);
}

#[test]
fn the_json_of_one_backup_keeps_its_form_with_check() {
    let backup = fixture("v3.tar");
    let plain = keyless(line("info", &backup, "--json")).code(0).json();
    let checked = keyless(line("info", &backup, "--json --check")).code(0);
    assert_eq!(checked.json(), plain);
}

#[test]
fn info_lists_several_backups_and_fails_for_one_that_cannot_be_read() {
    let scratch = Scratch::new();
    let (one, two) = (fixture("v3.tar"), fixture("v2.tar"));
    let run = keyless(several("info", &[&one, &two], "")).code(0);
    assert!(run.out.contains("v3.tar") && run.out.contains("v2.tar"));
    let missing = scratch.path("missing.tar");
    keyless(several("info", &[&one, &missing], "")).code(11);
    let document = keyless(several("info", &[&one, &missing], "--json")).code(11);
    let document = document.json();
    assert_eq!(document["backups"][0]["fits"], true);
    assert_eq!(document["error"]["kind"], "input_io");
}

#[test]
fn verify_checks_every_backup_and_ends_with_the_code_of_the_first_failure() {
    let scratch = Scratch::new();
    let bad = scratch.file("bad.tar", &damaged("v2.tar", "media"));
    let (good, missing) = (fixture("v2.tar"), scratch.path("missing.tar"));
    let run = haslim(several("verify", &[&good, &good], "")).code(0);
    assert!(
        run.out.ends_with("2 backups checked, no errors found.\n"),
        "{}",
        run.out
    );
    let run = haslim(several("verify", &[&bad, &missing, &good], "")).code(5);
    assert!(run.err.contains("bad.tar") && run.err.contains("missing.tar"));
    assert!(
        run.out.ends_with("3 backups checked, 2 with errors.\n"),
        "{}",
        run.out
    );
    haslim(several("verify", &[&missing, &bad], "")).code(11);
    let document = haslim(several("verify", &[&bad, &good], "--json"))
        .code(5)
        .json();
    assert_eq!(document["backups"][0]["ok"], false);
    assert_eq!(document["backups"][1]["ok"], true);
    assert_eq!(document["error"]["code"], 5);
    let alone = haslim(line("verify", &good, "--json")).code(0).json();
    assert_eq!(document["backups"][1], alone);
}

#[test]
fn a_backup_that_fits_can_be_a_success() {
    let scratch = Scratch::new();
    let input = scratch.copy("v3.tar");
    for command in ["plan", "shrink"] {
        let yes = if command == "shrink" { "--yes" } else { "" };
        keyless(line(command, &input, yes)).code(3);
        let run = keyless(line(command, &input, &format!("{yes} --ok-if-fits"))).code(0);
        assert!(run.err.starts_with("Nothing to do"), "{}", run.err);
        let run = keyless(line(command, &input, &format!("{yes} --ok-if-fits --json")));
        let document = run.code(0).json();
        assert_eq!(document["outcome"], "already_fits");
        assert!(document.get("error").is_none());
    }
    assert_eq!(scratch.listing(), ["v3.tar"]);
    keyless(line("shrink", &input, "--yes --ok-if-fits --limit 1kB")).code(4);
}

#[test]
fn progress_as_json_is_a_line_for_each_event_beside_the_document() {
    let scratch = Scratch::new();
    let input = scratch.copy("v2.tar");
    let rest = "--drop media:music --yes --json --progress json";
    let run = haslim(line("shrink", &input, rest)).code(0);
    assert_eq!(run.json()["verified"], true);
    let events: Vec<serde_json::Value> = run
        .err
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for stage in ["read", "write", "verify"] {
        let of_stage = events.iter().filter(|event| event["stage"] == stage);
        let kinds: Vec<_> = of_stage.map(|event| event["event"].clone()).collect();
        assert_eq!(kinds.first().unwrap(), "begin", "{stage}: {}", run.err);
        assert_eq!(kinds.last().unwrap(), "end", "{stage}: {}", run.err);
    }
}

#[test]
fn progress_can_be_switched_off_and_asked_for() {
    let backup = fixture("v3.tar");
    let run = haslim(line("verify", &backup, "-v --progress none")).code(0);
    assert_eq!(run.err, "");
    let run = haslim(line("verify", &backup, "--progress plain")).code(0);
    assert!(run.err.starts_with('['), "{}", run.err);
    assert!(run.err.contains(" s] Checking: done, "), "{}", run.err);
}

#[test]
fn in_a_pipe_the_last_line_of_shrink_says_it_all() {
    let scratch = Scratch::new();
    let input = scratch.copy("v2.tar");
    let run = haslim(line("shrink", &input, "--drop media:music --yes")).code(0);
    let last = run.out.lines().last().unwrap();
    let output = scratch.path("v2.slim.tar");
    assert!(
        last.starts_with(&format!("{}: ", output.display())),
        "{last}"
    );
    assert!(last.ends_with("), verified"), "{last}");
}
