//! 70 to 85: the tars inside the parts, names and links.

use std::path::Path;

use crate::judge::Hostile;
use crate::make::*;
use crate::seal;
use crate::support::*;

/// The warning about every copy of a plain backup.
const PLAIN: &str = "The copy is not encrypted";

/// The names in `media`, as another reader sees them.
fn names(path: &Path) -> Vec<Vec<u8>> {
    entries(path, "media").into_iter().map(|e| e.name).collect()
}

/// The entry of this name.
#[track_caller]
fn entry(path: &Path, name: &[u8]) -> InnerEntry {
    let found = entries(path, "media").into_iter().find(|e| e.name == name);
    found.unwrap_or_else(|| panic!("no {}", name.escape_ascii()))
}

/// Asserts that a backup is refused when `media` is rewritten or verified, but that `media` can
/// still be copied.
#[track_caller]
fn refused(inside: &[Vec<u8>], says: &[&str]) -> Hostile {
    let hostile = Hostile::new(plain(&around(inside)));
    hostile.is_refused_inside(
        10,
        &[
            says,
            &[
                "media: ",
                "(at byte 512)",
                "A restore could not cope with it",
                "--drop",
            ],
        ]
        .concat(),
    );
    let output = hostile.writes("shrink --drop share");
    assert_eq!(
        member(&output, "media.tar.gz"),
        member(hostile.path(), "media.tar.gz")
    );
    hostile
}

#[test]
fn n70_names_that_lead_elsewhere_are_refused_if_kept() {
    for (name, says) in [
        (b"../evil".as_slice(), "../evil leads out"),
        (b"a/../../evil", "a/../../evil leads out"),
        (b"/etc/evil", "/etc/evil is absolute"),
        (b"nul\0/evil", "nul\\u{0}/evil holds a NUL"),
        (b"a//evil", "a//evil is not in its plain form"),
        (b"a/./evil", "a/./evil is not in its plain form"),
    ] {
        let hostile = refused(&[named(name, b"x")], &[says]);
        let output = hostile.shrinks("--drop media:gone --drop media:**/evil", &[PLAIN]);
        assert_eq!(names(&output), [b".".as_slice(), b"kept"]);
    }
    refused(&[named(b"", b"x")], &["an entry has no name"]);
    // Readers remove the slash after a folder's name; here some are left with an empty name.
    let rootless = Hostile::new(plain(&around(&[folder("/")])));
    rootless.fails(
        "shrink --drop media:gone --yes",
        10,
        &["media: ", "(at byte 512)", "an entry has no name"],
    );
    rootless.fails(
        "verify",
        10,
        &["media: ", "two tar readers disagree: / (at byte 512)"],
    );
    refused(
        &[file(".", b"x")],
        &["a file takes the place of the whole folder"],
    );
    // The same in an edit: dropped entries do not count.
    let dropped = around(&[folder("old"), named(b"old/../../evil", b"x")]);
    Hostile::new(plain(&dropped)).shrinks("--drop media:gone --drop media:old", &[PLAIN]);
}

#[test]
fn n71_control_characters_in_names_are_shown_escaped_and_kept() {
    let name = b"line\nbreak\x1b[31m\rred\x07";
    let shown = "line\\nbreak\\u{1b}[31m\\rred\\u{7}";
    let hostile = Hostile::new(plain(&around(&[file(name, &noise(9000))])));
    assert!(hostile.run("ls --top 99").code(0).out.contains(shown));
    assert!(
        hostile
            .run("plan --drop media:gone --details")
            .code(0)
            .out
            .contains(shown)
    );
    assert_eq!(
        hostile.run("ls --json").code(0).json()["components"][0]["entries"][2]["path"],
        shown
    );
    let output = hostile.shrinks("--drop media:gone", &[PLAIN]);
    assert_eq!(names(&output), [b".".as_slice(), name, b"kept"]);
    // The same in a PAX record, which the second reader of a verification does not support.
    let record = named("zeile\nü".as_bytes(), b"x");
    let output = Hostile::new(plain(&around(std::slice::from_ref(&record))))
        .shrinks("--drop media:gone", &[PLAIN]);
    assert!(
        plaintext(&output, "media")
            .windows(record.len())
            .any(|found| found == record)
    );
    // So are those in the metadata, including the single byte that starts a sequence in Latin-1.
    let odd = r"\u001b[2J\u009b2J\u0007";
    let text = metadata(&["media"], false)
        .replace("hostile", odd)
        .replace("2026-11-22", odd)
        .replace("0a1b2c3d", odd);
    let hostile = Hostile::new(tar(&[
        file("media.tar.gz", &gzip(&around(&[]))),
        metadata_member(text),
    ]));
    for line in [
        "info",
        "info --json",
        "plan --drop media:gone",
        "plan --drop media:gone --json",
        "ls",
        "ls --json",
        "verify --json",
    ] {
        hostile.run(line).code(0);
    }
    // The same in an error, and as the name of a member.
    refused(
        &[hard_link("bad\x1blink", "no\nwhere")],
        &["bad\\u{1b}link points to no\\nwhere"],
    );
    let bytes = tar(&[
        Head::new("odd\x1b.tar.gz", b'2', 0).data(b""),
        metadata_member(metadata(&[], false)),
    ]);
    Hostile::new(bytes).never_opens(10, &["odd\\u{1b}.tar.gz: the member is a symlink"]);
}

#[test]
fn n72_names_that_are_not_utf8_are_kept_byte_for_byte() {
    let hard = [
        named(b"bytes\xff\xfe\x80", b"x"),
        file(b"raw\xc3\x28", b"y"),
        symlink(b"link\xff", b"to\xfe"),
    ];
    let hostile = Hostile::new(plain(&around(&hard)));
    let output = hostile.shrinks("--drop media:gone", &[PLAIN]);
    assert_eq!(
        names(&output),
        [
            b".".as_slice(),
            b"bytes\xff\xfe\x80",
            b"raw\xc3\x28",
            b"link\xff",
            b"kept"
        ]
    );
    assert_eq!(entry(&output, b"link\xff").link, b"to\xfe");
    assert!(
        hostile
            .run("ls --top 99")
            .code(0)
            .out
            .contains("bytes\\xff\\xfe\\x80")
    );
}

#[test]
fn n73_paths_that_linux_cannot_make_are_warned_of() {
    for name in ["p/".repeat(2500) + "end", "n".repeat(5000)] {
        let hostile = Hostile::new(plain(&around(&[named(name.as_bytes(), b"x")])));
        let warning = "media: 1 paths are longer than Linux allows";
        hostile.works("verify", &[warning]);
        hostile.works("ls", &[warning]);
        let output = hostile.shrinks("--drop media:gone", &[warning, PLAIN]);
        assert!(names(&output).contains(&name.into_bytes()));
    }
}

#[test]
fn n74_folders_of_any_depth_are_read_without_recursion() {
    // Two thousand levels, which Linux could create, and more levels than fit on a stack.
    for (levels, warns) in [
        (2000, &[PLAIN][..]),
        (100_000, &[PLAIN, "longer than Linux allows"]),
    ] {
        let name = "d/".repeat(levels) + "end";
        let hostile = Hostile::new(plain(&around(&[named(name.as_bytes(), b"x")])));
        let all = hostile.run("ls --depth 1000000 --top 1").code(0);
        // Folders with one folder in them share a line.
        let shown = all.out.lines().find(|line| line.contains("d/d/d/"));
        assert!(shown.is_some_and(|line| line.len() > 2 * levels));
        hostile
            .run("plan --drop media:gone --why media:kept")
            .code(0);
        let output = hostile.shrinks("--drop media:gone --drop media:**/no/such", warns);
        assert!(names(&output).contains(&name.clone().into_bytes()));
        // Dropped from the top, and by a pattern for the bottom.
        assert_eq!(
            names(&hostile.shrinks("--drop media:gone --drop media:d", warns)),
            [b".".as_slice(), b"kept"]
        );
    }
}

#[test]
fn n75_entries_of_one_path_go_or_stay_together() {
    let twice = [
        file("twice", b"first"),
        file("./twice", b"second"),
        folder("d"),
        folder("d"),
        file("d/x", b"1"),
        file("d/x", b"2"),
    ];
    let hostile = Hostile::new(plain(&around(&twice)));
    let output = hostile.shrinks("--drop media:gone", &[PLAIN]);
    assert_eq!(names(&output).len(), 2 + twice.len());
    let output = hostile.shrinks("--drop media:twice --drop media:d", &[PLAIN]);
    assert_eq!(names(&output), [b".".as_slice(), b"gone", b"kept"]);
}

#[test]
fn n76_a_file_and_a_directory_of_one_name_are_refused() {
    refused(
        &[file("both", b"x"), folder("both")],
        &["both is a directory, and a file as well"],
    );
    refused(
        &[folder("both"), file("./both", b"x")],
        &["both is a directory, and a file as well"],
    );
    refused(
        &[file("a", b"x"), file("a/b", b"y")],
        &["a/b lies below a, which is a file"],
    );
    refused(
        &[file("a/b", b"y"), file("a", b"x")],
        &["a/b lies below a, which is a file"],
    );
    refused(
        &[symlink("both", "t"), file("both", b"x")],
        &["both is a file, and a symlink as well"],
    );
    let hostile = refused(
        &[folder("d"), file("d/both", b"x"), folder("d/both")],
        &["d/both"],
    );
    assert_eq!(
        names(&hostile.shrinks("--drop media:d", &[PLAIN])),
        [b".".as_slice(), b"gone", b"kept"]
    );
}

#[test]
fn n77_the_data_of_a_hard_link_stay_when_their_first_name_goes() {
    let links = [
        folder("d"),
        file("d/first", b"the data"),
        hard_link("second", "d/first"),
        hard_link("d/third", "d/first"),
        hard_link("fourth", "second"),
    ];
    let hostile = Hostile::new(plain(&around(&links)));
    let output = hostile.shrinks("--drop media:d", &[PLAIN]);
    assert_eq!(
        names(&output),
        [b".".as_slice(), b"gone", b"second", b"fourth", b"kept"]
    );
    assert_eq!(entry(&output, b"second").data, b"the data");
    assert_eq!(
        (
            entry(&output, b"fourth").kind,
            entry(&output, b"fourth").link
        ),
        (tar::EntryType::Link, b"second".to_vec())
    );
    // If all names are dropped, the data is dropped too.
    let output = hostile.shrinks(
        "--drop media:d --drop media:second --drop media:fourth",
        &[PLAIN],
    );
    assert_eq!(names(&output), [b".".as_slice(), b"gone", b"kept"]);
    // A promoted file must not replace something else.
    refused(
        &[
            folder("d"),
            file("d/first", b"x"),
            folder("second"),
            hard_link("second", "d/first"),
        ],
        &["second"],
    );
}

#[test]
fn n78_hard_links_that_lead_forward_or_in_a_circle_are_refused() {
    refused(
        &[hard_link("link", "late"), file("late", b"x")],
        &["link points to late, which is no file that comes before it"],
    );
    refused(
        &[hard_link("a", "b"), hard_link("b", "a")],
        &["a points to b"],
    );
    refused(&[hard_link("self", "self")], &["self points to self"]);
    refused(
        &[folder("d"), hard_link("link", "d")],
        &["link points to d"],
    );
    let hostile = refused(&[hard_link("bad", "nowhere")], &["bad points to nowhere"]);
    hostile.shrinks("--drop media:gone --drop media:bad", &[PLAIN]);
}

#[test]
fn n79_hard_links_out_of_the_part_are_refused() {
    for target in ["/etc/passwd", "../kept", "gone/../../kept", "", "."] {
        let hostile = refused(
            &[hard_link("bad", target)],
            &["the hard link bad points to"],
        );
        hostile.shrinks("--drop media:gone --drop media:bad", &[PLAIN]);
    }
    // Not even if an entry has this name.
    refused(
        &[named(b"/etc/passwd", b"x"), hard_link("bad", "/etc/passwd")],
        &["/etc/passwd"],
    );
}

#[test]
fn n80_symbolic_links_to_anywhere_are_kept() {
    let targets = ["/etc/passwd", "../../..", "no/such/file", "kept", "/"];
    let links: Vec<Vec<u8>> = targets
        .iter()
        .enumerate()
        .map(|(at, target)| symlink(format!("link{at}"), target))
        .collect();
    let output = Hostile::new(plain(&around(&links))).shrinks("--drop media:gone", &[PLAIN]);
    for (at, target) in targets.iter().enumerate() {
        assert_eq!(
            entry(&output, format!("link{at}").as_bytes()).link,
            target.as_bytes()
        );
    }
    refused(
        &[symlink("bad", "")],
        &["the symbolic link bad leads nowhere"],
    );
}

#[test]
fn n81_a_file_through_a_symbolic_link_is_refused() {
    for target in ["/etc", "../..", "kept", "sub"] {
        let hostile = refused(
            &[symlink("out", target), file("out/passwd", b"x")],
            &["out/passwd lies below out, which is a symlink"],
        );
        refused(
            &[file("out/deep/passwd", b"x"), symlink("out", target)],
            &["out/deep/passwd lies below out"],
        );
        // Either alone is harmless.
        assert_eq!(
            names(&hostile.shrinks("--drop media:out", &[PLAIN])),
            [b".".as_slice(), b"gone", b"kept"]
        );
        hostile.shrinks("--drop media:out/passwd", &[PLAIN]);
    }
    refused(
        &[symlink("out", "/etc/passwd"), file("out", b"x")],
        &["out is a file, and a symlink as well"],
    );
    refused(
        &[symlink("out", "/etc"), hard_link("link", "out")],
        &["link points to out"],
    );
}

#[test]
fn n82_devices_and_fifos_are_kept_as_metadata() {
    let special = |name: &str, flag: u8| {
        Head::new(name, flag, 0)
            .with(329, b"0000010\x000000003\0")
            .data(b"")
    };
    let inside = [
        special("char", b'3'),
        special("block", b'4'),
        special("fifo", b'6'),
    ];
    let output = Hostile::new(plain(&around(&inside))).shrinks("--drop media:gone", &[PLAIN]);
    let bytes = plaintext(&output, "media");
    for block in inside {
        assert!(
            bytes.chunks(512).any(|found| found == block),
            "a header was changed"
        );
    }
    assert!(!output.with_file_name("fifo").exists());
}

#[test]
fn n83_times_that_no_system_can_set_are_refused() {
    for mtime in [
        "inf",
        "-inf",
        "nan",
        "1e300",
        "9223372036854775808",
        "1_0",
        " 1",
    ] {
        let inside = [pax(&[("mtime", mtime.as_bytes())]), file("late", b"x")];
        let hostile = Hostile::new(plain(&around(&inside)));
        hostile.is_refused_inside(
            10,
            &[
                "media: ",
                &format!("a PAX mtime of '{mtime}'"),
                "(at byte 512)",
                "take the part out with --drop",
            ],
        );
    }
    for mtime in ["1732449123.123456789", "-86400.5", "4102444800"] {
        let inside = [pax(&[("mtime", mtime.as_bytes())]), file("late", b"x")];
        let output = Hostile::new(plain(&around(&inside))).shrinks("--drop media:gone", &[PLAIN]);
        assert_eq!(entry(&output, b"late").mtime, mtime);
    }
}

/// How many entries the next test has.
/// How many entries a part with very many entries has. CI tries a million.
fn many() -> usize {
    let wanted = std::env::var("HASLIM_ENTRIES");
    wanted.map_or(200_000, |number| number.parse().unwrap())
}

#[test]
fn n84_very_many_entries_stay_inside_the_memory_bound() {
    // Names in the form that a camera uses; each entry is one block.
    let name = |at: usize| format!("frigate/clips/cam{}/{at:08}.jpg", at % 7);
    let many = many();
    let paths: usize = (0..many).map(|at| name(at).len()).sum();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut add = |bytes: &[u8]| std::io::Write::write_all(&mut encoder, bytes).unwrap();
    add(&[folder("."), file("gone", b"x")].concat());
    (0..many).for_each(|at| add(&Head::new(name(at), b'0', 0).data(b"")));
    add(&[0; 1024]);
    let hostile = Hostile::new(backup(&encoder.finish().unwrap(), &share(), false));
    let bound = (64 << 20) + 256 * many + paths;
    let run = hostile
        .within_memory(bound, "shrink --drop media:gone --yes")
        .code(0);
    assert!(run.err.contains("not encrypted"), "{}", run.err);
}

#[test]
fn n85_a_part_that_is_left_empty_goes_with_its_metadata() {
    let media = tar(&[
        folder("."),
        folder("d"),
        file("d/gone", b"x"),
        file("gone", b"y"),
    ]);
    for hostile in [
        Hostile::new(plain(&media)),
        Hostile::sealed(seal::backup(&seal::v3(&gzip(&media)))),
    ] {
        let warns: &[&str] = if hostile.has_key() { &[] } else { &[PLAIN] };
        for rest in [
            "--drop media:**",
            "--drop media:d --drop media:gone",
            "--drop media:**/gone",
        ] {
            let output = hostile.shrinks(rest, warns);
            assert!(
                members(&output).iter().all(|m| m.name != "media.tar.gz"),
                "{rest}"
            );
            let manifest = manifest(&output);
            assert_eq!(
                (&manifest["folders"], &manifest["type"]),
                (&serde_json::json!(["share"]), &"partial".into()),
                "{rest}"
            );
        }
    }
}
