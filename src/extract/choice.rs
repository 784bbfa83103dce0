//! What is to be extracted: the parts, and the paths in them.

use super::outcome::Extracted;
use crate::component::HOME_ASSISTANT;
use crate::error::Result;
use crate::open::{self, Backup, Part};
use crate::pipe::Control;
use crate::plan::facts::{List, Unmatched};
use crate::plan::request::locate::located;
use crate::plan::request::selector_set::Selectors;
use crate::plan::request::unmatched;
use crate::plan::{self, Request, Selector};
use crate::survey::PartSurvey;

/// The selected parts of one backup, and the selectors for what is in them.
///
/// Selectors mean what they mean for a plan, with one difference: a pattern also selects what a
/// plan protects, because nothing is lost.
#[derive(Debug)]
pub struct Choice {
    request: Request,
    parts: Vec<usize>,
}

impl Choice {
    /// Everything that the selectors name; without any selector, everything.
    ///
    /// # Errors
    /// `Usage` if none of them can match anything in this backup; as [`Request::new`].
    pub fn new(backup: &Backup, selectors: Vec<Selector>, control: &Control) -> Result<Self> {
        let request = Request {
            drops: selectors,
            control: control.clone(),
            ..Request::new(u64::MAX)?
        };
        plan::check_named(backup, &[], &request)?;
        let mut choice = Self {
            request,
            parts: Vec::new(),
        };
        choice.choose_parts(backup);
        Ok(choice)
    }

    fn choose_parts(&mut self, backup: &Backup) {
        let is_chosen =
            |part: &Part| self.is_whole(&part.id) || self.request.drops_within(&part.id);
        let parts = backup.parts.iter().enumerate();
        let parts = parts.filter(|(_, part)| is_chosen(part)).map(|(at, _)| at);
        self.parts = parts.collect();
    }

    /// The parts, by index, in the order of the backup.
    pub fn parts(&self) -> &[usize] {
        &self.parts
    }

    /// Whether the key is needed to read the parts.
    pub fn needs_key(&self, backup: &Backup) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|&at| backup.part(at).version().is_some())
    }

    /// The part with the configuration, if it must be surveyed because the database is selected:
    /// the configuration says where the database is. See [`Choice::locate`].
    pub fn configuration(&self, backup: &Backup) -> Option<usize> {
        let mut parts = backup.parts.iter();
        let part = parts.position(|part| part.id == HOME_ASSISTANT && part.layer.is_some());
        part.filter(|_| self.request.drops.iter().any(Selector::is_database))
    }

    /// Records where the database is, according to the survey of the configuration.
    ///
    /// # Errors
    /// `Usage` if nothing is selected then.
    pub fn locate(&mut self, backup: &Backup, surveys: &[PartSurvey]) -> Result<()> {
        self.request = located(backup, surveys, &self.request).into_owned();
        plan::check_named(backup, surveys, &self.request)?;
        self.choose_parts(backup);
        Ok(())
    }

    /// Checks that every part can be read, as far as its first bytes show, and returns those that
    /// are archives. The others are read by nothing; a selector that names one of them by itself is
    /// an error.
    ///
    /// # Errors
    /// The error of the first part that cannot be read.
    pub fn check_parts(&self, backup: &Backup, has_key: bool) -> Result<Vec<usize>> {
        let mut archives = Vec::new();
        for &at in &self.parts {
            let part = backup.part(at);
            if self.check_part(backup, at, has_key)? {
                archives.push(at);
            } else if !self.request.drops.is_empty() {
                let message = "it is not an archive, so nothing can be extracted from it";
                return Err(crate::Error::refused(message)
                    .in_part(part.id.clone())
                    .advice("Other programs that read tar files can take it out of the backup as it is."));
            }
        }
        Ok(archives)
    }

    /// Whether a part is an archive that can be read.
    ///
    /// # Errors
    /// Why the archive cannot be read.
    pub(super) fn check_part(&self, backup: &Backup, at: usize, has_key: bool) -> Result<bool> {
        let part = backup.part(at);
        open::check_head(backup, part)?;
        if part.closed {
            return Err(open::other_key(backup, part));
        }
        if part.version().is_some() && !has_key {
            return Err(open::missing_password(&part.id));
        }
        Ok(part.layer.is_some())
    }

    /// Whether a part is selected as a whole.
    pub(super) fn is_whole(&self, id: &str) -> bool {
        let drops = &self.request.drops;
        drops.is_empty() || drops.iter().any(|selector| selector.takes_component(id))
    }

    /// The selectors, compiled for one part.
    pub(super) fn selectors<'a>(&'a self, id: &'a str) -> Result<Selectors<'a>> {
        Selectors::new(&self.request.drops, id)
    }

    /// By selector: whether it names the part as a whole.
    pub(super) fn hits(&self, id: &str) -> Vec<bool> {
        let drops = self.request.drops.iter();
        drops.map(|one| one.takes_component(id)).collect()
    }

    /// The error if nothing was selected. Its suggestions come from the surveys of the parts.
    ///
    /// # Errors
    /// `Usage`.
    pub fn check_matched(&self, backup: &Backup, surveys: &[PartSurvey]) -> Result<()> {
        plan::check_named(backup, surveys, &self.request)
    }

    /// The selectors that matched nothing.
    ///
    /// # Errors
    /// `Interrupted`.
    pub fn unmatched(&self, backup: &Backup, done: &Extracted) -> Result<Vec<Unmatched>> {
        unmatched::unmatched(backup, &[], &self.request, |_: List, selector, part| {
            let done = done.parts.iter().find(|done| done.part == part)?;
            // A part that was not read to its end may have had it.
            let is_hit = done.hits.get(selector).copied()?;
            (is_hit || done.is_complete()).then_some(is_hit)
        })
    }

    /// Whether any selector matched something, or could have in a part that was not read to its
    /// end. Without selectors, everything is matched.
    pub fn is_matched(&self, done: &Extracted) -> bool {
        let is_hit = |part: &super::PartDone| part.hits.contains(&true) || !part.is_complete();
        self.request.drops.is_empty() || done.parts.iter().any(is_hit)
    }
}
