//! What takes the most, over all parts: single files, and folders of many.

use std::collections::BinaryHeap;

use crate::error::escape;
use crate::format::block::EntryKind;
use crate::open::Backup;
use crate::plan::{Action, Plan};
use crate::survey::{PartSurvey, config_path};

/// A file, or a folder with all that is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Large {
    /// `COMPONENT:PATH` as selectors take it, escaped; a slash at its end says folder.
    pub place: String,
    /// Compressed bytes that it takes.
    pub stored: u64,
    /// How many files it is.
    pub files: u64,
    /// Compressed bytes of it that the plan leaves out.
    pub dropped: u64,
}

/// The largest paths, none inside another, the largest first.
///
/// A folder is shown as its contents where one of them is half of it or more, and as
/// itself where no part of it stands out. Memory: 40 bytes for each entry of a part.
pub fn largest(backup: &Backup, surveys: &[PartSurvey], plan: &Plan, count: usize) -> Vec<Large> {
    let parts: Vec<Sorted<'_>> = surveys.iter().map(|survey| Sorted::new(backup, survey, plan)).collect();
    let mut heap: BinaryHeap<Node> = BinaryHeap::new();
    for (part, sorted) in parts.iter().enumerate() {
        heap.extend(sorted.children(part, 0, sorted.rows.len(), 0));
    }
    let mut found = Vec::new();
    while let (Some(node), true) = (heap.pop(), found.len() < count) {
        let Some(sorted) = parts.get(node.part) else { continue };
        let children = sorted.children(node.part, node.from, node.to, node.depth);
        let most = children.iter().map(|child| child.stored).max().unwrap_or(0);
        if most > 0 && most >= node.stored / 2 {
            heap.extend(children);
        } else {
            found.push(sorted.show(&node, !children.is_empty()));
        }
    }
    found
}

/// All that begins with the same names. Ordered by its size first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    stored: u64,
    part: usize,
    /// Its rows among the sorted ones.
    from: usize,
    to: usize,
    /// How many names lead to it.
    depth: usize,
}

/// The entries of one part, sorted so that a folder's contents stand together.
struct Sorted<'a> {
    id: &'a str,
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    path: &'a [u8],
    stored: u64,
    kind: EntryKind,
    dropped: bool,
}

impl<'a> Sorted<'a> {
    fn new(backup: &'a Backup, survey: &'a PartSurvey, plan: &Plan) -> Self {
        let Some(part) = backup.parts.get(survey.part) else { return Self { id: "", rows: Vec::new() } };
        let version = backup.manifest.version();
        let is_dropped = |index: usize| match plan.parts.get(survey.part).map(|planned| &planned.action) {
            Some(Action::Drop) => true,
            Some(Action::Cut(cut)) => cut.removes(index),
            _ => false,
        };
        let row = |(index, entry): (usize, &'a crate::survey::Entry)| {
            // What lies beside the config directory is no path that a selector could take.
            let path = config_path(part.kind, version, &entry.name).filter(|path| !path.is_empty())?;
            Some(Row { path, stored: entry.stored, kind: entry.kind, dropped: is_dropped(index) })
        };
        let mut rows: Vec<Row<'_>> = survey.entries.iter().enumerate().filter_map(row).collect();
        rows.sort_unstable_by(|a, b| names(a.path).cmp(names(b.path)));
        Self { id: &part.id, rows }
    }

    /// What lies in a folder, by the name at `depth`; nothing for a file.
    fn children(&self, part: usize, from: usize, to: usize, depth: usize) -> Vec<Node> {
        let mut children: Vec<Node> = Vec::new();
        let mut current = None;
        for at in from..to {
            let Some(Row { path, stored, .. }) = self.rows.get(at) else { break };
            let Some(name) = names(path).nth(depth) else { continue };
            match children.last_mut().filter(|_| current == Some(name)) {
                Some(child) => {
                    child.stored += stored;
                    child.to = at + 1;
                }
                None => children.push(Node { stored: *stored, part, from: at, to: at + 1, depth: depth + 1 }),
            }
            current = Some(name);
        }
        children
    }

    fn show(&self, node: &Node, folder: bool) -> Large {
        let rows = self.rows.get(node.from..node.to).unwrap_or_default();
        let path: Vec<&[u8]> = rows.first().map(|row| names(row.path).take(node.depth).collect()).unwrap_or_default();
        let slash = if folder { "/" } else { "" };
        Large {
            place: format!("{}:{}{slash}", self.id, escape(&path.join(&b'/'))),
            stored: node.stored,
            files: rows.iter().filter(|row| row.kind != EntryKind::Directory).count() as u64,
            dropped: rows.iter().filter(|row| row.dropped).map(|row| row.stored).sum(),
        }
    }
}

fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&b| b == b'/')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;
    use crate::plan::tests::sketch::{RECORD, Sketch};
    use crate::plan::{Request, Selector, make};

    /// What a plan with these selectors shows.
    fn with_drops(backup: &Backup, surveys: &[PartSurvey], drops: &[&str], count: usize) -> Vec<Large> {
        let drops = drops.iter().map(|text| Selector::parse(text).unwrap()).collect();
        let request = Request { drops, has_key: true, ..Request::new(u64::MAX).unwrap() };
        largest(backup, surveys, &make(backup, surveys, &request).unwrap(), count)
    }

    fn shown(inside: &str, count: usize) -> Vec<String> {
        let (backup, surveys) = Sketch::new(inside).build();
        let show = |large: Large| format!("{} {} {}", large.place, large.stored / RECORD, large.files);
        with_drops(&backup, &surveys, &[], count).into_iter().map(show).collect()
    }

    #[test]
    fn what_is_dropped_of_each_is_known() {
        let (backup, surveys) = Sketch::new("media: a/x 30, a/y 30, a/z 30, b 20; share: c 10; ssl: d 5").build();
        let rows = with_drops(&backup, &surveys, &["media:a/x", "media:b", "share"], 10);
        let dropped: Vec<(&str, u64)> = rows.iter().map(|large| (large.place.as_str(), large.dropped / RECORD)).collect();
        assert_eq!(dropped, [("media:a/", 30), ("media:b", 20), ("share:c", 10), ("ssl:d", 0)]);
    }

    #[test]
    fn a_folder_is_opened_where_something_in_it_stands_out() {
        let inside = "media: frigate/, frigate/recordings/, frigate/recordings/1/a 30, frigate/recordings/1/b 30, frigate/recordings/2/c 50, \
            frigate/recordings/3/d 50, frigate/exports/x 20; share: old.tar 70, a/b/c 9";
        assert_eq!(
            shown(inside, 10),
            ["media:frigate/recordings/ 160 4", "share:old.tar 70 1", "media:frigate/exports/x 20 1", "share:a/b/c 9 1"]
        );
        assert_eq!(shown(inside, 2).len(), 2);
    }

    #[test]
    fn nothing_is_shown_twice_and_nothing_large_is_missing() {
        // Two halves: both are shown, not the folder around them.
        let inside = "homeassistant: a/x 50, a/y 50, b/1 20, b/2 20, b/3 20, a.txt 5, a-b 3; addon:core_x: data/z 7";
        let rows = shown(inside, 20);
        assert_eq!(
            rows,
            [
                "homeassistant:b/ 60 3",
                "homeassistant:a/y 50 1",
                "homeassistant:a/x 50 1",
                "addon:core_x:data/z 7 1",
                "homeassistant:a.txt 5 1",
                "homeassistant:a-b 3 1",
                "addon:core_x:addon.json 0 1",
            ]
        );
    }

    #[test]
    fn a_hundred_thousand_files_of_one_folder_are_one_row() {
        let files = (0..100_000u64).map(|n| (format!("frigate/clips/{n}.jpg"), 1000 + n % 7));
        let (backup, surveys) = Sketch::new("share: x 1").part("media", files).build();
        let rows = with_drops(&backup, &surveys, &[], 10);
        assert_eq!((rows[0].place.as_str(), rows[0].files), ("media:frigate/clips/", 100_000));
        assert_eq!(rows.len(), 2);
    }
}
