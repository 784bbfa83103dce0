//! Takes files out of a backup: into a folder, into an archive, or one file as bytes.
//!
//! [`Choice`] is what is selected. [`into_folder`] and [`into_archive`] read each selected part once
//! and write its entries as they come; [`list()`] says what they would write; [`only_file`] finds the
//! one file that a selection contains. Nothing here prints or asks: what was left out or changed is
//! in [`Extracted`].
//!
//! # What is promised
//!
//! - Nothing outside the output folder is created, changed or opened. Folders are opened beneath it,
//!   name by name, and never through a link. No link is created that leads out of it.
//! - A file has its name only when it is complete, and an existing file is replaced only on request.
//! - Devices, pipes, owners, and setuid, setgid and sticky bits are not extracted.
//! - Memory: for each part that is read at the same time, the 4 MiB that are read ahead, the
//!   decoder's window, some 40 bytes for each file, and the path of each folder, of each hard link
//!   without contents, and of each entry that is left out or changed. The size of files does not
//!   matter.
#![deny(clippy::indexing_slicing)]

mod archive;
mod beneath;
mod choice;
mod folder;
mod list;
mod names;
mod outcome;
mod pass;
mod renamed;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

pub use archive::{Format, ZSTD};
pub use choice::Choice;
pub use list::Listed;
pub use names::folders;
pub use outcome::{Changed, Extracted, How, LeftOut, PartDone, Why};

use archive::IntoArchive;
use folder::{InTheWay, IntoFolder, Place, cannot_look};
use list::IntoList;
use pass::{Context, is_about_contents};

use crate::error::{Error, Kind, OutputAdvice, Result, escaped_path};
use crate::job::Unlocked;
use crate::open::{self, Backup};
use crate::pipe::{Control, Stage, parallel};
use crate::rewrite::OutputPath;

/// How files are extracted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Replace existing files.
    pub force: bool,
    /// Continue after damage: with the entries before it, and with other parts.
    pub keep_going: bool,
}

/// Checks the parts of a choice. Those that cannot be read become results if the options allow it.
///
/// # Errors
/// The error of the first part that cannot be read, unless `keep_going`.
fn readable(
    unlocked: &Unlocked,
    choice: &Choice,
    folders: &[String],
    keep_going: bool,
) -> Result<(Vec<usize>, Extracted)> {
    let (backup, has_key) = (&unlocked.backup, unlocked.keys.is_some());
    let mut done = Extracted::default();
    let archives = if keep_going {
        let mut archives = Vec::new();
        for &at in choice.parts() {
            match choice.check_part(backup, at, has_key) {
                Ok(true) => archives.push(at),
                Ok(false) => {}
                Err(error) if is_about_contents(&error) => {
                    let mut part = PartDone::new(at, folders.get(at).map_or("", String::as_str));
                    part.hits = choice.hits(&backup.part(at).id);
                    part.error = Some(error);
                    done.parts.push(part);
                }
                Err(error) => return Err(error),
            }
        }
        archives
    } else {
        choice.check_parts(backup, has_key)?
    };
    let is_read = |at: &usize| archives.contains(at) || done.parts.iter().any(|p| p.part == *at);
    let others = choice.parts().iter().copied();
    done.no_archives = others.filter(|at| !is_read(at)).collect();
    Ok((archives, done))
}

/// What the passes over the parts share.
fn context<'a>(
    unlocked: &'a Unlocked,
    choice: &'a Choice,
    folders: &'a [String],
    options: Options,
    halted: &'a AtomicBool,
    control: &'a Control,
) -> Context<'a> {
    Context {
        backup: &unlocked.backup,
        keys: unlocked.keys.as_deref(),
        choice,
        folders,
        keep_going: options.keep_going,
        halted,
        control,
    }
}

/// The bytes of some parts in the file.
fn stored(backup: &Backup, parts: &[usize]) -> u64 {
    let parts = parts.iter().map(|&at| backup.part(at));
    parts.map(|part| backup.member(part).size).sum()
}

/// Extracts into a folder, which is created if it is missing. Each part gets a folder of its own
/// there, called as in [`folders`]; it appears with the first entry.
///
/// Works on as many parts at once as there are threads. Files in parts that already have a folder
/// there are looked for first, in an additional pass over these parts, so that nothing is written if
/// one is in the way. Does not wait for the disk.
///
/// The result says what was extracted even if there were errors; see [`Extracted::error`]. Without
/// `keep_going`, the first damage ends the work on all parts.
///
/// # Errors
/// Only if nothing was extracted: `OutputIo` if the folder cannot be used, or if a file is in the
/// way; `Refused` for a path that is not a folder; the error of the first part that cannot be read.
pub fn into_folder(
    unlocked: &Unlocked,
    choice: &Choice,
    path: &Path,
    options: Options,
    control: &Control,
) -> Result<Extracted> {
    let backup = &unlocked.backup;
    let folders = folders(backup);
    let (parts, mut done) = readable(unlocked, choice, &folders, options.keep_going)?;
    let halted = AtomicBool::new(false);
    let context = context(unlocked, choice, &folders, options, &halted, control);
    if !options.force {
        check_free(context, &parts, path)?;
    }
    let new = missing(path);
    let place = created(backup, path, options.force)?;
    control.begin(Stage::Read, stored(backup, &parts));
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|&at| {
        let size = parts.get(at).map(|&part| backup.stored(backup.part(part)));
        std::cmp::Reverse(size)
    });
    let results = parallel::each(control.threads(), &order, |at| {
        let part = *parts.get(at)?;
        let folder = folders.get(part).map_or("", String::as_str);
        Some(context.part(part, &mut IntoFolder::new(&place, folder, control)))
    });
    control.end();
    done.parts.extend(results.into_iter().flatten());
    done.parts.sort_by_key(|part| part.part);
    if done.is_empty() {
        // Only folders without anything in them can be removed like this.
        let _ = new.iter().try_for_each(std::fs::remove_dir);
    }
    Ok(done)
}

/// The folders on this path that do not exist yet, the deepest first.
fn missing(path: &Path) -> Vec<PathBuf> {
    let folders = path.ancestors().filter(|one| !one.as_os_str().is_empty());
    let is_missing = |one: &&Path| std::fs::symlink_metadata(one).is_err();
    folders.take_while(is_missing).map(Path::to_owned).collect()
}

/// Creates the folder if it is missing, and opens it.
///
/// # Errors
/// `Refused` if something else has its name; `OutputIo`.
fn created(backup: &Backup, path: &Path, force: bool) -> Result<Place> {
    if std::fs::metadata(path).is_ok_and(|found| !found.is_dir()) {
        return Err(no_folder(path));
    }
    let failed = |error| {
        Error::output(
            error,
            &format!("cannot use the folder {}", escaped_path(path)),
        )
    };
    std::fs::create_dir_all(path).map_err(failed)?;
    let dir = Dir::open_ambient_dir(path, ambient_authority()).map_err(failed)?;
    Ok(Place {
        path: path.to_owned(),
        dir: Arc::new(dir),
        force,
        backup: backup.input.identity(),
    })
}

fn no_folder(path: &Path) -> Error {
    let message = format!("{} exists and is not a folder", escaped_path(path));
    Error::refused(message).advice(OutputAdvice::Another)
}

/// Checks that no file is in the way.
///
/// # Errors
/// `OutputIo` with the first that is.
fn check_free(context: Context<'_>, parts: &[usize], path: &Path) -> Result<()> {
    let found = match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(|e| cannot_look(e, path))?,
    };
    if !found.is_dir() {
        return Err(no_folder(path));
    }
    let place = created(context.backup, path, false)?;
    let is_there = |at: &&usize| {
        let name = context.folders.get(**at);
        name.is_some_and(|name| place.dir.symlink_metadata(name).is_ok())
    };
    let parts: Vec<usize> = parts.iter().filter(is_there).copied().collect();
    let mut looking = InTheWay::new(&place);
    context
        .control
        .begin(Stage::Read, stored(context.backup, &parts));
    for &at in &parts {
        context.control.part(&context.backup.part(at).id);
        let result = pass::part(context, at, &mut looking);
        // Damage is found again by the second pass, which keeps what comes before it.
        match result.error {
            Some(error) if !is_about_contents(&error) => return Err(error),
            _ => {}
        }
    }
    context.control.end();
    let Some(first) = looking.first else {
        return Ok(());
    };
    let more = match looking.count {
        1 => String::new(),
        2 => ", and so does 1 more of these files".into(),
        count => format!(", and so do {} more of these files", count - 1),
    };
    let message = format!("{} exists already{more}", escaped_path(&first));
    Err(Error::new(Kind::OutputIo, message).advice(OutputAdvice::AnotherOrReplace))
}

/// An archive that has its name.
#[derive(Debug)]
pub struct Archived {
    /// What is in it.
    pub extracted: Extracted,
    /// Its path and its size; `None` if there is none, because of an error or because nothing was
    /// selected.
    pub file: Option<(PathBuf, u64)>,
}

/// Extracts into one archive, part after part, each under its name in [`folders`].
///
/// The archive appears complete or not at all. The entries are the backup's, byte for byte, except
/// for the part's name before theirs; links lead where they led. Memory beside that of one part:
/// that of the compressor, some MiB for each thread, more with high levels of zstd.
///
/// # Errors
/// Any error before something could be extracted, and `OutputIo`. Errors of parts are in the
/// result; without `keep_going`, there is no archive then.
pub fn into_archive(
    unlocked: &Unlocked,
    choice: &Choice,
    target: OutputPath,
    format: Format,
    options: Options,
    control: &Control,
) -> Result<Archived> {
    if let Format::Zstd(level) = format {
        archive::check_level(level)?;
    }
    let backup = &unlocked.backup;
    let folders = folders(backup);
    let (parts, mut extracted) = readable(unlocked, choice, &folders, options.keep_going)?;
    let halted = AtomicBool::new(false);
    let context = context(unlocked, choice, &folders, options, &halted, control);
    control.begin(Stage::Read, stored(backup, &parts));
    let mut archive = IntoArchive::new(target, format, options.keep_going, control)?;
    for &at in &parts {
        archive.part = folders.get(at).cloned().unwrap_or_default();
        extracted.parts.push(context.part(at, &mut archive));
        if halted.load(Ordering::Relaxed) {
            control.end();
            extracted.parts.sort_by_key(|part| part.part);
            return Ok(Archived {
                extracted,
                file: None,
            });
        }
    }
    extracted.parts.sort_by_key(|part| part.part);
    if extracted.is_empty() && (extracted.error().is_some() || !choice.is_matched(&extracted)) {
        control.end();
        return Ok(Archived {
            extracted,
            file: None,
        });
    }
    backup.input.check_unchanged()?;
    let file = Some(archive.publish()?);
    control.end();
    Ok(Archived { extracted, file })
}

/// Lists what [`into_folder`] would write, as far as that does not depend on the files there.
/// Memory: the list.
///
/// # Errors
/// As [`into_folder`].
pub fn list(
    unlocked: &Unlocked,
    choice: &Choice,
    options: Options,
    control: &Control,
) -> Result<(Vec<Listed>, Extracted)> {
    listed(unlocked, choice, options, false, control)
}

fn listed(
    unlocked: &Unlocked,
    choice: &Choice,
    options: Options,
    resolves: bool,
    control: &Control,
) -> Result<(Vec<Listed>, Extracted)> {
    let backup = &unlocked.backup;
    let folders = folders(backup);
    let (parts, mut done) = readable(unlocked, choice, &folders, options.keep_going)?;
    let halted = AtomicBool::new(false);
    let context = context(unlocked, choice, &folders, options, &halted, control);
    control.begin(Stage::Read, stored(backup, &parts));
    let order: Vec<usize> = (0..parts.len()).collect();
    let results = parallel::each(control.threads(), &order, |at| {
        let part = *parts.get(at)?;
        let mut target = IntoList::new(part, resolves);
        let result = context.part(part, &mut target);
        Some((target.listed, result))
    });
    control.end();
    let mut all = Vec::new();
    for (listed, result) in results.into_iter().flatten() {
        all.extend(listed);
        done.parts.push(result);
    }
    done.parts.sort_by_key(|part| part.part);
    Ok((all, done))
}

/// The one file that is selected. A hard link is a file with the contents that it leads to. All
/// selected parts are read to their ends, so that damage is found before any bytes are used; read
/// the bytes with [`open::read_entry`].
///
/// # Errors
/// `Usage` if no file or more than one is selected; the error of a part that cannot be read.
pub fn only_file(unlocked: &Unlocked, choice: &Choice, control: &Control) -> Result<Listed> {
    let options = Options::default();
    let (listed, mut done) = listed(unlocked, choice, options, true, control)?;
    if let Some(error) = done
        .error()
        .and_then(|at| done.parts.get_mut(at)?.error.take())
    {
        return Err(error);
    }
    let is_file = |one: &Listed| one.kind == crate::format::tar::block::EntryKind::File;
    let mut files: Vec<Listed> = listed.into_iter().filter(is_file).collect();
    // Of several entries with the same name, the last one counts.
    files.reverse();
    let mut seen = std::collections::HashSet::new();
    files.retain(|file| seen.insert((file.part, file.path.clone())));
    files.reverse();
    let shown = |file: &Listed| {
        let id = &unlocked.backup.part(file.part).id;
        format!("{id}:{}", crate::error::escape(&file.path))
    };
    let count = files.len();
    match (files.pop(), files.first()) {
        (Some(only), None) => Ok(only),
        (Some(last), Some(first)) => {
            let message = format!(
                "{count} files are selected, among them {} and {}",
                shown(first),
                shown(&last)
            );
            Err(Error::new(Kind::Usage, message).advice("Name exactly one file."))
        }
        _ => Err(Error::new(Kind::Usage, "no file is selected").advice("Name exactly one file.")),
    }
}

/// Where [`open::read_entry`] finds the bytes of a listed file.
pub fn entry_at(file: &Listed) -> open::EntryAt {
    open::EntryAt {
        index: file.index,
        size: file.size,
        crc: file.crc,
    }
}
