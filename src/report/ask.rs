//! The questions of guided mode.

use crate::component::LOCAL_ADDONS;
use crate::error::escape;
use crate::open::{Backup, ComponentKind, Part};
use crate::plan::{self, Candidate};
use crate::report::words;
use crate::rules::Effect;
use crate::size;

/// A question about one thing that could be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What it is, its size, and whether to leave it out.
    pub text: String,
    /// What is lost, and what a restore does.
    pub details: Vec<String>,
    /// The consequences of leaving out the whole folder, if that is better on restore.
    pub whole: Option<String>,
}

/// The question about a unit. `whole` is the unit for its whole part, if that may be dropped.
pub fn question(backup: &Backup, unit: &Candidate, whole: Option<&Candidate>) -> Question {
    let part = backup.part(unit.part);
    let effect = plan::effect(backup, part, unit.is_whole(), unit.rule.as_ref());
    let (gain, place) = (size::decimal(unit.stored), place(backup, part));
    let Some(rule) = &unit.rule else {
        return Question {
            text: format!("{gain}: all of {place}. Leave it out?"),
            details: vec![effect.sentence().into()],
            whole: None,
        };
    };
    let mut details = vec![
        format!("Lost with it: {}", rule.lost),
        effect.sentence().to_owned(),
    ];
    // A folder that contains nothing else is dropped as a folder; everything else in it is named.
    for other in unit
        .pieces
        .iter()
        .skip(1)
        .filter_map(|piece| piece.rule.as_ref())
    {
        details.push(format!(
            "{} in the same folder would go, too: {}",
            other.title, other.lost
        ));
    }
    let better = whole.filter(|_| effect == Effect::PartOfFolder);
    Question {
        text: format!(
            "{gain} of {} ({}) in {place}. Leave them out?",
            rule.title,
            words::files(unit.files)
        ),
        details,
        whole: better.map(|whole| {
            format!(
                "Or leave out all of {place}, {}: then a restore leaves the live folder alone.",
                size::decimal(whole.stored)
            )
        }),
    }
}

/// The name of a component in plain words.
pub fn place(backup: &Backup, part: &Part) -> String {
    match (part.kind, part.id.as_str()) {
        (ComponentKind::HomeAssistant, _) => "the configuration".into(),
        (_, LOCAL_ADDONS) => "the folder of local add-ons".into(),
        (ComponentKind::Folder, id) => format!("the {id} folder"),
        (ComponentKind::Addon, _) => match backup.manifest.addon_name(part.list_name()) {
            Some(name) => format!(
                "the add-on {} ({})",
                escape(name.as_bytes()),
                part.list_name()
            ),
            None => format!("the add-on {}", part.list_name()),
        },
        (_, id) => id.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;
    use crate::plan::tests::sketch::Sketch;
    use crate::plan::{Request, candidates};

    /// The questions about everything that needs one, in the order of asking.
    fn questions(inside: &str) -> Vec<Question> {
        let (backup, surveys) = Sketch::new(inside).build();
        let units = candidates(
            &backup,
            &surveys,
            &Request {
                has_key: true,
                ..Request::new(1).unwrap()
            },
        )
        .unwrap();
        let whole = |unit: &Candidate| {
            units
                .iter()
                .find(|u| u.part == unit.part && u.rule.is_none())
        };
        units
            .iter()
            .filter(|u| !u.class().is_free())
            .map(|u| question(&backup, u, whole(u)))
            .collect()
    }

    #[test]
    fn recordings_that_are_all_of_a_folder_stay_on_the_system() {
        let questions =
            questions("media: frigate/recordings/a.mp4 300, frigate/recordings/b.mp4 300");
        assert_eq!(
            questions[0].text,
            "6.15 MB of Frigate recordings (2 files) in the media folder. Leave them out?"
        );
        assert_eq!(
            questions[0].details[0],
            "Lost with it: The recorded footage of your cameras."
        );
        assert!(
            questions[0].details[1].starts_with("What is on your system stays there"),
            "{questions:?}"
        );
        assert_eq!(questions[0].whole, None);
    }

    #[test]
    fn recordings_that_are_part_of_a_folder_would_be_deleted_and_the_whole_folder_is_offered() {
        let questions = questions("media: frigate/recordings/a.mp4 300, film.txt 200");
        assert!(
            questions[0].details[1].contains("deleted there too"),
            "{questions:?}"
        );
        let whole = questions[0].whole.as_deref().unwrap();
        assert_eq!(
            whole,
            "Or leave out all of the media folder, 5.12 MB: then a restore leaves the live folder alone."
        );
        assert_eq!(
            questions[1].text,
            "5.12 MB: all of the media folder. Leave it out?"
        );
        assert!(
            questions[1].details[0].starts_with("What is on your system stays there"),
            "{questions:?}"
        );
    }

    #[test]
    fn the_largest_gain_comes_first_and_a_whole_part_gains_what_is_beyond_its_finds() {
        let inside = "media: frigate/recordings/a.mp4 300, film.txt 20; addon:core_x: data/y 100; \
            homeassistant: home-assistant_v2.db 50, x 1; share: notes 400";
        let texts: Vec<String> = questions(inside).into_iter().map(|q| q.text).collect();
        let begins: Vec<&str> = texts
            .iter()
            .map(|text| text.split_once(". ").unwrap().0)
            .collect();
        assert_eq!(
            begins,
            [
                "4.10 MB: all of the share folder",
                "3.07 MB of Frigate recordings (1 file) in the media folder",
                "1.03 MB: all of the add-on App (core_x)",
                "512.00 kB of Recorder database (1 file) in the configuration",
                "3.28 MB: all of the media folder",
            ]
        );
    }

    #[test]
    fn what_else_goes_with_a_folder_is_named() {
        let questions = questions("media: frigate/recordings/a.mp4 300, old.tar! 9");
        assert_eq!(questions[0].details.len(), 3);
        assert!(
            questions[0].details[2]
                .starts_with("Old Home Assistant backup in the same folder would go, too: "),
            "{questions:?}"
        );
    }
}
