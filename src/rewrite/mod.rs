//! Fourth stage: writes a plan as a file, complete but without a name until it is verified and
//! published.
#![deny(clippy::indexing_slicing)]

mod filter;
mod header;
mod level;
mod measured;
pub mod output;
mod packed;
mod part;
mod sink;
mod splicing;
mod tail;

pub use filter::CutFilter;
pub use level::fastest_level;
pub use measured::{Extent, Measured, measure, pass_on};
pub(crate) use output::hidden_name;
pub use output::{Output, Target as OutputPath};
pub use packed::{PackedSize, packed_size};

use self::sink::Sink;
use crate::crypt::KeyRing;
use crate::error::{Advice, Error, Kind, Result};
use crate::format::manifest::Changes;
use crate::format::outer::{Member, RECORD};
use crate::format::securetar::SecureHeader;
use crate::format::tar::block::{BLOCK, padding};
use crate::open::Backup;
use crate::pipe::{Control, Stage};
use crate::plan::model::{PartEdit, PartPlan};
use crate::plan::{Action, Encryption, Plan};
use crate::survey::{PartSurvey, Surveys};

/// The result of writing.
#[derive(Debug)]
pub struct Written {
    /// Bytes of the file.
    pub size: u64,
    /// How its metadata differ from the original's.
    pub changes: Changes,
}

/// The position of a part's data in the output, including the SecureTar header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Index in [`Backup::parts`] of the original.
    pub part: usize,
    /// Where the data begin in the file.
    pub data_at: u64,
    /// Their length in bytes.
    pub size: u64,
}

/// Learns where the parts that are cut come to stand, while the copy is being written.
pub trait Watcher {
    /// The data of this part of the original begin at `data_at`. What is behind their SecureTar header
    /// does not change any more once it is written. The header is written last; `header` is the same
    /// but for its size, `None` if the part is not encrypted.
    fn begins(&mut self, part: usize, data_at: u64, header: Option<SecureHeader>);

    /// The whole part is there, its headers too, and nothing behind it has been written.
    fn ends(&mut self, place: Place);
}

/// Watches nothing.
impl Watcher for () {
    fn begins(&mut self, _: usize, _: u64, _: Option<SecureHeader>) {}
    fn ends(&mut self, _: Place) {}
}

/// Writes the copy that `plan` describes into `output`, members in the order of the plan.
///
/// Kept members are copied byte for byte inside the kernel; cut ones are decrypted, filtered,
/// encoded and encrypted on all threads. Memory does not depend on any size. `watcher` learns where
/// each cut part stands.
///
/// # Errors
/// `CannotFit` if the result is larger than the plan's limit; otherwise errors from reading,
/// decoding or writing. The output is unusable then.
pub fn rewrite(
    backup: &Backup,
    surveys: &[PartSurvey],
    plan: &Plan,
    keys: Option<&KeyRing>,
    output: &mut Output,
    control: &Control,
    watcher: &mut dyn Watcher,
) -> Result<Written> {
    let (parts, changes) = Parts::new(backup, surveys, plan, keys, control)?;
    control.begin(Stage::Write, work(backup, plan));
    write_members(&parts, &changes, output, watcher)?;
    control.end();
    let size = output.position();
    if size > plan.limit {
        return Err(too_large(size, plan.limit));
    }
    Ok(Written { size, changes })
}

/// Writes all members, in the order of the plan, and the end.
fn write_members(
    parts: &Parts<'_>,
    changes: &Changes,
    output: &mut dyn Sink,
    watcher: &mut dyn Watcher,
) -> Result<()> {
    let (backup, control) = (parts.backup, parts.control);
    for &at in &parts.plan.order {
        let Some(member) = backup.members.get(at) else {
            continue;
        };
        if at == backup.manifest_member {
            let text = backup.manifest.changed(changes)?;
            write_small(output, &member.header_with_size(text.len() as u64)?, &text)?;
        } else if let Some(part) = backup.part_of(at) {
            parts.write(part, output, watcher)?;
        } else {
            copy_member(backup, member, output, control)?;
        }
    }
    end_archive(output)
}

/// Everything needed to write a part.
struct Parts<'a> {
    backup: &'a Backup,
    surveys: Surveys<'a>,
    plan: &'a Plan,
    keys: Option<&'a KeyRing>,
    target: Encryption,
    control: &'a Control,
    /// By part: the bytes of plaintext, if they are known beforehand.
    plaintexts: Option<&'a [Option<u64>]>,
}

impl<'a> Parts<'a> {
    /// The parts of a new copy, and its metadata. The salts and the slug are new.
    fn new(
        backup: &'a Backup,
        surveys: &'a [PartSurvey],
        plan: &'a Plan,
        keys: Option<&'a KeyRing>,
        control: &'a Control,
    ) -> Result<(Self, Changes)> {
        let changes = Changes {
            slug: new_slug(backup.manifest.slug())?,
            ..plan.changes.clone()
        };
        let parts = Self {
            backup,
            surveys: Surveys::new(surveys),
            plan,
            keys,
            target: settle(&plan.encryption, keys)?,
            control,
            plaintexts: None,
        };
        Ok((parts, changes))
    }
}

impl Parts<'_> {
    fn job<'a>(&'a self, index: usize, planned: &'a PartPlan) -> part::Job<'a> {
        part::Job {
            backup: self.backup,
            index,
            keys: self.keys,
            target: &self.target,
            form: &planned.form,
            level: planned.compressing.map(|how| how.level),
            survey: self.surveys.of(index),
            plaintext: self
                .plaintexts
                .and_then(|all| all.get(index).copied().flatten()),
        }
    }

    /// Writes a part as the plan says.
    fn write(&self, index: usize, output: &mut dyn Sink, watcher: &mut dyn Watcher) -> Result<()> {
        let planned = self.plan.parts.get(index).ok_or_else(not_covered)?;
        if !matches!(planned.action, Action::Drop) {
            self.control.part(&self.backup.part(index).id);
        }
        let job = self.job(index, planned);
        match &planned.action {
            Action::Drop => {}
            Action::Copy => job.copy(output, self.control)?,
            Action::Reencrypt => job.rewrap(output, self.control)?,
            Action::Edit(edit) => job.cut(edit, output, watcher, self.control)?,
            Action::Rewrite => job.cut(&PartEdit::default(), output, watcher, self.control)?,
        }
        Ok(())
    }
}

/// Copies a member that is not a part, header and data.
fn copy_member(
    backup: &Backup,
    member: &Member,
    output: &mut dyn Sink,
    control: &Control,
) -> Result<()> {
    let len = member.header.raw.len() as u64 + member.size;
    output.copy(&backup.input, member.header_at, len, control)?;
    // The input may lack the padding of its last member.
    output.zeros(padding(member.size))
}

/// Two blocks of zeros, and more up to a whole record.
fn end_archive(output: &mut dyn Sink) -> Result<()> {
    output.zeros(end_length(output.position()))
}

/// Bytes of the end of an archive whose members take this many bytes.
fn end_length(members: u64) -> u64 {
    (members + 2 * BLOCK as u64).next_multiple_of(RECORD) - members
}

/// The error for a copy of this size.
pub(crate) fn too_large(size: u64, limit: u64) -> Error {
    let message = format!(
        "the result has {size} bytes, {} more than the limit",
        size - limit
    );
    Error::new(Kind::CannotFit, message).advice(Advice::DropMore)
}

/// Bytes of the input that the plan moves, for the progress.
fn work(backup: &Backup, plan: &Plan) -> u64 {
    let parts = backup.parts.iter().zip(&plan.parts);
    parts
        .filter(|(_, p)| p.action != Action::Drop)
        .map(|(part, _)| backup.stored(part))
        .sum()
}

fn write_small(output: &mut dyn Sink, header: &[u8], data: &[u8]) -> Result<()> {
    output.append(header)?;
    output.append(data)?;
    output.zeros(padding(data.len() as u64))
}

/// Fills in values that only exist once writing begins: salts for an archive without any.
fn settle(target: &Encryption, keys: Option<&KeyRing>) -> Result<Encryption> {
    match (target, keys) {
        (Encryption::V3(None), Some(keys)) => Ok(Encryption::V3(Some(keys.new_v3_salts()?))),
        _ => Ok(target.clone()),
    }
}

/// Eight random hex digits, different from the original's: with the same slug
/// Supervisor refuses the import and deletes the upload.
fn new_slug(old: &str) -> Result<String> {
    loop {
        let mut bytes = [0u8; 4];
        getrandom::fill(&mut bytes)
            .map_err(|_| Error::new(Kind::Internal, "the system gave no random numbers"))?;
        let slug = format!("{:08x}", u32::from_be_bytes(bytes));
        if slug != old {
            return Ok(slug);
        }
    }
}

/// The error for a plan that belongs to another backup.
fn not_covered() -> Error {
    Error::new(Kind::Internal, "the plan does not cover every part")
}
