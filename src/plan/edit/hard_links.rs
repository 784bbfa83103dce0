//! Hard links whose first name is dropped.
//!
//! A tar stores a file's data once, under the first name; later names are links to it. If the first
//! name is dropped, the links lead nowhere. The data is therefore kept under the first remaining
//! link, and further links are pointed there.
//!
//! A name can occur twice. A restore then writes the second data into the same file, which its
//! links share (CPython, `tarfile.py`, `makefile` and `makelink_with_filter`). In the end, a link
//! has the contents that were written last.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result, escape};
use crate::format::tar::block::EntryKind;
use crate::format::tar::path::plain;
use crate::pipe::Pace;
use crate::plan::model::{EntryFate, NewName, PartEdit};
use crate::survey::PartSurvey;

/// Completes an edit with the changes for the hard links that it would break. Links that were
/// already broken are left alone; the survey counts them among the hazards.
///
/// # Errors
/// `Refused` if names occur twice and the links would have other contents afterwards;
/// `Interrupted`.
pub(crate) fn promote(survey: &PartSurvey, edit: &mut PartEdit, pace: &mut Pace<'_>) -> Result<()> {
    if edit.is_empty() || !survey.entries.iter().any(|e| e.kind == EntryKind::HardLink) {
        return Ok(());
    }
    let files = Files::new(survey, pace)?;
    let mut names = Names::new();
    for (at, entry) in survey.entries.iter().enumerate() {
        pace.step(entry.name.len())?;
        let kept = !edit.drops_name(at);
        if let (EntryKind::HardLink, Some(link), Some(root), true) =
            (entry.kind, &entry.link, files.contents(at), kept)
        {
            keep_link(survey, edit, &mut names, at, root, link);
        }
    }
    if files.rewritten {
        check(survey, edit)
    } else {
        Ok(())
    }
}

/// Which entries share a file when all of them are restored in order.
struct Files {
    /// By entry: its file.
    of: Vec<Option<usize>>,
    /// By file: the entry that writes it last.
    last: Vec<usize>,
    /// Whether a name occurs more than once.
    rewritten: bool,
}

impl Files {
    fn new(survey: &PartSurvey, pace: &mut Pace<'_>) -> Result<Self> {
        let mut files = Self {
            of: Vec::with_capacity(survey.entries.len()),
            last: Vec::new(),
            rewritten: false,
        };
        let mut named: HashMap<&[u8], usize> = HashMap::new();
        for (at, entry) in survey.entries.iter().enumerate() {
            pace.step(entry.name.len())?;
            let file = match (entry.kind, &entry.link) {
                (EntryKind::Directory, _) => None,
                (EntryKind::HardLink, Some(link)) => named.get(plain(link)).copied(),
                _ => Some(match named.get(plain(&entry.name)) {
                    Some(&file) if entry.kind == EntryKind::File => {
                        if let Some(last) = files.last.get_mut(file) {
                            *last = at;
                        }
                        file
                    }
                    _ => {
                        files.last.push(at);
                        files.last.len() - 1
                    }
                }),
            };
            if let Some(file) = file {
                files.rewritten |= named.insert(plain(&entry.name), file).is_some();
            }
            files.of.push(file);
        }
        Ok(files)
    }

    /// The entry whose data a restore finally leaves under an entry's name.
    fn contents(&self, entry: usize) -> Option<usize> {
        self.last.get((*self.of.get(entry)?)?).copied()
    }
}

/// For each entry that holds a file's data: the name that links to it get.
type Names = HashMap<usize, Arc<Box<[u8]>>>;

/// Handles one kept link to the data at `root`.
fn keep_link(
    survey: &PartSurvey,
    edit: &mut PartEdit,
    names: &mut Names,
    at: usize,
    root: usize,
    link: &[u8],
) {
    let (Some(entry), Some(first)) = (survey.entries.get(at), survey.entries.get(root)) else {
        return;
    };
    let mut shared = |name: &[u8]| {
        EntryFate::Relink(Arc::clone(
            names.entry(root).or_insert_with(|| Arc::new(name.into())),
        ))
    };
    let fate = match edit.fate(root) {
        EntryFate::Rename(new) => shared(&new.name),
        &EntryFate::Drop(reason) => {
            let name = entry.name.clone();
            let renamed = EntryFate::Rename(Box::new(NewName { reason, name }));
            set(edit, root, renamed);
            EntryFate::Merge
        }
        // The data comes later, under the link's own name.
        _ if root > at && plain(&entry.name) == plain(&first.name) => EntryFate::Merge,
        // A link to another link, which may itself be dropped.
        _ if plain(link) != plain(&first.name) => shared(&first.name),
        _ => return,
    };
    set(edit, at, fate);
}

fn set(edit: &mut PartEdit, at: usize, fate: EntryFate) {
    if let Some(slot) = edit.fates.get_mut(at) {
        *slot = fate;
    }
}

/// Compares what a restore of the copy would write under each name with what a restore of the
/// original writes there.
fn check(survey: &PartSurvey, edit: &PartEdit) -> Result<()> {
    let entries = || survey.entries.iter().enumerate();
    let all = entries().map(|(at, entry)| {
        (
            at,
            entry.kind,
            plain(&entry.name),
            entry.link.as_deref().map(plain),
        )
    });
    let (before, lost_before) = restored(all);
    let kept = edit.kept(survey).filter_map(|(at, name)| {
        let entry = survey.entries.get(at)?;
        let link = edit.new_link(at).or(entry.link.as_deref()).map(plain);
        Some((at, entry.kind, plain(name), link))
    });
    let (after, lost_after) = restored(kept);
    let stays = |at: usize| !edit.drops_name(at);
    let lost = lost_after.filter(|_| lost_before.is_none());
    let differs = entries()
        .filter(|(at, _)| stays(*at))
        .map(|(_, entry)| plain(&entry.name))
        .find(|name| before.get(name) != after.get(name));
    match lost.or(differs) {
        None => Ok(()),
        Some(name) => Err(Error::refused(format!(
            "{} is a hard link or has some, and a name among these occurs twice: what is left would not be what a restore makes of the original",
            escape(name)
        ))),
    }
}

/// By name: the entry whose data a restore finally leaves there.
type Restored<'a> = HashMap<&'a [u8], Option<usize>>;

/// What a restore finally leaves under each name, and the first broken link.
fn restored<'a>(
    entries: impl Iterator<Item = (usize, EntryKind, &'a [u8], Option<&'a [u8]>)>,
) -> (Restored<'a>, Option<&'a [u8]>) {
    let mut files: Vec<usize> = Vec::new();
    let mut named: Restored<'a> = HashMap::new();
    let mut lost = None;
    for (at, kind, name, link) in entries {
        let there = named.get(name).copied().flatten();
        let file = match (kind, link, there) {
            (EntryKind::Directory, ..) => continue,
            (EntryKind::HardLink, Some(link), _) => named.get(link).copied().flatten(),
            (EntryKind::File, _, Some(file)) => {
                if let Some(last) = files.get_mut(file) {
                    *last = at;
                }
                Some(file)
            }
            _ => {
                files.push(at);
                Some(files.len() - 1)
            }
        };
        if file.is_none() {
            lost = lost.or(Some(name));
        }
        named.insert(name, file);
    }
    let restored = named
        .into_iter()
        .map(|(name, file)| (name, file.and_then(|file| files.get(file).copied())));
    (restored.collect(), lost)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pipe::Control;
    use crate::survey::{Entry, PartSurvey};

    fn entry(name: &str, link: Option<&str>) -> Entry {
        let kind = if link.is_some() {
            EntryKind::HardLink
        } else {
            EntryKind::File
        };
        Entry {
            name: name.as_bytes().into(),
            link: link.map(|l| l.as_bytes().into()),
            kind,
            size: 1,
            mtime: 0,
            stored: 1,
            head: 512,
            before_crc: 0,
            header_crc: 0,
            data_crc: 0,
            contents: crate::rules::Contents::Other,
        }
    }

    fn cut(entries: &[(&str, Option<&str>, bool)]) -> (PartSurvey, PartEdit) {
        let survey = PartSurvey {
            findings: Vec::new(),
            part: 0,
            entries: entries
                .iter()
                .map(|(name, link, _)| entry(name, *link))
                .collect(),
            end: Default::default(),
            plaintext_bytes: 0,
            entries_crc: 0,
            globals: Vec::new(),
            checkpoints: Vec::new(),
            packed: None,
            overhead: 0,
            recorder: Default::default(),
            modules: crate::rules::NpmModules::default(),
            hazards: Vec::new(),
            warnings: vec![],
        };
        let verdicts = entries.iter().map(|(_, _, dropped)| dropped.then_some(0));
        (survey, PartEdit::new(verdicts))
    }

    fn names(survey: &PartSurvey, edit: &PartEdit) -> Vec<String> {
        edit.kept(survey)
            .map(|(at, name)| format!("{}={}", at, String::from_utf8_lossy(name)))
            .collect()
    }

    #[test]
    fn the_first_kept_link_takes_the_data_over_and_the_others_follow() {
        let (survey, mut cut) = cut(&[
            ("a", None, true),
            ("b", Some("a"), true),
            ("c", Some("./a"), false),
            ("d", Some("a"), false),
        ]);
        promote(&survey, &mut cut, &mut Control::default().pace()).unwrap();
        assert_eq!(names(&survey, &cut), ["0=c", "3=d"]);
        assert_eq!(cut.new_link(3), Some(&b"c"[..]));
    }

    #[test]
    fn links_of_a_kept_file_are_left_alone() {
        let (survey, mut cut) = cut(&[
            ("a", None, false),
            ("b", Some("a"), false),
            ("c", None, true),
        ]);
        promote(&survey, &mut cut, &mut Control::default().pace()).unwrap();
        assert_eq!(names(&survey, &cut), ["0=a", "1=b"]);
        assert_eq!(cut.new_link(1), None);
    }

    #[test]
    fn a_link_to_a_dropped_link_leads_to_the_file_itself() {
        let (survey, mut cut) = cut(&[
            ("a", None, false),
            ("b", Some("a"), true),
            ("c", Some("b"), false),
        ]);
        promote(&survey, &mut cut, &mut Control::default().pace()).unwrap();
        assert_eq!(cut.new_link(2), Some(&b"a"[..]));
    }

    #[test]
    fn many_links_to_one_file_share_its_name() {
        // Report 11, point 9.
        let names: Vec<String> = (0..100).map(|n| format!("link{n}")).collect();
        let links = names.iter().map(|name| (name.as_str(), Some("a"), false));
        let (survey, mut cut) = cut(&std::iter::once(("a", None, true))
            .chain(links)
            .collect::<Vec<_>>());
        promote(&survey, &mut cut, &mut Control::default().pace()).unwrap();
        let shared = |fate: &EntryFate| match fate {
            EntryFate::Relink(name) => Some(Arc::as_ptr(name)),
            _ => None,
        };
        let names: Vec<_> = cut.fates.iter().filter_map(shared).collect();
        assert!(names.len() == 99 && names.iter().all(|name| *name == names[0]));
    }

    #[test]
    fn a_link_before_its_target_is_left_alone() {
        let (survey, mut cut) = cut(&[
            ("b", Some("a"), false),
            ("a", None, true),
            ("c", None, true),
        ]);
        promote(&survey, &mut cut, &mut Control::default().pace()).unwrap();
        assert_eq!(names(&survey, &cut), ["0=b"]);
    }

    /// What a restore leaves under each remaining name, by the index of the data.
    fn left(entries: &[(&str, Option<&str>, bool)]) -> Result<Vec<String>> {
        let (survey, mut cut) = cut(entries);
        promote(&survey, &mut cut, &mut Control::default().pace())?;
        let kept = cut.kept(&survey).map(|(at, name)| {
            let link = cut.new_link(at).or(survey.entries[at].link.as_deref());
            (at, survey.entries[at].kind, name, link)
        });
        let (left, lost) = restored(kept);
        assert_eq!(lost, None);
        let mut left: Vec<String> = left
            .into_iter()
            .map(|(name, at)| {
                format!(
                    "{}={}",
                    String::from_utf8_lossy(name),
                    at.map_or("?".into(), |at| at.to_string())
                )
            })
            .collect();
        left.sort();
        Ok(left)
    }

    #[test]
    fn a_link_to_a_name_that_occurs_twice_keeps_what_was_written_last() {
        // Report 11, RELIABILITY 117.
        let of = |names: &[(&str, Option<&str>, bool)]| left(names).map_err(|e| e.kind());
        let ok = |names: &[&str]| Ok(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            of(&[
                ("a", None, true),
                ("b", Some("a"), false),
                ("a", None, true)
            ]),
            ok(&["b=2"])
        );
        assert_eq!(
            of(&[
                ("a", None, true),
                ("a", None, true),
                ("b", Some("a"), false),
                ("c", Some("b"), false)
            ]),
            ok(&["b=1", "c=1"])
        );
        // A chain, and the same name three times.
        assert_eq!(
            of(&[
                ("a", None, true),
                ("b", Some("a"), true),
                ("c", Some("b"), false),
                ("a", None, true)
            ]),
            ok(&["c=3"])
        );
        assert_eq!(
            of(&[
                ("a", None, true),
                ("a", None, true),
                ("a", None, true),
                ("b", Some("a"), false)
            ]),
            ok(&["b=2"])
        );
        // The other name is dropped.
        assert_eq!(
            of(&[
                ("a", None, false),
                ("b", Some("a"), true),
                ("a", None, false)
            ]),
            ok(&["a=2"])
        );
        // Nothing in this group is dropped.
        assert_eq!(
            of(&[
                ("a", None, false),
                ("b", Some("a"), false),
                ("a", None, false),
                ("x", None, true)
            ]),
            ok(&["a=2", "b=2"])
        );
        // The data is written through the link that stays.
        assert_eq!(
            of(&[
                ("a", None, true),
                ("b", Some("a"), false),
                ("b", None, false)
            ]),
            ok(&["b=2"])
        );
    }

    #[test]
    fn links_that_would_hold_something_else_are_refused() {
        for names in [
            // Both links come before the data.
            &[
                ("a", None, true),
                ("b", Some("a"), false),
                ("c", Some("a"), false),
                ("a", None, true),
            ][..],
            // A dropped entry wrote into one that stays.
            &[
                ("a", None, false),
                ("b", Some("a"), true),
                ("b", None, true),
            ],
        ] {
            assert_eq!(
                left(names).unwrap_err().kind(),
                crate::Kind::Refused,
                "{names:?}"
            );
        }
    }
}
