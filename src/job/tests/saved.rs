//! Jobs with a scan: what they read, and what becomes of a scan that lies.

use super::*;
use crate::job::{KeyNeed, WriteOptions, WriteOutcome};
use crate::plan::Action;
use crate::rules::{Class, Contents, Origin};
use crate::survey::{self, PartSurvey, Recorder, Scan};
use crate::{Error, Kind};

const OPTIONS: WriteOptions = WriteOptions {
    asked: false,
    replace: false,
    verify: true,
    check_kept: true,
};

fn surveys(backup: &Backup) -> Vec<PartSurvey> {
    let parts: Vec<usize> = (0..backup.parts.len())
        .filter(|&at| backup.part(at).layer.is_some())
        .collect();
    survey::survey(backup, &parts, Some(&keys()), &control(2, 0)).unwrap()
}

/// A job on `v3.tar` with a scan that says of one part what `lie` makes of it.
fn job(request: Request, id: &str, lie: impl Fn(&mut PartSurvey)) -> Job {
    let backup = Backup::open(&fixture("v3.tar")).unwrap();
    let mut surveys = surveys(&backup);
    let about = surveys.iter_mut().find(|s| backup.part(s.part).id == id);
    lie(about.unwrap());
    surveys.iter_mut().for_each(as_in_a_file);
    let scan = Scan::new(&backup, surveys, true);
    Job::new(backup, request).unwrap().with_scan(scan)
}

/// Removes what a scan does not keep.
fn as_in_a_file(survey: &mut PartSurvey) {
    survey.checkpoints.clear();
    survey.entries_crc = 0;
    for entry in &mut survey.entries {
        (entry.before_crc, entry.header_crc, entry.data_crc) = (0, 0, 0);
    }
}

fn honest(_: &mut PartSurvey) {}

/// Prepares the job and writes a copy; returns it with the job, or the error. Nothing is left
/// behind by an error.
fn write(job: Job) -> Result<(Prepared, u64), Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tar");
    let mut job = job.prepare(Some(keys()), Depth::Checked, &control(2, 0))?;
    let outcome = job.write(&path, OPTIONS, &Silent, &control(2, 0));
    let size = match outcome {
        Ok(WriteOutcome::Published(copy)) => copy.size,
        Ok(refused) => panic!("{refused:?}"),
        Err(error) => {
            assert_eq!(listing(folder.path()), [""; 0]);
            return Err(error);
        }
    };
    assert_eq!(std::fs::metadata(&path).unwrap().len(), size);
    Ok((job, size))
}

fn thorough(drops: &[&str]) -> Request {
    Request {
        thorough: true,
        ..request(drops)
    }
}

#[test]
fn a_plan_from_a_scan_is_the_same_and_only_what_is_edited_is_read_again() {
    let with = job(thorough(&["media:music"]), "media", honest);
    let with = with
        .prepare(Some(keys()), Depth::Needed, &control(1, 0))
        .unwrap();
    let backup = Backup::open(&fixture("v3.tar")).unwrap();
    let without = Job::new(backup, thorough(&["media:music"])).unwrap();
    let without = without
        .prepare(Some(keys()), Depth::Needed, &control(1, 0))
        .unwrap();
    assert_eq!(with.plan.predicted_size, without.plan.predicted_size);
    assert_eq!(with.saved.len(), with.surveys.len());
    assert!(without.saved.is_empty());
    for (a, b) in with.plan.parts.iter().zip(&without.plan.parts) {
        assert_eq!((&a.action, a.predicted), (&b.action, b.predicted));
    }
    let (written, size) = write(job(thorough(&["media:music"]), "media", honest)).unwrap();
    assert_eq!(size, written.plan.predicted_size);
    for survey in &written.surveys {
        let part = &written.plan.parts[survey.part];
        let edited = matches!(part.action, Action::Edit(_));
        let id = &written.backup.part(survey.part).id;
        let read = !written.saved.contains(&survey.part);
        assert_eq!(read, edited || id == "homeassistant", "{id}");
        // Splicing needs these, and no scan has them.
        assert_eq!(read, !survey.checkpoints.is_empty(), "{id}");
    }
}

#[test]
fn a_lie_about_a_part_that_is_edited_ends_without_a_copy() {
    let lies: [fn(&mut PartSurvey); 9] = [
        |s| s.entries[3].name = (*b"music/x.mp3").into(),
        |s| s.entries[3].size += 512,
        |s| s.entries[3].stored += 1,
        |s| s.entries[3].head += 512,
        |s| s.entries[3].contents = Contents::Backup(Origin::Same),
        |s| s.entries.swap(2, 3),
        |s| s.entries.truncate(s.entries.len() - 1),
        |s| s.plaintext_bytes += 1,
        |s| s.end.stream_bytes -= 1,
    ];
    for (at, lie) in lies.into_iter().enumerate() {
        let error = write(job(request(&["media:music"]), "media", lie)).unwrap_err();
        assert_eq!(
            (error.kind(), error.part()),
            (Kind::Usage, Some("media")),
            "{at}"
        );
        assert_eq!(
            error.next_step(),
            Some(&crate::error::Advice::MakeScanAgain)
        );
    }
}

#[test]
fn a_lie_that_lets_a_whole_part_go_ends_without_a_copy() {
    // As if everything in it were backups inside the backup, which may always go.
    let lie = |survey: &mut PartSurvey| {
        for entry in &mut survey.entries {
            entry.name = [&b"backups/"[..], &entry.name, b".tar"].concat().into();
            entry.kind = crate::format::tar::block::EntryKind::File;
            entry.contents = Contents::Backup(Origin::Same);
        }
    };
    let job = job(thorough(&[]), "share", lie);
    let outcome = job
        .prepare(Some(keys()), Depth::Needed, &control(1, 0))
        .and_then(|mut job| {
            let at = job
                .backup
                .parts
                .iter()
                .position(|p| p.id == "share")
                .unwrap();
            assert_ne!(job.plan.parts[at].action, Action::Copy);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("out.tar");
            job.write(&path, OPTIONS, &Silent, &control(1, 0))
        });
    assert_eq!(outcome.unwrap_err().kind(), Kind::Usage);
}

#[test]
fn a_lie_about_the_place_of_the_database_ends_without_a_copy() {
    let lie = |s: &mut PartSurvey| s.recorder = Recorder::Server("core-mariadb".into());
    let error = write(job(thorough(&["media:music"]), "homeassistant", lie)).unwrap_err();
    assert_eq!(
        (error.kind(), error.part()),
        (Kind::Usage, Some("homeassistant"))
    );
}

/// A part that is copied as it is, and of which only the scan was looked at.
fn kept_part(job: &Prepared) -> String {
    let kept = |at: &&usize| job.plan.parts[**at].action == Action::Copy;
    let at = job.saved.iter().find(kept).unwrap();
    job.backup.part(*at).id.clone()
}

#[test]
fn a_lie_about_a_part_that_is_kept_changes_nothing_in_the_copy() {
    let (honest, size) = write(job(thorough(&["media:music"]), "media", honest)).unwrap();
    let id = kept_part(&honest);
    let lie = |s: &mut PartSurvey| s.entries[0].name = (*b"elsewhere").into();
    let (_, other) = write(job(thorough(&["media:music"]), &id, lie)).unwrap();
    assert_eq!(size, other);
}

#[test]
fn a_kept_part_is_checked_for_damage_although_a_scan_covers_it() {
    let folder = tempfile::tempdir().unwrap();
    let (honest, _) = write(job(thorough(&["media:music"]), "media", honest)).unwrap();
    let path = damaged(folder.path(), "v3.tar", &kept_part(&honest));
    let scan = Scan::new(&honest.backup, surveys(&honest.backup), true);
    let job = Job::new(Backup::open(&path).unwrap(), thorough(&["media:music"]))
        .unwrap()
        .with_scan(scan);
    let mut job = job
        .prepare(Some(keys()), Depth::Needed, &control(1, 0))
        .unwrap();
    let out = folder.path().join("out.tar");
    let error = job.write(&out, OPTIONS, &Silent, &control(2, 0));
    assert_eq!(error.unwrap_err().kind(), Kind::Damaged);
    assert_eq!(listing(folder.path()), ["v3.tar"]);
}

#[test]
fn a_scan_stands_for_the_key_only_where_nothing_is_written() {
    let request = || Request {
        limit: 50_000,
        allow: vec![Class::History],
        ..request(&[])
    };
    for (depth, need, used) in [
        (Depth::All, KeyNeed::No, true),
        (Depth::Checked, KeyNeed::Helps, false),
    ] {
        let job = job(request(), "media", honest);
        assert_eq!(job.key_need(depth), need, "{depth:?}");
        let job = job.prepare(None, depth, &control(1, 0)).unwrap();
        assert_eq!(!job.surveys.is_empty(), used, "{depth:?}");
        assert_eq!(job.request.has_key, used, "{depth:?}");
    }
}
