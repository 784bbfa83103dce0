//! Finds where a gzip stream or a tar ends by reading it.

use super::{Ends, Found, MOST_EXCESS, Next, Proof};
use crate::error::{Error, Kind, Result};
use crate::format::outer::{Member, RECORD};
use crate::format::tar::block::{BLOCK, HeaderBlock, padding};
use crate::format::tar::header::{Assembler, Step};
use crate::format::tar::path;
use crate::gzip::{Gunzip, Trailer};

impl Ends<'_> {
    /// Whether a gzip stream may end somewhere else than the header says.
    ///
    /// Its last four bytes are the size of its contents, which for a tar are whole blocks (RFC 1952
    /// §2.3.1); one wrong size in 512 leads to such a number by chance.
    pub(super) fn suspects_gzip(&self, member: &Member, stated: Next) -> Result<bool> {
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

    /// Whether a header is in the last data of a member, where the next member's header could be.
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
    pub(super) fn gzip(&self, member: &Member, stated: Next) -> Result<Found> {
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
            Err(error) => Ok(without_end(stated, error.message())),
        }
    }

    fn spend(&self, bytes: u64) {
        self.budget.set(self.budget.get().saturating_sub(bytes));
    }

    /// Whether a tar may end somewhere else than the header says: it has whole blocks and ends with
    /// two of zeros, and only the next member follows them.
    pub(super) fn suspects_tar(&self, member: &Member, stated: Next) -> Result<bool> {
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

    /// The header that directly follows zeros.
    fn header_behind_zeros(&self, at: u64) -> Result<Option<u64>> {
        let Some(first) = self.first_set(at)? else {
            return Ok(None);
        };
        let start = first - first % BLOCK as u64;
        Ok((start >= at && self.next_at(start)? == Next::Header).then_some(start))
    }

    /// Walks the entries of an uncompressed tar.
    pub(super) fn tar(&self, member: &Member, stated: Next) -> Result<Found> {
        let Some(zeros) = self.walk(member)? else {
            return Ok(without_end(stated, "their tar does not lead to an end"));
        };
        let (start, block) = (member.data_at(), BLOCK as u64);
        if let Some(header) = self.header_behind_zeros(zeros)? {
            return self.settle(member, stated, header - start, Proof::Stream);
        }
        // Zeros of the part and of the outer tar's end: any number of them can belong to the part.
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

    /// The position of the zeros that end a tar in a member's data; `None` if it has no end, or if
    /// it seems to continue into the next member.
    fn walk(&self, member: &Member) -> Result<Option<u64>> {
        let (mut at, mut begin) = (member.data_at(), member.data_at());
        let mut assembler = Assembler::default();
        while self.budget.get() > 0 {
            self.control.check()?;
            self.spend(BLOCK as u64);
            let block = self.block(at)?;
            let Some(Ok(step)) = block.map(|block| assembler.push(&block)) else {
                return Ok(None);
            };
            at += BLOCK as u64;
            match step {
                Step::More => {}
                Step::Global(_) => begin = at,
                Step::End => return Ok(Some(begin)),
                Step::Header(header)
                    if is_outer(&header.name) && (begin == member.end() || member.size == 0) =>
                {
                    return Ok(None);
                }
                Step::Header(header) => {
                    let data = header.size.saturating_add(padding(header.size));
                    let next = at.saturating_add(data);
                    // The part was cut off in the data of this entry, and the next member follows.
                    if (at..next).contains(&member.end()) && self.is_member_at(member.end())? {
                        return Ok(None);
                    }
                    at = next;
                    begin = at;
                }
            }
        }
        Ok(None)
    }

    /// Whether a member of the outer tar begins at a position.
    fn is_member_at(&self, at: u64) -> Result<bool> {
        Ok(self.name_at(at)?.is_some_and(|name| is_outer(&name)))
    }

    /// Whether the tar of a part begins at a position: with the root, or with what Supervisor packs
    /// first of an app, of Home Assistant or of itself.
    pub(super) fn is_part_at(&self, at: u64) -> Result<bool> {
        let name = self.name_at(at)?;
        Ok(name.is_some_and(|name| {
            let name = path::plain(&name);
            let top = name.split(|&b| b == b'/').next().unwrap_or_default();
            matches!(top, b"" | b"data" | b"config")
                || matches!(name, b"addon.json" | b"apparmor.txt" | b"image.tar")
                || matches!(name, b"homeassistant.json" | b"docker.json")
        }))
    }

    /// The name of the entry whose headers begin at a position, if there is one.
    fn name_at(&self, mut at: u64) -> Result<Option<Vec<u8>>> {
        let mut assembler = Assembler::default();
        loop {
            self.control.check()?;
            self.spend(BLOCK as u64);
            let block = self.block(at)?;
            match block.map(|block| assembler.push(&block)) {
                Some(Ok(Step::More | Step::Global(_))) => at += BLOCK as u64,
                Some(Ok(Step::Header(header))) => return Ok(Some(header.name)),
                Some(Ok(Step::End) | Err(_)) | None => return Ok(None),
            }
        }
    }

    /// The block at a position; `None` if the file ends within it.
    fn block(&self, at: u64) -> Result<Option<[u8; BLOCK]>> {
        let mut block = [0u8; BLOCK];
        let got = self.input.read_at(at, &mut block)?;
        Ok((got == BLOCK).then_some(block))
    }
}

/// The result if the data do not show their end: only a size that leads somewhere is believed.
fn without_end(stated: Next, why: &str) -> Found {
    if stated == Next::Other {
        let text = format!("nor do the data of that part show where they end: {why}");
        Found::Nowhere(text)
    } else {
        Found::AsStated
    }
}

/// Whether members of the outer tar can have this name.
fn is_outer(name: &[u8]) -> bool {
    let name = path::plain(name);
    let known = name == b"backup.json"
        || name == b"snapshot.json"
        || name.ends_with(b".tar")
        || name.ends_with(b".tar.gz");
    // Supervisor puts an app's image into its part under this name.
    known && !name.contains(&b'/') && name != b"image.tar"
}
