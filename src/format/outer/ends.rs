//! Where the data of a part end, when its header in the outer tar does not say so.
//!
//! Home Assistant has written wrong sizes: that of before the encryption, which is too small,
//! that of before the decryption, which is too large (supervisor#7034, core#181621), and zero
//! (supervisor#4924). Readers then look for the next header in the wrong place. The data
//! themselves tell where they end:
//!
//! | data | what tells the end |
//! |---|---|
//! | SecureTar version 2 and 3 | the plaintext's size in the header |
//! | gzip | the trailer, when checksum and size are those of the contents |
//! | tar | the blocks of zeros behind the last entry |
//!
//! SecureTar version 1 has nothing. A size found in this way counts only where the next header
//! stands behind it, or the end of the outer tar. To read a sound backup costs no more than two
//! blocks a part: streams are inflated only where something does not fit.

use std::cell::Cell;
use std::sync::Arc;

use super::{Member, RECORD};
use crate::error::{Error, Kind, Result};
use crate::format::securetar::{self, Layer, SecureHeader};
use crate::format::tar::block::{BLOCK, EntryKind, HeaderBlock, padding};
use crate::format::tar::header::{Assembler, Step};
use crate::format::tar::path;
use crate::gzip::{Gunzip, Trailer};
use crate::pipe::{Control, Input};

/// A size is not looked into that leads further than this behind the end of the file: then the
/// file is cut off. Encryption adds 17 bytes a mebibyte, 16 MiB to a part of a tebibyte.
pub(super) const MOST_EXCESS: u64 = 64 << 20;

/// What is known about a member's size.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The header is right, or nothing says that it is wrong.
    AsStated,
    /// The data have another size.
    Size {
        /// In bytes.
        size: u64,
        /// Whether the size in the header, too, leads to a header, and only a close look found it
        /// out.
        closely: bool,
    },
    /// No header follows, neither by the size stated nor where the data end. The reason goes
    /// on a sentence about the former.
    Nowhere(String),
}

/// What stands where a header could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Header,
    /// A block of zeros, or the end of the file.
    End,
    Other,
}

/// What says how long the data are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// A number in front of them.
    Header,
    /// They were read up to their end.
    Stream,
}

/// Finds the ends of a file's members.
pub(super) struct Ends<'a> {
    input: &'a Arc<Input>,
    control: &'a Control,
    closely: bool,
    /// How many bytes may still be read to find ends. Sound data are read once; what is more
    /// comes from streams that lead through several members and are not believed.
    budget: Cell<u64>,
}

impl<'a> Ends<'a> {
    /// `closely` suspects parts in which something looks like a further member.
    pub fn new(input: &'a Arc<Input>, control: &'a Control, closely: bool) -> Self {
        Self {
            input,
            control,
            closely,
            budget: Cell::new(input.len().saturating_mul(3).saturating_add(MOST_EXCESS)),
        }
    }

    /// Looks at a member whose size is what its header says.
    ///
    /// # Errors
    /// `InputIo`, `Interrupted`; `Refused` when the contents are larger than allowed.
    pub fn find(&self, member: &Member) -> Result<Found> {
        let name = &member.header.name;
        if member.header.kind != EntryKind::File
            || !(name.ends_with(b".tar") || name.ends_with(b".tar.gz"))
        {
            return Ok(Found::AsStated);
        }
        let stated = self.next_at(member.end())?;
        // Of nothing there is a first block only where the header is wrong, or where a tar begins
        // as the next member does.
        if member.size == 0
            && (stated == Next::End || stated == Next::Header && !name.ends_with(b".tar"))
        {
            return Ok(Found::AsStated);
        }
        let mut head = [0u8; BLOCK];
        let got = self.input.read_at(member.data_at(), &mut head)?;
        let head = head.get(..got).unwrap_or_default();
        match securetar::sniff(head, true) {
            Ok(Layer::Secure(header @ (SecureHeader::V2 { .. } | SecureHeader::V3 { .. }))) => {
                let real = header.member_len().unwrap_or(member.size);
                self.settle(member, stated, real, Proof::Header)
            }
            Ok(Layer::Plain) if self.suspects_gzip(member, stated)? => self.gzip(member, stated),
            // Zeros look like an empty tar, and are no proof of anything.
            _ if head.iter().any(|&byte| byte != 0)
                && securetar::looks_plain(head, false)
                && self.suspects_tar(member, stated)? =>
            {
                self.tar(member, stated)
            }
            _ => Ok(Found::AsStated),
        }
    }

    /// What stands at a place.
    fn next_at(&self, at: u64) -> Result<Next> {
        // A made-up size can lead further than any file reaches.
        if at > self.input.len() {
            return Ok(Next::Other);
        }
        let mut block = [0u8; BLOCK];
        let got = self.input.read_at(at, &mut block)?;
        let view = HeaderBlock(&block);
        Ok(match got {
            0 if at == self.input.len() => Next::End,
            BLOCK if view.is_zero() => Next::End,
            BLOCK if view.checksum_fits() => Next::Header,
            _ => Next::Other,
        })
    }

    /// Decides between the size stated, behind which `stated` stands, and that of the data.
    fn settle(&self, member: &Member, stated: Next, real: u64, proof: Proof) -> Result<Found> {
        if real == member.size {
            return Ok(Found::AsStated);
        }
        let end = Member {
            size: real,
            ..member.clone()
        }
        .end();
        let there = self.next_at(end)?;
        let longer = real > member.size;
        let right = match there {
            // The rest of the data lies in what would be padding.
            _ if end == member.end() && longer => {
                proof == Proof::Stream
                    || member.header.has_pax_size()
                    || !self.are_zeros(member.data_at() + member.size, end)?
            }
            // Bytes that belong to nothing may follow the data.
            _ if end == member.end() => self.are_zeros(member.data_at() + real, end)?,
            Next::Other => false,
            // A part that was cut short also has a header that promises more.
            _ if longer && proof == Proof::Header => stated == Next::Other,
            Next::Header => true,
            Next::End => stated != Next::Header,
        };
        Ok(match right {
            true => Found::Size {
                size: real,
                closely: self.closely && stated != Next::Other,
            },
            false if stated == Next::Other && end != member.end() => Found::Nowhere(format!(
                "the data of that part end after {real} bytes, but no header follows at byte {end} either"
            )),
            false => Found::AsStated,
        })
    }

    /// Whether a size leads behind the end of the file, and not because the file is cut off.
    fn is_too_far(&self, member: &Member) -> bool {
        let len = self.input.len();
        member.end() > len
            && (!len.is_multiple_of(BLOCK as u64) || member.end() - len > MOST_EXCESS)
    }

    /// Whether a gzip stream may not end where the header says.
    ///
    /// Its last four bytes are the size of its contents, which for a tar are whole blocks (RFC
    /// 1952 §2.3.1); of sizes that are wrong one in 512 leads to such a number.
    fn suspects_gzip(&self, member: &Member, stated: Next) -> Result<bool> {
        if self.is_too_far(member) {
            return Ok(false);
        }
        if stated == Next::Other || member.size < 18 {
            return Ok(true);
        }
        let mut last = [0u8; 4 + BLOCK];
        let want = usize::try_from(4 + padding(member.size)).unwrap_or_default();
        let last = last.get_mut(..want).unwrap_or_default();
        let got = self
            .input
            .read_at(member.data_at() + member.size - 4, last)?;
        let Some((size, padding)) = last
            .get(..got)
            .and_then(|last| last.split_first_chunk::<4>())
        else {
            return Ok(true);
        };
        let size = u32::from_le_bytes(*size);
        let odd =
            size == 0 || !size.is_multiple_of(BLOCK as u32) || padding.iter().any(|&b| b != 0);
        Ok(odd || self.closely && self.holds_a_header(member)?)
    }

    /// Whether a header stands in the last data of a member, where the next member's could.
    fn holds_a_header(&self, member: &Member) -> Result<bool> {
        let end = member.end().min(self.input.len());
        let mut at = member
            .data_at()
            .max(end.saturating_sub(MOST_EXCESS) / BLOCK as u64 * BLOCK as u64);
        let mut buf = vec![0u8; 1 << 20];
        while at < end {
            self.control.check()?;
            let got = self.input.read_at(at, &mut buf)?;
            let blocks = buf.get(..got).unwrap_or_default().as_chunks::<BLOCK>().0;
            let within = usize::try_from((end - at) / BLOCK as u64).unwrap_or(usize::MAX);
            if blocks
                .iter()
                .take(within)
                .any(|block| HeaderBlock(block).has_mark() && HeaderBlock(block).checksum_fits())
            {
                return Ok(true);
            }
            at += buf.len() as u64;
        }
        Ok(false)
    }

    /// Inflates a stream to its end. Memory: what [`Gunzip`] takes.
    fn gzip(&self, member: &Member, stated: Next) -> Result<Found> {
        let start = member.data_at();
        let left = self.input.len().saturating_sub(start);
        let window = self.input.window(start, left.min(self.budget.get()));
        let mut gunzip = Gunzip::new(window, Trailer::Strict)
            .with_limit(self.control.max_expanded())
            .leaving_the_rest();
        let outcome = loop {
            self.control.check()?;
            match gunzip.next_piece() {
                Ok(Some(_)) => {}
                Ok(None) => break Ok(gunzip.summary().compressed_bytes),
                Err(error) => break Err(Error::from_read(error)),
            }
        };
        self.spend(gunzip.summary().compressed_bytes);
        match outcome {
            Ok(real) => self.settle(member, stated, real, Proof::Stream),
            Err(error) if error.kind() != Kind::Damaged => Err(error),
            Err(_) if stated != Next::Other => Ok(Found::AsStated),
            Err(error) => Ok(Found::Nowhere(format!(
                "nor do the data of that part show where they end: {}",
                error.message()
            ))),
        }
    }

    fn spend(&self, bytes: u64) {
        self.budget.set(self.budget.get().saturating_sub(bytes));
    }

    /// Whether a tar may not end where the header says: it has whole blocks, and two of zeros
    /// in the end, behind which nothing follows but the next member.
    fn suspects_tar(&self, member: &Member, stated: Next) -> Result<bool> {
        if self.is_too_far(member) {
            return Ok(false);
        }
        let blocks = member.size.is_multiple_of(BLOCK as u64) && member.size >= 2 * BLOCK as u64;
        if self.closely || stated == Next::Other || !blocks {
            return Ok(true);
        }
        let end = member.end();
        Ok(!self.are_zeros(end - 2 * BLOCK as u64, end)?
            || stated == Next::End && self.header_behind_zeros(end)?.is_some())
    }

    /// The header that is the first thing behind zeros.
    fn header_behind_zeros(&self, at: u64) -> Result<Option<u64>> {
        let Some(first) = self.first_set(at)? else {
            return Ok(None);
        };
        let start = first - first % BLOCK as u64;
        Ok((start >= at && self.next_at(start)? == Next::Header).then_some(start))
    }

    /// Goes from entry to entry of a tar that is not compressed.
    fn tar(&self, member: &Member, stated: Next) -> Result<Found> {
        let Some(zeros) = self.walk(member)? else {
            let why = "nor do the data of that part show where they end: their tar does not lead to an end";
            return Ok(if stated == Next::Other {
                Found::Nowhere(why.into())
            } else {
                Found::AsStated
            });
        };
        let (start, block) = (member.data_at(), BLOCK as u64);
        if let Some(header) = self.header_behind_zeros(zeros)? {
            return self.settle(member, stated, header - start, Proof::Stream);
        }
        // Zeros of the part and of the outer tar's end: any number of them is the part's.
        let rest = self.first_set(zeros)?.unwrap_or(self.input.len());
        let whole =
            member.size.is_multiple_of(block) && member.end() >= zeros && member.end() <= rest;
        let likely = (zeros + 2 * block - start).next_multiple_of(RECORD);
        let real = if start + likely <= rest {
            likely
        } else {
            (zeros + 2 * block).min(rest) - start
        };
        if whole {
            Ok(Found::AsStated)
        } else {
            self.settle(member, stated, real, Proof::Stream)
        }
    }

    /// The place of the zeros that end a tar in a member's data; `None` where it has no end, or
    /// goes on into what is rather the next member.
    fn walk(&self, member: &Member) -> Result<Option<u64>> {
        let (mut at, mut begin) = (member.data_at(), member.data_at());
        let mut assembler = Assembler::default();
        while self.budget.get() > 0 {
            self.control.check()?;
            self.spend(BLOCK as u64);
            let mut block = [0u8; BLOCK];
            if self.input.read_at(at, &mut block)? < BLOCK {
                return Ok(None);
            }
            let Ok(step) = assembler.push(&block) else {
                return Ok(None);
            };
            at += BLOCK as u64;
            match step {
                Step::More => {}
                Step::Global(_) => begin = at,
                Step::End => return Ok(Some(begin)),
                Step::Header(header) if begin == member.end() && is_outer(&header.name) => {
                    return Ok(None);
                }
                Step::Header(header) => {
                    at = at
                        .saturating_add(header.size)
                        .saturating_add(padding(header.size));
                    begin = at;
                }
            }
        }
        Ok(None)
    }

    fn are_zeros(&self, at: u64, end: u64) -> Result<bool> {
        Ok(self.first_set(at)?.is_none_or(|first| first >= end))
    }

    /// The first byte from `at` on that is not zero.
    ///
    /// Broken uploads have left many gigabytes of zeros behind a backup, on the disk or as a hole.
    pub fn first_set(&self, mut at: u64) -> Result<Option<u64>> {
        const ZEROS: &[u8; 64 << 10] = &[0; 64 << 10];
        let mut buf = vec![0u8; BLOCK];
        loop {
            self.control.check()?;
            at = self.input.skip_hole(at);
            let got = self.input.read_at(at, &mut buf)?;
            let Some(read) = buf.get(..got).filter(|read| !read.is_empty()) else {
                return Ok(None);
            };
            // All at once is some ten times as fast as one by one.
            if !ZEROS.starts_with(read)
                && let Some(first) = read.iter().position(|&b| b != 0)
            {
                return Ok(Some(at + first as u64));
            }
            at += got as u64;
            // Mostly the first block tells.
            buf.resize(ZEROS.len(), 0);
        }
    }
}

/// Whether a name is one that members of the outer tar have.
fn is_outer(name: &[u8]) -> bool {
    let name = path::plain(name);
    let known = name == b"backup.json"
        || name == b"snapshot.json"
        || name.ends_with(b".tar")
        || name.ends_with(b".tar.gz");
    known && !name.contains(&b'/')
}

#[cfg(test)]
mod tests;
