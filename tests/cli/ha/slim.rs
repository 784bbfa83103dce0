//! `haslim ha slim`.

use std::path::Path;

use super::fake::*;
use crate::schema::check;
use crate::support::*;

fn home(fixture_name: &str) -> Fake {
    let path = fixture(fixture_name);
    let bytes = std::fs::read(&path).unwrap();
    let own = manifest(&path);
    let slug = own["slug"].as_str().unwrap();
    Fake::with(|state| {
        let mut entry = listed(
            slug,
            own["name"].as_str().unwrap(),
            "backup.local",
            bytes.len() as u64,
        );
        entry["date"] = own["date"].clone();
        state.backups = vec![entry];
        state.file = bytes;
    })
}

fn line(folder: &Path, rest: &str) -> String {
    format!(
        "slim --to cloud.cloud --folder {} --yes {rest}",
        folder.display()
    )
}

#[test]
fn a_backup_goes_all_the_way_and_leaves_nothing_behind() {
    let (home, scratch) = (home("v3.tar"), Scratch::new());
    let run = home.haslim(&line(scratch.0.path(), "--drop media")).code(0);
    assert!(
        run.out.contains("Home Assistant Cloud stores it"),
        "{}",
        run.out
    );
    assert!(scratch.listing().is_empty(), "{:?}", scratch.listing());
    let sent = home.state().received[0].2.clone();
    assert!(sent.len() < home.state().file.len());
    // Made from this backup already.
    let run = home.haslim(&line(scratch.0.path(), "--drop media")).code(3);
    assert!(run.err.contains("already stores a copy"), "{}", run.err);
    assert_eq!(home.state().received.len(), 1);
}

#[test]
fn the_json_follows_the_schema_and_files_can_be_kept() {
    let (home, scratch) = (home("v3.tar"), Scratch::new());
    let rest = "--drop media --keep-original --keep-slim --json";
    let value = home.haslim(&line(scratch.0.path(), rest)).code(0).json();
    check("ha slim", &value);
    assert_eq!(value["kept"].as_array().unwrap().len(), 2);
    assert_eq!(scratch.listing().len(), 2);
}

#[test]
fn a_backup_that_fits_is_sent_as_it_is() {
    let (home, scratch) = (home("v3.tar"), Scratch::new());
    let run = home.haslim(&line(scratch.0.path(), "")).code(0);
    assert!(run.out.contains("fits already"), "{}", run.out);
    let state = home.state();
    assert!(state.received[0].2 == state.file);
    assert!(scratch.listing().is_empty());
}

#[test]
fn after_a_refusal_the_next_run_goes_on_with_what_was_fetched() {
    let (home, scratch) = (home("v3.tar"), Scratch::new());
    home.state().upload =
        Upload::Refuse("Upload failed for cloud.cloud: Cloud subscription has expired");
    let run = home.haslim(&line(scratch.0.path(), "--drop media")).code(9);
    assert!(run.err.contains("has expired"), "{}", run.err);
    assert_eq!(scratch.listing().len(), 2);
    assert!(run.err.contains("slim.tar"), "{}", run.err);
    home.state().upload = Upload::Store;
    home.haslim(&line(scratch.0.path(), "--drop media")).code(0);
    // It was downloaded only once.
    assert_eq!(home.state().ranges.len(), 1);
    assert!(scratch.listing().is_empty(), "{:?}", scratch.listing());
}

#[test]
fn a_plan_that_does_not_reach_the_limit_sends_nothing() {
    let (home, scratch) = (home("v3.tar"), Scratch::new());
    home.haslim(&line(scratch.0.path(), "--limit 1kB")).code(4);
    assert!(home.state().received.is_empty());
}
