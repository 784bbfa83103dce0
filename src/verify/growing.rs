//! Reads a part of a copy that is still being written.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::compare::failed;
use crate::crypt::{Decrypter, KeyRing, STEP};
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

/// What a reader of a part has seen of it: where it is in the file, and the checksum up to there of
/// what is behind the SecureTar header.
#[derive(Debug, Clone)]
pub(super) struct Seen(Arc<Mutex<(u64, crc32fast::Hasher)>>);

impl Seen {
    pub fn new(begun: &Begun) -> Self {
        Self(Arc::new(Mutex::new((
            begun.body_at(),
            crc32fast::Hasher::new(),
        ))))
    }

    fn lock(&self) -> MutexGuard<'_, (u64, crc32fast::Hasher)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// CRC-32 of the whole part, once it is there. Reads what has not been read of it.
    ///
    /// # Errors
    /// `OutputIo`, `Interrupted`.
    pub fn sum(&self, begun: &Begun, place: Place, copy: &Input, control: &Control) -> Result<u32> {
        let mut sum = crc32fast::Hasher::new();
        add(&mut sum, copy, place.data_at, begun.body_at(), control)?;
        let (at, mut body) = self.lock().clone();
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
        let left = end.map_or(u64::MAX, |end| end.saturating_sub(seen.0));
        let now = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let bytes = buffer.get_mut(..now).unwrap_or_default();
        self.copy
            .read_exact_at(seen.0, bytes)
            .map_err(Error::into_io)?;
        seen.1.update(bytes);
        seen.0 += now as u64;
        Ok(now)
    }
}

enum Stream {
    Plain(Body),
    Encrypted(Box<Decrypter<Body>>, SecureHeader),
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
    /// `Password` if it is encrypted and there is no key.
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
                Stream::Encrypted(Box::new(decrypter), header.clone())
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
        let enough = self.seen.lock().0 + STEP as u64;
        let Some(place) = self.begun.wait_for(enough, &self.control)? else {
            return Ok(());
        };
        self.is_settled = true;
        let found = open::layer_at(&self.copy, place.data_at, place.size, self.compressed)??;
        match (&mut self.stream, found) {
            (Stream::Plain(_), Layer::Plain) => Ok(()),
            (Stream::Encrypted(decrypter, announced), Layer::Secure(found)) => {
                let size = found.plaintext_size().unwrap_or_default();
                if announced.clone().with_plaintext_size(size) != found {
                    return Err(failed("its SecureTar header is another one"));
                }
                let ciphertext = place.size - found.len() as u64;
                Ok(decrypter.settle(&found, ciphertext)?)
            }
            _ => Err(failed("its encryption is another one")),
        }
    }
}

impl Read for Growing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.prepare().map_err(Error::into_io)?;
        let most = buffer.len().min(STEP);
        let buffer = buffer.get_mut(..most).unwrap_or_default();
        match &mut self.stream {
            Stream::Plain(body) => body.read(buffer),
            Stream::Encrypted(decrypter, _) => decrypter.read(buffer),
        }
    }
}
