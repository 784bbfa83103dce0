//! Nothing in a copy depends on a scan alone: what the plan took from it is compared with the backup.

use std::collections::BTreeSet;

use super::integrity::with_way_out;
use super::prepared::Prepared;
use crate::component::HOME_ASSISTANT;
use crate::error::{Advice, Error, Kind, Result};
use crate::pipe::Control;
use crate::survey::{self, saved};

impl Prepared {
    /// Surveys the parts again on which the copy depends and whose surveys come from a scan, and
    /// compares. From then on these surveys are like any others: with checksums, and with positions
    /// where reading can begin.
    ///
    /// # Errors
    /// `Usage` if a part differs from what the scan says; as [`survey::survey`].
    pub(super) fn confirm(&mut self, control: &Control) -> Result<()> {
        let parts = self.unconfirmed();
        if parts.is_empty() {
            return Ok(());
        }
        let keys = self.keys.as_deref();
        let read = survey::survey_each(&self.backup, &parts, keys, control);
        for (at, survey) in parts.into_iter().zip(read) {
            let id = &self.backup.part(at).id;
            let survey = survey.map_err(|error| with_way_out(error, id))?;
            let known = self.surveys.iter_mut().find(|known| known.part == at);
            let Some(known) =
                known.filter(|known| saved::say_the_same(&self.backup, known, &survey))
            else {
                let message = "the scan says something else about this part than the backup";
                return Err(Error::new(Kind::Usage, message)
                    .in_part(id.clone())
                    .advice(Advice::MakeScanAgain));
            };
            *known = survey;
            self.saved.remove(&at);
        }
        Ok(())
    }

    /// The parts of a scan that must be read before a copy is written: those that are edited, and
    /// those that are left out because of what is in them. The configuration is among them, because
    /// it says which file of another part is the database.
    fn unconfirmed(&self) -> Vec<usize> {
        let depends = |&at: &usize| {
            let id = &self.backup.part(at).id;
            let named = self.request.drops_component(id) && !self.request.keeps_within(id);
            !self.is_copied(at) && !named
        };
        let mut parts: BTreeSet<usize> = self.saved.iter().copied().filter(depends).collect();
        if !parts.is_empty() {
            let is_configuration = |&at: &usize| self.backup.part(at).id == HOME_ASSISTANT;
            parts.extend(self.saved.iter().copied().filter(is_configuration));
        }
        parts.into_iter().collect()
    }
}
