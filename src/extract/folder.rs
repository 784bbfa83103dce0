//! Extracts into a folder.
#![allow(
    clippy::disallowed_methods,
    reason = "this is the only module that creates links and folders beneath an output folder"
)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, SystemTimeSpec};
use cap_std::fs::{Dir, OpenOptions};
use cap_std::time::SystemTime as CapTime;

use super::beneath::{Beneath, Missing, is_about_name};
use super::names::fitted;
use super::outcome::{Changed, How, Why};
use super::pass::{Entry, Linked, Seen, Target};
use crate::error::{Error, Kind, Result, escaped_path};
use crate::format::tar::block::EntryKind;
use crate::pipe::Control;
use crate::rewrite::{Output, OutputPath, hidden_name};
use crate::sys::{self, FileIdentity};

/// Bytes that are gathered before they are written: the decoder returns some 15 KiB at a time.
const BUFFER: usize = 1 << 18;
/// Bytes that are copied at once where the file system has no hard links.
const COPY: usize = 1 << 20;

/// Writes the entries of one part as files.
///
/// Each file is written without a name (or under a hidden one, where the file system has no files
/// without a name) and gets its name when it is complete. Folders keep their permissions and times
/// from the end of the part on. Memory: that of [`Beneath`], twice, 256 KiB, and the path of each
/// folder.
pub(super) struct IntoFolder<'a> {
    place: &'a Place,
    /// The name of the part's folder.
    part: String,
    beneath: Beneath,
    /// The folders of the files that hard links lead to.
    sources: Beneath,
    current: Option<Current>,
    /// Bytes of the current file that are not written yet.
    gathered: Vec<u8>,
    /// The folders that were created, with what the archive says about them.
    made: BTreeMap<Vec<OsString>, Option<Metadata>>,
    changed: Vec<Changed>,
    control: &'a Control,
}

/// The folder that everything is extracted to.
#[derive(Debug)]
pub(super) struct Place {
    pub path: PathBuf,
    pub dir: Arc<Dir>,
    /// Whether existing files are replaced.
    pub force: bool,
    /// The backup, which no file replaces.
    pub backup: FileIdentity,
}

struct Current {
    output: Output,
    path: Vec<u8>,
    shown: PathBuf,
    metadata: Metadata,
}

#[derive(Clone, Copy)]
struct Metadata {
    mode: u32,
    modified: Option<SystemTime>,
}

impl Metadata {
    fn of(entry: &Entry<'_>) -> Self {
        Self {
            mode: entry.mode(),
            modified: entry.modified(),
        }
    }

    /// For `cap_fs_ext`.
    fn time(self) -> Option<SystemTimeSpec> {
        let time = CapTime::from_std(self.modified?);
        Some(SystemTimeSpec::Absolute(time))
    }
}

impl<'a> IntoFolder<'a> {
    pub fn new(place: &'a Place, part: &str, control: &'a Control) -> Self {
        Self {
            place,
            part: part.to_owned(),
            beneath: Beneath::new(Arc::clone(&place.dir)),
            sources: Beneath::new(Arc::clone(&place.dir)),
            current: None,
            gathered: Vec::with_capacity(BUFFER),
            made: BTreeMap::new(),
            changed: Vec::new(),
            control,
        }
    }

    /// Opens the folder of an entry, and returns the entry's name in it.
    fn parent<'n>(&mut self, names: &'n [OsString]) -> Result<Result<&'n OsString, Why>> {
        let Some((name, parents)) = names.split_last() else {
            return Err(internal());
        };
        let opened = self.beneath.open(parents, Missing::Create);
        for created in self.beneath.created() {
            self.made.entry(created.to_vec()).or_insert(None);
        }
        let opened = opened.map_err(|e| self.failed(e, names));
        Ok(opened?.map_or(Ok(name), Err))
    }

    fn shown(&self, names: &[OsString]) -> PathBuf {
        names
            .iter()
            .fold(self.place.path.clone(), |path, name| path.join(name))
    }

    fn failed(&self, error: io::Error, names: &[OsString]) -> Error {
        failed(error, &self.shown(names))
    }

    /// Whether an existing file may be replaced by this entry.
    ///
    /// # Errors
    /// Why the entry must be left out: that file is another entry, or the backup.
    fn may_replace(&mut self, entry: &Entry<'_>, name: &OsString) -> Result<bool, Why> {
        if entry.seen != Seen::Again && self.is_backup(name) {
            return Err(Why::Backup);
        }
        match entry.seen {
            Seen::Again => Ok(true),
            Seen::New => Ok(self.place.force),
            Seen::Similar => {
                let is_free = self.beneath.dir().symlink_metadata(name).is_err();
                if is_free || self.lists(name) {
                    Ok(self.place.force)
                } else {
                    Err(Why::Similar)
                }
            }
        }
    }

    /// Whether the current folder has the backup under this name. A name that only leads to it may
    /// be replaced: the backup keeps its own.
    fn is_backup(&mut self, name: &OsString) -> bool {
        self.place.force
            && self.beneath.folder().is_ok_and(|folder| {
                let found = folder.look_at(name);
                found.is_ok_and(|found| found.identity == self.place.backup)
            })
    }

    /// Whether the current folder lists exactly this name. On a file system that ignores case, a
    /// file can be found under a name that its folder does not list.
    fn lists(&self, name: &OsString) -> bool {
        let entries = self.beneath.dir().entries();
        let mut entries = entries.into_iter().flatten().flatten();
        entries.any(|entry| entry.file_name() == *name)
    }

    /// Gives a link its name; `make` creates it under a name in the current folder.
    fn name_link(
        &self,
        name: &OsString,
        replace: bool,
        make: impl Fn(&OsString) -> io::Result<()>,
    ) -> io::Result<()> {
        match make(name) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && replace => {}
            other => return other,
        }
        let hidden = hidden_name()?;
        make(&hidden)?;
        let dir = self.beneath.dir();
        let renamed = dir.rename(&hidden, dir, name);
        // If both are links to the same file, renaming one does nothing (rename(2)).
        let _ = dir.remove_file(&hidden);
        renamed
    }

    /// What a failed naming means for its entry.
    fn unnamed(&self, error: io::Error, names: &[OsString]) -> Result<Why> {
        unnamed(error, &self.shown(names))
    }

    fn begin(&mut self, entry: &Entry<'_>) -> Result<Option<Why>> {
        let name = match self.parent(entry.names)? {
            Ok(name) => name,
            Err(why) => return Ok(Some(why)),
        };
        let replace = match self.may_replace(entry, name) {
            Ok(replace) => replace,
            Err(why) => return Ok(Some(why)),
        };
        let shown = self.shown(entry.names);
        let folder = self.beneath.folder();
        let folder = folder.map_err(|e| self.failed(e, entry.names))?;
        let target = OutputPath::within(&folder, name.clone(), shown.clone(), replace);
        self.gathered.clear();
        self.current = Some(Current {
            output: target.create()?,
            path: entry.path.to_vec(),
            shown,
            metadata: Metadata::of(entry),
        });
        Ok(None)
    }

    fn end(&mut self) -> Result<Option<Why>> {
        self.write()?;
        let Some(current) = self.current.take() else {
            return Ok(None);
        };
        let Current {
            output,
            path,
            shown,
            metadata,
        } = current;
        let modified = metadata.modified.unwrap_or(SystemTime::UNIX_EPOCH);
        if let Err(error) = output.set_metadata(metadata.mode, modified) {
            self.note_metadata(&path, &error);
        }
        match output.give_name_only() {
            Ok(()) => Ok(None),
            Err(error) => unnamed(error, &shown).map(Some),
        }
    }

    /// Writes what was gathered.
    fn write(&mut self) -> Result<()> {
        if let Some(current) = self.current.as_mut().filter(|_| !self.gathered.is_empty()) {
            current.output.append(&self.gathered)?;
        }
        self.gathered.clear();
        Ok(())
    }

    fn note_metadata(&mut self, path: &[u8], error: &io::Error) {
        self.changed.push(Changed {
            path: path.to_vec(),
            how: How::Metadata(error.to_string()),
        });
    }

    /// Copies a file that was extracted before, because the file system has no hard links.
    fn copy(&mut self, entry: &Entry<'_>, source: &OsString) -> Result<Linked> {
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No);
        let file = self.sources.dir().open_with(source, &options);
        let mut file = file.map_err(|e| self.failed(e, entry.names))?;
        if let Some(why) = self.begin(entry)? {
            return Ok(Linked::LeftOut(why));
        }
        let mut buffer = vec![0; COPY];
        loop {
            self.control.check()?;
            let got = file.read(&mut buffer);
            let got = got.map_err(|e| self.failed(e, entry.names))?;
            if got == 0 {
                break;
            }
            self.data(buffer.get(..got).unwrap_or_default())?;
        }
        Ok(match self.end()? {
            Some(why) => Linked::LeftOut(why),
            None => Linked::Copy,
        })
    }
}

impl Target for IntoFolder<'_> {
    fn makes_files(&self) -> bool {
        true
    }

    fn file(&mut self, entry: &Entry<'_>) -> Result<Option<Why>> {
        self.begin(entry)
    }

    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        if self.gathered.len() + bytes.len() > BUFFER {
            self.write()?;
        }
        if bytes.len() < BUFFER {
            self.gathered.extend_from_slice(bytes);
            return Ok(());
        }
        match &mut self.current {
            Some(current) => current.output.append(bytes),
            None => Ok(()),
        }
    }

    fn file_end(&mut self) -> Result<Option<Why>> {
        self.end()
    }

    fn folder(&mut self, entry: &Entry<'_>) -> Result<Option<Why>> {
        let name = match self.parent(entry.names)? {
            Ok(name) => name,
            Err(why) => return Ok(Some(why)),
        };
        let dir = self.beneath.dir();
        match sys::create_private_folder(dir, name) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                match dir.symlink_metadata(name) {
                    Ok(found) if found.is_dir() => {}
                    Ok(_) => return Ok(Some(Why::Taken)),
                    Err(error) => return Err(self.failed(error, entry.names)),
                }
                // A folder that was there before stays as it is.
                if !self.made.contains_key(entry.names) {
                    return Ok(None);
                }
            }
            Err(error) => return self.unnamed(error, entry.names).map(Some),
        }
        let metadata = Some(Metadata::of(entry));
        self.made.insert(entry.names.to_vec(), metadata);
        Ok(None)
    }

    fn symlink(&mut self, entry: &Entry<'_>) -> Result<Option<Why>> {
        let name = match self.parent(entry.names)? {
            Ok(name) => name,
            Err(why) => return Ok(Some(why)),
        };
        let replace = match self.may_replace(entry, name) {
            Ok(replace) => replace,
            Err(why) => return Ok(Some(why)),
        };
        let Some(target) = sys::name_of(&entry.header.link) else {
            return Ok(Some(Why::LeadsOut(entry.header.link.clone())));
        };
        let dir = self.beneath.dir();
        let made = self.name_link(name, replace, |name| DirExt::symlink(dir, &target, name));
        if let Err(error) = made {
            if matches!(
                error.kind(),
                ErrorKind::Unsupported | ErrorKind::PermissionDenied
            ) {
                return Ok(Some(Why::System(error.to_string())));
            }
            return self.unnamed(error, entry.names).map(Some);
        }
        // A link's own time is worth keeping, but not an error.
        let _ = dir.set_symlink_times(name, None, Metadata::of(entry).time());
        Ok(None)
    }

    fn hard_link(&mut self, entry: &Entry<'_>, to: &[u8]) -> Result<Linked> {
        let Ok((source, _)) = fitted(&self.part, to) else {
            return Ok(Linked::LeftOut(Why::NoContents(to.to_vec())));
        };
        let Some((source, folders)) = source.split_last() else {
            return Err(internal());
        };
        let opened = self.sources.open(folders, Missing::Fail);
        if opened.map_err(|e| self.failed(e, entry.names))?.is_some() {
            return Ok(Linked::LeftOut(Why::NoContents(to.to_vec())));
        }
        // Whatever happened to it meanwhile, only a file may get a second name.
        let found = self.sources.dir().symlink_metadata(source);
        if !found.is_ok_and(|found| found.is_file()) {
            return Ok(Linked::LeftOut(Why::NoContents(to.to_vec())));
        }
        let name = match self.parent(entry.names)? {
            Ok(name) => name,
            Err(why) => return Ok(Linked::LeftOut(why)),
        };
        let replace = match self.may_replace(entry, name) {
            Ok(replace) => replace,
            Err(why) => return Ok(Linked::LeftOut(why)),
        };
        let (dir, sources) = (self.beneath.dir(), self.sources.dir());
        let made = self.name_link(name, replace, |name| sources.hard_link(source, dir, name));
        match made {
            Ok(()) => Ok(Linked::Link),
            // A file system without hard links, or with too many to this file (link(2)).
            Err(error) if is_no_link(&error) => self.copy(entry, source),
            Err(error) => self.unnamed(error, entry.names).map(Linked::LeftOut),
        }
    }

    /// Sets the permissions and times of the folders, the deepest first: a folder may then be
    /// closed to its owner, and its time no longer changes.
    fn part_end(&mut self) -> Result<Vec<Changed>> {
        // A file that is not complete disappears here.
        self.current = None;
        let made = std::mem::take(&mut self.made);
        for (names, metadata) in made.iter().rev() {
            let (Some(metadata), Some((name, parents))) = (metadata, names.split_last()) else {
                continue;
            };
            let opened = self.beneath.open(parents, Missing::Fail);
            if !matches!(opened, Ok(None)) {
                continue;
            }
            let dir = self.beneath.dir();
            let timed = dir.set_times(name, None, metadata.time());
            if let Err(error) = timed.and_then(|()| sys::set_folder_mode(dir, name, metadata.mode))
            {
                let path = names.iter().skip(1).cloned().collect::<PathBuf>();
                self.note_metadata(path.as_os_str().as_encoded_bytes(), &error);
            }
        }
        Ok(std::mem::take(&mut self.changed))
    }
}

fn failed(error: io::Error, shown: &Path) -> Error {
    Error::output(error, &format!("cannot extract to {}", escaped_path(shown)))
}

/// What it means for an entry that it could not get its name.
///
/// # Errors
/// `OutputIo` if that is not about the name.
fn unnamed(error: io::Error, shown: &Path) -> Result<Why> {
    match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::IsADirectory | ErrorKind::DirectoryNotEmpty => {
            Ok(Why::Taken)
        }
        _ if is_about_name(&error) => Ok(Why::System(error.to_string())),
        _ => Err(failed(error, shown)),
    }
}

/// Whether there can be no (further) hard link to a file.
fn is_no_link(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unsupported
            | ErrorKind::PermissionDenied
            | ErrorKind::TooManyLinks
            | ErrorKind::CrossesDevices
    )
}

fn internal() -> Error {
    Error::new(
        Kind::Internal,
        "an entry without a name was to be extracted",
    )
}

/// Looks for files that are in the way, without writing anything.
pub(super) struct InTheWay<'a> {
    place: &'a Place,
    beneath: Beneath,
    /// The first of them.
    pub first: Option<PathBuf>,
    pub count: u64,
}

impl<'a> InTheWay<'a> {
    pub fn new(place: &'a Place) -> Self {
        Self {
            place,
            beneath: Beneath::new(Arc::clone(&place.dir)),
            first: None,
            count: 0,
        }
    }

    fn look(&mut self, entry: &Entry<'_>) -> Result<Option<Why>> {
        let Some((name, parents)) = entry.names.split_last() else {
            return Ok(None);
        };
        match self.beneath.open(parents, Missing::Fail) {
            Ok(None) => {}
            // What is behind a link or a file is left out, or is not there yet.
            Ok(Some(why)) => return Ok(Some(why)),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.cannot_look(error)),
        }
        let found = self.beneath.dir().symlink_metadata(name);
        match found {
            Ok(found) => {
                let is_folder = entry.header.kind == EntryKind::Directory;
                if !(is_folder && found.is_dir()) {
                    self.count += 1;
                    let names = entry.names.iter();
                    let shown = names.fold(self.place.path.clone(), |path, name| path.join(name));
                    self.first.get_or_insert(shown);
                }
                Ok(None)
            }
            Err(error) if error.kind() == ErrorKind::NotFound || is_about_name(&error) => Ok(None),
            Err(error) => Err(self.cannot_look(error)),
        }
    }

    fn cannot_look(&self, error: io::Error) -> Error {
        cannot_look(error, &self.place.path)
    }
}

/// The error for a folder that cannot be looked into.
pub(super) fn cannot_look(error: io::Error, path: &Path) -> Error {
    Error::output(error, &format!("cannot look into {}", escaped_path(path)))
}

impl Target for InTheWay<'_> {
    fn makes_files(&self) -> bool {
        true
    }

    fn file(&mut self, entry: &Entry<'_>) -> Result<Option<Why>> {
        self.look(entry)
    }

    fn data(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn file_end(&mut self) -> Result<Option<Why>> {
        Ok(None)
    }

    fn folder(&mut self, entry: &Entry<'_>) -> Result<Option<Why>> {
        self.look(entry)
    }

    fn symlink(&mut self, entry: &Entry<'_>) -> Result<Option<Why>> {
        self.look(entry)
    }

    fn hard_link(&mut self, entry: &Entry<'_>, _: &[u8]) -> Result<Linked> {
        self.look(entry)?;
        Ok(Linked::Link)
    }
}
