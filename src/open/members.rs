//! The members of a file, including those hidden by a wrong size.

use std::collections::HashSet;
use std::sync::Arc;

use super::{find_manifest, read_manifest};
use crate::error::Result;
use crate::format::manifest::Manifest;
use crate::format::outer::{self, Outer};
use crate::format::tar::path;
use crate::pipe::{Control, Input};

/// Reads the outer tar, and again more closely if something is missing: a size that is too large by
/// a whole member hides that member, and all headers look valid.
///
/// # Errors
/// The same as for [`outer::scan`].
pub(super) fn all(input: &Arc<Input>, control: &Control) -> Result<Outer> {
    let outer = outer::scan(input, control)?;
    if !lacks_something(input, &outer) {
        return Ok(outer);
    }
    Ok(outer::scan_closely(input, control)?.unwrap_or(outer))
}

/// Whether there is no `backup.json`, or one that lists parts that the file does not have.
fn lacks_something(input: &Arc<Input>, outer: &Outer) -> bool {
    let Ok(at) = find_manifest(&outer.members) else {
        return true;
    };
    // Faults of the metadata are reported later.
    let manifest = read_manifest(input, &outer.members, at).and_then(Manifest::parse);
    let Ok(manifest) = manifest else { return false };
    let names: HashSet<&[u8]> = outer
        .members
        .iter()
        .map(|m| path::plain(&m.header.name))
        .collect();
    let homeassistant = manifest.homeassistant_version().map(|_| "homeassistant");
    manifest
        .folders()
        .chain(manifest.addons())
        .chain(homeassistant)
        .any(|id| {
            let stem = id.replace('/', "_");
            [".tar.gz", ".tar"]
                .iter()
                .all(|suffix| !names.contains(format!("{stem}{suffix}").as_bytes()))
        })
}
