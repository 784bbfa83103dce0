//! Why a scan cannot be used.

use std::io;
use std::path::Path;

use super::VERSION;
use crate::error::{Advice, Error, Kind, escaped_path};
use crate::size;

/// What is wrong with a scan.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The file is something else.
    #[error("it is not a scan that haslim made")]
    NotAScan,
    /// Another version of haslim made it.
    #[error("{} version of haslim made it (form {made}; this one reads form {VERSION})", if *made > VERSION { "a newer" } else { "an older" })]
    OtherVersion {
        /// The version of its form.
        made: u32,
    },
    /// It is cut off.
    #[error("it ends too early: it has {found} of {expected} bytes")]
    CutOff {
        /// The bytes that it should have.
        expected: u64,
        /// The bytes that it has.
        found: u64,
    },
    /// Its bytes are not those that were written, or no haslim wrote them.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// It belongs to a backup of another size.
    #[error("it belongs to another backup, of {}, not {}", size::both(*.scanned), size::both(*.size))]
    OtherSize {
        /// Bytes of the backup that it belongs to.
        scanned: u64,
        /// Bytes of this backup.
        size: u64,
    },
    /// It belongs to a backup that was written at another time.
    #[error("the backup was changed or copied after the scan was made")]
    OtherTime,
    /// It belongs to a backup with other headers.
    #[error("it belongs to another backup of the same size")]
    OtherHeaders,
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
}

impl ScanError {
    /// The same as an error of the program: wrong usage, with the file's name.
    pub fn of_file(self, path: &Path) -> Error {
        let message = format!("cannot use the scan {}: {self}", escaped_path(path));
        let advice = match &self {
            Self::Unreadable(_) => "Check the path and the permissions.".into(),
            _ => Advice::MakeScanAgain,
        };
        Error::new(Kind::Usage, message).advice(advice)
    }
}
