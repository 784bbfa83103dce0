//! Member by member: compares what the plan copies byte for byte, and what it rewrites.

use std::io::Read;

use super::{Verified, failed};
use crate::error::{Error, Result};
use crate::format::outer::Member;
use crate::format::securetar::SecureHeader;
use crate::open::{Backup, Part, source};
use crate::pipe::{Control, read_full};
use crate::plan::{Action, PartEdit, PartPlan, Plan};
use crate::rewrite::Place;
use crate::verify::Verification;

/// A member of the copy and its origin.
pub(super) struct Pair<'a> {
    old: &'a Member,
    pub new: &'a Member,
    /// Its index in the copy.
    at: usize,
    /// `None` for a member that is not a part. It is copied unchanged.
    planned: Option<(&'a PartPlan, usize)>,
}

impl Pair<'_> {
    /// Checks the header of the member, and for a part that is rewritten the SecureTar header.
    ///
    /// # Errors
    /// `VerifyFailed`.
    pub fn right_headers(&self, copy: &Backup) -> Result<()> {
        match self.planned.map(|(planned, _)| &planned.action) {
            None | Some(Action::Copy | Action::Drop) => self.same_header(),
            Some(_) => self.new_header(copy),
        }
    }

    /// A member that is copied has its old header; a stale size and a wrong name are the only
    /// faults that a copy fixes here.
    fn same_header(&self) -> Result<()> {
        let (old, new) = (self.old, self.new);
        let expected = if old.stale || self.is_renamed() {
            self.header(old.size)?
        } else {
            old.header.raw.clone()
        };
        if new.header.raw != expected {
            return Err(failed("its header differs"));
        }
        if old.size != new.size {
            return Err(failed("its size differs"));
        }
        Ok(())
    }

    /// A rewritten part has its old header with the new size, and before its ciphertext only what
    /// is needed to read it.
    fn new_header(&self, copy: &Backup) -> Result<()> {
        let new = self.new;
        if new.header.raw != self.header(new.size)? {
            return Err(failed("its header differs by more than planned"));
        }
        match new_part(copy, self)?.secure() {
            Some(SecureHeader::V2 { reserved, .. } | SecureHeader::V3 { reserved, .. })
                if *reserved != [0; 8] =>
            {
                Err(failed(
                    "its SecureTar header has something in the reserved bytes",
                ))
            }
            _ => Ok(()),
        }
    }

    fn is_renamed(&self) -> bool {
        self.planned
            .is_some_and(|(planned, _)| planned.form.name.is_some())
    }

    /// The planned header of the member, for data of this size.
    fn header(&self, size: u64) -> Result<Vec<u8>> {
        self.planned.map_or_else(
            || self.old.header_with_size(size),
            |(planned, _)| planned.form.header(self.old, size),
        )
    }
}

/// The members of the copy in order, each with its origin in the original.
///
/// # Errors
/// `VerifyFailed` if they are not the members that the plan keeps.
pub(super) fn pair_members<'a>(
    original: &'a Backup,
    plan: &'a Plan,
    copy: &'a Backup,
) -> Result<Vec<Pair<'a>>> {
    let mut pairs = Vec::new();
    let mut new = 0;
    for &old in &plan.order {
        let Some(member) = original.members.get(old) else {
            continue;
        };
        let planned = original
            .part_of(old)
            .and_then(|at| plan.parts.get(at).map(|planned| (planned, at)));
        if planned.is_some_and(|(planned, _)| planned.action == Action::Drop) {
            continue;
        }
        let name = planned
            .and_then(|(planned, _)| planned.form.name.as_ref())
            .unwrap_or(&member.header.name);
        let same = |m: &&Member| m.header.name == *name && m.header.kind == member.header.kind;
        let Some(found) = copy.members.get(new).filter(same) else {
            return Err(failed(format!(
                "{} is not where it should be",
                member.display_name()
            )));
        };
        if old != original.manifest_member {
            pairs.push(Pair {
                old: member,
                new: found,
                at: new,
                planned,
            });
        }
        new += 1;
    }
    if new != copy.members.len() {
        return Err(failed("it has more members than planned"));
    }
    Ok(pairs)
}

/// The part that the member has in the copy.
fn new_part<'a>(copy: &'a Backup, pair: &Pair<'_>) -> Result<&'a Part> {
    let part = copy.part_of(pair.at);
    part.map(|at| copy.part(at))
        .ok_or_else(|| failed("a part is no longer one"))
}

/// Compares two readers byte by byte.
///
/// # Errors
/// `VerifyFailed`; errors of the readers; `Interrupted`.
pub(super) fn same(
    mut ours: impl Read,
    mut theirs: impl Read,
    control: &Control,
) -> Result<Verified> {
    let (mut a, mut b) = (vec![0u8; 1 << 18], vec![0u8; 1 << 18]);
    let mut bytes_compared = 0;
    loop {
        let first = read_full(&mut ours, &mut a).map_err(Error::from_read)?;
        let second = read_full(&mut theirs, &mut b).map_err(Error::from_read)?;
        if a.get(..first) != b.get(..second) {
            return Err(failed("its contents differ").at(bytes_compared));
        }
        if first == 0 {
            return Ok(Verified {
                bytes_compared,
                entries_compared: 0,
            });
        }
        bytes_compared += first as u64;
        control.advance(first as u64)?;
    }
}

/// Compares a member with its original in the way that the plan requires.
pub(super) struct Checker<'a> {
    pub verification: &'a Verification<'a>,
    pub copy: &'a Backup,
    pub control: &'a Control,
}

impl Checker<'_> {
    pub fn pair(&self, pair: &Pair<'_>) -> Result<Verified> {
        let contents = || match pair.planned.map(|(planned, at)| (&planned.action, at)) {
            None | Some((Action::Copy | Action::Drop, _)) => self.same_bytes(pair),
            Some((Action::Reencrypt, at)) => self.same_stream(pair, at),
            Some((action, at)) => {
                let edit = action.edit().ok_or_else(|| failed("a part has no plan"))?;
                self.same_entries(pair, at, edit)
            }
        };
        pair.right_headers(self.copy)
            .and_then(|()| contents())
            .map_err(|e| e.in_part(pair.new.display_name()))
    }

    fn same_bytes(&self, pair: &Pair<'_>) -> Result<Verified> {
        let (old, new) = (pair.old, pair.new);
        let original = &self.verification.original.input;
        let ours = original.window(old.data_at(), old.size);
        let theirs = self.copy.input.window(new.data_at(), new.size);
        same(ours, theirs, self.control)
    }

    fn same_stream(&self, pair: &Pair<'_>, at: usize) -> Result<Verified> {
        let ours = source(
            self.verification.original,
            self.verification.original.part(at),
            self.verification.keys,
        )?;
        let part = new_part(self.copy, pair)?;
        let theirs = source(self.copy, part, self.verification.keys)?;
        same(ours, theirs, self.control)
    }

    /// Compares an edited part, unless that was done while the rest was being written.
    fn same_entries(&self, pair: &Pair<'_>, at: usize, cut: &PartEdit) -> Result<Verified> {
        let part = new_part(self.copy, pair)?;
        let place = Place {
            part: at,
            data_at: pair.new.data_at(),
            size: pair.new.size,
        };
        match self
            .verification
            .known(place, &self.copy.input, self.control)?
        {
            Some(verified) => verified,
            None => self.verification.same_entries(
                at,
                cut,
                source(self.copy, part, self.verification.keys)?,
                self.control,
            ),
        }
    }
}
