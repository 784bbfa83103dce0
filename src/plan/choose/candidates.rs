//! What could be left out: the matches of the rules in every surveyed part and, as a last resort,
//! the parts themselves.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use crate::component::{LOCAL_ADDONS, is_local_addon};
use crate::error::{Error, Kind, Result};
use crate::format::tar::block::EntryKind;
use crate::open::{Backup, ComponentKind, Part};
use crate::pipe::parallel;
use crate::plan::choose::candidate::Candidate;
use crate::plan::edit::conditions::Conditions;
use crate::plan::edit::groups::Groups;
use crate::plan::edit::paths::paths;
use crate::plan::edit::scan::{Scan, Scans};
use crate::plan::effects::{Which, effect, rule_of_database, which_recorder};
use crate::plan::model::{Action, PartEdit, Plan};
use crate::plan::request::Request;
use crate::rules::{Condition, Effect, Matcher, Matchers, Matching, Rule, RuleIndex, Split};
use crate::survey::{Entry, PartSurvey};

/// Up to this many files of a rule that takes single files can be decided separately. All smaller
/// ones are kept or dropped together.
const APART: usize = 50;

/// By rule: the entries that it finds, in rising order; and the rules of which the user keeps
/// something.
type Gathered = (BTreeMap<RuleIndex, Vec<usize>>, HashSet<RuleIndex>);

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
                conditions: Conditions::new(backup, part, request, survey),
                cut,
                scan: scans.of(at),
            };
            units.extend(finder.find(&mut matchers)?);
        }
    }
    spare_local_source(backup, named, &mut units);
    units.extend(wholes(backup, surveys, request, named, &units));
    Ok(units)
}

/// Whether a unit may be dropped: because of its class, or because the user agreed.
pub(in crate::plan) fn may_go(backup: &Backup, request: &Request, unit: &Candidate) -> bool {
    let key = unit.key(backup);
    let agreed = request.consent.contains(&key) || request.forced.contains(&key);
    // A part of which the user wants to keep something does not go as a whole.
    let is_declined = |(part, rule): &(String, Option<String>)| {
        *part == key.0 && (unit.rule.is_none() || *rule == key.1)
    };
    agreed || request.class_may_go(unit.class()) && !request.declined.iter().any(is_declined)
}

/// The units that may be dropped.
pub(in crate::plan) fn allowed(
    backup: &Backup,
    request: &Request,
    units: &[Candidate],
) -> Vec<Candidate> {
    let may = |unit: &&Candidate| may_go(backup, request, unit);
    units.iter().filter(may).cloned().collect()
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

/// The parts that can be dropped as a whole.
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
        let is_file = |e: &&Entry| e.kind != EntryKind::Directory;
        let survey = surveys.iter().find(|s| s.part == at);
        let files = survey.map_or(0, |s| s.entries.iter().filter(is_file).count());
        let stored = survey.map_or_else(|| backup.stored(part), |s| s.stored(backup));
        let effect = effect(backup, part, true, None, &request.database);
        wholes.push(Candidate::whole(at, effect, stored, files as u64));
    }
    wholes
}

/// Replaces what was picked from a folder with the whole folder, if it is everything in it.
///
/// On restore, Home Assistant leaves the live folder alone if the copy lacks the whole folder, but
/// empties it first if only some contents are missing. Dropping the whole folder is therefore
/// better, and loses nothing more.
pub(in crate::plan) fn folded(
    backup: &Backup,
    wholes: &[Candidate],
    picked: Vec<Candidate>,
) -> Vec<Candidate> {
    let mut picked = picked;
    for whole in wholes
        .iter()
        .filter(|whole| whole.rule.is_none() && whole.files > 0)
    {
        let is_folder = backup.part(whole.part).kind == ComponentKind::Folder;
        let (inside, others): (Vec<_>, Vec<_>) = std::mem::take(&mut picked)
            .into_iter()
            .partition(|unit| unit.part == whole.part && !unit.is_whole());
        let all = inside.iter().map(|unit| unit.files).sum::<u64>() == whole.files;
        picked = others;
        if is_folder && all {
            picked.push(whole.made_up_of(inside));
        } else {
            picked.extend(inside);
        }
    }
    picked
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
    /// What the user dropped from this part, if anything.
    cut: Option<&'a PartEdit>,
    scan: Option<&'a Scan>,
}

impl Finder<'_> {
    fn find(&self, matchers: &mut Matchers) -> Result<Vec<Candidate>> {
        let Conditions {
            backup,
            part,
            request,
            survey,
            ..
        } = self.conditions;
        let matcher = matchers
            .of(&request.catalogue, &part.id)
            .map_err(|e| Error::new(Kind::Usage, e.to_string()))?;
        let matcher = matcher.as_ref();
        if matcher.is_empty() {
            return Ok(Vec::new());
        }
        let paths = paths(backup, part, survey);
        let groups = Groups::new(&part.id, survey, &paths);
        let rule_of = |matching: &mut Matching<'_>, index: usize| {
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
            matching.rule_where(path, entry.kind == EntryKind::Directory, accept)
        };
        // Files that a database needs are dropped for the same reason as the database.
        let found = |matching: &mut Matching<'_>, index: usize| {
            let of_leader = rule_of(matching, groups.leader(index));
            of_leader.or_else(|| rule_of(matching, groups.main(index)?))
        };
        let (finds, wanted) = self.gather(matcher, found)?;
        let units = finds.into_iter().flat_map(|(rule, mut entries)| {
            groups.only_together(&mut entries);
            self.units(rule, entries, wanted.contains(&rule), &paths)
        });
        Ok(units.collect())
    }

    /// Gathers the entries that rules find and that are still there, and the rules of which the
    /// user keeps something. The result does not depend on the number of threads.
    fn gather(
        &self,
        matcher: &Matcher,
        found: impl Fn(&mut Matching<'_>, usize) -> Option<RuleIndex> + Sync,
    ) -> Result<Gathered> {
        let Conditions {
            request, survey, ..
        } = self.conditions;
        let step = |range: Range<usize>| -> Result<Vec<(usize, RuleIndex)>> {
            request.control.check()?;
            let (mut here, mut pace) = (Vec::new(), request.control.pace());
            let mut matching = matcher.matching();
            let entries = survey.entries.get(range.clone()).unwrap_or_default();
            for (index, entry) in range.zip(entries) {
                pace.step(entry.name.len())?;
                if !self.cut.is_some_and(|cut| cut.drops_name(index)) {
                    here.extend(found(&mut matching, index).map(|rule| (index, rule)));
                }
            }
            Ok(here)
        };
        let (mut finds, mut wanted) = Gathered::default();
        for here in parallel::in_steps(request.control.threads(), survey.entries.len(), step) {
            for (index, rule) in here? {
                if self.scan.is_some_and(|scan| scan.keeps(index)) {
                    wanted.insert(rule);
                } else {
                    finds.entry(rule).or_default().push(index);
                }
            }
        }
        Ok((finds, wanted))
    }

    /// The units of one rule: one, or one for each of its largest files. Files of a database have
    /// a unit of their own, since a restore treats them in another way.
    fn units(
        &self,
        rule: RuleIndex,
        entries: Vec<usize>,
        wanted: bool,
        paths: &[Option<&[u8]>],
    ) -> Vec<Candidate> {
        let Conditions {
            request, survey, ..
        } = self.conditions;
        let rule = request.catalogue.rule(rule);
        let Some(rule) = rule.filter(|rule| !(rule.all_or_nothing && wanted)) else {
            return Vec::new();
        };
        let units = |(effect, entries): (Effect, Vec<usize>)| {
            let each = match rule.split {
                Split::File => self.one_by_one(entries),
                Split::None | Split::Oldest => vec![entries],
            };
            let unit = move |entries| Candidate::find(survey, rule, effect, entries);
            each.into_iter().map(unit)
        };
        let by_effect = self.by_effect(rule, entries, paths);
        // Empty folders are not worth mentioning.
        let worth = |unit: &Candidate| unit.files > 0;
        by_effect
            .into_iter()
            .flat_map(units)
            .filter(worth)
            .collect()
    }

    /// The entries of a rule by what a restore does about them.
    fn by_effect(
        &self,
        rule: &Rule,
        entries: Vec<usize>,
        paths: &[Option<&[u8]>],
    ) -> Vec<(Effect, Vec<usize>)> {
        let Conditions {
            backup,
            part,
            request,
            ..
        } = self.conditions;
        let path = |at: &usize| paths.get(*at).copied().flatten();
        let effect_of = |rule| effect(backup, part, false, rule, &request.database);
        let goes = |which| {
            let mut paths = entries.iter().filter_map(path);
            paths.any(|path| which_recorder(request, part, path) == Some(which))
        };
        let (usual, moved) = (goes(Which::Usual), goes(Which::Moved));
        let of_database = |at: &usize| {
            let of_database = rule_of_database(request, part, path(at)?)?;
            let goes = match of_database.map(|rule| rule.condition) {
                Some(Condition::RecorderUrl) => moved,
                Some(Condition::RecorderDatabase) => usual,
                _ => true,
            };
            goes.then(|| effect_of(of_database))
        };
        // What lies next to a database that stays, or that is not there, is not the database.
        let others = (!rule.condition.is_of_the_recorder()).then(|| effect_of(Some(rule)));
        let mut found: Vec<(Effect, Vec<usize>)> = Vec::new();
        for at in &entries {
            let Some(effect) = of_database(at).or(others) else {
                continue;
            };
            match found.iter_mut().find(|(known, _)| *known == effect) {
                Some((_, entries)) => entries.push(*at),
                None => found.push((effect, vec![*at])),
            }
        }
        found
    }

    /// The largest files, each alone, and all others together.
    fn one_by_one(&self, entries: Vec<usize>) -> Vec<Vec<usize>> {
        let stored = |at: &usize| self.conditions.survey.entries.get(*at).map(|e| e.stored);
        let mut by_size = entries.clone();
        by_size.sort_by_key(|at| std::cmp::Reverse(stored(at)));
        by_size.truncate(APART);
        let apart: HashSet<usize> = by_size.iter().copied().collect();
        let mut units: Vec<Vec<usize>> = by_size.into_iter().map(|at| vec![at]).collect();
        let rest: Vec<usize> = entries
            .into_iter()
            .filter(|at| !apart.contains(at))
            .collect();
        units.extend((!rest.is_empty()).then_some(rest));
        units
    }
}
