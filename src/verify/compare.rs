//! A finished copy against its plan and its original.

use std::io::Read;
use std::sync::Arc;

use super::reference_tar;
use super::single_gzip::SingleGzip;
use super::verification::Verification;
use crate::crypt::KeyRing;
use crate::error::{Error, Kind, Result, escape};
use crate::finding::Finding;
use crate::format::outer::{Member, RECORD};
use crate::format::securetar::SecureHeader;
use crate::format::tar::block::{BLOCK, TarError};
use crate::format::tar::header::Header;
use crate::format::tar::walk::Visitor;
use crate::open::{Backup, Part, source};
use crate::pipe::{Control, Input, ReadAhead, parallel, read_full};
use crate::plan::{Action, Cut, PartPlan, Plan};
use crate::rewrite::{Place, Written};
use crate::survey::{self, PartSurvey};

/// The proof that a copy holds what was planned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verified {
    /// Bytes compared one by one with the original.
    pub bytes_compared: u64,
    /// Entries of rewritten parts found to be the original's.
    pub entries_compared: u64,
}

/// Reads a finished copy back, every byte of it, and compares it with the plan,
/// the metadata that was meant to be written, and the original: copied members byte
/// by byte, rewritten ones entry by entry.
///
/// # Errors
/// `VerifyFailed` for any difference; the file must not be published then.
pub fn output(
    original: &Backup,
    surveys: &[PartSurvey],
    plan: &Plan,
    written: &Written,
    copy: Arc<Input>,
    keys: Option<&KeyRing>,
    control: &Control,
) -> Result<Verified> {
    Verification::new(original, surveys, plan, keys).finish(written, copy, control)
}

impl Verification<'_> {
    /// Does the same as [`output()`], but does not compare again what was compared early; waits
    /// for a part that is being compared just now.
    ///
    /// # Errors
    /// As [`output()`].
    pub fn finish(
        &self,
        written: &Written,
        copy: Arc<Input>,
        control: &Control,
    ) -> Result<Verified> {
        self.end_early();
        self.check(written, copy, control)
            .map_err(|error| match error.kind() {
                Kind::Interrupted(_)
                | Kind::InputIo
                | Kind::OutputIo
                | Kind::Internal
                | Kind::VerifyFailed => error,
                _ => failed(error.to_string()).caused_by(error),
            })
    }

    fn check(&self, written: &Written, copy: Arc<Input>, control: &Control) -> Result<Verified> {
        let (original, plan) = (self.original, self.plan);
        if copy.len() != written.size {
            return Err(failed(format!(
                "it has {} bytes instead of {}",
                copy.len(),
                written.size
            )));
        }
        let copy = Backup::read(copy, control)?;
        reference_tar::outer(&copy)?;
        check_gaps(&copy)?;
        check_manifest(original, plan, written, &copy)?;
        let pairs = pair_members(original, plan, &copy)?;
        control.begin("verify", pairs.iter().map(|pair| pair.new.stored()).sum());
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(pairs.get(at).map(|pair| pair.new.size)));
        let checker = Checker {
            verification: self,
            copy: &copy,
            control,
        };
        let results = parallel::each(control.threads(), &order, |at| match pairs.get(at) {
            Some(pair) => checker.pair(pair),
            None => Err(Error::new(Kind::Internal, "a member was not compared")),
        });
        control.end();
        let mut verified = Verified::default();
        for result in results {
            let one = result?;
            verified.bytes_compared += one.bytes_compared;
            verified.entries_compared += one.entries_compared;
        }
        Ok(verified)
    }
}

fn failed(what: impl Into<String>) -> Error {
    let what = what.into();
    Error::new(Kind::VerifyFailed, format!("the finished copy is not what was planned: {what}"))
        .advice("Try again; if it happens twice, check the memory and the disk of this machine, and report it.")
}

/// What lies between the members and after them is zeros, up to a whole record.
fn check_gaps(copy: &Backup) -> Result<()> {
    let mut end = 0;
    for member in &copy.members {
        let data_end = member.data_at() + member.size;
        end = member.end();
        only_zeros(&copy.input, data_end, end)?;
    }
    let expected = (end + 2 * BLOCK as u64).next_multiple_of(RECORD);
    if copy.input.len() != expected {
        return Err(failed(format!(
            "it has {} bytes and not the {expected} that its members take",
            copy.input.len()
        )));
    }
    only_zeros(&copy.input, end, expected)
}

fn only_zeros(input: &Input, from: u64, to: u64) -> Result<()> {
    let mut gap = [0u8; RECORD as usize + BLOCK];
    let len = usize::try_from(to - from).unwrap_or(usize::MAX);
    let gap = gap
        .get_mut(..len)
        .ok_or_else(|| failed("there is too much between its members").at(from))?;
    input.read_exact_at(from, gap)?;
    match gap.iter().position(|&b| b != 0) {
        Some(at) => Err(failed("there is something between its members").at(from + at as u64)),
        None => Ok(()),
    }
}

fn check_manifest(original: &Backup, plan: &Plan, written: &Written, copy: &Backup) -> Result<()> {
    let members = original
        .members
        .get(original.manifest_member)
        .zip(copy.members.get(copy.manifest_member));
    let (old, new) = members.ok_or_else(|| failed("its backup.json is gone"))?;
    if new.header.raw != old.header_with_size(new.size)? {
        return Err(failed(
            "the header of its backup.json differs by more than the size",
        ));
    }
    if !original
        .manifest
        .changes_to(&written.changes, &copy.manifest)?
    {
        return Err(failed("its backup.json reads back differently"));
    }
    if copy.manifest.slug() == original.manifest.slug() {
        return Err(failed("it has the slug of its original"));
    }
    if let Some(finding) = copy
        .findings
        .iter()
        .find(|finding| is_unacceptable(finding))
    {
        return Err(failed(format!(
            "Home Assistant would not accept it. {}",
            finding.text()
        )));
    }
    let lists_dropped = plan.changes.without.iter().any(|gone| {
        copy.manifest
            .folders()
            .chain(copy.manifest.addons())
            .any(|listed| listed == gone)
    });
    if lists_dropped {
        return Err(failed("its backup.json lists a part that was left out"));
    }
    Ok(())
}

/// What keeps a copy from being published: Home Assistant's own checks would refuse it, or its
/// parts are not of one kind.
fn is_unacceptable(finding: &Finding) -> bool {
    let mixed = matches!(
        finding,
        Finding::Mixed { .. } | Finding::Versions | Finding::RootSalts | Finding::Protection { .. }
    );
    finding.is_refused()
        || mixed
        || matches!(finding, Finding::StaleSize { .. } | Finding::ByteOrderMark)
}

/// A member of the copy and where it comes from.
struct Pair<'a> {
    old: &'a Member,
    new: &'a Member,
    /// Where in the copy.
    at: usize,
    /// `None` for a member that is no part, which is copied as it is.
    planned: Option<(&'a PartPlan, usize)>,
}

impl Pair<'_> {
    fn is_renamed(&self) -> bool {
        self.planned
            .is_some_and(|(planned, _)| planned.form.name.is_some())
    }

    /// The header that the plan gives to the member, with so many bytes of data.
    fn header(&self, size: u64) -> Result<Vec<u8>> {
        self.planned.map_or_else(
            || self.old.header_with_size(size),
            |(planned, _)| planned.form.header(self.old, size),
        )
    }
}

fn pair_members<'a>(
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

struct Checker<'a> {
    verification: &'a Verification<'a>,
    copy: &'a Backup,
    control: &'a Control,
}

impl Checker<'_> {
    fn pair(&self, pair: &Pair<'_>) -> Result<Verified> {
        let outcome = match pair.planned.map(|(planned, at)| (&planned.action, at)) {
            None | Some((Action::Copy | Action::Drop, _)) => self.same_bytes(pair),
            Some((Action::Rewrap, at)) => self
                .right_headers(pair)
                .and_then(|()| self.same_stream(pair, at)),
            Some((Action::Cut(cut), at)) => self
                .right_headers(pair)
                .and_then(|()| self.same_entries(pair, at, cut)),
        };
        outcome.map_err(|e| e.in_part(pair.new.display_name()))
    }

    fn new_part(&self, pair: &Pair<'_>) -> Result<&Part> {
        self.copy
            .parts
            .iter()
            .find(|p| p.member == pair.at)
            .ok_or_else(|| failed("a part is no longer one"))
    }

    /// A rewritten part has its old header with the new size, and no more in front of its
    /// ciphertext than reading it needs.
    fn right_headers(&self, pair: &Pair<'_>) -> Result<()> {
        let new = pair.new;
        if new.header.raw != pair.header(new.size)? {
            return Err(failed("its header differs by more than planned"));
        }
        match self.new_part(pair)?.secure() {
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

    fn same_bytes(&self, pair: &Pair<'_>) -> Result<Verified> {
        let (old, new) = (pair.old, pair.new);
        // A stale size and a wrong name are all that a copy puts right there.
        let expected = if old.stale || pair.is_renamed() {
            pair.header(old.size)?
        } else {
            old.header.raw.clone()
        };
        if new.header.raw != expected {
            return Err(failed("its header differs"));
        }
        if old.size != new.size {
            return Err(failed("its size differs"));
        }
        let ours = self
            .verification
            .original
            .input
            .window(old.data_at(), old.size);
        let theirs = self.copy.input.window(new.data_at(), new.size);
        self.same(ours, theirs)
    }

    fn same_stream(&self, pair: &Pair<'_>, at: usize) -> Result<Verified> {
        let ours = source(
            self.verification.original,
            self.verification.original.part(at),
            self.verification.keys,
        )?;
        let theirs = source(self.copy, self.new_part(pair)?, self.verification.keys)?;
        self.same(ours, theirs)
    }

    fn same(&self, mut ours: impl Read, mut theirs: impl Read) -> Result<Verified> {
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
            self.control.advance(first as u64)?;
        }
    }

    /// Compares a part that was cut, unless that was done while the rest was being written.
    fn same_entries(&self, pair: &Pair<'_>, at: usize, cut: &Cut) -> Result<Verified> {
        let part = self.new_part(pair)?;
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

impl Verification<'_> {
    /// Reads the part's archive in the copy as Home Assistant does, one gzip member to its end,
    /// and compares it entry by entry.
    pub(super) fn same_entries(
        &self,
        part: usize,
        cut: &Cut,
        copy: impl Read + Send + 'static,
        control: &Control,
    ) -> Result<Verified> {
        let known = self.surveys.iter().find(|s| s.part == part);
        // A part that is written anew for its wrapping alone was never looked into.
        let own = if known.is_none() {
            Some(survey::survey_part(
                self.original,
                part,
                self.keys,
                control,
            )?)
        } else {
            None
        };
        let survey = known
            .or(own.as_ref())
            .ok_or_else(|| Error::new(Kind::Internal, "a part without a survey"))?;
        let mut expected = Expected::new(cut, survey);
        let stream = Advancing {
            reader: ahead(copy)?,
            control: control.clone(),
        };
        let compressed = self
            .plan
            .parts
            .get(part)
            .is_some_and(|planned| planned.form.compressed);
        let read = if compressed {
            // Decrypting, inflating and walking run side by side.
            reference_tar::inner(ahead(SingleGzip::new(stream))?, &mut expected)?
        } else {
            reference_tar::inner(stream, &mut expected)?
        };
        if !read.ended {
            return Err(failed("its archive has no end"));
        }
        expected.finish()?;
        Ok(Verified {
            bytes_compared: 0,
            entries_compared: read.entries,
        })
    }
}

/// The same bytes, read ahead on a thread of its own.
fn ahead<R: Read + Send + 'static>(reader: R) -> Result<ReadAhead<R>> {
    ReadAhead::new(reader).map_err(|e| Error::new(Kind::Internal, "no further thread").caused_by(e))
}

struct Advancing<R> {
    reader: R,
    control: Control,
}

impl<R: Read> Read for Advancing<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let got = self.reader.read(buf)?;
        self.control.advance(got as u64).map_err(Error::into_io)?;
        Ok(got)
    }
}

/// Entries of the original by index, with their names in the copy.
type Kept<'a> = Box<dyn Iterator<Item = (usize, &'a [u8])> + 'a>;

/// The entries that must come, in order, with the checksums that the survey of the
/// original took.
struct Expected<'a> {
    cut: &'a Cut,
    survey: &'a PartSurvey,
    kept: Kept<'a>,
    data: crc32fast::Hasher,
    data_crc: Option<u32>,
}

impl<'a> Expected<'a> {
    fn new(cut: &'a Cut, survey: &'a PartSurvey) -> Self {
        Self {
            cut,
            survey,
            kept: Box::new(cut.kept(survey)),
            data: crc32fast::Hasher::new(),
            data_crc: None,
        }
    }

    fn finish(mut self) -> Result<()> {
        match self.kept.next() {
            Some((_, name)) => Err(failed(format!("{} is missing", escape(name)))),
            None => Ok(()),
        }
    }
}

impl Visitor for Expected<'_> {
    fn entry(&mut self, header: &Header, _at: u64) -> Result<(), TarError> {
        let wrong = |why: &str| Err(TarError::Damaged(format!("{} {why}", escape(&header.name))));
        let Some((at, name)) = self.kept.next() else {
            return wrong("should not be there");
        };
        let Some(entry) = self.survey.entries.get(at) else {
            return wrong("has no original");
        };
        if *name != *header.name || entry.size != header.size || entry.kind != header.kind {
            return wrong("stands in another entry's place");
        }
        let new_header = self.cut.promoted.contains_key(&at) || self.cut.relinked.contains_key(&at);
        if !new_header && entry.header_crc != crc32fast::hash(&header.raw) {
            return wrong("has another header than in the original");
        }
        if let Some(link) = self.cut.relinked.get(&at)
            && **link != *header.link
        {
            return wrong("points to the wrong file");
        }
        self.data = crc32fast::Hasher::new();
        self.data_crc = Some(entry.data_crc);
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        self.data.update(bytes);
        Ok(())
    }

    fn entry_end(&mut self, at: u64) -> Result<(), TarError> {
        let found = std::mem::take(&mut self.data).finalize();
        match self.data_crc.take() {
            Some(expected) if expected != found => Err(TarError::Damaged(format!(
                "the entry that ends at byte {at} has other contents than in the original"
            ))),
            _ => Ok(()),
        }
    }
}
