//! The surveys of a backup's parts, by part.

use super::PartSurvey;

/// Finds the survey of a part in constant time.
///
/// Memory: a pointer for each part of the backup.
#[derive(Debug, Clone)]
pub struct Surveys<'a> {
    by_part: Vec<Option<&'a PartSurvey>>,
}

impl<'a> Surveys<'a> {
    /// Indexes surveys in any order. If there are two for one part, the first counts.
    pub fn new(surveys: &'a [PartSurvey]) -> Self {
        let mut by_part: Vec<Option<&'a PartSurvey>> = Vec::new();
        for survey in surveys {
            if by_part.len() <= survey.part {
                by_part.resize(survey.part + 1, None);
            }
            if let Some(slot) = by_part.get_mut(survey.part) {
                slot.get_or_insert(survey);
            }
        }
        Self { by_part }
    }

    /// The survey of the part with this index in [`crate::open::Backup::parts`]; `None` if the part
    /// was not surveyed.
    pub fn of(&self, part: usize) -> Option<&'a PartSurvey> {
        self.by_part.get(part).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::sketch::Sketch;

    #[test]
    fn a_survey_is_found_by_its_part_in_whatever_order_they_stand() {
        let (_, mut all) = Sketch::new("media: a 1; share: b 2; ssl: c 3").build();
        all.reverse();
        let gone = all.remove(1);
        let surveys = Surveys::new(&all);
        for survey in &all {
            assert_eq!(
                surveys.of(survey.part).map(|found| found.entries.len()),
                Some(survey.entries.len())
            );
            assert_eq!(
                surveys.of(survey.part).map(|found| found.part),
                Some(survey.part)
            );
        }
        assert!(surveys.of(gone.part).is_none());
        assert!(surveys.of(1000).is_none());
    }
}
