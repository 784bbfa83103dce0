//! The paths of entries in the form that selectors and rules use.

use crate::open::{Backup, Part};
use crate::survey::{PartSurvey, config_path};

/// Returns the paths of a part's entries in the form that selectors and rules use.
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
