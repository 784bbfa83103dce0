//! Unusual gzip streams (RFC 1952), and damaged deflate data with a correct checksum.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use haslim::gzip::Trailer;

use crate::report::Outcome;
use crate::rng::Rng;
use crate::view::{Fields, Plaintext};
use crate::{Case, SOUND, ours};

/// The header flag of the extra field.
const FEXTRA: u8 = 4;

/// A stream of one or a few members, possibly with other bytes between and after them.
pub fn case(rng: &mut Rng) -> Case {
    let mut oddities = Vec::new();
    let mut bytes = Vec::new();
    for _ in 0..rng.pick(&[1, 1, 1, 1, 1, 2, 3]) {
        if !bytes.is_empty() {
            oddities.push("several members");
        }
        bytes.extend(member(rng, &mut oddities));
        if rng.one_in(8) {
            oddities.push("zeros behind a member");
            bytes.resize(bytes.len() + rng.pick(&[1, 6, 512]), 0);
        }
    }
    match rng.below(24) {
        0 => {
            oddities.push("garbage at the end");
            bytes.extend(rng.pick(&[
                &b"x"[..],
                b"\x1f",
                b"\x1f\x8b",
                b"\x1f\x8b\x08",
                b"garbage",
                b"\0\0\x1f\x8b\x08",
            ]));
        }
        1 => {
            oddities.push("cut");
            bytes.truncate(rng.below(bytes.len() + 1));
        }
        2 => {
            oddities.push("bit flipped");
            let at = rng.below(bytes.len());
            bytes[at] ^= 1 << rng.below(8);
        }
        _ => {}
    }
    if oddities.is_empty() {
        oddities.push(SOUND);
    }
    Case { bytes, oddities }
}

fn member(rng: &mut Rng, oddities: &mut Vec<&'static str>) -> Vec<u8> {
    let mut plaintext = plaintext(rng);
    let mut data = deflated(rng, &plaintext);
    if rng.one_in(3) {
        oddities.push("deflate damaged");
        damage(rng, &mut data);
        // The checksum of the new plaintext, so that it does not reveal the damage.
        plaintext = inflated(&data).unwrap_or(plaintext);
    }
    let (mut crc, mut size) = (crc32fast::hash(&plaintext), plaintext.len() as u32);
    match rng.below(24) {
        0 => {
            oddities.push("checksum wrong");
            crc ^= 1 << rng.below(32);
        }
        1 => {
            oddities.push("size wrong");
            size ^= 1 << rng.below(32);
        }
        _ => {}
    }
    [
        header(rng, oddities),
        data,
        crc.to_le_bytes().to_vec(),
        size.to_le_bytes().to_vec(),
    ]
    .concat()
}

/// Optional fields, all flags, and sometimes other bytes altogether.
fn header(rng: &mut Rng, oddities: &mut Vec<&'static str>) -> Vec<u8> {
    let mut out = vec![
        0x1f,
        0x8b,
        8,
        0,
        rng.byte(),
        0,
        0,
        0,
        rng.pick(&[0, 2, 4]),
        rng.pick(&[3, 255]),
    ];
    if rng.one_in(3) {
        oddities.push("header fields");
        out[3] = rng.pick(&[1, 2, 4, 8, 16, 8, 8 | 16, 2 | 4 | 8 | 16, 4 | 8]);
        if out[3] & FEXTRA != 0 {
            let extra = rng.below(40);
            out.extend((extra as u16).to_le_bytes());
            out.extend(rng.bytes(extra));
        }
        for flag in [8, 16] {
            if out[3] & flag != 0 {
                out.extend(rng.pick(&[&b"name.tar\0"[..], b"\0", b"\xff\xfe\0"]));
            }
        }
        if out[3] & 2 != 0 {
            let check = if rng.one_in(2) {
                crc32fast::hash(&out) as u16
            } else {
                rng.next() as u16
            };
            out.extend(check.to_le_bytes());
        }
    }
    if rng.one_in(24) {
        oddities.push("header byte");
        out[rng.below(4)] = rng.byte();
    }
    out
}

/// Runs, repeats and noise.
fn plaintext(rng: &mut Rng) -> Vec<u8> {
    let len = rng.pick(&[0, 1, 3, 258, 300, 1000, 3000, 3000, 70_000]);
    let mut out = Vec::with_capacity(len);
    while out.len() < len {
        let count = rng.below(300) + 1;
        match rng.below(4) {
            0 => out.extend(std::iter::repeat_n(rng.byte(), count)),
            1 => out.extend(rng.bytes(count)),
            2 => out.extend((0..count).map(|_| rng.pick(b"etaoin shrdlu"))),
            _ => {
                let from = rng.below(out.len() + 1);
                let copy: Vec<u8> = out[from..].iter().copied().take(count).collect();
                out.extend(copy);
            }
        }
    }
    out.truncate(len);
    out
}

fn deflated(rng: &mut Rng, plaintext: &[u8]) -> Vec<u8> {
    if rng.one_in(3) {
        let level = libdeflater::CompressionLvl::new(rng.below(13) as i32).unwrap();
        let mut compressor = libdeflater::Compressor::new(level);
        let mut out = vec![0; compressor.deflate_compress_bound(plaintext.len())];
        let len = compressor.deflate_compress(plaintext, &mut out).unwrap();
        out.truncate(len);
        return out;
    }
    let mut compress = Compress::new(Compression::new(rng.below(10) as u32), false);
    let mut out = Vec::with_capacity(plaintext.len() + plaintext.len() / 8 + 4096);
    let flush_at = rng.below(plaintext.len() + 1);
    if rng.one_in(3) {
        let flush = rng.pick(&[
            FlushCompress::Sync,
            FlushCompress::Full,
            FlushCompress::Partial,
        ]);
        compress
            .compress_vec(&plaintext[..flush_at], &mut out, flush)
            .unwrap();
    }
    let begin = compress.total_in() as usize;
    let status = compress
        .compress_vec(&plaintext[begin..], &mut out, FlushCompress::Finish)
        .unwrap();
    assert_eq!(
        status,
        Status::StreamEnd,
        "the room for the compressed data is too small"
    );
    out
}

/// Flipped bits, mostly near the start, where the codes are; removed or inserted bytes.
fn damage(rng: &mut Rng, data: &mut Vec<u8>) {
    for _ in 0..rng.pick(&[1, 1, 2, 4]) {
        let near = if rng.one_in(3) {
            data.len()
        } else {
            data.len().min(80)
        };
        let at = rng.below(near.max(1));
        match rng.below(8) {
            _ if data.is_empty() => {}
            0 => drop(data.remove(at)),
            1 => data.insert(at, rng.byte()),
            2 => data[at] = rng.byte(),
            _ => data[at] ^= 1 << rng.below(8),
        }
    }
}

/// The plaintext, if nothing follows it; `None` if zlib refuses the data or it expands beyond a
/// MiB.
fn inflated(data: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(1 << 20);
    let mut inflate = Decompress::new(false);
    let status = inflate
        .decompress_vec(data, &mut out, FlushDecompress::Finish)
        .ok()?;
    (status == Status::StreamEnd).then_some(out)
}

/// Compares with two readers: `r|gz`, for encrypted parts, sees the first member; GzipFile, for
/// plain ones, sees all.
pub fn compare(bytes: &[u8], answer: &mut Fields<'_>) -> Outcome {
    let (stream, file) = (Plaintext::decode(answer), Plaintext::decode(answer));
    let (ours, summary) = match ours::gunzip(bytes, Trailer::Strict) {
        Err(_) => {
            return Outcome::Refused {
                both: stream.0.is_err() || file.0.is_err(),
            };
        }
        Ok(ours) => ours,
    };
    // Python before 3.14 fails on an extra field; haslim reads it, and does not write one.
    let stream_agrees = bytes[3] & FEXTRA != 0 || stream.fits(&ours, summary.members == 1);
    // GzipFile may fail on garbage at the end. haslim warns about it.
    let file_agrees = file.fits(&ours, true) || (file.0.is_err() && summary.trailing_nonzero > 0);
    if stream_agrees && file_agrees {
        return Outcome::Same;
    }
    let crc = crc32fast::hash(&ours);
    Outcome::Different(format!(
        "ours: {} bytes {crc} {summary:?}\nr|gz: {:?}\nGzipFile: {:?}",
        ours.len(),
        stream.0,
        file.0
    ))
}
