//! `info`, `verify` and `rules`: the answer first and last, on one screen of 80 columns.

use std::path::Path;

use crate::line;
use crate::screen::{self, env, in_folder};
use crate::support::draft::Draft;
use crate::support::*;

/// Standard output of a run with this environment, in the folder of the backup.
fn beside(args: &[String], env: &[(&str, &str)]) -> String {
    screen::beside(args, env).out
}

/// Standard output of a run with this environment.
fn shown(args: &[String], env: &[(&str, &str)]) -> String {
    in_folder(Path::new("."), args, env).out
}

/// A home whose recordings fill its backup, with ten parts.
fn home(scratch: &Scratch) -> std::path::PathBuf {
    let names = [
        ("a0d7b954_influxdb", "InfluxDB"),
        ("5c53de3b_esphome", "ESPHome Device Builder"),
        ("core_mariadb", "MariaDB"),
        ("a0d7b954_nodered", "Node-RED"),
        ("core_mosquitto", "Mosquitto broker"),
        ("d5369777_music_assistant", "Music Assistant"),
    ];
    let mut draft = Draft::v3()
        .folder(
            "media",
            &[make::file("frigate/a.mp4", &make::noise(890_000))],
        )
        .folder(
            "share",
            &[make::file("jellyfin/a.jpg", &make::noise(100_000))],
        )
        .config(&[make::file("data/www/a.bin", &make::noise(6_000))]);
    for (at, (slug, _)) in names.iter().enumerate() {
        draft = draft.addon(
            slug,
            &[make::file("data/x", &make::noise(4_000 - 500 * at))],
        );
    }
    draft
        .folder("ssl", &[make::file("cert.pem", b"a certificate")])
        .set("name", "Automatic backup 2026.11.0")
        .set("type", "full")
        .app_names(names.map(|(_, name)| name))
        .write(scratch, "home.tar")
}

/// The output without the folder of the test.
fn without(scratch: &Scratch, text: &str) -> String {
    let folder = scratch.path("");
    text.replace(folder.to_str().unwrap(), "")
}

fn columns(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap()
}

#[test]
fn info_fits_one_screen_of_80_columns() {
    let scratch = Scratch::new();
    let args = line("info", &home(&scratch), "--limit 1MB");
    let text = beside(&args, &env(&[("COLUMNS", "80")]));
    insta::assert_snapshot!(text);
    assert!(columns(&text) <= 80 && text.lines().count() <= 24, "{text}");
}

#[test]
fn info_on_120_columns() {
    let scratch = Scratch::new();
    let args = line("info", &home(&scratch), "--limit 1MB");
    insta::assert_snapshot!(beside(&args, &env(&[("COLUMNS", "120")])));
}

#[test]
fn info_in_a_pipe_has_no_width_and_shortens_nothing() {
    let scratch = Scratch::new();
    let args = line("info", &home(&scratch), "--limit 1MB");
    let text = beside(&args, &env(&[]));
    insta::assert_snapshot!(text);
    assert!(
        text.contains("Music Assistant, SSL certificates)"),
        "{text}"
    );
}

#[test]
fn info_in_ascii_has_the_same_columns() {
    let scratch = Scratch::new();
    let home = home(&scratch);
    let env = env(&[("COLUMNS", "80")]);
    let ascii = beside(&line("info", &home, "--limit 1MB --ascii"), &env);
    let unicode = beside(&line("info", &home, "--limit 1MB"), &env);
    assert!(ascii.is_ascii(), "{ascii}");
    let widths = |text: &str| -> Vec<usize> { text.lines().map(|l| l.chars().count()).collect() };
    assert_eq!(widths(&ascii), widths(&unicode));
    insta::assert_snapshot!(ascii);
}

#[test]
fn only_colour_differs_without_no_color() {
    let scratch = Scratch::new();
    let home = home(&scratch);
    let args = line("info", &home, "--limit 1MB");
    let plain = shown(&args, &env(&[("COLUMNS", "80"), ("NO_COLOR", "1")]));
    assert!(!plain.contains('\u{1b}'), "{plain}");
    let always = line("info", &home, "--limit 1MB --color always");
    let mut coloured = shown(&always, &env(&[("COLUMNS", "80")]));
    assert!(coloured.starts_with("\u{1b}[1;31mTOO BIG"), "{coloured}");
    for code in ["1", "1;31", "32", "0"] {
        coloured = coloured.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(coloured, plain);
}

#[test]
fn details_show_every_part_and_the_id() {
    let scratch = Scratch::new();
    let args = line("info", &home(&scratch), "--limit 1MB --details");
    let text = shown(&args, &env(&[("COLUMNS", "80")]));
    assert!(!text.contains(" more ("), "{text}");
    for shown in [
        "Mosquitto broker",
        "SSL certificates",
        "1a2b3c4d",
        "2026.11.0",
        "KiB",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
}

#[test]
fn a_key_that_nobody_gave_is_named_in_the_next_commands() {
    let scratch = Scratch::new();
    let home = home(&scratch);
    let without_key = shown(&line("info", &home, "--limit 1MB"), &[]);
    assert_eq!(
        without_key.matches("--emergency-kit KIT").count(),
        2,
        "{without_key}"
    );
    let with_key = shown(&line("info", &home, "--limit 1MB"), &env(&[]));
    assert!(!with_key.contains("--emergency-kit"), "{with_key}");
}

#[test]
fn a_folder_lists_copies_below_their_originals() {
    let scratch = Scratch::new();
    let folder = scratch.path("backups");
    std::fs::create_dir(&folder).unwrap();
    let long = "Automatic_backup_2026.11.0_2026-11-28_05.00_00001234_of_the_house.tar";
    let original = folder.join(long);
    std::fs::copy(fixture("demo.tar"), &original).unwrap();
    let copy = folder.join("a.slim.tar");
    haslim(shrink(&original, &copy, "--drop media")).code(0);
    let bytes = std::fs::read(&original).unwrap();
    std::fs::write(folder.join("cut.tar"), &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(folder.join("no-backup.tar"), b"something else").unwrap();
    std::fs::copy(fixture("plain.tar"), folder.join("plain.tar")).unwrap();
    let args = line("info", &folder, "--limit 1MB");
    let text = shown(&args, &env(&[("COLUMNS", "80")]));
    insta::assert_snapshot!(text);
    assert!(columns(&text) <= 80, "{text}");
    let piped = shown(&args, &env(&[]));
    assert!(piped.contains(long), "{piped}");
    let rows = keyless(line("info", &folder, "--json")).code(0).json();
    let copies: Vec<&str> = rows["backups"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["copy_of"].as_str())
        .collect();
    assert_eq!(copies, [original.to_str().unwrap()]);
}

#[test]
fn a_copy_without_its_original_is_still_called_one() {
    let scratch = Scratch::new();
    let (original, folder) = (scratch.copy("v2.tar"), scratch.path("copies"));
    std::fs::create_dir(&folder).unwrap();
    let copy = folder.join("x.tar");
    haslim(shrink(&original, &copy, "--drop media")).code(0);
    let text = shown(&line("info", &folder, ""), &env(&[]));
    assert!(text.contains("x.tar  (haslim's copy)"), "{text}");
}

/// The file with one byte of the part changed.
fn broken(scratch: &Scratch, part: &str) -> std::path::PathBuf {
    let mut bytes = std::fs::read(fixture("demo.tar")).unwrap();
    let backup = haslim::open::Backup::open(&fixture("demo.tar")).unwrap();
    let member = backup.member(backup.parts.iter().find(|p| p.id == part).unwrap());
    bytes[usize::try_from(member.data_at() + member.size / 2).unwrap()] ^= 1;
    scratch.file("broken.tar", &bytes)
}

#[test]
fn verify_names_the_damage_first() {
    let scratch = Scratch::new();
    let args = line("verify", &broken(&scratch, "share"), "");
    let text = shown(&args, &env(&[("COLUMNS", "80")]));
    insta::assert_snapshot!(text);
    assert!(columns(&text) <= 80, "{text}");
}

#[test]
fn verify_says_the_method_only_when_asked() {
    let args = |rest: &str| line("verify", &fixture("demo.tar"), rest);
    let method = "every chunk authenticated";
    assert!(!shown(&args(""), &env(&[])).contains(method));
    for rest in ["--details", "-v"] {
        let text = shown(&args(rest), &env(&[]));
        assert_eq!(text.matches(method).count(), 10, "{text}");
    }
}

#[test]
fn a_part_that_nothing_vouches_for_is_not_called_ok() {
    let run = haslim(line("verify", &fixture("plain-uncompressed.tar"), "")).code(0);
    assert!(
        run.out.contains("  readable  ") && !run.out.contains("  ok  "),
        "{}",
        run.out
    );
}

#[test]
fn a_rule_has_one_line_and_its_id_shows_the_rest() {
    let list = shown(&["rules".into()], &env(&[("COLUMNS", "80")]));
    assert!(columns(&list) <= 80, "{list}");
    assert_eq!(list.matches("\n  old-backup ").count(), 1, "{list}");
    assert!(!list.contains("You lose:"), "{list}");
    let one = keyless(["rules", "old-backup"]).code(0).out;
    for label in [
        "Class:",
        "Part:",
        "Paths:",
        "You lose:",
        "Made again:",
        "To prevent this:",
        "Source:",
    ] {
        assert!(one.contains(label), "{label}: {one}");
    }
    let json = keyless(["rules", "old-backup", "--json"]).code(0).json();
    assert_eq!(json["rules"].as_array().unwrap().len(), 1);
}

#[test]
fn former_ids_still_name_their_rules() {
    assert_eq!(
        keyless(["rules", "wake-words"]).code(0).out,
        keyless(["rules", "wake-words"]).code(0).out
    );
    let scratch = Scratch::new();
    let file = scratch.file("rules.toml", b"disable = [\"oww\"]\n");
    let list = keyless(["rules", "--rules", file.to_str().unwrap()])
        .code(0)
        .out;
    assert!(list.contains("wake-words (off)"), "{list}");
}

#[test]
fn an_unknown_rule_is_answered_with_similar_ones() {
    let run = keyless(["rules", "old-bakup"]).code(2);
    assert!(
        run.err.contains("there is no rule 'old-bakup'") && run.err.contains("old-backup"),
        "{}",
        run.err
    );
    let run = keyless(["rules", "frigate"]).code(2);
    assert!(run.err.contains("frigate-clips"), "{}", run.err);
    let run = keyless(["rules", "xyzzy"]).code(2);
    assert!(run.err.contains("`haslim rules`"), "{}", run.err);
}

#[test]
fn repair_says_what_was_fixed() {
    let scratch = Scratch::new();
    let odd = [std::fs::read(fixture("plain.tar")).unwrap(), vec![7; 600]].concat();
    let input = scratch.file("odd.tar", &odd);
    let text = shown(&line("repair", Path::new(&input), "--yes"), &env(&[]));
    let text = without(&scratch, &text);
    assert!(
        text.starts_with("1 fault can be fixed:\n  - 600 bytes"),
        "{text}"
    );
    assert!(
        text.contains("\nFixed: 1 fault. ") && text.contains("\n  odd.repaired.tar\n"),
        "{text}"
    );
}
