//! Lists without folders: files, and what a glob matches.

use std::borrow::Cow;
use std::collections::HashMap;

use super::marks::{has_selector, mark};
use super::{Contents, Find, Listing, Place, Row, Scope, Shape, What, tidied};
use crate::error::Result;
use crate::format::tar::block::EntryKind;
use crate::survey::{Entry, Totals};

/// A path in a list, and everything below it.
struct Item<'a> {
    part: usize,
    path: Cow<'a, [u8]>,
    folder: bool,
    kinds: u8,
    totals: Totals,
}

impl Contents<'_> {
    /// All files, or those of a scope and those that a glob matches; with a glob, the files in
    /// folders that it matches are among them. The first row is their sum.
    ///
    /// # Errors
    /// As [`Contents::tree`].
    pub fn files(
        &self,
        scope: Option<Scope<'_>>,
        find: Option<&Find>,
        shape: &Shape,
    ) -> Result<Listing> {
        let mut items = Vec::new();
        self.each(
            scope,
            |part, path, entry, kinds| {
                let is_file = entry.kind != EntryKind::Directory;
                if is_file && find.is_none_or(|find| find.matched(&path).is_some()) {
                    let mut totals = Totals::default();
                    totals.add(entry);
                    items.push(Item {
                        part,
                        path,
                        folder: false,
                        kinds,
                        totals,
                    });
                }
            },
            find,
        )?;
        Ok(self.listed(items, shape))
    }

    /// The files and folders that a glob matches, none inside another. The first row is their sum.
    ///
    /// # Errors
    /// As [`Contents::tree`].
    pub fn found(&self, scope: Option<Scope<'_>>, find: &Find, shape: &Shape) -> Result<Listing> {
        let mut items: Vec<Item<'_>> = Vec::new();
        let mut known: HashMap<(usize, Vec<u8>), usize> = HashMap::new();
        self.each(
            scope,
            |part, path, entry, kinds| {
                let Some(matched) = find.matched(&path) else {
                    return;
                };
                let below = matched.len() < path.len();
                let at = *known.entry((part, matched.to_vec())).or_insert(items.len());
                if at == items.len() {
                    items.push(Item {
                        part,
                        path: Cow::Owned(matched.to_vec()),
                        folder: false,
                        kinds: 0,
                        totals: Totals::default(),
                    });
                }
                if let Some(item) = items.get_mut(at) {
                    item.folder |= below || entry.kind == EntryKind::Directory;
                    item.kinds |= kinds;
                    item.totals.add(entry);
                }
            },
            Some(find),
        )?;
        Ok(self.listed(items, shape))
    }

    /// Calls a function with the part, the path, the entry and the bits of every entry below a
    /// scope, except for the roots of the parts.
    fn each<'s>(
        &'s self,
        scope: Option<Scope<'_>>,
        mut look: impl FnMut(usize, Cow<'s, [u8]>, &'s Entry, u8),
        find: Option<&Find>,
    ) -> Result<()> {
        let mut pace = self.control.pace();
        let below = scope.map_or("", |scope| scope.path).as_bytes();
        let mut any = below.is_empty();
        for (survey, kinds) in self.surveys.iter().zip(&self.kinds) {
            let part = self.backup.part(survey.part);
            let asked = scope.is_none_or(|scope| scope.part == survey.part);
            let wanted = find.is_none_or(|find| find.looks_into(&part.id));
            if !asked || any && !wanted {
                continue;
            }
            for (entry, kinds) in survey.entries.iter().zip(kinds) {
                pace.step(entry.name.len())?;
                let path = tidied(self.backup, part, entry);
                if !path.is_empty() && is_below(&path, below) {
                    any = true;
                    if wanted {
                        look(survey.part, path, entry, *kinds);
                    }
                }
            }
        }
        match scope {
            Some(scope) if !any => Err(self.missing(&scope)),
            _ => Ok(()),
        }
    }

    fn listed(&self, mut items: Vec<Item<'_>>, shape: &Shape) -> Listing {
        let mut sum = Totals::default();
        items.iter().for_each(|item| sum.join(&item.totals));
        items.sort_by(|a, b| {
            let id = |item: &Item<'_>| self.backup.part(item.part).id.as_str();
            let by_path = || (id(a), &a.path).cmp(&(id(b), &b.path));
            shape.sort.order(&a.totals, &b.totals).then_with(by_path)
        });
        let first = Row {
            what: What::Found(items.len() as u64),
            level: 0,
            totals: sum,
            mark: None,
        };
        let rest = items.split_off(shape.top.min(items.len()));
        let rows = items.into_iter().map(Item::row);
        let rows = std::iter::once(first).chain(rows).chain(more(&rest));
        Listing {
            whole: self.backup.input.len(),
            rows: rows.collect(),
        }
    }
}

impl Item<'_> {
    fn row(self) -> Row {
        Row {
            what: What::Path {
                place: Place {
                    part: self.part,
                    path: self.path.into_owned(),
                    folder: self.folder,
                    named: has_selector(self.kinds),
                },
                name: 0,
            },
            level: 1,
            totals: self.totals,
            mark: mark(self.kinds),
        }
    }
}

/// The row for what is not shown.
fn more(rest: &[Item<'_>]) -> Option<Row> {
    let (mut totals, mut kinds) = (Totals::default(), 0);
    for item in rest {
        totals.join(&item.totals);
        kinds |= item.kinds;
    }
    let what = What::More {
        count: rest.len() as u64,
        parts: false,
        all: false,
    };
    (!rest.is_empty()).then_some(Row {
        what,
        level: 1,
        totals,
        mark: mark(kinds),
    })
}

/// Whether a path is another one, or below it.
fn is_below(path: &[u8], above: &[u8]) -> bool {
    let rest = path.strip_prefix(above);
    above.is_empty() || rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
}
