//! Whether a rule applies to a file that its globs match.

use super::Request;
use super::database::Target;
use crate::format::tar::block::EntryKind;
use crate::open::{Backup, ComponentKind, Part};
use crate::rules::{
    Condition, Contents, ImageTarStays, Origin, Rule, image_tar_allowed, is_database_name,
    is_published_voice, is_spoken_message, slug_prefix,
};
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
        (!rule.condition.wants_backup() || entry.contents.is_backup())
            && self.unmet(rule, path, entry).is_none()
    }

    /// Why a rule leaves this entry alone all the same; `None` when it applies.
    pub fn unmet(&self, rule: &Rule, path: &[u8], entry: &Entry) -> Option<String> {
        // Whatever a folder is called, a database in it is nobody's cache.
        let database = entry.contents == Contents::Database || is_database_name(path);
        if database && rule.class.is_free() && entry.kind != EntryKind::Directory {
            return Some("it is a database, which no rule takes without being asked".into());
        }
        match rule.condition {
            Condition::None | Condition::RecorderDatabase => None,
            condition if condition.wants_backup() => {
                backup_stays(condition, entry.contents).map(str::to_owned)
            }
            Condition::CoreDump => (entry.contents != Contents::CoreDump)
                .then(|| "its contents are not the memory of a crashed program".into()),
            Condition::NpmModule => {
                let named = self.survey.modules.names(path);
                (!named).then(|| {
                    "`package.json` does not name its module, so nothing would install it again"
                        .into()
                })
            }
            Condition::SpokenMessage => (!is_spoken_message(path))
                .then(|| "it is not called as Home Assistant calls what it renders".into()),
            Condition::PiperVoice => (!is_published_voice(path))
                .then(|| "no voice of this name is published for Piper".into()),
            Condition::RecorderUrl => {
                let target = self
                    .request
                    .database
                    .target()
                    .filter(|target| matches!(target, Target::File(_)));
                let named = target.is_some_and(|target| target.takes(&self.part.id, path));
                (!named).then(|| "`db_url` in the configuration does not name it".into())
            }
            Condition::ImageTar => image_tar(self.backup, self.part, self.request)
                .err()
                .map(|why| why.to_string()),
            _ => Some("it is a file".into()),
        }
    }
}

/// Why a rule about backups inside the backup leaves a file alone.
fn backup_stays(condition: Condition, contents: Contents) -> Option<&'static str> {
    match (contents, condition) {
        (Contents::Backup(Origin::Same), Condition::OwnBackup | Condition::LocalBackup) => None,
        (Contents::Backup(Origin::Unknown), Condition::LocalBackup | Condition::UnknownBackup) => {
            None
        }
        (Contents::Backup(_), Condition::NestedBackup) => None,
        (Contents::Backup(Origin::Other), _) => Some("it is a backup of another Home Assistant"),
        (Contents::Backup(Origin::Unknown), _) => {
            Some("the backup does not tell which Home Assistant made it")
        }
        (Contents::Backup(Origin::Same), _) => Some("it is a backup of the same Home Assistant"),
        _ => Some("its contents are not a Home Assistant backup"),
    }
}

/// Whether a restore could build an add-on's image again.
///
/// # Errors
/// Why not.
pub(super) fn image_tar(
    backup: &Backup,
    part: &Part,
    request: &Request,
) -> Result<(), ImageTarStays> {
    image_tar_allowed(
        part.list_name(),
        repository_listed(backup, part),
        local_source_kept(backup, request),
    )
}

/// True when an add-on's image is there and must stay unless it is typed out in full.
pub(super) fn image_must_stay(backup: &Backup, part: &Part, request: &Request) -> bool {
    part.kind == ComponentKind::Addon && image_tar(backup, part, request).is_err()
}

fn repository_listed(backup: &Backup, part: &Part) -> bool {
    let prefix = part.list_name().split('_').next().unwrap_or_default();
    backup
        .manifest
        .repositories()
        .any(|url| slug_prefix(url) == prefix)
}

/// Whether the copy holds the local add-ons' source with all its files, as far as the user decides.
fn local_source_kept(backup: &Backup, request: &Request) -> bool {
    let id = "addons/local";
    backup.parts.iter().any(|p| p.id == id)
        && (request.keeps_component(id)
            || !request.drops_component(id) && !request.drops_within(id))
}
