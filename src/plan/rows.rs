//! The rows of a plan: what goes, what that frees, what is lost, and what a restore
//! will do about it.

use std::cell::OnceCell;
use std::collections::HashMap;

use globset::{Candidate, Glob, GlobSet};

use super::cut::Cut;
use super::known::{Kin, Known, Taken};
use super::selector::Selector;
use super::{Action, Outcome, Plan, Request, Unit};
use crate::error::{Result, escape};
use crate::format::tar::block::EntryKind;
use crate::open::{Backup, ComponentKind, Part};
use crate::report::words;
use crate::rules::{Effect, Rule, compile};
use crate::survey::{PartSurvey, config_path};

/// One thing that the copy leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropRow {
    /// The component, or the paths in it as a selector.
    pub target: String,
    /// In plain words.
    pub title: String,
    /// The component's id; `backup` for what is in no component.
    pub component: String,
    /// The rule that chose it; `None` when the user named it, and for a whole part.
    pub rule: Option<String>,
    /// The class that lets it go; `None` when the user named it.
    pub class: Option<String>,
    /// Compressed bytes that it takes in the original.
    pub stored_bytes: u64,
    /// How many files; `None` for a whole part, which is not looked into.
    pub files: Option<u64>,
    /// What the owner loses.
    pub lost: String,
    /// What a restore will do about it.
    pub on_restore: String,
    /// The same in a few words.
    pub effect: Effect,
    /// How to stop it from growing next time, where there is something to say.
    pub advice: Option<String>,
    /// Whether the planner chose it.
    pub unit: bool,
}

impl DropRow {
    /// True for what may always go.
    pub fn is_free(&self) -> bool {
        matches!(self.class.as_deref(), Some("cache" | "log" | "nested"))
    }
}

/// One row per selector and part, then one per find of a rule.
///
/// # Errors
/// `Interrupted`.
pub(super) fn rows(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    plan: &Plan,
) -> Result<Vec<DropRow>> {
    let mut rows = Vec::new();
    for (at, (planned, part)) in plan.parts.iter().zip(&backup.parts).enumerate() {
        let here: Vec<(usize, &Unit)> = plan
            .units
            .iter()
            .enumerate()
            .filter(|(_, u)| u.part == at)
            .collect();
        let survey = surveys.iter().find(|s| s.part == at);
        let teller = Teller {
            backup,
            part,
            request,
            survey,
            known: OnceCell::new(),
        };
        match (&planned.action, survey) {
            (Action::Drop, _) => rows.extend(teller.whole(&here)?),
            (Action::Cut(cut), Some(survey)) => {
                let taken = by_reason(survey, cut);
                let taken =
                    |reason: usize| taken.get(&reason).map(Vec::as_slice).unwrap_or_default();
                for (at, selector) in request.drops.iter().enumerate() {
                    rows.extend(teller.named(selector, taken(at))?);
                }
                for (at, unit) in here {
                    rows.extend(teller.found(unit, taken(request.drops.len() + at))?);
                }
            }
            _ => {}
        }
    }
    if plan.outcome != Outcome::AlreadyFits {
        rows.extend(garbage(backup, request));
    }
    Ok(rows)
}

/// The entries whose names are dropped, by the reason. Memory: 24 bytes for each of them.
fn by_reason<'a>(survey: &'a PartSurvey, cut: &'a Cut) -> HashMap<usize, Vec<Taken<'a>>> {
    let mut taken: HashMap<usize, Vec<Taken<'a>>> = HashMap::new();
    for (at, (entry, verdict)) in survey.entries.iter().zip(&cut.verdicts).enumerate() {
        if let Some(reason) = verdict {
            let heir = cut.promoted.get(&at).map(|name| &**name);
            taken
                .entry(usize::from(*reason))
                .or_default()
                .push(Taken { entry, heir });
        }
    }
    taken
}

fn files(taken: &[Taken<'_>]) -> u64 {
    taken
        .iter()
        .filter(|taken| taken.entry.kind != EntryKind::Directory)
        .count() as u64
}

/// Bytes after the end of the outer tar, which no copy takes along.
fn garbage(backup: &Backup, request: &Request) -> Option<DropRow> {
    let bytes = backup.unaccounted();
    let rule = request.catalogue.by_id("outer-garbage")?;
    let blank = DropRow {
        target: "backup".into(),
        title: rule.title.clone(),
        component: "backup".into(),
        rule: None,
        class: None,
        stored_bytes: bytes,
        files: None,
        lost: String::new(),
        on_restore: Effect::OuterGarbage.sentence().into(),
        effect: Effect::OuterGarbage,
        advice: None,
        unit: true,
    };
    (bytes > 0).then(|| with_rule(blank, rule))
}

fn with_rule(row: DropRow, rule: &Rule) -> DropRow {
    DropRow {
        rule: Some(rule.id.clone()),
        class: Some(rule.class.name().into()),
        lost: rule.lost.clone(),
        advice: Some(rule.prevent.clone()).filter(|a| !a.is_empty()),
        ..row
    }
}

/// What dropping something leads to in this backup.
pub fn effect(backup: &Backup, part: &Part, whole: bool, rule: Option<&Rule>) -> Effect {
    match Effect::of(&part.id, whole, rule) {
        // Where the metadata cannot say so, a restore erases the live database.
        Effect::RecorderDatabase if !backup.manifest.can_exclude_database() => Effect::PartOfConfig,
        effect => effect,
    }
}

/// Puts what happens to one part into words.
struct Teller<'a> {
    backup: &'a Backup,
    part: &'a Part,
    request: &'a Request,
    survey: Option<&'a PartSurvey>,
    /// Made when it is asked for the first time: compiling the rules takes a while.
    known: OnceCell<Known<'a>>,
}

impl<'a> Teller<'a> {
    fn row(&self, title: String, effect: Effect, unit: bool) -> DropRow {
        DropRow {
            target: self.part.id.clone(),
            title,
            component: self.part.id.clone(),
            rule: None,
            class: None,
            stored_bytes: 0,
            files: None,
            lost: String::new(),
            on_restore: effect.sentence().into(),
            effect,
            advice: None,
            unit,
        }
    }

    /// The part as a whole: a row for each find when rules know all of it.
    fn whole(&self, units: &[(usize, &Unit)]) -> Result<Vec<DropRow>> {
        let id = &self.part.id;
        let is_named = self.request.drops_component(id) || self.request.drops_within(id);
        let finds: Vec<&Unit> = units.iter().flat_map(|(_, u)| u.finds()).collect();
        let effect = effect(self.backup, self.part, true, None);
        if !is_named && !finds.is_empty() && units.iter().all(|(_, u)| u.rule.is_some()) {
            let inside: u64 = finds.iter().map(|u| u.stored).sum();
            let rows = finds
                .iter()
                .filter_map(|find| self.find(find, find.stored, find.files, effect).transpose());
            let mut rows: Vec<DropRow> = rows.collect::<Result<_>>()?;
            // The archive around them goes with the largest.
            if let Some(row) = rows.iter_mut().max_by_key(|row| row.stored_bytes) {
                row.stored_bytes += self.backup.stored(self.part).saturating_sub(inside);
            }
            return Ok(rows);
        }
        Ok(vec![DropRow {
            class: (!is_named).then(|| "user".into()),
            stored_bytes: self.backup.stored(self.part),
            lost: self.known_through()?.unwrap_or_else(|| self.all_of_it()),
            advice: self.how_to_leave_out(),
            ..self.row(id.clone(), effect, !is_named)
        }])
    }

    /// What is lost with a folder of which the catalogue knows every file, if somebody looked.
    fn known_through(&self) -> Result<Option<String>> {
        let Some(survey) = self
            .survey
            .filter(|_| self.part.kind == ComponentKind::Folder)
        else {
            return Ok(None);
        };
        Ok(
            match self
                .kin(survey.entries.iter().map(Taken::whole))?
                .as_slice()
            {
                [kin] => kin.lost(),
                _ => None,
            },
        )
    }

    /// See [`Known::kin`].
    fn kin<'e>(&self, taken: impl Iterator<Item = Taken<'e>>) -> Result<Vec<Kin<'a, 'e>>> {
        let known = self
            .known
            .get_or_init(|| Known::new(self.backup, self.part, self.request, self.survey));
        let mut pace = self.request.control.pace();
        let kin = known.kin(taken.take_while(|taken| pace.step(taken.entry.name.len()).is_ok()));
        self.request.control.check()?;
        Ok(kin)
    }

    fn all_of_it(&self) -> String {
        match self.part.kind {
            ComponentKind::Folder => format!("Everything in {}.", self.part.id),
            ComponentKind::Addon => format!(
                "The add-on {} with its settings and data.",
                self.part.list_name()
            ),
            ComponentKind::HomeAssistant => "The whole configuration, with the history.".into(),
            ComponentKind::Supervisor => "The Supervisor's own settings.".into(),
            ComponentKind::Unknown => "A part that haslim does not know.".into(),
        }
    }

    /// What Home Assistant's own settings can leave out.
    fn how_to_leave_out(&self) -> Option<String> {
        let what = match self.part.id.as_str() {
            "media" => "the media folder",
            "share" => "the share folder",
            "addons/local" => "the folder of local add-ons",
            _ if self.part.kind == ComponentKind::Addon => "this add-on",
            _ => return None,
        };
        Some(format!("Settings → System → Backups can leave {what} out."))
    }

    /// What a selector of the user's takes out of the part: a row for each thing that a
    /// restore treats differently.
    fn named(&self, selector: &Selector, taken: &[Taken<'_>]) -> Result<Vec<DropRow>> {
        // Most selectors take nothing in most parts.
        if taken.is_empty() {
            return Ok(Vec::new());
        }
        let text = escape(selector.text().as_bytes());
        let kin = self.kin(taken.iter().copied())?;
        let alone = kin.len() == 1;
        let row = |kin: &Kin<'_, '_>| {
            let title = kin
                .titles()
                .filter(|_| !alone)
                .map_or_else(|| text.clone(), |titles| format!("{text} ({titles})"));
            DropRow {
                target: text.clone(),
                stored_bytes: kin.stored,
                files: Some(kin.files),
                lost: self.with_heirs(&kin.heirs, kin.files, self.lost(kin)),
                advice: kin.advice(),
                ..self.row(title, kin.effect, false)
            }
        };
        Ok(kin.iter().map(row).collect())
    }

    fn lost(&self, kin: &Kin<'_, '_>) -> String {
        let lost = kin.lost().unwrap_or_else(|| self.some_files(kin.files));
        kin.guarded()
            .map_or_else(|| lost.clone(), |guarded| format!("{lost} {guarded}"))
    }

    fn some_files(&self, files: u64) -> String {
        let files = words::files(files);
        match self.part.kind {
            ComponentKind::HomeAssistant => format!("{files} of the configuration."),
            ComponentKind::Addon => format!("{files} of the add-on."),
            _ => format!("{files} of {}.", self.part.id),
        }
    }

    /// What is lost with so many `files`, where the contents of some, the `heirs`, stay under
    /// another name; `lost` is said of the others.
    fn with_heirs(&self, heirs: &[Taken<'_>], files: u64, lost: String) -> String {
        let Some((name, heir)) = heirs
            .iter()
            .find_map(|taken| Some((&taken.entry.name, taken.heir?)))
        else {
            return lost;
        };
        let (count, name, heir) = (heirs.len() as u64, self.shown(name), self.shown(heir));
        match (count, count == files) {
            (1, true) => format!("Only the name {name}: its contents stay as {heir}."),
            (1, false) => format!("{lost} Of {name} only the name: its contents stay as {heir}."),
            (_, true) => format!(
                "Only the names of {}: their contents stay, those of {name} as {heir}.",
                words::files(count)
            ),
            (_, false) => format!(
                "{lost} Of {} only the names: their contents stay, those of {name} as {heir}.",
                words::files(count)
            ),
        }
    }

    /// A name as selectors take it, escaped.
    fn shown(&self, name: &[u8]) -> String {
        escape(config_path(self.part.kind, self.backup.manifest.version(), name).unwrap_or(name))
    }

    /// What a unit takes out of the part.
    fn found(&self, unit: &Unit, taken: &[Taken<'_>]) -> Result<Option<DropRow>> {
        let stored = taken.iter().map(Taken::stored).sum();
        let effect = effect(self.backup, self.part, false, unit.rule.as_ref());
        let Some(row) = self
            .find(unit, stored, files(taken), effect)?
            .filter(|_| !taken.is_empty())
        else {
            return Ok(None);
        };
        let heirs: Vec<Taken<'_>> = taken
            .iter()
            .copied()
            .filter(|taken| taken.heir.is_some())
            .collect();
        Ok(Some(DropRow {
            lost: self.with_heirs(&heirs, files(taken), row.lost),
            ..row
        }))
    }

    fn find(
        &self,
        unit: &Unit,
        stored_bytes: u64,
        files: u64,
        effect: Effect,
    ) -> Result<Option<DropRow>> {
        let Some(rule) = &unit.rule else {
            return Ok(None);
        };
        // A backup inside the backup is named by its path, everything else by its globs.
        let first = unit
            .entries
            .first()
            .and_then(|&at| self.survey?.entries.get(at));
        let single = first.filter(|e| unit.files == 1 && e.contents.is_backup());
        let paths =
            single.map_or_else(|| self.globs_of(unit, rule), |e| Ok(vec![escape(&e.name)]))?;
        let targets: Vec<String> = paths
            .iter()
            .map(|path| format!("{}:{path}", self.part.id))
            .collect();
        let row = self.row(rule.title.clone(), effect, true);
        Ok(Some(with_rule(
            DropRow {
                target: targets.join(" "),
                stored_bytes,
                files: Some(files),
                ..row
            },
            rule,
        )))
    }

    /// Those of a rule's globs that found something here.
    fn globs_of(&self, unit: &Unit, rule: &Rule) -> Result<Vec<String>> {
        let (globs, compiled): (Vec<&String>, Vec<Glob>) = rule
            .globs
            .iter()
            .filter_map(|glob| Some((glob, compile(glob).ok()?)))
            .unzip();
        // What was compiled for its part's matcher can be compiled again.
        let Ok(set) = GlobSet::new(compiled) else {
            return Ok(rule.globs.clone());
        };
        let mut found = vec![false; globs.len()];
        let (mut left, mut matched, mut pace) =
            (globs.len(), Vec::new(), self.request.control.pace());
        let entries = unit
            .entries
            .iter()
            .filter_map(|&at| self.survey?.entries.get(at));
        for entry in entries.filter(|e| e.kind != EntryKind::Directory) {
            pace.step(entry.name.len())?;
            let Some(path) =
                config_path(self.part.kind, self.backup.manifest.version(), &entry.name)
            else {
                continue;
            };
            set.matches_candidate_into(&Candidate::from_bytes(path), &mut matched);
            for &at in &matched {
                left -= found
                    .get_mut(at)
                    .map_or(0, |found| usize::from(!std::mem::replace(found, true)));
            }
            if left == 0 {
                break;
            }
        }
        Ok(globs
            .into_iter()
            .zip(found)
            .filter(|(_, found)| *found)
            .map(|(glob, _)| glob.clone())
            .collect())
    }
}
