//! Matches many selectors together.

use regex::bytes::{RegexSet, RegexSetBuilder};

use crate::error::{Error, Kind, Result};
use crate::plan::request::selector::Selector;

/// How many patterns are matched together. More of them would need too many states.
const TOGETHER: usize = 256;
/// The limit for the compiled patterns, and the limit for matching them, in bytes.
const COMPILED: usize = 10 << 20;

/// The selectors of a list that apply to one part, compiled together.
///
/// Memory: at most twice [`COMPILED`] for every [`TOGETHER`] selectors.
pub(crate) struct Selectors<'a> {
    selectors: &'a [Selector],
    id: &'a str,
    pub(crate) sets: Vec<Set>,
    /// Those that match the whole component, and therefore every path.
    always: Vec<usize>,
    /// Those that are not patterns.
    words: Vec<usize>,
}

pub(crate) struct Set {
    patterns: RegexSet,
    /// By pattern: the index of its selector.
    of: Vec<usize>,
}

impl<'a> Selectors<'a> {
    /// # Errors
    /// `Usage` if a pattern cannot be compiled.
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

    /// True if none of them can match a path.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty() && self.always.is_empty() && self.words.is_empty()
    }

    /// Collects the indices of all selectors that match a path or a folder above it, in rising
    /// order.
    pub fn taking(&self, path: &[u8], taking: &mut Vec<usize>) {
        #[cfg(test)]
        counted::count(path.len());
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

/// Compiles patterns into one set, or into several if they are too large for one.
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

/// Counts the matched paths, for the tests that measure the planner's work.
#[cfg(test)]
pub(crate) mod counted {
    use std::cell::Cell;

    thread_local! {
        /// The number of paths that were matched against the user's selectors, and their bytes.
        pub static MATCHED: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
    }

    /// Counts one more matched path.
    pub fn count(bytes: usize) {
        MATCHED.set((MATCHED.get().0 + 1, MATCHED.get().1 + bytes as u64));
    }
}
