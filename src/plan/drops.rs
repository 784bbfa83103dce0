//! What a plan leaves out: how much that saves, what is lost, and what happens on restore.

use std::cell::OnceCell;
use std::collections::HashMap;

use crate::error::{Result, escape};
use crate::format::tar::block::EntryKind;
use crate::open::{Backup, ComponentKind, Part};
use crate::plan::choose::candidate::Candidate;
use crate::plan::choose::harm::Harm;
use crate::plan::effects::effect;
use crate::plan::facts::{Cause, Dropped, Lasting, Loss, PartReason, Renamed};
use crate::plan::losses::{DroppedEntry, LossGroup, LossIndex, add_renamed};
use crate::plan::model::{Action, Outcome, PartEdit, Plan};
use crate::plan::request::Request;
use crate::plan::request::selector::Selector;
use crate::rules::{Condition, Effect, GlobSet, Rule, Split};
use crate::survey::{Entry, PartSurvey, config_path};

/// One drop for each selector, part and effect on restore, then one for each match of a rule.
///
/// # Errors
/// `Interrupted`.
pub(super) fn drops(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    plan: &Plan,
) -> Result<Vec<Dropped>> {
    let mut drops = Vec::new();
    for (at, (planned, part)) in plan.parts.iter().zip(&backup.parts).enumerate() {
        let units = plan.units.iter().enumerate();
        let here: Vec<(usize, &Candidate)> = units.filter(|(_, u)| u.part == at).collect();
        let survey = surveys.iter().find(|s| s.part == at);
        let of_part = PartDrops {
            backup,
            at,
            part,
            request,
            survey,
            edit: planned
                .action
                .edit()
                .filter(|_| planned.action.is_partial()),
            index: OnceCell::new(),
        };
        match (&planned.action, survey) {
            // Nothing is lost with it.
            (Action::Drop, _) if planned.why == PartReason::Stray => {}
            (Action::Drop, _) => drops.extend(of_part.whole(&here)?),
            (Action::Edit(edit), Some(survey)) => {
                let taken = by_reason(survey, edit);
                let taken =
                    |reason: usize| taken.get(&reason).map(Vec::as_slice).unwrap_or_default();
                for (at, selector) in request.drops.iter().enumerate() {
                    drops.extend(of_part.named(selector, taken(at))?);
                }
                for (at, unit) in here {
                    drops.extend(of_part.found(unit, taken(request.drops.len() + at))?);
                }
            }
            _ => {}
        }
    }
    if plan.outcome != Outcome::AlreadyFits {
        drops.extend(trailing(backup, request));
    }
    Ok(drops)
}

/// The entries whose names are dropped, by reason. Memory: 24 bytes for each of them.
fn by_reason<'a>(
    survey: &'a PartSurvey,
    edit: &'a PartEdit,
) -> HashMap<usize, Vec<DroppedEntry<'a>>> {
    let mut taken: HashMap<usize, Vec<DroppedEntry<'a>>> = HashMap::new();
    for (at, entry) in survey.entries.iter().enumerate() {
        if let Some(reason) = edit.reason(at) {
            let survivor = edit.new_name(at);
            let dropped = DroppedEntry { entry, survivor };
            taken.entry(usize::from(reason)).or_default().push(dropped);
        }
    }
    taken
}

fn files(taken: &[DroppedEntry<'_>]) -> u64 {
    let files = taken
        .iter()
        .filter(|taken| taken.entry.kind != EntryKind::Directory);
    files.count() as u64
}

/// Bytes after the end of the outer tar. Copies never include them.
fn trailing(backup: &Backup, request: &Request) -> Option<Dropped> {
    let stored_bytes = backup.unaccounted();
    let rule = request.catalogue.by_condition(Condition::OuterGarbage)?;
    (stored_bytes > 0).then(|| Dropped {
        part: None,
        cause: Cause::Trailing(rule.clone()),
        stored_bytes,
        files: None,
        effect: Effect::OuterGarbage,
        loss: Loss::default(),
        harm: Harm::Remade,
        oldest_of: None,
    })
}

/// What is dropped from one part.
struct PartDrops<'a> {
    backup: &'a Backup,
    at: usize,
    part: &'a Part,
    request: &'a Request,
    survey: Option<&'a PartSurvey>,
    /// What is dropped of it, if that is not all.
    edit: Option<&'a PartEdit>,
    /// Created on first use, because compiling the rules takes a while.
    index: OnceCell<LossIndex<'a>>,
}

impl<'a> PartDrops<'a> {
    /// The part as a whole; one drop for each match if rules match all of it.
    fn whole(&self, units: &[(usize, &Candidate)]) -> Result<Vec<Dropped>> {
        let id = &self.part.id;
        let named = self.request.drops_component(id) || self.request.drops_within(id);
        let finds: Vec<&Candidate> = units.iter().flat_map(|(_, u)| u.finds()).collect();
        let effect = effect(self.backup, self.part, true, None, &self.request.database);
        if !named && !finds.is_empty() && units.iter().all(|(_, u)| u.rule.is_some()) {
            return self.all_finds(&finds, effect);
        }
        let is_file = |entry: &&Entry| entry.kind != EntryKind::Directory;
        let count = |survey: &PartSurvey| survey.entries.iter().filter(is_file).count() as u64;
        Ok(vec![Dropped {
            part: Some(self.at),
            cause: Cause::Part { named },
            stored_bytes: self.stored(),
            files: self.survey.map(count),
            effect,
            loss: self.loss_of_part()?,
            harm: Harm::Irreplaceable,
            oldest_of: None,
        }])
    }

    /// What the part takes.
    fn stored(&self) -> u64 {
        let survey = self.survey;
        survey.map_or_else(
            || self.backup.stored(self.part),
            |survey| survey.stored(self.backup),
        )
    }

    /// The matches that make up the whole part. The archive around them is counted with the
    /// largest.
    fn all_finds(&self, finds: &[&Candidate], effect: Effect) -> Result<Vec<Dropped>> {
        let inside: u64 = finds.iter().map(|u| u.stored).sum();
        let drops = finds
            .iter()
            .filter_map(|find| self.find(find, find.stored, find.files, effect).transpose());
        let mut drops: Vec<Dropped> = drops.collect::<Result<_>>()?;
        if let Some(largest) = drops.iter_mut().max_by_key(|dropped| dropped.stored_bytes) {
            largest.stored_bytes += self.stored().saturating_sub(inside);
        }
        Ok(drops)
    }

    /// The loss of a part as a whole, if it was read: the rules, if they match every file of a
    /// folder, and what nobody makes again.
    fn loss_of_part(&self) -> Result<Loss> {
        let Some(survey) = self.survey else {
            return Ok(Loss::default());
        };
        let groups = self.groups(survey.entries.iter().map(DroppedEntry::whole))?;
        let is_folder = self.part.kind == ComponentKind::Folder;
        let known = is_folder && groups.len() == 1 && groups.iter().all(LossGroup::is_known);
        let mut loss = Loss::default();
        for group in groups {
            let of_group = group.loss();
            loss.lasting.merge(of_group.lasting);
            loss.rules
                .extend(of_group.rules.into_iter().filter(|_| known));
        }
        Ok(loss)
    }

    /// The files of a unit that nobody makes again.
    fn lasting(&self, unit: &Candidate) -> Lasting {
        let mut lasting = Lasting::default();
        let version = self.backup.manifest.version();
        let entry = |at: &usize| self.survey?.entries.get(*at);
        let entries = unit.entries.iter().filter_map(entry);
        for entry in entries.filter(|e| unit.harm.is_lasting() && e.kind == EntryKind::File) {
            let path = config_path(self.part.kind, version, &entry.name).unwrap_or(&entry.name);
            lasting.add(unit.harm, entry.stored, path, entry.mtime);
        }
        lasting
    }

    fn index(&self) -> Result<&LossIndex<'a>> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let new = LossIndex::new(self.backup, self.part, self.request, self.survey, self.edit)?;
        Ok(self.index.get_or_init(|| new))
    }

    /// See [`LossIndex::groups`].
    fn groups<'e>(
        &self,
        taken: impl Iterator<Item = DroppedEntry<'e>>,
    ) -> Result<Vec<LossGroup<'a>>> {
        let index = self.index()?;
        let mut pace = self.request.control.pace();
        let groups =
            index.groups(taken.take_while(|taken| pace.step(taken.entry.name.len()).is_ok()));
        self.request.control.check()?;
        Ok(groups)
    }

    /// What one of the user's selectors drops from the part: one drop for each effect on restore.
    fn named(&self, selector: &Selector, taken: &[DroppedEntry<'_>]) -> Result<Vec<Dropped>> {
        // Most selectors match nothing in most parts.
        if taken.is_empty() {
            return Ok(Vec::new());
        }
        let groups = self.groups(taken.iter().copied())?;
        let alone = groups.len() == 1;
        let dropped = |group: LossGroup<'_>| Dropped {
            part: Some(self.at),
            cause: Cause::Selector {
                text: selector.text().to_owned(),
                alone,
            },
            stored_bytes: group.stored,
            files: Some(group.files),
            effect: group.effect,
            harm: group.harm(),
            oldest_of: None,
            loss: group.loss(),
        };
        Ok(groups.into_iter().map(dropped).collect())
    }

    /// What a unit drops from the part.
    fn found(&self, unit: &Candidate, taken: &[DroppedEntry<'_>]) -> Result<Option<Dropped>> {
        let stored = taken.iter().map(DroppedEntry::stored).sum();
        let found = self.find(unit, stored, files(taken), unit.effect)?;
        let Some(dropped) = found.filter(|_| !taken.is_empty()) else {
            return Ok(None);
        };
        let mut renamed: Option<Renamed> = None;
        taken
            .iter()
            .for_each(|taken| add_renamed(&mut renamed, *taken));
        let loss = Loss {
            renamed,
            ..dropped.loss
        };
        Ok(Some(Dropped { loss, ..dropped }))
    }

    fn find(
        &self,
        unit: &Candidate,
        stored_bytes: u64,
        files: u64,
        effect: Effect,
    ) -> Result<Option<Dropped>> {
        let Some(rule) = &unit.rule else {
            return Ok(None);
        };
        // A backup inside the backup is identified by its path, everything else by its globs.
        let first = unit
            .entries
            .first()
            .and_then(|&at| self.survey?.entries.get(at));
        let alone = |e: &&Entry| e.contents.is_backup() || rule.split == Split::File;
        let single = first.filter(|e| unit.files == 1 && alone(e));
        let paths = match single {
            Some(entry) => vec![escape(&entry.name)],
            None => self.globs_of(unit, rule)?,
        };
        Ok(Some(Dropped {
            part: Some(self.at),
            cause: Cause::Rule {
                rule: rule.clone(),
                paths,
            },
            stored_bytes,
            files: Some(files),
            effect,
            loss: Loss {
                lasting: self.lasting(unit),
                ..Loss::default()
            },
            harm: unit.harm,
            oldest_of: unit.oldest_of,
        }))
    }

    /// The globs of a rule that matched something here.
    fn globs_of(&self, unit: &Candidate, rule: &Rule) -> Result<Vec<String>> {
        let globs = &rule.globs;
        // The same globs were already compiled for the part's matcher.
        let Ok(set) = GlobSet::of(globs) else {
            return Ok(globs.clone());
        };
        let mut search = set.search();
        let version = self.backup.manifest.version();
        let mut found = vec![false; globs.len()];
        let mut left = globs.len();
        let (mut matched, mut pace) = (Vec::new(), self.request.control.pace());
        let entries = unit
            .entries
            .iter()
            .filter_map(|&at| self.survey?.entries.get(at));
        for entry in entries.filter(|e| e.kind != EntryKind::Directory) {
            pace.step(entry.name.len())?;
            let Some(path) = config_path(self.part.kind, version, &entry.name) else {
                continue;
            };
            search.matches(path, &mut matched);
            for &at in &matched {
                let found = found
                    .get_mut(at)
                    .map(|found| std::mem::replace(found, true));
                left -= usize::from(found == Some(false));
            }
            if left == 0 {
                break;
            }
        }
        let found = globs.iter().zip(found).filter(|(_, found)| *found);
        Ok(found.map(|(glob, _)| glob.clone()).collect())
    }
}
