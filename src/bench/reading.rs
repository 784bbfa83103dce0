//! The stages of reading: read, decrypt, inflate, walk.
//!
//! Each stage reads from the one before it, so a timer runs between each two. A stage's own time is
//! its timer's value minus the value of the timer before it.

use std::io::Read;
use std::time::Duration;

use super::report::Measure;
use super::timed::{Meter, Timed};
use crate::crypt::{Decrypter, KeyRing};
use crate::error::{Error, Result};
use crate::format::tar::block::TarError;
use crate::format::tar::header::Header;
use crate::format::tar::walk::{Visitor, Walker};
use crate::gzip::Gunzip;
use crate::open::{Backup, Part, locate, missing_password, trailer};
use crate::pipe::{Control, Stage, read_ahead};
use crate::survey::PartSurvey;

/// The stream of a part after decryption, with timers.
pub(super) struct Source {
    pub reader: Box<dyn Read>,
    /// Reading alone.
    pub read: Meter,
    /// Reading and decrypting.
    pub stream: Meter,
}

/// Opens the stream of a part on this thread, without reading ahead.
pub(super) fn open(backup: &Backup, part: &Part, keys: Option<&KeyRing>) -> Result<Source> {
    let (member, read, stream) = (backup.member(part), Meter::default(), Meter::default());
    let skip = (part.secure().map_or(0, |header| header.len()) as u64).min(member.size);
    let window = Timed::new(
        backup
            .input
            .window(member.data_at() + skip, member.size - skip),
        &read,
    );
    let reader: Box<dyn Read> = match part.secure() {
        None => Box::new(Timed::new(window, &stream)),
        Some(header) => {
            let keys = keys.ok_or_else(|| missing_password(&part.id))?;
            let decrypter =
                Decrypter::new(window, header, member.size - skip, keys, part.compressed)?;
            Box::new(Timed::new(decrypter, &stream))
        }
    };
    Ok(Source {
        reader,
        read,
        stream,
    })
}

/// Reads every surveyed part to its end.
pub(super) fn stages(
    backup: &Backup,
    surveys: &[PartSurvey],
    keys: Option<&KeyRing>,
    control: &Control,
) -> Result<Vec<Measure>> {
    let mut all = ["read", "decrypt", "inflate", "walk"].map(Measure::new);
    control.begin(Stage::Read, backup.input.len());
    for survey in surveys {
        let part = &backup.parts[survey.part];
        let times = pass(backup, part, keys, control).map_err(|e| locate(backup, part, e))?;
        let applies = [true, part.version().is_some(), part.compressed, true];
        for ((stage, time), _) in all
            .iter_mut()
            .zip(times)
            .zip(applies)
            .filter(|(_, applies)| *applies)
        {
            stage.add(backup.member(part).size, survey.plaintext_bytes, time);
        }
    }
    control.end();
    Ok(all.into())
}

/// Reads one part; returns the time of every stage.
fn pass(
    backup: &Backup,
    part: &Part,
    keys: Option<&KeyRing>,
    control: &Control,
) -> Result<[Duration; 4]> {
    let Source {
        mut reader,
        read,
        stream,
    } = open(backup, part, keys)?;
    let (inflate, walk) = (Meter::default(), Meter::default());
    let mut walker = Walker::default();
    let mut seen = 0;
    let mut advance = || {
        let new = read.bytes() - seen;
        seen += new;
        control.advance(new)
    };
    if part.compressed {
        let mut gunzip = Gunzip::new(reader, trailer(part));
        while let Some(piece) = inflate
            .step(|| gunzip.next_piece())
            .map_err(Error::from_read)?
        {
            walk.step(|| walker.feed(piece, &mut Nobody))?;
            advance()?;
        }
    } else {
        let mut buffer = vec![0; read_ahead::BUFFER];
        loop {
            let got = reader.read(&mut buffer).map_err(Error::from_read)?;
            let Some(piece) = buffer.get(..got).filter(|piece| !piece.is_empty()) else {
                break;
            };
            walk.step(|| walker.feed(piece, &mut Nobody))?;
            advance()?;
        }
    }
    walker.finish()?;
    let own = |all: &Meter, behind: &Meter| all.time().saturating_sub(behind.time());
    Ok([
        read.time(),
        own(&stream, &read),
        own(&inflate, &stream),
        walk.time(),
    ])
}

/// Ignores all entries.
struct Nobody;

impl Visitor for Nobody {
    fn entry(&mut self, _: &Header, _: u64) -> Result<(), TarError> {
        Ok(())
    }
}
