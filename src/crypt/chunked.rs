//! SecureTar v3: plaintext divided into chunks of 1 MiB, each sealed by secretstream.

use std::io::{self, Read, Write};

use rayon::prelude::*;

use super::CryptError;
use super::key::KeyRing;
use super::secretstream::{
    ChunkKey, Forged, MAC_LEN, StreamState, TAG_LEN, Tag, decrypt_chunk, decrypt_message,
};
use crate::format::securetar::{CHUNK, CHUNK_OVERHEAD, SecureHeader, V3Salts};
use crate::pipe::read_full;

/// Bytes of a full sealed chunk.
const SEALED: usize = CHUNK + CHUNK_OVERHEAD;

/// One chunk of the current batch.
struct Slot {
    /// Where its message starts in the buffer.
    start: usize,
    end: usize,
    result: Result<Tag, Forged>,
}

/// Opens a v3 stream batch by batch.
///
/// Reads exactly the bytes that the header's plaintext size requires. Memory: `batch` sealed
/// chunks, reused.
pub(super) struct ChunkReader<R> {
    reader: R,
    state: StreamState,
    buffer: Vec<u8>,
    batch: usize,
    slots: Vec<Slot>,
    /// The slot that is returned next.
    next_slot: usize,
    /// Message bytes that are ready, as a range of the buffer.
    ready: (usize, usize),
    /// Plaintext not yet read from the stream.
    unread: u64,
    /// Plaintext in chunks whose position was not checked yet.
    unchecked: u64,
    /// The number of the next chunk to check.
    index: u64,
    header_len: u64,
    /// The stream failed here; the error is returned after the chunks before it.
    stopped: Option<CryptError>,
    done: bool,
}

impl<R: Read> ChunkReader<R> {
    /// `ciphertext_len` must be enough for `plaintext_size`; the caller checks this.
    pub(super) fn new(reader: R, state: StreamState, plaintext_size: u64, header_len: u64) -> Self {
        Self {
            reader,
            state,
            buffer: Vec::new(),
            batch: 1,
            slots: Vec::new(),
            next_slot: 0,
            ready: (0, 0),
            unread: plaintext_size,
            unchecked: plaintext_size,
            index: 0,
            header_len,
            stopped: None,
            done: false,
        }
    }

    pub(super) fn set_batch(&mut self, batch: usize) {
        self.batch = batch.max(1);
    }

    /// Sets the size of the plaintext, which was not known before and was taken for `assumed`; false
    /// if more has been read.
    pub(super) fn settle(&mut self, assumed: u64, plaintext_size: u64) -> bool {
        let settled = |left: u64| plaintext_size.checked_sub(assumed.saturating_sub(left));
        match (settled(self.unread), settled(self.unchecked)) {
            // Only a stream without any plaintext has an empty chunk at its end.
            (Some(unread), Some(unchecked)) if unread > 0 || self.unread == assumed => {
                (self.unread, self.unchecked) = (unread, unchecked);
                true
            }
            _ => false,
        }
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
        while self.ready.0 == self.ready.1 && !self.done {
            if self.next_slot < self.slots.len() {
                self.take_slot()?;
            } else if let Some(error) = &self.stopped {
                return Err(error.clone().into());
            } else {
                self.read_batch()?;
            }
        }
        Ok(self
            .buffer
            .get(self.ready.0..self.ready.1)
            .unwrap_or_default())
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.ready.0 = self.ready.0.saturating_add(n).min(self.ready.1);
    }

    /// Checks the position of the next chunk and makes its message available.
    fn take_slot(&mut self) -> io::Result<()> {
        let Some(slot) = self.slots.get(self.next_slot) else {
            return Ok(());
        };
        let ready = (slot.start, slot.end);
        self.judge(slot.result, ready.1 - ready.0)?;
        self.ready = ready;
        self.next_slot += 1;
        Ok(())
    }

    /// Whether a chunk with a message of `len` bytes is allowed at this position.
    fn judge(&mut self, result: Result<Tag, Forged>, len: usize) -> io::Result<()> {
        let (index, offset) = (self.index, self.offset_of(self.index));
        let missing = self.unchecked.saturating_sub(len as u64);
        let last = missing == 0;
        match result {
            Ok(Tag::Final) if last => self.done = true,
            Ok(Tag::Message) if !last => {}
            Ok(Tag::Final) => {
                return Err(CryptError::EarlyFinal {
                    index,
                    offset,
                    missing,
                }
                .into());
            }
            Ok(Tag::Message) => return Err(CryptError::MissingFinal { index, offset }.into()),
            Ok(_) => return Err(CryptError::UnexpectedTag { index, offset }.into()),
            Err(Forged) => return Err(CryptError::BadChunk { index, offset }.into()),
        }
        self.unchecked = missing;
        self.index += 1;
        Ok(())
    }

    /// Opens the next chunk directly in the caller's buffer; returns 0 if [`ChunkReader::fill`]
    /// must be used: at the end, if there is less room than for a full chunk, and if several chunks
    /// are opened at a time.
    pub(super) fn read_direct(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let pending = self.ready.0 < self.ready.1
            || self.next_slot < self.slots.len()
            || self.stopped.is_some();
        let Some(message) = out
            .get_mut(..CHUNK)
            .filter(|_| !pending && self.batch == 1 && self.unread >= CHUNK as u64)
        else {
            return Ok(0);
        };
        let (mut tag, mut mac) = ([0; TAG_LEN], [0; MAC_LEN]);
        let mut got = read_full(&mut self.reader, &mut tag)?;
        got += read_full(&mut self.reader, message)?;
        got += read_full(&mut self.reader, &mut mac)?;
        if got < SEALED {
            return Err(self.cut_off(got, SEALED).into());
        }
        self.unread -= CHUNK as u64;
        let [tag] = &tag;
        let result = decrypt_message(&self.state.advance(Tag::Message, &mac), tag, message, &mac);
        self.judge(result, CHUNK)?;
        Ok(CHUNK)
    }

    fn offset_of(&self, index: u64) -> u64 {
        self.header_len
            .saturating_add(index.saturating_mul(SEALED as u64))
    }

    /// Reads up to `batch` chunks and opens them, in parallel if there are several.
    fn read_batch(&mut self) -> io::Result<()> {
        self.slots.clear();
        self.next_slot = 0;
        let want = self.batch_len();
        if self.buffer.len() < want {
            self.buffer = vec![0; want];
        }
        let Some(room) = self.buffer.get_mut(..want) else {
            return Ok(());
        };
        let got = read_full(&mut self.reader, room)?;
        if got < want {
            self.stopped = Some(self.cut_off(got, want));
        }
        // A chunk that is cut short cannot be opened and is not returned.
        let usable = if got < want {
            got / SEALED * SEALED
        } else {
            want
        };
        self.unread = self.unread.saturating_sub(self.plain_in(usable));
        self.open_chunks(usable);
        Ok(())
    }

    /// The error for a stream that ends after `got` of the next `want` bytes.
    fn cut_off(&self, got: usize, want: usize) -> CryptError {
        let offset = self.offset_of(self.index).saturating_add(got as u64);
        let missing =
            (want - got) as u64 + sealed_len(self.unread.saturating_sub(self.plain_in(want)));
        CryptError::Truncated { offset, missing }
    }

    /// Ciphertext bytes of the next batch.
    fn batch_len(&self) -> usize {
        let plain = self.unread.min((self.batch * CHUNK) as u64) as usize;
        plain + plain.div_ceil(CHUNK).max(1) * CHUNK_OVERHEAD
    }

    /// Plaintext in `sealed` bytes of sealed chunks.
    fn plain_in(&self, sealed: usize) -> u64 {
        (sealed - sealed.div_ceil(SEALED) * CHUNK_OVERHEAD) as u64
    }

    fn open_chunks(&mut self, len: usize) {
        let Some(sealed) = self.buffer.get_mut(..len) else {
            return;
        };
        let mut work: Vec<(ChunkKey, &mut [u8])> = Vec::with_capacity(self.batch);
        for chunk in sealed.chunks_mut(SEALED) {
            let Some(mac) = chunk.last_chunk::<MAC_LEN>() else {
                continue;
            };
            // Only the last chunk may have another tag, and nothing follows it.
            work.push((self.state.advance(Tag::Message, mac), chunk));
        }
        let open = |(start, (key, chunk)): (usize, (ChunkKey, &mut [u8]))| Slot {
            start: start * SEALED + TAG_LEN,
            end: start * SEALED + chunk.len() - MAC_LEN,
            result: decrypt_chunk(&key, chunk),
        };
        if work.len() > 1 {
            self.slots
                .par_extend(work.into_par_iter().enumerate().map(open));
        } else {
            self.slots.extend(work.into_iter().enumerate().map(open));
        }
    }
}

/// Ciphertext bytes for `plain` more bytes; zero bytes need no chunk.
fn sealed_len(plain: u64) -> u64 {
    plain.saturating_add(
        plain
            .div_ceil(CHUNK as u64)
            .saturating_mul(CHUNK_OVERHEAD as u64),
    )
}

/// Seals a v3 stream chunk by chunk.
///
/// A full chunk is held until more data or the end arrives, because the last one, full or not, has
/// the FINAL tag. Memory: one sealed chunk.
pub(super) struct ChunkWriter {
    state: StreamState,
    salts: V3Salts,
    derivation_salt: [u8; 16],
    stream_header: [u8; 24],
    /// The space for the tag, the message so far, and later the MAC.
    buffer: Vec<u8>,
}

impl ChunkWriter {
    /// Draws a fresh derivation salt and stream header, so that no two streams ever share a key.
    pub(super) fn new(keys: &KeyRing, salts: &V3Salts) -> Result<Self, CryptError> {
        let (derivation_salt, stream_header) = (super::key::random()?, super::key::random()?);
        let key = keys.stream_key(salts, &derivation_salt)?;
        let mut buffer = Vec::with_capacity(SEALED);
        buffer.push(0);
        Ok(Self {
            state: StreamState::new(key.bytes(), &stream_header),
            salts: *salts,
            derivation_salt,
            stream_header,
            buffer,
        })
    }

    pub(super) fn header(&self, plaintext_size: u64) -> SecureHeader {
        SecureHeader::V3 {
            plaintext_size,
            reserved: [0; 8],
            salts: self.salts,
            derivation_salt: self.derivation_salt,
            stream_header: self.stream_header,
        }
    }

    /// Takes as much of `data` as fits into the chunk, after writing out a full one.
    pub(super) fn write<W: Write>(&mut self, writer: &mut W, data: &[u8]) -> io::Result<usize> {
        if self.buffer.len() == TAG_LEN + CHUNK {
            self.seal(writer, Tag::Message)?;
        }
        let room = TAG_LEN + CHUNK - self.buffer.len();
        let taken = data.get(..room).unwrap_or(data);
        self.buffer.extend_from_slice(taken);
        Ok(taken.len())
    }

    pub(super) fn finish<W: Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.seal(writer, Tag::Final)
    }

    fn seal<W: Write>(&mut self, writer: &mut W, tag: Tag) -> io::Result<()> {
        self.buffer.extend_from_slice(&[0; MAC_LEN]);
        if !self.state.seal(tag, &mut self.buffer) {
            return Err(CryptError::Poisoned.into());
        }
        writer.write_all(&self.buffer)?;
        self.buffer.truncate(TAG_LEN);
        Ok(())
    }
}
