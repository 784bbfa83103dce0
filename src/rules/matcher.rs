//! Finds the rule for a path.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

use super::catalogue::{Catalogue, RuleIndex};
use super::component::component_fits;
use super::error::RulesError;
use super::glob::compile;
use super::glob_set::{GlobSet, Search};
use super::never::Taking;
use super::rule::{Never, Rule};

/// The rules and the never-drop list for one component, compiled into one set of globs.
///
/// Matching allocates nothing for each path, so that archives with millions of entries cost little
/// more than the glob automaton itself. It can be shared between threads.
#[derive(Debug, Clone)]
pub struct Matcher {
    set: GlobSet,
    /// The role of each of the first globs of the set in its rule, in the order of the rules.
    slots: Vec<Slot>,
    /// The role of each of the other globs in the never-drop list.
    guards: Vec<Guard>,
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

/// A glob of the never-drop list.
#[derive(Debug, Clone, Copy)]
struct Guard {
    /// The number of its entry in the list.
    entry: usize,
    /// Whether it excludes what it matches from its own entry.
    is_exception: bool,
    /// Whether the entry allows whole folders to be taken.
    unless_whole_folder: bool,
}

impl Matcher {
    /// Compiles the enabled rules for `component` (an id such as `media` or `addon:core_mariadb`),
    /// and its never-drop list.
    ///
    /// # Errors
    /// `Compile`, if the glob compiler fails.
    pub fn new(catalogue: &Catalogue, component: &str) -> Result<Self, RulesError> {
        let refused = |message: String| RulesError::Compile {
            component: component.into(),
            message,
        };
        let compiled = |glob| compile(glob).map_err(|e| refused(e.to_string()));
        let (mut globs, mut slots, mut guards) = (Vec::new(), Vec::new(), Vec::new());
        for (index, rule) in catalogue.rules_for(component) {
            for (glob, role) in roles(rule) {
                globs.push(compiled(glob)?);
                slots.push(Slot { rule: index, role });
            }
        }
        for (entry, never) in catalogue.never_for(component).enumerate() {
            for (glob, is_exception) in guarded(never) {
                globs.push(compiled(glob)?);
                guards.push(Guard {
                    entry,
                    is_exception,
                    unless_whole_folder: never.unless_whole_folder,
                });
            }
        }
        Ok(Self {
            set: GlobSet::new(&globs).map_err(refused)?,
            slots,
            guards,
        })
    }

    /// Begins to match paths. Where many are matched, one of these serves for all.
    pub fn matching(&self) -> Matching<'_> {
        Matching {
            matcher: self,
            search: self.set.search(),
            matched: Vec::new(),
        }
    }

    /// As [`Matching::rule_where`] for a single path, whatever the condition of the rule.
    pub fn rule_for(&self, path: &[u8], is_dir: bool) -> Option<RuleIndex> {
        self.matching().rule_where(path, is_dir, |_| true)
    }

    fn choose(
        &self,
        matched: &[usize],
        is_dir: bool,
        mut accept: impl FnMut(RuleIndex) -> bool,
    ) -> Option<RuleIndex> {
        let rule = |at: &usize| self.slots.get(*at).map(|slot| slot.rule);
        let rules = matched.partition_point(|&at| at < self.slots.len());
        let (matched, guarding) = matched.split_at(rules);
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
            let is_free = |taking| !self.holds(guarding, taking);
            if accept(rule) && slots().filter_map(taking).any(is_free) {
                return Some(rule);
            }
        }
        None
    }

    /// Whether the never-drop list protects a path that would be taken in this way and that these
    /// of its globs match: the same as [`super::NeverList::reason_when`].
    fn holds(&self, matched: &[usize], taking: Taking) -> bool {
        let guard = |at: &usize| self.guards.get(at.checked_sub(self.slots.len())?);
        let entry = |at: &usize| guard(at).map(|guard| guard.entry);
        // The matches of one entry are adjacent.
        matched.chunk_by(|a, b| entry(a) == entry(b)).any(|said| {
            let excuses = |guard: &Guard| {
                guard.is_exception || guard.unless_whole_folder && taking == Taking::Folder
            };
            !said.iter().filter_map(guard).any(excuses)
        })
    }

    /// True if no rule applies to this component: then no path needs matching.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

/// Matches one path after the other.
pub struct Matching<'a> {
    matcher: &'a Matcher,
    search: Search<'a>,
    matched: Vec<usize>,
}

impl Matching<'_> {
    /// The first rule that takes `path` and that `accept` accepts. Use it to check
    /// [`super::Condition`]s and to exclude classes without losing the later rules.
    ///
    /// `path` is relative to the component, without `./` and without a trailing slash. Directory
    /// entries are only taken by globs that take a folder; a plan must still keep the entry of a
    /// directory in which something is kept. Paths protected by the never-drop list have no rule.
    pub fn rule_where(
        &mut self,
        path: &[u8],
        is_dir: bool,
        accept: impl FnMut(RuleIndex) -> bool,
    ) -> Option<RuleIndex> {
        if path.is_empty() {
            return None;
        }
        self.search.matches(path, &mut self.matched);
        self.matcher.choose(&self.matched, is_dir, accept)
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

/// The globs of an entry of the never-drop list, and whether each is an exception.
fn guarded(never: &Never) -> impl Iterator<Item = (&str, bool)> {
    let globs = never.globs.iter().map(|glob| (glob.as_str(), false));
    globs.chain(never.except.iter().map(|glob| (glob.as_str(), true)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::super::glob_set::tests::paths;
    use super::super::never::NeverList;
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn one_pass_finds_what_the_never_drop_list_holds(path in paths()) {
            for (component, matcher, never) in &*COMPILED {
                let mut matched = Vec::new();
                matcher.set.search().matches(&path, &mut matched);
                matched.retain(|&at| at >= matcher.slots.len());
                for taking in [Taking::File, Taking::Folder] {
                    let listed = never.reason_when(&path, taking).is_some();
                    prop_assert_eq!(matcher.holds(&matched, taking), listed, "{} {:?}", component, taking);
                }
            }
        }
    }

    const COMPONENTS: [&str; 6] = [
        "homeassistant",
        "media",
        "addons/local",
        "addon:core_mosquitto",
        "addon:a0d7b954_zigbee2mqtt",
        "addon:x",
    ];

    /// Compiled once: that takes longer than all cases.
    static COMPILED: LazyLock<Vec<(&str, Matcher, NeverList)>> = LazyLock::new(|| {
        let catalogue = Catalogue::builtin().unwrap();
        let compiled = |component| {
            let matcher = Matcher::new(catalogue, component).unwrap();
            let never = NeverList::new(catalogue, component).unwrap();
            (component, matcher, never)
        };
        COMPONENTS.map(compiled).into()
    });
}
