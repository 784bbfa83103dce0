//! Extracts into one tar archive, compressed or not.

use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use zstd::zstd_safe::CParameter;

use super::outcome::Why;
use super::pass::{Entry, Linked, Target};
use super::renamed::renamed;
use crate::error::{Error, Kind, Result};
use crate::format::outer::RECORD;
use crate::format::tar::block::{BLOCK, EntryKind, padding};
use crate::gzip::{self, GzipWriter};
use crate::pipe::Control;
use crate::rewrite::{Output, OutputPath};

/// The level of zstd, unless another one is chosen.
pub const ZSTD: i32 = 3;
/// The largest distance of a repetition that zstd looks for, as a power of two: 2 MiB. Higher levels
/// would take 8 MiB, and much larger tables.
const ZSTD_WINDOW: u32 = 21;
/// How much of the window a thread of zstd reads again before its own bytes: 6 is an eighth.
const ZSTD_OVERLAP: u32 = 6;
/// From this level on, zstd compresses only a few MiB a second.
const ZSTD_SLOW: i32 = 13;
/// Bytes that are gathered before they are compressed or written.
const BUFFER: usize = 1 << 18;
/// The largest file that is kept in memory until it is known to be whole.
const SMALL: u64 = 1 << 20;

/// The form of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An uncompressed tar.
    Tar,
    /// Compressed with gzip at level 6, as Home Assistant compresses what it does not encrypt.
    Gzip,
    /// Compressed with zstd at this level.
    Zstd(i32),
}

impl Format {
    /// The form that the end of a file's name says; `None` if it is not an archive's.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        if ends(&[".tar"]) {
            Some(Self::Tar)
        } else if ends(&[".tar.gz", ".tgz"]) {
            Some(Self::Gzip)
        } else if ends(&[".tar.zst", ".tzst"]) {
            Some(Self::Zstd(ZSTD))
        } else {
            None
        }
    }

    /// Whether the end of a file's name is that of an archive that other programs write, and haslim
    /// does not.
    pub fn is_foreign(path: &Path) -> bool {
        const ENDS: [&str; 10] = [
            ".7z", ".bz2", ".gz", ".lz4", ".rar", ".tbz2", ".txz", ".xz", ".zip", ".zst",
        ];
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_ascii_lowercase();
        Self::of(path).is_none() && ENDS.iter().any(|end| name.ends_with(end))
    }

    /// The word that JSON uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tar => "tar",
            Self::Gzip => "tar.gz",
            Self::Zstd(_) => "tar.zst",
        }
    }
}

enum Stream {
    Plain(Output),
    Gzip(Box<GzipWriter<Output>>),
    Zstd(Box<zstd::Encoder<'static, Output>>),
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Gzip(out) => out.write(bytes),
            Self::Zstd(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the entries of parts, one part after the other, into one archive.
///
/// The entries are the backup's, byte for byte, except that their names begin with the name of
/// their part. Memory: that of the compressor, and 256 KiB. Gzip needs about 1.4 MiB for each
/// thread. With zstd on two threads, a whole run was measured with 41 MiB at level 3, 62 MiB at level 9
/// and 50 MiB at level 19.
pub(super) struct IntoArchive<'a> {
    out: BufWriter<Stream>,
    written: u64,
    /// The name of the current part.
    pub part: String,
    /// Keeps each file out of the archive until it is known to be whole.
    whole: Option<Whole>,
    /// Bytes of padding behind the current file.
    padding: u64,
    control: &'a Control,
}

/// A file that may turn out to be damaged. Memory: 1 MiB; larger files are kept in a file without
/// a name, in the folder of the archive.
struct Whole {
    folder: PathBuf,
    header: Vec<u8>,
    small: Vec<u8>,
    large: Option<Output>,
}

impl<'a> IntoArchive<'a> {
    /// Begins the archive. With `only_whole`, an entry whose data could not be read completely is
    /// not in it.
    ///
    /// # Errors
    /// `OutputIo`; `Internal` if there is not enough memory or no thread.
    pub fn new(
        target: OutputPath,
        format: Format,
        only_whole: bool,
        control: &'a Control,
    ) -> Result<Self> {
        let folder = target.path().parent().map(Path::to_owned);
        let folder = folder.filter(|path| !path.as_os_str().is_empty());
        target.remove_leftovers();
        let output = target.create()?;
        let stream = match format {
            Format::Tar => Ok(Stream::Plain(output)),
            Format::Gzip => GzipWriter::new(output, gzip::level(false), control.threads())
                .map(|out| Stream::Gzip(Box::new(out))),
            Format::Zstd(level) => zstd(output, level, control.threads()),
        };
        Ok(Self {
            out: BufWriter::with_capacity(BUFFER, stream.map_err(Error::from_write)?),
            written: 0,
            part: String::new(),
            whole: only_whole.then(|| Whole {
                folder: folder.unwrap_or_else(|| PathBuf::from(".")),
                header: Vec::new(),
                small: Vec::new(),
                large: None,
            }),
            padding: 0,
            control,
        })
    }

    /// Writes the end of the archive, waits for the disk, and gives the file its name. Returns its
    /// path and its size.
    ///
    /// # Errors
    /// `OutputIo`; `Interrupted`.
    pub fn publish(mut self) -> Result<(PathBuf, u64)> {
        let end = 2 * BLOCK as u64;
        let filled = (self.written + end).next_multiple_of(RECORD) - self.written;
        self.zeros(filled)?;
        let stream = self
            .out
            .into_inner()
            .map_err(|e| Error::from_write(e.into_error()))?;
        let output = match stream {
            Stream::Plain(output) => Ok(output),
            Stream::Gzip(out) => out.finish(),
            Stream::Zstd(out) => out.finish(),
        };
        let output = output.map_err(Error::from_write)?;
        let size = output.position();
        output.sync()?;
        self.control.check()?;
        Ok((output.publish()?, size))
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(Error::from_write)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn zeros(&mut self, count: u64) -> Result<()> {
        let copied = io::copy(&mut io::repeat(0).take(count), &mut self.out);
        self.written += copied.map_err(Error::from_write)?;
        Ok(())
    }

    /// A path in the archive.
    fn named(&self, path: &[u8]) -> Vec<u8> {
        let mut name = self.part.clone().into_bytes();
        if !path.is_empty() {
            name.push(b'/');
            name.extend_from_slice(path);
        }
        name
    }

    fn header(&self, entry: &Entry<'_>, link: Option<&[u8]>) -> Vec<u8> {
        let mut name = self.named(entry.path);
        if entry.header.kind == EntryKind::Directory {
            name.push(b'/');
        }
        renamed(entry.header, &name, link, entry.globals)
    }
}

/// Zstd on all threads.
fn zstd(output: Output, level: i32, threads: usize) -> io::Result<Stream> {
    let mut encoder = zstd::Encoder::new(output, level)?;
    encoder.include_checksum(true)?;
    if threads > 1 {
        encoder.multithread(u32::try_from(threads).unwrap_or(1))?;
        // Bytes that a thread compresses at a time. A run cannot be cancelled in the middle of them,
        // and several of them are in memory for each thread. Zstd's own choice is 8 to 32 MiB.
        let step = if level < ZSTD_SLOW {
            2 << 20
        } else {
            512 << 10
        };
        encoder.set_parameter(CParameter::JobSize(step))?;
        encoder.set_parameter(CParameter::OverlapSizeLog(ZSTD_OVERLAP))?;
    }
    if level > ZSTD {
        encoder.set_parameter(CParameter::WindowLog(ZSTD_WINDOW))?;
    }
    if level >= ZSTD_SLOW {
        encoder.set_parameter(CParameter::ChainLog(ZSTD_WINDOW))?;
        encoder.set_parameter(CParameter::HashLog(ZSTD_WINDOW))?;
    }
    Ok(Stream::Zstd(Box::new(encoder)))
}

impl Target for IntoArchive<'_> {
    fn makes_files(&self) -> bool {
        false
    }

    fn file(&mut self, entry: &Entry<'_>) -> Result<Option<Why>> {
        let header = self.header(entry, None);
        self.padding = padding(entry.header.size);
        let Some(whole) = &mut self.whole else {
            self.append(&header)?;
            return Ok(None);
        };
        whole.header = header;
        whole.small.clear();
        whole.large = None;
        if entry.header.size > SMALL {
            whole.large = Some(Output::scratch(&whole.folder)?);
        }
        Ok(None)
    }

    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.whole {
            None => self.append(bytes),
            Some(Whole {
                large: Some(large), ..
            }) => large.append(bytes),
            Some(whole) => {
                whole.small.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    fn file_end(&mut self) -> Result<Option<Why>> {
        if let Some(whole) = &mut self.whole {
            let (header, large) = (std::mem::take(&mut whole.header), whole.large.take());
            let small = std::mem::take(&mut whole.small);
            self.append(&header)?;
            self.append(&small)?;
            if let Some(whole) = &mut self.whole {
                whole.small = small;
            }
            if let Some(large) = large {
                let input = large.read_back()?;
                let mut window = input.window(0, large.position());
                let mut buffer = vec![0; BUFFER];
                loop {
                    let got = window.read(&mut buffer).map_err(Error::from_write)?;
                    if got == 0 {
                        break;
                    }
                    self.append(buffer.get(..got).unwrap_or_default())?;
                    self.control.check()?;
                }
            }
        }
        let padding = std::mem::take(&mut self.padding);
        self.zeros(padding)?;
        Ok(None)
    }

    fn folder(&mut self, entry: &Entry<'_>) -> Result<Option<Why>> {
        let header = self.header(entry, None);
        self.append(&header)?;
        Ok(None)
    }

    fn symlink(&mut self, entry: &Entry<'_>) -> Result<Option<Why>> {
        self.folder(entry)
    }

    fn hard_link(&mut self, entry: &Entry<'_>, to: &[u8]) -> Result<Linked> {
        let header = self.header(entry, Some(&self.named(to)));
        self.append(&header)?;
        Ok(Linked::Link)
    }
}

/// Checks a level of zstd.
///
/// # Errors
/// `Usage`.
pub(super) fn check_level(level: i32) -> Result<i32> {
    if (1..=19).contains(&level) {
        return Ok(level);
    }
    let message = format!("zstd has no level {level}");
    Err(Error::new(Kind::Usage, message).advice("Its levels are 1 to 19."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_name_says_what_is_written() {
        for (name, format) in [
            ("a.tar", Some(Format::Tar)),
            ("x/A.TAR.GZ", Some(Format::Gzip)),
            ("a.tgz", Some(Format::Gzip)),
            ("a.tar.zst", Some(Format::Zstd(ZSTD))),
            ("a.tzst", Some(Format::Zstd(ZSTD))),
            ("a.zip", None),
            ("tar", None),
            ("a.gz", None),
        ] {
            assert_eq!(Format::of(Path::new(name)), format, "{name}");
        }
        for (name, foreign) in [
            ("a.zip", true),
            ("a.GZ", true),
            ("a.tar.gz", false),
            ("gz", false),
        ] {
            assert_eq!(Format::is_foreign(Path::new(name)), foreign, "{name}");
        }
    }
}
