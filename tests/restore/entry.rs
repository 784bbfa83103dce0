//! Reads one entry of a part again without the rest: `open::read_entry`.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use haslim::crypt::{KeyRing, Password};
use haslim::open::{Backup, EntryAt, read_entry};
use haslim::pipe::{Control, Silent};
use haslim::survey::{PartSurvey, survey};
use haslim::{Error, Kind};

use crate::support::*;

fn keys() -> KeyRing {
    KeyRing::new(Password::new(PASSWORD.into()))
}

/// A backup with the surveys of all parts that are archives.
fn surveyed(path: &std::path::Path) -> (Backup, Vec<PartSurvey>) {
    let backup = Backup::open(path).unwrap();
    let parts: Vec<usize> = (0..backup.parts.len())
        .filter(|&at| backup.parts[at].layer.is_some())
        .collect();
    let surveys = survey(&backup, &parts, Some(&keys()), &Control::default()).unwrap();
    (backup, surveys)
}

fn read(backup: &Backup, part: usize, entry: EntryAt) -> Result<Vec<u8>, Error> {
    let (keys, control) = (keys(), Control::default());
    let mut reader = read_entry(backup, backup.part(part), Some(&keys), entry, &control)?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(Error::from_read)?;
    Ok(bytes)
}

#[test]
fn an_entry_has_the_bytes_that_another_reader_sees() {
    for name in SYSTEMS.iter().chain(&["core-v3", "v1-snapshot"]) {
        let path = fixture(&format!("{name}.tar"));
        let (backup, surveys) = surveyed(&path);
        for survey in &surveys {
            let id = &backup.part(survey.part).id;
            let theirs = entries(&path, id);
            assert_eq!(theirs.len(), survey.entries.len(), "{name} {id}");
            let largest = (0..theirs.len()).max_by_key(|&at| theirs[at].data.len());
            // The first, the last and the largest; the entries between are no different.
            for index in [0, theirs.len() - 1].into_iter().chain(largest) {
                let ours = read(&backup, survey.part, survey.entry_at(index).unwrap()).unwrap();
                assert!(ours == theirs[index].data, "{name} {id} {index}");
            }
            assert_eq!(survey.entry_at(theirs.len()), None);
        }
    }
}

/// A plain backup whose `media` has a global header between its entries, and a file of many pieces,
/// in small reads.
#[test]
fn a_large_entry_behind_a_global_header_is_read_in_steps_of_any_size() {
    let noise = make::noise(3_000_000);
    let media = make::gzip(&make::tar(&[
        make::folder("."),
        make::file("a", b"before"),
        make::global(&[("comment", b"x")]),
        make::file("noise", &noise),
        make::file("b", b"behind"),
    ]));
    let scratch = Scratch::new();
    let path = scratch.file("in.tar", &make::backup(&media, &make::share(), false));
    let (backup, surveys) = surveyed(&path);
    let media = &surveys[0];
    let at = |name: &[u8]| media.entries.iter().position(|e| &*e.name == name).unwrap();
    let control = Control::default();
    for step in [1 << 20, 4097] {
        let entry = media.entry_at(at(b"noise")).unwrap();
        let mut reader = read_entry(&backup, backup.part(0), None, entry, &control).unwrap();
        let (mut all, mut buffer) = (Vec::new(), vec![0; step]);
        loop {
            match reader.read(&mut buffer).unwrap() {
                0 => break,
                got => all.extend_from_slice(&buffer[..got]),
            }
        }
        assert!(all == noise, "in steps of {step}");
    }
    for (name, data) in [(&b"a"[..], b"before"), (b"b", b"behind")] {
        let entry = media.entry_at(at(name)).unwrap();
        assert_eq!(read(&backup, 0, entry).unwrap(), data);
    }
}

#[test]
fn an_entry_that_is_not_what_was_surveyed_is_damage_with_its_part() {
    let (backup, surveys) = surveyed(&fixture("v3.tar"));
    let survey = &surveys[0];
    let largest = (0..survey.entries.len())
        .max_by_key(|&at| survey.entries[at].size)
        .unwrap();
    let entry = survey.entry_at(largest).unwrap();
    for (wrong, says) in [
        (
            EntryAt {
                crc: !entry.crc,
                ..entry
            },
            "other contents",
        ),
        (
            EntryAt {
                size: entry.size + 1,
                ..entry
            },
            "another size",
        ),
        (
            EntryAt {
                index: survey.entries.len(),
                ..entry
            },
            "not there any more",
        ),
    ] {
        let error = read(&backup, survey.part, wrong).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged, "{error}");
        assert_eq!(error.part(), Some(&*backup.part(survey.part).id));
        assert!(error.message().contains(says), "{error}");
        assert!(error.offset().is_some(), "{error}");
    }
}

#[test]
fn an_entry_of_an_encrypted_part_takes_the_key_and_hears_the_wish_to_stop() {
    let (backup, surveys) = surveyed(&fixture("v2.tar"));
    let (part, entry) = (
        backup.part(surveys[0].part),
        surveys[0].entry_at(0).unwrap(),
    );
    let control = Control::default();
    let error = read_entry(&backup, part, None, entry, &control).err();
    assert_eq!(error.map(|error| error.kind()), Some(Kind::Password));
    let stopped = Control::new(Arc::new(Silent), Arc::new(AtomicUsize::new(15)), 1);
    let keys = keys();
    let mut reader = read_entry(&backup, part, Some(&keys), entry, &stopped).unwrap();
    // The same result, however often it is called.
    for _ in 0..2 {
        let error = Error::from_read(reader.read(&mut [0; 16]).unwrap_err());
        assert_eq!(error.kind(), Kind::Interrupted(15), "{error}");
    }
}
