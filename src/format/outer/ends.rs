//! Where the data of a part end if its header in the outer tar has a wrong size.
//!
//! Home Assistant has written wrong sizes: the size before encryption, which is too small, the size
//! before decryption, which is too large (supervisor#7034, core#181621), and zero
//! (supervisor#4924). Readers then look for the next header in the wrong place. The data themselves
//! show where they end:
//!
//! | data | what shows the end |
//! |---|---|
//! | SecureTar version 2 and 3 | the plaintext's size in the header |
//! | gzip | the trailer, if its checksum and size match the contents |
//! | tar | the blocks of zeros after the last entry |
//!
//! SecureTar version 1 has no such sign. A size found in this way counts only if the next header,
//! or the end of the outer tar, follows it. Reading a valid backup costs at most two blocks per
//! part: streams are inflated only if something does not fit.

mod streams;

use std::cell::Cell;
use std::sync::Arc;

use super::Member;
use crate::error::Result;
use crate::format::securetar::{self, Layer, SecureHeader};
use crate::format::tar::block::{BLOCK, EntryKind, HeaderBlock};
use crate::pipe::{Control, Input};

/// A size that leads further than this past the end of the file is not examined: the file is then
/// cut off. Encryption adds 17 bytes per mebibyte, or 16 MiB to a part of a tebibyte.
pub(super) const MOST_EXCESS: u64 = 64 << 20;

/// The result of examining a member's size.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The header is right, or nothing shows that it is wrong.
    AsStated,
    /// The data have another size.
    Size {
        /// In bytes.
        size: u64,
        /// Whether the size in the header also leads to a header, and only a closer look showed
        /// that it is wrong.
        closely: bool,
    },
    /// No header follows, neither at the stated size nor where the data end. The reason continues a
    /// sentence about the stated size.
    Nowhere(String),
}

/// The contents of a position where a header could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Header,
    /// A block of zeros, or the end of the file.
    End,
    Other,
}

/// How the length of the data is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// A number at the start of the data.
    Header,
    /// The data were read up to their end.
    Stream,
}

/// Finds the ends of a file's members.
pub(super) struct Ends<'a> {
    input: &'a Arc<Input>,
    control: &'a Control,
    closely: bool,
    /// How many bytes may still be read to find ends. Valid data are read once; further reads come
    /// from streams that lead through several members and are rejected.
    budget: Cell<u64>,
}

impl<'a> Ends<'a> {
    /// `closely` also checks parts that contain something like another member.
    pub fn new(input: &'a Arc<Input>, control: &'a Control, closely: bool) -> Self {
        Self {
            input,
            control,
            closely,
            budget: Cell::new(input.len().saturating_mul(3).saturating_add(MOST_EXCESS)),
        }
    }

    /// Examines a member whose size is so far the one in its header.
    ///
    /// # Errors
    /// `InputIo`, `Interrupted`; `Refused` if the contents are larger than allowed.
    pub fn find(&self, member: &Member) -> Result<Found> {
        let name = &member.header.name;
        if member.header.kind != EntryKind::File
            || !(name.ends_with(b".tar") || name.ends_with(b".tar.gz"))
        {
            return Ok(Found::AsStated);
        }
        let stated = self.next_at(member.end())?;
        // A member of stated size zero has data only if its header is wrong. The data of a tar then
        // look like the next member.
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
            // Zeros look like an empty tar and prove nothing.
            _ if head.iter().any(|&byte| byte != 0)
                && securetar::looks_plain(head, false)
                && self.suspects_tar(member, stated)? =>
            {
                self.tar(member, stated)
            }
            _ => Ok(Found::AsStated),
        }
    }

    /// What is at this position.
    fn next_at(&self, at: u64) -> Result<Next> {
        // An invented size can lead further than any file reaches.
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

    /// Decides between the stated size, which `stated` follows, and the size of the data.
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
            // The rest of the data is where padding would be.
            _ if end == member.end() && longer => {
                proof == Proof::Stream
                    || member.header.has_pax_size()
                    || !self.are_zeros(member.data_at() + member.size, end)?
            }
            // Unrelated bytes may follow the data.
            _ if end == member.end() => self.are_zeros(member.data_at() + real, end)?,
            Next::Other => false,
            // The header of a part that was cut short also states a larger size.
            _ if longer && proof == Proof::Header => stated == Next::Other,
            Next::Header => true,
            // What follows a size of zero up to the end can be other members as well.
            Next::End => {
                stated != Next::Header || member.size == 0 && self.is_part_at(member.end())?
            }
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

    /// Whether a size leads past the end of the file although the file is not cut off.
    fn is_too_far(&self, member: &Member) -> bool {
        let len = self.input.len();
        member.end() > len
            && (!len.is_multiple_of(BLOCK as u64) || member.end() - len > MOST_EXCESS)
    }

    fn are_zeros(&self, at: u64, end: u64) -> Result<bool> {
        Ok(self.first_set(at)?.is_none_or(|first| first >= end))
    }

    /// The first byte from `at` on that is not zero.
    ///
    /// Broken uploads have left many gigabytes of zeros after a backup, on disk or as a hole.
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
            // Comparing whole buffers is about ten times as fast as comparing single bytes.
            if !ZEROS.starts_with(read)
                && let Some(first) = read.iter().position(|&b| b != 0)
            {
                return Ok(Some(at + first as u64));
            }
            at += got as u64;
            // The first block is usually enough.
            buf.resize(ZEROS.len(), 0);
        }
    }
}

#[cfg(test)]
mod tests;
