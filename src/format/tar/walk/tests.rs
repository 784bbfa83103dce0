//! Walks over whole archives, truncated ones, and bytes that do not belong to any entry.

use super::*;
use crate::format::tar::block::EntryKind;

/// Records the calls that it receives.
#[derive(Default)]
struct Notes {
    entries: Vec<(Vec<u8>, EntryKind, u64, u64)>,
    data: Vec<u8>,
    ends: Vec<u64>,
    tail: Option<u64>,
}

impl Visitor for Notes {
    fn entry(&mut self, header: &Header, at: u64) -> Result<(), TarError> {
        self.entries
            .push((header.name.clone(), header.kind, header.size, at));
        Ok(())
    }
    fn data(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        self.data.extend_from_slice(bytes);
        Ok(())
    }
    fn entry_end(&mut self, at: u64) -> Result<(), TarError> {
        self.ends.push(at);
        Ok(())
    }
    fn tail(&mut self, at: u64) -> Result<(), TarError> {
        self.tail = Some(at);
        Ok(())
    }
}

fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: &str, kind: tar::EntryType, data: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(data.len() as u64);
        builder.append_data(&mut header, name, data).unwrap();
    };
    add("data/", tar::EntryType::Directory, b"");
    add(&"n".repeat(300), tar::EntryType::Regular, b"hello");
    add("empty", tar::EntryType::Regular, b"");
    add("block", tar::EntryType::Regular, &[7; 512]);
    builder.into_inner().unwrap()
}

fn walk(bytes: &[u8], step: usize) -> Result<(Notes, Walked), TarError> {
    let (mut notes, mut walker) = (Notes::default(), Walker::default());
    for piece in bytes.chunks(step) {
        walker.feed(piece, &mut notes)?;
    }
    Ok((notes, walker.finish()?))
}

#[test]
fn pieces_of_any_size_give_the_same_entries() {
    let bytes = archive();
    let (whole, ended) = walk(&bytes, bytes.len()).unwrap();
    assert_eq!(whole.entries.len(), 4);
    assert_eq!(whole.entries[1].0, "n".repeat(300).into_bytes());
    assert_eq!(whole.data.len(), 5 + 512);
    assert!(ended.ended);
    for step in [1, 3, 511, 512, 513, 1000] {
        let (notes, walked) = walk(&bytes, step).unwrap();
        assert_eq!(
            (notes.entries, notes.data, notes.ends, notes.tail),
            (
                whole.entries.clone(),
                whole.data.clone(),
                whole.ends.clone(),
                whole.tail
            )
        );
        assert_eq!(walked, ended);
    }
}

#[test]
fn each_entry_ends_where_the_next_begins() {
    let (notes, _) = walk(&archive(), 700).unwrap();
    let begins: Vec<u64> = notes
        .entries
        .iter()
        .skip(1)
        .map(|e| e.3)
        .chain(notes.tail)
        .collect();
    assert_eq!(notes.ends, begins);
}

#[test]
fn every_cut_inside_an_entry_is_damage_and_between_entries_it_is_not() {
    let bytes = archive();
    let (notes, _) = walk(&bytes, 512).unwrap();
    for cut in 0..usize::try_from(notes.tail.unwrap()).unwrap() {
        let between = notes.ends.contains(&(cut as u64));
        assert_eq!(walk(&bytes[..cut], 512).is_ok(), between, "cut at {cut}");
    }
}

#[test]
fn nothing_at_all_is_damage_and_an_end_alone_is_not() {
    assert!(matches!(walk(b"", 512), Err(TarError::Damaged(_))));
    assert!(walk(&[0; 1024], 512).is_ok());
}

#[test]
fn a_zero_block_between_entries_is_damage() {
    let mut bytes = archive();
    bytes.splice(0..0, [0u8; 512]);
    assert!(matches!(walk(&bytes, 512), Err(TarError::Damaged(_))));
}

#[test]
fn bytes_after_the_end_are_damage_and_zeros_are_not() {
    let mut bytes = archive();
    bytes.extend([0u8; 5000]);
    assert!(walk(&bytes, 512).is_ok());
    bytes.push(1);
    assert!(matches!(walk(&bytes, 512), Err(TarError::Damaged(_))));
}
