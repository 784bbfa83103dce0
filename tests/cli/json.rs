//! The stable JSON: its values, and that nothing is printed beside it. `schema` checks keys and
//! types.

use serde_json::Value;

use crate::craft::{self, Content};
use crate::exit_codes::damaged;
use crate::line;
use crate::schema;
use crate::support::*;

fn rows<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap()
}

/// Asserts that a run printed one JSON document on standard output, and nothing on standard error.
#[track_caller]
fn alone(run: &Run) -> Value {
    assert_eq!(run.err, "");
    // Parsing fails on anything that follows the document.
    let value = run.json();
    assert_eq!(value["schema"], 1);
    value
}

#[test]
fn info_has_exactly_its_keys() {
    for name in [
        "v1.tar",
        "v2.tar",
        "v3.tar",
        "plain.tar",
        "demo.tar",
        "core-plain.tar",
    ] {
        let value = alone(&keyless(line("info", &fixture(name), "--json")).code(0));
        schema::check("info", &value);
        assert!(!rows(&value, "components").is_empty());
        assert_eq!(
            value["size"],
            std::fs::metadata(fixture(name)).unwrap().len()
        );
    }
}

#[test]
fn plan_has_exactly_its_keys() {
    for rest in [
        "--drop media",
        "--limit 1MB",
        "--limit 1MB --allow history,user",
        "--drop homeassistant:nest/**",
    ] {
        let run = haslim(line(
            "plan",
            &fixture("demo.tar"),
            &format!("{rest} --json"),
        ));
        let value = alone(&run);
        schema::check("plan", &value);
        assert_eq!(value.get("error").is_some(), run.code != 0, "{rest}");
        if run.code != 0 {
            assert_eq!(value["error"]["code"], run.code);
        }
        assert_eq!(rows(&value, "largest").len(), 10);
    }
}

#[test]
fn every_drop_that_a_rule_chose_says_all_that_the_rule_knows() {
    let run = haslim(line(
        "plan",
        &fixture("demo.tar"),
        "--thorough --allow history --json",
    ))
    .code(0);
    let value = run.json();
    let rules: Vec<&str> = rows(&value, "drops")
        .iter()
        .map(|row| row["rule"].as_str().unwrap())
        .collect();
    assert!(
        rules.contains(&"frigate-rec") && rules.contains(&"old-backup"),
        "{rules:?}"
    );
    for row in rows(&value, "drops") {
        for key in ["rule", "class", "lost", "on_restore", "advice"] {
            assert!(
                row[key].as_str().is_some_and(|text| !text.is_empty()),
                "{key} of {row}"
            );
        }
    }
}

#[test]
fn why_is_json_too() {
    let value = alone(
        &haslim(line(
            "plan",
            &fixture("demo.tar"),
            "--why homeassistant:secrets.yaml --json",
        ))
        .code(0),
    );
    schema::check("why", &value);
    assert!(
        rows(&value, "why")[0]
            .as_str()
            .unwrap()
            .starts_with("homeassistant:secrets.yaml stays: no rule ever drops it.")
    );
}

#[test]
fn the_rules_carry_all_that_a_program_needs() {
    let value = alone(&keyless(["rules", "--json"]).code(0));
    schema::check("rules", &value);
    for rule in rows(&value, "rules") {
        for key in [
            "id",
            "title",
            "component",
            "class",
            "lost",
            "prevent",
            "confidence",
            "source",
        ] {
            assert!(
                rule[key].as_str().is_some_and(|text| !text.is_empty()),
                "{key} of {rule}"
            );
        }
        assert!(
            !rows(rule, "globs").is_empty()
                && !rows(rule, "matches").is_empty()
                && !rows(rule, "spares").is_empty()
        );
    }
}

#[test]
fn outcomes_have_their_codes() {
    for (rest, outcome, code) in [
        ("--drop media", "fits", 0),
        ("", "already_fits", 3),
        ("--limit 1kB", "cannot_fit", 4),
    ] {
        let run = haslim(line(
            "plan",
            &fixture("demo.tar"),
            &format!("{rest} --json"),
        ))
        .code(code);
        assert_eq!(run.json()["outcome"], outcome, "{rest}");
    }
}

#[test]
fn shrink_has_exactly_its_keys_and_tells_the_truth() {
    let scratch = Scratch::new();
    let input = scratch.copy("v2.tar");
    let value = alone(
        &haslim(line(
            "shrink",
            &input,
            "--drop media --drop share:** --yes --json",
        ))
        .code(0),
    );
    schema::check("shrink", &value);
    assert_eq!(value.get("error"), None);
    let output = scratch.path("v2.slim.tar");
    assert_eq!(value["output"], output.to_str().unwrap());
    assert_eq!(
        value["output_size"],
        std::fs::metadata(&output).unwrap().len()
    );
    assert_eq!(value["verified"], true);
    let copy = manifest(&output);
    assert_eq!(
        (&value["output_slug"], &value["output_name"]),
        (&copy["slug"], &copy["name"])
    );
    assert_ne!(
        value["slug"], value["output_slug"],
        "the original keeps its own"
    );
    let targets: Vec<&str> = rows(&value, "drops")
        .iter()
        .map(|row| row["target"].as_str().unwrap())
        .collect();
    assert!(
        targets.contains(&"media") && targets.contains(&"share"),
        "a part that is left empty goes: {targets:?}"
    );
}

#[test]
fn the_original_and_the_copy_each_say_whether_they_fit() {
    let scratch = Scratch::new();
    let input = scratch.copy("demo.tar");
    let fits = |value: &Value, key: &str| {
        (
            value["fits"].as_bool().unwrap(),
            value[key].as_bool().unwrap(),
        )
    };
    let plan = |rest: &str| haslim(line("plan", &input, &format!("{rest} --json"))).json();
    assert_eq!(
        fits(&plan("--limit 1MB --drop media"), "predicted_fits"),
        (false, true)
    );
    assert_eq!(fits(&plan("--limit 1MB"), "predicted_fits"), (false, false));
    let value = haslim(line(
        "shrink",
        &input,
        "--limit 1MB --drop media --yes --json",
    ))
    .code(0)
    .json();
    assert_eq!(fits(&value, "output_fits"), (false, true));
}

#[test]
fn repair_tells_about_its_copy_as_shrink_does() {
    let scratch = Scratch::new();
    let input = scratch.file(
        "odd.tar",
        &[std::fs::read(fixture("plain.tar")).unwrap(), vec![7; 600]].concat(),
    );
    let value = keyless(line("repair", &input, "--yes --json"))
        .code(0)
        .json();
    schema::check("repair", &value);
    assert_eq!(value.get("error"), None);
    let copy = manifest(&scratch.path("odd.repaired.tar"));
    assert_eq!(
        (&value["output_slug"], &value["output_name"]),
        (&copy["slug"], &copy["name"])
    );
}

#[test]
fn errors_are_json_too_and_stand_alone() {
    let scratch = Scratch::new();
    let (broken, sound) = (
        scratch.file("broken.tar", b"no backup"),
        scratch.copy("v2.tar"),
    );
    let cases = [
        ("info", broken.clone(), "", 5, "damaged"),
        ("info", scratch.path("missing.tar"), "", 11, "input_io"),
        ("verify", broken, "", 5, "damaged"),
        ("plan", fixture("v2.tar"), "--drop nonsense", 2, "usage"),
        ("ls", fixture("v2.tar"), "nonsense", 2, "usage"),
        ("shrink", sound.clone(), "", 2, "usage"),
        ("shrink", sound.clone(), "--yes", 3, "already_fits"),
        ("repair", sound.clone(), "--yes", 3, "nothing_to_repair"),
        (
            "shrink",
            sound,
            "--yes --drop media -o no/such/folder",
            7,
            "output_io",
        ),
    ];
    for (command, input, rest, code, kind) in cases {
        let run = haslim(line(command, &input, &format!("{rest} --json"))).code(code);
        let value = alone(&run);
        // A backup that was planned is described all the same.
        let planned = kind == "already_fits";
        schema::check(
            if planned {
                "nothing to shrink"
            } else {
                "error alone"
            },
            &value,
        );
        assert_eq!(value.get("file").is_some(), planned, "{command} {rest}");
        assert_eq!(
            (&value["error"]["code"], &value["error"]["kind"]),
            (&code.into(), &kind.into()),
            "{command} {rest}"
        );
    }
    let run = keyless(line("verify", &fixture("v2.tar"), "--json")).code(12);
    assert_eq!(alone(&run)["error"]["kind"], "password");
}

#[test]
fn a_shrink_that_cannot_fit_names_the_ways_out_as_plan_does() {
    let scratch = Scratch::new();
    let input = scratch.copy("demo.tar");
    for limit in ["1MB", "1kB"] {
        let run = |command: &str| {
            haslim(line(command, &input, &format!("--limit {limit} --json"))).code(4)
        };
        let shrink = haslim(line(
            "shrink",
            &input,
            &format!("--limit {limit} --yes --json"),
        ))
        .code(4);
        let value = alone(&shrink);
        schema::check("nothing to shrink", &value);
        assert_eq!(value["error"]["kind"], "cannot_fit");
        assert_eq!(value["notes"], run("plan").json()["notes"]);
        assert_eq!(value["ways_out"], run("plan").json()["ways_out"]);
        assert_eq!(rows(&value, "ways_out").is_empty(), limit == "1kB");
    }
}

#[test]
fn wrong_usage_is_json_when_json_is_asked_for() {
    let cases = [
        (
            "plan x.tar --no-such-option --json",
            "`haslim plan` has no option --no-such-option",
        ),
        ("--json plan", "`haslim plan` needs <BACKUP>"),
        (
            "plan x.tar --json --limit potatoes",
            "'potatoes' is not a size",
        ),
        (
            "no-such-command --json",
            "there is no command 'no-such-command'",
        ),
        ("ls x.tar -q -v --json", "cannot be used with"),
        ("--json", "no command is given"),
    ];
    for (args, says) in cases {
        let run = keyless(args.split(' ')).code(2);
        let value = alone(&run);
        schema::check("error alone", &value);
        assert_eq!(value.as_object().unwrap().len(), 2, "{args}: {value}");
        let message = value["error"]["message"].as_str().unwrap();
        assert!(
            message.contains(says) && !message.contains('\n') && !message.contains("Usage"),
            "{args}: {message}"
        );
    }
    // After `--` it is a name.
    let run = keyless("plan --no-such-option -- --json".split(' ')).code(2);
    assert_eq!(run.out, "");
    let help = keyless(["plan", "--help", "--json"]).code(0);
    assert!(help.out.contains("Usage:") && help.err.is_empty());
}

#[test]
fn without_json_errors_print_nothing_on_standard_output() {
    let scratch = Scratch::new();
    let broken = scratch.file("broken.tar", b"no backup");
    for (command, input, rest) in [
        ("info", broken.clone(), ""),
        ("ls", broken.clone(), ""),
        ("plan", broken.clone(), ""),
        ("shrink", broken.clone(), "--yes"),
        ("verify", broken, ""),
        ("plan", fixture("v2.tar"), "--drop nonsense"),
        ("shrink", scratch.copy("v2.tar"), "--drop media"),
        ("ls", fixture("v2.tar"), "nonsense"),
    ] {
        let run = haslim(line(command, &input, rest));
        assert_ne!(run.code, 0, "{command} {rest}");
        assert_eq!(run.out, "", "{command} {rest}");
    }
}

#[test]
fn a_folder_gives_one_document_with_a_row_for_each_file() {
    let scratch = Scratch::new();
    scratch.copy("v3.tar");
    scratch.copy("plain.tar");
    scratch.file("broken.tar", b"no backup");
    scratch.file("notes.txt", b"not looked at");
    let value = alone(
        &keyless([
            "info".as_ref(),
            scratch.0.path().as_os_str(),
            "--json".as_ref(),
        ])
        .code(0),
    );
    schema::check("several backups", &value);
    let [plain, v3, broken] = rows(&value, "backups") else {
        panic!("{value}")
    };
    schema::check("error alone", broken);
    assert!(broken["file"].as_str().unwrap().ends_with("broken.tar"));
    schema::check("info", plain);
    assert_eq!(v3["securetar"], 3);
}

#[test]
fn quiet_does_not_silence_json() {
    alone(&keyless(line("info", &fixture("v3.tar"), "--json -q")).code(0));
}

#[test]
fn what_ls_gives_as_selector_is_what_drop_takes() {
    let scratch = Scratch::new();
    let input = scratch.path("odd.tar");
    let names = [
        "data/plain.txt",
        "data/sub/a[1]*?.txt",
        "data/{a,b}\\ c ",
        "data/sub/ümlaut:x",
        "homeassistant.json",
    ];
    let entries: Vec<craft::Entry<'_>> = names
        .iter()
        .map(|name| (*name, Content::Bytes(b"contents")))
        .collect();
    let members = [
        ("homeassistant.tar.gz", craft::gzip(&craft::tar(&entries))),
        (
            "media.tar.gz",
            craft::gzip(&craft::tar(&[("film", Content::Bytes(b"x"))])),
        ),
    ];
    craft::backup(&input, &members, &craft::metadata("odd", &["media"], &[]));
    let listed = alone(&keyless(line("ls", &input, "homeassistant --json")).code(0));
    schema::check("ls", &listed);
    let listed = rows(&rows(&listed, "components")[0], "entries");
    assert_eq!(listed.len(), names.len());
    for entry in listed {
        let Some(selector) = entry["selector"].as_str() else {
            assert_eq!(entry["path"], "homeassistant.json", "{entry}");
            continue;
        };
        let plan = [
            "plan",
            input.to_str().unwrap(),
            "--json",
            "--drop",
            selector,
        ];
        let plan = keyless(plan).code(0).json();
        assert_eq!(plan["drops"][0]["files"], 1, "{entry}: {plan}");
        assert_eq!(plan["warnings"], serde_json::json!([]), "{entry}");
    }
}

#[test]
fn a_dropped_name_whose_contents_stay_is_among_the_drops() {
    let scratch = Scratch::new();
    let input = scratch.copy("v2.tar");
    let mut links = entries(&input, "homeassistant")
        .into_iter()
        .filter(|e| !e.link.is_empty() && e.kind == tar::EntryType::Link);
    let link = links.next().unwrap();
    let text = |name: &[u8]| {
        String::from_utf8_lossy(name)
            .trim_start_matches("./")
            .trim_start_matches("data/")
            .to_owned()
    };
    let (name, heir) = (text(&link.link), text(&link.name));
    let value = haslim(line(
        "shrink",
        &input,
        &format!("--drop homeassistant:{name} --yes --json"),
    ))
    .code(0)
    .json();
    let [row] = rows(&value, "drops") else {
        panic!("{value}")
    };
    assert_eq!(
        (&row["files"], &row["stored_bytes"]),
        (&1.into(), &0.into())
    );
    assert_eq!(
        row["lost"],
        format!("Only the name {name}: its contents stay as {heir}.")
    );
    assert_eq!(value["notes"], serde_json::json!([]));
    let names: Vec<String> = entries(&scratch.path("v2.slim.tar"), "homeassistant")
        .iter()
        .map(|e| text(&e.name))
        .collect();
    assert!(names.contains(&heir) && !names.contains(&name), "{names:?}");
}

#[test]
fn damage_that_is_kept_by_request_is_told_to_programs() {
    let scratch = Scratch::new();
    let input = scratch.file("dam.tar", &damaged("v2.tar", "media"));
    let found = |value: &Value| {
        let damaged = rows(value, "damaged").iter();
        damaged
            .map(|one| {
                (
                    one["id"].as_str().unwrap().to_owned(),
                    one["error"]["kind"].as_str().unwrap().to_owned(),
                )
            })
            .collect::<Vec<_>>()
    };
    let expected = [("media".to_owned(), "damaged".to_owned())];
    // With and without reading other parts. The damage is found while parts are read.
    for rest in ["--drop ssl", "--drop share:**", "--drop ssl --threads 1"] {
        let run = haslim(line(
            "shrink",
            &input,
            &format!("{rest} --keep media --yes --force --json -q"),
        ))
        .code(0);
        assert_eq!(found(&alone(&run)), expected, "{rest}");
        schema::check("shrink", &run.json());
    }
    // It fits as it is, but there is still something to report.
    let run = haslim(line("plan", &input, "--json -q")).code(3);
    assert_eq!(found(&alone(&run)), expected);
    let run = haslim(line("plan", &input, "")).code(3);
    assert!(run.err.contains("warning: media is damaged"), "{}", run.err);
}

#[test]
fn damage_always_comes_with_the_way_out() {
    let scratch = Scratch::new();
    let input = scratch.file("dam.tar", &damaged("v2.tar", "media"));
    for rest in ["--drop ssl", "--limit 50kB", "--drop media:music"] {
        for (command, yes) in [("plan", ""), ("shrink", "--yes")] {
            let value = haslim(line(command, &input, &format!("{rest} {yes} --json")))
                .code(5)
                .json();
            let advice = value["error"]["advice"].as_str().unwrap();
            assert!(
                advice.contains("--drop media") && advice.contains("--keep media"),
                "{command} {rest}: {advice}"
            );
        }
    }
}

#[test]
fn a_verify_that_fails_has_its_error_at_the_top_too() {
    let scratch = Scratch::new();
    let input = scratch.file("dam.tar", &damaged("v2.tar", "media"));
    let value = alone(&haslim(line("verify", &input, "--json")).code(5));
    schema::check("verify", &value);
    assert_eq!(
        (&value["error"]["code"], &value["error"]["part"]),
        (&5.into(), &"media".into())
    );
    assert_eq!(
        haslim(line("verify", &fixture("v2.tar"), "--json"))
            .code(0)
            .json()
            .get("error"),
        None
    );
}

#[test]
fn what_was_held_back_is_told_beside_the_error() {
    let held = "--drop homeassistant:.storage/au* --json";
    let plan = haslim(line("plan", &fixture("v2.tar"), held))
        .code(3)
        .json();
    let shrink = haslim(line(
        "shrink",
        &Scratch::new().copy("v2.tar"),
        &format!("{held} --yes"),
    ))
    .code(3)
    .json();
    assert_eq!(plan["notes"], shrink["notes"]);
    assert_eq!(plan["error"], shrink["error"]);
    assert_eq!(rows(&shrink, "notes").len(), 1, "{shrink}");
    let advice = shrink["error"]["advice"].as_str().unwrap();
    assert!(
        advice.contains("--why") && !advice.contains("Name something"),
        "{advice}"
    );
}

#[test]
fn a_copy_says_how_it_is_encrypted() {
    let scratch = Scratch::new();
    let cases: [(&str, &str, bool, Value); 5] = [
        ("v3.tar", "--drop media", true, 3.into()),
        ("v3.tar", "--securetar none", false, Value::Null),
        ("v3.tar", "--securetar 2", true, 2.into()),
        ("v1.tar", "--drop media:**", true, 2.into()),
        ("plain.tar", "", true, 3.into()),
    ];
    for (name, rest, protected, securetar) in cases {
        let value = haslim(line(
            "shrink",
            &scratch.copy(name),
            &format!("{rest} --yes --force --json"),
        ))
        .code(0)
        .json();
        assert_eq!(
            (&value["output_protected"], &value["output_securetar"]),
            (&protected.into(), &securetar),
            "{name} {rest}"
        );
        let copy = keyless(["info", value["output"].as_str().unwrap(), "--json"])
            .code(0)
            .json();
        assert_eq!(
            (&copy["protected"], &copy["securetar"]),
            (&protected.into(), &securetar),
            "{name} {rest}"
        );
    }
}

#[test]
fn paths_of_files_can_be_opened_as_they_are_printed() {
    let scratch = Scratch::new();
    let names = [
        "bidi\u{202e}rat.tar",
        "ümlaut.tar",
        // Windows allows no such names.
        "back\\slash.tar",
        "new\nline.tar",
        "esc\u{1b}[2J.tar",
    ];
    let allowed = if cfg!(windows) { 2 } else { names.len() };
    for name in &names[..allowed] {
        let input = scratch.path(name);
        std::fs::copy(fixture("v2.tar"), &input).unwrap();
        let path = input.to_str().unwrap();
        let run = haslim(["shrink", path, "--drop", "media", "--yes", "--json"]).code(0);
        assert!(
            !run.out.contains(['\u{1b}', '\u{202e}']),
            "a terminal would obey"
        );
        assert_eq!(run.json()["file"], path);
        let output = run.json()["output"].as_str().unwrap().to_owned();
        assert!(
            std::path::Path::new(&output).exists() && output.ends_with(".slim.tar"),
            "{output}"
        );
        for command in ["info", "ls", "verify"] {
            assert_eq!(
                haslim([command, path, "--json"]).code(0).json()["file"],
                path
            );
        }
    }
}
