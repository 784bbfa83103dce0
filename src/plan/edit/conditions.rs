//! Whether a rule applies to a file that its globs match.

use std::sync::OnceLock;

use crate::component::LOCAL_ADDONS;
use crate::format::tar::block::EntryKind;
use crate::open::{Backup, ComponentKind, Part};
use crate::plan::edit::servers::Servers;
use crate::plan::request::Request;
use crate::plan::request::database::Database;
use crate::rules::{
    Condition, Contents, ImageTarStays, KnownDatabases, Origin, Rule, image_tar_allowed,
    is_database_name, is_published_voice, is_spoken_message, slug_prefix,
};
use crate::survey::{Entry, PartSurvey};

/// The file with the image of an add-on that was built on the system itself.
pub(crate) const IMAGE: &[u8] = b"image.tar";

/// Why a rule does not apply to a file that its globs match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmet {
    /// It is a database, and the rule's class is dropped without asking.
    Database,
    /// It is a backup made by a Home Assistant of another origin than the rule is for.
    Backup(Origin),
    /// It is not a backup.
    NotABackup,
    /// It is not the core dump of a crashed program.
    NotACoreDump,
    /// `package.json` does not name its module.
    UnnamedModule,
    /// Its name is not one that Home Assistant gives to rendered files.
    NotRendered,
    /// There is no published voice with this name.
    NoPublishedVoice,
    /// `db_url` does not name it.
    NotTheRecorders,
    /// It is an image that must stay.
    Image(ImageTarStays),
    /// The rule is not about files.
    IsAFile,
}

/// What is needed to check the conditions of rules in one part.
pub(crate) struct Conditions<'a> {
    pub backup: &'a Backup,
    pub part: &'a Part,
    pub request: &'a Request,
    pub survey: &'a PartSurvey,
    /// Made on first use: most runs have no rules of the user's.
    servers: OnceLock<Servers>,
    /// The same: where the catalogue knows databases in this part.
    known: OnceLock<KnownDatabases>,
}

impl<'a> Conditions<'a> {
    pub fn new(
        backup: &'a Backup,
        part: &'a Part,
        request: &'a Request,
        survey: &'a PartSurvey,
    ) -> Self {
        Self {
            backup,
            part,
            request,
            survey,
            servers: OnceLock::new(),
            known: OnceLock::new(),
        }
    }

    /// Whether a file belongs to a database, though neither its name nor its contents say so.
    fn is_of_a_database(&self, path: &[u8]) -> bool {
        let (backup, part) = (self.backup, self.part);
        let servers = || Servers::new(backup, part, self.survey);
        let known = || self.request.catalogue.databases_of(&part.id);
        let known = self.known.get_or_init(known);
        !known.spare(path) && (known.have(path) || self.servers.get_or_init(servers).have(path))
    }

    /// Whether a rule applies to this entry.
    pub fn met(&self, rule: &Rule, path: &[u8], entry: &Entry) -> bool {
        // Every file is checked; the reason is determined only for a few.
        (!rule.condition.wants_backup() || entry.contents.is_backup())
            && self.unmet(rule, path, entry).is_none()
    }

    /// Why a rule does not apply to this entry although its globs match. `None` if it applies.
    pub fn unmet(&self, rule: &Rule, path: &[u8], entry: &Entry) -> Option<Unmet> {
        // A database is never a cache, whatever its folder is called.
        let database = entry.contents == Contents::Database || is_database_name(path);
        let is_theirs = || rule.added && self.is_of_a_database(path);
        let is_file = entry.kind != EntryKind::Directory;
        if rule.class.is_free() && is_file && (database || is_theirs()) {
            return Some(Unmet::Database);
        }
        let unless = |met: bool, unmet: Unmet| (!met).then_some(unmet);
        match rule.condition {
            Condition::None | Condition::RecorderDatabase => None,
            condition if condition.wants_backup() => backup_stays(condition, entry.contents),
            Condition::CoreDump => {
                unless(entry.contents == Contents::CoreDump, Unmet::NotACoreDump)
            }
            Condition::NpmModule => unless(self.survey.modules.names(path), Unmet::UnnamedModule),
            Condition::SpokenMessage => unless(is_spoken_message(path), Unmet::NotRendered),
            Condition::PiperVoice => unless(is_published_voice(path), Unmet::NoPublishedVoice),
            Condition::RecorderUrl => {
                let database = self.request.database.target();
                let file = database.filter(|target| matches!(target, Database::File(_)));
                let named = file.is_some_and(|file| file.takes(&self.part.id, path));
                unless(named, Unmet::NotTheRecorders)
            }
            Condition::ImageTar => image_tar(self.backup, self.part, self.request)
                .err()
                .map(Unmet::Image),
            _ => Some(Unmet::IsAFile),
        }
    }
}

/// Why a rule about backups inside the backup does not apply to a file.
fn backup_stays(condition: Condition, contents: Contents) -> Option<Unmet> {
    match (contents, condition) {
        (Contents::Backup(Origin::Same), Condition::OwnBackup | Condition::LocalBackup) => None,
        (Contents::Backup(Origin::Unknown), Condition::LocalBackup | Condition::UnknownBackup) => {
            None
        }
        (Contents::Backup(_), Condition::NestedBackup) => None,
        (Contents::Backup(origin), _) => Some(Unmet::Backup(origin)),
        _ => Some(Unmet::NotABackup),
    }
}

/// Whether an add-on's image could be built again after a restore.
///
/// # Errors
/// Why not.
pub(crate) fn image_tar(
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

/// True if the part has an add-on's image that must stay unless its name is typed in full.
pub(crate) fn image_must_stay(backup: &Backup, part: &Part, request: &Request) -> bool {
    part.kind == ComponentKind::Addon && image_tar(backup, part, request).is_err()
}

fn repository_listed(backup: &Backup, part: &Part) -> bool {
    let prefix = part.list_name().split('_').next().unwrap_or_default();
    backup
        .manifest
        .repositories()
        .any(|url| slug_prefix(url) == prefix)
}

/// Whether the copy keeps all files of the local add-ons' source, as far as the user decides.
fn local_source_kept(backup: &Backup, request: &Request) -> bool {
    let id = LOCAL_ADDONS;
    backup.parts.iter().any(|p| p.id == id)
        && (request.keeps_component(id)
            || !request.drops_component(id) && !request.drops_within(id))
}
