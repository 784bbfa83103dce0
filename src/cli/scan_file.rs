//! Reads a scan that the user names.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use haslim::Result;
use haslim::open::Backup;
use haslim::survey::{Scan, ScanError};

/// Reads the scan in this file, which must belong to the backup.
///
/// # Errors
/// `Usage` if it cannot be read or used; `InputIo` if the backup cannot be read.
pub fn load(path: &Path, backup: &Backup) -> Result<Scan> {
    let (file, len) = open(path).map_err(|e| ScanError::from(e).of_file(path))?;
    Scan::read(&mut BufReader::new(file), len, backup)?.map_err(|e| e.of_file(path))
}

/// Opens the file; returns its size too.
fn open(path: &Path) -> io::Result<(File, u64)> {
    // Checked before it is opened: opening a pipe would wait for a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    Ok((file, len))
}
