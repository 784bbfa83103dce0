//! Follows the configuration to `db_url`.

mod includes;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use self::includes::beside;
use super::files::Files;
use super::yaml::{Tree, Value};
use super::{Recorder, url};
use crate::rules;

/// The maximum bytes of YAML read; a file that is included twice counts once.
const BUDGET: usize = 4 << 20;
/// The maximum depth of nested includes.
const DEPTH: usize = 16;
/// The maximum number of steps, that is, of values read.
const STEPS: usize = 20_000;

const TOO_LARGE: &str = "the configuration is too large to look for `db_url`";

/// Half a sentence with the reason why the location cannot be determined.
type Why = String;

/// A value in a file.
#[derive(Clone)]
struct At {
    tree: Rc<Tree>,
    node: usize,
    /// The path of the file, relative to the config directory.
    file: Rc<str>,
}

impl At {
    /// The value of a key of the mapping, as written.
    fn value(&self, key: &str) -> Option<At> {
        let node = self.tree.get(self.node, key)?;
        Some(At {
            node,
            ..self.clone()
        })
    }

    fn is_list(&self) -> bool {
        let value = self.tree.node(self.node).map(|node| &node.value);
        matches!(value, Some(Value::List(_)))
    }
}

struct Search<'a> {
    files: &'a Files,
    trees: RefCell<HashMap<String, Option<Rc<Tree>>>>,
    left: Cell<usize>,
    steps: Cell<usize>,
}

impl Files {
    /// Where the recorder keeps its database.
    pub fn recorder(&self) -> Recorder {
        const ROOT: &str = "configuration.yaml";
        let Some(text) = self.text(ROOT) else {
            return Recorder::Usual;
        };
        let search = Search {
            files: self,
            trees: RefCell::default(),
            left: Cell::new(BUDGET),
            steps: Cell::new(STEPS),
        };
        let found = match search.open(ROOT) {
            Ok(Some(root)) => search.in_configuration(&root),
            Ok(None) => Ok(None),
            // Text that is invalid YAML for one reader may be valid for another: look for the plain
            // form.
            Err(why) => rules::recorder_url(text).map_or(Err(why), |url| Ok(Some(url.to_owned()))),
        };
        match found {
            Ok(Some(url)) => url::read(&url),
            Ok(None) if self.overflowed() => Recorder::Unknown(TOO_LARGE.into()),
            Ok(None) => Recorder::Usual,
            Err(why) => Recorder::Unknown(why),
        }
    }
}

impl Search<'_> {
    /// The outermost value of a file; `None` if the file is empty.
    fn open(&self, path: &str) -> Result<Option<At>, Why> {
        let known = self.trees.borrow().get(path).cloned();
        let tree = match known {
            Some(tree) => tree,
            None => {
                let tree = self.read(path)?;
                self.trees
                    .borrow_mut()
                    .insert(path.to_owned(), tree.clone());
                tree
            }
        };
        let tree = tree.ok_or_else(|| format!("{path} could not be read as YAML"))?;
        Ok(tree.root().map(|node| At {
            tree: tree.clone(),
            node,
            file: path.into(),
        }))
    }

    fn read(&self, path: &str) -> Result<Option<Rc<Tree>>, Why> {
        let Some(text) = self.files.text(path) else {
            return if self.files.is_silent(path) {
                Ok(Some(Rc::default()))
            } else {
                Err(format!(
                    "{} is not in this backup, or was not looked into",
                    crate::error::escape(path.as_bytes())
                ))
            };
        };
        let left = self.left.get().checked_sub(text.len()).ok_or(TOO_LARGE)?;
        self.left.set(left);
        Ok(Tree::read(text).map(Rc::new))
    }

    /// The value of `db_url`, in `recorder:` or in a package.
    fn in_configuration(&self, root: &At) -> Result<Option<String>, Why> {
        if let Some(url) = self.in_package(root)? {
            return Ok(Some(url));
        }
        let Some(core) = self.get(root, "homeassistant", 0)? else {
            return Ok(None);
        };
        let Some(packages) = self.get(&core, "packages", 0)? else {
            return Ok(None);
        };
        for package in self.values(&packages, 0)? {
            // A list of packages has one more level.
            let inner = if packages.is_list() {
                self.values(&package, 0)?
            } else {
                vec![package]
            };
            for package in inner {
                if let Some(url) = self.in_package(&package)? {
                    return Ok(Some(url));
                }
            }
        }
        Ok(None)
    }

    fn in_package(&self, package: &At) -> Result<Option<String>, Why> {
        let Some(recorder) = self.get(package, "recorder", 0)? else {
            return Ok(None);
        };
        match self.get_raw(&recorder, "db_url", 0)? {
            Some(value) => self
                .text(&value, 0)
                .map(|url| Some(url).filter(|url| !url.trim().is_empty())),
            None => Ok(None),
        }
    }

    /// The text of a scalar, wherever it is stored.
    fn text(&self, at: &At, depth: usize) -> Result<String, Why> {
        self.step(depth)?;
        let node = at.tree.node(at.node).ok_or("`db_url` has no value")?;
        let Value::Scalar(text) = &node.value else {
            return Err("`db_url` is no text".into());
        };
        match node.tag.as_deref() {
            None | Some("") => Ok(text.clone()),
            Some("secret") => self.secret(at, text, depth),
            Some("include") => {
                let inner = self
                    .open(&beside(&at.file, text)?)?
                    .ok_or_else(|| format!("{text} is empty"))?;
                self.text(&inner, depth + 1)
            }
            Some("env_var") => match text.split_once(' ') {
                Some((_, otherwise)) => Ok(otherwise.trim().to_owned()),
                None => Err("`db_url` comes from the environment (!env_var)".into()),
            },
            Some(tag) => Err(format!(
                "`db_url` has the tag !{}",
                crate::error::escape(tag.as_bytes())
            )),
        }
    }

    /// A secret: from `secrets.yaml` beside the file that refers to it, or in a folder above.
    fn secret(&self, at: &At, name: &str, depth: usize) -> Result<String, Why> {
        let mut folder: &str = &at.file;
        while let Some((above, _)) = folder
            .rsplit_once('/')
            .or_else(|| (!folder.is_empty()).then_some(("", "")))
        {
            folder = above;
            let path = match folder {
                "" => "secrets.yaml".to_owned(),
                _ => format!("{folder}/secrets.yaml"),
            };
            // Most folders have no secrets.
            if self.files.text(&path).is_none() {
                continue;
            }
            let secrets = self.open(&path)?;
            if let Some(value) = secrets.and_then(|secrets| secrets.value(name)) {
                return self.text(&value, depth + 1);
            }
        }
        Err(format!(
            "the secret {} is not in secrets.yaml",
            crate::error::escape(name.as_bytes())
        ))
    }

    fn step(&self, depth: usize) -> Result<(), Why> {
        let left = self.steps.get().checked_sub(1).filter(|_| depth < DEPTH);
        self.steps
            .set(left.ok_or("the configuration includes too much to look for `db_url`")?);
        Ok(())
    }
}
