//! From arguments to a plan: what is wanted, the key, the surveys.

use std::path::Path;

use haslim::crypt::KeyRing;
use haslim::format::secure::Version;
use haslim::open::Backup;
use haslim::plan::{self, Plan, Request, Selector};
use haslim::rules::Class;
use haslim::survey::{self, PartSurvey};
use haslim::{Result, plan::Wrapping};

use super::args::{self, Choice, Consent};
use super::{Session, key, rules};

/// A backup with everything that is needed to decide about it and to write it.
pub struct Prepared {
    pub backup: Backup,
    pub keys: Option<KeyRing>,
    pub surveys: Vec<PartSurvey>,
    pub request: Request,
    pub plan: Plan,
}

/// What a command needs to know about the inside of the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// As little as the plan can do with.
    Needed,
    /// All that can be read, for a plan that shows what is big.
    All,
}

/// Reads the key, surveys, plans.
pub fn prepare(session: &Session, backup: Backup, choice: &Choice, depth: Depth) -> Result<Prepared> {
    let mut request = request(session, choice)?;
    let chooses = request.thorough || leaves(&backup, &request) > request.limit;
    let named = plan::to_survey(&backup, &request);
    let looks_inside = named.iter().any(|&at| backup.parts[at].version().is_some());
    let rewraps = match request.wrapping {
        Wrapping::AsIs => false,
        Wrapping::Version(_) => true,
        Wrapping::Plain => backup.is_protected(),
    };
    let keys = key::keys(&session.common, &backup, looks_inside || rewraps || chooses && backup.is_protected())?;
    request.has_key = keys.is_some();
    let readable = |at: &usize| backup.parts[*at].layer.is_some() && (keys.is_some() || backup.parts[*at].version().is_none());
    let kept = |at: &usize| request.keeps.iter().any(|s| s.takes_component(&backup.parts[*at].id));
    let parts = if chooses || depth == Depth::All {
        let all = (0..backup.parts.len()).filter(|at| named.contains(at) || readable(at) && !kept(at));
        all.filter(|at| named.contains(at) || !request.drops.iter().any(|s| s.takes_component(&backup.parts[*at].id))).collect()
    } else {
        named
    };
    let surveys = survey::survey(&backup, &parts, keys.as_ref(), &session.control)?;
    let plan = plan::make(&backup, &surveys, &request)?;
    backup.input.check_unchanged()?;
    Ok(Prepared { backup, keys, surveys, request, plan })
}

impl Prepared {
    /// Plans again after the request changed.
    pub fn again(&mut self) -> Result<()> {
        self.plan = plan::make(&self.backup, &self.surveys, &self.request)?;
        Ok(())
    }
}

fn request(session: &Session, choice: &Choice) -> Result<Request> {
    let selectors = |texts: &[String]| texts.iter().map(|t| Selector::parse(t)).collect::<Result<Vec<_>>>();
    let allow = choice.allow.iter().map(|consent| match consent {
        Consent::History => Class::History,
        Consent::User => Class::User,
    });
    Ok(Request {
        drops: selectors(&choice.drop)?,
        keeps: selectors(&choice.keep)?,
        allow: allow.collect(),
        thorough: choice.thorough,
        catalogue: rules::catalogue(choice.rules.as_deref().map(Path::new))?,
        wrapping: match choice.securetar {
            None => Wrapping::AsIs,
            Some(args::Wrapping::Two) => Wrapping::Version(Version::V2),
            Some(args::Wrapping::Three) => Wrapping::Version(Version::V3),
            Some(args::Wrapping::None) => Wrapping::Plain,
        },
        ..Request::new(session.common.limit)?
    })
}

/// Bytes that are left when the whole parts that the user named are gone.
fn leaves(backup: &Backup, request: &Request) -> u64 {
    let gone = backup.parts.iter().filter(|part| {
        let keeps = request.keeps.iter().any(|s| s.takes_component(&part.id) || s.looks_into(&part.id));
        !keeps && request.drops.iter().any(|s| s.takes_component(&part.id))
    });
    backup.input.len() - gone.map(|part| backup.stored(part)).sum::<u64>()
}
