//! `haslim ha slim`: fetches, shrinks, verifies, sends and confirms.

use std::path::{Path, PathBuf};
use std::time::Instant;

use haslim::homeassistant::{Client, File, Source, pick};
use haslim::open::Backup;
use haslim::report::json;
use haslim::rewrite::output;
use haslim::{Error, Kind, Result, size};

use super::{fetch, file_stem, upload};
use crate::cli::commands::shrink::{self, Ending};
use crate::cli::commands::writing::stopped;
use crate::cli::home::Home;
use crate::cli::render::{escaped_path, home as words};
use crate::cli::session::{DONE, Session};
use crate::cli::settings::{Keeping, Selection, Sending, Wanted, Writing};

/// Brings a backup to its place.
///
/// # Errors
/// `AlreadyStored` if the place has a copy of this backup; otherwise those of the commands that it
/// is made of. The files stay then, and the message names them.
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
    let source = find(session, &client, wanted, sending)?;
    let files = Files::new(&keeping.folder, &source);
    let work = Work {
        session,
        client: &client,
        source: &source,
        sending,
        files: &files,
    };
    let outcome = work.all(selection, keeping, begin);
    if outcome.as_ref().map_or(true, |&code| code != DONE) {
        files.name_left(session);
    }
    outcome
}

/// Picks the backup, and checks what can be checked without it.
fn find(session: &Session, client: &Client, wanted: &Wanted, sending: &Sending) -> Result<Source> {
    let instance = upload::idle(session, client, sending)?;
    let source = pick(&instance, wanted.id.as_deref(), wanted.from.as_deref())?;
    let all = &instance.info.backups;
    let original = all.iter().find(|backup| backup.backup_id == source.id);
    let made = |original| {
        instance
            .info
            .at(&sending.to)
            .find(|one| one.is_copy_of(original))
    };
    if let Some(copy) = original.and_then(made) {
        let message = format!(
            "{} already stores a copy of this backup: {}",
            words::place(&sending.to),
            words::stored(copy, &sending.to)
        );
        return Err(Error::new(Kind::AlreadyStored, message));
    }
    // A file that Home Assistant would refuse in any case is not worth fetching.
    let any = File {
        size: 0,
        slug: "new".into(),
        name: "new".into(),
        date: String::new(),
        is_protected: true,
        has_configuration: true,
    };
    haslim::homeassistant::check(&instance, &any, &sending.to, session.settings.limit)?;
    Ok(source)
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

    fn there(&self) -> impl Iterator<Item = &Path> {
        let files = [self.original.as_path(), self.slim.as_path()];
        files.into_iter().filter(|file| file.exists())
    }

    /// Names the files that are still there after a failure.
    fn name_left(&self, session: &Session) {
        let left: Vec<String> = self.there().map(escaped_path).collect();
        if !left.is_empty() {
            session.screen.warn(&format!(
                "Still there, for the next try: {}. If you do not try again, delete what you do not need.",
                left.join(", ")
            ));
        }
    }
}

struct Work<'a> {
    session: &'a Session,
    client: &'a Client,
    source: &'a Source,
    sending: &'a Sending,
    files: &'a Files,
}

impl Work<'_> {
    fn all(&self, selection: &Selection, keeping: &Keeping, begin: Instant) -> Result<u8> {
        let Self {
            session,
            client,
            source,
            sending,
            files,
        } = *self;
        let original = self.original()?;
        let writing = Writing {
            output: Some(files.slim.clone()),
            rest: None,
            yes: sending.yes,
            // Left by a run before, perhaps with other options.
            replace: true,
            verify: true,
        };
        let path = match shrink::copy(session, original, &files.original, selection, &writing)? {
            Ending::Copied => &files.slim,
            Ending::Fits => &files.original,
            Ending::Ended(code) => return Ok(code),
        };
        let mut backup = session.open(path)?;
        if path == &files.original {
            backup = upload::verified(session, backup)?;
        }
        let file = File::of(&backup);
        let upload = upload::ready(session, client, &file, sending)?;
        let warnings = upload::warn(session, &upload);
        if !upload::is_agreed(session, path, &file, &upload, sending)? {
            return stopped(session);
        }
        upload::send(session, client, &backup, &file, sending)?;
        drop(backup);
        let mut kept = Vec::new();
        for (path, keep) in [
            (&files.original, keeping.original),
            (&files.slim, keeping.slim),
        ] {
            if path.exists() && (keep || output::remove(path).is_err()) {
                kept.push(path.as_path());
            }
        }
        let uploaded = json::home::Uploaded {
            file: &file,
            agent: &sending.to,
            replaced: &upload.replaced,
            warnings: &warnings,
            limit: session.settings.limit,
            seconds: begin.elapsed().as_secs_f64(),
        };
        if session.settings.json {
            session.screen.json(&uploaded.slim(source, &kept));
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
        let same = |backup: &Backup| {
            backup.input.len() == source.size && backup.manifest.slug() == source.id
        };
        if let Some(backup) = session.open(path).ok().filter(same) {
            session
                .screen
                .say(&format!("Fetched before: {}", escaped_path(path)));
            return Ok(backup);
        }
        if !session.settings.json {
            let name = words::name(source);
            session
                .screen
                .say(&format!("Fetching {name}, {}", size::short(source.size)));
        }
        fetch::download(session, client, source, path, true)?;
        let backup = session.open(path)?;
        if backup.manifest.slug() == source.id {
            return Ok(backup);
        }
        let message = format!("what Home Assistant sent is not the backup {}", source.id);
        Err(Error::new(Kind::HomeAssistant, message).advice("Try again."))
    }
}
