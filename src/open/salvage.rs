//! Opens what is left of a damaged file, to save files from it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::component::{head, sniffed, stem_and_compression};
use super::{Backup, find_manifest, read_manifest};
use crate::error::{Error, Result};
use crate::format::manifest::Manifest;
use crate::format::outer::{self, Member};
use crate::format::securetar::Layer;
use crate::pipe::{Control, Input};

impl Backup {
    /// Opens a file that is cut off or damaged outside its parts, so that [`Backup::read`] fails: a
    /// download that was interrupted, for example. The parts are those before the damage, and what
    /// is there of the one in which the file ends; reading that one ends with `Damaged`.
    ///
    /// Supervisor writes `backup.json` at the end. If it is missing or damaged, the names of the
    /// archives say what the parts are, and their first bytes whether they are encrypted. Only for
    /// extracting: the metadata are made up then, and nothing is checked.
    ///
    /// # Errors
    /// `InputIo`, `Refused`, `Interrupted`; `Damaged` if there is no part.
    pub fn salvage(input: Arc<Input>, control: &Control) -> Result<Self> {
        let members = outer::salvage(&input, control)?;
        let listed = find_manifest(&members).ok().and_then(|at| {
            let text = read_manifest(&input, &members, at).ok()?;
            Some((at, Manifest::parse(text).ok()?))
        });
        let (manifest_member, manifest) = match listed {
            Some(found) => found,
            // No member has this number.
            None => (usize::MAX, Manifest::parse(described(&input, &members)?)?),
        };
        let mut backup = Self {
            input,
            members,
            manifest,
            manifest_member,
            parts: Vec::new(),
            findings: Vec::new(),
        };
        backup.parts = backup.recognise_parts()?;
        let end = backup.input.len();
        for part in &mut backup.parts {
            let member = backup.members.get(part.member);
            part.is_cut_off = member.is_some_and(|member| member.data_at() + member.size >= end);
        }
        backup.settle_names();
        backup.settle_marks();
        if backup.parts.iter().any(|part| part.layer.is_some()) {
            Ok(backup)
        } else {
            Err(Error::damaged("there is no whole part in this file"))
        }
    }
}

/// Metadata that list every archive.
fn described(input: &Input, members: &[Member]) -> Result<String> {
    let (mut apps, mut is_protected) = (BTreeSet::new(), false);
    for member in members {
        let name = &member.header.name;
        let (stem, suffix) = stem_and_compression(name.strip_prefix(b"./").unwrap_or(name));
        let (Ok(stem), Some(named)) = (str::from_utf8(stem), suffix) else {
            continue;
        };
        let is_plain = matches!(sniffed(&head(input, member)?, named), Ok((Layer::Plain, _)));
        is_protected |= !is_plain;
        // The names of all other archives are fixed.
        apps.insert(stem);
    }
    let addons = apps
        .iter()
        .map(|slug| json!({"slug": slug, "version": "0"}));
    let about = json!({
        "slug": "unknown",
        "type": "partial",
        "version": 2,
        "protected": is_protected,
        "addons": addons.collect::<Vec<_>>(),
    });
    Ok(about.to_string())
}
