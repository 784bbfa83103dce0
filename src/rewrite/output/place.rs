//! Resolves the path of an output: a file in a folder, or a path that can only be a folder.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, is_separator};

use super::system::System;
use crate::error::{Error, Kind, OutputAdvice, Result, escaped_path};
use crate::sys::{Folder, NameFault, name_fault};

/// Opens the folder for the file, and returns the file's name there.
///
/// # Errors
/// `OutputIo` if there is no such folder, `Refused` if the path names an existing folder.
pub(super) fn open(system: &System, path: &Path) -> Result<(Folder, OsString)> {
    if let Some(name) = file_name(path) {
        if let Some(fault) = name_fault(&name) {
            return Err(no_name(path, fault));
        }
        let folder = parent(path);
        return Ok((
            system
                .open_folder(folder)
                .map_err(|e| no_folder(e, folder))?,
            name,
        ));
    }
    // Shown without the ending that makes it a folder, which may be why it is missing.
    let folder = path.components().as_path();
    system
        .open_folder(folder)
        .map_err(|e| no_folder(e, folder))?;
    Err(is_folder(path))
}

/// The folder of a file.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// `None` for a path that can only be a folder: `Path` alone reads `new/` and `new/.` as `new`.
fn file_name(path: &Path) -> Option<OsString> {
    let bytes = path.as_os_str().as_encoded_bytes();
    let last = bytes.rsplit(|&b| is_separator(b.into())).next()?;
    path.file_name()
        .filter(|name| name.as_encoded_bytes() == last)
        .map(OsString::from)
}

/// The error for a path that names a folder.
pub(super) fn is_folder(path: &Path) -> Error {
    let example = path.components().as_path().join("copy.tar");
    Error::refused(format!("{} is a folder", escaped_path(path))).advice(format!(
        "Name the file in it too, as in {}.",
        escaped_path(&example)
    ))
}

/// The error for a name that the system does not give to new files.
fn no_name(path: &Path, fault: NameFault) -> Error {
    let shown = escaped_path(path);
    let why = match fault {
        NameFault::Device => "is the name of a device".to_owned(),
        NameFault::Stream => "names a stream inside another file (:)".to_owned(),
        NameFault::End => "ends in a full stop or a space, which this system leaves out".to_owned(),
        NameFault::Character(c) => format!("contains {c:?}, which this system allows in no name"),
    };
    Error::refused(format!("{shown} {why}")).advice(OutputAdvice::Another)
}

/// The error for a name that is too long for the disk, or has bytes that it cannot store.
pub(super) fn no_such_name(error: io::Error, path: &Path) -> Error {
    let message = format!(
        "no file on this disk can have the name {}",
        escaped_path(path)
    );
    Error::output(error, &message).advice(OutputAdvice::Another)
}

fn no_folder(error: io::Error, folder: &Path) -> Error {
    let shown = escaped_path(folder);
    match error.kind() {
        ErrorKind::NotFound => Error::new(Kind::OutputIo, format!("there is no folder {shown}"))
            .advice(OutputAdvice::CreateFolder)
            .caused_by(error),
        ErrorKind::NotADirectory => Error::new(Kind::OutputIo, format!("{shown} is not a folder"))
            .advice(OutputAdvice::AnotherPlace)
            .caused_by(error),
        _ => Error::output(error, &format!("cannot open the folder {shown}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_name_of_a_path_can_be_a_file() {
        for (path, name) in [
            ("a", "a"),
            ("a/b", "b"),
            ("/a", "a"),
            ("a//b", "b"),
            ("../b", "b"),
            ("a/.b", ".b"),
        ] {
            assert_eq!(file_name(Path::new(path)), Some(name.into()), "{path}");
        }
        for path in [
            "", ".", "..", "/", "a/", "a//", "a/.", "a/..", "a/./", "./", "../",
        ] {
            assert_eq!(file_name(Path::new(path)), None, "{path}");
        }
    }
}
