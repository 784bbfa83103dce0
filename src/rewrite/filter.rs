//! Converts a cut into edits of the plaintext while it is read.

use std::io;

use super::{header, tail};
use crate::error::{Error, Kind};
use crate::format::tar::block::TarError;
use crate::format::tar::header::Header;
use crate::format::tar::walk::{Visitor, Walker};
use crate::gzip::{Edit, Filter, GzipError};
use crate::pipe::Control;
use crate::plan::PartEdit;
use crate::survey::PartSurvey;

/// Walks a part's tar and decides which bytes stay.
///
/// Kept entries stay byte for byte, headers included. The end of the tar is written again: two zero
/// blocks, padded to a record as Python pads it.
pub struct CutFilter<'a> {
    walker: Walker,
    judge: Judge<'a>,
    control: &'a Control,
}

struct Judge<'a> {
    cut: &'a PartEdit,
    survey: Option<&'a PartSurvey>,
    /// Global headers before this entry stay.
    kept_length: usize,
    next: usize,
    edits: Vec<Edit>,
    kept: u64,
    /// Plaintext bytes covered by edits so far.
    decided: u64,
    tail: bool,
    problem: Option<Error>,
}

impl<'a> CutFilter<'a> {
    /// `survey` is the part's survey; `None` is allowed only for a cut that keeps everything.
    pub fn new(cut: &'a PartEdit, survey: Option<&'a PartSurvey>, control: &'a Control) -> Self {
        let judge = Judge {
            cut,
            survey,
            kept_length: survey.map_or(usize::MAX, |survey| cut.kept_length(survey)),
            next: 0,
            edits: Vec::new(),
            kept: 0,
            decided: 0,
            tail: false,
            problem: None,
        };
        Self {
            walker: Walker::default(),
            judge,
            control,
        }
    }
}

impl Filter for CutFilter<'_> {
    fn feed(&mut self, plaintext: &[u8], edits: &mut Vec<Edit>) -> io::Result<()> {
        self.control.check().map_err(Error::into_io)?;
        // The size of a part that was not surveyed has not been checked yet.
        if self.walker.position() > self.control.max_expanded() {
            return Err(GzipError::TooLarge {
                limit: self.control.max_expanded(),
            }
            .into());
        }
        let outcome = self.walker.feed(plaintext, &mut self.judge);
        if let Some(problem) = self.judge.problem.take() {
            return Err(problem.into_io());
        }
        outcome.map_err(|e| Error::from(e).into_io())?;
        self.judge.drop_tail(self.walker.position());
        edits.append(&mut self.judge.edits);
        Ok(())
    }

    fn finish(&mut self, edits: &mut Vec<Edit>) -> io::Result<()> {
        let walker = std::mem::take(&mut self.walker);
        let end = walker.finish().map_err(|e| Error::from(e).into_io())?;
        self.judge.drop_tail(end.bytes);
        if self
            .judge
            .survey
            .is_some_and(|s| s.entries.len() != self.judge.next)
        {
            return Err(changed().into_io());
        }
        edits.append(&mut self.judge.edits);
        edits.push(Edit::Insert(tail::end(self.judge.kept)));
        Ok(())
    }
}

impl Judge<'_> {
    fn keep(&mut self, bytes: u64) {
        self.kept += bytes;
        self.decided += bytes;
        self.edits.push(Edit::Keep(bytes));
    }

    fn drop(&mut self, bytes: u64) {
        self.decided += bytes;
        self.edits.push(Edit::Drop(bytes));
    }

    fn insert(&mut self, bytes: Vec<u8>) {
        self.kept += bytes.len() as u64;
        self.edits.push(Edit::Insert(bytes));
    }

    /// Drops the old end of the archive while it is read.
    fn drop_tail(&mut self, seen: u64) {
        if self.tail && seen > self.decided {
            self.drop(seen - self.decided);
        }
    }

    fn judge(&mut self, header: &Header) -> crate::Result<()> {
        let at = self.next;
        self.next += 1;
        if !self.is_as_surveyed(at, header) {
            return Err(changed());
        }
        let head = header.raw.len() as u64;
        if self.cut.removes(at) {
            self.drop(header.span());
        } else if let Some(new) = header::replaced(header, self.cut, at)? {
            self.drop(head);
            self.insert(new);
            self.keep(header.span() - head);
        } else {
            self.keep(header.span());
        }
        Ok(())
    }

    /// Whether the survey, if there is one, saw the same entry.
    ///
    /// The same bytes were surveyed a moment ago; any difference means that the input changed, and
    /// the decisions by index would apply to the wrong files.
    fn is_as_surveyed(&self, at: usize, header: &Header) -> bool {
        self.survey.is_none_or(|survey| {
            survey
                .entries
                .get(at)
                .is_some_and(|e| *e.name == *header.name && e.size == header.size)
        })
    }
}

impl Visitor for Judge<'_> {
    fn entry(&mut self, header: &Header, _at: u64) -> Result<(), TarError> {
        self.judge(header).map_err(|error| {
            let message = error.to_string();
            self.problem = Some(error);
            TarError::Refused(message)
        })
    }

    fn global(&mut self, raw: &[u8]) -> Result<(), TarError> {
        if self.next < self.kept_length {
            self.keep(raw.len() as u64);
        } else {
            self.drop(raw.len() as u64);
        }
        Ok(())
    }

    fn tail(&mut self, _at: u64) -> Result<(), TarError> {
        self.tail = true;
        Ok(())
    }
}

/// The part is not the one that was surveyed.
pub(super) fn changed() -> Error {
    Error::new(Kind::InputIo, "the part holds other entries than a moment ago: the backup changed while it was being read")
        .advice("Wait until Home Assistant has finished writing it, then try again.")
}
