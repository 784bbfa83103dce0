//! `ls` from the user's side: what is big, what it is, and what a glob finds.

use serde_json::Value;

use crate::line;
use crate::screen::{beside, env};
use crate::support::draft::Draft;
use crate::support::*;

/// A small home: camera recordings of five days, two films of the owner, posters that a rescan
/// fetches again.
fn home(scratch: &Scratch) -> std::path::PathBuf {
    let mut media = vec![make::folder("./family"), make::folder("./family/2024")];
    media.push(make::file("family/2024/wedding.mp4", &make::noise(90_000)));
    media.push(make::file("family/2024/birthday.mp4", &make::noise(34_000)));
    media.push(make::folder("frigate"));
    media.push(make::folder("frigate/recordings"));
    for day in 1..=5 {
        let folder = format!("frigate/recordings/2026-11-0{day}");
        media.push(make::folder(&folder));
        for minute in 0..2 {
            let name = format!("{folder}/00.{minute}0.mp4");
            media.push(make::file(&name, &make::noise(38_000)));
        }
    }
    let posters = [make::file(
        "jellyfin/metadata/library/poster.jpg",
        &make::noise(60_000),
    )];
    Draft::v3()
        .config(&[])
        .folder("media", &media)
        .folder("share", &posters)
        .folder("ssl", &[make::file("privkey.pem", b"key")])
        .addon("core_mosquitto", &[])
        .write(scratch, "backup.tar")
}

/// Standard output of a run beside the backup.
fn ls(rest: &str, columns: Option<&str>, extra: &[(&str, &str)]) -> String {
    let scratch = Scratch::new();
    let columns = columns.map(|columns| ("COLUMNS", columns));
    let env = env(&[columns.as_slice(), extra].concat());
    beside(&line("ls", &home(&scratch), rest), &env).code(0).out
}

fn json(rest: &str) -> Value {
    serde_json::from_str(&ls(&format!("{rest} --json"), None, &[])).unwrap()
}

#[test]
fn the_home_on_80_columns() {
    insta::assert_snapshot!(ls("", Some("80"), &[]));
}

#[test]
fn the_home_on_120_columns() {
    insta::assert_snapshot!(ls("", Some("120"), &[]));
}

#[test]
fn a_pipe_without_colour_has_the_same_lines() {
    let wide = ls("", Some("120"), &[]);
    assert_eq!(ls("", None, &[]), wide);
    assert_eq!(ls("", None, &[("NO_COLOR", "1")]), wide);
}

#[test]
fn the_home_in_ascii() {
    let ascii = ls("--ascii", Some("80"), &[]);
    assert!(ascii.is_ascii(), "{ascii}");
    insta::assert_snapshot!(ascii);
}

#[test]
fn one_folder_with_all_that_is_known() {
    insta::assert_snapshot!(ls("media:frigate --details --depth 3", Some("100"), &[]));
}

#[test]
fn files_alone_and_what_a_glob_finds() {
    insta::assert_snapshot!(ls("--flat --top 4", Some("80"), &[]));
    insta::assert_snapshot!(ls("--find *.jpg", Some("80"), &[]));
    insta::assert_snapshot!(ls("--find media:family/** --flat", Some("80"), &[]));
    insta::assert_snapshot!(ls("--find nothing", Some("80"), &[]));
}

#[test]
fn a_long_name_is_shortened_on_a_terminal_only() {
    let scratch = Scratch::new();
    let name = format!("{}-the-end.mp4", "long-".repeat(16));
    let input = Draft::plain()
        .folder(
            "media",
            &[
                make::file(&name, &make::noise(5000)),
                make::file("b", &make::noise(5000)),
            ],
        )
        .write(&scratch, "in.tar");
    let out = |columns: Option<&str>| {
        let mut command = assert_cmd::Command::cargo_bin("haslim").unwrap();
        command
            .env("LC_ALL", "C.UTF-8")
            .env_remove("COLUMNS")
            .args(line("ls", &input, ""));
        if let Some(columns) = columns {
            command.env("COLUMNS", columns);
        }
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(
        out(None)
            .lines()
            .any(|line| line.contains(&format!("  {name}")))
    );
    let narrow = out(Some("80"));
    let (rows, _) = narrow.split_once("Leave one out:").unwrap();
    assert!(
        rows.lines().all(|line| line.chars().count() <= 80),
        "{rows}"
    );
    assert!(
        rows.contains("…") && rows.contains("-the-end.mp4"),
        "{rows}"
    );
}

#[test]
fn the_example_can_be_pasted() {
    let scratch = Scratch::new();
    let input = home(&scratch);
    let out = haslim(line("ls", &input, "")).code(0).out;
    let command = out.lines().last().unwrap().trim();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    assert_eq!(words.last(), Some(&"media:family/2024/wedding.mp4"));
    let plan = haslim(words.into_iter().chain(["--json"])).code(0).json();
    assert_eq!(plan["drops"][0]["files"], 1, "{plan}");
}

#[test]
fn json_honours_what_limits_the_text() {
    let all = json("");
    assert!(all.get("rows").is_none() && all["components"].is_array());
    let listed = json("--depth 1 --top 2");
    let levels = |document: &Value| -> Vec<u64> {
        let rows = document["rows"].as_array().unwrap();
        rows.iter()
            .map(|row| row["level"].as_u64().unwrap())
            .collect()
    };
    assert!(levels(&listed).iter().all(|level| *level <= 2), "{listed}");
    let parts = listed["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["level"] == 1);
    assert_eq!(
        parts
            .map(|row| row["kind"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>(),
        ["component", "file", "more"]
    );
    let flat = json("--flat --sort name");
    let paths: Vec<&str> = flat["rows"].as_array().unwrap()[1..]
        .iter()
        .map(|row| row["path"].as_str().unwrap())
        .collect();
    assert!(paths.is_sorted() && paths.len() as u64 == flat["rows"][0]["count"].as_u64().unwrap());
    let entries = all["components"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|part| part["entries"].as_array().unwrap());
    assert_eq!(
        paths.len(),
        entries.filter(|entry| entry["kind"] != "directory").count()
    );
}

#[test]
fn the_rows_of_parts_are_what_plan_drops() {
    let scratch = Scratch::new();
    let input = home(&scratch);
    let listed = haslim(line("ls", &input, "--depth 0 --json"))
        .code(0)
        .json();
    let rows = listed["rows"].as_array().unwrap();
    assert_eq!(
        rows[0]["stored_bytes"],
        std::fs::metadata(&input).unwrap().len()
    );
    for id in ["media", "share"] {
        let plan = haslim(line("plan", &input, &format!("--drop {id} --json")))
            .code(0)
            .json();
        let row = rows.iter().find(|row| {
            row["path"]
                .as_str()
                .is_some_and(|path| path.starts_with(id))
        });
        assert_eq!(
            row.unwrap()["stored_bytes"],
            plan["drops"][0]["stored_bytes"],
            "{id}"
        );
    }
}

#[test]
fn a_pattern_as_a_place_is_told_the_option_for_patterns() {
    let scratch = Scratch::new();
    let backup = home(&scratch);
    let run = beside(&line("ls", &backup, "media:f*"), &env(&[])).code(2);
    let step = "`haslim ls BACKUP --find 'media:f*'` lists what it matches.";
    assert!(run.err.contains(step), "{}", run.err);
}

#[test]
fn a_glob_that_is_none_is_refused() {
    let scratch = Scratch::new();
    let run = haslim(line("ls", &home(&scratch), "--find [")).code(2);
    assert!(run.err.contains("finds nothing"), "{}", run.err);
}
