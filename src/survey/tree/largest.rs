//! The largest items over several trees: single files, and folders of many.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::{PathNode, PathTree};
use crate::error::Result;

/// The largest nodes, none inside another, the largest first, each with the number of its tree.
///
/// A folder is replaced by its contents if one of them is half of it or more; otherwise it is shown
/// as a whole. Memory: one node for each path that was examined and rejected.
///
/// # Errors
/// `Interrupted`.
pub fn largest(trees: &[PathTree<'_>], count: usize) -> Result<Vec<(usize, PathNode)>> {
    let mut heap = BinaryHeap::new();
    for (at, tree) in trees.iter().enumerate() {
        let children = tree.children(&tree.root())?;
        heap.extend(
            children
                .into_iter()
                .map(|node| Candidate { node, tree: at }),
        );
    }
    let mut found = Vec::new();
    while let (Some(Candidate { node, tree: at }), true) = (heap.pop(), found.len() < count) {
        let Some(tree) = trees.get(at) else {
            continue;
        };
        // A folder with a single folder in it is replaced by that folder.
        let node = if node.totals.stored > 0 {
            tree.narrowed(&node)
        } else {
            node
        };
        let children = tree.children(&node)?;
        let most = children.iter().map(|child| child.totals.stored).max();
        if most.is_some_and(|most| most > 0 && most >= node.totals.stored / 2) {
            heap.extend(
                children
                    .into_iter()
                    .map(|node| Candidate { node, tree: at }),
            );
        } else {
            found.push((at, node));
        }
    }
    Ok(found)
}

/// A node that may be one of the largest.
#[derive(PartialEq, Eq)]
struct Candidate {
    node: PathNode,
    tree: usize,
}

impl Candidate {
    /// By stored bytes; of two equal ones, the one with the later rows is first. The other fields
    /// make the order unambiguous.
    fn key(&self) -> impl Ord {
        let PathNode {
            totals,
            folder,
            from,
            to,
            end,
            ..
        } = &self.node;
        let rows = (*from, *to, *end);
        (
            totals.stored,
            rows,
            totals.unpacked,
            totals.files,
            *folder,
            self.tree,
        )
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
