//! When a copy gets its name, and when it does not.

use super::*;
use crate::Kind;
use crate::job::{Refusal, WriteOptions, WriteOutcome, prepare_repair};

const OPTIONS: WriteOptions = WriteOptions {
    asked: false,
    replace: false,
    verify: true,
    check_kept: true,
};

#[test]
fn a_copy_is_published_with_its_name_and_its_size() {
    for threads in [1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.tar");
        let mut job = prepared("v3.tar", &["media:music"], Some(keys()));
        let outcome = job.write(&path, OPTIONS, &Silent, &control(threads, 0));
        let WriteOutcome::Published(copy) = outcome.unwrap() else {
            panic!("it fits");
        };
        let written = Backup::open(&path).unwrap();
        assert_eq!(
            (copy.path, copy.size, copy.slug.as_str(), copy.name.as_str()),
            (
                path,
                written.input.len(),
                written.manifest.slug(),
                written.manifest.name()
            )
        );
        assert!(copy.protected && copy.securetar == written.version());
    }
}

#[test]
fn nothing_is_published_when_the_copy_is_not_what_was_planned() {
    let folder = tempfile::tempdir().unwrap();
    for threads in [1, 2] {
        let mut job = prepared("v3.tar", &["share:notes.txt"], Some(keys()));
        // A mistake in the survey, so that what is read back differs from what was expected.
        let entries = &mut job.surveys[0].entries;
        let kept = entries
            .iter_mut()
            .find(|entry| entry.name.ends_with(b"old_backup_2025.tar"));
        kept.unwrap().data_crc ^= 1;
        let path = folder.path().join("out.tar");
        let outcome = job.write(&path, OPTIONS, &Silent, &control(threads, 0));
        assert_eq!(outcome.unwrap_err().kind(), Kind::VerifyFailed);
        assert_eq!(listing(folder.path()), [""; 0]);
    }
}

#[test]
fn nothing_is_published_when_a_part_that_is_kept_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = damaged(folder.path(), "v3.tar", "share");
    for threads in [1, 2] {
        let heard = Heard::default();
        let mut job = prepare(&path, request(&["media:music"]), Depth::Needed).unwrap();
        let out = folder.path().join("out.tar");
        let error = job.write(&out, OPTIONS, &heard, &control(threads, 0));
        assert_eq!(error.unwrap_err().kind(), Kind::Damaged);
        assert_eq!(listing(folder.path()), ["v3.tar"]);
        assert!(heard.all().is_empty());
    }
}

#[test]
fn a_copy_that_comes_out_too_large_is_planned_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tar");
    let mut job = prepared("v3.tar", &["media:music"], Some(keys()));
    let right = job.plan.predicted_size;
    // As if the plan had been too optimistic.
    job.plan.limit = right - 10_240;
    job.plan.predicted_size -= 10_240;
    let heard = Heard::default();
    let outcome = job.write(&path, OPTIONS, &heard, &control(2, 0)).unwrap();
    let WriteOutcome::Published(copy) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(heard.all().is_empty(), "the plan is the same");
    assert!(job.request.margin >= 1024 && copy.size <= job.plan.limit);
    assert_eq!(listing(folder.path()), ["out.tar"]);
}

#[test]
fn a_plan_that_cannot_be_made_smaller_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut job = prepared("v3.tar", &["media:music"], Some(keys()));
    job.plan.limit = 1000;
    job.request.limit = 1000;
    let heard = Heard::default();
    let path = folder.path().join("out.tar");
    let outcome = job.write(&path, OPTIONS, &heard, &control(2, 0)).unwrap();
    assert!(
        matches!(
            outcome,
            WriteOutcome::Refused(Refusal::CannotFit { excess }) if excess > 0
        ),
        "{outcome:?}"
    );
    assert!(heard.all().is_empty(), "the plan is the same");
    assert_eq!(listing(folder.path()), [""; 0]);
}

#[test]
fn a_request_to_stop_ends_every_step() {
    let folder = tempfile::tempdir().unwrap();
    let stopped = control(2, 15);
    let backup = || Backup::open(&fixture("v3.tar")).unwrap();
    let preparing = Job::new(backup(), request(&["media:music"]))
        .unwrap()
        .prepare(Some(keys()), Depth::Checked, &stopped)
        .map(drop);
    let repairing = prepare_repair(backup(), Some(keys()), &stopped).map(drop);
    let mut job = prepared("v3.tar", &["media:music"], Some(keys()));
    let path = folder.path().join("out.tar");
    let writing = job.write(&path, OPTIONS, &Silent, &stopped).map(drop);
    for outcome in [preparing, repairing, writing] {
        assert_eq!(outcome.unwrap_err().kind(), Kind::Interrupted(15));
    }
    assert_eq!(listing(folder.path()), [""; 0]);
}

#[test]
fn a_file_that_is_there_is_replaced_only_when_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tar");
    std::fs::write(&path, b"old").unwrap();
    let mut job = prepared("plain.tar", &["media"], None);
    let error = job.write(&path, OPTIONS, &Silent, &control(1, 0));
    assert_eq!(error.unwrap_err().kind(), Kind::OutputIo);
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    let replacing = WriteOptions {
        asked: false,
        replace: true,
        ..OPTIONS
    };
    job.write(&path, replacing, &Silent, &control(1, 0))
        .unwrap();
    assert!(Backup::open(&path).is_ok());
}

#[test]
fn a_sound_backup_has_nothing_to_repair() {
    for (name, keys) in [("v3.tar", Some(keys())), ("plain.tar", None)] {
        let backup = Backup::open(&fixture(name)).unwrap();
        let repair = prepare_repair(backup, keys, &control(2, 0)).unwrap();
        assert_eq!(
            (repair.prepared.refusal(), repair.findings.len()),
            (Some(Refusal::AlreadyFits), 0),
            "{name}"
        );
    }
}
