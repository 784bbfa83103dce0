//! One pass over one part: which entries are taken, and what they become.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use super::choice::Choice;
use super::names::{self, fitted, folded, path_in, selected_path};
use super::outcome::{Changed, How, LeftOut, PartDone, Why};
use crate::crypt::KeyRing;
use crate::error::{Error, Kind, Result};
use crate::format::tar::block::{BLOCK, EntryKind, HeaderBlock, TarError};
use crate::format::tar::header::Header;
use crate::format::tar::path::PathHasher;
use crate::format::tar::pax::{self, Record};
use crate::format::tar::walk::{Visitor, Walker};
use crate::open::{Backup, Part, Pieces, locate};
use crate::pipe::Control;
use crate::plan::request::selector_set::Selectors;

/// The bits of a mode that let others act as the owner (setuid, setgid), and the sticky bit.
const SPECIAL_BITS: u32 = 0o7000;

/// Receives the entries that are taken, in the order of the archive.
///
/// Errors end the pass. A reason to leave out one entry does not.
pub(super) trait Target {
    /// Whether the entries become files of this system, so that links must stay inside and names
    /// must be possible.
    fn makes_files(&self) -> bool;

    /// A file begins.
    fn file(&mut self, entry: &Entry<'_>) -> Result<Option<Why>>;

    /// The next bytes of the file.
    fn data(&mut self, bytes: &[u8]) -> Result<()>;

    /// The file is complete.
    fn file_end(&mut self) -> Result<Option<Why>>;

    /// A folder.
    fn folder(&mut self, entry: &Entry<'_>) -> Result<Option<Why>>;

    /// A symbolic link.
    fn symlink(&mut self, entry: &Entry<'_>) -> Result<Option<Why>>;

    /// A hard link to a file with this path in the part, which was taken before.
    fn hard_link(&mut self, entry: &Entry<'_>, to: &[u8]) -> Result<Linked>;

    /// The part is over. Returns what differs from the backup.
    fn part_end(&mut self) -> Result<Vec<Changed>> {
        Ok(Vec::new())
    }
}

/// What became of a hard link.
pub(super) enum Linked {
    /// A hard link.
    Link,
    /// A file of its own.
    Copy,
    /// Nothing yet: the target needs the contents.
    NeedsContents,
    /// Nothing.
    LeftOut(Why),
}

/// An entry that is taken.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    /// Its path in the part; empty for the root.
    pub path: &'a [u8],
    /// Its path below the folder of all parts, if the target makes files.
    pub names: &'a [OsString],
    /// Its header, or the header of the file with its contents.
    pub header: &'a Header,
    /// The records of global headers before it.
    pub globals: &'a [Record],
    /// The number in the archive of the entry with the data; the first is 0.
    pub index: usize,
    /// Whether a file or link with this name was taken before.
    pub seen: Seen,
}

/// Whether a name was taken before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// No.
    New,
    /// Exactly this name. The later entry counts.
    Again,
    /// A name that some file systems do not distinguish from it.
    Similar,
}

impl Entry<'_> {
    /// Its permission bits, without the special ones.
    pub fn mode(&self) -> u32 {
        mode(self.header) & !SPECIAL_BITS
    }

    /// When it was changed; `None` for a time that this system cannot express.
    pub fn modified(&self) -> Option<SystemTime> {
        let (seconds, nanos) = self.header.exact_mtime(self.globals);
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let time = if seconds < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(whole)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(whole)
        };
        time?.checked_add(Duration::from_nanos(nanos.into()))
    }
}

fn mode(header: &Header) -> u32 {
    let block = header.raw.last_chunk();
    let mode = block.and_then(|block| HeaderBlock(block).mode().ok());
    mode.and_then(|mode| u32::try_from(mode & 0o7777).ok())
        .unwrap_or(0o600)
}

/// What the passes over one backup share.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub backup: &'a Backup,
    pub keys: Option<&'a KeyRing>,
    pub choice: &'a Choice,
    /// By part: the name of its folder.
    pub folders: &'a [String],
    /// Continue after damage.
    pub keep_going: bool,
    /// Set when a part has failed and the others must end.
    pub halted: &'a AtomicBool,
    pub control: &'a Control,
}

impl Context<'_> {
    /// Takes the selected entries of one part. An error that ends the work on this part and all
    /// others halts those too.
    pub fn part(self, at: usize, target: &mut dyn Target) -> PartDone {
        self.control.part(&self.backup.part(at).id);
        let done = part(self, at, target);
        let ends = |error: &Error| !self.keep_going || !is_about_contents(error);
        if done.error.as_ref().is_some_and(ends) {
            self.halted.store(true, Ordering::Relaxed);
        }
        done
    }
}

/// Takes the selected entries of one part.
///
/// Reads the part once; a second time, without progress reports, only if a hard link is selected
/// without the file that has its contents. Memory: that of [`Pieces`] (up to 4 MiB read ahead and
/// the decoder's window), some 40 bytes for each file and link that is taken, and the paths of hard
/// links without contents. Checks for cancellation at every entry and every piece.
pub(super) fn part(context: Context<'_>, at: usize, target: &mut dyn Target) -> PartDone {
    let part = context.backup.part(at);
    let folder = context.folders.get(at).map_or("", String::as_str);
    let mut done = PartDone::new(at, folder);
    done.hits = context.choice.hits(&part.id);
    let outcome = whole(context, part, &mut done, target);
    let end = target
        .part_end()
        .map(|changed| done.changed.extend(changed));
    let outcome = outcome.and(end);
    match outcome {
        Err(error) if error.kind() == Kind::Interrupted(0) => done.is_abandoned = true,
        Err(error) => done.error = Some(locate(context.backup, part, error)),
        Ok(()) => {}
    }
    done
}

fn whole(
    context: Context<'_>,
    part: &Part,
    done: &mut PartDone,
    target: &mut dyn Target,
) -> Result<()> {
    let mut pass = Pass {
        context,
        part,
        selectors: context.choice.selectors(&part.id)?,
        is_whole: context.choice.is_whole(&part.id),
        matching: Vec::new(),
        target,
        done,
        hasher: PathHasher::default(),
        taken: HashSet::new(),
        links: HashSet::new(),
        similar: HashSet::new(),
        pending: BTreeMap::new(),
        awaiting: HashMap::new(),
        sources: None,
        globals: Vec::new(),
        index: 0,
        current: None,
        failed: None,
    };
    let first = pass.walk(context.control);
    let is_stopped = first.as_ref().is_err_and(|error| !is_about_contents(error));
    if is_stopped || pass.awaiting.is_empty() {
        return first;
    }
    pass.find_contents(&context.control.beside(), first)
}

/// Whether an error is about the contents of a part, so that other parts can still be read.
pub(super) fn is_about_contents(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::Damaged | Kind::Refused | Kind::Password | Kind::VerifyFailed
    )
}

struct Pass<'a> {
    context: Context<'a>,
    part: &'a Part,
    selectors: Selectors<'a>,
    /// Whether everything in the part is taken.
    is_whole: bool,
    /// The selectors that match the current entry.
    matching: Vec<usize>,
    target: &'a mut dyn Target,
    done: &'a mut PartDone,
    hasher: PathHasher,
    /// The hashes of the paths of files and links that were taken.
    taken: HashSet<u64>,
    /// Those of them that are symbolic links. No hard link is made to one: from another folder, it
    /// could lead out.
    links: HashSet<u64>,
    /// The hashes of all names that were taken, as a file system that ignores case sees them.
    similar: HashSet<u64>,
    /// Hard links whose contents are still missing, by the path of the file that has them.
    pending: BTreeMap<Vec<u8>, Vec<Pending>>,
    /// Those of them that count: their numbers, by the hashes of their own paths. A later entry of the
    /// same name takes the place of one.
    awaiting: HashMap<u64, usize>,
    /// In the second pass: what is to be found.
    sources: Option<Sources>,
    globals: Vec<Record>,
    /// The number of the next entry.
    index: usize,
    /// The file whose data come next.
    current: Option<Current>,
    failed: Option<Error>,
}

struct Pending {
    index: usize,
    path: Vec<u8>,
}

/// What the second pass looks for.
struct Sources {
    /// The hard links without contents, by the path of the file with the contents; the first of
    /// them becomes a file.
    wanted: BTreeMap<Vec<u8>, Vec<Pending>>,
    /// By the number of a further hard link: the path of the file with its contents.
    further: HashMap<usize, Vec<u8>>,
    found: HashSet<Vec<u8>>,
}

impl Sources {
    /// The path of a further hard link, by its number, and that of the first one to the same file,
    /// if that has its contents by now.
    fn further(&self, index: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        let path = self.further.get(&index)?;
        let links = self.wanted.get(path)?;
        let own = links.iter().find(|link| link.index == index)?;
        let first = links.first().filter(|_| self.found.contains(path))?;
        Some((own.path.clone(), first.path.clone()))
    }

    /// The path of the first hard link to this file, if the file comes before it.
    fn first(&self, path: &[u8], index: usize) -> Option<Vec<u8>> {
        let link = self.wanted.get(path)?.first()?;
        (index < link.index).then(|| link.path.clone())
    }
}

/// The file whose data come next.
struct Current {
    path: Vec<u8>,
    size: u64,
    seen: Seen,
    /// The file that has these contents in the backup, if it is another one.
    copy_of: Option<Vec<u8>>,
}

impl Pass<'_> {
    fn walk(&mut self, control: &Control) -> Result<()> {
        let Context { backup, keys, .. } = self.context;
        let mut pieces = Pieces::new(backup, self.part, keys)?.with_limit(control.max_expanded());
        let (mut walker, mut stored) = (Walker::default(), 0);
        (self.index, self.current) = (0, None);
        self.globals.clear();
        while let Some((piece, end)) = pieces.next_piece()? {
            let fed = walker.feed(piece, self);
            if let Some(failed) = self.failed.take() {
                return Err(failed);
            }
            if let Err(fault) = fed {
                return Err(pieces.reason_for(fault.into(), control));
            }
            control.advance(end - stored)?;
            stored = end;
        }
        walker.finish()?;
        Ok(())
    }

    /// Reads the part again, for the contents of hard links.
    fn find_contents(&mut self, control: &Control, first: Result<()>) -> Result<()> {
        let mut wanted = std::mem::take(&mut self.pending);
        let awaiting = std::mem::take(&mut self.awaiting);
        wanted.retain(|_, links| {
            links.retain(|link| awaiting.get(&self.hasher.hash(&link.path)) == Some(&link.index));
            !links.is_empty()
        });
        let mut further = HashMap::new();
        for (path, links) in &wanted {
            let links = links.iter().skip(1);
            further.extend(links.map(|link| (link.index, path.clone())));
        }
        self.sources = Some(Sources {
            wanted,
            further,
            found: HashSet::new(),
        });
        let second = self.walk(control);
        let Some(sources) = self.sources.take() else {
            return first;
        };
        let is_damage = second.as_ref().is_err_and(is_about_contents);
        if !(first.is_err() && is_damage) {
            second?;
        }
        for (path, links) in sources.wanted {
            if sources.found.contains(&path) {
                continue;
            }
            for link in links {
                let why = Why::NoContents(path.clone());
                self.leave_out(link.path, EntryKind::HardLink, why);
            }
        }
        first
    }

    fn leave_out(&mut self, path: Vec<u8>, kind: EntryKind, why: Why) {
        self.done.left_out.push(LeftOut { path, kind, why });
    }

    fn change(&mut self, path: &[u8], how: How) {
        self.done.changed.push(Changed {
            path: path.to_vec(),
            how,
        });
    }

    /// Whether the entry with this name is selected.
    fn selects(&mut self, name: &[u8]) -> bool {
        let path = selected_path(self.context.backup, self.part, name);
        if let Some(path) = path.filter(|_| !self.selectors.is_empty()) {
            self.selectors.taking(path, &mut self.matching);
            for &at in &self.matching {
                self.done
                    .hits
                    .get_mut(at)
                    .into_iter()
                    .for_each(|hit| *hit = true);
            }
            return self.is_whole || !self.matching.is_empty();
        }
        self.is_whole
    }

    fn seen(&self, path: &[u8]) -> Seen {
        if self.taken.contains(&self.hasher.hash(path)) {
            Seen::Again
        } else if self.similar.contains(&self.hasher.hash(&folded(path))) {
            Seen::Similar
        } else {
            Seen::New
        }
    }

    /// Records that a name was taken.
    fn note(&mut self, path: &[u8], kind: EntryKind, seen: Seen) {
        let hash = self.hasher.hash(path);
        self.taken.insert(hash);
        if kind == EntryKind::Symlink {
            self.links.insert(hash);
        } else {
            self.links.remove(&hash);
        }
        self.similar.insert(self.hasher.hash(&folded(path)));
        if self.awaiting.remove(&hash).is_some() || seen == Seen::Again {
            self.change(path, How::Repeated);
        }
        if seen == Seen::Again {
            return;
        }
        match kind {
            EntryKind::Symlink => self.done.links += 1,
            _ => self.done.files += 1,
        }
    }

    fn take(&mut self, header: &Header) -> Result<()> {
        let index = self.index;
        self.index += 1;
        self.context.control.check()?;
        if self.context.halted.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Interrupted(0), "another part failed"));
        }
        if self.sources.is_some() {
            return self.take_contents(header, index);
        }
        if !self.selects(&header.name) {
            return Ok(());
        }
        let path = match path_in(self.context.backup, self.part, &header.name) {
            Ok(path) => path,
            Err(fault) => {
                self.leave_out(header.name.clone(), header.kind, Why::Name(fault));
                return Ok(());
            }
        };
        if let Some(why) = self.taken_as(&path, header, index, None)? {
            self.leave_out(path, header.kind, why);
        }
        Ok(())
    }

    /// In the second pass: takes the contents of a file for a hard link, and links the further ones
    /// to it.
    fn take_contents(&mut self, header: &Header, index: usize) -> Result<()> {
        let Some(sources) = &self.sources else {
            return Ok(());
        };
        if let Some((own, first)) = sources.further(index) {
            if let Some(why) = self.linked(&own, header, index, &first)? {
                self.leave_out(own, header.kind, why);
            }
            return Ok(());
        }
        let path = path_in(self.context.backup, self.part, &header.name);
        let Some(path) = path.ok().filter(|_| header.kind == EntryKind::File) else {
            return Ok(());
        };
        let Some(own) = sources.first(&path, index) else {
            return Ok(());
        };
        if let Some(why) = self.taken_as(&own, header, index, Some(&path))? {
            self.leave_out(own, EntryKind::HardLink, why);
        }
        if let Some(sources) = &mut self.sources {
            sources.found.insert(path);
        }
        Ok(())
    }

    /// Takes an entry under this path. Returns why it is left out, if it is.
    fn taken_as(
        &mut self,
        path: &[u8],
        header: &Header,
        index: usize,
        copy_of: Option<&[u8]>,
    ) -> Result<Option<Why>> {
        if header.kind == EntryKind::Special {
            return Ok(Some(Why::Special));
        }
        let names = match self.names(path)? {
            Ok(names) => names,
            Err(why) => return Ok(Some(why)),
        };
        if header.kind == EntryKind::Symlink
            && self.target.makes_files()
            && !names::stays_inside(&header.link, names.len().saturating_sub(1))
        {
            return Ok(Some(Why::LeadsOut(header.link.clone())));
        }
        self.with_entry(path, &names, header, index, |pass, entry| {
            pass.give(entry, copy_of)
        })
    }

    /// Calls `give` with the entry that this path and this header make.
    fn with_entry(
        &mut self,
        path: &[u8],
        names: &[OsString],
        header: &Header,
        index: usize,
        give: impl FnOnce(&mut Self, &Entry<'_>) -> Result<Option<Why>>,
    ) -> Result<Option<Why>> {
        let seen = self.seen(path);
        let globals = std::mem::take(&mut self.globals);
        let entry = Entry {
            path,
            names,
            header,
            globals: &globals,
            index,
            seen,
        };
        let outcome = give(self, &entry);
        self.globals = globals;
        outcome
    }

    /// The names of a path below the folder of all parts.
    fn names(&mut self, path: &[u8]) -> Result<std::result::Result<Vec<OsString>, Why>> {
        if !self.target.makes_files() {
            return Ok(Ok(Vec::new()));
        }
        Ok(match fitted(&self.done.folder, path) {
            Ok((names, is_changed)) => {
                if is_changed {
                    let shown: Vec<_> = names.iter().map(|name| name.to_string_lossy()).collect();
                    self.change(path, How::Renamed(shown.join("/")));
                }
                Ok(names)
            }
            Err(why) => Err(why),
        })
    }

    fn give(&mut self, entry: &Entry<'_>, copy_of: Option<&[u8]>) -> Result<Option<Why>> {
        let kind = entry.header.kind;
        let why = match kind {
            EntryKind::File => self.target.file(entry)?,
            EntryKind::Directory => self.target.folder(entry)?,
            EntryKind::Symlink => self.target.symlink(entry)?,
            EntryKind::HardLink => return self.give_link(entry),
            EntryKind::Special => Some(Why::Special),
        };
        if why.is_some() {
            return Ok(why);
        }
        if self.target.makes_files()
            && matches!(kind, EntryKind::File | EntryKind::Directory)
            && mode(entry.header) & SPECIAL_BITS != 0
        {
            self.change(entry.path, How::Bits);
        }
        match kind {
            EntryKind::File => {
                self.current = Some(Current {
                    path: entry.path.to_vec(),
                    size: entry.header.size,
                    seen: entry.seen,
                    copy_of: copy_of.map(<[u8]>::to_vec),
                })
            }
            EntryKind::Directory => self.done.folders += 1,
            _ => self.note(entry.path, kind, entry.seen),
        }
        Ok(None)
    }

    /// A hard link in the first pass: to a file that was taken, or for the second pass.
    fn give_link(&mut self, entry: &Entry<'_>) -> Result<Option<Why>> {
        let Ok(to) = path_in(self.context.backup, self.part, &entry.header.link) else {
            return Ok(Some(Why::NoContents(entry.header.link.clone())));
        };
        let hash = self.hasher.hash(&to);
        if self.taken.contains(&hash) && !self.links.contains(&hash) {
            return self.give_linked(entry, &to);
        }
        self.await_contents(entry, to);
        Ok(None)
    }

    fn await_contents(&mut self, entry: &Entry<'_>, to: Vec<u8>) {
        let hash = self.hasher.hash(entry.path);
        if self.awaiting.insert(hash, entry.index).is_some() {
            self.change(entry.path, How::Repeated);
        }
        self.pending.entry(to).or_default().push(Pending {
            index: entry.index,
            path: entry.path.to_vec(),
        });
    }

    fn give_linked(&mut self, entry: &Entry<'_>, to: &[u8]) -> Result<Option<Why>> {
        match self.target.hard_link(entry, to)? {
            Linked::Link => {}
            Linked::Copy => self.change(entry.path, How::Copied(to.to_vec())),
            Linked::NeedsContents => {
                self.await_contents(entry, to.to_vec());
                return Ok(None);
            }
            Linked::LeftOut(why) => return Ok(Some(why)),
        }
        self.note(entry.path, EntryKind::HardLink, entry.seen);
        Ok(None)
    }

    /// Links an entry to a file that was taken.
    fn linked(
        &mut self,
        path: &[u8],
        header: &Header,
        index: usize,
        to: &[u8],
    ) -> Result<Option<Why>> {
        let names = match self.names(path)? {
            Ok(names) => names,
            Err(why) => return Ok(Some(why)),
        };
        self.with_entry(path, &names, header, index, |pass, entry| {
            pass.give_linked(entry, to)
        })
    }

    fn take_data(&mut self, bytes: &[u8]) -> Result<()> {
        if self.current.is_some() {
            self.target.data(bytes)?;
        }
        Ok(())
    }

    fn end_entry(&mut self) -> Result<()> {
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        if let Some(why) = self.target.file_end()? {
            let is_copy = current.copy_of.is_some();
            let kind = if is_copy {
                EntryKind::HardLink
            } else {
                EntryKind::File
            };
            self.leave_out(current.path, kind, why);
            return Ok(());
        }
        self.note(&current.path, EntryKind::File, current.seen);
        self.done.bytes += current.size;
        if let Some(source) = current.copy_of {
            self.change(&current.path, How::Copied(source));
        }
        Ok(())
    }

    /// Keeps an error for [`Pass::walk`], and stops the walker.
    fn stopped(&mut self, outcome: Result<()>) -> Result<(), TarError> {
        outcome.map_err(|error| {
            self.failed = Some(error);
            TarError::damaged("the pass was stopped")
        })
    }
}

impl Visitor for Pass<'_> {
    fn entry(&mut self, header: &Header, _at: u64) -> Result<(), TarError> {
        let taken = self.take(header);
        self.stopped(taken)
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        let taken = self.take_data(bytes);
        self.stopped(taken)
    }

    fn entry_end(&mut self, _at: u64) -> Result<(), TarError> {
        let ended = self.end_entry();
        self.stopped(ended)
    }

    fn global(&mut self, raw: &[u8]) -> Result<(), TarError> {
        let Some((block, data)) = raw.split_first_chunk::<BLOCK>() else {
            return Ok(());
        };
        let size = usize::try_from(HeaderBlock(block).size()?).unwrap_or_default();
        for record in pax::parse(data.get(..size).unwrap_or_default())? {
            self.globals.retain(|(key, _)| *key != record.0);
            // A comment says nothing about the entries.
            if record.0 != b"comment" {
                self.globals.push(record);
            }
        }
        Ok(())
    }
}
