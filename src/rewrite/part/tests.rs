//! Which parts are spliced, and which must be compressed again.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may stop, and makes its files"
)]
use std::io::Write as _;
use std::path::Path;

use super::*;
use crate::crypt::Password;
use crate::format::securetar::Version;
use crate::open::ComponentKind;
use crate::plan::{self, Action, EncryptionChoice, Packing, Request, Selector};
use crate::rewrite::fastest_level;
use crate::survey;

/// How each part from which something goes gets into the copy, by id; a star marks one in which a
/// header changes.
fn ways(path: &Path, drops: &[&str]) -> Vec<(String, &'static str)> {
    let request = Request {
        drops: drops.iter().map(|d| Selector::parse(d).unwrap()).collect(),
        ..Request::new(u64::MAX).unwrap()
    };
    ways_by(path, request, true)
}

fn keys() -> KeyRing {
    KeyRing::new(Password::new("AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG".into()))
}

/// The same for any request, with or without surveys of the parts.
fn ways_by(path: &Path, request: Request, is_surveyed: bool) -> Vec<(String, &'static str)> {
    let backup = Backup::open(path).unwrap();
    let is_known = |at: &usize| is_surveyed && backup.part(*at).kind != ComponentKind::Unknown;
    let all: Vec<usize> = (0..backup.parts.len()).filter(is_known).collect();
    let control = Control::default();
    let surveys = survey::survey(&backup, &all, Some(&keys()), &control).unwrap();
    let request = Request {
        has_key: true,
        ..request
    };
    let plan = plan::make(&backup, &surveys, &request).unwrap();
    let planned = plan.parts.iter().enumerate();
    let way = |(at, planned): (usize, &plan::PartPlan)| {
        let nothing = PartEdit::default();
        let edit = match &planned.action {
            Action::Edit(edit) => edit,
            Action::Rewrite => &nothing,
            _ => return None,
        };
        let survey = surveys.iter().find(|survey| survey.part == at);
        let word = match Way::of(backup.part(at), &planned.form, survey, edit) {
            Way::Splice(_, changes) if changes.list.iter().any(|c| c.puts) => "splice*",
            Way::Splice(..) => "splice",
            Way::CompressAgain => "compress again",
            Way::Compress => "compress",
            Way::Inflate => "inflate",
            Way::Copy => "copy",
        };
        Some((backup.part(at).id.clone(), word))
    };
    planned.filter_map(way).collect()
}

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

/// Links to what goes, and many small files.
const DROPS: [&str; 3] = ["homeassistant:nest", "share:notes.txt", "media:music"];

#[test]
fn compressed_parts_of_every_version_are_spliced_also_with_links() {
    for name in [
        "v1.tar",
        "v2.tar",
        "v3.tar",
        "plain.tar",
        "core-v2.tar",
        "core-v3.tar",
    ] {
        let ways = ways(&fixture(name), &DROPS);
        assert!(
            ways.iter().any(|(_, way)| *way == "splice*"),
            "{name}: {ways:?}"
        );
        assert!(
            ways.iter().all(|(_, way)| way.starts_with("splice")),
            "{name}: {ways:?}"
        );
    }
}

#[test]
fn parts_that_are_not_compressed_stay_so() {
    for name in [
        "v1-uncompressed.tar",
        "v2-uncompressed.tar",
        "v3-uncompressed.tar",
        "plain-uncompressed.tar",
    ] {
        let ways = ways(&fixture(name), &DROPS);
        assert!(!ways.is_empty(), "{name}");
        assert!(
            ways.iter().all(|(_, way)| *way == "copy"),
            "{name}: {ways:?}"
        );
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    gzip_at(6, bytes)
}

fn gzip_at(level: u32, bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, data) in files {
        let mut header = tar::Header::new_ustar();
        // The crate would take the dot from `./backup.json`.
        let field = header.as_mut_bytes().iter_mut();
        field.zip(name.bytes()).for_each(|(to, from)| *to = from);
        header.set_size(data.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        tar.append(&header, *data).unwrap();
    }
    tar.into_inner().unwrap()
}

/// A plain backup with the folder `media` in an archive of this name.
fn backup(folder: &Path, compressed: bool, name: &str, media: &[u8]) -> std::path::PathBuf {
    let text = format!(
        r#"{{"slug":"aaaaaaaa","version":2,"name":"n","date":"2026-10-01","type":"partial","compressed":{compressed},
        "protected":false,"homeassistant":null,"folders":["media"],"addons":[]}}"#
    );
    let path = folder.join("in.tar");
    let bytes = tar(&[("./backup.json", text.as_bytes()), (name, media)]);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_part_of_several_gzip_members_is_compressed_again() {
    let folder = tempfile::tempdir().unwrap();
    let media = tar(&[("music/a", b"a"), ("b", b"b")]);
    let (start, rest) = media.split_at(512);
    let members = [gzip(start), gzip(rest)].concat();
    let path = backup(folder.path(), true, "media.tar.gz", &members);
    let media = "media".to_owned();
    assert_eq!(ways(&path, &DROPS), [(media, "compress again")]);
}

#[test]
fn a_part_that_is_not_compressed_as_the_backup_says_is_converted() {
    let folder = tempfile::tempdir().unwrap();
    let media = tar(&[("music/a", b"a"), ("b", b"b")]);
    for (compressed, name, bytes, way) in [
        (true, "media.tar.gz", media.clone(), "compress"),
        (false, "media.tar", gzip(&media), "inflate"),
    ] {
        let path = backup(folder.path(), compressed, name, &bytes);
        assert_eq!(ways(&path, &DROPS), [("media".to_owned(), way)]);
    }
}

#[test]
fn what_is_stored_uncompressed_is_compressed_if_the_copy_is() {
    for name in ["v2-uncompressed.tar", "v3-uncompressed.tar"] {
        let request = Request {
            packing: Packing::Compress,
            ..Request::new(u64::MAX).unwrap()
        };
        let ways = ways_by(&fixture(name), request, true);
        assert!(ways.len() >= 3, "{name}: {ways:?}");
        assert!(
            ways.iter().all(|(_, way)| *way == "compress"),
            "{name}: {ways:?}"
        );
    }
}

#[test]
fn parts_of_version_1_that_were_not_surveyed_are_compressed_again_for_another_version() {
    let request = Request {
        encryption: EncryptionChoice::Version(Version::V3),
        ..Request::new(u64::MAX).unwrap()
    };
    let ways = ways_by(&fixture("v1.tar"), request, false);
    assert!(ways.len() >= 3, "{ways:?}");
    assert!(
        ways.iter().all(|(_, way)| *way == "compress again"),
        "{ways:?}"
    );
}

/// Text in which matches are found sooner or later, depending on the level.
fn text(len: usize) -> Vec<u8> {
    let mut state = 7u64;
    let mut text = Vec::with_capacity(len + 16);
    while text.len() < len {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let word = (state >> 33) % 900;
        text.extend_from_slice(format!("state_{word}: {}, ", word * 37 % 113).as_bytes());
    }
    text.truncate(len);
    text
}

/// The level that is chosen for a part of two gzip members of this level, and its size with it.
fn level_for(level: u32) -> (u32, bool) {
    let folder = tempfile::tempdir().unwrap();
    let media = tar(&[("a", &text(900_000)), ("b", &text(300_000))]);
    let (start, rest) = media.split_at(media.len() / 2);
    let members = [gzip_at(level, start), gzip_at(level, rest)].concat();
    let path = backup(folder.path(), true, "media.tar.gz", &members);
    let backup = Backup::open(&path).unwrap();
    let control = Control::default();
    let surveys = survey::survey(&backup, &[0], None, &control).unwrap();
    let found = fastest_level(&backup, 0, surveys.first(), None, &control).unwrap();
    assert!(found.part == 0 && found.seconds >= 0.0);
    let again = crate::gzip::rewrite(
        &members[..],
        crate::gzip::Trailer::Strict,
        Vec::new(),
        &mut CutFilter::new(&PartEdit::default(), surveys.first(), &control),
        found.level,
        2,
    );
    (found.level, again.unwrap().len() <= members.len())
}

#[test]
fn a_part_that_is_compressed_again_gets_the_fastest_level_that_keeps_its_size() {
    let (fast, fits) = level_for(1);
    assert!(fast == 1 && fits, "{fast} {fits}");
    let (strong, fits) = level_for(9);
    assert!((2..=9).contains(&strong), "{strong}");
    assert!(fits, "at level {strong} it is larger than before");
}
