//! The predicted size is the size of the file, and the limit holds even if it is not.

use std::path::{Path, PathBuf};

use crate::craft::{self, Content};
use crate::line;
use crate::support::*;

/// Python pads a tar to whole records, so a prediction cannot be more precise than one record.
const RECORD: u64 = 10_240;

/// What is left out: whole parts, single files, files with links to them, and everything that may
/// be dropped.
const CUTS: [&str; 9] = [
    "--drop media",
    "--drop media:** --keep media:frigate/**",
    "--drop homeassistant:nest/event_media/**",
    "--drop database",
    "--drop homeassistant:www/** --drop share:**",
    "--drop share --drop homeassistant:tts",
    "--drop homeassistant:**/*.pyc --drop homeassistant:*.log*",
    "--thorough",
    "--thorough --allow history,user",
];

/// Shrinks and compares. Returns the bytes by which the prediction was too low, or nothing if the
/// backup contains nothing of that kind.
#[track_caller]
fn compare(input: &Path, output: &Path, rest: &str) -> Option<i64> {
    let run = haslim(line(
        "shrink",
        input,
        &format!("{rest} --yes --force --json -o {}", output.display()),
    ));
    if run.code == 3 || run.code == 2 && run.out.contains("nothing in this backup matches") {
        return None;
    }
    let value = run.code(0).json();
    let predicted = value["predicted_size"].as_u64().unwrap();
    let size = std::fs::metadata(output).unwrap().len();
    assert_eq!(value["output_size"], size);
    let bound = RECORD.max(size / 1000);
    assert!(
        size.abs_diff(predicted) <= bound,
        "{} {rest}: {predicted} predicted, {size} written",
        input.display()
    );
    Some(i64::try_from(size).unwrap() - i64::try_from(predicted).unwrap())
}

fn every_cut(names: &[&str], options: &str) -> Vec<i64> {
    let scratch = Scratch::new();
    let output = scratch.path("out.tar");
    let all = names
        .iter()
        .flat_map(|name| CUTS.map(|rest| (fixture(name), rest)));
    let off: Vec<i64> = all
        .filter_map(|(input, rest)| compare(&input, &output, &format!("{rest} {options}")))
        .collect();
    assert!(
        off.len() >= names.len() * (CUTS.len() - 3),
        "hardly anything was compared: {off:?}"
    );
    off
}

#[test]
fn v3_backups_have_the_predicted_size() {
    every_cut(&["v3.tar"], "");
}

#[test]
fn v2_backups_have_the_predicted_size() {
    every_cut(&["v2.tar"], "");
}

#[test]
fn v1_backups_have_the_predicted_size() {
    every_cut(&["v1.tar"], "");
}

#[test]
fn plain_backups_have_the_predicted_size() {
    every_cut(&["plain.tar"], "--securetar none");
}

#[test]
fn the_demo_has_the_predicted_size() {
    every_cut(&["demo.tar"], "");
}

#[test]
fn uncompressed_backups_have_exactly_the_predicted_size() {
    let off = every_cut(
        &[
            "v2-uncompressed.tar",
            "v3-uncompressed.tar",
            "plain-uncompressed.tar",
        ],
        "",
    );
    assert!(off.iter().all(|off| *off == 0), "{off:?}");
}

#[test]
fn backups_of_core_have_the_predicted_size() {
    let scratch = Scratch::new();
    for name in ["core-v2.tar", "core-v3.tar", "core-plain.tar"] {
        for rest in [
            "--drop database",
            "--thorough --allow history,user",
            "--drop homeassistant:www/**",
        ] {
            assert!(
                compare(&fixture(name), &scratch.path("out.tar"), rest).is_some(),
                "{name} {rest}"
            );
        }
    }
}

#[test]
fn a_change_of_version_has_the_predicted_size() {
    let scratch = Scratch::new();
    for (name, options) in [
        ("v2.tar", "--securetar 3"),
        ("v3.tar", "--securetar 2"),
        ("v3.tar", "--securetar none"),
        ("plain.tar", "--securetar 3"),
    ] {
        for rest in ["--drop media", "--drop share:**"] {
            let compared = compare(
                &fixture(name),
                &scratch.path("out.tar"),
                &format!("{rest} {options}"),
            );
            assert!(compared.is_some(), "{name} {rest} {options}");
        }
    }
}

/// Text that the strongest compression makes much smaller than a fast one.
fn text(words: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    let vocabulary: Vec<String> = (0..800)
        .map(|n| format!("{}{n:x}", ["light", "switch", "sensor", "state"][n % 4]))
        .collect();
    let text: Vec<&str> = (0..words)
        .map(|_| vocabulary[(next() % 800) as usize & (next() % 800) as usize].as_str())
        .collect();
    text.join(" ").into_bytes()
}

/// Bytes that do not compress.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 7u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A backup whose configuration must be compressed again when its clips are dropped, because it has
/// two gzip members, and then is larger than before; and a cache of this many bytes.
pub(crate) fn optimistic(scratch: &Scratch, cache: usize) -> PathBuf {
    let (text, clip, cache) = (text(200_000), noise(20_000), noise(cache));
    let entries = [
        (
            "data/configuration.yaml",
            Content::Bytes(b"default_config:\n"),
        ),
        ("data/nest/event_media/a.mp4", Content::Bytes(&clip)),
        (
            "data/www/door.mp4",
            Content::LinkTo("data/nest/event_media/a.mp4"),
        ),
        ("data/blueprints/notes.txt", Content::Bytes(&text)),
        ("data/__pycache__/a.pyc", Content::Bytes(&cache)),
    ];
    let path = scratch.path("in.tar");
    let tar = craft::tar(&entries);
    let (start, rest) = tar.split_at(1024);
    let configuration = [craft::gzip(start), craft::gzip(rest)].concat();
    let members = [("homeassistant.tar.gz", configuration)];
    craft::backup(&path, &members, &craft::metadata("aaaa0001", &[], &[]));
    path
}

#[test]
fn a_copy_that_comes_out_too_large_is_planned_anew_and_never_kept() {
    const CLIPS: &str = "--drop homeassistant:nest/event_media/**";
    for (cache, codes) in [(120_000, vec![0]), (0, vec![4])] {
        let scratch = Scratch::new();
        let input = optimistic(&scratch, cache);
        let output = scratch.path("out.tar");
        let plan = keyless(line("plan", &input, &format!("{CLIPS} --json")))
            .code(0)
            .json();
        let predicted = plan["predicted_size"].as_u64().unwrap();
        let once = keyless(line(
            "shrink",
            &input,
            &format!("{CLIPS} --yes --json -o {}", output.display()),
        ))
        .code(0)
        .json();
        let size = once["output_size"].as_u64().unwrap();
        assert!(
            size > predicted + RECORD,
            "this backup is meant to be predicted too low: {predicted}, {size}"
        );
        // The plan would only just fit.
        let run = keyless(line(
            "shrink",
            &input,
            &format!(
                "{CLIPS} --yes --force --limit {predicted} -o {}",
                output.display()
            ),
        ));
        assert!(codes.contains(&run.code), "{}\n{}", run.out, run.err);
        if run.code == 0 {
            assert!(std::fs::metadata(&output).unwrap().len() <= predicted);
            let names: Vec<Vec<u8>> = entries(&output, "homeassistant")
                .into_iter()
                .map(|e| e.name)
                .collect();
            assert!(
                !names.contains(&b"data/__pycache__/a.pyc".to_vec())
                    && names.contains(&b"data/www/door.mp4".to_vec())
            );
        } else {
            // With --force the older copy is unchanged.
            assert_eq!(std::fs::metadata(&output).unwrap().len(), size);
            assert!(run.err.trim_end().ends_with(UNCHANGED), "{}", run.err);
        }
        assert_eq!(scratch.listing(), ["in.tar", "out.tar"]);
    }
}

/// A part can take some bytes more than predicted, and a record of the tar has 10,240.
#[test]
fn shrink_leaves_out_what_plan_shows_at_every_limit() {
    for (name, from) in [("v2.tar", 49_152), ("v1-snapshot.tar", 20_480)] {
        for limit in (from..from + 16_384).step_by(2560) {
            for allow in ["history", "history,user"] {
                let scratch = Scratch::new();
                let backup = scratch.copy(name);
                let options = format!("--limit {limit} --allow {allow} --json");
                let plan = haslim(line("plan", &backup, &options));
                if plan.code != 0 {
                    continue;
                }
                let run = haslim(line("shrink", &backup, &format!("{options} --yes"))).code(0);
                assert_eq!(
                    run.json()["drops"],
                    plan.json()["drops"],
                    "{name} {options}"
                );
                assert!(!run.err.contains("planned again"), "{}", run.err);
            }
        }
    }
}
