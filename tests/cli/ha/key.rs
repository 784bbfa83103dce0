//! The key that Home Assistant itself uses.

use serde_json::{Value, json};

use super::fake::*;
use super::slim::{home, line};
use crate::support::*;

/// The variable has a wrong key, so that only Home Assistant can have the right one.
#[track_caller]
fn haslim(home: &Fake, line: &str) -> Run {
    let variables = [
        ("HASLIM_HA_TOKEN", TOKEN),
        ("HASLIM_HA_URL", home.url.as_str()),
        ("HASLIM_PASSWORD", "wrong"),
    ];
    home.run(&format!("{line} --password-from-ha"), &variables)
}

#[test]
fn the_key_of_home_assistant_opens_the_backup_and_encrypts_the_copy() {
    let (home, scratch) = (home("v3.tar"), Scratch::new());
    let rest = "--drop media --drop share:notes.txt";
    haslim(&home, &line(scratch.0.path(), rest)).code(0);
    let sent = scratch.file("sent.tar", &home.state().received[0].2);
    run(crate::line("verify", &sent, ""), Some(PASSWORD)).code(0);
    run(crate::line("verify", &sent, ""), Some("wrong")).code(12);
}

/// An upload checks the file for damage with it.
#[test]
fn the_key_of_home_assistant_checks_a_file_before_it_is_sent() {
    let (home, scratch) = (Fake::new(), Scratch::new());
    let bad = scratch.file("bad.tar", &crate::exit_codes::damaged("v3.tar", "media"));
    let upload = format!("upload {} --to cloud.cloud --yes", bad.display());
    let run = haslim(&home, &upload).code(5);
    assert!(run.err.contains("media"), "{}", run.err);
    assert!(home.state().received.is_empty());
}

/// A backup that was made by hand may have another key (HOMEASSISTANT: `backup/config/info`).
#[test]
fn a_key_that_does_not_open_the_backup_is_tried_before_anything_is_sent() {
    let missing: [(Value, &str); 3] = [
        (json!("another key"), "does not open this backup"),
        (json!(null), "has no encryption key"),
        (json!(""), "has no encryption key"),
    ];
    for (key, says) in missing {
        let (home, scratch) = (home("v3.tar"), Scratch::new());
        home.state().key = key;
        let rest = "--drop share:notes.txt";
        let run = haslim(&home, &line(scratch.0.path(), rest)).code(12);
        assert!(
            run.err.contains(says) && run.err.contains("--emergency-kit"),
            "{}",
            run.err
        );
        assert!(!run.err.contains("another key"), "{}", run.err);
        assert!(home.state().received.is_empty());
    }
}

#[test]
fn only_one_source_of_the_key_can_be_named() {
    let (home, scratch) = (home("v3.tar"), Scratch::new());
    let rest = "--emergency-kit kit.txt";
    let run = haslim(&home, &line(scratch.0.path(), rest)).code(2);
    assert!(run.err.contains("--password-from-ha"), "{}", run.err);
    assert!(home.state().asked.is_empty());
}
