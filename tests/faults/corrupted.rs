//! No file gets its name before it was read back and compared. Whichever stage fails, and whichever
//! byte of the finished copy is wrong, verification reports it (code 6).

use std::sync::Arc;

use haslim::crypt::KeyRing;
use haslim::open::Backup;
use haslim::pipe::Control;
use haslim::rewrite::{Output, Written};
use haslim::{Error, Kind, Result};

use crate::job::{Job, contents, keys};
use crate::*;

/// The formats, each with parts that are edited, copied and dropped.
const FIXTURES: [&str; 7] = [
    "v3.tar",
    "v3-uncompressed.tar",
    "v2.tar",
    "v2-uncompressed.tar",
    "v1.tar",
    "plain.tar",
    "plain-uncompressed.tar",
];

/// Leaves little, so that every byte of it can be tested.
const DROPS: [&str; 6] = [
    "homeassistant",
    "addon:*",
    "media:music",
    "share:notes.txt",
    "addons/local",
    "supervisor",
];

fn verify(job: &Job, output: &Output, written: &Written) -> Result<()> {
    job.verify(output, written, &Control::default()).map(drop)
}

#[track_caller]
fn fails(outcome: Result<()>, what: &str) -> Error {
    let error = outcome.expect_err(what);
    assert_eq!(error.kind(), Kind::VerifyFailed, "{what}: {error}");
    error
}

/// Changes single bits of a finished copy, and fails unless the verification sees each that matters.
#[track_caller]
fn no_change_is_unseen(name: &str) {
    let keys = keys();
    no_change_of_is_unseen(name, &keys, &Job::of_fixture(name, &keys, &DROPS));
}

#[track_caller]
fn no_change_of_is_unseen(name: &str, keys: &Arc<KeyRing>, job: &Job) {
    let step = usize::try_from(count("HASLIM_CORRUPTED_STEP", 29)).unwrap();
    // A changed root salt counts towards the limit of one key ring.
    let scratch = Scratch::new();
    let (mut output, written) = job
        .write(&scratch.path("out.tar"), &Control::default())
        .unwrap();
    let read = |output: &Output| {
        contents(
            &Backup::read(output.read_back().unwrap(), &Control::default())?,
            keys,
        )
    };
    verify(job, &output, &written).unwrap();
    let (before, mut unseen) = (read(&output).unwrap(), 0);
    for at in (0..written.size).step_by(step) {
        let mut byte = [0];
        output
            .read_back()
            .unwrap()
            .read_exact_at(at, &mut byte)
            .unwrap();
        output.patch(at, &[byte[0] ^ 1 << (at % 8)]).unwrap();
        match verify(job, &output, &written) {
            Ok(()) => {
                // The bits before a stored block have no meaning (RFC 1951 §3.2.4).
                assert!(
                    read(&output).unwrap() == before,
                    "{name}: the change of byte {at} was not seen"
                );
                unseen += 1;
            }
            Err(error) => assert_eq!(
                error.kind(),
                Kind::VerifyFailed,
                "{name}, byte {at}: {error}"
            ),
        }
        output.patch(at, &byte).unwrap();
    }
    // Only an unencrypted stream has such bits, a few for each block.
    assert!(
        unseen == 0 || name == "plain.tar" && unseen < 10,
        "{name}: {unseen} changes were not seen"
    );
    verify(job, &output, &written).unwrap();
    assert_eq!(scratch.listing(), [""; 0], "{name}");
}

#[test]
fn no_byte_of_a_copy_that_is_compressed_for_the_first_time_can_change_unseen() {
    for name in ["v3-uncompressed.tar", "v2-uncompressed.tar"] {
        let keys = keys();
        let backup = Backup::open(&fixture(name)).unwrap();
        let job = Job::compressed(backup, &keys, &DROPS, &Control::default()).unwrap();
        no_change_of_is_unseen(name, &keys, &job);
    }
}

#[test]
fn no_byte_of_a_finished_v3_copy_can_change_unseen() {
    no_change_is_unseen("v3.tar");
}

#[test]
fn no_byte_of_a_finished_v3_uncompressed_copy_can_change_unseen() {
    no_change_is_unseen("v3-uncompressed.tar");
}

#[test]
fn no_byte_of_a_finished_v2_copy_can_change_unseen() {
    no_change_is_unseen("v2.tar");
}

#[test]
fn no_byte_of_a_finished_v2_uncompressed_copy_can_change_unseen() {
    no_change_is_unseen("v2-uncompressed.tar");
}

#[test]
fn no_byte_of_a_finished_v1_copy_can_change_unseen() {
    no_change_is_unseen("v1.tar");
}

#[test]
fn no_byte_of_a_finished_plain_copy_can_change_unseen() {
    no_change_is_unseen("plain.tar");
}

#[test]
fn no_byte_of_a_finished_plain_uncompressed_copy_can_change_unseen() {
    no_change_is_unseen("plain-uncompressed.tar");
}

#[test]
fn a_copy_that_is_longer_than_its_members_is_refused() {
    let keys = keys();
    for extra in [1, 512, 10_240] {
        let (scratch, job) = (Scratch::new(), Job::of_fixture("v3.tar", &keys, &DROPS));
        let (mut output, mut written) = job
            .write(&scratch.path("out.tar"), &Control::default())
            .unwrap();
        output.zeros(extra).unwrap();
        fails(verify(&job, &output, &written), "the writer counted less");
        written.size += extra;
        fails(
            verify(&job, &output, &written),
            "the writer counted all of it",
        );
    }
}

/// Possible mistakes in the survey of an entry that is kept.
type Mistake = (&'static str, fn(&mut haslim::survey::Entry));

#[test]
fn a_mistake_of_the_survey_never_gets_through() {
    let mistakes: [Mistake; 5] = [
        ("the checksum of the data", |e| e.data_crc ^= 1),
        ("the checksum of the header", |e| e.header_crc ^= 1),
        ("the name", |e| e.name = b"data/another".as_slice().into()),
        ("the size", |e| e.size += 1),
        ("the kind", |e| {
            e.kind = haslim::format::tar::block::EntryKind::Symlink
        }),
    ];
    let keys = keys();
    for name in FIXTURES {
        for (what, mistake) in &mistakes {
            let scratch = Scratch::new();
            let mut job = Job::of_fixture(name, &keys, &["share:notes.txt"]);
            let entries = &mut job.surveys.first_mut().unwrap().entries;
            mistake(
                entries
                    .iter_mut()
                    .find(|e| e.name.ends_with(b"old_backup_2025.tar"))
                    .unwrap(),
            );
            let outcome = job.write(&scratch.path("out.tar"), &Control::default());
            if let Ok((output, written)) = outcome {
                fails(verify(&job, &output, &written), &format!("{name}: {what}"));
            }
            assert_eq!(scratch.listing(), [""; 0], "{name}: {what}");
        }
    }
}

#[test]
fn a_copy_of_another_plan_is_refused() {
    let keys = keys();
    let plans: [&[&str]; 5] = [
        &["homeassistant:automations.yaml"],
        &["homeassistant:nest/event_media/cam1"],
        &["share"],
        &["share:notes.txt"],
        &["homeassistant:automations.yaml", "share:notes.txt"],
    ];
    for name in FIXTURES {
        for drops in plans {
            let (scratch, made) = (Scratch::new(), Job::of_fixture(name, &keys, drops));
            let (output, written) = made
                .write(&scratch.path("out.tar"), &Control::default())
                .unwrap();
            for meant in plans.iter().filter(|meant| **meant != drops) {
                fails(
                    verify(&Job::of_fixture(name, &keys, meant), &output, &written),
                    &format!("{name}: {drops:?} for {meant:?}"),
                );
            }
        }
    }
}

#[test]
fn other_metadata_than_was_written_are_refused() {
    let keys = keys();
    for name in FIXTURES {
        let (scratch, job) = (Scratch::new(), Job::of_fixture(name, &keys, &DROPS));
        let (output, mut written) = job
            .write(&scratch.path("out.tar"), &Control::default())
            .unwrap();
        written.changes.slug = job.backup.manifest.slug().into();
        fails(verify(&job, &output, &written), name);
    }
}

#[test]
fn a_copy_that_the_key_does_not_open_is_refused() {
    let (right, wrong) = (
        keys(),
        Arc::new(haslim::crypt::KeyRing::new(haslim::crypt::Password::new(
            "wrong".into(),
        ))),
    );
    for name in ["v3.tar", "v2.tar", "v2-uncompressed.tar"] {
        let (scratch, mut job) = (Scratch::new(), Job::of_fixture(name, &right, &DROPS));
        let (output, written) = job
            .write(&scratch.path("out.tar"), &Control::default())
            .unwrap();
        job.keys = Some(Arc::clone(&wrong));
        fails(verify(&job, &output, &written), name);
    }
}
