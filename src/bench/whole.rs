//! The whole run, as a command does it.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use super::report::Measure;
use crate::crypt::KeyRing;
use crate::error::{Advice, Error, Kind, Result};
use crate::format::tar::block::EntryKind;
use crate::job::CopyWriter;
use crate::open::{Backup, ComponentKind, config_path};
use crate::pipe::Control;
use crate::plan::{self, Outcome, Request, Selector};
use crate::rewrite::Output;
use crate::survey::PartSurvey;

/// Runs `work` on all threads and times it; the caller fills in the bytes.
pub(super) fn time<T>(
    name: &str,
    control: &Control,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, Measure)> {
    let begin = Instant::now();
    let done = work()?;
    let seconds = begin.elapsed().as_secs_f64();
    Ok((
        done,
        Measure {
            seconds,
            threads: control.threads(),
            ..Measure::new(name)
        },
    ))
}

/// Writes a copy and reads it back, in a file that is never named.
pub(super) fn copy(
    backup: &Backup,
    surveys: &[PartSurvey],
    drops: &[Selector],
    keys: Option<&KeyRing>,
    folder: &Path,
    control: &Control,
) -> Result<Vec<Measure>> {
    let drops = if drops.is_empty() {
        vec![largest_folder(backup, surveys)?]
    } else {
        drops.to_vec()
    };
    let request = Request {
        drops,
        has_key: keys.is_some(),
        ..Request::new(u64::MAX)?
    };
    let plan = plan::make(backup, surveys, &request)?;
    if plan.outcome != Outcome::Fits {
        return Err(
            Error::new(Kind::Usage, "nothing in this backup is left out by that")
                .advice(Advice::DropWhatIsThere),
        );
    }
    let writer = CopyWriter {
        backup,
        surveys,
        plan: &plan,
        keys,
    };
    let mut output = Output::scratch(folder)?;
    // One after the other, so that each can be timed.
    let (written, rewrite) = time("rewrite", control, || {
        writer.write(&mut output, false, control)
    })?;
    let (_, verify) = time("verify", control, || {
        writer.verify(&output, &written, control)
    })?;
    let copied = |measure: Measure| Measure {
        stored_bytes: written.size,
        ..measure
    };
    Ok(vec![copied(rewrite), copied(verify)])
}

/// The largest folder of those smaller than half of their part, by the stored bytes of the files
/// directly in it: so that there are entries to cut and to keep.
fn largest_folder(backup: &Backup, surveys: &[PartSurvey]) -> Result<Selector> {
    let version = backup.manifest.version();
    let mut sizes: Vec<(String, u64)> = Vec::new();
    for survey in surveys {
        let part = &backup.parts[survey.part];
        let some = stored_by_folder(survey, part.kind, version)
            .into_iter()
            .filter(|(_, stored)| *stored < backup.stored(part) / 2);
        sizes.extend(some.map(|(folder, stored)| (format!("{}:{folder}", part.id), stored)));
    }
    let largest = sizes
        .into_iter()
        .max_by(|(a, x), (b, y)| x.cmp(y).then_with(|| b.cmp(a)));
    let (text, _) = largest.ok_or_else(|| {
        Error::new(Kind::Usage, "there is no folder to leave out").advice(Advice::DropSomething)
    })?;
    Selector::parse(&text)
}

/// The stored bytes of the files in each folder that a selector can name.
fn stored_by_folder(survey: &PartSurvey, kind: ComponentKind, version: u64) -> HashMap<&str, u64> {
    let mut stored: HashMap<&str, u64> = HashMap::new();
    for entry in &survey.entries {
        let path = config_path(kind, version, &entry.name)
            .filter(|_| entry.kind == EntryKind::File)
            .and_then(|path| std::str::from_utf8(path).ok());
        if let Some((folder, _)) = path.and_then(|path| path.rsplit_once('/'))
            && is_plain(folder)
        {
            *stored.entry(folder).or_default() += entry.stored;
        }
    }
    stored
}

/// Whether a selector takes the name literally; any other character could have another meaning.
fn is_plain(folder: &str) -> bool {
    folder
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'.' | b'-'))
}
