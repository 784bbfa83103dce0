//! The outer tar: which members it has and where, byte for byte.
//!
//! Read strictly. Where Home Assistant's own readers would stop silently or see
//! something else, this reader says so instead.

mod ends;

use std::collections::HashMap;
use std::sync::Arc;

use self::ends::{Ends, Found};
use super::tar::block::{BLOCK, EntryKind, HeaderBlock, TarError, padding, set_name, set_size};
use super::tar::header::{Assembler, Header, Step};
use super::tar::path;
use crate::error::{Error, Kind, Result, escape};
use crate::finding::Finding;
use crate::pipe::{Control, Input};

/// Python's `tarfile` pads an archive with zeros to a multiple of this many bytes.
pub const RECORD: u64 = 10_240;

/// More members than this are no backup, but an attempt on the memory.
const MAX_MEMBERS: usize = 10_000;
/// The same for the extended headers of all members together, in bytes; Home Assistant writes
/// one of 1 KiB for each part.
const MAX_EXTENSIONS: u64 = 2 << 20;

/// One member of the outer tar.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its header, complete and raw.
    pub header: Header,
    /// Where the header begins in the file.
    pub header_at: u64,
    /// Bytes of data: what the header says, or the recovered truth when `stale` is set.
    pub size: u64,
    /// True when the header's size is not the true one: Home Assistant has left sizes of another
    /// time there (supervisor#7034, core#181621), or zero (supervisor#4924).
    pub stale: bool,
}

impl Member {
    /// Where the data begins in the file.
    pub fn data_at(&self) -> u64 {
        self.header_at + self.header.raw.len() as u64
    }

    /// Where the next header begins.
    pub fn end(&self) -> u64 {
        // A hostile size must not wrap around; no file reaches the cap.
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

    /// The header for the same member under another name, with `size` bytes of data; `None` where
    /// the name stands in an extended header or does not fit into the field for it.
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
    /// All else stays byte for byte; a PAX size, which would win over the new
    /// one, is taken out.
    ///
    /// # Errors
    /// `Internal` when the header is not made of blocks.
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

/// Rewrites the PAX block of a header without its size records. The blocks
/// before the records keep everything but their own size.
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
        let old: Vec<_> = if is_extension {
            let count = view.size().unwrap_or(0).div_ceil(BLOCK as u64);
            blocks
                .by_ref()
                .take(usize::try_from(count).unwrap_or(0))
                .collect()
        } else {
            Vec::new()
        };
        if !is_pax {
            out.extend_from_slice(block);
            old.into_iter().for_each(|b| out.extend_from_slice(b));
        } else if !records.is_empty() {
            let mut head = *block;
            set_size(&mut head, records.len() as u64);
            out.extend_from_slice(&head);
            out.extend_from_slice(&records);
            out.resize(
                out.len() + usize::try_from(padding(records.len() as u64)).unwrap_or(0),
                0,
            );
        }
    }
    out
}

/// What the outer tar holds.
#[derive(Debug)]
pub struct Outer {
    /// The members, in file order.
    pub members: Vec<Member>,
    /// What the user should know: missing end, bytes after the end, stale sizes.
    pub findings: Vec<Finding>,
}

/// Reads every header of the outer tar. Data is skipped, not read, as long as the headers and
/// the ends of the parts look sound; otherwise the data have to show where a part ends, as
/// `outer/ends.rs` explains. What follows the end is read up to the first byte that is not zero,
/// holes left out.
///
/// Takes time with the bytes of the file and of what its gzip streams expand to, at most.
///
/// # Errors
/// `Damaged`, `Refused` or `InputIo`, with the member and the offset; `Interrupted`.
pub fn scan(input: &Arc<Input>, control: &Control) -> Result<Outer> {
    refuse_other_formats(input)?;
    let mut scan = Scan::new(input, control, false);
    let outcome = scan.run();
    let odd = match &outcome {
        Ok(()) => scan.has_rest,
        // What is cut off was not misread before.
        Err(error) => matches!(error.kind(), Kind::Damaged | Kind::Refused) && !scan.is_cut_off,
    };
    if odd && let Some(closer) = scan_closely(input, control)? {
        return Ok(closer);
    }
    outcome.map(|()| scan.outer)
}

/// As [`scan`], but suspects every size where the data hold what looks like a further member.
/// For files that lack something: a wrong size can lead to a sound header behind another member.
/// `None` when no more wrong sizes are found in this way, or the members cannot be read.
///
/// Reads the last 64 MiB of each member, and more where it finds something.
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

fn refuse_other_formats(input: &Input) -> Result<()> {
    let mut head = [0u8; BLOCK];
    let got = input.read_at(0, &mut head)?;
    if got == 0 {
        return Err(Error::damaged("the file is empty").at(0));
    }
    let named = [
        (&[0x1f, 0x8b][..], "gzip"),
        (b"PK\x03\x04", "zip"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
        (b"BZh", "bzip2"),
        (&[0xfd, b'7', b'z', b'X', b'Z'], "xz"),
        (b"SecureTar", "a single SecureTar archive"),
    ];
    if let Some((_, name)) = named.iter().find(|(magic, _)| head.starts_with(magic)) {
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

struct Scan<'a> {
    input: &'a Arc<Input>,
    ends: Ends<'a>,
    at: u64,
    /// The kind of every member by its plain name.
    names: HashMap<Vec<u8>, EntryKind>,
    /// Bytes of extended headers.
    extensions: u64,
    /// Why the size of the last member is not known for certain, though no header follows it.
    doubt: Option<String>,
    /// Whether the file ends inside a member or a header.
    is_cut_off: bool,
    /// Whether bytes that are not zero follow the end.
    has_rest: bool,
    /// Whether a wrong size was found that only a close look finds.
    found_closely: bool,
    outer: Outer,
}

impl<'a> Scan<'a> {
    fn new(input: &'a Arc<Input>, control: &'a Control, closely: bool) -> Self {
        Self {
            input,
            ends: Ends::new(input, control, closely),
            at: 0,
            names: HashMap::new(),
            extensions: 0,
            doubt: None,
            is_cut_off: false,
            has_rest: false,
            found_closely: false,
            outer: Outer {
                members: Vec::new(),
                findings: Vec::new(),
            },
        }
    }

    fn run(&mut self) -> Result<()> {
        while let Some(header) = self.next_header()? {
            self.add(header)?;
        }
        if self.outer.members.is_empty() {
            return Err(Error::damaged("there is no member in this file").at(0));
        }
        Ok(())
    }

    fn next_header(&mut self) -> Result<Option<(u64, Header)>> {
        let mut assembler = Assembler::default();
        let mut start = self.at;
        loop {
            let Some(block) = self.block(&assembler)? else {
                return Ok(None);
            };
            let step = assembler.push(&block).map_err(|e| self.explain(e))?;
            self.at += BLOCK as u64;
            match step {
                Step::More => {}
                Step::Header(header) => return Ok(Some((start, *header))),
                Step::Global(_) => {
                    return Err(Error::refused(
                        "a global PAX header in the outer tar; Home Assistant writes none",
                    )
                    .at(start));
                }
                Step::End => {
                    self.after_the_end()?;
                    return Ok(None);
                }
            }
            if assembler.is_idle() {
                start = self.at;
            }
        }
    }

    /// The next block, or `None` where the file ends without end blocks.
    fn block(&mut self, assembler: &Assembler) -> Result<Option<[u8; BLOCK]>> {
        let mut block = [0u8; BLOCK];
        let got = self.input.read_at(self.at, &mut block)?;
        if got == BLOCK {
            return Ok(Some(block));
        }
        if got > 0 || !assembler.is_idle() {
            self.is_cut_off = true;
            return Err(self.place(Error::damaged(format!(
                "the file ends inside a tar header: {got} of {BLOCK} bytes are there"
            ))));
        }
        self.outer.findings.push(Finding::NoEnd);
        Ok(None)
    }

    fn add(&mut self, (header_at, header): (u64, Header)) -> Result<()> {
        // A directory may stand beside the parts, as the root does in old backups, but not in the
        // place of one.
        let part = header.name.ends_with(b".tar") || header.name.ends_with(b".tar.gz");
        if header.kind != EntryKind::File && (header.kind != EntryKind::Directory || part) {
            let what = format!("the member is a {}, not a file", header.kind.name());
            return Err(Error::refused(what)
                .in_part(escape(&header.name))
                .at(header_at));
        }
        self.extensions = self
            .extensions
            .saturating_add((header.raw.len() - BLOCK) as u64);
        if self.outer.members.len() == MAX_MEMBERS || self.extensions > MAX_EXTENSIONS {
            let what =
                format!("more than {MAX_MEMBERS} members, or more than 2 MiB of extended headers");
            return Err(Error::refused(what).at(header_at));
        }
        self.check_name(&header)
            .map_err(|e| e.in_part(escape(&header.name)).at(header_at))?;
        let size = header.size;
        let mut member = Member {
            header,
            header_at,
            size,
            stale: false,
        };
        self.recover_size(&mut member)?;
        if member.end() > self.input.len() {
            self.is_cut_off = true;
            let there = self.input.len().saturating_sub(member.data_at());
            // Without its padding a last member is complete, but Python does not read such a file.
            let what = if there < member.size {
                "this member"
            } else {
                "the padding behind this member"
            };
            return Err(Error::damaged(format!(
                "the file ends inside {what}: {there} of {} bytes are there",
                member.size
            ))
            .in_part(member.display_name())
            .at(self.input.len()));
        }
        self.at = member.end();
        self.outer.members.push(member);
        Ok(())
    }

    /// A member's name becomes a file name in a restore, and readers look members up by it, some
    /// with and some without the `./`.
    fn check_name(&mut self, header: &Header) -> Result<()> {
        let name = path::plain(&header.name);
        if let Some(fault) = path::fault(&header.name) {
            return Err(Error::refused(format!(
                "the member's name {}",
                fault.text()
            )));
        }
        if name.is_empty() && header.kind != EntryKind::Directory {
            return Err(Error::refused("a file takes the place of the whole folder"));
        }
        match self.names.insert(name.to_vec(), header.kind) {
            None => Ok(()),
            Some(EntryKind::Directory) if header.kind == EntryKind::Directory => Ok(()),
            Some(_) => Err(Error::refused(
                "two members have this name: readers disagree about which one counts",
            )),
        }
    }

    /// Puts the size of a part right where its header does not say it and its data do.
    fn recover_size(&mut self, member: &mut Member) -> Result<()> {
        let found = self
            .ends
            .find(member)
            .map_err(|e| e.in_part(member.display_name()).at(member.data_at()))?;
        self.doubt = None;
        match found {
            Found::AsStated => {}
            Found::Size { size, closely } => {
                (member.size, member.stale) = (size, true);
                self.found_closely |= closely;
            }
            Found::Nowhere(why) => self.doubt = Some(why),
        }
        Ok(())
    }

    fn after_the_end(&mut self) -> Result<()> {
        let (first, count) = self.trailing_bytes()?;
        let Some(first) = first else { return Ok(()) };
        self.has_rest = true;
        let mut block = [0u8; BLOCK];
        // A second archive would start on a block boundary.
        let start = first - first % BLOCK as u64;
        if self.input.read_at(start, &mut block)? == BLOCK && HeaderBlock(&block).checksum_fits() {
            return Err(
                Error::refused("a second archive follows the end of this one")
                    .at(start)
                    .advice("Two backups were put into one file; split them first."),
            );
        }
        self.outer
            .findings
            .push(Finding::BytesBehindTheEnd { count });
        Ok(())
    }

    /// The first byte that is not zero after the end, and how many bytes there are from it on.
    fn trailing_bytes(&self) -> Result<(Option<u64>, u64)> {
        let first = self.ends.first_set(self.at)?;
        Ok((first, first.map_or(0, |first| self.input.len() - first)))
    }

    fn explain(&self, error: TarError) -> Error {
        let error = Error::from(error);
        self.place(match &self.doubt {
            Some(why) if error.kind() == Kind::Damaged => {
                Error::damaged(format!("{}; {why}", error.message()))
            }
            _ => error,
        })
    }

    fn place(&self, error: Error) -> Error {
        let error = error.at(self.at);
        match self.outer.members.last() {
            Some(last) => error.in_part(format!("after {}", last.display_name())),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests;
