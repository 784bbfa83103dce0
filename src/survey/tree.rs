//! The paths of one part as a tree.

mod largest;
mod order;
#[cfg(test)]
mod tests;

use super::{Entry, Totals};
use crate::error::Result;
use crate::pipe::Control;
use order::{Row, STEP_ROWS, order, shared, sorted};

pub use largest::largest;

/// The tree of paths of one part. Its nodes are created on request, so that a part with millions of
/// entries costs no more than their sorted list.
///
/// Sorting takes `n log n` comparisons of paths; the time of a walk over all nodes grows with the
/// bytes of the paths, at any depth. Memory: 32 bytes for each entry, the same again during
/// sorting, and 88 bytes for each node that the caller keeps.
pub struct PathTree<'a> {
    rows: Vec<Row<'a>>,
    root: PathNode,
    control: &'a Control,
}

/// What a caller knows about an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tag {
    /// Whether its stored bytes are also summed up separately: [`PathNode::marked`].
    pub marked: bool,
    /// A set of the caller's own bits; a node has those of all its entries.
    pub kinds: u8,
}

impl From<bool> for Tag {
    fn from(marked: bool) -> Self {
        Self { marked, kinds: 0 }
    }
}

/// A file, or a folder with everything in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathNode {
    /// The sums over it and everything below it.
    pub totals: Totals,
    /// Stored bytes of its marked entries.
    pub marked: u64,
    /// Whether there is anything below it.
    pub folder: bool,
    /// The bits of all its entries: [`Tag::kinds`].
    pub kinds: u8,
    /// Its rows among the sorted ones.
    from: usize,
    to: usize,
    /// The length of its path in bytes.
    end: usize,
    /// Where in a path the names below it begin.
    next: usize,
}

impl<'a> PathTree<'a> {
    /// Sorts entries by their paths, in which a slash separates the names. Each entry has a [`Tag`];
    /// `true` is the tag of an entry that is only marked.
    ///
    /// `overhead` is the number of bytes of the part that belong to no entry. They count in the
    /// root alone, so that its size is what a copy without the part saves.
    ///
    /// # Errors
    /// `Interrupted`.
    pub fn new<T: Into<Tag>>(
        paths: impl Iterator<Item = (&'a [u8], &'a Entry, T)>,
        overhead: u64,
        control: &'a Control,
    ) -> Result<Self> {
        let mut pace = control.pace();
        let row = |(path, entry, tag): (&'a [u8], _, T)| {
            pace.step(0)?;
            Ok(Row {
                path,
                entry,
                shared: 0,
                tag: tag.into(),
            })
        };
        let mut rows = sorted(paths.map(row).collect::<Result<_>>()?, control)?;
        let mut root = root_of(&mut rows, control)?;
        root.totals.stored += overhead;
        Ok(Self {
            rows,
            root,
            control,
        })
    }

    /// The root of the tree.
    pub fn root(&self) -> PathNode {
        self.root.clone()
    }

    /// The node with this path and everything below it; the root for an empty path.
    ///
    /// # Errors
    /// `Interrupted`.
    pub fn find(&self, path: &[u8]) -> Result<Option<PathNode>> {
        if path.is_empty() {
            return Ok(Some(self.root()));
        }
        let from = self
            .rows
            .partition_point(|row| order(row.path, path).is_lt());
        let (mut node, mut pace) = (
            PathNode::at(from, path.len(), path.len() + 1),
            self.control.pace(),
        );
        let below = |row: &&Row<'_>| {
            row.path
                .strip_prefix(path)
                .is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
        };
        for row in self.rows.iter().skip(from).take_while(below) {
            pace.step(path.len())?;
            node.add(row);
        }
        Ok((node.to > from).then_some(node))
    }

    /// The contents of a folder, by name; empty for a file.
    ///
    /// # Errors
    /// `Interrupted`.
    pub fn children(&self, node: &PathNode) -> Result<Vec<PathNode>> {
        let (mut children, mut pace): (Vec<PathNode>, _) = (Vec::new(), self.control.pace());
        self.control.check()?;
        for (at, row) in self.rows.iter().enumerate().take(node.to).skip(node.from) {
            pace.step(0)?;
            match children.last_mut().filter(|child| child.goes_on(row)) {
                Some(child) => child.add(row),
                // The folder itself.
                None if row.path.is_empty() || row.path.len() < node.next => {}
                None => {
                    let name = row.path.get(node.next..).unwrap_or_default();
                    let len = name.iter().position(|&b| b == b'/').unwrap_or(name.len());
                    let end = node.next + len;
                    let mut child = PathNode::at(at, end, end + 1);
                    child.add(row);
                    children.push(child);
                }
            }
        }
        Ok(children)
    }

    /// The deepest folder with all the contents of this one, possibly this one itself.
    pub fn narrowed(&self, node: &PathNode) -> PathNode {
        let rows = self.rows.get(node.from..node.to).unwrap_or_default();
        let below = |row: &Row<'a>| row.path.get(node.next..);
        // A folder's own entry sorts first; then no deeper folder contains everything.
        let (first, last) = (rows.first().and_then(below), rows.last().and_then(below));
        let (Some(first), Some(last)) = (first, last) else {
            return node.clone();
        };
        let common = first.get(..shared(first, last)).unwrap_or_default();
        let ends = |rest: &[u8]| matches!(rest.get(common.len()), None | Some(b'/'));
        let names = if ends(first) && ends(last) {
            Some(common.len())
        } else {
            common.iter().rposition(|&b| b == b'/')
        };
        let Some(len) = names else {
            return node.clone();
        };
        PathNode {
            end: node.next + len,
            next: node.next + len + 1,
            folder: first.len() > len || last.len() > len,
            ..node.clone()
        }
    }

    /// The path of a node.
    pub fn path(&self, node: &PathNode) -> &'a [u8] {
        self.rows
            .get(node.from)
            .and_then(|row| row.path.get(..node.end))
            .unwrap_or_default()
    }

    /// The last name of a node's path.
    pub fn name(&self, node: &PathNode) -> &'a [u8] {
        self.path(node)
            .rsplit(|&b| b == b'/')
            .next()
            .unwrap_or_default()
    }
}

/// Sums up sorted rows, and notes in each the length of the prefix it shares with the one before.
fn root_of(rows: &mut [Row<'_>], control: &Control) -> Result<PathNode> {
    let (mut root, mut before) = (PathNode::at(0, 0, 0), &b""[..]);
    for step in rows.chunks_mut(STEP_ROWS) {
        control.check()?;
        for row in step {
            row.shared = u32::try_from(shared(before, row.path)).unwrap_or(u32::MAX);
            before = row.path;
            root.add(row);
        }
    }
    Ok(root)
}

impl PathNode {
    /// A node without rows: its path has `end` bytes, the names below it begin at `next`.
    fn at(from: usize, end: usize, next: usize) -> Self {
        Self {
            totals: Totals::default(),
            marked: 0,
            folder: false,
            kinds: 0,
            from,
            to: from,
            end,
            next,
        }
    }

    /// Adds its next row.
    fn add(&mut self, row: &Row<'_>) {
        self.to += 1;
        self.totals.add(row.entry);
        self.marked += if row.tag.marked { row.entry.stored } else { 0 };
        self.kinds |= row.tag.kinds;
        self.folder |= row.path.len() > self.end;
    }

    /// Whether the row after its last one also belongs to it.
    fn goes_on(&self, row: &Row<'_>) -> bool {
        row.shared as usize >= self.end && matches!(row.path.get(self.end), None | Some(b'/'))
    }
}
