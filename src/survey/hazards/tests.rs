//! Which entries collide, and with which others.

use proptest::prelude::*;

use super::*;
use crate::pipe::Control;

type Row<'a> = (&'a str, EntryKind, &'a str);

const FILE: EntryKind = EntryKind::File;
const FOLDER: EntryKind = EntryKind::Directory;
const SYMLINK: EntryKind = EntryKind::Symlink;
const HARD: EntryKind = EntryKind::HardLink;

impl Viewed for Row<'_> {
    fn view(&self) -> View<'_> {
        View {
            name: self.0.as_bytes(),
            kind: self.1,
            link: self.2.as_bytes(),
        }
    }
}

fn found(rows: &[Row<'_>]) -> Vec<(usize, Option<usize>, HazardKind)> {
    among(rows, &Control::default())
        .unwrap()
        .into_iter()
        .map(|h| (h.entry, h.with, h.kind))
        .collect()
}

#[test]
fn an_archive_as_home_assistant_writes_it_has_none() {
    let rows = [
        (".", FOLDER, ""),
        ("./homeassistant.json", FILE, ""),
        ("data", FOLDER, ""),
        ("data/www", FOLDER, ""),
        ("data/www/a", FILE, ""),
        ("data/www/b", HARD, "data/www/a"),
        ("data/www/c", HARD, "./data/www/b"),
        ("data/link", SYMLINK, "/etc/passwd"),
        ("data/link2", SYMLINK, "../.."),
        ("data/pipe", EntryKind::Special, ""),
        ("data/www", FOLDER, ""),
        ("data/www/a", FILE, ""),
    ];
    assert_eq!(found(&rows), []);
}

#[test]
fn one_place_holds_one_kind_whatever_comes_first() {
    let kinds = [FILE, FOLDER, SYMLINK, EntryKind::Special];
    for (first, second) in kinds.iter().flat_map(|a| kinds.map(|b| (*a, b))) {
        let rows = [("a", first, "t"), ("b", FILE, ""), ("./a", second, "t")];
        let collides = found(&rows)
            .iter()
            .any(|(_, with, kind)| with.is_some() && *kind == HazardKind::TwoKinds);
        assert_eq!(collides, first != second, "{first:?} and {second:?}");
    }
}

#[test]
fn nothing_lies_below_what_is_no_directory() {
    for kind in [FILE, SYMLINK, EntryKind::Special] {
        let below = (1, Some(0), HazardKind::NoDirectory);
        assert_eq!(found(&[("a/b", kind, "t"), ("a/b/c/d", FILE, "")]), [below]);
        assert_eq!(
            found(&[("a/b/c", FOLDER, ""), ("a/b", kind, "t")]),
            [(0, Some(1), HazardKind::NoDirectory)]
        );
    }
    assert_eq!(
        found(&[("a", FILE, ""), ("ab/c", FILE, ""), ("b/a/c", FILE, "")]),
        []
    );
}

#[test]
fn hard_links_lead_to_files_before_them() {
    let lost = |rows: &[Row<'_>]| {
        found(rows)
            .iter()
            .any(|(_, _, kind)| *kind == HazardKind::LostLink)
    };
    assert!(
        lost(&[("b", HARD, "a"), ("a", FILE, "")]),
        "a target that comes later"
    );
    assert!(lost(&[("a", HARD, "b"), ("b", HARD, "a")]), "a circle");
    assert!(lost(&[("a", HARD, "a")]), "itself");
    assert!(
        lost(&[("/a", FILE, ""), ("b", HARD, "/a")]),
        "an absolute target"
    );
    assert!(
        lost(&[("../a", FILE, ""), ("b", HARD, "../a")]),
        "an outside target"
    );
    assert!(lost(&[("a", FOLDER, ""), ("b", HARD, "a")]), "a directory");
    assert!(
        lost(&[("a", SYMLINK, "x"), ("b", HARD, "a")]),
        "a symbolic link"
    );
    assert!(lost(&[("a", FILE, ""), ("b", HARD, "")]), "nothing");
    assert!(!lost(&[
        ("./a", FILE, ""),
        ("b", HARD, "a"),
        ("c", HARD, "b")
    ]));
}

#[test]
fn paths_of_any_depth_cost_what_their_bytes_cost() {
    // If the time grew with the square of the depth, this would take minutes.
    let deep = "a/".repeat(100_000);
    let rows: Vec<Row<'_>> = (0..20)
        .map(|at| {
            (
                deep.get(at * 2..deep.len() - 1).unwrap_or_default(),
                FILE,
                "",
            )
        })
        .collect();
    assert_eq!(
        found(&rows).len(),
        19,
        "each but the longest is a file in the way of a longer one"
    );
}

#[test]
fn long_paths_are_counted_and_one_is_shown() {
    let mut long = LongPaths::default();
    long.see(b"short");
    assert_eq!(long.warning("media"), None);
    long.see(&b"x/".repeat(3000));
    long.see(&[b'n'; 300]);
    let text = long.warning("media").unwrap_or_default();
    assert!(
        text.starts_with("media: 2 paths") && text.len() < 300,
        "{text}"
    );
}

/// The right answer, found by comparing every entry with every other.
fn slowly(rows: &[Row<'_>]) -> bool {
    let no_directory = |kind: EntryKind| kind != FOLDER;
    rows.iter().enumerate().any(|(at, (name, kind, link))| {
        let collides = rows.iter().any(|(other, other_kind, _)| {
            let below = name
                .strip_prefix(other)
                .is_some_and(|rest| rest.starts_with('/'));
            below && no_directory(*other_kind)
                || other == name && class(*other_kind) != class(*kind)
        });
        let first = rows
            .iter()
            .position(|(other, kind, _)| other == link && no_directory(*kind));
        let lost = *kind == HARD
            && !first.is_some_and(|first| {
                first < at && rows.get(first).is_some_and(|row| class(row.1) == FILE)
            });
        collides || lost
    })
}

proptest! {
    #[test]
    fn the_fast_way_finds_what_the_slow_way_finds(picks in prop::collection::vec((0usize..6, 0usize..5, 0usize..6), 0..7)) {
        const NAMES: [&str; 6] = ["a", "a/b", "a/b/c", "b", "b/a", "ab"];
        const KINDS: [EntryKind; 5] = [FILE, FOLDER, SYMLINK, HARD, EntryKind::Special];
        let rows: Vec<Row<'_>> = picks.iter().map(|(name, kind, link)| (NAMES[*name], KINDS[*kind], NAMES[*link])).collect();
        prop_assert_eq!(!found(&rows).is_empty(), slowly(&rows), "{:?}", rows);
    }
}
