//! The header of an entry under another name.

use crate::format::tar::block::{
    BLOCK, HeaderBlock, LINK, PREFIX, padding, set_checksum, set_name,
};
use crate::format::tar::header::Header;
use crate::format::tar::pax::{self, Record};

/// The longest name and the longest target of a link that fit into a header block.
const FIELD: usize = 100;

/// The header blocks of an entry with another name, and for a hard link with another target. Every
/// other field and record stays as it is, byte for byte.
///
/// A name is written where it was: into the header block, or as a PAX record if it was one, or if it
/// does not fit. A GNU long name becomes a PAX record. `globals` are the records of global headers
/// that applied to the entry; they become its own, because the global headers are not copied.
pub(super) fn renamed(
    header: &Header,
    name: &[u8],
    link: Option<&[u8]>,
    globals: &[Record],
) -> Vec<u8> {
    let Some(&(mut main)) = header.raw.last_chunk::<BLOCK>() else {
        return Vec::new();
    };
    let in_pax = |key: &[u8]| header.pax.iter().any(|(own, _)| own == key);
    let mut records: Vec<Record> = Vec::new();
    records.extend(globals.iter().filter(|(key, _)| !in_pax(key)).cloned());
    records.extend(header.pax.iter().cloned());
    let mut is_changed = records.len() != header.pax.len();
    if in_pax(b"path") || name.len() > FIELD {
        put(&mut records, b"path", name);
        is_changed = true;
    } else {
        main[PREFIX].fill(0);
        // It fits, and the prefix is empty.
        let _ = set_name(&mut main, name);
    }
    if let Some(link) = link {
        if in_pax(b"linkpath") || link.len() > FIELD {
            put(&mut records, b"linkpath", link);
            is_changed = true;
        } else {
            main[LINK].fill(0);
            let field = main
                .get_mut(LINK)
                .and_then(|field| field.get_mut(..link.len()));
            field
                .into_iter()
                .for_each(|field| field.copy_from_slice(link));
        }
    } else if header.link.len() > FIELD && !in_pax(b"linkpath") {
        // It was in a GNU block, which is not copied.
        put(&mut records, b"linkpath", &header.link);
        is_changed = true;
    }
    set_checksum(&mut main);
    let mut raw = Vec::with_capacity(header.raw.len() + 2 * BLOCK);
    match extended(header) {
        Some((_, whole)) if !is_changed => raw.extend_from_slice(whole),
        Some((block, _)) => pax::write_header(*block, &records, &mut raw),
        None if records.is_empty() => {}
        None => pax::write_header(new_block(), &records, &mut raw),
    }
    raw.extend_from_slice(&main);
    raw
}

/// Replaces a record, at its own place if there is one. A value that is not UTF-8 is declared as
/// such, for readers that would convert it otherwise.
fn put(records: &mut Vec<Record>, key: &[u8], value: &[u8]) {
    let is_binary = |record: &Record| record.0 == b"hdrcharset";
    if std::str::from_utf8(value).is_err() && !records.iter().any(is_binary) {
        records.insert(0, (b"hdrcharset".to_vec(), b"BINARY".to_vec()));
    }
    // Of repeated records the last one counts.
    match records.iter_mut().rev().find(|(own, _)| own == key) {
        Some((_, own)) => *own = value.to_vec(),
        None => records.push((key.to_vec(), value.to_vec())),
    }
}

/// The PAX header among the blocks of a header: its first block, and all its blocks.
fn extended(header: &Header) -> Option<(&[u8; BLOCK], &[u8])> {
    let mut rest = header.raw.as_slice();
    while let Some(block) = rest.first_chunk::<BLOCK>() {
        let view = HeaderBlock(block);
        if !matches!(view.flag(), b'x' | b'X' | b'L' | b'K') {
            return None;
        }
        let size = view.size().ok()?;
        let whole = BLOCK as u64 + size + padding(size);
        let (own, after) = rest.split_at_checked(usize::try_from(whole).ok()?)?;
        if matches!(view.flag(), b'x' | b'X') {
            return Some((block, own));
        }
        rest = after;
    }
    None
}

/// The first block of a PAX header as Python writes it.
fn new_block() -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| {
        let field = block.get_mut(at..at + text.len());
        field
            .into_iter()
            .for_each(|field| field.copy_from_slice(text));
    };
    put(0, b"././@PaxHeader");
    put(100, b"0000000\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(136, b"00000000000\0");
    put(156, b"x");
    put(257, b"ustar\x0000");
    block
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::format::tar::block::set_size;
    use crate::format::tar::header::{Assembler, Step};

    fn parsed(raw: &[u8]) -> Header {
        let mut assembler = Assembler::default();
        for block in raw.as_chunks::<BLOCK>().0 {
            if let Step::Header(header) = assembler.push(block).unwrap() {
                return *header;
            }
        }
        panic!("no header")
    }

    /// A header with this name in its block, and these PAX records.
    fn header(name: &[u8], flag: u8, link: &[u8], records: &[(&[u8], &[u8])]) -> Header {
        let mut block = new_block();
        block[..14].fill(0);
        block[..name.len()].copy_from_slice(name);
        block[156] = flag;
        block[157..157 + link.len()].copy_from_slice(link);
        set_size(&mut block, 0);
        let mut raw = Vec::new();
        if !records.is_empty() {
            let records: Vec<Record> = records
                .iter()
                .map(|(key, value)| (key.to_vec(), value.to_vec()))
                .collect();
            pax::write_header(new_block(), &records, &mut raw);
        }
        raw.extend_from_slice(&block);
        parsed(&raw)
    }

    #[test]
    fn a_name_that_fits_changes_its_field_and_the_checksum_alone() {
        let old = header(b"./a", b'0', b"", &[(b"mtime", b"1.5")]);
        let new = parsed(&renamed(&old, b"media/a", None, &[]));
        assert_eq!((new.name.as_slice(), &new.pax), (&b"media/a"[..], &old.pax));
        let differs = (0..new.raw.len()).filter(|&at| new.raw[at] != old.raw[at]);
        let main = old.raw.len() - BLOCK;
        assert!(differs.into_iter().all(|at| {
            let at = at.wrapping_sub(main);
            at < 100 || (148..156).contains(&at)
        }));
    }

    #[test]
    fn a_name_of_any_length_and_any_bytes_is_read_back() {
        for old in [
            header(b"a", b'0', b"", &[]),
            header(b"a", b'0', b"", &[(b"path", b"old"), (b"mtime", b"2.25")]),
        ] {
            for length in [1, 99, 100, 101, 255, 3000] {
                for byte in [b'n', b'\n', 0xff] {
                    let name = vec![byte; length];
                    let new = parsed(&renamed(&old, &name, None, &[]));
                    assert_eq!(new.name, name);
                    let others = |header: &Header| {
                        let mut pax = header.pax.clone();
                        pax.retain(|(key, _)| key == b"mtime");
                        pax
                    };
                    assert_eq!(others(&new), others(&old));
                }
            }
        }
    }

    #[test]
    fn a_hard_link_leads_to_the_new_name_and_a_symbolic_one_stays() {
        for length in [1, 100, 101] {
            let old = header(b"b", b'1', b"a", &[]);
            let to = vec![b't'; length];
            assert_eq!(parsed(&renamed(&old, b"x/b", Some(&to), &[])).link, to);
        }
        let old = header(b"b", b'2', b"../a", &[]);
        assert_eq!(parsed(&renamed(&old, b"x/b", None, &[])).link, b"../a");
        let long = [b'l'; 150];
        let old = header(b"b", b'2', b"", &[(b"linkpath", &long)]);
        assert_eq!(parsed(&renamed(&old, b"x/b", None, &[])).link, long);
    }

    #[test]
    fn global_records_become_those_of_the_entry_unless_it_has_its_own() {
        let globals = [
            (b"mtime".to_vec(), b"7".to_vec()),
            (b"uname".to_vec(), b"root".to_vec()),
        ];
        let old = header(b"a", b'0', b"", &[(b"mtime", b"1.5")]);
        let new = parsed(&renamed(&old, b"x/a", None, &globals));
        assert_eq!(new.exact_mtime(&[]), (1, 500_000_000));
        assert!(new.pax.contains(&globals[1]) && !new.pax.contains(&globals[0]));
    }
}
