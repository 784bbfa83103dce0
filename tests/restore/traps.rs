//! Everything that FORMAT calls a TRAP. Each has cost a user data, and each test here fails if the
//! trap is not handled.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::support::make::{self, Head, metadata, metadata_member, pax, tar};
use crate::support::*;
use haslim::format::securetar::{Layer, SecureHeader, Version};
use haslim::format::tar::block::{BLOCK, HeaderBlock, set_size};
use haslim::open::Backup;

/// A shrunk copy of a fixture, in a scratch folder.
fn shrunk(scratch: &Scratch, fixture: &str, options: &str) -> PathBuf {
    let (input, output) = (scratch.copy(fixture), scratch.path("out.tar"));
    haslim(shrink(&input, &output, options)).code(0);
    output
}

#[test]
fn names_of_members_are_kept_byte_for_byte() {
    let scratch = Scratch::new();
    for name in ["v3.tar", "v2.tar", "core-v3.tar"] {
        let out = shrunk(&scratch, name, "--drop homeassistant:nest/** --force");
        let names = |path: &Path| {
            members(path)
                .into_iter()
                .map(|m| m.name)
                .collect::<Vec<_>>()
        };
        let before = names(&fixture(name));
        assert!(
            before.contains(&"homeassistant.tar.gz".into())
                && before.contains(&"./backup.json".into())
        );
        assert_eq!(names(&out), before, "{name}");
    }
}

#[test]
fn a_backup_json_without_its_dot_is_not_taken() {
    let scratch = Scratch::new();
    let mut bytes = std::fs::read(fixture("v3.tar")).unwrap();
    let at = bytes
        .windows(13)
        .position(|w| w == b"./backup.json")
        .unwrap();
    bytes.splice(at..at + 13, *b"backup.json\0\0");
    renew_checksum(&mut bytes, at);
    let run = haslim(["info".into(), scratch.file("in.tar", &bytes)]).code(5);
    assert!(run.err.contains("./backup.json"), "{}", run.err);
}

fn renew_checksum(bytes: &mut [u8], at: usize) {
    haslim::format::tar::block::set_checksum(bytes[at..at + BLOCK].as_mut_array().unwrap());
}

/// The header block of a member, as (offset, size).
fn main_header(path: &Path, id: &str) -> (usize, u64) {
    let backup = Backup::open(path).unwrap();
    let part = backup.parts.iter().find(|p| p.id == id).unwrap();
    let member = backup.member(part);
    (
        usize::try_from(member.data_at()).unwrap() - BLOCK,
        member.size,
    )
}

/// Replaces a member's size by a PAX record; the ustar field becomes zero.
fn with_pax_size(path: &Path, id: &str, stated: u64) -> Vec<u8> {
    let (at, _) = main_header(path, id);
    let mut bytes = std::fs::read(path).unwrap();
    // The fixture's members already have a PAX header for their float mtime.
    let records = at - BLOCK..at;
    let old = bytes[records.clone()].iter().position(|&b| b == 0).unwrap();
    let mut text = bytes[records.start..records.start + old].to_vec();
    haslim::format::tar::pax::write(b"size", stated.to_string().as_bytes(), &mut text);
    bytes[records.start..records.start + text.len()].copy_from_slice(&text);
    set_size(
        bytes[at - 2 * BLOCK..at - BLOCK].as_mut_array().unwrap(),
        text.len() as u64,
    );
    set_size(bytes[at..at + BLOCK].as_mut_array().unwrap(), 0);
    bytes
}

#[test]
fn a_size_in_a_pax_record_is_read_and_written_so_that_both_fields_agree() {
    let scratch = Scratch::new();
    let (_, size) = main_header(&fixture("v3.tar"), "media");
    let input = scratch.file("in.tar", &with_pax_size(&fixture("v3.tar"), "media", size));
    let output = scratch.path("out.tar");
    haslim(shrink(&input, &output, "--drop media:music")).code(0);
    let (at, new) = main_header(&output, "media");
    assert!(new < size);
    let bytes = std::fs::read(&output).unwrap();
    assert_eq!(
        HeaderBlock(bytes[at..at + BLOCK].as_array().unwrap()).size(),
        Ok(new)
    );
    assert!(
        !bytes.windows(6).any(|w| w == b" size="),
        "the old PAX size is still there"
    );
    assert_eq!(
        members(&output)
            .iter()
            .find(|m| m.name == "media.tar.gz")
            .unwrap()
            .data
            .len() as u64,
        new
    );
}

/// supervisor#7034.
#[test]
fn a_stale_pax_size_is_recovered_and_named() {
    let scratch = Scratch::new();
    for name in ["v3.tar", "v2.tar"] {
        let (_, size) = main_header(&fixture(name), "media");
        // Large enough to point into another block: the bytes that encryption adds to several MiB.
        let input = scratch.file(
            "in.tar",
            &with_pax_size(&fixture(name), "media", size - 1200),
        );
        let run = haslim(line("info", &input, "")).code(0);
        assert!(
            run.err.contains("media.tar.gz") && run.err.contains("supervisor#7034"),
            "{}",
            run.err
        );
        let output = scratch.path("out.tar");
        keyless(shrink(&input, &output, "--force --drop share")).code(0);
        assert_eq!(
            member(&output, "media.tar.gz"),
            member(&fixture(name), "media.tar.gz"),
            "{name}"
        );
    }
}

#[test]
fn a_member_over_8_gib_is_skipped_by_its_pax_size() {
    let scratch = Scratch::new();
    let size = (9u64 << 30) + 5;
    let header = [
        pax(&[("size", size.to_string().as_bytes())]),
        Head::new("media.tar.gz", b'0', 0).data(b""),
    ]
    .concat();
    let rest = tar(&[metadata_member(metadata(&["media"], false))]);
    let path = scratch.with_hole(
        "in.tar",
        &[&header, &[0x1f, 0x8b, 8, 0][..]].concat(),
        header.len() as u64 + size.next_multiple_of(512),
        &rest,
    );
    let info = keyless(line("info", &path, "--json")).code(0).json();
    assert_eq!(
        info["components"][0]["stored_bytes"],
        header.len() as u64 + size.next_multiple_of(512)
    );
    let output = scratch.path("out.tar");
    keyless(shrink(&path, &output, "--drop media")).code(0);
    assert_eq!(
        members(&output)
            .iter()
            .map(|m| m.name.as_str())
            .collect::<Vec<_>>(),
        ["./backup.json"]
    );
}

fn v3_headers(path: &Path) -> Vec<SecureHeader> {
    let backup = Backup::open(path).unwrap();
    backup
        .parts
        .iter()
        .filter_map(|p| p.secure().cloned())
        .collect()
}

#[test]
fn all_v3_members_share_the_salts_and_none_reuses_a_stream_key() {
    let scratch = Scratch::new();
    for (fixture_name, options) in [
        ("v3.tar", "--drop homeassistant:nest/** --drop media:music"),
        ("v2.tar", "--securetar 3"),
        ("plain.tar", "--securetar 3"),
    ] {
        let out = shrunk(&scratch, fixture_name, &format!("{options} --force"));
        let headers = v3_headers(&out);
        assert!(headers.len() > 5);
        let first = headers[0].v3_salts().unwrap();
        assert!(
            headers.iter().all(|h| h.v3_salts() == Some(first)),
            "{fixture_name}: salts differ"
        );
        let (old, new) = (v3_headers(&fixture(fixture_name)), headers);
        let ids =
            |headers: &[SecureHeader]| headers.iter().filter_map(stream_id).collect::<HashSet<_>>();
        assert_eq!(
            ids(&new).len(),
            new.len(),
            "{fixture_name}: two members have one stream key"
        );
        let before = members(&fixture(fixture_name));
        let copied = members(&out)
            .iter()
            .filter(|m| m.data.starts_with(b"SecureTar") && before.contains(m))
            .count();
        // Only members that were copied as a whole keep their stream key.
        assert_eq!(
            ids(&old).intersection(&ids(&new)).count(),
            copied,
            "{fixture_name}"
        );
    }
}

fn stream_id(header: &SecureHeader) -> Option<[u8; 16]> {
    match header {
        SecureHeader::V3 {
            derivation_salt, ..
        } => Some(*derivation_salt),
        _ => None,
    }
}

#[test]
fn all_members_have_one_version() {
    let scratch = Scratch::new();
    for (name, options, version) in [
        ("v3.tar", "--securetar 2", Some(Version::V2)),
        ("v2.tar", "--securetar 3", Some(Version::V3)),
        ("v1.tar", "--drop media:music", Some(Version::V2)),
        ("v2.tar", "--securetar none", None),
    ] {
        let out = shrunk(&scratch, name, &format!("{options} --force"));
        let backup = Backup::open(&out).unwrap();
        for part in backup.parts.iter().filter(|p| p.layer.is_some()) {
            assert_eq!(part.version(), version, "{name} {}", part.id);
        }
        assert_eq!(manifest(&out)["protected"], version.is_some());
    }
}

#[test]
fn a_rewritten_archive_is_one_gzip_member_with_no_flags() {
    let scratch = Scratch::new();
    for name in ["v3.tar", "v2.tar", "plain.tar", "v1.tar"] {
        let out = shrunk(&scratch, name, "--drop homeassistant:nest/** --force");
        let backup = Backup::open(&out).unwrap();
        let part = backup
            .parts
            .iter()
            .find(|p| p.id == "homeassistant")
            .unwrap();
        let keys = haslim::crypt::KeyRing::new(haslim::crypt::Password::new(PASSWORD.into()));
        let mut stream = Vec::new();
        std::io::Read::read_to_end(
            &mut haslim::open::source(&backup, part, Some(&keys)).unwrap(),
            &mut stream,
        )
        .unwrap();
        assert_eq!(stream[..4], [0x1f, 0x8b, 8, 0], "{name}");
        let mut first = flate2::bufread::GzDecoder::new(stream.as_slice());
        std::io::copy(&mut first, &mut std::io::sink()).unwrap();
        assert!(
            first.into_inner().is_empty(),
            "{name}: something follows the first gzip member"
        );
    }
}

#[test]
fn hard_links_survive_the_loss_of_their_first_name() {
    let scratch = Scratch::new();
    let out = shrunk(
        &scratch,
        "v3.tar",
        "--drop homeassistant:nest/event_media/**",
    );
    let before = entries(&fixture("v3.tar"), "homeassistant");
    let after = entries(&out, "homeassistant");
    let find =
        |list: &[InnerEntry], name: &str| list.iter().find(|e| e.name == name.as_bytes()).cloned();
    let first = find(&before, "data/nest/event_media/cam0/000.mp4").unwrap();
    let promoted =
        find(&after, "data/www/doorbell.mp4").expect("the first link kept is the file now");
    assert_eq!(
        (
            promoted.kind,
            &promoted.data,
            promoted.mode,
            &promoted.mtime
        ),
        (first.kind, &first.data, first.mode, &first.mtime)
    );
    let second = find(&after, "data/www/doorbell_too.mp4").unwrap();
    assert_eq!(
        (second.kind, second.link.as_slice()),
        (tar::EntryType::Link, &b"data/www/doorbell.mp4"[..])
    );
    assert!(find(&after, "data/nest/event_media/cam0/000.mp4").is_none());
    // Links to files that stay are unchanged.
    assert_eq!(
        find(&after, "data/www/logo_too.png"),
        find(&before, "data/www/logo_too.png")
    );
}

#[test]
fn encryption_is_told_from_the_bytes_and_not_from_the_flag() {
    let scratch = Scratch::new();
    let mut bytes = std::fs::read(fixture("v3.tar")).unwrap();
    let at = bytes
        .windows(17)
        .position(|w| w == br#""protected": true"#)
        .unwrap();
    bytes[at..at + 17].copy_from_slice(br#""protected":false"#);
    let input = scratch.file("in.tar", &bytes);
    let info = haslim(line("info", &input, "--json")).code(0).json();
    assert_eq!(
        (&info["protected"], &info["securetar"]),
        (&true.into(), &3.into())
    );
    let backup = Backup::open(&input).unwrap();
    assert!(
        backup
            .parts
            .iter()
            .all(|p| matches!(p.layer, Some(Layer::Secure(_))))
    );
}

/// Global headers stand before the second, the fifth and the last entry.
#[test]
fn global_headers_stay_as_long_as_an_entry_follows() {
    let global = |n: &str| make::global(&[("comment", n.as_bytes())]);
    let all = |compressed: bool| {
        let noise = make::noise(300_000);
        let media = make::tar(&[
            make::file("a/1", &noise),
            global("one"),
            make::file("b/2", b"2"),
            [make::pax(&[("mtime", b"1.5")]), make::file("b/3", &noise)].concat(),
            make::file("c/4", b"4"),
            global("two"),
            global("three"),
            make::hard_link("d/5", "b/3"),
            make::file("d/6", &noise),
            global("four"),
            make::file("e/7", b"7"),
        ]);
        if compressed {
            make::gzip(&media)
        } else {
            media
        }
    };
    let scratch = Scratch::new();
    let output = scratch.path("out.tar");
    for (drops, left) in [
        ("--drop media:a", "g b/2 b/3 c/4 g g d/5 d/6 g e/7"),
        ("--drop media:b", "a/1 g d/5 c/4 g g d/6 g e/7"),
        ("--drop media:e", "a/1 g b/2 b/3 c/4 g g d/5 d/6"),
        ("--drop media:b --drop media:d --drop media:e", "a/1 g c/4"),
        (
            "--drop media:a --drop media:c --drop media:d",
            "g b/2 b/3 g g g e/7",
        ),
    ] {
        for compressed in [true, false] {
            let bytes = make::backup(&all(compressed), &make::share(), false);
            let input = scratch.file("in.tar", &bytes);
            haslim(shrink(&input, &output, &format!("{drops} --force"))).code(0);
            let name = |entry: &InnerEntry| match entry.kind {
                ::tar::EntryType::XGlobalHeader => "g".to_owned(),
                _ => String::from_utf8_lossy(&entry.name).into_owned(),
            };
            let names: Vec<String> = entries(&output, "media").iter().map(name).collect();
            assert_eq!(names.join(" "), left, "{drops}");
        }
    }
}
