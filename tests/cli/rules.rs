//! `--rules F`: the effects of a user's file.

use crate::craft::{self, Content};
use crate::line;
use crate::support::draft::Draft;
use crate::support::*;

fn planned(rules: &str, rest: &str) -> (i32, Vec<(String, u64)>) {
    let scratch = Scratch::new();
    let file = scratch.file("rules.toml", rules.as_bytes());
    let run = haslim(line(
        "plan",
        &fixture("demo.tar"),
        &format!("--thorough --json --rules {} {rest}", file.display()),
    ));
    let drops = run.json()["drops"].as_array().cloned().unwrap_or_default();
    let name = |row: &serde_json::Value| row["rule"].as_str().unwrap_or_default().to_owned();
    (
        run.code,
        drops
            .iter()
            .map(|row| (name(row), row["stored_bytes"].as_u64().unwrap()))
            .collect(),
    )
}

#[test]
fn a_rule_of_ones_own_takes_what_it_names() {
    let (code, before) = planned("", "");
    assert_eq!(code, 0);
    let mine = "[[rule]]\nid = \"radio\"\ncomponent = \"media\"\nglobs = [\"radio/**\"]\nclass = \"cache\"\n";
    let (code, after) = planned(mine, "");
    assert_eq!((code, after.len()), (0, before.len() + 1), "{after:?}");
    assert!(
        after
            .iter()
            .any(|(id, bytes)| id == "radio" && *bytes > 20_000),
        "{after:?}"
    );
}

#[test]
fn a_rule_of_ones_own_takes_no_database_of_a_server_for_a_cache() {
    let scratch = Scratch::new();
    let file = |name: &str| make::file(format!("data/{name}"), &make::noise(4000));
    let cases = [
        (
            "a0d7b954_influxdb",
            "influxdb/data/telegraf/autogen/1/a.bin",
        ),
        ("a0d7b954_influxdb", "influxdb/wal/ha/autogen/1/a.wal"),
        ("77b2833f_timescaledb", "postgres/base/16384/1234"),
        ("0123abcd_own_postgres", "pg/base/16384/1234"),
        ("0123abcd_own_mongo", "db/collection-0-12"),
    ];
    // So it is in a folder.
    let entries = [
        make::file("pg/PG_VERSION", b"15"),
        make::file("pg/base/1/2345", &make::noise(4000)),
        make::file("other/own.bin", &make::noise(4000)),
    ];
    let backup = Draft::plain()
        .config(&[])
        .folder("share", &entries)
        .write(&scratch, "share.tar");
    let rules = "[[rule]]\nid = \"mine\"\ncomponent = \"share\"\nglobs = [\"pg/**\", \"other/**\"]\nclass = \"cache\"\n";
    let rules = scratch.file("rules.toml", rules.as_bytes());
    let options = format!("--thorough --json --rules {}", rules.display());
    let text = keyless(line("plan", &backup, &options)).json()["drops"].to_string();
    assert!(text.contains("other/**") && !text.contains("pg/"), "{text}");
    for (slug, path) in cases {
        let mark = |mark: &str| file(&format!("{}/{mark}", path.split('/').next().unwrap()));
        let backup = Draft::plain()
            .config(&[])
            .addon(
                slug,
                &[
                    file(path),
                    file("other/own.bin"),
                    mark("PG_VERSION"),
                    mark("WiredTiger"),
                ],
            )
            .write(&scratch, "in.tar");
        let folder = path.rsplit_once('/').unwrap().0;
        let rules = format!(
            "[[rule]]\nid = \"mine\"\ncomponent = \"addon:{slug}\"\n\
             globs = [\"data/{folder}/**\", \"data/other/**\"]\nclass = \"cache\"\n"
        );
        let rules = scratch.file("rules.toml", rules.as_bytes());
        let options = format!("--thorough --json --rules {}", rules.display());
        let run = keyless(line("plan", &backup, &options));
        let text = run.json()["drops"].to_string();
        assert!(
            text.contains("data/other/**") && !text.contains(path),
            "{slug}: {text}"
        );
    }
}

#[test]
fn a_rule_that_is_switched_off_takes_nothing_and_is_listed_so() {
    let scratch = Scratch::new();
    let text = "disable = [\"pycache\", \"old-backup\"]\n";
    let (_, drops) = planned(text, "");
    assert!(
        !drops
            .iter()
            .any(|(id, _)| id == "pycache" || id == "old-backup"),
        "{drops:?}"
    );
    let file = scratch.file("rules.toml", text.as_bytes());
    let run = keyless(["rules", "--rules", file.to_str().unwrap()]).code(0);
    assert!(run.out.contains("pycache (off)"), "{}", run.out);
}

#[test]
fn a_rule_of_ones_own_does_not_take_what_must_never_go() {
    let greedy = "[[rule]]\nid = \"all\"\ncomponent = \"homeassistant\"\nglobs = [\"**\"]\nclass = \"cache\"\n\
        except = [\"home-assistant_v?.db*\"]\n";
    let scratch = Scratch::new();
    let file = scratch.file("rules.toml", greedy.as_bytes());
    let output = scratch.path("out.tar");
    let rest = format!(
        "--thorough --yes --rules {} -o {}",
        file.display(),
        output.display()
    );
    haslim(line("shrink", &fixture("v2.tar"), &rest)).code(0);
    let kept: Vec<String> = entries(&output, "homeassistant")
        .iter()
        .map(|e| {
            String::from_utf8_lossy(&e.name)
                .trim_end_matches('/')
                .to_owned()
        })
        .collect();
    for path in [
        "configuration.yaml",
        "secrets.yaml",
        ".storage/auth",
        ".HA_VERSION",
        "home-assistant_v2.db",
    ] {
        assert!(
            kept.contains(&format!("data/{path}")),
            "{path} is gone: {kept:?}"
        );
    }
    assert!(!kept.iter().any(|path| path.ends_with(".mp3")), "{kept:?}");
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_line() {
    let scratch = Scratch::new();
    let file = scratch.file("rules.toml", b"\n[[rule]]\nid = \"x\"\n");
    let run = keyless(["rules", "--rules", file.to_str().unwrap()]).code(2);
    assert!(
        run.err
            .contains("line 2, rule 'x': missing field `component`"),
        "{}",
        run.err
    );
    for key in ["`disable", "`id`", "`component`", "`globs`", "`class`"] {
        assert!(run.err.contains(key), "{key}: {}", run.err);
    }
    let run = keyless([
        "rules",
        "--rules",
        scratch.path("missing").to_str().unwrap(),
    ])
    .code(2);
    assert!(run.err.contains("Check the path"), "{}", run.err);
}

#[test]
fn the_example_in_the_readme_is_a_file_of_rules() {
    let readme =
        std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"))
            .unwrap();
    let (_, rest) = readme.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let scratch = Scratch::new();
    let file = scratch.file("rules.toml", example.as_bytes());
    let run = keyless(["rules", "--rules", file.to_str().unwrap(), "--json"])
        .code(0)
        .json();
    let rules = run["rules"].as_array().unwrap();
    assert!(
        rules.iter().any(|rule| rule["added"] == true)
            && rules.iter().any(|rule| rule["enabled"] == false),
        "{example}"
    );
}

#[test]
fn each_rule_says_how_to_stop_it_from_growing() {
    let rules = keyless(["rules", "--json"]).code(0).json();
    let with = rules["rules"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|rule| {
            rule["prevent"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        })
        .count();
    let text = keyless(["rules", "--details"]).code(0).out;
    assert_eq!(text.matches("To prevent this:").count(), with);
}

/// The names in the configuration and in share of a copy that was made without any consent.
fn left_unasked(
    entries: &[(&str, Content<'_>)],
    share: &[(&str, Content<'_>)],
    rest: &str,
) -> Vec<String> {
    let scratch = Scratch::new();
    let (input, output) = (scratch.path("in.tar"), scratch.path("out.tar"));
    let part = |entries: &[(&str, Content<'_>)]| craft::gzip(&craft::tar(entries));
    let mut metadata = craft::metadata("aaaa0001", &["share"], &[]);
    metadata["extra"] = serde_json::json!({"instance_id": "ours"});
    metadata["date"] = "2026-11-01T04:45:00+00:00".into();
    craft::backup(
        &input,
        &[
            ("homeassistant.tar.gz", part(entries)),
            ("share.tar.gz", part(share)),
        ],
        &metadata,
    );
    keyless(line(
        "shrink",
        &input,
        &format!("--thorough --yes -o {} {rest}", output.display()),
    ))
    .code(0);
    let names = ["homeassistant", "share"]
        .into_iter()
        .flat_map(|part| self::entries(&output, part));
    names
        .map(|entry| String::from_utf8_lossy(&entry.name).into_owned())
        .collect()
}

/// A backup inside a backup, with these metadata.
fn nested(about: &str) -> Vec<u8> {
    craft::tar(&[
        ("./backup.json", Content::Bytes(about.as_bytes())),
        ("homeassistant.tar.gz", Content::Bytes(&[7; 3000])),
    ])
}

/// Issue 11, point 7: contents decide if a name cannot.
#[test]
fn the_default_run_looks_at_contents_where_a_name_cannot_tell() {
    let about = |extra: &str| {
        format!(r#"{{"slug":"a","date":"2025-01-01T00:00:00+00:00","type":"full"{extra}}}"#)
    };
    let ours = nested(&about(r#","extra":{"instance_id":"ours"}"#));
    let theirs = nested(&about(r#","extra":{"instance_id":"theirs"}"#));
    let silent = nested(&about(""));
    let album = nested(r#"{"mine":1}"#);
    let mut crash = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x04\0".to_vec();
    crash.resize(5000, 1);
    let mut database = b"SQLite format 3\0".to_vec();
    database.resize(4096, 0);
    let config = [
        (
            "data/configuration.yaml",
            Content::Bytes(b"default_config:\n"),
        ),
        ("data/core.77", Content::Bytes(&crash)),
        ("data/core.2024-plan.svg", Content::Bytes(b"<svg/>")),
        ("data/.cache/uv/wheels/a.whl", Content::Bytes(b"a wheel")),
        ("data/.cache/uv/ratings", Content::Bytes(&database)),
        ("data/backups/ours.tar", Content::Bytes(&ours)),
        ("data/backups/silent.tar", Content::Bytes(&silent)),
        ("data/backups/theirs.tar", Content::Bytes(&theirs)),
    ];
    let share = [
        ("notes.txt", Content::Bytes(b"n")),
        ("ours.tar", Content::Bytes(&ours)),
        ("theirs.tar", Content::Bytes(&theirs)),
        ("silent.tar", Content::Bytes(&silent)),
        ("album.tar", Content::Bytes(&album)),
    ];
    let kept = left_unasked(&config, &share, "");
    let expected = [
        "data/configuration.yaml",
        "data/core.2024-plan.svg",
        "data/.cache/uv/ratings",
        "data/backups/theirs.tar",
        "notes.txt",
        "theirs.tar",
        "silent.tar",
        "album.tar",
    ];
    assert_eq!(kept, expected);
    let kept = left_unasked(&config, &share, "--allow history");
    assert!(
        !kept.contains(&"silent.tar".to_owned()) && kept.contains(&"theirs.tar".to_owned()),
        "{kept:?}"
    );
}

/// Issue 11, point 7: such rules cannot drop a database as a cache.
#[test]
fn a_rule_of_ones_own_that_takes_a_database_unasked_is_refused() {
    let scratch = Scratch::new();
    for (component, glob) in [
        ("homeassistant", "*.db-shm"),
        ("homeassistant", "**"),
        ("addon:core_mariadb", "data/**"),
    ] {
        let text = format!(
            "[[rule]]\nid = \"mine\"\ncomponent = \"{component}\"\nglobs = [\"{glob}\"]\nclass = \"cache\"\n"
        );
        let file = scratch.file("rules.toml", text.as_bytes());
        let run = keyless(["rules", "--rules", file.to_str().unwrap()]).code(2);
        assert!(
            run.err.contains("takes files of a database")
                && run.err.contains("write history or user"),
            "{}",
            run.err
        );
    }
}

#[test]
fn each_rule_says_what_makes_its_files_again() {
    let rules = keyless(["rules", "--json"]).code(0).json();
    let all = rules["rules"].as_array().unwrap();
    let unasked = |rule: &&serde_json::Value| {
        ["cache", "log", "nested"].contains(&rule["class"].as_str().unwrap())
    };
    for rule in all
        .iter()
        .filter(unasked)
        .filter(|rule| rule["id"] != "outer-garbage")
    {
        assert!(
            ["itself", "scan", "network"].contains(&rule["remade_by"].as_str().unwrap()),
            "{rule}"
        );
    }
    let text = keyless(["rules", "--details"]).code(0).out;
    assert_eq!(text.matches("Made again:").count(), all.len());
}
