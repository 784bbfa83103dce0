//! Every rule of the catalogue as a plan: what it takes goes when its class may go, and
//! not without.

use super::*;
use crate::format::secure::Version;
use crate::plan::units::builtin_catalogue;
use crate::rules::{Class, Condition, Rule};

/// A component that a rule is about.
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

/// A backup that holds one file of a rule, of 30 records, and others that stay.
fn backup_with(rule: &Rule, path: &str) -> (Backup, Vec<PartSurvey>) {
    let id = component(&rule.component);
    let files = [("kept.txt", 3 * RECORD), (path, 30 * RECORD)].map(|(path, bytes)| (path.to_owned(), bytes));
    // Another part beside the rule's, for a backup has each only once.
    let other = if id == "share" { "media: more.txt 40" } else { "share: more.txt 40" };
    let (backup, mut surveys) = Sketch::new(other).part(&id, files).build();
    let survey = surveys.last_mut().unwrap();
    if rule.condition == Condition::RecorderUrl {
        survey.recorder = sketch::recorder(path.trim_end_matches("-wal"));
    }
    let entry = survey.entries.last_mut().unwrap();
    entry.nested_backup = rule.condition == Condition::NestedBackup;
    (backup, surveys)
}

fn examples(rule: &Rule) -> impl Iterator<Item = &String> {
    rule.matches.iter().filter(|path| !path.ends_with('/'))
}

#[test]
fn what_a_rule_takes_goes_when_its_class_may_go_and_not_without() {
    let mut cases = 0;
    for rule in builtin_catalogue().unwrap().rules().iter().filter(|r| r.condition != Condition::OuterGarbage) {
        for path in examples(rule) {
            for allow in ["", "allow=history", "allow=user", "allow=history,user"] {
                let (backup, surveys) = backup_with(rule, path);
                // Whole parts may go with consent to user data; here they stay.
                let wish = format!("{allow} keep=share:more.txt keep={}:kept.txt", component(&rule.component));
                let plan = make(&backup, &surveys, &Wish::new(&wish).saving(&backup, 20)).unwrap();
                let may = rule.class.is_free() || allow.contains(rule.class.name());
                let rules: Vec<Option<&str>> = plan.drops.iter().map(|row| row.rule.as_deref()).collect();
                let expected = if may { (Outcome::Fits, vec![Some(rule.id.as_str())]) } else { (Outcome::CannotFit, vec![]) };
                assert_eq!((plan.outcome, rules), expected, "{}: {path} with '{allow}'", rule.id);
                cases += 1;
            }
        }
    }
    assert!(cases > 400, "{cases}");
}

#[test]
fn a_row_carries_what_its_rule_says() {
    for rule in builtin_catalogue().unwrap().rules().iter().filter(|r| r.condition != Condition::OuterGarbage) {
        let path = examples(rule).next().unwrap();
        let (backup, surveys) = backup_with(rule, path);
        let wish = format!("allow=history,user keep=share:more.txt keep={}:kept.txt", component(&rule.component));
        let plan = make(&backup, &surveys, &Wish::new(&wish).saving(&backup, 20)).unwrap();
        let [row] = plan.drops.as_slice() else { panic!("{}: {:?}", rule.id, plan.drops) };
        assert_eq!((row.lost.as_str(), row.advice.as_deref()), (rule.lost.as_str(), Some(rule.prevent.as_str())), "{}", rule.id);
        assert_eq!((row.class.as_deref(), row.is_free()), (Some(rule.class.name()), rule.class.is_free()));
        assert_eq!((row.stored_bytes, row.files), (30 * RECORD, Some(1)), "{}", rule.id);
        assert!(row.title.starts_with(&rule.title), "{}: {}", rule.id, row.title);
        let effect = super::effect(&backup, &backup.parts[1], false, Some(rule));
        assert_eq!((row.effect, row.on_restore.as_str()), (effect, effect.sentence()), "{}", rule.id);
    }
}

#[test]
fn without_consent_the_way_out_is_the_class_of_the_rule() {
    for rule in builtin_catalogue().unwrap().rules().iter().filter(|r| !r.class.is_free()) {
        let path = examples(rule).next().unwrap();
        let (backup, surveys) = backup_with(rule, path);
        let plan = make(&backup, &surveys, &Wish::new("").saving(&backup, 20)).unwrap();
        let expected = if rule.class == Class::History { "--allow history" } else { "--allow history,user" };
        let ways: Vec<&str> = plan.ways_out.iter().map(|way| way.options.as_str()).collect();
        assert_eq!(ways.first(), Some(&expected), "{}: {ways:?}", rule.id);
        let lost = &plan.ways_out[0].lost[0];
        assert!(lost.contains(&rule.lost) && lost.starts_with(&rule.title), "{}: {lost}", rule.id);
    }
}

#[test]
fn every_version_is_planned_alike() {
    for version in [None, Some(Version::V2), Some(Version::V3)] {
        let sketch = Sketch::new("homeassistant: tts/a 20, x 5").version(version);
        let (backup, plan) = plan_of(&sketch, 10, "");
        assert_eq!((plan.outcome, plan.drops.len()), (Outcome::Fits, 1), "{version:?}");
        assert_eq!(plan.predicted_size, backup.input.len() - 20 * RECORD, "{version:?}");
    }
}
