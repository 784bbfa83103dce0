//! `haslim ha slim --stream`: the copy is sent as it is made.

use super::fake::*;
use super::slim::{home, line};
use crate::schema::check;
use crate::support::*;

const REST: &str = "--stream --drop media --drop homeassistant:nest";

#[test]
fn a_copy_is_sent_as_it_is_made_and_is_what_a_file_would_hold() {
    for name in ["v3.tar", "v2.tar", "v3-uncompressed.tar"] {
        let (home, scratch) = (home(name), Scratch::new());
        let run = home.haslim(&line(scratch.0.path(), REST)).code(0);
        assert!(
            run.out.contains("Home Assistant Cloud stores it"),
            "{}",
            run.out
        );
        assert!(scratch.listing().is_empty(), "{:?}", scratch.listing());
        let sent = scratch.file("sent.tar", &home.state().received[0].2);
        haslim(crate::line("verify", &sent, "")).code(0);
        let (input, output) = (scratch.copy(name), scratch.path("slim.tar"));
        haslim(shrink(&input, &output, &REST.replace("--stream", ""))).code(0);
        for part in ["homeassistant", "share"] {
            assert_eq!(
                entries(&sent, part),
                entries(&output, part),
                "{name}: {part}"
            );
        }
        let size = |path| std::fs::metadata(path).unwrap().len();
        assert_eq!(size(&sent), size(&output));
    }
}

#[test]
fn the_json_of_a_streamed_copy_follows_the_schema() {
    let (home, scratch) = (home("v2.tar"), Scratch::new());
    let rest = format!("{REST} --json --keep-original");
    let value = home.haslim(&line(scratch.0.path(), &rest)).code(0).json();
    check("ha slim", &value);
    assert_eq!(value["kept"].as_array().unwrap().len(), 1);
    assert_eq!(value["size"], home.state().received[0].2.len());
    let again = home.haslim(&line(scratch.0.path(), &rest)).code(3);
    check("error alone", &again.json());
}

#[test]
fn after_a_failure_only_the_original_is_there() {
    let (home, scratch) = (home("v2.tar"), Scratch::new());
    home.state().upload = Upload::Cut(4096);
    home.haslim(&line(scratch.0.path(), REST)).code(8);
    home.state().upload = Upload::Early("401 Unauthorized\r\nServer: ", "401: Unauthorized");
    let run = home.haslim(&line(scratch.0.path(), REST)).code(8);
    assert!(run.err.contains("refuses the token"), "{}", run.err);
    assert_eq!(scratch.listing().len(), 1);
    home.state().upload = Upload::Store;
    home.haslim(&line(scratch.0.path(), REST)).code(0);
    assert_eq!(home.state().ranges.len(), 1);
}

#[test]
fn a_damaged_part_that_would_be_kept_is_found_before_anything_is_sent() {
    let (home, scratch) = (home("v2.tar"), Scratch::new());
    home.state().file = crate::exit_codes::damaged("v2.tar", "share");
    let run = home.haslim(&line(scratch.0.path(), REST)).code(5);
    assert!(run.err.contains("share"), "{}", run.err);
    assert!(home.state().received.is_empty());
}

#[test]
fn a_copy_that_does_not_reach_the_limit_is_not_sent() {
    let (home, scratch) = (home("v2.tar"), Scratch::new());
    let rest = format!("{REST} --limit 1kB");
    home.haslim(&line(scratch.0.path(), &rest)).code(4);
    assert!(home.state().received.is_empty());
}

#[test]
fn a_backup_that_fits_is_streamed_as_it_is() {
    let (home, scratch) = (home("v2.tar"), Scratch::new());
    home.haslim(&line(scratch.0.path(), "--stream")).code(0);
    let state = home.state();
    assert!(state.received[0].2 == state.file);
}
