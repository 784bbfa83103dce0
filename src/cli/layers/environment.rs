//! The settings in the environment.

use std::ffi::OsString;
use std::path::PathBuf;

use haslim::Result;

use super::layer::{Layer, Value};
use crate::cli::key_source::{KeySource, VARIABLE};
use crate::cli::mistake::usage;

/// The settings that have a variable, called as the option is: `HASLIM_PASSWORD_FILE`. Consent and
/// selectors have none, so that nothing is left out because of a variable that was forgotten.
const NAMES: [&str; 8] = [
    "color",
    "emergency-kit",
    "limit",
    "max-expanded",
    "password-file",
    "progress",
    "rules",
    "threads",
];

/// The settings in these variables. One that is empty counts as not set.
///
/// # Errors
/// `Usage`, with the name of the variable.
pub fn layer(variable: impl Fn(&str) -> Option<OsString>) -> Result<Layer> {
    let mut layer = Layer::default();
    for name in NAMES {
        let variable_name = format!("HASLIM_{}", name.to_uppercase().replace('-', "_"));
        let Some(value) = variable(&variable_name).filter(|value| !value.is_empty()) else {
            continue;
        };
        let wrong = |why: &str| {
            usage(
                format!("the variable {variable_name} is wrong: {why}"),
                "Correct it, or unset it.",
            )
        };
        // A path may hold bytes that are no text.
        let path = PathBuf::from(&value);
        let text = value.to_string_lossy().into_owned();
        if let Some(Err(why)) = layer.set(name, Value::Text(text), |_| Ok(path.clone())) {
            return Err(wrong(&why));
        }
    }
    // A key in the environment counts more than one that a configuration file names.
    if layer.key.is_none() && variable(VARIABLE).is_some() {
        layer.key = Some(KeySource::VariableOrPrompt);
    }
    Ok(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Layer> {
        layer(|name| {
            let set = variables.iter().find(|(other, _)| *other == name);
            set.map(|(_, value)| value.into())
        })
    }

    #[test]
    fn variables_are_named_after_the_options() {
        let layer = of(&[
            ("HASLIM_LIMIT", "2GB"),
            ("HASLIM_THREADS", "3"),
            ("HASLIM_EMERGENCY_KIT", "kit.txt"),
            ("HASLIM_COLOR", ""),
        ])
        .unwrap();
        assert_eq!((layer.limit, layer.threads), (Some(2_000_000_000), Some(3)));
        assert_eq!(layer.key, Some(KeySource::EmergencyKit("kit.txt".into())));
        assert_eq!(layer.color, None);
    }

    #[test]
    fn an_error_names_the_variable() {
        for (name, value) in [("HASLIM_LIMIT", "5"), ("HASLIM_PROGRESS", "loud")] {
            let error = of(&[(name, value)]).unwrap_err();
            assert!(error.message().contains(name), "{error}");
        }
        let two = [("HASLIM_PASSWORD_FILE", "a"), ("HASLIM_EMERGENCY_KIT", "b")];
        assert!(of(&two).is_err());
    }

    #[test]
    fn a_file_for_the_key_counts_more_than_the_key_itself() {
        let key = of(&[("HASLIM_PASSWORD", "k")]).unwrap().key;
        assert_eq!(key, Some(KeySource::VariableOrPrompt));
        let both = [("HASLIM_PASSWORD", "k"), ("HASLIM_PASSWORD_FILE", "f")];
        let key = of(&both).unwrap().key;
        assert_eq!(key, Some(KeySource::PasswordFile("f".into())));
    }
}
