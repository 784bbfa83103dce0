//! The questions of guided mode.

use crate::dates;
use crate::open::{Backup, ComponentKind};
use crate::plan::request::database::Located;
use crate::plan::{self, Candidate, Harm};
use crate::report::{names, words};
use crate::rules::{Effect, Split};
use crate::size;

/// What one question is about: everything that one rule matches in a part, or a whole part.
#[derive(Debug, Clone)]
pub struct Topic<'a> {
    /// What could be left out, the largest first. All have the same key.
    pub units: Vec<&'a Candidate>,
    /// The whole part, if it may be left out instead and that is better on restore.
    pub whole: Option<&'a Candidate>,
}

impl Topic<'_> {
    /// The key under which an answer is recorded.
    pub fn key(&self, backup: &Backup) -> (String, Option<String>) {
        self.units
            .first()
            .map_or_else(Default::default, |unit| unit.key(backup))
    }

    /// The part.
    pub fn part(&self) -> usize {
        self.units.first().map_or(0, |unit| unit.part)
    }

    /// Whether less than all of it can go.
    pub fn is_divisible(&self) -> bool {
        let ages = self.units.iter().any(|unit| unit.ages.is_some());
        ages || self.units.len() > 1
    }

    /// Whether the oldest go first when not all of it goes.
    pub fn goes_by_age(&self) -> bool {
        let rule = self.units.first().and_then(|unit| unit.rule.as_ref());
        rule.is_some_and(|rule| rule.split == Split::Oldest)
    }

    /// Its stored bytes.
    pub fn stored(&self) -> u64 {
        self.units.iter().map(|unit| unit.stored).sum()
    }

    fn files(&self) -> u64 {
        self.units.iter().map(|unit| unit.files).sum()
    }

    fn harm(&self) -> Harm {
        let harms = self.units.iter().map(|unit| unit.harm);
        harms.max().unwrap_or(Harm::Irreplaceable)
    }
}

/// Everything that can be asked about, the least harm first, then the largest. A whole part is
/// asked about only if nothing in it is.
pub fn topics<'a>(
    backup: &Backup,
    units: &'a [Candidate],
    asks: impl Fn(&Candidate) -> bool,
) -> Vec<Topic<'a>> {
    let mut topics: Vec<Topic<'a>> = Vec::new();
    for unit in units.iter().filter(|unit| unit.stored > 0 && asks(unit)) {
        let key = unit.key(backup);
        match topics.iter_mut().find(|topic| topic.key(backup) == key) {
            Some(topic) => topic.units.push(unit),
            None => topics.push(Topic {
                units: vec![unit],
                whole: None,
            }),
        }
    }
    let inside: Vec<usize> = topics
        .iter()
        .filter(|topic| topic.units.iter().all(|unit| unit.rule.is_some()))
        .map(Topic::part)
        .collect();
    topics.retain(|topic| {
        let whole = topic.units.iter().any(|unit| unit.rule.is_none());
        !whole || !inside.contains(&topic.part())
    });
    for topic in &mut topics {
        topic.whole = better_whole(backup, units, topic);
        topic
            .units
            .sort_by_key(|unit| std::cmp::Reverse(unit.stored));
    }
    topics.sort_by_key(|topic| (topic.harm(), std::cmp::Reverse(topic.stored())));
    topics
}

/// The whole folder, if a restore would leave it alone but would empty it for a part of it.
fn better_whole<'a>(
    backup: &Backup,
    units: &'a [Candidate],
    topic: &Topic<'_>,
) -> Option<&'a Candidate> {
    let first = topic.units.first()?;
    let part = backup.part(first.part);
    let effect = plan::effect(
        backup,
        part,
        first.is_whole(),
        first.rule.as_ref(),
        &Located::default(),
    );
    let is_whole = |unit: &&Candidate| unit.part == first.part && unit.rule.is_none();
    let whole = units.iter().find(is_whole);
    whole.filter(|_| effect == Effect::PartOfFolder && part.kind == ComponentKind::Folder)
}

/// A question about one topic, without the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What it is, where, its size, how many files, and from when they are.
    pub text: String,
    /// What is lost, and what a restore does.
    pub details: Vec<String>,
}

/// The question about a topic of a plan for which the recorder's database is there.
pub fn question(backup: &Backup, topic: &Topic<'_>, database: &Located) -> Question {
    let part = backup.part(topic.part());
    let place = names::place(backup, part);
    let rule = topic.units.first().and_then(|unit| unit.rule.as_ref());
    let effect = plan::effect(backup, part, rule.is_none(), rule, database);
    let size = size::short(topic.stored());
    let Some(rule) = rule else {
        return Question {
            text: format!("All of {place}, {size}"),
            details: vec![effect.sentence().into()],
        };
    };
    let files = words::files(topic.files());
    Question {
        text: format!("{} in {place}, {size}, {files}{}", rule.title, span(topic)),
        details: vec![
            format!("Lost with it: {}", rule.lost),
            effect.sentence().to_owned(),
        ],
    }
}

/// From when the files of a topic are, if they go by age.
fn span(topic: &Topic<'_>) -> String {
    let pieces = || topic.units.iter().filter_map(|unit| unit.ages.as_ref());
    let first = pieces()
        .filter_map(|ages| ages.pieces.first())
        .map(|piece| piece.time)
        .min();
    let last = pieces()
        .filter_map(|ages| ages.pieces.last())
        .map(|piece| piece.time)
        .max();
    match first.zip(last).filter(|(first, _)| *first > 0) {
        Some((first, last)) => format!(", {}", dates::span(first, last)),
        None => String::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;
    use crate::plan::tests::sketch::Sketch;
    use crate::plan::{Request, candidates};

    /// The questions about everything that needs one, in the order of asking, each with the folder
    /// that is offered instead.
    fn questions(inside: &str) -> Vec<(Question, Option<u64>)> {
        let (backup, surveys) = Sketch::new(inside).build();
        let request = Request {
            has_key: true,
            ..Request::new(1).unwrap()
        };
        let units = candidates(&backup, &surveys, &request).unwrap();
        topics(&backup, &units, |unit| !unit.class().is_free())
            .iter()
            .map(|topic| {
                (
                    question(&backup, topic, &Located::default()),
                    topic.whole.map(|whole| whole.files),
                )
            })
            .collect()
    }

    #[test]
    fn a_question_says_what_where_how_much_and_from_when() {
        let questions =
            questions("media: frigate/recordings/a.mp4@2 300, frigate/recordings/b.mp4@9 300");
        let (question, _) = &questions[0];
        assert_eq!(
            question.text,
            "Frigate recordings in Media, 6.14 MB, 2 files, 1 Jan 1970, 02:00–09:00"
        );
        assert_eq!(
            question.details[0],
            "Lost with it: The recorded footage of your cameras."
        );
        assert!(
            question.details[1].contains("deleted there too"),
            "{questions:?}"
        );
    }

    #[test]
    fn the_whole_folder_is_offered_where_a_part_of_it_is_worse_to_restore() {
        let asked = questions("media: frigate/recordings/a.mp4 300, film.txt 200");
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert_eq!(asked[0].1, Some(2));
        let asked = questions("addon:core_mariadb: data/databases/a 300, data/x 9");
        assert_eq!(asked[0].1, None, "{asked:?}");
    }

    #[test]
    fn the_least_harm_comes_first_then_the_largest() {
        let inside = "media: frigate/recordings/a.mp4 30, film.mp4 90, frigate/clips/b.mp4 60; addon:core_x: data/y 100; \
            homeassistant: home-assistant_v2.db 500, x 1; share: notes 400; addon:core_mariadb: data/databases/a 20; \
            addon:a0d7b954_plex: data/Plex Media Server/Metadata/a 5";
        let texts: Vec<String> = questions(inside).into_iter().map(|(q, _)| q.text).collect();
        let begins: Vec<&str> = texts
            .iter()
            .map(|text| text.split_once(", ").unwrap().0)
            .collect();
        assert_eq!(
            begins,
            [
                "Plex posters and descriptions in the app App",
                "Frigate event pictures in Media",
                "Frigate recordings in Media",
                "Recorder database in the configuration",
                "All of Share",
                "All of the app App",
                "Videos in Media",
                "MariaDB databases in the app App",
            ]
        );
    }
}
