//! One writer for the ciphertext of the versions that are still written.

use std::fmt;
use std::io::{self, Write};

use super::CryptError;
use super::cbc::CbcWriter;
use super::chunked::ChunkWriter;
use super::key::KeyRing;
use crate::format::securetar::{SecureHeader, V3Salts};

/// Writes the plaintext of one member as ciphertext, without its header.
///
/// Every encrypter draws its own random salts, and they cannot be set, so that no key stream is
/// ever used twice. The header comes from [`Encrypter::header`] and belongs before the ciphertext.
/// An encrypter dropped before [`Encrypter::finish`] leaves a stream that no reader accepts as
/// complete. Memory: 256 KiB (v2) or 1 MiB (v3).
pub struct Encrypter<W> {
    writer: W,
    inner: Inner,
    plaintext_len: u64,
    poisoned: bool,
}

enum Inner {
    Cbc(Box<CbcWriter>),
    Chunks(Box<ChunkWriter>),
}

impl<W> fmt::Debug for Encrypter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encrypter")
            .field("plaintext_len", &self.plaintext_len)
            .finish_non_exhaustive()
    }
}

impl<W: Write> Encrypter<W> {
    /// Starts a v2 stream with a fresh salt.
    ///
    /// # Errors
    /// `NoRandom` if the system returns no random bytes.
    pub fn new_v2(writer: W, keys: &KeyRing) -> Result<Self, CryptError> {
        Ok(Self::new(
            writer,
            Inner::Cbc(Box::new(CbcWriter::new(keys)?)),
        ))
    }

    /// Starts a v3 stream with the archive's salts, its own derivation salt and its own stream
    /// header.
    ///
    /// # Errors
    /// `WrongPassword` if the salts belong to another password, because the archive would then need
    /// two passwords; `NoRandom`, `TooManySalts`, `Derivation`.
    pub fn new_v3(writer: W, keys: &KeyRing, salts: &V3Salts) -> Result<Self, CryptError> {
        Ok(Self::new(
            writer,
            Inner::Chunks(Box::new(ChunkWriter::new(keys, salts)?)),
        ))
    }

    fn new(writer: W, inner: Inner) -> Self {
        Self {
            writer,
            inner,
            plaintext_len: 0,
            poisoned: false,
        }
    }

    /// The header that belongs before the ciphertext. Its length does not depend on the size, so it
    /// can be written with 0 and patched afterwards; no reader accepts a header with the wrong
    /// size.
    pub fn header(&self, plaintext_size: u64) -> SecureHeader {
        match &self.inner {
            Inner::Cbc(inner) => inner.header(plaintext_size),
            Inner::Chunks(inner) => inner.header(plaintext_size),
        }
    }

    /// Writes the header for a plaintext of this size, which must be known beforehand. Must come
    /// before everything else.
    ///
    /// # Errors
    /// The writer's error.
    pub fn write_header(&mut self, plaintext_size: u64) -> io::Result<()> {
        let header = self.header(plaintext_size).to_bytes();
        self.writer.write_all(&header)
    }

    /// Writes the end of the stream (padding, or the FINAL chunk) and returns the writer, not
    /// flushed, and the number of plaintext bytes that were written.
    ///
    /// # Errors
    /// The writer's error, or `Poisoned` after an earlier failure.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        self.guarded(|inner, writer| match inner {
            Inner::Cbc(inner) => inner.finish(writer),
            Inner::Chunks(inner) => inner.finish(writer),
        })?;
        Ok((self.writer, self.plaintext_len))
    }

    /// Bytes of plaintext written so far.
    pub fn plaintext_len(&self) -> u64 {
        self.plaintext_len
    }

    /// Runs one step; a failed step may have written half of its bytes, so nothing may follow it.
    fn guarded<T>(
        &mut self,
        step: impl FnOnce(&mut Inner, &mut W) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.poisoned {
            return Err(CryptError::Poisoned.into());
        }
        self.poisoned = true;
        let done = step(&mut self.inner, &mut self.writer)?;
        self.poisoned = false;
        Ok(done)
    }
}

impl<W: Write> Write for Encrypter<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if data.is_empty() {
            return Ok(0);
        }
        let taken = self.guarded(|inner, writer| match inner {
            Inner::Cbc(inner) => inner.write(writer, data),
            Inner::Chunks(inner) => inner.write(writer, data),
        })?;
        self.plaintext_len = self.plaintext_len.saturating_add(taken as u64);
        Ok(taken)
    }

    /// Flushes the underlying writer; bytes that do not fill a chunk yet stay in the buffer.
    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
