//! First stage: opens a path as a [`Backup`] with its members and parts; nothing is decrypted yet.
#![deny(clippy::indexing_slicing)]

mod component;
mod entry;
mod findings;
mod members;
mod path;
mod plaintext;
mod salvage;
mod unlock;

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

pub(crate) use component::layer_at;
pub use component::{ComponentKind, Part};
pub use entry::{EntryAt, EntryReader, read_entry};
pub use findings::{Archive, State, first_archive, mixed, one_context, unfit};
pub use path::config_path;
pub use plaintext::{Pieces, StreamEnd, source};
pub(crate) use plaintext::{decrypted, locate, missing_password, other_key, trailer};
pub use unlock::{check_head, close_others, unlock};

use crate::error::{Error, Result};
use crate::finding::Finding;
use crate::format::manifest::{self, Manifest};
use crate::format::outer::{Member, RECORD};
use crate::format::securetar::Version;
use crate::format::tar::block::{BLOCK, EntryKind};
use crate::pipe::{Control, Input};

/// One backup file: its contents and their positions.
#[derive(Debug)]
pub struct Backup {
    /// The file, opened for reading only.
    pub input: Arc<Input>,
    /// Every member, in file order.
    pub members: Vec<Member>,
    /// What `backup.json` says.
    pub manifest: Manifest,
    /// The index of the member with the metadata.
    pub manifest_member: usize,
    /// Every member that is a part, in file order.
    pub parts: Vec<Part>,
    /// What is odd or wrong about it.
    pub findings: Vec<Finding>,
}

impl Backup {
    /// Opens a backup file. Not cancellable.
    ///
    /// # Errors
    /// `InputIo` if it cannot be read, `Damaged` or `Refused` if it is not a valid backup.
    pub fn open(path: &Path) -> Result<Self> {
        Self::read(Input::open(path)?, &Control::default())
    }

    /// Reads the members, the metadata and the first bytes of every part. A fault in one part, or a
    /// contradiction between parts, is in [`Backup::findings`].
    ///
    /// # Errors
    /// The same as for [`Backup::open`]; `Interrupted`.
    pub fn read(input: Arc<Input>, control: &Control) -> Result<Self> {
        let outer = members::all(&input, control)?;
        let manifest_member = find_manifest(&outer.members)?;
        let text = read_manifest(&input, &outer.members, manifest_member)?;
        let manifest =
            Manifest::parse(text).map_err(|e| place(e, &outer.members, manifest_member))?;
        let mut backup = Self {
            input,
            members: outer.members,
            manifest,
            manifest_member,
            parts: Vec::new(),
            findings: outer.findings,
        };
        backup.parts = backup.recognise_parts()?;
        backup.settle_names();
        backup.settle_marks();
        let found = backup.look();
        backup.findings.extend(found);
        Ok(backup)
    }

    /// Every file but the manifest is a part.
    fn recognise_parts(&self) -> Result<Vec<Part>> {
        let members = self.members.iter().enumerate();
        members
            .filter(|&(at, m)| at != self.manifest_member && m.header.kind == EntryKind::File)
            .map(|(at, member)| Part::recognise(self, at, member))
            .collect()
    }

    /// What is odd or wrong, as sentences.
    pub fn warnings(&self) -> Vec<String> {
        self.findings.iter().map(Finding::text).collect()
    }

    /// The part with this number, which must come from this backup.
    #[expect(
        clippy::indexing_slicing,
        reason = "numbers of parts are only ever taken from this list, never from a file"
    )]
    pub fn part(&self, at: usize) -> &Part {
        &self.parts[at]
    }

    /// The member of a part.
    #[expect(
        clippy::indexing_slicing,
        reason = "parts are made from the members of the same backup"
    )]
    pub fn member(&self, part: &Part) -> &Member {
        &self.members[part.member]
    }

    /// The index of the part in a member; `None` if the member is not a part.
    pub fn part_of(&self, member: usize) -> Option<usize> {
        // Parts are in file order.
        self.parts
            .binary_search_by_key(&member, |part| part.member)
            .ok()
    }

    /// Bytes that a part takes in the file: header, data and padding.
    pub fn stored(&self, part: &Part) -> u64 {
        self.member(part).stored()
    }

    /// Bytes of the file that belong to no member: those after the end of the outer tar.
    pub fn unaccounted(&self) -> u64 {
        let members = self.members.last().map_or(0, Member::end);
        let end = members
            .saturating_add(2 * BLOCK as u64)
            .next_multiple_of(RECORD);
        self.input.len().saturating_sub(end)
    }

    /// True if any part is encrypted.
    pub fn is_protected(&self) -> bool {
        self.parts.iter().any(|part| part.version().is_some())
    }

    /// The SecureTar version of the encrypted parts; the oldest if they are mixed.
    pub fn version(&self) -> Option<Version> {
        self.parts.iter().filter_map(Part::version).min()
    }

    /// If a part exists twice, as `.tar` and as `.tar.gz`, Home Assistant looks for the one that
    /// `compressed` selects.
    fn settle_names(&mut self) {
        let mut first: HashMap<String, usize> = HashMap::new();
        for at in 0..self.parts.len() {
            let Some(other) = self
                .parts
                .get(at)
                .and_then(|part| first.insert(part.id.clone(), at))
            else {
                continue;
            };
            let compressed = self.manifest.compressed();
            let is_right = self
                .parts
                .get(at)
                .is_some_and(|part| part.suffix == Some(compressed));
            let extra = if is_right { other } else { at };
            if let Some(part) = self.parts.get_mut(extra) {
                first.insert(part.id.clone(), if is_right { at } else { other });
                let member = self.members.get(part.member);
                member
                    .into_iter()
                    .for_each(|member| part.becomes_unknown(member));
            }
        }
    }

    /// Version 1 has no mark. No writer mixes it with versions that have one, so bytes without a
    /// mark beside those are damaged.
    fn settle_marks(&mut self) {
        if self
            .parts
            .iter()
            .all(|part| matches!(part.version(), None | Some(Version::V1)))
        {
            return;
        }
        for part in self
            .parts
            .iter_mut()
            .filter(|part| part.version() == Some(Version::V1))
        {
            let size = self
                .members
                .get(part.member)
                .map_or(0, |member| member.size);
            part.is_no_archive(size);
        }
    }
}

fn find_manifest(members: &[Member]) -> Result<usize> {
    let named = |name: &[u8]| {
        members
            .iter()
            .enumerate()
            .filter(|(_, m)| m.header.name == name)
            .map(|(at, _)| at)
            .collect::<Vec<_>>()
    };
    let mut found = named(manifest::MEMBER);
    if found.is_empty() {
        found = named(manifest::OLD_MEMBER);
    }
    // No two members have the same name.
    match found.first() {
        Some(one) => Ok(*one),
        None if members.iter().any(|m| m.header.name == b"backup.json") => Err(Error::damaged(
            "the metadata is called backup.json here; Home Assistant looks for ./backup.json and finds nothing",
        )),
        None => Err(Error::damaged(
            "there is no ./backup.json in this file; it is not a Home Assistant backup, or not all of one",
        )),
    }
}

fn read_manifest(input: &Arc<Input>, members: &[Member], at: usize) -> Result<Vec<u8>> {
    let Some(member) = members.get(at) else {
        return Ok(Vec::new());
    };
    if member.size > manifest::MAX_BYTES {
        return Err(place(
            Error::refused(format!(
                "backup.json has {} bytes; more than 16 MiB is not plausible",
                member.size
            )),
            members,
            at,
        ));
    }
    let mut text = Vec::with_capacity(usize::try_from(member.size).unwrap_or(0));
    input
        .window(member.data_at(), member.size)
        .read_to_end(&mut text)
        .map_err(Error::from_read)?;
    Ok(text)
}

fn place(error: Error, members: &[Member], at: usize) -> Error {
    match members.get(at) {
        Some(member) => error.in_part(member.display_name()).at(member.data_at()),
        None => error,
    }
}
