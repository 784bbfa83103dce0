//! Settings from the environment and from `haslim.toml`.

use std::path::Path;

use crate::line;
use crate::support::*;

/// Runs haslim with these variables and nothing else that it looks at.
fn run_with(args: Vec<String>, variables: &[(&str, &str)]) -> Run {
    let mut command = assert_cmd::Command::cargo_bin("haslim").unwrap();
    command
        .env_clear()
        .args(args)
        .envs(variables.iter().copied());
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The limit that `info` works with.
fn limit(rest: &str, variables: &[(&str, &str)]) -> u64 {
    let args = line("info", &fixture("v3.tar"), &format!("--json {rest}"));
    let document = run_with(args, variables).code(0).json();
    document["limit"].as_u64().unwrap()
}

fn written(scratch: &Scratch, text: &str) -> String {
    let path = scratch.file("haslim.toml", text.as_bytes());
    path.to_str().unwrap().to_owned()
}

#[test]
fn arguments_beat_variables_which_beat_profiles_which_beat_the_file() {
    let scratch = Scratch::new();
    let file = written(&scratch, "limit = '4GB'\n[profile.usb]\nlimit = '3GB'\n");
    let config = format!("--config {file}");
    let variable = [("HASLIM_LIMIT", "2GB")];
    assert_eq!(limit("", &[]), 5_000_000_000);
    assert_eq!(limit(&config, &[]), 4_000_000_000);
    assert_eq!(
        limit(&format!("{config} --profile usb"), &[]),
        3_000_000_000
    );
    assert_eq!(
        limit(&format!("{config} --profile usb"), &variable),
        2_000_000_000
    );
    let all = format!("{config} --profile usb --limit 1GB");
    assert_eq!(limit(&all, &variable), 1_000_000_000);
}

#[test]
#[cfg(unix)] // On Windows the folder is APPDATA; the unit tests look there.
fn the_file_is_found_where_xdg_says_and_can_be_passed_over() {
    let scratch = Scratch::new();
    std::fs::create_dir_all(scratch.path("x/haslim")).unwrap();
    std::fs::create_dir_all(scratch.path("h/.config/haslim")).unwrap();
    std::fs::write(scratch.path("x/haslim/haslim.toml"), "limit = '4GB'").unwrap();
    std::fs::write(
        scratch.path("h/.config/haslim/haslim.toml"),
        "limit = '3GB'",
    )
    .unwrap();
    let (xdg, home) = (text(&scratch.path("x")), text(&scratch.path("h")));
    let (xdg, home) = (("XDG_CONFIG_HOME", xdg.as_str()), ("HOME", home.as_str()));
    assert_eq!(limit("", &[xdg, home]), 4_000_000_000);
    assert_eq!(limit("", &[home]), 3_000_000_000);
    assert_eq!(limit("--no-config", &[xdg, home]), 5_000_000_000);
    let named = written(&scratch, "limit = '2GB'");
    assert_eq!(limit("", &[home, ("HASLIM_CONFIG", &named)]), 2_000_000_000);
}

#[test]
fn a_key_on_the_command_line_beats_any_other() {
    let scratch = Scratch::new();
    let key = text(&scratch.file("key", PASSWORD.as_bytes()));
    let wrong = text(&scratch.file("wrong", b"AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA"));
    let file = written(&scratch, "emergency-kit = 'wrong'");
    let backup = fixture("v2.tar");
    let verify = |rest: &str, variables: &[(&str, &str)]| {
        run_with(line("verify", &backup, rest), variables).code
    };
    let variable = ("HASLIM_PASSWORD_FILE", wrong.as_str());
    assert_eq!(verify("", &[variable]), 12);
    assert_eq!(verify(&format!("--emergency-kit {key}"), &[variable]), 0);
    assert_eq!(verify("", &[("HASLIM_EMERGENCY_KIT", key.as_str())]), 0);
    let config = format!("--config {file}");
    assert_eq!(verify(&config, &[]), 12);
    assert_eq!(verify(&config, &[("HASLIM_PASSWORD", PASSWORD)]), 0);
    assert_eq!(
        verify("", &[variable, ("HASLIM_EMERGENCY_KIT", key.as_str())]),
        2
    );
}

#[test]
fn paths_in_the_file_start_at_its_folder_or_at_home() {
    let scratch = Scratch::new();
    scratch.file("key", PASSWORD.as_bytes());
    let home = text(scratch.path("key").parent().unwrap());
    let variable = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    for key in ["key", "./key", "~/key"] {
        let file = written(&scratch, &format!("password-file = '{key}'"));
        let args = line("verify", &fixture("v2.tar"), &format!("--config {file}"));
        run_with(args, &[(variable, home.as_str())]).code(0);
    }
}

#[test]
fn what_the_file_keeps_is_kept_beside_what_an_argument_keeps() {
    let scratch = Scratch::new();
    let input = scratch.copy("v2.tar");
    let file = written(
        &scratch,
        "keep = ['media']\ndrop = ['ssl']\nallow = ['history']",
    );
    let codes = |rest: &str| {
        let rest = format!("--json --drop media --keep homeassistant {rest}");
        run_with(
            line("plan", &input, &rest),
            &[("HASLIM_PASSWORD", PASSWORD)],
        )
        .code
    };
    assert_eq!(codes(""), 0);
    // Nothing is left to drop, because the file protects it.
    assert_eq!(codes(&format!("--config {file}")), 3);
}

#[test]
fn mistakes_in_the_file_are_2_with_their_line_and_what_was_meant() {
    let scratch = Scratch::new();
    let backup = fixture("v3.tar");
    for (text, expected) in [
        (
            "\nlimts = '4GB'\n",
            "haslim.toml, line 2: there is no setting 'limts'. Did you mean limit?",
        ),
        ("limit = '4'\n", "line 1: limit: that would be 4 bytes"),
        ("limit = \n", "line 1: "),
        ("password = 'AAAA-BBBB'\n", "line 1: 'password' is refused"),
        (
            "[profile.usb]\ncolour = 'never'\n",
            "line 2: there is no setting 'colour'. Did you mean color?",
        ),
    ] {
        let file = written(&scratch, text);
        let args = line("info", &backup, &format!("--config {file}"));
        let run = run_with(args, &[]).code(2);
        assert!(run.err.contains(expected), "{text}: {}", run.err);
        assert!(!run.err.contains("BBBB"), "{}", run.err);
        assert_eq!(run.out, "");
    }
    let file = written(&scratch, "[profile.usb]\n");
    for rest in [
        "--config missing.toml",
        "--profile usb",
        &format!("--config {file} --profile ubs"),
    ] {
        run_with(line("info", &backup, rest), &[]).code(2);
    }
    let json = run_with(line("info", &backup, "--config missing.toml --json"), &[]);
    assert_eq!(json.code(2).json()["error"]["kind"], "usage");
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let scratch = Scratch::new();
    let path = scratch.with_hole("haslim.toml", b"limit = '4GB'\n", 1 << 40, b"#");
    let run = run_with(config_of(&path), &[]).code(2);
    assert!(run.err.contains("more than 1.00 MiB"), "{}", run.err);
}

fn config_of(path: &Path) -> Vec<String> {
    line(
        "info",
        &fixture("v3.tar"),
        &format!("--config {}", path.display()),
    )
}

#[test]
fn a_variable_that_is_wrong_is_named() {
    let run = run_with(
        line("info", &fixture("v3.tar"), ""),
        &[("HASLIM_LIMIT", "5")],
    )
    .code(2);
    assert!(run.err.contains("HASLIM_LIMIT"), "{}", run.err);
    assert_eq!(limit("", &[("HASLIM_LIMIT", "")]), 5_000_000_000);
}

#[test]
fn help_names_the_variables_and_prints_no_value() {
    let args = vec!["plan".to_owned(), "--help".to_owned()];
    let help = run_with(args, &[("HASLIM_PASSWORD_FILE", "/secret/place")])
        .code(0)
        .out;
    // Lines break between any two words.
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for variable in [
        "HASLIM_LIMIT",
        "HASLIM_PASSWORD_FILE",
        "HASLIM_EMERGENCY_KIT",
        "HASLIM_THREADS",
        "HASLIM_COLOR",
        "HASLIM_PROGRESS",
        "HASLIM_RULES",
        "HASLIM_MAX_EXPANDED",
        "HASLIM_CONFIG",
        "HASLIM_PROFILE",
    ] {
        assert!(
            help.contains(&format!("[env: {variable}]")),
            "{variable}\n{help}"
        );
    }
    assert!(!help.contains("/secret/place"));
}

#[test]
fn a_command_that_is_printed_names_the_file_and_the_profile() {
    let scratch = Scratch::new();
    let file = written(&scratch, "[profile.usb]\nlimit = '1kB'\n");
    let rest = format!("--config {file} --profile usb");
    let run = run_with(line("info", &fixture("v3.tar"), &rest), &[]).code(0);
    assert!(
        run.out.contains(&rest) && run.out.contains("--limit 1kB"),
        "{}",
        run.out
    );
}
