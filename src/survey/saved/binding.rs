//! Which backup a scan belongs to.

use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::open::Backup;

/// Bytes at the start of each member that are hashed: the SecureTar header with its salts, or the
/// header of the gzip stream, and what follows.
const HEAD: u64 = 512;

/// What distinguishes one backup from another, without reading it all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written, in nanoseconds since 1970; `None` if the system does not record
    /// that.
    pub modified: Option<i128>,
    /// SHA-256 of its headers, of `backup.json` and of the first bytes of each member.
    pub headers: [u8; 32],
}

impl Binding {
    /// The binding of this backup.
    ///
    /// # Errors
    /// `InputIo`, or `Damaged` if the file has become shorter.
    pub fn of(backup: &Backup) -> Result<Self> {
        let mut hash = Sha256::new();
        for (at, member) in backup.members.iter().enumerate() {
            let all = at == backup.manifest_member;
            let len = if all {
                member.size
            } else {
                member.size.min(HEAD)
            };
            // `backup.json` has at most 16 MiB, or the backup would not be open.
            let mut head = vec![0; usize::try_from(len).unwrap_or(0)];
            backup.input.read_exact_at(member.data_at(), &mut head)?;
            for number in [
                member.header_at,
                member.header.raw.len() as u64,
                member.size,
                len,
            ] {
                hash.update(number.to_le_bytes());
            }
            hash.update(&member.header.raw);
            hash.update(&head);
        }
        Ok(Self {
            size: backup.input.len(),
            modified: backup.input.modified().map(nanoseconds),
            headers: hash.finalize().into(),
        })
    }
}

fn nanoseconds(time: SystemTime) -> i128 {
    let whole = |nanoseconds: u128| i128::try_from(nanoseconds).unwrap_or(i128::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => whole(after.as_nanos()),
        Err(before) => -whole(before.duration().as_nanos()),
    }
}
