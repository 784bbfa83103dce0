//! What to do next: commands to paste, and how to upload a copy to Home Assistant.

use std::path::Path;

use haslim::error::{escape, printable};
use haslim::format::securetar::Version;
use haslim::job::{Prepared, Published};
use haslim::open::Backup;
use haslim::plan::{EncryptionChoice, Outcome};
use haslim::report::words;
use haslim::size;

use crate::cli::render::terms::shell;
use crate::cli::session::Session;
use crate::cli::settings::{KeySource, Selection, Writing};

/// Prints what to do with a backup that is too large for the cloud.
pub fn after_info(session: &Session, backup: &Backup) {
    let path = backup.input.path();
    let (what, command) = if backup.input.len() > session.settings.limit {
        (
            "\nTo see what could be left out:",
            parts("plan", session, path),
        )
    } else if !backup.is_protected() {
        let mut command = parts("shrink", session, path);
        command.push("--securetar 3".into());
        ("\nTo write a copy that is encrypted:", command)
    } else {
        return;
    };
    paste(session, what, &command);
}

/// Prints the command that carries out the plan. If the output is already `taken` by a file, the
/// command must be completed first, so that pasting it never replaces a backup.
pub fn after_plan(
    session: &Session,
    prepared: &Prepared,
    selection: &Selection,
    writing: Option<&Writing>,
    taken: bool,
) {
    if prepared.plan.outcome == Outcome::Fits {
        // The start of the table has scrolled away by now.
        let size = words::against_limit(prepared.plan.predicted_size, prepared.plan.limit);
        session
            .screen
            .say(&format!("\nThe copy would have {size}."));
        let what = if taken {
            "To write it, add --force to this, or another place with -o:"
        } else {
            "To write it:"
        };
        paste(
            session,
            what,
            &shrink(session, prepared, selection, writing),
        );
    }
}

/// Prints the command that uses a scan.
pub fn after_scan(session: &Session, backup: &Backup, scan: &Path) {
    let mut command = parts("plan", session, backup.input.path());
    command.push(format!("--scan {}", file(scan)));
    paste(
        session,
        "\nTo plan with it, without reading the backup again:",
        &command,
    );
}

/// Prints the copy's name in Home Assistant, and how to upload it.
pub fn after_writing(session: &Session, copy: &Published) {
    let name = escape(copy.name.as_bytes());
    session.screen.say(&format!(
        "\nHome Assistant will list it as \"{name}\", with the slug {}.",
        copy.slug
    ));
    session
        .screen
        .say("To upload it: Settings → System → Backups → ⋮ → Upload backup.");
    if !copy.protected {
        session.screen.say("It is not encrypted: Home Assistant Cloud would refuse it, and anyone who has the file can read it.");
        return;
    }
    session
        .screen
        .say("To send it on to Home Assistant Cloud, see the step \"Upload\" in haslim's README.");
}

/// The command that was given, as `shrink`.
pub fn shrink(
    session: &Session,
    prepared: &Prepared,
    selection: &Selection,
    writing: Option<&Writing>,
) -> Vec<String> {
    let mut parts = parts("shrink", session, prepared.backup.input.path());
    parts.extend(
        selection
            .drop
            .iter()
            .map(|s| format!("--drop {}", shell(s))),
    );
    parts.extend(
        selection
            .keep
            .iter()
            .map(|s| format!("--keep {}", shell(s))),
    );
    parts.extend(
        selection
            .allow
            .iter()
            .map(|class| format!("--allow {}", class.name())),
    );
    parts.extend(selection.thorough.then(|| "--thorough".to_owned()));
    parts.extend(
        selection
            .rules
            .as_deref()
            .map(|f| format!("--rules {}", file(f))),
    );
    parts.extend(
        selection
            .scan
            .as_deref()
            .map(|f| format!("--scan {}", file(f))),
    );
    parts.extend(securetar(selection.encryption).map(|name| format!("--securetar {name}")));
    if let Some(writing) = writing {
        parts.extend(writing.output.as_deref().map(|f| format!("-o {}", file(f))));
        parts.extend(writing.replace.then(|| "--force".to_owned()));
    }
    parts
}

/// A command for a backup, with the options that every command has.
fn parts(command: &str, session: &Session, backup: &Path) -> Vec<String> {
    let settings = &session.settings;
    let mut parts = vec![format!("haslim {command}"), file(backup)];
    if settings.limit != size::CLOUD_LIMIT {
        parts.push(format!("--limit {}", size::option(settings.limit)));
    }
    parts.extend(
        settings
            .max_expanded
            .map(|bytes| format!("--max-expanded {}", size::option(bytes))),
    );
    parts.extend(match &settings.key {
        KeySource::PasswordFile(path) => Some(format!("--password-file {}", file(path))),
        KeySource::EmergencyKit(path) => Some(format!("--emergency-kit {}", file(path))),
        KeySource::VariableOrPrompt => None,
    });
    parts
}

/// The value for `--securetar`; `None` if the option is not needed.
fn securetar(choice: EncryptionChoice) -> Option<&'static str> {
    match choice {
        EncryptionChoice::AsIs => None,
        EncryptionChoice::Version(Version::V2) => Some("2"),
        EncryptionChoice::Version(_) => Some("3"),
        EncryptionChoice::Plain => Some("none"),
    }
}

/// A path as a shell argument that cannot be mistaken for an option.
fn file(path: &Path) -> String {
    let shown = path.display().to_string();
    shell(&if shown.starts_with('-') {
        format!("./{shown}")
    } else {
        shown
    })
}

/// Prints a command on a line of its own.
fn paste(session: &Session, what: &str, command: &[String]) {
    session
        .screen
        .as_is(&format!("{what}\n  {}", printable(&command.join(" "))));
}
