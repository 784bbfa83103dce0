//! Third stage, without any I/O: what is kept, dropped and rewritten, why, and how
//! large the copy will be.

pub mod cut;
mod drops;
mod links;
mod predict;
pub mod propose;
pub mod selector;
pub mod wrapping;

pub use cut::Cut;
pub use drops::DropRow;
pub use selector::Selector;
pub use wrapping::{Target, Wrapping};

use crate::error::Result;
use crate::format::manifest::Changes;
use crate::open::{Backup, ComponentKind};
use crate::survey::PartSurvey;

/// What the user wants.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to leave out, as named.
    pub drops: Vec<Selector>,
    /// What to keep all the same; wins over `drops`.
    pub keeps: Vec<Selector>,
    /// The copy must not be larger, in bytes.
    pub limit: u64,
    /// How the copy is encrypted.
    pub wrapping: Wrapping,
    /// Whether there is a key.
    pub has_key: bool,
}

/// What happens to one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Its member is copied byte for byte.
    Copy,
    /// It is left out.
    Drop,
    /// Its stream is encrypted anew, without being inflated.
    Rewrap,
    /// Entries are taken out of it, or its stream is put in order.
    Cut(Cut),
}

/// The plan for one part.
#[derive(Debug, Clone)]
pub struct PartPlan {
    /// What happens to it.
    pub action: Action,
    /// Bytes that it will take in the copy, as far as can be told beforehand.
    pub predicted: u64,
    /// In one sentence, for the table.
    pub why: String,
}

/// Where the plan leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was asked for and nothing has to be done.
    AlreadyFits,
    /// The copy is not larger than the limit.
    Fits,
    /// It would be larger.
    CannotFit,
}

impl Outcome {
    /// The word that `--json` uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::AlreadyFits => "already_fits",
            Self::Fits => "fits",
            Self::CannotFit => "cannot_fit",
        }
    }
}

/// A whole plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// By part, in the order of [`Backup::parts`].
    pub parts: Vec<PartPlan>,
    /// What is left out, with what that means.
    pub drops: Vec<DropRow>,
    /// What the copy's `backup.json` says differently; the slug is a stand-in of
    /// the right length until the copy is written.
    pub changes: Changes,
    /// How rewritten parts are encrypted.
    pub target: Target,
    /// The limit that it was made for.
    pub limit: u64,
    /// The copy's size in bytes as far as can be told beforehand.
    pub predicted_size: u64,
    /// Where it leads.
    pub outcome: Outcome,
    /// With nothing named and too large: part indices that would be enough.
    pub proposal: Option<Vec<usize>>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// The parts that have to be surveyed before [`make`] can decide.
pub fn to_survey(backup: &Backup, request: &Request) -> Vec<usize> {
    let looks_into = |s: &Selector, id: &str| s.looks_into(id);
    (0..backup.parts.len())
        .filter(|&at| {
            let part = &backup.parts[at];
            let dropped_whole = request.drops.iter().any(|s| s.takes_component(&part.id));
            let kept_whole = request.keeps.iter().any(|s| s.takes_component(&part.id));
            let into = request.drops.iter().any(|s| looks_into(s, &part.id));
            let out_of = dropped_whole && request.keeps.iter().any(|s| looks_into(s, &part.id));
            part.layer.is_some() && !kept_whole && (out_of || into && !dropped_whole)
        })
        .collect()
}

/// Makes the plan. `surveys` holds the parts that [`to_survey`] named, in any order.
///
/// # Errors
/// `Password` when a part has to be opened or encrypted without a key, `Refused`
/// for links that cannot be kept intact.
pub fn make(backup: &Backup, surveys: &[PartSurvey], request: &Request) -> Result<Plan> {
    let mut actions = Vec::with_capacity(backup.parts.len());
    for (at, part) in backup.parts.iter().enumerate() {
        let kept_whole = request.keeps.iter().any(|s| s.takes_component(&part.id));
        let survey = surveys.iter().find(|s| s.part == at);
        actions.push(match survey {
            _ if kept_whole => Action::Copy,
            Some(survey) => cut_or_copy(backup, at, survey, request)?,
            None if request.drops.iter().any(|s| s.takes_component(&part.id)) => Action::Drop,
            None => Action::Copy,
        });
    }
    finish(backup, surveys, request, actions)
}

fn cut_or_copy(backup: &Backup, at: usize, survey: &PartSurvey, request: &Request) -> Result<Action> {
    let part = &backup.parts[at];
    let cut = cut::cut(backup, part, survey, &request.drops, &request.keeps)?;
    Ok(if cut.is_empty() {
        Action::Copy
    } else if cut.leaves_nothing(backup, part, survey) {
        Action::Drop
    } else {
        Action::Cut(cut)
    })
}

fn finish(backup: &Backup, surveys: &[PartSurvey], request: &Request, mut actions: Vec<Action>) -> Result<Plan> {
    let named = !request.drops.is_empty() || request.wrapping != Wrapping::AsIs;
    let cuts = actions.iter().any(|a| matches!(a, Action::Cut(_)));
    let target = wrapping::target(backup, request.wrapping, request.has_key, cuts)?;
    if request.has_key || target == Target::Plain && request.wrapping == Wrapping::Plain {
        rewrap(backup, &target, &mut actions);
    }
    let changes = changes(backup, surveys, &actions, &target);
    let parts: Vec<PartPlan> = actions
        .into_iter()
        .enumerate()
        .map(|(at, action)| {
            let survey = surveys.iter().find(|s| s.part == at);
            let predicted = predict::part(backup, at, &action, survey, &target);
            PartPlan { why: drops::why(&action, &backup.parts[at], request), action, predicted }
        })
        .collect();
    let predicted_size = predict::total(backup, &parts, &changes)?;
    let idle = parts.iter().all(|p| p.action == Action::Copy);
    let outcome = match () {
        () if idle && backup.input.len() <= request.limit => Outcome::AlreadyFits,
        () if predicted_size <= request.limit && !idle => Outcome::Fits,
        () => Outcome::CannotFit,
    };
    let proposal = (!named && outcome == Outcome::CannotFit).then(|| propose_parts(backup, predicted_size, request.limit)).flatten();
    let notes = notes(backup, surveys, request, &target, &parts);
    let drops = drops::rows(backup, surveys, request, &parts);
    Ok(Plan { parts, drops, changes, target, limit: request.limit, predicted_size, outcome, proposal, notes })
}

/// Every kept part must be wrapped alike.
fn rewrap(backup: &Backup, target: &Target, actions: &mut [Action]) {
    for (part, action) in backup.parts.iter().zip(actions.iter_mut()) {
        if *action != Action::Copy || target.fits(part) {
            continue;
        }
        // The trailer of v1's gzip streams is not one that others read.
        let broken = part.version() == Some(crate::format::secure::Version::V1) && part.compressed;
        *action = if broken { Action::Cut(Cut::default()) } else { Action::Rewrap };
    }
}

fn changes(backup: &Backup, surveys: &[PartSurvey], actions: &[Action], target: &Target) -> Changes {
    let parts = || backup.parts.iter().enumerate().zip(actions);
    let without: Vec<String> = parts().filter(|(_, a)| **a == Action::Drop).map(|((_, p), _)| p.list_name().to_owned()).collect();
    let without_database = parts().any(|((at, part), action)| match (action, surveys.iter().find(|s| s.part == at)) {
        (Action::Cut(cut), Some(survey)) => cut::drops_recorder(backup, part, survey, cut),
        _ => false,
    });
    let protected = parts().any(|((_, part), action)| match action {
        Action::Drop => false,
        Action::Copy => part.version().is_some(),
        Action::Cut(_) | Action::Rewrap => *target != Target::Plain,
    });
    let partial = !without.is_empty() || backup.manifest.kind() == "partial";
    Changes { slug: "00000000".into(), without, partial, without_database, protected }
}

/// Never the configuration, the certificates or what only the system needs.
fn propose_parts(backup: &Backup, size: u64, limit: u64) -> Option<Vec<usize>> {
    let candidates: Vec<usize> = (0..backup.parts.len())
        .filter(|&at| {
            let part = &backup.parts[at];
            part.kind == ComponentKind::Addon || part.kind == ComponentKind::Folder && part.id != "ssl"
        })
        .collect();
    let sizes: Vec<u64> = candidates.iter().map(|&at| backup.stored(&backup.parts[at])).collect();
    // The record padding of the end may take up to 10 KiB of what is won.
    let need = size.saturating_sub(limit).saturating_add(crate::format::outer::RECORD);
    let chosen = propose::smallest_cover(&sizes, need)?;
    Some(chosen.into_iter().filter_map(|at| candidates.get(at).copied()).collect())
}

fn notes(backup: &Backup, surveys: &[PartSurvey], request: &Request, target: &Target, parts: &[PartPlan]) -> Vec<String> {
    let mut notes: Vec<String> = surveys.iter().flat_map(|s| s.warnings.iter().cloned()).collect();
    for selector in request.drops.iter().filter(|s| !drops::took_something(s, backup, surveys, parts)) {
        notes.push(format!("Nothing in this backup matches --drop {}.", crate::error::escape(selector.text().as_bytes())));
    }
    let protected = parts.iter().zip(&backup.parts).any(|(plan, part)| match plan.action {
        Action::Copy => part.version().is_some(),
        Action::Drop => false,
        Action::Rewrap | Action::Cut(_) => *target != Target::Plain,
    });
    if !protected {
        notes.push("The copy is not encrypted; Home Assistant Cloud accepts only encrypted backups. Give a key to encrypt it.".into());
    }
    if request.has_key && !backup.is_protected() && request.wrapping == Wrapping::AsIs && protected {
        notes.push("The backup is not encrypted; the copy will be, with the key given. Keep that key: a restore asks for it.".into());
    }
    if !request.has_key && backup.version() == Some(crate::format::secure::Version::V1) {
        notes.push("The parts stay in SecureTar v1; with the key they would become v2.".into());
    }
    notes
}
