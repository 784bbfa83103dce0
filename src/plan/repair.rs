//! A plan that leaves nothing out and fixes every fault that can be fixed in only one way.

use std::collections::HashSet;

use crate::component::HOME_ASSISTANT;
use crate::error::{Advice, Result};
use crate::finding::Finding;
use crate::format::manifest::{Changes, Made};
use crate::open::{Backup, Part, missing_password, other_key};
use crate::plan::draft::check_hazards;
use crate::plan::facts::PartReason;
use crate::plan::layout::{Extent, Settled, Wanted, check_metadata};
use crate::plan::model::{Action, Outcome, PartEdit, PartPlan, Plan};
use crate::plan::notes::hazards_kept;
use crate::plan::{layout, predict};
use crate::survey::PartSurvey;

/// What a repair would do.
#[derive(Debug, Clone)]
pub struct Repair {
    /// The plan. Its outcome is [`Outcome::AlreadyFits`] if there is nothing to do.
    pub plan: Plan,
    /// The faults that the copy will not have.
    pub findings: Vec<Finding>,
}

/// Plans a complete copy in which sizes, ends, streams, versions, salts and the lists in
/// `backup.json` are correct. `surveys` holds every part that can be read.
///
/// # Errors
/// `Password` if a part must be decrypted or encrypted again without a key, or if only its contents
/// can prove what its name says; `Refused` if a part must be rewritten and contains something that
/// makes a restore fail.
pub fn repair(backup: &Backup, surveys: &[PartSurvey], has_key: bool) -> Result<Repair> {
    // All parts of a copy have one key.
    if let Some(part) = backup.parts.iter().find(|part| part.closed) {
        return Err(other_key(backup, part));
    }
    let findings = findings(backup, surveys);
    // A key is no wish to encrypt a backup that is not encrypted.
    let encrypts = has_key && backup.is_protected();
    let actions = (0..backup.parts.len())
        .map(|at| action(backup, surveys, at))
        .collect::<Result<Vec<Action>>>()?;
    let lay_out = |extent| {
        let wanted = Wanted::as_it_is(encrypts);
        layout::lay_out(backup, surveys, actions.clone(), wanted, extent)
    };
    // Version 1 alone is no reason to rewrite a part. If one is rewritten, the others become like it.
    let opens = |actions: &[Action]| actions.contains(&Action::Rewrite);
    let settled = if opens(&actions) || findings.iter().any(Finding::is_about_kinds) {
        lay_out(Extent::All)?
    } else {
        let settled = lay_out(Extent::Names)?;
        if opens(&settled.actions) {
            lay_out(Extent::All)?
        } else {
            settled
        }
    };
    let changes = changes(backup, &settled);
    if changes.compressed.is_some() {
        check_proven(backup, surveys)?;
    }
    if !findings.is_empty() {
        check_metadata(backup, &changes.without)?;
    }
    let predicted = predict::parts(backup, surveys, &settled);
    let predicted_size = predict::padded(predict::exact(backup, &predicted, &changes)?);
    let notes = hazards_kept(backup, surveys, |at| settled.actions.get(at));
    let parts = settled.actions.into_iter().zip(settled.forms);
    let parts = parts
        .zip(predicted)
        .map(|((action, form), predicted)| PartPlan {
            why: why(&action),
            compressing: None,
            action,
            form,
            predicted,
        });
    let outcome = if findings.is_empty() {
        Outcome::AlreadyFits
    } else {
        Outcome::Fits
    };
    let plan = Plan {
        notes,
        encryption: settled.target,
        order: settled.order,
        predicted_size,
        ..Plan::new(parts.collect(), changes, u64::MAX, outcome)
    };
    Ok(Repair { plan, findings })
}

/// What is wrong and can be put right.
fn findings(backup: &Backup, surveys: &[PartSurvey]) -> Vec<Finding> {
    let of_parts = surveys.iter().flat_map(|survey| &survey.findings);
    let all = backup.findings.iter().chain(of_parts);
    // A part that cannot be read without the key stays as it is.
    let is_read = |id: &str| surveys.iter().any(|s| backup.part(s.part).id == id);
    let is_mended = |finding: &&Finding| match finding {
        Finding::ReservedBytes { id } | Finding::BytesBehindCiphertext { id, .. } => is_read(id),
        finding => finding.is_mended(),
    };
    all.filter(is_mended).cloned().collect()
}

fn why(action: &Action) -> PartReason {
    match action {
        Action::Rewrite | Action::Edit(_) => PartReason::PutInOrder,
        Action::Reencrypt => PartReason::LikeTheOthers,
        Action::Drop => PartReason::Stray,
        Action::Copy => PartReason::AsItIs,
    }
}

/// Streams that readers interpret differently are rewritten; empty files are dropped.
fn action(backup: &Backup, surveys: &[PartSurvey], at: usize) -> Result<Action> {
    let part = backup.part(at);
    if backup.is_stray(part) {
        return Ok(Action::Drop);
    }
    match surveys.iter().find(|s| s.part == at) {
        Some(survey)
            if survey.findings.iter().any(Finding::is_mended)
                || part.has_odd_gzip && part.version().is_some()
                || !backup.odd_header(part).is_empty() =>
        {
            let all = PartEdit::default();
            check_hazards(backup, survey, &all).map_err(|e| {
                let id = &part.id;
                e.advice(Advice::DropInsteadOfRepair { part: id.clone() })
            })?;
            Ok(Action::Rewrite)
        }
        _ => Ok(Action::Copy),
    }
}

/// The names determine the value of `compressed` in `backup.json`, once the bytes of each part
/// match its name. For surveyed parts they do.
fn check_proven(backup: &Backup, surveys: &[PartSurvey]) -> Result<()> {
    let is_proven = |at: usize| surveys.iter().any(|s| s.part == at);
    match backup
        .parts
        .iter()
        .enumerate()
        .find(|&(at, part)| part.listed && !is_proven(at))
    {
        Some((_, part)) => Err(missing_password(&part.id)),
        None => Ok(()),
    }
}

/// The lists name exactly the parts that are in the file.
fn changes(backup: &Backup, settled: &Settled) -> Changes {
    let manifest = &backup.manifest;
    let present: HashSet<&str> = backup.parts.iter().map(Part::list_name).collect();
    let homeassistant = manifest.homeassistant_version().map(|_| HOME_ASSISTANT);
    let listed = manifest
        .folders()
        .chain(manifest.addons())
        .chain(homeassistant);
    let without: Vec<String> = listed
        .filter(|id| !present.contains(id))
        .map(str::to_owned)
        .collect();
    let unlisted = backup
        .parts
        .iter()
        .filter(|part| !part.listed && backup.can_be_listed(part));
    Changes {
        slug: "00000000".into(),
        // A full restore would uninstall everything that is no longer listed.
        partial: !without.is_empty() || manifest.kind() == "partial",
        without,
        also: unlisted.map(|part| part.id.clone()).collect(),
        without_database: false,
        protected: settled.protected,
        compressed: settled.compressed,
        made: Made::Repaired,
        about: None,
    }
}
