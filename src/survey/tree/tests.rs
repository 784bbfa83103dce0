use proptest::prelude::*;

use super::*;
use crate::plan::tests::sketch::Sketch;

/// Each folder and file with everything below it, in order.
fn all(tree: &PathTree<'_>) -> Vec<(String, u64)> {
    let (mut all, mut work) = (Vec::new(), vec![tree.root()]);
    while let Some(node) = work.pop() {
        all.push((
            String::from_utf8_lossy(tree.path(&node)).into_owned(),
            node.totals.files,
        ));
        work.extend(tree.children(&node).unwrap().into_iter().rev());
    }
    all
}

fn with<T>(paths: &[String], look: impl FnOnce(PathTree<'_>) -> T) -> T {
    let (_, surveys) = Sketch::new("")
        .part("media", paths.iter().map(|path| (path.clone(), 10)))
        .build();
    let control = Control::default();
    let rows = surveys[0]
        .entries
        .iter()
        .skip(1)
        .map(|entry| (&*entry.name, entry, false));
    look(PathTree::new(rows, 0, &control).unwrap())
}

proptest! {
    #[test]
    fn every_folder_holds_all_that_begins_with_its_name(paths in prop::collection::vec("[ab.-]{1,2}(/[ab-]{1,2}){0,4}", 1..30)) {
        let below = |path: &str| paths.iter().filter(|p| p.strip_prefix(path).is_some_and(|r| path.is_empty() || r.is_empty() || r.starts_with('/'))).count() as u64;
        with(&paths, |tree| {
            let all = all(&tree);
            for (path, files) in &all {
                prop_assert_eq!(*files, below(path), "{}", path);
                prop_assert_eq!(tree.find(path.as_bytes()).unwrap().unwrap().totals.files, *files);
            }
            let folders = paths.iter().flat_map(|p| p.match_indices('/').map(|(at, _)| &p[..at]).chain([p.as_str(), ""]).collect::<Vec<_>>());
            let places: std::collections::BTreeSet<&str> = folders.collect();
            prop_assert_eq!(all.len(), places.len());
            prop_assert!(tree.find(b"c").unwrap().is_none());
            Ok(())
        })?;
    }

    #[test]
    fn a_narrowed_folder_holds_the_same_and_is_no_chain_any_more(paths in prop::collection::vec("a(/[ab]){0,5}", 1..6)) {
        with(&paths, |tree| {
            let node = tree.narrowed(&tree.children(&tree.root()).unwrap()[0]);
            prop_assert_eq!(node.totals.files, paths.len() as u64);
            let children = tree.children(&node).unwrap();
            prop_assert!(children.iter().all(|child| child.totals.files < node.totals.files), "{:?}", children);
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

#[test]
fn a_row_and_a_node_take_the_memory_that_is_documented() {
    assert_eq!(size_of::<Row<'_>>(), 32);
    assert_eq!(size_of::<PathNode>(), 88);
}

#[test]
fn the_root_alone_has_what_belongs_to_no_entry() {
    let (_, surveys) = Sketch::new("media: a/x 1, a/y 2").build();
    let control = Control::default();
    let entries = || surveys[0].entries.iter();
    let rows = entries().map(|entry| (&*entry.name, entry, entry.name.ends_with(b"y")));
    let tree = PathTree::new(rows, 1000, &control).unwrap();
    let inside: u64 = entries().map(|entry| entry.stored).sum();
    let marked = entries().last().unwrap().stored;
    assert_eq!(tree.root().totals.stored, inside + 1000);
    assert_eq!(tree.find(b"").unwrap(), Some(tree.root()));
    let folder = tree.find(b"a").unwrap().unwrap();
    assert!(folder.totals.stored <= inside);
    assert_eq!((folder.marked, folder.totals.files), (marked, 2));
}
