//! Whether a rule applies to a file that its globs match.

use super::Request;
use super::database::Target;
use crate::open::{Backup, ComponentKind, Part};
use crate::rules::{Condition, ImageTarStays, Rule, image_tar_allowed, slug_prefix};
use crate::survey::{Entry, PartSurvey};

/// The file that holds the image of an add-on that was built on the system itself.
pub(super) const IMAGE: &[u8] = b"image.tar";

/// What the conditions of rules ask about in one part.
pub(super) struct Conditions<'a> {
    pub backup: &'a Backup,
    pub part: &'a Part,
    pub request: &'a Request,
    pub survey: &'a PartSurvey,
}

impl Conditions<'_> {
    /// Whether a rule applies to this entry.
    pub fn met(&self, rule: &Rule, path: &[u8], entry: &Entry) -> bool {
        // Asked of every file; why it is none, only of few.
        (rule.condition != Condition::NestedBackup || entry.nested_backup) && self.unmet(rule, path, entry).is_none()
    }

    /// Why a rule leaves this entry alone all the same; `None` when it applies.
    pub fn unmet(&self, rule: &Rule, path: &[u8], entry: &Entry) -> Option<String> {
        match rule.condition {
            Condition::None | Condition::RecorderDatabase => None,
            Condition::NestedBackup => (!entry.nested_backup).then(|| "its contents are not a Home Assistant backup".into()),
            Condition::RecorderUrl => {
                let target = self.request.database.target().filter(|target| matches!(target, Target::File(_)));
                let named = target.is_some_and(|target| target.takes(&self.part.id, path));
                (!named).then(|| "`db_url` in the configuration does not name it".into())
            }
            Condition::ImageTar => image_tar(self.backup, self.part, self.request).err().map(|why| why.to_string()),
            Condition::OuterGarbage => Some("it is a file".into()),
        }
    }
}

/// Whether a restore could build an add-on's image again.
///
/// # Errors
/// Why not.
pub(super) fn image_tar(backup: &Backup, part: &Part, request: &Request) -> Result<(), ImageTarStays> {
    image_tar_allowed(part.list_name(), repository_listed(backup, part), local_source_kept(backup, request))
}

/// True when an add-on's image is there and must stay unless it is typed out in full.
pub(super) fn image_must_stay(backup: &Backup, part: &Part, request: &Request) -> bool {
    part.kind == ComponentKind::Addon && image_tar(backup, part, request).is_err()
}

fn repository_listed(backup: &Backup, part: &Part) -> bool {
    let prefix = part.list_name().split('_').next().unwrap_or_default();
    backup.manifest.repositories().any(|url| slug_prefix(url) == prefix)
}

/// Whether the copy holds the local add-ons' source with all its files, as far as the user decides.
fn local_source_kept(backup: &Backup, request: &Request) -> bool {
    let id = "addons/local";
    backup.parts.iter().any(|p| p.id == id) && (request.keeps_component(id) || !request.drops_component(id) && !request.drops_within(id))
}
