//! Many globs, matched against a path in one pass over its bytes.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use globset::Glob;
use regex_automata::hybrid::dfa::{Cache, Config, DFA};
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};

use super::glob::compile;

/// The memory for the states of one search, in bytes.
const STATES: usize = 2 << 20;
/// The least memory for the states of some of the globs.
const FEW: usize = 64 << 10;
/// Into how many pieces the globs are divided at most. Larger pieces throw their states away more
/// often, which takes more time, but no more memory.
const PIECES: usize = 1024;
/// The limit for the compiled globs of one automaton, in bytes.
const COMPILED: usize = 10 << 20;

/// Filling this memory with states takes about as long as matching twice as many bytes with states
/// that are there already.
const WORTH: u64 = 2;
/// How often in a row the states may be thrown away before they were worth it.
const PATIENCE: usize = 2;

/// Globs compiled into one lazy automaton, which reads each byte of a path once, however many globs
/// there are. [`globset::GlobSet`] gives the same results on Unix. It looks at a path once for each
/// kind of glob, which takes several times as long for a catalogue's mixture; and on Windows it
/// treats a backslash in a path as a slash, so that a glob would take more there.
///
/// Many globs with several wildcards each, such as `**/*5*/*x*`, have more states than there is room
/// for: every combination of how far each of them has matched. They are then halved, again and again
/// if need be, and a path is read once for each half. So the time grows at most with the number of
/// globs. Later searches begin with the halves.
///
/// It can be shared between threads. Memory: about 2 MiB of states for each search at the same
/// time, at most 64 MiB for globs that were halved again and again, and more only for globs of more
/// than some 35 kB. Besides, some 100 bytes for each byte of the globs, and again each time they are
/// halved.
#[derive(Clone)]
pub(crate) struct GlobSet {
    /// The globs as regular expressions.
    patterns: Arc<[String]>,
    /// `None` if they are too large for one automaton.
    dfa: Option<DFA>,
    /// The memory for the states of one search, unless so many globs need more.
    states: usize,
    /// Into how many pieces they may be divided.
    pieces: usize,
    /// The states of searches that have ended.
    idle: Arc<Mutex<Vec<Progress>>>,
    /// The first half of the globs and the others, if a search needed them.
    halves: Arc<OnceLock<Option<[Box<GlobSet>; 2]>>>,
    /// Whether searches begin with the halves.
    is_halved: Arc<AtomicBool>,
}

impl fmt::Debug for GlobSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GlobSet").finish_non_exhaustive()
    }
}

impl GlobSet {
    /// Compiles globs; their numbers are their positions in the list.
    ///
    /// # Errors
    /// The compiler's message, if a glob is too large.
    pub fn new(globs: &[Glob]) -> Result<Self, String> {
        Self::of_patterns(globs.iter().map(|glob| glob.regex().to_owned()).collect())
    }

    /// Compiles regular expressions over bytes that match a path from its beginning to its end.
    ///
    /// # Errors
    /// The compiler's message, if one of them is too large.
    pub fn of_patterns(patterns: Arc<[String]>) -> Result<Self, String> {
        Self::within(STATES, PIECES, patterns)
    }

    fn within(states: usize, pieces: usize, patterns: Arc<[String]>) -> Result<Self, String> {
        let dfa = automaton(&patterns, states);
        let set = |dfa| Self {
            patterns,
            dfa,
            states,
            pieces,
            idle: Arc::default(),
            halves: Arc::default(),
            is_halved: Arc::default(),
        };
        match dfa {
            Ok(dfa) => Ok(set(Some(dfa))),
            Err(why) => {
                let set = set(None);
                let halves = set.halved()?.ok_or(why)?;
                let _ = set.halves.set(Some(halves));
                set.is_halved.store(true, Ordering::Relaxed);
                Ok(set)
            }
        }
    }

    /// The halves, if there is more than one glob, and if they may be divided.
    fn halves(&self) -> Option<&[Box<Self>; 2]> {
        // All of them together could be compiled, so each half can.
        let halves = self.halves.get_or_init(|| {
            let may_divide = self.pieces > 1;
            may_divide.then(|| self.halved().ok().flatten()).flatten()
        });
        halves.as_ref()
    }

    fn halved(&self) -> Result<Option<[Box<Self>; 2]>, String> {
        let (first, second) = self.patterns.split_at(self.patterns.len() / 2);
        if first.is_empty() {
            return Ok(None);
        }
        let half = |patterns: &[String]| {
            let states = (self.states / 2).max(FEW);
            Self::within(states, (self.pieces / 2).max(1), patterns.into()).map(Box::new)
        };
        Ok(Some([half(first)?, half(second)?]))
    }

    /// Compiles globs as they are written in a catalogue.
    ///
    /// # Errors
    /// The compiler's message.
    pub fn of(globs: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, String> {
        let compiled = globs.into_iter().map(|glob| compile(glob.as_ref()));
        let compiled: Result<Vec<Glob>, _> = compiled.collect();
        Self::new(&compiled.map_err(|error| error.to_string())?)
    }

    /// Whether any of the globs matches the whole path. Where many paths are matched,
    /// [`GlobSet::search`] costs less.
    pub fn is_match(&self, path: &[u8]) -> bool {
        let mut matched = Vec::new();
        self.search().matches(path, &mut matched);
        !matched.is_empty()
    }

    /// Begins to match paths. Where many are matched, one search serves for all.
    pub fn search(&self) -> Search<'_> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        Search {
            set: self,
            progress: idle.or_else(|| Progress::new(self)),
        }
    }
}

/// The states of a search so far.
enum Progress {
    /// Those of all globs together.
    Whole(Box<Whole>),
    /// Those of the first half of the globs, and of the others.
    Halved(Box<[Self; 2]>),
}

struct Whole {
    cache: Cache,
    /// How often the states were thrown away.
    clears: usize,
    /// The bytes that were matched since then.
    bytes: u64,
    /// How often in a row that was not worth it.
    wasted: usize,
}

/// Matches one path after the other.
pub(crate) struct Search<'a> {
    set: &'a GlobSet,
    /// There until the search is dropped.
    progress: Option<Progress>,
}

/// Compiles patterns into one automaton.
fn automaton(patterns: &[String], states: usize) -> Result<DFA, String> {
    let nfa = NFA::compiler()
        .syntax(
            syntax::Config::new()
                .unicode(false)
                .utf8(false)
                .dot_matches_new_line(true),
        )
        .configure(
            thompson::Config::new()
                .utf8(false)
                .nfa_size_limit(Some(COMPILED))
                .which_captures(WhichCaptures::None),
        )
        .build_many(patterns)
        .map_err(|error| error.to_string())?;
    let config = Config::new().match_kind(MatchKind::All);
    // The least is room for a few states; searches would throw them away all the time.
    let least = config.get_minimum_cache_capacity(&nfa);
    let least = least.map_err(|error| error.to_string())?;
    let config = config.cache_capacity(states.max(least.saturating_mul(4)));
    let dfa = DFA::builder().configure(config).build_from_nfa(nfa);
    dfa.map_err(|error| error.to_string())
}

impl Drop for Search<'_> {
    fn drop(&mut self) {
        let mut idle = self.set.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.progress.take());
    }
}

impl Search<'_> {
    /// Collects the numbers of all globs that match the whole path, in rising order.
    pub fn matches(&mut self, path: &[u8], matched: &mut Vec<usize>) {
        matched.clear();
        if let Some(progress) = &mut self.progress {
            progress.collect(self.set, path, 0, matched);
        }
        matched.sort_unstable();
    }
}

impl Progress {
    /// `None` only for globs that are neither compiled together nor halved.
    fn new(set: &GlobSet) -> Option<Self> {
        if set.is_halved.load(Ordering::Relaxed) {
            return Self::halved(set.halves()?);
        }
        Some(Self::Whole(Box::new(Whole {
            cache: set.dfa.as_ref()?.create_cache(),
            clears: 0,
            bytes: 0,
            wasted: 0,
        })))
    }

    fn halved([one, other]: &[Box<GlobSet>; 2]) -> Option<Self> {
        Some(Self::Halved(Box::new([Self::new(one)?, Self::new(other)?])))
    }

    /// Adds the numbers of the globs that match, counted from `first`.
    fn collect(&mut self, set: &GlobSet, path: &[u8], first: usize, matched: &mut Vec<usize>) {
        match self {
            Self::Halved(halves) => {
                if let Some([one, other]) = set.halves() {
                    let [of_one, of_other] = &mut **halves;
                    of_one.collect(one, path, first, matched);
                    of_other.collect(other, path, first + one.patterns.len(), matched);
                }
            }
            Self::Whole(whole) => {
                // The automaton fails only with a limit on how often its states may be thrown away,
                // and none is set. A path without a match stays in the backup.
                let _ = whole.run(set, path, first, matched);
                if whole.has_wasted(set, path.len() as u64)
                    && let Some(halves) = set.halves().and_then(Self::halved)
                {
                    set.is_halved.store(true, Ordering::Relaxed);
                    *self = halves;
                }
            }
        }
    }
}

impl Whole {
    /// Whether the states are thrown away too often, after so many more bytes.
    fn has_wasted(&mut self, set: &GlobSet, bytes: u64) -> bool {
        self.bytes += bytes;
        let clears = self.cache.clear_count();
        if clears == self.clears {
            return false;
        }
        self.wasted = if self.bytes < set.states as u64 * WORTH {
            self.wasted + 1
        } else {
            0
        };
        (self.clears, self.bytes) = (clears, 0);
        self.wasted > PATIENCE || self.wasted > 0 && set.is_halved.load(Ordering::Relaxed)
    }

    fn run(
        &mut self,
        set: &GlobSet,
        path: &[u8],
        first: usize,
        matched: &mut Vec<usize>,
    ) -> Option<()> {
        let (dfa, cache) = (set.dfa.as_ref()?, &mut self.cache);
        let input = Input::new(path).anchored(Anchored::Yes);
        let mut state = dfa.start_state_forward(cache, &input).ok()?;
        for &byte in path {
            state = dfa.next_state(cache, state, byte).ok()?;
            if state.is_dead() {
                return None;
            }
        }
        let end = dfa.next_eoi_state(cache, state).ok()?;
        if end.is_match() {
            let count = dfa.match_len(cache, end);
            let numbers = (0..count).map(|at| first + dfa.match_pattern(cache, end, at).as_usize());
            matched.extend(numbers);
        }
        Some(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]
    #![allow(
        clippy::disallowed_methods,
        reason = "globset's own matcher is the oracle"
    )]

    use proptest::prelude::*;

    use super::*;
    use crate::rules::Catalogue;

    /// All globs of the catalogue, and a few whose matches are easily confused.
    fn globs() -> Vec<Glob> {
        let catalogue = Catalogue::builtin().unwrap();
        let rules = catalogue.rules().iter();
        let rules = rules.flat_map(|rule| rule.globs.iter().chain(&rule.except));
        let never = catalogue.never().iter();
        let never = never.flat_map(|never| never.globs.iter().chain(&never.except));
        let others = [
            "**",
            "*",
            "a?",
            "[!a]*/**",
            "**/a/**/b",
            "a/**/**/b",
            "{a,b/**}",
        ];
        rules
            .chain(never)
            .map(String::as_str)
            .chain(others)
            .map(|glob| compile(glob).unwrap())
            .collect()
    }

    /// Paths made of pieces of the globs.
    pub(in super::super) fn paths() -> impl Strategy<Value = Vec<u8>> {
        let globs: Vec<String> = globs().iter().map(|g| g.glob().to_owned()).collect();
        let names: Vec<String> = globs
            .iter()
            .flat_map(|glob| glob.split(['/', '{', '}', ',', '*', '[', ']']))
            .map(str::to_owned)
            .collect();
        let piece = prop_oneof![
            4 => prop::sample::select(names).prop_map(String::into_bytes),
            2 => Just(b"/".to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..4),
            1 => prop::sample::select(vec![b".db".to_vec(), b"\n".to_vec(), b"\xff".to_vec(), b"20".to_vec()]),
        ];
        prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
    }

    /// Compares what matches this many paths with globset's answers.
    fn agrees(ours: &GlobSet, globs: Vec<Glob>, cases: u32) {
        let oracle = globset::GlobSet::new(globs).unwrap();
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(cases));
        let outcome = runner.run(&paths(), |path| {
            // There, globset would look for another path.
            prop_assume!(cfg!(unix) || !path.contains(&b'\\'));
            let mut found = Vec::new();
            ours.search().matches(&path, &mut found);
            let wanted = oracle.matches_candidate(&globset::Candidate::from_bytes(&path));
            prop_assert_eq!(found, wanted);
            Ok(())
        });
        outcome.unwrap();
    }

    #[test]
    fn every_path_matches_the_globs_that_globset_matches() {
        let globs = globs();
        let ours = GlobSet::new(&globs).unwrap();
        agrees(&ours, globs, 2_000);
        let (mut found, mut matched) = (Vec::new(), 0);
        for path in [
            "a/b",
            "frigate/recordings/2026-11-01/00/x.mp4",
            "home-assistant.log",
        ] {
            ours.search().matches(path.as_bytes(), &mut found);
            matched += found.len();
        }
        assert!(matched > 3, "{matched}");
    }

    #[test]
    fn a_backslash_in_a_path_is_part_of_a_name_on_every_system() {
        let found = |glob: &str, path: &str| GlobSet::of([glob]).unwrap().is_match(path.as_bytes());
        let name = r"samba\deep\precious.bin";
        assert!(!found("samba/**", name) && !found("samba/deep/*", name));
        assert!(found("*", name) && found("*.bin", name) && found("samba?deep?precious.bin", name));
        assert!(found(r"samba\\deep\\precious.bin", name) && !found(name, name));
        assert!(found(r"a\*", "a*") && !found(r"a\*", r"a\b"));
    }

    #[test]
    fn states_that_were_thrown_away_change_nothing() {
        let globs = globs();
        let mut ours = GlobSet::new(&globs).unwrap();
        let (config, nfa) = {
            let dfa = ours.dfa.as_ref().unwrap();
            (dfa.get_config().clone(), dfa.get_nfa().clone())
        };
        let least = config.get_minimum_cache_capacity(&nfa).unwrap();
        let config = config.cache_capacity(least);
        ours.dfa = DFA::builder().configure(config).build_from_nfa(nfa).ok();
        ours.halves = Arc::new(OnceLock::from(None));
        agrees(&ours, globs, 500);
        let search = ours.search();
        let Some(Progress::Whole(whole)) = &search.progress else {
            panic!("they were halved");
        };
        assert!(
            whole.cache.clear_count() > PATIENCE,
            "there was room for all states"
        );
    }

    #[test]
    fn globs_with_too_many_states_together_are_halved_and_match_the_same() {
        let digits = || "0123456789abcdef".chars();
        let wild: Vec<String> = digits()
            .flat_map(|one| digits().map(move |other| format!("**/*{one}*/*{other}{one}*")))
            .collect();
        let wild: Vec<Glob> = wild.iter().map(|glob| compile(glob).unwrap()).collect();
        let (ours, oracle) = (
            GlobSet::new(&wild).unwrap(),
            globset::GlobSet::new(&wild).unwrap(),
        );
        let (mut search, mut found) = (ours.search(), Vec::new());
        for n in 0..4_000_u64 {
            let word = |seed: u64| format!("{:016x}", seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let path = format!("{}/{}/{}", word(n), word(n / 7), word(n * 3));
            search.matches(path.as_bytes(), &mut found);
            if n % 50 == 0 {
                assert_eq!(found, oracle.matches(&path), "{path}");
            }
        }
        let progress = search.progress.as_ref().unwrap();
        let Progress::Halved(_) = progress else {
            panic!("they have too many states");
        };
        // However often they were halved.
        assert!(memory(progress) <= 2 * STATES, "{}", memory(progress));
        let next = ours.search();
        assert!(matches!(next.progress, Some(Progress::Halved(_))));
    }

    #[test]
    fn the_memory_for_states_has_a_bound_however_many_globs_there_are() {
        let wild = (0..1_500).map(|n| compile(&format!("**/*{:x}*/*{n:03x}*", n % 16)).unwrap());
        let ours = GlobSet::new(&wild.collect::<Vec<_>>()).unwrap();
        let (mut search, mut found) = (ours.search(), Vec::new());
        for n in 0..150_u64 {
            let word = |seed: u64| format!("{:016x}", seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let path = format!("{}/{}/{}", word(n), word(n / 7), word(n * 3));
            search.matches(path.as_bytes(), &mut found);
        }
        let progress = search.progress.as_ref().unwrap();
        assert!(matches!(progress, Progress::Halved(_)));
        assert!(memory(progress) <= PIECES * FEW, "{}", memory(progress));
    }

    /// The memory for the states, in bytes.
    fn memory(progress: &Progress) -> usize {
        match progress {
            Progress::Whole(whole) => whole.cache.memory_usage(),
            Progress::Halved(halves) => halves.iter().map(memory).sum(),
        }
    }

    #[test]
    fn a_glob_that_is_too_large_to_be_compiled_is_refused() {
        let large = compile(&"a*".repeat(200_000)).unwrap();
        let small = compile("b").unwrap();
        assert!(GlobSet::new(std::slice::from_ref(&large)).is_err());
        assert!(GlobSet::new(&[small, large]).is_err());
    }

    #[test]
    fn a_list_of_a_megabyte_of_paths_is_compiled() {
        let path = |n: usize| format!("folder/of/a/very/long/name/{n:08}/picture.jpg");
        let globs: Vec<Glob> = (0..20_000).map(|n| compile(&path(n)).unwrap()).collect();
        let set = GlobSet::new(&globs).unwrap();
        let mut found = Vec::new();
        set.search().matches(path(17_000).as_bytes(), &mut found);
        assert_eq!(found, [17_000]);
    }
}
