//! The rows of a plan: what goes, what that frees, what is lost, and what a restore
//! will do about it.

use super::cut::Cut;
use super::selector::{Selector, is_recorder_file};
use super::{Action, PartPlan, Request, Unit};
use crate::error::escape;
use crate::format::block::EntryKind;
use crate::open::{Backup, ComponentKind, Part};
use crate::rules::{Effect, NeverList};
use crate::survey::{Entry, PartSurvey, config_path};

/// One thing that the copy leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropRow {
    /// The component, or the paths in it as a selector.
    pub target: String,
    /// In plain words.
    pub title: String,
    /// The component's id.
    pub component: String,
    /// The rule that chose it; `None` when the user named it.
    pub rule: Option<String>,
    /// The rule's class.
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

/// Why a part is treated as it is, for the table.
pub(super) fn why(action: &Action, backup: &Backup, at: usize, request: &Request, units: &[Unit]) -> String {
    let part = &backup.parts[at];
    let mut reasons: Vec<String> = Vec::new();
    if matches!(action, Action::Drop | Action::Cut(_)) {
        let named = request.drops.iter().filter(|s| s.takes_component(&part.id) || s.looks_into(&part.id));
        reasons.extend(named.map(|s| format!("--drop {}", escape(s.text().as_bytes()))));
        let mut rules: Vec<&str> =
            units.iter().filter(|u| u.part == at).map(|u| u.rule.as_ref().map_or("whole part", |r| r.id.as_str())).collect();
        rules.dedup();
        reasons.extend(rules.into_iter().map(str::to_owned));
    }
    match action {
        Action::Cut(cut) if cut.is_empty() => "rewritten in another version".into(),
        Action::Drop | Action::Cut(_) => reasons.join(", "),
        Action::Rewrap if part.version().is_none() => "encrypted".into(),
        Action::Rewrap => "encrypted anew".into(),
        Action::Copy if request.keeps.iter().any(|s| s.takes_component(&part.id)) => "--keep".into(),
        Action::Copy => "nothing to leave out".into(),
    }
}

/// One row per selector and part, then one per unit.
pub(super) fn rows(backup: &Backup, surveys: &[PartSurvey], request: &Request, units: &[Unit], parts: &[PartPlan]) -> Vec<DropRow> {
    let mut rows = Vec::new();
    for (at, (plan, part)) in parts.iter().zip(&backup.parts).enumerate() {
        let here: Vec<(usize, &Unit)> = units.iter().enumerate().filter(|(_, u)| u.part == at).collect();
        match (&plan.action, surveys.iter().find(|s| s.part == at)) {
            (Action::Drop, _) => rows.push(whole(backup, part, request, &here)),
            (Action::Cut(cut), Some(survey)) => {
                let taken = |reason: usize| entries(survey, cut, reason);
                rows.extend(request.drops.iter().enumerate().filter_map(|(at, s)| named(part, s, &taken(at))));
                rows.extend(here.iter().filter_map(|(at, unit)| ruled(part, survey, unit, &taken(request.drops.len() + at))));
            }
            _ => {}
        }
    }
    rows
}

/// The entries that leave the archive for one reason.
fn entries<'a>(survey: &'a PartSurvey, cut: &Cut, reason: usize) -> Vec<&'a Entry> {
    let of_reason = |at: usize| cut.removes(at) && cut.verdicts.get(at).copied().flatten().map(usize::from) == Some(reason);
    survey.entries.iter().enumerate().filter(|(at, _)| of_reason(*at)).map(|(_, e)| e).collect()
}

fn files(entries: &[&Entry]) -> u64 {
    entries.iter().filter(|e| e.kind != EntryKind::Directory).count() as u64
}

fn whole(backup: &Backup, part: &Part, request: &Request, units: &[(usize, &Unit)]) -> DropRow {
    let lost = match part.kind {
        ComponentKind::Folder => format!("Everything in {}.", part.id),
        ComponentKind::Addon => format!("The add-on {} with its settings and data.", part.list_name()),
        ComponentKind::HomeAssistant => "The whole configuration, with the history.".into(),
        ComponentKind::Supervisor => "The Supervisor's own settings.".into(),
        ComponentKind::Unknown => "A part that haslim does not know.".into(),
    };
    let is_named = request.drops.iter().any(|s| s.takes_component(&part.id) || s.looks_into(&part.id));
    // A rule that takes every file of a part takes the part.
    let rule = units.iter().find_map(|(_, u)| u.rule.as_ref()).filter(|_| units.len() == 1 && !is_named);
    DropRow {
        target: part.id.clone(),
        title: rule.map_or_else(|| part.id.clone(), |r| r.title.clone()),
        component: part.id.clone(),
        rule: rule.map(|r| r.id.clone()),
        class: rule.map(|r| r.class.name().into()),
        stored_bytes: backup.stored(part),
        files: None,
        lost: rule.map_or(lost, |r| r.lost.clone()),
        on_restore: Effect::of(&part.id, true, None).sentence().into(),
        effect: Effect::of(&part.id, true, None),
        advice: rule.map(|r| r.prevent.clone()).filter(|a| !a.is_empty()),
        unit: !is_named,
    }
}

/// What a selector of the user's takes out of a part.
fn named(part: &Part, selector: &Selector, taken: &[&Entry]) -> Option<DropRow> {
    if taken.is_empty() {
        return None;
    }
    let files = files(taken);
    let database = part.kind == ComponentKind::HomeAssistant && taken.iter().any(|e| is_recorder_file(last_name(&e.name)));
    let mariadb = part.id == "addon:core_mariadb" && taken.iter().any(|e| e.name.ends_with(b"data/databases"));
    let (effect, lost) = match part.kind {
        ComponentKind::HomeAssistant if database => (Effect::RecorderDatabase, "History, logbook, energy and long-term statistics.".into()),
        ComponentKind::HomeAssistant => (Effect::PartOfConfig, format!("{files} files of the configuration.")),
        ComponentKind::Addon if mariadb => (Effect::MariaDb, "The databases that the add-on holds.".into()),
        ComponentKind::Addon => (Effect::PartOfAddon, format!("{files} files of the add-on.")),
        _ => (Effect::PartOfFolder, format!("{files} files of {}.", part.id)),
    };
    Some(DropRow {
        target: escape(selector.text().as_bytes()),
        title: escape(selector.text().as_bytes()),
        component: part.id.clone(),
        rule: None,
        class: None,
        stored_bytes: taken.iter().map(|e| e.stored).sum(),
        files: Some(files),
        lost,
        on_restore: effect.sentence().into(),
        effect,
        advice: None,
        unit: false,
    })
}

fn last_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&b| b == b'/').next().unwrap_or_default()
}

/// What a unit takes out of a part.
fn ruled(part: &Part, survey: &PartSurvey, unit: &Unit, taken: &[&Entry]) -> Option<DropRow> {
    let rule = unit.rule.as_ref()?;
    if taken.is_empty() {
        return None;
    }
    // A backup inside the backup is named by its path, everything else by its globs.
    let single = unit.entries.first().and_then(|&at| survey.entries.get(at)).filter(|e| unit.files == 1 && e.nested_backup);
    let path = single.map_or_else(|| rule.globs.first().cloned().unwrap_or_default(), |e| escape(&e.name));
    Some(DropRow {
        target: format!("{}:{path}", part.id),
        title: single.map_or_else(|| rule.title.clone(), |e| format!("{} ({})", rule.title, escape(&e.name))),
        component: part.id.clone(),
        rule: Some(rule.id.clone()),
        class: Some(rule.class.name().into()),
        stored_bytes: taken.iter().map(|e| e.stored).sum(),
        files: Some(files(taken)),
        lost: rule.lost.clone(),
        on_restore: Effect::of(&part.id, false, Some(rule)).sentence().into(),
        effect: Effect::of(&part.id, false, Some(rule)),
        advice: Some(rule.prevent.clone()).filter(|a| !a.is_empty()),
        unit: true,
    })
}

/// Whether a selector had any effect.
pub(super) fn took_something(selector: &Selector, backup: &Backup, surveys: &[PartSurvey], parts: &[PartPlan]) -> bool {
    parts.iter().zip(&backup.parts).enumerate().any(|(at, (plan, part))| match &plan.action {
        Action::Drop => selector.takes_component(&part.id) || selector.looks_into(&part.id),
        Action::Cut(cut) => surveys.iter().filter(|s| s.part == at).flat_map(|s| s.entries.iter().enumerate()).any(|(index, entry)| {
            let path = config_path(part.kind, backup.manifest.version(), &entry.name);
            cut.removes(index) && path.is_some_and(|path| selector.takes_path(&part.id, path))
        }),
        _ => false,
    })
}

/// Says what the user's globs would have taken but for the never-drop list.
pub(super) fn held_back(backup: &Backup, surveys: &[PartSurvey], request: &Request) -> Vec<String> {
    let mut notes = Vec::new();
    for survey in surveys {
        let part = &backup.parts[survey.part];
        let Ok(never) = NeverList::new(&request.catalogue, &part.id) else { continue };
        for selector in request.drops.iter().filter(|s| s.looks_into(&part.id)) {
            let paths = survey.entries.iter().filter_map(|e| config_path(part.kind, backup.manifest.version(), &e.name));
            let mut held = paths.filter(|p| !p.is_empty() && selector.takes_path(&part.id, p) && selector.is_held_back(&never, p));
            let Some(first) = held.next() else { continue };
            let reason = never.reason(first).unwrap_or("it cannot be replaced");
            let text = escape(selector.text().as_bytes());
            notes.push(format!("--drop {text}: {} and {} more stay, for they are never dropped by a glob. {reason} Type a path out in full to drop it all the same.", escape(first), held.count()));
        }
    }
    notes
}
