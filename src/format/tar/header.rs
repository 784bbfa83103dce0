//! Assembles the blocks of one entry's header: PAX (`x`), GNU long name (`L`) and long link (`K`)
//! blocks, then the main block.
//!
//! One state machine serves both the outer tar, which is read by position, and the inner tars,
//! which arrive as a stream: both push one block after another.

mod fields;

use self::fields::{kind_of, pick, refuse_oddities, size_of, without_slash};
use super::block::{BLOCK, EntryKind, HeaderBlock, TarError, padding};
use super::pax::{self, Record};

/// Larger extension headers are refused before anything is allocated for them.
const MAX_EXTENSION: u64 = 1 << 20;

/// More global headers without an entry between them are refused. Python's reader needs a level of
/// recursion for each, and gives up after some 320 (CPython 3.11, `tarfile.py`, `_proc_pax`).
const MAX_GLOBALS: usize = 64;

/// A complete header of one entry.
#[derive(Debug, Clone)]
pub struct Header {
    /// All its blocks, byte for byte; the last one is the main block.
    pub raw: Vec<u8>,
    /// The name as written, without a directory's trailing slash; [`super::path::fault`] returns
    /// whether it can be a path.
    pub name: Vec<u8>,
    /// The target of a hard or symbolic link, otherwise empty.
    pub link: Vec<u8>,
    /// The kind of the entry.
    pub kind: EntryKind,
    /// Bytes of data that follow the header, without padding.
    pub size: u64,
    /// The PAX records, in order.
    pub pax: Vec<Record>,
}

impl Header {
    /// Bytes from the start of the header to the next header: header, data, padding.
    pub fn span(&self) -> u64 {
        (self.raw.len() as u64)
            .saturating_add(self.size)
            .saturating_add(padding(self.size))
    }

    /// When the entry was changed: seconds since 1970, rounded down. A PAX record counts before the
    /// field of the header.
    pub fn mtime(&self) -> i64 {
        // Of repeated records the last one counts (POSIX pax).
        let record = self.pax.iter().rev().find(|(key, _)| key == b"mtime");
        let field = || HeaderBlock(self.raw.last_chunk()?).mtime().ok();
        // The assembler has refused every value that is not a time.
        record
            .and_then(|(_, value)| pax::time(value))
            .or_else(field)
            .unwrap_or_default()
    }

    /// When the entry was changed, with the nanoseconds after the seconds. `globals` are the records
    /// of the global headers before it, which count unless it has its own.
    pub fn exact_mtime(&self, globals: &[Record]) -> (i64, u32) {
        let records = self.pax.iter().rev().chain(globals.iter().rev());
        let value = records
            .filter(|(key, _)| key == b"mtime")
            .map(|(_, value)| value)
            .next();
        let exact = value.and_then(|value| pax::exact_time(value));
        let rough = || value.and_then(|value| Some((pax::time(value)?, 0)));
        exact.or_else(rough).unwrap_or_else(|| (self.mtime(), 0))
    }

    /// True if the size comes from a PAX record, the only kind that Home Assistant has left stale.
    pub fn has_pax_size(&self) -> bool {
        self.has_pax(b"size")
    }

    fn has_pax(&self, name: &[u8]) -> bool {
        self.pax.iter().any(|(key, _)| key == name)
    }

    /// Whether both a PAX record and a GNU block contain the name or the link. Python takes the one
    /// that comes first; other readers have other rules.
    pub fn is_named_twice(&self) -> bool {
        let mut blocks = self.raw.as_chunks::<BLOCK>().0.iter();
        while let Some(block) = blocks.next() {
            let view = HeaderBlock(block);
            let twice = match view.flag() {
                b'L' => self.has_pax(b"path"),
                b'K' => self.has_pax(b"linkpath"),
                b'x' | b'X' => false,
                _ => return false,
            };
            if twice {
                return true;
            }
            // An extended header's data come next.
            let data = view.size().map_or(0, |size| size.div_ceil(BLOCK as u64));
            blocks
                .by_ref()
                .take(usize::try_from(data).unwrap_or(usize::MAX))
                .for_each(drop);
        }
        false
    }
}

/// The result of pushing a block.
#[derive(Debug)]
pub enum Step {
    /// The header continues.
    More,
    /// The header is complete; `size` bytes of data and padding come next.
    Header(Box<Header>),
    /// A global header: it belongs to no entry and contains nothing that changes how entries are
    /// read.
    Global(Vec<u8>),
    /// The second of two zero blocks: the archive ends here.
    End,
}

/// The state between two blocks.
#[derive(Default)]
pub struct Assembler {
    raw: Vec<u8>,
    extension: Option<Extension>,
    pax: Option<Vec<Record>>,
    long_name: Option<Long>,
    long_link: Option<Long>,
    zero_seen: bool,
    /// The number of global headers since the last entry.
    globals: usize,
}

/// The text of a GNU long name or long link.
#[derive(Clone)]
struct Long {
    text: Vec<u8>,
    /// Whether the PAX records came before it.
    after_pax: bool,
}

struct Extension {
    flag: u8,
    size: usize,
    data: Vec<u8>,
}

impl Assembler {
    /// True between two entries, where an archive may stop.
    pub fn is_idle(&self) -> bool {
        self.raw.is_empty() && self.globals == 0
    }

    /// True after the first of the two zero blocks that end an archive.
    pub fn half_ended(&self) -> bool {
        self.zero_seen
    }

    /// The minimum number of bytes up to the end of the header, in whole blocks.
    pub fn wanted(&self) -> u64 {
        let extension = self
            .extension
            .as_ref()
            .map_or(0, |e| (e.size - e.data.len()) as u64);
        extension + padding(extension) + BLOCK as u64
    }

    /// Takes the next block.
    ///
    /// # Errors
    /// `Damaged` or `Refused`, as explained at [`TarError`]; the assembler is unusable afterwards.
    pub fn push(&mut self, block: &[u8; BLOCK]) -> Result<Step, TarError> {
        match self.extension.take() {
            Some(extension) => self.extend(extension, block),
            None => self.begin(block),
        }
    }

    fn extend(&mut self, mut extension: Extension, block: &[u8; BLOCK]) -> Result<Step, TarError> {
        self.raw.extend_from_slice(block);
        extension.data.extend_from_slice(block);
        if extension.data.len() < extension.size {
            self.extension = Some(extension);
            return Ok(Step::More);
        }
        // Python looks for records in whole blocks.
        if extension
            .data
            .split_off(extension.size)
            .iter()
            .any(|&b| b != 0)
        {
            return Err(TarError::refused(
                "bytes after an extended header: readers disagree about where it ends",
            ));
        }
        self.take_extension(extension.flag, extension.data)
    }

    fn take_extension(&mut self, flag: u8, data: Vec<u8>) -> Result<Step, TarError> {
        let text = || data.split(|&b| b == 0).next().unwrap_or_default().to_vec();
        let after_pax = self.pax.is_some();
        match flag {
            b'L' => set_once(
                &mut self.long_name,
                Long {
                    text: text(),
                    after_pax,
                },
                "long name",
            )?,
            b'K' => set_once(
                &mut self.long_link,
                Long {
                    text: text(),
                    after_pax,
                },
                "long link",
            )?,
            b'g' => return self.global(&data),
            _ => {
                let records = pax::parse(&data)?;
                pax::check_names(&records)?;
                set_once(&mut self.pax, records, "PAX")?;
            }
        }
        Ok(Step::More)
    }

    fn global(&mut self, data: &[u8]) -> Result<Step, TarError> {
        let changes = |key: &[u8]| {
            matches!(key, b"path" | b"linkpath" | b"size") || key.starts_with(b"GNU.sparse")
        };
        let records = pax::parse(data)?;
        pax::check_values(&records)?;
        if let Some((key, _)) = records.iter().find(|(key, _)| changes(key)) {
            return Err(TarError::refused(format!(
                "a global PAX header sets '{}' for every file",
                crate::error::escape(key)
            )));
        }
        if self.pax.is_some() || self.long_name.is_some() || self.long_link.is_some() {
            return Err(TarError::refused(
                "a global PAX header stands inside another header",
            ));
        }
        self.globals += 1;
        if self.globals > MAX_GLOBALS {
            return Err(TarError::refused(format!(
                "more than {MAX_GLOBALS} global PAX headers follow each other: Home Assistant cannot read so many"
            )));
        }
        Ok(Step::Global(std::mem::take(&mut self.raw)))
    }

    fn begin(&mut self, block: &[u8; BLOCK]) -> Result<Step, TarError> {
        let view = HeaderBlock(block);
        if view.is_zero() {
            return self.zero();
        }
        if self.zero_seen {
            return Err(TarError::damaged(
                "a zero block in the middle: other readers stop there and lose what follows",
            ));
        }
        if !view.checksum_fits() {
            return Err(TarError::damaged(
                "this is not a tar header: its checksum is wrong",
            ));
        }
        view.check_numbers()?;
        self.raw.extend_from_slice(block);
        match view.flag() {
            flag @ (b'x' | b'X' | b'g' | b'L' | b'K') => self.start_extension(flag, view.size()?),
            _ => self
                .finish(view)
                .map(|header| Step::Header(Box::new(header))),
        }
    }

    fn zero(&mut self) -> Result<Step, TarError> {
        if !self.is_idle() {
            return Err(TarError::damaged(
                "the archive ends between an extended header and its entry",
            ));
        }
        if std::mem::replace(&mut self.zero_seen, true) {
            Ok(Step::End)
        } else {
            Ok(Step::More)
        }
    }

    fn start_extension(&mut self, flag: u8, size: u64) -> Result<Step, TarError> {
        if size > MAX_EXTENSION {
            return Err(TarError::refused(format!(
                "an extended header of {size} bytes; more than 1 MiB is not plausible"
            )));
        }
        let size = usize::try_from(size).unwrap_or_default();
        if size == 0 {
            return self.take_extension(flag, Vec::new());
        }
        self.extension = Some(Extension {
            flag,
            size,
            data: Vec::new(),
        });
        Ok(Step::More)
    }

    fn finish(&mut self, view: HeaderBlock<'_>) -> Result<Header, TarError> {
        let pax = self.pax.take().unwrap_or_default();
        let (long_name, long_link) = (self.long_name.take(), self.long_link.take());
        let after_global = std::mem::take(&mut self.globals) > 0;
        let alone = self.raw.len() == BLOCK && !after_global;
        refuse_oddities(&pax, [&long_name, &long_link])?;
        let name = pick(&pax, b"path", long_name, || view.name())?;
        let link = pick(&pax, b"linkpath", long_link, || Ok(view.link().to_vec()))?;
        let kind = kind_of(view, alone)?;
        let name = without_slash(kind, name)?;
        let size = size_of(kind, view.size()?, &pax)?;
        let link = if matches!(kind, EntryKind::HardLink | EntryKind::Symlink) {
            link
        } else {
            Vec::new()
        };
        Ok(Header {
            raw: std::mem::take(&mut self.raw),
            name,
            link,
            kind,
            size,
            pax,
        })
    }
}

fn set_once<T>(slot: &mut Option<T>, value: T, what: &str) -> Result<(), TarError> {
    if slot.replace(value).is_some() {
        return Err(TarError::refused(format!(
            "two {what} headers for one entry: readers disagree about which one counts"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
