//! Entries that stay in a copy although they are of no use there: pipes and devices, on which a
//! restore fails, and symbolic links that lead to what is left out.

use std::collections::{HashMap, HashSet};

use crate::component::{HOME_ASSISTANT, LOCAL_ADDONS};
use crate::format::tar::block::EntryKind;
use crate::format::tar::path::PathHasher;
use crate::open::{Backup, ComponentKind, Part};
use crate::plan::facts::{BrokenLink, Note, Specials};
use crate::plan::model::Action;
use crate::survey::{PartSurvey, config_path};

/// How many names are kept for display.
const SHOWN: usize = 3;

/// The named pipes and devices with these names in a part, if there are any.
pub(crate) fn specials<'a>(part: usize, names: impl Iterator<Item = &'a [u8]>) -> Option<Specials> {
    let (mut count, mut shown) = (0, Vec::new());
    for name in names {
        count += 1;
        if shown.len() < SHOWN {
            shown.push(name.into());
        }
    }
    (count > 0).then_some(Specials { part, count, shown })
}

/// The pipes and devices that stay. `action` returns the action for a part.
pub(super) fn specials_kept<'a>(
    backup: &Backup,
    surveys: &[PartSurvey],
    action: impl Fn(usize) -> Option<&'a Action>,
) -> Vec<Specials> {
    let of_part = |survey: &PartSurvey| {
        backup.parts.get(survey.part)?;
        let action = action(survey.part)?;
        let all = survey.entries.iter().enumerate();
        let kept = all
            .filter(|(_, entry)| entry.kind == EntryKind::Special)
            .filter(|(at, _)| !action.drops_name(*at));
        specials(survey.part, kept.map(|(_, entry)| &*entry.name))
    };
    surveys.iter().filter_map(of_part).collect()
}

/// A symbolic link that stays.
#[derive(Clone, Copy)]
struct Link<'a> {
    part: usize,
    id: &'a str,
    name: &'a [u8],
    target: &'a [u8],
}

/// The part and the path in it that a link leads to.
type Target = (usize, Vec<u8>);

/// The symbolic links that stay although what they lead to is left out, or leads there itself.
///
/// Memory: the targets of the links. A link among the folders on the way to a target is not
/// followed.
pub(super) fn links_kept<'a>(
    backup: &Backup,
    surveys: &[PartSurvey],
    action: impl Fn(usize) -> Option<&'a Action>,
) -> Option<Note> {
    let goes = |at: usize| matches!(action(at), Some(Action::Drop | Action::Edit(_)));
    if !(0..backup.parts.len()).any(goes) {
        return None;
    }
    let mut to_link: HashMap<Target, Vec<Link<'_>>> = HashMap::new();
    for survey in surveys {
        if let Some(action) = action(survey.part) {
            for (to, link) in links(backup, survey, action) {
                to_link.entry(to).or_default().push(link);
            }
        }
    }
    let mut targets: HashMap<usize, Vec<&[u8]>> = HashMap::new();
    for (part, path) in to_link.keys().filter(|(part, _)| goes(*part)) {
        targets.entry(*part).or_default().push(path);
    }
    let mut next: Vec<Target> = Vec::new();
    for survey in surveys {
        let targets = targets.remove(&survey.part);
        if let (Some(action), Some(targets)) = (action(survey.part), targets) {
            let paths = left_out(backup, survey, action, &targets);
            next.extend(paths.map(|path| (survey.part, path.to_vec())));
        }
    }
    // A part that was not read is dropped completely.
    for (part, paths) in targets {
        next.extend(paths.into_iter().map(|path| (part, path.to_vec())));
    }
    let mut broken = Vec::new();
    while let Some(target) = next.pop() {
        for link in to_link.remove(&target).into_iter().flatten() {
            next.push((link.part, link.name.to_vec()));
            broken.push(link);
        }
    }
    note(broken)
}

/// Those of the `targets` in a part of which nothing stays: neither the entry, nor anything in a
/// folder of this name. Takes time for each byte of the paths.
fn left_out<'a>(
    backup: &Backup,
    survey: &PartSurvey,
    action: &Action,
    targets: &[&'a [u8]],
) -> impl Iterator<Item = &'a [u8]> {
    let part = backup.part(survey.part);
    let version = backup.manifest.version();
    let hasher = PathHasher::default();
    let by_hash: HashMap<u64, &[u8]> = targets.iter().map(|t| (hasher.hash(t), *t)).collect();
    let top = |path: &[u8]| hasher.prefixes(path).next().map(|(hash, _)| hash);
    let tops: HashSet<u64> = targets.iter().filter_map(|t| top(t)).collect();
    // Whether something of it stays, for each target that was in the part.
    let mut stays: HashMap<&[u8], bool> = HashMap::new();
    for (at, entry) in survey.entries.iter().enumerate() {
        let Some(path) = config_path(part.kind, version, &entry.name) else {
            continue;
        };
        if top(path).is_none_or(|top| !tops.contains(&top)) {
            continue;
        }
        let is_kept = !action.drops_name(at);
        for (hash, prefix) in hasher.prefixes(path) {
            if let Some(target) = by_hash.get(&hash).filter(|target| **target == prefix) {
                *stays.entry(target).or_default() |= is_kept;
            }
        }
    }
    stays
        .into_iter()
        .filter(|(_, stays)| !stays)
        .map(|(path, _)| path)
}

/// The symbolic links of a part that stay, and what each leads to.
fn links<'a>(
    backup: &'a Backup,
    survey: &'a PartSurvey,
    action: &Action,
) -> impl Iterator<Item = (Target, Link<'a>)> {
    let part = backup.part(survey.part);
    let version = backup.manifest.version();
    let entries = survey.entries.iter().enumerate();
    let kept = entries.filter(|(at, e)| e.kind == EntryKind::Symlink && !action.drops_name(*at));
    kept.filter_map(move |(_, entry)| {
        let target = entry.link.as_deref()?;
        let name = config_path(part.kind, version, &entry.name)?;
        let to = leads_to(backup, part, name, target)?;
        let link = Link {
            part: survey.part,
            id: &part.id,
            name,
            target,
        };
        Some((to, link))
    })
}

fn note(mut broken: Vec<Link<'_>>) -> Option<Note> {
    broken.sort_by_key(|link| (link.id, link.name));
    let shown = broken.iter().take(SHOWN).map(|link| BrokenLink {
        part: link.part,
        name: link.name.into(),
        target: link.target.into(),
    });
    (!broken.is_empty()).then(|| Note::BrokenLinks {
        count: broken.len(),
        shown: shown.collect(),
    })
}

/// The paths at which Home Assistant and its apps find a component (developers.home-assistant.io,
/// "App configuration", `map`), longer ones first.
const MOUNTS: [(&str, &str); 7] = [
    ("/homeassistant", HOME_ASSISTANT),
    ("/usr/share/hassio/homeassistant", HOME_ASSISTANT),
    ("/config", HOME_ASSISTANT),
    ("/share", "share"),
    ("/media", "media"),
    ("/ssl", "ssl"),
    ("/addons", LOCAL_ADDONS),
];

/// The part and the path in it to which a link leads, as far as the names show.
fn leads_to(backup: &Backup, part: &Part, place: &[u8], target: &[u8]) -> Option<Target> {
    let own = MOUNTS
        .iter()
        .rev()
        .find(|(_, id)| *id == part.id)
        .map(|(mount, _)| *mount);
    // In an app, its own data is at the root, and `/config` can mean two things.
    let is_app = part.kind == ComponentKind::Addon;
    if is_app && target.starts_with(b"/config") || own.is_none() && !is_app {
        return None;
    }
    let mut path: Vec<&[u8]> = Vec::new();
    let above = place
        .iter()
        .rposition(|&b| b == b'/')
        .and_then(|slash| place.get(..slash))
        .unwrap_or_default();
    let begin = if target.starts_with(b"/") {
        [&b""[..], b""]
    } else {
        [own.unwrap_or("").as_bytes(), above]
    };
    for name in begin
        .into_iter()
        .chain([target])
        .flat_map(|text| text.split(|&b| b == b'/'))
    {
        match name {
            b"" | b"." => {}
            b".." => drop(path.pop()),
            name => path.push(name),
        }
    }
    let whole = [&b"/"[..], &path.join(&b'/')].concat();
    let inside = |mount: &str| {
        whole
            .strip_prefix(mount.as_bytes())
            .filter(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    let found = MOUNTS
        .iter()
        .find_map(|(mount, id)| Some((*id, inside(mount)?)));
    let (id, rest) = match found {
        Some(found) => found,
        None if is_app && inside("/data").is_some() => (part.id.as_str(), whole.as_slice()),
        None => return None,
    };
    let rest = rest.strip_prefix(b"/").unwrap_or(rest).to_vec();
    Some((backup.parts.iter().position(|p| p.id == id)?, rest))
}
