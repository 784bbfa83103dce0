//! First stage: a path becomes a [`Backup`], its members and parts known,
//! nothing decrypted yet.
#![deny(clippy::indexing_slicing)]

mod component;
mod unlock;

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

pub(crate) use component::layer_at;
pub use component::{ComponentKind, Part};
pub(crate) use unlock::{missing_password, stream};
pub use unlock::{source, unlock};

use crate::error::{Error, Result, escape};
use crate::format::block::{BLOCK, EntryKind};
use crate::format::manifest::{self, Manifest};
use crate::format::outer::{self, Member, RECORD};
use crate::format::secure::Version;
use crate::pipe::{Control, Input};

/// One backup file: what is inside, and where.
#[derive(Debug)]
pub struct Backup {
    /// The file, opened for reading only.
    pub input: Arc<Input>,
    /// Every member, in file order.
    pub members: Vec<Member>,
    /// What `backup.json` says.
    pub manifest: Manifest,
    /// The index of the member that holds it.
    pub manifest_member: usize,
    /// Every member that is a part, in file order.
    pub parts: Vec<Part>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

impl Backup {
    /// Opens a backup file; nobody can stop that.
    ///
    /// # Errors
    /// `InputIo` when it cannot be read, `Damaged` or `Refused` when it is no sound backup.
    pub fn open(path: &Path) -> Result<Self> {
        Self::read(Input::open(path)?, &Control::default())
    }

    /// Reads the members, the metadata and the first bytes of every part.
    ///
    /// # Errors
    /// As [`Backup::open`]; `Interrupted`.
    pub fn read(input: Arc<Input>, control: &Control) -> Result<Self> {
        let backup = Self::read_repairable(input, control)?;
        match backup.misnamed() {
            None => Ok(backup),
            Some(part) => Err(backup.misnames(part).advice("`haslim repair` writes a copy in which backup.json says what the names say.")),
        }
    }

    /// As [`Backup::read`], but gives a warning where [`crate::plan::repair`] can put right
    /// what is wrong: where `compressed` in `backup.json` is, and the names of all parts agree.
    ///
    /// # Errors
    /// As [`Backup::read`].
    pub fn read_repairable(input: Arc<Input>, control: &Control) -> Result<Self> {
        let outer = outer::scan(&input, control)?;
        let manifest_member = find_manifest(&outer.members)?;
        let text = read_manifest(&input, &outer.members, manifest_member)?;
        let manifest = Manifest::parse(text).map_err(|e| place(e, &outer.members, manifest_member))?;
        let mut backup = Self { input, members: outer.members, manifest, manifest_member, parts: Vec::new(), warnings: outer.warnings };
        for (at, member) in backup.members.iter().enumerate().filter(|&(at, m)| at != manifest_member && m.header.kind == EntryKind::File) {
            let part = Part::recognise(&backup, at, member)?;
            backup.parts.push(part);
        }
        backup.check_names()?;
        backup.compare_lists();
        backup.name_stale_sizes();
        backup.look_at_headers();
        Ok(backup)
    }

    /// The part with this number, which must come from this backup.
    #[expect(clippy::indexing_slicing, reason = "numbers of parts are only ever taken from this list, never from a file")]
    pub fn part(&self, at: usize) -> &Part {
        &self.parts[at]
    }

    /// The member of a part.
    #[expect(clippy::indexing_slicing, reason = "parts are made from the members of the same backup")]
    pub fn member(&self, part: &Part) -> &Member {
        &self.members[part.member]
    }

    /// The index of the part that a member holds; `None` for one that is no part.
    pub fn part_of(&self, member: usize) -> Option<usize> {
        // Parts are in file order.
        self.parts.binary_search_by_key(&member, |part| part.member).ok()
    }

    /// Bytes that a part takes in the file: header, data and padding.
    pub fn stored(&self, part: &Part) -> u64 {
        self.member(part).stored()
    }

    /// Bytes of the file that no member accounts for: what follows the end of the outer tar.
    pub fn unaccounted(&self) -> u64 {
        let members = self.members.last().map_or(0, Member::end);
        let end = members.saturating_add(2 * BLOCK as u64).next_multiple_of(RECORD);
        self.input.len().saturating_sub(end)
    }

    /// True when any part is encrypted.
    pub fn is_protected(&self) -> bool {
        self.parts.iter().any(|part| part.version().is_some())
    }

    /// The SecureTar version of the encrypted parts; the oldest where they are mixed.
    pub fn version(&self) -> Option<Version> {
        self.parts.iter().filter_map(Part::version).min()
    }

    fn check_names(&self) -> Result<()> {
        let mut seen = HashSet::new();
        for part in &self.parts {
            if !seen.insert(part.id.as_str()) {
                return Err(Error::refused("two members for the same part: readers disagree about which one counts")
                    .in_part(part.id.clone())
                    .at(self.member(part).header_at));
            }
        }
        let agree = |with: bool| self.parts.iter().filter(|p| p.listed).all(|p| p.compressed == with);
        match self.misnamed() {
            Some(part) if !agree(part.compressed) => Err(self.misnames(part)),
            _ => Ok(()),
        }
    }

    /// The first listed part whose name says something else about compression than `backup.json`.
    fn misnamed(&self) -> Option<&Part> {
        self.parts.iter().find(|part| part.listed && part.compressed != self.manifest.compressed())
    }

    fn misnames(&self, part: &Part) -> Error {
        let stated = compression(self.manifest.compressed());
        Error::damaged(format!("backup.json says that the backup is {stated}, but this member's name says otherwise"))
            .in_part(part.id.clone())
            .at(self.member(part).header_at)
    }

    /// What `compressed` in `backup.json` has to be, where it is something else.
    pub fn right_compression(&self) -> Option<bool> {
        self.misnamed().map(|part| part.compressed)
    }

    fn name_stale_sizes(&mut self) {
        for member in self.members.iter().filter(|m| m.stale) {
            let (stated, real) = (member.header.size, member.size);
            self.warnings.push(format!(
                "{}: its header says {stated} bytes, but it has {real} (Home Assistant wrote such headers, supervisor#7034); a copy gets the right size.",
                member.display_name()
            ));
        }
    }

    /// What is odd about SecureTar headers, though most readers do not mind.
    fn look_at_headers(&mut self) {
        let found: Vec<String> = self.parts.iter().flat_map(|p| self.odd_header(p).into_iter().chain(self.impossible_length(p))).collect();
        self.warnings.extend(found);
    }

    /// What is odd about a part's SecureTar header and gone when the part is encrypted anew.
    pub(crate) fn odd_header(&self, part: &Part) -> Vec<String> {
        let mut odd = Vec::new();
        let Some(header) = part.secure() else { return odd };
        if header.reserved_set() {
            odd.push(format!("{}: its SecureTar header sets reserved bytes, which readers ignore.", part.id));
        }
        let more = header.member_len().and_then(|expected| self.member(part).size.checked_sub(expected)).unwrap_or(0);
        if more > 0 && header.version() == Version::V3 {
            odd.push(format!("{}: {more} bytes that belong to nothing follow the encrypted data.", part.id));
        }
        odd
    }

    /// The warning for a part whose length and SecureTar header cannot both be right.
    pub(crate) fn impossible_length(&self, part: &Part) -> Option<String> {
        let (size, header) = (self.member(part).size, part.secure()?);
        let expected = header.member_len().filter(|&expected| size < expected || size > expected && header.version() == Version::V2)?;
        Some(format!(
            "{}: it has {size} bytes, but its SecureTar header calls for {expected}: it is damaged, and a copy of it will be.",
            part.id
        ))
    }

    /// Compares what `backup.json` says with what is there; the bytes win.
    fn compare_lists(&mut self) {
        let present: HashSet<&str> = self.parts.iter().map(|p| p.id.as_str()).collect();
        let mut warnings = Vec::new();
        let addons = self.manifest.addons().map(|slug| format!("addon:{slug}"));
        let homeassistant = self.manifest.homeassistant_version().map(|_| "homeassistant".to_owned());
        for id in self.manifest.folders().map(str::to_owned).chain(addons).chain(homeassistant) {
            if !present.contains(id.as_str()) {
                warnings.push(format!("backup.json lists {}, but it is not in the file.", escape(id.as_bytes())));
            }
        }
        for part in self.parts.iter().filter(|p| !p.listed && p.kind != ComponentKind::Supervisor) {
            warnings.push(unlisted(part));
        }
        if self.manifest.protected() != self.is_protected() {
            let (stated, real) = if self.is_protected() { ("unprotected", "encrypted") } else { ("protected", "not encrypted") };
            warnings.push(format!("backup.json says {stated}, but the parts are {real}; the bytes count."));
        }
        // Supervisor makes the names that it looks for out of the flag; backups of 2022 have
        // come with the wrong one (supervisor#3838).
        if let Some(right) = self.right_compression() {
            let (stated, right) = (compression(!right), compression(right));
            warnings.push(format!(
                "backup.json says {stated}, but by their names the parts are {right}; Home Assistant would look for other names."
            ));
        }
        self.warnings.append(&mut warnings);
    }
}

fn compression(compressed: bool) -> &'static str {
    if compressed { "compressed" } else { "not compressed" }
}

/// The warning for a part that `backup.json` does not list.
pub(crate) fn unlisted(part: &Part) -> String {
    format!("{} is in the file, but backup.json does not list it; it is kept as it is.", part.id)
}

fn find_manifest(members: &[Member]) -> Result<usize> {
    let named = |name: &[u8]| members.iter().enumerate().filter(|(_, m)| m.header.name == name).map(|(at, _)| at).collect::<Vec<_>>();
    let mut found = named(manifest::MEMBER);
    if found.is_empty() {
        found = named(manifest::OLD_MEMBER);
    }
    // No two members have the same name.
    match found.first() {
        Some(one) => Ok(*one),
        None if members.iter().any(|m| m.header.name == b"backup.json") => {
            Err(Error::damaged("the metadata is called backup.json here; Home Assistant looks for ./backup.json and finds nothing"))
        }
        None => Err(Error::damaged("there is no ./backup.json in this file; it is not a Home Assistant backup, or not all of one")),
    }
}

fn read_manifest(input: &Arc<Input>, members: &[Member], at: usize) -> Result<Vec<u8>> {
    let Some(member) = members.get(at) else { return Ok(Vec::new()) };
    if member.size > manifest::MAX_BYTES {
        return Err(place(
            Error::refused(format!("backup.json has {} bytes; more than 16 MiB is not plausible", member.size)),
            members,
            at,
        ));
    }
    let mut text = Vec::with_capacity(usize::try_from(member.size).unwrap_or(0));
    input.window(member.data_at(), member.size).read_to_end(&mut text).map_err(Error::from_read)?;
    Ok(text)
}

fn place(error: Error, members: &[Member], at: usize) -> Error {
    match members.get(at) {
        Some(member) => error.in_part(member.display_name()).at(member.data_at()),
        None => error,
    }
}
