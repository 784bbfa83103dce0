//! Sources of the key, and that the key never leaks.

use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::process::Command;

use crate::line;
use crate::support::*;

/// Reads a part with the key from this option.
fn with_option(option: &str, path: &Path, password: Option<&str>) -> Run {
    let rest = format!("{option} {}", path.display());
    run(
        line("ls", &fixture("v3.tar"), &format!("media {rest}")),
        password,
    )
}

#[test]
fn the_first_line_of_a_file_is_the_key_however_it_ends() {
    let scratch = Scratch::new();
    for (name, text) in [
        ("bare", PASSWORD.to_owned()),
        ("newline", format!("{PASSWORD}\n")),
        ("crlf", format!("{PASSWORD}\r\n")),
        ("bom", format!("\u{feff}{PASSWORD}\r\n")),
        ("more", format!("{PASSWORD}\nnot the key\n")),
        ("blanks", format!("{PASSWORD} \t\r\n")),
        ("before", format!("  {PASSWORD}\n")),
    ] {
        let run = with_option(
            "--password-file",
            &scratch.file(name, text.as_bytes()),
            None,
        );
        assert_eq!(run.code, 0, "{name}: {}", run.err);
    }
}

#[test]
fn only_the_first_line_of_a_file_has_to_be_text() {
    let scratch = Scratch::new();
    let bytes = [PASSWORD.as_bytes(), b"\nSchl\xfcssel\n"].concat();
    with_option("--password-file", &scratch.file("latin", &bytes), None).code(0);
    let run = with_option(
        "--password-file",
        &scratch.file("first", b"Schl\xfcssel\n"),
        None,
    )
    .code(12);
    assert!(
        run.err.contains("the first line of ") && run.err.contains("is not valid UTF-8"),
        "{}",
        run.err
    );
    let kit = [b"Schl\xfcssel:\n".as_slice(), PASSWORD.as_bytes(), b"\n"].concat();
    with_option("--emergency-kit", &scratch.file("kit", &kit), None).code(0);
}

/// Report 118.
#[test]
fn a_file_in_utf_16_is_read() {
    let scratch = Scratch::new();
    let wide = |bytes: fn(u16) -> [u8; 2], mark: &str| {
        format!("{mark}{PASSWORD}\r\n")
            .encode_utf16()
            .flat_map(bytes)
            .collect::<Vec<u8>>()
    };
    for (name, bytes) in [
        ("little", wide(u16::to_le_bytes, "\u{feff}")),
        ("big", wide(u16::to_be_bytes, "\u{feff}")),
        ("unmarked", wide(u16::to_le_bytes, "")),
    ] {
        for option in ["--password-file", "--emergency-kit"] {
            let run = with_option(option, &scratch.file(name, &bytes), None);
            assert_eq!(run.code, 0, "{name} {option}: {}", run.err);
        }
    }
}

/// Report 118.
#[test]
fn a_key_opens_the_backup_however_it_was_typed() {
    let scratch = Scratch::new();
    for key in [
        PASSWORD.to_lowercase(),
        PASSWORD.replace('-', ""),
        PASSWORD.replace('-', " "),
        PASSWORD.replace('-', "\u{2013}"),
        format!("\u{201c}{PASSWORD}\u{201d}"),
        format!("\u{feff}'{PASSWORD}'\u{200b}"),
    ] {
        let by_variable = run(line("ls", &fixture("v3.tar"), "media"), Some(&key));
        assert_eq!(by_variable.code, 0, "{key}: {}", by_variable.err);
        with_option(
            "--password-file",
            &scratch.file("key", key.as_bytes()),
            None,
        )
        .code(0);
        with_option(
            "--emergency-kit",
            &scratch.file("kit", format!("Kit\n\nKey: {key}\n").as_bytes()),
            None,
        );
    }
    // A key with one letter less is another key.
    run(
        line("ls", &fixture("v3.tar"), "media"),
        Some(&PASSWORD[..PASSWORD.len() - 1]),
    )
    .code(12);
}

/// Report 118.
#[test]
fn an_emergency_kit_given_as_a_password_file_is_recognised() {
    let scratch = Scratch::new();
    with_option("--password-file", &fixture("emergency-kit.txt"), None).code(0);
    // A file that begins with a key is not an emergency kit.
    let other = format!("ZZZZ-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG\n{PASSWORD}\n");
    with_option(
        "--password-file",
        &scratch.file("second", other.as_bytes()),
        None,
    )
    .code(0);
    // The heading never becomes the key of a copy.
    let output = scratch.path("out.tar");
    let rest = format!(
        "--drop media --securetar 3 --yes -o {} --password-file {}",
        output.display(),
        fixture("emergency-kit.txt").display()
    );
    keyless(line("shrink", &fixture("plain.tar"), &rest)).code(0);
    haslim(line("verify", &output, "")).code(0);
}

/// Reports 114 and 118.
#[test]
fn a_key_file_that_is_too_large_is_refused_before_it_is_read() {
    let scratch = Scratch::new();
    let huge = scratch.with_hole("huge", PASSWORD.as_bytes(), 1 << 34, b"x");
    let endless = cfg!(unix).then_some(Path::new("/dev/zero"));
    let files = || [Some(huge.as_path()), endless].into_iter().flatten();
    for (option, code) in [("--password-file", 12), ("--emergency-kit", 12)] {
        for file in files() {
            let run = with_option(option, file, None).code(code);
            assert!(run.err.contains("holds more than 1.00 MiB"), "{}", run.err);
        }
    }
    for file in files() {
        let run = keyless(line(
            "plan",
            &fixture("plain.tar"),
            &format!("--rules {}", file.display()),
        ))
        .code(2);
        assert!(run.err.contains("holds more than 1.00 MiB"), "{}", run.err);
        let run = keyless([
            "bench".as_ref(),
            fixture("plain.tar").as_os_str(),
            "--compare".as_ref(),
            file.as_os_str(),
        ])
        .code(2);
        assert!(run.err.contains("holds more than 1.00 MiB"), "{}", run.err);
    }
}

#[test]
#[cfg(unix)] // Needs bash.
fn a_key_comes_out_of_a_pipe_of_the_shell() {
    let mut command = Command::new("bash");
    let script = "\"$0\" ls \"$1\" media --password-file <(printf %s \"$2\")";
    command
        .args(["-c", script, crate::PROGRAM])
        .arg(fixture("v3.tar"))
        .arg(PASSWORD)
        .env_remove("HASLIM_PASSWORD");
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Report 118.
#[test]
fn a_wrong_key_may_have_been_changed_since_the_day_of_the_backup() {
    for name in ["v2.tar", "v3.tar"] {
        let date = manifest(&fixture(name))["date"].as_str().unwrap()[..10].to_owned();
        let run = run(line("ls", &fixture(name), "media"), Some("wrong")).code(12);
        assert!(
            run.err
                .contains(&format!("changed since this backup was made, on {date}")),
            "{}",
            run.err
        );
    }
}

#[test]
fn a_line_end_in_the_variable_is_no_part_of_the_key() {
    for end in ["\n", "\r", "\r\n", " "] {
        run(
            line("ls", &fixture("v3.tar"), "media"),
            Some(&format!("{PASSWORD}{end}")),
        )
        .code(0);
    }
    run(line("ls", &fixture("v3.tar"), "media"), Some("\n")).code(12);
}

#[test]
fn nothing_is_encrypted_with_blanks_that_nobody_sees() {
    let scratch = Scratch::new();
    let made = encrypted(&scratch, "  two words ");
    run(line("verify", &made, ""), Some("two words")).code(0);
    run(line("verify", &made, ""), Some("twowords")).code(12);
}

#[test]
fn the_emergency_kit_holds_the_key() {
    let scratch = Scratch::new();
    with_option("--emergency-kit", &fixture("emergency-kit.txt"), None).code(0);
    let text = std::fs::read_to_string(fixture("emergency-kit.txt")).unwrap();
    with_option(
        "--emergency-kit",
        &scratch.file("crlf", text.replace('\n', "\r\n").as_bytes()),
        None,
    )
    .code(0);
    let none = with_option(
        "--emergency-kit",
        &scratch.file("none", text.replace(PASSWORD, "").as_bytes()),
        None,
    )
    .code(12);
    assert!(none.err.contains("no encryption key"), "{}", none.err);
    // Report 118: the same key twice counts as one, and among several keys the right one is found.
    with_option(
        "--emergency-kit",
        &scratch.file("twice", format!("{text}\n{PASSWORD}\n").as_bytes()),
        None,
    )
    .code(0);
    let other = "ZZZZ-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG";
    let two = scratch.file("two", format!("{other}\n{text}").as_bytes());
    with_option("--emergency-kit", &two, None).code(0);
    let rest = format!(
        "--drop media --securetar 3 --yes -o {} --emergency-kit {}",
        scratch.path("out.tar").display(),
        two.display()
    );
    let unclear = keyless(line("shrink", &fixture("plain.tar"), &rest)).code(12);
    assert!(unclear.err.contains("more than one"), "{}", unclear.err);
    with_option(
        "--emergency-kit",
        &scratch.file("bom", format!("\u{feff}{PASSWORD}\r\n").as_bytes()),
        None,
    )
    .code(0);
}

#[test]
fn an_option_wins_over_the_environment() {
    let scratch = Scratch::new();
    let right = scratch.file("right", PASSWORD.as_bytes());
    with_option("--password-file", &right, Some("wrong")).code(0);
    with_option(
        "--password-file",
        &scratch.file("wrong", b"wrong"),
        Some(PASSWORD),
    )
    .code(12);
}

#[test]
fn a_key_that_is_empty_missing_unreadable_or_wrong_is_12() {
    let scratch = Scratch::new();
    for (name, bytes) in [
        ("empty", b"".as_slice()),
        ("blank", b"\n"),
        ("binary", b"\xff\xfe\0"),
        ("wrong", b"wrong"),
    ] {
        let run = with_option("--password-file", &scratch.file(name, bytes), None);
        assert_eq!(run.code, 12, "{name}: {}", run.err);
    }
    let run = with_option("--password-file", &scratch.path("missing"), None).code(12);
    assert!(run.err.contains("missing"), "{}", run.err);
    let run = keyless(line("ls", &fixture("v3.tar"), "media")).code(12);
    assert!(run.err.contains("--password-file"), "{}", run.err);
    #[cfg(unix)] // On Windows, variables are UTF-16.
    run_with_bytes(b"\xff\xfe");
}

/// A variable that is not UTF-8.
#[cfg(unix)]
fn run_with_bytes(value: &[u8]) {
    use std::os::unix::ffi::OsStrExt;
    let output = Command::new(crate::PROGRAM)
        .env("HASLIM_PASSWORD", std::ffi::OsStr::from_bytes(value))
        .args(line("ls", &fixture("v3.tar"), "media"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(12));
}

/// Encrypts the plain fixture with this key.
fn encrypted(scratch: &Scratch, key: &str) -> PathBuf {
    let output = scratch.path("encrypted.tar");
    let rest = format!(
        "--drop media --securetar 3 --yes --force -o {}",
        output.display()
    );
    run(line("shrink", &fixture("plain.tar"), &rest), Some(key)).code(0);
    output
}

#[test]
fn a_key_typed_in_the_other_normal_form_opens_the_backup() {
    let (nfc, nfd) = ("Schl\u{fc}ssel", "Schlu\u{308}ssel");
    let scratch = Scratch::new();
    let made = encrypted(&scratch, nfc);
    run(line("verify", &made, ""), Some(nfc)).code(0);
    run(line("verify", &made, ""), Some(nfd)).code(0);
    run(line("verify", &made, ""), Some("Schlussel")).code(12);
}

#[test]
fn a_key_for_a_backup_without_encryption_is_noted() {
    let run = haslim(line("verify", &fixture("plain.tar"), "")).code(0);
    assert!(run.err.contains("not encrypted"), "{}", run.err);
}

#[test]
fn no_option_takes_the_key_itself() {
    let help = keyless(["shrink", "--help"]).code(0).out;
    assert!(
        !help.contains("--password ") && !help.contains("--key"),
        "{help}"
    );
}

#[test]
fn neither_the_right_nor_a_wrong_key_is_ever_printed() {
    const WRONG: &str = "CANARY-1234-NOT-THE-KEY";
    let scratch = Scratch::new();
    let broken = {
        let mut bytes = std::fs::read(fixture("v2.tar")).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        scratch.file("broken.tar", &bytes)
    };
    let out = scratch.path("out.tar");
    let mut all = String::new();
    for key in [PASSWORD, WRONG] {
        let file = scratch.file("key", key.as_bytes());
        for input in [
            fixture("v3.tar"),
            fixture("v2.tar"),
            fixture("plain.tar"),
            broken.clone(),
        ] {
            for (command, rest) in [
                ("info", ""),
                ("info", "--json"),
                ("ls", ""),
                ("ls", "--json"),
                ("plan", "--drop media:music"),
                ("plan", "--limit 1kB --json"),
                ("verify", ""),
                ("verify", "--json"),
                ("shrink", "--drop media:music --yes -v --force"),
                ("shrink", "--drop media:music --yes --force --json"),
                ("shrink", "--drop media --limit 1kB --yes --force"),
            ] {
                let rest = if command == "shrink" {
                    format!("{rest} -o {}", out.display())
                } else {
                    rest.into()
                };
                let rest = format!("{rest} --password-file {}", file.display());
                let run = keyless(line(command, &input, &rest));
                all.push_str(&run.out);
                all.push_str(&run.err);
            }
        }
    }
    for (command, rest) in [("ls", ""), ("verify", "--json"), ("shrink", "--drop media")] {
        for key in [PASSWORD, WRONG] {
            let run = run(line(command, &broken, rest), Some(key));
            all.push_str(&run.out);
            all.push_str(&run.err);
        }
    }
    assert!(all.len() > 10_000);
    assert!(!all.contains(PASSWORD) && !all.contains(WRONG));
}
