//! `shrink --rest` and `join`: nothing is lost.

use std::path::{Path, PathBuf};

use haslim::open::Backup;
use serde_json::Value;

use crate::exit_codes::damaged;
use crate::line;
use crate::predict::optimistic;
use crate::support::*;

/// A backup, its smaller copy, and the rest.
struct Split {
    scratch: Scratch,
    input: PathBuf,
    copy: PathBuf,
    rest: PathBuf,
    json: Value,
}

fn split(name: &str, options: &str) -> Split {
    // With a key, a copy of a plain backup is encrypted, which makes it another form.
    let key = (!name.contains("plain")).then_some(PASSWORD);
    split_with(name, options, key)
}

fn split_with(name: &str, options: &str, key: Option<&str>) -> Split {
    let scratch = Scratch::new();
    let input = scratch.copy(name);
    let (copy, rest) = (scratch.path("small.tar"), scratch.path("rest.tar"));
    let options = format!(
        "--yes --json -o {} --rest {} {options}",
        copy.display(),
        rest.display()
    );
    let json = run(line("shrink", &input, &options), key).code(0).json();
    Split {
        scratch,
        input,
        copy,
        rest,
        json,
    }
}

fn join(first: &Path, second: &Path, output: &Path, rest: &str) -> Run {
    let rest = format!("{} -o {} {rest}", second.display(), output.display());
    keyless(line("join", first, &rest))
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn a_copy_and_its_rest_make_the_original_again() {
    let fixtures = [
        "v3",
        "v2",
        "plain",
        "core-v3",
        "core-v2",
        "core-plain",
        "demo",
        "v3-uncompressed",
        "v2-uncompressed",
        "plain-uncompressed",
    ];
    let mut joined = 0;
    for name in fixtures {
        let name = format!("{name}.tar");
        let parts = Backup::open(&fixture(&name)).unwrap().parts;
        for options in [
            "--drop media",
            "--drop homeassistant:**",
            "--drop ssl,media:**",
        ] {
            let drops: Vec<&str> = options["--drop ".len()..].split(',').collect();
            let has = |drop: &&str| {
                let id = drop.split(':').next().unwrap();
                parts.iter().any(|part| part.id == id)
            };
            if !drops.iter().all(has) {
                continue;
            }
            let options: String = drops.iter().map(|drop| format!("--drop {drop} ")).collect();
            let it = split(&name, &options);
            let whole = it.scratch.path("whole.tar");
            join(&it.copy, &it.rest, &whole, "").code(0);
            assert!(bytes(&whole) == bytes(&it.input), "{name}: {options}");
            // In the other order too.
            join(&it.rest, &it.copy, &whole, "--force").code(0);
            assert!(bytes(&whole) == bytes(&it.input), "{name}: {options}");
            joined += 1;
        }
    }
    assert!(joined > 15, "{joined}");
}

#[test]
fn a_rest_fits_the_copy_that_was_planned_again() {
    let scratch = Scratch::new();
    let input = optimistic(&scratch, 120_000);
    let clips = "--drop homeassistant:nest/event_media/**";
    let plan = keyless(line("plan", &input, &format!("{clips} --json")));
    let predicted = plan.code(0).json()["predicted_size"].clone();
    let (copy, rest, whole) = (
        scratch.path("small.tar"),
        scratch.path("rest.tar"),
        scratch.path("whole.tar"),
    );
    let options = format!("{clips} --limit {predicted} --rest {}", rest.display());
    keyless(shrink(&input, &copy, &options)).code(0);
    assert!(bytes(&copy).len() as u64 <= predicted.as_u64().unwrap());
    join(&copy, &rest, &whole, "").code(0);
    assert!(bytes(&whole) == bytes(&input));
}

#[test]
fn a_rest_is_a_backup_with_just_the_parts_that_the_copy_lacks() {
    let it = split("v2.tar", "--drop media:music --drop ssl");
    let (original, rest) = (
        Backup::open(&it.input).unwrap(),
        Backup::open(&it.rest).unwrap(),
    );
    let ids: Vec<&str> = rest.parts.iter().map(|part| part.id.as_str()).collect();
    assert_eq!(ids, ["ssl", "media"]);
    for part in &rest.parts {
        let name = String::from_utf8(rest.member(part).header.name.clone()).unwrap();
        assert!(
            member(&it.rest, &name) == member(&it.input, &name),
            "{name}"
        );
    }
    let said = manifest(&it.rest);
    assert_eq!(said["type"], "partial");
    assert_eq!(said["homeassistant"], Value::Null);
    assert_eq!(said["addons"], serde_json::json!([]));
    assert_ne!(said["slug"], manifest(&it.input)["slug"]);
    assert_ne!(said["slug"], manifest(&it.copy)["slug"]);
    assert!(said["name"].as_str().unwrap().contains(" (rest "), "{said}");
    assert_eq!(
        said["extra"]["haslim"]["rest_of"]["size"],
        original.input.len()
    );
    assert_eq!(it.json["rest"]["slug"], said["slug"]);
    assert_eq!(it.json["rest"]["size"], bytes(&it.rest).len());
    for command in ["verify", "info", "ls"] {
        haslim(line(command, &it.rest, "")).code(0);
    }
    // A smaller copy of the rest does not claim to be a rest.
    let smaller = it.scratch.path("smaller.tar");
    haslim(shrink(&it.rest, &smaller, "--drop ssl")).code(0);
    assert_eq!(
        manifest(&smaller)["extra"]["haslim"],
        serde_json::json!({"slim_of": {"slug": said["slug"]}})
    );
}

#[test]
fn whole_parts_need_no_key_for_a_rest() {
    let it = split_with("v3.tar", "--drop media", None);
    let whole = it.scratch.path("whole.tar");
    join(&it.copy, &it.rest, &whole, "").code(0);
    assert!(bytes(&whole) == bytes(&it.input));
}

#[test]
fn a_rest_never_replaces_a_file_unasked_and_the_copy_then_does_not_appear() {
    let scratch = Scratch::new();
    let input = scratch.copy("v2.tar");
    let rest = scratch.file("rest.tar", b"mine");
    let copy = scratch.path("v2.slim.tar");
    let options = format!("--drop media --yes --rest {}", rest.display());
    let run = haslim(line("shrink", &input, &options)).code(7);
    assert!(run.err.contains("rest.tar exists already"), "{}", run.err);
    assert!(bytes(&rest) == b"mine" && !copy.exists());
    haslim(line("shrink", &input, &format!("{options} --force"))).code(0);
    assert!(bytes(&rest) != b"mine" && copy.exists());
}

#[test]
fn a_rest_in_the_place_of_the_copy_or_of_the_backup_is_refused() {
    let scratch = Scratch::new();
    let input = scratch.copy("v2.tar");
    let before = bytes(&input);
    std::fs::create_dir(scratch.path("sub")).unwrap();
    for (rest, code) in [
        (scratch.path("v2.slim.tar"), 2),
        (scratch.path("sub/../v2.slim.tar"), 2),
        (input.clone(), 10),
    ] {
        let options = format!("--drop media --yes --force --rest {}", rest.display());
        let run = haslim(line("shrink", &input, &options)).code(code);
        assert!(
            code == 10 || run.err.contains("cannot be the same file"),
            "{}",
            run.err
        );
    }
    #[cfg(unix)]
    {
        let (real, link) = (scratch.path("sub"), scratch.path("link"));
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let (copy, rest) = (real.join("x.tar"), link.join("x.tar"));
        let options = format!(
            "--drop media --yes -o {} --rest {}",
            copy.display(),
            rest.display()
        );
        haslim(line("shrink", &input, &options)).code(2);
        assert!(!copy.exists());
        std::fs::remove_file(link).unwrap();
    }
    std::fs::remove_dir(scratch.path("sub")).unwrap();
    assert_eq!(scratch.listing(), ["v2.tar"]);
    assert!(bytes(&input) == before);
}

#[test]
fn a_copy_in_another_form_has_no_rest_and_says_so_before_anything_is_written() {
    let scratch = Scratch::new();
    let input = scratch.copy("plain.tar");
    let rest = scratch.path("rest.tar");
    let options = format!("--drop media --securetar 3 --rest {}", rest.display());
    for how in ["--dry-run", "--yes"] {
        let run = haslim(line("shrink", &input, &format!("{options} {how}"))).code(10);
        assert!(run.err.contains("in another form"), "{}", run.err);
    }
    // With a key, the copy of a backup that is not encrypted is.
    let options = format!("--drop media:music --rest {} --yes", rest.display());
    let run = haslim(line("shrink", &input, &options)).code(10);
    assert!(run.err.contains("without the key"), "{}", run.err);
    assert_eq!(scratch.listing(), ["plain.tar"]);
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let it = split("v3.tar", "--drop media");
    let other = split("v3.tar", "--drop media:music");
    let whole = it.scratch.path("whole.tar");
    for (copy, rest) in [
        // Two copies, and a copy of another backup.
        (&it.copy, &it.copy),
        (&it.copy, &it.input),
        (&fixture("demo.tar"), &it.rest),
        // This copy lacks less than the rest assumes.
        (&other.copy, &it.rest.with_file_name("small.tar")),
    ] {
        let run = join(copy, rest, &whole, "").code(10);
        assert!(
            run.err.contains("do not belong together") || run.err.contains("is a rest"),
            "{}",
            run.err
        );
        assert!(!whole.exists());
    }
}

#[test]
fn a_part_that_was_encrypted_anew_with_the_same_size_is_refused() {
    let it = split("v2.tar", "--drop media --drop share");
    let (other, again) = (it.scratch.path("v3.tar"), it.scratch.path("v2-again.tar"));
    let options = "--drop media --drop share --securetar 3";
    haslim(shrink(&it.input, &other, options)).code(0);
    let options = "--drop homeassistant:nest --securetar 2";
    haslim(shrink(&other, &again, options)).code(0);
    let size = |path: &Path| Backup::open(path).unwrap().members[1].size;
    assert_eq!(size(&again), size(&it.copy));
    let run = join(&again, &it.rest, &it.scratch.path("whole.tar"), "").code(10);
    assert!(
        run.err.contains("encrypted anew") || run.err.contains("does not hold"),
        "{}",
        run.err
    );
    assert!(run.err.contains("as one run of"), "{}", run.err);
}

#[test]
fn a_changed_byte_in_either_file_is_found_and_no_file_is_left() {
    let it = split("v3.tar", "--drop media");
    for (changed, part) in [(&it.copy, "ssl"), (&it.rest, "media")] {
        let name = changed.to_str().unwrap().to_owned();
        let bad = it.scratch.file("bad.tar", &damaged_at(changed, part));
        let whole = it.scratch.path("whole.tar");
        let run = if changed == &it.copy {
            join(&bad, &it.rest, &whole, "")
        } else {
            join(&it.copy, &bad, &whole, "")
        };
        let run = run.code(6);
        assert!(
            run.err.contains("is not the original"),
            "{name}: {}",
            run.err
        );
        assert!(!whole.exists(), "{name}");
    }
}

/// A backup with one changed byte in a part.
fn damaged_at(path: &Path, part: &str) -> Vec<u8> {
    let backup = Backup::open(path).unwrap();
    let part = backup.parts.iter().find(|p| p.id == part).unwrap();
    let member = backup.member(part);
    let mut all = bytes(path);
    all[usize::try_from(member.data_at() + member.size / 2).unwrap()] ^= 1;
    all
}

#[test]
fn a_record_that_contradicts_itself_is_damaged() {
    let it = split("plain.tar", "--drop media");
    let text = String::from_utf8_lossy(&bytes(&it.rest)).into_owned();
    let size = format!("\"size\":{}", bytes(&it.input).len());
    assert!(text.contains(&size), "{size}");
    let mut all = bytes(&it.rest);
    let at = all
        .windows(size.len())
        .position(|window| window == size.as_bytes())
        .unwrap();
    all[at + size.len() - 1] ^= 1;
    let bad = it.scratch.file("bad.tar", &all);
    let run = join(&it.copy, &bad, &it.scratch.path("whole.tar"), "").code(5);
    assert!(run.err.contains("do not add up"), "{}", run.err);
}

#[test]
fn damage_in_what_goes_into_the_rest_is_kept_as_it_is() {
    let scratch = Scratch::new();
    let input = scratch.file("bad.tar", &damaged("v2.tar", "media"));
    let (copy, rest) = (scratch.path("small.tar"), scratch.path("rest.tar"));
    let options = format!(
        "--drop media --yes -o {} --rest {}",
        copy.display(),
        rest.display()
    );
    haslim(line("shrink", &input, &options)).code(0);
    let whole = scratch.path("whole.tar");
    join(&copy, &rest, &whole, "").code(0);
    assert!(bytes(&whole) == bytes(&input));
}

#[test]
fn join_follows_the_schema() {
    let it = split("v3.tar", "--drop media");
    crate::schema::check("shrink", &it.json);
    let whole = it.scratch.path("whole.tar");
    let json = join(&it.copy, &it.rest, &whole, "--json").code(0).json();
    crate::schema::check("join", &json);
    let failed = join(&it.copy, &it.rest, &whole, "--json").code(7).json();
    crate::schema::check("error alone", &failed);
}
