//! If the reader of a pipe goes away, there is no panic and the result is the same. A full disk is
//! different.

use std::io::pipe;
use std::process::{Command, Stdio};

use crate::*;

/// The writing end of a pipe without a reader.
fn broken() -> Stdio {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    writer.into()
}

fn commands(place: &Place) -> Vec<(Vec<String>, i32)> {
    let input = text(&place.input);
    let words = |line: &str| {
        line.replace("IN", &input)
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    vec![
        (words("--help"), 0),
        (words("--version"), 0),
        (words("rules"), 0),
        (words("rules --json"), 0),
        (words("info IN"), 0),
        (words("info IN --json"), 0),
        (words("ls IN -v"), 0),
        (words("ls IN --json"), 0),
        (words("plan IN --drop media:music -v"), 0),
        (words("plan IN --json"), 3),
        (words("plan IN --limit 1kB -v"), 4),
        (words("verify IN -v"), 0),
        (words("verify IN --json"), 0),
        (words("verify missing.tar -v"), 11),
        (words("no-such-command"), 2),
        (
            shrink(
                &place.input,
                &place.output(),
                "--drop media:music -v --force",
            ),
            0,
        ),
        (
            shrink(
                &place.input,
                &place.output(),
                "--drop media:music --json --force",
            ),
            0,
        ),
    ]
}

fn program(args: &[String]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(args)
        .env("HASLIM_PASSWORD", PASSWORD)
        .env("RUST_BACKTRACE", "1")
        .stdin(Stdio::null());
    command
}

#[test]
fn without_a_reader_of_standard_output_every_command_ends_as_with_one() {
    let place = Place::new("v3.tar");
    for (args, code) in commands(&place) {
        let output = program(&args).stdout(broken()).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {err}");
        assert!(
            !err.contains("panicked") && !err.contains("backtrace"),
            "{args:?}: {err}"
        );
    }
    place.holds(&["out.tar"], "standard output");
}

#[test]
fn without_a_reader_of_standard_error_every_command_ends_as_with_one() {
    let place = Place::new("v3.tar");
    for (args, code) in commands(&place) {
        let status = program(&args)
            .stdout(Stdio::null())
            .stderr(broken())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(code), "{args:?}");
    }
    place.holds(&["out.tar"], "standard error");
}

/// A file that cannot be written to.
fn full() -> std::fs::File {
    std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap()
}

#[test]
fn a_result_that_cannot_be_written_is_no_success() {
    let place = Place::new("v3.tar");
    for (args, code) in commands(&place) {
        let output = program(&args).stdout(full()).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        let writes = args[0] == "shrink";
        assert_eq!(
            output.status.code(),
            Some(if code == 0 && !writes { 7 } else { code }),
            "{args:?}: {err}"
        );
        assert!(!err.contains("panicked"), "{args:?}: {err}");
        let says = |text: &str| err.contains(text);
        if writes {
            assert!(
                says("WARNING: standard output cannot be written") && says("complete all the same"),
                "{args:?}: {err}"
            );
        } else if code != 2 && code != 11 {
            assert!(
                says("error: standard output cannot be written: No space left on device"),
                "{args:?}: {err}"
            );
        }
    }
    place.holds(&["out.tar"], "full");
    haslim(["verify".into(), place.output()]).code(0);
}

#[test]
fn quiet_has_no_result_that_could_be_lost() {
    let place = Place::new("v3.tar");
    for args in [
        vec!["ls".into(), text(&place.input), "-q".into()],
        shrink(&place.input, &place.output(), "--drop media -q"),
    ] {
        let output = program(&args).stdout(full()).output().unwrap();
        assert_eq!(
            (output.status.code(), output.stderr),
            (Some(0), Vec::new()),
            "{args:?}"
        );
    }
}
