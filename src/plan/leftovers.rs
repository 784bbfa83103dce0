//! Entries that stay in a copy although they are of no use there: pipes and devices, on which a
//! restore fails, and symbolic links to dropped files.

use std::collections::HashMap;

use crate::component::{HOME_ASSISTANT, LOCAL_ADDONS};
use crate::format::tar::block::EntryKind;
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

/// Links by the part and the path that they lead to.
type Wanted<'a> = HashMap<(usize, Vec<u8>), Vec<Link<'a>>>;

/// The symbolic links that stay although their targets are dropped.
///
/// Memory: the targets of the links. Links on the way to a target are not followed.
pub(super) fn links_kept<'a>(
    backup: &Backup,
    surveys: &[PartSurvey],
    action: impl Fn(usize) -> Option<&'a Action>,
) -> Option<Note> {
    let goes = |at: usize| matches!(action(at), Some(Action::Drop | Action::Edit(_)));
    if !(0..backup.parts.len()).any(goes) {
        return None;
    }
    let mut wanted = Wanted::new();
    for survey in surveys {
        if let Some(action) = action(survey.part) {
            for (to, link) in links(backup, survey, action) {
                if goes(to.0) {
                    wanted.entry(to).or_default().push(link);
                }
            }
        }
    }
    let mut broken = Vec::new();
    for survey in surveys {
        if wanted.is_empty() {
            break;
        }
        if let Some(action) = action(survey.part) {
            broken.extend(leads_nowhere(backup, survey, action, &mut wanted));
        }
    }
    // A part that was not read is dropped completely.
    let surveyed = |part: usize| surveys.iter().any(|survey| survey.part == part);
    let rest = wanted.into_iter().filter(|((part, _), _)| !surveyed(*part));
    broken.extend(rest.flat_map(|(_, links)| links));
    note(broken)
}

/// The symbolic links of a part that stay, and what each leads to.
fn links<'a>(
    backup: &'a Backup,
    survey: &'a PartSurvey,
    action: &Action,
) -> impl Iterator<Item = ((usize, Vec<u8>), Link<'a>)> {
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

/// Takes the links that lead to what goes of a part out of `wanted`.
fn leads_nowhere<'a>(
    backup: &Backup,
    survey: &PartSurvey,
    action: &Action,
    wanted: &mut Wanted<'a>,
) -> Vec<Link<'a>> {
    let part = backup.part(survey.part);
    let version = backup.manifest.version();
    let mut broken = Vec::new();
    let entries = survey.entries.iter().enumerate();
    for (_, entry) in entries.filter(|(at, _)| action.drops_name(*at)) {
        if let Some(path) = config_path(part.kind, version, &entry.name) {
            let links = wanted.remove(&(survey.part, path.to_vec()));
            broken.extend(links.into_iter().flatten());
        }
    }
    broken
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
fn leads_to(backup: &Backup, part: &Part, place: &[u8], target: &[u8]) -> Option<(usize, Vec<u8>)> {
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
