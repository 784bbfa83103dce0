//! Realistic backups of any size, generated without a Home Assistant.
//!
//! The layout is Supervisor's: a part per add-on and folder, each a PAX tar compressed with gzip
//! and encrypted if there is a key, then `./backup.json`. The contents compress like real data.
//! Names, contents and sizes depend only on the size and the seed; salts are random, because they
//! must never be used twice.

mod contents;
mod noise;
mod pages;
mod parts;
mod random;
mod tar;
mod text;
mod tree;

use std::io::{self, Write};
use std::sync::Arc;

use serde_json::json;

use crate::crypt::{Encrypter, KeyRing};
use crate::error::{Error, Result};
use crate::format::manifest;
use crate::format::outer::RECORD;
use crate::format::securetar::Version;
use crate::format::tar::block::{BLOCK, EntryKind, padding};
use crate::gzip::{GzipWriter, Stretch};
use crate::open::Backup;
use crate::pipe::{Control, Stage, WriteBehind, write_behind};
use crate::plan::Encryption;
use crate::rewrite::Output;
use crate::verify;
use contents::{Contents, Piece, Pool};
use noise::Noise;
use random::Random;
use tar::{Attributes, Out, TarWriter};
use text::Words;
use tree::{Component, ComponentKind, Data, Planned};

/// The minimum size with room for all parts.
pub const LEAST: u64 = 100_000;

/// The level at which zlib-rs compresses the contents. Home Assistant compresses at level 6 what it
/// does not encrypt, and at level 9 what it encrypts: with level 6, the backup takes a quarter more
/// processor time and becomes 0.4 % smaller.
const LEVEL: u32 = 4;

/// The time of all entries: early morning on a day in autumn 2026.
const MORNING: u64 = 1_795_323_600;
/// The maximum age of older files, in seconds.
const YEAR: u64 = 31_536_000;

/// The backup to generate.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    /// The requested size of the backup in bytes; the result is within a few percent of it.
    pub size: u64,
    /// Another seed produces other contents of the same kinds.
    pub seed: u64,
    /// How many source files there are; they become smaller or larger accordingly. `None` for a
    /// usual number, about 17,000 for each GB.
    pub sources: Option<u64>,
}

/// Writes a backup into `output`, encrypted in the given version if there is one, and reads it back.
///
/// Memory does not depend on the size: pieces of contents (at most 16 MiB for each kind), and the
/// buffers of the encoder and the cipher. All threads of `control` compress.
///
/// # Errors
/// `Usage` for a size below [`LEAST`], `OutputIo`, `Interrupted`, errors of the keys; `VerifyFailed`
/// if it cannot be read back.
pub fn make(
    recipe: Recipe,
    protection: Option<(Version, &KeyRing)>,
    output: &mut Output,
    control: &Control,
) -> Result<()> {
    if recipe.size < LEAST {
        let why = format!("a backup of less than {LEAST} bytes would be nothing but headers");
        return Err(Error::new(crate::Kind::Usage, why));
    }
    let target = encryption(protection)?;
    control.begin(Stage::Make, recipe.size);
    let words = Words::new();
    let mut pool = Pool::new(&words, recipe.seed, LEVEL);
    let mut maker = Maker {
        recipe,
        words: &words,
        target,
        keys: protection.map(|(_, keys)| keys),
        output,
        control,
    };
    for (number, component) in (0..).zip(&parts::components()) {
        maker.member(number, component, &mut pool)?;
    }
    maker.end()?;
    control.end();
    read_back(output, protection.map(|(_, keys)| keys), control)
}

fn read_back(output: &Output, keys: Option<&KeyRing>, control: &Control) -> Result<()> {
    let backup = Backup::read(output.read_back()?, control)?;
    control.begin(Stage::Verify, backup.input.len());
    let parts = verify::backup(&backup, keys, control)?;
    control.end();
    match parts.into_iter().find_map(std::result::Result::err) {
        None => Ok(()),
        Some(error) if matches!(error.kind(), crate::Kind::Interrupted(_)) => Err(error),
        Some(error) => Err(Error::new(
            crate::Kind::VerifyFailed,
            "the backup that was made cannot be read back",
        )
        .caused_by(error)),
    }
}

/// The encryption of the given version, with new salts where the whole backup shares them.
fn encryption(protection: Option<(Version, &KeyRing)>) -> Result<Encryption> {
    Ok(match protection {
        None => Encryption::Plain,
        Some((Version::V3, keys)) => Encryption::V3(Some(keys.new_v3_salts()?)),
        Some(_) => Encryption::V2,
    })
}

/// Writes the plaintext tar of one part into `out`: for measurements of single stages.
///
/// # Errors
/// `Usage` for an unknown part, `OutputIo` if `out` fails.
pub fn part(recipe: Recipe, name: &str, out: impl Write) -> Result<()> {
    let parts = parts::components();
    let found = parts
        .iter()
        .zip(0..)
        .find(|(component, _)| component.name == name);
    let (component, number) =
        found.ok_or_else(|| Error::new(crate::Kind::Usage, format!("no part is called {name}")))?;
    let words = Words::new();
    let mut pool = Pool::new(&words, recipe.seed, LEVEL);
    let made = Made {
        recipe,
        number,
        component,
        words: &words,
        control: &Control::default(),
    };
    made.write_tar(&mut pool, &mut Plaintext(out))
        .map_err(Error::from_write)
}

/// Writes the plaintext of everything.
struct Plaintext<W>(W);

impl<W: Write> Out for Plaintext<W> {
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn stretch(&mut self, stretch: Arc<Stretch>) -> io::Result<()> {
        self.0.write_all(stretch.plaintext())
    }

    fn noise(&mut self, noise: Noise) -> io::Result<()> {
        self.0.write_all(&noise.make())
    }
}

impl<W: Write> Out for GzipWriter<W> {
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn stretch(&mut self, stretch: Arc<Stretch>) -> io::Result<()> {
        self.append(stretch)
    }

    fn noise(&mut self, noise: Noise) -> io::Result<()> {
        self.append_later(|| Stretch::store(noise.make()))
    }
}

struct Maker<'a> {
    recipe: Recipe,
    words: &'a Words,
    target: Encryption,
    keys: Option<&'a KeyRing>,
    output: &'a mut Output,
    control: &'a Control,
}

impl Maker<'_> {
    /// Writes one part; its header is given the actual size of the data afterwards.
    fn member(&mut self, number: u64, component: &Component, pool: &mut Pool<'_>) -> Result<()> {
        let name = component.member();
        // Each a moment after the one before, so that the time is not a whole second and needs a
        // PAX record.
        let time = (MORNING + number, 125_000);
        let header = tar::header(&Attributes {
            time,
            ..Attributes::new(&name, EntryKind::File, 0)
        });
        let header_at = self.output.position();
        self.output.append(&header)?;
        let data_at = self.output.position();
        self.stream(number, component, pool)?;
        let size = self.output.position() - data_at;
        self.output
            .patch(header_at, &tar::resized(&header, size)?)?;
        self.output.zeros(padding(size))
    }

    fn stream(&mut self, number: u64, component: &Component, pool: &mut Pool<'_>) -> Result<()> {
        let made = Made {
            recipe: self.recipe,
            number,
            component,
            words: self.words,
            control: self.control,
        };
        let threads = self.control.threads();
        let compress = |out: &mut WriteBehind| {
            let mut gzip = GzipWriter::new(out, LEVEL, threads)?;
            made.write_tar(pool, &mut gzip)?;
            gzip.finish().map(drop)
        };
        let Some(version) = self.target.version() else {
            return write_behind(&mut *self.output, compress)
                .map(drop)
                .map_err(Error::from_write);
        };
        let data_at = self.output.position();
        self.output.zeros(version.header_len() as u64)?;
        let encrypter = match (&self.target, self.keys) {
            (Encryption::V2, Some(keys)) => Encrypter::new_v2(&mut *self.output, keys)?,
            (Encryption::V3(Some(salts)), Some(keys)) => {
                Encrypter::new_v3(&mut *self.output, keys, salts)?
            }
            _ => {
                return Err(Error::new(
                    crate::Kind::Internal,
                    "a part is to be encrypted, but there is no key",
                ));
            }
        };
        let (encrypter, ()) = write_behind(encrypter, compress).map_err(Error::from_write)?;
        let header = encrypter.header(encrypter.plaintext_len());
        encrypter.finish().map_err(Error::from_write)?;
        self.output.patch(data_at, &header.to_bytes())
    }

    /// Writes the metadata, and the end of the outer tar.
    fn end(&mut self) -> Result<()> {
        let text = self.metadata().to_string();
        let name = String::from_utf8_lossy(manifest::MEMBER);
        self.output.append(&tar::header(&Attributes::new(
            &name,
            EntryKind::File,
            text.len() as u64,
        )))?;
        self.output.append(text.as_bytes())?;
        self.output
            .zeros(padding(text.len() as u64) + 2 * BLOCK as u64)?;
        let end = self.output.position();
        self.output.zeros(end.next_multiple_of(RECORD) - end)
    }

    fn metadata(&self) -> serde_json::Value {
        let parts = parts::components();
        let names = |kind| parts.iter().filter(move |c| c.kind == kind).map(|c| c.name);
        let addons: Vec<_> = names(ComponentKind::Addon)
            .map(|slug| json!({"slug": slug, "name": slug, "version": "1.0.0", "size": 0}))
            .collect();
        let slug = Random::new(self.recipe.seed, self.recipe.size).below(1 << 32);
        json!({
            "slug": format!("{slug:08x}"),
            "version": 2,
            "name": "Automatic backup 2026.10.3",
            "date": "2026-11-22T05:00:00.123456+00:00",
            "type": "full",
            "supervisor_version": "2026.10.1",
            "extra": {"instance_id": "0123456789abcdef0123456789abcdef", "with_automatic_settings": true, "supervisor.backup_request_date": "2026-11-22T05:00:00.100000+00:00"},
            "homeassistant": {"version": "2026.10.3", "exclude_database": false, "size": 0.1},
            "compressed": true,
            "protected": self.keys.is_some(),
            "repositories": ["https://github.com/hassio-addons/repository", "core", "local"],
            "folders": names(ComponentKind::Folder).collect::<Vec<_>>(),
            "addons": addons,
            "docker": {},
        })
    }
}

/// A part that is being made.
struct Made<'a> {
    recipe: Recipe,
    number: u64,
    component: &'a Component,
    words: &'a Words,
    control: &'a Control,
}

impl Made<'_> {
    /// Writes the tar of a part, as Home Assistant packs it.
    fn write_tar(&self, pool: &mut Pool<'_>, out: &mut dyn Out) -> io::Result<()> {
        let seed = self.recipe.seed;
        let mut tar = TarWriter::new(out);
        for (index, entry) in (0..).zip(self.component.entries(self.recipe)) {
            self.control.check().map_err(Error::into_io)?;
            let random = Random::new(seed, self.number << 48 | index);
            self.write_entry(&mut tar, &entry, random, pool)?;
        }
        tar.finish()
    }

    fn write_entry(
        &self,
        tar: &mut TarWriter<'_>,
        entry: &Planned,
        mut random: Random,
        pool: &mut Pool<'_>,
    ) -> io::Result<()> {
        tar.begin(&attributes(entry, &mut random))?;
        match entry.data {
            Data::Text(text) => tar.data(text.as_bytes())?,
            Data::Made(kind, size) => {
                let mut contents = Contents::new(kind, size, random, self.words);
                while let Some(piece) = contents.next_piece(pool)? {
                    let len = piece.len();
                    match piece {
                        Piece::New(bytes) => tar.data(bytes)?,
                        Piece::Stretch(stretch) => tar.stretch(stretch)?,
                        Piece::Noise(noise) => tar.noise(noise)?,
                    }
                    // About its size in the file, so that the progress ends with the backup.
                    let stored = len * kind.permille() / 1000;
                    self.control.advance(stored).map_err(Error::into_io)?;
                }
            }
        }
        tar.pad()
    }
}

fn attributes<'a>(entry: &'a Planned, random: &mut Random) -> Attributes<'a> {
    Attributes {
        name: &entry.path,
        kind: entry.kind,
        size: entry.data.len(),
        link: entry.link,
        time: (MORNING - random.below(YEAR), random.below(1_000_000)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_contents_are_those_of_every_earlier_version() {
        // A stored result can only be compared if the same size and seed always produce the same
        // bytes.
        let checksum = |name: &str| {
            let mut tar = Vec::new();
            part(
                Recipe {
                    size: LEAST,
                    seed: 0,
                    sources: None,
                },
                name,
                &mut tar,
            )
            .unwrap();
            crc32fast::hash(&tar)
        };
        let expected = [
            ("homeassistant", 393_082_623),
            ("5c53de3b_esphome", 440_868_208),
            ("a0d7b954_influxdb", 3_548_873_100),
            ("share", 1_157_058_501),
            ("media", 2_720_171_813),
        ];
        assert_eq!(expected.map(|(name, _)| (name, checksum(name))), expected);
    }

    #[test]
    fn a_part_that_is_not_made_is_named() {
        assert!(
            part(
                Recipe {
                    size: LEAST,
                    seed: 0,
                    sources: None,
                },
                "addons",
                io::sink()
            )
            .unwrap_err()
            .message()
            .contains("addons")
        );
    }

    #[test]
    fn a_wish_to_stop_is_heard() {
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(2));
        let control = Control::new(std::sync::Arc::new(crate::pipe::Silent), stop, 1);
        let folder = tempfile::tempdir().unwrap();
        let mut output = Output::scratch(folder.path()).unwrap();
        let error = make(
            Recipe {
                size: LEAST,
                seed: 0,
                sources: None,
            },
            None,
            &mut output,
            &control,
        )
        .unwrap_err();
        assert_eq!(error.kind(), crate::Kind::Interrupted(2));
    }
}
