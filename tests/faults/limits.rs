//! Not enough memory, room in a file, or open files.

use std::process::{Command, Output};

use crate::*;

/// The codes that the help lists.
const CODES: [i32; 14] = [0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 129, 130, 143];

/// Runs a shrink under a limit set by the shell.
fn under(limit: &str, place: &Place) -> Output {
    let args = shrink(
        &place.input,
        &place.output(),
        "--drop media:music --drop homeassistant:www/**",
    );
    let script = format!("ulimit {limit} && exec \"$@\"");
    let mut command = Command::new("sh");
    command
        .args(["-c", &script, "sh", PROGRAM])
        .args(args)
        .env("HASLIM_PASSWORD", PASSWORD)
        // A panic without the memory for its backtrace would wait for a lock for ever.
        .env("RUST_BACKTRACE", "1");
    command.output().unwrap()
}

/// Whether the program can be loaded at all under a limit.
fn is_loaded(limit: &str) -> bool {
    let place = Place::new("v3.tar");
    let status = under(limit, &place).status;
    // The loader ends with 127, or with a segmentation fault when it has no page left.
    status.code() != Some(127) && std::os::unix::process::ExitStatusExt::signal(&status) != Some(11)
}

/// Asserts that a run ended with a code from the list, and that there is an output if and only if
/// it is zero. Returns the code.
#[track_caller]
fn ended_well(limit: &str) -> i32 {
    let place = Place::new("v3.tar");
    let output = under(limit, &place);
    let code = output.status.code().unwrap_or(-1);
    let what = format!(
        "ulimit {limit}: {:?}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(CODES.contains(&code), "{what}");
    assert!(
        code != 1 || what.contains("memory") || what.contains("open files"),
        "{what}"
    );
    assert!(!what.contains("panicked"), "{what}");
    place.holds(if code == 0 { &["out.tar"] } else { &[] }, &what);
    if code == 0 {
        haslim(["verify".into(), place.output()]).code(0);
    }
    code
}

#[test]
fn however_little_memory_there_is_a_run_ends_with_a_code_from_the_list() {
    // Kilobytes of address space: from just enough to load the program to plenty.
    let limit = |kib: i32| format!("-v {kib}");
    let least = (8 << 10..80 << 10)
        .step_by(64)
        .find(|kib| is_loaded(&limit(*kib)))
        .unwrap();
    // Before main, the standard library needs the first pages of the heap, 132 KiB with glibc.
    let close = (4..36).map(|step| least + 64 * step);
    let far = (1..30).map(|step| least + 2048 * (step + 1));
    let codes: Vec<i32> = close
        .chain(far)
        .map(|kib| ended_well(&limit(kib)))
        .collect();
    assert_eq!(codes.first(), Some(&1), "no limit was too low: {codes:?}");
    assert_eq!(ended_well("-v 2000000"), 0);
}

#[test]
fn a_limit_of_the_file_size_is_7_and_says_what_is_needed() {
    // Blocks of 512 bytes.
    for blocks in [0, 1, 2, 3, 10, 37, 100] {
        let place = Place::new("v3.tar");
        let output = under(&format!("-f {blocks}"), &place);
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(7), "{blocks}: {err}");
        // Report 116: detected before the work, and not reported as missing free space.
        assert!(
            err.contains("the file needs ") && err.contains("ulimit -f") && !err.contains("free"),
            "{err}"
        );
        place.holds(&[], &err);
    }
}

#[test]
fn few_open_files_end_with_a_code_from_the_list() {
    let codes: Vec<i32> = (4..20)
        .map(|files| format!("-n {files}"))
        .filter(|limit| is_loaded(limit))
        .map(|limit| ended_well(&limit))
        .collect();
    assert!(
        codes.first() != Some(&0) && codes.last() == Some(&0),
        "{codes:?}"
    );
}
