//! Recognises a Home Assistant backup by what it holds, not by its name.

use crate::format::block::{BLOCK, HeaderBlock, padding};

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A backup: metadata, and nothing else but archives of parts.
    Backup,
    /// Anything else, or damaged, or cut short: it stays.
    Other,
}

/// Reads a file's contents in pieces and tells whether it is a backup.
///
/// A backup is a tar whose members are `./backup.json` (or `./snapshot.json`)
/// and at least one `NAME.tar` or `NAME.tar.gz`, and nothing else. Supervisor
/// puts the metadata last, so all headers are walked. Anybody's tar may hold
/// some `backup.json`; the second half keeps such a file safe.
///
/// Memory: one block of 512 bytes.
#[derive(Debug, Clone)]
pub struct NestedBackup {
    block: [u8; BLOCK],
    filled: usize,
    state: State,
    /// The size that a PAX record gives to the next member.
    pax_size: Option<u64>,
    metadata: bool,
    parts: bool,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// A header block comes next.
    Header,
    /// The first block of PAX records comes next; so many bytes of them in all.
    Pax(u64),
    /// So many bytes are of no interest.
    Skip(u64),
    Decided(Verdict),
}

impl Default for NestedBackup {
    fn default() -> Self {
        Self { block: [0; BLOCK], filled: 0, state: State::Header, pax_size: None, metadata: false, parts: false }
    }
}

impl NestedBackup {
    /// Takes the next piece of the file. Once there is a verdict it stays, and
    /// the rest of the file need not be fed.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Option<Verdict> {
        while !bytes.is_empty() {
            let used = match self.state {
                State::Decided(verdict) => return Some(verdict),
                State::Skip(left) => self.skip(left, bytes.len()),
                State::Header | State::Pax(_) => self.fill(bytes),
            };
            bytes = bytes.get(used..).unwrap_or_default();
        }
        self.verdict()
    }

    /// The verdict at the end of the file. A file that is cut short is none.
    pub fn finish(self) -> Verdict {
        self.verdict().unwrap_or(Verdict::Other)
    }

    /// The verdict, as soon as there is one.
    pub fn verdict(&self) -> Option<Verdict> {
        match self.state {
            State::Decided(verdict) => Some(verdict),
            _ => None,
        }
    }

    fn skip(&mut self, left: u64, available: usize) -> usize {
        let used = usize::try_from(left).unwrap_or(usize::MAX).min(available);
        let left = left - used as u64;
        self.state = if left == 0 { State::Header } else { State::Skip(left) };
        used
    }

    fn fill(&mut self, bytes: &[u8]) -> usize {
        let room = self.block.get_mut(self.filled..).unwrap_or_default();
        let used = room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.filled += used;
        if self.filled == BLOCK {
            self.filled = 0;
            self.state = match self.state {
                State::Pax(size) => self.pax(size),
                _ => self.header(),
            };
        }
        used
    }

    fn header(&mut self) -> State {
        let header = HeaderBlock(&self.block);
        if header.is_zero() {
            // Readers stop at the first block of zeros.
            let whole = self.metadata && self.parts;
            return State::Decided(if whole { Verdict::Backup } else { Verdict::Other });
        }
        let (true, Ok(size)) = (header.checksum_fits(), header.size()) else { return State::Decided(Verdict::Other) };
        match header.flag() {
            b'x' if size > 0 => State::Pax(size),
            // Global records, GNU's long names and links: nothing to learn from them.
            b'x' | b'g' | b'L' | b'K' => skipping(size),
            b'0' | 0 => self.file(size),
            // The root that some writers store.
            b'5' if matches!(header.name().as_deref(), Ok(b"." | b"./")) => State::Header,
            _ => State::Decided(Verdict::Other),
        }
    }

    fn file(&mut self, size: u64) -> State {
        let Ok(name) = HeaderBlock(&self.block).name() else { return State::Decided(Verdict::Other) };
        let size = self.pax_size.take().unwrap_or(size);
        // Readers look for exactly these names.
        let metadata = matches!(name.as_slice(), b"./backup.json" | b"./snapshot.json");
        let bare = name.strip_prefix(b"./").unwrap_or(&name);
        let part = (bare.ends_with(b".tar.gz") || bare.ends_with(b".tar")) && !bare.contains(&b'/');
        self.metadata |= metadata;
        self.parts |= part;
        if metadata || part { skipping(size) } else { State::Decided(Verdict::Other) }
    }

    /// Looks for `size` among PAX records (POSIX.1-2017 pax, "pax Extended
    /// Header"): a member over 8 GiB has its size there. Only the first block is
    /// read; what Python writes for a backup's members fits in easily.
    fn pax(&mut self, size: u64) -> State {
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        let records = self.block.get(..length.min(BLOCK)).unwrap_or(&self.block);
        self.pax_size = records.split(|&b| b == b'\n').find_map(size_record);
        let (stored, read) = (size.saturating_add(padding(size)), BLOCK as u64);
        if stored > read { State::Skip(stored - read) } else { State::Header }
    }
}

/// The state that passes over a member's data.
fn skipping(size: u64) -> State {
    match size.saturating_add(padding(size)) {
        0 => State::Header,
        left => State::Skip(left),
    }
}

/// The value of a record `LENGTH size=VALUE`.
fn size_record(record: &[u8]) -> Option<u64> {
    let (_, rest) = record.split_at_checked(record.iter().position(|&b| b == b' ')?)?;
    let digits = rest.strip_prefix(b" size=").filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::block::set_size;

    fn member(name: &str, flag: u8, data: &[u8]) -> Vec<u8> {
        let mut block = [0u8; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[156] = flag;
        block[257..263].copy_from_slice(b"ustar\0");
        set_size(&mut block, data.len() as u64);
        let mut out = block.to_vec();
        out.extend_from_slice(data);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
        out
    }

    fn ended(members: &[Vec<u8>]) -> Vec<u8> {
        let mut tar = members.concat();
        tar.resize((tar.len() + 2 * BLOCK).next_multiple_of(10_240), 0);
        tar
    }

    fn sniff(bytes: &[u8], piece: usize) -> Verdict {
        let mut sniffer = NestedBackup::default();
        for piece in bytes.chunks(piece) {
            sniffer.feed(piece);
        }
        sniffer.finish()
    }

    fn backup() -> Vec<u8> {
        ended(&[
            member("././@PaxHeader", b'x', b"27 mtime=1732449123.123456\n"),
            member("homeassistant.tar.gz", b'0', &[7; 1500]),
            member("core_ssh.tar.gz", b'0', &[]),
            member("./backup.json", b'0', b"{}"),
        ])
    }

    #[test]
    fn a_backup_is_recognised_in_pieces_of_any_size() {
        for piece in [1, 7, 511, 512, 513, 4096, 1 << 20] {
            assert_eq!(sniff(&backup(), piece), Verdict::Backup, "pieces of {piece} bytes");
        }
    }

    #[test]
    fn metadata_first_and_the_old_name_count_too() {
        let core = [member("./backup.json", b'0', b"{}"), member("homeassistant.tar.gz", b'0', b"x")];
        assert_eq!(sniff(&ended(&core), 512), Verdict::Backup);
        let old = [member("./snapshot.json", b'0', b"{}"), member("./ssl.tar", b'0', b"x")];
        assert_eq!(sniff(&ended(&old), 512), Verdict::Backup);
    }

    #[test]
    fn tars_of_other_people_stay() {
        let json = || member("./backup.json", b'0', b"{}");
        let part = || member("share.tar.gz", b'0', b"x");
        let cases = [
            ("no part", vec![json()]),
            ("no metadata", vec![part()]),
            ("another file", vec![json(), part(), member("./photo.jpg", b'0', b"x")]),
            ("a part in a folder", vec![json(), member("old/share.tar.gz", b'0', b"x")]),
            ("metadata without ./", vec![member("backup.json", b'0', b"{}"), part()]),
            ("a folder", vec![json(), part(), member("photos", b'5', b"")]),
            ("nothing", vec![]),
        ];
        for (what, members) in cases {
            assert_eq!(sniff(&ended(&members), 512), Verdict::Other, "{what}");
        }
        assert_eq!(sniff(b"no tar at all", 4), Verdict::Other);
        assert_eq!(sniff(&[0x1f; 2000], 100), Verdict::Other);
        assert_eq!(sniff(b"", 1), Verdict::Other);
    }

    #[test]
    fn a_backup_that_is_cut_short_anywhere_stays() {
        let whole = backup();
        let ends_at = whole.iter().rposition(|&b| b != 0).map_or(0, |at| at + 1).next_multiple_of(BLOCK);
        for length in (0..ends_at + BLOCK).step_by(97) {
            assert_eq!(sniff(&whole[..length], 512), Verdict::Other, "cut at {length}");
        }
    }

    #[test]
    fn the_size_of_a_large_member_comes_from_its_pax_record() {
        // The field says zero, as Python leaves it, and the record says 1500.
        let mut large = member("share.tar.gz", b'0', &[]);
        large.extend_from_slice(&[9; 1536]);
        let pax = member("././@PaxHeader", b'x', b"13 size=1500\n27 mtime=1732449123.123456\n");
        let tar = ended(&[pax, large, member("./backup.json", b'0', b"{}")]);
        assert_eq!(sniff(&tar, 300), Verdict::Backup);
    }

    #[test]
    fn a_size_in_base_256_is_skipped_without_being_stored() {
        let mut head = [0u8; BLOCK];
        head[..12].copy_from_slice(b"share.tar.gz");
        head[156] = b'0';
        set_size(&mut head, 1 << 34);
        let mut sniffer = NestedBackup::default();
        assert_eq!(sniffer.feed(&head), None);
        let zeros = vec![0u8; 1 << 20];
        for _ in 0..64 {
            assert_eq!(sniffer.feed(&zeros), None, "the data of a member is no header");
        }
    }

    #[test]
    fn records_longer_than_a_block_are_passed_over() {
        let comment = format!("1010 comment={}\n", "c".repeat(996));
        let pax = member("././@PaxHeader", b'x', comment.as_bytes());
        let tar = ended(&[pax, member("share.tar.gz", b'0', b"x"), member("./backup.json", b'0', b"{}")]);
        assert_eq!(sniff(&tar, 512), Verdict::Backup);
    }

    #[test]
    fn a_verdict_stays() {
        let mut sniffer = NestedBackup::default();
        assert_eq!(sniffer.feed(&[1; 512]), Some(Verdict::Other));
        assert_eq!(sniffer.feed(&backup()), Some(Verdict::Other));
    }
}
