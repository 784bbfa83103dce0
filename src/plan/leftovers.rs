//! What stays in a copy though it is of no use there: pipes and devices, on which a restore
//! fails, and symbolic links to what is left out.

use std::collections::HashMap;
use std::fmt::Write;

use super::{Action, Selector};
use crate::error::escape;
use crate::format::tar::block::EntryKind;
use crate::open::{Backup, ComponentKind, Part};
use crate::survey::{PartSurvey, config_path};

/// How many names are shown.
const SHOWN: usize = 3;

/// The warning about the named pipes and devices with these names in a part, if there are any.
///
/// Home Assistant's restore of the configuration unpacks them, then empties the live
/// configuration and fails when it copies them into place: Python's `shutil.copytree` copies
/// no special files. What it does in other parts depends on the part.
pub(crate) fn specials<'a>(
    backup: &Backup,
    part: &Part,
    names: impl Iterator<Item = &'a [u8]>,
) -> Option<String> {
    let (mut count, mut shown, mut options) = (0u64, Vec::new(), String::new());
    for name in names {
        count += 1;
        if shown.len() < SHOWN {
            shown.push(escape(name));
            let text = config_path(part.kind, backup.manifest.version(), name)
                .and_then(|path| Selector::text_of(&part.id, path));
            if let Some(text) = text.and_then(typed) {
                let _ = write!(options, " --drop {text}");
            }
        }
    }
    let more = count
        .checked_sub(shown.len() as u64)
        .filter(|more| *more > 0)
        .map_or(String::new(), |more| format!(" and {more} more"));
    let (what, it, have) = match count {
        0 => return None,
        1 => ("a named pipe or device".to_owned(), "it", "It has"),
        _ => (
            format!("{count} named pipes or devices"),
            "them",
            "They have",
        ),
    };
    let restore = match part.kind {
        ComponentKind::HomeAssistant => {
            format!(
                "A restore unpacks {it}, but fails when it copies {it} into place, after it has emptied the live configuration"
            )
        }
        _ => format!("A restore may fail on {it}"),
    };
    let way = if options.is_empty() {
        String::new()
    } else {
        format!(": `haslim shrink` can leave {it} out, with{options}")
    };
    Some(format!(
        "{} holds {what}: {}{more}. {restore}. {have} no contents{way}.",
        part.id,
        shown.join(", ")
    ))
}

/// A selector as it can be typed into a shell; `None` where that takes more than quotes.
fn typed(text: String) -> Option<String> {
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"._-/:@+,=".contains(&b));
    match plain {
        true => Some(text),
        false if text.contains('\'') || escape(text.as_bytes()) != text => None,
        false => Some(format!("'{text}'")),
    }
}

/// Says which pipes and devices stay. `action` gives what is done with a part.
pub(super) fn specials_kept<'a>(
    backup: &Backup,
    surveys: &[PartSurvey],
    action: impl Fn(usize) -> Option<&'a Action>,
) -> Vec<String> {
    let note = |survey: &PartSurvey| {
        let (part, action) = (backup.parts.get(survey.part)?, action(survey.part)?);
        let stays = |at: usize| !is_gone(action, at);
        let all = survey
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.kind == EntryKind::Special);
        specials(
            backup,
            part,
            all.filter(|(at, _)| stays(*at))
                .map(|(_, entry)| &*entry.name),
        )
    };
    surveys.iter().filter_map(note).collect()
}

fn is_gone(action: &Action, entry: usize) -> bool {
    match action {
        Action::Copy | Action::Rewrap => false,
        Action::Cut(cut) => cut.drops_name(entry),
        Action::Drop => true,
    }
}

/// A symbolic link that stays.
struct Link<'a> {
    part: &'a str,
    name: &'a [u8],
    target: &'a [u8],
}

/// Says which symbolic links stay though what they lead to goes.
///
/// Memory: the targets of the links. Links on the way to a target are not followed.
pub(super) fn links_kept<'a>(
    backup: &Backup,
    surveys: &[PartSurvey],
    action: impl Fn(usize) -> Option<&'a Action>,
) -> Option<String> {
    let goes = |at: usize| matches!(action(at), Some(Action::Drop | Action::Cut(_)));
    if !(0..backup.parts.len()).any(goes) {
        return None;
    }
    let mut wanted: HashMap<(usize, Vec<u8>), Vec<Link<'_>>> = HashMap::new();
    for survey in surveys {
        let (Some(part), Some(action)) = (backup.parts.get(survey.part), action(survey.part))
        else {
            continue;
        };
        for (at, entry) in survey
            .entries
            .iter()
            .enumerate()
            .filter(|(_, e)| e.kind == EntryKind::Symlink)
        {
            let (Some(target), false) = (entry.link.as_deref(), is_gone(action, at)) else {
                continue;
            };
            let Some(place) = config_path(part.kind, backup.manifest.version(), &entry.name) else {
                continue;
            };
            let Some(to) = leads_to(backup, part, place, target).filter(|(to, _)| goes(*to)) else {
                continue;
            };
            wanted.entry(to).or_default().push(Link {
                part: &part.id,
                name: place,
                target,
            });
        }
    }
    let (mut broken, mut looked) = (Vec::new(), Vec::new());
    for survey in surveys {
        if wanted.is_empty() {
            break;
        }
        let (Some(part), Some(action)) = (backup.parts.get(survey.part), action(survey.part))
        else {
            continue;
        };
        looked.push(survey.part);
        for (_, entry) in survey
            .entries
            .iter()
            .enumerate()
            .filter(|(at, _)| is_gone(action, *at))
        {
            let Some(path) = config_path(part.kind, backup.manifest.version(), &entry.name) else {
                continue;
            };
            broken.extend(
                wanted
                    .remove(&(survey.part, path.to_vec()))
                    .into_iter()
                    .flatten(),
            );
        }
    }
    // Of a part that nobody looked into all goes.
    broken.extend(
        wanted
            .into_iter()
            .filter(|((part, _), _)| !looked.contains(part))
            .flat_map(|(_, links)| links),
    );
    note(broken)
}

fn note(mut broken: Vec<Link<'_>>) -> Option<String> {
    broken.sort_by_key(|link| (link.part, link.name));
    let show = |link: &Link<'_>| {
        format!(
            "{}:{} (to {})",
            link.part,
            escape(link.name),
            escape(link.target)
        )
    };
    let shown: Vec<String> = broken.iter().take(SHOWN).map(show).collect();
    let more = match broken.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match broken.len() {
        0 => None,
        1 => Some(format!(
            "A symbolic link stays, but what it leads to is left out: {}.",
            shown.join(", ")
        )),
        count => Some(format!(
            "{count} symbolic links stay, but what they lead to is left out: {}{more}.",
            shown.join(", ")
        )),
    }
}

/// Where Home Assistant and its apps find a component (developers.home-assistant.io, "App
/// configuration", `map`), the longer ones first.
const MOUNTS: [(&str, &str); 7] = [
    ("/homeassistant", "homeassistant"),
    ("/usr/share/hassio/homeassistant", "homeassistant"),
    ("/config", "homeassistant"),
    ("/share", "share"),
    ("/media", "media"),
    ("/ssl", "ssl"),
    ("/addons", "addons/local"),
];

/// The part and the path in it that a link leads to, as far as names tell.
fn leads_to(backup: &Backup, part: &Part, place: &[u8], target: &[u8]) -> Option<(usize, Vec<u8>)> {
    let own = MOUNTS
        .iter()
        .rev()
        .find(|(_, id)| *id == part.id)
        .map(|(mount, _)| *mount);
    // An app sees its own data at the root, and calls two things /config.
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

#[cfg(test)]
mod tests;
