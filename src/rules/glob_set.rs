//! Many globs, matched against a path in one pass over its bytes.

use std::fmt;
use std::sync::Arc;

use globset::Glob;
use regex_automata::hybrid::dfa::{Builder, Cache, Config, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::pool::Pool;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};

type Caches = Pool<Cache, Box<dyn Fn() -> Cache + Send + Sync>>;

/// Globs compiled into one lazy automaton, which reads each byte of a path once, however many globs
/// there are. [`globset::GlobSet`] gives the same results; it looks at a path once for each kind of
/// glob, which takes several times as long for a catalogue's mixture.
///
/// It can be shared between threads. Memory: the automaton's states, at most 2 MiB a thread.
#[derive(Clone)]
pub(super) struct GlobSet {
    dfa: DFA,
    caches: Arc<Caches>,
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
    /// The compiler's message, if there are too many globs.
    pub fn new(globs: &[Glob]) -> Result<Self, String> {
        let patterns: Vec<&str> = globs.iter().map(Glob::regex).collect();
        let dfa = Builder::new()
            .configure(Config::new().match_kind(MatchKind::All))
            .syntax(
                syntax::Config::new()
                    .unicode(false)
                    .utf8(false)
                    .dot_matches_new_line(true),
            )
            .thompson(
                thompson::Config::new()
                    .utf8(false)
                    .which_captures(WhichCaptures::None),
            )
            .build_many(&patterns)
            .map_err(|error| error.to_string())?;
        let of_threads = dfa.clone();
        let caches = Pool::new(
            Box::new(move || of_threads.create_cache()) as Box<dyn Fn() -> Cache + Send + Sync>
        );
        Ok(Self {
            dfa,
            caches: Arc::new(caches),
        })
    }

    /// Collects the numbers of all globs that match the whole path, in rising order.
    pub fn matches(&self, path: &[u8], matched: &mut Vec<usize>) {
        matched.clear();
        // The automaton fails only with a limit on how often its states may be thrown away, and
        // none is set. A path without a match stays in the backup.
        let _ = self.search(path, &mut self.caches.get(), matched);
        matched.sort_unstable();
    }

    fn search(&self, path: &[u8], cache: &mut Cache, matched: &mut Vec<usize>) -> Option<()> {
        let input = Input::new(path).anchored(Anchored::Yes);
        let mut state = self.dfa.start_state_forward(cache, &input).ok()?;
        for &byte in path {
            state = self.dfa.next_state(cache, state, byte).ok()?;
            if state.is_dead() {
                return Some(());
            }
        }
        let end = self.dfa.next_eoi_state(cache, state).ok()?;
        if end.is_match() {
            let count = self.dfa.match_len(cache, end);
            let numbers = (0..count).map(|at| self.dfa.match_pattern(cache, end, at).as_usize());
            matched.extend(numbers);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use proptest::prelude::*;

    use super::*;
    use crate::rules::{Catalogue, compile};

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

    fn paths() -> impl Strategy<Value = Vec<u8>> {
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

    #[test]
    fn every_path_matches_the_globs_that_globset_matches() {
        let globs = globs();
        let ours = GlobSet::new(&globs).unwrap();
        let oracle = globset::GlobSet::new(globs).unwrap();
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(2_000));
        let (mut found, mut matched) = (Vec::new(), 0);
        let outcome = runner.run(&paths(), |path| {
            let mut found = Vec::new();
            ours.matches(&path, &mut found);
            prop_assert_eq!(
                found,
                oracle.matches_candidate(&globset::Candidate::from_bytes(&path))
            );
            Ok(())
        });
        outcome.unwrap();
        for path in [
            "a/b",
            "frigate/recordings/2026-11-01/00/x.mp4",
            "home-assistant.log",
        ] {
            ours.matches(path.as_bytes(), &mut found);
            matched += found.len();
        }
        assert!(matched > 3, "{matched}");
    }
}
