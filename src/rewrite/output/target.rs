//! The path of an output, before the file exists.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::system::System;
use super::{Output, leftovers, place, room};
use crate::error::{Error, Kind, OutputAdvice, Result, escaped_path};
use crate::pipe::Input;
use crate::sys::{FileIdentity, FileKind, Folder};

/// A path for an output, checked before any work is done.
#[derive(Debug)]
pub struct Target {
    pub(super) path: PathBuf,
    pub(super) folder: Arc<Folder>,
    pub(super) name: OsString,
    pub(super) force: bool,
    /// The identity of the input, if the output is made from one.
    pub(super) input: Option<FileIdentity>,
    /// The expected size of the output in bytes, once it is known.
    pub(super) needed: Option<u64>,
    pub(super) system: System,
}

impl Target {
    /// Checks that `path` can become the output of a run over `input`.
    ///
    /// # Errors
    /// `OutputIo` if it exists (unless `force`) or its folder is missing or not writable; `Refused`
    /// if it is the input itself, a folder, or not a regular file.
    pub fn check(path: &Path, force: bool, input: &Input) -> Result<Self> {
        Self::check_by(System::default(), path, force, Some(input))
    }

    /// The same for an output that is not made from an input.
    ///
    /// # Errors
    /// The same as for [`Target::check`].
    pub fn check_alone(path: &Path, force: bool) -> Result<Self> {
        Self::check_by(System::default(), path, force, None)
    }

    pub(super) fn check_by(
        system: System,
        path: &Path,
        force: bool,
        input: Option<&Input>,
    ) -> Result<Self> {
        let (folder, name) = place::open(&system, path)?;
        let target = Self {
            path: path.to_owned(),
            folder: Arc::new(folder),
            name,
            force,
            input: input.map(Input::identity),
            needed: None,
            system,
        };
        target.check_existing()?;
        let cannot = |e: io::Error| {
            let what = format!("cannot write into {}", escaped_path(place::parent(path)));
            Error::output(e, &what)
        };
        target.system.may_write(&target.folder).map_err(cannot)?;
        Ok(target)
    }

    /// A file in an open folder, as one of many. Nothing is checked beforehand: [`Target::create`]
    /// and [`Output::give_name_only`] report what cannot be done. `path` is for messages.
    pub(crate) fn within(folder: &Arc<Folder>, name: OsString, path: PathBuf, force: bool) -> Self {
        Self {
            path,
            folder: Arc::clone(folder),
            name,
            force,
            input: None,
            needed: None,
            system: System::default(),
        }
    }

    fn check_existing(&self) -> Result<()> {
        let shown = escaped_path(&self.path);
        if self.is_input() {
            return Err(Error::refused(format!("{shown} is the backup itself"))
                .advice(OutputAdvice::Another));
        }
        let named = match self.system.look_at(&self.folder, &self.name) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) if e.kind() == ErrorKind::InvalidFilename => {
                return Err(place::no_such_name(e, &self.path));
            }
            other => other.map_err(|e| Error::output(e, &format!("cannot look at {shown}")))?,
        };
        if named.kind == FileKind::Folder {
            return Err(place::is_folder(&self.path));
        }
        if named.kind != FileKind::Regular {
            return Err(
                Error::refused(format!("{shown} exists and is not a regular file"))
                    .advice(OutputAdvice::Another),
            );
        }
        if !self.force {
            return Err(
                Error::new(Kind::OutputIo, format!("{shown} exists already"))
                    .advice(OutputAdvice::AnotherOrReplace),
            );
        }
        Ok(())
    }

    /// Whether the name leads to the input: under another name, behind a link, it is still the
    /// input.
    fn is_input(&self) -> bool {
        self.system
            .look_through(&self.folder, &self.name)
            .is_ok_and(|named| Some(named.identity) == self.input)
    }

    /// Whether another output would be the same file, however its path is written. Where the file
    /// system may ignore case, names that differ only in case count as the same.
    pub fn is_same(&self, other: &Self) -> bool {
        let folders = (self.folder.identity(), other.folder.identity());
        let is_same_folder = matches!(folders, (Ok(one), Ok(other)) if one == other);
        is_same_folder
            && if cfg!(target_os = "linux") {
                self.name == other.name
            } else {
                self.name.to_string_lossy().to_lowercase()
                    == other.name.to_string_lossy().to_lowercase()
            }
    }

    /// The path of the output.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that `bytes` fit on the disk, and into one file there.
    ///
    /// # Errors
    /// `OutputIo` with the bytes needed and the maximum: the free space, the limit of the file
    /// system (FAT) or a limit that the process was started with (`RLIMIT_FSIZE`).
    pub fn check_space(&mut self, bytes: u64) -> Result<()> {
        self.needed = Some(bytes);
        room::check(&self.system, &self.folder, &escaped_path(&self.path), bytes)
    }

    /// The free space in the folder, in bytes, if the system tells.
    pub fn free_space(&self) -> Option<u64> {
        room::free(&self.system, &self.folder)
    }

    /// Removes the files that killed runs left in the folder. They exist only on a file system
    /// without nameless files, or if a run was killed while replacing a file.
    pub fn remove_leftovers(&self) {
        leftovers::remove(&self.system, &self.folder, self.input);
    }

    /// Opens the file that will become the output.
    ///
    /// # Errors
    /// `OutputIo`.
    pub fn create(self) -> Result<Output> {
        let (file, hidden) = match self.system.create_nameless(&self.folder) {
            Ok(file) => {
                // It may be a hidden file for a moment, when it replaces another one.
                let _ = self.system.lock(&file);
                (file, None)
            }
            // Some file systems cannot do this: NFS, FAT and some network shares.
            Err(_) => {
                let (file, name) = leftovers::create(&self.system, &self.folder).map_err(|e| {
                    let what = format!("cannot create a file beside {}", escaped_path(&self.path));
                    Error::output(e, &what)
                })?;
                (file, Some(name))
            }
        };
        Ok(Output {
            file,
            at: 0,
            on_its_way: 0,
            growth: Arc::default(),
            hidden,
            target: self,
        })
    }
}
