//! What a backup stores uncompressed is compressed before anything is left out that was not named.

use std::path::{Path, PathBuf};

use crate::line;
use crate::support::draft::Draft;
use crate::support::*;

/// The home of these tests: sources that compress well, a film that does not, an old backup that may
/// go. About 380 kB.
fn home(draft: Draft) -> Draft {
    let source = |at: usize| {
        let line = format!("    return await self.hass.async_add_executor_job(load, {at})\n");
        make::file(
            format!("data/custom_components/x/{at}.py"),
            line.repeat(150).as_bytes(),
        )
    };
    let sources: Vec<Vec<u8>> = (0..20).map(source).collect();
    let inside = make::tar(&[make::metadata_member(
        r#"{"slug":"1","version":2,"name":"n","date":"2020-01-01","type":"full"}"#,
    )]);
    draft
        .config(&sources)
        .folder("media", &[make::file("film.mkv", &make::noise(100_000))])
        .folder("share", &[make::file("old.tar", &inside)])
        .addon("core_ssh", &[make::file("data/x", &b"abc ".repeat(5000))])
        .unlisted("supervisor", &[make::file("x.json", b"{}")])
}

fn uncompressed(start: Draft) -> Draft {
    home(start.uncompressed())
}

const IDS: [&str; 5] = [
    "homeassistant",
    "media",
    "share",
    "addon:core_ssh",
    "supervisor",
];

/// Every way in which Home Assistant writes backups that are not compressed.
fn all_kinds() -> Vec<(&'static str, Draft)> {
    vec![
        ("plain", uncompressed(Draft::plain())),
        ("v2", uncompressed(Draft::v2())),
        ("v3", uncompressed(Draft::v3())),
        ("core", uncompressed(Draft::v3().metadata_first())),
    ]
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

/// With the key, a copy of a plain backup would be encrypted.
fn key(name: &str) -> Option<&'static str> {
    (!name.contains("plain")).then_some(PASSWORD)
}

/// Asserts that the copy has the same entries, and is in every respect a compressed backup.
#[track_caller]
fn is_the_same_compressed(input: &Path, output: &Path, ids: &[&str]) {
    for id in ids {
        assert_eq!(entries(output, id), entries(input, id), "{id}");
    }
    assert_eq!(manifest(output)["compressed"], true);
    for OuterMember { name, .. } in members(output) {
        assert!(
            name == "./backup.json" || name.ends_with(".tar.gz"),
            "{name}"
        );
    }
    haslim(line("verify", output, "")).code(0);
    let info = haslim(line("info", output, "--json")).code(0).json();
    assert_eq!(info["warnings"], serde_json::json!([]));
    assert_eq!(info["compressed"], true);
}

#[test]
fn compressing_comes_first_and_loses_nothing() {
    for (name, draft) in all_kinds() {
        let scratch = Scratch::new();
        let input = draft.write(&scratch, "in.tar");
        let output = scratch.path("out.tar");
        let limit = format!("--limit 200kB --json --yes -o {}", output.display());
        let done = run(line("shrink", &input, &limit), key(name))
            .code(0)
            .json();
        assert!(size(&input) > 300_000 && size(&output) <= 200_000, "{name}");
        assert_eq!(done["drops"], serde_json::json!([]), "{name}");
        // Nothing goes from the parts, so the size was known to the byte.
        assert_eq!(done["predicted_exact"], true, "{name}");
        assert_eq!(done["predicted_size"], size(&output), "{name}");
        let parts = done["compressed_parts"].as_array().unwrap();
        let ids: Vec<&str> = parts.iter().map(|p| p["id"].as_str().unwrap()).collect();
        assert_eq!(ids, IDS, "{name}");
        for part in parts {
            assert_eq!((&part["why"], &part["level"]), (&"size".into(), &6.into()));
            assert_eq!(part["exact"], true);
        }
        is_the_same_compressed(&input, &output, &IDS);
    }
}

#[test]
fn every_uncompressed_fixture_can_be_compressed() {
    for name in ["v1", "v2", "v3", "plain"] {
        let scratch = Scratch::new();
        let input = fixture(&format!("{name}-uncompressed.tar"));
        let output = scratch.path("out.tar");
        let options = format!("--compress always --json --yes -o {}", output.display());
        let done = run(line("shrink", &input, &options), key(name))
            .code(0)
            .json();
        assert_eq!(done["drops"], serde_json::json!([]), "{name}");
        assert_eq!(done["predicted_size"], size(&output), "{name}");
        assert!(size(&output) < size(&input), "{name}");
        let parts = done["compressed_parts"].as_array().unwrap();
        for part in parts {
            let id = part["id"].as_str().unwrap();
            assert_eq!(entries(&output, id), entries(&input, id), "{name} {id}");
        }
        assert!(parts.len() >= 3, "{name}: {parts:?}");
        haslim(line("verify", &output, "")).code(0);
    }
}

#[test]
fn only_what_is_still_too_much_is_left_out_and_the_limit_holds() {
    for (name, draft) in all_kinds() {
        let scratch = Scratch::new();
        let input = draft
            .folder("ssl", &[make::file("c.pem", b"x")])
            .unlisted("nothing", &[make::file("x", b"x")])
            .write(&scratch, "in.tar");
        let output = scratch.path("out.tar");
        let options = format!(
            "--limit 150kB --drop homeassistant:custom_components/x/1*.py --json --yes -o {}",
            output.display()
        );
        let done = run(line("shrink", &input, &options), key(name))
            .code(0)
            .json();
        assert_eq!(done["predicted_exact"], false, "{name}");
        let off = done["predicted_size"]
            .as_u64()
            .unwrap()
            .abs_diff(size(&output));
        assert!(off <= size(&output) / 50, "{name}: off by {off}");
        let left: Vec<String> = entries(&output, "homeassistant")
            .iter()
            .map(|e| String::from_utf8_lossy(&e.name).into_owned())
            .collect();
        assert!(left.iter().any(|name| name.ends_with("/2.py")), "{left:?}");
        assert!(
            left.iter().all(|name| !name.ends_with("/11.py")),
            "{left:?}"
        );
        is_compressed_where_home_assistant_looks(&output);
    }
}

/// A member that no reader looks for keeps its bytes.
fn is_compressed_where_home_assistant_looks(output: &Path) {
    let names: Vec<String> = members(output).into_iter().map(|m| m.name).collect();
    assert!(names.contains(&"nothing.tar".to_owned()), "{names:?}");
    assert!(names.contains(&"media.tar.gz".to_owned()), "{names:?}");
}

#[test]
fn what_fits_without_it_stays_as_it_is_stored() {
    let scratch = Scratch::new();
    let input = uncompressed(Draft::v3()).write(&scratch, "in.tar");
    haslim(line("plan", &input, "")).code(3);
    // What is named is enough.
    let all = haslim(line("plan", &input, "--drop media --limit 300kB --json"))
        .code(0)
        .json();
    assert_eq!(all["compressed_parts"], serde_json::json!([]));
    let all = haslim(line("plan", &input, "--compress always --json"))
        .code(0)
        .json();
    assert_eq!(all["compressed_parts"].as_array().unwrap().len(), 5);
    assert_eq!(all["outcome"], "fits");
}

#[test]
fn a_user_can_forbid_it() {
    let scratch = Scratch::new();
    let input = uncompressed(Draft::v3()).write(&scratch, "in.tar");
    let all = haslim(line(
        "plan",
        &input,
        "--limit 200kB --compress never --json",
    ))
    .code(4)
    .json();
    assert_eq!(all["compressed_parts"], serde_json::json!([]));
    // A configuration file can say so as well, and the option overrides it.
    let config = scratch.file("h.toml", b"compress = \"never\"\n");
    let with = format!("--limit 200kB --config {}", config.display());
    haslim(line("plan", &input, &with)).code(4);
    haslim(line("plan", &input, &format!("{with} --compress auto"))).code(0);
}

#[test]
fn without_the_key_an_encrypted_backup_is_not_compressed_and_the_plan_says_so() {
    let scratch = Scratch::new();
    let input = uncompressed(Draft::v3()).write(&scratch, "in.tar");
    let run = keyless(line("plan", &input, "--limit 300kB --allow user"));
    let said = run.code(0);
    let said = format!("{}{}", said.out, said.err);
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("homeassistant is encrypted, so it takes the key"),
        "{said}"
    );
    keyless(line("plan", &input, "--limit 200kB --compress always")).code(12);
}

#[test]
fn one_part_that_is_no_archive_keeps_all_others_uncompressed() {
    let scratch = Scratch::new();
    let input = home(Draft::plain().uncompressed())
        .stream("core_broken", b"no archive")
        .listed_addon("core_broken")
        .write(&scratch, "in.tar");
    let run = keyless(line("plan", &input, "--limit 200kB --json"));
    let all = run.code(4).json();
    assert_eq!(all["compressed_parts"], serde_json::json!([]));
    let notes = all["notes"].to_string();
    assert!(
        notes.contains("core_broken cannot be read as an archive"),
        "{notes}"
    );
    let refused = keyless(line("plan", &input, "--limit 200kB --compress always")).code(10);
    assert!(
        refused.err.contains("--drop addon:core_broken"),
        "{}",
        refused.err
    );
    // Without it the others can be.
    keyless(line(
        "plan",
        &input,
        "--limit 200kB --drop addon:core_broken",
    ))
    .code(0);
}

#[test]
fn what_does_not_compress_stays_as_it_is_and_the_plan_says_so() {
    let scratch = Scratch::new();
    let input = Draft::v3()
        .uncompressed()
        .folder("media", &[make::file("film.mkv", &make::noise(3_000_000))])
        .write(&scratch, "in.tar");
    let all = haslim(line("plan", &input, "--limit 100kB --json"))
        .code(4)
        .json();
    assert_eq!(all["compressed_parts"], serde_json::json!([]));
    let notes = all["notes"].to_string();
    assert!(notes.contains("would save only"), "{notes}");
}

#[test]
fn with_a_rest_nothing_is_compressed_unless_the_user_asks_which_is_refused() {
    let scratch = Scratch::new();
    let input = uncompressed(Draft::v3()).write(&scratch, "in.tar");
    let (output, rest) = (scratch.path("out.tar"), scratch.path("rest.tar"));
    let files = format!("-o {} --rest {} --yes", output.display(), rest.display());
    let fits = format!("--limit 200kB --drop homeassistant {files}");
    let done = haslim(line("shrink", &input, &format!("{fits} --json")))
        .code(0)
        .json();
    assert_eq!(done["compressed_parts"], serde_json::json!([]));
    let back = scratch.path("back.tar");
    let joined = format!("{} -o {}", rest.display(), back.display());
    keyless(line("join", &output, &joined)).code(0);
    assert!(std::fs::read(&back).unwrap() == std::fs::read(&input).unwrap());
    // It would have been compressed without the rest.
    let tight = format!("--limit 200kB --drop share --force {files}");
    let run = haslim(line("shrink", &input, &tight)).code(4);
    let said = format!("{}{}", run.out, run.err);
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("a rest completes only a copy that has the same bytes"),
        "{said}"
    );
    let asked = format!("{tight} --compress always");
    haslim(line("shrink", &input, &asked)).code(10);
}

#[test]
fn a_scan_without_the_key_cannot_say_how_small_it_would_be_and_with_it_can() {
    let scratch = Scratch::new();
    let input = uncompressed(Draft::v3()).write(&scratch, "in.tar");
    let scan = scratch.path("in.scan");
    haslim(line("scan", &input, &format!("-o {}", scan.display()))).code(0);
    let options = format!("--limit 200kB --json --scan {}", scan.display());
    let all = keyless(line("plan", &input, &options)).code(4).json();
    assert!(all["notes"].to_string().contains("takes the key"), "{all}");
    let all = haslim(line("plan", &input, &options)).code(0).json();
    assert_eq!(all["compressed_parts"].as_array().unwrap().len(), 5);
    let output = scratch.path("out.tar");
    let options = format!("{options} --yes -o {}", output.display());
    haslim(line("shrink", &input, &options)).code(0);
    is_the_same_compressed(&input, &output, &IDS);
}

/// The plan without what depends on the machine.
fn plan_text(input: &Path, options: &str) -> String {
    let run = haslim(line("plan", input, options));
    let name = input.display().to_string();
    let text = run.out.replace(&name, "backup.tar");
    let one = |line: &str| match line.split_once("is lost (") {
        Some((head, _)) => format!("{head}is lost (TIME)\n"),
        None => format!("{}\n", line.trim_end()),
    };
    text.lines().map(one).collect()
}

fn named(scratch: &Scratch) -> PathBuf {
    uncompressed(Draft::v3())
        .app_names(["SSH"])
        .write(scratch, "in.tar")
}

#[test]
fn the_plan_says_what_is_compressed_from_what_to_what() {
    let scratch = Scratch::new();
    insta::assert_snapshot!(plan_text(&named(&scratch), "--limit 200kB"));
}

#[test]
fn the_plan_that_does_not_fit_says_that_it_is_compressed() {
    let scratch = Scratch::new();
    let text = plan_text(&named(&scratch), "--limit 60kB");
    assert!(text.starts_with("STILL TOO BIG: "), "{text}");
    assert!(
        text.lines().next().unwrap().contains(" compressed"),
        "{text}"
    );
}

#[test]
fn why_says_that_a_part_is_compressed() {
    let scratch = Scratch::new();
    let input = named(&scratch);
    let said = |options: &str| haslim(line("plan", &input, options)).code(0).out;
    let text = said("--limit 200kB --why media");
    assert!(
        text.contains("is compressed, from") && text.contains("loses nothing"),
        "{text}"
    );
    let text = said("--limit 200kB --why media:film.mkv");
    assert!(text.contains("compressed"), "{text}");
    assert!(!said("--why media").contains("compressed"));
}

/// Issue 14, point 2: the plan names every part that is compressed from its beginning to its end,
/// with the level and the time.
#[test]
fn the_plan_names_what_is_compressed_again_as_a_whole_and_how() {
    let scratch = Scratch::new();
    let media = make::tar(&[
        make::folder("."),
        make::file("music/a", &b"some music ".repeat(30_000)),
        make::file("b", &b"something else ".repeat(10_000)),
    ]);
    let (start, rest) = media.split_at(100_000);
    let members = [make::gzip(start), make::gzip(rest)].concat();
    let several = Draft::plain()
        .stream("media", &members)
        .set("folders", serde_json::json!(["media"]))
        .write(&scratch, "several.tar");
    let odd = Draft::plain()
        .stream("media", &media)
        .set("folders", serde_json::json!(["media"]))
        .write(&scratch, "odd.tar");
    let v1 = fixture("v1.tar");
    let output = scratch.path("out.tar");
    for (input, options, why, said) in [
        (
            &several,
            "--drop media:b",
            "members",
            "several gzip streams",
        ),
        (
            &odd,
            "--drop media:b",
            "flag",
            "backup.json says that it is compressed",
        ),
        (&v1, "--securetar 3", "version", "another SecureTar version"),
    ] {
        let options = format!("{options} --yes --force --json -o {}", output.display());
        let key = (why == "version").then_some(PASSWORD);
        let done = run(line("shrink", input, &options), key).code(0).json();
        let parts = done["compressed_parts"].as_array().unwrap();
        assert!(!parts.is_empty(), "{why}");
        for part in parts {
            assert_eq!(part["why"], why);
            assert!((1..=9).contains(&part["level"].as_u64().unwrap()), "{part}");
        }
        assert!(
            done["notes"].to_string().contains(said),
            "{}",
            done["notes"]
        );
        assert!(
            done["output_size"].as_u64() <= done["predicted_size"].as_u64(),
            "{why}"
        );
        haslim(line("verify", &output, "")).code(0);
    }
}

#[cfg(unix)] // Types into a terminal.
#[test]
fn the_questions_begin_with_what_compressing_saves() {
    let scratch = Scratch::new();
    let input = named(&scratch);
    let mut terminal = crate::terminal::Terminal::shrink(&input, "--limit 90kB");
    let before = terminal.expect("[q]uit: ");
    let flat = before.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("It is compressed, which loses nothing"),
        "{before}"
    );
    terminal.say("y\n");
    let after = terminal.expect("[y]es, [N]o: ");
    assert!(
        after.contains("Compressed; nothing of it is lost"),
        "{after}"
    );
    assert!(after.contains("film.mkv"), "{after}");
    terminal.say("yes\n");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    let output = scratch.path("in.slim.tar");
    assert!(size(&output) <= 90_000);
    let ids = ["homeassistant", "share", "addon:core_ssh", "supervisor"];
    is_the_same_compressed(&input, &output, &ids);
}
