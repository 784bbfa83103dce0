//! Measures what the parts that are stored uncompressed would take compressed, if the copy depends on
//! that, and decides whether it compresses them.

use super::{Found, Reading};
use crate::error::{Advice, Error, Kind, Result};
use crate::job::integrity::is_about_contents;
use crate::open;
use crate::pipe::Stage;
use crate::plan::compression::{Level, Obstacle};
use crate::plan::{self, CompressedFor, CompressionChoice, Packing, Plan, ToCompress};
use crate::rewrite::{self, PackedSize};

/// What was measured, by part.
pub(super) type Sizes = Vec<(usize, PackedSize)>;

impl Reading<'_> {
    /// Decides whether the copy compresses the parts. If it does, the sizes of all that it keeps come
    /// with it, and `found` has their surveys, none of them from a scan.
    ///
    /// # Errors
    /// As [`plan::to_compress`] and [`rewrite::packed_size`]; `Password` or `Refused` if the user wants the
    /// parts compressed and one of them cannot be.
    pub(super) fn packing(&self, found: &mut Found) -> Result<(Packing, Sizes)> {
        let backup = &self.unlocked.backup;
        let wanted = plan::to_compress(backup, &found.surveys, self.request)?;
        if wanted.parts.is_empty() {
            return Ok((Packing::AsStored, Sizes::new()));
        }
        if self.request.packing == Packing::KeptForRest {
            return Ok((Packing::KeptForRest, Sizes::new()));
        }
        // Nothing stands for the key here, not even a scan.
        let has_key = self.unlocked.keys.is_some();
        if let Some((part, obstacle)) = plan::blocked(&wanted, backup, has_key) {
            return Ok((self.blocked(part, obstacle)?, Sizes::new()));
        }
        self.survey_all(found, &wanted)?;
        let is_missing = |at: &&usize| found.surveys.iter().all(|s| s.part != **at);
        if let Some(&part) = wanted.parts.iter().find(is_missing) {
            let blocked = self.blocked(part, Obstacle::NoArchive)?;
            return Ok((blocked, Sizes::new()));
        }
        let sizes = self.measure(found, &wanted)?;
        let saves = saves(found, &sizes);
        let is_asked = self.request.compression == CompressionChoice::Always;
        if !is_asked && !wanted.is_worth_it(saves) {
            return Ok((Packing::Useless(saves), Sizes::new()));
        }
        Ok((Packing::Compress, sizes))
    }

    /// Finds the levels for the parts that the plan compresses again as a whole, as far as they can be
    /// read: a scan allows to plan without the key.
    ///
    /// # Errors
    /// As [`rewrite::fastest_level`], but none for a part that is damaged.
    pub(super) fn levels(&self, found: &Found, plan: &Plan) -> Result<Vec<Level>> {
        let (unlocked, mut levels) = (self.unlocked, Vec::new());
        let is_again = |why| matches!(why, CompressedFor::Members | CompressedFor::Version);
        let can_read = |at| unlocked.keys.is_some() || unlocked.backup.part(at).version().is_none();
        for (at, planned) in plan.parts.iter().enumerate() {
            if planned.compressing.is_some_and(|how| is_again(how.why)) && can_read(at) {
                let survey = found.surveys.iter().find(|survey| survey.part == at);
                let (backup, keys) = (&unlocked.backup, unlocked.keys.as_deref());
                match rewrite::fastest_level(backup, at, survey, keys, self.control) {
                    Ok(level) => levels.push(level),
                    // The check of the part, or the writing, reports it.
                    Err(error) if is_about_contents(&error) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(levels)
    }

    /// Surveys those of the parts that were not surveyed, or only have a survey from a scan. A part
    /// that cannot be read as an archive has none afterwards.
    fn survey_all(&self, found: &mut Found, wanted: &ToCompress) -> Result<()> {
        let is_wanted = |at: &usize| wanted.parts.contains(at);
        let Found { surveys, saved, .. } = &mut *found;
        surveys.retain(|survey| !(saved.contains(&survey.part) && is_wanted(&survey.part)));
        saved.retain(|at| !is_wanted(at));
        let is_missing = |at: &usize| surveys.iter().all(|survey| survey.part != *at);
        let missing: Vec<usize> = wanted.parts.iter().copied().filter(is_missing).collect();
        if !missing.is_empty() {
            found.add(self.look_inside(&missing, &[])?);
        }
        Ok(())
    }

    /// Compresses the parts, one after the other, each on all cores.
    fn measure(&self, found: &Found, wanted: &ToCompress) -> Result<Sizes> {
        let backup = &self.unlocked.backup;
        let is_wanted = |part: usize| wanted.parts.contains(&part);
        let surveys = found.surveys.iter().filter(|s| is_wanted(s.part));
        let total = wanted.parts.iter().map(|&at| backup.part(at));
        let total = total.map(|part| backup.member(part).size).sum();
        self.control.begin(Stage::Measure, total);
        let one = |survey| {
            let measured =
                rewrite::packed_size(backup, survey, self.unlocked.keys.as_deref(), self.control)?;
            Ok((survey.part, measured))
        };
        let sizes = surveys.map(one).collect();
        self.control.end();
        sizes
    }

    /// What happens to the parts if one of them cannot be compressed.
    ///
    /// # Errors
    /// Why it cannot be, if the user wants it.
    fn blocked(&self, part: usize, obstacle: Obstacle) -> Result<Packing> {
        if self.request.compression != CompressionChoice::Always {
            return Ok(Packing::Blocked { part, obstacle });
        }
        let (backup, id) = (&self.unlocked.backup, self.id(part).to_owned());
        Err(match obstacle {
            Obstacle::NoKey => Error::new(
                Kind::Password,
                "without its key, this part cannot be compressed",
            )
            .advice(Advice::GiveKeyOrDrop),
            Obstacle::OtherKey => return Err(open::other_key(backup, backup.part(part))),
            Obstacle::NoArchive => not_compressed("it cannot be read as an archive", &id),
            Obstacle::Name => not_compressed(
                "it cannot get the name that Home Assistant looks for then",
                &id,
            ),
        }
        .in_part(id))
    }
}

impl Found {
    /// Counts the entries of these parts with what they take compressed.
    pub(super) fn price(&mut self, sizes: &Sizes) {
        for (at, measured) in sizes {
            let survey = self.surveys.iter_mut().find(|survey| survey.part == *at);
            if let Some(survey) = survey {
                survey.price(&measured.packed, measured.seconds);
            }
        }
    }
}

fn not_compressed(why: &str, id: &str) -> Error {
    let what = "so it cannot be compressed, and all parts of a backup are compressed or none";
    Error::refused(format!("{why}, {what}")).advice(Advice::DropOrNotCompress { part: id.into() })
}

/// How many bytes compressing saves.
fn saves(found: &Found, sizes: &Sizes) -> u64 {
    let before = |at: usize| {
        let survey = found.surveys.iter().find(|survey| survey.part == at);
        survey.map_or(0, |survey| survey.end.stream_bytes)
    };
    let stored: u64 = sizes.iter().map(|(at, _)| before(*at)).sum();
    let packed: u64 = sizes.iter().map(|(_, size)| size.packed.stream_bytes).sum();
    stored.saturating_sub(packed)
}
