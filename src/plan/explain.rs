//! Why one path stays or goes.

use super::{Action, Plan, Request};
use crate::error::{Error, Kind, Result, escape};
use crate::format::block::EntryKind;
use crate::open::{Backup, Part};
use crate::rules::Matcher;
use crate::survey::{PartSurvey, config_path};

/// Tells which rule or choice decided about a path, given as `COMPONENT:PATH`;
/// one sentence per entry of that name.
///
/// # Errors
/// `Usage` when there is no such component or path in what was surveyed.
pub fn why(backup: &Backup, surveys: &[PartSurvey], request: &Request, plan: &Plan, place: &str) -> Result<Vec<String>> {
    let unknown = || {
        Error::new(Kind::Usage, format!("there is no '{}' in this backup", escape(place.as_bytes()))).advice("`haslim ls` shows the paths.")
    };
    let fits = |part: &&Part| place.strip_prefix(part.id.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
    let at = backup.parts.iter().position(|p| fits(&p)).ok_or_else(unknown)?;
    let part = &backup.parts[at];
    let path = place.get(part.id.len()..).unwrap_or_default().trim_start_matches(':').trim_matches('/').as_bytes();
    let action = plan.parts.get(at).map(|p| &p.action);
    if path.is_empty() || matches!(action, Some(Action::Drop)) {
        let why = plan.parts.get(at).map(|p| p.why.as_str()).unwrap_or_default();
        let verb = if matches!(action, Some(Action::Drop)) { "would be left out whole" } else { "stays" };
        return Ok(vec![format!("{} {verb}: {why}.", part.id)]);
    }
    let survey = surveys.iter().find(|s| s.part == at).ok_or_else(|| {
        Error::new(Kind::Usage, format!("{} was not looked into", part.id)).advice("Give the key, or name a path in it with --drop.")
    })?;
    let mut said = Vec::new();
    for (index, entry) in survey.entries.iter().enumerate() {
        if config_path(part.kind, backup.manifest.version(), &entry.name) == Some(path) {
            let is_dir = entry.kind == EntryKind::Directory;
            said.push(one(part, request, plan, action, path, index, is_dir)?);
        }
    }
    if said.is_empty() { Err(unknown()) } else { Ok(said) }
}

fn one(part: &Part, request: &Request, plan: &Plan, action: Option<&Action>, path: &[u8], index: usize, is_dir: bool) -> Result<String> {
    let shown = format!("{}:{}", part.id, escape(path));
    let reason = match action {
        Some(Action::Cut(cut)) => cut.verdicts.get(index).copied().flatten().map(usize::from),
        _ => None,
    };
    if let Some(reason) = reason {
        if let Some(selector) = request.drops.get(reason) {
            return Ok(format!("{shown} would be left out: --drop {} names it.", escape(selector.text().as_bytes())));
        }
        let unit = plan.units.get(reason - request.drops.len()).and_then(|u| u.rule.as_ref());
        let rule = unit.map_or_else(String::new, |r| format!("rule {} (class {}). Lost: {}", r.id, r.class.name(), r.lost));
        return Ok(format!("{shown} would be left out: {rule}"));
    }
    if request.keeps.iter().any(|s| s.takes_path(&part.id, path)) {
        return Ok(format!("{shown} stays: --keep names it."));
    }
    let matcher = Matcher::new(&request.catalogue, &part.id).map_err(|e| Error::new(Kind::Usage, e.to_string()))?;
    if let Some(reason) = matcher.never().reason(path) {
        return Ok(format!("{shown} stays: it is never dropped by a rule. {reason}"));
    }
    let rule = matcher.rule_for(path, is_dir).and_then(|found| request.catalogue.rule(found));
    Ok(match rule {
        None => format!("{shown} stays: no rule names it."),
        Some(rule) if !request.class_may_go(rule.class) => {
            format!("{shown} stays: rule {} names it, but its class needs consent (--allow {}).", rule.id, rule.class.name())
        }
        Some(rule) => format!("{shown} stays: rule {} names it, but it is not needed to fit, or the rule's condition is not met.", rule.id),
    })
}
