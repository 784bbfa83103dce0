//! Whether a copy compresses what the backup stores uncompressed.

use super::sketch::shown_of;
use super::*;
use crate::plan::CompressionChoice::{Always, AsNeeded, Never};
use crate::plan::compression::Obstacle;
use crate::survey::PackedPart;

const HOME: &str = "homeassistant: configuration.yaml 1, home-assistant_v2.db 50; \
    media: frigate/recordings/a.mp4@1 60, frigate/recordings/b.mp4@2 40, film.mkv 15; share: old.tar! 40";

/// What a job would do: it measures that every part shrinks to this many percent.
fn compressed(surveys: &mut [PartSurvey], percent: u64) {
    for survey in surveys {
        for entry in &mut survey.entries {
            entry.stored = entry.stored * percent / 100;
        }
        let inside: u64 = survey.entries.iter().map(|entry| entry.stored).sum();
        survey.overhead = 512 + 40;
        survey.packed = Some(PackedPart {
            stream_bytes: inside + 40,
            seconds: 2.0,
        });
    }
}

fn request(backup: &Backup, records: u64, wish: &str, packing: Packing) -> Request {
    Request {
        packing,
        ..Wish::new(wish).saving(backup, records)
    }
}

/// The plan for a home that must lose this many records and shrinks to this many percent.
fn plan(percent: u64, records: u64, wish: &str) -> (Backup, Plan) {
    let (backup, mut surveys) = Sketch::new(HOME).uncompressed().build();
    compressed(&mut surveys, percent);
    let request = request(&backup, records, wish, Packing::Compress);
    let plan = make(&backup, &surveys, &request).unwrap();
    (backup, plan)
}

#[test]
fn what_is_left_out_depends_on_what_compressing_leaves() {
    for (percent, records, wish, expected) in [
        (50, 1, "", "fits:"),
        (50, 100, "", "fits:"),
        (90, 30, "", "fits: old-backup*"),
        (50, 120, "", "fits: old-backup*"),
        (50, 140, "", "cannot fit: old-backup*"),
        (50, 140, "allow=history", "fits: frigate-rec old-backup*"),
        (50, 60, "drop=media", "fits: =media*"),
        (50, 60, "drop=share keep=media", "fits: =share*"),
    ] {
        let (backup, plan) = plan(percent, records, wish);
        let shown = shown_of(&backup, &plan);
        assert_eq!(shown, expected, "{percent} % {records} {wish}");
        assert_eq!(plan.changes.compressed, Some(true));
    }
}

#[test]
fn every_part_that_stays_is_compressed_and_gets_its_name() {
    let (backup, plan) = plan(50, 1, "drop=share keep=media");
    for (part, planned) in backup.parts.iter().zip(&plan.parts) {
        if part.id == "share" {
            assert_eq!(planned.action, Action::Drop);
            continue;
        }
        assert_eq!(planned.action, Action::Rewrite, "{}", part.id);
        let name = String::from_utf8(planned.form.name.clone().unwrap()).unwrap();
        assert!(name.ends_with(".tar.gz"), "{name}");
        assert!(planned.form.compressed);
        let how = planned.compressing.unwrap();
        assert_eq!((how.why, how.level), (CompressedFor::Size, 6));
        assert!(how.is_exact);
    }
    assert!(!plan.is_estimate());
}

#[test]
fn a_size_is_an_estimate_where_something_goes_from_what_is_compressed() {
    let (_, plan) = plan(50, 140, "allow=history");
    assert_eq!(plan.outcome, Outcome::Fits);
    assert!(plan.is_estimate());
    let exact: Vec<bool> = plan.compressed().map(|(_, _, how)| how.is_exact).collect();
    // The configuration stays whole.
    assert!(exact.contains(&true) && exact.contains(&false), "{exact:?}");
}

#[test]
fn parts_are_compressed_only_if_they_must_be_and_may_be() {
    let (backup, surveys) = Sketch::new(HOME).uncompressed().build();
    let parts = |records, wish, choice| {
        let request = Request {
            compression: choice,
            ..request(&backup, records, wish, Packing::AsStored)
        };
        to_compress(&backup, &surveys, &request).unwrap().parts
    };
    let none: [usize; 0] = [];
    for (records, wish, choice, expected) in [
        (0, "", AsNeeded, &none[..]),
        (1, "", AsNeeded, &[0, 1, 2]),
        (1, "", Never, &none),
        (0, "", Always, &[0, 1, 2]),
        // It is enough to leave out what was named, or it is not.
        (100, "drop=media", AsNeeded, &none),
        (130, "drop=media", AsNeeded, &[0, 2]),
        (1, "drop=media", Always, &[0, 2]),
        // Nothing of what is kept is lost.
        (1, "keep=media", AsNeeded, &[0, 1, 2]),
        // Nothing is left out before.
        (1, "allow=history,user", AsNeeded, &[0, 1, 2]),
    ] {
        assert_eq!(
            parts(records, wish, choice),
            expected,
            "{records} {wish} {choice:?}"
        );
    }
    let (backup, surveys) = Sketch::new(HOME).build();
    let request = request(&backup, 1, "", Packing::AsStored);
    let all = to_compress(&backup, &surveys, &request).unwrap();
    assert_eq!(all, ToCompress::default(), "it is compressed");
}

#[test]
fn compressing_must_save_a_hundredth_of_what_is_too_much() {
    let wanted = ToCompress {
        parts: vec![0],
        excess: 10_000,
    };
    assert_eq!(
        [0, 99, 100, 10_000].map(|saves| wanted.is_worth_it(saves)),
        [false, false, true, true]
    );
    let fits = ToCompress::default();
    assert!(!fits.is_worth_it(0) && fits.is_worth_it(1));
}

#[test]
fn one_part_that_cannot_be_opened_keeps_all_from_being_compressed() {
    let (mut backup, _) = Sketch::new(HOME).uncompressed().build();
    let wanted = ToCompress {
        parts: vec![0, 1, 2],
        excess: 1,
    };
    let because = |part, obstacle| Some((part, obstacle));
    assert_eq!(blocked(&wanted, &backup, true), None);
    assert_eq!(
        blocked(&wanted, &backup, false),
        because(0, Obstacle::NoKey)
    );
    backup.parts[1].closed = true;
    assert_eq!(
        blocked(&wanted, &backup, true),
        because(1, Obstacle::OtherKey)
    );
    backup.parts[1].layer = None;
    assert_eq!(
        blocked(&wanted, &backup, true),
        because(1, Obstacle::NoArchive)
    );
    let (plain, _) = Sketch::new(HOME).uncompressed().version(None).build();
    assert_eq!(blocked(&wanted, &plain, false), None);
}

#[test]
fn why_nothing_is_compressed_is_said_in_plain_words() {
    let (backup, surveys) = Sketch::new(HOME).uncompressed().build();
    let told = |packing: Packing| {
        let request = request(&backup, 1, "", packing);
        let plan = make(&backup, &surveys, &request).unwrap();
        said(&backup, &plan).notes.join("\n")
    };
    let blocked = |obstacle| Packing::Blocked { part: 1, obstacle };
    insta::assert_snapshot!(
        [
            told(Packing::Useless(3_200_000)),
            told(blocked(Obstacle::NoKey)),
            told(blocked(Obstacle::OtherKey)),
            told(blocked(Obstacle::NoArchive)),
            told(blocked(Obstacle::Name)),
            told(Packing::KeptForRest),
        ]
        .join("\n")
    );
}
