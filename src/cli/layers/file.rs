//! The configuration file, `haslim.toml`.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use haslim::error::{escape, escaped_path};
use haslim::pipe::Control;
use haslim::{Error, Result};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::layer::{Layer, NAMES, Value};
use super::{Choice, Place};
use crate::cli::mistake::usage;
use crate::cli::small_file;
use crate::cli::system::HOME;

/// The table that holds the profiles.
const PROFILES: &str = "profile";

/// Names under which somebody might write the key itself.
const SECRETS: [&str; 5] = ["password", "key", "encryption-key", "passphrase", "secret"];

/// The settings of the chosen file, with those of the chosen profile over them. Empty if there is
/// no file at its usual place.
///
/// # Errors
/// `Usage`, with the line if something in the file is wrong; also if a file or a profile is named
/// and does not exist.
pub fn read(choice: &Choice) -> Result<Layer> {
    let path = match &choice.place {
        Place::Nowhere => None,
        Place::Named(path) => Some(path),
        Place::Usual(path) => is_there(path)?.then_some(path),
    };
    let Some(path) = path else {
        return match &choice.profile {
            None => Ok(Layer::default()),
            Some(name) => Err(usage(
                format!(
                    "there is no configuration file for the profile '{}'",
                    escape(name.as_bytes())
                ),
                "Name the file with --config.",
            )),
        };
    };
    let bytes = small_file::CONFIG.read(path, &Control::default())?;
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        usage(
            format!("{} is not valid UTF-8", escaped_path(path)),
            "Save it as UTF-8.",
        )
    })?;
    File { path, text }.layer(choice.profile.as_deref())
}

/// Whether there is a file. A folder that may not be searched is another user's, for example after
/// `sudo`, which may keep `HOME`; what is in it was not meant for this user.
///
/// # Errors
/// `Usage` if the system does not say whether it exists.
fn is_there(path: &Path) -> Result<bool> {
    use ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    match std::fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | PermissionDenied) => {
            Ok(false)
        }
        Err(error) => Err(usage(
            format!("cannot read {}: {error}", escaped_path(path)),
            "Check its permissions, or use --no-config.",
        )),
    }
}

/// A configuration file and its text.
struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    /// All settings are checked, also those of profiles that are not chosen.
    fn layer(&self, profile: Option<&str>) -> Result<Layer> {
        // The error's own text would quote the line, which may hold a key.
        let table = DeTable::parse(self.text)
            .map_err(|e| self.wrong(e.span(), e.message(), "Correct this line."))?;
        let mut all = Layer::default();
        let mut profiles = Vec::new();
        for (name, value) in table.get_ref() {
            if name.get_ref() == PROFILES {
                profiles = self.profiles(value)?;
            } else {
                self.set(&mut all, name, value)?;
            }
        }
        let Some(wanted) = profile else {
            return Ok(all);
        };
        let names: Vec<String> = profiles.iter().map(|(name, _)| name.clone()).collect();
        match profiles.into_iter().find(|(name, _)| name == wanted) {
            Some((_, chosen)) => Ok(chosen.over(all)),
            None => Err(self.no_profile(wanted, &names)),
        }
    }

    fn no_profile(&self, wanted: &str, names: &[String]) -> Error {
        let shown: Vec<String> = names.iter().map(|name| escape(name.as_bytes())).collect();
        let advice = match similar(wanted, names.iter().map(String::as_str)) {
            Some(name) => format!("Did you mean {}?", escape(name.as_bytes())),
            None if names.is_empty() => "It has no profiles.".to_owned(),
            None => format!("It has these: {}.", shown.join(", ")),
        };
        let wanted = escape(wanted.as_bytes());
        usage(
            format!("{} has no profile '{wanted}'", escaped_path(self.path)),
            advice,
        )
    }

    fn profiles(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<(String, Layer)>> {
        let not_tables = |value: &Spanned<DeValue<'_>>| {
            self.wrong(
                Some(value.span()),
                "a profile is a table of settings",
                "Begin it with a line such as [profile.cloud].",
            )
        };
        let tables = value
            .get_ref()
            .as_table()
            .ok_or_else(|| not_tables(value))?;
        let profile = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let settings = value
                .get_ref()
                .as_table()
                .ok_or_else(|| not_tables(value))?;
            let mut layer = Layer::default();
            for (name, value) in settings {
                self.set(&mut layer, name, value)?;
            }
            let name: &std::borrow::Cow<'_, str> = name.get_ref();
            Ok((name.clone().into_owned(), layer))
        };
        tables.iter().map(profile).collect()
    }

    fn set(
        &self,
        layer: &mut Layer,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<()> {
        let (at, name) = (Some(name.span()), name.get_ref().as_ref());
        let bare = name.to_lowercase().replace('_', "-");
        if SECRETS.contains(&bare.as_str()) {
            return Err(self.wrong(
                at,
                &format!("'{name}' is refused: a configuration file may not hold the key, because such files are shared, copied and backed up"),
                "Put the key into a file that only you can read, and name it with password-file or emergency-kit.",
            ));
        }
        let known = NAMES.contains(&name);
        let wrong = |why: String| {
            self.wrong(
                at.clone(),
                &format!("{name}: {why}"),
                "`haslim shrink --help` describes the values.",
            )
        };
        let value = match simple(value.get_ref()) {
            Some(value) => value,
            None if known => return Err(wrong("a value of this kind is not possible here".into())),
            None => return Err(self.unknown(at, name)),
        };
        match layer.set(name, value, |text| self.resolve(text)) {
            Some(outcome) => outcome.map_err(wrong),
            None => Err(self.unknown(at, name)),
        }
    }

    fn unknown(&self, at: Option<Range<usize>>, name: &str) -> Error {
        let advice = match similar(name, NAMES.into_iter()) {
            Some(similar) => format!("Did you mean {similar}?"),
            None => format!("The settings are {}, and [profile.NAME].", NAMES.join(", ")),
        };
        let name = escape(name.as_bytes());
        self.wrong(at, &format!("there is no setting '{name}'"), advice)
    }

    /// A path: `~/` is the home folder, and a relative one starts at the folder of the file.
    fn resolve(&self, text: &str) -> Result<PathBuf, String> {
        if text == "~" || text.starts_with("~/") {
            let home = std::env::var_os(HOME).filter(|home| !home.is_empty());
            let home =
                home.ok_or_else(|| format!("'~' needs the variable {HOME}, which is not set"))?;
            let rest = text.trim_start_matches('~').trim_start_matches('/');
            return Ok(Path::new(&home).join(rest));
        }
        if text.is_empty() {
            return Err("the path is empty".into());
        }
        Ok(self
            .path
            .parent()
            .map_or_else(|| text.into(), |folder| folder.join(text)))
    }

    fn wrong(
        &self,
        at: Option<Range<usize>>,
        why: &str,
        advice: impl Into<haslim::error::Advice>,
    ) -> Error {
        let before = at.and_then(|span| self.text.get(..span.start));
        let line = before.map_or(1, |before| before.matches('\n').count() + 1);
        let path = escaped_path(self.path);
        usage(format!("{path}, line {line}: {why}"), advice)
    }
}

/// A value in the form that settings take; `None` for tables, dates and fractions.
fn simple(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::String(text) => Some(Value::Text(text.to_string())),
        DeValue::Integer(number) if number.radix() == 10 => {
            Some(Value::Text(number.as_str().replace('_', "")))
        }
        DeValue::Boolean(flag) => Some(Value::Flag(*flag)),
        DeValue::Array(values) => {
            let texts = values.iter().map(|value| value.get_ref().as_str());
            let texts = texts.map(|text| text.map(str::to_owned));
            texts.collect::<Option<_>>().map(Value::List)
        }
        _ => None,
    }
}

/// The most similar of these names, if one is similar enough for a typing mistake.
fn similar<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase().replace('_', "-");
    names
        .map(|other| (strsim::normalized_damerau_levenshtein(&name, other), other))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Consent;
    use crate::cli::key_source::KeySource;

    fn layer(text: &str, profile: Option<&str>) -> Result<Layer> {
        let path = Path::new("/etc/haslim/haslim.toml");
        File { path, text }.layer(profile)
    }

    #[test]
    fn a_profile_stands_over_the_rest_of_its_file() {
        let text = "limit = \"5GB\"\nthreads = 2\nkeep = [\"ssl\"]\nemergency-kit = \"kit.txt\"\n\
            [profile.small]\nlimit = 100_000_000\nallow = \"history\"\npassword-file = \"/key\"\n";
        let plain = layer(text, None).unwrap();
        assert_eq!(plain.limit, Some(5_000_000_000));
        assert_eq!(
            plain.key,
            Some(KeySource::EmergencyKit("/etc/haslim/kit.txt".into()))
        );
        let small = layer(text, Some("small")).unwrap();
        assert_eq!((small.limit, small.threads), (Some(100_000_000), Some(2)));
        assert_eq!(small.allow, Some(vec![Consent::History]));
        assert_eq!(small.key, Some(KeySource::PasswordFile("/key".into())));
    }

    #[test]
    fn mistakes_are_reported_with_their_line_and_a_suggestion() {
        for (text, message, advice) in [
            (
                "\nlimits = 1",
                "line 2: there is no setting 'limits'",
                "Did you mean limit?",
            ),
            (
                "password_file = 'a'",
                "line 1: there is no",
                "Did you mean password-file?",
            ),
            (
                "[profile.a]\nfrogs = 1",
                "line 2: there is no setting 'frogs'",
                "The settings are",
            ),
            (
                "limit = \"5potatoes\"",
                "line 1: limit: '5potatoes' is not a size",
                "",
            ),
            ("threads = 1.5", "line 1: threads: a value of this kind", ""),
            ("limit = 1kB", "line 1: ", ""),
            (
                "thorough = \"yes\"",
                "line 1: thorough: it takes true or false",
                "",
            ),
            (
                "profile = 3",
                "line 1: a profile is a table",
                "[profile.cloud]",
            ),
            ("drop = []\ndrop = []", "line 2: ", ""),
            (
                "emergency-kit = 'a'\npassword-file = 'b'",
                "a password file and an emergency kit",
                "",
            ),
        ] {
            let error = layer(text, None).unwrap_err();
            assert!(error.message().contains(message), "{text}: {error}");
            let said = format!("{:?}", error.next_step());
            assert!(said.contains(advice), "{text}: {said}");
        }
    }

    #[test]
    fn the_key_itself_is_refused_and_never_repeated() {
        for text in [
            "password = \"AAAA-BBBB\"",
            "Encryption_Key = \"AAAA-BBBB\"",
            "[profile.a]\nkey = \"AAAA-BBBB\"",
            "password = AAAA-BBBB",
        ] {
            let error = layer(text, None).unwrap_err();
            assert!(!format!("{error:?}").contains("BBBB"), "{error:?}");
        }
    }

    #[test]
    fn an_unknown_profile_names_those_that_exist() {
        let text = "[profile.cloud]\n[profile.usb]";
        let said = |name| format!("{:?}", layer(text, Some(name)).unwrap_err().next_step());
        assert!(said("clod").contains("Did you mean cloud?"));
        assert!(said("nightly").contains("cloud, usb"));
        assert!(layer(text, Some("usb")).is_ok());
    }
}
