//! Where the key comes from.

mod text;

use std::io::{self, IsTerminal};
use std::path::Path;

use haslim::crypt::{KeyRing, Password};
use haslim::open::{self, Backup};
use haslim::{Error, Kind, Result};
use zeroize::Zeroizing;

use super::{Session, small_file};
use text::{MOST_KEYS, Text};

/// The variable that may hold the key.
const VARIABLE: &str = "HASLIM_PASSWORD";

/// How often somebody at a terminal may type the key.
const TRIES: usize = 3;

/// How many spellings of a key are tried. Each takes a key derivation for every salt that the
/// backup has: some 50 ms for a backup of Home Assistant's.
const SPELLINGS: usize = 16;

/// What a key is good for: whether somebody at a terminal is asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    No,
    /// Without it less can be seen or done.
    Helps,
    /// Nothing can be done without it.
    Must,
}

impl Need {
    /// Must, if so; otherwise nothing.
    pub fn must_if(so: bool) -> Self {
        if so { Self::Must } else { Self::No }
    }
}

/// What the user gave for a key.
struct Given {
    /// What may be meant, the most literal first.
    passwords: Vec<Password>,
    /// Which of them is meant where no backup can tell, or why that is not certain.
    meant: Result<usize>,
    /// Why the first may have been read wrongly.
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

    /// The one that is meant, where no backup can tell.
    fn certain(self) -> Result<Password> {
        let at = self.misread.map_or(self.meant, Err)?;
        self.passwords
            .into_iter()
            .nth(at)
            .filter(|password| !password.is_empty())
            .ok_or_else(empty)
    }

    /// The first that opens the backup: as given, else as it may have been meant. All are
    /// wiped, the wrong ones as soon as the next is tried.
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

/// Reads the key from where the user said, and makes sure that it opens the
/// backup. Asks for it on a terminal when nothing was said and there is a need; what does not
/// open the backup may be typed again, twice.
///
/// # Errors
/// `Password` when it is empty though needed, or wrong, or its file cannot be read.
pub fn keys(session: &Session, backup: &Backup, need: Need) -> Result<Option<KeyRing>> {
    let fit = |given: Given| {
        if backup.is_protected() {
            return given.opening(session, backup);
        }
        // A copy must not get a key with blanks around it that nobody sees.
        let password = given.certain()?;
        Ok(KeyRing::new(password.trimmed().unwrap_or(password)))
    };
    if let Some(given) = said(session)? {
        return fit(given).map(Some);
    }
    for left in (0..TRIES).rev() {
        let Some(password) = asked(session, need)? else {
            return Ok(None);
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

/// The key of a backup that has to be read whole; `None` for one that is not encrypted.
///
/// # Errors
/// As [`keys`], and `Password` when it is encrypted and there is no key.
pub fn required(session: &Session, backup: &Backup) -> Result<Option<KeyRing>> {
    let keys = keys(session, backup, Need::must_if(backup.is_protected()))?;
    if keys.is_none() && backup.is_protected() {
        return Err(Error::new(
            Kind::Password,
            "the backup is encrypted, and no password was given",
        )
        .advice("Give it with --password-file, --emergency-kit or HASLIM_PASSWORD."));
    }
    Ok(keys)
}

/// The key as the user gave it, for a backup that does not exist yet: nothing tells whether it is
/// right.
///
/// # Errors
/// As [`keys`].
pub fn given(session: &Session, need: Need) -> Result<Option<Password>> {
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

/// What the options or the variable say.
fn said(session: &Session) -> Result<Option<Given>> {
    if let Some(path) = &session.common.password_file {
        return from_file(session, path).map(Some);
    }
    if let Some(path) = &session.common.emergency_kit {
        return from_kit(session, path).map(Some);
    }
    let Some(value) = std::env::var_os(VARIABLE) else {
        return Ok(None);
    };
    let text = value
        .into_string()
        .map_err(|_| Error::new(Kind::Password, format!("{VARIABLE} is not valid UTF-8")))?;
    // No key ends with a line end: nobody could type it.
    let text = Zeroizing::new(text);
    Ok(Some(Given::exactly(Password::new(
        text.trim_end_matches(['\r', '\n']).to_owned(),
    ))))
}

/// What somebody types; `None` where nobody can be asked, or has no key and it can be done without.
fn asked(session: &Session, need: Need) -> Result<Option<Password>> {
    if need == Need::No
        || session.common.json
        || !io::stdin().is_terminal()
        || !io::stderr().is_terminal()
    {
        return Ok(None);
    }
    let password = prompt(need)?;
    Ok(Some(password).filter(|password| need == Need::Must || !password.is_empty()))
}

fn prompt(need: Need) -> Result<Password> {
    let _waiting = super::terminal::signals::waiting_unseen();
    let or_not = if need == Need::Must {
        ""
    } else {
        " (or just Enter, to go on without looking inside)"
    };
    let text = rpassword::prompt_password(format!("Encryption key of the backup{or_not}: "));
    text.map(Password::new).map_err(|e| match e.kind() {
        io::ErrorKind::Interrupted => Error::new(
            Kind::Interrupted(signal_hook::consts::SIGINT),
            "stopped on request",
        ),
        _ => Error::new(Kind::Password, format!("no password could be read: {e}")),
    })
}

/// The first line, without its line ending; what follows is only looked at for the key of an
/// emergency kit.
fn from_file(session: &Session, path: &Path) -> Result<Given> {
    let text = Text::of(&small_file::KEY.read(path, &session.control)?);
    let (first, sure) = text.first_line();
    let found = text.keys();
    let kit = text.is_kit();
    let meant = match found.len() {
        _ if !kit => Ok(0),
        // The heading of a kit is no key.
        1 => Ok(1),
        _ => Err(more_than_one(path)),
    };
    let misread = (!kit && !sure).then(|| {
        let message = format!("the first line of {} is not valid UTF-8", path.display());
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
        0 => Err(Error::new(Kind::Password, format!("there is no encryption key in {}", path.display()))
            .advice("It is a line of seven groups of four letters and digits. A key of another kind belongs on the first line of a file for --password-file.")),
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
            path.display()
        ),
    )
    .advice("Put the right one into a file of its own and use --password-file.")
}
