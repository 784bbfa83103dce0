//! What haslim reads.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use haslim::crypt::{Decrypter, KeyRing, Password};
use haslim::format::outer;
use haslim::format::securetar::{Layer, SNIFF_LEN, Version, sniff};
use haslim::format::tar::block::{EntryKind, HeaderBlock, TarError};
use haslim::format::tar::header::Header;
use haslim::format::tar::walk::{Visitor, Walker};
use haslim::gzip::{Gunzip, Summary, Trailer};
use haslim::pipe::{Control, Input};

use crate::view::Entry;

/// The entries of an inner tar.
pub fn inner(bytes: &[u8]) -> Result<Vec<Entry>, String> {
    let (mut notes, mut walker) = (Notes::default(), Walker::default());
    // In two pieces, divided at a position that depends on the bytes.
    let (first, second) = bytes.split_at(crc32fast::hash(bytes) as usize % (bytes.len() + 1));
    for piece in [first, second] {
        walker.feed(piece, &mut notes).map_err(|e| e.to_string())?;
    }
    walker.finish().map_err(|e| e.to_string())?;
    Ok(notes.0)
}

#[derive(Default)]
struct Notes(Vec<Entry>);

impl Visitor for Notes {
    fn entry(&mut self, header: &Header, at: u64) -> Result<(), TarError> {
        self.0.push(entry(header, at));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        let last = self.0.last_mut().unwrap();
        let mut crc = crc32fast::Hasher::new_with_initial(last.data_crc);
        crc.update(bytes);
        last.data_crc = crc.finalize();
        Ok(())
    }
}

fn entry(header: &Header, at: u64) -> Entry {
    let kind = match header.kind {
        EntryKind::File => b'f',
        EntryKind::HardLink => b'h',
        EntryKind::Symlink => b's',
        EntryKind::Directory => b'd',
        EntryKind::Special => b'x',
    };
    Entry {
        kind,
        mode: HeaderBlock(header.raw.last_chunk().unwrap())
            .mode()
            .unwrap_or(u64::MAX),
        size: header.size,
        data_at: at + header.raw.len() as u64,
        data_crc: 0,
        name: header.name.clone(),
        link: header.link.clone(),
    }
}

/// A file into which all outer archives are written, one after the other.
pub struct OuterReader(File);

impl OuterReader {
    pub fn new() -> Self {
        Self(tempfile::tempfile().unwrap())
    }

    fn input(&self, bytes: &[u8]) -> Arc<Input> {
        self.0.set_len(bytes.len() as u64).unwrap();
        self.0.write_all_at(bytes, 0).unwrap();
        Input::from_file(self.0.try_clone().unwrap(), Path::new("outer.tar")).unwrap()
    }

    /// The members of an outer tar.
    pub fn read(&self, bytes: &[u8]) -> Result<Vec<Entry>, String> {
        let input = self.input(bytes);
        let found = outer::scan(&input, &Control::default()).map_err(|e| e.to_string())?;
        found
            .members
            .iter()
            .map(|member| self::member(&input, member))
            .collect()
    }
}

fn member(input: &Arc<Input>, member: &outer::Member) -> Result<Entry, String> {
    assert!(
        !member.stale,
        "the archives hold no SecureTar header from which a size could be recovered"
    );
    let mut data = Vec::new();
    input
        .window(member.data_at(), member.size)
        .read_to_end(&mut data)
        .map_err(|e| e.to_string())?;
    let data_crc = crc32fast::hash(&data);
    Ok(Entry {
        data_crc,
        ..entry(&member.header, member.header_at)
    })
}

/// The plaintext of a gzip stream.
pub fn gunzip(bytes: &[u8], trailer: Trailer) -> Result<(Vec<u8>, Summary), String> {
    let mut gunzip = Gunzip::new(bytes, trailer);
    let mut plaintext = Vec::new();
    while let Some(piece) = gunzip.next_piece().map_err(|e| e.to_string())? {
        plaintext.extend_from_slice(piece);
    }
    Ok((plaintext, gunzip.summary()))
}

/// The contents of an encrypted part.
pub struct Decrypted {
    pub version: Version,
    pub plaintext: Vec<u8>,
    pub entries: Vec<Entry>,
}

/// Reads encrypted parts with the keys of one password.
pub struct SecureReader(KeyRing);

/// The salt of worker.py. Any other salt gets a new key ring, because a key ring is limited to a
/// few salts.
const ROOT_SALT: &[u8; 16] = b"rootrootrootroot";

/// The keys for the password of worker.py.
fn keys() -> KeyRing {
    KeyRing::new(Password::new("AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG".into()))
}

impl SecureReader {
    pub fn new() -> Self {
        Self(keys())
    }

    pub fn read(&self, bytes: &[u8], compressed: bool) -> Result<Decrypted, String> {
        let first = &bytes[..bytes.len().min(SNIFF_LEN)];
        let Layer::Secure(header) = sniff(first, compressed).map_err(|e| e.to_string())? else {
            return Err("not encrypted".into());
        };
        let known = header
            .v3_salts()
            .is_none_or(|salts| salts.root_salt == *ROOT_SALT);
        let keys = if known { &self.0 } else { &keys() };
        let ciphertext = &bytes[header.len()..];
        let decrypter = Decrypter::new(
            ciphertext,
            &header,
            ciphertext.len() as u64,
            keys,
            compressed,
        );
        let mut decrypter = decrypter.map_err(|e| e.to_string())?;
        if !decrypter.starts_plain().map_err(|e| e.to_string())? {
            return Err("the password is wrong".into());
        }
        let mut plaintext = Vec::new();
        decrypter
            .read_to_end(&mut plaintext)
            .map_err(|e| e.to_string())?;
        decrypter.finish().map_err(|e| e.to_string())?;
        let version = header.version();
        let trailer = if version == Version::V1 {
            Trailer::SecureTarV1
        } else {
            Trailer::Strict
        };
        let tar = if compressed {
            &gunzip(&plaintext, trailer)?.0
        } else {
            &plaintext
        };
        Ok(Decrypted {
            version,
            entries: inner(tar)?,
            plaintext,
        })
    }
}
