//! The next steps that commands print must work when they are pasted.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::*;
use crate::{PROGRAM, line};

/// A demo backup whose name must be quoted in a shell.
fn awkward(scratch: &Scratch) -> PathBuf {
    let path = scratch.path("Anna's backup $HOME.tar");
    std::fs::copy(fixture("demo.tar"), &path).unwrap();
    path
}

/// The command after the line that announces it.
#[track_caller]
fn command(out: &str, announced: &str) -> String {
    let (_, rest) = out
        .split_once(&format!("\n{announced}\n  "))
        .unwrap_or_else(|| panic!("no '{announced}' in\n{out}"));
    rest.lines().next().unwrap().to_owned()
}

/// The command with this name in the list of next steps.
#[track_caller]
fn step(out: &str, name: &str) -> String {
    let (_, rest) = out
        .split_once(&format!("  haslim {name} "))
        .unwrap_or_else(|| panic!("no 'haslim {name}' in\n{out}"));
    // What the command is for stands beside it.
    let command = rest.lines().next().unwrap().trim_start();
    format!("haslim {name} {}", command.split("   ").next().unwrap())
}

/// Runs a pasted command in a shell. Returns its exit code and its output.
fn pasted(command: &str, folder: &Path) -> (i32, String) {
    let program = format!("haslim() {{ '{PROGRAM}' \"$@\"; }}\n{command}");
    let output = Command::new("sh")
        .args(["-c", &program])
        .current_dir(folder)
        .env("HASLIM_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

#[test]
fn info_on_what_does_not_fit_leads_to_shrink_and_ls() {
    let scratch = Scratch::new();
    let out = haslim(line("info", &fixture("demo.tar"), "--limit 1MB"))
        .code(0)
        .out;
    assert!(
        step(&out, "shrink").ends_with("fixtures/demo.tar --limit 1MB"),
        "{out}"
    );
    let input = awkward(&scratch).display().to_string();
    let out = haslim(["info", &input, "--limit", "2.1MB"]).code(0).out;
    let (code, listed) = pasted(&step(&out, "ls"), scratch.0.path());
    assert_eq!(code, 0, "{listed}");
    assert!(listed.contains("media"), "{listed}");
    let (code, said) = pasted(&format!("{} --yes", step(&out, "shrink")), scratch.0.path());
    assert_eq!(code, 0, "{said}");
    assert!(scratch.path("Anna's backup $HOME.slim.tar").exists());
}

#[test]
fn info_on_what_the_cloud_takes_has_nothing_to_add() {
    let out = keyless(line("info", &fixture("v3.tar"), "")).code(0).out;
    assert!(
        out.trim_end().lines().last().unwrap().starts_with("FITS"),
        "{out}"
    );
}

#[test]
fn info_on_what_fits_but_is_not_encrypted_leads_to_an_encrypted_copy() {
    let scratch = Scratch::new();
    let out = keyless(line("info", &scratch.copy("plain.tar"), ""))
        .code(0)
        .out;
    let shrink = step(&out, "shrink");
    let (code, out) = pasted(&format!("{shrink} --yes"), scratch.0.path());
    assert_eq!(code, 0, "{out}");
    assert_eq!(manifest(&scratch.path("plain.slim.tar"))["protected"], true);
}

#[test]
fn a_plan_that_fits_ends_with_the_command_that_does_it() {
    let scratch = Scratch::new();
    let input = awkward(&scratch);
    let key = scratch.file("my key", PASSWORD.as_bytes());
    let options = [
        "--limit",
        "1.5MB",
        "--drop",
        "media:frigate/recordings/**",
        "--keep",
        "homeassistant",
        "--allow",
        "history",
    ];
    let more = [
        "--securetar",
        "2",
        "--max-expanded",
        "1GB",
        "--password-file",
        key.to_str().unwrap(),
    ];
    let words = |command| {
        [command, input.to_str().unwrap()]
            .into_iter()
            .chain(options)
            .chain(more)
    };
    let run = keyless(words("plan")).code(0);
    let expected = keyless(words("plan").chain(["--json"])).code(0).json()["predicted_size"]
        .as_u64()
        .unwrap();
    let shrink = command(&run.out, "To write it:");
    let [.., last, more] = &run.out.trim_end().lines().collect::<Vec<_>>()[..] else {
        panic!("{}", run.out)
    };
    assert_eq!(last.trim(), shrink, "it is the last command");
    assert!(more.starts_with("More:"), "{more}");
    let (code, out) = pasted(&format!("{shrink} --yes"), scratch.0.path());
    assert_eq!(code, 0, "{out}");
    let size = std::fs::metadata(scratch.path("Anna's backup $HOME.slim.tar"))
        .unwrap()
        .len();
    assert_eq!(size, expected, "{shrink}");
}

#[test]
fn a_dry_run_keeps_where_the_copy_was_to_go() {
    let scratch = Scratch::new();
    let (input, output) = (scratch.copy("v3.tar"), scratch.path("out put.tar"));
    let run = keyless([
        "shrink",
        input.to_str().unwrap(),
        "--drop",
        "media",
        "-n",
        "--force",
        "-o",
        output.to_str().unwrap(),
    ])
    .code(0);
    let (code, out) = pasted(
        &format!("{} --yes", command(&run.out, "To write it:")),
        scratch.0.path(),
    );
    assert_eq!(code, 0, "{out}");
    assert_eq!(scratch.listing(), ["out put.tar", "v3.tar"]);
}

#[test]
fn a_name_like_an_option_is_pasted_as_a_path() {
    let scratch = Scratch::new();
    std::fs::copy(fixture("v3.tar"), scratch.path("-x.tar")).unwrap();
    let (code, out) = pasted("haslim plan ./-x.tar --drop media", scratch.0.path());
    assert_eq!(code, 0, "{out}");
    let (code, out) = pasted("haslim plan --drop media -- -x.tar", scratch.0.path());
    assert_eq!(code, 0, "{out}");
    let (code, out) = pasted(
        &format!("{} --yes", command(&out, "To write it:")),
        scratch.0.path(),
    );
    assert_eq!(code, 0, "{out}");
}

#[test]
fn a_plan_that_does_not_fit_names_no_command_that_would_fail() {
    for rest in ["--limit 1MB", "", "--limit 1kB"] {
        let out = haslim(line("plan", &fixture("demo.tar"), rest)).out;
        assert!(!out.contains("To write it:"), "{rest}:\n{out}");
    }
}

#[test]
fn a_finished_copy_says_its_name_and_where_to_upload_it() {
    let scratch = Scratch::new();
    let odd = scratch.file(
        "odd.tar",
        &[std::fs::read(fixture("plain.tar")).unwrap(), vec![7; 600]].concat(),
    );
    for (run, output) in [
        (
            keyless(line(
                "shrink",
                &scratch.copy("v3.tar"),
                "--drop media --yes",
            )),
            "v3.slim.tar",
        ),
        (keyless(line("repair", &odd, "--yes")), "odd.repaired.tar"),
    ] {
        let mark = if output.contains("slim") {
            "slim"
        } else {
            "repaired"
        };
        let run = run.code(0);
        let copy = manifest(&scratch.path(output));
        let (name, slug) = (
            copy["name"].as_str().unwrap(),
            copy["slug"].as_str().unwrap(),
        );
        assert!(name.ends_with(&format!(" ({mark} {slug})")), "{name}");
        let called = format!("Home Assistant will call it \"{name}\".");
        assert!(run.out.contains(&called), "no '{called}' in\n{}", run.out);
        assert!(
            run.out
                .contains("Settings → System → Backups → ⋮ → Upload backup"),
            "{}",
            run.out
        );
    }
}

#[test]
fn a_finished_copy_says_how_long_it_took_and_what_it_saves() {
    let scratch = Scratch::new();
    let run = keyless(line(
        "shrink",
        &scratch.copy("v3.tar"),
        "--drop media --yes",
    ))
    .code(0);
    let done = run.out.lines().find(|line| line.starts_with("Done in "));
    let done = done.unwrap_or_else(|| panic!("{}", run.out));
    assert!(
        done.contains(" s: 61.4 kB (−14 %), read back and compared, nothing differs."),
        "{done}"
    );
}

/// With the address and the token in the environment, or the address alone.
#[test]
fn a_copy_goes_to_the_cloud_with_haslim_where_home_assistant_is_known() {
    let scratch = Scratch::new();
    let backup = scratch.copy("v2.tar");
    let url = ("HASLIM_HA_URL", "http://192.0.2.1:8123");
    let token = ("HASLIM_HA_TOKEN", "secret");
    for (known, rest) in [
        (vec![url, token], "--to cloud.cloud"),
        (vec![url], "--to cloud.cloud --token-file token.txt"),
    ] {
        let args = line("shrink", &backup, "--drop media --yes --force -o slim.tar");
        let run = crate::screen::beside(&args, &crate::screen::env(&known)).code(0);
        let command = format!("haslim ha upload slim.tar {rest}\n");
        assert!(run.out.contains(&command), "{}", run.out);
        assert!(!run.out.contains("curl") && !run.out.contains("secret"));
    }
}
