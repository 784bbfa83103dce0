//! Reads the key.

mod text;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;

use haslim::crypt::{KeyRing, Password};
use haslim::error::escaped_path;
use haslim::job::{KeyNeed, Unlocked};
use haslim::open::{self, Backup};
use haslim::{Error, Kind, Result};
use zeroize::Zeroizing;

use super::key_source::{KeySource, VARIABLE};
use super::session::Session;
use super::settings::Settings;
use super::small_file;
use super::terminal::prompt;
use text::{MOST_KEYS, Text};

/// How often a user at a terminal may type the key.
const TRIES: usize = 3;

/// How many spellings of a key are tried. Each one takes a key derivation for every salt in the
/// backup: some 50 ms for a backup made by Home Assistant.
const SPELLINGS: usize = 16;

/// The key as the user entered it.
struct Given {
    /// The possible passwords, the most literal first.
    passwords: Vec<Password>,
    /// The index of the right one if no backup can decide, or why that is uncertain.
    meant: Result<usize>,
    /// Why the first one may have been read wrongly.
    misread: Option<Error>,
}

impl Given {
    fn exactly(password: Password) -> Self {
        Self {
            passwords: vec![password],
            meant: Ok(0),
            misread: None,
        }
    }

    /// The right one if no backup can decide.
    fn certain(self) -> Result<Password> {
        let at = self.misread.map_or(self.meant, Err)?;
        self.passwords
            .into_iter()
            .nth(at)
            .filter(|password| !password.is_empty())
            .ok_or_else(empty)
    }

    /// The first password that opens the backup: as entered, otherwise as it may have been meant.
    /// All are wiped, wrong ones as soon as the next is tried.
    fn opening(self, session: &Session, backup: &Backup) -> Result<KeyRing> {
        let mut first = None;
        let spellings: Vec<Password> = self
            .passwords
            .iter()
            .flat_map(Password::other_spellings)
            .collect();
        for password in self
            .passwords
            .into_iter()
            .chain(spellings)
            .filter(|p| !p.is_empty())
            .take(SPELLINGS)
        {
            let keys = KeyRing::new(password);
            match open::unlock(backup, &keys) {
                Ok(()) => return Ok(keys),
                Err(error) if error.kind() != Kind::Password => return Err(error),
                Err(error) => first.get_or_insert(error),
            };
            session.control.check()?;
        }
        Err(self.misread.or(first).unwrap_or_else(empty))
    }
}

/// Reads the key from the source that the user chose, and checks that it opens the backup. If no
/// source was chosen and a key is needed, asks for it on a terminal. A wrong key may be typed
/// again, twice.
///
/// # Errors
/// `Password` if the key is needed but empty, or wrong, or its file cannot be read.
pub fn keys(session: &Session, backup: &Backup, need: KeyNeed) -> Result<Option<KeyRing>> {
    let fit = |given: Given| {
        if backup.is_protected() {
            return given.opening(session, backup);
        }
        // No backup shows which spelling is right.
        Ok(KeyRing::new(given.certain()?.for_new_backup()))
    };
    let mut refused = None;
    if let Some(given) = said(session)? {
        match fit(given) {
            Err(error) if is_of_another_time(session, &error) => refused = Some(other_key(error)),
            outcome => return outcome.map(Some),
        }
    }
    if let Some(error) = refused.as_ref().filter(|_| can_ask(session)) {
        session.screen.answer(&format!("{}.", error.message()));
    }
    for left in (0..TRIES).rev() {
        let Some(password) = asked(session, need)? else {
            return refused.map_or(Ok(None), Err);
        };
        match fit(Given::exactly(password)) {
            Err(error) if error.kind() == Kind::Password && left > 0 => {
                let tries = if left == 1 {
                    "one more try".into()
                } else {
                    format!("{left} more tries")
                };
                session.screen.answer(&format!(
                    "This key does not open the backup: {error}. You have {tries}."
                ));
            }
            outcome => return outcome.map(Some),
        }
    }
    Ok(None)
}

/// Whether the error is that the key of Home Assistant does not open the backup.
fn is_of_another_time(session: &Session, error: &Error) -> bool {
    session.settings.key == KeySource::HomeAssistant && error.kind() == Kind::Password
}

fn other_key(error: Error) -> Error {
    let message = "the key that Home Assistant uses now does not open this backup";
    Error::new(Kind::Password, message)
        .advice("The backup was made by hand or before the key was changed. Give its own key with --emergency-kit or --password-file.")
        .caused_by(error)
}

/// A backup with its key.
///
/// # Errors
/// As [`keys`] and [`Unlocked::new`].
pub fn unlock(session: &Session, backup: Backup, need: KeyNeed) -> Result<Unlocked> {
    let keys = keys(session, &backup, need)?;
    Unlocked::new(backup, keys.map(Arc::new))
}

/// A backup that must be read completely, with its key, or without one if it is not encrypted.
///
/// # Errors
/// As [`unlock`], and `Password` if it is encrypted and there is no key.
pub fn unlock_all(session: &Session, backup: Backup) -> Result<Unlocked> {
    let is_protected = backup.is_protected();
    let keys = keys(session, &backup, KeyNeed::must_if(is_protected))?;
    if keys.is_none() && is_protected {
        return Err(Error::new(
            Kind::Password,
            "the backup is encrypted, and no password was given",
        )
        .advice("Give it with --password-file, --emergency-kit or HASLIM_PASSWORD."));
    }
    Unlocked::new(backup, keys.map(Arc::new))
}

/// The key as the user entered it, for a backup that does not exist yet. Whether it is right cannot
/// be checked.
///
/// # Errors
/// As [`keys`].
pub fn given(session: &Session, need: KeyNeed) -> Result<Option<Password>> {
    match said(session)? {
        Some(given) => given.certain().map(Some),
        None => asked(session, need)?
            .map(|password| Given::exactly(password).certain())
            .transpose(),
    }
}

fn empty() -> Error {
    Error::new(Kind::Password, "the password is empty")
        .advice("Give the encryption key with --password-file, --emergency-kit or HASLIM_PASSWORD.")
}

/// The key from the options or the variable.
fn said(session: &Session) -> Result<Option<Given>> {
    match &session.settings.key {
        KeySource::PasswordFile(path) => from_file(session, path).map(Some),
        KeySource::EmergencyKit(path) => from_kit(session, path).map(Some),
        KeySource::HomeAssistant => Ok(session.home_key().cloned().map(Given::exactly)),
        KeySource::VariableOrPrompt => from_variable(),
    }
}

/// Whether a key is given, by an option or by the variable, so that no command asks for it.
pub fn is_given(settings: &Settings) -> bool {
    settings.key != KeySource::VariableOrPrompt || std::env::var_os(VARIABLE).is_some()
}

fn from_variable() -> Result<Option<Given>> {
    let Some(value) = std::env::var_os(VARIABLE) else {
        return Ok(None);
    };
    let text = value
        .into_string()
        .map_err(|_| Error::new(Kind::Password, format!("{VARIABLE} is not valid UTF-8")))?;
    // A key never ends with a line end, because that cannot be typed.
    let text = Zeroizing::new(text);
    Ok(Some(Given::exactly(Password::new(
        text.trim_end_matches(['\r', '\n']).to_owned(),
    ))))
}

/// Whether the user can be asked for the key.
fn can_ask(session: &Session) -> bool {
    !session.settings.json && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// The key typed by the user; `None` if no terminal is there, or if the user has no key and it is
/// optional.
fn asked(session: &Session, need: KeyNeed) -> Result<Option<Password>> {
    if need == KeyNeed::No || !can_ask(session) {
        return Ok(None);
    }
    let or_not = if need == KeyNeed::Must {
        ""
    } else {
        " (or press Enter to continue without reading the parts)"
    };
    let password = prompt::ask_unseen(&format!("Encryption key of the backup{or_not}: "))?;
    Ok(Some(password).filter(|password| need == KeyNeed::Must || !password.is_empty()))
}

/// The first line, without its line end. The following lines are only searched for the key of an
/// emergency kit.
fn from_file(session: &Session, path: &Path) -> Result<Given> {
    let text = Text::of(&small_file::KEY.read(path, &session.control)?);
    let (first, sure) = text.first_line();
    let found = text.keys();
    let kit = text.is_kit();
    let meant = match found.len() {
        _ if !kit => Ok(0),
        // The heading of an emergency kit is not a key.
        1 => Ok(1),
        _ => Err(more_than_one(path)),
    };
    let misread = (!kit && !sure).then(|| {
        let message = format!(
            "the first line of {} is not valid UTF-8",
            escaped_path(path)
        );
        Error::new(Kind::Password, message).advice("Save it as UTF-8.")
    });
    Ok(Given {
        passwords: std::iter::once(first).chain(found).collect(),
        meant,
        misread,
    })
}

/// The keys in an emergency kit.
fn from_kit(session: &Session, path: &Path) -> Result<Given> {
    let passwords = Text::of(&small_file::KEY.read(path, &session.control)?).keys();
    match passwords.len() {
        0 => Err(Error::new(Kind::Password, format!("there is no encryption key in {}", escaped_path(path)))
            .advice("A key is a line of seven groups of four letters and digits. Put any other kind of key on the first line of a file, and use --password-file.")),
        1 => Ok(Given { passwords, meant: Ok(0), misread: None }),
        count if count > MOST_KEYS => Err(more_than_one(path)),
        _ => Ok(Given { passwords, meant: Err(more_than_one(path)), misread: None }),
    }
}

fn more_than_one(path: &Path) -> Error {
    Error::new(
        Kind::Password,
        format!(
            "there is more than one encryption key in {}",
            escaped_path(path)
        ),
    )
    .advice("Put the right one into a file of its own and use --password-file.")
}
