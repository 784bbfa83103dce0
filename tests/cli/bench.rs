//! `bench`: the backups that it makes, and its results.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::line;
use crate::support::*;

/// The parts of a made backup.
const PARTS: [&str; 9] = [
    "homeassistant",
    "addon:5c53de3b_esphome",
    "addon:a0d7b954_influxdb",
    "addon:a0d7b954_nodered",
    "addon:core_mariadb",
    "share",
    "addons/local",
    "ssl",
    "media",
];

#[track_caller]
fn made(scratch: &Scratch, name: &str, rest: &str) -> PathBuf {
    let path = scratch.path(name);
    haslim(line("bench", &path, rest)).code(0);
    path
}

/// The plaintext of the parts that contain files of every kind.
fn contents(path: &Path) -> Vec<Vec<u8>> {
    ["homeassistant", "addon:5c53de3b_esphome", "share"]
        .map(|part| plaintext(path, part))
        .into()
}

#[test]
fn a_made_backup_is_sound_and_about_as_large_as_asked() {
    let scratch = Scratch::new();
    for (size, wrapping, version) in [
        (200_000, "none", Value::Null),
        (1_500_000, "2", 2.into()),
        (1_500_000, "3", 3.into()),
    ] {
        let path = made(
            &scratch,
            "made.tar",
            &format!("--make {size} --securetar {wrapping} --force"),
        );
        let checks = haslim(line("verify", &path, "--json")).code(0).json();
        let ids: Vec<&str> = checks["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, PARTS);
        let info = keyless(line("info", &path, "--json")).code(0).json();
        assert_eq!(info["securetar"], version);
        assert_eq!(
            info["warnings"],
            Value::Array(Vec::new()),
            "a backup as Home Assistant writes it"
        );
        let real = std::fs::metadata(&path).unwrap().len();
        assert!(
            real.abs_diff(size) < size / 20 + 50_000,
            "{real} bytes instead of {size}"
        );
    }
}

#[test]
fn contents_depend_on_size_and_seed_alone() {
    let scratch = Scratch::new();
    let first = made(
        &scratch,
        "first.tar",
        "--make 300kB --securetar 3 --threads 1",
    );
    let expected = contents(&first);
    for (name, rest) in [
        ("again.tar", "--securetar 3"),
        ("v2.tar", "--securetar 2"),
        ("plain.tar", "--securetar none"),
    ] {
        assert!(
            contents(&made(&scratch, name, &format!("--make 300kB {rest}"))) == expected,
            "{name} holds something else"
        );
    }
    for rest in ["--make 300kB --seed 1", "--make 301kB"] {
        assert!(
            contents(&made(&scratch, "other.tar", &format!("{rest} --force"))) != expected,
            "{rest} holds the same"
        );
    }
    let size = |name| std::fs::metadata(scratch.path(name)).unwrap().len();
    assert_eq!(size("first.tar"), size("again.tar"));
}

#[test]
fn no_salt_of_a_made_backup_is_used_twice() {
    let scratch = Scratch::new();
    for (wrapping, salt) in [("2", 32..48), ("3", 96..136)] {
        let salts: Vec<Vec<u8>> = ["a.tar", "b.tar"]
            .iter()
            .flat_map(|name| {
                members(&made(
                    &scratch,
                    name,
                    &format!("--make 200kB --securetar {wrapping} --force"),
                ))
            })
            .filter(|member| member.name != "./backup.json")
            .map(|member| member.data[salt.clone()].to_vec())
            .collect();
        assert_eq!(salts.len(), 2 * PARTS.len());
        assert_eq!(
            salts.iter().collect::<BTreeSet<_>>().len(),
            salts.len(),
            "version {wrapping}"
        );
    }
}

#[test]
fn a_key_makes_version_3_and_without_one_nothing_is_encrypted() {
    let scratch = Scratch::new();
    let version =
        |path: &Path| keyless(line("info", path, "--json")).code(0).json()["securetar"].clone();
    assert_eq!(version(&made(&scratch, "keyed.tar", "--make 200kB")), 3);
    keyless(line("bench", &scratch.path("open.tar"), "--make 200kB")).code(0);
    assert_eq!(version(&scratch.path("open.tar")), Value::Null);
    keyless(line(
        "bench",
        &scratch.path("never.tar"),
        "--make 200kB --securetar 3",
    ))
    .code(12);
    run(
        line("bench", &scratch.path("never.tar"), "--make 200kB"),
        Some(""),
    )
    .code(12);
    assert_eq!(scratch.listing(), ["keyed.tar", "open.tar"]);
}

#[test]
fn making_replaces_nothing_unless_forced_and_refuses_what_is_too_small() {
    let scratch = Scratch::new();
    let path = scratch.file("old.tar", b"old");
    haslim(line("bench", &path, "--make 200kB")).code(7);
    haslim(line("bench", &path, "--make 1kB --force")).code(2);
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    let said = haslim(line("bench", &path, "--make 200kB --force --json"))
        .code(0)
        .json();
    assert_eq!(
        (&said["schema"], &said["output"]),
        (&1.into(), &path.to_str().unwrap().into())
    );
    assert_eq!(said["output_size"], std::fs::metadata(&path).unwrap().len());
    haslim(["bench", "--make", "200kB"]).code(2);
}

fn names(report: &Value, key: &str) -> Vec<String> {
    report[key]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_stage_that_a_backup_needs_is_measured() {
    let scratch = Scratch::new();
    let write = scratch.path("write");
    std::fs::create_dir(&write).unwrap();
    let encrypted = [
        "read", "decrypt", "inflate", "walk", "splice", "deflate", "encrypt", "write",
    ];
    for (name, stages) in [
        ("demo.tar", &encrypted[..]),
        ("v1.tar", &encrypted),
        (
            "v2-uncompressed.tar",
            &["read", "decrypt", "walk", "deflate", "encrypt", "write"],
        ),
        (
            "plain.tar",
            &[
                "read", "inflate", "walk", "splice", "deflate", "encrypt", "write",
            ],
        ),
    ] {
        let report = haslim(line(
            "bench",
            &fixture(name),
            &format!("--json --write {}", write.display()),
        ))
        .code(0)
        .json();
        assert_eq!(names(&report, "stages"), stages, "{name}");
        assert_eq!(
            names(&report, "whole"),
            ["survey", "rewrite", "verify"],
            "{name}"
        );
        for measure in report["stages"]
            .as_array()
            .unwrap()
            .iter()
            .chain(report["whole"].as_array().unwrap())
        {
            assert!(
                measure["seconds"].as_f64().unwrap() > 0.0
                    && measure["stored_bytes"].as_u64().unwrap() > 0,
                "{name}: {measure}"
            );
        }
        assert_eq!(
            report["backup"]["size"],
            std::fs::metadata(fixture(name)).unwrap().len()
        );
        assert_eq!(
            std::fs::read_dir(&write).unwrap().count(),
            0,
            "{name} left something"
        );
    }
    let survey = haslim(line("bench", &fixture("demo.tar"), "--json"))
        .code(0)
        .json();
    assert_eq!(
        names(&survey, "whole"),
        ["survey"],
        "without a folder nothing is copied"
    );
}

#[test]
fn a_result_can_be_kept_and_compared_with() {
    let scratch = Scratch::new();
    let (input, kept) = (fixture("demo.tar"), scratch.path("kept.json"));
    let run = haslim(line("bench", &input, &format!("--save {}", kept.display()))).code(0);
    assert!(
        run.out.contains("inflate") && !run.out.contains("Against before"),
        "{}",
        run.out
    );
    let report: Value = serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap();
    assert_eq!(report["schema"], 1);
    let run = haslim(line(
        "bench",
        &input,
        &format!("--compare {}", kept.display()),
    ))
    .code(0);
    assert!(
        run.out.contains("Against before") && run.out.contains('×'),
        "{}",
        run.out
    );
    assert_eq!(run.err, "");
    let run = haslim(line(
        "bench",
        &fixture("v2.tar"),
        &format!("--compare {}", kept.display()),
    ))
    .code(0);
    assert!(run.err.contains("another backup"), "{}", run.err);
    for (input, differs) in [(&input, false), (&fixture("v2.tar"), true)] {
        let report = haslim(line(
            "bench",
            input,
            &format!("--json -q --compare {}", kept.display()),
        ))
        .code(0)
        .json();
        let differences = report["differences"].as_array().unwrap();
        assert_eq!(
            differences.contains(&"the earlier result is of another backup".into()),
            differs,
            "{differences:?}"
        );
        let measures = ["stages", "whole"]
            .map(|key| report[key].as_array().unwrap().clone())
            .concat();
        assert!(
            measures
                .iter()
                .all(|measure| measure["gain"].as_f64().is_some_and(|gain| gain > 0.0)),
            "{measures:?}"
        );
    }
    // A saved result is not replaced by accident, and no other file is accepted as one.
    let run = haslim(line("bench", &input, &format!("--save {}", kept.display()))).code(7);
    assert!(
        run.err.contains("--force") && !run.err.contains("-o"),
        "{}",
        run.err
    );
    haslim(line(
        "bench",
        &input,
        &format!("--compare {}", input.display()),
    ))
    .code(2);
    haslim(line(
        "bench",
        &input,
        &format!("--compare {}", scratch.path("missing").display()),
    ))
    .code(2);
}

#[test]
fn what_the_copy_leaves_out_can_be_named() {
    let scratch = Scratch::new();
    let write = scratch.0.path().display().to_string();
    let input = fixture("demo.tar");
    let whole = |drop: &str| {
        haslim(line(
            "bench",
            &input,
            &format!("--json --write {write} --drop {drop}"),
        ))
    };
    let size = |drop| {
        whole(drop).code(0).json()["whole"][1]["stored_bytes"]
            .as_u64()
            .unwrap()
    };
    assert!(size("homeassistant") < size("ssl"));
    whole("nonsense").code(2);
    haslim(line("bench", &input, "--drop media")).code(2);
    assert_eq!(scratch.listing(), [""; 0]);
}

#[test]
fn measuring_an_encrypted_backup_needs_its_key() {
    keyless(line("bench", &fixture("v3.tar"), "")).code(12);
    keyless(line("bench", &fixture("plain.tar"), "-q")).code(0);
}
