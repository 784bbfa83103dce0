//! Opens folders beneath one folder, name by name, and never through a link.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::sync::Arc;

use cap_fs_ext::DirExt;
use cap_std::fs::Dir;

use super::outcome::Why;
use crate::sys::{self, Folder};

/// How many folders stay open. Deeper paths are opened again from the top.
const OPEN: usize = 32;

/// The folders above the current one.
///
/// `cap_std` opens every folder by its name in the one before it, without following links, so that
/// no path leads out of the root, whatever other programs do meanwhile. Memory, and open files: at
/// most [`OPEN`] folders.
pub(super) struct Beneath {
    root: Arc<Dir>,
    /// The names on the way from the root to the current folder.
    names: Vec<OsString>,
    /// The last folders on this way, each with its depth.
    levels: VecDeque<(usize, Dir)>,
    /// The current folder in the form in which files are created.
    folder: Option<Arc<Folder>>,
    /// The depths of folders that were created on the way.
    created: Vec<usize>,
}

/// Whether folders that are missing are created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Create,
    Fail,
}

impl Beneath {
    pub fn new(root: Arc<Dir>) -> Self {
        Self {
            root,
            names: Vec::new(),
            levels: VecDeque::new(),
            folder: None,
            created: Vec::new(),
        }
    }

    /// Makes the folder with these names the current one. The reason says why it cannot be opened;
    /// the current folder is then one above it.
    ///
    /// # Errors
    /// `NotFound` with [`Missing::Fail`], and other errors of the system.
    pub fn open(&mut self, names: &[OsString], missing: Missing) -> io::Result<Option<Why>> {
        let same = self.names.iter().zip(names);
        let common = same.take_while(|(one, other)| one == other).count();
        while self.levels.back().is_some_and(|(depth, _)| *depth > common) {
            self.levels.pop_back();
            self.folder = None;
        }
        let begin = self.levels.back().map_or(0, |(depth, _)| *depth);
        if begin == 0 {
            self.folder = None;
        }
        self.names.truncate(begin);
        self.created.clear();
        for name in names.iter().skip(begin) {
            let (dir, is_new) = match opened(self.dir(), name, missing)? {
                Ok(opened) => opened,
                Err(why) => return Ok(Some(why)),
            };
            self.names.push(name.clone());
            let depth = self.names.len();
            self.levels.push_back((depth, dir));
            self.folder = None;
            if is_new {
                self.created.push(depth);
            }
            if self.levels.len() > OPEN {
                self.levels.pop_front();
            }
        }
        Ok(None)
    }

    /// The current folder.
    pub fn dir(&self) -> &Dir {
        self.levels.back().map_or(&self.root, |(_, dir)| dir)
    }

    /// The current folder, for creating files in it.
    ///
    /// # Errors
    /// Errors of the system.
    pub fn folder(&mut self) -> io::Result<Arc<Folder>> {
        if let Some(folder) = &self.folder {
            return Ok(Arc::clone(folder));
        }
        let folder = Arc::new(Folder::of_dir(self.dir())?);
        self.folder = Some(Arc::clone(&folder));
        Ok(folder)
    }

    /// The names of the folders that the last [`Beneath::open`] created.
    pub fn created(&self) -> impl Iterator<Item = &[OsString]> {
        let names = |depth: &usize| self.names.get(..*depth).unwrap_or_default();
        self.created.iter().map(names)
    }
}

/// Opens a folder by its name in `parent`, and returns whether it was created.
fn opened(parent: &Dir, name: &OsStr, missing: Missing) -> io::Result<Result<(Dir, bool), Why>> {
    let error = match parent.open_dir_nofollow(name) {
        Ok(dir) => return Ok(Ok((dir, false))),
        Err(error) => error,
    };
    if error.kind() == ErrorKind::NotFound && missing == Missing::Create {
        let is_new = match parent.create_dir(name) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
            Err(error) => return refused(error),
        };
        return Ok(Ok((parent.open_dir_nofollow(name)?, is_new)));
    }
    match parent.symlink_metadata(name) {
        Ok(found) if found.is_symlink() => Ok(Err(Why::BehindLink)),
        Ok(found) if !found.is_dir() => Ok(Err(Why::BehindFile)),
        _ => refused(error),
    }
}

/// A reason to leave out one entry if the system rejects its name, or else the error itself.
pub(super) fn refused<T>(error: io::Error) -> io::Result<Result<T, Why>> {
    if is_about_name(&error) {
        return Ok(Err(Why::System(error.to_string())));
    }
    Err(error)
}

/// Whether an error only says that the file system cannot hold this name (open(2), `EINVAL`,
/// `ENAMETOOLONG`, and `EILSEQ`, which has no kind).
pub(super) fn is_about_name(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidFilename | ErrorKind::InvalidInput
    ) || sys::is_illegal_sequence(error)
}
