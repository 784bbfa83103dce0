//! The backups in a folder.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use haslim::error::escaped_path;
use haslim::{Error, Result};
use walkdir::WalkDir;

use crate::cli::session::Session;

/// The files whose names end in .tar, sorted by name, folder by folder. Links are followed, except
/// a link that leads back to a parent folder.
///
/// # Errors
/// If the folder itself cannot be read. A subfolder that cannot be read causes a warning, and a
/// file that disappears meanwhile is skipped.
pub fn backups_in(session: &Session, path: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |folder: &Path, error: walkdir::Error| {
        let doing = format!("cannot read the folder {}", escaped_path(folder));
        let error = error.into_io_error().unwrap_or(ErrorKind::Other.into());
        Error::input(error, &doing).advice("Check the path and the permissions.")
    };
    let mut found = Vec::new();
    for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
        session.control.check()?;
        match entry {
            Ok(entry) => {
                let named = entry.path().extension().is_some_and(|end| end == "tar");
                if named && entry.file_type().is_file() {
                    found.push(entry.into_path());
                }
            }
            Err(error) if error.depth() == 0 => return Err(unreadable(path, error)),
            Err(error) if is_nothing(&error) => {}
            Err(error) => {
                let folder = error.path().unwrap_or(path).to_owned();
                session.screen.warn(unreadable(&folder, error).message());
            }
        }
    }
    Ok(found)
}

/// A link to a parent folder, a broken link, or a file that has disappeared.
fn is_nothing(error: &walkdir::Error) -> bool {
    let gone = |error: &io::Error| error.kind() == ErrorKind::NotFound;
    error.loop_ancestor().is_some() || error.io_error().is_some_and(gone)
}
