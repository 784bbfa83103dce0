//! Copies that go somewhere as they are made.

use super::*;
use crate::Kind;
use crate::finding::Finding;
use crate::job::{MeasureOutcome, Refusal, WriteOptions, WriteOutcome};
use crate::plan::EncryptionChoice;
use crate::rewrite::Measured;

fn measured(job: &mut Prepared, threads: usize) -> Measured {
    match job.measure(&Silent, &control(threads, 0)).unwrap() {
        MeasureOutcome::Measured(measured) => *measured,
        MeasureOutcome::Refused(why) => panic!("{why:?}"),
    }
}

/// All bytes of a copy, if it was verified at its end.
fn streamed(job: &Prepared, measured: &Measured, threads: usize) -> Result<Vec<u8>> {
    job.stream(measured, &control(threads, 0), |copy| {
        let mut all = Vec::new();
        loop {
            match copy.next()? {
                [] => break,
                bytes => all.extend_from_slice(bytes),
            }
        }
        copy.finish()?;
        assert_eq!(copy.size(), all.len() as u64);
        Ok(all)
    })
}

/// Every fixture of a system, with paths and parts that go, and hard links to what goes.
const SYSTEMS: [&str; 9] = [
    "v1.tar",
    "v1-uncompressed.tar",
    "v2.tar",
    "v2-uncompressed.tar",
    "v3.tar",
    "v3-uncompressed.tar",
    "plain.tar",
    "core-v2.tar",
    "core-v3.tar",
];
const DROPS: [&str; 3] = ["homeassistant:nest", "share:notes.txt", "media:music"];

/// A copy that was streamed is the one that a file would hold, apart from what is drawn at random:
/// it has the same members with the same lengths, and passes the same verification.
#[test]
fn a_streamed_copy_is_what_a_file_would_hold() {
    for name in SYSTEMS {
        for encryption in [
            EncryptionChoice::AsIs,
            EncryptionChoice::Version(crate::format::securetar::Version::V3),
            EncryptionChoice::Plain,
        ] {
            let folder = tempfile::tempdir().unwrap();
            let request = Request {
                encryption,
                ..request(&DROPS)
            };
            let mut job = prepare(&fixture(name), request, Depth::Needed).unwrap();
            let measured = measured(&mut job, 2);
            let bytes = streamed(&job, &measured, 2).unwrap();
            assert_eq!(bytes.len() as u64, measured.size, "{name}");
            let path = folder.path().join("streamed.tar");
            std::fs::write(&path, &bytes).unwrap();
            let options = WriteOptions {
                asked: false,
                replace: false,
                verify: true,
                check_kept: true,
            };
            // It is verified once more, as a file.
            let again = job.reuse(&path, options, &Silent, &control(2, 0)).unwrap();
            let again = again.unwrap_or_else(|| panic!("{name}: it does not follow the plan"));
            assert_eq!(again.slug, measured.changes.slug);
            let written = folder.path().join("written.tar");
            let outcome = job
                .write(&written, options, &Silent, &control(2, 0))
                .unwrap();
            assert!(matches!(outcome, WriteOutcome::Published(copy) if copy.size == measured.size));
        }
    }
}

#[test]
fn a_streamed_copy_does_not_depend_on_the_number_of_threads() {
    let lengths = [1, 2, 5].map(|threads| {
        let mut job = prepared("v2.tar", &DROPS, Some(keys()));
        let measured = measured(&mut job, threads);
        streamed(&job, &measured, threads).unwrap().len()
    });
    assert_eq!(lengths[0], lengths[1]);
    assert_eq!(lengths[0], lengths[2]);
}

/// Guarantee 5: a copy with a byte that is wrong does not get its end. A few bits of a deflate
/// stream, and of a header's padding, mean nothing; they are found by other means than its contents
/// or do no harm.
#[test]
fn no_wrong_byte_reaches_the_end_of_a_streamed_copy() {
    for name in ["v3.tar", "v2.tar", "plain.tar", "v3-uncompressed.tar"] {
        let mut job = prepared(name, &DROPS, Some(keys()));
        let measured = measured(&mut job, 2);
        let step = (measured.size / 30).max(1);
        let (mut tried, mut passed) = (0, Vec::new());
        for at in (0..measured.size).step_by(usize::try_from(step).unwrap()) {
            job.flip = Some(at);
            tried += 1;
            match streamed(&job, &measured, 2) {
                Ok(_) => passed.push(at),
                Err(error) => assert_eq!(error.kind(), Kind::VerifyFailed, "{name}, {at}: {error}"),
            }
        }
        assert!(
            tried > 25 && passed.len() <= 1,
            "{name}: {passed:?} of {tried}"
        );
    }
}

#[test]
fn a_copy_that_turns_out_too_large_is_planned_again_before_anything_is_sent() {
    let mut job = prepared("v3.tar", &DROPS, Some(keys()));
    let size = measured(&mut job, 2).size;
    // The plan was too optimistic.
    job.plan.limit = size - 1;
    job.request.limit = size - 1;
    let heard = Heard::default();
    let outcome = job.measure(&heard, &control(2, 0)).unwrap();
    assert!(matches!(
        outcome,
        MeasureOutcome::Refused(Refusal::CannotFit { .. })
    ));
    assert!(heard.all().is_empty(), "the plan is the same");
}

#[test]
fn a_consumer_that_gives_up_ends_the_threads() {
    let mut job = prepared("v3.tar", &DROPS, Some(keys()));
    let measured = measured(&mut job, 2);
    let outcome = job.stream(&measured, &control(2, 0), |copy| {
        copy.next()?;
        Err::<(), _>(crate::Error::new(Kind::Usage, "enough"))
    });
    assert_eq!(outcome.unwrap_err().kind(), Kind::Usage);
}

#[test]
fn a_signal_ends_a_streamed_copy_without_its_end() {
    let mut job = prepared("v3.tar", &DROPS, Some(keys()));
    let measured = measured(&mut job, 2);
    let outcome = job.stream(&measured, &control(2, 15), |copy| {
        while !copy.next()?.is_empty() {}
        copy.finish()
    });
    assert_eq!(outcome.unwrap_err().kind(), Kind::Interrupted(15));
}

/// What an earlier run has made counts only if it is exactly what is planned now.
#[test]
fn only_a_copy_by_the_same_plan_is_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tar");
    let options = WriteOptions {
        asked: false,
        replace: true,
        verify: true,
        check_kept: true,
    };
    let reused = |job: &mut Prepared| {
        job.reuse(&path, options, &Silent, &control(2, 0))
            .unwrap()
            .is_some()
    };
    let mut job = prepared("v3.tar", &DROPS, Some(keys()));
    assert!(!reused(&mut job), "there is no file");
    job.write(&path, options, &Silent, &control(2, 0)).unwrap();
    assert!(reused(&mut job));
    let mut other = prepared("v3.tar", &DROPS[..2], Some(keys()));
    assert!(!reused(&mut other), "other things are left out");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert!(!reused(&mut job), "it is damaged");
    std::fs::copy(fixture("v2.tar"), &path).unwrap();
    assert!(!reused(&mut job), "it is another backup");
}

/// The original of a copy is named in it, and nothing that lets Home Assistant delete other backups
/// is.
#[test]
fn a_copy_names_its_original() {
    let mut job = prepared("v3.tar", &DROPS, Some(keys()));
    let measured = measured(&mut job, 2);
    let bytes = streamed(&job, &measured, 2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tar");
    std::fs::write(&path, bytes).unwrap();
    let copy = Backup::open(&path).unwrap();
    let about: serde_json::Value = serde_json::from_str(copy.manifest.about().unwrap()).unwrap();
    let origin = crate::format::manifest::Origin::of(&about).unwrap();
    assert_eq!(origin.slug, job.backup.manifest.slug());
    assert!(!copy.findings.iter().any(Finding::is_refused));
}
