//! Whole scans of small backups: as they were written, of other backups, damaged, and made up.

use std::path::Path;

use proptest::prelude::*;

use super::binding::Binding;
use super::bytes::Budget;
use super::file::Contents;
use super::*;
use crate::crypt::Password;
use crate::plan::{Request, make};
use crate::rules::Class;
use crate::survey::tree::PathTree;

fn backup(name: &str) -> Backup {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    Backup::open(&path.join(name)).unwrap()
}

fn scan_of(backup: &Backup) -> Scan {
    let keys = KeyRing::new(Password::new("AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG".into()));
    let parts: Vec<usize> = (0..backup.parts.len())
        .filter(|&at| backup.part(at).layer.is_some())
        .collect();
    let surveys = super::super::survey(backup, &parts, Some(&keys), &Control::default()).unwrap();
    Scan::new(backup, surveys, true)
}

fn bytes_of(scan: &Scan, backup: &Backup) -> Vec<u8> {
    let mut bytes = Vec::new();
    scan.write(backup, &mut bytes).unwrap();
    bytes
}

fn read(bytes: &[u8], backup: &Backup) -> Result<Scan, ScanError> {
    Scan::read(&mut &*bytes, bytes.len() as u64, backup).unwrap()
}

/// A scan file with these contents and right checksums.
fn sealed(body: Vec<u8>, memory: u64, backup: &Backup) -> Vec<u8> {
    let mut bytes = Vec::new();
    let binding = Binding::of(backup).unwrap();
    file::write(&binding, &Contents { body, memory }, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_scan_reads_back_as_it_was_but_for_what_only_writing_needs() {
    for name in [
        "v1.tar",
        "v2.tar",
        "v3.tar",
        "plain.tar",
        "plain-uncompressed.tar",
    ] {
        let backup = backup(name);
        let scan = scan_of(&backup);
        let back = read(&bytes_of(&scan, &backup), &backup).unwrap();
        assert_eq!(back.has_key(), backup.is_protected(), "{name}");
        assert_eq!(back.counts(), scan.counts());
        assert!(back.counts().1 > 20);
        for (before, after) in scan.surveys.values().zip(back.surveys.values()) {
            assert!(say_the_same(&backup, before, after));
            assert_eq!(before.part, after.part);
            assert_eq!(before.warnings, after.warnings);
            assert_eq!(before.findings, after.findings);
            assert_eq!(before.overhead, after.overhead);
            assert!(after.checkpoints.is_empty());
            for (a, b) in before.entries.iter().zip(&after.entries) {
                assert_eq!((&a.name, &a.link, a.stored), (&b.name, &b.link, b.stored));
                assert_eq!(b.data_crc, 0);
            }
        }
    }
}

#[test]
fn a_scan_of_another_backup_is_refused() {
    let (own, other) = (backup("v3.tar"), backup("v2.tar"));
    let bytes = bytes_of(&scan_of(&own), &own);
    let error = read(&bytes, &other).unwrap_err();
    assert!(matches!(
        error,
        ScanError::OtherSize { .. } | ScanError::OtherHeaders
    ));
}

#[test]
fn a_backup_with_the_same_size_but_another_time_or_other_headers_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v3.tar");
    let own = backup("v3.tar");
    let bytes = bytes_of(&scan_of(&own), &own);
    let mut changed = std::fs::read(own.input.path()).unwrap();
    write_at(&path, &changed, std::time::SystemTime::UNIX_EPOCH);
    let moved = Backup::open(&path).unwrap();
    assert!(matches!(read(&bytes, &moved), Err(ScanError::OtherTime)));
    // The salt of the first part.
    let at = own.member(own.part(0)).data_at() + 40;
    changed[usize::try_from(at).unwrap()] ^= 1;
    write_at(&path, &changed, own.input.modified().unwrap());
    let other = Backup::open(&path).unwrap();
    assert!(matches!(read(&bytes, &other), Err(ScanError::OtherHeaders)));
}

#[allow(clippy::disallowed_methods, reason = "a test makes its files")]
fn write_at(path: &Path, bytes: &[u8], time: std::time::SystemTime) {
    std::fs::write(path, bytes).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

#[test]
fn a_scan_that_is_cut_off_anywhere_is_refused() {
    let backup = backup("plain.tar");
    let bytes = bytes_of(&scan_of(&backup), &backup);
    for len in 0..bytes.len() {
        let error = read(&bytes[..len], &backup).unwrap_err();
        let expected = match len {
            0 => matches!(error, ScanError::NotAScan),
            _ => matches!(error, ScanError::CutOff { .. }),
        };
        assert!(expected, "{len}: {error}");
    }
    let longer = [&bytes[..], b"\0"].concat();
    assert!(matches!(read(&longer, &backup), Err(ScanError::Damaged(_))));
}

#[test]
fn a_scan_with_any_byte_changed_is_refused() {
    let backup = backup("plain.tar");
    let bytes = bytes_of(&scan_of(&backup), &backup);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        assert!(read(&changed, &backup).is_err(), "byte {at}");
    }
}

#[test]
fn a_scan_of_another_version_says_which() {
    let backup = backup("plain.tar");
    let mut bytes = bytes_of(&scan_of(&backup), &backup);
    for (version, word) in [(VERSION + 1, "newer"), (0, "older")] {
        bytes[8..12].copy_from_slice(&version.to_le_bytes());
        let error = read(&bytes, &backup).unwrap_err();
        assert!(matches!(error, ScanError::OtherVersion { made } if made == version));
        assert!(error.to_string().contains(word), "{error}");
    }
    let error = read(b"PK\x03\x04 something else", &backup).unwrap_err();
    assert!(matches!(error, ScanError::NotAScan));
}

/// The same file with another number at this place of the header.
fn with_number(bytes: &[u8], at: usize, number: u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
    let sum = crc32fast::hash(&bytes[..124]).to_le_bytes();
    bytes[124..128].copy_from_slice(&sum);
    bytes
}

#[test]
fn a_small_file_cannot_ask_for_much_memory() {
    const BODY: usize = 76;
    const MEMORY: usize = 84;
    let backup = backup("plain.tar");
    let size = 32 << 20;
    let bomb = sealed(vec![0; size], size as u64, &backup);
    assert!(bomb.len() < 10_000);
    let said = |bytes: &[u8]| read(bytes, &backup).unwrap_err().to_string();
    for (at, number, why) in [
        (MEMORY, 1 << 40, "too early"),
        (MEMORY, 1, "contradict"),
        (BODY, 1 << 40, "contradict"),
        (BODY, 1000, "decompressed"),
    ] {
        let error = said(&with_number(&bomb, at, number));
        assert!(error.contains(why), "{at} {number}: {error}");
    }
    // Contents that fit, and say that there are more entries than memory.
    let body = scan_of(&backup).body(&backup);
    let less = body.len() as u64 + 2000;
    let error = said(&sealed(body, less, &backup));
    assert!(error.contains("more memory than it says"), "{error}");
}

#[test]
fn very_regular_entries_get_a_file_that_is_large_enough_for_them() {
    let backup = backup("plain.tar");
    let scan = Scan::new(&backup, Vec::new(), false);
    let body = scan.body(&backup);
    let memory = (64 << 20) + (1 << 20);
    let bytes = sealed(body, memory, &backup);
    assert_eq!(bytes.len(), (1 << 20) / 256);
    assert!(read(&bytes, &backup).is_ok());
}

/// Uses everything in a scan as `ls` and `plan` do.
fn use_all(scan: Scan, backup: &Backup) {
    let control = Control::default();
    let surveys: Vec<PartSurvey> = scan.surveys.into_values().collect();
    for survey in &surveys {
        let paths = survey.entries.iter().map(|e| (&*e.name, e, false));
        let tree = PathTree::new(paths, survey.overhead, &control).unwrap();
        tree.children(&tree.root()).unwrap();
        survey.hazards.iter().for_each(|hazard| {
            survey.describe(hazard);
        });
    }
    for limit in [1, 100_000] {
        let request = Request {
            has_key: true,
            allow: vec![Class::History, Class::User],
            ..Request::new(limit).unwrap()
        };
        let _ = make(backup, &surveys, &request);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_refused(bytes: Vec<u8>) {
        let backup = backup("core-plain.tar");
        prop_assert!(read(&bytes, &backup).is_err());
    }

    #[test]
    fn a_made_up_scan_with_right_checksums_is_an_error_or_can_be_used(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let backup = backup("plain.tar");
        let mut body = scan_of(&backup).body(&backup);
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        let mut budget = Budget::of(1 << 20);
        let parsed = Scan::parse(&body, &mut budget, &backup);
        prop_assert!(budget.spent() <= 1 << 20);
        if let Ok(scan) = parsed {
            use_all(scan, &backup);
        }
        // The file says the same.
        let _ = read(&sealed(body, 1 << 20, &backup), &backup);
    }
}
