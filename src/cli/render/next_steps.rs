//! What to do next: commands to paste, and how to upload a copy to Home Assistant.

use std::path::Path;

use haslim::error::{escape, printable};
use haslim::format::securetar::Version;
use haslim::job::{Prepared, Published};
use haslim::open::Backup;
use haslim::plan::{CompressionChoice, EncryptionChoice, Outcome};
use haslim::size;

use crate::cli::args::takes;
use crate::cli::home::{TOKEN, URL};
use crate::cli::key_source::KeySource;
use crate::cli::session::Session;
use crate::cli::settings::{Selection, Writing};
use crate::cli::system::{CONTINUED, CURL, quoted};

/// Prints a command that shows a copy without one of the listed paths.
pub fn after_ls(session: &Session, backup: &Backup, selector: &str, scan: Option<&Path>) {
    let mut command = parts("plan", session, backup.input.path());
    command.push(format!("--drop {}", quoted(selector)));
    command.extend(scan.map(|scan| format!("--scan {}", file(scan))));
    paste(session, "Leave one out:", &command);
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
        let what = if taken {
            "\nTo write it, add --force to this, or another place with -o:"
        } else {
            "\nTo write it:"
        };
        paste(
            session,
            what,
            &shrink(session, prepared, selection, writing),
        );
        if !session.settings.details {
            session
                .screen
                .say("More:  --details (each rule, how to stop it from growing)   haslim ls");
        }
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

/// Prints the copy's name in Home Assistant, and how to upload it. `same_key` is true if the key of
/// the original opens it too.
pub fn after_writing(session: &Session, copy: &Published, same_key: bool) {
    let screen = &session.screen;
    let name = escape(copy.name.as_bytes());
    let key = if copy.protected && same_key {
        "Your emergency kit opens it too. "
    } else {
        ""
    };
    screen.say(&format!("{key}Home Assistant will call it \"{name}\"."));
    screen.say("Upload:  Settings → System → Backups → ⋮ → Upload backup");
    if !copy.protected {
        screen.say("It is not encrypted: Home Assistant Cloud would refuse it, and anyone who has the file can read it.");
        return;
    }
    if is_set(URL) {
        let mut command = parts("ha upload", session, &copy.path);
        command.push("--to cloud.cloud".into());
        let title = if is_set(TOKEN) {
            "To the cloud:"
        } else {
            command.push("--token-file token.txt".into());
            "To the cloud (the README says how to make a token; save it as token.txt):"
        };
        paste(session, title, &command);
        return;
    }
    screen.as_is("To the cloud (the README says how to make a TOKEN):");
    let mut form = format!("file=@{}", copy.path.display());
    // curl(1): these separate the name from its type.
    if form.contains([';', ',']) {
        form = format!("file=@\"{}\"", copy.path.display());
    }
    let form = quoted(&form);
    let command = format!(
        "  {CURL} -H \"Authorization: Bearer TOKEN\" -F {form} {CONTINUED}\n    \"http://homeassistant.local:8123/api/backup/upload?agent_id=cloud.cloud\""
    );
    screen.as_is(&printable(&command));
}

/// Whether a variable has a value.
fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
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
            .map(|s| format!("--drop {}", quoted(s))),
    );
    parts.extend(
        selection
            .keep
            .iter()
            .map(|s| format!("--keep {}", quoted(s))),
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
    parts.extend(compress(selection.compression).map(|when| format!("--compress {when}")));
    parts.extend(securetar(selection.encryption).map(|name| format!("--securetar {name}")));
    if let Some(writing) = writing {
        parts.extend(writing.output.as_deref().map(|f| format!("-o {}", file(f))));
        parts.extend(
            writing
                .rest
                .as_deref()
                .map(|f| format!("--rest {}", file(f))),
        );
        parts.extend(writing.replace.then(|| "--force".to_owned()));
    }
    parts
}

/// A command for a backup, with those of the shared options that it takes.
pub fn parts(command: &str, session: &Session, backup: &Path) -> Vec<String> {
    let settings = &session.settings;
    let mut parts = vec![format!("haslim {command}"), file(backup)];
    if settings.limit != size::CLOUD_LIMIT && takes(command, "limit") {
        parts.push(format!("--limit {}", size::option(settings.limit)));
    }
    let most = settings.max_expanded;
    parts.extend(
        most.filter(|_| takes(command, "max-expanded"))
            .map(|bytes| format!("--max-expanded {}", size::option(bytes))),
    );
    parts.extend(match &settings.key {
        KeySource::PasswordFile(path) => Some(format!("--password-file {}", file(path))),
        KeySource::EmergencyKit(path) => Some(format!("--emergency-kit {}", file(path))),
        KeySource::HomeAssistant | KeySource::VariableOrPrompt => None,
    });
    parts.extend(configuration(session));
    parts
}

/// The options that say where settings come from. All settings that differ from the defaults are
/// printed too, because the file may change.
fn configuration(session: &Session) -> Vec<String> {
    let config = &session.settings.config;
    let mut parts = Vec::new();
    parts.extend(config.no_config.then(|| "--no-config".to_owned()));
    parts.extend(
        config
            .config
            .as_deref()
            .map(|f| format!("--config {}", file(f))),
    );
    parts.extend(
        config
            .profile
            .as_deref()
            .map(|name| format!("--profile {}", quoted(name))),
    );
    parts
}

/// The value for `--compress`; `None` if the option is not needed.
fn compress(choice: CompressionChoice) -> Option<&'static str> {
    match choice {
        CompressionChoice::AsNeeded => None,
        CompressionChoice::Always => Some("always"),
        CompressionChoice::Never => Some("never"),
    }
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
    quoted(&if shown.starts_with('-') {
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
