//! Oddities in the order of blocks: ends, padding, truncation, trailing data.

use super::Oddity;
use super::build::{Archive, BLOCK, Piece, Types};
use crate::rng::Rng;

pub const ODDITIES: &[Oddity] = &[
    ("end", end),
    ("data after the end", after),
    ("padding", padding),
    ("zero block", zeros),
    ("junk block", junk),
];

/// Oddities applied to the finished bytes.
type OnBytes = (&'static str, fn(&mut Rng, &mut Vec<u8>));
pub const ON_BYTES: &[OnBytes] = &[
    ("cut", cut),
    ("cut at a block", cut_at_block),
    ("blocks moved", moved),
    ("bit flipped", flipped),
    ("bytes put in", inserted),
];

fn end(rng: &mut Rng, archive: &mut Archive) {
    let blocks = rng.pick(&[0, 0, 1, 1, 2, 3, 19, 40]);
    archive.end = vec![0; blocks * BLOCK + rng.pick(&[0, 0, 0, 1, 100, 511])];
    if rng.one_in(8) {
        archive.entries.drain(1..);
        archive.entries[0].clear();
        archive.entries[0].push(Piece::new(b'0', b"only", vec![7; rng.below(600)]));
        archive.entries[0][0].padding.clear();
    }
}

fn after(rng: &mut Rng, archive: &mut Archive) {
    let blocks = rng.pick(&[0, 1, 2, 2, 3, 19]);
    let mut end = vec![0; blocks * BLOCK];
    match rng.below(4) {
        0 => end.extend(Archive::sound(rng, Types::Files).to_bytes()),
        1 => end.extend(b"garbage"),
        2 => end.extend([0xff; BLOCK]),
        _ => end.extend([vec![0; rng.below(BLOCK)], vec![1]].concat()),
    }
    archive.end = end;
}

/// Padding that is not zero, too short, or one block too long.
fn padding(rng: &mut Rng, archive: &mut Archive) {
    let piece = archive.piece(rng);
    match rng.below(4) {
        0 => piece.padding.truncate(piece.padding.len() / 2),
        1 => piece.padding.extend([0; BLOCK]),
        _ => piece.padding.fill(b'p'),
    }
}

fn zeros(rng: &mut Rng, archive: &mut Archive) {
    let count = rng.pick(&[1, 1, 2, 3]);
    archive.piece(rng).padding.extend(vec![0; count * BLOCK]);
}

fn junk(rng: &mut Rng, archive: &mut Archive) {
    let block = match rng.below(3) {
        0 => vec![0xff; BLOCK],
        1 => rng.bytes(BLOCK),
        _ => [&[0; 300][..], b"x", &[0; 211][..]].concat(),
    };
    archive.piece(rng).padding.extend(block);
}

fn cut(rng: &mut Rng, bytes: &mut Vec<u8>) {
    bytes.truncate(rng.below(bytes.len() + 1));
}

fn cut_at_block(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let blocks = bytes.len() / BLOCK;
    bytes.truncate(rng.below(blocks + 1) * BLOCK);
}

/// A block is doubled, removed, or swapped with another.
fn moved(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let count = bytes.len() / BLOCK;
    if count == 0 {
        return;
    }
    let (from, to) = (rng.below(count) * BLOCK, rng.below(count) * BLOCK);
    let block = bytes[from..from + BLOCK].to_vec();
    match rng.below(3) {
        0 => drop(bytes.splice(to..to, block)),
        1 => drop(bytes.drain(from..from + BLOCK)),
        _ => {
            let other = bytes[to..to + BLOCK].to_vec();
            bytes[from..from + BLOCK].copy_from_slice(&other);
            bytes[to..to + BLOCK].copy_from_slice(&block);
        }
    }
}

#[expect(clippy::ptr_arg, reason = "one type for all")]
fn flipped(rng: &mut Rng, bytes: &mut Vec<u8>) {
    if !bytes.is_empty() {
        let at = rng.below(bytes.len());
        bytes[at] ^= 1 << rng.below(8);
    }
}

fn inserted(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let (at, count, byte) = (
        rng.below(bytes.len() + 1),
        rng.pick(&[1, 16, 511, 512]),
        rng.pick(&[0, 0x20, 0xff]),
    );
    bytes.splice(at..at, vec![byte; count]);
}
