//! The never-drop list: small irreplaceable files, and files whose removal alone breaks a database.
//! It overrides every rule, and every user's glob that is not a path typed out in full.

use super::catalogue::Catalogue;
use super::error::RulesError;
use super::glob::typed_in_full;
use super::glob_set::GlobSet;
use super::rule::Never;

/// How a path would be taken: some files are only dangerous to take alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Taking {
    /// By a glob for single files (`**/*.log`).
    File,
    /// By a glob that takes the whole folder around it (`data/logs/**`).
    Folder,
}

impl Taking {
    /// How a glob takes the paths that it matches.
    pub fn by_glob(glob: &str) -> Self {
        if glob.ends_with("/**") {
            Self::Folder
        } else {
            Self::File
        }
    }
}

/// The never-drop list of one component, compiled.
#[derive(Debug, Clone, Default)]
pub struct NeverList {
    guards: Vec<Guard>,
}

#[derive(Debug, Clone)]
struct Guard {
    reason: String,
    unless_whole_folder: bool,
    include: GlobSet,
    except: GlobSet,
    /// Only the exceptions that end in `/**`: they allow whole folders.
    except_folders: GlobSet,
    shapes: Vec<Vec<Step>>,
}

/// One name of a glob's path.
#[derive(Debug, Clone)]
enum Step {
    /// `**`: any folders, or none.
    AnyDepth,
    /// A name that is written in full.
    Name(Vec<u8>),
    /// A name with a star or the like.
    Pattern(Box<GlobSet>),
}

impl NeverList {
    /// Compiles the list of paths that the catalogue protects in `component`.
    ///
    /// # Errors
    /// `Compile`, if the glob compiler fails.
    pub fn new(catalogue: &Catalogue, component: &str) -> Result<Self, RulesError> {
        let listed = catalogue.never_for(component);
        let guards: Result<_, String> = listed.map(Guard::new).collect();
        let refused = |message| RulesError::Compile {
            component: component.into(),
            message,
        };
        Ok(Self {
            guards: guards.map_err(refused)?,
        })
    }

    /// Why `path` stays whatever a rule or a glob says; `None` if it may be dropped.
    ///
    /// Treats it as one file among others, the strict case.
    pub fn reason(&self, path: &[u8]) -> Option<&str> {
        self.reason_when(path, Taking::File)
    }

    /// Why `path` stays if it would be taken in this way.
    pub fn reason_when(&self, path: &[u8], taking: Taking) -> Option<&str> {
        let guard = self.guards.iter().find(|guard| guard.holds(path, taking))?;
        Some(&guard.reason)
    }

    /// Whether the folder `prefix` (no trailing slash, `""` for the root) is protected itself, or
    /// may contain a protected path at any depth.
    ///
    /// It may return true without need: a plan that would take the folder as a whole must then
    /// check every path in it.
    pub fn guards_dir(&self, prefix: &[u8]) -> bool {
        self.guards.iter().any(|guard| guard.reaches(prefix))
    }
}

impl Guard {
    fn new(never: &Never) -> Result<Self, String> {
        let folders: Vec<String> = never
            .except
            .iter()
            .filter(|glob| glob.ends_with("/**"))
            .cloned()
            .collect();
        Ok(Self {
            reason: never.reason.clone(),
            unless_whole_folder: never.unless_whole_folder,
            include: GlobSet::of(&never.globs)?,
            except: GlobSet::of(&never.except)?,
            except_folders: GlobSet::of(&folders)?,
            shapes: never
                .globs
                .iter()
                .map(|glob| shape(glob))
                .collect::<Result<_, _>>()?,
        })
    }

    fn holds(&self, path: &[u8], taking: Taking) -> bool {
        let excused = self.unless_whole_folder && taking == Taking::Folder;
        !excused && self.include.is_match(path) && !self.except.is_match(path)
    }

    fn reaches(&self, prefix: &[u8]) -> bool {
        // A whole folder is dropped here, which such an entry allows.
        if self.unless_whole_folder {
            return false;
        }
        // A glob that matches X/** by one child matches it by every child: NUL cannot be part of a
        // file name, so no narrower glob can match this path.
        let child = [prefix, b"/\0"].concat();
        !self.except_folders.is_match(&child)
            && self.shapes.iter().any(|shape| reaches(shape, prefix))
    }
}

fn reaches(shape: &[Step], prefix: &[u8]) -> bool {
    let mut steps = shape.iter();
    for name in prefix.split(|&b| b == b'/').filter(|name| !name.is_empty()) {
        match steps.next() {
            None => return false,
            Some(Step::AnyDepth) => return true,
            Some(Step::Name(wanted)) if wanted == name => {}
            Some(Step::Pattern(glob)) if glob.is_match(name) => {}
            Some(Step::Name(_) | Step::Pattern(_)) => return false,
        }
    }
    true
}

/// A glob, name by name. The list's globs have no slash inside braces.
fn shape(glob: &str) -> Result<Vec<Step>, String> {
    let step = |name: &str| {
        Ok(if name == "**" {
            Step::AnyDepth
        } else if typed_in_full(name) {
            // Compiling takes longer than everything else, and most names are plain.
            Step::Name(name.into())
        } else {
            Step::Pattern(Box::new(GlobSet::of([name])?))
        })
    };
    glob.split('/').map(step).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    fn list(component: &str) -> NeverList {
        NeverList::new(Catalogue::builtin().unwrap(), component).unwrap()
    }

    #[test]
    fn a_database_log_in_an_addon_stays_unless_its_folder_goes() {
        let list = list("addon:09e60fb6_scrypted");
        assert!(
            list.reason(b"data/scrypted.db/000123.log")
                .is_some_and(|why| why.contains("database"))
        );
        assert_eq!(
            list.reason_when(b"data/logs/000123.log", Taking::Folder),
            None
        );
        assert!(
            !list.guards_dir(b"data/logs"),
            "a folder that goes as a whole leaves no half database"
        );
    }

    #[test]
    fn folders_that_hold_protected_paths_are_told_from_those_that_cannot() {
        let config = list("homeassistant");
        for dir in [
            &b""[..],
            b".storage",
            b".storage/auth",
            b"zigbee2mqtt",
            b"custom_components/hacs",
            b"backups",
        ] {
            assert!(
                config.guards_dir(dir),
                "{} may hold protected paths",
                dir.escape_ascii()
            );
        }
        for dir in [
            &b".git"[..],
            b".git/objects",
            b"custom_components/x/__pycache__",
            b"esphome/.esphome/build/x",
        ] {
            assert!(
                !config.guards_dir(dir),
                "{} holds nothing protected",
                dir.escape_ascii()
            );
        }
        assert!(!list("media").guards_dir(b"frigate"));
        assert!(list("addon:core_mosquitto").guards_dir(b"data"));
        assert!(!list("addon:a0d7b954_influxdb").guards_dir(b"data/influxdb"));
    }

    #[test]
    fn what_lies_below_a_protected_depth_is_not_guarded() {
        let list = list("addon:a0d7b954_nodered");
        assert!(list.guards_dir(b"config"));
        assert!(!list.guards_dir(b"config/node_modules"));
    }

    #[test]
    fn names_that_are_not_utf8_or_hold_newlines_are_protected_too() {
        let list = list("homeassistant");
        assert!(list.reason(b".storage/\xff\xfe\nx").is_some());
        assert!(list.reason(b"packages/\xff.yaml").is_some());
    }
}
