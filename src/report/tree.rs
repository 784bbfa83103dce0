//! The paths of one part as a tree: sorted, so that what lies in a folder stands together.

use std::cmp::Ordering;

use crate::error::Result;
use crate::format::tar::block::EntryKind;
use crate::pipe::Control;
use crate::survey::Entry;

/// The sorted paths of one part. Memory: 40 bytes for each of them, and as much again while
/// they are sorted, however deep they lie.
pub struct Tree<'a> {
    rows: Vec<Row<'a>>,
    control: &'a Control,
}

#[derive(Clone, Copy)]
struct Row<'a> {
    path: &'a [u8],
    entry: &'a Entry,
    /// How many bytes it begins with that the row before begins with as well.
    shared: u32,
    dropped: bool,
}

/// All that begins with the same names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// Stored bytes of it.
    pub stored: u64,
    /// Its rows among the sorted ones.
    from: usize,
    to: usize,
    /// Bytes of the path that leads to it.
    end: usize,
    /// Where in a path the names below it begin.
    next: usize,
    /// Bytes of data.
    pub raw: u64,
    /// How many of its entries are no directories.
    pub files: u64,
    /// Whether something lies below it.
    pub folder: bool,
}

/// The steps in which rows are sorted; after each one somebody may want to stop.
const STEP_ROWS: usize = 1 << 15;
const STEP_BYTES: usize = 16 << 20;

impl<'a> Tree<'a> {
    /// Sorts entries by their paths, in which a slash separates the names. Whatever else is
    /// asked of the tree later takes time with the bytes of the paths, not with their square.
    ///
    /// # Errors
    /// `Interrupted`.
    pub fn new(
        paths: impl Iterator<Item = (&'a [u8], &'a Entry, bool)>,
        control: &'a Control,
    ) -> Result<Self> {
        let rows: Vec<Row<'a>> = paths
            .map(|(path, entry, dropped)| Row {
                path,
                entry,
                shared: 0,
                dropped,
            })
            .collect();
        let mut rows = sorted(rows, control)?;
        let mut before: &[u8] = b"";
        for step in rows.chunks_mut(STEP_ROWS) {
            control.check()?;
            for row in step {
                row.shared = u32::try_from(shared(before, row.path)).unwrap_or(u32::MAX);
                before = row.path;
            }
        }
        Ok(Self { rows, control })
    }

    /// All of it.
    pub fn root(&self) -> Node {
        let mut root = Node {
            stored: 0,
            from: 0,
            to: 0,
            end: 0,
            next: 0,
            raw: 0,
            files: 0,
            folder: false,
        };
        self.rows.iter().for_each(|row| root.add(row));
        root
    }

    /// What has this path, or lies below it; the whole part for an empty one.
    pub fn find(&self, path: &[u8]) -> Option<Node> {
        if path.is_empty() {
            return Some(self.root());
        }
        let from = self
            .rows
            .partition_point(|row| order(row.path, path).is_lt());
        let mut node = Node {
            stored: 0,
            from,
            to: from,
            end: path.len(),
            next: path.len() + 1,
            raw: 0,
            files: 0,
            folder: false,
        };
        let below = |row: &&Row<'_>| {
            row.path
                .strip_prefix(path)
                .is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
        };
        self.rows
            .iter()
            .skip(from)
            .take_while(below)
            .for_each(|row| node.add(row));
        (node.to > from).then_some(node)
    }

    /// What lies in a folder, by name; nothing for a file.
    ///
    /// # Errors
    /// `Interrupted`.
    pub fn children(&self, node: &Node) -> Result<Vec<Node>> {
        self.control.check()?;
        let mut children: Vec<Node> = Vec::new();
        for (at, row) in self.rows.iter().enumerate().take(node.to).skip(node.from) {
            match children.last_mut().filter(|child| child.goes_on(row)) {
                Some(child) => child.add(row),
                // The folder itself.
                None if row.path.is_empty() || row.path.len() < node.next => {}
                None => {
                    let name = row.path.get(node.next..).unwrap_or_default();
                    let end =
                        node.next + name.iter().position(|&b| b == b'/').unwrap_or(name.len());
                    let mut child = Node {
                        stored: 0,
                        from: at,
                        to: at,
                        end,
                        next: end + 1,
                        raw: 0,
                        files: 0,
                        folder: false,
                    };
                    child.add(row);
                    children.push(child);
                }
            }
        }
        Ok(children)
    }

    /// The deepest folder that holds all that this one holds, which may be this one itself.
    pub fn narrowed(&self, node: &Node) -> Node {
        let rows = self.rows.get(node.from..node.to).unwrap_or_default();
        let below = |row: &Row<'a>| row.path.get(node.next..);
        // Where the folder's own entry is there, it sorts first, and nothing deeper holds all.
        let Some((first, last)) = rows
            .first()
            .and_then(below)
            .zip(rows.last().and_then(below))
        else {
            return node.clone();
        };
        let common = first.get(..shared(first, last)).unwrap_or_default();
        let ends = |rest: &[u8]| matches!(rest.get(common.len()), None | Some(b'/'));
        let names = if ends(first) && ends(last) {
            Some(common.len())
        } else {
            common.iter().rposition(|&b| b == b'/')
        };
        match names {
            Some(len) => Node {
                end: node.next + len,
                next: node.next + len + 1,
                folder: first.len() > len || last.len() > len,
                ..node.clone()
            },
            None => node.clone(),
        }
    }

    /// The path of a node.
    pub fn path(&self, node: &Node) -> &'a [u8] {
        self.rows
            .get(node.from)
            .and_then(|row| row.path.get(..node.end))
            .unwrap_or_default()
    }

    /// The last name of a node's path.
    pub fn name(&self, node: &Node) -> &'a [u8] {
        self.path(node)
            .rsplit(|&b| b == b'/')
            .next()
            .unwrap_or_default()
    }

    /// Stored bytes of a node that are marked as dropped.
    pub fn dropped(&self, node: &Node) -> u64 {
        let rows = self.rows.get(node.from..node.to).unwrap_or_default();
        rows.iter()
            .filter(|row| row.dropped)
            .map(|row| row.entry.stored)
            .sum()
    }
}

impl Node {
    /// Counts the next of its rows.
    fn add(&mut self, row: &Row<'_>) {
        self.to += 1;
        self.stored += row.entry.stored;
        self.raw += row.entry.size;
        self.files += u64::from(row.entry.kind != EntryKind::Directory);
        self.folder |= row.path.len() > self.end;
    }

    /// Whether the row behind its last one belongs to it as well.
    fn goes_on(&self, row: &Row<'_>) -> bool {
        row.shared as usize >= self.end && matches!(row.path.get(self.end), None | Some(b'/'))
    }
}

/// Compares paths name by name: a folder's contents follow it at once.
fn order(a: &[u8], b: &[u8]) -> Ordering {
    let at = shared(a, b);
    let rank = |path: &[u8]| {
        path.get(at)
            .map(|&byte| if byte == b'/' { 0 } else { u16::from(byte) + 1 })
    };
    rank(a).cmp(&rank(b))
}

/// How many bytes two paths begin with alike.
fn shared(a: &[u8], b: &[u8]) -> usize {
    const WORD: usize = 32;
    let (words_a, words_b) = (a.as_chunks::<WORD>().0, b.as_chunks::<WORD>().0);
    let alike = words_a
        .iter()
        .zip(words_b)
        .take_while(|(a, b)| a == b)
        .count()
        * WORD;
    let (a, b) = (
        a.get(alike..).unwrap_or_default(),
        b.get(alike..).unwrap_or_default(),
    );
    alike + a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Sorts in steps that are short enough to stop between them.
fn sorted<'a>(mut rows: Vec<Row<'a>>, control: &Control) -> Result<Vec<Row<'a>>> {
    let mut ends = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    for at in 0..rows.len() {
        bytes += rows.get(at).map_or(0, |row| row.path.len());
        if at + 1 - from >= STEP_ROWS || bytes >= STEP_BYTES || at + 1 == rows.len() {
            control.check()?;
            rows.get_mut(from..=at)
                .unwrap_or_default()
                .sort_by(|a, b| order(a.path, b.path));
            ends.push(at + 1);
            (from, bytes) = (at + 1, 0);
        }
    }
    let mut other = Vec::with_capacity(if ends.len() > 1 { rows.len() } else { 0 });
    while ends.len() > 1 {
        let (mut begin, mut merged) = (0, Vec::with_capacity(ends.len() / 2 + 1));
        for pair in ends.chunks(2) {
            let end = pair.last().copied().unwrap_or(begin);
            let middle = pair.first().copied().unwrap_or(end);
            let (left, right) = (
                rows.get(begin..middle).unwrap_or_default(),
                rows.get(middle..end).unwrap_or_default(),
            );
            merge(left, right, &mut other, control)?;
            merged.push(end);
            begin = end;
        }
        std::mem::swap(&mut rows, &mut other);
        other.clear();
        ends = merged;
    }
    Ok(rows)
}

/// Merges two sorted runs behind what is there.
fn merge<'a>(
    mut left: &[Row<'a>],
    mut right: &[Row<'a>],
    out: &mut Vec<Row<'a>>,
    control: &Control,
) -> Result<()> {
    let mut pace = control.pace();
    while let (Some((a, after_a)), Some((b, after_b))) = (left.split_first(), right.split_first()) {
        pace.step(a.path.len())?;
        if order(a.path, b.path).is_le() {
            out.push(*a);
            left = after_a;
        } else {
            out.push(*b);
            right = after_b;
        }
    }
    out.extend_from_slice(left);
    out.extend_from_slice(right);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::tests::sketch::Sketch;

    /// Each folder and file with what lies below it, in order.
    fn all(tree: &Tree<'_>) -> Vec<(String, u64)> {
        let (mut all, mut work) = (Vec::new(), vec![tree.root()]);
        while let Some(node) = work.pop() {
            all.push((
                String::from_utf8_lossy(tree.path(&node)).into_owned(),
                node.files,
            ));
            work.extend(tree.children(&node).unwrap().into_iter().rev());
        }
        all
    }

    fn with<T>(paths: &[String], look: impl FnOnce(Tree<'_>) -> T) -> T {
        let (_, surveys) = Sketch::new("")
            .part("media", paths.iter().map(|path| (path.clone(), 10)))
            .build();
        let control = Control::default();
        let rows = surveys[0]
            .entries
            .iter()
            .skip(1)
            .map(|entry| (&*entry.name, entry, false));
        look(Tree::new(rows, &control).unwrap())
    }

    proptest! {
        #[test]
        fn every_folder_holds_all_that_begins_with_its_name(paths in prop::collection::vec("[ab.-]{1,2}(/[ab-]{1,2}){0,4}", 1..30)) {
            let below = |path: &str| paths.iter().filter(|p| p.strip_prefix(path).is_some_and(|r| path.is_empty() || r.is_empty() || r.starts_with('/'))).count() as u64;
            with(&paths, |tree| {
                let all = all(&tree);
                for (path, files) in &all {
                    prop_assert_eq!(*files, below(path), "{}", path);
                    prop_assert_eq!(tree.find(path.as_bytes()).unwrap().files, *files);
                }
                let folders = paths.iter().flat_map(|p| p.match_indices('/').map(|(at, _)| &p[..at]).chain([p.as_str(), ""]).collect::<Vec<_>>());
                let places: std::collections::BTreeSet<&str> = folders.collect();
                prop_assert_eq!(all.len(), places.len());
                prop_assert!(tree.find(b"c").is_none());
                Ok(())
            })?;
        }

        #[test]
        fn a_narrowed_folder_holds_the_same_and_is_no_chain_any_more(paths in prop::collection::vec("a(/[ab]){0,5}", 1..6)) {
            with(&paths, |tree| {
                let node = tree.narrowed(&tree.children(&tree.root()).unwrap()[0]);
                prop_assert_eq!(node.files, paths.len() as u64);
                let children = tree.children(&node).unwrap();
                prop_assert!(children.iter().all(|child| child.files < node.files), "{:?}", children);
                prop_assert_eq!(node.folder, !children.is_empty());
                Ok(())
            })?;
        }
    }

    #[test]
    fn runs_that_were_sorted_apart_come_together() {
        let count = 2 * STEP_ROWS + 5;
        let paths: Vec<String> = (0..count)
            .map(|n| format!("{}/{}", n * 7919 % 10, n * 7919 % count))
            .collect();
        with(&paths, |tree| {
            let shown: Vec<&[u8]> = tree.rows.iter().map(|row| row.path).collect();
            assert!(shown.len() == count && shown.is_sorted_by(|a, b| order(a, b).is_le()));
            assert_eq!(tree.children(&tree.root()).unwrap().len(), 10);
        });
    }

    // Report 11, point 9: a path of 300,000 levels.
    #[test]
    fn a_chain_of_many_folders_is_one_step() {
        let paths = [
            format!("{}f", "a/".repeat(300_000)),
            format!("{}g", "a/".repeat(300_000)),
        ];
        with(&paths, |tree| {
            let node = tree.narrowed(&tree.children(&tree.root()).unwrap()[0]);
            assert_eq!(
                (tree.path(&node).len(), tree.children(&node).unwrap().len()),
                (599_999, 2)
            );
        });
    }
}
