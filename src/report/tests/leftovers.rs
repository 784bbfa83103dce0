//! Notes on entries that are of no use in a copy. Report 11, point 5.

#![allow(clippy::unwrap_used)]

use crate::format::tar::block::EntryKind;
use crate::plan::make;
use crate::plan::tests::sketch::{Sketch, Wish};
use crate::report::plan_view::PlanView;
use crate::report::tests::options::Options;
use crate::survey::{Entry, PartSurvey};

fn add(survey: &mut PartSurvey, name: &str, kind: EntryKind, link: Option<&str>) {
    let like = survey.entries.first().cloned().unwrap();
    survey.entries.push(Entry {
        name: name.as_bytes().into(),
        kind,
        link: link.map(|l| l.as_bytes().into()),
        ..like
    });
}

/// The notes of a plan for `sketch` with these additional entries, by part.
fn notes(sketch: &str, more: &[(usize, &str, EntryKind, Option<&str>)], wish: &str) -> Vec<String> {
    let (backup, mut surveys) = Sketch::new(sketch).build();
    for (part, name, kind, link) in more {
        add(&mut surveys[*part], name, *kind, *link);
    }
    let request = Wish::new(wish).saving(&backup, 0);
    let plan = make(&backup, &surveys, &request).unwrap();
    PlanView::new(&backup, &plan, &Options).notes
}

const PIPE: EntryKind = EntryKind::Special;
const LINK: EntryKind = EntryKind::Symlink;

#[test]
fn a_pipe_that_stays_is_named_with_what_leaves_it_out() {
    let sketch = "homeassistant: a 1, b 1; share: c 1";
    let pipes = [
        (0, "data/mpd.fifo", PIPE, None),
        (0, "data/my pipe", PIPE, None),
        (1, "x", PIPE, None),
    ];
    let told = notes(sketch, &pipes, "drop=homeassistant:a");
    assert_eq!(
        told[..2],
        [
            "homeassistant holds 2 named pipes or devices: data/mpd.fifo, data/my pipe. A restore unpacks them, but fails when it copies them into place, after it has emptied the live configuration. They have no contents: `haslim shrink` can leave them out, with --drop homeassistant:mpd.fifo --drop 'homeassistant:my pipe'.",
            "share holds a named pipe or device: x. A restore may fail on it. It has no contents: `haslim shrink` can leave it out, with --drop share:x.",
        ]
    );
    // The option in the note works.
    assert_eq!(
        notes(sketch, &pipes[..1], "drop=homeassistant:mpd.fifo"),
        [""; 0]
    );
    assert_eq!(
        notes(sketch, &pipes, "drop=homeassistant drop=share:x"),
        [""; 0]
    );
    // Many are only counted, and a name that cannot be typed is only shown.
    let many: Vec<_> = ["data/\x1b", "data/o'clock", "outside", "data/d", "data/e"]
        .map(|name| (0, name, PIPE, None))
        .into();
    let told = &notes(sketch, &many, "drop=homeassistant:a")[0];
    assert!(
        told.contains("5 named pipes or devices: data/\\u{1b}, data/o'clock, outside and 2 more."),
        "{told}"
    );
    assert!(told.ends_with("They have no contents."), "{told}");
}

#[test]
fn a_link_that_stays_is_named_when_what_it_leads_to_goes() {
    let sketch = "homeassistant: www/a 1, b 1, d/ 0; share: films/c 1, e 1; media: f 1; addon:x: data/g 1, data/h 1";
    let led = |part: usize, name: &'static str, to: &'static str, wish: &str| {
        notes(sketch, &[(part, name, LINK, Some(to))], wish)
    };
    for (part, name, to, wish) in [
        (0, "data/link", "www/a", "drop=homeassistant:www/a"),
        (0, "data/d/link", "../www/./a", "drop=homeassistant:www/a"),
        (0, "data/link", "/config/www/a", "drop=homeassistant:www/a"),
        (
            0,
            "data/link",
            "/homeassistant/www/a",
            "drop=homeassistant:www/a",
        ),
        (0, "data/link", "/share/films/c", "drop=share:films/c"),
        (0, "data/link", "../share/films/c", "drop=share:films/c"),
        (0, "data/link", "/media/f", "drop=media"),
        (1, "link", "e", "drop=share:e"),
        (1, "link", "/config/b", "drop=homeassistant:b"),
        (3, "data/link", "/data/g", "drop=addon:x:data/g"),
        (3, "data/link", "g", "drop=addon:x:data/g"),
        (3, "data/link", "/media/f", "drop=media"),
        // A folder of which nothing stays, although the archive has no entry for it.
        (0, "data/link", "www", "drop=homeassistant:www"),
        (0, "data/link", "/share/films/", "drop=share:films/c"),
    ] {
        let told = led(part, name, to, wish);
        assert_eq!(told.len(), 1, "{name} to {to}, {wish}: {told:?}");
        assert!(
            told[0].starts_with("A symbolic link stays, but what it leads to is left out: "),
            "{}",
            told[0]
        );
        assert!(
            told[0].ends_with(&format!("link (to {to}).")),
            "{}",
            told[0]
        );
    }
    for (part, name, to, wish) in [
        // The target stays, never existed, or is something that no backup contains; or the link is
        // dropped too.
        (0, "data/link", "www/a", "drop=homeassistant:b"),
        (0, "data/link", "www/none", "drop=homeassistant:b"),
        (0, "data/link", "/etc/passwd", "drop=homeassistant:b"),
        (
            0,
            "data/link",
            "b",
            "drop=homeassistant:b drop=homeassistant:link",
        ),
        // Something of the folder stays.
        (1, "link", "/config/www/x", "drop=homeassistant:www/a"),
        // This name can also be the app's own.
        (3, "data/link", "/config/b", "drop=homeassistant:b"),
    ] {
        assert_eq!(led(part, name, to, wish), [""; 0], "{name} to {to}, {wish}");
    }
}

#[test]
fn links_to_a_link_that_leads_nowhere_are_named_too() {
    let links = [
        (0, "data/one", LINK, Some("www/a")),
        (0, "data/two", LINK, Some("one")),
        (1, "three", LINK, Some("/config/two")),
        (1, "in", LINK, Some("a-circle")),
        (1, "a-circle", LINK, Some("in")),
        (1, "sound", LINK, Some("c")),
    ];
    let sketch = "homeassistant: www/a 1, b 1; share: c 1";
    assert_eq!(
        notes(sketch, &links, "drop=homeassistant:www/a"),
        [
            "3 symbolic links stay, but what they lead to is left out: homeassistant:one (to www/a), homeassistant:two (to one), share:three (to /config/two)."
        ]
    );
}
