//! The contents of the files in a generated backup.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::noise::Noise;
use super::pages::Pages;
use super::random::{NUMBER, Random};
use super::tar::{self, Attributes};
use super::text::Words;
use crate::format::outer::RECORD;
use crate::format::tar::block::{BLOCK, EntryKind, padding};
use crate::gzip::Stretch;

/// The number of bytes generated at once.
const PIECE: usize = 64 << 10;

/// The number of bytes of noise made at once: as many as a block of the compressor has.
const NOISE: usize = 8 * PIECE;

/// How many pieces of each kind the large files are put together from.
const POOL: u64 = 128;

/// A kind of contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Any compressed data, after the first bytes that identify its format.
    Noise(&'static [u8]),
    /// A recorder database.
    Database,
    /// Python source code.
    Source,
    /// A log.
    Log,
    /// One of Home Assistant's registries.
    Registry,
    /// Object files: zeros, and other bytes with uneven frequencies.
    Object,
    /// A backup that a user put into a folder that is backed up.
    Backup,
}

impl Kind {
    /// Stored bytes per thousand bytes of plaintext, including headers, measured at level 9 with
    /// files of the usual size.
    pub fn permille(self) -> u64 {
        match self {
            Self::Noise(_) | Self::Backup => 1001,
            Self::Database => 530,
            Self::Source => 255,
            Self::Log => 75,
            Self::Registry => 200,
            Self::Object => 605,
        }
    }

    /// Whether its bytes cannot be compressed.
    fn is_noise(self) -> bool {
        matches!(self, Self::Noise(_) | Self::Backup)
    }

    /// The possible size of a file of this kind that is closest to `wanted`.
    pub fn size(self, wanted: u64) -> u64 {
        match self {
            Self::Backup => (wanted - wanted % RECORD).max(RECORD),
            Self::Database => wanted.next_multiple_of(4096),
            Self::Noise(first) => wanted.max(first.len() as u64),
            _ => wanted,
        }
    }
}

/// Pieces from which large files are put together, each compressed once. A file has them in an
/// order of its own. They lie further apart than deflate looks back, so that a file compresses as if
/// no piece came twice.
///
/// They depend on the seed and the level alone. Memory: at most 8 MiB of plaintext for each kind,
/// and as much again compressed.
pub(super) struct Pool<'a> {
    words: &'a Words,
    seed: u64,
    level: u32,
    made: HashMap<(Kind, u64), Arc<Stretch>>,
}

impl<'a> Pool<'a> {
    pub fn new(words: &'a Words, seed: u64, level: u32) -> Self {
        Self {
            words,
            seed,
            level,
            made: HashMap::new(),
        }
    }

    /// A piece of this kind by its number.
    fn piece(&mut self, kind: Kind, number: u64) -> io::Result<Arc<Stretch>> {
        if let Some(made) = self.made.get(&(kind, number)) {
            return Ok(Arc::clone(made));
        }
        // No other contents have such a stream of random numbers.
        let stream = u64::MAX - kind.permille() * POOL - number;
        let mut source = Source {
            kind,
            random: Random::new(self.seed, stream),
            words: self.words,
            pages: Pages::later(number),
            count: number + 1,
        };
        let mut piece = Vec::with_capacity(PIECE + PIECE / 8);
        source.fill(&mut piece);
        piece.truncate(PIECE);
        let made = Arc::new(Stretch::compress(piece, self.level)?);
        self.made.insert((kind, number), Arc::clone(&made));
        Ok(made)
    }
}

/// A piece of a file.
pub(super) enum Piece<'a> {
    /// Made for this place.
    New(&'a [u8]),
    /// Compressed before.
    Stretch(Arc<Stretch>),
    /// Not made yet, because that can be done on another thread.
    Noise(Noise),
}

impl Piece<'_> {
    /// Bytes of plaintext.
    pub fn len(&self) -> u64 {
        match self {
            Self::New(bytes) => bytes.len() as u64,
            Self::Stretch(stretch) => stretch.plaintext().len() as u64,
            Self::Noise(noise) => noise.len(),
        }
    }
}

/// Makes bytes of one kind.
struct Source<'a> {
    kind: Kind,
    random: Random,
    words: &'a Words,
    pages: Pages,
    /// The number of pieces so far.
    count: u64,
}

impl Source<'_> {
    /// Fills up a piece; it may get somewhat longer.
    fn fill(&mut self, piece: &mut Vec<u8>) {
        while piece.len() < PIECE {
            self.make(piece);
        }
    }

    fn make(&mut self, piece: &mut Vec<u8>) {
        let line = self.count << 20 | piece.len() as u64;
        let random = &mut self.random;
        match self.kind {
            // Made by `Noise`.
            Kind::Noise(_) | Kind::Backup => random.noise(PIECE - piece.len(), piece),
            Kind::Database => self.pages.more(random, piece),
            Kind::Source => self.words.source(random, piece),
            Kind::Log => self.words.log(line / 150, random, piece),
            Kind::Registry => self.words.registry(line / 170, random, piece),
            Kind::Object => object(random, piece),
        }
    }
}

fn object(random: &mut Random, piece: &mut Vec<u8>) {
    let zeros = usize::try_from(random.below(48)).unwrap_or(0);
    piece.resize(piece.len() + zeros, 0);
    for _ in 0..40 {
        let byte = random.skewed(256);
        piece.extend(u8::try_from(byte));
    }
}

/// The contents of one file, piece by piece; they depend only on kind, size and seed.
///
/// The first piece is made for the file alone. If the kind can be compressed, the others are from
/// the pool.
///
/// Memory: a piece of 64 KiB.
pub(super) struct Contents<'a> {
    source: Source<'a>,
    left: u64,
    /// The last bytes, which replace the generated ones.
    end: Vec<u8>,
    piece: Vec<u8>,
}

impl<'a> Contents<'a> {
    /// `size` must be possible for the kind.
    pub fn new(kind: Kind, size: u64, random: Random, words: &'a Words) -> Self {
        let mut contents = Self {
            source: Source {
                kind,
                random,
                words,
                pages: Pages::default(),
                count: 0,
            },
            left: size,
            end: Vec::new(),
            piece: Vec::with_capacity(PIECE),
        };
        match kind {
            Kind::Noise(first) => contents.piece.extend_from_slice(first),
            Kind::Backup => contents.nest(size),
            _ => {}
        }
        contents
    }

    /// The next piece, `None` after the last.
    ///
    /// # Errors
    /// The compressor's.
    pub fn next_piece(&mut self, pool: &mut Pool<'_>) -> io::Result<Option<Piece<'_>>> {
        let kind = self.source.kind;
        if self.left == 0 {
            return Ok(None);
        }
        if kind.is_noise() {
            return Ok(Some(Piece::Noise(self.next_noise())));
        }
        let room = self.room(PIECE);
        let is_first = self.source.count == 0;
        if !is_first {
            self.piece.clear();
            self.source.count += 1;
            let made = pool.piece(kind, self.source.random.below(POOL))?;
            if room == PIECE {
                return Ok(Some(Piece::Stretch(made)));
            }
            self.piece.extend(made.plaintext().iter().take(room));
            return Ok(Some(Piece::New(&self.piece)));
        }
        self.source.fill(&mut self.piece);
        self.source.count += 1;
        self.piece.truncate(room);
        Ok(Some(Piece::New(&self.piece)))
    }

    /// Takes up to `most` of the bytes that are left, for the next piece.
    fn room(&mut self, most: usize) -> usize {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(most);
        self.left -= room as u64;
        room
    }

    fn next_noise(&mut self) -> Noise {
        let is_first = self.source.count == 0;
        let len = self.room(if is_first { PIECE } else { NOISE });
        self.source.count += 1;
        let begin = std::mem::take(&mut self.piece);
        let random = self.source.random.clone();
        let numbers = len.saturating_sub(begin.len()).div_ceil(NUMBER);
        self.source.random.skip(numbers as u64);
        // Pieces are far larger than any end, so the end falls into the last two.
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let tail = self.end.len().saturating_sub(left).min(len);
        let end = self.end.drain(..tail).collect();
        Noise {
            begin,
            end,
            len,
            random,
        }
    }

    /// Puts the frame of a small backup around noise: one part first, the metadata at the end.
    fn nest(&mut self, size: u64) {
        let json = br#"{"slug":"0a1b2c3d","version":2,"name":"old","date":"2025-01-01T00:00:00+00:00","type":"partial"}"#;
        let header =
            |name: &str, size: u64| tar::header(&Attributes::new(name, EntryKind::File, size));
        let mut end = header("./backup.json", json.len() as u64);
        end.extend_from_slice(json);
        end.resize(
            end.len() + usize::try_from(padding(json.len() as u64)).unwrap_or(0) + 2 * BLOCK,
            0,
        );
        let around = end.len() as u64 + header("homeassistant.tar.gz", 0).len() as u64;
        self.piece
            .extend(header("homeassistant.tar.gz", size.saturating_sub(around)));
        self.end = end;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::{NestedBackup, Verdict};

    const KINDS: [Kind; 7] = [
        Kind::Noise(b"\xff\xd8\xff"),
        Kind::Database,
        Kind::Source,
        Kind::Log,
        Kind::Registry,
        Kind::Object,
        Kind::Backup,
    ];

    fn make(kind: Kind, size: u64, seed: u64) -> Vec<u8> {
        let words = Words::new();
        let mut pool = Pool::new(&words, seed, 6);
        let mut contents = Contents::new(kind, size, Random::new(seed, 5), &words);
        let mut all = Vec::new();
        while let Some(piece) = contents.next_piece(&mut pool).unwrap() {
            let len = piece.len();
            let before = all.len() as u64;
            match piece {
                Piece::New(bytes) => all.extend_from_slice(bytes),
                Piece::Stretch(stretch) => all.extend_from_slice(stretch.plaintext()),
                Piece::Noise(noise) => all.extend(noise.make()),
            }
            assert_eq!(all.len() as u64 - before, len);
            assert!(len <= NOISE as u64);
        }
        all
    }

    #[test]
    fn large_files_of_one_kind_are_put_together_in_other_orders() {
        for kind in KINDS.into_iter().filter(|kind| !kind.is_noise()) {
            let piece =
                |seed: u64, at: usize| make(kind, 1 << 20, seed)[at * PIECE..][..PIECE].to_vec();
            assert!(piece(1, 0) != piece(2, 0), "{kind:?} begins alike");
            assert!(piece(1, 7) != piece(2, 7), "{kind:?} goes on alike");
            assert!(piece(1, 7) != piece(1, 8), "{kind:?} repeats itself");
        }
    }

    #[test]
    fn contents_have_their_size_and_repeat() {
        for kind in KINDS {
            for wanted in [0, 1, 100, 65_535, 65_536, 65_537, 300_000] {
                let size = kind.size(wanted);
                let made = make(kind, size, 1);
                assert_eq!(made.len() as u64, size, "{kind:?} {wanted}");
                assert!(
                    made == make(kind, size, 1),
                    "{kind:?} {wanted} differs the second time"
                );
            }
            assert!(
                make(kind, kind.size(50_000), 1) != make(kind, kind.size(50_000), 2),
                "{kind:?} ignores the seed"
            );
        }
    }

    #[test]
    fn a_longer_file_begins_like_a_shorter_one() {
        for kind in KINDS.into_iter().filter(|&kind| kind != Kind::Backup) {
            assert!(
                make(kind, 200_704, 3).starts_with(&make(kind, 100_352, 3)),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn every_kind_compresses_about_as_much_as_is_said() {
        for kind in KINDS {
            let made = make(kind, kind.size(400_000), 1);
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(9));
            std::io::Write::write_all(&mut gzip, &made).unwrap();
            let permille = gzip.finish().unwrap().len() as u64 * 1000 / made.len() as u64;
            let said = kind.permille();
            assert!(
                permille.abs_diff(said) <= said / 8,
                "{kind:?}: {permille} instead of {said}"
            );
        }
    }

    #[test]
    fn a_nested_backup_is_one() {
        for wanted in [0, 10_240, 65_536, 70_000, 131_072, 1_000_000] {
            let made = make(Kind::Backup, Kind::Backup.size(wanted), 1);
            let mut sniffer = NestedBackup::default();
            sniffer.feed(&made);
            assert_eq!(sniffer.verdict(), Some(Verdict::Backup), "{wanted}");
        }
    }
}
