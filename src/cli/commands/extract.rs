//! `haslim extract`: takes files out of a backup.

use std::io::{self, Read, Write, stdout};
use std::path::{Path, PathBuf, is_separator};

use haslim::error::Advice;
use haslim::extract::{self, Choice, Extracted, Format, Listed, Options};
use haslim::job::{KeyNeed, Unlocked};
use haslim::open::{self, Backup};
use haslim::plan;
use haslim::report::{extracted as words, json};
use haslim::rewrite::OutputPath;
use haslim::{Error, Kind, Result, survey};

use crate::cli::key;
use crate::cli::mistake::usage;
use crate::cli::render;
use crate::cli::render::terms::{CommandLine, DOWNLOAD_AGAIN};
use crate::cli::session::{DONE, Session};
use crate::cli::settings::{Extraction, Goal};
use crate::cli::terminal::output::unprinted;
use crate::cli::terminal::signals::printing;

/// What to do if a part cannot be read.
const KEEP_GOING: &str = "With --keep-going, haslim extracts everything else that it can read.";

/// Bytes that are written to standard output at once.
const STEP: usize = 1 << 18;

/// Extracts what is selected.
///
/// # Errors
/// `Usage` if nothing is selected, or with `--stdout` not exactly one file; `OutputIo` if files are
/// in the way; the error of a part that cannot be read, after what was extracted is shown; `Refused`
/// if a file could not be extracted because of its name.
pub fn run(session: &Session, path: &Path, extraction: &Extraction) -> Result<u8> {
    check_level(extraction)?;
    check_folder(extraction)?;
    let (backup, loss) = opened(session, path, extraction)?;
    let selectors = extraction.selectors.iter();
    let selectors = selectors.map(|text| plan::parse(text, &backup));
    let mut choice = Choice::new(&backup, selectors.collect::<Result<_>>()?, &session.control)?;
    let target = match &extraction.goal {
        Goal::Archive(path, _) => Some(OutputPath::check(path, extraction.force, &backup.input)?),
        _ => None,
    };
    let need = KeyNeed::must_if(choice.needs_key(&backup));
    let unlocked = key::unlock(session, backup, need)?;
    if let Some(at) = choice.configuration(&unlocked.backup) {
        let keys = unlocked.keys.as_deref();
        let surveys = survey::survey(&unlocked.backup, &[at], keys, &session.control)?;
        choice.locate(&unlocked.backup, &surveys)?;
    }
    let work = Work {
        session,
        unlocked: &unlocked,
        choice: &choice,
        loss,
        options: Options {
            force: extraction.force,
            keep_going: extraction.keep_going,
        },
        may_go_on: !extraction.keep_going && !matches!(extraction.goal, Goal::Stdout),
        is_list: matches!(extraction.goal, Goal::List),
    };
    match (&extraction.goal, target) {
        (Goal::Folder(path), _) => work.folder(path),
        (Goal::Archive(_, format), Some(target)) => work.archive(target, *format),
        (Goal::List, _) => work.list(),
        (Goal::Stdout | Goal::Archive(..), _) => work.stdout(),
    }
}

/// Refuses a new folder with the name of an archive that haslim does not write: who types `out.zip`
/// expects a file.
///
/// # Errors
/// `Usage`.
fn check_folder(extraction: &Extraction) -> Result<()> {
    let Goal::Folder(path) = &extraction.goal else {
        return Ok(());
    };
    let text = path.as_os_str().as_encoded_bytes();
    let is_folder = text
        .last()
        .is_some_and(|&b| b == b'.' || is_separator(b.into()))
        || path.is_dir();
    if is_folder || !Format::is_foreign(path) {
        return Ok(());
    }
    Err(usage(
        format!(
            "haslim does not write archives like {}",
            render::escaped_path(path)
        ),
        "It writes .tar, .tar.gz and .tar.zst. If this is to be a folder, end the path with a slash.",
    ))
}

/// Opens the backup. With `--keep-going`, also what is left of a file that is cut off or damaged
/// between its parts, with the error that says so.
fn opened(
    session: &Session,
    path: &Path,
    extraction: &Extraction,
) -> Result<(Backup, Option<Error>)> {
    let error = match session.open(path) {
        Ok(backup) => return Ok((backup, None)),
        Err(error) if error.kind() != Kind::Damaged => return Err(error),
        Err(error) => error,
    };
    let is_to_stdout = matches!(extraction.goal, Goal::Stdout);
    match (extraction.keep_going, session.salvage(path)) {
        (true, Ok(backup)) => Ok((backup, Some(error))),
        (false, Ok(_)) if !is_to_stdout => {
            Err(error.advice(format!("{DOWNLOAD_AGAIN} {KEEP_GOING}")))
        }
        _ => Err(error),
    }
}

struct Work<'a> {
    session: &'a Session,
    unlocked: &'a Unlocked,
    choice: &'a Choice,
    /// Why this is not the whole backup, if it is not.
    loss: Option<Error>,
    options: Options,
    /// Whether --keep-going could help.
    may_go_on: bool,
    /// Whether nothing is written.
    is_list: bool,
}

impl Work<'_> {
    fn folder(&self, path: &Path) -> Result<u8> {
        let Self {
            session,
            unlocked,
            choice,
            options,
            ..
        } = *self;
        let mut done = extract::into_folder(unlocked, choice, path, options, &session.control)
            .map_err(|error| self.worded(error))?;
        self.check_matched(&done)?;
        if done.files() > 0 {
            session.published();
        }
        self.show(&mut done, Some(path), "folder")
    }

    fn archive(&self, target: OutputPath, format: Format) -> Result<u8> {
        let Self {
            session,
            unlocked,
            choice,
            options,
            ..
        } = *self;
        let control = &session.control;
        let done = extract::into_archive(unlocked, choice, target, format, options, control)
            .map_err(|error| self.worded(error))?;
        let mut extracted = done.extracted;
        self.check_matched(&extracted)?;
        let path: Option<PathBuf> = done.file.map(|(path, _)| path);
        if path.is_some() {
            session.published();
        }
        self.show(&mut extracted, path.as_deref(), format.name())
    }

    fn list(&self) -> Result<u8> {
        let Self {
            session,
            unlocked,
            choice,
            options,
            ..
        } = *self;
        let backup = &unlocked.backup;
        let (listed, mut done) = extract::list(unlocked, choice, options, &session.control)
            .map_err(|error| self.worded(error))?;
        self.check_matched(&done)?;
        let error = self.outcome(&mut done);
        let (unmatched, warnings) = (self.unmatched(&done)?, self.warnings(&done, false));
        let folders = extract::folders(backup);
        if session.settings.json {
            let document = json::ToExtract {
                backup,
                listed: &listed,
                folders: &folders,
                extracted: &done,
                warnings: &[unmatched, warnings].concat(),
                error: error.as_ref(),
                terms: &CommandLine,
            };
            session.screen.long_json(&document, &session.control)?;
            return Ok(error.map_or(DONE, |error| error.kind().code()));
        }
        render::extract::listing(session, &listed, &folders, &done)?;
        render::extract::warnings(session, backup, &done, &unmatched, &warnings);
        error.map_or(Ok(DONE), Err)
    }

    fn stdout(&self) -> Result<u8> {
        let Self {
            session,
            unlocked,
            choice,
            ..
        } = *self;
        let Unlocked { backup, keys } = unlocked;
        let file: Listed = extract::only_file(unlocked, choice, &session.control)
            .map_err(|error| self.worded(error))?;
        let part = backup.part(file.part);
        let entry = extract::entry_at(&file);
        let reader = open::read_entry(backup, part, keys.as_deref(), entry, &session.control)?;
        copy(reader)?;
        backup.input.check_unchanged()?;
        Ok(DONE)
    }

    /// An error of a part, with what to do about it in this command.
    fn worded(&self, error: Error) -> Error {
        let go_on = if self.may_go_on { KEEP_GOING } else { "" };
        let advice = match error.next_step() {
            Some(Advice::GiveKey) => return error.advice(Advice::GiveKeyToLook),
            Some(Advice::DownloadAgain) if self.may_go_on => DOWNLOAD_AGAIN,
            Some(Advice::RaiseExpansion) => "Raise --max-expanded if you expect this.",
            Some(Advice::LeavePartOut) => {
                "Home Assistant never writes this; make a new backup, or use an older one."
            }
            Some(Advice::DropOtherKey { .. }) => "Give the key of this part to extract it.",
            _ => return error,
        };
        error.advice(format!("{advice} {go_on}").trim_end().to_owned())
    }

    /// The error if none of the selectors matched anything. To suggest others, the parts are read
    /// again.
    fn check_matched(&self, done: &Extracted) -> Result<()> {
        if self.choice.is_matched(done) {
            return Ok(());
        }
        let Unlocked { backup, keys } = self.unlocked;
        let parts: Vec<usize> = done.parts.iter().map(|part| part.part).collect();
        let control = self.session.control.beside();
        let surveys = survey::survey_each(backup, &parts, keys.as_deref(), &control);
        let surveys: Vec<_> = surveys.into_iter().flatten().collect();
        self.choice.check_matched(backup, &surveys)
    }

    /// Shows what was extracted, and returns the exit code.
    fn show(&self, done: &mut Extracted, output: Option<&Path>, format: &str) -> Result<u8> {
        let Self {
            session, unlocked, ..
        } = *self;
        let backup = &unlocked.backup;
        let error = self.outcome(done);
        let (unmatched, warnings) = (self.unmatched(done)?, self.warnings(done, output.is_some()));
        if let Some(error) = error.as_ref().filter(|_| done.is_empty()) {
            let all = unmatched.iter().chain(&warnings);
            all.for_each(|text| session.screen.warn(text));
            return Err(error.copied());
        }
        if session.settings.json {
            let document = json::Extraction {
                backup,
                output,
                format,
                extracted: done,
                warnings: &[unmatched, warnings].concat(),
                error: error.as_ref(),
                terms: &CommandLine,
            };
            session.screen.json(&document.document());
            return Ok(error.map_or(DONE, |error| error.kind().code()));
        }
        render::extract::summary(session, done, output);
        render::extract::warnings(session, backup, done, &unmatched, &warnings);
        if backup.is_protected() && done.files() > 0 {
            render::extract::not_encrypted(session, output, format == "folder");
        }
        error.map_or(Ok(DONE), Err)
    }

    /// The error with which the command ends: that of a part, or that the backup changed, or that
    /// a file could not be extracted.
    fn outcome(&self, done: &mut Extracted) -> Option<Error> {
        let backup = &self.unlocked.backup;
        if let Some(loss) = &self.loss {
            return Some(loss.copied());
        }
        let of_part = done
            .error()
            .and_then(|at| done.parts.get_mut(at)?.error.as_ref());
        if let Some(error) = of_part {
            return Some(self.worded(error.copied()));
        }
        if let Err(error) = backup.input.check_unchanged() {
            return Some(error);
        }
        if !done.lacks_contents() {
            return None;
        }
        let left_out = done
            .parts
            .iter()
            .map(|part| part.left_out.len())
            .sum::<usize>();
        let verb = if left_out == 1 { "was" } else { "were" };
        let message =
            format!("{left_out} of the selected files, links and devices {verb} left out");
        let others = if self.is_list {
            "can be extracted"
        } else {
            "was extracted"
        };
        let advice = format!("The warnings say which and why. Everything else {others}.");
        Some(Error::refused(message).advice(advice))
    }

    /// The selectors that match nothing.
    fn unmatched(&self, done: &Extracted) -> Result<Vec<String>> {
        let unmatched = self.choice.unmatched(&self.unlocked.backup, done)?;
        let unmatched = unmatched.iter();
        Ok(unmatched
            .map(|one| words::unmatched(one, &CommandLine))
            .collect())
    }

    /// Other warnings. `is_there` is false if what was extracted is not there: it was only listed, or
    /// was to go into an archive that was not finished.
    fn warnings(&self, done: &Extracted, is_there: bool) -> Vec<String> {
        let backup = &self.unlocked.backup;
        let mut warnings = backup.warnings();
        let others = done.no_archives.iter();
        warnings.extend(others.map(|&part| words::no_archive(backup, part)));
        let parts = done.parts.iter().filter(|_| is_there);
        warnings.extend(parts.filter_map(|part| words::before_damage(backup, part)));
        // One error ends the run.
        let first = done.error().filter(|_| self.loss.is_none());
        let others = done.parts.iter().enumerate();
        let others = others.filter(|(at, _)| Some(*at) != first);
        let others = others.filter_map(|(_, part)| part.error.as_ref());
        warnings.extend(others.map(|error| format!("{error}.")));
        warnings
    }
}

/// Copies the bytes of a file to standard output. A reader that has gone away is not an error.
fn copy(mut reader: impl Read) -> Result<()> {
    let mut out = stdout().lock();
    let mut buffer = vec![0; STEP];
    loop {
        let got = reader.read(&mut buffer).map_err(Error::from_read)?;
        let written = match buffer.get(..got) {
            Some(bytes) if got > 0 => printing(|| out.write_all(bytes)),
            _ => return ended(printing(|| out.flush())),
        };
        if written.is_err() {
            return ended(written);
        }
    }
}

fn ended(outcome: io::Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(unprinted(&error)),
        _ => Ok(()),
    }
}

/// Checks that a level has an effect.
///
/// # Errors
/// `Usage` if it has none.
fn check_level(extraction: &Extraction) -> Result<()> {
    match &extraction.goal {
        Goal::Archive(_, Format::Zstd(_)) => Ok(()),
        _ if extraction.level.is_none() => Ok(()),
        _ => Err(usage(
            "--level is only for FILE.tar.zst",
            "Name the archive like that with -o, or leave --level out.",
        )),
    }
}
