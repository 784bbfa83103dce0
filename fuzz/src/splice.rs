//! Bytes removed from a gzip stream: the result inflates to exactly the kept bytes.

use std::io::Read;
use std::ops::Range;

use arbitrary::Arbitrary;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use haslim::gzip::{Checkpoint, Cuts, Gunzip, Trailer, splice};

/// A stream, and the ranges to remove.
#[derive(Arbitrary, Debug)]
pub struct Wish {
    stream: Stream,
    points: Vec<u32>,
    end: u32,
    tail: u8,
    level: u8,
}

#[derive(Arbitrary, Debug)]
enum Stream {
    /// Written by zlib, with flushes at some positions.
    Sound {
        pieces: Vec<Piece>,
        level: u8,
        flushes: Vec<(u32, u8)>,
    },
    /// Any deflate data.
    Raw(Vec<u8>),
    /// Any gzip stream.
    Gzip(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Piece {
    Run(u8, u16),
    Noise(u32, u16),
    Copy(u32, u16),
    Text(Vec<u8>),
}

/// More plaintext than this takes long and finds nothing new.
const MOST: usize = 1 << 20;

pub fn run(wish: &Wish) {
    let stream = match &wish.stream {
        Stream::Gzip(bytes) => bytes.clone(),
        Stream::Raw(data) => member(&inflated(data).unwrap_or_default(), data),
        Stream::Sound {
            pieces,
            level,
            flushes,
        } => {
            let plaintext = plaintext(pieces);
            let data = deflated(&plaintext, level % 10, flushes);
            let stream = member(&plaintext, &data);
            assert!(
                read(&stream).unwrap().0 == plaintext,
                "zlib's stream is read otherwise"
            );
            stream
        }
    };
    let Some((plaintext, checkpoints)) = read(&stream) else {
        if let Stream::Raw(data) = &wish.stream {
            assert!(inflated(data).is_none(), "zlib reads what we do not");
        }
        return;
    };
    if let Stream::Raw(data) = &wish.stream {
        assert!(
            inflated(data).is_some_and(|theirs| theirs == plaintext),
            "zlib reads otherwise"
        );
    }
    if !checkpoints.is_empty() {
        check(&stream, &plaintext, &checkpoints, wish);
    }
}

/// The plaintext, if it is not too long, and where reading can begin.
fn read(stream: &[u8]) -> Option<(Vec<u8>, Vec<Checkpoint>)> {
    let mut gunzip = Gunzip::new(stream, Trailer::Strict)
        .with_checkpoints()
        .with_limit(MOST as u64);
    let mut plaintext = Vec::new();
    while let Some(piece) = gunzip.next_piece().ok()? {
        plaintext.extend_from_slice(piece);
    }
    Some((plaintext, gunzip.checkpoints()))
}

fn check(stream: &[u8], plaintext: &[u8], checkpoints: &[Checkpoint], wish: &Wish) {
    let end = wish.end as usize % (plaintext.len() + 1);
    let drops: Vec<Range<u64>> = ranges(&wish.points, plaintext.len())
        .into_iter()
        .filter(|drop| drop.end < end as u64)
        .collect();
    let mut kept = Vec::new();
    let mut at = 0;
    for drop in &drops {
        kept.extend_from_slice(&plaintext[at..drop.start as usize]);
        at = drop.end as usize;
    }
    kept.extend_from_slice(&plaintext[at..end]);
    let tail = vec![0; usize::from(wish.tail)];
    kept.extend_from_slice(&tail);
    let cuts = Cuts {
        drops,
        end: end as u64,
        tail,
        crc: crc32fast::hash(&kept),
        size: kept.len() as u64,
    };
    let level = u32::from(wish.level % 9 + 1);
    let (out, _) =
        splice(stream, checkpoints, &cuts, Vec::new(), level, 1).expect("cuts that fit are made");
    let mut zlib = Vec::new();
    flate2::bufread::GzDecoder::new(out.as_slice())
        .read_to_end(&mut zlib)
        .expect("zlib reads what was spliced");
    assert!(zlib == kept, "zlib reads other bytes");
    assert!(
        read(&out).is_some_and(|(ours, _)| ours == kept) || kept.len() > MOST,
        "we read other bytes"
    );
}

/// Ranges in order that do not touch.
fn ranges(points: &[u32], len: usize) -> Vec<Range<u64>> {
    let mut points: Vec<u64> = points
        .iter()
        .map(|&p| u64::from(p) % (len as u64 + 1))
        .collect();
    points.sort_unstable();
    points.dedup();
    points
        .chunks_exact(2)
        .map(|pair| pair[0]..pair[1])
        .collect()
}

fn member(plaintext: &[u8], data: &[u8]) -> Vec<u8> {
    let mut out = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    out.extend_from_slice(data);
    out.extend(crc32fast::hash(plaintext).to_le_bytes());
    out.extend((plaintext.len() as u32).to_le_bytes());
    out
}

fn plaintext(pieces: &[Piece]) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Run(byte, count) => out.extend(std::iter::repeat_n(*byte, usize::from(*count))),
            Piece::Noise(seed, count) => out.extend(
                (0..u32::from(*count))
                    .map(|at| (seed.wrapping_add(at).wrapping_mul(0x9e37_79b9) >> 13) as u8),
            ),
            Piece::Copy(back, count) if !out.is_empty() => {
                let from = out.len() - 1 - *back as usize % out.len();
                let copy: Vec<u8> = out[from..]
                    .iter()
                    .copied()
                    .cycle()
                    .take(usize::from(*count))
                    .collect();
                out.extend(copy);
            }
            Piece::Copy(..) => {}
            Piece::Text(text) => out.extend_from_slice(text),
        }
        if out.len() > MOST / 2 {
            break;
        }
    }
    out
}

fn deflated(plaintext: &[u8], level: u8, flushes: &[(u32, u8)]) -> Vec<u8> {
    let mut compress = Compress::new(Compression::new(level.into()), false);
    let mut cuts: Vec<(usize, u8)> = flushes
        .iter()
        .take(8)
        .map(|&(at, how)| (at as usize % (plaintext.len() + 1), how))
        .collect();
    cuts.sort_unstable();
    let mut out = Vec::with_capacity(plaintext.len() * 2 + 8192);
    for (at, how) in cuts {
        let flush = [
            FlushCompress::Sync,
            FlushCompress::Full,
            FlushCompress::Partial,
        ][usize::from(how) % 3];
        let begin = compress.total_in() as usize;
        compress
            .compress_vec(&plaintext[begin..at.max(begin)], &mut out, flush)
            .unwrap();
    }
    let begin = compress.total_in() as usize;
    assert_eq!(
        compress
            .compress_vec(&plaintext[begin..], &mut out, FlushCompress::Finish)
            .unwrap(),
        Status::StreamEnd
    );
    out
}

/// The contents of deflate data that end exactly here.
fn inflated(data: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(MOST + 1);
    let mut inflate = Decompress::new(false);
    let status = inflate
        .decompress_vec(data, &mut out, FlushDecompress::Finish)
        .ok()?;
    (status == Status::StreamEnd && inflate.total_in() == data.len() as u64 && out.len() <= MOST)
        .then_some(out)
}
