//! Why one path stays or goes.

use super::conditions::Conditions;
use super::guard::Guard;
use super::{Action, Plan, Request, effect};
use crate::error::{Error, Kind, Result, escape};
use crate::format::block::EntryKind;
use crate::open::{Backup, Part};
use crate::rules::{Matcher, Rule};
use crate::survey::{Entry, PartSurvey, config_path};

/// Tells which rule or choice decided about a path, given as `COMPONENT:PATH`;
/// one sentence or more per entry of that name. The path may be written as it is shown,
/// with escapes.
///
/// # Errors
/// `Usage` when there is no such component or path in what was surveyed.
pub fn why(backup: &Backup, surveys: &[PartSurvey], request: &Request, plan: &Plan, place: &str) -> Result<Vec<String>> {
    let unknown = || {
        Error::new(Kind::Usage, format!("there is no '{}' in this backup", escape(place.as_bytes()))).advice("`haslim ls` shows the paths.")
    };
    let (at, path) = split(backup, place).ok_or_else(unknown)?;
    let part = backup.part(at);
    let why = plan.parts.get(at).map(|p| p.why.as_str()).unwrap_or_default();
    let dropped = matches!(plan.parts.get(at).map(|p| &p.action), Some(Action::Drop));
    let survey = surveys.iter().find(|s| s.part == at);
    if path.is_empty() {
        let verb = if dropped { "would be left out whole" } else { "is a part of the copy" };
        return Ok(vec![format!("{} {verb}: {why}.", part.id)]);
    }
    let Some(survey) = survey else {
        if dropped {
            return Ok(vec![format!("All of {} would be left out: {why}. {}", part.id, effect(backup, part, true, None).sentence())]);
        }
        return Err(Error::new(Kind::Usage, format!("{} was not looked into", part.id))
            .advice("Give the key with --password-file or --emergency-kit, so that haslim can look inside."));
    };
    let teller = Teller { backup, request, plan, part, survey, at };
    let mut said = Vec::new();
    for (index, entry) in survey.entries.iter().enumerate() {
        let Some(found) = config_path(part.kind, backup.manifest.version(), &entry.name) else { continue };
        if found == path.as_bytes() || escape(found) == path {
            said.push(format!("{}:{} {}", part.id, escape(found), teller.tell(found, index, entry)?));
        }
    }
    if said.is_empty() { Err(unknown()) } else { Ok(said) }
}

/// The part that a place names, and the path in it. An add-on's id has a colon of its own.
fn split<'a>(backup: &Backup, place: &'a str) -> Option<(usize, &'a str)> {
    let rest = |id: &str| place.strip_prefix(id).filter(|rest| rest.is_empty() || rest.starts_with(':'));
    let (at, rest) = backup.parts.iter().enumerate().find_map(|(at, part)| Some((at, rest(&part.id)?)))?;
    Some((at, rest.trim_start_matches(':').trim_start_matches("./").trim_matches('/')))
}

/// Puts the reason for one entry into words.
struct Teller<'a> {
    backup: &'a Backup,
    request: &'a Request,
    plan: &'a Plan,
    part: &'a Part,
    survey: &'a PartSurvey,
    at: usize,
}

impl Teller<'_> {
    fn tell(&self, path: &[u8], index: usize, entry: &Entry) -> Result<String> {
        match self.plan.parts.get(self.at).map(|p| &p.action) {
            Some(Action::Drop) => return Ok(self.goes_with_all(index)),
            Some(Action::Cut(cut)) => {
                if let Some(reason) = cut.verdicts.get(index).copied().flatten() {
                    let linked = if cut.promoted.contains_key(&index) { " Its contents stay: another name for them is kept." } else { "" };
                    return Ok(self.goes(usize::from(reason)) + linked);
                }
            }
            _ => {}
        }
        self.stays(path, entry)
    }

    fn goes_with_all(&self, index: usize) -> String {
        let whole = effect(self.backup, self.part, true, None).sentence();
        let finds = self.plan.units.iter().filter(|u| u.part == self.at).flat_map(|u| u.finds());
        let rule = finds.filter(|find| find.entries.contains(&index)).find_map(|find| find.rule.as_ref());
        match rule {
            Some(rule) => format!("would be left out, with all of {}: {} {whole}", self.part.id, named(rule)),
            None => {
                let why = self.plan.parts.get(self.at).map(|p| p.why.as_str()).unwrap_or_default();
                format!("would be left out with all of {}: {why}. {whole}", self.part.id)
            }
        }
    }

    fn goes(&self, reason: usize) -> String {
        let Some(past) = reason.checked_sub(self.request.drops.len()) else {
            let text = self.request.drops.get(reason).map(|s| escape(s.text().as_bytes())).unwrap_or_default();
            return format!("would be left out: --drop {text} names it, or a file that it cannot do without.");
        };
        let Some(rule) = self.plan.units.get(past).and_then(|u| u.rule.as_ref()) else { return "would be left out.".into() };
        format!("would be left out: {} {}", named(rule), effect(self.backup, self.part, false, Some(rule)).sentence())
    }

    fn stays(&self, path: &[u8], entry: &Entry) -> Result<String> {
        if self.request.keeps_component(&self.part.id) || self.request.keeps_path(&self.part.id, path) {
            return Ok("stays: --keep names it.".into());
        }
        let guard = Guard::new(self.backup, self.part, self.request)?;
        if let Some(selector) = self.request.drops.iter().find(|s| s.takes_path(&self.part.id, path)) {
            let why = match guard.held_back(selector, path) {
                Some(reason) => format!("a glob never drops it. {reason}"),
                None if entry.kind == EntryKind::Directory => "something in it stays.".into(),
                None => "it belongs to a file that stays.".into(),
            };
            return Ok(format!("stays, although --drop {} matches it: {why}", escape(selector.text().as_bytes())));
        }
        let matcher = Matcher::new(&self.request.catalogue, &self.part.id).map_err(|e| Error::new(Kind::Usage, e.to_string()))?;
        if let Some(reason) = matcher.never().reason(path) {
            return Ok(format!("stays: no rule ever drops it. {reason}"));
        }
        Ok(self.of_rules(&matcher, path, entry))
    }

    /// What the rules say about a path that stays.
    fn of_rules(&self, matcher: &Matcher, path: &[u8], entry: &Entry) -> String {
        let conditions = Conditions { backup: self.backup, part: self.part, request: self.request, survey: self.survey };
        let mut unmet = None;
        let is_dir = entry.kind == EntryKind::Directory;
        let found = matcher.rule_where(path, is_dir, |index| {
            let Some(rule) = self.request.catalogue.rule(index) else { return false };
            let why = conditions.unmet(rule, path, entry);
            let applies = why.is_none();
            // Whether a file is a backup is asked of every file; that most are none is no news.
            if let (Some(why), false) = (why, rule.globs.iter().any(|glob| glob == "**/*")) {
                unmet.get_or_insert_with(|| format!("stays: rule {} would take it, but {why}.", rule.id));
            }
            applies
        });
        match found.and_then(|index| self.request.catalogue.rule(index)) {
            Some(rule) if !self.consented(rule) => {
                let class = rule.class.name();
                format!("stays: rule {} would take it with your consent only (--allow {class}). Lost then: {}", rule.id, rule.lost)
            }
            Some(rule) => format!("stays: rule {} may take it, but that is not needed.", rule.id),
            None => unmet.unwrap_or_else(|| "stays: no rule takes it.".into()),
        }
    }

    fn consented(&self, rule: &Rule) -> bool {
        let key = (self.part.id.clone(), Some(rule.id.clone()));
        self.request.class_may_go(rule.class) || self.request.consent.contains(&key)
    }
}

fn named(rule: &Rule) -> String {
    format!("rule {} (class {}) takes it. Lost: {}", rule.id, rule.class.name(), rule.lost)
}
