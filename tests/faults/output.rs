//! Valid and invalid outputs. The output is checked before anything is read.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::process::Command;

use crate::paused::fifo;
use crate::*;

/// Runs a shrink into `output` and asserts its code. The key cannot be read, which would be code
/// 12, so any other code shows that the output was checked first. A dry run must return the same.
#[track_caller]
fn refused(place: &Place, output: &str, force: bool, code: i32, others: &[&str]) {
    let options = format!(
        "--drop media:music --password-file missing{}",
        if force { " --force" } else { "" }
    );
    for dry in ["", " -n"] {
        let run = keyless(shrink(
            &place.input,
            Path::new(output),
            &format!("{options}{dry}"),
        ));
        let what = format!("{output}, force {force}{dry}:\n{}", run.err);
        assert_eq!(run.code, code, "{what}");
        assert!(run.err.trim_end().ends_with(UNCHANGED), "{what}");
        place.holds(others, &what);
    }
}

#[test]
fn the_input_is_refused_by_every_name_that_it_has() {
    let place = Place::new("v3.tar");
    let hard = place.scratch.path("hard.tar");
    std::fs::hard_link(&place.input, &hard).unwrap();
    symlink("v3.tar", place.scratch.path("soft.tar")).unwrap();
    symlink("soft.tar", place.scratch.path("softer.tar")).unwrap();
    symlink(".", place.scratch.path("folder")).unwrap();
    // The link changed the inode's change time.
    let place = Place {
        before: Fingerprint::of(&place.input),
        ..place
    };
    let open = File::open(&place.input).unwrap();
    let by_number = format!("/proc/{}/fd/{}", std::process::id(), open.as_raw_fd());
    let inside = |name: &str| text(&place.scratch.path(name));
    let names = [
        inside("v3.tar"),
        inside("./v3.tar"),
        inside("hard.tar"),
        inside("soft.tar"),
        inside("softer.tar"),
        inside("folder/v3.tar"),
        inside("folder/hard.tar"),
        by_number,
    ];
    for name in names {
        for force in [false, true] {
            refused(
                &place,
                &name,
                force,
                10,
                &["folder", "hard.tar", "soft.tar", "softer.tar"],
            );
        }
    }
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let place = Place::new("v3.tar");
    std::fs::create_dir(place.scratch.path("folder")).unwrap();
    std::fs::create_dir(place.scratch.path("folder/inside")).unwrap();
    symlink("elsewhere.tar", place.scratch.path("dangling")).unwrap();
    symlink("loop", place.scratch.path("loop")).unwrap();
    fifo(&place.scratch.path("pipe"));
    let inside = |name: &str| text(&place.scratch.path(name));
    let names = [
        inside("folder"),
        inside("dangling"),
        inside("loop"),
        inside("pipe"),
        inside("folder/inside/.."),
        "/dev/null".into(),
        "/".into(),
    ];
    let folders = [
        inside("folder/"),
        inside("folder/."),
        ".".into(),
        "..".into(),
        "./".into(),
    ];
    for name in names.into_iter().chain(folders) {
        for force in [false, true] {
            refused(
                &place,
                &name,
                force,
                10,
                &["dangling", "folder", "loop", "pipe"],
            );
        }
    }
}

#[test]
fn a_folder_that_cannot_take_an_output_is_found_out_before_anything_is_read() {
    let place = Place::new("v3.tar");
    let other = place.scratch.file("out.tar", b"precious");
    let inside = |name: &str| text(&place.scratch.path(name));
    let missing = [
        inside("missing/out.tar"),
        inside("missing/"),
        inside("missing/."),
        inside("missing//./"),
        inside("missing/.."),
    ];
    let others = [
        inside("v3.tar/out.tar"),
        inside("out.tar/"),
        inside("out.tar/."),
        "/proc/nowhere/out.tar".into(),
    ];
    for name in missing.into_iter().chain(others) {
        for force in [false, true] {
            refused(&place, &name, force, 7, &["out.tar"]);
        }
    }
    // An existing file matters only if something would be written.
    keyless(shrink(
        &place.input,
        Path::new(&inside("out.tar")),
        "--drop media",
    ))
    .code(7);
    assert_eq!(std::fs::read(other).unwrap(), b"precious");
}

#[test]
fn only_the_owner_may_read_an_output_whatever_the_umask() {
    for (umask, options) in [("000", ""), ("077", ""), ("000", "--force")] {
        let place = Place::new("v3.tar");
        let output = place.output();
        if !options.is_empty() {
            std::fs::write(&output, b"old").unwrap();
            std::fs::set_permissions(&output, std::fs::Permissions::from_mode(0o666)).unwrap();
        }
        let args = shrink(&place.input, &output, &format!("--drop media -q {options}"));
        let script = format!("umask {umask}; exec \"$@\"");
        let status = Command::new("sh")
            .args(["-c", &script, "sh", PROGRAM])
            .args(args)
            .status()
            .unwrap();
        assert!(status.success());
        assert_eq!(
            std::fs::metadata(&output).unwrap().permissions().mode(),
            0o100_600,
            "{umask} {options}"
        );
        place.holds(&["out.tar"], umask);
    }
}

#[test]
fn a_disk_without_room_is_found_out_before_anything_is_written() {
    // A sparse member makes a large backup from a few kilobytes.
    let scratch = Scratch::new();
    let input = scratch.path("in.tar");
    let huge = 1u64 << 42;
    let disk = rustix::fs::statvfs(scratch.0.path()).unwrap();
    assert!(
        disk.f_bavail * disk.f_frsize < huge,
        "the disk is too large for this test"
    );
    let mut header = tar::Header::new_gnu();
    header.set_path("vendor.bin").unwrap();
    header.set_size(huge);
    header.set_mode(0o600);
    header.set_cksum();
    let file = File::create(&input).unwrap();
    file.write_all_at(header.as_bytes(), 0).unwrap();
    file.write_all_at(
        &std::fs::read(fixture("core-plain.tar")).unwrap(),
        512 + huge,
    )
    .unwrap();
    for dry in ["", "-n", "-n --json"] {
        let run = keyless(shrink(
            &input,
            &scratch.path("out.tar"),
            &format!("--drop homeassistant:tts/** --limit 10TB {dry}"),
        ))
        .code(7);
        let said = if dry.ends_with("json") {
            run.json()["error"].to_string()
        } else {
            run.err
        };
        assert!(
            said.contains("the file needs 4.40 TB") && said.contains("free"),
            "{dry}: {said}"
        );
    }
    assert_eq!(scratch.listing(), ["in.tar"]);
}

#[test]
fn of_two_runs_with_one_output_one_wins() {
    for _ in 0..5 {
        let place = Place::new("v3.tar");
        let args = || shrink(&place.input, &place.output(), "--drop media:music");
        let mut runs = [
            crate::paused::Paused::at_the_key(args()),
            crate::paused::Paused::at_the_key(args()),
        ];
        let keys = runs.each_mut().map(|run| run.key());
        let mut codes = std::thread::scope(|scope| {
            let started: Vec<_> = runs
                .into_iter()
                .zip(keys)
                .map(|(run, key)| scope.spawn(move || run.release(key).code))
                .collect();
            started
                .into_iter()
                .map(|run| run.join().unwrap())
                .collect::<Vec<_>>()
        });
        codes.sort();
        assert_eq!(codes, [0, 7]);
        place.holds(&["out.tar"], "two runs");
        haslim(["verify".into(), place.output()]).code(0);
    }
}
