//! Options for files and for output.

use std::io::Read;
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};

use crate::exit_codes::damaged;
use crate::support::*;
use crate::{PROGRAM, line};

#[test]
fn the_output_stands_beside_the_input_under_its_name() {
    let scratch = Scratch::new();
    for (given, made) in [
        ("my backup.tar", "my backup.slim.tar"),
        ("a.b.tar", "a.b.slim.tar"),
        ("noext", "noext.slim.tar"),
    ] {
        let input = scratch.path(given);
        std::fs::copy(fixture("v3.tar"), &input).unwrap();
        keyless(line("shrink", &input, "--drop media --yes")).code(0);
        assert!(scratch.path(made).exists(), "{:?}", scratch.listing());
    }
}

#[test]
fn force_replaces_the_output_and_nothing_else() {
    let scratch = Scratch::new();
    let (input, output) = (scratch.copy("v3.tar"), scratch.file("v3.slim.tar", b"old"));
    keyless(line("shrink", &input, "--drop media --yes")).code(7);
    keyless(line("shrink", &input, "--drop media --yes --force")).code(0);
    assert_eq!(manifest(&output)["protected"], true);
    assert_eq!(scratch.listing(), ["v3.slim.tar", "v3.tar"]);
}

#[test]
fn a_hyphen_is_no_name_for_a_file_that_is_read_back() {
    let scratch = Scratch::new();
    let input = scratch.copy("v3.tar");
    for options in [
        "shrink IN --drop media --yes -o -",
        "shrink IN --drop media --yes -o out.tar --rest -",
        "repair IN -o -",
        "scan IN -o -",
        "extract IN media -o -",
        "join IN IN -o -",
    ] {
        let words = options.replace("IN", &input.display().to_string());
        let run = keyless(words.split(' ')).code(2);
        assert!(run.err.contains("give the name of a file"), "{}", run.err);
    }
    assert_eq!(scratch.listing(), ["v3.tar"]);
}

#[cfg(unix)]
#[test]
fn a_name_that_the_disk_cannot_have_is_the_reason_not_the_free_space() {
    let scratch = Scratch::new();
    let input = scratch.copy("plain.tar");
    let long = scratch.path(&format!("{}.tar", "x".repeat(300)));
    for command in ["shrink --drop media --yes", "repair", "scan"] {
        let (command, options) = command.split_once(' ').unwrap_or((command, ""));
        let options = format!("{options} -o {}", long.display());
        let run = keyless(line(command, &input, options.trim())).code(7);
        assert!(
            run.err.contains("no file on this disk can have the name")
                && !run.err.contains("free space"),
            "{}",
            run.err
        );
    }
}

#[test]
fn force_keeps_the_old_output_when_the_run_fails() {
    let scratch = Scratch::new();
    let (input, output) = (scratch.copy("v3.tar"), scratch.file("v3.slim.tar", b"old"));
    keyless(line(
        "shrink",
        &input,
        "--drop media --yes --force --limit 1kB",
    ))
    .code(4);
    assert_eq!(std::fs::read(output).unwrap(), b"old");
}

#[test]
fn a_dry_run_writes_nothing_and_needs_no_yes() {
    let scratch = Scratch::new();
    let input = scratch.copy("v3.tar");
    for option in ["-n", "--dry-run", "-n --yes", "-n --json"] {
        let run = keyless(line("shrink", &input, &format!("--drop media {option}"))).code(0);
        assert!(run.out.contains("media"), "{}", run.out);
        assert_eq!(scratch.listing(), ["v3.tar"]);
    }
}

#[test]
fn off_a_terminal_shrink_demands_yes() {
    let scratch = Scratch::new();
    let run = keyless(line("shrink", &scratch.copy("v3.tar"), "--drop media")).code(2);
    assert!(run.err.contains("--yes"), "{}", run.err);
    assert_eq!(scratch.listing(), ["v3.tar"]);
}

#[test]
fn a_copy_that_was_not_verified_says_so_loudly() {
    for quiet in ["", "-q"] {
        let scratch = Scratch::new();
        let input = scratch.copy("v3.tar");
        let run = haslim(line(
            "shrink",
            &input,
            &format!("--drop media:music --yes --no-verify {quiet}"),
        ))
        .code(0);
        assert!(
            run.err.starts_with("WARNING: ") && run.err.contains("NOT read back"),
            "{}",
            run.err
        );
        assert!(
            !run.out.contains("compared with the original"),
            "{}",
            run.out
        );
        assert_eq!(
            run.out.contains("NOT VERIFIED"),
            quiet.is_empty(),
            "{}",
            run.out
        );
        haslim(line("verify", &scratch.path("v3.slim.tar"), "")).code(0);
    }
    let scratch = Scratch::new();
    let run = haslim(line(
        "shrink",
        &scratch.copy("v3.tar"),
        "--drop media:music --yes --no-verify --json",
    ))
    .code(0);
    assert_eq!(run.json()["verified"], false);
    assert!(run.err.starts_with("WARNING: "), "{}", run.err);
}

#[test]
fn not_verifying_is_no_option_for_everyday() {
    assert!(!keyless(["shrink", "-h"]).code(0).out.contains("no-verify"));
    assert!(
        keyless(["shrink", "--help"])
            .code(0)
            .out
            .contains("no-verify")
    );
}

#[test]
fn quiet_prints_nothing_but_errors() {
    let scratch = Scratch::new();
    let input = scratch.copy("v2.tar");
    for (command, rest) in [
        ("info", ""),
        ("ls", ""),
        ("plan", "--drop media"),
        ("verify", ""),
        ("shrink", "--drop media:music --yes"),
    ] {
        let run = haslim(line(command, &input, &format!("{rest} -q"))).code(0);
        assert_eq!((run.out.as_str(), run.err.as_str()), ("", ""), "{command}");
    }
    let run = haslim(line("plan", &input, "--limit 1kB -q")).code(4);
    assert_eq!(run.out, "");
    assert!(run.err.starts_with("error: "), "{}", run.err);
}

#[test]
fn nothing_to_do_is_told_by_the_code_alone_when_quiet() {
    let scratch = Scratch::new();
    let input = scratch.copy("v3.tar");
    for rest in ["plan", "shrink --yes", "shrink -n", "repair --yes"] {
        let (command, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let quiet = haslim(line(command, &input, &format!("{rest} -q"))).code(3);
        assert_eq!(
            (quiet.out.as_str(), quiet.err.as_str()),
            ("", ""),
            "{command} {rest}"
        );
        assert!(
            haslim(line(command, &input, rest))
                .code(3)
                .err
                .starts_with("Nothing to do: "),
            "{command} {rest}"
        );
        assert!(
            haslim(line(command, &input, &format!("{rest} -q --json")))
                .code(3)
                .json()
                .is_object(),
            "{command} {rest}"
        );
    }
    assert_eq!(scratch.listing(), ["v3.tar"]);
}

#[test]
fn a_dry_run_looks_at_the_place_where_the_copy_would_go() {
    let scratch = Scratch::new();
    let input = scratch.copy("v2.tar");
    haslim(line(
        "shrink",
        &input,
        "--drop media -n -o no/such/folder.tar",
    ))
    .code(7);
    haslim(line(
        "shrink",
        &input,
        &format!("--drop media -n -o {}", input.display()),
    ))
    .code(10);
    // The command does not know the output's location.
    haslim(line("plan", &input, "--drop media")).code(0);
}

#[test]
fn a_dry_run_over_an_existing_output_ends_as_the_plan_does_and_says_what_is_in_the_way() {
    let scratch = Scratch::new();
    let (input, output) = (scratch.copy("v3.tar"), scratch.file("v3.slim.tar", b"old"));
    let told = format!(
        "{} exists already: a copy would not replace it without --force.",
        output.display()
    );
    let run = haslim(line("shrink", &input, "--drop media -n")).code(0);
    assert!(
        run.err.contains(&told)
            && run
                .out
                .contains("To write it, add --force to this, or another place with -o:"),
        "{}",
        run.out
    );
    let json = haslim(line("shrink", &input, "--drop media -n --json"))
        .code(0)
        .json();
    assert!(
        json["notes"]
            .as_array()
            .unwrap()
            .contains(&told.as_str().into()),
        "{json}"
    );
    let run = haslim(line("shrink", &input, "--drop media -n --force")).code(0);
    assert!(
        run.err.is_empty() && run.out.contains("To write it:"),
        "{}",
        run.err
    );
    for (rest, code) in [("", 3), ("--limit 1kB", 4), ("--drop nonsense", 2)] {
        haslim(line("shrink", &input, &format!("{rest} -n"))).code(code);
    }
    assert_eq!(std::fs::read(output).unwrap(), b"old");
}

#[test]
fn where_nothing_would_be_written_an_existing_output_does_not_decide_the_code() {
    let scratch = Scratch::new();
    let (input, output) = (scratch.copy("v3.tar"), scratch.file("v3.slim.tar", b"old"));
    let cases = [
        ("", 3),
        ("--limit 1kB", 4),
        ("--drop nonsense", 2),
        ("--drop media", 7),
        ("--drop media:music", 7),
    ];
    for (rest, code) in cases {
        let run = haslim(line("shrink", &input, &format!("{rest} --yes"))).code(code);
        assert_eq!(
            run.err.contains("exists already"),
            code == 7,
            "{rest}: {}",
            run.err
        );
        assert_eq!(
            haslim(line("shrink", &input, &format!("{rest} --yes --json"))).code,
            code,
            "{rest}"
        );
    }
    keyless(line("shrink", &input, "--drop media:music --yes")).code(12);
    haslim(line("shrink", &input, "--drop media")).code(2);
    scratch.file("v3.repaired.tar", b"old");
    haslim(line("repair", &input, "--yes")).code(3);
    scratch.file("v3.tar", &damaged("v3.tar", "media"));
    haslim(line("shrink", &input, "--drop media:music --yes")).code(5);
    haslim(line("repair", &input, "--yes")).code(5);
    scratch.file(
        "v3.tar",
        &[std::fs::read(fixture("v3.tar")).unwrap(), vec![7; 600]].concat(),
    );
    let run = haslim(line("repair", &input, "--yes")).code(7);
    assert!(
        run.err.contains("v3.repaired.tar exists already"),
        "{}",
        run.err
    );
    for output in [output, scratch.path("v3.repaired.tar")] {
        assert_eq!(std::fs::read(output).unwrap(), b"old");
    }
}

#[test]
fn progress_is_silent_in_a_pipe_unless_asked() {
    let scratch = Scratch::new();
    let input = scratch.copy("v3.tar");
    let run = haslim(line("shrink", &input, "--drop media:music --yes")).code(0);
    assert_eq!(run.err, "");
    let run = haslim(line(
        "shrink",
        &input,
        "--drop media:music --yes --force -v",
    ))
    .code(0);
    for stage in ["] Reading: ", "] Writing: ", "] Checking: "] {
        assert!(run.err.lines().any(|l| l.contains(stage)), "{}", run.err);
    }
}

fn is_coloured(args: &str, no_color: Option<&str>) -> bool {
    let mut command = Command::new(PROGRAM);
    command
        .env_remove("HASLIM_PASSWORD")
        .env_remove("NO_COLOR")
        .args(line("info", &fixture("v2.tar"), args));
    if let Some(value) = no_color {
        command.env("NO_COLOR", value);
    }
    let output = command.output().unwrap();
    assert!(output.status.success());
    output.stdout.contains(&0x1b)
}

#[test]
fn colour_follows_the_option_before_the_environment() {
    assert!(!is_coloured("", None), "a pipe is no terminal");
    assert!(is_coloured("--color always", None));
    assert!(is_coloured("--color always", Some("1")));
    assert!(!is_coloured("--color never", None));
    assert!(!is_coloured("--color auto", Some("1")));
    keyless(line("info", &fixture("v3.tar"), "--color sometimes")).code(2);
}

#[test]
#[cfg(unix)] // Windows has no modes.
fn only_its_owner_may_read_the_output_whatever_the_umask() {
    for force in ["", "--force"] {
        let scratch = Scratch::new();
        let input = scratch.copy("v3.tar");
        let script = "umask 000; exec \"$@\"";
        let rest = format!("--drop media --yes -q {force}");
        let status = Command::new("sh")
            .args(["-c", script, "sh", PROGRAM])
            .args(line("shrink", &input, &rest))
            .status()
            .unwrap();
        assert!(status.success());
        let mode = std::fs::metadata(scratch.path("v3.slim.tar"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o600);
    }
}

#[test]
#[cfg(unix)] // Windows has no modes.
fn the_input_is_left_as_it_was() {
    let scratch = Scratch::new();
    let input = scratch.copy("v3.tar");
    std::fs::set_permissions(&input, std::fs::Permissions::from_mode(0o400)).unwrap();
    let state = || {
        let meta = std::fs::metadata(&input).unwrap();
        let times = (
            meta.mtime(),
            meta.mtime_nsec(),
            meta.ctime(),
            meta.ctime_nsec(),
        );
        (
            std::fs::read(&input).unwrap(),
            meta.ino(),
            meta.mode(),
            meta.nlink(),
            times,
        )
    };
    let before = state();
    for (command, rest) in [
        ("info", ""),
        ("ls", ""),
        ("plan", "--limit 1kB"),
        ("verify", ""),
        ("shrink", "--drop media --yes"),
        ("shrink", "--drop media:music --securetar 2 --yes --force"),
        ("shrink", "--limit 1kB --yes --force"),
    ] {
        haslim(line(command, &input, rest));
        assert!(state() == before, "{command} {rest} changed the input");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for rest in ["info", "info --json", "ls", "plan --drop media", "verify"] {
        let (command, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let mut child = Command::new(PROGRAM)
            .env("HASLIM_PASSWORD", PASSWORD)
            .args(line(command, &fixture("demo.tar"), rest))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut err = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        let status = child.wait().unwrap();
        assert_eq!(
            (status.code(), err.as_str()),
            (Some(0), ""),
            "{command} {rest}"
        );
    }
}

#[test]
fn any_number_of_threads_writes_the_same_contents() {
    let scratch = Scratch::new();
    let input = scratch.copy("v2.tar");
    let made: Vec<_> = ["1", "2", "7"]
        .iter()
        .map(|n| {
            let output = scratch.path(&format!("{n}.tar"));
            haslim(line(
                "shrink",
                &input,
                &format!(
                    "--drop media:music --threads {n} --yes -o {}",
                    output.display()
                ),
            ))
            .code(0);
            entries(&output, "media")
        })
        .collect();
    assert!(made.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn json_with_ls_keeps_to_the_scope() {
    let all = haslim(line("ls", &fixture("demo.tar"), "--json"))
        .code(0)
        .json();
    let one = haslim(line("ls", &fixture("demo.tar"), "media --json"))
        .code(0)
        .json();
    assert!(all["components"].as_array().unwrap().len() > 1);
    assert_eq!(one["components"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_named_and_not_there_is_warned_of_even_when_quiet() {
    let scratch = Scratch::new();
    let input = scratch.copy("v3.tar");
    let warning = "WARNING: Nothing in this backup matches --drop homeassistant:data/no/such.\n";
    for rest in ["plan", "plan -q", "shrink --yes", "shrink --yes -q --force"] {
        let (command, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let run = haslim(line(
            command,
            &input,
            &format!("--drop media:music --drop homeassistant:data/no/such {rest}"),
        ))
        .code(0);
        assert!(run.err.contains(warning), "{command} {rest}: {}", run.err);
    }
    let run = haslim(line(
        "plan",
        &input,
        "--drop media:music --keep media:Music --json",
    ))
    .code(0);
    assert_eq!(run.err, "");
    assert_eq!(
        run.json()["warnings"],
        serde_json::json!([
            "Nothing in this backup matches --keep media:Music. Did you mean media:music?"
        ])
    );
}

#[test]
fn a_command_whose_every_drop_names_nothing_takes_nothing_else() {
    let scratch = Scratch::new();
    let input = scratch.copy("demo.tar");
    for (command, rest) in [
        ("plan", ""),
        ("plan", "--json"),
        ("shrink", "--yes -q"),
        ("shrink", "--yes --json"),
    ] {
        // The component can be checked without the key.
        let run = keyless(line(
            command,
            &input,
            &format!("--limit 1MB --drop addon:Nothing_Like_It --allow history {rest}"),
        ))
        .code(2);
        let said = format!("{}{}", run.out, run.err);
        assert!(
            said.contains("nothing in this backup matches addon:Nothing_Like_It"),
            "{said}"
        );
        let run = haslim(line(
            command,
            &input,
            &format!("--limit 1MB --drop media:Frigate --allow history {rest}"),
        ))
        .code(2);
        let said = format!("{}{}", run.out, run.err);
        assert!(said.contains("Did you mean media:frigate?"), "{said}");
    }
    assert_eq!(scratch.listing(), ["demo.tar"]);
}

#[test]
fn an_error_in_json_says_what_was_named_and_is_not_there() {
    let scratch = Scratch::new();
    let input = scratch.copy("demo.tar");
    let run = haslim(line(
        "shrink",
        &input,
        "--limit 1kB --drop ssl --drop addon:Influxdb --yes --json",
    ))
    .code(4);
    let advice = run.json()["error"]["advice"].as_str().unwrap().to_owned();
    let slip = "Nothing in this backup matches --drop addon:Influxdb. Did you mean addon:a0d7b954_influxdb? `haslim ls`";
    assert!(run.err.is_empty() && advice.starts_with(slip), "{advice}");
}

#[test]
fn a_copy_in_the_clear_is_called_that() {
    let scratch = Scratch::new();
    let input = scratch.copy("demo.tar");
    let run = haslim(line("shrink", &input, "--securetar none --yes")).code(0);
    assert!(
        run.out.contains("It is not encrypted")
            && !run.out.contains("emergency kit opens it")
            && !run.out.contains("curl"),
        "{}",
        run.out
    );
    assert!(
        run.out.contains("Home Assistant Cloud would refuse it")
            && !run.out.contains("send it on to"),
        "{}",
        run.out
    );
    assert!(
        run.err
            .contains("Without --securetar none it would be encrypted")
            && !run.err.contains("--emergency-kit"),
        "{}",
        run.err
    );
    let run = haslim(line("shrink", &input, "--securetar none --yes --force -q")).code(0);
    assert!(
        run.out.is_empty() && run.err.contains("NOT encrypted"),
        "{}{}",
        run.out,
        run.err
    );
    let run = haslim(line("shrink", &input, "--drop media --yes --force -q")).code(0);
    assert_eq!(run.err, "");
}

#[test]
fn no_guess_repeats_the_mistake() {
    for text in ["media:[", "medai:["] {
        let run = haslim(["plan", fixture("v2.tar").to_str().unwrap(), "--drop", text]).code(2);
        assert!(!run.err.contains("Did you mean"), "{}", run.err);
    }
}
