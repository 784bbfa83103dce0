//! The bytes of a part determine its kind. A backup that Home Assistant would refuse is reported,
//! repaired, or not published.

use std::path::{Path, PathBuf};

use crate::line;
use crate::support::draft::{Draft, Wrap};
use crate::support::make::{Head, fifo, file, folder, gzip, noise, tar};
use crate::support::{
    Run, Scratch, UNCHANGED, haslim, keyless, manifest, members, run, seal, text,
};

fn photos() -> Vec<Vec<u8>> {
    vec![file("a.jpg", &noise(3000))]
}

/// A configuration and a folder, both encrypted in this way.
fn system(wrap: Wrap) -> Draft {
    Draft::new(wrap)
        .config(&[file("data/www/a.bin", &noise(3000))])
        .folder("media", &photos())
}

fn shrink(
    scratch: &Scratch,
    backup: &Path,
    options: &str,
    password: Option<&str>,
) -> (PathBuf, Run) {
    let out = scratch.path("out.tar");
    let mut args: Vec<String> = [
        "shrink",
        &backup.display().to_string(),
        "-o",
        &out.display().to_string(),
        "--yes",
    ]
    .map(str::to_owned)
    .into();
    args.extend(options.split_whitespace().map(str::to_owned));
    (out, run(args, password))
}

fn repair(scratch: &Scratch, backup: &Path) -> (PathBuf, Run) {
    let out = scratch.path("repaired.tar");
    let run = haslim([
        Path::new("repair"),
        backup,
        Path::new("-o"),
        &out,
        Path::new("--yes"),
    ]);
    (out, run)
}

/// The first bytes of each archive, by name.
fn marks(backup: &Path) -> Vec<(String, Vec<u8>)> {
    let archives = members(backup)
        .into_iter()
        .filter(|m| m.name.contains(".tar"));
    archives
        .map(|m| (m.name, m.data.into_iter().take(2).collect()))
        .collect()
}

fn is_encrypted((_, mark): &(String, Vec<u8>)) -> bool {
    mark == b"Se"
}

const KEY: Option<&str> = Some(crate::support::PASSWORD);

/// supervisor#4924, supervisor#6518.
#[test]
fn an_archive_that_nobody_lists_is_encrypted_like_the_rest() {
    let scratch = Scratch::new();
    for wrap in [Wrap::Plain, Wrap::V2, Wrap::V3] {
        let draft = system(wrap)
            .plain_from_here()
            .unlisted("core_x", &[file("secret.txt", b"token")]);
        let backup = draft.write(&scratch, "in.tar");
        let (out, run) = shrink(
            &scratch,
            &backup,
            "--securetar 3 --drop homeassistant:www/** --force",
            KEY,
        );
        run.code(0);
        assert!(
            marks(&out).len() == 3 && marks(&out).iter().all(is_encrypted),
            "{:?}",
            marks(&out)
        );
    }
}

/// core#182137.
#[test]
fn without_the_key_no_copy_has_parts_of_two_kinds() {
    let scratch = Scratch::new();
    for first in [Wrap::Plain, Wrap::V3] {
        let second = if first == Wrap::Plain {
            Wrap::V3
        } else {
            Wrap::Plain
        };
        let draft = system(first)
            .wrapped_from_here(second)
            .unlisted("supervisor", &[file("mounts.json", b"{}")]);
        let backup = draft.write(&scratch, "in.tar");
        let (out, run) = shrink(&scratch, &backup, "--drop media", None);
        let run = run.code(12);
        assert!(
            run.err.contains("supervisor")
                && run.err.contains("homeassistant")
                && run.err.contains(UNCHANGED),
            "{}",
            run.err
        );
        assert!(!out.exists(), "{}", out.display());
        // The remaining parts are of one kind, so nothing must be decrypted.
        let (out, run) = shrink(&scratch, &backup, "--drop supervisor --force", None);
        run.code(0);
        assert!(
            marks(&out)
                .iter()
                .all(|mark| is_encrypted(mark) == (first == Wrap::V3)),
            "{:?}",
            marks(&out)
        );
        haslim([Path::new("verify"), &out]).code(0);
        // With the key all of them are encrypted.
        let (out, run) = shrink(&scratch, &backup, "--drop media --force", KEY);
        run.code(0);
        assert!(marks(&out).iter().all(is_encrypted), "{:?}", marks(&out));
        std::fs::remove_file(out).unwrap();
    }
}

#[test]
fn a_backup_of_two_kinds_is_never_simply_called_encrypted() {
    let scratch = Scratch::new();
    let draft = system(Wrap::V3)
        .plain_from_here()
        .unlisted("supervisor", &[file("mounts.json", b"{}")]);
    let backup = draft.write(&scratch, "in.tar");
    for command in ["info", "verify"] {
        let run = haslim([Path::new(command), &backup]).code(0);
        let said = run.out + &run.err;
        assert!(
            said.contains("Not encrypted: supervisor") && !said.contains("Everything"),
            "{said}"
        );
    }
    let info = keyless([Path::new("info"), &backup, Path::new("--json")])
        .code(0)
        .json();
    assert_eq!(
        (&info["mixed"], &info["protected"]),
        (&true.into(), &true.into())
    );
    let (out, run) = repair(&scratch, &backup);
    run.code(0);
    assert!(marks(&out).iter().all(is_encrypted), "{:?}", marks(&out));
}

/// supervisor#4924: Supervisor tries the key on the first archive in the file.
#[test]
fn the_first_archive_of_a_copy_is_one_that_opens() {
    let scratch = Scratch::new();
    let odd: [(&str, &[u8], usize); 5] = [
        ("core_x.tar.gz", b"", 1),
        ("core_x.tar.gz", b"no archive", 2),
        ("._homeassistant.tar.gz", b"\0\x05\x16\x07", 1),
        ("._homeassistant.tar.gz", b"no file of macOS", 2),
        ("core_x.tar.gz", &[0; 5000], 2),
    ];
    for (name, bytes, archives) in odd {
        let draft = Draft::v3()
            .member(name, bytes)
            .config(&[])
            .folder("media", &photos());
        let backup = draft.write(&scratch, "in.tar");
        let run = haslim([Path::new("verify"), &backup]).code(5);
        assert!(
            run.err.contains("Invalid password") && run.err.contains("haslim repair"),
            "{}",
            run.err
        );
        assert!(
            keyless([Path::new("info"), &backup])
                .code(0)
                .err
                .contains("Invalid password")
        );
        let (out, run) = shrink(&scratch, &backup, "--drop media --force", None);
        run.code(0);
        assert_eq!(marks(&out)[0].0, "homeassistant.tar.gz", "{name}");
        assert_eq!(marks(&out).len(), archives, "what is not known is kept");
        let (out, run) = repair(&scratch, &backup);
        run.code(0);
        haslim([Path::new("verify"), &out]).code(0);
        assert_eq!(marks(&out)[0].0, "homeassistant.tar.gz", "{name}");
        std::fs::remove_file(out).unwrap();
    }
}

#[test]
fn a_repair_leaves_out_files_with_nothing_in_them() {
    let scratch = Scratch::new();
    let backup = system(Wrap::V3)
        .member("core_x.tar.gz", b"")
        .member("._media.tar.gz", b"\0\x05\x16\x07")
        .write(&scratch, "in.tar");
    let (out, run) = repair(&scratch, &backup);
    let run = run.code(0);
    assert!(
        run.out.contains("core_x.tar.gz is empty") && run.out.contains("macOS"),
        "{}",
        run.out
    );
    assert_eq!(marks(&out).len(), 2);
}

/// A reader that opens all archives of a protected copy with one key stops at such a file.
#[test]
fn a_copy_leaves_out_what_macos_added_and_says_that_nothing_is_lost() {
    let scratch = Scratch::new();
    for (wrap, key) in [(Wrap::Plain, None), (Wrap::V2, KEY)] {
        let backup = system(wrap)
            .set("type", "full")
            .member("._media.tar.gz", b"\0\x05\x16\x07 and more")
            .member("core_x.tar.gz", b"")
            .write(&scratch, "in.tar");
        let (rest, whole) = (scratch.path("rest.tar"), scratch.path("whole.tar"));
        let (out, run) = shrink(
            &scratch,
            &backup,
            &format!(
                "--drop homeassistant:www/** --force --rest {}",
                rest.display()
            ),
            key,
        );
        let run = run.code(0);
        let said = "The copy does not have unknown:._media.tar.gz, unknown:core_x.tar.gz: nothing of the backup is in it.";
        let text = run.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(said), "{}{}", run.out, run.err);
        assert_eq!(marks(&out).len(), 2);
        let kind = &manifest(&out)["type"];
        assert_eq!(kind, "full", "nothing that is listed is missing");
        haslim([Path::new("verify"), &out]).code(0);
        haslim([
            Path::new("join"),
            &out,
            &rest,
            Path::new("-o"),
            &whole,
            Path::new("--force"),
        ])
        .code(0);
        assert_eq!(
            std::fs::read(whole).unwrap(),
            std::fs::read(&backup).unwrap()
        );
    }
}

/// The name alone proves nothing: somebody may have given it to an archive of his own.
#[test]
fn an_archive_with_the_name_of_a_macos_file_stays() {
    let scratch = Scratch::new();
    for wrap in [Wrap::Plain, Wrap::V2] {
        let backup = system(wrap)
            .unlisted("._media", &photos())
            .write(&scratch, "in.tar");
        let (out, run) = shrink(
            &scratch,
            &backup,
            "--drop homeassistant:www/** --force",
            KEY,
        );
        run.code(0);
        assert_eq!(marks(&out).len(), 3);
        repair(&scratch, &backup).1.code(3);
    }
}

/// supervisor#4909, GD#596: the kind of one part cannot be determined from its first bytes.
#[test]
fn damage_at_the_head_of_a_part_concerns_that_part() {
    let scratch = Scratch::new();
    let heads = [&b""[..], &[0; 5000], b"short", &noise(5008)];
    // Deriving the key of version 3 takes most of the time, so it meets one head.
    for (wrap, heads) in [
        (Wrap::Plain, &heads[..]),
        (Wrap::V2, &heads),
        (Wrap::V3, &heads[3..]),
    ] {
        for bytes in heads {
            let draft = system(wrap)
                .listed_addon("core_x")
                .member("core_x.tar.gz", bytes);
            let backup = draft.write(&scratch, "in.tar");
            let info = haslim([Path::new("info"), &backup]).code(0);
            assert!(info.out.contains("addon:core_x"), "{}", info.out);
            let list = haslim(line("ls", &backup, "--top 99")).code(5);
            assert!(
                list.out.contains("www") && list.out.contains("a.jpg"),
                "{}{}",
                list.out,
                list.err
            );
            haslim([Path::new("verify"), &backup]).code(5);
            let (_, run) = shrink(&scratch, &backup, "--drop media", KEY);
            let run = run.code(5);
            assert!(
                run.err.contains("addon:core_x")
                    && run.err.contains("--drop addon:core_x")
                    && run.err.contains(UNCHANGED),
                "{}",
                run.err
            );
            for (options, key) in [
                ("--drop addon:core_x", None),
                ("--drop addon:core_x --drop homeassistant:www/**", KEY),
            ] {
                let (out, run) = shrink(&scratch, &backup, &format!("{options} --force"), key);
                run.code(0);
                assert_eq!(marks(&out).len(), 2);
                std::fs::remove_file(out).unwrap();
            }
            let (out, run) = shrink(
                &scratch,
                &backup,
                "--drop media --keep addon:core_x --force",
                KEY,
            );
            run.code(0);
            assert_eq!(
                members(&out)
                    .into_iter()
                    .find(|m| m.name == "core_x.tar.gz")
                    .unwrap()
                    .data
                    .len(),
                bytes.len()
            );
            std::fs::remove_file(out).unwrap();
        }
    }
}

/// supervisor#3838.
#[test]
fn a_part_that_is_compressed_unlike_the_others_is_read_and_put_right() {
    let scratch = Scratch::new();
    for wrap in [Wrap::Plain, Wrap::V2, Wrap::V3] {
        let stream = gzip(&tar(&photos()));
        let draft = Draft::new(wrap)
            .uncompressed()
            .config(&[file("data/www/a.bin", &noise(3000))])
            .folder("media", &photos());
        let share = if wrap == Wrap::Plain {
            stream
        } else {
            wrap.seal(&stream)
        };
        let backup = draft
            .metadata(|m| m["folders"] = ["media", "share"].as_slice().into())
            .member("share.tar.gz", &share)
            .write(&scratch, "in.tar");
        keyless([Path::new("info"), &backup]).code(0);
        assert!(
            haslim([Path::new("ls"), &backup])
                .code(0)
                .out
                .contains("share")
        );
        haslim([Path::new("verify"), &backup]).code(5);
        let (out, run) = shrink(
            &scratch,
            &backup,
            "--drop media --force",
            KEY.filter(|_| wrap != Wrap::Plain),
        );
        run.code(0);
        let names: Vec<String> = marks(&out).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["homeassistant.tar", "share.tar"], "{wrap:?}");
        let listed = haslim([
            Path::new("ls"),
            &out,
            Path::new("share"),
            Path::new("--json"),
        ])
        .code(0)
        .json();
        assert!(listed.to_string().contains("a.jpg"), "{listed}");
        haslim([Path::new("verify"), &out]).code(0);
    }
}

/// supervisor#3499, supervisor#3514, GD#566, and what Supervisor's schema coerces.
#[test]
fn old_spellings_in_the_metadata_are_read() {
    let scratch = Scratch::new();
    let base = || system(Wrap::V2);
    let cases = [
        base().set("protected", "8"),
        base().set("version", "2"),
        base().set("compressed", "yes"),
        base().addon("local_My Gerät", &[]),
    ];
    for draft in cases {
        let backup = draft.write(&scratch, "in.tar");
        let info = keyless([Path::new("info"), &backup]).code(0);
        assert!(
            !info.err.contains("says unprotected") && !info.err.contains("writes no such"),
            "{}",
            info.err
        );
        let (out, run) = shrink(&scratch, &backup, "--drop media --force", None);
        run.code(0);
        let copy = crate::support::manifest(&out);
        assert!(
            copy["protected"] == true && copy["compressed"] == true,
            "{copy}"
        );
    }
    let marked = scratch.file(
        "in.tar",
        &base().bytes_with(format!("\u{feff}{}", marked_metadata())),
    );
    keyless([Path::new("info"), &marked]).code(0);
}

fn marked_metadata() -> String {
    r#"{"slug":"1a2b3c4d","version":2,"name":"n","date":"2026-11-01","type":"partial","homeassistant":{"version":"2026.11.0"},"protected":true,"folders":["media"],"addons":[]}"#.into()
}

#[test]
fn what_home_assistant_would_not_accept_is_not_published() {
    let scratch = Scratch::new();
    let backup = system(Wrap::V3).unset("date").write(&scratch, "in.tar");
    let run = haslim([Path::new("verify"), &backup]).code(5);
    assert!(run.err.contains("no date"), "{}", run.err);
    let document = haslim([Path::new("--json"), Path::new("verify"), &backup])
        .code(5)
        .json();
    let (whole, error) = (&document["ok"], &document["error"]);
    assert!(
        *whole == false && error["message"].as_str().unwrap().contains("no date"),
        "{document}"
    );
    let (out, run) = shrink(&scratch, &backup, "--drop media", None);
    assert!(run.code(5).err.contains("no date") && !out.exists());
    // Values that a copy sets itself may be missing.
    let backup = system(Wrap::V3)
        .unset("name")
        .unset("type")
        .write(&scratch, "in.tar");
    let (_, run) = shrink(&scratch, &backup, "--drop media", None);
    run.code(0);
}

#[test]
fn a_part_under_another_key_can_be_left_out_and_does_not_hide_the_others() {
    let scratch = Scratch::new();
    for wrap in [Wrap::V2, Wrap::V3] {
        let stream = gzip(&tar(&photos()));
        let other = if wrap == Wrap::V2 {
            crate::support::seal::v2_of("other", &stream)
        } else {
            crate::support::seal::v3_of("other", &stream)
        };
        let draft = system(wrap)
            .metadata(|m| m["folders"] = ["media", "share"].as_slice().into())
            .member("share.tar.gz", &other);
        let backup = draft.write(&scratch, "in.tar");
        let list = haslim(line("ls", &backup, "--top 99")).code(12);
        assert!(
            list.out.contains("www") && list.err.contains("share"),
            "{}{}",
            list.out,
            list.err
        );
        let (_, run) = shrink(&scratch, &backup, "--drop homeassistant:www/**", KEY);
        assert!(run.code(12).err.contains("--drop share"));
        let (out, run) = shrink(
            &scratch,
            &backup,
            "--drop homeassistant:www/** --drop share --force",
            KEY,
        );
        run.code(0);
        haslim([Path::new("verify"), &out]).code(0);
    }
}

/// The stream of an app, and the backup with it as its first archive, stored as these bytes.
fn with_first(scratch: &Scratch, wrap: Wrap, bytes: &[u8]) -> PathBuf {
    Draft::new(wrap)
        .listed_addon("core_x")
        .member("core_x.tar.gz", bytes)
        .config(&[file("data/www/a.bin", &noise(3000))])
        .folder("media", &photos())
        .write(scratch, "in.tar")
}

#[test]
fn a_first_part_under_another_key_can_be_left_out() {
    let scratch = Scratch::new();
    let stream = gzip(&tar(&photos()));
    let mut flipped = seal::v3(&stream);
    flipped[40] ^= 1; // its root salt
    for bytes in [seal::v3_of("other", &stream), flipped] {
        let backup = with_first(&scratch, Wrap::V3, &bytes);
        for options in [
            "--drop addon:core_x --force",
            "--drop addon:core_x --drop media:a.jpg --force",
        ] {
            let (out, run) = shrink(&scratch, &backup, options, KEY);
            run.code(0);
            haslim([Path::new("verify"), &out]).code(0);
        }
        let (_, run) = shrink(&scratch, &backup, "--drop media:a.jpg --force", KEY);
        assert!(run.code(12).err.contains("addon:core_x"));
    }
}

/// supervisor#4924: one damaged app must not make the rest unrestorable.
#[test]
fn a_copy_never_begins_with_a_part_that_does_not_open() {
    let scratch = Scratch::new();
    let stream = gzip(&tar(&photos()));
    for (wrap, whole, at) in [
        (Wrap::V3, seal::v3(&stream), seal::V3_HEADER + 60),
        (Wrap::V3, seal::v3(&stream), 23), // its stated size
        (Wrap::V2, seal::v2(&stream), seal::V2_HEADER + 3),
    ] {
        let mut bytes = whole;
        bytes[at] ^= 0x20;
        let backup = with_first(&scratch, wrap, &bytes);
        let checked = haslim([Path::new("verify"), &backup]);
        let said = checked.out + &checked.err;
        // Version 2 does not show whether its first bytes are damaged or have another key.
        assert_eq!(
            checked.code,
            if wrap == Wrap::V2 { 12 } else { 5 },
            "{said}"
        );
        assert!(said.contains("Invalid password"), "{at}: {said}");
        let options = "--drop media --keep addon:core_x --force";
        let (out, run) = shrink(&scratch, &backup, options, KEY);
        run.code(0);
        let first = marks(&out).remove(0);
        assert_eq!(first.0, "homeassistant.tar.gz", "{at}");
    }
}

#[test]
fn an_archive_under_any_name_is_encrypted_like_the_rest() {
    let scratch = Scratch::new();
    let text = gzip(b"no archive, only a compressed text");
    let draft = system(Wrap::Plain)
        .member("x.tgz", &gzip(&tar(&photos())))
        .member("core_z.TAR.GZ", &gzip(&tar(&photos())))
        .member("old.tar.bak", &tar(&photos()))
        .member("notes.gz", &text);
    let backup = draft.write(&scratch, "in.tar");
    let (out, run) = shrink(&scratch, &backup, "--securetar 3", KEY);
    run.code(0);
    let found = members(&out)
        .into_iter()
        .filter(|m| m.name != "./backup.json");
    for member in found {
        let is_sealed = member.data.starts_with(b"SecureTar");
        assert_eq!(is_sealed, member.name != "notes.gz", "{}", member.name);
    }
    haslim([Path::new("verify"), &out]).code(0);
    // And back, when they are encrypted under such names.
    let plain = scratch.path("plain.tar");
    let options = format!(
        "--securetar none --force --limit 1GB -o {}",
        plain.display()
    );
    haslim(line("shrink", &out, &format!("{options} --yes"))).code(0);
    let found = members(&plain).into_iter();
    assert_eq!(
        found.filter(|m| m.data.starts_with(b"SecureTar")).count(),
        0
    );
}

#[test]
fn a_mark_against_all_parts_is_what_home_assistant_refuses() {
    let scratch = Scratch::new();
    for (wrap, mark) in [(Wrap::Plain, true), (Wrap::V2, false)] {
        let backup = system(wrap)
            .set("protected", mark)
            .write(&scratch, "in.tar");
        let run = haslim([Path::new("verify"), &backup]).code(5);
        let said = run.out + &run.err;
        assert!(said.contains("Invalid password"), "{said}");
        let (out, run) = repair(&scratch, &backup);
        run.code(0);
        haslim([Path::new("verify"), &out]).code(0);
        std::fs::remove_file(out).unwrap();
    }
}

#[test]
fn a_mark_without_any_part_is_refused_by_nobody() {
    let scratch = Scratch::new();
    let backup = Draft::plain()
        .set("protected", true)
        .write(&scratch, "in.tar");
    let run = haslim([Path::new("verify"), &backup]);
    assert!(!(run.out + &run.err).contains("Invalid password"));
}

#[test]
fn a_new_copy_has_the_key_as_the_emergency_kit_spells_it() {
    let scratch = Scratch::new();
    let backup = system(Wrap::Plain).write(&scratch, "in.tar");
    let key = KEY.unwrap();
    for typed in [
        key.to_lowercase(),
        key.replace('-', ""),
        format!("\"{key}\""),
    ] {
        let (out, done) = shrink(&scratch, &backup, "--securetar 2 --force", Some(&typed));
        done.code(0);
        haslim([Path::new("verify"), &out]).code(0);
        run([Path::new("verify"), &out], Some("another-key")).code(12);
    }
}

#[test]
fn what_mariadb_makes_itself_is_no_loss_of_its_databases() {
    let scratch = Scratch::new();
    let entries = [
        file("data/databases/ibdata1", &noise(900)),
        file("data/databases/core.err", &noise(900)),
        fifo("data/databases/mysql.sock"),
    ];
    let backup = Draft::plain()
        .config(&[])
        .addon("core_mariadb", &entries)
        .write(&scratch, "in.tar");
    for name in ["core.err", "mysql.sock"] {
        let rest = format!("--drop addon:core_mariadb:data/databases/{name} --details");
        let run = keyless(line("plan", &backup, &rest)).code(0);
        let said = run.out + &run.err;
        assert!(
            !said.contains("databases of") && !said.contains("Every database"),
            "{said}"
        );
    }
    let rest = "--drop addon:core_mariadb:data/databases --details";
    let said = keyless(line("plan", &backup, rest)).code(0).out;
    assert!(said.contains("database"), "{said}");
}

/// What `plan` prints if this is dropped, as one line.
fn plan_without(backup: &Path, drop: &str) -> String {
    let words = ["plan".as_ref(), backup, "--drop".as_ref(), drop.as_ref()];
    let out = haslim(words).code(0).out;
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `exclude_database` saves a file of this name, but only the recorder's database is the history.
#[test]
fn a_database_that_the_recorder_left_behind_is_not_called_the_history() {
    let scratch = Scratch::new();
    for url in [
        "mysql://h:p@core-mariadb/ha",
        "sqlite:////config/db/history.db",
        "mysql://h:p@nas.local/ha",
    ] {
        let yaml = format!("recorder:\n  db_url: {url}\n");
        let backup = Draft::plain()
            .set("homeassistant", serde_json::json!({"version": "2026.11.0"}))
            .unlisted(
                "homeassistant",
                &[
                    file("data/configuration.yaml", yaml.as_bytes()),
                    file("data/home-assistant_v2.db", &noise(9000)),
                    file("data/db/history.db", &noise(900)),
                ],
            )
            .addon(
                "core_mariadb",
                &[file("data/databases/ibdata1", &noise(900))],
            )
            .write(&scratch, "in.tar");
        let drop = "homeassistant:home-assistant_v2.db";
        let text = plan_without(&backup, drop);
        assert!(
            !text.contains("history stays") && text.contains("db_url names another database"),
            "{url}: {text}"
        );
    }
}

#[test]
fn a_plan_says_what_protected_files_hold_without_being_asked_for_details() {
    let scratch = Scratch::new();
    let backup = Draft::plain()
        .config(&[
            file("data/.storage/auth", b"{}"),
            file("data/.storage/core.area_registry", b"{}"),
            file("data/.storage/lovelace", b"{}"),
        ])
        .write(&scratch, "in.tar");
    let drop = "homeassistant:.storage";
    let text = plan_without(&backup, drop);
    assert!(text.contains("They hold: areas, dashboards"), "{text}");
    assert!(text.contains("users."), "{text}");
}

/// The inner files of an archive whose header says 0 are no members of the backup.
#[test]
fn an_uncompressed_archive_of_size_zero_at_the_end_is_recovered() {
    let scratch = Scratch::new();
    let inner = tar(&[
        folder("data"),
        file("data/secrets.yaml", b"wifi: hidden"),
        file("data/www/a.bin", &noise(900)),
    ]);
    for metadata_first in [true, false] {
        for stated in [0, 577, 1024] {
            let draft = Draft::plain()
                .uncompressed()
                .folder("media", &photos())
                .set("homeassistant", serde_json::json!({"version": "2026.11.0"}))
                .raw(
                    [
                        Head::new("homeassistant.tar", b'0', stated).data(b""),
                        inner.clone(),
                    ]
                    .concat(),
                );
            let draft = if metadata_first {
                draft.metadata_first()
            } else {
                draft
            };
            let backup = draft.write(&scratch, "in.tar");
            let list = haslim(line("ls", &backup, "homeassistant")).code(0);
            assert!(list.out.contains("secrets.yaml"), "{stated}: {}", list.out);
            let options = "--drop homeassistant --securetar 3 --force";
            let (out, run) = shrink(&scratch, &backup, options, KEY);
            run.code(0);
            let names: Vec<String> = members(&out).into_iter().map(|m| m.name).collect();
            assert_eq!(names.len(), 2, "{stated}: {names:?}");
        }
    }
}

/// Core, `backup_restore.py`: KEEP_DATABASE.
#[test]
fn only_the_recorders_own_database_is_declared_as_excluded() {
    let scratch = Scratch::new();
    let database = [b"SQLite format 3\0", &noise(3000)[..]].concat();
    let files = |names: &[&str]| -> Vec<Vec<u8>> {
        names
            .iter()
            .map(|name| file(format!("data/{name}"), &database))
            .collect()
    };
    let (new, old) = ("home-assistant_v2.db", "home-assistant_v1.db");
    let shm = "home-assistant_v2.db-shm";
    for (names, drop, excluded, said) in [
        (&[new, old][..], old, false, "1 file of the configuration"),
        (&[new, old], new, true, "a restore keeps the live one"),
        (&[new, shm], shm, false, "1 file of the configuration"),
        (
            &["home-assistant_v2.db-wal"],
            "home-assistant_v2.db-wal",
            false,
            "1 file of the configuration",
        ),
    ] {
        let backup = Draft::plain()
            .config(&files(names))
            .folder("media", &photos())
            .write(&scratch, "in.tar");
        let options = format!("--drop homeassistant:{drop} --force");
        let (out, run) = shrink(&scratch, &backup, &options, None);
        run.code(0);
        assert_eq!(
            manifest(&out)["homeassistant"]["exclude_database"],
            excluded,
            "{drop}"
        );
        let plan = haslim(line(
            "plan",
            &backup,
            &format!("--drop homeassistant:{drop} --json"),
        ));
        let drops = &plan.code(0).json()["drops"];
        assert_eq!(drops.as_array().unwrap().len(), 1, "{drops}");
        let text = format!("{} {}", drops[0]["lost"], drops[0]["on_restore"]);
        assert!(text.contains(said), "{drop}: {text}");
        assert_eq!(text.contains("live one"), excluded, "{drop}: {text}");
    }
}

#[test]
fn a_file_that_only_looks_like_a_side_file_goes_or_stays_alone() {
    let scratch = Scratch::new();
    let backup = Draft::plain()
        .config(&[
            file("data/w/blue", b"a poem"),
            file("data/w/blue-wal", b"a poem about a wall"),
            file(
                "data/w/things",
                &[b"SQLite format 3\0", &noise(900)[..]].concat(),
            ),
            file("data/w/things-wal", &noise(900)),
        ])
        .write(&scratch, "in.tar");
    for (drop, gone) in [("w/blue", 1), ("w/blue-wal", 1), ("w/things", 2)] {
        let plan = haslim(line(
            "plan",
            &backup,
            &format!("--drop homeassistant:{drop} --json"),
        ));
        assert_eq!(plan.code(0).json()["drops"][0]["files"], gone, "{drop}");
    }
}

#[test]
fn names_of_files_in_arguments_begin_no_line_of_their_own() {
    let scratch = Scratch::new();
    let folder = text(&scratch.path("no\nerror: such"));
    // Windows has no such names: there the folder is missing.
    #[cfg(unix)]
    std::fs::create_dir(&folder).unwrap();
    let shrink = [
        "shrink",
        "fixtures/plain.tar",
        "--drop",
        "media",
        "--yes",
        "-o",
    ];
    let inside = format!("{folder}/none/out.tar");
    for args in [
        vec!["info", "no\nerror: such"],
        vec!["no\nerror: such"],
        [&shrink[..], &[&folder]].concat(),
        [&shrink[..], &[&inside]].concat(),
        vec!["plan", "fixtures/demo.tar", "--rules", "no\nerror: such"],
        vec!["--config", "no\nerror: such", "info", "fixtures/demo.tar"],
    ] {
        let run = haslim(&args);
        assert!(run.err.contains("no\\nerror: such"), "{}", run.err);
    }
}

/// Supervisor, `backups/validate.py`: SCHEMA_BACKUP.
#[test]
fn metadata_that_the_schema_refuses_are_named_and_mended_or_refused() {
    use serde_json::json;
    let scratch = Scratch::new();
    let core = |more: serde_json::Value| {
        let mut core = json!({"version": "2026.11.0"});
        core.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        core
    };
    let app = |key: &str, value: serde_json::Value| {
        let mut app = json!({"slug": "core_x", "name": "X", "version": "1", "size": 1});
        app[key] = value;
        json!([app])
    };
    let draft = |key: &str, value: &serde_json::Value| {
        Draft::plain()
            .config(&[])
            .folder("media", &photos())
            .addon("core_x", &[])
            .set(key, value.clone())
            .write(&scratch, "in.tar")
    };
    for (key, value, is_mended) in [
        ("extra", json!(null), true),
        ("extra", json!("x"), true),
        ("repositories", json!(null), true),
        ("repositories", json!([5]), true),
        ("repositories", json!(["core", "core"]), true),
        ("repositories", json!(["no address"]), true),
        ("folders", json!(["media", null]), true),
        ("addons", json!(null), true),
        ("addons", json!(["core_x"]), true),
        ("addons", app("size", json!("large")), false),
        ("addons", app("size", json!(null)), false),
        ("homeassistant", core(json!({"size": "big"})), false),
        (
            "homeassistant",
            core(json!({"exclude_database": "perhaps"})),
            false,
        ),
    ] {
        let backup = draft(key, &value);
        let verify = haslim([Path::new("verify"), &backup]).code(5);
        assert!(
            (verify.out + &verify.err).contains("Home Assistant does not accept"),
            "{key} {value}"
        );
        let (out, run) = shrink(&scratch, &backup, "--drop media --force", None);
        if !is_mended {
            run.code(5);
            assert!(!out.exists());
            continue;
        }
        run.code(0);
        let (_, repaired) = repair(&scratch, &backup);
        repaired.code(0);
        for copy in [&out, &scratch.path("repaired.tar")] {
            let verify = haslim([Path::new("verify"), copy]);
            assert!(
                !(verify.out + &verify.err).contains("does not accept"),
                "{key} {value}"
            );
            std::fs::remove_file(copy).unwrap();
        }
    }
    for (key, value) in [
        ("homeassistant", json!({})),
        ("homeassistant", json!({"size": "big"})),
        ("homeassistant", json!({"version": null})),
        ("homeassistant", json!(false)),
        ("homeassistant", json!([])),
        ("homeassistant", core(json!({"size": "1_000"}))),
        // The old form: a copy has the new one.
        ("homeassistant", json!("2022.6.1")),
        ("docker", json!(null)),
        ("crypto", json!("aes256")),
        (
            "repositories",
            json!(["local", "https://example.org/apps#main"]),
        ),
        ("addons", app("size", json!(" 5 "))),
        ("addons", app("version", json!(null))),
    ] {
        let verify = haslim([Path::new("verify"), &draft(key, &value)]);
        let said = verify.out + &verify.err;
        assert!(!said.contains("does not accept"), "{key} {value}: {said}");
    }
    let address = "https://example.org/apps";
    let repositories = json!(["core", "core", address, 5, "none", address, "local"]);
    let backup = draft("repositories", &repositories);
    let (slim, run) = shrink(&scratch, &backup, "--drop media --force", None);
    run.code(0);
    let (repaired, run) = repair(&scratch, &backup);
    run.code(0);
    for copy in [slim, repaired] {
        let valid = json!(["core", address, "local"]);
        assert_eq!(manifest(&copy)["repositories"], valid);
    }
    let (out, _) = shrink(
        &scratch,
        &draft("homeassistant", &json!("2022.6.1")),
        "--drop media --force",
        None,
    );
    let copy = haslim::open::Backup::open(&out).unwrap().manifest;
    assert_eq!(copy.homeassistant_version(), Some("2022.6.1"));
    assert!(copy.can_exclude_database());
}
