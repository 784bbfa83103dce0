//! What the user's selectors say about every path of a backup, found in one pass over the
//! paths: the time grows with their bytes, however deep they are and however many selectors
//! there are.

use regex::bytes::{RegexSet, RegexSetBuilder};

use super::Request;
use super::cut::Reason;
use super::guard::Guard;
use super::selector::Selector;
use crate::error::{Error, Kind, Result};
use crate::open::{Backup, Part};
use crate::pipe::Pace;
use crate::survey::{PartSurvey, config_path};

/// So many patterns are matched together: more would have too many states.
const TOGETHER: usize = 256;
/// What they may take, compiled, and what matching them may take besides, in bytes.
const COMPILED: usize = 10 << 20;

/// The selectors of a list that look into one part, compiled together.
///
/// Memory: at most twice [`COMPILED`] for every [`TOGETHER`] selectors.
pub(super) struct Selectors<'a> {
    selectors: &'a [Selector],
    id: &'a str,
    sets: Vec<Set>,
    /// Those that take the whole component, and with it every path.
    always: Vec<usize>,
    /// Those that are no patterns.
    words: Vec<usize>,
}

struct Set {
    patterns: RegexSet,
    /// By pattern: the index of its selector.
    of: Vec<usize>,
}

impl<'a> Selectors<'a> {
    /// # Errors
    /// `Usage`, when a pattern cannot be compiled.
    pub fn new(selectors: &'a [Selector], id: &'a str) -> Result<Self> {
        let (mut patterns, mut always, mut words) = (Vec::new(), Vec::new(), Vec::new());
        for (at, selector) in selectors.iter().enumerate() {
            if selector.takes_component(id) {
                always.push(at);
            } else if selector.looks_into(id) {
                match selector.pattern() {
                    Some(pattern) => patterns.push((at, pattern)),
                    None => words.push(at),
                }
            }
        }
        let mut sets = Vec::new();
        for together in patterns.chunks(TOGETHER) {
            compile(together, &mut sets)?;
        }
        Ok(Self {
            selectors,
            id,
            sets,
            always,
            words,
        })
    }

    /// True when none of them could take a path.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty() && self.always.is_empty() && self.words.is_empty()
    }

    /// The indices of all that take a path or a folder above it, rising.
    pub fn taking(&self, path: &[u8], taking: &mut Vec<usize>) {
        #[cfg(test)]
        tests::count(path.len());
        taking.clear();
        taking.extend(&self.always);
        taking.extend(self.words.iter().filter(|&&at| {
            self.selectors
                .get(at)
                .is_some_and(|s| s.takes_path(self.id, path))
        }));
        for set in self.sets.iter().filter(|set| set.patterns.is_match(path)) {
            taking.extend(
                set.patterns
                    .matches(path)
                    .iter()
                    .filter_map(|at| set.of.get(at)),
            );
        }
        taking.sort_unstable();
    }
}

/// Compiles patterns into one set, or into several when they are too large for one.
fn compile(patterns: &[(usize, String)], sets: &mut Vec<Set>) -> Result<()> {
    let texts = patterns.iter().map(|(_, text)| text);
    let built = RegexSetBuilder::new(texts)
        .unicode(false)
        .dot_matches_new_line(true)
        .size_limit(COMPILED)
        .dfa_size_limit(COMPILED)
        .build();
    match built {
        Ok(set) => sets.push(Set {
            patterns: set,
            of: patterns.iter().map(|(at, _)| *at).collect(),
        }),
        Err(_) if patterns.len() > 1 => {
            let (first, second) = patterns.split_at(patterns.len() / 2);
            compile(first, sets)?;
            compile(second, sets)?;
        }
        Err(error) => return Err(Error::new(Kind::Usage, error.to_string())),
    }
    Ok(())
}

/// What a selector does in one part.
#[derive(Debug, Clone, Default)]
pub(super) struct Hits {
    /// Whether it matches any path there.
    pub any: bool,
    /// What it matches and is held back from it, by reason.
    pub held: Vec<Held>,
}

/// Paths that are held back for the same reason.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// Why.
    pub reason: String,
    /// The entry of the first of them.
    pub first: usize,
    /// How many there are.
    pub count: u64,
}

impl Hits {
    fn hold(&mut self, at: usize, reason: &str) {
        match self.held.iter_mut().find(|held| held.reason == reason) {
            Some(held) => held.count += 1,
            None => self.held.push(Held {
                reason: reason.to_owned(),
                first: at,
                count: 1,
            }),
        }
    }
}

/// What the user's words say about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    Keep,
    Drop(Reason),
}

/// The outcome for one part. Memory: 4 bytes for each entry, when a selector looks into it.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// By `--drop`.
    pub drops: Vec<Hits>,
    /// By `--keep`.
    pub keeps: Vec<Hits>,
    said: Vec<Said>,
}

impl Scan {
    fn new(
        backup: &Backup,
        part: &Part,
        survey: &PartSurvey,
        request: &Request,
        pace: &mut Pace<'_>,
    ) -> Result<Self> {
        let drops = Selectors::new(&request.drops, &part.id)?;
        let keeps = Selectors::new(&request.keeps, &part.id)?;
        let hits = |selectors: &[Selector]| vec![Hits::default(); selectors.len()];
        let mut scan = Self {
            drops: hits(&request.drops),
            keeps: hits(&request.keeps),
            said: Vec::new(),
        };
        if drops.is_empty() && keeps.is_empty() {
            return Ok(scan);
        }
        let guard = Guard::new(backup, part, request)?;
        let version = backup.manifest.version();
        let mut taking = Vec::new();
        scan.said.reserve_exact(survey.entries.len());
        for (at, entry) in survey.entries.iter().enumerate() {
            pace.step(entry.name.len())?;
            // The root of a component goes with the component or not at all.
            let path = config_path(part.kind, version, &entry.name).filter(|path| !path.is_empty());
            let Some(path) = path else {
                scan.said.push(Said::Nothing);
                continue;
            };
            drops.taking(path, &mut taking);
            let mut said = Said::Nothing;
            for &drop in &taking {
                let (Some(selector), Some(hits)) =
                    (request.drops.get(drop), scan.drops.get_mut(drop))
                else {
                    continue;
                };
                hits.any = true;
                match guard.held_back(selector, path, entry.kind) {
                    Some(reason) => hits.hold(at, reason),
                    None if said == Said::Nothing => {
                        said = Reason::try_from(drop).map_or(Said::Nothing, Said::Drop)
                    }
                    None => {}
                }
            }
            keeps.taking(path, &mut taking);
            for &keep in &taking {
                scan.keeps
                    .get_mut(keep)
                    .into_iter()
                    .for_each(|hits| hits.any = true);
            }
            scan.said
                .push(if taking.is_empty() { said } else { Said::Keep });
        }
        Ok(scan)
    }

    /// Whether the user keeps an entry.
    pub fn keeps(&self, entry: usize) -> bool {
        self.said.get(entry) == Some(&Said::Keep)
    }

    /// The first of the user's selectors that takes an entry, unless he keeps it.
    pub fn drops(&self, entry: usize) -> Option<Reason> {
        match self.said.get(entry) {
            Some(Said::Drop(reason)) => Some(*reason),
            _ => None,
        }
    }
}

/// The scans of all parts that were surveyed.
pub(super) struct Scans(Vec<Option<Scan>>);

impl Scans {
    /// # Errors
    /// `Usage`, when a pattern cannot be compiled; `Interrupted`.
    pub fn new(backup: &Backup, surveys: &[PartSurvey], request: &Request) -> Result<Self> {
        let mut scans: Vec<Option<Scan>> = backup.parts.iter().map(|_| None).collect();
        let mut pace = request.control.pace();
        for survey in surveys {
            if let Some((slot, part)) = scans
                .get_mut(survey.part)
                .zip(backup.parts.get(survey.part))
            {
                *slot = Some(Scan::new(backup, part, survey, request, &mut pace)?);
            }
        }
        Ok(Self(scans))
    }

    /// That of one part, if it was surveyed.
    pub fn of(&self, part: usize) -> Option<&Scan> {
        self.0.get(part)?.as_ref()
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::Cell;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use crate::error::Kind;
    use crate::open::Backup;
    use crate::pipe::control::LOOKS;
    use crate::pipe::{Control, Silent};
    use crate::plan::tests::sketch::{Sketch, Wish};
    use crate::plan::{Outcome, Request, Selector, explain, make};
    use crate::report::largest::largest;
    use crate::survey::{PartSurvey, hazards};

    use super::Selectors;

    thread_local! {
        /// Paths that were matched against the user's selectors, and their bytes.
        static MATCHED: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
    }

    /// One more path was matched.
    pub fn count(bytes: usize) {
        MATCHED.set((MATCHED.get().0 + 1, MATCHED.get().1 + bytes as u64));
    }

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

    // Report 11, point 9, as all tests here.
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
        // To keep and to drop, and of what goes once more, which of them had an effect.
        let (ten, thousand) = (work(10, u64::MAX).0, work(1000, u64::MAX).0);
        assert!(ten <= 2 * 1001 && thousand <= 4 * 1001, "{ten} {thousand}");
        // Looking for a set that is small enough matches nothing again.
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
    fn patterns_that_are_too_large_for_one_set_are_matched_in_several() {
        let texts = (0..200).map(|n| format!("media:{n}{}", "?".repeat(4000)));
        let list: Vec<Selector> = texts.map(|text| Selector::parse(&text).unwrap()).collect();
        let selectors = Selectors::new(&list, "media").unwrap();
        assert!(selectors.sets.len() > 1);
        let mut taking = Vec::new();
        selectors.taking(
            format!("7{}/below", "x".repeat(4000)).as_bytes(),
            &mut taking,
        );
        assert_eq!(taking, [7]);
    }

    #[test]
    fn planning_and_reporting_look_for_the_wish_to_stop_all_along() {
        // 300 paths of 4 kB: more than four times what may lie between two looks.
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
            looks(&|| explain::why(&backup, &surveys, &request, &plan, "media").map(drop)),
            looks(&|| largest(&backup, &surveys, &plan, 10, &control).map(drop)),
            looks(&|| hazards::among(&surveys[1].entries, &control).map(drop)),
        ];
        // To scan, to find units, to cut, to tell of what goes; to find and to tell; to fill and to
        // search.
        assert!(
            counts[0] >= 4 * 4 && counts[1] >= 2 * 4 && counts[2] >= 3 && counts[3] >= 2 * 4,
            "{counts:?}"
        );
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
            explain::why(&backup, &surveys, &stopping, &plan, "media")
                .unwrap_err()
                .kind(),
            largest(&backup, &surveys, &plan, 10, &stopped)
                .unwrap_err()
                .kind(),
        ];
        assert_eq!(kinds, [Kind::Interrupted(15); 5]);
    }
}
