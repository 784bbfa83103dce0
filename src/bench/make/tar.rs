//! Tars as Python's `tarfile` writes them.

use std::io;
use std::sync::Arc;

use super::noise::Noise;
use crate::error::{Error, Result};
use crate::format::outer::RECORD;
use crate::format::tar::block::{BLOCK, EntryKind, padding, set_checksum, set_size};
use crate::format::tar::pax;
use crate::gzip::Stretch;

/// The size from which the header's field is too narrow (eleven octal digits).
const WIDE: u64 = 1 << 33;

/// The metadata of an entry in its header.
#[derive(Debug, Clone)]
pub(super) struct Attributes<'a> {
    pub name: &'a str,
    pub kind: EntryKind,
    pub size: u64,
    pub link: &'a str,
    /// Seconds, and microseconds.
    pub time: (u64, u64),
}

impl<'a> Attributes<'a> {
    pub fn new(name: &'a str, kind: EntryKind, size: u64) -> Self {
        Self {
            name,
            kind,
            size,
            link: "",
            time: (super::MORNING, 0),
        }
    }
}

/// The header of an entry: PAX records for a time that is not a whole second and for values that do
/// not fit into the block or are not ASCII, then the block (CPython, `TarInfo.create_pax_header`).
pub(super) fn header(entry: &Attributes<'_>) -> Vec<u8> {
    let slash = if entry.kind == EntryKind::Directory {
        "/"
    } else {
        ""
    };
    let name = [entry.name, slash].concat();
    let mut records = Vec::new();
    let mut record = |key: &[u8], value: &str| pax::write(key, value.as_bytes(), &mut records);
    for (key, value) in [(&b"path"[..], name.as_str()), (b"linkpath", entry.link)] {
        if value.len() > 100 || !value.is_ascii() {
            record(key, value);
        }
    }
    if entry.size >= WIDE {
        record(b"size", &entry.size.to_string());
    }
    let (seconds, fraction) = entry.time;
    if fraction > 0 {
        record(
            b"mtime",
            format!("{seconds}.{fraction:06}").trim_end_matches('0'),
        );
    }
    let mut out = Vec::new();
    if !records.is_empty() {
        out.extend_from_slice(&block(
            "././@PaxHeader",
            b'x',
            0,
            records.len() as u64,
            "",
            0,
        ));
        let pad = padding(records.len() as u64);
        out.append(&mut records);
        out.resize(out.len() + usize::try_from(pad).unwrap_or(0), 0);
    }
    let (flag, mode) = match entry.kind {
        EntryKind::Directory => (b'5', 0o755),
        EntryKind::Symlink => (b'2', 0o777),
        EntryKind::HardLink => (b'1', 0o644),
        EntryKind::File | EntryKind::Special => (b'0', 0o644),
    };
    // With a PAX size, Python leaves the field at zero.
    let size = if entry.size < WIDE { entry.size } else { 0 };
    // The block's field has the nearest whole second.
    let nearest = if (fraction, seconds % 2) > (500_000, 0) {
        seconds + 1
    } else {
        seconds
    };
    out.extend_from_slice(&named(&name, flag, mode, size, entry.link, nearest));
    out
}

/// The same header for another size. Sizes of 8 GiB or more are written in base-256, so that the
/// header keeps its length.
pub(super) fn resized(header: &[u8], size: u64) -> Result<Vec<u8>> {
    let mut raw = header.to_vec();
    let block = raw
        .last_chunk_mut::<BLOCK>()
        .ok_or_else(|| Error::new(crate::Kind::Internal, "a header without blocks"))?;
    set_size(block, size);
    Ok(raw)
}

fn named(name: &str, flag: u8, mode: u32, size: u64, link: &str, time: u64) -> [u8; BLOCK] {
    let mut block = block(name, flag, mode, size, link, time);
    put(&mut block, 265, b"root");
    put(&mut block, 297, b"root");
    set_checksum(&mut block);
    block
}

/// One header block (POSIX.1-2017 pax, "ustar Interchange Format").
fn block(name: &str, flag: u8, mode: u32, size: u64, link: &str, time: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let ascii = |text: &str| {
        text.chars()
            .map(|c| u8::try_from(c).ok().filter(u8::is_ascii).unwrap_or(b'?'))
            .take(100)
            .collect::<Vec<u8>>()
    };
    put(&mut block, 0, &ascii(name));
    put(&mut block, 100, format!("{mode:07o}\0").as_bytes());
    put(&mut block, 108, b"0000000\x000000000\x00");
    put(&mut block, 136, format!("{time:011o}\0").as_bytes());
    put(&mut block, 156, &[flag]);
    put(&mut block, 157, &ascii(link));
    put(&mut block, 257, b"ustar\x0000");
    set_size(&mut block, size);
    block
}

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    for (to, from) in block.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

/// What a tar is written to.
pub(super) trait Out {
    /// Takes new bytes.
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Takes bytes that were compressed before.
    fn stretch(&mut self, stretch: Arc<Stretch>) -> io::Result<()>;

    /// Takes bytes that cannot be compressed and are not made yet.
    fn noise(&mut self, noise: Noise) -> io::Result<()>;
}

/// A tar being written to `out`.
pub(super) struct TarWriter<'a> {
    out: &'a mut dyn Out,
    position: u64,
}

impl<'a> TarWriter<'a> {
    pub fn new(out: &'a mut dyn Out) -> Self {
        Self { out, position: 0 }
    }

    /// Writes an entry's header; its data must follow, and then [`TarWriter::pad`].
    pub fn begin(&mut self, entry: &Attributes<'_>) -> io::Result<()> {
        self.data(&header(entry))
    }

    pub fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.position += bytes.len() as u64;
        self.out.bytes(bytes)
    }

    pub fn stretch(&mut self, stretch: Arc<Stretch>) -> io::Result<()> {
        self.position += stretch.plaintext().len() as u64;
        self.out.stretch(stretch)
    }

    pub fn noise(&mut self, noise: Noise) -> io::Result<()> {
        self.position += noise.len();
        self.out.noise(noise)
    }

    /// Fills up the last block of an entry's data.
    pub fn pad(&mut self) -> io::Result<()> {
        self.zeros(padding(self.position))
    }

    /// Writes the end, up to a whole record.
    pub fn finish(mut self) -> io::Result<()> {
        let end = (self.position + 2 * BLOCK as u64).next_multiple_of(RECORD);
        self.zeros(end - self.position)
    }

    fn zeros(&mut self, count: u64) -> io::Result<()> {
        self.data(&vec![0; usize::try_from(count).unwrap_or(0)])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::format::tar::header::{Assembler, Header, Step};

    fn read(raw: &[u8]) -> Header {
        let mut assembler = Assembler::default();
        let mut blocks = raw.as_chunks::<BLOCK>().0.iter();
        loop {
            if let Step::Header(header) = assembler.push(blocks.next().unwrap()).unwrap() {
                assert_eq!(blocks.len(), 0, "blocks follow the header");
                return *header;
            }
        }
    }

    #[test]
    fn headers_are_read_as_they_were_meant() {
        let long = "n".repeat(150);
        for (name, kind, size, link) in [
            ("data/a", EntryKind::File, 5, ""),
            ("data", EntryKind::Directory, 0, ""),
            (long.as_str(), EntryKind::File, WIDE - 1, ""),
            ("größe", EntryKind::File, WIDE, ""),
            ("l", EntryKind::Symlink, 0, "../ziel"),
            ("h", EntryKind::HardLink, 0, long.as_str()),
        ] {
            for time in [(1_795_323_600, 0), (1_795_323_600, 123_450)] {
                let read = read(&header(&Attributes {
                    link,
                    time,
                    ..Attributes::new(name, kind, size)
                }));
                assert_eq!(
                    (read.name, read.kind, read.size, read.link),
                    (name.into(), kind, size, link.into())
                );
                let mtime = read
                    .pax
                    .iter()
                    .find(|(key, _)| key == b"mtime")
                    .map(|(_, value)| value.as_slice());
                assert_eq!(mtime, (time.1 > 0).then_some(&b"1795323600.12345"[..]));
            }
        }
    }
}
