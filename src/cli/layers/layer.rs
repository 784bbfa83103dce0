//! One layer of settings: what a file, a profile or the environment says.

use std::path::PathBuf;

use clap::ValueEnum;
use haslim::size;

use crate::cli::args::{Color, Compress, Consent, ProgressKind, Wrapping};
use crate::cli::key_source::KeySource;

/// The names of all settings, as the options are called.
pub const NAMES: [&str; 19] = [
    "allow",
    "ascii",
    "color",
    "compress",
    "details",
    "drop",
    "emergency-kit",
    "keep",
    "limit",
    "max-expanded",
    "ok-if-fits",
    "password-file",
    "progress",
    "quiet",
    "rules",
    "securetar",
    "thorough",
    "threads",
    "verbose",
];

/// What one layer says; `None` where it says nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layer {
    pub allow: Option<Vec<Consent>>,
    pub ascii: Option<bool>,
    pub color: Option<Color>,
    pub compress: Option<Compress>,
    pub details: Option<bool>,
    pub drop: Option<Vec<String>>,
    pub keep: Option<Vec<String>>,
    pub key: Option<KeySource>,
    pub limit: Option<u64>,
    pub max_expanded: Option<u64>,
    pub ok_if_fits: Option<bool>,
    pub progress: Option<ProgressKind>,
    pub quiet: Option<bool>,
    pub rules: Option<PathBuf>,
    pub securetar: Option<Wrapping>,
    pub thorough: Option<bool>,
    pub threads: Option<u16>,
    pub verbose: Option<bool>,
}

/// The value of a setting before its name is looked at.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text or a number.
    Text(String),
    /// Several texts.
    List(Vec<String>),
    /// True or false.
    Flag(bool),
}

impl Value {
    fn text(self) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text),
            Self::List(_) | Self::Flag(_) => Err("it takes one value".into()),
        }
    }

    fn list(self) -> Vec<String> {
        match self {
            Self::List(list) => list,
            Self::Text(text) => vec![text],
            Self::Flag(flag) => vec![flag.to_string()],
        }
    }

    fn flag(self) -> Result<bool, String> {
        match self {
            Self::Flag(flag) => Ok(flag),
            Self::Text(_) | Self::List(_) => Err("it takes true or false".into()),
        }
    }

    fn choice<T: ValueEnum>(self) -> Result<T, String> {
        let text = self.text()?;
        T::from_str(&text, false).map_err(|_| {
            let values = T::value_variants().iter().filter_map(T::to_possible_value);
            let names: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
            format!("'{text}' is not one of {}", names.join(", "))
        })
    }
}

impl Layer {
    /// Takes in one setting. `path` turns the text of a path into a path. `None` if there is no
    /// setting with this name.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub fn set(
        &mut self,
        name: &str,
        value: Value,
        path: impl Fn(&str) -> Result<PathBuf, String>,
    ) -> Option<Result<(), String>> {
        NAMES.contains(&name).then(|| match name {
            "drop" | "keep" | "allow" => self.set_list(name, value),
            "password-file" | "emergency-kit" | "rules" => {
                self.set_path(name, path(&value.text()?)?)
            }
            "ascii" | "details" | "ok-if-fits" | "quiet" | "thorough" | "verbose" => {
                self.set_flag(name, value.flag()?);
                Ok(())
            }
            _ => self.set_value(name, value),
        })
    }

    fn set_list(&mut self, name: &str, value: Value) -> Result<(), String> {
        let list = value.list();
        match name {
            "drop" => self.drop = Some(list),
            "keep" => self.keep = Some(list),
            _ => {
                let classes = list.into_iter().map(|text| Value::Text(text).choice());
                self.allow = Some(classes.collect::<Result<_, _>>()?);
            }
        }
        Ok(())
    }

    fn set_path(&mut self, name: &str, path: PathBuf) -> Result<(), String> {
        if name == "rules" {
            self.rules = Some(path);
            return Ok(());
        }
        if self.key.is_some() {
            return Err("there is a password file and an emergency kit; name only one".into());
        }
        self.key = Some(if name == "password-file" {
            KeySource::PasswordFile(path)
        } else {
            KeySource::EmergencyKit(path)
        });
        Ok(())
    }

    fn set_flag(&mut self, name: &str, flag: bool) {
        let place = match name {
            "ascii" => &mut self.ascii,
            "details" => &mut self.details,
            "ok-if-fits" => &mut self.ok_if_fits,
            "quiet" => &mut self.quiet,
            "thorough" => &mut self.thorough,
            _ => &mut self.verbose,
        };
        *place = Some(flag);
    }

    fn set_value(&mut self, name: &str, value: Value) -> Result<(), String> {
        match name {
            "color" => self.color = Some(value.choice()?),
            "compress" => self.compress = Some(value.choice()?),
            "limit" => self.limit = Some(size::parse_limit(&value.text()?)?),
            "max-expanded" => self.max_expanded = Some(size::parse(&value.text()?)?),
            "progress" => self.progress = Some(value.choice()?),
            "securetar" => self.securetar = Some(value.choice()?),
            _ => self.threads = Some(threads(&value.text()?)?),
        }
        Ok(())
    }

    /// This layer, with `lower` where it says nothing. What either keeps is kept.
    pub fn over(self, lower: Self) -> Self {
        let keep = match (self.keep, lower.keep) {
            (Some(mut here), Some(below)) => {
                here.extend(below);
                Some(here)
            }
            (here, below) => here.or(below),
        };
        // One decides about both, because they exclude each other.
        let (quiet, verbose) = if self.quiet.or(self.verbose).is_some() {
            (self.quiet, self.verbose)
        } else {
            (lower.quiet, lower.verbose)
        };
        Self {
            allow: self.allow.or(lower.allow),
            ascii: self.ascii.or(lower.ascii),
            color: self.color.or(lower.color),
            compress: self.compress.or(lower.compress),
            details: self.details.or(lower.details),
            drop: self.drop.or(lower.drop),
            keep,
            key: self.key.or(lower.key),
            limit: self.limit.or(lower.limit),
            max_expanded: self.max_expanded.or(lower.max_expanded),
            ok_if_fits: self.ok_if_fits.or(lower.ok_if_fits),
            progress: self.progress.or(lower.progress),
            quiet,
            rules: self.rules.or(lower.rules),
            securetar: self.securetar.or(lower.securetar),
            thorough: self.thorough.or(lower.thorough),
            threads: self.threads.or(lower.threads),
            verbose,
        }
    }
}

fn threads(text: &str) -> Result<u16, String> {
    let number = text.parse().ok();
    number
        .filter(|number| (1..=256).contains(number))
        .ok_or_else(|| format!("'{text}' is not a number from 1 to 256"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Result<PathBuf, String> {
        Ok(text.into())
    }

    fn sample(name: &str) -> Value {
        match name {
            "ascii" | "details" | "ok-if-fits" | "quiet" | "thorough" | "verbose" => {
                Value::Flag(true)
            }
            "allow" | "drop" | "keep" => Value::List(vec!["history".into()]),
            "color" | "compress" => Value::Text("never".into()),
            "limit" | "max-expanded" => Value::Text("1kB".into()),
            "progress" => Value::Text("json".into()),
            "securetar" | "threads" => Value::Text("2".into()),
            _ => Value::Text("file".into()),
        }
    }

    #[test]
    fn every_setting_that_is_named_can_be_set_and_is_merged() {
        for name in NAMES {
            let mut layer = Layer::default();
            layer.set(name, sample(name), literal).unwrap().unwrap();
            assert_ne!(layer, Layer::default(), "{name}");
            assert_eq!(layer.clone().over(Layer::default()), layer, "{name}");
            assert_eq!(Layer::default().over(layer.clone()), layer, "{name}");
        }
        let unknown = Layer::default().set("limits", sample("limit"), literal);
        assert_eq!(unknown, None);
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_an_error() {
        let text = |text: &str| Value::Text(text.into());
        for (name, value) in [
            ("limit", text("5potatoes")),
            ("limit", Value::Flag(true)),
            ("threads", text("0")),
            ("threads", text("257")),
            ("color", text("blue")),
            ("securetar", text("4")),
            ("allow", text("everything")),
            ("thorough", text("yes")),
            ("rules", Value::List(vec!["a".into(), "b".into()])),
        ] {
            let set = Layer::default().set(name, value.clone(), literal).unwrap();
            assert!(set.is_err(), "{name} {value:?}");
        }
    }

    #[test]
    fn the_upper_layer_decides_and_what_either_keeps_is_kept() {
        let layer = |limit, drop: &str, keep: &str| Layer {
            limit: Some(limit),
            drop: Some(vec![drop.into()]),
            keep: Some(vec![keep.into()]),
            ..Layer::default()
        };
        let both = layer(1, "a", "b").over(layer(2, "c", "d"));
        assert_eq!(both.limit, Some(1));
        assert_eq!(both.drop, Some(vec!["a".into()]));
        assert_eq!(both.keep, Some(vec!["b".into(), "d".into()]));
    }

    #[test]
    fn loud_above_and_quiet_below_is_loud() {
        let upper = Layer {
            verbose: Some(true),
            ..Layer::default()
        };
        let lower = Layer {
            quiet: Some(true),
            ..Layer::default()
        };
        let both = upper.over(lower);
        assert_eq!((both.quiet, both.verbose), (None, Some(true)));
    }
}
