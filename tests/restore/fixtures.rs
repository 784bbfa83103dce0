//! Compares every fixture with what the reference library reads: what haslim lists, keeps and
//! leaves out.

use std::collections::HashMap;

use crate::support::*;
use serde_json::Value;

fn component_of(member: &str) -> String {
    let stem = member
        .trim_start_matches("./")
        .trim_end_matches(".gz")
        .trim_end_matches(".tar");
    match stem {
        "homeassistant" | "media" | "share" | "ssl" | "supervisor" => stem.into(),
        "addons_local" => "addons/local".into(),
        slug => format!("addon:{slug}"),
    }
}

fn name_of(entry: &Value) -> Vec<u8> {
    let hex = entry["name_hex"].as_str().unwrap();
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn ls_lists_exactly_what_the_reference_library_reads() {
    for name in SYSTEMS
        .iter()
        .chain(&["core-v2", "core-v3", "core-plain", "v1-snapshot", "demo"])
    {
        let listed = haslim(line("ls", &fixture(&format!("{name}.tar")), "--json"))
            .code(0)
            .json();
        let listed: HashMap<&str, &Value> = listed["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| (c["id"].as_str().unwrap(), c))
            .collect();
        let expected = expected(name);
        let archives = expected["members"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|m| m["entries"].is_array());
        for member in archives {
            let id = component_of(member["member"].as_str().unwrap());
            let ours = listed
                .get(id.as_str())
                .unwrap_or_else(|| panic!("{name}: {id} is not listed"));
            let ours: Vec<_> = ours["entries"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| {
                    (
                        e["path"].as_str().unwrap().to_owned(),
                        e["size"].as_u64().unwrap(),
                    )
                })
                .collect();
            let theirs: Vec<_> = member["entries"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| {
                    (
                        haslim::error::escape(&name_of(e)),
                        e["size"].as_u64().unwrap(),
                    )
                })
                .collect();
            assert_eq!(ours, theirs, "{name} {id}");
        }
    }
}

#[test]
fn stored_sizes_add_up_to_the_size_of_each_part() {
    for name in SYSTEMS {
        let listed = haslim(line("ls", &fixture(&format!("{name}.tar")), "--json"))
            .code(0)
            .json();
        for component in listed["components"].as_array().unwrap() {
            let entries: u64 = component["entries"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| e["stored_bytes"].as_u64().unwrap())
                .sum();
            let overhead = component["overhead_bytes"].as_u64().unwrap();
            assert_eq!(
                entries + overhead,
                component["stored_bytes"].as_u64().unwrap(),
                "{name} {}",
                component["id"]
            );
            assert!(
                overhead < 20_000,
                "{name} {}: {overhead} bytes belong to no entry",
                component["id"]
            );
        }
    }
}

#[test]
fn verify_finds_every_fixture_in_order() {
    for name in SYSTEMS
        .iter()
        .chain(&["core-v2", "core-v3", "core-plain", "v1-snapshot", "demo"])
    {
        let checked = haslim(line("verify", &fixture(&format!("{name}.tar")), "--json"))
            .code(0)
            .json();
        assert_eq!(checked["ok"], true, "{name}: {checked}");
    }
}

#[test]
fn a_path_drop_keeps_every_other_entry_identical() {
    let scratch = Scratch::new();
    for name in SYSTEMS {
        let input = fixture(&format!("{name}.tar"));
        let output = scratch.path(&format!("{name}.out.tar"));
        haslim(shrink(
            &input,
            &output,
            "--drop homeassistant:www --drop database",
        ))
        .code(0);
        let dropped = |e: &InnerEntry| {
            let name = e.name.strip_prefix(b"./").unwrap_or(&e.name);
            name.starts_with(b"data/www/")
                || name == b"data/www"
                || name.starts_with(b"data/home-assistant_v2.db")
        };
        let before = entries(&input, "homeassistant");
        let expected: Vec<_> = before.iter().filter(|e| !dropped(e)).cloned().collect();
        assert!(expected.len() < before.len(), "{name}: nothing to drop");
        let after = entries(&output, "homeassistant");
        for (ours, theirs) in after.iter().zip(&expected) {
            assert_eq!(ours, theirs, "{name}");
        }
        assert_eq!(after.len(), expected.len(), "{name}");
        let manifest = manifest(&output);
        assert_eq!(
            manifest["homeassistant"]["exclude_database"], true,
            "{name}"
        );
    }
}

#[test]
fn parts_that_are_not_named_are_copied_byte_for_byte() {
    let scratch = Scratch::new();
    for name in ["v2", "v3", "plain"] {
        let input = fixture(&format!("{name}.tar"));
        let output = scratch.path(&format!("{name}.out.tar"));
        let password = (name != "plain").then_some(PASSWORD);
        run(
            shrink(&input, &output, "--drop homeassistant:www --drop media"),
            password,
        )
        .code(0);
        let before = members(&input);
        let kept: Vec<_> = before
            .iter()
            .filter(|m| {
                !["homeassistant.tar.gz", "media.tar.gz", "./backup.json"]
                    .contains(&m.name.as_str())
            })
            .collect();
        let after = members(&output);
        assert_eq!(after.len(), before.len() - 1, "{name}");
        for member in kept {
            assert!(
                after.contains(member),
                "{name}: {} was changed",
                member.name
            );
        }
    }
}

#[test]
fn unknown_keys_and_the_spelling_of_numbers_survive() {
    let scratch = Scratch::new();
    let (input, output) = (scratch.copy("v2.tar"), scratch.path("out.tar"));
    keyless(shrink(&input, &output, "--drop media")).code(0);
    let text = |path| {
        String::from_utf8(member(path, "./backup.json"))
            .unwrap()
            .replace([' ', '\n'], "")
    };
    let (old, new) = (text(&input), text(&output));
    for spelled in ["0.10", "1e3"] {
        assert!(old.contains(spelled), "the fixture has no {spelled}");
        assert!(new.contains(spelled), "{spelled} is gone");
    }
    let keys = |text: &str| -> Vec<String> {
        serde_json::from_str::<serde_json::Map<String, Value>>(text)
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(keys(&new), keys(&old));
    assert_eq!(
        member(&output, "./vendor_notes.bin"),
        member(&input, "./vendor_notes.bin")
    );
}

#[test]
fn a_draft_is_a_sound_backup_with_the_parts_that_were_added() {
    use draft::Draft;
    let scratch = Scratch::new();
    for start in [Draft::plain, Draft::v2, Draft::v3] {
        for draft in [start(), start().uncompressed(), start().metadata_first()] {
            let long = format!("data/{}end", "long/".repeat(40));
            let draft = draft
                .config(&[make::file("data/www/a.bin", &make::noise(900))])
                .folder("addons/local", &[make::file("x", b"x")])
                .addon("core_ssh", &[make::any_file(&long, b"long")]);
            let path = draft.write(&scratch, "draft.tar");
            let info = haslim(line("info", &path, "--json")).code(0).json();
            assert_eq!(info["warnings"], serde_json::json!([]));
            let listed: Vec<_> = info["components"]
                .as_array()
                .unwrap()
                .iter()
                .map(|c| (c["id"].clone(), c["listed"].clone()))
                .collect();
            assert_eq!(
                listed,
                ["homeassistant", "addons/local", "addon:core_ssh"]
                    .map(|id| (id.into(), true.into()))
            );
            haslim(line("verify", &path, "")).code(0);
            assert_eq!(
                entries(&path, "homeassistant").last().unwrap().data,
                make::noise(900)
            );
            assert_eq!(
                entries(&path, "addon:core_ssh").last().unwrap().name,
                long.as_bytes()
            );
        }
    }
}
