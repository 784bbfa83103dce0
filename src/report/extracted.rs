//! Words what came of an extraction.

use crate::error::escape;
use crate::extract::{Changed, How, LeftOut, PartDone, Why};
use crate::format::securetar::Version;
use crate::open::Backup;
use crate::plan::facts::Unmatched;
use crate::report::notes;
use crate::report::terms::Terms;

/// An entry as it is named: `COMPONENT:PATH`.
pub fn place(backup: &Backup, part: usize, path: &[u8]) -> String {
    let id = &backup.part(part).id;
    if path.is_empty() {
        id.clone()
    } else {
        format!("{id}:{}", escape(path))
    }
}

/// Why an entry is left out, as a clause about it.
pub fn why(one: &LeftOut) -> String {
    match &one.why {
        Why::Name(fault) => format!("its name {}", fault.text()),
        Why::TooLong => "its path is longer than the system allows".into(),
        Why::Special => "it is a device or a pipe".into(),
        Why::LeadsOut(to) => format!(
            "the link leads, or could lead, out of the folder: {}",
            escape(to)
        ),
        Why::BehindLink => "a folder on its path is a link".into(),
        Why::BehindFile => "a folder on its path is a file".into(),
        Why::Taken => "something else has its name there".into(),
        Why::Backup => "the backup itself has its name there, and stays".into(),
        Why::Similar => "this disk does not distinguish its name from another one".into(),
        Why::NoContents(to) => format!(
            "it is a hard link to {}, which is not in the backup as a file before it",
            escape(to)
        ),
        Why::System(error) => format!(
            "the system does not accept its name ({})",
            escape(error.as_bytes())
        ),
    }
}

/// How an entry was changed, as a clause about it.
pub fn how(one: &Changed) -> String {
    match &one.how {
        How::Renamed(path) => format!(
            "it is called {} now, because the system does not accept its name",
            escape(path.as_bytes())
        ),
        How::Copied(source) => format!(
            "it is a hard link to {} in the backup, and a file of its own now",
            escape(source)
        ),
        How::Repeated => "the backup has this name more than once; the last one counts".into(),
        How::Bits => "its setuid, setgid or sticky bit was removed".into(),
        How::Metadata(error) => format!(
            "its time or its permissions could not be set ({})",
            escape(error.as_bytes())
        ),
    }
}

/// The sentences about everything that was left out or changed, part by part.
pub fn sentences(backup: &Backup, parts: &[PartDone]) -> Vec<String> {
    let mut all = Vec::new();
    for done in parts {
        let named = |path: &[u8]| place(backup, done.part, path);
        let left_out = done.left_out.iter();
        all.extend(left_out.map(|one| format!("{} was left out: {}.", named(&one.path), why(one))));
        let changed = done.changed.iter();
        all.extend(changed.map(|one| format!("{}: {}.", named(&one.path), how(one))));
    }
    all
}

/// What can be said about the files of a part that could not be read to its end; `None` if there
/// are none.
pub fn before_damage(backup: &Backup, done: &PartDone) -> Option<String> {
    if done.is_complete() || done.files == 0 {
        return None;
    }
    let part = backup.part(done.part);
    let files = files(done.files);
    let proof = match part.version() {
        Some(Version::V3) => "the encryption vouches for the bytes of each",
        _ => "no checksum vouches for them, so check them before you rely on them",
    };
    Some(format!(
        "{} was not read to its end. {files} had been extracted from it; {proof}.",
        part.id
    ))
}

/// `1 file`, `2 files`.
pub fn files(count: u64) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} file{end}")
}

/// The warning about a selector that matches nothing.
pub fn unmatched(unmatched: &Unmatched, terms: &dyn Terms) -> String {
    let why = match &unmatched.nowhere {
        Some(nowhere) => Some(notes::no_database(nowhere, terms)),
        None => notes::did_you_mean(&unmatched.similar),
    };
    let why = why.map_or(String::new(), |why| format!(" {why}"));
    let selector = escape(unmatched.selector.as_bytes());
    format!("Nothing in this backup matches {selector}.{why}")
}

/// The warning about a part that contains no archive.
pub fn no_archive(backup: &Backup, part: usize) -> String {
    let id = &backup.part(part).id;
    format!("{id} was left out: it is not an archive.")
}
