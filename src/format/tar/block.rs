//! One 512-byte tar block as a header (POSIX.1-2017 pax, "ustar Interchange Format"), read as
//! Python's `tarfile` reads it, and refused if another reader would see something else.

use std::ops::Range;

use crate::error::Advice;

/// The unit in which a tar is laid out, in bytes.
pub const BLOCK: usize = 512;

/// The largest mode that fits into the field as octal digits.
const MAX_MODE: u64 = 0o7_777_777;
/// The largest owner and group; the next number means "none" (chown(2)).
pub(super) const MAX_ID: u64 = 0xffff_fffe;

/// A tar that cannot be read, or should not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TarError {
    /// The bytes violate the format.
    #[error("{0}")]
    Damaged(String),
    /// Two readers would see two different archives, or the content is unsafe.
    #[error("{0}")]
    Refused(String),
}

impl TarError {
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }

    pub(crate) fn refused(what: impl Into<String>) -> Self {
        Self::Refused(what.into())
    }
}

impl From<TarError> for crate::Error {
    fn from(error: TarError) -> Self {
        match error {
            TarError::Damaged(what) => Self::damaged(what),
            TarError::Refused(what) => Self::refused(what).advice(Advice::LeavePartOut),
        }
    }
}

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A file with contents.
    File,
    /// Another name of an earlier file in the same archive.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A directory.
    Directory,
    /// A device or FIFO: metadata without contents.
    Special,
}

impl EntryKind {
    /// The word that tables and `--json` use.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::HardLink => "hardlink",
            Self::Symlink => "symlink",
            Self::Directory => "directory",
            Self::Special => "special",
        }
    }
}

/// Where the name is in a header block.
pub const NAME: Range<usize> = 0..100;
/// Where the target of a link is.
pub const LINK: Range<usize> = 157..257;
/// Where the name begins that is too long for its field.
pub const PREFIX: Range<usize> = 345..500;

/// A view of one header block.
#[derive(Clone, Copy)]
pub struct HeaderBlock<'a>(pub &'a [u8; BLOCK]);

impl<'a> HeaderBlock<'a> {
    fn field(&self, at: usize, len: usize) -> &'a [u8] {
        // Every caller passes constants inside the block.
        self.0.get(at..at + len).unwrap_or_default()
    }

    /// True for a block of zeros, which ends an archive.
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|&b| b == 0)
    }

    /// True for a block with the mark of ustar or GNU tar, which all modern headers have.
    pub fn has_mark(&self) -> bool {
        self.field(257, 5) == b"ustar"
    }

    /// The type flag at byte 156.
    pub fn flag(&self) -> u8 {
        self.0[156]
    }

    /// Checks the header checksum: the sum of all bytes, with the field itself counted as spaces.
    /// Old writers summed signed bytes; readers accept both.
    pub fn checksum_fits(&self) -> bool {
        let Ok(stated) = number(self.field(148, 8)) else {
            return false;
        };
        let sum = |bytes: &[u8]| bytes.iter().map(|&b| i64::from(b)).sum::<i64>();
        let high = |bytes: &[u8]| bytes.iter().filter(|&&b| b >= 0x80).count() as i64;
        let field = self.field(148, 8);
        let unsigned = sum(self.0) - sum(field) + 8 * i64::from(b' ');
        // As a signed byte, a byte of 0x80 or more counts 256 less.
        let signed = unsigned - 256 * (high(self.0) - high(field));
        let stated = i64::try_from(stated).unwrap_or(-1);
        stated == unsigned || stated == signed
    }

    /// The size field at byte 124: how many bytes of data follow.
    ///
    /// # Errors
    /// `Damaged` if the field is not a number.
    pub fn size(&self) -> Result<u64, TarError> {
        self.number("size", 124, 12)
    }

    /// The permission bits at byte 100.
    ///
    /// # Errors
    /// `Damaged` if the field is not a number.
    pub fn mode(&self) -> Result<u64, TarError> {
        self.number("mode", 100, 8)
    }

    fn number(&self, what: &str, at: usize, len: usize) -> Result<u64, TarError> {
        number(self.field(at, len))
            .map_err(|e| TarError::damaged(format!("the {what} field of a tar header {e}")))
    }

    /// Checks the numbers that haslim itself does not use. Python reads all of them and silently
    /// takes a header with an invalid one for the end of the archive; a number that the system
    /// rejects stops Python in the middle of a restore.
    ///
    /// # Errors
    /// `Damaged` if a field is not a number, `Refused` if its number is impossible.
    pub fn check_numbers(&self) -> Result<(), TarError> {
        let limited = [
            ("mode", 100, MAX_MODE),
            ("owner", 108, MAX_ID),
            ("group", 116, MAX_ID),
        ];
        for (what, at, most) in limited {
            if self.number(what, at, 8)? > most {
                return Err(TarError::refused(format!(
                    "the {what} field of a tar header holds an impossible number"
                )));
            }
        }
        self.number("major", 329, 8)?;
        self.number("minor", 337, 8)?;
        self.mtime().map(drop)
    }

    /// The time field at byte 136: seconds since 1970, before it if negative.
    ///
    /// # Errors
    /// `Damaged` if the field is not a number.
    pub fn mtime(&self) -> Result<i64, TarError> {
        signed(self.field(136, 12))
            .map_err(|e| TarError::damaged(format!("the time field of a tar header {e}")))
    }

    /// The link target, up to the first NUL.
    pub fn link(&self) -> &'a [u8] {
        until_nul(self.field(157, 100))
    }

    /// The name field without the prefix.
    pub(super) fn short_name(&self) -> &'a [u8] {
        until_nul(self.field(0, 100))
    }

    /// The name, after the ustar prefix if there is one.
    ///
    /// # Errors
    /// `Refused` for an old GNU header that keeps something else in the prefix: readers then
    /// disagree about the name.
    pub fn name(&self) -> Result<Vec<u8>, TarError> {
        let name = self.short_name();
        let prefix = until_nul(self.field(345, 155));
        if prefix.is_empty() {
            return Ok(name.to_vec());
        }
        if self.field(257, 6) != b"ustar\0" {
            return Err(TarError::refused(
                "a header without the ustar mark has bytes where ustar keeps its name prefix",
            ));
        }
        Ok([prefix, b"/", name].concat())
    }
}

/// Bytes up to the first NUL.
fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|&b| b == 0).next().unwrap_or_default()
}

/// Reads a numeric field: octal digits between spaces and NULs, or GNU's
/// base-256 (first byte 0x80, then a big-endian number).
///
/// Stricter than Python's `int(text, 8)`, which also takes `0o17`, `1_7` and signs.
fn number(field: &[u8]) -> Result<u64, &'static str> {
    match field.split_first() {
        Some((0x80, rest)) => base256(rest),
        Some((byte, _)) if *byte > 0x80 => Err("is negative or too large"),
        _ => octal(until_nul(field)),
    }
}

/// Like [`number`], for a field that may be negative: GNU's base-256 in two's complement.
fn signed(field: &[u8]) -> Result<i64, &'static str> {
    match field.split_first() {
        // All higher bytes repeat the sign, or the number does not fit.
        Some((0xff, rest)) => match rest.split_last_chunk::<8>() {
            Some((high, low)) if high.iter().all(|&b| b == 0xff) => Some(i64::from_be_bytes(*low))
                .filter(|&value| value < 0)
                .ok_or("is too large"),
            _ => Err("is too large"),
        },
        _ => number(field).map(u64::cast_signed),
    }
}

fn base256(rest: &[u8]) -> Result<u64, &'static str> {
    let mut value: u64 = 0;
    for &byte in rest {
        value = value.checked_mul(256).ok_or("is too large")? | u64::from(byte);
    }
    if value > i64::MAX.cast_unsigned() {
        Err("is too large")
    } else {
        Ok(value)
    }
}

fn octal(text: &[u8]) -> Result<u64, &'static str> {
    let digits = text.trim_ascii();
    let mut value: u64 = 0;
    for &digit in digits {
        if !(b'0'..=b'7').contains(&digit) {
            return Err("is not an octal number");
        }
        value = value.checked_mul(8).ok_or("is too large")? | u64::from(digit - b'0');
    }
    Ok(value)
}

/// Writes `size` into the size field of a header block and updates its checksum.
///
/// Sizes of 8 GiB or more are written in base-256, which Python and every other reader can read and
/// which keeps the header's length.
pub fn set_size(block: &mut [u8; BLOCK], size: u64) {
    if size < 1 << 33 {
        let text = format!("{size:011o}\0");
        block[124..136].copy_from_slice(text.as_bytes());
    } else {
        block[124..128].copy_from_slice(&[0x80, 0, 0, 0]);
        block[128..136].copy_from_slice(&size.to_be_bytes());
    }
    set_checksum(block);
}

/// Writes a name into the name field of a header block and updates its checksum; `None` if the name
/// does not fit there, or if the block has more of its name in the prefix field.
pub fn set_name(block: &mut [u8; BLOCK], name: &[u8]) -> Option<()> {
    let field = block.get_mut(NAME)?;
    field.get_mut(..name.len())?.copy_from_slice(name);
    field.get_mut(name.len()..)?.fill(0);
    block
        .get(PREFIX)?
        .iter()
        .all(|&byte| byte == 0)
        .then(|| set_checksum(block))
}

/// Updates the checksum of a header block, in the layout that Python writes.
pub fn set_checksum(block: &mut [u8; BLOCK]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
    let text = format!("{sum:06o}\0");
    block[148..155].copy_from_slice(text.as_bytes());
}

/// How many bytes of padding follow `size` bytes of data.
pub fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

#[cfg(test)]
mod tests;
