//! The advice in an error must help.

use std::os::unix::fs::symlink;

use crate::support::*;
use crate::{line, terminal::Terminal};

#[test]
fn a_folder_in_the_place_of_a_backup_leads_to_info() {
    let scratch = Scratch::new();
    scratch.copy("v2.tar");
    for (command, rest) in [
        ("ls", ""),
        ("plan", "--drop media"),
        ("shrink", "--drop media --yes"),
        ("verify", ""),
        ("repair", "--yes"),
    ] {
        let run = haslim(line(command, scratch.0.path(), rest)).code(10);
        assert!(
            run.err.contains("is a folder, not a backup. ") && run.err.contains("`haslim info`"),
            "{command}: {}",
            run.err
        );
    }
    assert!(
        keyless(line("info", scratch.0.path(), ""))
            .code(0)
            .out
            .contains("v2.tar")
    );
}

#[test]
fn what_is_no_backup_is_not_called_a_damaged_one() {
    let scratch = Scratch::new();
    let text = scratch.file(
        "kit.txt",
        &std::fs::read(fixture("emergency-kit.txt")).unwrap(),
    );
    for input in [
        text,
        scratch.file("short.tar", b"x"),
        scratch.file("long.tar", &[b'x'; 5000]),
    ] {
        for command in ["info", "ls", "verify"] {
            let run = haslim(line(command, &input, "")).code(5);
            assert!(
                run.err
                    .starts_with("error: this is no Home Assistant backup: "),
                "{command}: {}",
                run.err
            );
            assert!(
                run.err.contains("Give the .tar that Home Assistant made.")
                    && !run.err.contains("haslim verify"),
                "{}",
                run.err
            );
        }
    }
}

#[test]
fn verify_is_recommended_where_it_can_tell_more_and_not_by_itself() {
    let scratch = Scratch::new();
    let bytes = std::fs::read(fixture("v2.tar")).unwrap();
    let cut = scratch.file("cut.tar", &bytes[..bytes.len() / 2]);
    for command in ["info", "verify", "ls"] {
        let run = haslim(line(command, &cut, "")).code(5);
        assert!(
            run.err
                .trim_end()
                .ends_with("Download the backup again, or use an older one."),
            "{command}: {}",
            run.err
        );
    }
    let mut broken = bytes;
    let backup = haslim::open::Backup::open(&fixture("v2.tar")).unwrap();
    let media = backup.member(backup.parts.iter().find(|p| p.id == "media").unwrap());
    broken[usize::try_from(media.data_at() + media.size / 2).unwrap()] ^= 1;
    let broken = scratch.file("broken.tar", &broken);
    let verify = haslim(line("verify", &broken, "")).code(5);
    assert!(
        !verify.err.contains("haslim verify") && verify.out.contains("  ok  "),
        "{}{}",
        verify.out,
        verify.err
    );
    let run = haslim(line("ls", &broken, "")).code(5);
    assert!(
        run.err
            .contains("`haslim verify` lists every part that is intact."),
        "{}",
        run.err
    );
}

#[test]
fn repair_without_yes_is_not_sent_to_plan() {
    let scratch = Scratch::new();
    let input = scratch.file(
        "odd.tar",
        &[std::fs::read(fixture("plain.tar")).unwrap(), vec![7; 600]].concat(),
    );
    let run = keyless(line("repair", &input, "")).code(2);
    assert!(
        run.err.contains("Add --yes, or run it on a terminal") && !run.err.contains("haslim plan"),
        "{}",
        run.err
    );
    // The answer that the advice promised.
    let mut terminal = Terminal::start("repair", &input, "", None);
    let before = terminal.expect("[y]es, [N]o:");
    assert!(before.contains("600 bytes"), "{before}");
}

#[test]
fn a_missing_output_folder_is_to_be_created() {
    let scratch = Scratch::new();
    let input = scratch.copy("v2.tar");
    let run = |output: &str| {
        keyless(line(
            "shrink",
            &input,
            &format!("--drop media --yes -o {}", scratch.path(output).display()),
        ))
        .code(7)
    };
    let missing = run("no/out.tar");
    assert!(
        missing.err.contains("there is no folder ") && missing.err.contains("Create it first"),
        "{}",
        missing.err
    );
    assert!(!missing.err.contains("free space"), "{}", missing.err);
    let file = run("v2.tar/out.tar");
    assert!(file.err.contains("v2.tar is not a folder"), "{}", file.err);
}

#[test]
fn an_output_that_names_a_folder_is_told_so() {
    let scratch = Scratch::new();
    let input = scratch.copy("v2.tar");
    std::fs::create_dir(scratch.path("there")).unwrap();
    let run = |output: &str| {
        keyless(line(
            "shrink",
            &input,
            &format!("--drop media --yes -o {output}"),
        ))
    };
    let inside = |name: &str| format!("{}/{name}", scratch.0.path().display());
    for end in ["new/", "new/."] {
        let missing = run(&inside(end)).code(7);
        assert!(
            missing
                .err
                .contains(&format!("there is no folder {}.", inside("new"))),
            "{}",
            missing.err
        );
    }
    for (output, example) in [
        (inside("there"), inside("there/copy.tar")),
        (inside("there/"), inside("there/copy.tar")),
        ("..".into(), "../copy.tar".into()),
    ] {
        let folder = run(&output).code(10);
        assert!(
            folder.err.contains(&format!(
                "{output} is a folder. Name the file in it too, as in {example}."
            )),
            "{}",
            folder.err
        );
        assert!(
            !folder.err.contains("Home Assistant writes"),
            "{}",
            folder.err
        );
    }
    let made = keyless(["bench", "--make", "1MB", &inside("new/")]).code(7);
    assert!(made.err.contains("there is no folder "), "{}", made.err);
    assert_eq!(scratch.listing(), ["there", "v2.tar"]);
}

#[test]
fn a_folder_without_backups_says_so() {
    let scratch = Scratch::new();
    scratch.file("notes.txt", b"not looked at");
    let run = keyless(line("info", scratch.0.path(), "")).code(0);
    assert!(
        run.out.starts_with("There are no backups in ") && run.out.lines().count() == 1,
        "{}",
        run.out
    );
    let value = keyless(line("info", scratch.0.path(), "--json"))
        .code(0)
        .json();
    assert_eq!(value["backups"], serde_json::json!([]));
}

#[test]
fn info_finds_backups_in_folders_below_and_behind_links() {
    let scratch = Scratch::new();
    std::fs::create_dir_all(scratch.path("2025/old")).unwrap();
    std::fs::copy(fixture("v3.tar"), scratch.path("2025/old/a.tar")).unwrap();
    symlink(fixture("v2.tar"), scratch.path("linked.tar")).unwrap();
    // A link to a parent folder, and a broken link.
    symlink("..", scratch.path("2025/up")).unwrap();
    symlink("nowhere", scratch.path("gone.tar")).unwrap();
    let run = keyless(line("info", scratch.0.path(), "")).code(0);
    let files: Vec<&str> = run
        .out
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.ends_with(".tar")))
        .collect();
    assert_eq!(files, ["2025/old/a.tar", "linked.tar"], "{}", run.out);
    assert_eq!(run.err, "");
    let json = keyless(line("info", scratch.0.path(), "--json"))
        .code(0)
        .json();
    assert_eq!(json["backups"].as_array().unwrap().len(), 2);
}

#[test]
fn a_limit_without_its_unit_is_a_slip() {
    let run = haslim(line("plan", &fixture("v2.tar"), "--limit 5")).code(2);
    assert!(
        run.err
            .contains("that would be 5 bytes; write 5GB, 5MB or, if you mean it, 5B"),
        "{}",
        run.err
    );
    haslim(line("plan", &fixture("v2.tar"), "--limit 5B")).code(4);
}

#[test]
fn the_only_way_out_is_not_one_of_these() {
    for (rest, several) in [
        ("--limit 1MB", true),
        ("--limit 1MB --drop media:frigate/clips", false),
    ] {
        let run = haslim(line("plan", &fixture("demo.tar"), rest)).code(4);
        let ways = haslim(line(
            "plan",
            &fixture("demo.tar"),
            &format!("{rest} --json"),
        ))
        .code(4)
        .json()["ways_out"]
            .as_array()
            .unwrap()
            .len();
        assert_eq!(ways > 1, several, "{}", run.err);
        assert_eq!(
            run.err.contains("add one of these: "),
            several,
            "{}",
            run.err
        );
        assert_eq!(
            run.err.contains("To make it fit, add --"),
            ways == 1,
            "{}",
            run.err
        );
    }
}
