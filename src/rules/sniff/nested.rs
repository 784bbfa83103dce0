//! Recognises a Home Assistant backup while the file is read.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use serde_json::value::RawValue;

use crate::dates;
use crate::format::raw_json::{each_field, each_item, field, value};
use crate::format::tar::block::{BLOCK, HeaderBlock, padding};
use crate::rules::slug::is_like_a_slug;

/// The fields that every `backup.json` of Home Assistant has (Supervisor, backups/validate.py), and
/// what Core keeps in `extra` (homeassistant/components/backup).
#[derive(Default)]
struct Metadata<'a> {
    slug: Option<&'a RawValue>,
    date: Option<&'a RawValue>,
    kind: Option<&'a RawValue>,
    folders: Option<&'a RawValue>,
    addons: Option<&'a RawValue>,
    extra: Option<&'a RawValue>,
}

impl<'a> Metadata<'a> {
    /// The metadata, if the text belongs to a backup and not to another file of this name.
    fn read(text: &'a [u8]) -> Option<Self> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let text: &RawValue = serde_json::from_slice(text).ok()?;
        let (mut found, mut is_twice) = (Self::default(), false);
        let fields = each_field(text.get(), |key, raw| {
            let field = match key {
                "slug" => &mut found.slug,
                "date" => &mut found.date,
                "type" => &mut found.kind,
                "folders" => &mut found.folders,
                "addons" => &mut found.addons,
                "extra" => &mut found.extra,
                _ => return Ok(()),
            };
            is_twice |= field.replace(raw).is_some();
            Ok(())
        });
        let date = found.date()?;
        let day = date.as_bytes().get(..10)?;
        let dated = day.iter().enumerate().all(|(at, b)| {
            if matches!(at, 4 | 7) {
                *b == b'-'
            } else {
                b.is_ascii_digit()
            }
        });
        let slug: String = found.slug.and_then(value)?;
        let kind: String = found.kind.and_then(value)?;
        let is_whole = fields.is_ok() && !is_twice && !slug.is_empty() && dated;
        (is_whole && matches!(&*kind, "full" | "partial")).then_some(found)
    }

    fn date(&self) -> Option<String> {
        self.date.and_then(value)
    }

    /// The field of `extra` with this name.
    fn extra(&self, name: &str) -> Option<&'a RawValue> {
        field(self.extra?, name)
    }

    fn instance_id(&self) -> Option<String> {
        self.extra("instance_id")
            .and_then(value)
            .filter(|id: &String| !id.is_empty())
    }

    /// Whether haslim wrote it beside a smaller copy: then nothing else has what is in it.
    fn is_rest(&self) -> bool {
        let haslim = self.extra("haslim");
        haslim.is_some_and(|haslim| field(haslim, "rest_of").is_some())
    }

    /// The hashes of the names of the parts that it lists, without their endings.
    fn listed(&self, hasher: &RandomState) -> HashSet<u64> {
        let mut listed = HashSet::new();
        let mut add = |name: Option<String>| {
            listed.extend(name.map(|name| hasher.hash_one(name.replace('/', "_").as_bytes())));
        };
        let folders = self.folders.map(|folders| {
            each_item(folders.get(), |folder| {
                add(value(folder));
                Ok(())
            })
        });
        let addons = self.addons.map(|addons| {
            each_item(addons.get(), |addon| {
                add(field(addon, "slug").and_then(value));
                Ok(())
            })
        });
        // Anything but a list names nothing.
        let _ = (folders, addons);
        listed
    }
}

/// Whether a part can have this name although nothing lists it: Home Assistant's own parts, and apps,
/// which it leaves out of the list if their backup failed (supervisor#4924).
fn is_known_part(stem: &[u8]) -> bool {
    const KNOWN: [&[u8]; 6] = [
        b"homeassistant",
        b"supervisor",
        b"addons_local",
        b"media",
        b"share",
        b"ssl",
    ];
    KNOWN.contains(&stem) || is_like_a_slug(stem)
}

/// Whether a file is a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A backup: metadata, and otherwise only archives of parts.
    Backup,
    /// Anything else, or damaged, or cut short: the file stays.
    Other,
}

/// Reads a file's contents in pieces and returns whether it is a backup.
///
/// A backup is a tar whose members are `./backup.json` (or `./snapshot.json`) and at least one
/// `NAME.tar` or `NAME.tar.gz`, and nothing else; the metadata have a slug, a date and a type, and
/// list the names of all archives that are not named like a part. Supervisor puts them last, so all
/// headers are walked. Any other tar may contain some `backup.json`, and even archives beside it. The
/// rest that haslim keeps beside a smaller copy does not count: nothing makes it again.
///
/// Memory: one block of 512 bytes, the metadata, at most 1 MiB, some 16 bytes for each name that they
/// list, and at most 1,000 names of archives.
#[derive(Debug, Clone)]
pub struct NestedBackup {
    block: [u8; BLOCK],
    filled: usize,
    state: State,
    /// The size of the next member from a PAX record.
    pax_size: Option<u64>,
    /// The text of the metadata so far.
    text: Vec<u8>,
    metadata: Option<Made>,
    parts: bool,
    /// The archives that only the metadata's lists can explain.
    others: Vec<Vec<u8>>,
    /// The hashes of the names that the metadata list.
    listed: HashSet<u64>,
    /// Has a random key, so that nobody can make two names with the same hash.
    hasher: RandomState,
}

/// More archives with names of their own than this are not examined: the file stays.
const MOST_OTHERS: usize = 1000;

/// Where and when a backup was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Made {
    /// The Home Assistant that made it, if its metadata record it.
    pub instance: Option<String>,
    /// Seconds since 1970; `None` if its date cannot be read.
    pub date: Option<i64>,
}

/// A file with longer metadata does not count as a backup and stays.
const LONGEST: u64 = 1 << 20;

#[derive(Debug, Clone, Copy)]
enum State {
    /// A header block follows.
    Header,
    /// The first block of PAX records follows; `.0` is their total size in bytes.
    Pax(u64),
    /// This many bytes of the metadata follow, and then this many of padding.
    Text(u64, u64),
    /// This many bytes are skipped.
    Skip(u64),
    Decided(Verdict),
}

impl Default for NestedBackup {
    fn default() -> Self {
        Self {
            block: [0; BLOCK],
            filled: 0,
            state: State::Header,
            pax_size: None,
            text: Vec::new(),
            metadata: None,
            parts: false,
            others: Vec::new(),
            listed: HashSet::new(),
            hasher: RandomState::new(),
        }
    }
}

impl NestedBackup {
    /// Reads the next piece of the file. A verdict is final, and the rest of the file need not be
    /// read.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Option<Verdict> {
        while !bytes.is_empty() {
            let used = match self.state {
                State::Decided(verdict) => return Some(verdict),
                State::Skip(left) => self.skip(left, bytes.len()),
                State::Text(left, padding) => self.read(left, padding, bytes),
                State::Header | State::Pax(_) => self.fill(bytes),
            };
            bytes = bytes.get(used..).unwrap_or_default();
        }
        self.verdict()
    }

    /// At the end of the file: where and when the backup was made, if it is one. A file that is cut
    /// short is not a backup.
    pub fn finish(self) -> Option<Made> {
        let whole = self.verdict() == Some(Verdict::Backup);
        self.metadata.filter(|_| whole)
    }

    /// The verdict, as soon as it is known.
    pub fn verdict(&self) -> Option<Verdict> {
        match self.state {
            State::Decided(verdict) => Some(verdict),
            _ => None,
        }
    }

    fn skip(&mut self, left: u64, available: usize) -> usize {
        let used = usize::try_from(left).unwrap_or(usize::MAX).min(available);
        let left = left - used as u64;
        self.state = if left == 0 {
            State::Header
        } else {
            State::Skip(left)
        };
        used
    }

    fn read(&mut self, left: u64, padding: u64, bytes: &[u8]) -> usize {
        let used = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        self.text
            .extend_from_slice(bytes.get(..used).unwrap_or_default());
        self.state = match (left - used as u64, padding) {
            (0, padding) => self.judge(padding),
            (left, padding) => State::Text(left, padding),
        };
        used
    }

    /// The metadata are complete.
    fn judge(&mut self, padding: u64) -> State {
        let text = std::mem::take(&mut self.text);
        let metadata = Metadata::read(&text);
        let Some(metadata) = metadata.filter(|metadata| !metadata.is_rest()) else {
            return State::Decided(Verdict::Other);
        };
        self.listed = metadata.listed(&self.hasher);
        self.metadata = Some(Made {
            instance: metadata.instance_id(),
            date: metadata.date().and_then(|date| dates::seconds(&date)),
        });
        if padding == 0 {
            State::Header
        } else {
            State::Skip(padding)
        }
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
            let explained = self
                .others
                .iter()
                .all(|name| self.listed.contains(&self.hasher.hash_one(name.as_slice())));
            let whole = self.metadata.is_some() && self.parts && explained;
            return State::Decided(if whole {
                Verdict::Backup
            } else {
                Verdict::Other
            });
        }
        let (true, Ok(size)) = (header.checksum_fits(), header.size()) else {
            return State::Decided(Verdict::Other);
        };
        match header.flag() {
            b'x' if size > 0 => State::Pax(size),
            // Global records, GNU's long names and links are not needed.
            b'x' | b'g' | b'L' | b'K' => skipping(size),
            b'0' | 0 => self.file(size),
            // Some writers store the root.
            b'5' if matches!(header.name().as_deref(), Ok(b"." | b"./")) => State::Header,
            _ => State::Decided(Verdict::Other),
        }
    }

    fn file(&mut self, size: u64) -> State {
        let Ok(name) = HeaderBlock(&self.block).name() else {
            return State::Decided(Verdict::Other);
        };
        let size = self.pax_size.take().unwrap_or(size);
        // Readers look for exactly these names.
        let metadata = matches!(name.as_slice(), b"./backup.json" | b"./snapshot.json");
        let bare = name.strip_prefix(b"./").unwrap_or(&name);
        let stem = bare.strip_suffix(b".gz").unwrap_or(bare);
        let stem = stem
            .strip_suffix(b".tar")
            .filter(|stem| !stem.contains(&b'/'));
        let part = stem.is_some();
        self.parts |= part;
        if let Some(stem) = stem.filter(|stem| !is_known_part(stem)) {
            if self.others.len() == MOST_OTHERS {
                return State::Decided(Verdict::Other);
            }
            self.others.push(stem.to_vec());
        }
        // With two of them a reader would have to choose.
        if metadata && self.metadata.is_none() && (1..=LONGEST).contains(&size) {
            State::Text(size, padding(size))
        } else if part {
            skipping(size)
        } else {
            State::Decided(Verdict::Other)
        }
    }

    /// Looks for `size` among PAX records (POSIX.1-2017 pax, "pax Extended Header"): a member over
    /// 8 GiB has its size there. Only the first block is read; Python's records for a backup's
    /// members easily fit into it.
    fn pax(&mut self, size: u64) -> State {
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        let records = self.block.get(..length.min(BLOCK)).unwrap_or(&self.block);
        self.pax_size = records.split(|&b| b == b'\n').find_map(size_record);
        let (stored, read) = (size.saturating_add(padding(size)), BLOCK as u64);
        if stored > read {
            State::Skip(stored - read)
        } else {
            State::Header
        }
    }
}

/// The state that skips a member's data.
fn skipping(size: u64) -> State {
    match size.saturating_add(padding(size)) {
        0 => State::Header,
        left => State::Skip(left),
    }
}

/// The value of a record `LENGTH size=VALUE`.
fn size_record(record: &[u8]) -> Option<u64> {
    let (_, rest) = record.split_at_checked(record.iter().position(|&b| b == b' ')?)?;
    let digits = rest
        .strip_prefix(b" size=")
        .filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
