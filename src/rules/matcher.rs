//! Finds the rule for a path.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

use globset::{Candidate, GlobSet};

use super::catalogue::{Catalogue, RuleIndex};
use super::error::RulesError;
use super::glob::{compile, component_fits};
use super::never::{NeverList, Taking};
use super::rule::Rule;

/// The rules for one component, compiled into one set of globs.
///
/// Matching allocates nothing after a thread's first call, so that archives with millions of
/// entries cost little more than the glob automaton itself. It can be shared between threads.
#[derive(Debug, Clone)]
pub struct Matcher {
    set: GlobSet,
    /// The role of each glob of the set in its rule, in the order of the rules.
    slots: Vec<Slot>,
    never: NeverList,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    rule: RuleIndex,
    role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Takes the paths that it matches.
    Take(Taking),
    /// Takes the directory entry of the `X` in `X/**`.
    Entry,
    /// Excludes the paths that it matches from its own rule.
    Except,
}

thread_local! {
    static MATCHED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

impl Matcher {
    /// Compiles the enabled rules for `component` (an id such as `media` or `addon:core_mariadb`),
    /// and its never-drop list.
    ///
    /// # Errors
    /// `Compile`, if the glob compiler fails.
    pub fn new(catalogue: &Catalogue, component: &str) -> Result<Self, RulesError> {
        let refused = |e: globset::Error| RulesError::Compile {
            component: component.into(),
            message: e.to_string(),
        };
        let (mut globs, mut slots) = (Vec::new(), Vec::new());
        for (index, rule) in catalogue.rules_for(component) {
            for (glob, role) in roles(rule) {
                globs.push(compile(glob).map_err(refused)?);
                slots.push(Slot { rule: index, role });
            }
        }
        Ok(Self {
            set: GlobSet::new(globs).map_err(refused)?,
            slots,
            never: NeverList::new(catalogue, component)?,
        })
    }

    /// The first rule that takes `path`, whatever its condition.
    ///
    /// `path` is relative to the component, without `./` and without a trailing slash. Directory
    /// entries are only taken by globs that take a folder; a plan must still keep the entry of a
    /// directory in which something is kept. Paths protected by the never-drop list have no rule.
    pub fn rule_for(&self, path: &[u8], is_dir: bool) -> Option<RuleIndex> {
        self.rule_where(path, is_dir, |_| true)
    }

    /// The first rule that takes `path` and that `accept` accepts. Use it to check
    /// [`super::Condition`]s and to exclude classes without losing the later rules.
    pub fn rule_where(
        &self,
        path: &[u8],
        is_dir: bool,
        accept: impl FnMut(RuleIndex) -> bool,
    ) -> Option<RuleIndex> {
        if path.is_empty() {
            return None;
        }
        // Taken out temporarily: `accept` may match paths itself.
        let mut matched = MATCHED.take();
        self.set
            .matches_candidate_into(&Candidate::from_bytes(path), &mut matched);
        let found = self.choose(&matched, path, is_dir, accept);
        MATCHED.set(matched);
        found
    }

    fn choose(
        &self,
        matched: &[usize],
        path: &[u8],
        is_dir: bool,
        mut accept: impl FnMut(RuleIndex) -> bool,
    ) -> Option<RuleIndex> {
        let rule = |at: &usize| self.slots.get(*at).map(|slot| slot.rule);
        let mut held: [Option<bool>; 2] = [None; 2];
        let mut is_held = |taking: Taking| {
            let known = if taking == Taking::File {
                &mut held[0]
            } else {
                &mut held[1]
            };
            *known.get_or_insert_with(|| self.never.reason_when(path, taking).is_some())
        };
        // The matches of one rule are adjacent.
        for said in matched.chunk_by(|a, b| rule(a) == rule(b)) {
            let slots = || said.iter().filter_map(|&at| self.slots.get(at));
            let taking = |slot: &Slot| match slot.role {
                Role::Take(Taking::File) if !is_dir => Some(Taking::File),
                Role::Take(Taking::Folder) => Some(Taking::Folder),
                Role::Entry if is_dir => Some(Taking::Folder),
                _ => None,
            };
            let spared = slots().any(|slot| slot.role == Role::Except);
            let Some(rule) = said
                .first()
                .and_then(rule)
                .filter(|_| !spared && slots().any(|slot| taking(slot).is_some()))
            else {
                continue;
            };
            // `accept` is called first: the never-drop list, which applies to any rule, is the most
            // expensive check.
            if accept(rule) && slots().filter_map(taking).any(|taking| !is_held(taking)) {
                return Some(rule);
            }
        }
        None
    }

    /// The paths that the never-drop list protects in this component.
    pub fn never(&self) -> &NeverList {
        &self.never
    }

    /// True if no rule applies to this component: then no path needs matching.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

/// The matchers of one catalogue by their contents: most add-ons have the same rules, and compiling
/// takes longer than matching an add-on's paths.
#[derive(Debug, Default)]
pub struct Matchers(HashMap<(Vec<RuleIndex>, Vec<usize>), Rc<Matcher>>);

impl Matchers {
    /// Like [`Matcher::new`], but reuses an identical matcher if there is one.
    ///
    /// # Errors
    /// The same as for [`Matcher::new`].
    pub fn of(
        &mut self,
        catalogue: &Catalogue,
        component: &str,
    ) -> Result<Rc<Matcher>, RulesError> {
        let rules = catalogue
            .rules_for(component)
            .map(|(index, _)| index)
            .collect();
        let never = catalogue
            .never()
            .iter()
            .enumerate()
            .filter(|(_, never)| component_fits(&never.component, component));
        match self.0.entry((rules, never.map(|(at, _)| at).collect())) {
            Entry::Occupied(same) => Ok(Rc::clone(same.get())),
            Entry::Vacant(slot) => Ok(Rc::clone(
                slot.insert(Rc::new(Matcher::new(catalogue, component)?)),
            )),
        }
    }
}

/// The globs of a rule with their roles; the exceptions come last.
fn roles(rule: &Rule) -> impl Iterator<Item = (&str, Role)> {
    let takes = rule
        .globs
        .iter()
        .map(|glob| (glob.as_str(), Role::Take(Taking::by_glob(glob))));
    let folders = rule
        .globs
        .iter()
        .filter(|_| rule.whole_directory)
        .filter_map(|glob| glob.strip_suffix("/**"));
    let entries = folders.map(|glob| (glob, Role::Entry));
    takes
        .chain(entries)
        .chain(rule.except.iter().map(|glob| (glob.as_str(), Role::Except)))
}
