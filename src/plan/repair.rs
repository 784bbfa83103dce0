//! A plan that leaves nothing out and puts in order what can be put in order in one way only.

use std::collections::HashSet;

use super::cut::Cut;
use super::decide::{check_hazards, hazards_kept, rewrap};
use super::{Action, Outcome, PartPlan, Plan, Wrapping, predict, wrapping};
use crate::error::Result;
use crate::format::block::BLOCK;
use crate::format::manifest::Changes;
use crate::format::secure::{V3Salts, Version};
use crate::open::{Backup, ComponentKind, Part, missing_password, unlisted};
use crate::survey::{PartSurvey, warnings};

/// What a repair would do.
#[derive(Debug, Clone)]
pub struct Repair {
    /// The plan; its outcome is [`Outcome::AlreadyFits`] when there is nothing to do.
    pub plan: Plan,
    /// What is wrong and will be right in the copy, one sentence each.
    pub findings: Vec<String>,
}

/// Plans a copy of everything in which sizes, ends, streams, versions, salts and the lists
/// in `backup.json` are right. `surveys` holds every part that can be read.
///
/// # Errors
/// `Password` when a part has to be opened or encrypted anew without a key, or only a look
/// into it can prove what its name says; `Refused` when a part has to be written anew and holds
/// what a restore could not cope with.
pub fn repair(backup: &Backup, surveys: &[PartSurvey], has_key: bool) -> Result<Repair> {
    let mut findings = outside(backup);
    findings.extend(surveys.iter().filter_map(|s| Some((backup.parts.get(s.part)?, s))).flat_map(|(part, s)| inside(backup, part, s)));
    let mut actions = (0..backup.parts.len()).map(|at| action(backup, surveys, at)).collect::<Result<Vec<Action>>>()?;
    let cuts = actions.iter().any(|a| *a != Action::Copy);
    let mixed = mixed(backup);
    findings.extend(mixed.map(str::to_owned));
    let target = wrapping::target(backup, Wrapping::AsIs, has_key, cuts || mixed.is_some())?;
    if cuts || mixed.is_some() {
        rewrap(backup, &target, &mut actions);
    }
    let changes = changes(backup);
    if changes.compressed.is_some() {
        check_proven(backup, surveys)?;
    }
    let survey = |at: usize| surveys.iter().find(|s| s.part == at);
    let predicted: Vec<u64> = actions.iter().enumerate().map(|(at, a)| predict::part(backup, at, a, survey(at), &target)).collect();
    let predicted_size = predict::padded(predict::exact(backup, &predicted, &changes)?);
    let notes = hazards_kept(backup, surveys, |at| actions.get(at));
    let parts = actions.into_iter().zip(predicted).map(|(action, predicted)| PartPlan { why: why(&action).into(), action, predicted });
    let plan = Plan {
        parts: parts.collect(),
        drops: Vec::new(),
        units: Vec::new(),
        outcome: if findings.is_empty() { Outcome::AlreadyFits } else { Outcome::Fits },
        changes,
        target,
        limit: u64::MAX,
        predicted_size,
        ways_out: Vec::new(),
        warnings: Vec::new(),
        notes,
    };
    Ok(Repair { plan, findings })
}

fn why(action: &Action) -> &'static str {
    match action {
        Action::Cut(_) => "put in order",
        Action::Rewrap => "encrypted like the others",
        Action::Copy | Action::Drop => "as it is",
    }
}

/// Streams that readers understand differently are written anew.
fn action(backup: &Backup, surveys: &[PartSurvey], at: usize) -> Result<Action> {
    let part = backup.part(at);
    match surveys.iter().find(|s| s.part == at) {
        Some(survey) if !inside(backup, part, survey).is_empty() => {
            let all = Cut::default();
            check_hazards(backup, survey, &all).map_err(|e| {
                let id = &part.id;
                e.advice(format!(
                    "A restore could not cope with it, and a repair leaves nothing out. `haslim shrink` does: name it with --drop {id}:PATH."
                ))
            })?;
            Ok(Action::Cut(all))
        }
        _ => Ok(Action::Copy),
    }
}

/// What opening the file warned about: all of that a copy gets right, except that nothing
/// tells the name and the version of a part that is not listed, unless it is a folder.
fn outside(backup: &Backup) -> Vec<String> {
    let mut stays: Vec<String> = backup.parts.iter().filter(|p| !can_be_listed(backup, p)).map(unlisted).collect();
    // These are about what lies inside the parts: healed there, or not at all.
    stays.extend(backup.parts.iter().flat_map(|p| backup.odd_header(p).into_iter().chain(backup.impossible_length(p))));
    backup.warnings.iter().filter(|w| !stays.contains(w)).cloned().collect()
}

/// What is odd about a part's stream and its encryption.
fn inside(backup: &Backup, part: &Part, survey: &PartSurvey) -> Vec<String> {
    let mut odd = backup.odd_header(part);
    odd.extend(warnings::of_stream(part, &survey.end));
    if !has_end(survey) {
        odd.push(warnings::missing_end(part));
    }
    odd
}

/// Whether the two zero blocks that end a tar are there (POSIX pax, "ustar Interchange Format").
fn has_end(survey: &PartSurvey) -> bool {
    let entries: u64 = survey.entries.iter().map(|e| e.span()).sum();
    survey.plaintext_bytes >= entries + survey.global_bytes + 2 * BLOCK as u64
}

/// What differs among the encrypted parts: Home Assistant's readers take version and
/// root salt from the first part that they meet.
fn mixed(backup: &Backup) -> Option<&'static str> {
    let headers = || backup.parts.iter().filter(|p| p.kind != ComponentKind::Unknown).filter_map(Part::secure);
    let versions: HashSet<Version> = headers().map(|h| h.version()).collect();
    let salts: HashSet<V3Salts> = headers().filter_map(|h| h.v3_salts().copied()).collect();
    let plain = backup.parts.iter().any(|p| p.layer.is_some() && p.version().is_none() && p.kind != ComponentKind::Unknown);
    if versions.len() > 1 {
        Some("The parts are encrypted in different versions; a reader that goes by the first part cannot open the others.")
    } else if salts.len() > 1 {
        Some("The parts have different root salts; a reader that goes by the first part cannot open the others.")
    } else if plain && !versions.is_empty() {
        Some("Some parts are encrypted and some are not; the copy has all of them encrypted.")
    } else {
        None
    }
}

/// Whether a list of folders needs to say no more than this one's name, and finds it under that.
fn can_be_listed(backup: &Backup, part: &Part) -> bool {
    let compressed = backup.right_compression().unwrap_or(backup.manifest.compressed());
    part.kind == ComponentKind::Folder && part.compressed == compressed
}

/// The names decide what `backup.json` has to say of compression, once the bytes of each
/// part are what its name says. Of those that were surveyed they are.
fn check_proven(backup: &Backup, surveys: &[PartSurvey]) -> Result<()> {
    let is_proven = |at: usize| surveys.iter().any(|s| s.part == at);
    match backup.parts.iter().enumerate().find(|&(at, part)| part.listed && !is_proven(at)) {
        Some((_, part)) => Err(missing_password(&part.id)),
        None => Ok(()),
    }
}

/// The lists say what is there, no more and no less.
fn changes(backup: &Backup) -> Changes {
    let manifest = &backup.manifest;
    let present: HashSet<&str> = backup.parts.iter().map(Part::list_name).collect();
    let homeassistant = manifest.homeassistant_version().map(|_| "homeassistant");
    let listed = manifest.folders().chain(manifest.addons()).chain(homeassistant);
    let without: Vec<String> = listed.filter(|id| !present.contains(id)).map(str::to_owned).collect();
    let unlisted = backup.parts.iter().filter(|p| !p.listed && can_be_listed(backup, p));
    Changes {
        slug: "00000000".into(),
        // A full restore would uninstall what is listed no longer.
        partial: !without.is_empty() || manifest.kind() == "partial",
        without,
        also: unlisted.map(|p| p.id.clone()).collect(),
        without_database: false,
        protected: backup.is_protected(),
        compressed: backup.right_compression(),
        repaired: true,
    }
}
