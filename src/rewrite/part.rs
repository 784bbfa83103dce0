//! Writes one part into the copy.

#[cfg(test)]
mod tests;

use std::io::{self, Read, Write};

use super::filter::CutFilter;
use super::sink::Sink;
use super::splicing::{self, Headers};
use super::{Place, Watcher};
use crate::crypt::{Encrypter, KeyRing};
use crate::error::{Error, Kind, Result};
use crate::format::outer::Member;
use crate::format::tar::block::padding;
use crate::gzip::{self, Changes};
use crate::open::{Backup, Part, locate, source, trailer};
use crate::pipe::{Control, Counter, ReadAhead, WriteBehind, read_ahead, write_behind};
use crate::plan::{Encryption, Form, PartEdit};
use crate::survey::PartSurvey;

/// Everything that writing one part needs.
pub(super) struct Job<'a> {
    pub backup: &'a Backup,
    pub index: usize,
    pub keys: Option<&'a KeyRing>,
    pub target: &'a Encryption,
    pub form: &'a Form,
    /// The level for a part that is compressed as a whole, if the plan says one.
    pub level: Option<u32>,
    pub survey: Option<&'a PartSurvey>,
    /// The bytes of plaintext, if they are known beforehand. Then nothing is written that must be
    /// changed afterwards.
    pub plaintext: Option<u64>,
}

/// How the contents of a part that is cut get into the copy.
#[derive(Debug)]
enum Way<'a> {
    /// Only what is around a change is compressed again.
    Splice(&'a PartSurvey, Changes),
    /// All of it is compressed again: it has several gzip members, or was not surveyed, because
    /// nothing is removed from it.
    CompressAgain,
    /// It is compressed for the first time: to make the copy smaller, or because `backup.json` says
    /// that it is compressed, which it is not.
    Compress,
    /// It is compressed, though `backup.json` says that it is not.
    Inflate,
    /// It is not compressed, and stays so.
    Copy,
}

impl<'a> Way<'a> {
    fn of(part: &Part, form: &Form, survey: Option<&'a PartSurvey>, cut: &PartEdit) -> Self {
        match (part.compressed, form.compressed) {
            (true, true) => survey
                .and_then(|survey| Some(Self::Splice(survey, splicing::changes(cut, survey)?)))
                .unwrap_or(Self::CompressAgain),
            (true, false) => Self::Inflate,
            (false, true) => Self::Compress,
            (false, false) => Self::Copy,
        }
    }
}

impl Job<'_> {
    fn part(&self) -> &Part {
        self.backup.part(self.index)
    }

    /// Copies the member as it is, header included; only a stale size and a wrong name are
    /// corrected.
    pub fn copy(&self, output: &mut dyn Sink, control: &Control) -> Result<()> {
        let member = self.backup.member(self.part());
        let input = &self.backup.input;
        if is_corrected(member, self.form) {
            output.append(&copied_header(member, self.form)?)?;
        } else {
            let len = member.header.raw.len() as u64;
            output.copy(input, member.header_at, len, control)?;
        }
        output.copy(input, member.data_at(), member.size, control)?;
        // The input may lack the padding of its last member.
        output.zeros(padding(member.size))
    }

    /// Encrypts the member's stream again without reading its contents.
    pub fn rewrap(&self, output: &mut dyn Sink, control: &Control) -> Result<()> {
        self.framed(output, &mut (), |reader, writer| {
            pass(reader, writer, control)
        })
    }

    /// Counts the bytes of the member's stream without reading its contents.
    pub fn count_stream(&self, control: &Control) -> Result<u64> {
        self.counted(|reader, writer| pass(reader, writer, control))
    }

    /// Removes entries from the member's tar.
    pub fn cut(
        &self,
        cut: &PartEdit,
        output: &mut dyn Sink,
        watcher: &mut dyn Watcher,
        control: &Control,
    ) -> Result<()> {
        self.framed(output, watcher, |reader, writer| {
            self.encode(cut, reader, writer, control)
        })
    }

    /// Counts the bytes that [`Job::cut`] would encrypt.
    pub fn count_cut(&self, cut: &PartEdit, control: &Control) -> Result<u64> {
        self.counted(|reader, writer| self.encode(cut, reader, writer, control))
    }

    fn counted<F>(&self, body: F) -> Result<u64>
    where
        F: FnOnce(Source, &mut dyn Write) -> io::Result<()>,
    {
        let mut counter = Counter::default();
        body(self.reader()?, &mut counter)
            .map_err(Error::from_write)
            .map_err(|e| locate(self.backup, self.part(), e))?;
        Ok(counter.0)
    }

    fn reader(&self) -> Result<Source> {
        let reader = source(self.backup, self.part(), self.keys)?;
        ReadAhead::new(reader).map_err(Error::no_thread)
    }

    /// Writes the stream of the member without some of its entries.
    fn encode(
        &self,
        cut: &PartEdit,
        reader: Source,
        writer: &mut dyn Write,
        control: &Control,
    ) -> io::Result<()> {
        let part = self.part();
        let trailer = trailer(part);
        let threads = control.threads();
        let level = self
            .level
            .unwrap_or_else(|| gzip::level(part.version().is_some()));
        let reader = Counting { reader, control };
        let filter = &mut CutFilter::new(cut, self.survey, control);
        match Way::of(part, self.form, self.survey, cut) {
            Way::Splice(survey, changes) => {
                let (known, headers) = (&survey.checkpoints, &mut Headers::new(cut, survey));
                gzip::splice(reader, known, &changes, headers, writer, level, threads).map(drop)
            }
            Way::CompressAgain => {
                gzip::rewrite(reader, trailer, writer, filter, level, threads).map(drop)
            }
            Way::Compress => gzip::compress(reader, writer, filter, level, threads).map(drop),
            Way::Inflate => gzip::inflate(reader, trailer, writer, filter).map(drop),
            Way::Copy => gzip::copy_plain(reader, writer, filter).map(drop),
        }
    }

    /// Writes header, encrypted stream and padding around the output of `body` for the part's
    /// plaintext stream. If the sizes are known only afterwards, they are then written into the
    /// headers.
    fn framed<F>(&self, output: &mut dyn Sink, watcher: &mut dyn Watcher, body: F) -> Result<()>
    where
        F: FnOnce(Source, &mut WriteBehind) -> io::Result<()>,
    {
        let (part, member) = (self.part(), self.backup.member(self.part()));
        let reader = self.reader()?;
        let expected = self.plaintext.map(|bytes| self.target.member_size(bytes));
        let header_at = output.position();
        let header = self.form.header(member, expected.unwrap_or(0))?;
        match expected {
            Some(_) => output.append(&header)?,
            // The header comes when the size is known.
            None => output.zeros(header.len() as u64)?,
        }
        let data_at = output.position();
        self.wrap(output, data_at, watcher, |sink| body(reader, sink))
            .map_err(|e| locate(self.backup, part, e))?;
        let size = output.position() - data_at;
        match expected {
            Some(expected) if expected == size => {}
            Some(_) => return Err(other_length().in_part(part.id.clone())),
            None => output.patch(header_at, &self.form.header(member, size)?)?,
        }
        // Before the padding, which a reader of what has been written could take for data.
        watcher.ends(Place {
            part: self.index,
            data_at,
            size,
        });
        output.zeros(padding(size))
    }

    fn wrap<F>(
        &self,
        output: &mut dyn Sink,
        data_at: u64,
        watcher: &mut dyn Watcher,
        body: F,
    ) -> Result<()>
    where
        F: FnOnce(&mut WriteBehind) -> io::Result<()>,
    {
        let Some(version) = self.target.version() else {
            watcher.begins(self.index, data_at, None);
            return write_behind(output, body)
                .map(drop)
                .map_err(Error::from_write);
        };
        if self.plaintext.is_none() {
            output.zeros(version.header_len() as u64)?;
        }
        let mut encrypter = match (self.target, self.keys) {
            (Encryption::V2, Some(keys)) => Encrypter::new_v2(output, keys)?,
            (Encryption::V3(Some(salts)), Some(keys)) => Encrypter::new_v3(output, keys, salts)?,
            _ => {
                return Err(Error::new(
                    Kind::Internal,
                    "a part is to be encrypted, but there is no key",
                ));
            }
        };
        if let Some(plaintext) = self.plaintext {
            encrypter
                .write_header(plaintext)
                .map_err(Error::from_write)?;
        }
        watcher.begins(self.index, data_at, Some(encrypter.header(0)));
        let (encrypter, ()) = write_behind(encrypter, body).map_err(Error::from_write)?;
        let length = encrypter.plaintext_len();
        let header = encrypter.header(length);
        let (output, _) = encrypter.finish().map_err(Error::from_write)?;
        match self.plaintext {
            Some(expected) if expected == length => Ok(()),
            Some(_) => Err(other_length()),
            None => output.patch(data_at, &header.to_bytes()),
        }
    }
}

/// Whether the header of a member that is copied must be corrected: a stale size or a wrong name.
fn is_corrected(member: &Member, form: &Form) -> bool {
    member.stale || form.name.is_some()
}

/// The header of a member that is copied as it is: only a stale size and a wrong name are
/// corrected.
pub(super) fn copied_header(member: &Member, form: &Form) -> Result<Vec<u8>> {
    if is_corrected(member, form) {
        form.header(member, member.size)
    } else {
        Ok(member.header.raw.clone())
    }
}

type Source = ReadAhead<Box<dyn Read + Send>>;

/// Passes a stream on as it is.
fn pass(mut reader: Source, writer: &mut dyn Write, control: &Control) -> io::Result<()> {
    let mut buffer = vec![0; read_ahead::BUFFER];
    loop {
        let got = reader.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..got).filter(|b| !b.is_empty()) else {
            return Ok(());
        };
        writer.write_all(bytes)?;
        control.advance(got as u64).map_err(Error::into_io)?;
    }
}

/// The error if the second encoding of a part has another length than the first.
fn other_length() -> Error {
    let what = "the part has another length than was measured";
    Error::new(Kind::Internal, what)
}

/// Reports progress by the bytes read.
pub(super) struct Counting<'a, R> {
    pub reader: R,
    pub control: &'a Control,
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.reader.read(buf)?;
        self.control.advance(got as u64).map_err(Error::into_io)?;
        Ok(got)
    }
}
