//! The outer tar: its members and their positions, byte for byte.
//!
//! The reader is strict. Where Home Assistant's own readers would stop silently or see something
//! else, it returns an error or a finding.

mod ends;
mod scan;

use std::sync::Arc;

use self::scan::Scan;
use super::tar::block::{BLOCK, HeaderBlock, padding, set_name, set_size};
use super::tar::header::Header;
use crate::error::{Error, Kind, Result, escape};
use crate::finding::Finding;
use crate::pipe::{Control, Input};

/// Python's `tarfile` pads an archive with zeros to a multiple of this many bytes.
pub const RECORD: u64 = 10_240;

/// One member of the outer tar.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its header, complete and raw.
    pub header: Header,
    /// Where the header begins in the file.
    pub header_at: u64,
    /// Bytes of data: the size in the header, or the recovered size if `stale` is set.
    pub size: u64,
    /// True if the header states a wrong size: Home Assistant has left the size from before a
    /// change there (supervisor#7034, core#181621), or zero (supervisor#4924).
    pub stale: bool,
}

impl Member {
    /// Where the data begins in the file.
    pub fn data_at(&self) -> u64 {
        self.header_at + self.header.raw.len() as u64
    }

    /// Where the next header begins.
    pub fn end(&self) -> u64 {
        // A hostile size must not wrap around; no file reaches this limit.
        self.data_at()
            .saturating_add(self.size)
            .saturating_add(padding(self.size))
    }

    /// Bytes that the member takes in the file: header, data and padding.
    pub fn stored(&self) -> u64 {
        self.end() - self.header_at
    }

    /// Its name, safe to print.
    pub fn display_name(&self) -> String {
        escape(&self.header.name)
    }

    /// The header for the same member under another name, with `size` bytes of data; `None` if the
    /// name is in an extended header or does not fit into its field.
    pub fn renamed(&self, name: &[u8], size: u64) -> Option<Vec<u8>> {
        let mut raw = self.header_with_size(size).ok()?;
        let main = raw.last_chunk_mut::<BLOCK>()?;
        let field = main.get(..self.header.name.len())?;
        if field != self.header.name || self.header.pax.iter().any(|(key, _)| key == b"path") {
            return None;
        }
        set_name(main, name)?;
        Some(raw)
    }

    /// The header for the same member with `size` bytes of data.
    ///
    /// Everything else stays byte for byte; a PAX size, which would override the new one, is
    /// removed.
    ///
    /// # Errors
    /// `Internal` if the header does not consist of blocks.
    pub fn header_with_size(&self, size: u64) -> Result<Vec<u8>> {
        let mut raw = if self.header.has_pax_size() {
            without_pax_size(&self.header)
        } else {
            self.header.raw.clone()
        };
        let main = raw
            .last_chunk_mut::<BLOCK>()
            .ok_or_else(|| Error::new(crate::Kind::Internal, "a header without blocks"))?;
        set_size(main, size);
        Ok(raw)
    }
}

/// Rewrites the PAX block of a header without its size records. The blocks before the records
/// change only in their own size.
fn without_pax_size(header: &Header) -> Vec<u8> {
    let mut records = Vec::new();
    for (key, value) in header.pax.iter().filter(|(key, _)| key != b"size") {
        super::tar::pax::write(key, value, &mut records);
    }
    let mut out = Vec::new();
    let mut blocks = header.raw.as_chunks::<BLOCK>().0.iter();
    while let Some(block) = blocks.next() {
        let view = HeaderBlock(block);
        let is_pax = matches!(view.flag(), b'x' | b'X');
        let is_extension = is_pax || matches!(view.flag(), b'L' | b'K');
        let size = view.size().ok().filter(|_| is_extension).unwrap_or(0);
        let count = usize::try_from(size.div_ceil(BLOCK as u64)).unwrap_or(0);
        let old = blocks.by_ref().take(count);
        if is_pax {
            old.for_each(drop);
            push_pax(block, &records, &mut out);
        } else {
            out.extend_from_slice(block);
            old.for_each(|b| out.extend_from_slice(b));
        }
    }
    out
}

/// Appends a PAX header with these records, if there are any. `head` is its first block.
fn push_pax(head: &[u8; BLOCK], records: &[u8], out: &mut Vec<u8>) {
    if records.is_empty() {
        return;
    }
    let (mut head, size) = (*head, records.len() as u64);
    set_size(&mut head, size);
    out.extend_from_slice(&head);
    out.extend_from_slice(records);
    out.resize(out.len() + usize::try_from(padding(size)).unwrap_or(0), 0);
}

/// The contents of the outer tar.
#[derive(Debug)]
pub struct Outer {
    /// The members, in file order.
    pub members: Vec<Member>,
    /// Findings to report: missing end, bytes after the end, stale sizes.
    pub findings: Vec<Finding>,
}

/// Reads every header of the outer tar. Data is skipped, not read, while the headers and the ends
/// of the parts look valid; otherwise the data itself shows where a part ends, as `outer/ends.rs`
/// explains. The bytes after the end are read up to the first one that is not zero; holes are
/// skipped.
///
/// Time grows at most with the bytes of the file and the expanded size of its gzip streams.
///
/// # Errors
/// `Damaged`, `Refused` or `InputIo`, with the member and the offset; `Interrupted`.
pub fn scan(input: &Arc<Input>, control: &Control) -> Result<Outer> {
    refuse_other_formats(input)?;
    let mut scan = Scan::new(input, control, false);
    let outcome = scan.run();
    let odd = match &outcome {
        Ok(()) => scan.has_rest,
        // A file that is cut off was read correctly up to that point.
        Err(error) => matches!(error.kind(), Kind::Damaged | Kind::Refused) && !scan.is_cut_off,
    };
    if odd && let Some(closer) = scan_closely(input, control)? {
        return Ok(closer);
    }
    match outcome {
        Ok(()) => Ok(scan.outer),
        Err(error) if scan.is_cut_off => Err(error.cut_off()),
        Err(error) => Err(error),
    }
}

/// Like [`scan()`], but checks every size if the data contain something that looks like another
/// member. For files that lack something: a wrong size can lead to a valid header after another
/// member. `None` if this finds no more wrong sizes, or if the members cannot be read.
///
/// Reads the last 64 MiB of each member, and more if it finds something.
///
/// # Errors
/// `InputIo`, `Interrupted`.
pub fn scan_closely(input: &Arc<Input>, control: &Control) -> Result<Option<Outer>> {
    let mut scan = Scan::new(input, control, true);
    match scan.run() {
        Ok(()) => Ok(Some(scan.outer).filter(|_| scan.found_closely)),
        Err(error) if matches!(error.kind(), Kind::Damaged | Kind::Refused) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The members before the first damage, and what is there of the one in which the file ends.
///
/// # Errors
/// `Refused`, `InputIo`, `Interrupted`; `Damaged` if the file is no tar archive.
pub fn salvage(input: &Arc<Input>, control: &Control) -> Result<Vec<Member>> {
    refuse_other_formats(input)?;
    let mut scan = Scan::new(input, control, false);
    match scan.run() {
        Err(error) if error.kind() != Kind::Damaged => return Err(error),
        Ok(()) | Err(_) => {}
    }
    scan.outer.members.extend(scan.cut_off);
    Ok(scan.outer.members)
}

/// What files that are given by mistake begin with, and what they are.
const OTHER_FORMATS: [(&[u8], &str); 6] = [
    (&[0x1f, 0x8b], "gzip"),
    (b"PK\x03\x04", "zip"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    (b"BZh", "bzip2"),
    (&[0xfd, b'7', b'z', b'X', b'Z'], "xz"),
    (b"SecureTar", "a single SecureTar archive"),
];

fn refuse_other_formats(input: &Input) -> Result<()> {
    let mut head = [0u8; BLOCK];
    let got = input.read_at(0, &mut head)?;
    if got == 0 {
        return Err(Error::damaged("the file is empty").at(0));
    }
    if let Some((_, name)) = OTHER_FORMATS
        .iter()
        .find(|(magic, _)| head.starts_with(magic))
    {
        return Err(Error::refused(format!("this is not a backup but {name}"))
            .at(0)
            .advice("A Home Assistant backup is an uncompressed .tar; unpack this file first, or give the backup itself."));
    }
    let first = HeaderBlock(&head);
    if first.is_zero() || first.checksum_fits() {
        return Ok(());
    }
    Err(Error::damaged("this is no Home Assistant backup: it does not begin as a .tar does")
        .at(0)
        .advice("Give the .tar that Home Assistant made. If this was one, it is damaged: Download it again, or use an older one."))
}

#[cfg(test)]
mod tests;
