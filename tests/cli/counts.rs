//! A folder is shown with the same bytes and the same number of files everywhere.

use std::collections::BTreeMap;

use haslim::size;
use serde_json::Value;

use super::support::*;

/// Bytes in the backup, and files.
type Count = (u64, u64);

/// A component in `ls --json`: its id, its count, and the counts of its folders by the path that
/// `--why` takes.
struct Component {
    id: String,
    own: Count,
    folders: BTreeMap<String, Count>,
}

/// A fixture and its scan, so that each command needs no more than that.
struct Fixture {
    name: &'static str,
    scan: String,
    /// Holds the scan, and removes it at the end.
    _scratch: Scratch,
}

impl Fixture {
    fn new(name: &'static str) -> Self {
        let scratch = Scratch::new();
        let scan = scratch.scan(&fixture(name)).display().to_string();
        Self {
            name,
            scan,
            _scratch: scratch,
        }
    }

    /// Runs a command on the backup.
    fn run(&self, command: &str, args: &[&str]) -> Run {
        let path = fixture(self.name);
        let words = [command, path.to_str().unwrap(), "--scan", &self.scan];
        keyless(words.iter().chain(args)).code(0)
    }

    fn components(&self) -> Vec<Component> {
        let listed = self.run("ls", &["--json"]).json();
        let components = listed["components"].as_array().unwrap();
        components.iter().map(component).collect()
    }
}

fn component(listed: &Value) -> Component {
    let id = listed["id"].as_str().unwrap();
    let root = if id == "homeassistant" { "data/" } else { "" };
    let mut folders: BTreeMap<String, Count> = BTreeMap::new();
    let mut files = 0;
    for entry in listed["entries"].as_array().unwrap() {
        let is_file = u64::from(entry["kind"] != "directory");
        files += is_file;
        let path = entry["path"].as_str().unwrap();
        let Some(path) = path.strip_prefix("./").unwrap_or(path).strip_prefix(root) else {
            continue;
        };
        let own = (is_file == 0 && path != ".").then_some(path);
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        for folder in above.chain(own).filter(|folder| *folder != ".") {
            let count = folders.entry(folder.to_owned()).or_default();
            count.0 += entry["stored_bytes"].as_u64().unwrap();
            count.1 += is_file;
        }
    }
    Component {
        id: id.to_owned(),
        own: (listed["stored_bytes"].as_u64().unwrap(), files),
        folders,
    }
}

/// The row of a location in `ls`, in the form of `--why`.
#[track_caller]
fn by_ls(fixture: &Fixture, place: &str) -> String {
    let listed = fixture.run("ls", &[place, "--depth", "0", "--json"]).json();
    let row = &listed["rows"][0];
    let (stored, files) = (row["stored_bytes"].as_u64(), row["files"].as_u64().unwrap());
    let shown = size::short(stored.unwrap());
    let text = fixture.run("ls", &[place, "--depth", "0", "--details"]).out;
    let line = text.lines().nth(1).unwrap();
    let first: String = line.chars().take(9).collect();
    assert_eq!(first.trim_start(), shown, "{text}");
    assert!(
        line.split_whitespace()
            .any(|word| word == files.to_string())
    );
    let word = if files == 1 { "file" } else { "files" };
    format!("({}, {files} {word})", size::decimal(stored.unwrap()))
}

#[track_caller]
fn same(fixture: &Fixture, place: &str, count: Count) {
    let files = if count.1 == 1 { "file" } else { "files" };
    let said = format!("({}, {} {files})", size::decimal(count.0), count.1);
    assert_eq!(by_ls(fixture, place), said, "{} {place}", fixture.name);
    let why = fixture.run("plan", &["--why", place, "--json"]).json();
    let first = why["why"][0].as_str().unwrap();
    assert!(
        first.contains(&said),
        "{} {place}: {said} is not in {first}",
        fixture.name
    );
}

#[test]
fn ls_and_why_count_every_component_as_its_entries_do() {
    for name in ["v1-uncompressed.tar", "v3.tar", "plain.tar", "demo.tar"] {
        let fixture = Fixture::new(name);
        for component in fixture.components() {
            same(&fixture, &component.id, component.own);
        }
    }
}

#[test]
fn ls_and_why_count_folders_as_their_entries_do() {
    for name in ["v2.tar", "demo.tar"] {
        let fixture = Fixture::new(name);
        for component in fixture.components() {
            // `--why` shows no number of files for an empty folder.
            let plain =
                |(folder, count): &(&String, &Count)| count.1 > 0 && !folder.contains(['\\', ' ']);
            let folders: Vec<(&String, &Count)> = component.folders.iter().filter(plain).collect();
            // Samples from the whole list, so that deep folders are included.
            for (folder, count) in folders.iter().step_by(folders.len().div_ceil(2).max(1)) {
                same(&fixture, &format!("{}:{folder}", component.id), **count);
            }
        }
    }
}

/// The outer tar is padded to whole records of this many bytes, and `backup.json` gets shorter.
const SLACK: u64 = 10_240 + 1024;

#[test]
fn a_component_costs_what_a_copy_without_it_saves() {
    let fixture = Fixture::new("demo.tar");
    for Component { id, own, .. } in fixture.components() {
        let plan = fixture.run("plan", &["--drop", &id, "--json"]).json();
        assert_eq!(plan["drops"][0]["stored_bytes"], own.0, "{id}");
        let bytes = |key: &str| plan[key].as_u64().unwrap();
        let saved = bytes("size") - bytes("predicted_size");
        assert!(
            saved.abs_diff(own.0) <= SLACK,
            "{id}: {saved} for {}",
            own.0
        );
    }
}
