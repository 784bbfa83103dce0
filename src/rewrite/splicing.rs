//! Converts the changes to a part's entries into changes to its plaintext, for splicing.

use std::io;
use std::iter::Peekable;
use std::ops::Range;

use super::filter::changed;
use super::{header, tail};
use crate::error::{Error, Result};
use crate::format::tar::block::BLOCK;
use crate::format::tar::header::{Assembler, Header, Step};
use crate::gzip::{Change, Changes, Patch};
use crate::plan::PartEdit;
use crate::survey::{Entry, Global, PartSurvey};

/// What a cut changes in a part's plaintext: entries go, and some of those that stay get a new
/// header, which [`Headers`] makes. Global headers behind the last entry that stays, and the old end,
/// go as well. Everything else stays byte for byte.
///
/// `None` without checkpoints: for a part that is not compressed, or has several gzip members.
pub(super) fn changes(cut: &PartEdit, survey: &PartSurvey) -> Option<Changes> {
    if survey.checkpoints.is_empty() {
        return None;
    }
    let mut plaintext = Plaintext::new(&survey.globals, cut.kept_length(survey));
    for (at, entry) in survey.entries.iter().enumerate() {
        plaintext.globals(at);
        if cut.removes(at) {
            plaintext.remove(entry.span(), entry.before_crc);
        } else if cut.changes_header(at) {
            plaintext.replace_header(entry);
        } else {
            plaintext.keep(entry.span(), entry.before_crc);
        }
    }
    Some(plaintext.finish(survey.entries_crc))
}

/// Collects the changes to a plaintext, from its start to its end.
struct Plaintext<'a> {
    globals: Peekable<std::slice::Iter<'a, Global>>,
    /// Those before this entry stay.
    kept_length: usize,
    list: Vec<Change>,
    position: u64,
    /// Where the current run of bytes that stay begins, and the checksum of all plaintext before
    /// it; `None` directly behind a change.
    kept: Option<(u64, u32)>,
}

impl<'a> Plaintext<'a> {
    fn new(globals: &'a [Global], kept_length: usize) -> Self {
        Self {
            globals: globals.iter().peekable(),
            kept_length,
            list: Vec::new(),
            position: 0,
            kept: None,
        }
    }

    /// Handles the global headers before an entry.
    fn globals(&mut self, entry: usize) {
        while let Some(global) = self.globals.next_if(|global| global.before <= entry) {
            if global.before < self.kept_length {
                self.keep(global.bytes, global.before_crc);
            } else {
                self.remove(global.bytes, global.before_crc);
            }
        }
    }

    fn keep(&mut self, bytes: u64, before_crc: u32) {
        self.kept.get_or_insert((self.position, before_crc));
        self.position += bytes;
    }

    fn remove(&mut self, bytes: u64, before_crc: u32) {
        let range = self.position..self.position + bytes;
        let is_open = self.kept.is_none();
        let last = self.list.last_mut();
        match last.filter(|last| is_open && !last.puts && last.range.end == range.start) {
            Some(last) => last.range.end = range.end,
            None => self.change(range, before_crc, false),
        }
        self.position += bytes;
    }

    fn replace_header(&mut self, entry: &Entry) {
        let head = u64::from(entry.head);
        self.change(self.position..self.position + head, entry.before_crc, true);
        self.position += head;
        let after = Run::of(entry.before_crc).then(entry.header_crc, head);
        self.keep(entry.span() - head, after.crc());
    }

    /// Ends the run that stays and adds a change. `before_crc` is the checksum of all plaintext
    /// before it.
    fn change(&mut self, range: Range<u64>, before_crc: u32, puts: bool) {
        let kept = self.end_run(before_crc);
        self.list.push(Change { range, kept, puts });
    }

    /// The checksum of the run that stays and ends here.
    fn end_run(&mut self, crc_here: u32) -> u32 {
        let Some((begin, crc_before)) = self.kept.take() else {
            return 0;
        };
        // crc(a ++ b) = shift(crc(a), len(b)) ^ crc(b), where combining with a checksum of zero
        // shifts (zlib's crc32_combine): so crc(b) follows from the other two.
        Run::of(crc_before).then(0, self.position - begin).crc() ^ crc_here
    }

    fn finish(mut self, entries_crc: u32) -> Changes {
        let kept = self.end_run(entries_crc);
        let end = self.position;
        // The new end also replaces what goes directly before it.
        let last = self.list.pop_if(|last| !last.puts && last.range.end == end);
        Changes {
            end: last.as_ref().map_or(end, |last| last.range.start),
            kept: last.map_or(kept, |last| last.kept),
            list: self.list,
        }
    }
}

/// The checksum of bytes that are never read together.
struct Run(crc32fast::Hasher);

impl Run {
    fn of(crc: u32) -> Self {
        Self(crc32fast::Hasher::new_with_initial(crc))
    }

    /// Appends `len` bytes with this checksum.
    fn then(mut self, crc: u32, len: u64) -> Self {
        let next = crc32fast::Hasher::new_with_initial_len(crc, len);
        self.0.combine(&next);
        self
    }

    fn crc(self) -> u32 {
        self.0.finalize()
    }
}

/// Makes the new headers of the entries that do not keep theirs, and the new end.
pub(super) struct Headers<'a> {
    cut: &'a PartEdit,
    survey: &'a PartSurvey,
    /// The number of the entry after the last one with a new header.
    next: usize,
}

impl<'a> Headers<'a> {
    pub fn new(cut: &'a PartEdit, survey: &'a PartSurvey) -> Self {
        Self {
            cut,
            survey,
            next: 0,
        }
    }

    fn header(&mut self, old: &[u8]) -> Result<Vec<u8>> {
        let mut entries = self.survey.entries.iter().enumerate().skip(self.next);
        let (at, entry) = entries
            .find(|(at, _)| self.cut.changes_header(*at))
            .ok_or_else(changed)?;
        self.next = at + 1;
        // Records in it have no checksum of their own.
        if crc32fast::hash(old) != entry.header_crc {
            return Err(changed());
        }
        header::replaced(&parsed(old)?, self.cut, at)?.ok_or_else(changed)
    }
}

impl Patch for Headers<'_> {
    fn put(&mut self, old: &[u8]) -> io::Result<Vec<u8>> {
        self.header(old).map_err(Error::into_io)
    }

    fn tail(&mut self, size: u64) -> Vec<u8> {
        tail::end(size)
    }
}

/// The header that consists of exactly these blocks.
fn parsed(blocks: &[u8]) -> Result<Header> {
    let mut assembler = Assembler::default();
    let mut left = blocks.len();
    for block in blocks.as_chunks::<BLOCK>().0 {
        left -= BLOCK;
        if let Step::Header(header) = assembler.push(block)? {
            return if left == 0 {
                Ok(*header)
            } else {
                Err(changed())
            };
        }
    }
    Err(changed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tar::block::EntryKind;
    use crate::rules::Contents;
    use proptest::prelude::*;

    /// What happens to an entry.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Fate {
        Keep,
        Remove,
        /// Its header is replaced by this many bytes.
        Replace(usize),
    }

    fn fate() -> impl Strategy<Value = Fate> {
        prop_oneof![
            Just(Fate::Keep),
            Just(Fate::Remove),
            (0usize..90).prop_map(Fate::Replace)
        ]
    }

    /// Header, data, what happens to it, and how many bytes of global headers come before it.
    type Sketch = (Vec<u8>, Vec<u8>, Fate, Option<usize>);

    fn sketch() -> impl Strategy<Value = Sketch> {
        let bytes = |len| prop::collection::vec(any::<u8>(), len);
        let data = prop_oneof![Just(Vec::new()), bytes(512..513)];
        (bytes(1..60), data, fate(), prop::option::of(1usize..30))
    }

    fn entry(head: &[u8], data: &[u8], before: &[u8]) -> Entry {
        Entry {
            name: Box::default(),
            link: None,
            kind: EntryKind::File,
            size: data.len() as u64,
            mtime: 0,
            stored: 0,
            head: head.len() as u32,
            before_crc: crc32fast::hash(before),
            header_crc: crc32fast::hash(head),
            data_crc: 0,
            contents: Contents::Other,
        }
    }

    proptest! {
        #[test]
        fn the_changes_and_their_checksums_give_what_stays(sketches in prop::collection::vec(sketch(), 0..30)) {
            let (mut before, mut wanted) = (Vec::new(), Vec::new());
            let (mut globals, mut entries, mut puts) = (Vec::new(), Vec::new(), Vec::new());
            let last = sketches.iter().rposition(|(_, _, fate, _)| *fate != Fate::Remove);
            for (at, (head, data, fate, len)) in sketches.iter().enumerate() {
                if let Some(len) = *len {
                    globals.push(Global { before: at, bytes: len as u64, before_crc: crc32fast::hash(&before) });
                    before.extend(vec![9; len]);
                    if last.is_some_and(|last| at <= last) {
                        wanted.extend(vec![9; len]);
                    }
                }
                entries.push(entry(head, data, &before));
                before.extend(head.iter().chain(data));
                match *fate {
                    Fate::Keep => wanted.extend(head.iter().chain(data)),
                    Fate::Remove => {}
                    Fate::Replace(len) => {
                        puts.push(vec![7; len]);
                        wanted.extend(vec![7; len]);
                        wanted.extend(data);
                    }
                }
            }
            let mut plaintext = Plaintext::new(&globals, last.map_or(0, |last| last + 1));
            for (at, (entry, (_, _, fate, _))) in entries.iter().zip(&sketches).enumerate() {
                plaintext.globals(at);
                match fate {
                    Fate::Keep => plaintext.keep(entry.span(), entry.before_crc),
                    Fate::Remove => plaintext.remove(entry.span(), entry.before_crc),
                    Fate::Replace(_) => plaintext.replace_header(entry),
                }
            }
            let changes = plaintext.finish(crc32fast::hash(&before));
            let (mut left, mut at, mut puts) = (Vec::new(), 0, puts.into_iter());
            for Change { range, kept, puts: with } in &changes.list {
                prop_assert!(range.start >= at && range.end <= changes.end);
                let stays = &before[at as usize..range.start as usize];
                prop_assert_eq!(*kept, crc32fast::hash(stays));
                left.extend_from_slice(stays);
                if *with {
                    left.extend(puts.next().into_iter().flatten());
                }
                at = range.end;
            }
            let stays = &before[at as usize..changes.end as usize];
            prop_assert_eq!(changes.kept, crc32fast::hash(stays));
            left.extend_from_slice(stays);
            prop_assert_eq!(left, wanted);
        }
    }
}
