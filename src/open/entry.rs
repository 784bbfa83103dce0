//! The bytes of one entry of a part.

use std::io::{self, Read};

use super::{Backup, Part, Pieces, locate};
use crate::crypt::KeyRing;
use crate::error::{Error, Kind, Result};
use crate::format::tar::block::TarError;
use crate::format::tar::header::Header;
use crate::format::tar::walk::{Visitor, Walker};
use crate::pipe::Control;

/// The position of an entry in a part, and its size and checksum from the survey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryAt {
    /// Its number in the archive; the first is 0.
    pub index: usize,
    /// Bytes of its data.
    pub size: u64,
    /// CRC-32 of its data.
    pub crc: u32,
}

/// Reads the data of one entry again, in one pass over the archive up to the end of the entry.
///
/// The bytes are the ones that were surveyed: their number and their CRC-32 are compared before the
/// last of them are returned. Memory: that of [`Pieces`], and one piece (64 KiB of a compressed
/// archive, 1 MiB of an uncompressed one). Checks for cancellation at every piece.
///
/// # Errors
/// `Password` if the part is encrypted and no key opens it. Errors while reading come from the
/// [`Read`]; [`Error::from_read`] converts them: `Damaged` with the part and the byte, also if the
/// archive is not the one that was surveyed; `InputIo`; `Interrupted`.
pub fn read_entry<'a>(
    backup: &'a Backup,
    part: &'a Part,
    keys: Option<&KeyRing>,
    entry: EntryAt,
    control: &'a Control,
) -> Result<EntryReader<'a>> {
    Ok(EntryReader {
        backup,
        part,
        pieces: Pieces::new(backup, part, keys)?.with_limit(control.max_expanded()),
        walker: Walker::default(),
        picker: Picker::new(entry),
        taken: 0,
        failed: false,
        control,
    })
}

/// The data of one entry; created by [`read_entry`].
pub struct EntryReader<'a> {
    backup: &'a Backup,
    part: &'a Part,
    pieces: Pieces,
    walker: Walker,
    picker: Picker,
    /// How much of the last picked data was returned.
    taken: usize,
    failed: bool,
    control: &'a Control,
}

impl EntryReader<'_> {
    /// Continues to the next bytes of the entry, or to its end.
    fn advance(&mut self) -> Result<()> {
        self.picker.data.clear();
        self.taken = 0;
        while self.picker.data.is_empty() && !self.picker.ended {
            self.control.check()?;
            let wanted = self.walker.wanted();
            let Some((piece, _)) = self.pieces.next_piece_up_to(wanted)? else {
                return Err(self.picker.wrong("is not there any more").into());
            };
            if let Err(fault) = self.walker.feed(piece, &mut self.picker) {
                return Err(self.pieces.reason_for(fault.into(), self.control));
            }
        }
        Ok(())
    }
}

impl Read for EntryReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Err(Error::from(self.picker.wrong("could not be read")).into_io());
        }
        if self.taken == self.picker.data.len()
            && !self.picker.ended
            && let Err(error) = self.advance()
        {
            // After cancellation, every further read also returns `Interrupted`.
            self.failed = !matches!(error.kind(), Kind::Interrupted(_));
            return Err(locate(self.backup, self.part, error).into_io());
        }
        let mut left = self.picker.data.get(self.taken..).unwrap_or_default();
        let got = left.read(buf)?;
        self.taken += got;
        Ok(got)
    }
}

/// Selects the data of one entry.
struct Picker {
    entry: EntryAt,
    /// Entries that have begun.
    begun: usize,
    /// Data of the entry that were not taken yet.
    data: Vec<u8>,
    crc: crc32fast::Hasher,
    ended: bool,
}

impl Picker {
    fn new(entry: EntryAt) -> Self {
        Self {
            entry,
            begun: 0,
            data: Vec::new(),
            crc: crc32fast::Hasher::new(),
            ended: false,
        }
    }

    /// Whether the current entry is the selected one.
    fn is_here(&self) -> bool {
        self.begun == self.entry.index + 1
    }

    fn wrong(&self, what: &str) -> TarError {
        TarError::damaged(format!("entry {} of the archive {what}", self.entry.index))
    }
}

impl Visitor for Picker {
    fn entry(&mut self, header: &Header, _at: u64) -> Result<(), TarError> {
        self.begun += 1;
        if self.is_here() && header.size != self.entry.size {
            return Err(self.wrong("has another size than when it was surveyed"));
        }
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        if self.is_here() {
            self.crc.update(bytes);
            self.data.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn entry_end(&mut self, _at: u64) -> Result<(), TarError> {
        if self.is_here() {
            self.ended = true;
            if std::mem::take(&mut self.crc).finalize() != self.entry.crc {
                return Err(self.wrong("has other contents than when it was surveyed"));
            }
        }
        Ok(())
    }
}
