//! What a reader saw of an archive, in a form that can be compared.

use std::fmt;

/// One entry as a reader saw it.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// `f` file, `h` hard link, `s` symbolic link, `d` directory, `x` device or FIFO, `?` anything
    /// else.
    pub kind: u8,
    pub mode: u64,
    pub size: u64,
    /// The position of its data in the archive.
    pub data_at: u64,
    pub data_crc: u32,
    pub name: Vec<u8>,
    pub link: Vec<u8>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, link) = (self.name.escape_ascii(), self.link.escape_ascii());
        write!(
            f,
            "{} {:o} {}@{} {:08x} '{name}' '{link}'",
            char::from(self.kind),
            self.mode,
            self.size,
            self.data_at,
            self.data_crc
        )
    }
}

/// What follows the position where a reader stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Zeros, or nothing.
    Empty,
    /// Two zero blocks, followed later by other bytes.
    AfterTheEnd,
    /// Anything else.
    More,
}

/// What Python did with an archive.
#[derive(Debug)]
#[allow(dead_code, reason = "the text of an exception is only shown")]
pub enum Judgement {
    Read { entries: Vec<Entry>, rest: Rest },
    Raised(String),
}

/// Takes numbers and strings from the front of an answer.
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (field, rest) = self.0.split_at(count);
        self.0 = rest;
        field
    }

    pub fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }

    pub fn string(&mut self) -> &'a [u8] {
        let len = self.u32() as usize;
        self.take(len)
    }

    /// `0`, or `1` and the text of the exception.
    pub fn raised(&mut self) -> Option<String> {
        (self.u8() == 1).then(|| String::from_utf8_lossy(self.string()).into_owned())
    }
}

impl Judgement {
    /// In the format that `listing` in worker.py writes.
    pub fn decode(fields: &mut Fields<'_>) -> Self {
        if let Some(text) = fields.raised() {
            return Self::Raised(text);
        }
        let rest = [Rest::Empty, Rest::AfterTheEnd, Rest::More][usize::from(fields.u8())];
        let count = fields.u32();
        let entries = (0..count).map(|_| entry(fields)).collect();
        Self::Read { entries, rest }
    }
}

fn entry(fields: &mut Fields<'_>) -> Entry {
    Entry {
        kind: fields.u8(),
        mode: fields.u64(),
        size: fields.u64(),
        data_at: fields.u64(),
        data_crc: fields.u32(),
        name: fields.string().to_vec(),
        link: fields.string().to_vec(),
    }
}

/// The plaintext as a Python reader saw it: its length and checksum.
pub struct Plaintext(pub Result<(u64, u32), String>);

impl Plaintext {
    pub fn decode(fields: &mut Fields<'_>) -> Self {
        match fields.raised() {
            Some(text) => Self(Err(text)),
            None => Self(Ok((fields.u64(), fields.u32()))),
        }
    }

    /// Whether it is the start of this, or all of it.
    pub fn fits(&self, ours: &[u8], whole: bool) -> bool {
        let Ok((len, crc)) = self.0 else { return false };
        let same_len = if whole {
            len == ours.len() as u64
        } else {
            len <= ours.len() as u64
        };
        same_len && crc32fast::hash(&ours[..len as usize]) == crc
    }
}
