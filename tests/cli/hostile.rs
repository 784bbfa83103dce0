//! Names that could manipulate a terminal, wherever a name is printed.

use std::path::Path;

use crate::craft::{self, Content};
use crate::line;
use crate::support::*;

// The second half: report 115.
const TRICK: &str =
    "a\u{1b}[2J\u{7}\n\u{202e}b\u{61c}\u{ad}\u{180e}\u{e0041}\u{fe0f}\u{3164}\u{f8ff}c";

/// Characters that a terminal would interpret, and invisible ones.
const HIDDEN: [char; 8] = [
    '\u{ad}',
    '\u{61c}',
    '\u{180e}',
    '\u{2060}',
    '\u{3164}',
    '\u{f8ff}',
    '\u{fe0f}',
    '\u{e0041}',
];

/// A tar in which all names contain the hostile text.
fn inner(names: &[&str]) -> Vec<u8> {
    let data: Vec<Vec<u8>> = (0..names.len()).map(|at| vec![b'x'; 3000 + at]).collect();
    let entries: Vec<craft::Entry<'_>> = names
        .iter()
        .zip(&data)
        .map(|(name, data)| (*name, Content::Bytes(data)))
        .collect();
    craft::gzip(&craft::tar(&entries))
}

/// A plain backup with the hostile text in all texts of its metadata and in all names inside.
fn backup(path: &Path) {
    let in_folder = format!("frigate/recordings/{TRICK}");
    let unknown = format!("./{TRICK}.bin");
    let members = [
        (
            "homeassistant.tar.gz",
            inner(&[&format!("data/www/{TRICK}"), &format!("data/tts/{TRICK}")]),
        ),
        ("media.tar.gz", inner(&[&in_folder, TRICK])),
        ("share.tar.gz", inner(&[TRICK])),
        (
            "core_x.tar.gz",
            inner(&["addon.json", &format!("data/{TRICK}")]),
        ),
        (unknown.as_str(), b"unknown".to_vec()),
    ];
    craft::backup(
        path,
        &members,
        &craft::metadata(TRICK, &["media", "share", TRICK], &["core_x"]),
    );
}

#[test]
fn no_command_prints_a_control_character_out_of_a_name() {
    let scratch = Scratch::new();
    let folder = scratch.path("folder");
    std::fs::create_dir(&folder).unwrap();
    // The file itself has such a name, too. Windows allows no control characters there.
    let odd = if cfg!(windows) { "" } else { "\u{1b}[2J" };
    let input = folder.join(format!("a{odd}\u{202e}b.tar"));
    backup(&input);
    std::fs::write(
        folder.join(format!("broken{odd}\u{202e}.tar")),
        b"no backup",
    )
    .unwrap();
    std::fs::create_dir(folder.join(format!("folder{odd}\u{202e}.tar"))).unwrap();
    let cases = [
        ("info", ""),
        ("ls", "--depth 9"),
        ("ls", "media:frigate --depth 9"),
        ("ls", "media:no/such"),
        ("plan", ""),
        ("plan", "--limit 15kB"),
        ("plan", "--limit 15kB --allow history,user"),
        ("plan", "--drop media --drop share:**"),
        (
            "plan",
            "--drop homeassistant:*.yaml --drop homeassistant:www --drop addon:*:data/**",
        ),
        ("plan", "--thorough"),
        ("verify", ""),
        ("shrink", "--drop media --yes"),
        ("shrink", "--drop media --yes"),
        ("shrink", "--limit 1kB --yes --force"),
    ];
    let (mut codes, mut shown) = (Vec::new(), 0);
    for (command, rest) in cases {
        for json in ["", "--json"] {
            let run = haslim(line(command, &input, &format!("{rest} {json}")));
            check(&format!("{command} {rest} {json}"), &run);
            codes.push(run.code);
            shown += usize::from(run.out.contains("\\u{1b}[2J"));
        }
    }
    for place in [
        &format!("media:{TRICK}"),
        TRICK,
        "media:frigate/recordings/a\\u{1b}[2J\\u{7}\\n\\u{202e}b",
        "\u{1b}[2J",
    ] {
        let run = haslim([
            "plan".as_ref(),
            input.as_os_str(),
            "--why".as_ref(),
            place.as_ref(),
        ]);
        check(place, &run);
    }
    for input in [
        folder.join(format!("broken{odd}\u{202e}.tar")),
        folder.join(format!("folder{odd}\u{202e}.tar")),
        folder.join(format!("missing{odd}\u{202e}.tar")),
    ] {
        check("info", &haslim(line("info", &input, "")));
        check(
            "shrink",
            &haslim(line("shrink", &input, "--drop media --yes")),
        );
    }
    check(
        "info on the folder",
        &haslim(["info".as_ref(), folder.as_os_str()]),
    );
    check(
        "info on the folder",
        &haslim(["info".as_ref(), folder.as_os_str(), "--json".as_ref()]),
    );
    check(
        "selectors",
        &haslim([
            "plan".as_ref(),
            input.as_os_str(),
            "--drop".as_ref(),
            "media:\u{1b}[2J".as_ref(),
        ]),
    );
    assert!(
        codes.contains(&0) && codes.contains(&4) && shown > 10,
        "{codes:?}, {shown}\n{}",
        haslim(line("info", &input, "")).err
    );
}

#[track_caller]
fn check(what: &str, run: &Run) {
    for text in [&run.out, &run.err] {
        let odd = text.chars().find(|c| {
            (c.is_control() && *c != '\n')
                || ('\u{202a}'..='\u{202e}').contains(c)
                || HIDDEN.contains(c)
        });
        assert_eq!(odd, None, "{what}:\n{}", text.escape_debug());
    }
}
