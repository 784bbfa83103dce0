//! `haslim ha slim`: fetches, shrinks, verifies, sends and confirms.

use std::path::{Path, PathBuf};
use std::time::Instant;

use haslim::error::Advice;
use haslim::format::manifest::Origin;
use haslim::homeassistant::{Client, File, Instance, Source, Stored, Upload, pick};
use haslim::job::{MeasureOutcome, Prepared};
use haslim::open::{Backup, ComponentKind};
use haslim::pipe::FileContent;
use haslim::plan::{Action, EncryptionChoice};
use haslim::report::json;
use haslim::rewrite::{Measured, OutputPath, output};
use haslim::{Error, Kind, Result, size};

use super::{fetch, file_stem, upload};
use crate::cli::commands::shrink::{self, Decided, Ending};
use crate::cli::commands::writing::stopped;
use crate::cli::home::Home;
use crate::cli::key;
use crate::cli::render::{escaped_path, home as words, refusal};
use crate::cli::session::{DONE, Session};
use crate::cli::settings::{Keeping, Selection, Sending, Wanted, Writing};

/// Brings a backup to its place.
///
/// # Errors
/// `AlreadyStored` if the place has this backup or a copy of it; otherwise those of the commands that
/// it is made of. The files stay then, and the message names them.
pub fn run(
    session: &Session,
    home: &Home,
    wanted: &Wanted,
    sending: &Sending,
    selection: &Selection,
    keeping: &Keeping,
) -> Result<u8> {
    let begin = Instant::now();
    let client = home.client(&session.control)?;
    upload::check_consent(session, sending)?;
    let instance = upload::idle(session, &client, sending)?;
    let source = pick(&instance, wanted.id.as_deref(), wanted.from.as_deref())?;
    let files = Files::new(&keeping.folder, &source);
    let limit = session.settings.limit;
    if let Some(there) = stored_before(&instance, &source, selection, sending, limit) {
        files.name_unneeded(session);
        let what = if there.backup_id == source.id {
            "this backup"
        } else {
            "a copy of this backup"
        };
        let message = format!(
            "{} already stores {what}: {}",
            words::place(&sending.to),
            words::stored(there, &sending.to)
        );
        return Err(Error::new(Kind::AlreadyStored, message).advice(
            "To send another copy, use `haslim ha fetch`, `haslim shrink` and `haslim ha upload`.",
        ));
    }
    check_place(session, &instance, &source, selection, sending)?;
    files.check(&source, !keeping.is_streamed)?;
    if !keeping.is_streamed && !fits_whole(&source, selection, limit) {
        files.warn_of_room(session, &source, limit);
    }
    super::ask_for_key(session, &client)?;
    let work = Work {
        session,
        client: &client,
        source: &source,
        sending,
        files: &files,
        begin,
    };
    let outcome = if keeping.is_streamed {
        work.stream(selection, keeping)
    } else {
        work.all(selection, keeping)
    };
    if outcome.as_ref().map_or(true, |&code| code != DONE) {
        files.name_left(session);
    }
    outcome.map_err(|error| files.advise(error))
}

/// The backup at the place that makes this run needless: one that was made from the source, or the
/// source itself if it fits and nothing is to be left out of it.
fn stored_before<'a>(
    instance: &'a Instance,
    source: &Source,
    selection: &Selection,
    sending: &'a Sending,
    limit: u64,
) -> Option<&'a Stored> {
    let mut backups = instance.info.backups.iter();
    let original = backups.find(|backup| backup.backup_id == source.id)?;
    let is_same = |one: &Stored| one.backup_id == source.id && fits_whole(source, selection, limit);
    let mut there = instance.info.at(&sending.to);
    there.find(|one| one.is_copy_of(original) || is_same(one))
}

/// Whether the backup itself is sent, and no copy of it.
fn fits_whole(source: &Source, selection: &Selection, limit: u64) -> bool {
    source.size <= limit && selection.drop.is_empty() && !selection.thorough
}

/// Checks what can be checked without the backup: a file that Home Assistant would refuse in any
/// case is not worth fetching.
///
/// # Errors
/// As [`haslim::homeassistant::check`].
fn check_place(
    session: &Session,
    instance: &Instance,
    source: &Source,
    selection: &Selection,
    sending: &Sending,
) -> Result<()> {
    let limit = session.settings.limit;
    let is_protected = match selection.encryption {
        EncryptionChoice::Plain => source.is_protected && fits_whole(source, selection, limit),
        _ => source.is_protected || key::is_given(&session.settings),
    };
    let any = File {
        size: 0,
        slug: "new".into(),
        name: "new".into(),
        date: String::new(),
        is_rest: false,
        is_protected,
        has_configuration: true,
    };
    haslim::homeassistant::check(instance, &any, &sending.to, limit).map(drop)
}

/// The files of a run. Their names follow from the backup, so that the next run finds them.
struct Files {
    original: PathBuf,
    slim: PathBuf,
}

impl Files {
    fn new(folder: &Path, source: &Source) -> Self {
        let id = file_stem(&source.id);
        Self {
            original: folder.join(format!("haslim-{id}.tar")),
            slim: folder.join(format!("haslim-{id}.slim.tar")),
        }
    }

    /// Checks that what is in the places of the files comes from a run before: the backup itself,
    /// and a copy of it, which the new copy replaces. Nothing else is replaced or removed.
    ///
    /// # Errors
    /// `OutputIo`.
    fn check(&self, source: &Source, needs_slim: bool) -> Result<()> {
        let is_it = |backup: Backup| {
            backup.input.len() == source.size && backup.manifest.slug() == source.id
        };
        let is_its_copy = |copy: Backup| {
            let about = copy.manifest.about();
            let about = about.and_then(|text| serde_json::from_str(text).ok());
            about
                .and_then(|about| Origin::of(&about))
                .is_some_and(|origin| origin.slug == source.id)
        };
        let refused = |path: &Path, what: &str| {
            let message = format!("{} exists already, and is not {what}", escaped_path(path));
            Err(Error::new(Kind::OutputIo, message)
                .advice("Move it away, or choose another folder with --folder."))
        };
        if self.original.exists() && !Backup::open(&self.original).is_ok_and(is_it) {
            return refused(&self.original, &format!("the backup {}", source.id));
        }
        if needs_slim && self.slim.exists() && !Backup::open(&self.slim).is_ok_and(is_its_copy) {
            return refused(&self.slim, "a copy of this backup");
        }
        Ok(())
    }

    /// Warns if the disk may be too small for a copy beside the original. How large the copy will be
    /// is known only after fetching; whether the original fits is checked when it is fetched.
    fn warn_of_room(&self, session: &Session, source: &Source, limit: u64) {
        let place = OutputPath::check_alone(&self.original, true);
        let free = place.ok().and_then(|place| place.free_space());
        let copy = source.size.min(limit);
        let Some(free) = free.filter(|&free| {
            !self.original.exists()
                && source.size <= free
                && source.size.saturating_add(copy) > free
        }) else {
            return;
        };
        session.screen.warn(&format!(
            "{} is free in {}. The backup needs {} of it, and its copy up to {}. If that is too much, add --stream: it sends the copy without storing it here.",
            size::decimal(free),
            escaped_path(self.original.parent().unwrap_or(Path::new("."))),
            size::decimal(source.size),
            size::decimal(copy)
        ));
    }

    /// Says about damage that the next run would take the same file.
    fn advise(&self, error: Error) -> Error {
        let or = match error.next_step() {
            _ if !self.original.exists() => return error,
            Some(Advice::DownloadAgain) => "use an older one".into(),
            Some(Advice::DropOrKeepDamaged { part } | Advice::DropDamaged { part }) => {
                format!("leave the part out with --drop {part}")
            }
            _ => return error,
        };
        error.advice(format!(
            "Delete {}, and run the same command again. If the backup is damaged in Home Assistant too, {or}.",
            escaped_path(&self.original)
        ))
    }

    /// Names the files that an earlier run left, if the place has the result.
    fn name_unneeded(&self, session: &Session) {
        self.name(session, |left| {
            format!("Still there from an earlier run, and no longer needed for this: {left}.")
        });
    }

    /// Names the files that are still there after a failure.
    fn name_left(&self, session: &Session) {
        self.name(session, |left| {
            format!(
                "Still there, for the next try: {left}. If you do not try again, delete what you do not need."
            )
        });
    }

    /// Prints this sentence about the files, if there are any.
    fn name(&self, session: &Session, sentence: impl Fn(&str) -> String) {
        let files = [&self.original, &self.slim].into_iter();
        let left: Vec<String> = files
            .filter(|file| file.exists())
            .map(|file| escaped_path(file))
            .collect();
        if !left.is_empty() {
            session.screen.warn(&sentence(&left.join(", ")));
        }
    }
}

struct Work<'a> {
    session: &'a Session,
    client: &'a Client,
    source: &'a Source,
    sending: &'a Sending,
    files: &'a Files,
    begin: Instant,
}

impl Work<'_> {
    fn writing(&self) -> Writing {
        Writing {
            output: Some(self.files.slim.clone()),
            rest: None,
            yes: self.sending.yes,
            // Left by a run before, perhaps with other options.
            replace: true,
            verify: true,
        }
    }

    /// Makes the copy as a file, and sends that.
    fn all(&self, selection: &Selection, keeping: &Keeping) -> Result<u8> {
        let (session, files) = (self.session, self.files);
        let original = self.original()?;
        let writing = self.writing();
        match shrink::copy(session, original, &files.original, selection, &writing)? {
            Ending::Copied => self.send_file(&files.slim, keeping),
            Ending::Fits => self.send_file(&files.original, keeping),
            Ending::Ended(code) => Ok(code),
        }
    }

    /// Sends the copy as it is made.
    fn stream(&self, selection: &Selection, keeping: &Keeping) -> Result<u8> {
        let (session, files) = (self.session, self.files);
        let original = self.original()?;
        let writing = self.writing();
        let path = &files.original;
        let decided = shrink::plan_to_stream(session, original, path, selection, &writing)?;
        let mut prepared = match decided {
            Decided::Copy(prepared, _) => prepared,
            Decided::Fits => return self.send_file(path, keeping),
            Decided::Ended(code) => return Ok(code),
        };
        let measured = match prepared.measure(&session.screen, &session.control)? {
            MeasureOutcome::Measured(measured) => measured,
            MeasureOutcome::Refused(reason) => return Err(refusal::error(&prepared, reason)),
        };
        let file = described(&prepared, &measured);
        let Some(upload) = self.agreed(None, &file)? else {
            return stopped(session);
        };
        prepared.stream(&measured, &session.control, |copy| {
            upload::send(session, self.client, copy, &file, self.sending)
        })?;
        drop(prepared);
        self.finish(&file, &upload, &[(&files.original, keeping.original)])
    }

    fn send_file(&self, path: &Path, keeping: &Keeping) -> Result<u8> {
        let session = self.session;
        let mut backup = session.open(path)?;
        if path == self.files.original {
            backup = upload::verified(session, backup)?;
        }
        let file = File::of(&backup);
        let Some(upload) = self.agreed(Some(path), &file)? else {
            return stopped(session);
        };
        let mut content = FileContent::new(&backup.input);
        upload::send(session, self.client, &mut content, &file, self.sending)?;
        drop((content, backup));
        let original = (&self.files.original, keeping.original);
        let slim = (&self.files.slim, keeping.slim);
        // A copy that was not sent is not this run's.
        let (all, one) = ([original, slim], [original]);
        let ours: &[_] = if path == self.files.slim { &all } else { &one };
        self.finish(&file, &upload, ours)
    }

    /// Checks the upload, and asks for consent. `None` if the user does not want it.
    fn agreed(&self, path: Option<&Path>, file: &File) -> Result<Option<Upload>> {
        let (session, client, sending) = (self.session, self.client, self.sending);
        let upload = upload::ready(session, client, file, sending)?;
        upload::warn(session, &upload);
        if !upload::is_agreed(session, path, file, &upload, sending)? {
            return Ok(None);
        }
        // Without a question, no time has passed.
        if sending.yes {
            return Ok(Some(upload));
        }
        upload::still_agreed(session, client, path, file, upload, sending)
    }

    /// Removes these files of this run unless they are to be kept, and reports what was done.
    fn finish(&self, file: &File, upload: &Upload, ours: &[(&PathBuf, bool)]) -> Result<u8> {
        let session = self.session;
        let mut kept = Vec::new();
        for &(path, keep) in ours {
            if path.exists() && (keep || output::remove(path).is_err()) {
                kept.push(path.as_path());
            }
        }
        let uploaded = json::home::Uploaded {
            file,
            agent: &self.sending.to,
            replaced: &upload.replaced,
            warnings: &upload::warnings(upload),
            limit: session.settings.limit,
            seconds: self.begin.elapsed().as_secs_f64(),
        };
        if session.settings.json {
            session.screen.json(&uploaded.slim(self.source, &kept));
            return Ok(DONE);
        }
        upload::announce(session, &uploaded);
        for path in kept {
            session.screen.as_is(&format!("  {}", escaped_path(path)));
        }
        Ok(DONE)
    }

    /// The original: fetched before, or now.
    fn original(&self) -> Result<Backup> {
        let Self {
            session,
            client,
            source,
            files,
            ..
        } = *self;
        let path = &files.original;
        if path.exists() {
            session
                .screen
                .say(&format!("Fetched before: {}", escaped_path(path)));
            return session.open(path);
        }
        let (name, bytes) = (words::name(source), size::short(source.size));
        session.screen.say(&format!("Fetching {name}, {bytes}"));
        fetch::download(session, client, source, path, false)?;
        let backup = session.open(path)?;
        if backup.manifest.slug() == source.id {
            return Ok(backup);
        }
        let message = format!("what Home Assistant sent is not the backup {}", source.id);
        Err(Error::new(Kind::HomeAssistant, message).advice("Try again."))
    }
}

/// What Home Assistant will read about a copy that is sent as it is made.
fn described(prepared: &Prepared, measured: &Measured) -> File {
    let (manifest, changes) = (&prepared.backup.manifest, &measured.changes);
    let mut parts = prepared.backup.parts.iter().zip(&prepared.plan.parts);
    File {
        size: measured.size,
        slug: changes.slug.clone(),
        name: manifest.changed_name(changes),
        date: manifest.shown_date().to_owned(),
        is_rest: false,
        is_protected: changes.protected,
        has_configuration: parts.any(|(part, planned)| {
            part.kind == ComponentKind::HomeAssistant && planned.action != Action::Drop
        }),
    }
}
