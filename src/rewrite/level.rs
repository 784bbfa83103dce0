//! Finds the level for a part that is compressed again from its beginning to its end.

use std::io::Write;
use std::time::Instant;

use crate::crypt::KeyRing;
use crate::error::{Error, Result};
use crate::gzip::GzipWriter;
use crate::open::{Backup, Pieces, locate};
use crate::pipe::{Control, Counter, Stage};
use crate::plan::compression::Level;
use crate::survey::PartSurvey;

/// Bytes of plaintext that are tried together. A chunk begins without the 32 KiB before it, which
/// makes it seem larger by some thousandths.
const CHUNK: usize = 2 << 20;
/// How many chunks are tried.
const CHUNKS: u64 = 8;
/// How much plaintext a part is thought to have for each stored byte, if it was not surveyed.
const RATIO: u64 = 2;
/// The levels of zlib, the fastest first.
const LEVELS: std::ops::RangeInclusive<u32> = 1..=9;

/// Finds the fastest level at which a compressed part gets no larger than it is, and about how long
/// that takes. Tries the levels on up to eight chunks of 2 MiB, evenly spread over the part, on all
/// cores. If none is strong enough, it is the strongest.
///
/// Memory: the chunks, and about 1.4 MiB for each of `threads + 3` blocks.
///
/// # Errors
/// As for reading the part; `Interrupted`.
pub fn fastest_level(
    backup: &Backup,
    at: usize,
    survey: Option<&PartSurvey>,
    keys: Option<&KeyRing>,
    control: &Control,
) -> Result<Level> {
    let part = backup.part(at);
    control.part(&part.id);
    let sample = Sample::of(backup, at, survey, keys, control)
        .map_err(|error| locate(backup, part, error))?;
    let mut tried = (*LEVELS.end(), 0.0);
    for level in LEVELS {
        control.check()?;
        let begin = Instant::now();
        let size = sample.compressed(level, control.threads())?;
        tried = (level, begin.elapsed().as_secs_f64());
        if size <= sample.stored {
            break;
        }
    }
    let (level, seconds) = tried;
    let share = sample.plaintext as f64 / sample.len().max(1) as f64;
    Ok(Level {
        part: at,
        level,
        seconds: seconds * share,
    })
}

/// Some chunks of a part.
struct Sample {
    chunks: Vec<Vec<u8>>,
    /// What the chunks take now.
    stored: u64,
    /// Bytes of the whole plaintext.
    plaintext: u64,
}

impl Sample {
    fn of(
        backup: &Backup,
        at: usize,
        survey: Option<&PartSurvey>,
        keys: Option<&KeyRing>,
        control: &Control,
    ) -> Result<Self> {
        let part = backup.part(at);
        let known = survey.map(|survey| survey.plaintext_bytes);
        let size = known.unwrap_or_else(|| backup.member(part).size * RATIO);
        let every = (size / (CHUNKS * CHUNK as u64)).max(1);
        control.begin(Stage::Measure, backup.member(part).size);
        let mut pieces = Pieces::new(backup, part, keys)?.with_limit(control.max_expanded());
        let mut sample = Self {
            chunks: Vec::new(),
            stored: 0,
            plaintext: 0,
        };
        let (mut number, mut begin) = (0, 0);
        loop {
            let wanted = number % every == 0 && (sample.chunks.len() as u64) < CHUNKS;
            let mut chunk = Vec::new();
            let (mut len, mut end) = (0, begin);
            while len < CHUNK {
                let want = (CHUNK - len) as u64;
                let Some((piece, stored)) = pieces.next_piece_up_to(want)? else {
                    break;
                };
                control.advance(stored.saturating_sub(end))?;
                (len, end) = (len + piece.len(), stored);
                if wanted {
                    chunk.extend_from_slice(piece);
                }
            }
            sample.plaintext += len as u64;
            if wanted && len > 0 {
                sample.stored += end - begin;
                sample.chunks.push(chunk);
            }
            if len < CHUNK {
                control.end();
                return Ok(sample);
            }
            (number, begin) = (number + 1, end);
        }
    }

    fn len(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }

    /// What the chunks take at this level.
    fn compressed(&self, level: u32, threads: usize) -> Result<u64> {
        let mut size = 0;
        for chunk in &self.chunks {
            let mut writer =
                GzipWriter::new(Counter::default(), level, threads).map_err(Error::from_read)?;
            writer.write_all(chunk).map_err(Error::from_read)?;
            size += writer.finish().map_err(Error::from_read)?.0;
        }
        Ok(size)
    }
}
