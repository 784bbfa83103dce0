//! Folders and what is in them.

use super::arrange::{Alikeness, Arranged, Item, arrange};
use super::marks::{self, has_selector, mark};
use super::{Contents, Listing, Place, Row, Scope, Shape, What, path_tree};
use crate::error::Result;
use crate::survey::Totals;
use crate::survey::tree::{PathNode, PathTree};

impl Contents<'_> {
    /// The tree of the whole backup, or of a scope. Folders with a single file or folder in them
    /// share its row.
    ///
    /// # Errors
    /// `Usage` if the scope is not in the backup; `Interrupted`.
    pub fn tree(&self, scope: Option<Scope<'_>>, shape: &Shape) -> Result<Listing> {
        let rows = match scope {
            Some(scope) => self.part(&scope, shape, None)?,
            None => self.whole(shape)?,
        };
        Ok(Listing {
            whole: self.backup.input.len(),
            rows,
        })
    }

    fn whole(&self, shape: &Shape) -> Result<Vec<Row>> {
        let parts = self.parts_by_id();
        let size = self.backup.input.len();
        let item = |(at, part): (usize, &usize)| Item {
            at,
            totals: self.totals(*part),
            kinds: 0,
            alike: None,
        };
        let items: Vec<Item> = parts.iter().enumerate().map(item).collect();
        let mut totals = Totals::default();
        items.iter().for_each(|item| totals.join(&item.totals));
        totals.stored = size;
        let mut rows = vec![Row {
            what: What::Whole,
            level: 0,
            totals,
            mark: None,
        }];
        for row in arrange(items, shape, size, true) {
            match row {
                Arranged::One(at) => {
                    let part = parts.get(at).copied().unwrap_or_default();
                    rows.extend(self.part(&Scope { part, path: "" }, shape, Some(size))?);
                }
                Arranged::More { count, totals, .. } => rows.push(Row {
                    what: What::More {
                        count,
                        parts: true,
                        all: false,
                    },
                    level: 1,
                    totals,
                    mark: None,
                }),
                Arranged::Alike { .. } => {}
            }
        }
        Ok(rows)
    }

    /// The numbers of the parts, in the order of their ids.
    fn parts_by_id(&self) -> Vec<usize> {
        let mut parts: Vec<usize> = (0..self.backup.parts.len()).collect();
        parts.sort_by_key(|&at| &self.backup.part(at).id);
        parts
    }

    /// The rows of one part. `whole` is the size of the first row, if that is another one.
    fn part(&self, scope: &Scope<'_>, shape: &Shape, whole: Option<u64>) -> Result<Vec<Row>> {
        let level = usize::from(whole.is_some());
        let Some((survey, kinds)) = self.survey(scope.part) else {
            return Ok(vec![unread(scope.part, self.totals(scope.part), level)]);
        };
        let paths = self.tidied(survey);
        let tree = path_tree(&paths, kinds, survey.overhead, self.control)?;
        let root = tree
            .find(scope.path.as_bytes())?
            .ok_or_else(|| self.missing(scope))?;
        let (node, children) = joined(&tree, &root)?;
        // A part counts with all that a copy without it saves.
        let totals = if scope.path.is_empty() {
            self.totals(scope.part)
        } else {
            root.totals
        };
        let row = Row {
            what: What::Part {
                place: place(&tree, &node, scope.part),
                read: true,
            },
            level,
            totals,
            mark: mark(root.kinds),
        };
        let branch = Branch {
            tree: &tree,
            shape,
            whole: whole.unwrap_or(totals.stored),
            part: scope.part,
            last: level + shape.depth,
        };
        let mut rows = vec![row];
        branch.grow(&node, children, level, &mut rows)?;
        Ok(rows)
    }
}

/// The row of a part that was not read.
fn unread(part: usize, totals: Totals, level: usize) -> Row {
    let place = Place {
        part,
        path: Vec::new(),
        folder: true,
        named: true,
    };
    Row {
        what: What::Part { place, read: false },
        level,
        totals,
        mark: None,
    }
}

/// The deepest folder or file with all the contents of this folder, and what is in it. The folders
/// around it may have entries of their own.
fn joined(tree: &PathTree<'_>, node: &PathNode) -> Result<(PathNode, Vec<PathNode>)> {
    let mut node = tree.narrowed(node);
    loop {
        let mut children = tree.children(&node)?;
        match children.pop() {
            Some(only) if children.is_empty() => node = tree.narrowed(&only),
            last => {
                children.extend(last);
                return Ok((node, children));
            }
        }
    }
}

fn place(tree: &PathTree<'_>, node: &PathNode, part: usize) -> Place {
    Place {
        part,
        path: tree.path(node).to_vec(),
        folder: node.folder || node.totals.files == 0,
        named: has_selector(node.kinds),
    }
}

/// What is needed to show the folders of one part.
struct Branch<'a> {
    tree: &'a PathTree<'a>,
    shape: &'a Shape,
    /// The size of the first row of the listing.
    whole: u64,
    part: usize,
    /// The deepest level that is shown.
    last: usize,
}

/// A row that is still to be shown, and how long the path of the row above is.
struct Step {
    node: PathNode,
    row: Option<Row>,
    level: usize,
    above: usize,
}

impl Branch<'_> {
    /// Adds the rows below a node. Not recursive, because a path can be deeper than the stack.
    fn grow(
        &self,
        node: &PathNode,
        children: Vec<PathNode>,
        level: usize,
        rows: &mut Vec<Row>,
    ) -> Result<()> {
        let mut work = self.below(node, children, level);
        while let Some(step) = work.pop() {
            if let Some(row) = step.row {
                rows.push(row);
                continue;
            }
            let (node, children) = joined(self.tree, &step.node)?;
            rows.push(Row {
                what: What::Path {
                    place: place(self.tree, &node, self.part),
                    name: step.above,
                },
                level: step.level,
                totals: step.node.totals,
                mark: mark(step.node.kinds),
            });
            work.append(&mut self.below(&node, children, step.level));
        }
        Ok(())
    }

    /// The rows directly below a node, the last one first.
    fn below(&self, node: &PathNode, children: Vec<PathNode>, level: usize) -> Vec<Step> {
        if level >= self.last || children.is_empty() {
            return Vec::new();
        }
        let above = self.tree.path(node).len();
        let above = if above == 0 { 0 } else { above + 1 };
        let items = children.iter().enumerate();
        let items = items.map(|(at, child)| self.item(at, child)).collect();
        // Of the first row's own contents, some are always named.
        let first = level == 0;
        let step = |row: Arranged| {
            let (at, row) = self.row(row, &children, above, level + 1);
            Some(Step {
                node: children.get(at)?.clone(),
                row,
                level: level + 1,
                above,
            })
        };
        let arranged = arrange(items, self.shape, self.whole, first);
        arranged.into_iter().rev().filter_map(step).collect()
    }

    fn item(&self, at: usize, child: &PathNode) -> Item {
        let name = self.tree.name(child);
        let folder = child.folder;
        // The user's own files are named, unless they are too small.
        let named = !folder && mark(child.kinds).is_none_or(|mark| mark == marks::Mark::Yours);
        let alike = Alikeness {
            folder,
            days: is_day(name),
            kinds: child.kinds,
        };
        Item {
            at,
            totals: child.totals,
            kinds: child.kinds,
            alike: (!named).then_some(alike),
        }
    }

    /// The number of the child that an arranged row begins with, and the row if it is complete.
    fn row(
        &self,
        arranged: Arranged,
        children: &[PathNode],
        name: usize,
        level: usize,
    ) -> (usize, Option<Row>) {
        let (at, what, totals, kinds) = match arranged {
            Arranged::One(at) => return (at, None),
            Arranged::Alike {
                first,
                count,
                days,
                same,
                totals,
                kinds,
            } => {
                let Some(child) = children.get(first) else {
                    return (first, None);
                };
                let what = What::Alike {
                    first: place(self.tree, child, self.part),
                    name,
                    count,
                    days,
                    same,
                };
                (first, what, totals, kinds)
            }
            Arranged::More {
                count,
                all,
                totals,
                kinds,
            } => {
                let what = What::More {
                    count,
                    parts: false,
                    all,
                };
                (0, what, totals, kinds)
            }
        };
        let row = Row {
            what,
            level,
            totals,
            mark: mark(kinds),
        };
        (at, Some(row))
    }
}

/// Whether a folder is named after a day, as in `2026-11-01`.
fn is_day(name: &[u8]) -> bool {
    let text = std::str::from_utf8(name).ok();
    text.is_some_and(|text| text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok())
}
