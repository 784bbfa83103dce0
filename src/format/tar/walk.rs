//! The entries of an inner tar, out of a stream of plaintext, byte for byte.

use super::block::{BLOCK, TarError, padding};
use super::header::{Assembler, Header, Step};

/// What a [`Walker`] tells while it walks. Every byte of the stream is told
/// exactly once: as part of a header, as data, as padding, or as the tail.
pub trait Visitor {
    /// An entry begins: its header stands at `at` in the plaintext.
    ///
    /// # Errors
    /// Whatever the visitor wants to stop the walk with.
    fn entry(&mut self, header: &Header, at: u64) -> Result<(), TarError>;

    /// The next bytes of the entry's data (padding excluded).
    ///
    /// # Errors
    /// Whatever the visitor wants to stop the walk with.
    fn data(&mut self, _bytes: &[u8]) -> Result<(), TarError> {
        Ok(())
    }

    /// The next bytes of the padding after an entry's data.
    ///
    /// # Errors
    /// Whatever the visitor wants to stop the walk with.
    fn padding(&mut self, _bytes: &[u8]) -> Result<(), TarError> {
        Ok(())
    }

    /// The entry is over, padding included.
    ///
    /// # Errors
    /// Whatever the visitor wants to stop the walk with.
    fn entry_end(&mut self, _at: u64) -> Result<(), TarError> {
        Ok(())
    }

    /// A global header of so many bytes, which belongs to no entry.
    ///
    /// # Errors
    /// Whatever the visitor wants to stop the walk with.
    fn global(&mut self, _raw: &[u8]) -> Result<(), TarError> {
        Ok(())
    }

    /// The first of the zero blocks that end the archive began at `at`.
    ///
    /// # Errors
    /// Whatever the visitor wants to stop the walk with.
    fn tail(&mut self, _at: u64) -> Result<(), TarError> {
        Ok(())
    }
}

/// Walks a tar that arrives in pieces of any size.
///
/// Memory: one header (at most 1 MiB per extension block) and one partial block.
pub struct Walker {
    assembler: Assembler,
    partial: Vec<u8>,
    state: State,
    position: u64,
    header_at: u64,
}

enum State {
    Headers,
    Data { left: u64, padding: u64 },
    Padding { left: u64 },
    Tail,
}

/// How a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walked {
    /// Bytes of plaintext seen.
    pub bytes: u64,
    /// False when the end blocks are missing; all entries were complete all the same.
    pub ended: bool,
}

impl Default for Walker {
    fn default() -> Self {
        Self {
            assembler: Assembler::default(),
            partial: Vec::with_capacity(BLOCK),
            state: State::Headers,
            position: 0,
            header_at: 0,
        }
    }
}

impl Walker {
    /// Bytes seen up to now.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// How many bytes there are, at least, up to the next place that matters: where an
    /// entry ends, or where the end of its header can be told.
    pub fn wanted(&self) -> u64 {
        match self.state {
            State::Headers => self.assembler.wanted() - self.partial.len() as u64,
            State::Data { left, padding } => left + padding,
            State::Padding { left } => left,
            State::Tail => u64::MAX,
        }
    }

    /// Takes the next piece of plaintext.
    ///
    /// # Errors
    /// A [`TarError`] of the format or of the visitor; the walk cannot go on after it.
    pub fn feed(&mut self, mut bytes: &[u8], visitor: &mut dyn Visitor) -> Result<(), TarError> {
        while !bytes.is_empty() {
            let used = match &mut self.state {
                State::Headers => self.header_bytes(bytes, visitor)?,
                State::Data { left, padding } => {
                    let (now, _) = bytes.split_at(bytes_of(*left, bytes));
                    visitor.data(now)?;
                    *left -= now.len() as u64;
                    if *left == 0 {
                        self.state = State::Padding { left: *padding };
                    }
                    now.len()
                }
                State::Padding { left } => {
                    let (now, _) = bytes.split_at(bytes_of(*left, bytes));
                    visitor.padding(now)?;
                    *left -= now.len() as u64;
                    now.len()
                }
                State::Tail => {
                    if bytes.iter().any(|&b| b != 0) {
                        return Err(TarError::damaged(
                            "bytes that are not zero follow the end of the inner tar: no reader would restore them",
                        ));
                    }
                    bytes.len()
                }
            };
            self.position += used as u64;
            bytes = bytes.get(used..).unwrap_or_default();
            if matches!(self.state, State::Padding { left: 0 }) {
                self.state = State::Headers;
                self.header_at = self.position;
                visitor.entry_end(self.position)?;
            }
        }
        Ok(())
    }

    fn header_bytes(&mut self, bytes: &[u8], visitor: &mut dyn Visitor) -> Result<usize, TarError> {
        let used = (BLOCK - self.partial.len()).min(bytes.len());
        self.partial.extend(bytes.iter().take(used));
        let Some(&block) = self.partial.first_chunk::<BLOCK>() else {
            return Ok(used);
        };
        self.partial.clear();
        let half_ended = self.assembler.half_ended();
        match self.assembler.push(&block)? {
            Step::More => {
                if !half_ended && self.assembler.half_ended() {
                    visitor.tail(self.header_at)?;
                }
            }
            Step::Header(header) => {
                visitor.entry(&header, self.header_at)?;
                self.state = match header.size {
                    0 => State::Padding { left: 0 },
                    size => State::Data {
                        left: size,
                        padding: padding(size),
                    },
                };
            }
            Step::Global(raw) => {
                visitor.global(&raw)?;
                self.header_at = self.position + used as u64;
            }
            Step::End => self.state = State::Tail,
        }
        Ok(used)
    }

    /// Ends the walk.
    ///
    /// # Errors
    /// `Damaged` when the stream ended inside an entry.
    pub fn finish(self) -> Result<Walked, TarError> {
        let between = self.partial.is_empty() && self.assembler.is_idle();
        match self.state {
            State::Tail => Ok(Walked {
                bytes: self.position,
                ended: true,
            }),
            // Not even Python's reader takes nothing for an archive.
            State::Headers if self.position == 0 => Err(TarError::damaged(
                "the inner tar is empty: not even its end is there",
            )),
            State::Headers if between => Ok(Walked {
                bytes: self.position,
                ended: false,
            }),
            _ => Err(TarError::damaged(
                "the inner tar ends in the middle of an entry",
            )),
        }
    }
}

fn bytes_of(left: u64, bytes: &[u8]) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::format::tar::block::EntryKind;

    /// Writes down what it is told.
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
}
