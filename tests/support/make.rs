//! Makes tars and gzip streams in memory, correct or with one fault.

use std::io::Write;

use haslim::format::tar::block::{BLOCK, set_checksum, set_size};

/// One header block. Every change updates the checksum.
#[derive(Clone)]
pub struct Head([u8; BLOCK]);

impl Head {
    /// A ustar header as Python writes it. Names longer than the field are truncated.
    pub fn new(name: impl AsRef<[u8]>, flag: u8, size: u64) -> Self {
        let mut block = [0u8; BLOCK];
        block[..100]
            .iter_mut()
            .zip(name.as_ref())
            .for_each(|(to, from)| *to = *from);
        block[100..108].copy_from_slice(b"0000644\0");
        block[108..124].copy_from_slice(b"0000000\x000000000\0");
        block[136..148].copy_from_slice(b"14371573157\0");
        block[156] = flag;
        block[257..265].copy_from_slice(b"ustar\x0000");
        set_size(&mut block, size);
        Self(block)
    }

    /// The same with these bytes at this position.
    pub fn with(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        set_checksum(&mut self.0);
        self
    }

    /// The same with another size field, which may be invalid.
    pub fn sized(self, field: &[u8]) -> Self {
        self.with(124, &[0; 12]).with(124, field)
    }

    /// The same as a link to this target.
    pub fn to(self, target: impl AsRef<[u8]>) -> Self {
        self.with(157, target.as_ref())
    }

    /// The header and these data, padded.
    pub fn data(&self, data: &[u8]) -> Vec<u8> {
        let mut out = self.0.to_vec();
        out.extend_from_slice(data);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
        out
    }
}

pub fn file(name: impl AsRef<[u8]>, data: &[u8]) -> Vec<u8> {
    Head::new(name, b'0', data.len() as u64).data(data)
}

pub fn folder(name: impl AsRef<[u8]>) -> Vec<u8> {
    Head::new(name, b'5', 0).data(b"")
}

pub fn symlink(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Vec<u8> {
    Head::new(name, b'2', 0).to(target).data(b"")
}

pub fn hard_link(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Vec<u8> {
    Head::new(name, b'1', 0).to(target).data(b"")
}

/// An extended header with these bytes as its data: PAX (`x`, `g`) or GNU (`L`, `K`).
pub fn extended(flag: u8, data: &[u8]) -> Vec<u8> {
    Head::new("././@Extended", flag, data.len() as u64).data(data)
}

/// A PAX header.
pub fn pax(records: &[(&str, &[u8])]) -> Vec<u8> {
    extended(b'x', &written(records))
}

/// A PAX header for everything that follows.
pub fn global(records: &[(&str, &[u8])]) -> Vec<u8> {
    extended(b'g', &written(records))
}

fn written(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut data = Vec::new();
    records
        .iter()
        .for_each(|(key, value)| haslim::format::tar::pax::write(key.as_bytes(), value, &mut data));
    data
}

/// A GNU long name.
pub fn long_name(name: &str) -> Vec<u8> {
    extended(b'L', format!("{name}\0").as_bytes())
}

/// A file with a name of any length and any bytes, in a PAX record.
pub fn named(name: &[u8], data: &[u8]) -> Vec<u8> {
    [pax(&[("path", name)]), file("short", data)].concat()
}

/// A file with a name of any length, in the short form if possible.
pub fn any_file(name: impl AsRef<[u8]>, data: &[u8]) -> Vec<u8> {
    let name = name.as_ref();
    if name.len() <= 100 {
        file(name, data)
    } else {
        named(name, data)
    }
}

/// A named pipe.
pub fn fifo(name: impl AsRef<[u8]>) -> Vec<u8> {
    Head::new(name, b'6', 0).data(b"")
}

/// A file whose size is only in a PAX record, as Python writes it above 8 GiB. The size may be
/// wrong.
pub fn sized_by_record(name: impl AsRef<[u8]>, stated: u64, data: &[u8]) -> Vec<u8> {
    let record = pax(&[
        ("mtime", b"1732449123.5"),
        ("size", stated.to_string().as_bytes()),
    ]);
    [record, Head::new(name, b'0', 0).data(data)].concat()
}

/// A whole tar: the entries and the end, padded to a record as Python pads it.
pub fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut out = entries.concat();
    out.resize((out.len() + 2 * BLOCK).next_multiple_of(10_240), 0);
    out
}

/// A whole tar of a folder: an entry to leave out (`gone`), these entries, and an entry to keep.
pub fn around(entries: &[Vec<u8>]) -> Vec<u8> {
    tar(&[
        &[folder("."), file("gone", &[1; 3000])],
        entries,
        &[file("kept", &[2; 700])],
    ]
    .concat())
}

/// A gzip member as Home Assistant writes it.
pub fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// Bytes that do not compress, the same every time.
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..len.div_ceil(8))
        .flat_map(|_| next().to_le_bytes())
        .take(len)
        .collect()
}

/// The metadata of a backup with these folders.
pub fn metadata(folders: &[&str], protected: bool) -> String {
    let folders: Vec<String> = folders.iter().map(|f| format!("\"{f}\"")).collect();
    format!(
        r#"{{"slug":"0a1b2c3d","version":2,"name":"hostile","date":"2026-11-22","type":"full","compressed":true,"protected":{protected},"homeassistant":null,"folders":[{}],"addons":[],"repositories":[]}}"#,
        folders.join(",")
    )
}

/// The member that holds the metadata.
pub fn metadata_member(text: impl AsRef<[u8]>) -> Vec<u8> {
    file("./backup.json", text.as_ref())
}

/// A backup of two folders; `media` holds these bytes, already encrypted or compressed.
pub fn backup(media: &[u8], share: &[u8], protected: bool) -> Vec<u8> {
    tar(&[
        file("media.tar.gz", media),
        file("share.tar.gz", share),
        metadata_member(metadata(&["media", "share"], protected)),
    ])
}

/// A plain backup whose `media` holds this tar.
pub fn plain(media: &[u8]) -> Vec<u8> {
    backup(&gzip(media), &share(), false)
}

/// A correct plain part.
pub fn share() -> Vec<u8> {
    gzip(&tar(&[folder("."), file("note.txt", b"hello")]))
}

/// The position of a member's data: after the header block that begins with its name.
#[track_caller]
pub fn data_of(bytes: &[u8], name: &str) -> usize {
    let at = bytes
        .chunks(BLOCK)
        .position(|block| block.starts_with(name.as_bytes()) && block[name.len()] == 0);
    (at.expect("the member is there") + 1) * BLOCK
}
