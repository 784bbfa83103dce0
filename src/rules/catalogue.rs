//! The catalogue: the built-in rules, plus what the user adds or disables.

use std::collections::HashSet;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::component::component_fits;
use super::databases;
use super::error::{RulesError, line_of};
use super::glob::{compile, typed_in_full};
use super::glob_set::GlobSet;
use super::rule::{Condition, Confidence, Never, RawRule, RemadeBy, Rule, RuleEffect};

/// The rules in order of precedence, and the never-drop list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Catalogue {
    /// Version of the built-in catalogue: increases when a rule changes.
    pub version: u32,
    /// The user's rules first, then the built-in ones; the first that applies wins.
    rules: Vec<Rule>,
    /// Paths that no rule can take.
    never: Vec<Never>,
}

/// The index of a rule in its catalogue: two bytes, for plans with millions of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleIndex(u16);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BuiltinFile {
    version: u32,
    rule: Vec<RawRule>,
    never: Vec<Never>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserFile {
    #[serde(default)]
    disable: Vec<Spanned<String>>,
    #[serde(default)]
    rule: Vec<RawRule>,
}

impl Catalogue {
    /// The catalogue built into the program, parsed once.
    ///
    /// # Errors
    /// Only if the program was built with a broken catalogue, which its tests prevent.
    pub fn builtin() -> Result<&'static Self, RulesError> {
        static BUILTIN: OnceLock<Result<Catalogue, RulesError>> = OnceLock::new();
        BUILTIN
            .get_or_init(|| Self::parse(include_str!("catalogue.toml")))
            .as_ref()
            .map_err(Clone::clone)
    }

    fn parse(text: &str) -> Result<Self, RulesError> {
        let file: BuiltinFile = toml::from_str(text).map_err(|e| RulesError::syntax(text, &e))?;
        let rules = checked(text, file.rule, &[])?;
        for never in &file.never {
            let problem = globs_problem(&never.component, &never.globs, &never.except);
            refuse(text, &never.id, 0, problem)?;
        }
        Ok(Self {
            version: file.version,
            rules,
            never: file.never,
        })
    }

    /// The built-in catalogue extended by a user's file.
    ///
    /// The file may contain `disable = ["id", …]` and any number of `[[rule]]` tables; `id`,
    /// `component`, `globs` and `class` are mandatory in them. An id in `disable` may be one that the
    /// rule had before. The user's rules come before the
    /// built-in ones. The never-drop list cannot be changed. The same limits apply to them as to
    /// the built-in rules: files that cannot be recreated, files known only by inference, and
    /// databases need consent, whatever class a rule has.
    ///
    /// # Errors
    /// The fault in the file, with the line and the rule's id.
    pub fn with_user_file(text: &str) -> Result<Self, RulesError> {
        let builtin = Self::builtin()?;
        let file: UserFile = toml::from_str(text).map_err(|e| RulesError::syntax(text, &e))?;
        let mut rules = checked(text, file.rule, &builtin.rules)?;
        rules.extend(builtin.rules.iter().cloned());
        for id in &file.disable {
            let found = position(&rules, id.get_ref()).and_then(|at| rules.get_mut(at));
            let line = || line_of(text, id.span().start);
            found
                .ok_or_else(|| RulesError::UnknownRule {
                    line: line(),
                    id: id.get_ref().clone(),
                })?
                .enabled = false;
        }
        Ok(Self {
            version: builtin.version,
            rules,
            never: builtin.never.clone(),
        })
    }

    /// All rules in order of precedence, including disabled ones.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The never-drop list.
    pub fn never(&self) -> &[Never] {
        &self.never
    }

    /// The entries of the never-drop list that apply to `component`.
    pub(super) fn never_for(&self, component: &str) -> impl Iterator<Item = &Never> {
        self.never
            .iter()
            .filter(move |never| component_fits(&never.component, component))
    }

    /// The rule at an index that a [`super::Matcher`] of this catalogue returned.
    pub fn rule(&self, index: RuleIndex) -> Option<&Rule> {
        self.rules.get(usize::from(index.0))
    }

    /// The rule with this condition; the first if there are several.
    pub fn by_condition(&self, condition: Condition) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.condition == condition)
    }

    /// The rule with this effect; the first if there are several.
    pub fn by_effect(&self, effect: RuleEffect) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.effect == Some(effect))
    }

    /// The rule with this id, or the one that had it before.
    pub fn by_id(&self, id: &str) -> Option<&Rule> {
        self.rules.get(position(&self.rules, id)?)
    }

    /// The ids of the rules that resemble this one, the most similar first.
    pub fn similar_ids(&self, id: &str) -> Vec<&str> {
        let mut similar: Vec<(usize, &str)> = self
            .rules
            .iter()
            .filter_map(|rule| Some((rule.distance(id)?, rule.id.as_str())))
            .collect();
        similar.sort_unstable();
        similar.into_iter().map(|(_, id)| id).collect()
    }

    /// Why a component must not be dropped as a whole unless it is named: the never-drop list names
    /// this component, not just every component of its kind.
    pub fn irreplaceable(&self, component: &str) -> Option<&str> {
        let names = |never: &&Never| {
            never.component != "addon:*"
                && !never.id.starts_with("local")
                && component_fits(&never.component, component)
        };
        self.never
            .iter()
            .find(names)
            .map(|never| never.reason.as_str())
    }

    /// Where the built-in catalogue knows databases in a component, and what in them is none.
    pub(crate) fn databases_of(&self, component: &str) -> KnownDatabases {
        let globs = |is_wanted: fn(&Rule) -> bool| {
            let rules = self.rules.iter().filter(|rule| {
                !rule.added && is_wanted(rule) && component_fits(&rule.component, component)
            });
            let globs: Vec<&String> = rules.flat_map(|rule| &rule.globs).collect();
            // Globs of the built-in catalogue compile.
            GlobSet::of(&globs).ok().filter(|_| !globs.is_empty())
        };
        KnownDatabases {
            taken: globs(|rule| rule.database),
            spared: globs(|rule| rule.class.is_free() && rule.condition == Condition::None),
        }
    }

    /// The enabled rules for `component`, with their indices.
    pub(super) fn rules_for(&self, component: &str) -> impl Iterator<Item = (RuleIndex, &Rule)> {
        // `checked` allows at most 65,536 rules.
        (0..=u16::MAX)
            .map(RuleIndex)
            .zip(&self.rules)
            .filter(move |(_, rule)| rule.enabled && component_fits(&rule.component, component))
    }
}

/// Where the built-in catalogue knows databases in a component.
#[derive(Debug)]
pub(crate) struct KnownDatabases {
    taken: Option<GlobSet>,
    spared: Option<GlobSet>,
}

impl KnownDatabases {
    /// Whether a rule of the catalogue takes this file as a part of a database.
    pub fn have(&self, path: &[u8]) -> bool {
        let is_match = |set: &GlobSet| set.is_match(path);
        self.taken.as_ref().is_some_and(is_match)
    }

    /// Whether a rule of the catalogue takes this file without asking.
    pub fn spare(&self, path: &[u8]) -> bool {
        self.spared.as_ref().is_some_and(|set| set.is_match(path))
    }
}

/// The index of the rule with this id. A current id goes before a former one, which a user's rule
/// may have taken.
fn position(rules: &[Rule], id: &str) -> Option<usize> {
    let current = rules.iter().position(|rule| rule.id == id);
    current.or_else(|| rules.iter().position(|rule| rule.is_called(id)))
}

fn checked(text: &str, raw: Vec<RawRule>, known: &[Rule]) -> Result<Vec<Rule>, RulesError> {
    let mut seen: HashSet<String> = known.iter().map(|rule| rule.id.clone()).collect();
    let mut rules = Vec::with_capacity(raw.len());
    for raw in raw {
        let at = raw.id.span().start;
        // Only the built-in catalogue itself has no catalogue below it.
        let builtin = known.is_empty();
        let unsaid = builtin && raw.remade_by.is_none();
        let rule = raw.into_rule(!builtin);
        if !seen.insert(rule.id.clone()) {
            let (line, id) = (line_of(text, at), rule.id);
            return Err(RulesError::Duplicate { line, id });
        }
        let full = known.len() + rules.len() >= usize::from(u16::MAX);
        let problem = match (full, unsaid) {
            (true, _) => Some("there are too many rules".into()),
            (_, true) => Some("`remade_by` is missing".into()),
            _ => rule_problem(&rule).or_else(|| consent_problem(&rule, known)),
        };
        refuse(text, &rule.id, at, problem)?;
        rules.push(rule);
    }
    Ok(rules)
}

fn refuse(text: &str, id: &str, at: usize, problem: Option<String>) -> Result<(), RulesError> {
    match problem {
        Some(problem) => Err(RulesError::Invalid {
            line: line_of(text, at),
            id: id.into(),
            problem,
        }),
        None => Ok(()),
    }
}

fn rule_problem(rule: &Rule) -> Option<String> {
    let id_fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if rule.id.is_empty() || !rule.id.chars().all(id_fits) {
        return Some("an id is made of lower-case letters, digits and hyphens".into());
    }
    if rule.whole_directory && !rule.globs.iter().any(|glob| glob.ends_with("/**")) {
        return Some("`whole_directory` needs a glob that ends in /**".into());
    }
    if rule.condition == Condition::OuterGarbage {
        return (rule.component != "backup")
            .then(|| "`outer_garbage` is about the component backup".into());
    }
    globs_problem(&rule.component, &rule.globs, &rule.except)
}

/// Why a rule cannot have a class that is dropped without asking.
fn consent_problem(rule: &Rule, known: &[Rule]) -> Option<String> {
    // Bytes of the outer file that belong to no file: no copy contains them in any case.
    if !rule.class.is_free() || rule.condition == Condition::OuterGarbage {
        return None;
    }
    let class = rule.class.name();
    if rule.remade_by == RemadeBy::Nobody {
        return Some(format!(
            "what nobody makes again is not of the class {class}, which goes without being asked about; write history or user"
        ));
    }
    if rule.confidence == Confidence::Inferred {
        return Some(format!(
            "paths that are only inferred are not of the class {class}, which goes without being asked about; write history or user"
        ));
    }
    let glob = databases::claimed(rule, known)?;
    Some(format!(
        "the glob '{glob}' takes files of a database, which nothing makes again: they are not of the class {class}, which goes without being \
         asked about; write history or user, or name them in `except`"
    ))
}

fn globs_problem(component: &str, globs: &[String], except: &[String]) -> Option<String> {
    if globs.is_empty() {
        return Some("`globs` is empty".into());
    }
    if let Some(problem) = component_problem(component) {
        return Some(problem);
    }
    globs
        .iter()
        .chain(except)
        .find_map(|glob| glob_problem(glob))
}

fn component_problem(component: &str) -> Option<String> {
    const KNOWN: [&str; 6] = [
        "homeassistant",
        "supervisor",
        "media",
        "share",
        "ssl",
        "addons/local",
    ];
    if let Err(error) = compile(component) {
        return Some(format!(
            "the component '{component}' is no glob: {}",
            error.kind()
        ));
    }
    let known =
        KNOWN.contains(&component) || component.starts_with("addon:") || !typed_in_full(component);
    (!known).then(|| {
        format!("there is no component '{component}'; write homeassistant, media, share, ssl, addons/local, supervisor or addon:SLUG")
    })
}

fn glob_problem(glob: &str) -> Option<String> {
    if glob.is_empty() || glob.starts_with('/') || glob.starts_with("./") || glob.ends_with('/') {
        return Some(format!(
            "the glob '{glob}' must be relative, without ./ in front and without / at the end; X/** means all below X"
        ));
    }
    compile(glob)
        .err()
        .map(|error| format!("'{glob}' is no glob: {}", error.kind()))
}
