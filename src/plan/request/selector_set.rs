//! Matches many selectors together.

use crate::error::{Error, Kind, Result};
use crate::plan::request::selector::Selector;
use crate::rules::GlobSet;

/// The selectors of a list that apply to one part, compiled together: see [`GlobSet`] for the time
/// and the memory that all of them take.
pub(crate) struct Selectors<'a> {
    selectors: &'a [Selector],
    id: &'a str,
    /// `None` if there is none.
    patterns: Option<GlobSet>,
    /// By pattern: the index of its selector.
    of: Vec<usize>,
    /// Those that match the whole component, and therefore every path.
    always: Vec<usize>,
    /// Those that are not patterns.
    words: Vec<usize>,
}

impl<'a> Selectors<'a> {
    /// # Errors
    /// `Usage` if a pattern cannot be compiled.
    pub fn new(selectors: &'a [Selector], id: &'a str) -> Result<Self> {
        let (mut patterns, mut of) = (Vec::new(), Vec::new());
        let (mut always, mut words) = (Vec::new(), Vec::new());
        for (at, selector) in selectors.iter().enumerate() {
            if selector.takes_component(id) {
                always.push(at);
            } else if selector.looks_into(id) {
                match selector.pattern() {
                    Some(pattern) => {
                        patterns.push(pattern);
                        of.push(at);
                    }
                    None => words.push(at),
                }
            }
        }
        let compiled = (!of.is_empty()).then(|| GlobSet::of_patterns(patterns.into()));
        let compiled = compiled.transpose();
        Ok(Self {
            selectors,
            id,
            patterns: compiled.map_err(|why| Error::new(Kind::Usage, why))?,
            of,
            always,
            words,
        })
    }

    /// True if none of them can match a path.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty() && self.always.is_empty() && self.words.is_empty()
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
        if let Some(patterns) = &self.patterns {
            let mut matched = Vec::new();
            patterns.search().matches(path, &mut matched);
            taking.extend(matched.iter().filter_map(|&at| self.of.get(at)));
        }
        taking.sort_unstable();
    }
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
