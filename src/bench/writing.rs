//! The stages of writing: splice, deflate, encrypt, and the disk.

use std::io::{self, Read, Write};
use std::path::Path;

use super::reading::{Source, open};
use super::report::Measure;
use super::timed::Meter;
use crate::crypt::{Encrypter, KeyRing, Password};
use crate::error::{Error, Result};
use crate::format::securetar::SecureHeader;
use crate::format::tar::block::BLOCK;
use crate::gzip::{self, Change, Changes, GzipWriter, Patch};
use crate::open::{Backup, Part, Pieces, locate};
use crate::pipe::{Control, Counter, Stage, read_ahead};
use crate::rewrite::Output;
use crate::survey::{Entry, PartSurvey};

/// How many bytes of plaintext of every part are compressed: compressing all would take far longer
/// than a real run, which only compresses around a cut.
const DEFLATED: usize = 16 << 20;
/// Bytes that are written to the disk.
const WRITTEN: u64 = 256 << 20;

/// Cuts, compresses and encrypts every surveyed part.
pub(super) fn stages(
    backup: &Backup,
    surveys: &[PartSurvey],
    keys: Option<&KeyRing>,
    control: &Control,
) -> Result<Vec<Measure>> {
    let mut all = ["splice", "deflate", "encrypt"].map(Measure::new);
    let [splice, deflate, encrypt] = &mut all;
    deflate.threads = control.threads();
    // A key for a backup without one; its output is discarded.
    let own = KeyRing::new(Password::new("bench".into()));
    control.begin(Stage::Write, backup.input.len());
    for survey in surveys {
        let bench = Bench {
            backup,
            part: &backup.parts[survey.part],
            survey,
            keys,
            control,
        };
        let done = bench
            .splice(splice)
            .and_then(|()| bench.deflate(deflate))
            .and_then(|()| bench.encrypt(&own, encrypt));
        done.map_err(|e| locate(backup, bench.part, e))?;
        control.advance(backup.stored(bench.part))?;
    }
    control.end();
    Ok(all.into())
}

struct Bench<'a> {
    backup: &'a Backup,
    part: &'a Part,
    survey: &'a PartSurvey,
    keys: Option<&'a KeyRing>,
    control: &'a Control,
}

impl Bench<'_> {
    fn level(&self) -> u32 {
        gzip::level(self.part.version().is_some())
    }

    /// Removes the middle third of the entries without compressing the rest again.
    fn splice(&self, measure: &mut Measure) -> Result<()> {
        let Some(changes) = middle(self.survey) else {
            return Ok(());
        };
        let Source { reader, stream, .. } = open(self.backup, self.part, self.keys)?;
        let whole = Meter::default();
        let (level, threads) = (self.level(), self.control.threads());
        let checkpoints = &self.survey.checkpoints;
        let out = Counter::default();
        let end = &mut TwoBlocks;
        let splice = || gzip::splice(reader, checkpoints, &changes, end, out, level, threads);
        whole.step(splice).map_err(Error::from_read)?;
        let time = whole.time().saturating_sub(stream.time());
        measure.add(stream.bytes(), self.survey.plaintext_bytes, time);
        Ok(())
    }

    /// Compresses the start of the plaintext on all threads.
    fn deflate(&self, measure: &mut Measure) -> Result<()> {
        let mut pieces = Pieces::new(self.backup, self.part, self.keys)?;
        let mut plaintext = Vec::with_capacity(DEFLATED);
        while let Some((piece, _)) = pieces.next_piece()?.filter(|_| plaintext.len() < DEFLATED) {
            let room = DEFLATED - plaintext.len();
            plaintext.extend(piece.iter().take(room));
            self.control.check()?;
        }
        let time = Meter::default();
        let compress = || {
            let mut gzip =
                GzipWriter::new(Counter::default(), self.level(), self.control.threads())?;
            gzip.write_all(&plaintext)?;
            gzip.finish()
        };
        let Counter(stored) = time.step(compress).map_err(Error::from_write)?;
        measure.add(stored, plaintext.len() as u64, time.time());
        Ok(())
    }

    /// Encrypts the stream in the backup's version, or in version 3 if it has none.
    fn encrypt(&self, own: &KeyRing, measure: &mut Measure) -> Result<()> {
        let Source { mut reader, .. } = open(self.backup, self.part, self.keys)?;
        let keys = self.keys.unwrap_or(own);
        let out = Counter::default();
        let mut encrypter = match self.part.secure() {
            Some(SecureHeader::V3 { salts, .. }) => Encrypter::new_v3(out, keys, salts)?,
            Some(_) => Encrypter::new_v2(out, keys)?,
            None => Encrypter::new_v3(out, keys, &keys.new_v3_salts()?)?,
        };
        let (time, mut buffer) = (Meter::default(), vec![0; read_ahead::BUFFER]);
        loop {
            let got = reader.read(&mut buffer).map_err(Error::from_read)?;
            let Some(bytes) = buffer.get(..got).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            time.step(|| encrypter.write_all(bytes))
                .map_err(Error::from_write)?;
            self.control.check()?;
        }
        let (Counter(stored), _) = time
            .step(|| encrypter.finish())
            .map_err(Error::from_write)?;
        measure.add(stored, self.survey.plaintext_bytes, time.time());
        Ok(())
    }
}

/// The new end of a tar.
struct TwoBlocks;

impl Patch for TwoBlocks {
    fn put(&mut self, _old: &[u8]) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn tail(&mut self, _size: u64) -> Vec<u8> {
        vec![0; 2 * BLOCK]
    }
}

/// A cut of the middle third of a part's entries; `None` if it cannot be spliced.
fn middle(survey: &PartSurvey) -> Option<Changes> {
    if survey.checkpoints.is_empty() || survey.entries.len() < 3 {
        return None;
    }
    let third = survey.entries.len() / 3;
    let until = |count: usize| {
        let entries = survey.entries.iter().take(count);
        entries.map(Entry::span).sum::<u64>()
    };
    let range = until(third)..until(2 * third);
    // The result is never read, so its checksums do not matter.
    Some(Changes {
        list: vec![Change {
            range,
            kept: 0,
            puts: false,
        }],
        end: until(survey.entries.len()),
        kept: 0,
    })
}

/// Writes the start of the backup into a file without a name, and waits for the disk.
pub(super) fn to_disk(backup: &Backup, folder: &Path, control: &Control) -> Result<Measure> {
    let size = backup.input.len().min(WRITTEN);
    let mut output = Output::scratch(folder)?;
    let (mut window, time) = (backup.input.window(0, size), Meter::default());
    let mut buffer = vec![0; read_ahead::BUFFER];
    loop {
        let got = window.read(&mut buffer).map_err(Error::from_read)?;
        let Some(bytes) = buffer.get(..got).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        time.step(|| output.append(bytes))?;
        control.check()?;
    }
    time.step(|| output.sync())?;
    let mut measure = Measure::new("write");
    measure.add(size, 0, time.time());
    Ok(measure)
}
