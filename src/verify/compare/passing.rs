//! Verifies a copy on its way to somewhere else, without a file of it.
//!
//! The contents of every member are compared as they pass by. What the checks of the outer tar and
//! of the metadata read is kept: all bytes outside of the members' data, `backup.json`, and the first
//! and the last blocks of each member. So these checks are the same as for a file.

use std::io::{self, Cursor, ErrorKind, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::Receiver;

use super::members::{pair_members, same};
use super::{Verified, check_gaps, check_manifest, failed, failure};
use crate::error::{Error, Result};
use crate::format::outer::Member;
use crate::format::securetar::{self, Layer};
use crate::format::tar::block::{BLOCK, padding};
use crate::open::{self, Backup, Part};
use crate::pipe::{Control, Input, Ranges, Shared};
use crate::plan::{Action, Form};
use crate::rewrite::{Extent, Measured, Written};
use crate::verify::{Verification, reference_tar};

/// Bytes of a member that are kept at each end. A reader looks at one block at the beginning, and
/// at up to two blocks at the end.
const KEPT: u64 = 2 * BLOCK as u64;

impl Verification<'_> {
    /// Compares the copy whose bytes come through the queue, as [`output()`](super::output()) does
    /// with a file. Returns when the queue ends, or at the first difference.
    ///
    /// Memory: that of the comparison of one member; what is kept of each member is about 2 KiB, and
    /// its headers.
    ///
    /// # Errors
    /// As [`output()`](super::output()). The receiver of the same bytes must then not get their end.
    pub fn passing(
        &self,
        measured: &Measured,
        bytes: Receiver<Shared>,
        control: &Control,
    ) -> Result<Verified> {
        self.compare_passing(measured, bytes, control)
            .map_err(failure)
    }

    fn compare_passing(
        &self,
        measured: &Measured,
        bytes: Receiver<Shared>,
        control: &Control,
    ) -> Result<Verified> {
        let passing = Passing::new(bytes);
        let mut verified = Verified::default();
        for extent in &measured.members {
            passing.lock().keep(extent.header)?;
            if extent.member == self.original.manifest_member {
                passing.lock().keep(extent.data)?;
            } else {
                let one = self.compare_member(extent, &passing, control)?;
                verified.bytes_compared += one.bytes_compared;
                verified.entries_compared += one.entries_compared;
            }
            passing.lock().keep(padding(extent.data))?;
        }
        let left = measured.size.saturating_sub(passing.lock().position);
        passing.lock().keep(left)?;
        let copy = passing.lock().end(self.original.input.path())?;
        self.check_frame(measured, copy, control)?;
        Ok(verified)
    }

    /// Compares the data of a member.
    fn compare_member(
        &self,
        extent: &Extent,
        passing: &Passing,
        control: &Control,
    ) -> Result<Verified> {
        let original = self.original;
        let member = original.members.get(extent.member);
        let member = member.ok_or_else(|| failed("it has a member that was not planned"))?;
        let part = original.part_of(extent.member);
        let planned = part.and_then(|at| Some((at, self.plan.parts.get(at)?)));
        let theirs = passing.begin(extent.data);
        let outcome = match planned.map(|(at, planned)| (at, planned, &planned.action)) {
            None | Some((_, _, Action::Copy | Action::Drop)) => {
                let ours = original.input.window(member.data_at(), member.size);
                same(ours, theirs, control)
            }
            Some((at, planned, Action::Reencrypt)) => {
                let ours = open::source(original, original.part(at), self.keys)?;
                self.contents(at, &planned.form, theirs, extent.data)
                    .and_then(|theirs| same(ours, theirs, control))
            }
            Some((at, planned, action)) => {
                let edit = action.edit().ok_or_else(|| failed("a part has no plan"))?;
                self.contents(at, &planned.form, theirs, extent.data)
                    .and_then(|theirs| self.same_entries(at, edit, theirs, control))
            }
        };
        let verified = outcome.map_err(|e| e.in_part(member.display_name()))?;
        passing.lock().finish_member()?;
        Ok(verified)
    }

    /// The archive in a member's data.
    fn contents(
        &self,
        at: usize,
        form: &Form,
        mut data: MemberData,
        size: u64,
    ) -> Result<Box<dyn Read + Send>> {
        let len = usize::try_from(size).unwrap_or(usize::MAX);
        let mut head = vec![0; securetar::SNIFF_LEN.min(len)];
        data.read_exact(&mut head).map_err(Error::from_read)?;
        let header = match securetar::sniff(&head, form.compressed)? {
            Layer::Secure(header) => Some(header),
            Layer::Plain => None,
        };
        let skip = header.as_ref().map_or(0, |header| header.len());
        let rest = head.split_off(skip.min(head.len()));
        let part = Part {
            compressed: form.compressed,
            ..self.original.part(at).clone()
        };
        open::decrypted(
            Cursor::new(rest).chain(data),
            size - skip as u64,
            header.as_ref(),
            &part,
            self.keys,
        )
    }

    /// Checks everything that is not the data of a member.
    fn check_frame(&self, measured: &Measured, copy: Arc<Input>, control: &Control) -> Result<()> {
        let (original, plan) = (self.original, self.plan);
        let written = Written {
            size: measured.size,
            changes: measured.changes.clone(),
        };
        let copy = Backup::read(copy, control)?;
        reference_tar::outer(&copy)?;
        check_gaps(&copy)?;
        check_manifest(original, plan, &written, &copy)?;
        let pairs = pair_members(original, plan, &copy)?;
        // What was compared as a member's data must be what a reader takes for it.
        let is_there = |(found, extent): (&Member, &Extent)| {
            found.header.raw.len() as u64 == extent.header && found.size == extent.data
        };
        let found = copy.members.iter().zip(&measured.members);
        if copy.members.len() != measured.members.len() || !found.clone().all(is_there) {
            return Err(failed("its members are not where they should be"));
        }
        for pair in &pairs {
            pair.right_headers(&copy)
                .map_err(|e| e.in_part(pair.new.display_name()))?;
        }
        Ok(())
    }
}

/// The bytes that pass by. A handle that several readers share.
#[derive(Clone)]
struct Passing(Arc<Mutex<State>>);

struct State {
    bytes: Receiver<Shared>,
    current: Option<Shared>,
    used: usize,
    position: u64,
    kept: Ranges,
    /// Where the data of the present member begin, and their length.
    member: (u64, u64),
    /// The number of the present member. Readers of earlier ones get nothing.
    number: u64,
}

/// Reads the data of one member.
struct MemberData {
    passing: Passing,
    number: u64,
}

impl Passing {
    fn new(bytes: Receiver<Shared>) -> Self {
        Self(Arc::new(Mutex::new(State {
            bytes,
            current: None,
            used: 0,
            position: 0,
            kept: Ranges::default(),
            member: (0, 0),
            number: 0,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reader for the data of the member that begins here.
    fn begin(&self, len: u64) -> MemberData {
        let mut state = self.lock();
        state.member = (state.position, len);
        state.number += 1;
        MemberData {
            passing: self.clone(),
            number: state.number,
        }
    }
}

impl State {
    /// Reads some bytes; none if there are no more.
    fn some(&mut self, buffer: &mut [u8]) -> usize {
        loop {
            let rest = self.current.as_ref().and_then(|all| all.get(self.used..));
            if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
                let got = rest.len().min(buffer.len());
                for (to, from) in buffer.chunks_mut(got).zip(rest.chunks(got)).take(1) {
                    to.copy_from_slice(from);
                }
                self.used += got;
                self.position += got as u64;
                return got;
            }
            let Ok(next) = self.bytes.recv() else {
                return 0;
            };
            (self.current, self.used) = (Some(next), 0);
        }
    }

    /// Reads these bytes and keeps them.
    fn keep(&mut self, len: u64) -> Result<()> {
        let mut left = len;
        let mut buffer = [0; 4096];
        while left > 0 {
            let now = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let at = self.position;
            let got = self.some(buffer.get_mut(..now).unwrap_or_default());
            let bytes = buffer.get(..got).filter(|bytes| !bytes.is_empty());
            let bytes = bytes.ok_or_else(too_short)?;
            self.kept.add(at, bytes);
            left -= got as u64;
        }
        Ok(())
    }

    /// Bytes of the present member that have not been read.
    fn left(&self) -> u64 {
        let (begin, len) = self.member;
        (begin + len).saturating_sub(self.position)
    }

    /// Reads some data of the present member, and keeps those at its ends.
    fn data(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left())
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let at = self.position;
        let got = self.some(buffer.get_mut(..most).unwrap_or_default());
        if got == 0 {
            return Err(too_short().into_io());
        }
        let (begin, len) = self.member;
        let (from, to) = (at - begin, at - begin + got as u64);
        let read = buffer.get(..got).unwrap_or_default();
        let mut keep = |first: u64, last: u64| {
            let index = |of: u64| usize::try_from(of.clamp(from, to) - from).unwrap_or(0);
            let bytes = read.get(index(first)..index(last)).unwrap_or_default();
            self.kept.add(at + first.clamp(from, to) - from, bytes);
        };
        let tail = len.saturating_sub(KEPT).max(KEPT.min(len));
        keep(0, KEPT.min(len));
        keep(tail, len);
        Ok(got)
    }

    /// Reads what is left of the present member. Its readers then get nothing.
    fn finish_member(&mut self) -> Result<()> {
        self.number += 1;
        let mut buffer = [0; 4096];
        while self.left() > 0 {
            self.data(&mut buffer).map_err(Error::from_read)?;
        }
        Ok(())
    }

    /// What was kept, if nothing follows any more.
    fn end(&mut self, path: &std::path::Path) -> Result<Arc<Input>> {
        if self.some(&mut [0]) > 0 {
            return Err(failed("it goes on behind its end"));
        }
        Ok(Input::kept(
            std::mem::take(&mut self.kept),
            self.position,
            path,
        ))
    }
}

impl Read for MemberData {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.passing.lock();
        if state.number != self.number {
            return Ok(0);
        }
        state.data(buffer)
    }
}

fn too_short() -> Error {
    failed("it ends too early").caused_by(io::Error::from(ErrorKind::UnexpectedEof))
}
