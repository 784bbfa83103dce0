//! The largest single files and folders of many files, over all parts.

use crate::error::{Result, escape};
use crate::open::{Backup, config_path};
use crate::pipe::Control;
use crate::plan::Plan;
use crate::survey::tree::{self, PathNode, PathTree};
use crate::survey::{Entry, PartSurvey};

/// A file, or a folder with all its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Large {
    /// `COMPONENT:PATH` in the form that selectors accept, escaped. A trailing slash marks a
    /// folder.
    pub place: String,
    /// Its compressed size in bytes.
    pub stored: u64,
    /// How many files it contains.
    pub files: u64,
    /// How many of its compressed bytes the plan leaves out.
    pub dropped: u64,
}

/// The largest paths of all parts, as found by [`tree::largest`].
///
/// Memory: one [`PathTree`] for each part.
///
/// # Errors
/// `Interrupted`.
pub fn largest(
    backup: &Backup,
    surveys: &[PartSurvey],
    plan: &Plan,
    count: usize,
    control: &Control,
) -> Result<Vec<Large>> {
    let trees = surveys
        .iter()
        .map(|survey| tree(backup, survey, plan, control))
        .collect::<Result<Vec<_>>>()?;
    let show = |(at, node): (usize, PathNode)| {
        let (survey, tree) = (surveys.get(at)?, trees.get(at)?);
        Some(shown(&backup.part(survey.part).id, tree, &node))
    };
    Ok(tree::largest(&trees, count)?
        .into_iter()
        .filter_map(show)
        .collect())
}

/// The paths of one part that a selector can match. Paths that the plan leaves out are marked.
fn tree<'a>(
    backup: &'a Backup,
    survey: &'a PartSurvey,
    plan: &'a Plan,
    control: &'a Control,
) -> Result<PathTree<'a>> {
    let part = backup.part(survey.part);
    let action = plan.parts.get(survey.part).map(|planned| &planned.action);
    let is_dropped = |index: usize| action.is_some_and(|action| action.removes(index));
    let row = |(index, entry): (usize, &'a Entry)| {
        // Files beside the config directory have no path that a selector can match.
        let path = config_path(part.kind, backup.manifest.version(), &entry.name)
            .filter(|path| !path.is_empty())?;
        Some((path, entry, is_dropped(index)))
    };
    let rows = survey.entries.iter().enumerate().filter_map(row);
    PathTree::new(rows, survey.overhead, control)
}

fn shown(id: &str, tree: &PathTree<'_>, node: &PathNode) -> Large {
    let slash = if node.folder { "/" } else { "" };
    Large {
        place: format!("{id}:{}{slash}", escape(tree.path(node))),
        stored: node.totals.stored,
        files: node.totals.files,
        dropped: node.marked,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;
    use crate::plan::tests::sketch::{RECORD, Sketch};
    use crate::plan::{Request, Selector, make};

    /// The paths that a plan with these selectors shows.
    fn with_drops(
        backup: &Backup,
        surveys: &[PartSurvey],
        drops: &[&str],
        count: usize,
    ) -> Vec<Large> {
        let drops = drops
            .iter()
            .map(|text| Selector::parse(text).unwrap())
            .collect();
        let request = Request {
            drops,
            has_key: true,
            ..Request::new(u64::MAX).unwrap()
        };
        largest(
            backup,
            surveys,
            &make(backup, surveys, &request).unwrap(),
            count,
            &Control::default(),
        )
        .unwrap()
    }

    fn shown(inside: &str, count: usize) -> Vec<String> {
        let (backup, surveys) = Sketch::new(inside).build();
        let show =
            |large: Large| format!("{} {} {}", large.place, large.stored / RECORD, large.files);
        with_drops(&backup, &surveys, &[], count)
            .into_iter()
            .map(show)
            .collect()
    }

    #[test]
    fn what_is_dropped_of_each_is_known() {
        let (backup, surveys) =
            Sketch::new("media: a/x 30, a/y 30, a/z 30, b 20; share: c 10; ssl: d 5").build();
        let rows = with_drops(&backup, &surveys, &["media:a/x", "media:b", "share"], 10);
        let dropped: Vec<(&str, u64)> = rows
            .iter()
            .map(|large| (large.place.as_str(), large.dropped / RECORD))
            .collect();
        assert_eq!(
            dropped,
            [
                ("media:a/", 30),
                ("media:b", 20),
                ("share:c", 10),
                ("ssl:d", 0)
            ]
        );
    }

    #[test]
    fn a_folder_is_opened_where_something_in_it_stands_out() {
        let inside = "media: frigate/, frigate/recordings/, frigate/recordings/1/a 30, frigate/recordings/1/b 30, frigate/recordings/2/c 50, \
            frigate/recordings/3/d 50, frigate/exports/x 20; share: old.tar 70, a/b/c 9";
        assert_eq!(
            shown(inside, 10),
            [
                "media:frigate/recordings/ 160 4",
                "share:old.tar 70 1",
                "media:frigate/exports/x 20 1",
                "share:a/b/c 9 1"
            ]
        );
        assert_eq!(shown(inside, 2).len(), 2);
    }

    #[test]
    fn nothing_is_shown_twice_and_nothing_large_is_missing() {
        // Both halves are shown, not the folder around them.
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
        assert_eq!(
            (rows[0].place.as_str(), rows[0].files),
            ("media:frigate/clips/", 100_000)
        );
        assert_eq!(rows.len(), 2);
    }
}
