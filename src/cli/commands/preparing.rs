//! From a selection to a prepared job.

use std::sync::Arc;

use haslim::Result;
use haslim::job::{Depth, Job, KeyNeed, Prepared};
use haslim::open::Backup;
use haslim::plan::{self, CompressionChoice, Packing, Request};

use super::rules;
use crate::cli::session::Session;
use crate::cli::settings::Selection;
use crate::cli::{key, scan_file};

/// Reads the key if it is needed, surveys or takes the surveys from a scan, and plans.
///
/// # Errors
/// As [`request`], [`scan_file::load`], [`key::keys`] and [`Job::prepare`].
pub fn prepare(
    session: &Session,
    backup: Backup,
    selection: &Selection,
    depth: Depth,
) -> Result<Prepared> {
    let request = request(session, &backup, selection)?;
    let mut job = Job::new(backup, request)?;
    if let Some(path) = &selection.scan {
        let scan = scan_file::load(path, job.backup())?;
        job = job.with_scan(scan);
    }
    let is_shown = matches!(depth, Depth::All | Depth::Asked);
    let need = match job.key_need(depth) {
        // What is in a part that goes as a whole is worth a look, but not a question.
        KeyNeed::No if is_shown && key::is_given(&session.settings) => KeyNeed::Helps,
        need => need,
    };
    let keys = key::keys(session, job.backup(), need)?.map(Arc::new);
    job.prepare(keys, depth, &session.control)
}

/// The request in the form that the planner takes.
///
/// # Errors
/// `Usage` for an invalid selector, and as [`rules::catalogue`].
fn request(session: &Session, backup: &Backup, selection: &Selection) -> Result<Request> {
    let selectors = |texts: &[String]| {
        texts
            .iter()
            .map(|text| plan::parse(text, backup))
            .collect::<Result<Vec<_>>>()
    };
    Ok(Request {
        drops: selectors(&selection.drop)?,
        keeps: selectors(&selection.keep)?,
        allow: selection.allow.clone(),
        thorough: selection.thorough,
        catalogue: rules::catalogue(selection.rules.as_deref(), &session.control)?,
        encryption: selection.encryption,
        compression: selection.compression,
        packing: packing(selection),
        control: session.control.clone(),
        ..Request::new(session.settings.limit)?
    })
}

/// A copy that has other bytes than the original does not complete it, so with a rest nothing is
/// compressed, unless the user asks for it.
fn packing(selection: &Selection) -> Packing {
    if selection.with_rest && selection.compression == CompressionChoice::AsNeeded {
        Packing::KeptForRest
    } else {
        Packing::AsStored
    }
}
