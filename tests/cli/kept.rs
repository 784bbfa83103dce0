//! Parts that a copy keeps whole: what a restore would stumble over in them is found, and said.

use std::path::{Path, PathBuf};

use crate::line;
use crate::support::draft::{Draft, Wrap};
use crate::support::make::{any_file, fifo, file, gzip, noise, pax, symlink, tar};
use crate::support::{PASSWORD, Run, Scratch, fixture, haslim, member, members, run, seal, text};

const KEY: Option<&str> = Some(PASSWORD);

fn shrink(scratch: &Scratch, backup: &Path, options: &str, key: Option<&str>) -> (PathBuf, Run) {
    let out = scratch.path("out.tar");
    let mut args: Vec<String> = ["shrink".into(), backup.display().to_string()].into();
    args.extend(options.split_whitespace().map(str::to_owned));
    args.extend(["-o".into(), out.display().to_string(), "--yes".into()]);
    args.push("--force".into());
    (out, run(args, key))
}

fn photos() -> Vec<Vec<u8>> {
    vec![file("a.jpg", &noise(3000))]
}

/// Some files in a tar.
fn some() -> Vec<u8> {
    let files: Vec<Vec<u8>> = (0..6)
        .map(|n| file(format!("f{n}.txt"), &noise(900)))
        .collect();
    tar(&files)
}

/// A gzip stream with an extra field, as bgzip writes it (RFC 1952 §2.3.1.1).
fn with_extra(plaintext: &[u8]) -> Vec<u8> {
    let mut stream = gzip(plaintext);
    stream[3] |= 4;
    stream.splice(10..10, *b"\x06\0BC\x02\0\x01\x02");
    stream
}

/// Home Assistant reads an encrypted part with `tarfile`'s `r|gz`: the first gzip member alone, and
/// none with an extra field.
#[test]
fn what_reads_only_in_clear_is_written_anew_before_it_is_encrypted() {
    let scratch = Scratch::new();
    let whole = some();
    let (first, second) = whole.split_at(2048);
    let streams = [
        [gzip(first), gzip(second)].concat(),
        [gzip(b""), gzip(&whole)].concat(),
        with_extra(&whole),
    ];
    for stream in streams {
        for options in ["", "--securetar 2", "--drop media"] {
            let backup = Draft::plain()
                .stream("share", &stream)
                .set("folders", vec!["share", "media"])
                .config(&[])
                .unlisted("media", &photos())
                .write(&scratch, "in.tar");
            let (out, run) = shrink(&scratch, &backup, options, KEY);
            run.code(0);
            let verify = haslim([Path::new("verify"), &out]).code(0);
            assert!(!verify.err.contains("gzip members"), "{}", verify.err);
            let files = haslim([
                Path::new("extract"),
                &out,
                Path::new("share"),
                Path::new("--list"),
            ]);
            assert!(files.code(0).out.contains("f5.txt"));
        }
    }
}

/// supervisor#4924: an app whose backup failed leaves a part that ends in the middle of a file.
#[test]
fn an_archive_that_is_cut_off_inside_an_intact_stream_is_damaged() {
    let scratch = Scratch::new();
    let stream = gzip(&some()[..3000]);
    for wrap in [Wrap::Plain, Wrap::V2, Wrap::V3] {
        let backup = Draft::new(wrap)
            .config(&[])
            .folder("media", &photos())
            .listed_addon("core_x")
            .stream("core_x", &stream)
            .write(&scratch, "in.tar");
        let key = if wrap == Wrap::Plain { None } else { KEY };
        let (out, run) = shrink(&scratch, &backup, "--drop media", key);
        let run = run.code(5);
        assert!(run.err.contains("--drop addon:core_x"), "{}", run.err);
        assert!(!out.exists());
        let keep = "--drop media --keep addon:core_x";
        let (_, run) = shrink(&scratch, &backup, keep, key);
        assert!(run.code(0).err.contains("core_x is damaged"));
        std::fs::remove_file(&out).unwrap();
    }
}

/// The same for an archive with nothing in it, which Home Assistant would open first.
#[test]
fn an_empty_stream_is_no_archive_that_a_copy_could_begin_with() {
    let scratch = Scratch::new();
    let draft = |listed: bool| {
        let draft = Draft::plain().stream("core_x", &gzip(b"")).config(&[]);
        let draft = if listed {
            draft.listed_addon("core_x")
        } else {
            draft
        };
        draft.folder("media", &photos()).write(&scratch, "in.tar")
    };
    let (_, run) = shrink(&scratch, &draft(true), "--drop media", None);
    run.code(5);
    let (out, run) = shrink(&scratch, &draft(false), "--drop media", None);
    run.code(0);
    let names: Vec<String> = members(&out).into_iter().map(|m| m.name).collect();
    assert_eq!(names, ["homeassistant.tar.gz", "./backup.json"]);
}

#[test]
fn what_a_restore_fails_on_is_named_in_parts_that_nobody_named() {
    let scratch = Scratch::new();
    for (entry, said) in [
        (fifo("data/mpd.fifo"), "data/mpd.fifo"),
        (any_file("../evil", b"x"), "a restore could not cope with"),
        (symlink("data/l", ""), "a restore could not cope with"),
    ] {
        for wrap in [Wrap::Plain, Wrap::V3] {
            let backup = Draft::new(wrap)
                .config(std::slice::from_ref(&entry))
                .folder("media", &photos())
                .write(&scratch, "in.tar");
            let key = if wrap == Wrap::Plain { None } else { KEY };
            let (_, run) = shrink(&scratch, &backup, "--drop media", key);
            let run = run.code(0);
            assert_eq!(run.err.matches(said).count(), 1, "{}", run.err);
        }
    }
}

/// A key is no wish to encrypt: only `shrink` takes it for one.
#[test]
fn a_repair_with_a_key_leaves_a_plain_backup_plain() {
    let scratch = Scratch::new();
    let backup = Draft::plain()
        .config(&[])
        .folder("media", &photos())
        .uncompressed()
        .folder("share", &photos())
        .set("compressed", true)
        .write(&scratch, "in.tar");
    let out = scratch.path("out.tar");
    let words = [
        Path::new("repair"),
        &backup,
        Path::new("-o"),
        &out,
        Path::new("--yes"),
    ];
    haslim(words).code(0);
    assert!(
        members(&out)
            .iter()
            .all(|member| !member.data.starts_with(b"Secu"))
    );
    haslim([Path::new("verify"), &out]).code(0);
}

/// A reader of encrypted parts goes by the name, so a tar named `.tar.gz` would not open.
#[test]
fn an_archive_gets_the_form_that_its_name_promises_before_it_is_encrypted() {
    let scratch = Scratch::new();
    for wrap in [Wrap::Plain, Wrap::V3] {
        let draft = Draft::new(wrap).member("core_x.tar.gz", &some());
        let backup = draft
            .config(&[])
            .folder("media", &photos())
            .write(&scratch, "in.tar");
        let (out, run) = shrink(&scratch, &backup, "--drop media", KEY);
        run.code(0);
        assert_eq!(members(&out).len(), 3);
        haslim([Path::new("verify"), &out]).code(0);
    }
}

/// supervisor#4924: the size in the header of the cut part is right, and its neighbour is whole.
#[test]
fn a_part_that_is_cut_off_does_not_swallow_its_neighbour() {
    let scratch = Scratch::new();
    let whole = tar(&[
        file("addon.json", b"{}"),
        file("data/big.bin", &noise(60_000)),
    ]);
    // Inside the last file, right behind its header, and inside the zeros at the end.
    for left in [1024, 1536, 2048, 10_240, 30_208, 60_928] {
        let names: Vec<Vec<u8>> = (0..12)
            .map(|n| file(format!("p{n}.txt"), &noise(300)))
            .collect();
        let draft = Draft::plain().uncompressed().config(&[]);
        let draft = draft
            .listed_addon("core_x")
            .member("core_x.tar", &whole[..left]);
        let backup = draft.folder("media", &names).write(&scratch, "in.tar");
        let info = haslim([Path::new("info"), &backup]).code(0);
        assert!(!info.err.contains("but it has"), "{left}: {}", info.err);
        let (out, run) = shrink(&scratch, &backup, "--drop addon:core_x", None);
        run.code(0);
        let list = haslim([Path::new("ls"), &out, Path::new("media")]).code(0);
        assert!(list.out.contains("p11.txt"), "{left}: {}", list.out);
    }
}

/// A reader of an encrypted part stops at such a stream, so no copy has it.
#[test]
fn odd_streams_in_encrypted_parts_are_named_and_mended() {
    let scratch = Scratch::new();
    let whole = some();
    let (first, second) = whole.split_at(2048);
    let streams = [
        ([gzip(first), gzip(second)].concat(), "2 gzip members"),
        (
            [gzip(b""), gzip(&whole)].concat(),
            "begins in a way that Home Assistant does not read",
        ),
        (
            with_extra(&whole),
            "begins in a way that Home Assistant does not read",
        ),
    ];
    for (stream, said) in streams {
        for (wrap, other) in [(Wrap::V2, "3"), (Wrap::V3, "2")] {
            let backup = Draft::new(wrap)
                .stream("share", &stream)
                .set("folders", vec!["share", "media"])
                .config(&[])
                .unlisted("media", &photos())
                .write(&scratch, "in.tar");
            let verify = haslim([Path::new("verify"), &backup]);
            assert!((verify.out + &verify.err).contains(said));
            let convert = format!("--drop media --securetar {other}");
            for options in [convert.as_str(), "--securetar none"] {
                let (out, run) = shrink(&scratch, &backup, options, KEY);
                run.code(0);
                let verify = haslim([Path::new("verify"), &out]).code(0);
                assert!(!(verify.out + &verify.err).contains(said), "{options}");
            }
            let (out, run) = shrink(&scratch, &backup, "--drop media", KEY);
            assert!(run.code(0).err.contains(said));
            let verify = haslim([Path::new("verify"), &out]).code(0);
            assert!(!(verify.out + &verify.err).contains(said), "{wrap:?}");
            let repaired = scratch.path("repaired.tar");
            let words = ["repair", "in.tar", "-o", "repaired.tar", "--yes", "--force"];
            let words = words.map(|word| match word {
                "in.tar" => backup.as_os_str().to_owned(),
                "repaired.tar" => repaired.as_os_str().to_owned(),
                word => word.into(),
            });
            haslim(words).code(0);
            let verify = haslim([Path::new("verify"), &repaired]).code(0);
            assert!(!(verify.out + &verify.err).contains(said), "{wrap:?}");
        }
    }
}

/// supervisor#3838: what an encrypted part is, its bytes say once the key has opened it.
#[test]
fn a_name_that_is_wrong_about_the_compression_is_no_wrong_key() {
    let scratch = Scratch::new();
    for wrap in [Wrap::V2, Wrap::V3] {
        let seal = |stream: &[u8]| wrap.seal(stream);
        for all in [false, true] {
            let draft = Draft::new(wrap).config(&[]);
            let draft = draft.member("share.tar.gz", &seal(&some()));
            let draft = if all {
                draft
            } else {
                draft.folder("media", &photos())
            };
            let folders = if all {
                vec!["share"]
            } else {
                vec!["share", "media"]
            };
            let backup = draft.set("folders", folders).write(&scratch, "in.tar");
            let list = haslim([Path::new("ls"), &backup, Path::new("share")]).code(0);
            assert!(list.out.contains("f5.txt"), "{}", list.out);
            let out = scratch.path("out.tar");
            let words = [Path::new("repair"), &backup, Path::new("-o"), &out];
            haslim(words.into_iter().chain(["--yes", "--force"].map(Path::new))).code(0);
            haslim([Path::new("verify"), &out]).code(0);
        }
    }
}

#[test]
fn a_repair_is_refused_where_the_parts_have_two_keys() {
    let scratch = Scratch::new();
    let stream = gzip(&some());
    for (wrap, part) in [
        (Wrap::V2, seal::v2_of("other", &stream)),
        (Wrap::V3, seal::v3_of("other", &stream)),
    ] {
        let backup = Draft::new(wrap)
            .config(&[])
            .folder("media", &photos())
            .member("share.tar.gz", &part)
            .set("folders", vec!["media", "share"])
            .write(&scratch, "in.tar");
        let out = scratch.path("out.tar");
        let words = [Path::new("repair"), &backup, Path::new("-o"), &out];
        let run = haslim(words.into_iter().chain([Path::new("--yes")])).code(12);
        assert!(run.err.contains("share"), "{}", run.err);
        assert!(!out.exists());
    }
}

/// A part of version 1, and one that must be compressed, has to be read for a copy, so it cannot be
/// kept as it is.
#[test]
fn damage_in_a_part_that_is_written_anew_is_found_by_the_plan() {
    let scratch = Scratch::new();
    let tar = Draft::plain()
        .config(&[])
        .folder("media", &photos())
        .set("folders", vec!["share", "media"])
        .member("share.tar", &some()[..3000])
        .write(&scratch, "tar.tar");
    let version_1 = scratch.copy("v1.tar");
    let mut bytes = std::fs::read(&version_1).unwrap();
    let share = crate::support::make::data_of(&bytes, "share.tar.gz");
    bytes[share + 160] ^= 1;
    std::fs::write(&version_1, bytes).unwrap();
    for (backup, key) in [(tar, None), (version_1, KEY)] {
        let plan = |options: &str| {
            let args = ["plan", &backup.display().to_string()].map(str::to_owned);
            let options = options.split_whitespace().map(str::to_owned);
            run(args.into_iter().chain(options), key)
        };
        for keep in ["", "--keep share"] {
            let options = format!("--drop media {keep}");
            let planned = plan(&options).code(5);
            let (out, shrunk) = shrink(&scratch, &backup, &options, key);
            let shrunk = shrunk.code(5);
            assert!(!out.exists());
            for said in [planned.err, shrunk.err] {
                assert!(said.contains("--drop share"), "{said}");
                assert!(!said.contains("--keep share"), "{said}");
            }
        }
        let options = "--drop media --drop share";
        plan(options).code(0);
        let (out, shrunk) = shrink(&scratch, &backup, options, key);
        shrunk.code(0);
        std::fs::remove_file(out).unwrap();
    }
}

/// Version 1 cannot be written, so one part in another version would be the only one that opens.
#[test]
fn a_repair_that_writes_one_part_of_version_1_anew_converts_all() {
    let scratch = Scratch::new();
    let uncompressed = member(&fixture("v1-uncompressed.tar"), "share.tar");
    let parts: Vec<(String, Vec<u8>)> = members(&fixture("v1.tar"))
        .into_iter()
        .map(|part| match part.name.as_str() {
            "share.tar.gz" => (part.name, uncompressed.clone()),
            _ => (part.name, part.data),
        })
        .collect();
    for unlisted_first in [false, true] {
        let mut parts = parts.clone();
        if unlisted_first {
            let ssl = member(&fixture("v1.tar"), "ssl.tar.gz");
            parts.insert(0, ("core_x.tar.gz".into(), ssl));
        }
        let parts: Vec<Vec<u8>> = parts.iter().map(|(name, data)| file(name, data)).collect();
        let backup = scratch.file("in.tar", &tar(&parts));
        let out = scratch.path("out.tar");
        let words = ["repair", "in.tar", "-o", "out.tar", "--yes", "--force"];
        let words = words.map(|word| match word {
            "in.tar" => backup.clone(),
            "out.tar" => out.clone(),
            word => word.into(),
        });
        haslim(words).code(0);
        haslim([Path::new("verify"), &out]).code(0);
    }
}

/// Home Assistant reads the first gzip member of an encrypted part alone.
#[test]
fn an_encrypted_part_of_several_gzip_members_becomes_one_in_a_copy() {
    let scratch = Scratch::new();
    let contents = some();
    let (first, second) = contents.split_at(2000);
    let several = [gzip(first), gzip(second)].concat();
    for wrap in [Wrap::V2, Wrap::V3] {
        let backup = Draft::new(wrap)
            .config(&[])
            .folder("media", &photos())
            .stream("share", &several)
            .set("folders", vec!["share", "media"])
            .write(&scratch, "in.tar");
        for options in [
            "--drop media",
            "--drop media:a.jpg",
            "--drop media --keep share",
        ] {
            let (out, run) = shrink(&scratch, &backup, options, KEY);
            run.code(0);
            let verify = haslim([Path::new("verify"), &out]).code(0);
            let said = verify.out + &verify.err;
            assert!(!said.contains("gzip members"), "{wrap:?} {options}: {said}");
            let files = text(&scratch.path("files"));
            haslim(["extract", &text(&out), "share", "-o", &files]).code(0);
            std::fs::remove_dir_all(files).unwrap();
            std::fs::remove_file(out).unwrap();
        }
    }
}

/// supervisor#6518 (kind): Supervisor's password check reads the first header of the first archive.
#[test]
fn no_copy_begins_with_a_part_whose_first_header_is_damaged() {
    let scratch = Scratch::new();
    let mut bad = some();
    bad[0] ^= 0x40;
    let whole = gzip(&some());
    for stream in [gzip(&bad), whole[..10].to_vec()] {
        for wrap in [Wrap::Plain, Wrap::V2, Wrap::V3] {
            let backup = Draft::new(wrap)
                .stream("share", &stream)
                .config(&[])
                .folder("media", &photos())
                .set("folders", vec!["share", "media"])
                .write(&scratch, "in.tar");
            let verify = haslim([Path::new("verify"), &backup]).code(5);
            let said = verify.out + &verify.err;
            assert!(said.contains("first archive"), "{wrap:?}: {said}");
            let (out, run) = shrink(&scratch, &backup, "--drop media --keep share", KEY);
            run.code(0);
            let archives = members(&out)
                .into_iter()
                .filter(|m| m.name.ends_with(".gz"));
            let names: Vec<String> = archives.map(|member| member.name).collect();
            assert_eq!(names, ["homeassistant.tar.gz", "share.tar.gz"], "{wrap:?}");
            std::fs::remove_file(out).unwrap();
        }
    }
}

/// FORMAT of SecureTar: the number behind the name is the version, and zeros follow.
#[test]
fn a_part_that_is_encrypted_in_an_unknown_way_stays_only_as_it_is_and_by_name() {
    let scratch = Scratch::new();
    let backup = Draft::v3()
        .config(&[])
        .folder("media", &photos())
        .member(
            "share.tar.gz",
            &[&b"SecureTar\x04"[..], &noise(900)].concat(),
        )
        .set("folders", vec!["share", "media"])
        .write(&scratch, "in.tar");
    for (options, code) in [
        ("--drop media", 10),
        ("--drop media --keep share", 0),
        ("--drop media --drop share", 0),
        ("--drop media --keep share --securetar none", 10),
        ("--drop media --keep share --securetar 2", 10),
        ("--drop media --drop share --securetar none", 0),
    ] {
        haslim(line("plan", &backup, options)).code(code);
        let (out, run) = shrink(&scratch, &backup, options, KEY);
        let run = run.code(code);
        assert_eq!(out.exists(), code == 0, "{options}");
        if code == 0 {
            std::fs::remove_file(out).unwrap();
        } else {
            assert!(run.err.contains("--drop share"), "{options}: {}", run.err);
        }
    }
}

/// Whether a part is listed or not.
#[test]
fn an_unlisted_archive_that_is_encrypted_in_an_unknown_way_is_in_no_plain_copy() {
    let scratch = Scratch::new();
    let backup = Draft::v3()
        .config(&[])
        .folder("media", &photos())
        .member("foo.tar.gz", &[&b"SecureTar\x04"[..], &noise(900)].concat())
        .write(&scratch, "in.tar");
    haslim([Path::new("verify"), &backup]).code(10);
    for options in ["--drop media --securetar none", "--drop media"] {
        let (out, run) = shrink(&scratch, &backup, options, KEY);
        run.code(10);
        assert!(!out.exists(), "{options}");
    }
}

#[test]
fn a_repair_without_the_key_promises_nothing_about_what_it_cannot_read() {
    let scratch = Scratch::new();
    let sealed = [Wrap::V3.seal(&gzip(&some())), b"junk".to_vec()].concat();
    let backup = Draft::v3()
        .config(&[])
        .member("share.tar.gz", &sealed)
        .set("folders", vec!["share"])
        .write(&scratch, "in.tar");
    let repair = |key| run(["repair", &text(&backup), "--yes", "--force"], key);
    assert!(repair(KEY).code(0).out.contains("Fixed: 1 fault"));
    repair(None).code(3);
}

/// One wrong bit can make a header into what no program writes. The checksum tells it apart.
#[test]
fn a_wrong_bit_that_looks_like_another_archive_is_damage() {
    let scratch = Scratch::new();
    let sound = tar(&[
        pax(&[("mtime", b"1700000000.5")]),
        file("a.txt", &noise(900)),
    ]);
    let mut wrong = sound.clone();
    let digit = 512 + b"22 mtime=".len();
    assert_eq!(&wrong[digit..digit + 2], b"17");
    wrong[digit + 1] = b'w';
    let mut stream = gzip(&wrong);
    let checksum = gzip(&sound);
    let at = stream.len() - 8;
    stream[at..].copy_from_slice(&checksum[checksum.len() - 8..]);
    for wrap in [Wrap::Plain, Wrap::V2, Wrap::V3] {
        let backup = Draft::new(wrap)
            .config(&[])
            .folder("media", &photos())
            .stream("share", &stream)
            .set("folders", vec!["share", "media"])
            .write(&scratch, "in.tar");
        let folder = text(&scratch.path(&format!("{wrap:?}")));
        let damaged = |run: Run| {
            let said = run.code(5);
            let said = said.out + &said.err;
            assert!(said.contains("checksum"), "{said}");
        };
        damaged(haslim([Path::new("verify"), &backup]));
        damaged(haslim(line("plan", &backup, "--drop media")));
        damaged(haslim(["extract", &text(&backup), "-o", &folder]));
        damaged(haslim([
            "extract",
            &text(&backup),
            "share:a.txt",
            "--stdout",
        ]));
        let (out, run) = shrink(&scratch, &backup, "--drop media", KEY);
        damaged(run);
        assert!(!out.exists());
    }
}

/// What cannot be decrypted cannot be encrypted in another way; what can be, can be kept.
#[test]
fn a_damaged_part_is_kept_in_another_version_if_it_can_be_decrypted() {
    let scratch = Scratch::new();
    let damaged = fixture("v3.tar");
    let mut bytes = std::fs::read(&damaged).unwrap();
    let share = crate::support::make::data_of(&bytes, "share.tar.gz");
    bytes[share + 1862] ^= 16;
    let locked = scratch.file("locked.tar", &bytes);
    let cut = Draft::v3()
        .config(&[])
        .stream("share", &gzip(&some()[..3000]))
        .set("folders", vec!["share"])
        .write(&scratch, "cut.tar");
    for (backup, code) in [(&locked, 5), (&cut, 0)] {
        for version in ["none", "2"] {
            let options = format!("--securetar {version} --keep share");
            let plan = haslim(line("plan", backup, &options)).code(code);
            let (_, run) = shrink(&scratch, backup, &options, KEY);
            let run = run.code(code);
            for said in [plan.err, run.err].iter().filter(|_| code == 5) {
                assert!(
                    said.contains("--drop share") && !said.contains("--keep share"),
                    "{said}"
                );
            }
        }
    }
}

#[test]
fn the_document_of_shrink_names_what_a_restore_fails_on() {
    let scratch = Scratch::new();
    let backup = Draft::plain()
        .config(&[fifo("data/mpd.fifo")])
        .folder("media", &photos())
        .write(&scratch, "in.tar");
    let (_, run) = shrink(&scratch, &backup, "--drop media --json", None);
    let notes = run.code(0).json()["notes"].to_string();
    assert!(notes.contains("data/mpd.fifo"), "{notes}");
}
