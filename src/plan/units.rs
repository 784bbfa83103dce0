//! What could be left out: the rules' finds in every surveyed part, and the parts
//! themselves as a last resort.

use std::collections::{BTreeMap, HashSet};

use super::choose::Item;
use super::cut::Cut;
use super::{Action, Plan, Request};
use crate::error::{Error, Kind, Result};
use crate::format::block::EntryKind;
use crate::open::{Backup, ComponentKind, Part};
use crate::rules::{Catalogue, Class, Condition, Matcher, Rule, RuleIndex, belongs_to_database, image_tar_allowed, slug_prefix};
use crate::survey::{Entry, PartSurvey, config_path};

/// The tier of whole folders and add-ons, after every class.
const WHOLE: u8 = 5;

/// Something that is left out together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Index of the part.
    pub part: usize,
    /// The rule that found it; `None` for a whole part.
    pub rule: Option<Rule>,
    /// Indices of its entries in the part's survey, rising; empty for a whole part.
    pub entries: Vec<usize>,
    /// Compressed bytes that it takes.
    pub stored: u64,
    /// How many of its entries are no directories.
    pub files: u64,
}

impl Unit {
    /// True for a part as a whole.
    pub fn is_whole(&self) -> bool {
        self.rule.is_none()
    }

    /// The class whose consent it needs; whole parts need that for user data.
    pub fn class(&self) -> Class {
        self.rule.as_ref().map_or(Class::User, |rule| rule.class)
    }

    /// What consent to it is kept under: the component, and the rule unless it is the whole part.
    pub fn key(&self, backup: &Backup) -> (String, Option<String>) {
        let component = backup.parts.get(self.part).map_or_else(String::new, |p| p.id.clone());
        (component, self.rule.as_ref().map(|r| r.id.clone()))
    }

    /// As the planner sees it.
    pub(super) fn item(&self) -> Item {
        let tier = self.rule.as_ref().map_or(WHOLE, |rule| rule.class as u8);
        Item { size: self.stored, tier, part: self.part, whole: self.is_whole() }
    }
}

/// Finds every unit that the user's words leave open, in the order of the parts.
///
/// # Errors
/// `Usage` when the catalogue's globs cannot be compiled.
pub(super) fn find(backup: &Backup, surveys: &[PartSurvey], request: &Request, named: &Plan) -> Result<Vec<Unit>> {
    let mut units = Vec::new();
    let actions = || named.parts.iter().map(|p| &p.action);
    let local_kept = backup.parts.iter().zip(actions()).any(|(p, a)| p.id == "addons/local" && *a == Action::Copy);
    for (at, (part, action)) in backup.parts.iter().zip(actions()).enumerate() {
        if let (Some(survey), Action::Copy | Action::Rewrap | Action::Cut(_)) = (surveys.iter().find(|s| s.part == at), action) {
            let cut = if let Action::Cut(cut) = action { Some(cut) } else { None };
            let finder = Finder { backup, part, at, survey, request, cut, local_kept };
            units.extend(finder.find()?);
        }
    }
    let image_of_local = units.iter().any(|u| backup.parts[u.part].id.starts_with("addon:local_") && is_image(u));
    for (at, part) in backup.parts.iter().enumerate() {
        let needed = image_of_local && part.id == "addons/local";
        if matches!(named.parts.get(at).map(|p| &p.action), Some(Action::Copy | Action::Rewrap)) && may_go_whole(part, request) && !needed {
            units.push(Unit { part: at, rule: None, entries: Vec::new(), stored: backup.stored(part), files: 0 });
        }
    }
    Ok(units)
}

fn is_image(unit: &Unit) -> bool {
    unit.rule.as_ref().is_some_and(|rule| rule.condition == Condition::ImageTar)
}

/// Never the configuration, the certificates, what the system needs, what cannot
/// be replaced, or what the user wants to keep something of.
fn may_go_whole(part: &Part, request: &Request) -> bool {
    let kind = part.kind == ComponentKind::Addon || part.kind == ComponentKind::Folder;
    let wanted = request.keeps.iter().any(|s| s.takes_component(&part.id) || s.looks_into(&part.id));
    kind && !wanted && request.catalogue.irreplaceable(&part.id).is_none()
}

struct Finder<'a> {
    backup: &'a Backup,
    part: &'a Part,
    at: usize,
    survey: &'a PartSurvey,
    request: &'a Request,
    /// What the user named in this part, if anything.
    cut: Option<&'a Cut>,
    local_kept: bool,
}

impl Finder<'_> {
    fn find(&self) -> Result<Vec<Unit>> {
        let catalogue = &self.request.catalogue;
        let matcher = Matcher::new(catalogue, &self.part.id).map_err(|e| Error::new(Kind::Usage, e.to_string()))?;
        if matcher.is_empty() {
            return Ok(Vec::new());
        }
        let mut units: BTreeMap<(RuleIndex, usize), Unit> = BTreeMap::new();
        let mut wanted = HashSet::new();
        for (index, entry) in self.survey.entries.iter().enumerate() {
            let Some(path) = config_path(self.part.kind, self.backup.manifest.version(), &entry.name) else { continue };
            let accept = |rule| catalogue.rule(rule).is_some_and(|rule| self.applies(rule, path, entry));
            let Some(found) = matcher.rule_where(path, entry.kind == EntryKind::Directory, accept) else { continue };
            let Some(rule) = catalogue.rule(found) else { continue };
            if self.cut.is_some_and(|cut| cut.verdicts.get(index).copied().flatten().is_some()) {
                continue;
            }
            if self.request.keeps.iter().any(|s| s.takes_path(&self.part.id, path)) {
                wanted.insert(found);
                continue;
            }
            // Each backup inside the backup can be decided about on its own.
            let own = if rule.condition == Condition::NestedBackup { index } else { 0 };
            let unit = units.entry((found, own)).or_insert_with(|| self.empty(rule));
            unit.entries.push(index);
            unit.stored += entry.stored;
            unit.files += u64::from(entry.kind != EntryKind::Directory);
        }
        let broken = |rule: &RuleIndex, unit: &Unit| unit.rule.as_ref().is_some_and(|r| r.all_or_nothing) && wanted.contains(rule);
        // Empty folders are not worth a word.
        let worth = |(key, unit): &((RuleIndex, usize), Unit)| unit.files > 0 && !broken(&key.0, unit);
        Ok(units.into_iter().filter(worth).map(|(_, unit)| unit).collect())
    }

    fn empty(&self, rule: &Rule) -> Unit {
        Unit { part: self.at, rule: Some(rule.clone()), entries: Vec::new(), stored: 0, files: 0 }
    }

    fn applies(&self, rule: &Rule, path: &[u8], entry: &Entry) -> bool {
        match rule.condition {
            Condition::None | Condition::RecorderDatabase => true,
            Condition::NestedBackup => entry.nested_backup,
            Condition::RecorderUrl => self.survey.recorder.as_deref().is_some_and(|db| belongs_to_database(path, db)),
            Condition::ImageTar => image_tar_allowed(self.part.list_name(), self.repository_listed(), self.local_kept).is_ok(),
        }
    }

    fn repository_listed(&self) -> bool {
        let slug = self.part.list_name();
        let prefix = slug.split('_').next().unwrap_or_default();
        self.backup.manifest.repositories().any(|url| slug_prefix(url) == prefix)
    }
}

/// The catalogue that a plan uses when nothing else is said.
///
/// # Errors
/// `Internal`, which the tests of the catalogue rule out.
pub fn builtin_catalogue() -> Result<Catalogue> {
    Catalogue::builtin().cloned().map_err(|e| Error::new(Kind::Internal, e.to_string()))
}
