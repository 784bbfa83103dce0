//! `haslim ha fetch`.

use super::fake::*;
use crate::schema::check;
use crate::support::*;

fn home(how: Download) -> (Fake, Vec<u8>) {
    let bytes = std::fs::read(fixture("v3.tar")).unwrap();
    let size = bytes.len() as u64;
    let fake = Fake::with(|state| {
        state.file = bytes.clone();
        state.download = how;
        state.backups = vec![
            listed("0a1b2c3d", "Automatic", "backup.local", size),
            listed("0a999999", "Another", "cloud.cloud", size),
        ];
        state.backups[1]["date"] = "2026-11-01T05:00:00+00:00".into();
    });
    (fake, bytes)
}

#[test]
fn the_latest_is_fetched_whole() {
    let scratch = Scratch::new();
    let (home, bytes) = home(Download::Whole);
    let line = format!("fetch -o {}", scratch.path("a.tar").display());
    let run = home.haslim(&line).code(0);
    assert!(run.out.contains("\"Automatic\""), "{}", run.out);
    assert!(std::fs::read(scratch.path("a.tar")).unwrap() == bytes);
    let run = home.haslim(&line).code(7);
    assert!(run.err.contains("exists already"), "{}", run.err);
    let value = home
        .haslim(&format!("{line} --force --json"))
        .code(0)
        .json();
    check("ha fetch", &value);
    assert_eq!(scratch.listing(), ["a.tar"]);
}

#[test]
fn a_lost_connection_is_resumed_where_the_place_allows_it_and_otherwise_begun_again() {
    for (how, id, says, ranges) in [
        (Download::CutOnce, "0a1b2c3d", "Resumed", 1),
        (Download::AwayAfterCut, "0a1b2c3d", "Resumed", 2),
        (
            Download::ElsewhereAfterCut,
            "0a1b2c3d",
            "changed meanwhile",
            1,
        ),
        (Download::ChunkedCutOnce, "0a9", "begun again", 0),
    ] {
        let scratch = Scratch::new();
        let (home, bytes) = home(how);
        let line = format!("fetch {id} -o {}", scratch.path("a.tar").display());
        let run = home.haslim(&line).code(0);
        assert_eq!(run.err.matches(says).count(), 1, "{}", run.err);
        assert!(std::fs::read(scratch.path("a.tar")).unwrap() == bytes);
        let with_range = home
            .state()
            .ranges
            .iter()
            .filter(|range| !range.is_empty())
            .count();
        assert_eq!(with_range, ranges);
    }
}

#[test]
fn a_download_that_fails_leaves_nothing() {
    for (how, says) in [
        (Download::TooLarge, "larger than"),
        (Download::Missing, "no longer has"),
    ] {
        let scratch = Scratch::new();
        let (home, _) = home(how);
        let line = format!("fetch latest -o {}", scratch.path("a.tar").display());
        let run = home.haslim(&line).code(8);
        assert!(run.err.contains(says), "{}", run.err);
        assert!(run.err.trim_end().ends_with(UNCHANGED), "{}", run.err);
        assert!(scratch.listing().is_empty());
    }
}

#[test]
fn an_id_may_be_short_but_not_ambiguous() {
    let scratch = Scratch::new();
    let (home, _) = home(Download::Whole);
    let place = scratch.path("a.tar");
    for (id, says) in [
        ("0a", "more than one"),
        ("ff", "lists no backup ff"),
        ("0a1 --from cloud.cloud", "at cloud.cloud"),
    ] {
        let run = home
            .haslim(&format!("fetch {id} -o {}", place.display()))
            .code(2);
        assert!(run.err.contains(says), "{}", run.err);
    }
    assert!(scratch.listing().is_empty());
}
