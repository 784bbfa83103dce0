//! Matching selectors against paths: how often each path is read, and how long it takes.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::error::Kind;
use crate::open::Backup;
use crate::pipe::control::LOOKS;
use crate::pipe::{Control, Silent};
use crate::plan::tests::sketch::{Sketch, Wish};
use crate::plan::{Outcome, Request, Selector, make};
use crate::report::explain;
use crate::report::largest::largest;
use crate::report::tests::options::Options;
use crate::survey::{PartSurvey, hazards};

use crate::plan::request::selector_set::Selectors;
use crate::plan::request::selector_set::counted::MATCHED;

/// How many paths a plan matches.
fn matched(backup: &Backup, surveys: &[PartSurvey], request: &Request) -> (u64, u64) {
    MATCHED.set((0, 0));
    make(backup, surveys, request).unwrap();
    MATCHED.get()
}

fn files(count: u64) -> impl Iterator<Item = (String, u64)> {
    (0..count).map(|n| (format!("cam{}/day{}/{n}.jpg", n % 10, n % 7), 1000))
}

fn drops(count: usize) -> Vec<Selector> {
    (0..count)
        .map(|n| Selector::parse(&format!("media:cam{n}/**/*.jpg")).unwrap())
        .collect()
}

// Report 11, point 9, like all tests here.
#[test]
fn each_path_is_matched_a_fixed_number_of_times_for_any_number_of_selectors() {
    let (backup, surveys) = Sketch::new("share: x 1").part("media", files(1000)).build();
    let work = |selectors: usize, limit: u64| {
        matched(
            &backup,
            &surveys,
            &Request {
                drops: drops(selectors),
                ..Wish::new("").0.clone()
            }
            .limited(limit),
        )
    };
    assert_eq!(work(0, u64::MAX).0, 0);
    // For keep and for drop; dropped paths once more, to see which selectors had an effect.
    let (ten, thousand) = (work(10, u64::MAX).0, work(1000, u64::MAX).0);
    assert!(ten <= 2 * 1001 && thousand <= 4 * 1001, "{ten} {thousand}");
    // The search for a set that is small enough does not match anything again.
    assert!(work(10, backup.input.len() - 100_000).0 <= 2 * 1001);
}

impl Request {
    fn limited(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }
}

#[test]
fn a_path_of_many_levels_is_matched_as_one_path() {
    let deep = |levels: usize| {
        let (backup, surveys) = Sketch::new("share: x 1")
            .part("media", [(format!("{}f", "a/".repeat(levels)), 1000)])
            .build();
        matched(
            &backup,
            &surveys,
            &Wish::new("drop=media:**/f drop=media:b/** keep=media:c").0,
        )
    };
    let (once, twice) = (deep(20_000), deep(40_000));
    assert_eq!(once.0, twice.0);
    assert!(twice.1 <= 2 * once.1, "{once:?} {twice:?}");
}

#[test]
fn a_folder_that_is_named_takes_what_is_far_below_it() {
    let path = format!("a/{}f", "b/".repeat(300_000));
    for (text, takes) in [
        ("media:a", true),
        ("media:a/b", true),
        ("media:*/b/b", true),
        ("media:b", false),
        ("media:**/c", false),
    ] {
        let list = [Selector::parse(text).unwrap()];
        let mut taking = Vec::new();
        Selectors::new(&list, "media")
            .unwrap()
            .taking(path.as_bytes(), &mut taking);
        assert_eq!(!taking.is_empty(), takes, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn selectors_take_together_what_each_takes_alone(
        texts in proptest::collection::vec("(media|share|addon:core_\\*):([ab*?]{1,2}/){0,2}([ab*?]{1,2}|\\*\\*|\\{a,b\\})|media|database", 0..6),
        path in "[ab]{1,2}(/[ab]{1,2}){0,3}",
        id in "media|share|addon:core_x|homeassistant",
    ) {
        let list: Vec<Selector> = texts.iter().filter_map(|text| Selector::parse(text).ok()).collect();
        let alone: Vec<usize> = (0..list.len()).filter(|&at| list[at].takes_path(&id, path.as_bytes())).collect();
        let mut taking = Vec::new();
        Selectors::new(&list, &id).unwrap().taking(path.as_bytes(), &mut taking);
        proptest::prop_assert_eq!(taking, alone, "{:?}", texts);
    }
}

#[test]
fn patterns_of_very_many_states_are_matched() {
    let texts = (0..60).map(|n| format!("media:{n}{}", "?".repeat(4000)));
    let list: Vec<Selector> = texts.map(|text| Selector::parse(&text).unwrap()).collect();
    let selectors = Selectors::new(&list, "media").unwrap();
    let mut taking = Vec::new();
    selectors.taking(
        format!("7{}/below", "x".repeat(4000)).as_bytes(),
        &mut taking,
    );
    assert_eq!(taking, [7]);
}

#[test]
fn planning_and_reporting_look_for_the_wish_to_stop_all_along() {
    // 300 paths of 4 kB: more than four times what may be processed between two checks for
    // cancellation.
    let paths = |n: usize| format!("{}{n}", format!("d{}/", n % 3).repeat(1300));
    let (backup, surveys) = Sketch::new("share: x 1")
        .part("media", (0..300).map(|n| (paths(n), 1000)))
        .build();
    let request = Wish::new("drop=media:d1/** keep=media:d2/**/*7").0;
    let plan = make(&backup, &surveys, &request).unwrap();
    let looks = |work: &dyn Fn() -> crate::Result<()>| {
        let stopped = (0..).take_while(|&looks| {
            LOOKS.set(looks);
            match work() {
                Ok(()) => false,
                Err(error) => error.kind() == Kind::Interrupted(15) || panic!("{error}"),
            }
        });
        let count = stopped.count();
        LOOKS.set(u64::MAX);
        count
    };
    let control = Control::default();
    let counts = [
        looks(&|| make(&backup, &surveys, &request).map(drop)),
        looks(&|| explain::why(&backup, &surveys, &request, &plan, "media", &Options).map(drop)),
        looks(&|| largest(&backup, &surveys, &plan, 10, &control).map(drop)),
        looks(&|| hazards::among(&surveys[1].entries, &control).map(drop)),
    ];
    // To scan, to find units, to edit, to describe what is dropped; to find and to describe; to
    // fill and to search.
    assert!(
        counts[0] >= 4 * 4 && counts[1] >= 2 * 4 && counts[2] >= 3 && counts[3] >= 2 * 4,
        "{counts:?}"
    );
}

#[test]
fn short_names_are_matched_with_as_many_looks_for_the_wish_to_stop() {
    let (backup, surveys) = Sketch::new("share: x 1")
        .part("media", files(60_000))
        .build();
    let request = Wish::new("").0;
    let looks = (0..).take_while(|&looks| {
        LOOKS.set(looks);
        let found = crate::plan::candidates(&backup, &surveys, &request);
        found.is_err_and(|error| error.kind() == Kind::Interrupted(15))
    });
    let count = looks.count();
    LOOKS.set(u64::MAX);
    assert!(count >= 60_000 / 8_192, "{count}");
}

#[test]
fn the_number_of_threads_changes_no_plan() {
    let (backup, surveys) = Sketch::new("share: x 1")
        .part(
            "media",
            (0..60_000).map(|n| (format!("frigate/recordings/2026-11-01/{n}.mp4"), 1000)),
        )
        .build();
    let plan = |threads| {
        let request = Request {
            control: Control::new(Arc::new(Silent), Arc::default(), threads),
            limit: backup.input.len() / 2,
            ..Wish::new("allow=history").0
        };
        make(&backup, &surveys, &request).unwrap()
    };
    let one = plan(1);
    assert!(!one.drops.is_empty());
    assert_eq!(format!("{:?}", plan(2)), format!("{one:?}"));
    assert_eq!(format!("{:?}", plan(5)), format!("{one:?}"));
}

#[test]
fn every_step_of_planning_hears_the_wish_to_stop() {
    let (backup, surveys) = Sketch::new("share: x 1")
        .part("media", files(30_000))
        .build();
    let request = Wish::new("drop=media:cam1/** keep=media:cam2").0;
    let plan = make(&backup, &surveys, &request).unwrap();
    assert_ne!(plan.outcome, Outcome::CannotFit);
    let stopped = Control::new(Arc::new(Silent), Arc::new(AtomicUsize::new(15)), 1);
    let stopping = Request {
        control: stopped.clone(),
        ..request
    };
    let kinds = [
        make(&backup, &surveys, &stopping).unwrap_err().kind(),
        crate::plan::candidates(&backup, &surveys, &stopping)
            .unwrap_err()
            .kind(),
        crate::plan::check_named(&backup, &surveys, &stopping)
            .unwrap_err()
            .kind(),
        explain::why(&backup, &surveys, &stopping, &plan, "media", &Options)
            .unwrap_err()
            .kind(),
        largest(&backup, &surveys, &plan, 10, &stopped)
            .unwrap_err()
            .kind(),
    ];
    assert_eq!(kinds, [Kind::Interrupted(15); 5]);
}
