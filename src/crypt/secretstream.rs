//! libsodium's `crypto_secretstream_xchacha20poly1305`, chunk by chunk.
//!
//! This is own code and not a library's, because it separates the state between chunks from the
//! work on one chunk. The next nonce needs only the MAC of the chunk before it, and that MAC is in
//! the ciphertext, so chunks can be decrypted in parallel.
//!
//! The construction (libsodium documentation, "Encrypting a set of related
//! messages", section "Algorithm"):
//! - key = HChaCha20(stream key, header\[..16\]); nonce = counter (u32 LE, from 1) ‖
//!   header\[16..24\].
//! - Per chunk ChaCha20-IETF (RFC 8439) with that key and nonce: block 0 contains the
//!   Poly1305 key, block 1 encrypts the tag (its first byte is the only one stored),
//!   the blocks from 2 on encrypt the message.
//! - MAC over: the whole 64 bytes of block 1 with the tag in it, the encrypted
//!   message, zeros, then u64 LE 0 (no additional data) and u64 LE (64 + length).
//!   The number of zeros is the length modulo 16, not what would fill up to 16: a
//!   slip in libsodium that became the format.
//! - Stored: tag ‖ message ‖ MAC, 17 bytes more than the message.
//! - Afterwards the last 8 nonce bytes are XORed with the first 8 of the MAC and
//!   the counter goes up by one; a tag with the REKEY bit, or a counter at 0,
//!   replaces key and nonce by their encryption under themselves.

use std::fmt;

use chacha20::cipher::{KeyIvInit, StreamCipher};
use chacha20::{ChaCha20, R20, hchacha};
use poly1305::universal_hash::{KeyInit, UniversalHash};
use poly1305::{Block, Poly1305};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of a stream key.
pub const KEY_LEN: usize = 32;
/// Bytes of a stream header.
pub const HEADER_LEN: usize = 24;
/// Bytes before the message in a sealed chunk.
pub const TAG_LEN: usize = 1;
/// Bytes after the message in a sealed chunk.
pub const MAC_LEN: usize = 16;

/// How much is passed to the cipher and then to the authenticator: small enough to stay in the
/// first-level cache between the two, and a multiple of both block sizes.
const STRIDE: usize = 16 * 1024;

/// The position of a chunk in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// Any chunk.
    Message,
    /// The end of a group of chunks; SecureTar does not use it.
    Push,
    /// The key is replaced after this chunk; SecureTar does not use it.
    Rekey,
    /// The last chunk. Includes the bit of [`Tag::Rekey`].
    Final,
}

impl Tag {
    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Message),
            1 => Some(Self::Push),
            2 => Some(Self::Rekey),
            3 => Some(Self::Final),
            _ => None,
        }
    }

    fn byte(self) -> u8 {
        match self {
            Self::Message => 0,
            Self::Push => 1,
            Self::Rekey => 2,
            Self::Final => 3,
        }
    }

    fn rekeys(self) -> bool {
        matches!(self, Self::Rekey | Self::Final)
    }
}

/// A chunk without the MAC that its contents require.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secretstream chunk is not authentic")]
pub struct Forged;

/// Key and nonce of one chunk; valid only for that chunk.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ChunkKey {
    key: [u8; KEY_LEN],
    /// Counter (4 bytes, little-endian), then the part that changes with each MAC.
    nonce: [u8; 12],
}

impl fmt::Debug for ChunkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChunkKey(…)")
    }
}

/// The current position in a stream: the key and nonce of its next chunk.
pub struct StreamState {
    next: ChunkKey,
}

impl fmt::Debug for StreamState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamState(…)")
    }
}

impl StreamState {
    /// The state before the first chunk; the same for both directions.
    pub fn new(key: &[u8; KEY_LEN], header: &[u8; HEADER_LEN]) -> Self {
        let mut input = [0; 16];
        input.copy_from_slice(&header[..16]);
        let mut nonce = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        nonce[4..].copy_from_slice(&header[16..]);
        let mut derived = hchacha::<R20>(&(*key).into(), &input.into());
        let mut next = ChunkKey {
            key: [0; KEY_LEN],
            nonce,
        };
        next.key.copy_from_slice(&derived);
        derived.zeroize();
        Self { next }
    }

    /// Advances past one chunk, identified by its tag and MAC, and returns its key.
    ///
    /// Nothing is checked here: after a wrong MAC or tag, [`decrypt_chunk`] fails with the
    /// resulting keys.
    pub fn advance(&mut self, tag: Tag, mac: &[u8; MAC_LEN]) -> ChunkKey {
        let passed = self.next.clone();
        self.step(tag, mac);
        passed
    }

    /// Seals one chunk and advances past it. `chunk` contains the message between [`TAG_LEN`] free
    /// bytes before it and [`MAC_LEN`] after it; a slice without this space is left unchanged and
    /// returns `false`.
    #[must_use]
    pub fn seal(&mut self, tag: Tag, chunk: &mut [u8]) -> bool {
        match encrypt_chunk(&self.next, tag, chunk) {
            Some(mac) => {
                self.step(tag, &mac);
                true
            }
            None => false,
        }
    }

    /// Opens one chunk in place and advances past it; see [`decrypt_chunk`].
    ///
    /// # Errors
    /// [`Forged`]; the state stays before that chunk.
    pub fn open(&mut self, chunk: &mut [u8]) -> Result<Tag, Forged> {
        let mac = *chunk.last_chunk::<MAC_LEN>().ok_or(Forged)?;
        let tag = decrypt_chunk(&self.next, chunk)?;
        self.step(tag, &mac);
        Ok(tag)
    }

    fn step(&mut self, tag: Tag, mac: &[u8; MAC_LEN]) {
        let [c0, c1, c2, c3, inner @ ..] = &mut self.next.nonce;
        for (byte, mac) in inner.iter_mut().zip(mac) {
            *byte ^= mac;
        }
        let counter = u32::from_le_bytes([*c0, *c1, *c2, *c3]).wrapping_add(1);
        [*c0, *c1, *c2, *c3] = counter.to_le_bytes();
        if tag.rekeys() || counter == 0 {
            self.rekey();
        }
    }

    /// Encrypts key ‖ inner nonce under themselves; the counter starts over at 1.
    fn rekey(&mut self) {
        let mut cipher = self.next.cipher();
        cipher.apply_keystream(&mut self.next.key);
        cipher.apply_keystream(&mut self.next.nonce[4..]);
        self.next.nonce[..4].copy_from_slice(&[1, 0, 0, 0]);
    }
}

impl ChunkKey {
    fn cipher(&self) -> ChaCha20 {
        ChaCha20::new(&self.key.into(), &self.nonce.into())
    }

    /// The cipher at block 1, and the authenticator with its key from block 0.
    fn start(&self) -> (ChaCha20, Poly1305) {
        let mut cipher = self.cipher();
        let mut block = Zeroizing::new([0u8; 64]);
        cipher.apply_keystream(&mut *block);
        let mut key = Zeroizing::new([0u8; 32]);
        key.iter_mut()
            .zip(block.iter())
            .for_each(|(to, from)| *to = *from);
        (cipher, Poly1305::new(&(*key).into()))
    }
}

/// Decrypts one sealed chunk in place: on success the message is between the first [`TAG_LEN`] and
/// the last [`MAC_LEN`] bytes. Chunks may be opened in any order and by any thread, each with its
/// own key.
///
/// # Errors
/// [`Forged`] if the MAC does not fit or the chunk is too short to have one; the message is then
/// wiped, so that unauthenticated data cannot be used by mistake.
pub fn decrypt_chunk(key: &ChunkKey, chunk: &mut [u8]) -> Result<Tag, Forged> {
    let (tag_byte, message, stored) = split(chunk).ok_or(Forged)?;
    decrypt_message(key, tag_byte, message, stored)
}

/// Like [`decrypt_chunk`], with the three parts of a chunk in separate slices.
///
/// # Errors
/// The same as for [`decrypt_chunk`].
pub fn decrypt_message(
    key: &ChunkKey,
    tag_byte: &u8,
    message: &mut [u8],
    stored: &[u8; MAC_LEN],
) -> Result<Tag, Forged> {
    let (mut cipher, mut poly) = key.start();
    let mut block = [0u8; 64];
    block[0] = *tag_byte;
    cipher.apply_keystream(&mut block);
    let tag = block[0];
    block[0] = *tag_byte;
    authenticate_blocks(&mut poly, &block);
    for stride in message.chunks_mut(STRIDE) {
        authenticate_blocks(&mut poly, stride);
        // The unfinished 16 bytes at the end are authenticated below, from the
        // ciphertext, so they are decrypted only afterwards.
        cipher.apply_keystream(stride.as_chunks_mut::<16>().0.as_flattened_mut());
    }
    let len = message.len();
    let (_, rest) = message.as_chunks_mut::<16>();
    let mac = finish_mac(poly, rest, len);
    cipher.apply_keystream(rest);
    let genuine = bool::from(mac.ct_eq(stored));
    match Tag::from_byte(tag) {
        Some(tag) if genuine => Ok(tag),
        _ => {
            message.fill(0);
            Err(Forged)
        }
    }
}

/// Encrypts the message inside `chunk` in place and sets the tag byte and the MAC around it.
/// Returns the MAC, or `None` if there is no room for both.
fn encrypt_chunk(key: &ChunkKey, tag: Tag, chunk: &mut [u8]) -> Option<[u8; MAC_LEN]> {
    let (tag_byte, message, stored) = split(chunk)?;
    let (mut cipher, mut poly) = key.start();
    let mut block = [0u8; 64];
    block[0] = tag.byte();
    cipher.apply_keystream(&mut block);
    *tag_byte = block[0];
    authenticate_blocks(&mut poly, &block);
    for stride in message.chunks_mut(STRIDE) {
        cipher.apply_keystream(stride);
        authenticate_blocks(&mut poly, stride);
    }
    *stored = finish_mac(poly, message.as_chunks::<16>().1, message.len());
    Some(*stored)
}

/// The tag byte, the message and the MAC of a sealed chunk.
fn split(chunk: &mut [u8]) -> Option<(&mut u8, &mut [u8], &mut [u8; MAC_LEN])> {
    let (tag, rest) = chunk.split_first_mut()?;
    let (message, mac) = rest.split_last_chunk_mut::<MAC_LEN>()?;
    Some((tag, message, mac))
}

/// Processes all whole 16-byte blocks; [`finish_mac`] processes the rest.
fn authenticate_blocks(poly: &mut Poly1305, data: &[u8]) {
    let (blocks, _) = Block::slice_as_chunks(data);
    poly.update(blocks);
}

/// Processes the end of the message, the zeros and the two lengths.
#[expect(
    clippy::indexing_slicing,
    reason = "the rest of whole blocks of 16 is at most 15 bytes"
)]
fn finish_mac(poly: Poly1305, rest: &[u8], message_len: usize) -> [u8; MAC_LEN] {
    // At most 15 remaining bytes, the same number of zeros, and 16 bytes of lengths.
    let mut tail = [0u8; 48];
    let used = rest.len();
    tail[..used].copy_from_slice(rest);
    let lengths = 2 * used + 8;
    tail[lengths..lengths + 8].copy_from_slice(&(64 + message_len as u64).to_le_bytes());
    poly.compute_unpadded(&tail[..lengths + 8]).into()
}
