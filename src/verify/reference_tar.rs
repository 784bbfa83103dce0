//! Runs the `tar` crate beside our own reader, over the same bytes.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::Arc;

use super::disagree;
use crate::error::{Error, Result, escape};
use crate::format::outer::Member;
use crate::format::tar::block::{EntryKind, TarError};
use crate::format::tar::header::Header;
use crate::format::tar::walk::{Visitor, Walker};
use crate::open::{Backup, Pieces};
use crate::pipe::{Control, Input};

/// Reads the outer tar with the `tar` crate and compares the members.
pub(super) fn outer(backup: &Backup) -> Result<()> {
    let input = Arc::clone(&backup.input);
    let mut archive = tar::Archive::new(Positioned { input, at: 0 });
    let mut members = backup.members.iter();
    for entry in archive.entries_with_seek().map_err(Error::from_read)? {
        let entry = entry.map_err(|e| own_or_disagree(e).unwrap_or_else(|own| own))?;
        let Some(member) = members.next() else {
            return Err(disagree("one sees more members than the other"));
        };
        // The other reader cannot detect a stale size.
        if member.stale {
            return Ok(());
        }
        if !is_same(&entry, member) {
            return Err(disagree(member.display_name()).at(member.header_at));
        }
    }
    match members.next() {
        Some(member) => Err(
            disagree(format!("one does not see {}", member.display_name())).at(member.header_at),
        ),
        None => Ok(()),
    }
}

fn is_same<R: Read>(entry: &tar::Entry<'_, R>, member: &Member) -> bool {
    let path = entry.path_bytes();
    let name = path.strip_suffix(b"/").unwrap_or(&path);
    (name == member.header.name.as_slice() || name_is_ours(&member.header))
        && entry.size() == member.size
        && entry.raw_file_position() == member.data_at()
}

/// The whole input as a seekable reader.
struct Positioned {
    input: Arc<Input>,
    at: u64,
}

impl Read for Positioned {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.input.read_at(self.at, buf).map_err(Error::into_io)?;
        self.at += got as u64;
        Ok(got)
    }
}

impl io::Seek for Positioned {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let at = match to {
            io::SeekFrom::Start(at) => Some(at),
            io::SeekFrom::Current(by) => self.at.checked_add_signed(by),
            io::SeekFrom::End(by) => self.input.len().checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// What both readers saw of an inner tar.
pub(super) struct SecondReading {
    pub entries: u64,
    /// Bytes of plaintext.
    pub bytes: u64,
    /// False when the end blocks are missing.
    pub ended: bool,
}

/// What our own reader saw of an entry. The `tar` crate must see the same.
#[derive(PartialEq, Eq)]
struct Seen {
    name: Vec<u8>,
    link: Vec<u8>,
    kind: EntryKind,
    size: u64,
    data_at: u64,
    name_is_ours: bool,
}

/// Entries that our own reader saw and the other one has not reached yet: at most those of one
/// read.
type Ahead = Rc<RefCell<VecDeque<Seen>>>;

/// Reads an inner tar with both readers at once, to the end of the stream. `visitor` receives what
/// our own reader sees. If both fail, the error of our own reader is returned.
pub(super) fn inner<R: Read>(reader: R, visitor: &mut dyn Visitor) -> Result<SecondReading> {
    let ahead = Ahead::default();
    let mut archive = tar::Archive::new(Tee::new(reader, visitor, &ahead));
    let compared = compare(&mut archive, &ahead)?;
    let mut tee = archive.into_inner();
    tee.notes.compares = compared.is_ok();
    io::copy(&mut tee, &mut io::sink()).map_err(Error::from_read)?;
    let walked = tee.walker.finish()?;
    let entries = compared?;
    if let Some(missed) = ahead.borrow().front() {
        let name = escape(&missed.name);
        return Err(disagree(format!("one does not see {name}")));
    }
    Ok(SecondReading {
        entries,
        bytes: walked.bytes,
        ended: walked.ended,
    })
}

/// Counts the entries that both readers see. The inner error is a disagreement; the outer one comes
/// from the stages below.
fn compare<R: Read>(archive: &mut tar::Archive<R>, ahead: &Ahead) -> Result<Result<u64>> {
    let mut entries = 0;
    for entry in archive.entries().map_err(Error::from_read)? {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return own_or_disagree(error).map(Err),
        };
        if entry.header().entry_type().is_pax_global_extensions() {
            continue;
        }
        let ours = ahead.borrow_mut().pop_front();
        if !agree(ours.as_ref(), theirs(&entry)) {
            return Ok(Err(disagree(escape(&entry.path_bytes()))));
        }
        entries += 1;
    }
    Ok(Ok(entries))
}

/// Whether both saw the same entry.
fn agree(ours: Option<&Seen>, theirs: Option<Seen>) -> bool {
    let Some((ours, mut theirs)) = ours.zip(theirs) else {
        return false;
    };
    if ours.name_is_ours {
        theirs = Seen {
            name: ours.name.clone(),
            link: ours.link.clone(),
            name_is_ours: true,
            ..theirs
        };
    }
    *ours == theirs
}

/// Whether only our own reader can determine the name. The crate does not implement Python's rule
/// for repeated names, nor line ends in values of PAX records.
fn name_is_ours(header: &Header) -> bool {
    header.is_named_twice() || header.pax.iter().any(|(_, value)| value.contains(&b'\n'))
}

/// Turns an error of the crate into a disagreement. Errors from the stages below are returned
/// unchanged.
fn own_or_disagree(error: io::Error) -> Result<Error> {
    let mut foreign = false;
    let error = Error::from_io(error, |e| {
        foreign = true;
        disagree(escape(e.to_string().as_bytes()))
    });
    if foreign { Ok(error) } else { Err(error) }
}

/// The entry as the `tar` crate sees it; `None` for a type that our own reader refuses.
fn theirs<R: Read>(entry: &tar::Entry<'_, R>) -> Option<Seen> {
    let kind = kind_of(entry.header().entry_type())?;
    let mut name = entry.path_bytes().into_owned();
    while kind == EntryKind::Directory && name.len() > 1 && name.ends_with(b"/") {
        name.pop();
    }
    let is_link = matches!(kind, EntryKind::HardLink | EntryKind::Symlink);
    let link = entry
        .link_name_bytes()
        .filter(|_| is_link)
        .unwrap_or_default()
        .into_owned();
    Some(Seen {
        name,
        link,
        kind,
        size: entry.size(),
        data_at: entry.raw_file_position(),
        name_is_ours: false,
    })
}

fn kind_of(theirs: tar::EntryType) -> Option<EntryKind> {
    Some(match theirs {
        tar::EntryType::Regular | tar::EntryType::Continuous => EntryKind::File,
        tar::EntryType::Link => EntryKind::HardLink,
        tar::EntryType::Symlink => EntryKind::Symlink,
        tar::EntryType::Directory => EntryKind::Directory,
        tar::EntryType::Char | tar::EntryType::Block | tar::EntryType::Fifo => EntryKind::Special,
        _ => return None,
    })
}

/// Passes every byte that the crate reads to our own walker first.
struct Tee<'a, R> {
    reader: R,
    walker: Walker,
    notes: Notes<'a>,
}

impl<'a, R> Tee<'a, R> {
    fn new(reader: R, visitor: &'a mut dyn Visitor, ahead: &Ahead) -> Self {
        let notes = Notes {
            visitor,
            ahead: Rc::clone(ahead),
            compares: true,
        };
        let walker = Walker::default();
        Self {
            reader,
            walker,
            notes,
        }
    }
}

struct Notes<'a> {
    visitor: &'a mut dyn Visitor,
    ahead: Ahead,
    /// False once the other reader has stopped and the queue would only grow.
    compares: bool,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.reader.read(buf)?;
        let bytes = buf.get(..got).unwrap_or_default();
        self.walker
            .feed(bytes, &mut self.notes)
            .map_err(|e| Error::from(e).into_io())?;
        Ok(got)
    }
}

impl Visitor for Notes<'_> {
    fn entry(&mut self, header: &Header, at: u64) -> Result<(), TarError> {
        let data_at = at + header.raw.len() as u64;
        let seen = Seen {
            name: header.name.clone(),
            link: header.link.clone(),
            kind: header.kind,
            size: header.size,
            data_at,
            name_is_ours: name_is_ours(header),
        };
        if self.compares {
            self.ahead.borrow_mut().push_back(seen);
        }
        self.visitor.entry(header, at)
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        self.visitor.data(bytes)
    }

    fn entry_end(&mut self, at: u64) -> Result<(), TarError> {
        self.visitor.entry_end(at)
    }

    fn global(&mut self, raw: &[u8]) -> Result<(), TarError> {
        self.visitor.global(raw)
    }

    fn tail(&mut self, at: u64) -> Result<(), TarError> {
        self.visitor.tail(at)
    }
}

/// The plaintext of a part as a reader, counted for the progress display.
pub(super) struct PieceReader<'a> {
    pieces: &'a mut Pieces,
    current: Vec<u8>,
    taken: usize,
    stored: u64,
    control: &'a Control,
}

impl<'a> PieceReader<'a> {
    pub fn new(pieces: &'a mut Pieces, control: &'a Control) -> Self {
        Self {
            pieces,
            current: Vec::new(),
            taken: 0,
            stored: 0,
            control,
        }
    }

    fn refill(&mut self) -> Result<bool> {
        let Some((piece, stored)) = self.pieces.next_piece()? else {
            return Ok(false);
        };
        self.current.clear();
        self.current.extend_from_slice(piece);
        self.taken = 0;
        let step = stored - self.stored;
        self.stored = stored;
        self.control.advance(step)?;
        Ok(true)
    }
}

impl Read for PieceReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.current.len() && !self.refill().map_err(Error::into_io)? {
            return Ok(0);
        }
        let got = self
            .current
            .get(self.taken..)
            .unwrap_or_default()
            .read(buf)?;
        self.taken += got;
        Ok(got)
    }
}
