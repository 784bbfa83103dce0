//! `haslim ha upload`: checks, sends and confirms.

use std::cell::RefCell;
use std::path::Path;
use std::time::Instant;

use haslim::homeassistant::{
    Client, File, IDLE, Instance, Upload, UploadEvent, UploadObserver, Warning, check,
};
use haslim::job::{KeyNeed, Unlocked};
use haslim::open::Backup;
use haslim::pipe::{Content, FileContent};
use haslim::report::json;
use haslim::{Error, Result, size};

use crate::cli::commands::writing::stopped;
use crate::cli::home::Home;
use crate::cli::key;
use crate::cli::mistake::usage;
use crate::cli::render::{escaped_path, home as words};
use crate::cli::session::{DONE, Session};
use crate::cli::settings::Sending;
use crate::cli::terminal::confirm::{self, Confirming};
use crate::cli::terminal::prompt::{Answer, ask};

/// Uploads a file.
///
/// # Errors
/// As [`check_consent`], [`ready`], [`verified`] and [`Client::upload`].
pub fn run(session: &Session, home: &Home, path: &Path, sending: &Sending) -> Result<u8> {
    let begin = Instant::now();
    let client = home.client(&session.control)?;
    check_consent(session, sending)?;
    let backup = session.open(path)?;
    let file = File::of(&backup);
    let upload = ready(session, &client, &file, sending)?;
    warn(session, &upload);
    super::ask_for_key(session, &client)?;
    let backup = verified(session, backup)?;
    if !is_agreed(session, Some(path), &file, &upload, sending)? {
        return stopped(session);
    }
    let again = still_agreed(session, &client, Some(path), &file, upload, sending)?;
    let Some(upload) = again else {
        return stopped(session);
    };
    let mut content = FileContent::new(&backup.input);
    send(session, &client, &mut content, &file, sending)?;
    let uploaded = json::home::Uploaded {
        file: &file,
        agent: &sending.to,
        replaced: &upload.replaced,
        warnings: &warnings(&upload),
        limit: session.settings.limit,
        seconds: begin.elapsed().as_secs_f64(),
    };
    if session.settings.json {
        session.screen.json(&uploaded.document(path));
    } else {
        announce(session, &uploaded);
    }
    Ok(DONE)
}

/// Checks that the user has agreed, or can be asked.
///
/// # Errors
/// `Usage`.
pub fn check_consent(session: &Session, sending: &Sending) -> Result<()> {
    if sending.yes || session.may_ask() {
        return Ok(());
    }
    Err(usage(
        "an upload asks first, and there is no terminal to ask on",
        "Add --yes, or look first with `haslim ha status`.",
    ))
}

/// Asks Home Assistant, waits until it is idle if that is wanted, and checks the upload.
///
/// # Errors
/// As [`Client::look`], [`Client::wait_until_idle`] and [`check`].
pub fn ready(session: &Session, client: &Client, file: &File, sending: &Sending) -> Result<Upload> {
    let instance = idle(session, client, sending)?;
    check(&instance, file, &sending.to, session.settings.limit)
}

/// What Home Assistant says, after waiting if that is wanted.
///
/// # Errors
/// As [`Client::look`] and [`Client::wait_until_idle`].
pub fn idle(session: &Session, client: &Client, sending: &Sending) -> Result<Instance> {
    let control = &session.control;
    let instance = client.look(control)?;
    if instance.info.state == IDLE || !sending.wait {
        return Ok(instance);
    }
    let mut waiting = |state: &str| {
        let text = format!("Waiting: {}.", words::busy(state));
        session.screen.say(&text);
    };
    client.wait_until_idle(control, &mut waiting)?;
    client.look(control)
}

/// The warnings of a check for people.
pub fn warnings(upload: &Upload) -> Vec<String> {
    let text = |warning: &Warning| match warning {
        Warning::NoConfiguration => {
            "The backup is without Home Assistant's configuration. Its web page does not offer the cloud for such backups."
        }
        Warning::NotListed => {
            "The place cannot list its backups now. So it is not known what the upload replaces there, and haslim may not be able to confirm it."
        }
    };
    let texts = upload.warnings.iter().map(text);
    texts.map(str::to_owned).collect()
}

/// Prints the warnings of a check; in JSON they stand in the document.
pub fn warn(session: &Session, upload: &Upload) {
    if !session.settings.json {
        let texts = warnings(upload);
        texts.iter().for_each(|text| session.screen.warn(text));
    }
}

/// Checks the file for damage, as far as the key allows.
///
/// # Errors
/// The first error that was found, and those that keep it from being checked.
pub fn verified(session: &Session, backup: Backup) -> Result<Backup> {
    let is_readable = !backup.is_protected() || key::is_given(&session.settings);
    if !is_readable {
        session
            .screen
            .warn("Not checked for damage, because no key was given.");
        return Ok(backup);
    }
    let need = KeyNeed::must_if(backup.is_protected());
    let Unlocked { backup, keys } = key::unlock(session, backup, need)?;
    let checks = haslim::verify::backup(&backup, keys.as_deref(), &session.control)?;
    if let Some(error) = checks.into_iter().find_map(Result::err) {
        return Err(error);
    }
    if let Some(finding) = backup.findings.iter().find(|finding| finding.is_refused()) {
        let text = finding.text();
        return Err(Error::damaged(text.trim_end_matches('.')).advice("`haslim verify` says more."));
    }
    Ok(backup)
}

/// Says what the upload replaces, and asks. A copy that is sent as it is made has no path.
pub fn is_agreed(
    session: &Session,
    path: Option<&Path>,
    file: &File,
    upload: &Upload,
    sending: &Sending,
) -> Result<bool> {
    if session.settings.json {
        return Ok(true);
    }
    let place = words::place(&sending.to);
    for backup in &upload.replaced {
        let there = words::stored(backup, &sending.to);
        session
            .screen
            .say(&format!("Replaces {there}, in {place}."));
    }
    if sending.yes {
        return Ok(true);
    }
    let question = format!(
        "\nSend {}, {}, to {place}? [y]es, [N]o: ",
        path.map_or_else(|| "the copy".to_owned(), escaped_path),
        size::short(file.size)
    );
    Ok(ask(&session.control, &question)? == Answer::Yes)
}

/// Checks the upload once more, just before it: minutes may have passed. As long as the check finds
/// something else than the user has agreed to, says so and asks again. Returns the last check; `None`
/// if the user does not want the upload any more.
///
/// # Errors
/// As [`ready`].
pub fn still_agreed(
    session: &Session,
    client: &Client,
    path: Option<&Path>,
    file: &File,
    mut upload: Upload,
    sending: &Sending,
) -> Result<Option<Upload>> {
    let ids = |upload: &Upload| -> Vec<String> {
        let replaced = upload.replaced.iter();
        replaced.map(|stored| stored.backup_id.clone()).collect()
    };
    loop {
        let now = ready(session, client, file, sending)?;
        if ids(&now) == ids(&upload) && now.warnings == upload.warnings {
            return Ok(Some(now));
        }
        if !session.settings.json {
            let place = words::place(&sending.to);
            session.screen.warn(&format!(
                "haslim asked again: what Home Assistant says about {place} has changed."
            ));
        }
        warn(session, &now);
        if !is_agreed(session, path, file, &now, sending)? {
            return Ok(None);
        }
        upload = now;
    }
}

/// Sends the file and waits until it is confirmed.
///
/// # Errors
/// As [`Client::upload`].
pub fn send(
    session: &Session,
    client: &Client,
    content: &mut dyn Content,
    file: &File,
    sending: &Sending,
) -> Result<()> {
    let observer = Telling {
        session,
        place: words::place(&sending.to),
        asking: RefCell::new(None),
    };
    client.upload(content, file, &sending.to, &observer, &session.control)
}

/// Prints the events of an upload.
struct Telling<'a> {
    session: &'a Session,
    place: String,
    /// From the time on from which the upload ends with this program and nothing is left to send.
    asking: RefCell<Option<Confirming>>,
}

impl UploadObserver for Telling<'_> {
    fn event(&self, event: UploadEvent) {
        match event {
            // The bar shows it.
            UploadEvent::Received if self.session.may_ask() => {
                let question = format!(
                    "\nHome Assistant has received everything, and sends it to {} now. If haslim ends, Home Assistant stops as well. Stop? [y]es, [N]o: ",
                    self.place
                );
                self.asking.replace(Some(confirm::before_stopping(question)));
            }
            UploadEvent::Received => {}
            UploadEvent::Answered => drop(self.asking.take()),
            UploadEvent::Retry { attempt, of } => self.session.screen.warn(&format!(
                "Home Assistant could not send it on, and begins again: try {attempt} of {of}. Minutes may pass between two tries."
            )),
        }
    }
}

/// Prints that an upload is confirmed.
pub fn announce(session: &Session, uploaded: &json::home::Uploaded<'_>) {
    let screen = &session.screen;
    let name = haslim::error::escape(uploaded.file.name.as_bytes());
    screen.say(&screen.green(&format!(
        "Done in {:.1} s: {} stores it, {} ({} bytes).",
        uploaded.seconds,
        words::place(uploaded.agent),
        size::short(uploaded.file.size),
        uploaded.file.size
    )));
    screen.say(&format!("It is listed as \"{name}\"."));
}
