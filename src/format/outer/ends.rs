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

mod streams;

use std::cell::Cell;
use std::sync::Arc;

use super::Member;
use crate::error::Result;
use crate::format::securetar::{self, Layer, SecureHeader};
use crate::format::tar::block::{BLOCK, EntryKind, HeaderBlock};
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

#[cfg(test)]
mod tests;
