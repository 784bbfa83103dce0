//! From arguments to a plan: what is wanted, the key, the surveys.

use std::path::Path;

use haslim::crypt::KeyRing;
use haslim::finding::Finding;
use haslim::format::secure::Version;
use haslim::open::{self, Backup};
use haslim::plan::{self, Outcome, Plan, Request};
use haslim::rules::Class;
use haslim::survey::{self, PartSurvey};
use haslim::{Kind, Result, plan::Wrapping, verify};

use super::args::{self, Choice, Consent};
use super::commands::rules;
use super::kept::{self, Check};
use super::key::Need;
use super::{Session, key};

/// A backup with everything that is needed to decide about it and to write it.
pub struct Prepared {
    pub backup: Backup,
    pub keys: Option<KeyRing>,
    pub surveys: Vec<PartSurvey>,
    /// What is known already about parts without a survey: those that could not be
    /// surveyed, and others that were only checked.
    pub checked: Vec<Check>,
    pub request: Request,
    pub plan: Plan,
}

/// What a command needs to know about the inside of the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// As little as the plan can do with.
    Needed,
    /// The same, and meanwhile a look at parts that will be kept.
    Checked,
    /// All that can be read, for a plan that shows what is big.
    All,
}

/// Reads the key, surveys, plans.
pub fn prepare(
    session: &Session,
    mut backup: Backup,
    choice: &Choice,
    depth: Depth,
) -> Result<Prepared> {
    let mut request = request(session, &backup, choice)?;
    let chooses = request.thorough || leaves(&backup, &request) > request.limit;
    // As early as can be told: before the key and the surveys. Where everything fits as it is,
    // nothing else would be taken instead, and a warning does.
    if chooses {
        plan::check_named(&backup, &[], &request)?;
    }
    let named = plan::to_survey(&backup, &request);
    let looks_inside = named.iter().any(|&at| backup.parts[at].version().is_some());
    let rewraps = match request.wrapping {
        Wrapping::AsIs => false,
        Wrapping::Version(_) => true,
        Wrapping::Plain => backup.is_protected(),
    };
    let need = match () {
        () if looks_inside || rewraps => Need::Must,
        () if (chooses || is_mixed(&backup)) && backup.is_protected() => Need::Helps,
        () => Need::No,
    };
    let keys = key::keys(session, &backup, need)?;
    request.has_key = keys.is_some();
    if let Some(keys) = &keys {
        open::close_others(&mut backup, keys)?;
    }
    let readable = |at: &usize| backup.parts[*at].is_readable(keys.is_some());
    let kept = |at: &usize| request.keeps_component(&backup.parts[*at].id);
    let gone = |at: &usize| request.drops_component(&backup.parts[*at].id);
    let all = || -> Vec<usize> {
        let within = |at: &usize| named.contains(at) || readable(at) && !kept(at) && !gone(at);
        (0..backup.parts.len()).filter(within).collect()
    };
    let needed = if chooses { all() } else { named.clone() };
    let parts = if depth == Depth::All {
        all()
    } else {
        needed.clone()
    };
    let stays =
        |at: &usize| depth == Depth::Checked && readable(at) && !parts.contains(at) && !gone(at);
    let rest: Vec<usize> = (0..backup.parts.len()).filter(stays).collect();
    let look = |parts: &[usize], needed: &[usize]| {
        look_inside(session, &backup, parts, needed, keys.as_ref())
    };
    let (outcome, sound) = kept::meanwhile(
        &backup,
        &rest,
        keys.as_ref(),
        parts.len(),
        &session.control,
        || look(&parts, &needed),
    );
    let (mut surveys, mut checked) = outcome?;
    // Only now it is known which part holds what `database` names.
    let also = plan::to_survey_then(&backup, &surveys, &request);
    if !also.is_empty() {
        let (more, wrong) = look(&also, &also)?;
        surveys.extend(more);
        checked.extend(wrong);
    }
    if chooses {
        plan::check_named(&backup, &surveys, &request)?;
    }
    let mut plan = plan::make(&backup, &surveys, &request)?;
    // What was named may miss the limit by a hair; then there is something to choose after all.
    if plan.outcome == Outcome::CannotFit && !chooses {
        (surveys, checked) = look(&all(), &all())?;
        plan = plan::make(&backup, &surveys, &request)?;
    }
    backup.input.check_unchanged()?;
    checked.extend(
        sound
            .into_iter()
            .filter(|(at, _)| surveys.iter().all(|s| s.part != *at)),
    );
    let faulty: Vec<usize> = (0..backup.parts.len())
        .filter(|&at| backup.parts[at].fault.is_some())
        .collect();
    checked.extend(faulty.iter().copied().zip(verify::integrity(
        &backup,
        &faulty,
        None,
        &session.control.beside(),
    )));
    Ok(Prepared {
        backup,
        keys,
        surveys,
        checked,
        request,
        plan,
    })
}

/// Whether a copy has to have parts encrypted anew, unless those of one kind all go.
fn is_mixed(backup: &Backup) -> bool {
    backup.findings.iter().any(|finding| {
        matches!(
            finding,
            Finding::Mixed { .. } | Finding::Versions | Finding::RootSalts
        )
    })
}

/// Surveys these parts. What is wrong with one that is not `needed` comes beside the surveys.
fn look_inside(
    session: &Session,
    backup: &Backup,
    parts: &[usize],
    needed: &[usize],
    keys: Option<&KeyRing>,
) -> Result<(Vec<PartSurvey>, Vec<Check>)> {
    let (mut surveys, mut damaged) = (Vec::new(), Vec::new());
    for (&at, outcome) in
        parts
            .iter()
            .zip(survey::survey_each(backup, parts, keys, &session.control))
    {
        match outcome {
            Ok(survey) => surveys.push(survey),
            Err(error)
                if needed.contains(&at)
                    || !matches!(error.kind(), Kind::Damaged | Kind::Refused) =>
            {
                return Err(kept::with_way_out(error, &backup.parts[at].id));
            }
            // What the tar inside is like matters less than whether its bytes are those that were
            // stored.
            Err(error) => {
                let sound = verify::integrity(backup, &[at], keys, &session.control.beside()).pop();
                if let Some(Ok(())) = sound {
                    session.screen.warn(&format!(
                        "{} cannot be looked into; a copy keeps it as it is. {error}",
                        backup.parts[at].id
                    ));
                }
                damaged.extend(sound.map(|sound| (at, sound)));
            }
        }
    }
    Ok((surveys, damaged))
}

impl Prepared {
    /// Plans again after the request changed.
    pub fn again(&mut self) -> Result<()> {
        self.plan = plan::make(&self.backup, &self.surveys, &self.request)?;
        Ok(())
    }
}

fn request(session: &Session, backup: &Backup, choice: &Choice) -> Result<Request> {
    let selectors = |texts: &[String]| {
        texts
            .iter()
            .map(|t| plan::parse(t, backup))
            .collect::<Result<Vec<_>>>()
    };
    let allow = choice.allow.iter().map(|consent| match consent {
        Consent::History => Class::History,
        Consent::User => Class::User,
    });
    Ok(Request {
        drops: selectors(&choice.drop)?,
        keeps: selectors(&choice.keep)?,
        allow: allow.collect(),
        thorough: choice.thorough,
        catalogue: rules::catalogue(choice.rules.as_deref().map(Path::new), &session.control)?,
        wrapping: match choice.securetar {
            None => Wrapping::AsIs,
            Some(args::Wrapping::Two) => Wrapping::Version(Version::V2),
            Some(args::Wrapping::Three) => Wrapping::Version(Version::V3),
            Some(args::Wrapping::None) => Wrapping::Plain,
        },
        control: session.control.clone(),
        ..Request::new(session.common.limit)?
    })
}

/// Bytes that are left when the whole parts that the user named are gone.
fn leaves(backup: &Backup, request: &Request) -> u64 {
    let keeps = |id: &str| request.keeps_component(id) || request.keeps_within(id);
    let gone = backup
        .parts
        .iter()
        .filter(|part| request.drops_component(&part.id) && !keeps(&part.id));
    backup.input.len() - backup.unaccounted() - gone.map(|part| backup.stored(part)).sum::<u64>()
}
