//! The entries of an inner tar, from any bytes.

use haslim::format::tar::block::TarError;
use haslim::format::tar::header::Header;
use haslim::format::tar::walk::{Visitor, Walked, Walker};

/// Assembles the bytes again as they arrive.
#[derive(Default)]
struct Echo {
    bytes: Vec<u8>,
    entries: Vec<(Vec<u8>, u64, u64)>,
    tail: bool,
}

impl Visitor for Echo {
    fn entry(&mut self, header: &Header, at: u64) -> Result<(), TarError> {
        assert_eq!(at, self.bytes.len() as u64, "an entry begins elsewhere");
        self.bytes.extend_from_slice(&header.raw);
        self.entries.push((header.name.clone(), header.size, at));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn padding(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn entry_end(&mut self, at: u64) -> Result<(), TarError> {
        assert_eq!(at, self.bytes.len() as u64, "an entry ends elsewhere");
        Ok(())
    }

    fn global(&mut self, raw: &[u8]) -> Result<(), TarError> {
        self.bytes.extend_from_slice(raw);
        Ok(())
    }

    fn tail(&mut self, at: u64) -> Result<(), TarError> {
        assert_eq!(at, self.bytes.len() as u64, "the end begins elsewhere");
        assert!(!std::mem::replace(&mut self.tail, true), "a second end");
        Ok(())
    }
}

fn walk(data: &[u8], step: usize) -> Result<(Echo, Walked), TarError> {
    let (mut echo, mut walker) = (Echo::default(), Walker::default());
    for piece in data.chunks(step) {
        assert!(walker.wanted() > 0);
        walker.feed(piece, &mut echo)?;
    }
    Ok((echo, walker.finish()?))
}

/// A valid tar is passed on byte for byte, the same in pieces of any size.
pub fn run(data: &[u8]) {
    let whole = walk(data, data.len().max(1));
    let step = 1 + data.iter().take(8).map(|&b| usize::from(b)).sum::<usize>() % 1500;
    let pieces = walk(data, step);
    match (whole, pieces) {
        (Ok((whole, walked)), Ok((pieces, again))) => {
            assert_eq!(
                (&whole.entries, walked),
                (&pieces.entries, again),
                "in pieces of {step} bytes"
            );
            assert_eq!(walked.bytes, data.len() as u64);
            let (told, rest) = data.split_at(whole.bytes.len());
            assert!(
                told == whole.bytes && rest.iter().all(|&b| b == 0),
                "other bytes than there are"
            );
            assert_eq!(whole.tail, !rest.is_empty());
        }
        (Err(whole), Err(pieces)) => assert_eq!(whole, pieces, "in pieces of {step} bytes"),
        (whole, pieces) => panic!(
            "whole: {:?}, in pieces of {step} bytes: {:?}",
            whole.map(|w| w.1),
            pieces.map(|p| p.1)
        ),
    }
}
