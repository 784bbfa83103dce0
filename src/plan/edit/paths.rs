//! The paths of entries as the user and the rules name them.

use crate::open::{Backup, Part};
use crate::survey::{PartSurvey, config_path};

/// The paths of a part's entries, as selectors and rules see them.
pub(crate) fn paths<'a>(
    backup: &Backup,
    part: &Part,
    survey: &'a PartSurvey,
) -> Vec<Option<&'a [u8]>> {
    survey
        .entries
        .iter()
        .map(|e| config_path(part.kind, backup.manifest.version(), &e.name))
        .collect()
}
