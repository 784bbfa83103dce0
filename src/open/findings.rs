//! What is odd or wrong about a backup, as far as its outer file, its metadata and the first bytes
//! of its parts show.

use std::collections::HashSet;

use super::{Backup, ComponentKind, Part};
use crate::error::{Advice, Error, Result, escape};
use crate::finding::{Finding, Unfit};
use crate::format::securetar::{Layer, SecureHeader, V3Salts, Version};

/// One archive as Home Assistant's own checks see it: in an existing backup, or in a planned copy.
#[derive(Debug, Clone)]
pub struct Archive<'a> {
    /// The member's name.
    pub name: &'a [u8],
    /// The part's id.
    pub id: &'a str,
    /// Its contents.
    pub state: State,
}

/// The contents of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is empty.
    Empty,
    /// It is not an archive.
    NoArchive,
    /// A gzip or tar stream that is not encrypted.
    Plain {
        /// Whether it is gzip.
        compressed: bool,
        /// Whether it opens, as far as is known without reading all of it.
        opens: bool,
    },
    /// An encrypted archive.
    Encrypted {
        /// Its version.
        version: Version,
        /// Its root salt.
        salts: Option<V3Salts>,
        /// Whether it opens, as far as is known without reading all of it.
        opens: bool,
    },
}

/// The suffix with which Supervisor looks for archives (supervisor `backups/backup.py`,
/// `validate_backup`).
fn suffix(compressed: bool) -> &'static [u8] {
    if compressed { b".tar.gz" } else { b".tar" }
}

/// Supervisor's password check, which precedes every restore: it opens the first member with the
/// suffix for `compressed`, listed or not, with the key if the backup is marked as protected.
/// Returns that archive's index, and why it does not open; `None` if it does.
pub fn first_archive(
    archives: &[Archive<'_>],
    compressed: bool,
    protected: bool,
) -> Option<(usize, Unfit)> {
    let at = archives
        .iter()
        .position(|archive| archive.name.ends_with(suffix(compressed)))?;
    unfit(archives.get(at)?.state, compressed, protected).map(|why| (at, why))
}

/// Why an archive of this kind would not open as the first one.
pub fn unfit(state: State, compressed: bool, protected: bool) -> Option<Unfit> {
    match (state, protected) {
        (State::Empty, _) => Some(Unfit::Empty),
        (State::NoArchive, _) => Some(Unfit::NoArchive),
        (State::Encrypted { .. }, false) => Some(Unfit::Encrypted),
        (State::Encrypted { opens: false, .. }, true) => Some(Unfit::Closed),
        (State::Plain { .. }, true) => Some(Unfit::Plain),
        (State::Plain { compressed: is, .. }, false) if is != compressed => {
            Some(Unfit::Compression)
        }
        (State::Plain { opens: false, .. }, false) => Some(Unfit::Closed),
        _ => None,
    }
}

/// Whether one key and one root salt open all encrypted archives: Core's decryption of a whole
/// backup and securetar's `SecureTarRootKeyContext` take version and salt from the first one that
/// they read.
pub fn one_context(archives: &[Archive<'_>]) -> Option<Finding> {
    let mut ways = archives.iter().filter_map(|archive| match archive.state {
        State::Encrypted { version, salts, .. } => Some((version, salts)),
        _ => None,
    });
    let first = ways.next()?;
    let mut found = None;
    for (version, salts) in ways {
        if version != first.0 {
            return Some(Finding::Versions);
        }
        if salts != first.1 {
            found = Some(Finding::RootSalts);
        }
    }
    found
}

/// Whether some archives are encrypted and some are not, with their ids.
pub fn mixed(archives: &[Archive<'_>]) -> Option<Finding> {
    let ids = |of: fn(&State) -> bool| -> Vec<String> {
        archives
            .iter()
            .filter(|archive| of(&archive.state))
            .map(|archive| archive.id.to_owned())
            .collect()
    };
    let encrypted = ids(|state| matches!(state, State::Encrypted { .. }));
    let plain = ids(|state| matches!(state, State::Plain { .. }));
    (!encrypted.is_empty() && !plain.is_empty()).then_some(Finding::Mixed { encrypted, plain })
}

impl Part {
    /// Its contents, for Home Assistant's checks.
    pub fn state(&self, size: u64) -> State {
        match &self.layer {
            Some(Layer::Plain) if self.is_empty_stream => State::Empty,
            Some(Layer::Plain) => State::Plain {
                compressed: self.compressed,
                opens: !self.has_bad_head,
            },
            Some(Layer::Secure(header)) => State::Encrypted {
                version: header.version(),
                salts: header.v3_salts().copied(),
                opens: !self.closed
                    && !self.has_bad_head
                    && !self.has_odd_gzip
                    && self.can_be_named(self.compressed)
                    && can_open(header, size),
            },
            None if size == 0 => State::Empty,
            None => State::NoArchive,
        }
    }
}

/// Whether an archive of `size` bytes with this header can be opened at all: there must be
/// something in it, and its length must be the one that the header calls for.
fn can_open(header: &SecureHeader, size: u64) -> bool {
    let is_long_enough = header.member_len().is_none_or(|expected| {
        size == expected || size > expected && header.version() == Version::V3
    });
    is_long_enough && header.plaintext_size() != Some(0)
}

impl Backup {
    /// Looks again at what the first bytes of encrypted parts show, and at the archive that Home
    /// Assistant opens first, now that the key has been tried on the parts.
    pub(super) fn look_inside(&mut self) {
        let is_about = |finding: &Finding| {
            matches!(
                finding,
                Finding::OtherCompression { .. }
                    | Finding::CompressedFlag { .. }
                    | Finding::OddGzip { .. }
            )
        };
        self.findings.retain(|finding| !is_about(finding));
        let odd = self.parts.iter().filter(|part| part.has_odd_gzip);
        let odd = odd.filter(|part| part.version().is_some());
        let odd = odd.map(|part| Finding::OddGzip {
            id: part.id.clone(),
        });
        let found: Vec<Finding> = self.compression().into_iter().chain(odd).collect();
        self.findings.extend(found);
        let is_first = |finding: &Finding| matches!(finding, Finding::FirstArchive { .. });
        if self.findings.iter().any(is_first) {
            return;
        }
        let found = self.first_archive(&self.archives());
        self.findings.extend(found);
    }

    /// The archives, in file order.
    pub fn archives(&self) -> Vec<Archive<'_>> {
        let archives = self.parts.iter().filter(|part| part.is_archive());
        archives.map(|part| self.archive(part)).collect()
    }

    /// One of them.
    pub(crate) fn archive<'a>(&'a self, part: &'a Part) -> Archive<'a> {
        let member = self.member(part);
        Archive {
            name: &member.header.name,
            id: &part.id,
            state: part.state(member.size),
        }
    }

    /// Whether the archives of a copy are compressed: as `backup.json` says, unless the names of
    /// all parts contradict it.
    pub fn right_compression(&self) -> bool {
        let stated = self.manifest.compressed();
        let mut named = self
            .parts
            .iter()
            .filter(|part| part.listed)
            .filter_map(|part| part.suffix)
            .peekable();
        if named.peek().is_some() && named.all(|suffix| suffix != stated) {
            !stated
        } else {
            stated
        }
    }

    /// Whether Home Assistant looks for this part under a name, and in a form, that depends on
    /// `compressed`.
    pub(crate) fn is_looked_for(&self, part: &Part) -> bool {
        part.listed || part.kind == ComponentKind::Supervisor
    }

    /// All that is odd or wrong, in the order of the report.
    pub(super) fn look(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        if self.manifest.has_byte_order_mark() {
            found.push(Finding::ByteOrderMark);
        }
        found.extend(
            self.manifest
                .faults()
                .iter()
                .cloned()
                .map(Finding::Metadata),
        );
        found.extend(self.absent());
        found.extend(
            self.parts
                .iter()
                .filter_map(|part| self.beside_the_list(part)),
        );
        found.extend(self.parts.iter().filter_map(|part| {
            let error = part.fault.clone()?;
            Some(Finding::NoArchive {
                id: part.id.clone(),
                error,
            })
        }));
        let archives = self.archives();
        found.extend(mixed(&archives).or_else(|| self.flag_against_all()));
        found.extend(one_context(&archives));
        found.extend(self.compression());
        found.extend(self.first_archive(&archives));
        found.extend(self.stale_sizes());
        found.extend(self.parts.iter().flat_map(|part| {
            self.odd_header(part)
                .into_iter()
                .chain(self.impossible_length(part))
        }));
        found
    }

    /// Parts that `backup.json` lists and the file does not have.
    fn absent(&self) -> Vec<Finding> {
        let present: HashSet<&str> = self.parts.iter().map(|part| part.id.as_str()).collect();
        let addons = self.manifest.addons().map(|slug| format!("addon:{slug}"));
        let homeassistant = self
            .manifest
            .homeassistant_version()
            .map(|_| "homeassistant".to_owned());
        let listed = self
            .manifest
            .folders()
            .map(str::to_owned)
            .chain(addons)
            .chain(homeassistant);
        listed
            .filter(|id| !present.contains(id.as_str()))
            .map(|id| Finding::Absent {
                id: escape(id.as_bytes()),
            })
            .collect()
    }

    /// A part that `backup.json` does not list.
    fn beside_the_list(&self, part: &Part) -> Option<Finding> {
        let id = part.id.clone();
        if self.is_looked_for(part) {
            return None;
        }
        Some(if part.is_apple_double {
            Finding::AppleDouble { id }
        } else if self.is_empty_archive(part) {
            Finding::EmptyArchive { id }
        } else {
            Finding::Unlisted {
                id,
                can_be_listed: self.can_be_listed(part),
            }
        })
    }

    /// Whether it is empty and no reader looks for it.
    fn is_empty_archive(&self, part: &Part) -> bool {
        let is_empty = self.member(part).size == 0 || part.is_empty_stream;
        !self.is_looked_for(part) && part.is_archive() && is_empty
    }

    /// Whether no reader looks for it, and nothing of the backup is in it: it is empty, or macOS put
    /// it there. No copy has such a member, because a reader that opens all archives with one key
    /// stops at it.
    pub(crate) fn is_stray(&self, part: &Part) -> bool {
        part.is_apple_double || self.is_empty_archive(part)
    }

    /// Whether its name alone is enough for a list of folders, and readers find it under that name.
    pub(crate) fn can_be_listed(&self, part: &Part) -> bool {
        part.kind == ComponentKind::Folder
            && part.layer.is_some()
            && part.suffix == Some(self.right_compression())
    }

    /// A finding if all parts are of one kind, and `protected` says the other. Without any part there
    /// is nothing that Home Assistant would try the key on.
    fn flag_against_all(&self) -> Option<Finding> {
        let encrypted = self.is_protected();
        let is_wrong = self.manifest.protected() != encrypted;
        let has_archive = self.parts.iter().any(|part| part.layer.is_some());
        (is_wrong && has_archive).then_some(Finding::Protection { encrypted })
    }

    fn compression(&self) -> Vec<Finding> {
        let (stated, wanted) = (self.manifest.compressed(), self.right_compression());
        let flag = (stated != wanted).then_some(Finding::CompressedFlag { compressed: wanted });
        // The name of what is no archive is the least of its faults.
        let odd = self.parts.iter().filter(|part| {
            part.layer.is_some() && self.is_looked_for(part) && !self.is_as_named(part, wanted)
        });
        let odd = odd.map(|part| Finding::OtherCompression {
            id: part.id.clone(),
            compressed: part.compressed,
            wanted,
        });
        flag.into_iter().chain(odd).collect()
    }

    /// Checks that Home Assistant looks for the names that exist: `compressed` is not wrong about
    /// all of them. A repair corrects it.
    ///
    /// # Errors
    /// `Damaged`, with the first such part.
    pub fn check_compression(&self) -> Result<()> {
        let stated = self.manifest.compressed();
        let wrong = self.right_compression() != stated;
        let Some(part) = self
            .parts
            .iter()
            .find(|part| wrong && part.listed && part.suffix != Some(stated))
        else {
            return Ok(());
        };
        let stated = crate::finding::compression(stated);
        Err(Error::damaged(format!(
            "backup.json says that the backup is {stated}, but this member's name says otherwise"
        ))
        .in_part(part.id.clone())
        .at(self.member(part).header_at)
        .advice(Advice::Repair))
    }

    /// Whether a part's name and bytes are the ones that Home Assistant looks for with this
    /// `compressed`.
    pub(crate) fn is_as_named(&self, part: &Part, compressed: bool) -> bool {
        part.suffix == Some(compressed) && (part.compressed == compressed || part.layer.is_none())
    }

    fn first_archive(&self, archives: &[Archive<'_>]) -> Option<Finding> {
        let protected = self.manifest.protected();
        let (at, why) = first_archive(archives, self.manifest.compressed(), protected)?;
        // If the flag is wrong about all of them, one finding is enough.
        let all_against = mixed(archives).is_none() && self.is_protected() != protected;
        if all_against && matches!(why, Unfit::Plain | Unfit::Encrypted) {
            return None;
        }
        Some(Finding::FirstArchive {
            member: escape(archives.get(at)?.name),
            why,
        })
    }

    fn stale_sizes(&self) -> Vec<Finding> {
        let stale = self.members.iter().filter(|member| member.stale);
        let finding = |member: &crate::format::outer::Member| Finding::StaleSize {
            member: member.display_name(),
            stated: member.header.size,
            real: member.size,
        };
        stale.map(finding).collect()
    }

    /// What is odd about a part's SecureTar header and disappears when the part is encrypted again.
    pub(crate) fn odd_header(&self, part: &Part) -> Vec<Finding> {
        let mut odd = Vec::new();
        let Some(header) = part.secure() else {
            return odd;
        };
        let id = || part.id.clone();
        if header.reserved_set() {
            odd.push(Finding::ReservedBytes { id: id() });
        }
        let count = header
            .member_len()
            .and_then(|expected| self.member(part).size.checked_sub(expected))
            .unwrap_or(0);
        if count > 0 && header.version() == Version::V3 {
            odd.push(Finding::BytesBehindCiphertext { id: id(), count });
        }
        odd
    }

    /// A finding if a part's length and its SecureTar header cannot both be right.
    fn impossible_length(&self, part: &Part) -> Option<Finding> {
        let (size, header): (u64, &SecureHeader) = (self.member(part).size, part.secure()?);
        let expected = header.member_len().filter(|&expected| {
            size < expected || size > expected && header.version() == Version::V2
        })?;
        Some(Finding::Length {
            id: part.id.clone(),
            size,
            expected,
        })
    }
}
