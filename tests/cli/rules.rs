//! `--rules F`: what a user's file changes.

use crate::line;
use crate::support::*;

fn planned(rules: &str, rest: &str) -> (i32, Vec<(String, u64)>) {
    let scratch = Scratch::new();
    let file = scratch.file("rules.toml", rules.as_bytes());
    let run = haslim(line("plan", &fixture("demo.tar"), &format!("--thorough --json --rules {} {rest}", file.display())));
    let drops = run.json()["drops"].as_array().cloned().unwrap_or_default();
    let name = |row: &serde_json::Value| row["rule"].as_str().unwrap_or_default().to_owned();
    (run.code, drops.iter().map(|row| (name(row), row["stored_bytes"].as_u64().unwrap())).collect())
}

#[test]
fn a_rule_of_ones_own_takes_what_it_names() {
    let (code, before) = planned("", "");
    assert_eq!(code, 0);
    let mine = "[[rule]]\nid = \"radio\"\ncomponent = \"media\"\nglobs = [\"radio/**\"]\nclass = \"cache\"\n";
    let (code, after) = planned(mine, "");
    assert_eq!((code, after.len()), (0, before.len() + 1), "{after:?}");
    assert!(after.iter().any(|(id, bytes)| id == "radio" && *bytes > 20_000), "{after:?}");
}

#[test]
fn a_rule_that_is_switched_off_takes_nothing_and_is_listed_so() {
    let scratch = Scratch::new();
    let text = "disable = [\"pycache\", \"nested-ha-bak\"]\n";
    let (_, drops) = planned(text, "");
    assert!(!drops.iter().any(|(id, _)| id == "pycache" || id == "nested-ha-bak"), "{drops:?}");
    let file = scratch.file("rules.toml", text.as_bytes());
    let run = keyless(["rules", "--rules", file.to_str().unwrap()]).code(0);
    assert!(run.out.contains("pycache (off)"), "{}", run.out);
}

#[test]
fn a_rule_of_ones_own_does_not_take_what_must_never_go() {
    let greedy = "[[rule]]\nid = \"all\"\ncomponent = \"homeassistant\"\nglobs = [\"**\"]\nclass = \"cache\"\n";
    let scratch = Scratch::new();
    let file = scratch.file("rules.toml", greedy.as_bytes());
    let output = scratch.path("out.tar");
    let rest = format!("--thorough --yes --rules {} -o {}", file.display(), output.display());
    haslim(line("shrink", &fixture("v3.tar"), &rest)).code(0);
    let kept: Vec<String> =
        entries(&output, "homeassistant").iter().map(|e| String::from_utf8_lossy(&e.name).trim_end_matches('/').to_owned()).collect();
    for path in ["configuration.yaml", "secrets.yaml", ".storage/auth", ".HA_VERSION"] {
        assert!(kept.contains(&format!("data/{path}")), "{path} is gone: {kept:?}");
    }
    assert!(!kept.iter().any(|path| path.ends_with(".mp3")), "{kept:?}");
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_line() {
    let scratch = Scratch::new();
    let file = scratch.file("rules.toml", b"\n[[rule]]\nid = \"x\"\n");
    let run = keyless(["rules", "--rules", file.to_str().unwrap()]).code(2);
    assert!(run.err.contains("line 2, rule 'x': missing field `component`"), "{}", run.err);
    for key in ["`disable", "`id`", "`component`", "`globs`", "`class`"] {
        assert!(run.err.contains(key), "{key}: {}", run.err);
    }
    let run = keyless(["rules", "--rules", scratch.path("missing").to_str().unwrap()]).code(2);
    assert!(run.err.contains("Check the path"), "{}", run.err);
}

#[test]
fn the_example_in_the_readme_is_a_file_of_rules() {
    let readme = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, rest) = readme.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let scratch = Scratch::new();
    let file = scratch.file("rules.toml", example.as_bytes());
    let run = keyless(["rules", "--rules", file.to_str().unwrap(), "--json"]).code(0).json();
    let rules = run["rules"].as_array().unwrap();
    assert!(rules.iter().any(|rule| rule["added"] == true) && rules.iter().any(|rule| rule["enabled"] == false), "{example}");
}

#[test]
fn each_rule_says_how_to_stop_it_from_growing() {
    let rules = keyless(["rules", "--json"]).code(0).json();
    let with =
        rules["rules"].as_array().unwrap().iter().filter(|rule| rule["prevent"].as_str().is_some_and(|text| !text.is_empty())).count();
    let text = keyless(["rules"]).code(0).out;
    assert_eq!(text.matches("Next time:").count(), with);
}
