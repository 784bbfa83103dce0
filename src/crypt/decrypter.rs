//! One reader for the ciphertext of every version.

use std::fmt;
use std::io::{self, BufRead, Read};

use super::CryptError;
use super::cbc::{CbcReader, Ending};
use super::chunked::ChunkReader;
use super::key::KeyRing;
use super::secretstream::StreamState;
use crate::format::securetar::{
    CHUNK, CHUNK_OVERHEAD, CIPHER_BLOCK, SecureHeader, Version, ciphertext_len, looks_plain,
};

/// The most ciphertext that is read at once: a chunk of version 3, or some blocks with the last one.
pub const LARGEST_READ: usize = CHUNK + CHUNK_OVERHEAD;
/// The size that is assumed while it is not known: whole chunks, and more than any file has.
const UNKNOWN: u64 = (CHUNK as u64) << 40;

/// Reads the plaintext of one encrypted member: a gzip or tar stream.
///
/// Bytes are returned in order, each only after its chunk was authenticated (v3); CBC (v1, v2) has
/// no authentication. An error is final: further reads repeat it. The stream is complete only if
/// [`Decrypter::finish`] succeeds. Memory: 256 KiB for v1 and v2, 1 MiB per chunk of a batch for
/// v3; allocated once.
pub struct Decrypter<R> {
    inner: Inner<R>,
    /// Bytes returned so far.
    position: u64,
    trailing: u64,
    compressed: bool,
    failed: Option<CryptError>,
}

enum Inner<R> {
    Cbc(Box<CbcReader<R>>),
    Chunks(Box<ChunkReader<R>>),
}

/// The end of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Total bytes of plaintext.
    pub plaintext_len: u64,
    /// Bytes of plaintext that the caller had not read before `finish`.
    pub unread: u64,
    /// Ciphertext bytes after the final chunk of a v3 stream, which every reader ignores. They are
    /// worth a warning and are not read.
    pub trailing: u64,
}

impl<R> fmt::Debug for Decrypter<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decrypter")
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl<R: Read> Decrypter<R> {
    /// Prepares to read `ciphertext_len` bytes of ciphertext from `reader`, which is positioned
    /// after the header. `compressed` is what the member's name states.
    ///
    /// The password is checked first if the version allows it (v3), then the lengths; no data is
    /// read.
    ///
    /// # Errors
    /// `WrongPassword`, `TooManySalts` or `Derivation` from the keys; `Truncated`, `SizeMismatch`
    /// or `NotWholeBlocks` if the length cannot be right.
    pub fn new(
        reader: R,
        header: &SecureHeader,
        ciphertext_len: u64,
        keys: &KeyRing,
        compressed: bool,
    ) -> Result<Self, CryptError> {
        let mut decrypter = Self::growing(reader, header, keys, compressed)?;
        decrypter.settle(header, ciphertext_len)?;
        Ok(decrypter)
    }

    /// Prepares to read a member that is still being written, so that its sizes are not known. The
    /// header counts without its size.
    ///
    /// Until [`Decrypter::settle`] is called, nothing may be read unless more than [`LARGEST_READ`]
    /// bytes of ciphertext follow those that the reader has given.
    ///
    /// # Errors
    /// `WrongPassword`, `TooManySalts` or `Derivation` from the keys.
    pub fn growing(
        reader: R,
        header: &SecureHeader,
        keys: &KeyRing,
        compressed: bool,
    ) -> Result<Self, CryptError> {
        let header_len = header.len() as u64;
        let inner = match header {
            SecureHeader::V1 { salt } | SecureHeader::V2 { salt, .. } => {
                let reader = CbcReader::new(reader, keys, salt, UNKNOWN, Ending::Open, header_len);
                Inner::Cbc(Box::new(reader))
            }
            SecureHeader::V3 {
                salts,
                derivation_salt,
                stream_header,
                ..
            } => {
                let key = keys.stream_key(salts, derivation_salt)?;
                let state = StreamState::new(key.bytes(), stream_header);
                Inner::Chunks(Box::new(ChunkReader::new(
                    reader, state, UNKNOWN, header_len,
                )))
            }
        };
        Ok(Self {
            inner,
            position: 0,
            trailing: 0,
            compressed,
            failed: None,
        })
    }

    /// Sets the sizes of a member that [`Decrypter::growing`] began to read. To be called once.
    ///
    /// # Errors
    /// `Truncated`, `SizeMismatch` or `NotWholeBlocks` if the length cannot be right.
    pub fn settle(&mut self, header: &SecureHeader, ciphertext_len: u64) -> Result<(), CryptError> {
        let size = header.plaintext_size().unwrap_or(ciphertext_len);
        let ending = match header {
            SecureHeader::V1 { .. } => {
                whole_blocks(ciphertext_len)?;
                Ending::Open
            }
            SecureHeader::V2 { .. } => Ending::Padded(padding(size, ciphertext_len)?),
            SecureHeader::V3 { .. } => {
                self.trailing = beyond(size, ciphertext_len, header.len() as u64)?;
                Ending::Open
            }
        };
        let fits = match &mut self.inner {
            Inner::Cbc(inner) => inner.settle(ciphertext_len, ending),
            Inner::Chunks(inner) => inner.settle(UNKNOWN, size),
        };
        if fits {
            return Ok(());
        }
        Err(CryptError::SizeMismatch {
            plaintext_size: size,
            ciphertext_len,
        })
    }

    /// Allows `chunks` chunks of v3 to be decrypted in parallel on rayon's threads, at the cost of
    /// 1 MiB each. Other versions are fast enough without it.
    #[must_use]
    pub fn with_batch(mut self, chunks: usize) -> Self {
        if let Inner::Chunks(inner) = &mut self.inner {
            inner.set_batch(chunks);
        }
        self
    }

    /// Whether the plaintext begins like the stream that the name states.
    ///
    /// Must be called before anything is read. `false` means a wrong password or damage, which
    /// cannot be distinguished for v1 and v2 without another part.
    ///
    /// # Errors
    /// The same as for reading, but a stream of one block with bad padding returns `false`.
    pub fn starts_plain(&mut self) -> io::Result<bool> {
        let compressed = self.compressed;
        match self.fill_buf() {
            Ok(first) => Ok(looks_plain(first, compressed)),
            Err(e) if matches!(CryptError::in_io(&e), Some(CryptError::BadPadding { .. })) => {
                Ok(false)
            }
            Err(e) => Err(e),
        }
    }

    /// Reads the rest and checks that the stream ends as its version requires: v3 with the FINAL
    /// chunk exactly at the position that the header's size determines, v2 with the padding for
    /// that size, v1 after its last whole block.
    ///
    /// # Errors
    /// A [`CryptError`] inside the [`io::Error`], or the reader's own error.
    pub fn finish(mut self) -> io::Result<(R, End)> {
        let before = self.position;
        loop {
            let ready = self.fill_buf()?.len();
            if ready == 0 {
                break;
            }
            self.consume(ready);
        }
        let end = End {
            plaintext_len: self.position,
            unread: self.position - before,
            trailing: self.trailing,
        };
        let reader = match self.inner {
            Inner::Cbc(inner) => inner.into_reader(),
            Inner::Chunks(inner) => inner.into_reader(),
        };
        Ok((reader, end))
    }

    #[cfg(test)]
    pub(super) fn source(&self) -> &R {
        match &self.inner {
            Inner::Cbc(inner) => inner.source(),
            Inner::Chunks(inner) => inner.source(),
        }
    }

    /// Bytes of plaintext returned so far.
    pub fn position(&self) -> u64 {
        self.position
    }
}

impl<R: Read> BufRead for Decrypter<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if let Some(error) = &self.failed {
            return Err(error.clone().into());
        }
        let filled = match &mut self.inner {
            Inner::Cbc(inner) => inner.fill(),
            Inner::Chunks(inner) => inner.fill(),
        };
        if let Err(error) = &filled {
            self.failed = Some(lasting(error));
        }
        filled
    }

    fn consume(&mut self, n: usize) {
        self.position = self.position.saturating_add(n as u64);
        match &mut self.inner {
            Inner::Cbc(inner) => inner.consume(n),
            Inner::Chunks(inner) => inner.consume(n),
        }
    }
}

impl<R: Read> Read for Decrypter<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.failed.is_none() {
            // A buffer with room for a whole step is filled without a copy.
            let direct = match &mut self.inner {
                Inner::Cbc(inner) => inner.read_direct(out),
                Inner::Chunks(inner) => inner.read_direct(out),
            };
            let n = direct.inspect_err(|error| self.failed = Some(lasting(error)))?;
            if n > 0 {
                self.position = self.position.saturating_add(n as u64);
                return Ok(n);
            }
        }
        let n = self.fill_buf()?.read(out)?;
        self.consume(n);
        Ok(n)
    }
}

/// The error for further reads: an error from another source than this module cannot be repeated.
fn lasting(error: &io::Error) -> CryptError {
    CryptError::in_io(error)
        .cloned()
        .unwrap_or(CryptError::Poisoned)
}

fn whole_blocks(ciphertext_len: u64) -> Result<(), CryptError> {
    if ciphertext_len == 0 || !ciphertext_len.is_multiple_of(CIPHER_BLOCK as u64) {
        return Err(CryptError::NotWholeBlocks { ciphertext_len });
    }
    Ok(())
}

/// The padding that a v2 stream of these lengths must have, from 1 to 16.
fn padding(plaintext_size: u64, len: u64) -> Result<usize, CryptError> {
    whole_blocks(len)?;
    let mismatch = CryptError::SizeMismatch {
        plaintext_size,
        ciphertext_len: len,
    };
    if ciphertext_len(Version::V2, plaintext_size) != len {
        return Err(mismatch);
    }
    usize::try_from(len - plaintext_size).map_err(|_| mismatch)
}

/// Ciphertext bytes beyond those that the plaintext size of a v3 header requires.
fn beyond(plaintext_size: u64, len: u64, header_len: u64) -> Result<u64, CryptError> {
    let expected = ciphertext_len(Version::V3, plaintext_size);
    len.checked_sub(expected).ok_or(CryptError::Truncated {
        offset: header_len.saturating_add(len),
        missing: expected.saturating_sub(len),
    })
}
