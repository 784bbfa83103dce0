//! Members that are read while they are being written.

use super::super::secretstream::{StreamState, Tag};
use super::*;
use crate::crypt::LARGEST_READ;
use crate::format::securetar::CIPHER_BLOCK;

/// Reads a member as a file that grows: before its sizes are known, only while more than a step is
/// there. `wait` is how many bytes of it exist when the sizes become known.
fn read_growing(member: &[u8], wait: usize, room: usize) -> io::Result<Vec<u8>> {
    let (header, ciphertext) = open(member);
    let counted = Counted {
        rest: ciphertext,
        read: 0,
    };
    let unknown = header.clone().with_plaintext_size(0);
    let mut reader = Decrypter::growing(counted, &unknown, keys(), true)?;
    let (mut plaintext, mut buffer) = (Vec::new(), vec![0; room]);
    while read_of(&reader) + LARGEST_READ < wait.min(ciphertext.len()) {
        let got = reader.read(&mut buffer)?;
        assert!(got > 0, "it ends before it is complete");
        plaintext.extend_from_slice(&buffer[..got]);
    }
    reader.settle(&header, ciphertext.len() as u64)?;
    reader.read_to_end(&mut plaintext)?;
    reader.finish()?;
    Ok(plaintext)
}

/// Counts the ciphertext that was read.
struct Counted<'a> {
    rest: &'a [u8],
    read: usize,
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.rest.read(out)?;
        self.read += got;
        Ok(got)
    }
}

fn read_of(reader: &Decrypter<Counted<'_>>) -> usize {
    reader.source().read
}

#[test]
fn a_member_that_grows_gives_the_same_bytes() {
    let edges = [0, 1, 15, 16, 17, 256 << 10, MIB - 1, MIB, MIB + 1];
    let long = [2 * MIB - 16, 2 * MIB, 2 * MIB + 1, 3 * MIB, 5 * MIB + 12345];
    for len in edges.into_iter().chain(long) {
        let data = pattern(len);
        for member in [v2(&data), v3(&data)] {
            for wait in [0, MIB, 2 * MIB + 100, 4 * MIB, usize::MAX] {
                for room in [1000, 300 << 10, MIB, 3 * MIB] {
                    let read = read_growing(&member, wait, room).unwrap();
                    assert!(read == data, "{len} bytes, {wait}, {room}");
                }
            }
        }
    }
}

#[test]
fn wrong_sizes_at_the_end_are_damage() {
    let data = pattern(3 * MIB + 100);
    for member in [v2(&data), v3(&data)] {
        let (header, ciphertext) = open(&member);
        for size in [
            0,
            16,
            MIB,
            3 * MIB,
            data.len() - 1,
            data.len() + 16,
            9 * MIB,
        ] {
            let wrong = header.clone().with_plaintext_size(size as u64);
            let mut claimed = wrong.to_bytes();
            claimed.extend_from_slice(ciphertext);
            let error = read_growing(&claimed, usize::MAX, MIB);
            assert!(
                error.is_err_and(|e| CryptError::in_io(&e).is_some()),
                "{size} bytes instead of {}",
                data.len()
            );
        }
    }
}

/// Version 3 ends with a chunk that has plaintext, unless there is none at all.
#[test]
fn an_empty_chunk_at_the_end_is_damage() {
    let data = pattern(3 * MIB);
    let mut header = open(&v3(&data)).0;
    let SecureHeader::V3 {
        salts,
        derivation_salt,
        stream_header,
        ..
    } = &mut header
    else {
        panic!("not v3")
    };
    let key = keys().stream_key(salts, derivation_salt).unwrap();
    let mut state = StreamState::new(key.bytes(), stream_header);
    let mut member = header.to_bytes();
    let chunks = data.chunks(MIB).map(|chunk| (Tag::Message, chunk));
    for (tag, chunk) in chunks.chain([(Tag::Final, &[][..])]) {
        let mut sealed = [&[0], chunk, &[0; 16]].concat();
        assert!(state.seal(tag, &mut sealed));
        member.extend(sealed);
    }
    // In the second case, the last whole chunk is read before the sizes are known.
    for wait in [0, usize::MAX] {
        let error = read_growing(&member, wait, MIB).unwrap_err();
        assert!(CryptError::in_io(&error).is_some(), "{error}");
    }
    assert!(decrypt(&member).is_err());
}

#[test]
fn a_flipped_bit_in_a_member_that_grows_is_noticed() {
    let data = pattern(2 * MIB + 500);
    let member = v3(&data);
    let header = open(&member).0.len();
    for at in [header, header + MIB, member.len() - 1] {
        let mut damaged = member.clone();
        damaged[at] ^= 1;
        assert!(read_growing(&damaged, usize::MAX, MIB).is_err(), "{at}");
    }
    // Of version 2 only the padding shows damage.
    let mut damaged = v2(&data);
    let at = damaged.len() - CIPHER_BLOCK - 1;
    damaged[at] ^= 1;
    assert!(read_growing(&damaged, usize::MAX, MIB).is_err());
}
