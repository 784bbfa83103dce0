//! From a backup and a request to a plan: which parts must be read, and what is found in them.

mod packing;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::depth::Depth;
use super::integrity::{self, check_while, is_about_contents, with_way_out};
use super::prepared::{PartIntegrity, Prepared};
use super::unlocked::Unlocked;
use crate::crypt::KeyRing;
use crate::error::{Error, Kind, Result};
use crate::finding::Finding;
use crate::open::Backup;
use crate::pipe::Control;
use crate::plan::{self, CompressionChoice, EncryptionChoice, Outcome, Request};
use crate::survey::{PartSurvey, Scan};

/// How much the key of a backup is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyNeed {
    /// Not at all.
    No,
    /// Without it, less can be seen or done.
    Helps,
    /// Without it, nothing can be done.
    Must,
}

impl KeyNeed {
    /// `Must` if `so` is true; otherwise `No`.
    pub fn must_if(so: bool) -> Self {
        if so { Self::Must } else { Self::No }
    }
}

/// A backup and a request. No part has been read yet.
#[derive(Debug)]
pub struct Job {
    backup: Backup,
    request: Request,
    /// The parts that must be surveyed because of what was named.
    named: Vec<usize>,
    /// Whether the planner chooses more units.
    chooses: bool,
    /// Surveys that were saved.
    scan: Scan,
}

impl Job {
    /// Takes a backup and a request, and determines which parts must be read.
    ///
    /// # Errors
    /// As [`plan::check_named`]. A mistake in a selector is reported as early as possible, before
    /// the key and the surveys. If the backup already fits, nothing else would be dropped instead,
    /// and a warning in the plan is enough.
    pub fn new(backup: Backup, request: Request) -> Result<Self> {
        let chooses = request.thorough || remaining(&backup, &request) > request.limit;
        if chooses {
            plan::check_named(&backup, &[], &request)?;
        }
        Ok(Self {
            named: plan::to_survey(&backup, &request),
            backup,
            request,
            chooses,
            scan: Scan::default(),
        })
    }

    /// Plans with the surveys of a scan of this backup. Parts that the scan covers are not read for
    /// the plan.
    #[must_use]
    pub fn with_scan(mut self, scan: Scan) -> Self {
        self.scan = scan;
        self
    }

    /// The backup.
    pub fn backup(&self) -> &Backup {
        &self.backup
    }

    /// How much the key of the backup is needed to plan at this depth.
    pub fn key_need(&self, depth: Depth) -> KeyNeed {
        let backup = &self.backup;
        let is_locked = |at: usize| backup.part(at).version().is_some();
        let settled = |at: usize| !is_locked(at) || self.scan.settles(at);
        if depth == Depth::All && self.scan.has_key() && (0..backup.parts.len()).all(settled) {
            return KeyNeed::No;
        }
        let opens = self.named.iter().any(|&at| is_locked(at));
        let encrypts = match self.request.encryption {
            EncryptionChoice::AsIs => false,
            EncryptionChoice::Version(_) => true,
            EncryptionChoice::Plain => backup.is_protected(),
        };
        let compresses = self.request.compression == CompressionChoice::Always
            && plan::may_compress(backup, &self.request)
            && backup.is_protected();
        if opens || encrypts || compresses {
            KeyNeed::Must
        } else if (self.chooses || is_mixed(backup)) && backup.is_protected() {
            KeyNeed::Helps
        } else {
            KeyNeed::No
        }
    }

    /// Surveys and plans.
    ///
    /// The request records whether there is a key. Faults in parts that the plan does not need do
    /// not end this call: they are kept with the result, see [`Prepared::report_damage`].
    ///
    /// # Errors
    /// As [`crate::survey::survey`], for a part that the plan needs; as [`plan::make`] and
    /// [`plan::check_named`]; `InputIo` if the backup changed meanwhile.
    pub fn prepare(
        self,
        keys: Option<Arc<KeyRing>>,
        depth: Depth,
        control: &Control,
    ) -> Result<Prepared> {
        let Self {
            backup,
            mut request,
            named,
            chooses,
            mut scan,
        } = self;
        let mut unlocked = Unlocked::new(backup, keys)?;
        request.has_key = unlocked.takes(&mut scan, depth);
        let scan = RefCell::new(scan);
        let reading = Reading {
            unlocked: &unlocked,
            scan: &scan,
            has_key: request.has_key,
            request: &request,
            named: &named,
            control,
        };
        let (mut found, sound) = reading.first(chooses, depth)?;
        // Only now is it known which part contains what `database` names.
        let also = plan::to_survey_then(&unlocked.backup, &found.surveys, &request);
        if !also.is_empty() {
            found.add(reading.look_inside(&also, &also)?);
        }
        if chooses {
            plan::check_named(&unlocked.backup, &found.surveys, &request)?;
        }
        let (packing, measured) = reading.packing(&mut found)?;
        found.price(&measured);
        let mut request = Request {
            packing,
            ..request.clone()
        };
        let mut plan = plan::make(&unlocked.backup, &found.surveys, &request)?;
        // What was named may miss the limit by a few bytes. Then the planner must choose after all.
        if plan.outcome == Outcome::CannotFit && !chooses {
            let all = reading.choosable();
            found = reading.look_again(found, &all)?;
            found.price(&measured);
            plan = plan::make(&unlocked.backup, &found.surveys, &request)?;
        }
        let unseen = plan::to_survey_before_converting(&unlocked.backup, &found.surveys, &plan);
        if !unseen.is_empty() {
            found.add(reading.look_inside(&unseen, &[])?);
            plan = plan::make(&unlocked.backup, &found.surveys, &request)?;
        }
        request.levels = reading.levels(&found, &plan)?;
        if !request.levels.is_empty() {
            plan = plan::make(&unlocked.backup, &found.surveys, &request)?;
        }
        unlocked.backup.input.check_unchanged()?;
        let faulty = reading.faulty();
        found.add_unsurveyed(sound);
        found.integrity.extend(faulty);
        let scan = scan.into_inner();
        let Unlocked { backup, keys } = unlocked;
        let mut prepared = Prepared {
            backup,
            keys,
            surveys: found.surveys,
            saved: found.saved,
            integrity: found.integrity,
            request,
            plan,
            #[cfg(test)]
            flip: None,
        };
        // What is kept by name was not looked into, but some of it may have to be written anew.
        if depth == Depth::All {
            prepared.check_parts_written_anew(|at| !scan.covers(at), control);
        }
        Ok(prepared)
    }
}

/// The results of reading parts.
#[derive(Default)]
struct Found {
    surveys: Vec<PartSurvey>,
    /// The parts whose surveys come from a scan.
    saved: BTreeSet<usize>,
    integrity: Vec<PartIntegrity>,
}

impl Found {
    fn add(&mut self, other: Self) {
        self.surveys.extend(other.surveys);
        self.saved.extend(other.saved);
        self.integrity.extend(other.integrity);
    }

    /// Adds checks of parts that were not surveyed.
    fn add_unsurveyed(&mut self, checks: Vec<PartIntegrity>) {
        let surveys = &self.surveys;
        let is_new = |check: &PartIntegrity| surveys.iter().all(|s| s.part != check.part);
        self.integrity.extend(checks.into_iter().filter(is_new));
    }
}

/// Reads parts of a backup for a plan.
#[derive(Clone, Copy)]
struct Reading<'a> {
    unlocked: &'a Unlocked,
    scan: &'a RefCell<Scan>,
    /// Whether there is a key, or a scan that stands for it.
    has_key: bool,
    request: &'a Request,
    named: &'a [usize],
    control: &'a Control,
}

impl Reading<'_> {
    /// Surveys the parts that the plan and this depth need. Meanwhile checks other parts, if a
    /// thread is free. Returns the results, and the outcome of those checks.
    fn first(&self, chooses: bool, depth: Depth) -> Result<(Found, Vec<PartIntegrity>)> {
        let needed = if chooses {
            self.choosable()
        } else {
            self.named.to_vec()
        };
        let goes = |at: &usize| self.request.drops_component(self.id(*at));
        let mut parts = match depth {
            Depth::All | Depth::Asked => self.visible(),
            Depth::Needed | Depth::Checked => needed.clone(),
        };
        if depth == Depth::Asked {
            parts.retain(|at| needed.contains(at) || goes(at));
        }
        let rest = match depth {
            Depth::Checked | Depth::Asked => self.kept_without(&parts),
            Depth::Needed | Depth::All => Vec::new(),
        };
        let (found, sound) = check_while(
            &self.unlocked.backup,
            &rest,
            self.unlocked.keys.as_deref(),
            parts.len(),
            self.control,
            || self.look_inside(&parts, &needed),
        );
        Ok((found?, sound))
    }

    /// The readable parts that the request keeps and that are not among `parts`.
    fn kept_without(&self, parts: &[usize]) -> Vec<usize> {
        let mut rest = self.unlocked.readable();
        rest.retain(|at| !parts.contains(at) && !self.request.drops_component(self.id(*at)));
        rest
    }

    /// The parts from which the planner may choose, and those that were named.
    fn choosable(&self) -> Vec<usize> {
        let mut parts = self.visible();
        parts.retain(|at| self.named.contains(at) || !self.request.drops_component(self.id(*at)));
        parts
    }

    /// The parts that a plan says something about: [`Self::choosable`], and those that were dropped
    /// by name, because it names what is in them.
    fn visible(&self) -> Vec<usize> {
        let backup = &self.unlocked.backup;
        let is_open = |at: &usize| {
            backup.part(*at).is_readable(self.has_key)
                && !self.request.keeps_component(self.id(*at))
        };
        (0..backup.parts.len())
            .filter(|at| self.named.contains(at) || is_open(at))
            .collect()
    }

    /// Surveys these parts. Errors in parts that are not `needed` are returned beside the surveys.
    fn look_inside(&self, parts: &[usize], needed: &[usize]) -> Result<Found> {
        let (backup, keys) = (&self.unlocked.backup, self.unlocked.keys.as_deref());
        let mut scan = self.scan.borrow_mut();
        let saved = parts.iter().copied().filter(|&at| scan.covers(at));
        let mut found = Found {
            saved: saved.collect(),
            ..Found::default()
        };
        let surveys = scan.survey_each(backup, parts, keys, self.control);
        for (&at, outcome) in parts.iter().zip(surveys) {
            match outcome {
                Ok(survey) => found.surveys.push(survey),
                // The copy is without it.
                Err(error) if self.is_spare(at, needed) && !stops(&error) => {}
                Err(error) if needed.contains(&at) || !is_about_contents(&error) => {
                    return Err(with_way_out(error, self.id(at)));
                }
                Err(error) => found.integrity.push(PartIntegrity {
                    part: at,
                    outcome: Err(error),
                    ends_early: false,
                }),
            }
        }
        Ok(found)
    }

    /// Whether a part goes as a whole, and was only looked into to name what is in it.
    fn is_spare(&self, at: usize, needed: &[usize]) -> bool {
        self.request.drops_component(self.id(at)) && !needed.contains(&at)
    }

    /// Surveys all these parts after an earlier look at some of them. What was saved need not be
    /// read this time either.
    fn look_again(&self, before: Found, parts: &[usize]) -> Result<Found> {
        let Found { surveys, saved, .. } = before;
        let of_scan = surveys.into_iter().filter(|s| saved.contains(&s.part));
        self.scan.borrow_mut().put_back(of_scan);
        self.look_inside(parts, parts)
    }

    /// The errors in the first bytes of parts.
    fn faulty(&self) -> Vec<PartIntegrity> {
        let backup = &self.unlocked.backup;
        let faulty: Vec<usize> = (0..backup.parts.len())
            .filter(|&at| backup.part(at).fault.is_some())
            .collect();
        integrity::check(backup, &faulty, None, &self.control.beside())
    }

    fn id(&self, at: usize) -> &str {
        &self.unlocked.backup.part(at).id
    }
}

/// Whether an error ends the run, not only the look into a part.
fn stops(error: &Error) -> bool {
    !is_about_contents(error) && error.kind() != Kind::Password
}

/// Whether a copy must encrypt parts again, unless all parts of one kind are dropped.
fn is_mixed(backup: &Backup) -> bool {
    backup.findings.iter().any(|finding| {
        matches!(
            finding,
            Finding::Mixed { .. } | Finding::Versions | Finding::RootSalts
        )
    })
}

/// Bytes that remain without the whole parts that the user named.
fn remaining(backup: &Backup, request: &Request) -> u64 {
    let keeps = |id: &str| request.keeps_component(id) || request.keeps_within(id);
    let gone = backup
        .parts
        .iter()
        .filter(|part| request.drops_component(&part.id) && !keeps(&part.id));
    backup.input.len() - backup.unaccounted() - gone.map(|part| backup.stored(part)).sum::<u64>()
}
