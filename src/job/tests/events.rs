//! The events that a job reports, and the errors that end it.

use super::*;
use crate::error::Advice;
use crate::job::{Damage, KeyNeed, PartIntegrity};
use crate::plan::EncryptionChoice;
use crate::{Error, Kind};

#[test]
fn a_key_is_needed_for_what_has_to_be_opened_or_encrypted() {
    let need = |name: &str, request: Request| {
        let backup = Backup::open(&fixture(name)).unwrap();
        Job::new(backup, request).unwrap().key_need(Depth::Checked)
    };
    for (name, request, expected) in [
        ("v3.tar", request(&["media"]), KeyNeed::No),
        ("v3.tar", request(&["media:music"]), KeyNeed::Must),
        ("plain.tar", request(&["media:music"]), KeyNeed::No),
        (
            "v3.tar",
            Request {
                limit: 1000,
                ..request(&["media"])
            },
            KeyNeed::Helps,
        ),
        (
            "plain.tar",
            Request {
                limit: 1000,
                ..request(&["media"])
            },
            KeyNeed::No,
        ),
        (
            "plain.tar",
            Request {
                encryption: EncryptionChoice::Version(crate::format::securetar::Version::V3),
                ..request(&["media"])
            },
            KeyNeed::Must,
        ),
        (
            "v3.tar",
            Request {
                encryption: EncryptionChoice::Plain,
                ..request(&["media"])
            },
            KeyNeed::Must,
        ),
    ] {
        let what = format!("{name} {:?} {}", request.drops, request.limit);
        assert_eq!(need(name, request), expected, "{what}");
    }
}

#[test]
fn what_was_named_and_is_not_there_is_an_error_before_any_key() {
    let backup = Backup::open(&fixture("v3.tar")).unwrap();
    let request = Request {
        limit: 1000,
        ..request(&["addon:nothing"])
    };
    assert_eq!(Job::new(backup, request).unwrap_err().kind(), Kind::Usage);
}

#[test]
fn an_archive_that_cannot_be_looked_into_is_no_error_before_a_copy_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = unreadable(folder.path());
    let mut prepared = prepare(&path, request(&["media"]), Depth::All).unwrap();
    assert_eq!(prepared.integrity.len(), 1);
    let heard = Heard::default();
    prepared
        .report_damage(Damage::IsDecidedOn, &heard, &control(2, 0))
        .unwrap();
    assert_eq!(heard.all(), ["damaged: share"]);
    let error = prepared
        .report_damage(Damage::EndsTheJob, &heard, &control(2, 0))
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged);
    let error = prepare(&path, request(&["share:x"]), Depth::Needed).unwrap_err();
    assert!(
        matches!(error.kind(), Kind::Damaged | Kind::Refused),
        "{error}"
    );
}

#[test]
fn damage_in_a_part_that_is_kept_ends_a_job_unless_its_user_decides() {
    let folder = tempfile::tempdir().unwrap();
    let path = damaged(folder.path(), "v3.tar", "share");
    for (damage, keeps, ends) in [
        (Damage::EndsTheJob, false, true),
        (Damage::IsDecidedOn, false, false),
        (Damage::IsReported, false, false),
        (Damage::EndsTheJob, true, false),
    ] {
        let heard = Heard::default();
        let keeps = if keeps { &["share"][..] } else { &[] };
        let wanted = Request {
            keeps: request(keeps).drops,
            ..request(&["media:music"])
        };
        let mut prepared = prepare(&path, wanted, Depth::Checked).unwrap();
        prepared.check_kept_parts(&control(2, 0)).unwrap();
        match prepared.report_damage(damage, &heard, &control(2, 0)) {
            Err(error) => {
                assert!(ends && heard.all().is_empty(), "{error}");
                assert_eq!(error.kind(), Kind::Damaged);
                let part = "share".to_owned();
                let advice = Advice::DropOrKeepDamaged { part };
                assert_eq!(error.next_step(), Some(&advice));
            }
            Ok(()) => {
                assert!(!ends, "{damage:?} {keeps:?}");
                assert_eq!(heard.all(), ["damaged: share"]);
                let parts = prepared.damaged_parts();
                assert!(parts.len() == 1 && parts[0].0 == "share", "{parts:?}");
            }
        }
    }
}

#[test]
fn a_wish_to_stop_is_not_reported_as_if_a_copy_were_made() {
    let job = prepared("plain.tar", &["media"], None);
    let kept: Vec<usize> = (0..job.backup.parts.len())
        .filter(|at| job.is_copied(*at))
        .collect();
    let errors = [
        Error::damaged("cut short"),
        Error::new(Kind::Interrupted(2), "stopped on request"),
        Error::refused("odd"),
    ];
    let checks = kept.iter().zip(errors).map(|(&part, error)| PartIntegrity {
        part,
        outcome: Err(error),
        ends_early: false,
    });
    let heard = Heard::default();
    let error = job
        .report(
            &mut checks.collect(),
            Damage::IsDecidedOn,
            &heard,
            &control(2, 0),
        )
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted(2));
    let id = |at: usize| &job.backup.parts[kept[at]].id;
    assert_eq!(
        heard.all(),
        [
            format!("damaged: {}", id(0)),
            format!("unchecked: {}", id(2))
        ]
    );
}
