//! Tests every rule of the catalogue in a plan: its matches are dropped if its class may be
//! dropped, and not otherwise; files that only look similar stay.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;
use crate::format::securetar::Version;
use crate::plan::request::database::Located;
use crate::plan::{Candidate, builtin_catalogue};
use crate::rules::{Class, Condition, Contents, Origin, Rule};
use crate::survey::Entry;

/// A component to which a rule applies.
fn component(glob: &str) -> String {
    match glob.split_once('{') {
        Some((before, rest)) => {
            let (inside, after) = rest.split_once('}').unwrap();
            format!("{before}{}{after}", inside.split(',').next_back().unwrap()).replace('*', "x")
        }
        None if glob == "addon:*" => "addon:core_x".into(),
        None => glob.replace('*', "x"),
    }
}

/// A backup that holds one file of a rule, with 30 records, and other files that stay.
fn backup_with(rule: &Rule, path: &str) -> (Backup, Vec<PartSurvey>) {
    let id = component(&rule.component);
    let files = [("kept.txt", 3 * RECORD), (path, 30 * RECORD)]
        .map(|(path, bytes)| (path.to_owned(), bytes));
    // A part other than the rule's, because a backup has each part only once.
    let other = if id == "share" {
        "media: more.txt 40"
    } else {
        "share: more.txt 40"
    };
    let (backup, mut surveys) = Sketch::new(other).part(&id, files).build();
    let survey = surveys.last_mut().unwrap();
    survey.entries.last_mut().unwrap().contents = contents(rule.condition);
    for folder in [&b"config"[..], b"data"] {
        survey
            .modules
            .read(folder, br#"{"dependencies":{"a":"^1.0.0"}}"#);
    }
    if rule.condition == Condition::RecorderUrl {
        survey.recorder = sketch::recorder(path.trim_end_matches("-wal"));
    }
    (backup, surveys)
}

/// Contents that satisfy a condition.
fn contents(condition: Condition) -> Contents {
    match condition {
        Condition::OwnBackup | Condition::LocalBackup => Contents::Backup(Origin::Same),
        Condition::UnknownBackup => Contents::Backup(Origin::Unknown),
        Condition::NestedBackup => Contents::Backup(Origin::Other),
        Condition::CoreDump => Contents::CoreDump,
        _ => Contents::Other,
    }
}

fn examples(rule: &Rule) -> impl Iterator<Item = &String> {
    // A log on its own does not belong to any database that could be found.
    let is_side = |path: &str| path.ends_with("-wal") || path.ends_with("-shm");
    let alone = move |path: &str| rule.condition.is_of_the_recorder() && is_side(path);
    rule.matches
        .iter()
        .filter(move |path| !path.ends_with('/') && !alone(path))
}

#[test]
fn what_a_rule_takes_goes_when_its_class_may_go_and_not_without() {
    let mut cases = 0;
    for rule in builtin_catalogue()
        .unwrap()
        .rules()
        .iter()
        .filter(|r| r.condition != Condition::OuterGarbage)
    {
        for path in examples(rule) {
            for allow in ["", "allow=history", "allow=user", "allow=history,user"] {
                let (backup, surveys) = backup_with(rule, path);
                // Whole parts may be dropped with consent to user data; here they stay.
                let wish = format!(
                    "{allow} keep=share:more.txt keep=media:more.txt keep={}:kept.txt",
                    component(&rule.component)
                );
                let plan = make(&backup, &surveys, &Wish::new(&wish).saving(&backup, 20)).unwrap();
                let may = rule.class.is_free() || allow.contains(rule.class.name());
                let rules: Vec<Option<&str>> = plan
                    .drops
                    .iter()
                    .map(|d| d.rule().map(|r| r.id.as_str()))
                    .collect();
                let expected = if may {
                    (Outcome::Fits, vec![Some(rule.id.as_str())])
                } else {
                    (Outcome::CannotFit, vec![])
                };
                assert_eq!(
                    (plan.outcome, rules),
                    expected,
                    "{}: {path} with '{allow}'",
                    rule.id
                );
                cases += 1;
            }
        }
    }
    assert!(cases > 400, "{cases}");
}

#[test]
fn a_row_carries_what_its_rule_says() {
    for rule in builtin_catalogue()
        .unwrap()
        .rules()
        .iter()
        .filter(|r| r.condition != Condition::OuterGarbage)
    {
        let path = examples(rule).next().unwrap();
        let (backup, surveys) = backup_with(rule, path);
        let wish = format!(
            "allow=history,user keep=share:more.txt keep=media:more.txt keep={}:kept.txt",
            component(&rule.component)
        );
        let plan = make(&backup, &surveys, &Wish::new(&wish).saving(&backup, 20)).unwrap();
        let [row] = plan.drops.as_slice() else {
            panic!("{}: {:?}", rule.id, plan.drops)
        };
        let words = &said(&backup, &plan).drops[0];
        assert_eq!(
            (words.lost.as_str(), words.advice.as_deref()),
            (rule.lost.as_str(), Some(rule.prevent.as_str())),
            "{}",
            rule.id
        );
        assert_eq!(
            (row.class(), row.is_free()),
            (Some(rule.class), rule.class.is_free())
        );
        assert_eq!(
            (row.stored_bytes, row.files),
            (30 * RECORD, Some(1)),
            "{}",
            rule.id
        );
        assert!(
            words.title.starts_with(&rule.title),
            "{}: {}",
            rule.id,
            words.title
        );
        let effect = super::effect(
            &backup,
            &backup.parts[1],
            false,
            Some(rule),
            &Located::default(),
        );
        assert_eq!(
            (row.effect, words.on_restore.as_str()),
            (effect, effect.sentence()),
            "{}",
            rule.id
        );
    }
}

#[test]
fn without_consent_the_way_out_is_the_class_of_the_rule_or_its_file() {
    for rule in builtin_catalogue()
        .unwrap()
        .rules()
        .iter()
        .filter(|r| !r.class.is_free())
    {
        let path = examples(rule).next().unwrap();
        let (backup, surveys) = backup_with(rule, path);
        let plan = make(&backup, &surveys, &Wish::new("").saving(&backup, 20)).unwrap();
        let expected = if rule.class == Class::History {
            "--allow history"
        } else {
            "--allow history,user"
        };
        let words = said(&backup, &plan);
        let ways: Vec<&str> = words
            .ways_out
            .iter()
            .map(|way| way.options.as_str())
            .collect();
        // A single file of the owner's is named rather than its class allowed.
        let named = format!("--drop {}:", backup.parts[1].id);
        let is_named = |way: &str| rule.class == Class::User && way.starts_with(&named);
        let way = ways
            .iter()
            .position(|way| *way == expected || is_named(way));
        let way = way.unwrap_or_else(|| panic!("{}: {ways:?}", rule.id));
        let lost = &words.ways_out[way].lost[0];
        assert!(
            lost.contains(&rule.lost) && lost.starts_with(&rule.title),
            "{}: {lost}",
            rule.id
        );
    }
}

#[test]
fn every_version_is_planned_alike() {
    for version in [None, Some(Version::V2), Some(Version::V3)] {
        let sketch = Sketch::new("homeassistant: __pycache__/a.pyc 20, x 5").version(version);
        let (backup, plan) = plan_of(&sketch, 10, "");
        assert_eq!(
            (plan.outcome, plan.drops.len()),
            (Outcome::Fits, 1),
            "{version:?}"
        );
        assert_eq!(
            plan.predicted_size,
            backup.input.len() - 20 * RECORD,
            "{version:?}"
        );
    }
}

/// People's own files with names similar to those that a rule matches: `lookalikes.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LookAlikes {
    /// Files of any contents.
    files: Vec<String>,
    /// Files that are SQLite databases, whatever their names.
    #[serde(default)]
    databases: Vec<String>,
    /// Backups that another Home Assistant made.
    #[serde(default)]
    foreign: Vec<String>,
    /// Backups that do not state their origin.
    #[serde(default)]
    unknown: Vec<String>,
}

impl LookAlikes {
    fn all(&self) -> impl Iterator<Item = (&String, Contents)> {
        let kinds = [
            (&self.files, Contents::Other),
            (&self.databases, Contents::Database),
            (&self.foreign, Contents::Backup(Origin::Other)),
            (&self.unknown, Contents::Backup(Origin::Unknown)),
        ];
        kinds
            .into_iter()
            .flat_map(|(paths, contents)| paths.iter().map(move |path| (path, contents)))
    }
}

fn lookalikes() -> BTreeMap<String, LookAlikes> {
    toml::from_str(include_str!("../../rules/lookalikes.toml")).unwrap()
}

/// Every component that a glob over components can match.
fn components(glob: &str) -> Vec<String> {
    let Some((before, rest)) = glob.split_once('{') else {
        return vec![component(glob)];
    };
    let (inside, after) = rest.split_once('}').unwrap();
    inside
        .split(',')
        .map(|choice| component(&format!("{before}{choice}{after}")))
        .collect()
}

/// Plans like the default run, with `--thorough` and a limit that cannot be reached.
fn taken_unasked(component: &str, files: &[(&String, Contents)]) -> Vec<String> {
    let other = if component == "share" {
        "media: more.txt 40"
    } else {
        "share: more.txt 40"
    };
    let sizes = files
        .iter()
        .map(|(path, _)| ((*path).clone(), 30 * RECORD))
        .collect::<Vec<_>>();
    let kept = ("something/else.txt".to_owned(), 3 * RECORD);
    let (backup, mut surveys) = Sketch::new(other)
        .part(component, std::iter::once(kept).chain(sizes))
        .build();
    let survey = surveys.last_mut().unwrap();
    let own = survey.entries.len() - files.len();
    for (entry, (_, contents)) in survey.entries.iter_mut().skip(own).zip(files) {
        entry.contents = *contents;
    }
    let plan = make(
        &backup,
        &surveys,
        &Wish::new("thorough").saving(&backup, 20),
    )
    .unwrap();
    let path = |entry: &Entry| String::from_utf8_lossy(&entry.name).into_owned();
    assert!(
        !plan.units.iter().any(Candidate::is_whole),
        "{component} goes as a whole"
    );
    plan.units
        .iter()
        .flat_map(|unit| {
            unit.entries
                .iter()
                .map(|&at| path(&surveys[unit.part].entries[at]))
        })
        .collect()
}

#[test]
fn the_default_run_takes_nothing_that_only_looks_like_what_a_rule_takes() {
    let (all, mut by_component) = (
        lookalikes(),
        BTreeMap::<String, Vec<(&String, Contents)>>::new(),
    );
    for rule in builtin_catalogue()
        .unwrap()
        .rules()
        .iter()
        .filter(|r| r.condition != Condition::OuterGarbage)
    {
        let own = all
            .get(&rule.id)
            .unwrap_or_else(|| panic!("lookalikes.toml says nothing of {}", rule.id));
        assert!(own.all().count() >= 3, "three at least of {}", rule.id);
        for component in components(&rule.component) {
            let files = by_component.entry(component).or_default();
            let known: Vec<&String> = files.iter().map(|(path, _)| *path).collect();
            files.extend(own.all().filter(|(path, _)| !known.contains(path)));
        }
    }
    for (component, files) in &by_component {
        assert_eq!(
            taken_unasked(component, files),
            Vec::<String>::new(),
            "{component}"
        );
    }
    let count: usize = by_component.values().map(Vec::len).sum();
    assert!(count > 300, "{count}");
}

#[test]
fn every_list_of_look_alikes_belongs_to_a_rule() {
    let catalogue = builtin_catalogue().unwrap();
    for id in lookalikes().keys() {
        assert!(catalogue.by_id(id).is_some(), "there is no rule {id}");
    }
}

#[test]
fn the_default_run_does_take_what_the_rules_that_need_no_consent_name() {
    // The opposite of the look-alikes, to show that these tests notice what is dropped.
    for rule in builtin_catalogue()
        .unwrap()
        .rules()
        .iter()
        .filter(|r| r.class.is_free() && r.condition == Condition::None)
    {
        let path = examples(rule).next().unwrap();
        let component = component(&rule.component);
        assert_eq!(
            taken_unasked(&component, &[(path, Contents::Other)]).len(),
            1,
            "{}: {path}",
            rule.id
        );
        assert_eq!(
            taken_unasked(&component, &[(path, Contents::Database)]),
            Vec::<String>::new(),
            "{}: a database",
            rule.id
        );
    }
}

#[test]
fn modules_that_package_json_does_not_name_stay() {
    let (backup, mut surveys) =
        Sketch::new("addon:a0d7b954_nodered: config/node_modules/a/x.js 30, config/node_modules/mine/y.js 30, config/flows.json 5").build();
    surveys[0].modules.read(
        b"config",
        br#"{"dependencies":{"a":"1","mine":"file:../mine"}}"#,
    );
    let plan = make(
        &backup,
        &surveys,
        &Wish::new("thorough").saving(&backup, 50),
    )
    .unwrap();
    assert_eq!(
        (plan.outcome, plan.drops.len(), plan.drops[0].files),
        (Outcome::CannotFit, 1, Some(1))
    );
    assert_eq!(plan.drops[0].stored_bytes, 30 * RECORD);
}
