//! What the user named and the backup does not have. Who names things does not want
//! others to be taken instead, so a slip of the pen is told, with what may have been meant.

use std::collections::BTreeSet;

use super::selector::Selector;
use super::{Request, database};
use crate::error::{Error, Kind, Result, escape};
use crate::open::{Backup, ComponentKind, Part};
use crate::survey::{PartSurvey, config_path};

/// So many guesses help, more do not.
const GUESSES: usize = 3;

/// Whether a selector names something that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// It does.
    Found,
    /// It does not.
    Nowhere,
    /// It names paths in a part that was not looked into.
    Unknown,
}

/// Looks for what a selector names.
pub(super) fn find(selector: &Selector, backup: &Backup, surveys: &[PartSurvey]) -> Match {
    if backup.parts.iter().any(|part| selector.takes_component(&part.id)) {
        return Match::Found;
    }
    let mut outcome = Match::Nowhere;
    for (at, part) in backup.parts.iter().enumerate().filter(|(_, part)| selector.looks_into(&part.id)) {
        match surveys.iter().find(|s| s.part == at) {
            Some(survey) if paths(backup, part, survey).any(|path| !path.is_empty() && selector.takes_path(&part.id, path)) => {
                return Match::Found;
            }
            Some(_) => {}
            None => outcome = Match::Unknown,
        }
    }
    outcome
}

fn paths<'a>(backup: &'a Backup, part: &'a Part, survey: &'a PartSurvey) -> impl Iterator<Item = &'a [u8]> {
    survey.entries.iter().filter_map(|e| config_path(part.kind, backup.manifest.version(), &e.name))
}

/// Reads a selector; the error says what in this backup has a similar name.
///
/// # Errors
/// As [`Selector::parse`].
pub fn parse(text: &str, backup: &Backup) -> Result<Selector> {
    Selector::parse(text).map_err(|error| {
        let (component, path) = split(text.trim());
        let forms = error.next_step().unwrap_or_default().to_owned();
        let close = close(component, path, backup).into_iter().filter(|guess| Selector::parse(guess).is_ok());
        match guessed(&close.collect::<Vec<_>>()) {
            Some(guess) => error.advice(format!("{guess} {forms}")),
            None => error,
        }
    })
}

/// Refuses what names nothing at all. Without a survey a path counts as there.
///
/// # Errors
/// `Usage`, when there are `--drop`s and none of them matches anything.
pub fn check_named(backup: &Backup, surveys: &[PartSurvey], request: &Request) -> Result<()> {
    let request = &*database::located(backup, surveys, request);
    if request.drops.is_empty() || request.drops.iter().any(|s| find(s, backup, surveys) != Match::Nowhere) {
        return Ok(());
    }
    let named: Vec<String> = request.drops.iter().map(|s| format!("--drop {}", escape(s.text().as_bytes()))).collect();
    if let Some(why) = request.drops.iter().find_map(Selector::nowhere) {
        return Err(Error::new(Kind::Usage, format!("nothing in this backup matches {}", named.join(" or "))).advice(why));
    }
    let guesses: BTreeSet<String> = request.drops.iter().flat_map(|s| guesses(s, backup, surveys)).collect();
    let guess = guessed(&guesses.into_iter().take(GUESSES).collect::<Vec<_>>());
    let lists = "`haslim info` lists the components, `haslim ls` the paths in them.".to_owned();
    Err(Error::new(Kind::Usage, format!("nothing in this backup matches {}", named.join(" or "))).advice(guess.unwrap_or(lists)))
}

/// A warning for each `--drop` and `--keep` that names nothing.
pub(super) fn warnings(backup: &Backup, surveys: &[PartSurvey], request: &Request) -> Vec<String> {
    let options = request.drops.iter().map(|s| ("--drop", s)).chain(request.keeps.iter().map(|s| ("--keep", s)));
    let void = options.filter(|(_, selector)| find(selector, backup, surveys) == Match::Nowhere);
    let warn = |(option, selector): (&str, &Selector)| {
        let text = escape(selector.text().as_bytes());
        let why = || selector.nowhere().map(str::to_owned).or_else(|| guessed(&guesses(selector, backup, surveys)));
        let guess = why().map_or(String::new(), |guess| format!(" {guess}"));
        format!("Nothing in this backup matches {option} {text}.{guess}")
    };
    void.map(warn).collect()
}

fn guessed(guesses: &[String]) -> Option<String> {
    let guesses: Vec<String> = guesses.iter().map(|guess| escape(guess.as_bytes())).collect();
    (!guesses.is_empty()).then(|| format!("Did you mean {}?", guesses.join(" or ")))
}

/// What may have been meant, as selectors that do match.
fn guesses(selector: &Selector, backup: &Backup, surveys: &[PartSurvey]) -> Vec<String> {
    let (component, path) = split(selector.text());
    let parts: Vec<usize> = (0..backup.parts.len()).filter(|&at| selector.looks_into(&backup.part(at).id)).collect();
    let (Some(path), false) = (path, parts.is_empty()) else { return close(component, path, backup) };
    let path = path.trim_start_matches("./").trim_matches('/');
    let surveyed = surveys.iter().filter(|s| parts.contains(&s.part));
    let likely: BTreeSet<String> = surveyed.flat_map(|survey| similar(path, backup, survey)).collect();
    let texts = likely.into_iter().map(|path| format!("{component}:{path}"));
    texts.filter(|text| Selector::parse(text).is_ok_and(|s| find(&s, backup, surveys) == Match::Found)).take(GUESSES).collect()
}

/// The component that a selector's text names, and the path behind it.
fn split(text: &str) -> (&str, Option<&str>) {
    let from = if text.starts_with("addon:") { "addon:".len() } else { 0 };
    match text.get(from..).and_then(|rest| rest.find(':')) {
        Some(at) if !text.starts_with("unknown:") => (text.get(..from + at).unwrap_or(text), text.get(from + at + 1..)),
        _ => (text, None),
    }
}

/// The same path as it could stand in the part: without the archive's own folder or with
/// the add-on's, and with its first name as it is written there.
fn similar(path: &str, backup: &Backup, survey: &PartSurvey) -> Vec<String> {
    let part = backup.part(survey.part);
    let moved = match part.kind {
        ComponentKind::HomeAssistant => path.strip_prefix("data/").map(str::to_owned),
        ComponentKind::Addon => Some(format!("data/{path}")),
        _ => None,
    };
    let mut similar = Vec::new();
    for path in moved.into_iter().chain([path.to_owned()]) {
        let (first, rest) = path.split_once('/').map_or((path.as_str(), ""), |(first, rest)| (first, rest));
        let names: BTreeSet<&str> = paths(backup, part, survey)
            .filter_map(|p| std::str::from_utf8(p.split(|&b| b == b'/').next()?).ok())
            .filter(|name| name.to_lowercase() == first.to_lowercase())
            .collect();
        let spelled = names.into_iter().map(|name| if rest.is_empty() { name.to_owned() } else { format!("{name}/{rest}") });
        similar.extend(spelled.collect::<Vec<_>>());
        similar.push(path);
    }
    similar
}

/// The components whose names are closest to a text, if any is close.
fn close(component: &str, path: Option<&str>, backup: &Backup) -> Vec<String> {
    let wanted = bare(component.strip_prefix("addon:").unwrap_or(component));
    let ids = backup.parts.iter().map(|part| (part.id.as_str(), distance(&wanted, backup, part)));
    let database = ("database", if path.is_none() { apart(&wanted, "database") } else { None });
    let mut near: Vec<(usize, &str)> = ids.chain([database]).filter_map(|(id, distance)| Some((distance?, id))).collect();
    near.sort_unstable();
    let best = near.first().map(|(distance, _)| *distance);
    let with_path = |id: &str| path.map_or_else(|| id.to_owned(), |path| format!("{id}:{path}"));
    near.into_iter().filter(|(distance, _)| Some(*distance) == best).map(|(_, id)| with_path(id)).take(GUESSES).collect()
}

/// Only what names are told apart by: no case, no signs.
fn bare(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// How far a part's names are from what was wanted; `None` when they are not alike.
fn distance(wanted: &str, backup: &Backup, part: &Part) -> Option<usize> {
    let slug = part.list_name();
    let mut names = vec![bare(slug)];
    if part.kind == ComponentKind::Addon {
        // Before the first underscore stands the repository.
        names.extend(slug.split_once('_').map(|(_, name)| bare(name)));
        names.extend(backup.manifest.addon_name(slug).map(bare));
    }
    let apart = names.iter().filter_map(|name| apart(wanted, name)).min();
    let inside = wanted.len() >= 3 && part.kind == ComponentKind::Addon && names.iter().any(|name| name.contains(wanted));
    apart.or(inside.then_some(usize::MAX))
}

/// The number of letters to change, where it is so small that a slip is likely.
fn apart(one: &str, other: &str) -> Option<usize> {
    let most = match one.chars().count() {
        0..=2 => 0,
        3..=4 => 1,
        _ => 2,
    };
    // Names are short; what is far longer than one is none.
    let comparable = one.len().abs_diff(other.len()) <= 2 * 4;
    comparable.then(|| edits(one, other)).filter(|edits| *edits <= most)
}

/// Levenshtein's distance: letters to add, to leave out and to replace.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut diagonal = at;
        let mut left = at + 1;
        let mut next = vec![left];
        for (&theirs, &above) in other.iter().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(theirs != letter)).min(left + 1).min(above + 1);
            diagonal = above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (one, other, count) in
            [("", "", 0), ("a", "", 1), ("", "ab", 2), ("media", "medai", 2), ("share", "shared", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(edits(one, other), count, "{one} {other}");
            assert_eq!(edits(other, one), count, "{other} {one}");
        }
    }
}
