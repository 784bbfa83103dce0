//! The contents of the files in a generated backup.

use super::pages::Pages;
use super::random::Random;
use super::tar::{self, Attributes};
use super::text::Words;
use crate::format::outer::RECORD;
use crate::format::tar::block::{BLOCK, EntryKind, padding};

/// The number of bytes generated at once.
const PIECE: usize = 64 << 10;

/// A kind of contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// The contents of one file, piece by piece; they depend only on kind, size and seed.
///
/// Memory: a piece of 64 KiB.
pub(super) struct Contents<'a> {
    kind: Kind,
    random: Random,
    words: &'a Words,
    pages: Pages,
    count: u64,
    left: u64,
    /// The last bytes, which replace the generated ones.
    end: Vec<u8>,
    piece: Vec<u8>,
}

impl<'a> Contents<'a> {
    /// `size` must be possible for the kind.
    pub fn new(kind: Kind, size: u64, random: Random, words: &'a Words) -> Self {
        let mut contents = Self {
            kind,
            random,
            words,
            pages: Pages::default(),
            count: 0,
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
    pub fn next_piece(&mut self) -> Option<&[u8]> {
        if self.count > 0 {
            self.piece.clear();
        }
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(PIECE);
        while self.piece.len() < room {
            self.make();
        }
        self.count += 1;
        self.piece.truncate(room);
        self.left -= room as u64;
        self.put_end(room);
        (!self.piece.is_empty()).then_some(&self.piece)
    }

    /// Replaces the last bytes of a piece of `room` bytes by its share of the end, if it has one.
    fn put_end(&mut self, room: usize) {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let tail = self.end.len().saturating_sub(left).min(room);
        if tail > 0 {
            // Pieces are far larger than any end, so the end falls into the last two.
            let from = self.end.drain(..tail);
            self.piece
                .iter_mut()
                .skip(room - tail)
                .zip(from)
                .for_each(|(to, from)| *to = from);
        }
    }

    fn make(&mut self) {
        let line = self.count << 20 | self.piece.len() as u64;
        match self.kind {
            Kind::Noise(_) | Kind::Backup => {
                self.random.noise(PIECE - self.piece.len(), &mut self.piece)
            }
            Kind::Database => self.pages.more(&mut self.random, &mut self.piece),
            Kind::Source => self.words.source(&mut self.random, &mut self.piece),
            Kind::Log => self
                .words
                .log(line / 150, &mut self.random, &mut self.piece),
            Kind::Registry => self
                .words
                .registry(line / 170, &mut self.random, &mut self.piece),
            Kind::Object => self.object(),
        }
    }

    fn object(&mut self) {
        let zeros = usize::try_from(self.random.below(48)).unwrap_or(0);
        self.piece.resize(self.piece.len() + zeros, 0);
        for _ in 0..40 {
            let byte = self.random.skewed(256);
            self.piece.extend(u8::try_from(byte));
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
        let mut contents = Contents::new(kind, size, Random::new(seed, 5), &words);
        let mut all = Vec::new();
        while let Some(piece) = contents.next_piece() {
            assert!(piece.len() <= PIECE);
            all.extend_from_slice(piece);
        }
        all
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
