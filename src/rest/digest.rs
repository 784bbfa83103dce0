//! The SHA-256 of a file.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::error::Result;
use crate::pipe::{Control, Input, Stage};

/// A SHA-256.
pub type Digest = [u8; 32];

/// A SHA-256 in hex digits.
pub fn hex(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that are read at a time.
const STEP: usize = 1 << 20;

/// The SHA-256 of a whole file. Memory: 1 MiB.
///
/// # Errors
/// `InputIo`; `Damaged` if the file became shorter; `Interrupted`.
pub fn digest(input: &Arc<Input>, control: &Control) -> Result<Digest> {
    let mut hash = Growing::default();
    control.begin(Stage::Read, input.len());
    hash.read_to(input, input.len(), control)?;
    control.end();
    Ok(hash.finish())
}

/// The SHA-256 of a file while it is being written.
#[derive(Default)]
pub(super) struct Growing {
    hash: Sha256,
    at: u64,
    buffer: Vec<u8>,
}

impl Growing {
    /// Reads on to this position.
    pub(super) fn read_to(&mut self, input: &Input, end: u64, control: &Control) -> Result<()> {
        if self.buffer.len() != STEP {
            self.buffer = vec![0; STEP];
        }
        while self.at < end {
            let step = usize::try_from(end - self.at).unwrap_or(STEP).min(STEP);
            let Some(buffer) = self.buffer.get_mut(..step) else {
                break;
            };
            input.read_exact_at(self.at, buffer)?;
            self.hash.update(&*buffer);
            self.at += step as u64;
            control.advance(step as u64)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Digest {
        self.hash.finalize().into()
    }
}
