//! A backup with its key.

use std::sync::Arc;

use super::depth::Depth;
use crate::crypt::KeyRing;
use crate::error::Result;
use crate::open::{self, Backup};
use crate::survey::Scan;

/// A backup and the key that opens its parts, if there is one.
#[derive(Debug)]
pub struct Unlocked {
    /// The backup. Parts that the key does not open are marked as
    /// [closed](crate::open::Part::closed).
    pub backup: Backup,
    /// The key. It is shared, because deriving it is slow.
    pub keys: Option<Arc<KeyRing>>,
}

impl Unlocked {
    /// Marks the parts that the key does not open, though it opens others.
    ///
    /// # Errors
    /// `InputIo` if the file cannot be read; `Internal` if there is not enough memory to derive the
    /// key.
    pub fn new(mut backup: Backup, keys: Option<Arc<KeyRing>>) -> Result<Self> {
        if let Some(keys) = &keys {
            open::close_others(&mut backup, keys)?;
        }
        Ok(Self { backup, keys })
    }

    /// Prepares a scan for use at this depth. Returns whether there is a key, or a scan that stands
    /// for it.
    ///
    /// For a plan that is only shown, the scan stands for the key with which it was made. Whoever
    /// writes needs the key itself: without it, only surveys of parts that are not encrypted count,
    /// because no others could be checked.
    pub(super) fn takes(&mut self, scan: &mut Scan, depth: Depth) -> bool {
        if self.keys.is_some() {
            return true;
        }
        if depth == Depth::All {
            scan.close_parts(&mut self.backup);
            return scan.has_key();
        }
        scan.forget(|at| {
            let part = self.backup.parts.get(at);
            part.is_none_or(|part| part.version().is_some())
        });
        false
    }

    /// The parts that can be read.
    pub fn readable(&self) -> Vec<usize> {
        let has_key = self.keys.is_some();
        (0..self.backup.parts.len())
            .filter(|&at| self.backup.part(at).is_readable(has_key))
            .collect()
    }
}
