//! `haslim ha slim`.

use std::path::Path;

use super::fake::*;
use crate::schema::check;
use crate::support::*;

pub fn home(fixture_name: &str) -> Fake {
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

pub fn line(folder: &Path, rest: &str) -> String {
    format!(
        "slim --to cloud.cloud --folder {} --yes {rest}",
        folder.display()
    )
}

#[test]
fn a_backup_goes_all_the_way_and_leaves_nothing_behind() {
    let (home, scratch) = (home("v2.tar"), Scratch::new());
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

/// The cloud stores only encrypted backups.
#[test]
fn what_the_cloud_would_refuse_is_not_fetched() {
    for name in ["plain.tar", "v2.tar"] {
        let (home, scratch) = (home(name), Scratch::new());
        let is_plain = name == "plain.tar";
        home.state().backups[0]["agents"]["backup.local"]["protected"] = (!is_plain).into();
        let rest = line(scratch.0.path(), "--securetar none --drop media");
        let run = home.haslim(&rest).code(10);
        assert!(run.err.contains("only encrypted"), "{}", run.err);
        let asked = home.state().asked.join(" ");
        assert!(!asked.contains("download"), "{asked}");
        // With the key, the copy is encrypted.
        home.haslim(&line(scratch.0.path(), "--drop media")).code(0);
    }
}

#[test]
fn the_json_follows_the_schema_and_files_can_be_kept() {
    let (home, scratch) = (home("v2.tar"), Scratch::new());
    let rest = "--drop media --keep-original --keep-slim --json";
    let value = home.haslim(&line(scratch.0.path(), rest)).code(0).json();
    check("ha slim", &value);
    assert_eq!(value["kept"].as_array().unwrap().len(), 2);
    assert_eq!(scratch.listing().len(), 2);
}

/// Also if the run goes on with the files of an earlier one, or sends a backup that fits.
#[test]
fn nothing_stands_beside_the_json() {
    let (home, scratch) = (home("v2.tar"), Scratch::new());
    for rest in ["--drop media --json", "--json"] {
        home.state().upload = Upload::Refuse("no");
        let refused = home.haslim(&line(scratch.0.path(), rest)).code(9).json();
        check("error alone", &refused);
        home.state().upload = Upload::Store;
        let value = home.haslim(&line(scratch.0.path(), rest)).code(0).json();
        check("ha slim", &value);
        home.state().backups.truncate(1);
    }
}

#[test]
fn a_backup_that_fits_is_sent_as_it_is() {
    let (home, scratch) = (home("v2.tar"), Scratch::new());
    let run = home.haslim(&line(scratch.0.path(), "")).code(0);
    assert!(run.out.contains("fits already"), "{}", run.out);
    let state = home.state();
    assert!(state.received[0].2 == state.file);
    assert!(scratch.listing().is_empty());
}

#[test]
fn after_a_refusal_the_next_run_goes_on_with_what_was_fetched() {
    let (home, scratch) = (home("v2.tar"), Scratch::new());
    home.state().upload =
        Upload::Refuse("Upload failed for cloud.cloud: Cloud subscription has expired");
    let run = home.haslim(&line(scratch.0.path(), "--drop media")).code(9);
    assert!(run.err.contains("has expired"), "{}", run.err);
    let left = scratch.listing();
    assert_eq!(left.len(), 2);
    for name in &left {
        let bytes = std::fs::read(scratch.path(name)).unwrap();
        for secret in [TOKEN, PASSWORD] {
            let mut pieces = bytes.windows(secret.len());
            let is_there = pieces.any(|piece| piece == secret.as_bytes());
            assert!(!is_there && !name.contains(secret), "{name}");
        }
    }
    assert!(run.err.contains("slim.tar"), "{}", run.err);
    home.state().upload = Upload::Store;
    home.haslim(&line(scratch.0.path(), "--drop media")).code(0);
    // It was downloaded only once, and the copy was made only once.
    assert_eq!(home.state().ranges.len(), 1);
    let sent = |at: usize| home.state().received[at].2.clone();
    assert!(sent(0) == sent(1));
    assert!(scratch.listing().is_empty(), "{:?}", scratch.listing());
}

#[test]
fn a_copy_that_an_earlier_run_made_with_other_options_is_made_again() {
    let (home, scratch) = (home("v2.tar"), Scratch::new());
    home.state().upload = Upload::Refuse("no");
    home.haslim(&line(scratch.0.path(), "--drop media")).code(9);
    home.state().upload = Upload::Store;
    let rest = "--drop media --drop share:notes.txt";
    home.haslim(&line(scratch.0.path(), rest)).code(0);
    let sent = scratch.file("sent.tar", &home.state().received[1].2);
    let left = entries(&sent, "share");
    assert!(!left.iter().any(|entry| entry.name.ends_with(b"notes.txt")));
}

#[test]
fn other_files_in_the_place_of_its_own_stay() {
    let (home, scratch) = (home("v3.tar"), Scratch::new());
    let id = home.state().backups[0]["backup_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let original = scratch.path(&format!("haslim-{id}.tar"));
    let slim = scratch.path(&format!("haslim-{id}.slim.tar"));
    let line = |more: &str| line(scratch.0.path(), &format!("--drop media {more}"));
    std::fs::copy(fixture("v2.tar"), &original).unwrap();
    let run = home.haslim(&line("")).code(7);
    assert!(run.err.contains("is not the backup"), "{}", run.err);
    assert_eq!(home.state().ranges.len(), 0);
    std::fs::remove_file(&original).unwrap();
    std::fs::write(&slim, b"precious").unwrap();
    let run = home.haslim(&line("")).code(7);
    assert!(
        run.err.contains("is not a copy of this backup"),
        "{}",
        run.err
    );
    // A copy that is sent as it is made needs no file.
    home.haslim(&line("--stream")).code(0);
    assert_eq!(std::fs::read(&slim).unwrap(), b"precious");
    assert!(!original.exists());
}

#[test]
fn a_fetched_backup_that_is_damaged_is_named() {
    let (home, scratch) = (home("v2.tar"), Scratch::new());
    home.state().upload = Upload::Refuse("no");
    home.haslim(&line(scratch.0.path(), "--drop media")).code(9);
    let name = scratch
        .listing()
        .into_iter()
        .find(|name| !name.contains(".slim."))
        .unwrap();
    let path = scratch.path(&name);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = make::data_of(&bytes, "share.tar.gz") + 700;
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let run = home.haslim(&line(scratch.0.path(), "--drop ssl")).code(5);
    assert!(
        run.err.contains("Delete") && run.err.contains(&name),
        "{}",
        run.err
    );
}

/// What the copy says about its original decides, and not its name.
#[test]
fn a_copy_in_the_cloud_is_known_by_what_it_says_about_its_original() {
    let (home, scratch) = (home("v2.tar"), Scratch::new());
    home.haslim(&line(scratch.0.path(), "--drop media")).code(0);
    let original = home.state().backups[0]["backup_id"].clone();
    let extra = home.state().backups[1]["extra_metadata"].clone();
    assert_eq!(extra["haslim"]["slim_of"]["slug"], original);
    home.state().backups[1]["name"] = "renamed".into();
    home.haslim(&line(scratch.0.path(), "--drop media")).code(3);
    // A copy of another backup, although it has such a name.
    let name = home.state().backups[0]["name"].as_str().unwrap().to_owned();
    let id = home.state().backups[1]["backup_id"]
        .as_str()
        .unwrap()
        .to_owned();
    home.state().backups[1]["name"] = format!("{name} (slim {id})").into();
    home.state().backups[1]["extra_metadata"]["haslim"]["slim_of"]["slug"] = "other".into();
    home.haslim(&line(scratch.0.path(), "--drop media")).code(0);
}

#[test]
fn a_backup_that_fits_and_is_there_is_not_fetched() {
    let (home, scratch) = (home("v2.tar"), Scratch::new());
    home.haslim(&line(scratch.0.path(), "--keep-original"))
        .code(0);
    let run = home.haslim(&line(scratch.0.path(), "")).code(3);
    assert_eq!(home.state().ranges.len(), 1);
    assert!(run.err.contains("no longer needed"), "{}", run.err);
    // Something is to be left out of it.
    home.haslim(&line(scratch.0.path(), "--drop media")).code(0);
}

#[test]
fn a_plan_that_does_not_reach_the_limit_sends_nothing() {
    let (home, scratch) = (home("v2.tar"), Scratch::new());
    home.haslim(&line(scratch.0.path(), "--limit 1kB")).code(4);
    assert!(home.state().received.is_empty());
}
