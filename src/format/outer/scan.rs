//! Walks the outer tar from header to header.

use std::collections::HashMap;
use std::sync::Arc;

use super::ends::{Ends, Found};
use super::{Member, Outer};
use crate::error::{Error, Kind, Result, escape};
use crate::finding::Finding;
use crate::format::tar::block::{BLOCK, EntryKind, HeaderBlock, TarError};
use crate::format::tar::header::{Assembler, Header, Step};
use crate::format::tar::path;
use crate::pipe::{Control, Input};

/// A file with more members is not a backup but an attempt to exhaust memory.
const MAX_MEMBERS: usize = 10_000;
/// The same limit for the extended headers of all members together, in bytes; Home Assistant writes
/// one of 1 KiB for each part.
const MAX_EXTENSIONS: u64 = 2 << 20;

/// The walk and its results so far.
pub(super) struct Scan<'a> {
    input: &'a Arc<Input>,
    ends: Ends<'a>,
    at: u64,
    /// The kind of every member, by its plain name.
    names: HashMap<Vec<u8>, EntryKind>,
    /// Bytes of extended headers.
    extensions: u64,
    /// Why the size of the last member is uncertain although no header follows it.
    doubt: Option<String>,
    /// Whether the file ends inside a member or a header.
    pub is_cut_off: bool,
    /// The member in which it ends, as large as what is there of it.
    pub cut_off: Option<Member>,
    /// Whether bytes that are not zero follow the end.
    pub has_rest: bool,
    /// Whether a wrong size was found that only a closer look finds.
    pub found_closely: bool,
    pub outer: Outer,
}

impl<'a> Scan<'a> {
    pub fn new(input: &'a Arc<Input>, control: &'a Control, closely: bool) -> Self {
        Self {
            input,
            ends: Ends::new(input, control, closely),
            at: 0,
            names: HashMap::new(),
            extensions: 0,
            doubt: None,
            is_cut_off: false,
            cut_off: None,
            has_rest: false,
            found_closely: false,
            outer: Outer {
                members: Vec::new(),
                findings: Vec::new(),
            },
        }
    }

    pub fn run(&mut self) -> Result<()> {
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
                Step::Global(_) => return Err(global_header(start)),
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

    /// The next block, or `None` if the file ends without end blocks.
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
        // A directory may stand beside the parts, as the root does in old backups, but not in place
        // of a part.
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
            let error = Error::damaged(format!(
                "the file ends inside {what}: {there} of {} bytes are there",
                member.size
            ))
            .in_part(member.display_name())
            .at(self.input.len());
            let size = member.size.min(there);
            self.cut_off = Some(Member { size, ..member });
            return Err(error);
        }
        self.at = member.end();
        self.outer.members.push(member);
        Ok(())
    }

    /// A member's name becomes a file name in a restore, and readers look members up by it, some
    /// with the `./` and some without.
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

    /// Corrects the size of a part if its header is wrong and its data show the right one.
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

    /// The first non-zero byte after the end, and the number of bytes from there on.
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

/// The error for a global PAX header, which would change the headers of members behind it.
fn global_header(at: u64) -> Error {
    Error::refused("a global PAX header in the outer tar; Home Assistant writes none").at(at)
}
