//! The file of a scan: a header of fixed size, the compressed contents, and sometimes zeros.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

use super::binding::Binding;
use super::{ScanError, VERSION};

/// The first bytes of every scan. A transfer that converts texts would change them.
const MAGIC: [u8; 8] = *b"\x89haslim\n";
/// Bytes of the header.
const HEADER: u64 = 128;
/// Where the checksum of the header is.
const SUM: usize = 124;
/// zstd's default, which is fast.
const LEVEL: i32 = 3;

/// The memory that every scan may take to read, in bytes.
const FREE: u64 = 64 << 20;
/// The additional memory for each byte of the file.
const EACH: u64 = 256;

/// The contents of a scan, and what reading them takes.
#[derive(Debug)]
pub struct Contents {
    /// The contents.
    pub body: Vec<u8>,
    /// The memory that they take, with the surveys in them, in bytes.
    pub memory: u64,
}

/// The most memory that a scan of this size may take.
fn most(len: u64) -> u64 {
    FREE.saturating_add(len.saturating_mul(EACH))
}

/// The size of a scan with these contents. Very regular contents compress so well that the file
/// must be filled up to be allowed the memory that they take.
fn length(packed: u64, memory: u64) -> u64 {
    HEADER
        .saturating_add(packed)
        .max(memory.saturating_sub(FREE).div_ceil(EACH))
}

/// Writes a scan.
///
/// # Errors
/// Errors of the writer, or of zstd if memory is missing.
pub fn write(binding: &Binding, contents: &Contents, out: &mut impl Write) -> io::Result<()> {
    let packed = zstd::bulk::compress(&contents.body, LEVEL)?;
    let fields: [&[u8]; 9] = [
        &MAGIC,
        &VERSION.to_le_bytes(),
        &binding.size.to_le_bytes(),
        &binding.modified.unwrap_or(i128::MIN).to_le_bytes(),
        &binding.headers,
        &(packed.len() as u64).to_le_bytes(),
        &(contents.body.len() as u64).to_le_bytes(),
        &contents.memory.to_le_bytes(),
        &Sha256::digest(&packed),
    ];
    let mut header = fields.concat();
    header.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
    out.write_all(&header)?;
    out.write_all(&packed)?;
    let packed = packed.len() as u64;
    let zeros = length(packed, contents.memory) - HEADER - packed;
    io::copy(&mut io::repeat(0).take(zeros), out)?;
    out.flush()
}

/// Reads a scan of `len` bytes for this backup. Takes the memory of its contents, and not more
/// than 64 MiB and 256 times `len`.
///
/// # Errors
/// As [`Scan::read`](super::Scan::read).
pub fn read(input: &mut impl Read, len: u64, binding: &Binding) -> Result<Contents, ScanError> {
    let header = Header::read(input, len)?;
    header.check_backup(binding)?;
    let expected = length(header.packed, header.memory);
    if len < expected {
        let found = len;
        return Err(ScanError::CutOff { expected, found });
    }
    if len > expected || header.memory > most(len) || header.body > header.memory {
        return Err(ScanError::Damaged("its sizes contradict each other"));
    }
    let mut packed = Vec::new();
    input.take(header.packed).read_to_end(&mut packed)?;
    if *Sha256::digest(&packed) != header.sum {
        return Err(ScanError::Damaged("its checksum does not fit"));
    }
    let body = unpack(&packed, header.body)?;
    Ok(Contents {
        body,
        memory: header.memory,
    })
}

/// Decompresses contents of this size.
fn unpack(packed: &[u8], size: u64) -> Result<Vec<u8>, ScanError> {
    let wrong = ScanError::Damaged("its contents cannot be decompressed");
    let Ok(capacity) = usize::try_from(size) else {
        return Err(wrong);
    };
    match zstd::bulk::decompress(packed, capacity) {
        Ok(body) if body.len() == capacity => Ok(body),
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => Err(error.into()),
        _ => Err(wrong),
    }
}

/// The fields of a header.
struct Header {
    binding: Binding,
    packed: u64,
    body: u64,
    memory: u64,
    sum: [u8; 32],
}

impl Header {
    fn read(input: &mut impl Read, len: u64) -> Result<Self, ScanError> {
        let mut bytes = Vec::new();
        input.take(HEADER).read_to_end(&mut bytes)?;
        let (magic, version) = bytes.split_at(bytes.len().min(MAGIC.len()));
        if magic.is_empty() || !MAGIC.starts_with(magic) {
            return Err(ScanError::NotAScan);
        }
        if let Some(made) = version.first_chunk().copied().map(u32::from_le_bytes)
            && made != VERSION
        {
            return Err(ScanError::OtherVersion { made });
        }
        let (fields, sum) = bytes.split_at_checked(SUM).unwrap_or_default();
        if (sum.len() as u64) < HEADER - SUM as u64 {
            let (expected, found) = (HEADER, len);
            return Err(ScanError::CutOff { expected, found });
        }
        if sum != crc32fast::hash(fields).to_le_bytes() {
            return Err(ScanError::Damaged(
                "the checksum of its header does not fit",
            ));
        }
        Self::parse(fields).ok_or(ScanError::NotAScan)
    }

    fn parse(fields: &[u8]) -> Option<Self> {
        let mut rest = fields.get(MAGIC.len() + size_of_val(&VERSION)..)?;
        let size = u64::from_le_bytes(next(&mut rest)?);
        let modified = i128::from_le_bytes(next(&mut rest)?);
        Some(Self {
            binding: Binding {
                size,
                modified: (modified != i128::MIN).then_some(modified),
                headers: next(&mut rest)?,
            },
            packed: u64::from_le_bytes(next(&mut rest)?),
            body: u64::from_le_bytes(next(&mut rest)?),
            memory: u64::from_le_bytes(next(&mut rest)?),
            sum: next(&mut rest)?,
        })
    }

    fn check_backup(&self, backup: &Binding) -> Result<(), ScanError> {
        let own = &self.binding;
        if own.size != backup.size {
            return Err(ScanError::OtherSize {
                scanned: own.size,
                size: backup.size,
            });
        }
        if own.headers != backup.headers {
            return Err(ScanError::OtherHeaders);
        }
        if own.modified != backup.modified {
            return Err(ScanError::OtherTime);
        }
        Ok(())
    }
}

/// The next field.
fn next<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (field, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*field)
}
