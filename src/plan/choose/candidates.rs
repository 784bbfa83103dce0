//! What could be left out: the matches of the rules in every surveyed part and, as a last resort,
//! the parts themselves.

use std::collections::{BTreeMap, HashSet};

use crate::component::{LOCAL_ADDONS, is_local_addon};
use crate::error::{Error, Kind, Result};
use crate::format::tar::block::EntryKind;
use crate::open::{Backup, ComponentKind, Part};
use crate::plan::edit::conditions::Conditions;
use crate::plan::edit::groups::Groups;
use crate::plan::edit::paths::paths;
use crate::plan::edit::scan::{Scan, Scans};
use crate::plan::model::{Action, Candidate, PartEdit, Plan};
use crate::plan::request::Request;
use crate::rules::{Condition, Effect, Matchers, RuleIndex};
use crate::survey::PartSurvey;

/// Up to this many backups inside one part can be decided separately. All smaller ones are kept or
/// dropped together.
const NESTED_APART: usize = 50;

/// Finds every unit about which the user has not decided, in the order of the parts.
///
/// # Errors
/// `Usage` when the catalogue's globs cannot be compiled.
pub(in crate::plan) fn find(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    scans: &Scans,
    named: &Plan,
) -> Result<Vec<Candidate>> {
    let (mut units, mut matchers) = (Vec::new(), Matchers::default());
    let actions = || named.parts.iter().map(|p| &p.action);
    for (at, (part, action)) in backup.parts.iter().zip(actions()).enumerate() {
        if let (
            Some(survey),
            Action::Copy | Action::Reencrypt | Action::Rewrite | Action::Edit(_),
        ) = (surveys.iter().find(|s| s.part == at), action)
        {
            let cut = if let Action::Edit(cut) = action {
                Some(cut)
            } else {
                None
            };
            let finder = Finder {
                conditions: Conditions {
                    backup,
                    part,
                    request,
                    survey,
                },
                at,
                cut,
                scan: scans.of(at),
            };
            units.extend(finder.find(&mut matchers)?);
        }
    }
    spare_local_source(backup, named, &mut units);
    let wholes = wholes(backup, surveys, request, named, &units);
    // A piece that decides about its whole folder is no longer a separate choice.
    let decides = |unit: &Candidate| wholes.iter().any(|w| w.pieces.first() == Some(unit));
    units.retain(|unit| !decides(unit));
    units.extend(wholes);
    Ok(units)
}

/// Whether a unit may be dropped: because of its class, or because the user agreed.
pub(in crate::plan) fn may_go(backup: &Backup, request: &Request, unit: &Candidate) -> bool {
    request.class_may_go(unit.class()) || request.consent.contains(&unit.key(backup))
}

/// The units that may be dropped. If a whole folder may be dropped because of its contents, the
/// user does not also have to agree to dropping it as a folder.
pub(in crate::plan) fn allowed(
    backup: &Backup,
    request: &Request,
    units: &[Candidate],
) -> Vec<Candidate> {
    let may = |unit: &&Candidate| may_go(backup, request, unit);
    let known: HashSet<usize> = units
        .iter()
        .filter(may)
        .filter(|u| !u.pieces.is_empty())
        .map(|u| u.part)
        .collect();
    units
        .iter()
        .filter(may)
        .filter(|u| u.rule.is_some() || !known.contains(&u.part))
        .cloned()
        .collect()
}

/// If an image is to be built from the source of local add-ons, that source must stay whole.
fn spare_local_source(backup: &Backup, named: &Plan, units: &mut Vec<Candidate>) {
    let part = |unit: &Candidate| backup.parts.get(unit.part).map_or("", |p| p.id.as_str());
    let planned = units.iter().any(|u| is_image(u) && is_local_addon(part(u)));
    if planned || builds_local_image(backup, named) {
        units.retain(|unit| part(unit) != LOCAL_ADDONS);
    }
}

fn is_image(unit: &Candidate) -> bool {
    unit.rule
        .as_ref()
        .is_some_and(|rule| rule.condition == Condition::ImageTar)
}

/// Whether the user drops the image of a local add-on.
fn builds_local_image(backup: &Backup, named: &Plan) -> bool {
    let is_local = |part: usize| is_local_addon(&backup.part(part).id);
    let mut images = named
        .drops
        .iter()
        .filter(|dropped| dropped.effect == Effect::ImageTar);
    images.any(|dropped| dropped.part.is_some_and(is_local))
        && backup.parts.iter().any(|p| p.id == LOCAL_ADDONS)
}

/// The parts that can be dropped as a whole: folders in which rules match every file, and all other
/// parts that contain something that can be spared.
fn wholes(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    named: &Plan,
    units: &[Candidate],
) -> Vec<Candidate> {
    let image_of_local = units
        .iter()
        .any(|u| is_image(u) && is_local_addon(&backup.part(u.part).id))
        || builds_local_image(backup, named);
    let mut wholes = Vec::new();
    for (at, part) in backup.parts.iter().enumerate() {
        let needed = image_of_local && part.id == LOCAL_ADDONS;
        let untouched = matches!(
            named.parts.get(at).map(|p| &p.action),
            Some(Action::Copy | Action::Reencrypt | Action::Rewrite)
        );
        if !untouched || needed || !may_go_whole(part, request) {
            continue;
        }
        let whole = Candidate::whole(backup, at);
        if let Some(survey) = surveys.iter().find(|s| s.part == at) {
            wholes.extend(known_through(part, survey, units, &whole));
        }
        wholes.push(whole);
    }
    wholes
}

/// A whole folder as one unit, under the rule that matched its most valuable contents, if
/// everything else in it may be dropped anyway.
///
/// On restore, Home Assistant leaves the live folder alone if the copy lacks the whole folder, but
/// empties it first if only some contents are missing. Dropping the whole folder is therefore
/// better, and loses nothing of value.
fn known_through(
    part: &Part,
    survey: &PartSurvey,
    units: &[Candidate],
    whole: &Candidate,
) -> Option<Candidate> {
    let mut pieces: Vec<Candidate> = units
        .iter()
        .filter(|u| u.part == whole.part)
        .cloned()
        .collect();
    pieces.sort_by_key(|u| std::cmp::Reverse(u.class()));
    let (first, rest) = pieces.split_first()?;
    let free = rest
        .iter()
        .all(|u| u.class().is_free() && u.class() < first.class());
    let files = survey
        .entries
        .iter()
        .filter(|e| e.kind != EntryKind::Directory)
        .count() as u64;
    let all = pieces.iter().map(|u| u.files).sum::<u64>() == files;
    let rule = first.rule.clone();
    (part.kind == ComponentKind::Folder && free && all).then(|| Candidate {
        rule,
        files,
        pieces,
        ..whole.clone()
    })
}

/// Never the configuration, the certificates, anything that the system needs, anything
/// irreplaceable, or a part of which the user keeps something.
fn may_go_whole(part: &Part, request: &Request) -> bool {
    let kind = part.kind == ComponentKind::Addon || part.kind == ComponentKind::Folder;
    let wanted = request.keeps_component(&part.id) || request.keeps_within(&part.id);
    kind && !wanted && request.catalogue.irreplaceable(&part.id).is_none()
}

struct Finder<'a> {
    conditions: Conditions<'a>,
    at: usize,
    /// What the user dropped from this part, if anything.
    cut: Option<&'a PartEdit>,
    scan: Option<&'a Scan>,
}

/// Identifies a unit: all matches of a rule, or one backup among them.
type Key = (RuleIndex, usize);

/// A unit while entries are added to it.
#[derive(Default)]
struct Find {
    entries: Vec<usize>,
    stored: u64,
    files: u64,
}

impl Finder<'_> {
    fn find(&self, matchers: &mut Matchers) -> Result<Vec<Candidate>> {
        let Conditions {
            backup,
            part,
            request,
            survey,
        } = self.conditions;
        let matcher = matchers
            .of(&request.catalogue, &part.id)
            .map_err(|e| Error::new(Kind::Usage, e.to_string()))?;
        if matcher.is_empty() {
            return Ok(Vec::new());
        }
        let paths = paths(backup, part, survey);
        let groups = Groups::new(&part.id, survey, &paths);
        let rule_of = |index: usize| {
            let (path, entry) = (
                paths.get(index).copied().flatten()?,
                survey.entries.get(index)?,
            );
            let accept = |rule| {
                request
                    .catalogue
                    .rule(rule)
                    .is_some_and(|rule| self.conditions.met(rule, path, entry))
            };
            matcher.rule_where(path, entry.kind == EntryKind::Directory, accept)
        };
        // Files that a database needs are dropped for the same reason as the database.
        let found =
            |index: usize| rule_of(groups.leader(index)).or_else(|| rule_of(groups.main(index)?));
        let (finds, wanted) = self.gather(found)?;
        let unit = |((rule, _), find): (Key, Find)| {
            self.unit(rule, self.together(&groups, find), wanted.contains(&rule))
        };
        Ok(finds.into_iter().filter_map(unit).collect())
    }

    /// Gathers the entries that rules find and that are still there, and the rules of which the
    /// user keeps something.
    fn gather(
        &self,
        found: impl Fn(usize) -> Option<RuleIndex>,
    ) -> Result<(BTreeMap<Key, Find>, HashSet<RuleIndex>)> {
        let Conditions {
            request, survey, ..
        } = self.conditions;
        let apart = self.apart();
        let (mut finds, mut wanted) = (BTreeMap::<Key, Find>::new(), HashSet::new());
        let mut pace = request.control.pace();
        for (index, entry) in survey.entries.iter().enumerate() {
            pace.step(entry.name.len())?;
            if self.cut.is_some_and(|cut| cut.drops_name(index)) {
                continue;
            }
            let Some(found) = found(index) else { continue };
            let Some(rule) = request.catalogue.rule(found) else {
                continue;
            };
            if self.scan.is_some_and(|scan| scan.keeps(index)) {
                wanted.insert(found);
                continue;
            }
            let own = if rule.condition.wants_backup() && apart.contains(&index) {
                index
            } else {
                usize::MAX
            };
            let find = finds.entry((found, own)).or_default();
            find.entries.push(index);
            find.stored += entry.stored;
            find.files += u64::from(entry.kind != EntryKind::Directory);
        }
        Ok((finds, wanted))
    }

    /// The match without the files that can only be dropped together with files outside it.
    fn together(&self, groups: &Groups, find: Find) -> Find {
        let mut entries = find.entries.clone();
        groups.only_together(&mut entries);
        if entries.len() == find.entries.len() {
            return find;
        }
        let of = |at: &usize| self.conditions.survey.entries.get(*at);
        let stored = entries.iter().filter_map(of).map(|e| e.stored).sum();
        let files = entries
            .iter()
            .filter_map(of)
            .filter(|e| e.kind != EntryKind::Directory)
            .count() as u64;
        Find {
            entries,
            stored,
            files,
        }
    }

    fn unit(&self, rule: RuleIndex, find: Find, wanted: bool) -> Option<Candidate> {
        let rule = self.conditions.request.catalogue.rule(rule)?;
        let Find {
            entries,
            stored,
            files,
        } = find;
        // Empty folders are not worth mentioning.
        let worth = files > 0 && !(rule.all_or_nothing && wanted);
        worth.then(|| Candidate {
            part: self.at,
            rule: Some(rule.clone()),
            entries: entries.into(),
            stored,
            files,
            pieces: Vec::new(),
        })
    }

    /// The largest backups inside the part.
    fn apart(&self) -> HashSet<usize> {
        let entries = self.conditions.survey.entries.iter().enumerate();
        let mut nested: Vec<(usize, u64)> = entries
            .filter(|(_, e)| e.contents.is_backup())
            .map(|(at, e)| (at, e.stored))
            .collect();
        nested.sort_by_key(|&(_, stored)| std::cmp::Reverse(stored));
        nested
            .into_iter()
            .take(NESTED_APART)
            .map(|(at, _)| at)
            .collect()
    }
}
