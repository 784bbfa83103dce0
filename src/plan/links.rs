//! Hard links whose first name is dropped.
//!
//! A tar holds a file's data once, under the first name; later names are links to
//! it. Without the first name the links lead nowhere, so the data then stays under
//! the first link that is kept, and further links are pointed there.

use std::collections::HashMap;

use super::cut::Cut;
use crate::format::block::EntryKind;
use crate::format::path::plain;
use crate::survey::PartSurvey;

/// Completes a cut for the hard links that it would break. Links that led nowhere before are
/// left alone; the survey counts them among the hazards.
pub(super) fn promote(survey: &PartSurvey, cut: &mut Cut) {
    if cut.is_empty() || !survey.entries.iter().any(|e| e.kind == EntryKind::HardLink) {
        return;
    }
    let mut origin: HashMap<&[u8], usize> = HashMap::new();
    for (at, entry) in survey.entries.iter().enumerate() {
        let root = match (entry.kind, &entry.link) {
            (EntryKind::HardLink, Some(link)) => origin.get(plain(link)).copied(),
            _ => Some(at),
        };
        let Some(root) = root else { continue };
        if let (EntryKind::HardLink, Some(link), None) = (entry.kind, &entry.link, cut.verdicts.get(at).copied().flatten()) {
            keep_link(survey, cut, at, root, link);
        }
        origin.insert(plain(&entry.name), root);
    }
}

/// One kept link to the data at `root`.
fn keep_link(survey: &PartSurvey, cut: &mut Cut, at: usize, root: usize, link: &[u8]) {
    let Some(entry) = survey.entries.get(at) else { return };
    let root_dropped = cut.verdicts.get(root).copied().flatten().is_some();
    let Some(first) = survey.entries.get(root) else { return };
    match cut.promoted.get(&root) {
        Some(name) => {
            cut.relinked.insert(at, name.clone());
        }
        None if root_dropped => {
            cut.promoted.insert(root, entry.name.clone());
            cut.merged.insert(at);
        }
        // A link to another link, which may be dropped itself.
        None if plain(link) != plain(&first.name) => {
            cut.relinked.insert(at, first.name.clone());
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::survey::{Entry, PartSurvey};

    fn entry(name: &str, link: Option<&str>) -> Entry {
        let kind = if link.is_some() { EntryKind::HardLink } else { EntryKind::File };
        Entry {
            name: name.as_bytes().into(),
            link: link.map(|l| l.as_bytes().into()),
            kind,
            size: 1,
            stored: 1,
            head: 512,
            before_crc: 0,
            header_crc: 0,
            data_crc: 0,
            contents: crate::rules::Contents::Other,
        }
    }

    fn cut(entries: &[(&str, Option<&str>, bool)]) -> (PartSurvey, Cut) {
        let survey = PartSurvey {
            part: 0,
            entries: entries.iter().map(|(name, link, _)| entry(name, *link)).collect(),
            end: Default::default(),
            plaintext_bytes: 0,
            entries_crc: 0,
            global_bytes: 0,
            checkpoints: Vec::new(),
            overhead: 0,
            recorder: None,
            modules: crate::rules::NpmModules::default(),
            hazards: Vec::new(),
            warnings: vec![],
        };
        let verdicts = entries.iter().map(|(_, _, dropped)| dropped.then_some(0)).collect();
        (survey, Cut { verdicts, ..Cut::default() })
    }

    fn names(survey: &PartSurvey, cut: &Cut) -> Vec<String> {
        cut.kept(survey).map(|(at, name)| format!("{}={}", at, String::from_utf8_lossy(name))).collect()
    }

    #[test]
    fn the_first_kept_link_takes_the_data_over_and_the_others_follow() {
        let (survey, mut cut) = cut(&[("a", None, true), ("b", Some("a"), true), ("c", Some("./a"), false), ("d", Some("a"), false)]);
        promote(&survey, &mut cut);
        assert_eq!(names(&survey, &cut), ["0=c", "3=d"]);
        assert_eq!(cut.relinked.get(&3).map(|n| &**n), Some(&b"c"[..]));
    }

    #[test]
    fn links_of_a_kept_file_are_left_alone() {
        let (survey, mut cut) = cut(&[("a", None, false), ("b", Some("a"), false), ("c", None, true)]);
        promote(&survey, &mut cut);
        assert_eq!(names(&survey, &cut), ["0=a", "1=b"]);
        assert!(cut.relinked.is_empty());
    }

    #[test]
    fn a_link_to_a_dropped_link_leads_to_the_file_itself() {
        let (survey, mut cut) = cut(&[("a", None, false), ("b", Some("a"), true), ("c", Some("b"), false)]);
        promote(&survey, &mut cut);
        assert_eq!(cut.relinked.get(&2).map(|n| &**n), Some(&b"a"[..]));
    }

    #[test]
    fn a_link_before_its_target_is_left_alone() {
        let (survey, mut cut) = cut(&[("b", Some("a"), false), ("a", None, true), ("c", None, true)]);
        promote(&survey, &mut cut);
        assert_eq!(names(&survey, &cut), ["0=b"]);
    }
}
