//! Entries of a part that make a restore fail.

use crate::error::{Advice, Error, Result};
use crate::format::tar::block::{EntryKind, TarError};
use crate::format::tar::header::Header;
use crate::format::tar::walk::Visitor;
use crate::open::Part;
use crate::pipe::Control;
use crate::plan::facts::Specials;
use crate::plan::leftovers;
use crate::survey::hazards;
use crate::survey::hazards::{Hazard, LongPaths, View, Viewed};

/// Collects every name and link of a part, to check them together at the end.
///
/// Memory: the names, and some 70 bytes for each entry.
#[derive(Default)]
pub(super) struct HazardCollector {
    lines: Vec<Line>,
    first: Option<Hazard>,
    long_paths: LongPaths,
}

struct Line {
    name: Box<[u8]>,
    link: Box<[u8]>,
    kind: EntryKind,
}

impl Viewed for Line {
    fn view(&self) -> View<'_> {
        View {
            name: &self.name,
            kind: self.kind,
            link: &self.link,
        }
    }
}

impl Visitor for HazardCollector {
    fn entry(&mut self, header: &Header, _at: u64) -> Result<(), TarError> {
        self.first = self
            .first
            .or_else(|| hazards::of_header(self.lines.len(), header));
        self.long_paths.see(&header.name);
        self.lines.push(Line {
            name: header.name.as_slice().into(),
            link: header.link.as_slice().into(),
            kind: header.kind,
        });
        Ok(())
    }
}

impl HazardCollector {
    /// Checks all entries. Returns a warning about entries that a restore leaves out, and the
    /// entries on which it fails.
    ///
    /// # Errors
    /// `Refused` for entries that make a restore fail; `Interrupted`.
    pub fn finish(
        self,
        at: usize,
        part: &Part,
        control: &Control,
    ) -> Result<(Option<String>, Option<Specials>)> {
        let among =
            || hazards::among(&self.lines, control).map(|hazards| hazards.into_iter().next());
        let hazard = self.first.map_or_else(among, |first| Ok(Some(first)))?;
        match hazard {
            None => {
                let lines = self.lines.iter();
                let specials = lines.filter(|line| line.kind == EntryKind::Special);
                let specials = leftovers::specials(at, specials.map(|line| &*line.name));
                Ok((self.long_paths.warning(&part.id), specials))
            }
            Some(hazard) => Err(Error::refused(
                hazard.text(|at| self.lines.get(at).map(Line::view)),
            )
            .advice(Advice::LeaveEntryOut)),
        }
    }
}
