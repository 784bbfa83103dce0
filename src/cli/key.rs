//! Where the key comes from.

use std::io::{self, IsTerminal};
use std::path::Path;

use haslim::crypt::{KeyRing, Password};
use haslim::open::{self, Backup};
use haslim::{Error, Kind, Result};
use zeroize::Zeroizing;

use super::args::Common;

/// The variable that may hold the key.
const VARIABLE: &str = "HASLIM_PASSWORD";

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

/// Reads the key from where the user said, and makes sure that it opens the
/// backup. Asks for it on a terminal when nothing was said and there is a need.
///
/// # Errors
/// `Password` when it is empty though needed, or wrong, or its file cannot be read.
pub fn keys(common: &Common, backup: &Backup, need: Need) -> Result<Option<KeyRing>> {
    let Some(password) = given(common, need)? else { return Ok(None) };
    if !backup.is_protected() {
        // A copy must not get a key with blanks around it that nobody sees.
        return Ok(Some(KeyRing::new(password.trimmed().unwrap_or(password))));
    }
    let keys = KeyRing::new(password.clone());
    let Err(error) = open::unlock(backup, &keys) else { return Ok(Some(keys)) };
    // Blanks at the end of a line are not seen. And the same letters can be composed in two
    // ways; another keyboard may have typed the other one.
    let trimmed = password.trimmed();
    let composed = trimmed.as_ref().and_then(Password::nfc);
    let others = [password.nfc(), trimmed, composed];
    let right = others.into_iter().flatten().map(KeyRing::new).find(|keys| open::unlock(backup, keys).is_ok());
    right.map(Some).ok_or(error)
}

/// The key of a backup that has to be read whole; `None` for one that is not encrypted.
///
/// # Errors
/// As [`keys`], and `Password` when it is encrypted and there is no key.
pub fn required(common: &Common, backup: &Backup) -> Result<Option<KeyRing>> {
    let keys = keys(common, backup, Need::must_if(backup.is_protected()))?;
    if keys.is_none() && backup.is_protected() {
        return Err(Error::new(Kind::Password, "the backup is encrypted, and no password was given")
            .advice("Give it with --password-file, --emergency-kit or HASLIM_PASSWORD."));
    }
    Ok(keys)
}

/// The key as the user gave it, for a backup that does not exist yet: nothing tells whether it is right.
///
/// # Errors
/// As [`keys`].
pub fn given(common: &Common, need: Need) -> Result<Option<Password>> {
    let password = read(common, need)?;
    if password.as_ref().is_some_and(Password::is_empty) {
        return Err(Error::new(Kind::Password, "the password is empty")
            .advice("Give the encryption key with --password-file, --emergency-kit or HASLIM_PASSWORD."));
    }
    Ok(password)
}

fn read(common: &Common, need: Need) -> Result<Option<Password>> {
    if let Some(path) = &common.password_file {
        return Ok(Some(from_file(path)?));
    }
    if let Some(path) = &common.emergency_kit {
        return Ok(Some(from_kit(path)?));
    }
    if let Some(value) = std::env::var_os(VARIABLE) {
        let text = value.into_string().map_err(|_| Error::new(Kind::Password, format!("{VARIABLE} is not valid UTF-8")))?;
        return Ok(Some(without_line_end(&Zeroizing::new(text))));
    }
    if need == Need::No || common.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(None);
    }
    let password = prompt(need)?;
    Ok(Some(password).filter(|password| need == Need::Must || !password.is_empty()))
}

fn prompt(need: Need) -> Result<Password> {
    let _waiting = super::signals::waiting_unseen();
    let or_not = if need == Need::Must { "" } else { " (or just Enter, to go on without looking inside)" };
    let text = rpassword::prompt_password(format!("Encryption key of the backup{or_not}: "));
    text.map(Password::new).map_err(|e| match e.kind() {
        io::ErrorKind::Interrupted => Error::new(Kind::Interrupted(signal_hook::consts::SIGINT), "stopped on request"),
        _ => Error::new(Kind::Password, format!("no password could be read: {e}")),
    })
}

/// The bytes of a file, unless it is written in a way that no key can be read from.
fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let bytes = std::fs::read(path).map(Zeroizing::new).map_err(|e| {
        Error::new(Kind::Password, format!("cannot read the key from {}: {e}", path.display()))
            .advice("Check the path and the permissions.")
    })?;
    match **bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [_, 0, ..] | [0, _, ..] => {
            Err(Error::new(Kind::Password, format!("{} is written in UTF-16, not in UTF-8", path.display()))
                .advice("Save it as UTF-8 or ASCII; in PowerShell, write it with `Out-File -Encoding ascii`."))
        }
        _ => Ok(bytes),
    }
}

/// The first line, without its line ending; what follows is not looked at.
fn from_file(path: &Path) -> Result<Password> {
    let bytes = bytes(path)?;
    let line = bytes.split(|&b| b == b'\n').next().unwrap_or_default();
    let text = std::str::from_utf8(line).map_err(|_| {
        Error::new(Kind::Password, format!("the first line of {} is not valid UTF-8", path.display())).advice("Save it as UTF-8.")
    })?;
    Ok(without_line_end(text.strip_prefix('\u{feff}').unwrap_or(text)))
}

/// No key ends with one: nobody could type it.
fn without_line_end(text: &str) -> Password {
    Password::new(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The line of an emergency kit that is nothing but a key.
fn from_kit(path: &Path) -> Result<Password> {
    let bytes = bytes(path)?;
    let lines = bytes.split(|&b| b == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    let mut keys = lines.map(str::trim).filter(|line| is_key(line));
    match (keys.next(), keys.next()) {
        (Some(key), None) => Ok(Password::new(key.to_owned())),
        (None, _) => Err(Error::new(Kind::Password, format!("there is no encryption key in {}", path.display()))
            .advice("It is a line of seven groups of four letters and digits.")),
        (Some(_), Some(_)) => Err(Error::new(Kind::Password, format!("there is more than one encryption key in {}", path.display()))
            .advice("Put the right one into a file of its own and use --password-file.")),
    }
}

/// Seven groups of four capital letters or digits.
fn is_key(line: &str) -> bool {
    let groups: Vec<&str> = line.split('-').collect();
    groups.len() == 7 && groups.iter().all(|g| g.len() == 4 && g.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_line_in_the_right_form_is_a_key() {
        assert!(is_key("AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-1234"));
        for line in ["", "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF", "aaaa-BBBB-CCCC-DDDD-EEEE-FFFF-1234", "key: AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-1234"] {
            assert!(!is_key(line), "{line}");
        }
    }
}
