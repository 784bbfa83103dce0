//! Bytes removed from a gzip stream and put into it: the result inflates to exactly the wanted bytes.

use std::io::{self, Read};
use std::ops::Range;

use arbitrary::Arbitrary;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use haslim::gzip::{Change, Changes, Checkpoint, Gunzip, Patch, Trailer, splice};

/// A stream, and its changes.
#[derive(Arbitrary, Debug)]
pub struct Wish {
    stream: Stream,
    changes: Vec<Edit>,
    end: u32,
    tail: u8,
    level: u8,
}

/// Bytes that go, and how many others take their place.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Edit {
    start: u32,
    most: u32,
    put: Option<u16>,
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
    let edits = edits(&wish.changes, plaintext.len());
    let (mut list, mut wanted, mut at) = (Vec::new(), Vec::new(), 0);
    let mut puts = Puts {
        lengths: Vec::new(),
        done: 0,
        tail: usize::from(wish.tail),
    };
    for (range, put) in edits.into_iter().filter(|(range, _)| range.end <= end) {
        let stays = &plaintext[at..range.start];
        wanted.extend_from_slice(stays);
        at = range.end;
        if let Some(len) = put {
            puts.lengths.push(len.into());
            wanted.extend(new_bytes(&plaintext[range.clone()], len.into()));
        }
        list.push(Change {
            range: range.start as u64..range.end as u64,
            kept: crc32fast::hash(stays),
            puts: put.is_some(),
        });
    }
    let stays = &plaintext[at..end];
    wanted.extend_from_slice(stays);
    wanted.resize(wanted.len() + puts.tail, 0);
    let changes = Changes {
        list,
        end: end as u64,
        kept: crc32fast::hash(stays),
    };
    let level = u32::from(wish.level % 9 + 1);
    let (out, _) = splice(
        stream,
        checkpoints,
        &changes,
        &mut puts,
        Vec::new(),
        level,
        1,
    )
    .expect("changes that fit are made");
    let mut zlib = Vec::new();
    flate2::bufread::GzDecoder::new(out.as_slice())
        .read_to_end(&mut zlib)
        .expect("zlib reads what was spliced");
    assert!(zlib == wanted, "zlib reads other bytes");
    assert!(
        read(&out).is_some_and(|(ours, _)| ours == wanted) || wanted.len() > MOST,
        "we read other bytes"
    );
}

/// Ranges in order that do not overlap; some touch.
fn edits(edits: &[Edit], len: usize) -> Vec<(Range<usize>, Option<u16>)> {
    let mut starts: Vec<usize> = edits.iter().map(|e| e.start as usize % (len + 1)).collect();
    starts.sort_unstable();
    let ends = starts.iter().skip(1).copied().chain([len]);
    let range = |((&start, end), edit): ((&usize, usize), &Edit)| {
        let most = start.saturating_add(edit.most as usize);
        (start..most.min(end), edit.put)
    };
    starts.iter().zip(ends).zip(edits).map(range).collect()
}

/// The bytes that are put in the place of others.
fn new_bytes(old: &[u8], len: usize) -> Vec<u8> {
    let mut new: Vec<u8> = (0..len as u32)
        .map(|at| (at.wrapping_mul(0x9e37_79b9) >> 13) as u8)
        .collect();
    let old = old.iter().take(len / 2);
    new.iter_mut().zip(old).for_each(|(new, old)| *new = *old);
    new
}

/// Puts in bytes of these lengths.
struct Puts {
    lengths: Vec<usize>,
    done: usize,
    tail: usize,
}

impl Patch for Puts {
    fn put(&mut self, old: &[u8]) -> io::Result<Vec<u8>> {
        self.done += 1;
        Ok(new_bytes(old, self.lengths[self.done - 1]))
    }

    fn tail(&mut self, _size: u64) -> Vec<u8> {
        vec![0; self.tail]
    }
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
