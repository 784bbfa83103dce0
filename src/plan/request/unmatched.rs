//! Selectors that match nothing in the backup. Users who name something do not expect something
//! else to be dropped instead, so mistakes are reported, with suggestions.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::component::{Location, addon_slug};
use crate::error::{Advice, Error, Kind, Result, escape};
use crate::open::{Backup, ComponentKind, Part};
use crate::pipe::Control;
use crate::plan::facts::{List, Unmatched};
use crate::plan::request::Request;
use crate::plan::request::locate::located;
use crate::plan::request::names;
use crate::plan::request::selector::Selector;
use crate::plan::request::selector_set::Selectors;
use crate::survey::{PartSurvey, config_path};

/// This many suggestions are useful; more are not.
const GUESSES: usize = 3;

/// Whether a selector names something in the backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match {
    /// It does.
    Found,
    /// It does not.
    Nowhere,
    /// It names paths in a part that was not read.
    Unknown,
}

/// Checks what a selector names. `hits` returns whether it matches a path of a part, or `None` if
/// the part was not read.
pub(crate) fn find(
    selector: &Selector,
    backup: &Backup,
    hits: impl Fn(usize) -> Option<bool>,
) -> Match {
    if backup
        .parts
        .iter()
        .any(|part| selector.takes_component(&part.id))
    {
        return Match::Found;
    }
    let mut outcome = Match::Nowhere;
    for (at, _) in backup
        .parts
        .iter()
        .enumerate()
        .filter(|(_, part)| selector.looks_into(&part.id))
    {
        match hits(at) {
            Some(true) => return Match::Found,
            Some(false) => {}
            None => outcome = Match::Unknown,
        }
    }
    outcome
}

/// Checks several selectors in one pass over the paths.
fn find_all(
    selectors: &[Selector],
    backup: &Backup,
    surveys: &[PartSurvey],
    control: &Control,
) -> Result<Vec<Match>> {
    let mut hits: Vec<Vec<usize>> = selectors.iter().map(|_| Vec::new()).collect();
    let (mut pace, mut taking) = (control.pace(), Vec::new());
    for survey in surveys {
        let part = backup.part(survey.part);
        let together = Selectors::new(selectors, &part.id)?;
        for path in
            paths(backup, part, survey).filter(|path| !together.is_empty() && !path.is_empty())
        {
            pace.step(path.len())?;
            together.taking(path, &mut taking);
            for &at in &taking {
                let hits = hits
                    .get_mut(at)
                    .filter(|hits| hits.last() != Some(&survey.part));
                hits.into_iter().for_each(|hits| hits.push(survey.part));
            }
        }
    }
    let looked: HashSet<usize> = surveys.iter().map(|survey| survey.part).collect();
    let find = |(selector, hits): (&Selector, &Vec<usize>)| {
        find(selector, backup, |part| {
            looked.contains(&part).then(|| hits.contains(&part))
        })
    };
    Ok(selectors.iter().zip(&hits).map(find).collect())
}

fn paths<'a>(
    backup: &'a Backup,
    part: &'a Part,
    survey: &'a PartSurvey,
) -> impl Iterator<Item = &'a [u8]> {
    survey
        .entries
        .iter()
        .filter_map(|e| config_path(part.kind, backup.manifest.version(), &e.name))
}

/// Parses a selector, or one of Home Assistant's own names for something in this backup. The error
/// suggests what a rule of this name takes, or similar names in this backup.
///
/// # Errors
/// As [`Selector::parse`].
pub fn parse(text: &str, backup: &Backup) -> Result<Selector> {
    Selector::parse(&names::selector(text, backup)).map_err(|error| {
        let Location { component, path } = Location::parse(text);
        let close = close(component, path, backup);
        let close = names::of_rule(component).into_iter().chain(close);
        let close: Vec<String> = close
            .filter(|text| Selector::parse(text).is_ok())
            .take(GUESSES)
            .collect();
        if close.is_empty() {
            return error;
        }
        error.advice(Advice::DidYouMean {
            selectors: close,
            forms: true,
        })
    })
}

/// Refuses selectors that match nothing at all. In a part without a survey, a path counts as
/// present.
///
/// # Errors
/// `Usage` if there are selectors to drop and none of them matches anything.
pub fn check_named(backup: &Backup, surveys: &[PartSurvey], request: &Request) -> Result<()> {
    let request = &*located(backup, surveys, request);
    let found = || find_all(&request.drops, backup, surveys, &request.control);
    if request.drops.is_empty() || found()?.iter().any(|found| *found != Match::Nowhere) {
        return Ok(());
    }
    let named: Vec<String> = request
        .drops
        .iter()
        .map(|s| escape(s.text().as_bytes()))
        .collect();
    let message = format!("nothing in this backup matches {}", named.join(" or "));
    let error = Error::new(Kind::Usage, message);
    if let Some(why) = request.drops.iter().find_map(Selector::nowhere) {
        return Err(error.advice(Advice::NoDatabase(why.clone())));
    }
    let selectors: Vec<&Selector> = request.drops.iter().collect();
    let similar = similar(&selectors, backup, surveys, &request.control)?;
    let similar: BTreeSet<String> = similar.into_iter().flatten().collect();
    if similar.is_empty() {
        return Err(error.advice(Advice::ListAll));
    }
    Err(error.advice(Advice::DidYouMean {
        selectors: similar.into_iter().take(GUESSES).collect(),
        forms: false,
    }))
}

/// The selectors that match nothing.
///
/// # Errors
/// `Interrupted`.
pub(crate) fn unmatched(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    hits: impl Fn(List, usize, usize) -> Option<bool>,
) -> Result<Vec<Unmatched>> {
    let drops = request.drops.iter().enumerate().map(|s| (List::Drop, s));
    let keeps = request.keeps.iter().enumerate().map(|s| (List::Keep, s));
    let is_nowhere = |(list, (at, selector)): &(List, (usize, &Selector))| {
        find(selector, backup, |part| hits(*list, *at, part)) == Match::Nowhere
    };
    let void: Vec<(List, &Selector)> = drops
        .chain(keeps)
        .filter(is_nowhere)
        .map(|(list, (_, selector))| (list, selector))
        .collect();
    let selectors: Vec<&Selector> = void.iter().map(|(_, selector)| *selector).collect();
    let similar = similar(&selectors, backup, surveys, &request.control)?;
    let unmatched = |((list, selector), similar): ((List, &Selector), Vec<String>)| Unmatched {
        list,
        selector: selector.text().to_owned(),
        nowhere: selector.nowhere().cloned(),
        similar,
    };
    Ok(void.into_iter().zip(similar).map(unmatched).collect())
}

/// Suggestions for a location that is not in the backup, as selectors that do match.
///
/// # Errors
/// `Interrupted`.
pub fn similar_to(
    place: &str,
    backup: &Backup,
    surveys: &[PartSurvey],
    control: &Control,
) -> Result<Vec<String>> {
    let Ok(selector) = Selector::parse(place) else {
        let Location { component, path } = Location::parse(place);
        let close = close(component, path.filter(|path| !path.is_empty()), backup);
        let of_rule = names::places_of_rule(component).into_iter();
        return Ok(of_rule.chain(close).take(GUESSES).collect());
    };
    let similar = similar(&[&selector], backup, surveys, control)?;
    Ok(similar.into_iter().flatten().collect())
}

/// Suggestions for each selector, as selectors that do match. Reads the paths twice, for any number
/// of selectors.
fn similar(
    void: &[&Selector],
    backup: &Backup,
    surveys: &[PartSurvey],
    control: &Control,
) -> Result<Vec<Vec<String>>> {
    let mut guesses: Vec<Vec<String>> = void.iter().map(|_| Vec::new()).collect();
    let mut inside: Vec<(usize, &str, &str)> = Vec::new();
    for ((at, selector), guesses) in void.iter().enumerate().zip(&mut guesses) {
        let Location { component, path } = Location::parse(selector.text());
        match path {
            Some(path)
                if backup
                    .parts
                    .iter()
                    .any(|part| selector.looks_into(&part.id)) =>
            {
                inside.push((at, component, path));
            }
            // There is one database, and it is not there.
            _ if selector.is_database() => {}
            _ => *guesses = close(component, path, backup),
        }
    }
    let mut likely: BTreeSet<(usize, String)> = BTreeSet::new();
    for survey in surveys.iter().filter(|_| !inside.is_empty()) {
        let part = backup.part(survey.part);
        let looks_into = |at: usize| void.get(at).is_some_and(|s| s.looks_into(&part.id));
        let here = inside.iter().copied().filter(|(at, ..)| looks_into(*at));
        likely.extend(spelled_otherwise(here, backup, survey, control)?);
    }
    let selectors = likely
        .into_iter()
        .filter_map(|(at, text)| Some((Selector::parse(&text).ok()?, (at, text))));
    let (selectors, texts): (Vec<_>, Vec<_>) = selectors.unzip();
    let found = find_all(&selectors, backup, surveys, control)?;
    let found = texts
        .into_iter()
        .zip(found)
        .filter(|(_, found)| *found == Match::Found);
    for ((at, text), _) in found {
        let guesses = guesses
            .get_mut(at)
            .filter(|guesses| guesses.len() < GUESSES);
        guesses
            .into_iter()
            .for_each(|guesses| guesses.push(text.clone()));
    }
    Ok(guesses)
}

/// The selectors that some `places`, each by its number, component and path, could have meant in
/// one part: with other cases, and at another place in the archive.
fn spelled_otherwise<'a>(
    places: impl Iterator<Item = (usize, &'a str, &'a str)>,
    backup: &Backup,
    survey: &PartSurvey,
    control: &Control,
) -> Result<Vec<(usize, String)>> {
    let part = backup.part(survey.part);
    let places: Vec<(usize, &str, String)> = places
        .flat_map(|(at, component, path)| moved(part, path).map(move |path| (at, component, path)))
        .collect();
    let wanted = places.iter().map(|(.., path)| first(path).to_lowercase());
    let spellings = spellings(wanted, backup, survey, control)?;
    let mut likely = Vec::new();
    for (at, component, path) in places {
        let rest = path.get(first(&path).len()..).unwrap_or_default();
        let names = spellings.get(&first(&path).to_lowercase());
        let spelled = names
            .into_iter()
            .flatten()
            .map(|name| format!("{name}{rest}"));
        let paths = spelled.chain([path.clone()]);
        likely.extend(paths.map(|path| (at, format!("{component}:{path}"))));
    }
    Ok(likely)
}

/// The same path as it could stand in the part: without the archive's own folder, or with
/// the add-on's.
fn moved(part: &Part, path: &str) -> impl Iterator<Item = String> {
    let moved = match part.kind {
        ComponentKind::HomeAssistant => path.strip_prefix("data/").map(str::to_owned),
        ComponentKind::Addon => Some(format!("data/{path}")),
        _ => None,
    };
    moved.into_iter().chain([path.to_owned()])
}

fn first(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

/// The spellings of the given lower-case names at the top level of a part.
fn spellings<'a>(
    wanted: impl Iterator<Item = String>,
    backup: &'a Backup,
    survey: &'a PartSurvey,
    control: &Control,
) -> Result<HashMap<String, BTreeSet<&'a str>>> {
    let mut spellings: HashMap<String, BTreeSet<&str>> =
        wanted.map(|name| (name, BTreeSet::new())).collect();
    let (mut pace, mut last) = (control.pace(), "");
    for path in paths(backup, backup.part(survey.part), survey) {
        let name = path.split(|&b| b == b'/').next().unwrap_or_default();
        pace.step(name.len())?;
        let Ok(name) = std::str::from_utf8(name) else {
            continue;
        };
        // Consecutive entries are mostly in the same folder.
        if name != last {
            if let Some(names) = spellings.get_mut(&name.to_lowercase()) {
                names.insert(name);
            }
            last = name;
        }
    }
    Ok(spellings)
}

/// The components whose names are closest to a text, if any is close.
fn close(component: &str, path: Option<&str>, backup: &Backup) -> Vec<String> {
    let wanted = bare(addon_slug(component).unwrap_or(component));
    let ids = backup
        .parts
        .iter()
        .map(|part| (part.id.as_str(), distance(&wanted, backup, part)));
    let database = (
        "database",
        if path.is_none() {
            apart(&wanted, "database")
        } else {
            None
        },
    );
    let mut near: Vec<(usize, &str)> = ids
        .chain([database])
        .filter_map(|(id, distance)| Some((distance?, id)))
        .collect();
    near.sort_unstable();
    let best = near.first().map(|(distance, _)| *distance);
    let with_path = |id: &str| path.map_or_else(|| id.to_owned(), |path| format!("{id}:{path}"));
    near.into_iter()
        .filter(|(distance, _)| Some(*distance) == best)
        .map(|(_, id)| with_path(id))
        .take(GUESSES)
        .collect()
}

/// The form in which names are compared: lower case, without punctuation.
fn bare(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The distance between a part's names and the given one; `None` if they are not similar.
fn distance(wanted: &str, backup: &Backup, part: &Part) -> Option<usize> {
    let slug = part.list_name();
    let mut names = vec![bare(slug)];
    if part.kind == ComponentKind::Addon {
        // The repository is before the first underscore.
        names.extend(slug.split_once('_').map(|(_, name)| bare(name)));
        names.extend(backup.manifest.addon_name(slug).map(bare));
    }
    let apart = names.iter().filter_map(|name| apart(wanted, name)).min();
    let inside = wanted.len() >= 3
        && part.kind == ComponentKind::Addon
        && names.iter().any(|name| name.contains(wanted));
    apart.or(inside.then_some(usize::MAX))
}

/// The number of letters to change, if it is small enough for a likely typing mistake.
fn apart(one: &str, other: &str) -> Option<usize> {
    let most = match one.chars().count() {
        0..=2 => 0,
        3..=4 => 1,
        _ => 2,
    };
    // Names are short; a text that is far longer is not a name.
    let comparable = one.len().abs_diff(other.len()) <= 2 * 4;
    comparable
        .then(|| strsim::levenshtein(one, other))
        .filter(|edits| *edits <= most)
}
