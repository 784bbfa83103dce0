//! The entries of a part, one column after the other: what is alike stands together, which
//! compresses well.

use super::ScanError;
use super::bytes::{Budget, Bytes, UNKNOWN, code, put_number, put_text};
use crate::format::tar::block::{EntryKind, padding};
use crate::rules::{Contents, Origin};
use crate::survey::Entry;

/// The kinds of entries by their codes. New ones are added at the end.
const KINDS: [EntryKind; 5] = [
    EntryKind::File,
    EntryKind::HardLink,
    EntryKind::Symlink,
    EntryKind::Directory,
    EntryKind::Special,
];

/// The kinds of contents by their codes. New ones are added at the end.
const CONTENTS: [Contents; 6] = [
    Contents::Other,
    Contents::Backup(Origin::Same),
    Contents::Backup(Origin::Other),
    Contents::Backup(Origin::Unknown),
    Contents::CoreDump,
    Contents::Database,
];

/// The memory of an entry apart from its name and its link: its own size, and what an allocator
/// adds to the two.
const ENTRY: usize = size_of::<Entry>() + 2 * 16;

/// What is known of each entry, a column for each fact. A new fact is one more column at the end,
/// and a new [`VERSION`](super::VERSION).
#[derive(Default)]
struct Columns<T> {
    /// Runs of the same kind and contents: both codes in one byte, then how many entries.
    kinds: T,
    /// How many bytes at the start of the name are those of the name before.
    shared: T,
    /// How many bytes of the name follow.
    lengths: T,
    /// These bytes.
    names: T,
    /// The length and the bytes of each link's target.
    links: T,
    /// Bytes of data.
    sizes: T,
    /// Zero if as many bytes are stored as the entry has; otherwise one more than are stored.
    stored: T,
    /// Bytes of header blocks.
    heads: T,
    /// By how many seconds it was changed later than the entry before; see [`zigzag`].
    times: T,
}

impl<T> Columns<T> {
    /// All columns in the order of the format.
    fn in_order(&self) -> [&T; 9] {
        let Self {
            kinds,
            shared,
            lengths,
            names,
            links,
            sizes,
            stored,
            heads,
            times,
        } = self;
        [
            kinds, shared, lengths, names, links, sizes, stored, heads, times,
        ]
    }
}

/// Appends the entries. Checksums are left out: whoever needs them reads the part again.
pub fn put(out: &mut Vec<u8>, entries: &[Entry]) {
    let mut columns = Columns::<Vec<u8>>::default();
    let (mut before, mut time): (&[u8], i64) = (b"", 0);
    for entry in entries {
        columns.push(entry, before);
        put_number(&mut columns.times, zigzag(entry.mtime.wrapping_sub(time)));
        (before, time) = (&entry.name, entry.mtime);
    }
    let same_kind = |a: &Entry, b: &Entry| (a.kind, a.contents) == (b.kind, b.contents);
    for run in entries.chunk_by(same_kind) {
        let kind = run.first().map_or(u8::MAX, kind_code);
        columns.kinds.push(kind);
        put_number(&mut columns.kinds, run.len() as u64);
    }
    put_number(out, entries.len() as u64);
    for column in columns.in_order() {
        put_text(out, column);
    }
}

/// A number without a sign for one with a sign; small ones stay small.
fn zigzag(number: i64) -> u64 {
    (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned()
}

/// The number that [`zigzag`] was given.
fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

fn kind_code(entry: &Entry) -> u8 {
    code(&KINDS, &entry.kind) | code(&CONTENTS, &entry.contents) << 4
}

impl Columns<Vec<u8>> {
    /// Appends an entry to all columns but that of the kinds.
    fn push(&mut self, entry: &Entry, before: &[u8]) {
        let pairs = entry.name.iter().zip(before);
        let shared = pairs.take_while(|(a, b)| a == b).count();
        let own = entry.name.get(shared..).unwrap_or_default();
        put_number(&mut self.shared, shared as u64);
        put_number(&mut self.lengths, own.len() as u64);
        self.names.extend_from_slice(own);
        if is_link(entry.kind) {
            put_text(&mut self.links, entry.link.as_deref().unwrap_or_default());
        }
        put_number(&mut self.sizes, entry.size);
        let stored = if entry.stored == entry.span() {
            0
        } else {
            entry.stored.saturating_add(1)
        };
        put_number(&mut self.stored, stored);
        put_number(&mut self.heads, u64::from(entry.head));
    }
}

/// Only these have a target.
fn is_link(kind: EntryKind) -> bool {
    matches!(kind, EntryKind::HardLink | EntryKind::Symlink)
}

/// Reads entries. Their checksums are zero.
///
/// # Errors
/// `Damaged`, also if the entries have more than `plaintext` bytes or need more memory than the
/// budget allows.
pub fn take(
    bytes: &mut Bytes<'_>,
    budget: &mut Budget,
    plaintext: u64,
) -> Result<Vec<Entry>, ScanError> {
    let count = bytes.number()?;
    budget.spend(count, ENTRY)?;
    let mut column = || bytes.text().map(Bytes);
    let mut reader = Reader {
        columns: Columns {
            kinds: column()?,
            shared: column()?,
            lengths: column()?,
            names: column()?,
            links: column()?,
            sizes: column()?,
            stored: column()?,
            heads: column()?,
            times: column()?,
        },
        time: 0,
        run: None,
        left: plaintext,
        budget,
    };
    let mut entries = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
    for _ in 0..count {
        let before = entries.last().map_or(&b""[..], |entry: &Entry| &entry.name);
        let entry = reader.entry(before)?;
        entries.push(entry);
    }
    if reader.run.is_some() {
        return Err(ScanError::Damaged("it has more kinds than entries"));
    }
    let columns = reader.columns.in_order();
    columns.into_iter().try_for_each(|column| column.end())?;
    Ok(entries)
}

/// Puts entries together again.
struct Reader<'a, 'b> {
    columns: Columns<Bytes<'a>>,
    /// When the entry before was changed.
    time: i64,
    /// The current run of one kind, and how many entries of it follow.
    run: Option<(EntryKind, Contents, u64)>,
    /// Bytes of plaintext that no entry has taken.
    left: u64,
    budget: &'b mut Budget,
}

impl Reader<'_, '_> {
    fn entry(&mut self, before: &[u8]) -> Result<Entry, ScanError> {
        let (kind, contents) = self.kind()?;
        let name = self.name(before)?;
        let link = if is_link(kind) {
            let link = self.columns.links.text()?;
            self.budget.spend(1, link.len())?;
            Some(link.into())
        } else {
            None
        };
        let (size, stored) = (self.columns.sizes.number()?, self.columns.stored.number()?);
        let head = u32::try_from(self.columns.heads.number()?).map_err(|_| TOO_LARGE)?;
        let later = unzigzag(self.columns.times.number()?);
        self.time = self.time.wrapping_add(later);
        let mut entry = Entry {
            name,
            link,
            kind,
            size,
            mtime: self.time,
            stored,
            head,
            before_crc: 0,
            header_crc: 0,
            data_crc: 0,
            contents,
        };
        let left = self.left.checked_sub(u64::from(head));
        let left = left.and_then(|left| left.checked_sub(size));
        // The padding of the last entry may be missing in a file that is cut off.
        self.left = left.ok_or(TOO_LARGE)?.saturating_sub(padding(size));
        entry.stored = stored.checked_sub(1).unwrap_or_else(|| entry.span());
        Ok(entry)
    }

    fn kind(&mut self) -> Result<(EntryKind, Contents), ScanError> {
        let (kind, contents, count) = match self.run.take() {
            Some(run) => run,
            None => self.next_run()?,
        };
        let left = count.checked_sub(1).ok_or(UNKNOWN)?;
        self.run = (left > 0).then_some((kind, contents, left));
        Ok((kind, contents))
    }

    fn next_run(&mut self) -> Result<(EntryKind, Contents, u64), ScanError> {
        let both = self.columns.kinds.byte()?;
        let kind = KINDS.get(usize::from(both & 0xf)).copied();
        let contents = CONTENTS.get(usize::from(both >> 4)).copied();
        let (kind, contents) = kind.zip(contents).ok_or(UNKNOWN)?;
        Ok((kind, contents, self.columns.kinds.number()?))
    }

    fn name(&mut self, before: &[u8]) -> Result<Box<[u8]>, ScanError> {
        let shared = self.columns.shared.index(before.len() + 1)?;
        let length = self.columns.lengths.number()?;
        let own = self.columns.names.take(length)?;
        self.budget.spend(1, shared + own.len())?;
        let shared = before.get(..shared).unwrap_or_default();
        Ok([shared, own].concat().into())
    }
}

const TOO_LARGE: ScanError = ScanError::Damaged("its entries are larger than the part");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let name = prop::collection::vec(prop::sample::select(b"ab/.\xff".to_vec()), 0..8);
        let entry = (
            name,
            prop::sample::select(KINDS.to_vec()),
            prop::sample::select(CONTENTS.to_vec()),
            any::<[u32; 3]>(),
            any::<bool>(),
            any::<i64>(),
        );
        let entry = entry.prop_map(
            |(name, kind, contents, [size, stored, head], plain, mtime)| {
                let mut entry = Entry {
                    link: is_link(kind).then(|| name.iter().rev().copied().collect()),
                    name: name.into(),
                    kind,
                    size: size.into(),
                    mtime,
                    stored: stored.into(),
                    head,
                    before_crc: 0,
                    header_crc: 0,
                    data_crc: 0,
                    contents,
                };
                if plain {
                    entry.stored = entry.span();
                }
                entry
            },
        );
        prop::collection::vec(entry, 0..50)
    }

    proptest! {
        #[test]
        fn entries_read_back_as_they_were(entries in entries()) {
            let mut out = Vec::new();
            put(&mut out, &entries);
            let mut bytes = Bytes(&out);
            let plaintext = entries.iter().map(Entry::span).sum();
            let back = take(&mut bytes, &mut Budget::of(u64::MAX), plaintext).unwrap();
            prop_assert!(bytes.end().is_ok());
            prop_assert_eq!(back, entries);
        }

        #[test]
        fn any_bytes_are_entries_or_an_error_within_the_budget(bytes: Vec<u8>) {
            let mut budget = Budget::of(10_000);
            if let Ok(entries) = take(&mut Bytes(&bytes), &mut budget, 1 << 40) {
                prop_assert!(entries.len() * ENTRY <= 10_000);
            }
        }
    }

    #[test]
    fn a_number_of_entries_that_is_not_there_takes_no_memory() {
        let mut out = Vec::new();
        put_number(&mut out, 1 << 40);
        let mut budget = Budget::of(1 << 20);
        assert!(take(&mut Bytes(&out), &mut budget, u64::MAX).is_err());
        assert_eq!(budget.spent(), 0);
    }

    #[test]
    fn names_that_grow_by_sharing_end_with_the_budget() {
        let mut out = Vec::new();
        let long: Box<[u8]> = vec![b'x'; 10_000].into();
        let entry = Entry {
            name: long,
            link: None,
            kind: EntryKind::File,
            size: 0,
            mtime: 0,
            stored: 0,
            head: 512,
            before_crc: 0,
            header_crc: 0,
            data_crc: 0,
            contents: Contents::Other,
        };
        put(&mut out, &vec![entry; 1000]);
        assert!(out.len() < 30_000);
        let mut budget = Budget::of(1 << 20);
        assert!(take(&mut Bytes(&out), &mut budget, u64::MAX).is_err());
        assert!(budget.spent() <= 1 << 20);
    }
}
