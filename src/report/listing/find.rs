//! Globs that look for paths in all parts.

use crate::component::Location;
use crate::error::{Error, Kind, Result, escape};
use crate::open::Backup;
use crate::plan::request::pattern::Pattern;

/// A glob over paths, possibly in some parts only.
///
/// `COMPONENT:GLOB` looks in the components whose id the part before the colon matches; without
/// such a component the colon is part of the glob, and it looks in all of them. A glob without a
/// slash matches names at any depth; one with a slash matches whole paths. `*` stays inside a name,
/// `**` does not, as in selectors.
#[derive(Debug, Clone)]
pub struct Find {
    component: Option<Pattern>,
    path: Pattern,
}

impl Find {
    /// Parses a glob.
    ///
    /// # Errors
    /// `Usage`, if it is empty or not a glob.
    pub fn parse(text: &str, backup: &Backup) -> Result<Self> {
        let invalid = |why: &str| {
            let text = escape(text.as_bytes());
            Error::new(Kind::Usage, format!("'{text}' finds nothing: {why}"))
        };
        let location = Location::parse(text);
        let within = location.path.and_then(|path| {
            let component = Pattern::of_names(location.component).ok()?;
            let known = |id: &str| component.is_match(id.as_bytes());
            let is_component = backup.parts.iter().any(|part| known(&part.id));
            is_component.then_some((component, path))
        });
        let (component, glob) = match within {
            Some((component, path)) => (Some(component), path),
            None => (None, text),
        };
        let glob = glob.trim_start_matches("./").trim_matches('/');
        if glob.is_empty() {
            return Err(invalid("the glob is empty"));
        }
        let anywhere = format!("**/{glob}");
        let glob = if glob.contains('/') { glob } else { &anywhere };
        let path = Pattern::of_paths(glob).map_err(|why| invalid(&why))?;
        Ok(Self { component, path })
    }

    /// Whether it looks into this component.
    pub fn looks_into(&self, id: &str) -> bool {
        let looks = |component: &Pattern| component.is_match(id.as_bytes());
        self.component.as_ref().is_none_or(looks)
    }

    /// The shortest path that it matches among a path and the folders above it.
    pub fn matched<'a>(&self, path: &'a [u8]) -> Option<&'a [u8]> {
        if !self.path.is_match(path) {
            return None;
        }
        // Everything below a match is matched, too, so the folders can be searched by halving.
        let ends: Vec<usize> = path
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'/')
            .map(|(at, _)| at)
            .collect();
        let misses = |end: &usize| {
            path.get(..*end)
                .is_some_and(|above| !self.path.is_match(above))
        };
        let at = ends.partition_point(misses);
        path.get(..ends.get(at).copied().unwrap_or(path.len()))
    }
}
