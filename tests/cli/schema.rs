//! The schema in docs/json.md: that the page is sound, and that the output of every command follows
//! it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use haslim::plan::Harm;
use haslim::report::listing::Mark;
use serde_json::{Value, json};

use crate::exit_codes::damaged;
use crate::line;
use crate::support::*;

const PAGE: &str = include_str!("../../docs/json.md");

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::parse(PAGE));

/// Asserts that a value is this object of the page: with all its keys, with no other ones, and with
/// the types and words that the page names, at every depth.
#[track_caller]
pub fn check(name: &str, value: &Value) {
    if let Err(why) = SCHEMA.check(name, value) {
        panic!("not as docs/json.md says: {why}\n{value:#}");
    }
}

/// Asserts that a run printed this document, with an error exactly if its code is not 0.
#[track_caller]
fn document(run: &Run, name: &str) -> Value {
    let value = run.json();
    check(name, &value);
    let code = value.get("error").map_or(0.into(), |e| e["code"].clone());
    assert_eq!(code, run.code, "{value:#}");
    value
}

/// Runs a command on a backup with each of these options. Each run must end with its code and print
/// its document.
#[track_caller]
fn each(command: &str, backup: &Path, cases: &[(&str, i32, &str)]) -> Vec<Value> {
    let one = |&(rest, code, name): &(&str, i32, &str)| {
        let run = haslim(line(command, backup, &format!("{rest} --json")));
        document(&run.code(code), name)
    };
    cases.iter().map(one).collect()
}

/// What the page describes.
#[derive(Default)]
struct Schema {
    /// The objects that a command prints by themselves.
    documents: BTreeSet<String>,
    objects: BTreeMap<String, Object>,
    words: BTreeMap<String, Vec<String>>,
}

#[derive(Default)]
struct Object {
    /// The objects whose keys it has, too.
    bases: Vec<String>,
    keys: Vec<Key>,
}

struct Key {
    name: String,
    optional: bool,
    kind: Type,
}

enum Type {
    Null,
    Boolean,
    Number,
    String,
    /// Exactly this string.
    Word(String),
    /// An object or a list of words.
    Named(String),
    Array(Box<Type>),
    Either(Vec<Type>),
}

impl Schema {
    /// Reads the headings, and the tables below them.
    fn parse(page: &str) -> Self {
        let mut schema = Self::default();
        let (mut chapter, mut name) = ("", "");
        for line in page.lines() {
            if let Some(title) = line.strip_prefix("## ") {
                (chapter, name) = (title, "");
            } else if let Some(title) = line.strip_prefix("### ") {
                name = title;
                schema.begin(chapter, name);
            } else if let Some(words) = schema.words.get_mut(name) {
                words.extend(row(line).into_iter().flat_map(|cells| names(cells[0])));
            } else if let Some(object) = schema.objects.get_mut(name) {
                object.read(line);
            }
        }
        schema
    }

    fn begin(&mut self, chapter: &str, name: &str) {
        let is_known = self.words.contains_key(name) || self.objects.contains_key(name);
        assert!(!is_known, "two headings are called {name}");
        if chapter == "Words" {
            self.words.insert(name.to_owned(), Vec::new());
            return;
        }
        self.objects.insert(name.to_owned(), Object::default());
        if chapter == "Documents" {
            self.documents.insert(name.to_owned());
        }
    }

    /// All keys of an object, those of its bases first.
    fn keys(&self, name: &str) -> Vec<&Key> {
        let object = self.objects.get(name);
        let object = object.unwrap_or_else(|| panic!("no object is called {name}"));
        let bases = object.bases.iter().flat_map(|base| self.keys(base));
        bases.chain(&object.keys).collect()
    }

    /// What is wrong with the page.
    fn faults(&self) -> Vec<String> {
        let mut used = self.documents.clone();
        for object in self.objects.values() {
            used.extend(object.bases.iter().cloned());
            object.keys.iter().for_each(|key| key.kind.names(&mut used));
        }
        let described: BTreeSet<String> = self
            .objects
            .keys()
            .chain(self.words.keys())
            .cloned()
            .collect();
        let missing = used.difference(&described);
        let mut faults: Vec<String> = missing.map(|name| format!("{name} is missing")).collect();
        let unused = described.difference(&used);
        faults.extend(unused.map(|name| format!("{name} is unused")));
        if faults.is_empty() {
            faults.extend(self.objects.keys().flat_map(|name| self.twice(name)));
        }
        faults
    }

    fn twice(&self, object: &str) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let keys = self.keys(object).into_iter();
        keys.filter(|key| !seen.insert(&key.name))
            .map(|key| format!("{object} has {} twice", key.name))
            .collect()
    }

    /// Where and how a value differs from this object.
    fn check(&self, name: &str, value: &Value) -> Result<(), String> {
        self.check_named(name, value, name)
    }

    fn check_type(&self, kind: &Type, value: &Value, at: &str) -> Result<(), String> {
        let fits = match kind {
            Type::Null => value.is_null(),
            Type::Boolean => value.is_boolean(),
            Type::Number => value.is_number(),
            Type::String => value.is_string(),
            Type::Word(word) => value.as_str() == Some(word),
            Type::Named(name) => return self.check_named(name, value, at),
            Type::Array(items) => return self.check_items(items, value, at),
            Type::Either(kinds) => return self.check_either(kinds, value, at),
        };
        fits.then_some(()).ok_or_else(|| differs(at, value, kind))
    }

    fn check_items(&self, items: &Type, value: &Value, at: &str) -> Result<(), String> {
        let array = value.as_array();
        let array = array.ok_or_else(|| differs(at, value, "an array"))?;
        for (index, item) in array.iter().enumerate() {
            self.check_type(items, item, &format!("{at}[{index}]"))?;
        }
        Ok(())
    }

    fn check_either(&self, kinds: &[Type], value: &Value, at: &str) -> Result<(), String> {
        let mut reasons = Vec::new();
        for kind in kinds {
            match self.check_type(kind, value, at) {
                Ok(()) => return Ok(()),
                Err(why) => reasons.push(why),
            }
        }
        Err(reasons.join("; and "))
    }

    fn check_named(&self, name: &str, value: &Value, at: &str) -> Result<(), String> {
        if let Some(words) = self.words.get(name) {
            let is_word = |text: &str| words.iter().any(|word| word == text);
            let fits = value.as_str().is_some_and(is_word);
            return fits.then_some(()).ok_or_else(|| differs(at, value, name));
        }
        let object = value.as_object();
        let object = object.ok_or_else(|| differs(at, value, name))?;
        let keys = self.keys(name);
        let is_known = |key: &str| keys.iter().any(|known| known.name == key);
        if let Some(key) = object.keys().find(|key| !is_known(key)) {
            return Err(format!("{at}.{key} is not in the table of {name}"));
        }
        for key in keys {
            let at = format!("{at}.{}", key.name);
            match object.get(&key.name) {
                Some(value) => self.check_type(&key.kind, value, &at)?,
                None if key.optional => {}
                None => return Err(format!("{at} is missing, but in the table of {name}")),
            }
        }
        Ok(())
    }
}

fn differs(at: &str, value: &Value, kind: impl fmt::Display) -> String {
    let value: String = value.to_string().chars().take(80).collect();
    format!("{at} is {value}, not {kind}")
}

impl Object {
    fn read(&mut self, line: &str) {
        if let Some(bases) = line.strip_prefix("All keys of ") {
            let bases = bases.trim_end_matches(", and:").split(" and ");
            self.bases.extend(bases.map(linked));
        }
        let Some(cells) = row(line) else { return };
        for name in names(cells[0]) {
            let kind = cells[1].strip_prefix("optional ");
            self.keys.push(Key {
                name,
                optional: kind.is_some(),
                kind: Type::parse(kind.unwrap_or(cells[1])),
            });
        }
    }
}

impl Type {
    fn parse(text: &str) -> Self {
        if let Some(items) = text.strip_prefix("array of ") {
            return Self::Array(Box::new(Self::parse(items)));
        }
        if text.contains(" or ") {
            return Self::Either(text.split(" or ").map(Self::parse).collect());
        }
        match text {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "number" => Self::Number,
            "string" => Self::String,
            word if word.starts_with('"') => Self::Word(word.trim_matches('"').to_owned()),
            link => Self::Named(linked(link)),
        }
    }

    /// Adds the names of the objects and lists in it.
    fn names(&self, found: &mut BTreeSet<String>) {
        match self {
            Self::Named(name) => {
                found.insert(name.clone());
            }
            Self::Array(items) => items.names(found),
            Self::Either(kinds) => kinds.iter().for_each(|kind| kind.names(found)),
            Self::Null | Self::Boolean | Self::Number | Self::String | Self::Word(_) => {}
        }
    }

    /// The words in it.
    fn words(&self) -> Vec<&str> {
        match self {
            Self::Word(word) => vec![word],
            Self::Either(kinds) => kinds.iter().flat_map(Self::words).collect(),
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean => f.write_str("boolean"),
            Self::Number => f.write_str("number"),
            Self::String => f.write_str("string"),
            Self::Word(word) => write!(f, "{word:?}"),
            Self::Named(name) => f.write_str(name),
            Self::Array(items) => write!(f, "array of {items}"),
            Self::Either(kinds) => {
                let kinds: Vec<String> = kinds.iter().map(ToString::to_string).collect();
                f.write_str(&kinds.join(" or "))
            }
        }
    }
}

/// The cells of a row of a table; `None` for another line and for the head of a table.
fn row(line: &str) -> Option<Vec<&str>> {
    let cells = line.strip_prefix("| ")?.strip_suffix(" |");
    let cells: Vec<&str> = cells
        .unwrap_or_else(|| panic!("{line}"))
        .split(" | ")
        .collect();
    if matches!(cells[..], ["key", "type", "meaning"] | ["word", "meaning"]) {
        return None;
    }
    assert!(
        (2..=3).contains(&cells.len()),
        "a row of {} cells: {line}",
        cells.len()
    );
    Some(cells)
}

/// The names in a cell: each in backticks, with commas between.
fn names(cell: &str) -> Vec<String> {
    let name = |text: &str| {
        let name = text
            .strip_prefix('`')
            .and_then(|text| text.strip_suffix('`'));
        name.unwrap_or_else(|| panic!("not in backticks: {cell}"))
            .to_owned()
    };
    cell.split(", ").map(name).collect()
}

/// The heading to which a link leads.
fn linked(link: &str) -> String {
    let inner = link
        .strip_prefix('[')
        .and_then(|link| link.strip_suffix(')'));
    let parts = inner.and_then(|link| link.split_once("](#"));
    let (name, target) = parts.unwrap_or_else(|| panic!("neither a type nor a link: {link}"));
    assert_eq!(target, name.replace(' ', "-"), "{link} leads elsewhere");
    name.to_owned()
}

#[test]
fn the_page_describes_all_that_it_names_and_nothing_else() {
    assert_eq!(SCHEMA.faults(), [""; 0]);
    assert!(
        SCHEMA
            .objects
            .keys()
            .all(|name| !SCHEMA.keys(name).is_empty())
    );
    assert!(SCHEMA.words.values().all(|words| !words.is_empty()));
    let page = "## Documents\n### a\n| `k` | [b](#b) | x |\n| `k` | [c](#c) | x |\n\
                ## Objects\n### d\n| `l` | null | x |";
    assert_eq!(
        Schema::parse(page).faults(),
        ["b is missing", "c is missing", "d is unused"]
    );
    let page = "## Documents\n### a\n| `k`, `l` | null | x |\n\
                ### b\nAll keys of [a](#a), and:\n| `l` | null | x |";
    assert_eq!(Schema::parse(page).faults(), ["b has l twice"]);
}

#[test]
fn the_page_has_the_words_of_the_program() {
    assert_eq!(SCHEMA.words["harm"], Harm::ALL.map(Harm::name));
    let keys = SCHEMA.keys("row");
    let mark = keys.iter().find(|key| key.name == "mark").unwrap();
    assert_eq!(mark.kind.words(), Mark::ALL.map(Mark::word));
}

#[test]
fn the_example_on_the_page_is_true() {
    let (_, example) = PAGE.split_once("```json\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let example: Value = serde_json::from_str(example).unwrap();
    let plan = haslim(line(
        "plan",
        &fixture("demo.tar"),
        "--limit 1MB --drop media --json",
    ));
    let mut said = plan.code(0).json();
    let drops = said["drops"].as_array_mut().unwrap();
    for drop in drops.iter_mut().filter_map(Value::as_object_mut) {
        drop.retain(|key, _| ["target", "harm", "stored_bytes"].contains(&key.as_str()));
    }
    for (key, value) in example.as_object().unwrap() {
        assert_eq!(&said[key], value, "{key}");
    }
}

/// All backups among the fixtures.
fn fixtures() -> Vec<PathBuf> {
    let files = std::fs::read_dir(fixture("")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "tar"));
    files.sort();
    assert!(files.len() > 10, "{files:?}");
    files
}

#[test]
fn info_follows_the_schema() {
    for path in fixtures() {
        document(&keyless(line("info", &path, "--json")).code(0), "info");
    }
    let cases = [
        ("--check", 0, "info"),
        ("--check --limit 1kB", 4, "info"),
        ("--check --limit 1", 2, "error alone"),
    ];
    each("info", &fixture("v3.tar"), &cases);
    let scratch = Scratch::new();
    let unread = damaged_head(&scratch);
    let value = &each("info", &unread, &[("", 0, "info")])[0];
    assert!(
        value["components"].to_string().contains("\"fault\":\""),
        "{value}"
    );
}

/// A backup with a part whose first bytes are not those of an archive.
fn damaged_head(scratch: &Scratch) -> PathBuf {
    let path = fixture("v3.tar");
    let backup = haslim::open::Backup::open(&path).unwrap();
    let part = backup.parts.iter().find(|part| part.id == "media").unwrap();
    let at = usize::try_from(backup.member(part).data_at()).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[at..at + 16].fill(0x55);
    scratch.file("head.tar", &bytes)
}

#[test]
fn several_backups_follow_the_schema() {
    let scratch = Scratch::new();
    let (input, broken) = (
        scratch.copy("v3.tar"),
        scratch.file("broken.tar", b"no backup"),
    );
    let bad = scratch.file("bad.tar", &damaged("v2.tar", "media"));
    haslim(line("shrink", &input, "--drop media --yes")).code(0);
    let folder = each("info", scratch.0.path(), &[("", 0, "several backups")]);
    assert!(
        folder[0].to_string().contains("\"copy_of\":\""),
        "{}",
        folder[0]
    );
    each(
        "info",
        scratch.0.path(),
        &[
            ("--check", 5, "several backups"),
            ("--check --limit 1kB", 4, "several backups"),
        ],
    );
    let rest = format!("{} {} --json", broken.display(), bad.display());
    document(
        &keyless(line("info", &input, &rest)).code(5),
        "several backups",
    );
    document(
        &haslim(line("verify", &input, &rest)).code(5),
        "several backups",
    );
    let twice = format!("{} --json", input.display());
    document(
        &haslim(line("verify", &input, &twice)).code(0),
        "several backups",
    );
}

#[test]
fn ls_follows_the_schema_in_every_form() {
    let scratch = Scratch::new();
    for name in ["v1.tar", "v2.tar", "v3.tar", "core-plain.tar"] {
        let cases = [
            ("", 0, "ls"),
            ("homeassistant", 0, "ls"),
            ("--depth 9", 0, "ls rows"),
            ("--top 2", 0, "ls rows"),
            ("--flat --sort date", 0, "ls rows"),
            ("--find *.y*ml", 0, "ls rows"),
            ("nonsense", 2, "error alone"),
        ];
        each("ls", &fixture(name), &cases);
    }
    let bad = scratch.file("bad.tar", &damaged("v3.tar", "media"));
    let cases = [
        ("", 5, "ls"),
        ("--depth 2", 5, "ls rows"),
        ("media", 5, "error alone"),
    ];
    each("ls", &bad, &cases);
}

#[test]
fn scan_follows_the_schema() {
    let scratch = Scratch::new();
    let bad = scratch.file("bad.tar", &damaged("v3.tar", "media"));
    let cases = [
        ("", 0, "scan"),
        ("", 7, "error alone"),
        ("--force", 0, "scan"),
    ];
    each("scan", &scratch.copy("plain.tar"), &cases);
    let value = &each("scan", &bad, &[("", 0, "scan")])[0];
    assert_eq!(value["left_out"][0]["id"], "media");
}

#[test]
fn extract_follows_the_schema() {
    let scratch = Scratch::new();
    let backup = scratch.copy("v3.tar");
    let to = |name: &str| format!("-o {}", scratch.path(name).display());
    let (folder, tar) = (to("out"), to("out.tar"));
    let again = format!("{folder} --force");
    let nothing = format!("media:none {folder}");
    let cases = [
        (folder.as_str(), 0, "extract"),
        (folder.as_str(), 7, "error alone"),
        (again.as_str(), 0, "extract"),
        (tar.as_str(), 0, "extract"),
        (tar.as_str(), 7, "error alone"),
        (nothing.as_str(), 2, "error alone"),
        ("--list", 0, "extract list"),
        ("homeassistant:www --list", 0, "extract list"),
    ];
    let values = each("extract", &backup, &cases);
    assert_eq!(values[0]["format"], "folder");
    assert!(!values[0]["left_out"].as_array().unwrap().is_empty());
    let damage = format!("-k {}", to("damage"));
    let bad = scratch.file("bad.tar", &damaged("v3.tar", "media"));
    let value = &each("extract", &bad, &[(&damage, 5, "extract")])[0];
    assert!(
        value["components"]
            .to_string()
            .contains("\"complete\":false"),
        "{value}"
    );
}

#[test]
fn plan_follows_the_schema() {
    let cases = [
        ("", 3, "plan"),
        ("--ok-if-fits", 0, "plan"),
        ("--drop media", 0, "plan"),
        ("--drop media:frigate", 0, "plan"),
        ("--drop database --drop media:no/such", 0, "plan"),
        ("--limit 1MB", 4, "plan"),
        ("--limit 1kB", 4, "plan"),
        ("--limit 1MB --allow history", 0, "plan"),
        ("--limit 700kB --allow history,user", 0, "plan"),
        ("--thorough --allow history", 0, "plan"),
        ("--drop ssl --keep media", 0, "plan"),
        ("--why media:frigate", 0, "why"),
        ("--drop nonsense", 2, "error alone"),
    ];
    let plans = each("plan", &fixture("demo.tar"), &cases);
    let all = Value::from(plans).to_string();
    for seen in [
        "\"oldest_of\":{",
        "\"options\":\"--",
        "\"harm\":\"emptied_on_restore\"",
    ] {
        assert!(all.contains(seen), "no case has {seen}");
    }
    for (rest, code, name) in [
        ("--limit 1MB", 4, "plan"),
        ("--limit 700kB --allow user", 0, "plan"),
        ("--drop media:frigate", 12, "error alone"),
    ] {
        let run = keyless(line(
            "plan",
            &fixture("demo.tar"),
            &format!("{rest} --json"),
        ));
        document(&run.code(code), name);
    }
    for path in fixtures() {
        each(
            "plan",
            &path,
            &[("--thorough --allow history,user", 0, "plan")],
        );
    }
}

#[test]
fn shrink_follows_the_schema() {
    let scratch = Scratch::new();
    let input = scratch.copy("v3.tar");
    let cases = [
        ("--drop media:music --dry-run", 0, "plan"),
        ("--limit 1kB --dry-run", 4, "plan"),
        ("--drop media:music --yes", 0, "shrink"),
        ("--drop media --yes --force --no-verify", 0, "shrink"),
        ("--drop media --yes", 7, "error alone"),
        ("--drop media", 2, "error alone"),
        ("--yes", 3, "nothing to shrink"),
        ("--yes --ok-if-fits", 0, "nothing to shrink"),
    ];
    each("shrink", &input, &cases);
    let run = keyless(line("shrink", &input, "--drop media --yes --force --json"));
    let value = document(&run.code(0), "shrink");
    assert_ne!(value["unchecked"], json!([]));
    let cases = [
        ("--limit 1MB --yes", 4, "nothing to shrink"),
        ("--limit 1kB --yes", 4, "nothing to shrink"),
    ];
    each("shrink", &scratch.copy("demo.tar"), &cases);
}

#[test]
fn damage_follows_the_schema() {
    let scratch = Scratch::new();
    let bad = scratch.file("bad.tar", &damaged("v3.tar", "media"));
    let cases = [
        ("", 3, "plan"),
        ("--drop ssl", 5, "error alone"),
        ("--drop ssl --keep media", 0, "plan"),
    ];
    let plans = each("plan", &bad, &cases);
    assert_eq!(plans[0]["damaged"][0]["id"], "media");
    let cases = [
        ("--yes --drop ssl", 5, "error alone"),
        ("--yes --drop ssl --keep media", 0, "shrink"),
    ];
    let copies = each("shrink", &bad, &cases);
    assert_eq!(copies[1]["damaged"][0]["id"], "media");
}

#[test]
fn verify_follows_the_schema() {
    for name in [
        "v1.tar",
        "v2.tar",
        "v3.tar",
        "plain.tar",
        "plain-uncompressed.tar",
    ] {
        each("verify", &fixture(name), &[("", 0, "verify")]);
    }
    let scratch = Scratch::new();
    let bad = scratch.file("bad.tar", &damaged("v3.tar", "media"));
    let value = &each("verify", &bad, &[("", 5, "verify")])[0];
    for part in value["components"].as_array().unwrap() {
        let has = |key: &str| part.get(key).is_some();
        let ok = part["ok"] == true;
        assert_eq!((has("entries"), has("error")), (ok, !ok), "{part}");
    }
    for password in [None, Some("wrong")] {
        let run = run(line("verify", &fixture("v3.tar"), "--json"), password);
        document(&run.code(12), "error alone");
    }
}

#[test]
fn repair_follows_the_schema() {
    let scratch = Scratch::new();
    let trailing = [std::fs::read(fixture("plain.tar")).unwrap(), vec![7; 600]].concat();
    let odd = scratch.file("odd.tar", &trailing);
    let cases = [
        ("--yes", 0, "repair"),
        ("--yes", 7, "error alone"),
        ("", 2, "error alone"),
    ];
    each("repair", &odd, &cases);
    each(
        "repair",
        &scratch.copy("v3.tar"),
        &[("--yes", 3, "error alone")],
    );
    each(
        "plan",
        &odd,
        &[("--limit 40kB --allow history,user", 0, "plan")],
    );
}

#[test]
fn rules_follow_the_schema() {
    let scratch = Scratch::new();
    let own = "disable = ['esphome']\n[[rule]]\nid = 'mine'\ncomponent = 'media'\n\
               globs = ['mine/**']\nclass = 'history'\n";
    let file = scratch.file("rules.toml", own.as_bytes());
    let file = text(&file);
    document(&keyless(["rules", "--json"]).code(0), "rules");
    document(
        &keyless(["rules", "--rules", &file, "--json"]).code(0),
        "rules",
    );
    document(
        &keyless(["rules", "no-such-rule", "--json"]).code(2),
        "error alone",
    );
    let one = document(&keyless(["rules", "esphome", "--json"]).code(0), "rules");
    assert_eq!(one["rules"].as_array().unwrap().len(), 1);
}

#[test]
fn bench_follows_the_schema() {
    let scratch = Scratch::new();
    let (input, made) = (fixture("plain.tar"), scratch.path("made.tar"));
    document(
        &haslim(line("bench", &made, "--make 200kB --json")).code(0),
        "bench make",
    );
    let kept = scratch.path("kept.json");
    let save = format!("--save {} --json", kept.display());
    document(&keyless(line("bench", &input, &save)).code(0), "bench");
    check(
        "bench",
        &serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap(),
    );
    let folder = scratch.0.path().display();
    let rest = format!("--write {folder} --compare {} --json", kept.display());
    let value = document(&keyless(line("bench", &input, &rest)).code(0), "bench");
    assert!(value["stages"][0]["gain"].is_number(), "{value}");
    assert!(value["whole"][1]["gain"].is_null(), "{value}");
}

#[test]
fn errors_follow_the_schema() {
    let scratch = Scratch::new();
    let broken = scratch.file("broken.tar", b"no backup");
    for command in [
        "info",
        "ls",
        "scan",
        "plan",
        "shrink --yes",
        "verify",
        "repair --yes",
    ] {
        let words = command
            .split(' ')
            .chain([broken.to_str().unwrap(), "--json"]);
        document(&keyless(words).code(5), "error alone");
    }
    for usage in [
        "--json",
        "plan --json",
        "no-such-command --json",
        "plan x.tar --no-such-option --json",
        "plan x.tar --limit potatoes --json",
        "ls x.tar -q -v --json",
    ] {
        document(&keyless(usage.split(' ')).code(2), "error alone");
    }
    document(
        &keyless(["info", "no/such.tar", "--json"]).code(11),
        "error alone",
    );
}

#[test]
fn progress_follows_the_schema() {
    let scratch = Scratch::new();
    let (input, made) = (scratch.copy("v2.tar"), scratch.path("made.tar"));
    let shrink = "--drop media:music --yes --progress json --json";
    let make = "--make 200kB --progress json";
    let runs = [line("shrink", &input, shrink), line("bench", &made, make)];
    let mut stages = BTreeSet::new();
    for args in runs {
        for line in haslim(args).code(0).err.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            check("event", &event);
            let has = |key: &str| event.get(key).is_some();
            let (begins, ends) = (event["event"] == "begin", event["event"] == "end");
            assert_eq!((has("bytes"), has("seconds")), (!begins, ends), "{line}");
            assert_eq!(
                (has("rate"), has("part")),
                (!begins && !ends, !begins && !ends),
                "{line}"
            );
            stages.insert(event["stage"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(Vec::from_iter(stages), ["make", "read", "verify", "write"]);
}

#[test]
fn the_checker_names_the_place_of_every_fault() {
    let run = haslim(line("plan", &fixture("demo.tar"), "--limit 1MB --json")).code(4);
    let sound = document(&run, "plan");
    let cases: [(&str, Option<Value>, &str); 9] = [
        (
            "/components/0/colour",
            Some("red".into()),
            "plan.components[0].colour is not in the table",
        ),
        ("/fits", None, "plan.fits is missing"),
        ("/ways_out/1/args", None, "plan.ways_out[1].args is missing"),
        (
            "/drops/2/stored_bytes",
            Some("5".into()),
            "plan.drops[2].stored_bytes is \"5\", not number",
        ),
        (
            "/ways_out/0/args/0",
            Some(7.into()),
            "plan.ways_out[0].args[0] is 7, not string",
        ),
        (
            "/warnings",
            Some(Value::Null),
            "plan.warnings is null, not an array",
        ),
        (
            "/drops/0/files",
            Some(true.into()),
            "plan.drops[0].files is true, not number",
        ),
        (
            "/outcome",
            Some("perhaps".into()),
            "plan.outcome is \"perhaps\", not \"fits\"",
        ),
        (
            "/error/kind",
            Some("odd".into()),
            "plan.error.kind is \"odd\", not error kind",
        ),
    ];
    for (place, value, says) in cases {
        let mut broken = sound.clone();
        change(&mut broken, place, value);
        let why = SCHEMA.check("plan", &broken).unwrap_err();
        assert!(why.starts_with(says), "{place}: {why}");
    }
}

/// Sets or removes what is at this place.
fn change(document: &mut Value, place: &str, value: Option<Value>) {
    let (parent, key) = place.rsplit_once('/').unwrap();
    match (document.pointer_mut(parent).unwrap(), value) {
        (Value::Object(object), Some(value)) => drop(object.insert(key.to_owned(), value)),
        (Value::Object(object), None) => assert!(object.remove(key).is_some(), "{place}"),
        (Value::Array(items), Some(value)) => items[key.parse::<usize>().unwrap()] = value,
        (other, _) => panic!("{place}: {other}"),
    }
}
