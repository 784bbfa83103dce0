//! `haslim repair`: unambiguous faults are fixed in the copy, and everything else is unchanged.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::support::{
    self, OuterMember, Run, Scratch, entries, fixture, haslim, keyless, line, make, manifest,
    member, members, seal, shrink,
};
use serde_json::Value;

/// Writes an outer tar of these members.
fn outer(scratch: &Scratch, members: &[OuterMember]) -> PathBuf {
    let mut builder = tar::Builder::new(Vec::new());
    for member in members {
        let mut header = tar::Header::new_ustar();
        // The crate would remove the `./`.
        header.as_mut_bytes()[..member.name.len()].copy_from_slice(member.name.as_bytes());
        header.set_mode(0o600);
        header.set_size(member.data.len() as u64);
        header.set_cksum();
        builder.append(&header, member.data.as_slice()).unwrap();
    }
    scratch.file("broken.tar", &builder.into_inner().unwrap())
}

fn repaired(scratch: &Scratch, broken: &Path) -> (PathBuf, Run) {
    let out = scratch.path("broken.repaired.tar");
    let run = haslim(line("repair", broken, "--yes")).code(0);
    haslim(line("verify", &out, "")).code(0);
    (out, run)
}

fn change<'a>(members: &'a mut [OuterMember], name: &str) -> &'a mut Vec<u8> {
    &mut members.iter_mut().find(|m| m.name == name).unwrap().data
}

fn change_manifest(members: &mut [OuterMember], change_it: impl FnOnce(&mut Value)) {
    let data = change(members, "./backup.json");
    let mut value = serde_json::from_slice(data).unwrap();
    change_it(&mut value);
    *data = serde_json::to_vec(&value).unwrap();
}

/// All members but `backup.json`.
fn parts(path: &Path) -> Vec<OuterMember> {
    members(path)
        .into_iter()
        .filter(|m| m.name != "./backup.json")
        .collect()
}

#[test]
fn a_sound_backup_needs_no_repair() {
    for name in [
        "v1",
        "v2",
        "v3",
        "plain",
        "v3-uncompressed",
        "core-v3",
        "demo",
    ] {
        let scratch = Scratch::new();
        let path = scratch.copy(&format!("{name}.tar"));
        haslim(line("repair", &path, "--yes")).code(3);
        assert_eq!(scratch.listing(), [format!("{name}.tar")]);
    }
}

#[test]
fn bytes_after_the_end_go_and_nothing_else_does() {
    let scratch = Scratch::new();
    let mut bytes = std::fs::read(fixture("v3.tar")).unwrap();
    bytes.extend([0xabu8; 300_000]);
    let broken = scratch.file("broken.tar", &bytes);
    let (out, run) = repaired(&scratch, &broken);
    assert!(
        run.out.contains("300000 bytes that belong to nothing"),
        "{}",
        run.out
    );
    assert_eq!(parts(&out), parts(&fixture("v3.tar")));
    assert!(std::fs::metadata(&out).unwrap().len() < 100_000);
}

#[test]
fn a_missing_end_is_written_even_without_the_key() {
    let scratch = Scratch::new();
    let mut bytes = std::fs::read(fixture("v2.tar")).unwrap();
    // The last member is text, so that no member ends in zeros.
    let end = bytes
        .iter()
        .rposition(|&b| b != 0)
        .unwrap()
        .next_multiple_of(512);
    bytes.truncate(end);
    let broken = scratch.file("broken.tar", &bytes);
    let run = keyless(line("repair", &broken, "--yes")).code(0);
    assert!(run.err.contains("Without the key"), "{}", run.err);
    let out = scratch.path("broken.repaired.tar");
    assert_eq!(parts(&out), parts(&fixture("v2.tar")));
    assert!(std::fs::read(&out).unwrap().ends_with(&[0; 1024]));
}

#[test]
fn several_gzip_members_become_one_that_holds_everything() {
    let scratch = Scratch::new();
    let mut all = members(&fixture("plain.tar"));
    let data = change(&mut all, "share.tar.gz");
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(data.as_slice())
        .read_to_end(&mut plain)
        .unwrap();
    data.clear();
    for half in plain.chunks(plain.len() / 2 + 1) {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(half).unwrap();
        data.extend(gzip.finish().unwrap());
    }
    let broken = outer(&scratch, &all);
    let run = keyless(line("repair", &broken, "--yes")).code(0);
    assert!(run.out.contains("2 gzip members"), "{}", run.out);
    // Read as Home Assistant reads it: only the first member.
    let out = scratch.path("broken.repaired.tar");
    assert_eq!(
        entries(&out, "share"),
        entries(&fixture("plain.tar"), "share")
    );
}

#[test]
fn lists_and_flags_say_what_is_there() {
    let scratch = Scratch::new();
    let mut all = members(&fixture("v3.tar"));
    all.retain(|m| m.name != "ssl.tar.gz");
    change_manifest(&mut all, |manifest| {
        manifest["type"] = "full".into();
        manifest["protected"] = false.into();
        manifest["folders"]
            .as_array_mut()
            .unwrap()
            .retain(|f| f != "share");
        assert!(
            manifest["folders"]
                .as_array()
                .unwrap()
                .iter()
                .any(|f| f == "ssl")
        );
    });
    let broken = outer(&scratch, &all);
    let (out, _) = repaired(&scratch, &broken);
    let manifest = manifest(&out);
    let folders: Vec<&str> = manifest["folders"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        folders.contains(&"share") && !folders.contains(&"ssl"),
        "{folders:?}"
    );
    assert_eq!(
        (&manifest["type"], &manifest["protected"]),
        (&"partial".into(), &true.into())
    );
    assert_eq!(parts(&out), parts(&broken));
}

/// A fixture with the opposite compression flag.
fn misnamed(scratch: &Scratch, name: &str) -> PathBuf {
    let mut all = members(&fixture(name));
    change_manifest(&mut all, |manifest| {
        manifest["compressed"] = (!manifest["compressed"].as_bool().unwrap()).into()
    });
    outer(scratch, &all)
}

#[test]
fn the_flag_for_compression_says_what_all_names_say() {
    for (name, right) in [
        ("v1", true),
        ("v2", true),
        ("v3", true),
        ("plain", true),
        ("v3-uncompressed", false),
    ] {
        let scratch = Scratch::new();
        let broken = misnamed(&scratch, &format!("{name}.tar"));
        let (out, run) = repaired(&scratch, &broken);
        assert!(
            run.out
                .contains("Home Assistant would look for other names"),
            "{}",
            run.out
        );
        assert_eq!(manifest(&out)["compressed"], right, "{name}");
        assert_eq!(parts(&out), parts(&broken), "{name}");
    }
}

#[test]
fn the_flag_for_compression_is_not_changed_unless_the_bytes_prove_it() {
    let scratch = Scratch::new();
    let broken = misnamed(&scratch, "v3.tar");
    let run = keyless(line("repair", &broken, "--yes")).code(12);
    assert!(
        run.err.contains("--password-file") && run.err.contains(support::UNCHANGED),
        "{}",
        run.err
    );
    // A tar under the name of a gzip archive: with the key, this is detected, and mended too.
    let mut all = members(&broken);
    *change(&mut all, "share.tar.gz") = members(&fixture("v3-uncompressed.tar"))
        .into_iter()
        .find(|m| m.name == "share.tar")
        .unwrap()
        .data;
    let broken = outer(&scratch, &all);
    assert_eq!(scratch.listing(), ["broken.tar"]);
    let (out, run) = repaired(&scratch, &broken);
    assert!(run.out.contains("share is not compressed"), "{}", run.out);
    assert_eq!(manifest(&out)["compressed"], true);
    haslim(["verify".as_ref(), out.as_os_str()]).code(0);
}

#[test]
fn a_folder_that_would_be_looked_for_under_another_name_is_not_listed() {
    let scratch = Scratch::new();
    let mut all = members(&fixture("plain.tar"));
    let mut share = all
        .iter()
        .find(|m| m.name == "share.tar.gz")
        .unwrap()
        .clone();
    share.name = "share.tar".into();
    share.data = support::plaintext(&fixture("plain.tar"), "share");
    all.retain(|m| m.name != "share.tar.gz" && m.name != "ssl.tar.gz");
    all.push(share);
    change_manifest(&mut all, |manifest| {
        manifest["folders"]
            .as_array_mut()
            .unwrap()
            .retain(|f| f != "share")
    });
    let broken = outer(&scratch, &all);
    let run = keyless(line("repair", &broken, "--yes")).code(0);
    assert!(
        run.out.contains("lists ssl") && !run.out.contains("share"),
        "{}",
        run.out
    );
    let out = scratch.path("broken.repaired.tar");
    assert!(
        manifest(&out)["folders"]
            .as_array()
            .unwrap()
            .iter()
            .all(|f| f != "share" && f != "ssl")
    );
    assert_eq!(parts(&out), parts(&broken));
}

/// The members of one backup, with one from another backup.
fn mixed(scratch: &Scratch, base: &str, other: &Path, name: &str) -> PathBuf {
    let mut all = members(&fixture(base));
    *change(&mut all, name) = members(other)
        .into_iter()
        .find(|m| m.name == name)
        .unwrap()
        .data;
    outer(scratch, &all)
}

/// core#182137 (kind).
#[test]
fn mixed_versions_become_one() {
    let scratch = Scratch::new();
    let broken = mixed(&scratch, "v3.tar", &fixture("v2.tar"), "share.tar.gz");
    let (out, run) = repaired(&scratch, &broken);
    assert!(run.out.contains("different versions"), "{}", run.out);
    let info = keyless(line("info", &out, "--json")).code(0).json();
    assert!(
        info["components"]
            .as_array()
            .unwrap()
            .iter()
            .all(|c| c["securetar"] == 3),
        "{info}"
    );
    assert_eq!(entries(&out, "share"), entries(&fixture("v2.tar"), "share"));
}

#[test]
fn mixed_root_salts_become_one() {
    let scratch = Scratch::new();
    // The same parts with other salts.
    let other = scratch.path("other.tar");
    haslim(shrink(
        &fixture("v2.tar"),
        &other,
        "--securetar 3 --drop media",
    ))
    .code(0);
    let broken = mixed(&scratch, "v3.tar", &other, "share.tar.gz");
    let (out, run) = repaired(&scratch, &broken);
    assert!(run.out.contains("different root salts"), "{}", run.out);
    let backup = haslim::open::Backup::open(&out).unwrap();
    let salts: Vec<_> = backup
        .parts
        .iter()
        .filter_map(|p| p.secure()?.v3_salts())
        .collect();
    assert!(salts.len() > 1 && salts.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(entries(&out, "share"), entries(&fixture("v2.tar"), "share"));
}

/// The sizes of the members as another reader sees them, as far as it can read.
fn sizes(path: &Path) -> Vec<Option<u64>> {
    let mut archive = tar::Archive::new(std::fs::File::open(path).unwrap());
    archive
        .entries()
        .unwrap()
        .map(|entry| entry.ok().map(|e| e.size()))
        .collect()
}

/// supervisor#7034.
#[test]
fn stale_sizes_are_right_in_the_copy_for_every_reader() {
    // Slightly more than two chunks, so that the bytes that v3 adds to them matter.
    let stream = make::gzip(&make::tar(&[
        make::folder("."),
        make::file("noise", &make::noise(2_300_000)),
    ]));
    assert_eq!(stream.len().div_ceil(1 << 20), 3);
    let overhead = 17 * 3 + 136;
    for (seal, added) in [
        (seal::v3 as fn(&[u8]) -> Vec<u8>, overhead),
        (seal::v2, 48 + 16 - stream.len() % 16),
    ] {
        let (media, share) = (seal(&stream), seal(&make::share()));
        assert_eq!(media.len(), stream.len() + added);
        // What Home Assistant kept from before encryption: the record, and no size in the block.
        let record = make::pax(&[
            ("mtime", b"1732449123.5"),
            ("size", stream.len().to_string().as_bytes()),
        ]);
        let header = [
            record,
            make::Head::new("media.tar.gz", b'0', 0).data(&media),
        ]
        .concat();
        let text = make::metadata(&["media", "share"], true);
        let scratch = Scratch::new();
        // Each reader continues at another position.
        let bytes = make::tar(&[
            header,
            make::file("share.tar.gz", &share),
            make::metadata_member(&text),
        ]);
        let broken = scratch.file("broken.tar", &bytes);
        let right = [media.len(), share.len()].map(|size| Some(size as u64));
        assert_ne!(sizes(&broken)[..1], right[..1]);
        let (out, run) = repaired(&scratch, &broken);
        let told = format!(
            "its header says {} bytes, but it has {} ",
            stream.len(),
            media.len()
        );
        assert!(
            run.out.contains(&told) && run.out.contains("supervisor#7034"),
            "{}",
            run.out
        );
        assert_eq!((sizes(&out).len(), &sizes(&out)[..2]), (3, &right[..]));
        assert!(member(&out, "media.tar.gz") == media && member(&out, "share.tar.gz") == share);
        // The rest of the PAX header is still there, and the size is where every reader finds it.
        let bytes = std::fs::read(&out).unwrap();
        assert!(
            bytes
                .windows(19)
                .any(|found| found == b" mtime=1732449123.5")
                && !bytes.windows(6).any(|found| found == b" size=")
        );
        haslim(line("repair", &out, "--yes")).code(3);
    }
}

/// A plain backup whose `media` has an entry that leads out of it, in this many gzip members.
fn hazardous(scratch: &Scratch, gzip_members: usize) -> PathBuf {
    let tar = make::around(&[make::file("../evil", b"x")]);
    let media: Vec<u8> = tar
        .chunks(tar.len().div_ceil(gzip_members))
        .flat_map(make::gzip)
        .collect();
    let mut bytes = make::backup(&media, &make::share(), false);
    bytes.extend(b"garbage");
    scratch.file("broken.tar", &bytes)
}

#[test]
fn a_part_that_is_written_anew_may_hold_nothing_that_a_restore_cannot_cope_with() {
    let scratch = Scratch::new();
    let broken = hazardous(&scratch, 2);
    let run = keyless(line("repair", &broken, "--yes -v")).code(10);
    for text in [
        "media: the name ../evil leads out",
        "(at byte 512)",
        "`haslim shrink` does",
        "--drop media:PATH",
        support::UNCHANGED,
    ] {
        assert!(run.err.contains(text), "'{text}' is not in\n{}", run.err);
    }
    assert_eq!(scratch.listing(), ["broken.tar"]);
    // The advice works.
    keyless(line("shrink", &broken, "--yes --drop media:../evil")).code(0);
}

#[test]
fn a_part_that_is_kept_is_said_to_hold_what_a_restore_cannot_cope_with() {
    let scratch = Scratch::new();
    let broken = hazardous(&scratch, 1);
    let run = keyless(line("repair", &broken, "--yes")).code(0);
    let note = "media is kept as it is, with 1 things that a restore could not cope with. The first: the name ../evil leads out";
    assert!(run.err.contains(note), "{}", run.err);
    let out = scratch.path("broken.repaired.tar");
    assert_eq!(parts(&out), parts(&broken));
    // A shrink words the note in the same way, and so does a repair with nothing else to fix.
    let run = keyless(line(
        "shrink",
        &broken,
        "--yes --drop=share --drop=media:none",
    ))
    .code(0);
    assert!(run.err.contains(note), "{}", run.err);
    let run = keyless(line("repair", &out, "--yes")).code(3);
    assert!(run.err.contains(note), "{}", run.err);
    std::fs::remove_file(&out).unwrap();
    let json = keyless(line("repair", &broken, "--yes --json"))
        .code(0)
        .json();
    assert!(
        json["notes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|n| n.as_str().unwrap().starts_with(note)),
        "{json}"
    );
}

#[test]
fn damage_is_not_repaired_but_told() {
    let scratch = Scratch::new();
    let mut all = members(&fixture("v3.tar"));
    let data = change(&mut all, "share.tar.gz");
    let last = data.len() - 20;
    data[last] ^= 1;
    let broken = outer(&scratch, &all);
    let run = haslim(line("repair", &broken, "--yes")).code(5);
    assert!(
        run.err.contains("share") && run.err.contains(support::UNCHANGED),
        "{}",
        run.err
    );
    assert_eq!(scratch.listing(), ["broken.tar"]);
}
