//! A scan: the surveys of a backup, saved in a file, so that the next look at the backup need not
//! read it all again.
//!
//! A scan is for looking and planning. Nothing that is written is taken from it: before a copy is
//! written, every part that the plan edits is surveyed again and compared with the scan
//! ([`Prepared::write`](crate::job::Prepared::write)).
//!
//! # Layout
//! All numbers in the header are little-endian. In the contents they are written seven bits a byte,
//! the lowest first, and all bytes of a number but the last have the highest bit set. A text is its
//! length in bytes and these bytes.
//!
//! | at | bytes | the header |
//! |---|---|---|
//! | 0 | 8 | `\x89haslim\n` |
//! | 8 | 4 | the version of the form, 2 |
//! | 12 | 8 | the size of the backup in bytes |
//! | 20 | 16 | when it was last written: nanoseconds since 1970; the least number if unknown |
//! | 36 | 32 | SHA-256 of its headers, `backup.json` and the first 512 bytes of each member |
//! | 68 | 8 | bytes of the compressed contents |
//! | 76 | 8 | bytes of the contents |
//! | 84 | 8 | the memory that the contents and the surveys in them take, in bytes |
//! | 92 | 32 | SHA-256 of the compressed contents |
//! | 124 | 4 | CRC-32 of the 124 bytes before |
//!
//! The contents follow, compressed with zstd. They begin with a byte that is 1 if a key was there,
//! then the number and the indices of the parts that the key did not open, and the number of
//! surveys. A survey is: the index and the id of its part, its bytes of plaintext, the global
//! headers (their number, then the entry that follows and the bytes of each), whether its tar has an
//! end, the end of its stream, the location of the database, the modules of an app, the entries, the
//! hazards. The entries are their number and a text for each column, see `columns.rs`.
//!
//! Zeros follow if the memory is more than 64 MiB and 256 times the bytes so far: the reader refuses
//! a file that would take more, so that a small file never takes much memory.
//!
//! Whoever changes what a survey finds, or adds a column, raises [`VERSION`].

mod binding;
mod bytes;
mod columns;
mod error;
mod facts;
mod file;
mod part;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{Read, Write};

pub use error::ScanError;

use self::binding::Binding;
use self::bytes::{Budget, Bytes, put_number};
use self::file::Contents;
use super::{PartSurvey, survey_each};
use crate::crypt::KeyRing;
use crate::error::{Error, Kind, Result};
use crate::open::Backup;
use crate::pipe::Control;

/// The version of the form.
pub const VERSION: u32 = 2;

/// The memory of a survey apart from what is in it.
const SURVEY: usize = 1 << 10;

/// Surveys of the parts of one backup. The default has none.
#[derive(Debug, Default)]
pub struct Scan {
    /// Whether the parts were read with a key.
    has_key: bool,
    /// The parts that the key did not open, though it opened others.
    closed: Vec<usize>,
    surveys: BTreeMap<usize, PartSurvey>,
}

impl Scan {
    /// A scan of these surveys. `has_key` says whether there was a key; the backup knows which parts
    /// it did not open.
    pub fn new(backup: &Backup, surveys: Vec<PartSurvey>, has_key: bool) -> Self {
        let closed = (0..backup.parts.len()).filter(|&at| backup.part(at).closed);
        Self {
            // A key that opened nothing is only for a copy.
            has_key: has_key && backup.is_protected(),
            closed: closed.collect(),
            surveys: surveys.into_iter().map(|s| (s.part, s)).collect(),
        }
    }

    /// Whether the parts were read with a key.
    pub fn has_key(&self) -> bool {
        self.has_key
    }

    /// Whether there is a survey of this part.
    pub fn covers(&self, part: usize) -> bool {
        self.surveys.contains_key(&part)
    }

    /// Whether no key can show more: the part is covered, or the key did not open it.
    pub fn settles(&self, part: usize) -> bool {
        self.covers(part) || self.closed.contains(&part)
    }

    /// The number of surveys, and of entries in them.
    pub fn counts(&self) -> (usize, usize) {
        let entries = self.surveys.values().map(|survey| survey.entries.len());
        (self.surveys.len(), entries.sum())
    }

    /// Marks the parts that the key did not open, for a caller without a key.
    pub fn close_parts(&self, backup: &mut Backup) {
        for &at in &self.closed {
            if let Some(part) = backup.parts.get_mut(at) {
                part.closed = true;
            }
        }
    }

    /// Forgets the surveys of these parts.
    pub(crate) fn forget(&mut self, is_gone: impl Fn(usize) -> bool) {
        self.surveys.retain(|&part, _| !is_gone(part));
    }

    /// Adds surveys again that were taken out.
    pub(crate) fn put_back(&mut self, surveys: impl IntoIterator<Item = PartSurvey>) {
        self.surveys
            .extend(surveys.into_iter().map(|s| (s.part, s)));
    }

    /// Like [`survey_each`]; parts that are covered are not read, and are no longer covered
    /// afterwards.
    pub fn survey_each(
        &mut self,
        backup: &Backup,
        parts: &[usize],
        keys: Option<&KeyRing>,
        control: &Control,
    ) -> Vec<Result<PartSurvey>> {
        let saved: Vec<_> = parts.iter().map(|at| self.surveys.remove(at)).collect();
        let missing: Vec<usize> = parts
            .iter()
            .zip(&saved)
            .filter(|(_, saved)| saved.is_none())
            .map(|(&at, _)| at)
            .collect();
        let mut read = if missing.is_empty() {
            Vec::new()
        } else {
            survey_each(backup, &missing, keys, control)
        }
        .into_iter();
        let one = |saved: Option<PartSurvey>| saved.map(Ok).or_else(|| read.next());
        saved.into_iter().filter_map(one).collect()
    }

    /// Writes the scan.
    ///
    /// # Errors
    /// `InputIo` if the backup cannot be read, `OutputIo` for the writer; `Internal` if the scan
    /// does not read back as it is.
    pub fn write(&self, backup: &Backup, out: &mut impl Write) -> Result<()> {
        let binding = Binding::of(backup)?;
        let body = self.body(backup);
        let mut budget = Budget::of(u64::MAX);
        let back = Self::parse(&body, &mut budget, backup);
        if back.ok().is_none_or(|back| back.body(backup) != body) {
            return Err(Error::new(
                Kind::Internal,
                "the scan reads back differently",
            ));
        }
        let memory = budget.spent().saturating_add(body.len() as u64);
        file::write(&binding, &Contents { body, memory }, out).map_err(Error::from_write)
    }

    /// Reads a scan of `len` bytes, which must belong to this backup. Takes at most 64 MiB and 256
    /// times `len`, whatever the bytes are.
    ///
    /// # Errors
    /// `Err` within `Ok` if the scan cannot be used; `InputIo` if the backup cannot be read.
    pub fn read(
        input: &mut impl Read,
        len: u64,
        backup: &Backup,
    ) -> Result<Result<Self, ScanError>> {
        let binding = Binding::of(backup)?;
        let contents = file::read(input, len, &binding);
        Ok(contents.and_then(|Contents { body, memory }| {
            let left = memory.saturating_sub(body.len() as u64);
            Self::parse(&body, &mut Budget::of(left), backup)
        }))
    }

    fn body(&self, backup: &Backup) -> Vec<u8> {
        let mut out = vec![u8::from(self.has_key)];
        put_number(&mut out, self.closed.len() as u64);
        for &at in &self.closed {
            put_number(&mut out, at as u64);
        }
        put_number(&mut out, self.surveys.len() as u64);
        for survey in self.surveys.values() {
            part::put(&mut out, backup, survey);
        }
        out
    }

    fn parse(body: &[u8], budget: &mut Budget, backup: &Backup) -> Result<Self, ScanError> {
        let mut bytes = Bytes(body);
        let has_key = bytes.byte()? != 0;
        let closed = bytes.index(backup.parts.len() + 1)?;
        let closed = (0..closed).map(|_| bytes.index(backup.parts.len()));
        let mut scan = Self {
            has_key,
            closed: closed.collect::<Result<_, _>>()?,
            surveys: BTreeMap::new(),
        };
        for _ in 0..bytes.number()? {
            budget.spend(1, SURVEY)?;
            let survey = part::take(&mut bytes, budget, backup)?;
            if scan.surveys.insert(survey.part, survey).is_some() {
                return Err(ScanError::Damaged("it has a part twice"));
            }
        }
        bytes.end()?;
        Ok(scan)
    }
}

/// Whether two surveys of a part say the same, as far as a scan says it.
pub(crate) fn say_the_same(backup: &Backup, a: &PartSurvey, b: &PartSurvey) -> bool {
    let said = |survey| {
        let mut out = Vec::new();
        part::put(&mut out, backup, survey);
        out
    };
    said(a) == said(b)
}
