//! The lengths of everything in a copy, found out before it is made.
//!
//! A copy that is not written to a file needs them: the header of a part, with its size, comes
//! before the part. What is only copied has a known length. A part that is rewritten is rewritten
//! twice: the first time, its bytes are only counted. They depend on the original, the plan and the
//! level of compression alone, and the length of a ciphertext on that of its plaintext, so the
//! second time gives the same lengths although salts and nonces are others.

use super::part::copied_header;
use super::sink::Sink;
use super::{Parts, end_length, write_members};
use crate::crypt::KeyRing;
use crate::error::{Error, Kind, Result};
use crate::format::manifest::Changes;
use crate::format::tar::block::padding;
use crate::open::Backup;
use crate::pipe::{Control, FanOut, Stage};
use crate::plan::{Action, Encryption, PartEdit, Plan};
use crate::survey::{PartSurvey, Surveys};

/// A member of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Index in [`Backup::members`] of the original.
    pub member: usize,
    /// Bytes of its header.
    pub header: u64,
    /// Bytes of its data.
    pub data: u64,
}

/// The lengths in a copy, and what is drawn at random for it.
#[derive(Debug)]
pub struct Measured {
    /// Bytes of the copy.
    pub size: u64,
    /// How its metadata differ from the original's.
    pub changes: Changes,
    /// Its members in order.
    pub members: Vec<Extent>,
    /// By part: bytes of plaintext of the parts that are rewritten.
    plaintexts: Vec<Option<u64>>,
    target: Encryption,
}

/// Finds out how long the copy that `plan` describes is. Reads and encodes the parts that are
/// rewritten, one after the other; nothing is written. Memory: as [`rewrite`](super::rewrite()).
///
/// # Errors
/// Errors from reading and decoding; `Interrupted`. A copy that exceeds the limit is no error.
pub fn measure(
    backup: &Backup,
    surveys: &[PartSurvey],
    plan: &Plan,
    keys: Option<&KeyRing>,
    control: &Control,
) -> Result<Measured> {
    let (parts, changes) = Parts::new(backup, surveys, plan, keys, control)?;
    let size = |at: usize| backup.parts.get(at).map_or(0, |part| backup.stored(part));
    let is_rewritten = |at: &usize| {
        let action = plan.parts.get(*at).map(|planned| &planned.action);
        !matches!(action, Some(Action::Copy | Action::Drop))
    };
    let rewritten: Vec<usize> = (0..backup.parts.len()).filter(is_rewritten).collect();
    control.begin(Stage::Read, rewritten.iter().map(|&at| size(at)).sum());
    let mut plaintexts = vec![None; backup.parts.len()];
    for at in rewritten {
        let bytes = parts.count(at)?;
        if let Some(slot) = plaintexts.get_mut(at) {
            *slot = Some(bytes);
        }
    }
    control.end();
    let mut members = Vec::new();
    for &member in &plan.order {
        members.extend(parts.extent(member, &changes, &plaintexts)?);
    }
    let stored = |one: &Extent| one.header + one.data + padding(one.data);
    let inside: u64 = members.iter().map(stored).sum();
    Ok(Measured {
        size: inside + end_length(inside),
        changes,
        members,
        plaintexts,
        target: parts.target,
    })
}

impl Parts<'_> {
    /// The bytes of plaintext of a part that is rewritten.
    fn count(&self, at: usize) -> Result<u64> {
        let planned = self.plan.parts.get(at).ok_or_else(super::not_covered)?;
        self.control.part(&self.backup.part(at).id);
        let job = self.job(at, planned);
        match &planned.action {
            Action::Drop | Action::Copy => Ok(0),
            Action::Reencrypt => job.count_stream(self.control),
            Action::Edit(edit) => job.count_cut(edit, self.control),
            Action::Rewrite => job.count_cut(&PartEdit::default(), self.control),
        }
    }

    /// The lengths of a member of the original in the copy; `None` if it is left out.
    fn extent(
        &self,
        at: usize,
        changes: &Changes,
        plaintexts: &[Option<u64>],
    ) -> Result<Option<Extent>> {
        let Some(member) = self.backup.members.get(at) else {
            return Ok(None);
        };
        let of = |header: &[u8], data: u64| {
            Ok(Some(Extent {
                member: at,
                header: header.len() as u64,
                data,
            }))
        };
        if at == self.backup.manifest_member {
            let len = self.backup.manifest.changed_len(changes)?;
            return of(&member.header_with_size(len)?, len);
        }
        let Some(index) = self.backup.part_of(at) else {
            return of(&member.header.raw, member.size);
        };
        let planned = self.plan.parts.get(index).ok_or_else(super::not_covered)?;
        match (&planned.action, plaintexts.get(index).copied().flatten()) {
            (Action::Drop, _) => Ok(None),
            (Action::Copy, _) => of(&copied_header(member, &planned.form)?, member.size),
            (_, Some(plaintext)) => {
                let size = self.target.member_size(plaintext);
                of(&planned.form.header(member, size)?, size)
            }
            (_, None) => Err(super::not_covered()),
        }
    }
}

/// Makes the copy that was measured, and passes its bytes on in order.
///
/// # Errors
/// As [`rewrite`](super::rewrite()); `OutputIo` if a receiver is gone; `Internal` if the copy turns
/// out to have another length.
pub fn pass_on(
    backup: &Backup,
    surveys: &[PartSurvey],
    plan: &Plan,
    keys: Option<&KeyRing>,
    measured: &Measured,
    to: &mut FanOut,
    control: &Control,
) -> Result<()> {
    let parts = Parts {
        backup,
        surveys: Surveys::new(surveys),
        plan,
        keys,
        target: measured.target.clone(),
        control,
        plaintexts: Some(&measured.plaintexts),
    };
    let sink: &mut dyn Sink = to;
    write_members(&parts, &measured.changes, sink, &mut ())?;
    if sink.position() != measured.size {
        return Err(Error::new(
            Kind::Internal,
            "the copy has another length than was measured",
        ));
    }
    Ok(())
}
