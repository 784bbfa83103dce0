//! What a plan leaves out, in words.

use crate::error::escape;
use crate::open::{Backup, ComponentKind, Part};
use crate::plan::Harm;
use crate::plan::facts::{Alternative, Cause, Dropped, Renamed};
use crate::report::summary::{self, Way};
use crate::report::terms::Terms;
use crate::report::{protected, words};
use crate::rules::{Effect, Rule};
use crate::size;
use crate::survey::config_path;

/// What is lost with a database that the recorder has left.
const UNUSED: &str = "What the recorder wrote there before it used another database.";

/// The id for something outside all components.
const BACKUP: &str = "backup";

/// The wording for one dropped thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropView<'a> {
    /// The facts.
    pub facts: &'a Dropped,
    /// The component, or the paths in it as selectors.
    pub targets: Vec<String>,
    /// In plain words.
    pub title: String,
    /// The component's id; `backup` for something outside all components.
    pub component: String,
    /// What the owner loses.
    pub lost: String,
    /// What a restore does about it.
    pub on_restore: &'static str,
    /// How to stop it from growing again, if there is advice.
    pub advice: Option<String>,
}

/// Words one dropped thing.
pub fn view<'a>(backup: &Backup, dropped: &'a Dropped) -> DropView<'a> {
    let part = dropped.part.and_then(|at| backup.parts.get(at));
    let component = part.map_or(BACKUP, |part| &part.id);
    DropView {
        facts: dropped,
        targets: targets(component, &dropped.cause),
        title: title(component, dropped),
        component: component.to_owned(),
        lost: lost(backup, part, dropped),
        on_restore: dropped.effect.sentence(),
        advice: advice(part, dropped),
    }
}

fn targets(component: &str, cause: &Cause) -> Vec<String> {
    match cause {
        Cause::Selector { text, .. } => vec![escape(text.as_bytes())],
        Cause::Part { .. } | Cause::Trailing(_) => vec![component.to_owned()],
        Cause::Rule { paths, .. } => paths
            .iter()
            .map(|path| format!("{component}:{path}"))
            .collect(),
    }
}

fn title(component: &str, dropped: &Dropped) -> String {
    match &dropped.cause {
        Cause::Part { .. } => component.to_owned(),
        Cause::Rule { rule, .. } | Cause::Trailing(rule) => rule.title.clone(),
        Cause::Selector { text, alone } => {
            let text = escape(text.as_bytes());
            let titles: Vec<&str> = dropped
                .loss
                .rules
                .iter()
                .map(|r| r.title.as_str())
                .collect();
            if *alone || titles.is_empty() {
                text
            } else {
                format!("{text} ({})", titles.join(", "))
            }
        }
    }
}

fn lost(backup: &Backup, part: Option<&Part>, dropped: &Dropped) -> String {
    let files = dropped.files.unwrap_or(0);
    let of_rules = of_rules(&dropped.loss.rules);
    if dropped.effect == Effect::UnusedDatabase {
        return UNUSED.to_owned();
    }
    let lost = match (&dropped.cause, part) {
        (Cause::Rule { rule, .. } | Cause::Trailing(rule), _) => rule.lost.clone(),
        (Cause::Part { .. }, Some(part)) => of_rules.unwrap_or_else(|| all_of_it(part)),
        (Cause::Selector { .. }, Some(part)) => {
            let lost = of_rules.unwrap_or_else(|| some_files(part, files));
            match protected(dropped) {
                Some(protected) => format!("{lost} {protected}"),
                None => lost,
            }
        }
        (_, None) => String::new(),
    };
    match (&dropped.loss.renamed, part) {
        (Some(renamed), Some(part)) => with_renamed(backup, part, renamed, files, lost),
        _ => lost,
    }
}

/// What is lost with files that these rules match.
fn of_rules(rules: &[Rule]) -> Option<String> {
    match rules {
        [] => None,
        [rule] => Some(rule.lost.clone()),
        rules => {
            let each = rules
                .iter()
                .map(|rule| format!("{}: {}", rule.title, rule.lost));
            Some(each.collect::<Vec<_>>().join(" "))
        }
    }
}

fn all_of_it(part: &Part) -> String {
    match part.kind {
        ComponentKind::Folder => format!("Everything in {}.", part.id),
        ComponentKind::Addon => format!(
            "The add-on {} with its settings and data.",
            part.list_name()
        ),
        ComponentKind::HomeAssistant => "The whole configuration, with the history.".into(),
        ComponentKind::Supervisor => "The Supervisor's own settings.".into(),
        ComponentKind::Unknown => "A part that haslim does not know.".into(),
    }
}

fn some_files(part: &Part, files: u64) -> String {
    let files = words::files(files);
    match part.kind {
        ComponentKind::HomeAssistant => format!("{files} of the configuration."),
        ComponentKind::Addon => format!("{files} of the add-on."),
        _ => format!("{files} of {}.", part.id),
    }
}

/// What is lost when files are dropped that only the user can drop.
fn protected(dropped: &Dropped) -> Option<String> {
    let sentences = protected::files(dropped)?;
    Some(format!("No rule would take these. {sentences}"))
}

/// What is lost with `files` if the contents of some stay under another name. `lost` describes the
/// others.
fn with_renamed(
    backup: &Backup,
    part: &Part,
    renamed: &Renamed,
    files: u64,
    lost: String,
) -> String {
    let shown = |name: &[u8]| {
        let path = config_path(part.kind, backup.manifest.version(), name);
        escape(path.unwrap_or(name))
    };
    let (count, name, survivor) = (
        renamed.count,
        shown(&renamed.name),
        shown(&renamed.survivor),
    );
    match (count, count == files) {
        (1, true) => format!("Only the name {name}: its contents stay as {survivor}."),
        (1, false) => format!("{lost} Of {name} only the name: its contents stay as {survivor}."),
        (_, true) => format!(
            "Only the names of {}: their contents stay, those of {name} as {survivor}.",
            words::files(count)
        ),
        (_, false) => format!(
            "{lost} Of {} only the names: their contents stay, those of {name} as {survivor}.",
            words::files(count)
        ),
    }
}

fn advice(part: Option<&Part>, dropped: &Dropped) -> Option<String> {
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    match &dropped.cause {
        Cause::Rule { rule, .. } | Cause::Trailing(rule) => said(&rule.prevent),
        Cause::Part { .. } => how_to_leave_out(part?),
        Cause::Selector { .. } => {
            let rules = dropped.loss.rules.iter();
            let mut advice: Vec<&str> = rules
                .map(|rule| rule.prevent.as_str())
                .filter(|text| !text.is_empty())
                .collect();
            advice.dedup();
            said(&advice.join(" "))
        }
    }
}

/// How Home Assistant's own settings can leave it out.
fn how_to_leave_out(part: &Part) -> Option<String> {
    let what = match part.id.as_str() {
        "media" => "the media folder",
        "share" => "the share folder",
        "addons/local" => "the folder of local add-ons",
        _ if part.kind == ComponentKind::Addon => "this add-on",
        _ => return None,
    };
    Some(format!("Settings → System → Backups can leave {what} out."))
}

/// The wording for one way to make a copy fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayOut {
    /// The options to add to the command, as they are typed.
    pub options: String,
    /// What would go, in brief.
    pub brief: Way,
    /// The harm of the worst loss.
    pub harm: Harm,
    /// Whether a restore of the copy would delete something of it that nobody makes again.
    pub is_destroyed_on_restore: bool,
    /// What would be lost and what a restore would do about it, in one or two sentences each.
    pub lost: Vec<String>,
    /// The resulting size of the copy, in bytes.
    pub predicted_size: u64,
}

/// Words one way to make a copy fit.
pub fn way_out(backup: &Backup, alternative: &Alternative, terms: &dyn Terms) -> WayOut {
    let each = alternative
        .drops
        .iter()
        .map(|dropped| view(backup, dropped));
    let mut lost: Vec<String> = each.map(|view| sentence(&view)).collect();
    if alternative.free_bytes > 0 {
        lost.push(format!(
            "And caches, logs and old backups that may go anyway ({}).",
            size::decimal(alternative.free_bytes)
        ));
    }
    let brief = summary::way(backup, alternative, terms);
    let words: Vec<String> = brief.args.iter().map(|word| terms.quoted(word)).collect();
    WayOut {
        options: words.join(" "),
        brief,
        harm: alternative.harm(),
        is_destroyed_on_restore: alternative.is_destroyed_on_restore(),
        lost,
        predicted_size: alternative.predicted_size,
    }
}

fn sentence(view: &DropView<'_>) -> String {
    format!(
        "{} ({}): {} {}",
        view.title,
        size::decimal(view.facts.stored_bytes),
        view.lost,
        view.on_restore
    )
}
