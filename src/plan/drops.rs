//! The rows of a plan: what goes, what that frees, what is lost, and what a restore
//! will do about it.

use super::selector::Selector;
use super::{Action, PartPlan, Request};
use crate::error::escape;
use crate::open::{Backup, ComponentKind, Part};
use crate::rules::Effect;
use crate::survey::PartSurvey;

/// One thing that the copy leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropRow {
    /// The component, or the paths in it as a selector.
    pub target: String,
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
}

/// Why a part is treated as it is, for the table.
pub(super) fn why(action: &Action, part: &Part, request: &Request) -> String {
    match action {
        Action::Drop => match request.drops.iter().find(|s| s.takes_component(&part.id) || s.looks_into(&part.id)) {
            Some(selector) => format!("--drop {}", escape(selector.text().as_bytes())),
            None => "dropped".into(),
        },
        Action::Cut(cut) if cut.is_empty() => "rewritten in another version".into(),
        Action::Cut(_) => "some paths dropped".into(),
        Action::Rewrap if part.version().is_none() => "encrypted".into(),
        Action::Rewrap => "encrypted anew".into(),
        Action::Copy if request.keeps.iter().any(|s| s.takes_component(&part.id)) => "--keep".into(),
        Action::Copy => "not named".into(),
    }
}

/// One row per selector and part.
pub(super) fn rows(backup: &Backup, surveys: &[PartSurvey], request: &Request, parts: &[PartPlan]) -> Vec<DropRow> {
    let mut rows = Vec::new();
    for (at, (plan, part)) in parts.iter().zip(&backup.parts).enumerate() {
        match (&plan.action, surveys.iter().find(|s| s.part == at)) {
            (Action::Drop, _) => rows.push(whole(backup, part)),
            (Action::Cut(cut), Some(survey)) => {
                for (index, selector) in request.drops.iter().enumerate() {
                    let taken = |at: &usize| cut.removes(*at) && cut.verdicts.get(*at).copied().flatten().map(usize::from) == Some(index);
                    rows.extend(paths(part, survey, selector, taken));
                }
            }
            _ => {}
        }
    }
    rows
}

fn whole(backup: &Backup, part: &Part) -> DropRow {
    let (effect, lost) = match part.kind {
        ComponentKind::Folder => (Effect::WholeFolder, format!("everything in {}", part.id)),
        ComponentKind::Addon => (Effect::WholeAddon, format!("the add-on {} with its settings and data", part.list_name())),
        ComponentKind::HomeAssistant => (Effect::WholeConfig, "the whole configuration, with the history".into()),
        ComponentKind::Supervisor => (Effect::Supervisor, "the Supervisor's own settings".into()),
        ComponentKind::Unknown => (Effect::Unknown, "a part that haslim does not know".into()),
    };
    DropRow {
        target: part.id.clone(),
        component: part.id.clone(),
        rule: None,
        class: None,
        stored_bytes: backup.stored(part),
        files: None,
        lost,
        on_restore: effect.sentence().into(),
    }
}

fn paths(part: &Part, survey: &PartSurvey, selector: &Selector, taken: impl Fn(&usize) -> bool) -> Option<DropRow> {
    let taken: Vec<_> = (0..survey.entries.len()).filter(taken).filter_map(|at| survey.entries.get(at)).collect();
    if taken.is_empty() {
        return None;
    }
    let files = taken.iter().filter(|e| e.kind != crate::format::block::EntryKind::Directory).count() as u64;
    let database = taken.iter().any(|e| super::selector::is_recorder_file(e.name.rsplit(|&b| b == b'/').next().unwrap_or_default()));
    let mariadb = part.id == "addon:core_mariadb" && taken.iter().any(|e| e.name.ends_with(b"data/databases"));
    let (effect, lost) = match part.kind {
        ComponentKind::HomeAssistant if database => (Effect::RecorderDatabase, "history, logbook, energy and long-term statistics".into()),
        ComponentKind::HomeAssistant => (Effect::PartOfConfig, format!("{files} files of the configuration")),
        ComponentKind::Addon if mariadb => (Effect::MariaDb, "the databases that the add-on holds".into()),
        ComponentKind::Addon => (Effect::PartOfAddon, format!("{files} files of the add-on")),
        _ => (Effect::PartOfFolder, format!("{files} files of {}", part.id)),
    };
    Some(DropRow {
        target: escape(selector.text().as_bytes()),
        component: part.id.clone(),
        rule: None,
        class: None,
        stored_bytes: taken.iter().map(|e| e.stored).sum(),
        files: Some(files),
        lost,
        on_restore: effect.sentence().into(),
    })
}

/// Whether a selector had any effect.
pub(super) fn took_something(selector: &Selector, backup: &Backup, surveys: &[PartSurvey], parts: &[PartPlan]) -> bool {
    parts.iter().zip(&backup.parts).enumerate().any(|(at, (plan, part))| match &plan.action {
        Action::Drop => selector.takes_component(&part.id) || selector.looks_into(&part.id),
        Action::Cut(cut) => surveys.iter().filter(|s| s.part == at).flat_map(|s| s.entries.iter().enumerate()).any(|(index, entry)| {
            let path = crate::survey::config_path(part.kind, backup.manifest.version(), &entry.name);
            cut.removes(index) && path.is_some_and(|path| selector.takes_path(&part.id, path))
        }),
        _ => false,
    })
}
