//! Matches the user's selectors against every path of a backup, in one pass over the paths. The
//! time grows with the number of bytes in the paths, however deep they are and however many
//! selectors there are.

use crate::error::Result;
use crate::open::{Backup, Part};
use crate::pipe::Pace;
use crate::plan::edit::protected::Guard;
use crate::plan::facts::Protection;
use crate::plan::model::Reason;
use crate::plan::request::Request;
use crate::plan::request::selector::Selector;
use crate::plan::request::selector_set::Selectors;
use crate::survey::{PartSurvey, config_path};

/// What a selector does in one part.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hits {
    /// Whether it matches any path there.
    pub any: bool,
    /// The paths that it matches but must not drop, by reason.
    pub held: Vec<Held>,
}

/// Paths that are protected for the same reason.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// Why.
    pub why: Protection,
    /// The entry of the first of them.
    pub first: usize,
    /// How many there are.
    pub count: u64,
}

impl Hits {
    fn hold(&mut self, at: usize, why: Protection<&str>) {
        let is_same = |held: &&mut Held| match (&held.why, why) {
            (Protection::Listed(known), Protection::Listed(reason)) => known == reason,
            (Protection::Image, Protection::Image) => true,
            _ => false,
        };
        match self.held.iter_mut().find(is_same) {
            Some(held) => held.count += 1,
            None => self.held.push(Held {
                why: why.into_owned(),
                first: at,
                count: 1,
            }),
        }
    }
}

/// The user's selectors for a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    Keep,
    Drop(Reason),
}

/// The result for one part. Memory: 4 bytes for each entry, if a selector names paths in the part.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// For the selectors of `--drop`.
    pub drops: Vec<Hits>,
    /// For the selectors of `--keep`.
    pub keeps: Vec<Hits>,
    said: Vec<Said>,
}

impl Scan {
    fn new(
        backup: &Backup,
        part: &Part,
        survey: &PartSurvey,
        request: &Request,
        pace: &mut Pace<'_>,
    ) -> Result<Self> {
        let drops = Selectors::new(&request.drops, &part.id)?;
        let keeps = Selectors::new(&request.keeps, &part.id)?;
        let hits = |selectors: &[Selector]| vec![Hits::default(); selectors.len()];
        let mut scan = Self {
            drops: hits(&request.drops),
            keeps: hits(&request.keeps),
            said: Vec::new(),
        };
        if drops.is_empty() && keeps.is_empty() {
            return Ok(scan);
        }
        let guard = Guard::new(backup, part, request)?;
        let version = backup.manifest.version();
        let mut taking = Vec::new();
        scan.said.reserve_exact(survey.entries.len());
        for (at, entry) in survey.entries.iter().enumerate() {
            pace.step(entry.name.len())?;
            // The root of a component is kept or dropped together with the component.
            let path = config_path(part.kind, version, &entry.name).filter(|path| !path.is_empty());
            let Some(path) = path else {
                scan.said.push(Said::Nothing);
                continue;
            };
            drops.taking(path, &mut taking);
            let mut said = Said::Nothing;
            for &drop in &taking {
                let (Some(selector), Some(hits)) =
                    (request.drops.get(drop), scan.drops.get_mut(drop))
                else {
                    continue;
                };
                hits.any = true;
                match guard.held_back(selector, path, entry.kind) {
                    Some(why) => hits.hold(at, why),
                    None if said == Said::Nothing => {
                        said = Reason::try_from(drop).map_or(Said::Nothing, Said::Drop)
                    }
                    None => {}
                }
            }
            keeps.taking(path, &mut taking);
            for &keep in &taking {
                scan.keeps
                    .get_mut(keep)
                    .into_iter()
                    .for_each(|hits| hits.any = true);
            }
            scan.said
                .push(if taking.is_empty() { said } else { Said::Keep });
        }
        Ok(scan)
    }

    /// Whether the user keeps an entry.
    pub fn keeps(&self, entry: usize) -> bool {
        self.said.get(entry) == Some(&Said::Keep)
    }

    /// True if none of the user's selectors drops anything here.
    pub fn drops_nothing(&self) -> bool {
        !self.said.iter().any(|said| matches!(said, Said::Drop(_)))
    }

    /// The first of the user's selectors that drops an entry, unless the user keeps it.
    pub fn drops(&self, entry: usize) -> Option<Reason> {
        match self.said.get(entry) {
            Some(Said::Drop(reason)) => Some(*reason),
            _ => None,
        }
    }
}

/// The scans of all surveyed parts.
pub(crate) struct Scans(Vec<Option<Scan>>);

impl Scans {
    /// # Errors
    /// `Usage` if a pattern cannot be compiled; `Interrupted`.
    pub fn new(backup: &Backup, surveys: &[PartSurvey], request: &Request) -> Result<Self> {
        let mut scans: Vec<Option<Scan>> = backup.parts.iter().map(|_| None).collect();
        let mut pace = request.control.pace();
        for survey in surveys {
            if let Some((slot, part)) = scans
                .get_mut(survey.part)
                .zip(backup.parts.get(survey.part))
            {
                *slot = Some(Scan::new(backup, part, survey, request, &mut pace)?);
            }
        }
        Ok(Self(scans))
    }

    /// The scan of one part, if the part was surveyed.
    pub fn of(&self, part: usize) -> Option<&Scan> {
        self.0.get(part)?.as_ref()
    }
}
