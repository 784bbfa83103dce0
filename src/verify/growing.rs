//! Reads a part of a copy that is still being written.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::compare::failed;
use crate::crypt::{Decrypter, KeyRing, LARGEST_READ};
use crate::error::{Error, Kind, Result};
use crate::format::securetar::{Layer, SecureHeader};
use crate::open;
use crate::pipe::{Control, Growth, Input};
use crate::rewrite::Place;

/// A part of a copy that has been begun, as its writer and its reader share it.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Index in [`Backup::parts`](open::Backup::parts) of the original.
    pub part: usize,
    /// Where its data begin in the file.
    data_at: u64,
    /// Its SecureTar header but for the size.
    header: Option<SecureHeader>,
    /// Set when the whole part is there.
    place: Arc<OnceLock<Place>>,
    growth: Arc<Growth>,
}

impl Begun {
    /// A part of the original, by its index, whose data begin at `data_at` of a file that grows.
    /// `header` is its SecureTar header but for the size, `None` if it is not encrypted.
    pub fn new(
        part: usize,
        data_at: u64,
        header: Option<SecureHeader>,
        growth: Arc<Growth>,
    ) -> Self {
        Self {
            part,
            data_at,
            header,
            place: Arc::default(),
            growth,
        }
    }

    /// The whole part is there. To be called once.
    pub fn complete(&self, place: Place) {
        // It is set once.
        self.place.set(place).unwrap_or_default();
        self.growth.wake();
    }

    /// Waits until the whole part is there.
    ///
    /// # Errors
    /// `Interrupted`.
    pub(super) fn wait(&self, control: &Control) -> Result<Place> {
        self.wait_for(u64::MAX, control)?
            .ok_or_else(|| Error::new(Kind::Internal, "a part is not complete"))
    }

    /// Waits until the file is longer than this, or the whole part is there, and returns its place
    /// then.
    fn wait_for(&self, end: u64, control: &Control) -> Result<Option<Place>> {
        let is_complete = || self.place.get().is_some();
        let enough = |written| written > end || is_complete();
        self.growth.wait(control, enough)?;
        Ok(self.place.get().copied())
    }

    /// Where the data behind the SecureTar header begin.
    fn body_at(&self) -> u64 {
        self.data_at + self.header.as_ref().map_or(0, |header| header.len() as u64)
    }
}

/// What a reader of a part has seen of it.
#[derive(Debug, Clone)]
pub(super) struct Seen(Arc<Mutex<State>>);

#[derive(Debug, Clone)]
struct State {
    /// The SecureTar header that was compared.
    header: Option<Vec<u8>>,
    /// Where the reader is in the file, and the checksum up to there of what is behind the header.
    at: u64,
    body: crc32fast::Hasher,
}

impl Seen {
    pub fn new(begun: &Begun) -> Self {
        Self(Arc::new(Mutex::new(State {
            header: None,
            at: begun.body_at(),
            body: crc32fast::Hasher::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether everything of the part has been read.
    pub fn is_at_the_end_of(&self, place: Place) -> bool {
        self.lock().at == place.data_at.saturating_add(place.size)
    }

    /// CRC-32 of the whole part, once it is there. Reads what has not been read of it.
    ///
    /// # Errors
    /// `OutputIo`, `Interrupted`.
    pub fn sum(&self, begun: &Begun, place: Place, copy: &Input, control: &Control) -> Result<u32> {
        let State {
            header,
            at,
            mut body,
        } = self.lock().clone();
        let mut sum = crc32fast::Hasher::new();
        match header {
            Some(header) => sum.update(&header),
            None => add(&mut sum, copy, place.data_at, begun.body_at(), control)?,
        }
        add(
            &mut body,
            copy,
            at,
            place.data_at.saturating_add(place.size),
            control,
        )?;
        sum.combine(&body);
        Ok(sum.finalize())
    }
}

/// Adds these bytes of a file to a checksum.
///
/// # Errors
/// `OutputIo`, `Interrupted`.
pub(super) fn add(
    sum: &mut crc32fast::Hasher,
    copy: &Input,
    from: u64,
    to: u64,
    control: &Control,
) -> Result<()> {
    let mut buffer = vec![0; 1 << 18];
    let mut at = from;
    while at < to {
        let now = usize::try_from(to - at)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let bytes = buffer.get_mut(..now).unwrap_or_default();
        copy.read_exact_at(at, bytes)?;
        sum.update(bytes);
        at += now as u64;
        control.check()?;
    }
    Ok(())
}

/// The bytes behind the SecureTar header, as far as they are written.
struct Body {
    copy: Arc<Input>,
    place: Arc<OnceLock<Place>>,
    seen: Seen,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut seen = self.seen.lock();
        let end = self.place.get().map(|place| place.data_at + place.size);
        let left = end.map_or(u64::MAX, |end| end.saturating_sub(seen.at));
        let now = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let bytes = buffer.get_mut(..now).unwrap_or_default();
        self.copy
            .read_exact_at(seen.at, bytes)
            .map_err(Error::into_io)?;
        seen.body.update(bytes);
        seen.at += now as u64;
        Ok(now)
    }
}

enum Stream {
    Plain(Body),
    Encrypted(Box<Decrypter<Body>>),
}

/// The archive in a part, decrypted as it is written.
pub(super) struct Growing {
    begun: Begun,
    stream: Stream,
    copy: Arc<Input>,
    compressed: bool,
    seen: Seen,
    is_settled: bool,
    control: Control,
}

impl Growing {
    /// `compressed` is what the name of the part states. Reading waits for what is not written yet.
    ///
    /// # Errors
    /// `Password` if it is encrypted and there is no key; the errors of deriving one.
    pub fn new(
        begun: &Begun,
        copy: &Arc<Input>,
        compressed: bool,
        seen: &Seen,
        id: &str,
        keys: Option<&KeyRing>,
        control: &Control,
    ) -> Result<Self> {
        let body = Body {
            copy: Arc::clone(copy),
            place: Arc::clone(&begun.place),
            seen: seen.clone(),
        };
        let stream = match &begun.header {
            None => Stream::Plain(body),
            Some(header) => {
                let keys = keys.ok_or_else(|| open::missing_password(id))?;
                let decrypter = Decrypter::growing(body, header, keys, compressed)?;
                Stream::Encrypted(Box::new(decrypter))
            }
        };
        Ok(Self {
            begun: begun.clone(),
            stream,
            copy: Arc::clone(copy),
            compressed,
            seen: seen.clone(),
            is_settled: false,
            control: control.clone(),
        })
    }

    /// Waits until the next step can be read. When the whole part is there, takes its sizes from its
    /// header, which must be the one that was announced.
    fn prepare(&mut self) -> Result<()> {
        if self.is_settled {
            return Ok(());
        }
        let enough = self.seen.lock().at + LARGEST_READ as u64;
        let Some(place) = self.begun.wait_for(enough, &self.control)? else {
            return Ok(());
        };
        let found = open::layer_at(&self.copy, place.data_at, place.size, self.compressed)??;
        match (&mut self.stream, found) {
            (Stream::Plain(_), Layer::Plain) => {}
            (Stream::Encrypted(decrypter), Layer::Secure(found)) => {
                let size = found.plaintext_size().unwrap_or_default();
                let announced = self.begun.header.clone();
                if announced
                    .map(|header| header.with_plaintext_size(size))
                    .as_ref()
                    != Some(&found)
                {
                    return Err(failed("its SecureTar header is another one"));
                }
                let ciphertext = place.size - found.len() as u64;
                decrypter.settle(&found, ciphertext)?;
                self.seen.lock().header = Some(found.to_bytes());
            }
            _ => return Err(failed("its encryption is another one")),
        }
        self.is_settled = true;
        Ok(())
    }
}

impl Read for Growing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.prepare().map_err(Error::into_io)?;
        let most = buffer.len().min(LARGEST_READ);
        let buffer = buffer.get_mut(..most).unwrap_or_default();
        match &mut self.stream {
            Stream::Plain(body) => body.read(buffer),
            Stream::Encrypted(decrypter) => decrypter.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::crypt::{Encrypter, Password};
    use crate::format::tar::block::padding;
    use crate::rewrite::Output;

    const MIB: usize = 1 << 20;

    /// The bytes of a part as a writer makes them, and its header.
    fn part(data: &[u8], keys: &KeyRing, version: u8) -> (Vec<u8>, Option<SecureHeader>) {
        let encrypter = match version {
            0 => return (data.to_vec(), None),
            2 => Encrypter::new_v2(Vec::new(), keys),
            _ => Encrypter::new_v3(Vec::new(), keys, &keys.new_v3_salts().unwrap()),
        };
        let mut encrypter = encrypter.unwrap();
        let header = encrypter.header(data.len() as u64);
        encrypter.write_all(data).unwrap();
        let body = encrypter.finish().unwrap().0;
        ([header.to_bytes(), body].concat(), Some(header))
    }

    /// Writes a part step by step, as the writer of a copy does, while another thread reads it.
    /// Returns what that thread gets, and the checksum of what it has seen.
    fn followed(
        part: &[u8],
        header: Option<&SecureHeader>,
        keys: &KeyRing,
        step: usize,
    ) -> Result<(Vec<u8>, u32)> {
        let (control, begin) = (Control::default(), 512);
        let folder = tempfile::tempdir().unwrap();
        let mut output = Output::scratch(folder.path()).unwrap();
        let (copy, growth) = (output.read_back().unwrap(), output.growth());
        let unknown = header.map(|header| header.clone().with_plaintext_size(0));
        let begun = Begun::new(0, begin, unknown, Arc::clone(&growth));
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| {
                let (seen, id, keys) = (Seen::new(&begun), "part", Some(keys));
                let mut growing = Growing::new(&begun, &copy, true, &seen, id, keys, &control)?;
                let mut read = Vec::new();
                growing.read_to_end(&mut read).map_err(Error::from_read)?;
                let place = begun.wait(&control)?;
                assert!(seen.is_at_the_end_of(place));
                Ok((read, seen.sum(&begun, place, &copy, &control)?))
            });
            let body = header.map_or(0, SecureHeader::len);
            output.zeros(begin + body as u64).unwrap();
            for piece in part[body..].chunks(step) {
                output.append(piece).unwrap();
            }
            output.patch(begin, &part[..body]).unwrap();
            let size = part.len() as u64;
            begun.complete(Place {
                part: 0,
                data_at: begin,
                size,
            });
            output.zeros(padding(size)).unwrap();
            reading.join().unwrap()
        })
    }

    #[test]
    fn a_part_is_read_while_it_grows() {
        let keys = KeyRing::new(Password::new("growing".into()));
        let lengths = [
            0,
            100,
            MIB,
            2 * MIB - 300,
            3 * MIB - 1,
            3 * MIB,
            3 * MIB + 1,
            5 * MIB - 17,
        ];
        for len in lengths {
            let mut data: Vec<u8> = (0..len).map(|at| (at * at / 7 % 251) as u8).collect();
            // What is not encrypted is told by its first bytes.
            let start = data.get_mut(..4);
            let versions = if start.is_some() {
                &[0, 2, 3][..]
            } else {
                &[2, 3]
            };
            start
                .into_iter()
                .for_each(|start| start.copy_from_slice(b"\x1f\x8b\x08\0"));
            for &version in versions {
                let (part, header) = part(&data, &keys, version);
                for step in [70_000, MIB, 8 * MIB] {
                    let (read, sum) = followed(&part, header.as_ref(), &keys, step).unwrap();
                    assert!(read == data, "{len} bytes, version {version}, {step}");
                    assert_eq!(sum, crc32fast::hash(&part));
                }
            }
        }
    }

    #[test]
    fn a_header_that_was_not_announced_is_a_failure() {
        let keys = KeyRing::new(Password::new("growing".into()));
        let data = vec![7; 2 * MIB];
        for version in [2, 3] {
            let (mut part, header) = part(&data, &keys, version);
            for at in [9, 20, 40] {
                part[at] ^= 1;
                assert!(
                    followed(&part, header.as_ref(), &keys, MIB).is_err(),
                    "{at}"
                );
                part[at] ^= 1;
            }
        }
    }
}
