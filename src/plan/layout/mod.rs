//! What a copy needs so that Home Assistant's own checks accept it: parts of one kind, the expected
//! names, and a first archive that opens.

mod encrypt;

use crate::error::{Advice, Error, Kind, Result};
use crate::finding::{Finding, MetadataFault, Unfit};
use crate::format::securetar::Version;
use crate::open;
use crate::open::{Archive, Backup, Part, State};
use crate::plan::encryption::{Encryption, EncryptionChoice};
use crate::plan::model::{Action, Form};
use crate::plan::request::Request;
use crate::survey::PartSurvey;

/// The decisions for all parts.
pub(in crate::plan) struct Settled {
    pub actions: Vec<Action>,
    pub forms: Vec<Form>,
    pub target: Encryption,
    /// The members of the original in the order of the copy, including the dropped ones.
    pub order: Vec<usize>,
    /// The required value of `compressed`, if `backup.json` has another one or stores it as text.
    pub compressed: Option<bool>,
    /// Whether the copy's archives are encrypted.
    pub protected: bool,
}

/// How much has to be fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum Extent {
    /// Nothing: no copy is made, unless extra bytes after the end are dropped.
    None,
    /// Names, forms and the order.
    Names,
    /// Everything that Home Assistant's checks require, in the version that haslim writes.
    All,
}

/// What a copy is to be like.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) struct Wanted {
    encryption: EncryptionChoice,
    has_key: bool,
    /// Compressed, whatever the backup is.
    compressed: bool,
}

impl Wanted {
    /// What the user asked for.
    pub fn by(request: &Request) -> Self {
        Self {
            encryption: request.encryption,
            has_key: request.has_key,
            compressed: request.packing.compresses(),
        }
    }

    /// Like the backup.
    pub fn as_it_is(has_key: bool) -> Self {
        Self {
            encryption: EncryptionChoice::AsIs,
            has_key,
            compressed: false,
        }
    }
}

/// Settles the kind, names and order of all parts that stay.
///
/// # Errors
/// `Password`, with the names of the parts, if that needs a key and there is none; `Damaged` if
/// Home Assistant would refuse the copy anyway.
pub(in crate::plan) fn lay_out(
    backup: &Backup,
    surveys: &[PartSurvey],
    mut actions: Vec<Action>,
    wanted: Wanted,
    extent: Extent,
) -> Result<Settled> {
    let has_key = wanted.has_key;
    let target = encrypt::choose(backup, &actions, wanted.encryption, has_key)?;
    let compressed = wanted.compressed || backup.right_compression();
    let mut forms: Vec<Form> = backup
        .parts
        .iter()
        .map(|part| Form {
            compressed: part.compressed,
            name: None,
        })
        .collect();
    if extent != Extent::None {
        let parts = backup.parts.iter().enumerate();
        for (((at, part), action), form) in parts.zip(&mut actions).zip(&mut forms) {
            if *action != Action::Drop {
                *form = form_of(backup, part, compressed)?;
                if target != Encryption::Plain && part.layer.is_some() && part.version().is_none() {
                    // Nobody can look into an encrypted part to find that its name is wrong.
                    form.compressed = match (&form.name, part.suffix) {
                        (None, Some(named)) => named,
                        _ => form.compressed,
                    };
                }
                rewrap(backup, part, &target, form, action, has_key, extent)?;
            }
            let survey = surveys.iter().find(|survey| survey.part == at);
            let is_mended = match action {
                Action::Reencrypt => is_to_be_written_anew(part, survey),
                // Nothing else would make Home Assistant read all of it.
                Action::Copy => {
                    extent == Extent::All && part.version().is_some() && ends_early(part, survey)
                }
                _ => false,
            };
            if is_mended {
                *action = Action::Rewrite;
            }
        }
    }
    let protected = protects(backup, &actions, &target);
    let order = if extent != Extent::None {
        order(backup, &actions, &forms, &target, compressed, protected)?
    } else {
        as_it_is(backup)
    };
    let wrong = compressed != backup.manifest.compressed() || has_type_fault(backup);
    Ok(Settled {
        actions,
        forms,
        target,
        order,
        compressed: wrong.then_some(compressed),
        protected,
    })
}

/// Whether `compressed` is stored as text. Core treats any text as true.
fn has_type_fault(backup: &Backup) -> bool {
    backup
        .manifest
        .faults()
        .iter()
        .any(|fault| matches!(fault, MetadataFault::Type { key: "compressed" }))
}

/// Checks for faults in the metadata for which the copy would still be refused. `without` lists
/// what it no longer contains.
///
/// # Errors
/// `Damaged`.
pub(in crate::plan) fn check_metadata(backup: &Backup, without: &[String]) -> Result<()> {
    let stays = |fault: &&MetadataFault| match fault {
        MetadataFault::Missing { set_in_copies, .. } => !set_in_copies,
        MetadataFault::App { slug } => !without.contains(slug),
        MetadataFault::Value { key } => {
            *key == "homeassistant" && !without.iter().any(|id| id == key)
        }
        MetadataFault::Type { .. } | MetadataFault::Folder { .. } => false,
    };
    match backup.manifest.faults().iter().find(stays) {
        None => Ok(()),
        Some(fault) => Err(Error::damaged(
            Finding::Metadata(fault.clone())
                .text()
                .trim_end_matches('.'),
        )
        .in_part("./backup.json")),
    }
}

/// The required name and form of a part.
fn form_of(backup: &Backup, part: &Part, compressed: bool) -> Result<Form> {
    let as_it_is = Form {
        compressed: part.compressed,
        name: None,
    };
    if !backup.is_looked_for(part) || part.layer.is_none() || backup.is_as_named(part, compressed) {
        return Ok(as_it_is);
    }
    let Some(name) = new_name(backup, part, compressed) else {
        return Ok(Form {
            compressed,
            name: None,
        });
    };
    if !can_have(backup, part, &name) {
        let what = "it has another name than Home Assistant looks for, and cannot be renamed";
        return Err(Error::damaged(what)
            .in_part(part.id.clone())
            .at(backup.member(part).header_at));
    }
    Ok(Form {
        compressed,
        name: Some(name),
    })
}

/// The name that Home Assistant looks for; `None` if the part has it.
fn new_name(backup: &Backup, part: &Part, compressed: bool) -> Option<Vec<u8>> {
    let name = &backup.member(part).header.name;
    let stem = name.strip_suffix(b".gz").unwrap_or(name);
    let new = if compressed {
        [stem, b".gz"].concat()
    } else {
        stem.to_vec()
    };
    (new != *name).then_some(new)
}

/// Whether a part's member can get this name.
fn can_have(backup: &Backup, part: &Part, name: &[u8]) -> bool {
    let mut members = backup.members.iter();
    members.all(|member| member.header.name != name)
        && backup.member(part).renamed(name, 0).is_some()
}

/// Whether a part can get the name that it must have in a compressed copy.
pub(in crate::plan) fn can_be_compressed(backup: &Backup, part: &Part) -> bool {
    new_name(backup, part, true).is_none_or(|name| can_have(backup, part, &name))
}

/// Converts one part to the form that all parts must have.
fn rewrap(
    backup: &Backup,
    part: &Part,
    target: &Encryption,
    form: &Form,
    action: &mut Action,
    has_key: bool,
    extent: Extent,
) -> Result<()> {
    let fits = extent == Extent::Names || target.fits(part);
    let recoded = form.compressed != part.compressed;
    // Without the key, parts of version 1 stay unchanged.
    let able = has_key && !part.closed || *target == Encryption::Plain && part.version().is_none();
    if part.closed && !fits {
        return Err(open::other_key(backup, part));
    }
    if recoded && !able {
        return Err(Error::new(
            Kind::Password,
            "it has to be opened, since it is not compressed as backup.json says",
        )
        .in_part(part.id.clone())
        .advice(Advice::GiveKeyOrDrop));
    }
    if action.edit().is_some() || (fits || !able) && !recoded {
        return Ok(());
    }
    // Other readers do not accept the trailer of v1's gzip streams.
    let broken = part.version() == Some(Version::V1) && part.compressed;
    *action = if broken || recoded {
        Action::Rewrite
    } else {
        Action::Reencrypt
    };
    Ok(())
}

/// Whether a stream cannot go into another form as it is. Bytes behind it look like a wrong size where
/// the part is not encrypted.
fn is_to_be_written_anew(part: &Part, survey: Option<&PartSurvey>) -> bool {
    let gzip = survey.and_then(|survey| survey.end.gzip);
    ends_early(part, survey) || gzip.is_some_and(|gzip| gzip.trailing_bytes > 0)
}

/// Whether Home Assistant would not read all of a stream if the part is encrypted: it then reads the
/// first gzip member alone, and none that begins oddly.
fn ends_early(part: &Part, survey: Option<&PartSurvey>) -> bool {
    let gzip = survey.and_then(|survey| survey.end.gzip);
    part.has_odd_gzip || gzip.is_some_and(|gzip| gzip.members > 1)
}

/// Whether some part of the copy is encrypted.
fn protects(backup: &Backup, actions: &[Action], target: &Encryption) -> bool {
    backup
        .parts
        .iter()
        .zip(actions)
        .any(|(part, action)| match action {
            Action::Drop => false,
            Action::Copy => part.version().is_some(),
            Action::Edit(_) | Action::Rewrite | Action::Reencrypt => *target != Encryption::Plain,
        })
}

fn as_it_is(backup: &Backup) -> Vec<usize> {
    (0..backup.members.len()).collect()
}

/// Whether a part that a copy has in another form opens there.
fn opens(part: &Part, action: &Action) -> bool {
    // What is encrypted in another way has the same contents.
    *action != Action::Reencrypt || !part.has_bad_head
}

/// The state of a part in the copy.
fn state(backup: &Backup, part: &Part, action: &Action, form: &Form, target: &Encryption) -> State {
    // A reader of an encrypted part goes by its name.
    let is_as_named = form.name.is_some() || part.can_be_named(form.compressed);
    match (action, target) {
        (Action::Copy | Action::Drop, _) => part.state(backup.member(part).size),
        (_, Encryption::Plain) => State::Plain {
            compressed: form.compressed,
            opens: opens(part, action),
        },
        (_, Encryption::V2) => State::Encrypted {
            version: Version::V2,
            salts: None,
            opens: is_as_named && opens(part, action),
        },
        // If the archive has no salts, it gets new ones, the same for all parts.
        (_, Encryption::V3(salts)) => State::Encrypted {
            version: Version::V3,
            salts: *salts,
            opens: is_as_named && opens(part, action),
        },
    }
}

/// The members in the order of the copy. Supervisor's password check looks at the first archive, so
/// an archive that fails the check is not placed before those that pass.
///
/// # Errors
/// `Damaged` if none of the remaining parts passes the check.
fn order(
    backup: &Backup,
    actions: &[Action],
    forms: &[Form],
    target: &Encryption,
    compressed: bool,
    protected: bool,
) -> Result<Vec<usize>> {
    let parts = backup.parts.iter().zip(actions).zip(forms);
    let staying: Vec<(&Part, Archive<'_>)> = parts
        .filter(|((part, action), _)| part.is_archive() && **action != Action::Drop)
        .map(|((part, action), form)| {
            let archive = backup.archive(part);
            let name = form.name.as_deref().unwrap_or(archive.name);
            (
                part,
                Archive {
                    name,
                    state: state(backup, part, action, form, target),
                    ..archive
                },
            )
        })
        .collect();
    let is_fit =
        |archive: &Archive<'_>| open::unfit(archive.state, compressed, protected).is_none();
    let first = |part: &Part, archive: &Archive<'_>| {
        backup.is_looked_for(part) && part.suffix.is_some() && is_fit(archive)
    };
    let archives: Vec<Archive<'_>> = staying.iter().map(|(_, archive)| archive.clone()).collect();
    let mut order = as_it_is(backup);
    let Some(fit) = staying.iter().find(|(part, archive)| first(part, archive)) else {
        return match open::first_archive(&archives, compressed, protected) {
            None => Ok(order),
            Some((at, why)) => {
                staying
                    .get(at)
                    .map_or(Ok(()), |(part, _)| open::check_head(backup, part))?;
                Err(refused_first(
                    archives.get(at).map_or("", |archive| archive.id),
                    why,
                ))
            }
        };
    };
    // Core also tries the key on the first archive, whatever its suffix
    // (`validate_password_stream`).
    let unfit = staying
        .iter()
        .find(|(_, archive)| !is_fit(archive))
        .map(|(part, _)| part.member);
    if let Some(unfit) = unfit.filter(|&unfit| unfit < fit.0.member) {
        order.remove(fit.0.member);
        order.insert(unfit, fit.0.member);
    }
    Ok(order)
}

fn refused_first(id: &str, why: Unfit) -> Error {
    let finding = Finding::FirstArchive {
        member: id.to_owned(),
        why,
    };
    Error::damaged(finding.text().trim_end_matches('.').replace("the backup", "the copy"))
        .in_part(id)
        .advice("No part that stays would pass that check. Keep another part, or leave this one out as well.")
}
