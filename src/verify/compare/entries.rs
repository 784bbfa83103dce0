//! Entry by entry: compares an edited part with what the plan keeps of the original.

use std::io::Read;

use super::{Verified, failed};
use crate::error::{Error, Kind, Result, escape};
use crate::format::tar::block::TarError;
use crate::format::tar::header::Header;
use crate::format::tar::walk::Visitor;
use crate::pipe::{Control, ReadAhead};
use crate::plan::PartEdit;
use crate::survey::{self, PartSurvey};
use crate::verify::single_gzip::SingleGzip;
use crate::verify::{Verification, reference_tar};

impl Verification<'_> {
    /// Reads the part's archive in the copy as Home Assistant does, one gzip member to its end,
    /// and compares it entry by entry.
    pub(in crate::verify) fn same_entries(
        &self,
        part: usize,
        cut: &PartEdit,
        copy: impl Read + Send + 'static,
        control: &Control,
    ) -> Result<Verified> {
        let known = self.surveys.of(part);
        // A part that is rewritten only to change its encryption has no survey yet.
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
            // Decrypting, inflating and reading the tar run in parallel.
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

/// The same bytes, read ahead on a separate thread.
fn ahead<R: Read + Send + 'static>(reader: R) -> Result<ReadAhead<R>> {
    ReadAhead::new(reader).map_err(Error::no_thread)
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

/// The expected entries, in order, with the checksums from the survey of the original.
struct Expected<'a> {
    cut: &'a PartEdit,
    survey: &'a PartSurvey,
    kept: Kept<'a>,
    data: crc32fast::Hasher,
    data_crc: Option<u32>,
}

impl<'a> Expected<'a> {
    fn new(cut: &'a PartEdit, survey: &'a PartSurvey) -> Self {
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
        let new_header = self.cut.changes_header(at);
        if !new_header && entry.header_crc != crc32fast::hash(&header.raw) {
            return wrong("has another header than in the original");
        }
        if entry.mtime != header.mtime() {
            return wrong("has another time than in the original");
        }
        if let Some(link) = self.cut.new_link(at)
            && *link != *header.link
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
