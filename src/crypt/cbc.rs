//! SecureTar v1 and v2: AES-128 in CBC mode (NIST SP 800-38A §6.2), with PKCS#7
//! padding (RFC 5652 §6.3) in v2.

use std::io::{self, Read, Write};

use aes::Aes128;
use cbc::cipher::array::Array;
use cbc::cipher::consts::U16;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};

use super::CryptError;
use super::key::{KeyRing, random};
use crate::format::securetar::{CIPHER_BLOCK, SecureHeader};
use crate::pipe::read_full;

/// How much is decrypted or encrypted at a time: many whole blocks keep the processor's AES units
/// busy, and this size still fits into the second-level cache.
const STEP: usize = 256 * 1024;

type Blocks = Array<u8, U16>;

/// How the ciphertext must end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    /// v1: no rule; every byte is returned.
    Open,
    /// v2: PKCS#7 padding of exactly this many bytes.
    Padded(usize),
}

/// Decrypts a CBC stream of known length step by step.
///
/// The last block of a padded stream is returned in its own step, so that a caller sees the first
/// bytes, and can recognise a wrong password, before the padding is checked. Memory: one step,
/// reused.
pub(super) struct CbcReader<R> {
    reader: R,
    cipher: cbc::Decryptor<Aes128>,
    ending: Ending,
    buffer: Vec<u8>,
    ready: (usize, usize),
    /// Ciphertext not yet read.
    left: u64,
    /// Ciphertext read so far.
    read: u64,
    /// Bytes after it that are no whole block, at the end of a stream that is cut off.
    odd: u64,
    header_len: u64,
}

impl<R: Read> CbcReader<R> {
    pub(super) fn new(
        reader: R,
        keys: &KeyRing,
        salt: &[u8; 16],
        len: u64,
        ending: Ending,
        header_len: u64,
    ) -> Self {
        Self {
            reader,
            cipher: cbc::Decryptor::new(keys.cbc_key().bytes().into(), &keys.cbc_iv(salt).into()),
            ending,
            buffer: Vec::new(),
            ready: (0, 0),
            left: len,
            read: 0,
            odd: 0,
            header_len,
        }
    }

    /// Sets the length and the ending, which were not known before; false if more has been read.
    pub(super) fn settle(&mut self, len: u64, ending: Ending) -> bool {
        let least = match ending {
            Ending::Open => 0,
            // The block with the padding.
            Ending::Padded(_) => CIPHER_BLOCK as u64,
        };
        let left = len.checked_sub(self.read).filter(|left| *left >= least);
        self.ending = ending;
        self.left = left.unwrap_or_default();
        left.is_some()
    }

    #[cfg(test)]
    pub(super) fn source(&self) -> &R {
        &self.reader
    }

    pub(super) fn into_reader(self) -> R {
        self.reader
    }

    /// Plaintext that is ready to be read; empty only at the end.
    pub(super) fn fill(&mut self) -> io::Result<&[u8]> {
        while self.ready.0 == self.ready.1 && self.left > 0 {
            let mut buffer = std::mem::take(&mut self.buffer);
            if buffer.len() != STEP {
                buffer = vec![0; STEP];
            }
            let stepped = self.step(&mut buffer);
            self.buffer = buffer;
            self.ready = (0, stepped?);
        }
        Ok(self
            .buffer
            .get(self.ready.0..self.ready.1)
            .unwrap_or_default())
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.ready.0 = self.ready.0.saturating_add(n).min(self.ready.1);
    }

    /// Decrypts a step directly into the caller's buffer; returns 0 if [`CbcReader::fill`] must be
    /// used.
    pub(super) fn read_direct(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let pending = self.ready.0 < self.ready.1;
        if pending || self.left <= CIPHER_BLOCK as u64 || out.len() < STEP {
            Ok(0)
        } else {
            self.step(out)
        }
    }

    /// The bytes of the last block, while it has to wait because it contains the padding.
    fn held_back(&self) -> u64 {
        let padded = matches!(self.ending, Ending::Padded(_));
        if padded && self.left > CIPHER_BLOCK as u64 {
            CIPHER_BLOCK as u64
        } else {
            0
        }
    }

    /// Reads and decrypts into `room`, which has space for a step; returns the number of plaintext
    /// bytes.
    fn step(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let want = (self.left - self.held_back()).min(STEP as u64) as usize;
        let Some(room) = room.get_mut(..want) else {
            return Ok(0);
        };
        let got = read_full(&mut self.reader, room)?;
        // A stream that is cut off gives its whole blocks first.
        let whole = got - got % CIPHER_BLOCK;
        if got < want && whole == 0 {
            let there = self.odd + got as u64;
            let offset = self.header_len + self.read + there;
            let missing = self.left - there;
            return Err(CryptError::Truncated { offset, missing }.into());
        }
        self.odd = (got - whole) as u64;
        let (want, Some(room)) = (whole, room.get_mut(..whole)) else {
            return Ok(0);
        };
        self.cipher
            .decrypt_blocks(Blocks::slice_as_chunks_mut(room).0);
        let end = match self.ending {
            Ending::Padded(length) if self.left == want as u64 => {
                let offset = self.header_len + self.read;
                unpadded_len(room, length).ok_or(CryptError::BadPadding { offset })?
            }
            _ => want,
        };
        self.left -= want as u64;
        self.read += want as u64;
        Ok(end)
    }
}

/// The length without padding, if the last bytes are `length` times `length`.
fn unpadded_len(data: &[u8], length: usize) -> Option<usize> {
    let end = data.len().checked_sub(length)?;
    let padding = data.get(end..)?;
    (length > 0 && padding.iter().all(|&b| usize::from(b) == length)).then_some(end)
}

/// Encrypts a CBC stream with PKCS#7 padding. Memory: one step.
pub(super) struct CbcWriter {
    cipher: cbc::Encryptor<Aes128>,
    salt: [u8; 16],
    /// Plaintext that is not encrypted yet.
    buffer: Vec<u8>,
}

impl CbcWriter {
    /// Draws a fresh salt, so that no two streams share an initialisation vector.
    pub(super) fn new(keys: &KeyRing) -> Result<Self, CryptError> {
        let salt = random()?;
        Ok(Self {
            cipher: cbc::Encryptor::new(keys.cbc_key().bytes().into(), &keys.cbc_iv(&salt).into()),
            salt,
            buffer: Vec::with_capacity(STEP + CIPHER_BLOCK),
        })
    }

    pub(super) fn header(&self, plaintext_size: u64) -> SecureHeader {
        SecureHeader::V2 {
            plaintext_size,
            reserved: [0; 8],
            salt: self.salt,
        }
    }

    /// Takes as much of `data` as fits into the step, after writing out a full one.
    pub(super) fn write<W: Write>(&mut self, writer: &mut W, data: &[u8]) -> io::Result<usize> {
        if self.buffer.len() == STEP {
            self.pass_on(writer)?;
        }
        let room = STEP - self.buffer.len();
        let taken = data.get(..room).unwrap_or(data);
        self.buffer.extend_from_slice(taken);
        Ok(taken.len())
    }

    pub(super) fn finish<W: Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let length = CIPHER_BLOCK - self.buffer.len() % CIPHER_BLOCK;
        // At most 16, so it fits into a byte.
        self.buffer.resize(self.buffer.len() + length, length as u8);
        self.pass_on(writer)
    }

    fn pass_on<W: Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.cipher
            .encrypt_blocks(Blocks::slice_as_chunks_mut(&mut self.buffer).0);
        writer.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}
