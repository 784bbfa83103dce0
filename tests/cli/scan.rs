//! `haslim scan`, and the option `--scan`.

use std::path::Path;

use crate::exit_codes::damaged;
use crate::line;
use crate::support::*;

/// What every command says of a backup; `more` are further options.
fn said(backup: &Path, more: &str, password: Option<&str>) -> Vec<(String, i32)> {
    let commands = [
        ("ls", "--json"),
        ("ls", "--depth 9"),
        ("plan", "--json"),
        ("plan", "--json --limit 100kB"),
        ("plan", "--json --limit 40kB --allow history,user"),
        ("plan", "--json --limit 40kB --drop database --keep share"),
        ("plan", "--json --why media:frigate"),
        ("plan", "--limit 60kB --thorough --json"),
    ];
    // How long it takes to compress a part again is measured, which takes the key.
    let time = regex::Regex::new(r"\(level (\d), [^)]*\)").unwrap();
    let one = |(command, rest): (&str, &str)| {
        let run = run(line(command, backup, &format!("{rest} {more}")), password);
        // The command that comes next has the scan too.
        let scan = if more.is_empty() { "--scan" } else { more };
        let said = run.out.replace(&format!(" {scan}"), "");
        (time.replace_all(&said, "(level $1)").into_owned(), run.code)
    };
    commands.into_iter().map(one).collect()
}

#[test]
fn every_answer_is_the_same_with_a_scan() {
    let scratch = Scratch::new();
    for name in ["v1", "v2-uncompressed", "plain", "demo", "core-v2"] {
        let backup = fixture(&format!("{name}.tar"));
        let more = format!("--scan {}", scratch.scan(&backup).display());
        let without = said(&backup, "", Some(PASSWORD));
        assert_eq!(said(&backup, &more, Some(PASSWORD)), without, "{name}");
        // Without the key, what is stored uncompressed cannot be compressed, which is another plan.
        if name == "v2-uncompressed" {
            continue;
        }
        // A plain backup is encrypted if there is a key, which is another plan.
        let without = if name == "plain" {
            said(&backup, "", None)
        } else {
            without
        };
        assert_eq!(said(&backup, &more, None), without, "{name} without a key");
    }
}

#[test]
fn a_scan_is_private_complete_and_replaces_nothing_unasked() {
    let scratch = Scratch::new();
    let backup = scratch.copy("v2.tar");
    let run = haslim(line("scan", &backup, "")).code(0);
    let path = scratch.path("v2.scan");
    assert!(run.out.contains("keep it to yourself"), "{}", run.out);
    assert_eq!(scratch.listing(), ["v2.scan", "v2.tar"]);
    #[cfg(unix)] // Windows has no modes.
    {
        use std::os::unix::fs::PermissionsExt;
        let meta = std::fs::metadata(&path).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    }
    let before = Fingerprint::of(&path);
    let again = haslim(line("scan", &backup, "")).code(7);
    assert!(again.err.contains("exists already"), "{}", again.err);
    assert_eq!(Fingerprint::of(&path), before);
    let json = haslim(line("scan", &backup, "--force --json"))
        .code(0)
        .json();
    assert_eq!(json["output"], path.display().to_string());
    assert_eq!(json["output_size"], std::fs::metadata(&path).unwrap().len());
    assert_eq!(json["left_out"].as_array().unwrap().len(), 0);
    assert!(json["entries"].as_u64().unwrap() > 50, "{json}");
    let itself = format!("--force -o {}", backup.display());
    haslim(line("scan", &backup, &itself)).code(10);
    keyless(line("scan", &backup, "--force")).code(12);
}

#[test]
fn a_scan_that_cannot_be_used_is_wrong_usage_and_nothing_is_written() {
    let scratch = Scratch::new();
    let backup = scratch.copy("plain.tar");
    let good = std::fs::read(scratch.scan(&backup)).unwrap();
    let mut newer = good.clone();
    newer[8] += 1;
    let mut broken = good.clone();
    *broken.last_mut().unwrap() ^= 1;
    let other = scratch.scan(&fixture("v3.tar"));
    let cases = [
        (other, "belongs to another backup"),
        (scratch.file("newer", &newer), "a newer version of haslim"),
        (scratch.file("broken", &broken), "damaged"),
        (scratch.file("cut", &good[..good.len() - 9]), "too early"),
        (scratch.file("text", b"hello"), "not a scan"),
        (scratch.file("empty", b""), "not a scan"),
        (scratch.path("missing"), "os error 2"),
        (scratch.path("."), "not a regular file"),
    ];
    for (path, why) in cases {
        let rest = format!("--scan {}", path.display());
        for command in ["ls", "plan", "shrink"] {
            let yes = if command == "shrink" { "--yes" } else { "" };
            let run = keyless(line(command, &backup, &format!("{rest} {yes}"))).code(2);
            assert!(run.err.contains(why), "{command} {why}: {}", run.err);
            assert!(says_what_did_not_happen(command, &run.err), "{}", run.err);
        }
        assert!(!scratch.path("plain.slim.tar").exists());
    }
}

#[test]
fn a_backup_that_was_written_again_needs_a_new_scan() {
    let scratch = Scratch::new();
    let backup = scratch.copy("plain.tar");
    let rest = format!("--scan {}", scratch.scan(&backup).display());
    keyless(line("ls", &backup, &rest)).code(0);
    let file = std::fs::File::options().write(true).open(&backup).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    let run = keyless(line("ls", &backup, &rest)).code(2);
    assert!(run.err.contains("changed or copied"), "{}", run.err);
}

#[test]
fn a_copy_made_with_a_scan_is_the_same() {
    let scratch = Scratch::new();
    for name in ["v3", "v2", "plain"] {
        let backup = fixture(&format!("{name}.tar"));
        let rest = "--drop media:music --drop homeassistant:nest/event_media/**";
        let with = format!("{rest} --scan {}", scratch.scan(&backup).display());
        let (a, b) = (scratch.path("a.tar"), scratch.path("b.tar"));
        haslim(shrink(&backup, &a, &format!("{rest} --force"))).code(0);
        haslim(shrink(&backup, &b, &format!("{with} --force"))).code(0);
        for part in ["media", "homeassistant", "share"] {
            assert_eq!(entries(&a, part), entries(&b, part), "{name} {part}");
        }
    }
}

#[test]
fn a_damaged_part_is_not_in_the_scan_and_is_reported_as_without() {
    let scratch = Scratch::new();
    let backup = scratch.file("v3.tar", &damaged("v3.tar", "media"));
    let run = haslim(line("scan", &backup, "")).code(0);
    assert!(run.err.contains("not in the scan: media"), "{}", run.err);
    let rest = format!("--scan {}", scratch.path("v3.scan").display());
    let (with, without) = (
        haslim(line("ls", &backup, &format!("--json {rest}"))).code(5),
        haslim(line("ls", &backup, "--json")).code(5),
    );
    assert_eq!(with.out, without.out);
}
