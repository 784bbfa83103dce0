//! What the user should know about a plan, in words.

use crate::error::{NoDatabase, escape};
use crate::open::{Backup, ComponentKind, Part};
use crate::plan::Selector;
use crate::plan::compression::{CompressedFor, Compressing, Obstacle, Packing};
use crate::plan::facts::Held;
use crate::plan::facts::Protection;
use crate::plan::facts::{BrokenLink, List, Note, Specials, Unmatched};
use crate::report::terms::Terms;
use crate::report::words;
use crate::size;
use crate::survey::config_path;
use crate::verify::PartCheck;

/// Words one note.
pub fn note(backup: &Backup, note: &Note, terms: &dyn Terms) -> String {
    match note {
        Note::Survey(text) => text.clone(),
        Note::DatabaseAt { .. } | Note::DatabaseInMariaDb(_) => of_database(note),
        Note::TakesNothing(_)
        | Note::NotLookedInto(_)
        | Note::SparesPart { .. }
        | Note::Protects { .. }
        | Note::Needed { .. } => of_selector(backup, note, terms),
        Note::Hazards { part, count, first } => format!(
            "{} is kept as it is, with {count} things that a restore could not cope with. The first: {first}.",
            backup.part(*part).id
        ),
        Note::Strays { parts } => strays(backup, parts),
        Note::Specials(found) => specials(backup, found, terms),
        Note::BrokenLinks { count, shown } => broken_links(backup, *count, shown),
        Note::NotEncrypted { asked } => not_encrypted(*asked, terms),
        Note::EncryptedNow => {
            "The backup is not encrypted; the copy will be, with the given key. Keep that key: you need it for a restore.".into()
        }
        Note::NotCompressed(packing) => not_compressed(backup, packing, terms),
        Note::CompressedAsWhole { part, how } => as_whole(&backup.part(*part).id, how),
        Note::StaysV1 => {
            "The parts stay in SecureTar v1; with the key they would become v2.".into()
        }
        Note::Moved { part, before } => format!(
            "In the copy {} stands before {before}: before a restore Home Assistant tries the key on the first archive, and {before} would not open.",
            backup.part(*part).id,
            before = backup.part(*before).id
        ),
    }
}

/// Words a note about parts with nothing in them.
fn strays(backup: &Backup, parts: &[usize]) -> String {
    let ids: Vec<&str> = parts
        .iter()
        .map(|&at| backup.part(at).id.as_str())
        .collect();
    format!(
        "The copy does not have {}: nothing of the backup is in it.",
        ids.join(", ")
    )
}

/// Words a note about the recorder's database.
fn of_database(note: &Note) -> String {
    match note {
        Note::DatabaseAt { component, path } => format!(
            "The recorder's database is {component}:{} (`db_url`). Home Assistant's own switch for the history does not cover it.",
            escape(path.as_bytes())
        ),
        Note::DatabaseInMariaDb(component) => format!(
            "The recorder's database is in MariaDB (`db_url`), so all databases in {component} are left out."
        ),
        _ => String::new(),
    }
}

/// Words a note about one of the user's selectors.
fn of_selector(backup: &Backup, note: &Note, terms: &dyn Terms) -> String {
    let drop = |selector: &str| format!("{} {}", terms.drop(), escape(selector.as_bytes()));
    let keeps = |selector: &str, first: &[u8], more: u64, part: usize| {
        let first = and_more(escape(first), more);
        format!(
            "{} keeps {first} in {}.",
            drop(selector),
            backup.part(part).id
        )
    };
    match note {
        Note::TakesNothing(selector) => format!(
            "{} takes nothing: all that it matches stays. {} tells why.",
            drop(selector),
            terms.explain()
        ),
        Note::NotLookedInto(selector) => {
            format!("Nothing in this backup matches {}.", drop(selector))
        }
        Note::SparesPart {
            selector,
            part,
            reason,
        } => format!(
            "{} keeps {}. {reason} Name it in full to leave it out.",
            drop(selector),
            backup.part(*part).id
        ),
        Note::Protects {
            selector,
            part,
            first,
            more,
            why,
        } => format!(
            "{} {} Patterns leave such files alone: name the folder or the file in full to leave it out.",
            keeps(selector, first, *more, *part),
            protection(why)
        ),
        Note::Needed {
            selector,
            part,
            first,
            more,
            why,
        } => format!("{} {}", keeps(selector, first, *more, *part), held(why)),
        _ => String::new(),
    }
}

/// Notes on a part that was checked.
pub fn of_check(backup: &Backup, check: &PartCheck, terms: &dyn Terms) -> Vec<String> {
    let found = check.specials.as_ref();
    let specials = found.map(|found| specials(backup, found, terms));
    check.warnings.iter().cloned().chain(specials).collect()
}

fn and_more(first: String, more: u64) -> String {
    match more {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Why parts that are stored uncompressed stay so.
fn not_compressed(backup: &Backup, packing: &Packing, terms: &dyn Terms) -> String {
    match packing {
        Packing::AsStored | Packing::Compress => String::new(),
        Packing::Useless(saves) => format!(
            "Its parts are stored uncompressed, and stay so: compressing them would save only {}.",
            size::short(*saves)
        ),
        Packing::Blocked { part, obstacle } => {
            let id = &backup.part(*part).id;
            let why = match obstacle {
                Obstacle::NoKey => {
                    format!("{id} is encrypted, so it takes the key ({})", terms.key())
                }
                Obstacle::OtherKey => format!("{id} is encrypted with another key"),
                Obstacle::NoArchive => format!("{id} cannot be read as an archive"),
                Obstacle::Name => {
                    format!("{id} cannot get the name that Home Assistant looks for then")
                }
            };
            format!(
                "Its parts are stored uncompressed. Compressing all of them would lose nothing and might save much, but {why}."
            )
        }
        Packing::KeptForRest => format!(
            "Its parts are stored uncompressed, and stay so, because a rest completes only a copy that has the same bytes. Without a rest, {} makes the copy smaller and loses nothing.",
            terms.compress()
        ),
    }
}

/// How and why a part is compressed as a whole.
fn as_whole(id: &str, how: &Compressing) -> String {
    let why = match how.why {
        CompressedFor::Size => "that makes the copy smaller",
        CompressedFor::Flag => "backup.json says that it is compressed, which it is not",
        CompressedFor::Members => "it consists of several gzip streams",
        CompressedFor::Version => "it gets another SecureTar version",
    };
    let time = how
        .seconds
        .map(|seconds| format!(", {}", words::duration(seconds)));
    format!(
        "All of {id} is compressed, because {why} (level {}{}).",
        how.level,
        time.unwrap_or_default()
    )
}

fn not_encrypted(asked: bool, terms: &dyn Terms) -> String {
    let way = if asked {
        format!(
            "Without {} it would be encrypted, with the key.",
            terms.plain()
        )
    } else {
        format!(
            "Home Assistant's encryption key, given with {}, would encrypt it.",
            terms.key()
        )
    };
    format!("The copy is not encrypted; Home Assistant Cloud accepts only encrypted backups. {way}")
}

/// Why a pattern does not drop a file.
pub fn protection(why: &Protection<impl AsRef<str>>) -> &str {
    match why {
        Protection::Listed(reason) => reason.as_ref(),
        Protection::Image => "Nothing could build this add-on's image again.",
    }
}

/// Why a file cannot be dropped alone.
pub fn held(why: &Held) -> String {
    match why {
        Held::ByDatabase(path) => {
            let path = escape(path);
            format!(
                "The database {path} needs this file and would be damaged without it; it goes when {path} is named."
            )
        }
        Held::ByMariaDb => {
            "MariaDB cannot start when a file of its databases is missing; they go when data/databases is named.".into()
        }
    }
}

/// The warning about named pipes and devices in a part.
///
/// When Home Assistant restores the configuration, it unpacks them, then empties the live
/// configuration, and fails when it copies them into place: Python's `shutil.copytree` does not
/// copy special files. The effect in other parts depends on the part.
pub fn specials(backup: &Backup, found: &Specials, terms: &dyn Terms) -> String {
    let part = backup.part(found.part);
    let one = found.count == 1;
    let (what, it, have) = if one {
        ("a named pipe or device".to_owned(), "it", "It has")
    } else {
        let what = format!("{} named pipes or devices", found.count);
        (what, "them", "They have")
    };
    let shown: Vec<String> = found.shown.iter().map(|name| escape(name)).collect();
    let shown = and_more(shown.join(", "), found.count - found.shown.len() as u64);
    let restore = match part.kind {
        ComponentKind::HomeAssistant => format!(
            "A restore unpacks {it}, but fails when it copies {it} into place, after it has emptied the live configuration"
        ),
        _ => format!("A restore may fail on {it}"),
    };
    let options = found.shown.iter().filter_map(|name| {
        let selector = typed(backup, part, name)?;
        Some(format!("{} {}", terms.drop(), terms.quoted(&selector)))
    });
    let options: Vec<String> = options.collect();
    let way = if options.is_empty() {
        String::new()
    } else {
        // Some names cannot be typed, and only the first few are shown.
        let them = if options.len() as u64 == found.count {
            it
        } else {
            "some of them"
        };
        format!(
            ": {} can leave {them} out, with {}",
            terms.shrink(),
            options.join(" ")
        )
    };
    format!(
        "{} holds {what}: {shown}. {restore}. {have} no contents{way}.",
        part.id
    )
}

/// A path as a selector that can be typed with quotes; `None` if quotes are not enough.
fn typed(backup: &Backup, part: &Part, name: &[u8]) -> Option<String> {
    let path = config_path(part.kind, backup.manifest.version(), name)?;
    let text = Selector::text_of(&part.id, path)?;
    let odd = text.contains('\'') || escape(text.as_bytes()) != text;
    (!odd).then_some(text)
}

fn broken_links(backup: &Backup, count: usize, shown: &[BrokenLink]) -> String {
    let more = match count - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let shown: Vec<String> = shown
        .iter()
        .map(|link| {
            let id = &backup.part(link.part).id;
            format!("{id}:{} (to {})", escape(&link.name), escape(&link.target))
        })
        .collect();
    let shown = shown.join(", ");
    if count == 1 {
        format!("A symbolic link stays, but what it leads to is left out: {shown}.")
    } else {
        format!("{count} symbolic links stay, but what they lead to is left out: {shown}{more}.")
    }
}

/// The warning about a selector that matches nothing.
pub fn unmatched(unmatched: &Unmatched, terms: &dyn Terms) -> String {
    let option = match unmatched.list {
        List::Drop => terms.drop(),
        List::Keep => terms.keep(),
    };
    let text = escape(unmatched.selector.as_bytes());
    let why = match &unmatched.nowhere {
        Some(nowhere) => Some(no_database(nowhere, terms)),
        None => did_you_mean(&unmatched.similar),
    };
    let why = why.map_or(String::new(), |why| format!(" {why}"));
    format!("Nothing in this backup matches {option} {text}.{why}")
}

/// The question with suggestions; `None` if there are none.
pub fn did_you_mean(selectors: &[String]) -> Option<String> {
    let selectors: Vec<String> = selectors.iter().map(|s| escape(s.as_bytes())).collect();
    (!selectors.is_empty()).then(|| format!("Did you mean {}?", selectors.join(" or ")))
}

/// Why the recorder's database is not in a backup.
pub fn no_database(why: &NoDatabase, terms: &dyn Terms) -> String {
    let shown = |text: &str| escape(text.as_bytes());
    match why {
        NoDatabase::Outside(path) => format!(
            "`db_url` puts the recorder's database into {}, which is in no part of this backup.",
            shown(path)
        ),
        NoDatabase::Absent { component, path } => format!(
            "`db_url` puts the recorder's database at {component}:{}, which is not in this backup.",
            shown(path)
        ),
        NoDatabase::Unknown(why) => format!(
            "The location of the recorder's database is unknown: {why}. Name the file itself, for example homeassistant:home-assistant_v2.db."
        ),
        NoDatabase::App { host, component } => format!(
            "The recorder's database is on the server {}, an app in this backup; haslim cannot identify its files. {} {} leaves the app out as a whole.",
            shown(host),
            terms.drop(),
            shown(component)
        ),
        NoDatabase::Server(host) => format!(
            "`db_url` puts the recorder's database on the server {}, which is no app in this backup; there is no database of the recorder to leave out.",
            shown(host)
        ),
    }
}
