//! Puts the blocks of one entry's header together: PAX (`x`), GNU long name
//! (`L`) and long link (`K`) blocks, then the main block.
//!
//! One machine serves the outer tar, which is read at positions, and the inner
//! tars, which arrive as a stream: both push one block after the other.

use super::block::{BLOCK, EntryKind, HeaderBlock, TarError, padding};
use super::pax::{self, Record};

/// Larger extension headers are refused before anything is allocated for them.
const MAX_EXTENSION: u64 = 1 << 20;

/// A complete header of one entry.
#[derive(Debug, Clone)]
pub struct Header {
    /// Every block of it, byte for byte; the last one is the main block.
    pub raw: Vec<u8>,
    /// The name, trailing slashes of directories removed, never empty.
    pub name: Vec<u8>,
    /// The target of a hard or symbolic link, else empty.
    pub link: Vec<u8>,
    /// What the entry is.
    pub kind: EntryKind,
    /// Bytes of data that follow the header; padding not counted.
    pub size: u64,
    /// The PAX records, in order.
    pub pax: Vec<Record>,
}

impl Header {
    /// Bytes from the header's begin to the next header: header, data, padding.
    pub fn span(&self) -> u64 {
        (self.raw.len() as u64).saturating_add(self.size).saturating_add(padding(self.size))
    }

    /// True when the size comes from a PAX record, the only kind that Home
    /// Assistant has left stale.
    pub fn has_pax_size(&self) -> bool {
        self.pax.iter().any(|(key, _)| key == b"size")
    }
}

/// What a pushed block led to.
#[derive(Debug)]
pub enum Step {
    /// The header goes on.
    More,
    /// The header is complete; `size` bytes of data and padding come next.
    Header(Box<Header>),
    /// A global header: it belongs to no entry, and holds nothing that changes how entries are read.
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
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    zero_seen: bool,
    pax_came_first: bool,
}

struct Extension {
    flag: u8,
    size: usize,
    data: Vec<u8>,
}

impl Assembler {
    /// True between two entries, where an archive may stop.
    pub fn is_idle(&self) -> bool {
        self.raw.is_empty()
    }

    /// True after one zero block of the two that end an archive.
    pub fn half_ended(&self) -> bool {
        self.zero_seen
    }

    /// Bytes, at least, up to the end of the header: whole blocks.
    pub fn wanted(&self) -> u64 {
        let extension = self.extension.as_ref().map_or(0, |e| (e.size - e.data.len()) as u64);
        extension + padding(extension) + BLOCK as u64
    }

    /// Takes the next block.
    ///
    /// # Errors
    /// `Damaged` or `Refused`, as explained at [`TarError`]; the machine is not usable afterwards.
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
        extension.data.truncate(extension.size);
        self.take_extension(extension.flag, extension.data)
    }

    fn take_extension(&mut self, flag: u8, data: Vec<u8>) -> Result<Step, TarError> {
        let text = || data.split(|&b| b == 0).next().unwrap_or_default().to_vec();
        match flag {
            b'L' => set_once(&mut self.long_name, text(), "long name")?,
            b'K' => set_once(&mut self.long_link, text(), "long link")?,
            b'g' => return self.global(&data),
            _ => {
                self.pax_came_first = self.long_name.is_none() && self.long_link.is_none();
                set_once(&mut self.pax, pax::parse(&data)?, "PAX")?;
            }
        }
        Ok(Step::More)
    }

    fn global(&mut self, data: &[u8]) -> Result<Step, TarError> {
        let changes = |key: &[u8]| matches!(key, b"path" | b"linkpath" | b"size") || key.starts_with(b"GNU.sparse");
        if let Some((key, _)) = pax::parse(data)?.iter().find(|(key, _)| changes(key)) {
            return Err(TarError::refused(format!("a global PAX header sets '{}' for every file", crate::error::escape(key))));
        }
        if self.pax.is_some() || self.long_name.is_some() || self.long_link.is_some() {
            return Err(TarError::refused("a global PAX header stands inside another header"));
        }
        Ok(Step::Global(std::mem::take(&mut self.raw)))
    }

    fn begin(&mut self, block: &[u8; BLOCK]) -> Result<Step, TarError> {
        let view = HeaderBlock(block);
        if view.is_zero() {
            return self.zero();
        }
        if self.zero_seen {
            return Err(TarError::damaged("a zero block in the middle: other readers stop there and lose what follows"));
        }
        if !view.checksum_fits() {
            return Err(TarError::damaged("this is not a tar header: its checksum is wrong"));
        }
        self.raw.extend_from_slice(block);
        match view.flag() {
            flag @ (b'x' | b'X' | b'g' | b'L' | b'K') => self.start_extension(flag, view.size()?),
            _ => self.finish(view).map(|header| Step::Header(Box::new(header))),
        }
    }

    fn zero(&mut self) -> Result<Step, TarError> {
        if !self.is_idle() {
            return Err(TarError::damaged("the archive ends between an extended header and its entry"));
        }
        if std::mem::replace(&mut self.zero_seen, true) { Ok(Step::End) } else { Ok(Step::More) }
    }

    fn start_extension(&mut self, flag: u8, size: u64) -> Result<Step, TarError> {
        if size > MAX_EXTENSION {
            return Err(TarError::refused(format!("an extended header of {size} bytes; more than 1 MiB is not plausible")));
        }
        let size = usize::try_from(size).unwrap_or_default();
        if size == 0 {
            return self.take_extension(flag, Vec::new());
        }
        self.extension = Some(Extension { flag, size, data: Vec::new() });
        Ok(Step::More)
    }

    fn finish(&mut self, view: HeaderBlock<'_>) -> Result<Header, TarError> {
        let pax = self.pax.take().unwrap_or_default();
        let flag = view.flag();
        let name = self.pick(&pax, b"path", self.long_name.clone(), || view.name())?;
        let link = self.pick(&pax, b"linkpath", self.long_link.clone(), || Ok(view.link().to_vec()))?;
        let (kind, name) = kind_and_name(flag, name)?;
        let size = size_of(kind, view.size()?, &pax)?;
        refuse_oddities(&pax, &name, &link)?;
        let link = if matches!(kind, EntryKind::HardLink | EntryKind::Symlink) { link } else { Vec::new() };
        (self.long_name, self.long_link) = (None, None);
        Ok(Header { raw: std::mem::take(&mut self.raw), name, link, kind, size, pax })
    }

    /// Of a PAX record and a GNU block for the same thing, Python takes the one that comes first.
    fn pick(
        &self,
        pax: &[Record],
        key: &[u8],
        gnu: Option<Vec<u8>>,
        plain: impl FnOnce() -> Result<Vec<u8>, TarError>,
    ) -> Result<Vec<u8>, TarError> {
        // Of repeated records the last one counts (POSIX pax).
        let record = pax.iter().rev().find(|(k, _)| k == key).map(|(_, value)| value.clone());
        match (record, gnu) {
            (Some(record), Some(gnu)) => Ok(if self.pax_came_first { record } else { gnu }),
            (Some(one), None) | (None, Some(one)) => Ok(one),
            (None, None) => plain(),
        }
    }
}

fn set_once<T>(slot: &mut Option<T>, value: T, what: &str) -> Result<(), TarError> {
    if slot.replace(value).is_some() {
        return Err(TarError::refused(format!("two {what} headers for one entry: readers disagree about which one counts")));
    }
    Ok(())
}

fn kind_and_name(flag: u8, mut name: Vec<u8>) -> Result<(EntryKind, Vec<u8>), TarError> {
    let slash = name.ends_with(b"/");
    let kind = match flag {
        // Before ustar a trailing slash was what made a directory.
        b'\0' if slash => EntryKind::Directory,
        b'0' | b'7' | b'\0' => EntryKind::File,
        b'1' => EntryKind::HardLink,
        b'2' => EntryKind::Symlink,
        b'3' | b'4' | b'6' => EntryKind::Special,
        b'5' => EntryKind::Directory,
        b'S' => return Err(TarError::refused("a GNU sparse file, which haslim does not read")),
        other => {
            return Err(TarError::refused(format!("an entry of the unknown type '{}'", crate::error::escape(&[other]))));
        }
    };
    if kind == EntryKind::Directory {
        while name.len() > 1 && name.ends_with(b"/") {
            name.pop();
        }
    } else if slash {
        return Err(TarError::refused("a file whose name ends in a slash: some readers make it a directory"));
    }
    Ok((kind, name))
}

fn size_of(kind: EntryKind, plain: u64, pax: &[Record]) -> Result<u64, TarError> {
    let mut records = pax.iter().filter(|(key, _)| key == b"size");
    let size = match (records.next(), records.next()) {
        (None, _) => plain,
        (Some(_), Some(_)) => return Err(TarError::refused("two PAX sizes for one entry")),
        (Some((_, value)), None) => {
            let stated = pax::digits(value).filter(|&n| n <= i64::MAX.cast_unsigned());
            let stated = stated.ok_or_else(|| TarError::refused(format!("a PAX size of '{}'", crate::error::escape(value))))?;
            if plain != 0 && plain != stated {
                return Err(TarError::refused(format!("two different sizes for one entry: {plain} and, by PAX, {stated}")));
            }
            stated
        }
    };
    if kind != EntryKind::File && size != 0 {
        return Err(TarError::refused(format!(
            "a {} with {size} bytes of data: readers disagree about where the next entry is",
            kind.name()
        )));
    }
    Ok(size)
}

fn refuse_oddities(pax: &[Record], name: &[u8], link: &[u8]) -> Result<(), TarError> {
    if pax.iter().any(|(key, _)| key.starts_with(b"GNU.sparse")) {
        return Err(TarError::refused("a sparse file in PAX form, which haslim does not read"));
    }
    if name.is_empty() {
        return Err(TarError::refused("an entry without a name"));
    }
    if name.contains(&0) || link.contains(&0) {
        return Err(TarError::refused("a NUL inside a name"));
    }
    Ok(())
}
