//! Entries of a part that make a restore fail.

use crate::error::{Advice, Error, Result};
use crate::format::tar::block::{EntryKind, TarError};
use crate::format::tar::header::Header;
use crate::format::tar::walk::Visitor;
use crate::open::Part;
use crate::pipe::Control;
use crate::plan::facts::{Note, Specials};
use crate::plan::leftovers;
use crate::survey::hazards;
use crate::survey::hazards::{Hazard, LongPaths, View, Viewed};

/// Collects every name and link of a part, to check them together at the end.
///
/// Memory: the names, and some 70 bytes for each entry; as much again for each entry with a hazard.
#[derive(Default)]
pub(super) struct HazardCollector {
    lines: Vec<Line>,
    /// The hazards that single headers show.
    all: Vec<Hazard>,
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

/// The names of the pipes and devices.
fn special_names(lines: &[Line]) -> impl Iterator<Item = &[u8]> {
    let specials = lines.iter().filter(|line| line.kind == EntryKind::Special);
    specials.map(|line| &*line.name)
}

impl Visitor for HazardCollector {
    fn entry(&mut self, header: &Header, _at: u64) -> Result<(), TarError> {
        self.all
            .extend(hazards::of_header(self.lines.len(), header));
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
    /// What the user should know about a part that a copy keeps.
    ///
    /// # Errors
    /// `Interrupted`.
    pub fn kept(mut self, at: usize, control: &Control) -> Result<Vec<Note>> {
        let lines = std::mem::take(&mut self.lines);
        let mut hazards: Vec<Hazard> = self.all;
        hazards.extend(hazards::among(&lines, control)?);
        let first = hazards.iter().min_by_key(|hazard| hazard.entry);
        let hazards = first.map(|first| Note::Hazards {
            part: at,
            count: hazards.len(),
            first: first.text(|at| lines.get(at).map(Line::view)),
        });
        let specials = leftovers::specials(at, special_names(&lines));
        Ok(hazards
            .into_iter()
            .chain(specials.map(Note::Specials))
            .collect())
    }

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
        let first = self.all.first().copied();
        let hazard = first.map_or_else(among, |first| Ok(Some(first)))?;
        match hazard {
            None => {
                let specials = leftovers::specials(at, special_names(&self.lines));
                Ok((self.long_paths.warning(&part.id), specials))
            }
            Some(hazard) => Err(Error::refused(
                hazard.text(|at| self.lines.get(at).map(Line::view)),
            )
            .advice(Advice::LeaveEntryOut)),
        }
    }
}
