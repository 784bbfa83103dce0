//! `extract`: what arrives in a folder, an archive or on standard output, and what must not.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use haslim::extract::folders;
use haslim::open::{Backup, config_path};
use rustix::process::{Pid, Signal, kill_process};

use crate::PROGRAM;
use crate::support::draft::{Draft, Wrap};
use crate::support::*;

/// Everything below a folder, by its path: what it is, and for a link where it leads.
fn tree(root: &Path) -> BTreeMap<String, String> {
    fn walk(root: &Path, at: &Path, found: &mut BTreeMap<String, String>) {
        let Ok(entries) = std::fs::read_dir(at) else {
            return;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            let meta = std::fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(root).unwrap();
            let what = if meta.is_symlink() {
                format!("link to {}", std::fs::read_link(&path).unwrap().display())
            } else if meta.is_dir() {
                "folder".into()
            } else if meta.is_file() {
                format!(
                    "file {}",
                    String::from_utf8_lossy(&std::fs::read(&path).unwrap())
                )
            } else {
                "special".into()
            };
            found.insert(
                name.as_os_str()
                    .as_encoded_bytes()
                    .escape_ascii()
                    .to_string(),
                what,
            );
            if meta.is_dir() {
                walk(root, &path, found);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

/// The names of the hidden files that a killed run may leave behind.
fn is_hidden(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap();
    name.starts_with(".haslim-") && name.ends_with(".tmp")
}

fn extract(backup: &Path, rest: &[&str], output: &Path) -> Run {
    let mut args = vec!["extract".to_owned(), text(backup)];
    args.extend(rest.iter().map(|&word| word.to_owned()));
    args.extend(["-o".to_owned(), text(output)]);
    haslim(args)
}

/// A plain backup whose media folder has these entries.
fn media(scratch: &Scratch, entries: &[Vec<u8>]) -> PathBuf {
    Draft::plain()
        .folder("media", entries)
        .write(scratch, "in.tar")
}

fn fixtures() -> Vec<PathBuf> {
    let files = std::fs::read_dir(fixture("")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "tar"));
    files.sort();
    assert!(files.len() > 10, "{files:?}");
    files
}

/// The entries of all parts as the `tar` crate sees them, by their paths below the output: the name
/// of the part's folder, and the path that `ls` shows.
fn reference(path: &Path) -> BTreeMap<Vec<u8>, InnerEntry> {
    let backup = Backup::open(path).unwrap();
    let mut all = BTreeMap::new();
    for (part, folder) in backup.parts.iter().zip(folders(&backup)) {
        if part.layer.is_none() {
            continue;
        }
        for entry in entries(path, &part.id) {
            all.insert(below(&backup, part, &folder, &entry.name), entry);
        }
    }
    all
}

fn below(backup: &Backup, part: &haslim::open::Part, folder: &str, name: &[u8]) -> Vec<u8> {
    let version = backup.manifest.version();
    let path = config_path(part.kind, version, name).unwrap_or(name);
    let path = path.strip_prefix(b"./").unwrap_or(path);
    let path = path.strip_suffix(b"/").unwrap_or(path);
    match path {
        b"" | b"." => folder.as_bytes().to_vec(),
        path => [folder.as_bytes(), b"/", path].concat(),
    }
}

fn as_path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).into()
}

/// Seconds, rounded down, and nanoseconds.
fn time(text: &str) -> (i64, i64) {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nanos: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    (whole.parse().unwrap(), nanos.parse().unwrap())
}

#[test]
fn every_fixture_arrives_as_another_reader_sees_it() {
    let mut seen = BTreeMap::<&str, u32>::new();
    for backup in fixtures() {
        let scratch = Scratch::new();
        let out = scratch.path("out");
        let run = extract(&backup, &["--details"], &out).code(0);
        let expected = reference(&backup);
        for (name, entry) in &expected {
            let path = out.join(as_path(name));
            let shown = format!("{}: {}", backup.display(), name.escape_ascii());
            let leads_out = entry.link.starts_with(b"/");
            if entry.kind == tar::EntryType::Symlink && leads_out {
                *seen.entry("link out").or_default() += 1;
                assert!(std::fs::symlink_metadata(&path).is_err(), "{shown}");
                let last = name.rsplit(|&b| b == b'/').next().unwrap();
                assert!(run.err.contains(&*String::from_utf8_lossy(last)), "{shown}");
                continue;
            }
            let meta = std::fs::symlink_metadata(&path);
            let meta = meta.unwrap_or_else(|error| panic!("{shown}: {error}"));
            match entry.kind {
                tar::EntryType::Symlink => {
                    *seen.entry("link").or_default() += 1;
                    let target = std::fs::read_link(&path).unwrap();
                    assert_eq!(target, as_path(&entry.link), "{shown}");
                }
                tar::EntryType::Link => {
                    *seen.entry("hard link").or_default() += 1;
                    let part = name.split(|&b| b == b'/').next().unwrap();
                    let target = entry.link.strip_prefix(b"data/").unwrap_or(&entry.link);
                    let data = [&entry.link[..], target].map(|target| {
                        std::fs::metadata(out.join(as_path(part)).join(as_path(target)))
                    });
                    let same = data.iter().flatten().any(|found| found.ino() == meta.ino());
                    assert!(same, "{shown} is not a hard link");
                    continue;
                }
                kind => {
                    let word = if kind.is_dir() { "folder" } else { "file" };
                    *seen.entry(word).or_default() += 1;
                    assert_eq!(
                        meta.permissions().mode() & 0o7777,
                        entry.mode & 0o777,
                        "{shown}"
                    );
                    if meta.is_file() {
                        assert_eq!(std::fs::read(&path).unwrap(), entry.data, "{shown}");
                    }
                }
            }
            let (seconds, nanos) = time(&entry.mtime);
            assert_eq!(
                (meta.mtime(), meta.mtime_nsec()),
                (seconds, nanos),
                "{shown}"
            );
        }
        for (path, what) in tree(&out) {
            let is_listed = |name: &Vec<u8>| name.escape_ascii().to_string() == path;
            let is_above = |name: &Vec<u8>| {
                let name = name.escape_ascii().to_string();
                what == "folder" && name.starts_with(&format!("{path}/"))
            };
            let is_expected = |name: &Vec<u8>| is_listed(name) || is_above(name);
            assert!(expected.keys().any(is_expected), "{path} is not in it");
        }
    }
    for word in ["link out", "link", "hard link", "folder", "file"] {
        assert!(
            seen.get(word).is_some_and(|count| *count > 3),
            "{word}: {seen:?}"
        );
    }
}

/// The entries of an archive that `extract` wrote, in their order.
fn archived(path: &Path) -> Vec<InnerEntry> {
    let file = std::fs::File::open(path).unwrap();
    let mut bytes = Vec::new();
    match path.extension().unwrap().to_str().unwrap() {
        "gz" => flate2::read::GzDecoder::new(file).read_to_end(&mut bytes),
        "zst" => zstd::Decoder::new(file).unwrap().read_to_end(&mut bytes),
        _ => { file }.read_to_end(&mut bytes),
    }
    .unwrap();
    assert_eq!(bytes.len() % 10_240, 0, "not padded to a record");
    let mut found = entries_of(&bytes);
    for entry in &mut found {
        // A folder.
        if entry.name.ends_with(b"/") {
            entry.name.pop();
        }
    }
    found
}

#[test]
fn an_archive_has_the_entries_of_every_part_under_its_name() {
    for backup in [
        "v1.tar",
        "v2-uncompressed.tar",
        "v3.tar",
        "plain.tar",
        "core-v3.tar",
    ] {
        let backup = fixture(backup);
        let expected = reference(&backup);
        let scratch = Scratch::new();
        let mut sizes = Vec::new();
        for name in ["out.tar", "out.tar.gz", "out.tar.zst"] {
            let out = scratch.path(name);
            extract(&backup, &[], &out).code(0);
            sizes.push(std::fs::metadata(&out).unwrap().len());
            let mode = std::fs::metadata(&out).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "others may not read it");
            let found = archived(&out);
            assert_eq!(found.len(), expected.len(), "{name}");
            for entry in found {
                let shown = entry.name.escape_ascii().to_string();
                let original = expected.get(&entry.name);
                let original = original.unwrap_or_else(|| panic!("{shown} is not expected"));
                let mut compared = original.clone();
                compared.name.clone_from(&entry.name);
                if entry.kind == tar::EntryType::Link {
                    assert!(expected.contains_key(&entry.link), "{shown} leads nowhere");
                    compared.link.clone_from(&entry.link);
                }
                assert_eq!(entry, compared);
            }
        }
        assert!(sizes[1] < sizes[0] && sizes[2] < sizes[0], "{sizes:?}");
    }
}

#[test]
fn names_too_long_for_the_header_are_read_back_from_an_archive() {
    let scratch = Scratch::new();
    let (short, long) = ("s".repeat(95), "l".repeat(180));
    let deep = format!("{}/{}", "p".repeat(90), "d".repeat(90));
    let prefixed = make::Head::new("d".repeat(90), b'0', 1)
        .with(345, "p".repeat(90).as_bytes())
        .data(b"4");
    let entries = [
        make::file(&short, b"1"),
        make::named(long.as_bytes(), b"2"),
        [make::long_name(&"g".repeat(150)), make::file("g", b"3")].concat(),
        prefixed,
        make::hard_link("h", &short),
    ];
    let out = scratch.path("out.tar");
    extract(&media(&scratch, &entries), &["media"], &out).code(0);
    let found = archived(&out);
    let names: Vec<String> = found
        .iter()
        .map(|entry| String::from_utf8(entry.name.clone()).unwrap())
        .collect();
    let expected = [
        "".to_owned(),
        short.clone(),
        long,
        "g".repeat(150),
        deep,
        "h".into(),
    ];
    let expected = expected.map(|name| format!("media/{name}"));
    assert_eq!(names[1..], expected[1..]);
    assert_eq!(found[5].link, format!("media/{short}").into_bytes());
}

/// What a part contains, the exit code, and the paths that arrive.
type Case = (&'static str, Vec<Vec<u8>>, i32, Vec<&'static str>);

/// Entries that must not arrive, or not where they say.
fn hostile() -> Vec<Case> {
    let file = |name: &str| make::file(name, b"evil");
    let root = || make::folder(".");
    let deep = "d/".repeat(1999);
    let with_nul = make::pax(&[("path", b"a\0b")]);
    vec![
        ("two dots", vec![file("../evil")], 10, vec![]),
        ("two dots inside", vec![file("a/../../evil")], 10, vec![]),
        ("two dots behind a dot", vec![file("./../evil")], 10, vec![]),
        ("two dots at the end", vec![file("a/..")], 10, vec![]),
        ("two dots alone", vec![file("..")], 10, vec![]),
        (
            "many dots",
            vec![file("../../../../../../../../tmp/evil")],
            10,
            vec![],
        ),
        ("absolute", vec![file("/evil")], 10, vec![]),
        ("absolute twice", vec![file("//evil")], 10, vec![]),
        (
            "two dots in a folder's name",
            vec![make::folder("../evil")],
            0,
            vec![],
        ),
        ("absolute folder", vec![make::folder("/evil")], 0, vec![]),
        ("NUL", vec![[with_nul, file("a")].concat()], 10, vec![]),
        (
            "link out",
            vec![make::symlink("l", "../../outside")],
            0,
            vec![],
        ),
        (
            "absolute link",
            vec![make::symlink("l", "/etc/passwd")],
            0,
            vec![],
        ),
        ("empty link", vec![make::symlink("l", "")], 0, vec![]),
        (
            "file through a link out",
            vec![make::symlink("l", "../../outside"), file("l/evil")],
            0,
            vec!["media", "media/l", "media/l/evil"],
        ),
        (
            "file through a link inside",
            vec![make::folder("d"), make::symlink("l", "d"), file("l/evil")],
            10,
            vec!["media", "media/d", "media/l"],
        ),
        (
            "file through its own folder",
            vec![make::symlink("l", "."), file("l/l/l/evil")],
            10,
            vec!["media", "media/l"],
        ),
        (
            "links that climb together",
            vec![
                make::symlink("l", "."),
                make::symlink("m", "l/l/l/../../../outside"),
            ],
            0,
            vec!["media", "media/l"],
        ),
        (
            "link that climbs behind a name",
            vec![make::folder("a"), make::symlink("l", "a/../../../outside")],
            0,
            vec!["media", "media/a"],
        ),
        (
            "link that becomes a folder",
            vec![make::symlink("l", "d"), make::folder("l"), file("l/evil")],
            10,
            vec!["media", "media/l"],
        ),
        (
            "folder that becomes a link",
            vec![make::folder("l"), make::symlink("l", "../x"), file("l/x")],
            0,
            vec!["media", "media/l", "media/l/x"],
        ),
        (
            "file written through a link to a file",
            vec![file("f"), make::symlink("l", "f"), make::file("l", b"new")],
            0,
            vec!["media", "media/f", "media/l"],
        ),
        (
            "hard link out",
            vec![make::hard_link("h", "../../outside/secret")],
            10,
            vec![],
        ),
        (
            "absolute hard link",
            vec![make::hard_link("h", "/etc/passwd")],
            10,
            vec![],
        ),
        (
            "hard link to nothing",
            vec![make::hard_link("h", "nothing")],
            10,
            vec![],
        ),
        (
            "hard link to itself",
            vec![make::hard_link("h", "h")],
            10,
            vec![],
        ),
        (
            "hard links in a circle",
            vec![make::hard_link("a", "b"), make::hard_link("b", "a")],
            10,
            vec![],
        ),
        (
            "hard link through a link",
            vec![
                make::symlink("l", "../.."),
                make::hard_link("h", "l/outside/secret"),
            ],
            10,
            vec![],
        ),
        (
            "hard link to a link",
            vec![make::symlink("l", "f"), make::hard_link("h", "l")],
            10,
            vec!["media", "media/l"],
        ),
        (
            "hard link to a link that would lead out elsewhere",
            vec![
                make::folder("a"),
                make::symlink("a/l", "../../x"),
                make::hard_link("h", "a/l"),
            ],
            10,
            vec!["media", "media/a", "media/a/l"],
        ),
        (
            "hard link to a file that became a link",
            vec![
                file("f"),
                make::symlink("f", "g"),
                make::hard_link("h", "f"),
            ],
            0,
            vec!["media", "media/f", "media/h"],
        ),
        ("pipe", vec![make::fifo("p")], 0, vec![]),
        (
            "character device",
            vec![make::Head::new("c", b'3', 0).data(b"")],
            0,
            vec![],
        ),
        (
            "block device",
            vec![make::Head::new("b", b'4', 0).data(b"")],
            0,
            vec![],
        ),
        (
            "file below a pipe",
            vec![make::fifo("p"), file("p/x")],
            0,
            vec!["media", "media/p", "media/p/x"],
        ),
        (
            "file below a file",
            vec![file("f"), file("f/x")],
            10,
            vec!["media", "media/f"],
        ),
        (
            "folder over a file",
            vec![file("f"), make::folder("f")],
            0,
            vec!["media", "media/f"],
        ),
        (
            "file over a folder",
            vec![make::folder("f"), file("f")],
            10,
            vec!["media", "media/f"],
        ),
        (
            "newline, escape and backslash",
            vec![file("a\n\x1b[2Jb\\..\\c")],
            0,
            vec!["media", "media/a\\n\\x1b[2Jb\\\\..\\\\c"],
        ),
        (
            "too long a name",
            vec![make::named(&[b'n'; 256], b"evil")],
            10,
            vec![],
        ),
        (
            "too long a path",
            vec![make::named(
                "d/".repeat(3000).trim_end_matches('/').as_bytes(),
                b"evil",
            )],
            10,
            vec![],
        ),
        (
            "name like a hidden file",
            vec![file(".haslim-0123456789abcdef.tmp")],
            0,
            vec!["media", "media/.haslim-0123456789abcdef.tmp"],
        ),
        (
            "root as a file",
            vec![root(), file("./.")],
            10,
            vec!["media"],
        ),
        (
            "2,000 levels",
            vec![make::named(format!("{deep}f").as_bytes(), b"evil")],
            0,
            vec!["deep"],
        ),
    ]
}

#[test]
fn nothing_hostile_arrives_outside_the_folder() {
    let cases = hostile();
    assert!(cases.len() >= 30);
    for (name, entries, code, arrived) in cases {
        let scratch = Scratch::new();
        // Without the root, so that a folder appears only if something is in it.
        let stream = make::gzip(&make::tar(&entries));
        let backup = Draft::plain().metadata(|all| all["folders"] = serde_json::json!(["media"]));
        let backup = backup.stream("media", &stream).write(&scratch, "in.tar");
        std::fs::create_dir(scratch.path("outside")).unwrap();
        scratch.file("outside/secret", b"secret");
        let before = tree(&scratch.path(""));
        let out = scratch.path("out");
        let run = extract(&backup, &[], &out);
        assert_eq!(run.code, code, "{name}\n{}{}", run.out, run.err);
        assert!(
            !run.out.contains('\x1b') && !run.err.contains('\x1b'),
            "{name}"
        );
        let found = tree(&out);
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        if arrived == ["deep"] {
            assert_eq!(names.len(), 2001, "{name}");
            assert_eq!(
                found.values().filter(|what| *what == "file evil").count(),
                1
            );
        } else {
            assert_eq!(names, arrived, "{name}\n{}", run.err);
        }
        // A link through which a file was written would have changed what it leads to.
        if name == "file written through a link to a file" {
            assert_eq!(found["media/f"], "file evil");
            assert_eq!(found["media/l"], "file new");
        }
        let mut after = tree(&scratch.path(""));
        after.retain(|path, _| path != "out" && !path.starts_with("out/"));
        assert_eq!(after, before, "{name}: something outside changed");
    }
}

#[test]
fn links_that_are_there_before_are_not_followed() {
    let scratch = Scratch::new();
    let backup = media(
        &scratch,
        &[make::file("d/f", b"evil"), make::file("g", b"good")],
    );
    let out = scratch.path("out");
    std::fs::create_dir(scratch.path("outside")).unwrap();
    std::fs::create_dir_all(out.join("media")).unwrap();
    symlink("../../outside", out.join("media/d")).unwrap();
    for force in [&["--force"][..], &["--force", "-k"]] {
        let run = extract(&backup, force, &out).code(10);
        assert!(
            run.err
                .contains("media:d/f was left out: a folder on its path is a link")
        );
    }
    assert_eq!(tree(&scratch.path("outside")).len(), 0);
    assert_eq!(std::fs::read(out.join("media/g")).unwrap(), b"good");
    // A link in the place of the part's folder.
    let other = scratch.path("other");
    std::fs::create_dir(&other).unwrap();
    symlink("../outside", other.join("media")).unwrap();
    extract(&backup, &["--force"], &other).code(10);
    assert_eq!(tree(&scratch.path("outside")).len(), 0);
}

#[test]
fn existing_files_stay_unless_they_are_to_be_replaced() {
    let scratch = Scratch::new();
    let entries = [
        make::file("a", b"new"),
        make::file("b", b"new"),
        make::symlink("l", "a"),
        make::hard_link("h", "a"),
    ];
    let backup = media(&scratch, &entries);
    let out = scratch.path("out");
    std::fs::create_dir_all(out.join("media")).unwrap();
    for (name, in_the_way) in [("b", true), ("l", true), ("h", true), ("other", false)] {
        let path = out.join("media").join(name);
        std::fs::write(&path, b"old").unwrap();
        let before = tree(&out);
        let run = extract(&backup, &[], &out);
        if in_the_way {
            assert_eq!(run.code, 7, "{}", run.err);
            assert!(
                run.err.contains(&format!("media/{name} exists already")),
                "{}",
                run.err
            );
            assert_eq!(
                tree(&out),
                before,
                "something was written although {name} exists"
            );
            std::fs::remove_file(&path).unwrap();
        } else {
            assert_eq!(run.code, 0, "{}", run.err);
            assert_eq!(std::fs::read(&path).unwrap(), b"old");
        }
    }
    for name in ["a", "h", "l", "b"] {
        let path = out.join("media").join(name);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, b"old").unwrap();
    }
    let run = extract(&backup, &[], &out).code(7);
    assert!(run.err.contains("and so do 3 more"), "{}", run.err);
    extract(&backup, &["--force"], &out).code(0);
    let found = tree(&out);
    assert_eq!(found["media/a"], "file new");
    assert_eq!(found["media/b"], "file new");
    assert_eq!(found["media/h"], "file new");
    assert_eq!(found["media/l"], "link to a");
    assert_eq!(found["media/other"], "file old");
    assert_eq!(found.len(), 6, "{found:?}");
    // Again over its own files, hard links included.
    extract(&backup, &["--force"], &out).code(0);
    assert_eq!(tree(&out), found);
}

#[test]
fn the_backup_is_never_replaced_by_a_file_from_it() {
    let scratch = Scratch::new();
    let own = [make::file("in.tar", b"small"), make::file("other", b"new")];
    let bytes = std::fs::read(media(&scratch, &own)).unwrap();
    let out = scratch.path("out");
    std::fs::create_dir_all(out.join("media")).unwrap();
    let backup = out.join("media/in.tar");
    std::fs::write(&backup, &bytes).unwrap();
    let run = extract(&backup, &["--force"], &out).code(10);
    assert!(
        run.err
            .contains("media:in.tar was left out: the backup itself"),
        "{}",
        run.err
    );
    assert!(
        std::fs::read(&backup).unwrap() == bytes,
        "the backup changed"
    );
    assert_eq!(tree(&out)["media/other"], "file new");
}

#[test]
fn a_file_in_place_of_the_folder_stays_with_force_too() {
    let scratch = Scratch::new();
    let backup = media(&scratch, &[make::file("a", b"new")]);
    let out = scratch.file("out", b"old");
    for options in [&[][..], &["--force"]] {
        let run = extract(&backup, options, &out).code(10);
        assert!(
            run.err.contains("out exists and is not a folder"),
            "{}",
            run.err
        );
    }
    assert_eq!(std::fs::read(&out).unwrap(), b"old");
}

#[test]
fn names_that_differ_only_in_case_are_two_files_where_the_disk_has_both() {
    let scratch = Scratch::new();
    let entries = [
        make::file("name", b"1"),
        make::file("Name", b"2"),
        make::named("\u{e9}".as_bytes(), b"3"),
        make::named("e\u{301}".as_bytes(), b"4"),
    ];
    let backup = media(&scratch, &entries);
    let out = scratch.path("out");
    // Also when all of them are there already.
    for _ in 0..2 {
        extract(&backup, &["--force"], &out).code(0);
        let found = tree(&out);
        assert_eq!(found.len(), 5, "{found:?}");
        assert_eq!(
            [&found["media/name"], &found["media/Name"]],
            ["file 1", "file 2"]
        );
    }
}

#[test]
fn an_archive_replaces_a_file_only_on_request_and_never_the_backup() {
    let scratch = Scratch::new();
    let backup = media(&scratch, &[make::file("a", b"new")]);
    let out = scratch.file("out.tar", b"old");
    extract(&backup, &[], &out).code(7);
    assert_eq!(std::fs::read(&out).unwrap(), b"old");
    extract(&backup, &["--force"], &backup).code(10);
    extract(&backup, &["--force"], &out).code(0);
    assert_eq!(archived(&out).len(), 2);
}

#[test]
fn a_list_says_what_comes_and_writes_nothing() {
    let scratch = Scratch::new();
    let entries = [
        make::file("a/b.txt", b"12345"),
        make::file("c.mp4", b"1"),
        make::symlink("out", "/etc"),
        make::hard_link("h", "c.mp4"),
    ];
    let backup = media(&scratch, &entries);
    let before = scratch.listing();
    let out = scratch.path("out");
    let run = extract(&backup, &["--list"], &out).code(0);
    assert_eq!(
        run.out,
        "      5 B  media/a/b.txt\n      1 B  media/c.mp4\n     link  media/h\n\
         3 files, 6 B of contents\n"
    );
    assert!(run.err.contains("media:out was left out"), "{}", run.err);
    let all = haslim(["extract", &text(&backup), "media:*.mp4", "-l", "--json"])
        .code(0)
        .json();
    assert_eq!(all["entries"][0]["to"], "media/c.mp4");
    assert_eq!(all["entries"].as_array().unwrap().len(), 1);
    assert_eq!(scratch.listing(), before);
}

#[test]
fn a_folder_is_not_named_like_an_archive_of_another_kind_by_mistake() {
    let scratch = Scratch::new();
    let backup = media(&scratch, &[make::file("a", b"1")]);
    for name in ["out.zip", "out.tar.XZ", "out.gz"] {
        let output = text(&scratch.path(name));
        let run = haslim(["extract", &text(&backup), "-o", &output]).code(2);
        assert!(run.err.contains(".tar.zst"), "{}", run.err);
        assert!(!scratch.path(name).exists());
        haslim(["extract", &text(&backup), "-o", &format!("{output}/")]).code(0);
        // The folder is there now.
        haslim(["extract", &text(&backup), "--force", "-o", &output]).code(0);
    }
}

#[test]
fn one_file_goes_to_standard_output_and_nothing_else_does() {
    let scratch = Scratch::new();
    let data = [make::noise(3 << 20), b"\0\n\xff".to_vec()].concat();
    let entries = [
        make::file("a/b.bin", &data),
        make::file("a/c", b"1"),
        make::hard_link("a/h", "a/b.bin"),
        make::symlink("l", "a/c"),
    ];
    for draft in [
        Draft::plain(),
        Draft::v2(),
        Draft::v3(),
        Draft::v2().uncompressed(),
    ] {
        let backup = draft.folder("media", &entries).write(&scratch, "in.tar");
        for selector in ["media:a/b.bin", "media:a/h", "media:**/*.bin"] {
            let output = Command::new(PROGRAM)
                .args(["extract", &text(&backup), selector, "--stdout"])
                .env("HASLIM_PASSWORD", PASSWORD)
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(0), "{selector}");
            assert!(output.stdout == data, "{selector}: other bytes");
        }
        for (selector, said) in [
            ("media:a", "3 files are selected"),
            ("media", "4 files"),
            ("media:l", "no file is selected"),
            ("media:nothing", "no file is selected"),
            ("media:none/*", "no file is selected"),
        ] {
            let run = haslim(["extract", &text(&backup), selector, "--stdout"]).code(2);
            let said = if selector == "media" { "3 files" } else { said };
            assert!(run.err.contains(said), "{selector}: {}", run.err);
            assert_eq!(run.out, "", "{selector}");
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_not_an_error() {
    let scratch = Scratch::new();
    let backup = media(&scratch, &[make::file("a", &make::noise(4 << 20))]);
    let mut child = Command::new(PROGRAM)
        .args(["extract", &text(&backup), "media:a", "--stdout"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_signal_ends_a_run_whose_output_nobody_reads() {
    let scratch = Scratch::new();
    let files: Vec<Vec<u8>> = (0..2_000)
        .map(|at| make::file(format!("{at:0>99}"), b""))
        .chain([make::file("a", &make::noise(4 << 20))])
        .collect();
    let backup = text(&media(&scratch, &files));
    for args in [
        &["extract", &backup, "media:a", "--stdout"][..],
        &["ls", &backup, "--flat", "--top", "9999"],
        &["ls", &backup, "--json"],
    ] {
        // More than a pipe holds, of which one byte is read.
        let mut child = Command::new(PROGRAM)
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut unread = child.stdout.take().unwrap();
        unread.read_exact(&mut [0]).unwrap();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(143), "{args:?}");
        drop(unread);
    }
}

/// More than is kept in memory until a file is known to be whole.
const LARGE: usize = 3 << 19;

/// A backup in which the media folder is damaged behind its second file, and the share is whole.
fn damaged(scratch: &Scratch, wrap: Wrap) -> PathBuf {
    let entries = [
        make::file("first", b"whole"),
        make::file("large", &make::noise(LARGE)),
        make::file("second", &make::noise(4 << 20)),
        make::file("third", b"lost"),
    ];
    let draft = Draft::new(wrap)
        .folder("media", &entries)
        .folder("share", &[make::file("note", b"whole")]);
    let mut bytes = draft.bytes();
    let middle = make::data_of(&bytes, "media.tar.gz") + (3 << 20);
    // Enough to break whatever reads it, at this place.
    bytes[middle..middle + 64]
        .iter_mut()
        .for_each(|byte| *byte ^= 0x55);
    scratch.file("bad.tar", &bytes)
}

#[test]
fn damage_ends_the_run_and_what_is_whole_can_be_kept() {
    let scratch = Scratch::new();
    let backup = damaged(&scratch, Wrap::V3);
    let out = scratch.path("out");
    let run = extract(&backup, &["--threads", "1"], &out).code(5);
    assert!(
        run.err.contains("--keep-going") && run.err.contains("media"),
        "{}",
        run.err
    );
    assert!(
        run.out.contains("Extracted") && run.out.contains("failed"),
        "{}",
        run.out
    );
    let found = tree(&out);
    assert!(!found.contains_key("media/second") && !found.contains_key("media/third"));

    let kept = scratch.path("kept");
    let run = extract(&backup, &["--keep-going"], &kept).code(5);
    let found = tree(&kept);
    assert_eq!(found["media/first"], "file whole");
    assert_eq!(found["share/note"], "file whole");
    assert!(!found.contains_key("media/second") && !found.keys().any(|name| is_hidden(name)));
    assert!(
        run.err.contains("2 files had been extracted from it"),
        "{}",
        run.err
    );
    // Of an archive that is not finished, and of a list, nothing is there.
    let (input, archive) = (text(&backup), text(&scratch.path("cut.tar")));
    for options in [["-o", &archive].as_slice(), &["--list"]] {
        let words = [["extract", &input].as_slice(), options].concat();
        let run = haslim(words).code(5);
        assert!(!run.err.contains("had been extracted"), "{}", run.err);
    }
    assert!(run.err.contains("the encryption vouches"), "{}", run.err);
    assert!(!run.err.contains("With --keep-going"), "{}", run.err);

    let archive = scratch.path("kept.tar");
    extract(&backup, &[], &archive).code(5);
    assert!(!archive.exists());
    extract(&backup, &["--keep-going"], &archive).code(5);
    let found = archived(&archive);
    assert!(found[2].data == make::noise(LARGE), "other bytes");
    let names: Vec<Vec<u8>> = found.into_iter().map(|entry| entry.name).collect();
    let expected = ["media", "media/first", "media/large", "share", "share/note"];
    assert_eq!(names, expected.map(|name| name.as_bytes().to_vec()));
}

#[test]
fn a_file_that_is_cut_off_gives_its_whole_parts() {
    let scratch = Scratch::new();
    for name in ["v3.tar", "v2.tar", "v1.tar", "plain.tar"] {
        let whole = scratch.copy(name);
        let all = scratch.path("all");
        extract(&whole, &[], &all);
        let all = tree(&all);
        let bytes = std::fs::read(&whole).unwrap();
        let backup = Backup::open(&whole).unwrap();
        let last = backup.members.last().unwrap();
        let middle = usize::try_from(last.data_at() - 600).unwrap();
        // Inside the last part, and inside the first header of the last member.
        for end in [middle, usize::try_from(last.header_at).unwrap() + 100] {
            let cut = scratch.file("cut.tar", &bytes[..end]);
            let run = extract(&cut, &[], &scratch.path("none")).code(5);
            assert!(run.err.contains("With --keep-going"), "{name}: {}", run.err);
            assert!(!scratch.path("none").exists());
            let out = scratch.path("out");
            let run = extract(&cut, &["--keep-going"], &out).code(5);
            assert!(
                run.err.contains("the file ends inside"),
                "{name}: {}",
                run.err
            );
            let found = tree(&out);
            assert!(found.len() > 3, "{name}: {found:?}");
            for (path, what) in &found {
                assert_eq!(Some(what), all.get(path), "{name}: {path}");
            }
            std::fs::remove_dir_all(&out).unwrap();
        }
        std::fs::remove_dir_all(scratch.path("all")).unwrap();
    }
}

#[test]
fn the_part_in_which_a_file_ends_gives_what_is_whole_of_it() {
    let scratch = Scratch::new();
    let files: Vec<Vec<u8>> = (0..30)
        .map(|n| make::file(format!("{n:02}"), &make::noise(100_000)))
        .collect();
    for wrap in [Wrap::Plain, Wrap::V2, Wrap::V3] {
        let bytes = Draft::new(wrap).folder("media", &files).bytes();
        let cut = scratch.file("cut.tar", &bytes[..bytes.len() * 8 / 10 + 5]);
        let out = scratch.path("out");
        let run = extract(&cut, &["--keep-going"], &out).code(5);
        assert!(run.err.contains("media"), "{}", run.err);
        let saved: Vec<_> = std::fs::read_dir(out.join("media")).unwrap().collect();
        for file in &saved {
            let bytes = std::fs::read(file.as_ref().unwrap().path()).unwrap();
            assert!(bytes == make::noise(100_000), "other bytes, or half a file");
        }
        // Version 3 vouches for whole chunks of 1 MiB.
        assert!(saved.len() >= 19, "{wrap:?}: {}", saved.len());
        std::fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn every_damaged_part_is_named_and_an_archive_of_nothing_is_not_written() {
    let scratch = Scratch::new();
    let draft = Draft::v3()
        .folder("media", &[make::file("a", b"x")])
        .folder("share", &[make::file("a", b"x")])
        .folder("ssl", &[make::file("a", b"whole")]);
    let mut bytes = draft.bytes();
    for name in ["media.tar.gz", "share.tar.gz"] {
        let at = make::data_of(&bytes, name) + 200;
        bytes[at] ^= 1;
    }
    let backup = scratch.file("bad.tar", &bytes);
    for output in [scratch.path("out"), scratch.path("out.tar")] {
        let run = extract(&backup, &["--keep-going"], &output).code(5);
        assert!(run.err.contains("warning: share:"), "{}", run.err);
        assert!(run.err.contains("error: media:"), "{}", run.err);
        let none = output.with_file_name(format!(
            "none-{}",
            output.extension().map_or("", |_| "a.tar")
        ));
        let run = extract(&backup, &["media", "share", "--keep-going"], &none).code(5);
        assert!(run.err.contains("warning: share:"), "{}", run.err);
        assert!(!run.out.contains("Extracted"), "{}", run.out);
        assert!(!none.exists(), "{}", none.display());
    }
}

#[test]
fn files_that_no_checksum_vouches_for_are_called_so() {
    let scratch = Scratch::new();
    let whole = Draft::plain().folder("media", &[make::file("first", b"whole")]);
    let mut bytes = whole.bytes();
    // The checksum at the end of the gzip stream.
    let gzip = make::gzip(&make::tar(&[
        make::folder("."),
        make::file("first", b"whole"),
    ]));
    let end = make::data_of(&bytes, "media.tar.gz") + gzip.len();
    bytes[end - 8] ^= 1;
    let backup = scratch.file("bad.tar", &bytes);
    let out = scratch.path("out");
    let run = extract(&backup, &["-k"], &out).code(5);
    assert!(
        run.err.contains("no checksum vouches for them"),
        "{}",
        run.err
    );
    let json = extract(&backup, &["-k", "--force", "--json"], &out)
        .code(5)
        .json();
    assert_eq!(json["components"][0]["complete"], false);
    assert_eq!(json["error"]["kind"], "damaged");
    // Nothing is printed that may be wrong.
    let run = haslim(["extract", &text(&backup), "media:first", "--stdout"]).code(5);
    assert_eq!(run.out, "");
}

#[test]
fn a_file_that_cannot_be_completed_does_not_appear() {
    let scratch = Scratch::new();
    let entries = [
        make::file("small", b"small"),
        make::file("large", &make::noise(300_000)),
        make::file("later", b"later"),
    ];
    let backup = media(&scratch, &entries);
    for (output, expected) in [("out", vec!["media", "media/small"]), ("out.tar", vec![])] {
        let out = scratch.path(output);
        // 100 blocks of 1,024 bytes; of 512 in some shells.
        let command = format!(
            "ulimit -f 100; exec {PROGRAM} extract {} -o {}",
            text(&backup),
            text(&out)
        );
        let run = Command::new("bash")
            .args(["-c", &command])
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(7), "{err}");
        let found: Vec<String> = tree(&out).into_keys().collect();
        assert_eq!(found, expected, "{err}");
    }
    assert_eq!(scratch.listing(), ["in.tar", "out"]);
}

/// How many files [`many`] has.
const MANY: usize = 150;

/// A backup with many files in its media, and the contents of each of them.
fn many(scratch: &Scratch) -> (PathBuf, Vec<u8>) {
    let contents = make::noise(200_000);
    let entries: Vec<Vec<u8>> = (0..MANY)
        .map(|at| make::file(format!("f{at:03}"), &contents))
        .collect();
    (media(scratch, &entries), contents)
}

/// A run that extracts that backup, once this file of it is there, or the run is over.
fn running(backup: &Path, out: &Path, file: usize) -> Child {
    let mut child = Command::new(PROGRAM)
        .args(["extract", &text(backup), "-o", &text(out)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let file = out.join(format!("media/f{file:03}"));
    while child.try_wait().unwrap().is_none() && !file.exists() {
        std::thread::yield_now();
    }
    child
}

#[test]
fn a_run_that_is_killed_leaves_no_half_file() {
    let scratch = Scratch::new();
    let (backup, contents) = many(&scratch);
    let mut cut = 0;
    for round in 0..8 {
        let out = scratch.path(&format!("out{round}"));
        // Kills it after some files, each time after more of them.
        let mut child = running(&backup, &out, round * 15);
        child.kill().unwrap();
        child.wait().unwrap();
        let arrived = std::fs::read_dir(out.join("media")).unwrap();
        let mut count = 0;
        for file in arrived {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if !is_hidden(&name) {
                count += 1;
                assert!(
                    std::fs::read(&path).unwrap() == contents,
                    "{name} is cut off"
                );
            }
        }
        cut += u32::from(count < MANY);
    }
    assert!(cut > 0, "no run was killed before its end");
}

#[test]
fn a_run_that_is_cancelled_says_what_arrived_and_leaves_nothing_else() {
    let scratch = Scratch::new();
    let (backup, _) = many(&scratch);
    let mut cancelled = 0;
    for round in 0..5 {
        let out = scratch.path(&format!("out{round}"));
        let child = running(&backup, &out, 3);
        let id = child.id().to_string();
        let _ = Command::new("kill").args(["-INT", &id]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        let (said, err) = (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        );
        let found = tree(&out);
        assert!(!found.keys().any(|name| is_hidden(name)), "{found:?}");
        let count = found.len() - 1;
        assert!(said.contains(&format!("Extracted {count} files")), "{said}");
        let code = output.status.code().unwrap();
        if code == 130 {
            assert!(err.contains("stopped on request") && count < MANY, "{err}");
            cancelled += 1;
        } else {
            assert_eq!((code, count), (0, MANY), "{err}");
        }
    }
    assert!(cancelled > 0, "no run was cancelled before its end");
}

#[test]
fn what_matches_nothing_is_told_and_nothing_is_written() {
    let scratch = Scratch::new();
    let backup = media(&scratch, &[make::file("frigate/a", b"1")]);
    let out = scratch.path("new/out");
    for (selector, said) in [
        ("medai", "media"),
        (
            "media:nothing",
            "nothing in this backup matches media:nothing",
        ),
        ("media:Frigate", "media:frigate"),
        ("share", "nothing in this backup matches share"),
    ] {
        let run = extract(&backup, &[selector], &out).code(2);
        assert!(run.err.contains(said), "{selector}: {}", run.err);
        assert_eq!(scratch.listing(), ["in.tar"], "{selector}");
        let archive = scratch.path("out.tar");
        extract(&backup, &[selector], &archive).code(2);
        assert_eq!(scratch.listing(), ["in.tar"], "{selector}");
    }
    let run = extract(&backup, &["media:frigate", "media:x*", "-q"], &out).code(0);
    assert!(
        run.err.contains("Nothing in this backup matches media:x*"),
        "{}",
        run.err
    );
    assert!(out.join("media/frigate/a").exists());
}

#[test]
fn a_hard_link_without_its_file_gets_the_contents() {
    let scratch = Scratch::new();
    let entries = [
        make::file("a/first", b"contents"),
        make::hard_link("b/second", "a/first"),
        make::hard_link("b/third", "./a/first"),
        make::file("a/later", b"x"),
    ];
    let backup = media(&scratch, &entries);
    let out = scratch.path("out");
    let run = extract(&backup, &["media:b"], &out).code(0);
    assert!(
        run.err
            .contains("media:b/second: it is a hard link to a/first"),
        "{}",
        run.err
    );
    let found = tree(&out);
    let expected = ["media", "media/b", "media/b/second", "media/b/third"];
    assert_eq!(found.keys().collect::<Vec<_>>(), expected);
    assert_eq!(found["media/b/third"], "file contents");
    let number = |name: &str| std::fs::metadata(out.join(name)).unwrap().ino();
    assert_eq!(number("media/b/second"), number("media/b/third"));
    let archive = scratch.path("out.tar");
    extract(&backup, &["media:b"], &archive).code(0);
    let found = archived(&archive);
    assert_eq!(found[0].data, b"contents");
    assert_eq!(found[1].link, b"media/b/second");
}

#[test]
fn a_later_entry_counts_also_after_a_hard_link_without_its_file() {
    let scratch = Scratch::new();
    let entries = [
        make::file("a/first", b"old"),
        make::hard_link("b/second", "a/first"),
        make::hard_link("b/third", "a/first"),
        make::file("b/second", b"new"),
    ];
    let backup = media(&scratch, &entries);
    let out = scratch.path("out");
    let run = extract(&backup, &["media:b"], &out).code(0);
    assert!(
        run.err
            .contains("b/second: the backup has this name more than once"),
        "{}",
        run.err
    );
    let found = tree(&out);
    assert_eq!(found["media/b/second"], "file new");
    assert_eq!(found["media/b/third"], "file old");
    let run = haslim(["extract", &text(&backup), "media:b/second", "--stdout"]).code(0);
    assert_eq!(run.out, "new");
}

#[test]
fn special_bits_are_removed_and_folders_keep_their_modes() {
    let scratch = Scratch::new();
    let mode = |head: make::Head, mode: &[u8]| head.with(100, mode);
    let entries = [
        mode(make::Head::new("set", b'0', 1), b"0006755\0").data(b"1"),
        mode(make::Head::new("d", b'5', 0), b"0000500\0").data(b""),
        mode(make::Head::new("d/x", b'0', 1), b"0000400\0").data(b"1"),
        mode(make::Head::new("sticky", b'5', 0), b"0001777\0").data(b""),
    ];
    let backup = media(&scratch, &entries);
    let out = scratch.path("out");
    let run = extract(&backup, &[], &out).code(0);
    let mode = |name: &str| {
        let meta = std::fs::metadata(out.join("media").join(name)).unwrap();
        meta.permissions().mode() & 0o7777
    };
    assert_eq!(
        ["set", "d", "d/x", "sticky"].map(mode),
        [0o755, 0o500, 0o400, 0o777]
    );
    assert_eq!(
        run.err.matches("setuid, setgid or sticky bit").count(),
        2,
        "{}",
        run.err
    );
    std::fs::set_permissions(out.join("media/d"), PermissionsExt::from_mode(0o700)).unwrap();
}

#[test]
fn the_key_is_needed_only_for_what_is_extracted_and_its_absence_is_told() {
    let scratch = Scratch::new();
    let backup = Draft::v3()
        .folder("media", &[make::file("a", b"1")])
        .plain_from_here()
        .folder("share", &[make::file("b", b"2")])
        .write(&scratch, "in.tar");
    let out = scratch.path("out");
    let run = keyless(["extract", &text(&backup), "-o", &text(&out)]).code(12);
    assert!(!out.exists(), "{}", run.err);
    assert!(
        !run.err.contains("--drop") && !run.err.contains("Dropping"),
        "{}",
        run.err
    );
    let limited = scratch.path("limited");
    let rest = ["--max-expanded", "5kB", "--force"];
    let run = extract(&backup, &rest, &limited).code(10);
    assert!(
        !run.err.contains("--drop") && run.err.contains("--keep-going"),
        "{}",
        run.err
    );
    let run = extract(&backup, &[&rest[..], &["-k"]].concat(), &limited).code(10);
    assert!(!run.err.contains("--keep-going"), "{}", run.err);
    keyless(["extract", &text(&backup), "share", "-o", &text(&out)]).code(0);
    assert_eq!(tree(&out)["share/b"], "file 2");
    let run = haslim(["extract", &text(&backup), "media", "-o", &text(&out), "-q"]).code(0);
    assert!(run.err.contains("are not encrypted"), "{}", run.err);
}

#[test]
fn the_database_is_where_the_configuration_says() {
    let scratch = Scratch::new();
    let yaml = b"recorder:\n  db_url: sqlite:////config/db/own.db\n";
    let entries = [
        make::file("data/db/own.db", b"SQLite"),
        make::file("data/db/other", b"no"),
    ];
    let metadata = [
        make::folder("."),
        make::file("./homeassistant.json", b"{}"),
        make::folder("data"),
        make::file("data/configuration.yaml", yaml),
    ];
    let backup = Draft::plain()
        .metadata(|all| {
            all["homeassistant"] =
                serde_json::json!({"version": "2026.11.0", "exclude_database": false, "size": 0.1});
        })
        .unlisted("homeassistant", &[&metadata[..], &entries].concat())
        .write(&scratch, "in.tar");
    let out = scratch.path("out");
    extract(&backup, &["database"], &out).code(0);
    let found: Vec<String> = tree(&out).into_keys().collect();
    assert_eq!(
        found,
        [
            "homeassistant",
            "homeassistant/db",
            "homeassistant/db/own.db"
        ]
    );
}

#[test]
fn a_level_is_for_zstd_alone() {
    let scratch = Scratch::new();
    let backup = media(&scratch, &[make::file("a", &b"text ".repeat(9000))]);
    for out in ["out", "out.tar", "out.tar.gz"] {
        extract(&backup, &["--level", "9"], &scratch.path(out)).code(2);
    }
    extract(&backup, &["--level", "19"], &scratch.path("out.tar.zst")).code(0);
    extract(&backup, &["--level", "20"], &scratch.path("x.tar.zst")).code(2);
    haslim(["extract", &text(&backup)]).code(2);
    assert_eq!(scratch.listing(), ["in.tar", "out.tar.zst"]);
}

#[test]
fn many_entries_left_out_are_named_in_full_on_request() {
    let scratch = Scratch::new();
    let entries: Vec<Vec<u8>> = (0..15).map(|at| make::fifo(format!("p{at}"))).collect();
    let backup = media(&scratch, &entries);
    let run = extract(&backup, &[], &scratch.path("out")).code(0);
    assert_eq!(run.err.matches("was left out").count(), 10, "{}", run.err);
    assert!(
        run.err.contains("5 more were left out or changed"),
        "{}",
        run.err
    );
    let run = extract(&backup, &["--details", "--force"], &scratch.path("out")).code(0);
    assert_eq!(run.err.matches("was left out").count(), 15, "{}", run.err);
}
