//! Files that the user's globs do not drop: the file or its folder must be typed in full.

use crate::error::{Error, Kind, Result};
use crate::format::tar::block::EntryKind;
use crate::open::{Backup, Part};
use crate::plan::edit::conditions::{IMAGE, image_must_stay};
use crate::plan::facts::Protection;
use crate::plan::request::Request;
use crate::plan::request::selector::Selector;
use crate::rules::NeverList;

/// What is protected from globs in one part.
pub(crate) struct Guard<'a> {
    request: &'a Request,
    id: &'a str,
    /// `None` if the user has no globs that reach into the part.
    never: Option<NeverList>,
    /// Whether the add-on's image could not be built again.
    image_stays: bool,
}

impl<'a> Guard<'a> {
    /// # Errors
    /// `Usage` if the globs of the never-drop list cannot be compiled.
    pub fn new(backup: &Backup, part: &'a Part, request: &'a Request) -> Result<Self> {
        let asked = request.drops.iter().any(|s| {
            !s.is_typed_in_full()
                && !s.names_a_folder()
                && (s.looks_into(&part.id) || s.takes_component(&part.id))
        });
        let never = asked
            .then(|| NeverList::new(&request.catalogue, &part.id))
            .transpose();
        let never = never.map_err(|e| Error::new(Kind::Usage, e.to_string()))?;
        Ok(Self {
            request,
            id: &part.id,
            image_stays: never.is_some() && image_must_stay(backup, part, request),
            never,
        })
    }

    /// Why a selector does not drop a path that it matches. A symbolic link is never protected,
    /// because it can be made again.
    pub fn held_back(
        &self,
        selector: &Selector,
        path: &[u8],
        kind: EntryKind,
    ) -> Option<Protection<&str>> {
        if selector.is_typed_in_full() {
            return None;
        }
        if self.image_stays && path == IMAGE {
            return Some(Protection::Image);
        }
        let listed = || {
            let reason = selector.held_back(self.never.as_ref()?, path);
            reason.filter(|_| kind != EntryKind::Symlink)
        };
        let reason = self.request.spared_component(selector, self.id);
        reason.or_else(listed).map(Protection::Listed)
    }
}
