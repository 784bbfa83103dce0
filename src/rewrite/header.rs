//! New headers for the few entries that cannot keep theirs: a file that continues under another of
//! its names, and a link that must point to it.

use crate::error::{Error, Kind, Result};
use crate::format::tar::block::{BLOCK, LINK, NAME, PREFIX, set_checksum, set_size};
use crate::format::tar::header::Header;
use crate::format::tar::pax;
use crate::plan::PartEdit;

/// The new header of an entry, if a cut gives it one.
///
/// # Errors
/// The same as for [`renamed`] and [`relinked`].
pub fn replaced(header: &Header, cut: &PartEdit, entry: usize) -> Result<Option<Vec<u8>>> {
    if let Some(name) = cut.new_name(entry) {
        renamed(header, name).map(Some)
    } else if let Some(link) = cut.new_link(entry) {
        relinked(header, link).map(Some)
    } else {
        Ok(None)
    }
}

/// The same entry under another name; mode, owner and times stay.
///
/// # Errors
/// `Internal` for a header that does not consist of blocks.
pub fn renamed(header: &Header, name: &[u8]) -> Result<Vec<u8>> {
    let mut records = without(header, b"path");
    let mut main = main_block(header)?;
    main.get_mut(PREFIX).unwrap_or_default().fill(0);
    put(&mut main, NAME, name, b"path", &mut records);
    restate_link(header, &mut records);
    Ok(build(header, main, &records))
}

/// The same link with another target.
///
/// # Errors
/// `Internal` for a header that does not consist of blocks.
pub fn relinked(header: &Header, link: &[u8]) -> Result<Vec<u8>> {
    let mut records = without(header, b"linkpath");
    let mut main = main_block(header)?;
    put(&mut main, LINK, link, b"linkpath", &mut records);
    // The name may be in a GNU block, which is not written again.
    if !records.iter().any(|(key, _)| key == b"path") && long_gnu(header) {
        records.push((b"path".to_vec(), header.name.clone()));
    }
    Ok(build(header, main, &records))
}

fn without(header: &Header, key: &[u8]) -> Vec<pax::Record> {
    header
        .pax
        .iter()
        .filter(|(k, _)| k != key)
        .cloned()
        .collect()
}

fn main_block(header: &Header) -> Result<[u8; BLOCK]> {
    header
        .raw
        .last_chunk::<BLOCK>()
        .copied()
        .ok_or_else(|| Error::new(Kind::Internal, "a header without blocks"))
}

/// Writes a name into its field, and into a PAX record if the field cannot hold it (POSIX pax:
/// names longer than the field, or not in the portable character set).
fn put(
    main: &mut [u8; BLOCK],
    field: std::ops::Range<usize>,
    name: &[u8],
    key: &[u8],
    records: &mut Vec<pax::Record>,
) {
    let slot = main.get_mut(field).unwrap_or_default();
    slot.fill(0);
    slot.iter_mut()
        .zip(name)
        .for_each(|(to, from)| *to = if from.is_ascii() { *from } else { b'?' });
    if name.len() > slot.len() || !name.is_ascii() {
        records.push((key.to_vec(), name.to_vec()));
    }
}

/// Converts a GNU long link of the old header into a record of the new one.
fn restate_link(header: &Header, records: &mut Vec<pax::Record>) {
    if !header.link.is_empty()
        && !records.iter().any(|(key, _)| key == b"linkpath")
        && header.link.len() > LINK.len()
    {
        records.push((b"linkpath".to_vec(), header.link.clone()));
    }
}

fn long_gnu(header: &Header) -> bool {
    header
        .raw
        .as_chunks::<BLOCK>()
        .0
        .iter()
        .any(|block| block[156] == b'L')
}

fn build(header: &Header, mut main: [u8; BLOCK], records: &[pax::Record]) -> Vec<u8> {
    let mut out = Vec::new();
    if !records.is_empty() {
        push_pax(main, records, &mut out);
    }
    // With a PAX size the field stays as the writer left it.
    if !header.has_pax_size() {
        set_size(&mut main, header.size);
    }
    set_checksum(&mut main);
    out.extend_from_slice(&main);
    out
}

/// Appends a PAX header with these records. The mark, the owner and the mode of the entry in `head`
/// also serve for it.
fn push_pax(mut head: [u8; BLOCK], records: &[pax::Record], out: &mut Vec<u8>) {
    head.get_mut(NAME).unwrap_or_default().fill(0);
    head.get_mut(LINK).unwrap_or_default().fill(0);
    head.get_mut(PREFIX).unwrap_or_default().fill(0);
    let label = b"././@PaxHeader";
    head.iter_mut()
        .zip(label)
        .for_each(|(to, from)| *to = *from);
    head[156] = b'x';
    pax::write_header(head, records, out);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::format::tar::header::{Assembler, Step};

    fn read(raw: &[u8]) -> Header {
        let mut assembler = Assembler::default();
        for block in raw.as_chunks::<BLOCK>().0 {
            if let Step::Header(header) = assembler.push(block).unwrap() {
                assert_eq!(header.raw.len(), raw.len(), "blocks follow the header");
                return *header;
            }
        }
        panic!("no complete header")
    }

    fn sample(long: bool) -> Header {
        let name = if long {
            "n".repeat(300)
        } else {
            "data/first".into()
        };
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(700);
        header.set_mode(0o640);
        header.set_mtime(1_700_000_000);
        builder
            .append_data(&mut header, name, &[1u8; 700][..])
            .unwrap();
        let bytes = builder.into_inner().unwrap();
        read(&bytes[..bytes.len() - 1024 - 1024])
    }

    #[test]
    fn a_renamed_file_keeps_everything_but_its_name() {
        for long in [false, true] {
            for name in ["b".to_owned(), "x".repeat(250), "www/ünï".to_owned()] {
                let old = sample(long);
                let new = read(&renamed(&old, name.as_bytes()).unwrap());
                assert_eq!(
                    (new.name.as_slice(), new.size, new.kind),
                    (name.as_bytes(), old.size, old.kind)
                );
                let mode = |h: &Header| {
                    crate::format::tar::block::HeaderBlock(h.raw.last_chunk().unwrap()).mode()
                };
                assert_eq!(mode(&new), mode(&old));
            }
        }
    }

    #[test]
    fn a_relinked_link_keeps_its_name() {
        for target in ["t".to_owned(), "t".repeat(180)] {
            let mut builder = tar::Builder::new(Vec::new());
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Link);
            header.set_size(0);
            builder
                .append_link(&mut header, "l".repeat(150), "old")
                .unwrap();
            let bytes = builder.into_inner().unwrap();
            let old = read(&bytes[..bytes.len() - 1024]);
            let new = read(&relinked(&old, target.as_bytes()).unwrap());
            assert_eq!(
                (new.name, new.link.as_slice()),
                (old.name, target.as_bytes())
            );
        }
    }
}
