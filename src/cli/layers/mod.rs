//! The layers of settings below the arguments: the environment, a profile, and the configuration
//! file.

mod environment;
mod file;
mod layer;

use std::ffi::OsString;
use std::path::PathBuf;

use haslim::Result;

use super::args::Automation;
use super::mistake::usage;
use super::system::settings_folder;
pub use layer::Layer;

/// The settings below these arguments, merged. Reads the configuration file.
///
/// # Errors
/// `Usage` for a variable or a file that is wrong, and for a file or profile that is named and does
/// not exist.
pub fn below(arguments: &Automation) -> Result<Layer> {
    let environment = environment::layer(|name| std::env::var_os(name))?;
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let file = file::read(&Choice::new(arguments, named)?)?;
    Ok(environment.over(file))
}

/// Which file is read, and which profile in it.
#[derive(Debug, PartialEq, Eq)]
struct Choice {
    place: Place,
    profile: Option<String>,
}

/// Which file is read.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// None at all.
    Nowhere,
    /// This one, which must exist.
    Named(PathBuf),
    /// This one, if it exists.
    Usual(PathBuf),
}

impl Choice {
    /// # Errors
    /// `Usage` for a variable that is not valid UTF-8.
    fn new(arguments: &Automation, variable: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        if arguments.no_config {
            return Ok(Self {
                place: Place::Nowhere,
                profile: None,
            });
        }
        let named = arguments.config.clone();
        let place = match named.or_else(|| variable("HASLIM_CONFIG").map(PathBuf::from)) {
            Some(path) => Place::Named(path),
            None => usual(&variable).map_or(Place::Nowhere, Place::Usual),
        };
        let profile = match (&arguments.profile, variable("HASLIM_PROFILE")) {
            (Some(name), _) => Some(name.clone()),
            (None, Some(name)) => Some(name.into_string().map_err(|_| {
                usage(
                    "HASLIM_PROFILE is not valid UTF-8",
                    "Set it to another name.",
                )
            })?),
            (None, None) => None,
        };
        Ok(Self { place, profile })
    }
}

/// The usual place of the file.
fn usual(variable: &impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    settings_folder(variable).map(|folder| folder.join("haslim").join("haslim.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(arguments: Automation, variables: &[(&str, &str)]) -> Choice {
        Choice::new(&arguments, |name| {
            let set = variables.iter().find(|(other, _)| *other == name);
            set.map(|(_, value)| value.into())
        })
        .unwrap()
    }

    #[test]
    fn arguments_choose_the_file_before_variables_do() {
        #[cfg(unix)]
        let (home, file) = (("HOME", "/home/me"), "/home/me/.config/haslim/haslim.toml");
        #[cfg(windows)]
        let (home, file) = (("APPDATA", r"C:\me"), r"C:\me\haslim\haslim.toml");
        let none = Automation::default;
        let named = Automation {
            config: Some("a".into()),
            ..none()
        };
        let no_config = Automation {
            no_config: true,
            ..none()
        };
        for (arguments, variables, place) in [
            (none(), &[home][..], Place::Usual(file.into())),
            (
                none(),
                &[home, ("HASLIM_CONFIG", "v")],
                Place::Named("v".into()),
            ),
            (
                named,
                &[home, ("HASLIM_CONFIG", "v")],
                Place::Named("a".into()),
            ),
            (no_config, &[home, ("HASLIM_CONFIG", "v")], Place::Nowhere),
            (none(), &[], Place::Nowhere),
        ] {
            assert_eq!(chosen(arguments, variables).place, place, "{variables:?}");
        }
    }

    #[test]
    fn a_variable_names_the_profile_unless_an_argument_does() {
        let variables = [("HASLIM_PROFILE", "v")];
        let named = Automation {
            profile: Some("a".into()),
            ..Automation::default()
        };
        assert_eq!(chosen(named, &variables).profile.as_deref(), Some("a"));
        let chosen = chosen(Automation::default(), &variables);
        assert_eq!(chosen.profile.as_deref(), Some("v"));
    }
}
