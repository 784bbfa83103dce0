//! What is odd or wrong about a backup, as facts. `info`, `verify`, `repair` and the end of
//! `shrink` share this list, so that none of them reports less than another.

mod header_error;

pub use header_error::HeaderError;

/// One thing that is odd or wrong. Names in it are safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The two zero blocks that end the outer tar are missing.
    NoEnd,
    /// Extra bytes follow the outer tar.
    BytesBehindTheEnd {
        /// How many, counted from the first byte that is not zero.
        count: u64,
    },
    /// A member's header states a size that differs from the size of its data.
    StaleSize {
        /// The member.
        member: String,
        /// The size in its header, in bytes.
        stated: u64,
        /// The actual size, in bytes.
        real: u64,
    },
    /// `backup.json` begins with a byte order mark.
    ByteOrderMark,
    /// `backup.json` lacks something that Home Assistant requires, or states it in a way that it
    /// refuses.
    Metadata(MetadataFault),
    /// `backup.json` lists a component that is not in the file.
    Absent {
        /// The component.
        id: String,
    },
    /// A component is in the file, but `backup.json` does not list it.
    Unlisted {
        /// The component.
        id: String,
        /// Whether its name alone is enough to list it.
        can_be_listed: bool,
    },
    /// An empty member that is not listed. Home Assistant leaves one when it could not back up an
    /// app (supervisor#4924).
    EmptyArchive {
        /// The component.
        id: String,
    },
    /// A file that macOS creates next to another one. It holds nothing of the backup.
    AppleDouble {
        /// The component.
        id: String,
    },
    /// A listed part whose first bytes are not those of an archive.
    NoArchive {
        /// The component.
        id: String,
        /// What they are instead.
        error: HeaderError,
    },
    /// `protected` in `backup.json` contradicts the bytes of all parts.
    Protection {
        /// Whether the bytes are encrypted.
        encrypted: bool,
    },
    /// Some parts are encrypted and some are not.
    Mixed {
        /// The encrypted ones.
        encrypted: Vec<String>,
        /// The unencrypted ones.
        plain: Vec<String>,
    },
    /// The encrypted parts have different SecureTar versions.
    Versions,
    /// The encrypted parts have different root salts.
    RootSalts,
    /// `compressed` in `backup.json` contradicts the names of all parts.
    CompressedFlag {
        /// Whether the names say compressed.
        compressed: bool,
    },
    /// The compression of one part differs from what `backup.json` says (supervisor#3838), or from
    /// what its name says.
    OtherCompression {
        /// The component.
        id: String,
        /// Whether its bytes are compressed, as far as that can be determined. If they are
        /// encrypted, its name decides.
        compressed: bool,
        /// Whether they should be.
        wanted: bool,
    },
    /// Supervisor's password check would refuse the backup. The check opens the first archive in
    /// the file.
    FirstArchive {
        /// The member.
        member: String,
        /// Why it does not open.
        why: Unfit,
    },
    /// A part's SecureTar header sets reserved bytes.
    ReservedBytes {
        /// The component.
        id: String,
    },
    /// Extra bytes follow a part's encrypted data.
    BytesBehindCiphertext {
        /// The component.
        id: String,
        /// How many.
        count: u64,
    },
    /// A part's length contradicts its SecureTar header.
    Length {
        /// The component.
        id: String,
        /// Its actual length in bytes.
        size: u64,
        /// The length in bytes that its header requires.
        expected: u64,
    },
    /// The gzip stream in an encrypted part begins in a way at which Home Assistant's reader stops.
    OddGzip {
        /// The part's id.
        id: String,
    },
    /// A part has several gzip members.
    GzipMembers {
        /// The component.
        id: String,
        /// How many.
        count: u64,
    },
    /// Bytes follow a part's compressed data.
    BytesBehindGzip {
        /// The component.
        id: String,
        /// How many.
        count: u64,
        /// Whether all of them are zero.
        zeros: bool,
    },
    /// A part's checksum could not be checked.
    Unchecked {
        /// The component.
        id: String,
    },
    /// The zero blocks that end a part's tar are missing.
    MissingEnd {
        /// The component.
        id: String,
    },
}

/// What Home Assistant's schema for `backup.json` does not accept (supervisor
/// `backups/validate.py`, `SCHEMA_BACKUP`, as of August 2026; Core's `read_backup`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataFault {
    /// A required key is missing or is not text.
    Missing {
        /// The key.
        key: &'static str,
        /// Whether every copy sets it.
        set_in_copies: bool,
    },
    /// A key has a value of a type that Core and Supervisor read differently.
    Type {
        /// The key.
        key: &'static str,
    },
    /// A key has a value that Supervisor's schema refuses (supervisor `backups/validate.py`). A copy
    /// gets what is valid of it, or an empty one; only the values in `homeassistant` cannot be
    /// guessed.
    Value {
        /// The key.
        key: &'static str,
    },
    /// An app in the list lacks its name or version, or has a size that is no number.
    App {
        /// The app's slug.
        slug: String,
    },
    /// The list of folders names one that Home Assistant does not accept.
    Folder {
        /// The name.
        name: String,
    },
}

/// Why the first archive of a backup fails Supervisor's password check (supervisor
/// `backups/backup.py`, `validate_backup`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It is empty.
    Empty,
    /// It is not an archive.
    NoArchive,
    /// It is encrypted, and `backup.json` says that the backup is not.
    Encrypted,
    /// It is not encrypted, and `backup.json` says that the backup is.
    Plain,
    /// Its compression differs from what its name says.
    Compression,
    /// It is damaged at its head, or has another key.
    Closed,
}

impl Finding {
    /// Whether a repair fixes it.
    pub fn is_mended(&self) -> bool {
        match self {
            Self::Unlisted { can_be_listed, .. } => *can_be_listed,
            Self::Metadata(MetadataFault::Missing { set_in_copies, .. }) => *set_in_copies,
            Self::Metadata(MetadataFault::App { .. }) => false,
            Self::Metadata(MetadataFault::Value { key }) => *key != "homeassistant",
            Self::NoArchive { .. } | Self::Length { .. } | Self::Unchecked { .. } => false,
            _ => true,
        }
    }

    /// Whether Home Assistant's own checks refuse the backup because of it, or Home Assistant does
    /// not find a part.
    pub fn is_refused(&self) -> bool {
        match self {
            Self::Metadata(MetadataFault::Type { .. }) => false,
            Self::FirstArchive { .. }
            | Self::Protection { .. }
            | Self::Metadata(_)
            | Self::CompressedFlag { .. }
            | Self::OtherCompression { .. } => true,
            _ => false,
        }
    }

    /// Whether it is about parts of different kinds. Every copy gives all parts the same kind.
    pub fn is_about_kinds(&self) -> bool {
        matches!(self, Self::Mixed { .. } | Self::Versions | Self::RootSalts)
    }

    /// The finding in whole sentences, for the user.
    pub fn text(&self) -> String {
        match self {
            Self::NoEnd => "The two blocks of zeros that end a tar are missing; all members are complete.".into(),
            Self::BytesBehindTheEnd { count } => {
                format!("{count} bytes that belong to nothing follow the end of the backup; they are left out of any copy.")
            }
            Self::StaleSize { member, stated, real } => format!(
                "{member}: its header says {stated} bytes, but it has {real} (Home Assistant wrote such headers, supervisor#7034); \
                 Home Assistant goes by the header, so it may not be able to restore this file; a copy gets the right size."
            ),
            Self::ByteOrderMark => {
                "backup.json begins with a byte order mark, which an editor put there; Home Assistant Core does not read it.".into()
            }
            Self::Metadata(fault) => fault.text(),
            Self::Absent { id } => format!("backup.json lists {id}, but it is not in the file."),
            Self::Unlisted { id, .. } => format!("{id} is in the file, but backup.json does not list it, so Home Assistant would not restore it."),
            Self::EmptyArchive { id } => {
                format!(
                    "{id} is empty, and backup.json does not list it: Home Assistant leaves such a file when it could not back up an app."
                )
            }
            Self::AppleDouble { id } => format!("{id} is a file that macOS put there; nothing of the backup is in it."),
            Self::NoArchive { id, error } if error.has_mark() => format!("{id}: {error}; haslim cannot open it, and the rest can be read without it."),
            Self::NoArchive { id, error } => format!("{id}: {error}; it is damaged, and the rest can be read without it."),
            Self::Protection { encrypted } => protection(*encrypted),
            Self::Mixed { encrypted, plain } => {
                format!("Encrypted: {}. Not encrypted: {}. A copy has all of them in one way.", encrypted.join(", "), plain.join(", "))
            }
            Self::Versions => {
                "The parts are encrypted in different versions; a reader that goes by the first part cannot open the others.".into()
            }
            Self::RootSalts => "The parts have different root salts; a reader that goes by the first part cannot open the others.".into(),
            Self::CompressedFlag { compressed } => format!(
                "backup.json says {}, but by their names the parts are {}; Home Assistant would look for other names.",
                compression(!compressed),
                compression(*compressed)
            ),
            Self::OtherCompression { id, compressed, wanted } if compressed != wanted => format!(
                "{id} is {}, though backup.json says that the parts are {}; Home Assistant does not find it, or does not open it.",
                compression(*compressed),
                compression(*wanted)
            ),
            Self::OtherCompression { id, .. } => {
                format!("{id} does not have the name under which Home Assistant looks for it.")
            }
            Self::FirstArchive { member, why } => format!(
                "Home Assistant would refuse the backup as \"Invalid password\": it tries the key on the first archive, {member}, and that one {}.",
                why.text()
            ),
            other => other.of_stream(),
        }
    }

    /// The sentences about a part's stream and its encryption.
    fn of_stream(&self) -> String {
        match self {
            Self::ReservedBytes { id } => {
                format!("{id}: its SecureTar header sets reserved bytes, which readers ignore.")
            }
            Self::BytesBehindCiphertext { id, count } => {
                format!("{id}: {count} bytes that belong to nothing follow the encrypted data.")
            }
            Self::Length { id, size, expected } => format!(
                "{id}: it has {size} bytes, but its SecureTar header calls for {expected}: it is damaged, and a copy of it will be."
            ),
            Self::OddGzip { id } => format!(
                "{id}: its compressed data begins in a way that Home Assistant does not read in an encrypted part (with an extra field, or with a gzip member that is empty); haslim does."
            ),
            Self::GzipMembers { id, count } => format!(
                "{id}: {count} gzip members in one archive; of an encrypted archive, Home Assistant would restore only the first one. haslim reads and keeps all."
            ),
            Self::BytesBehindGzip { id, count, zeros } => {
                let what = if *zeros {
                    "of zeros"
                } else {
                    "that belong to nothing"
                };
                format!("{id}: {count} bytes {what} follow the compressed data.")
            }
            Self::Unchecked { id } => format!("{id}: the checksum could not be checked."),
            Self::MissingEnd { id } => {
                format!(
                    "{id}: the blocks of zeros that end an archive are missing; all its files are complete."
                )
            }
            _ => String::new(),
        }
    }
}

impl MetadataFault {
    fn text(&self) -> String {
        match self {
            Self::Missing { key, .. } => {
                format!("backup.json has no {key}; Home Assistant does not accept it without.")
            }
            Self::Type { key } => format!(
                "backup.json has {key} in another form than Home Assistant writes, for example as text; not all versions read that in the same way."
            ),
            Self::Value { key } => {
                format!("backup.json has a value for {key} that Home Assistant does not accept.")
            }
            Self::App { slug } => {
                format!(
                    "backup.json lists the app {slug} without its name, its version or a proper size; Home Assistant does not accept that."
                )
            }
            Self::Folder { name } => {
                format!("backup.json lists the folder {name}, which Home Assistant does not know.")
            }
        }
    }
}

impl Unfit {
    fn text(self) -> &'static str {
        match self {
            Self::Empty => "is empty",
            Self::NoArchive => "is no archive",
            Self::Encrypted => "is encrypted, though backup.json says that the backup is not",
            Self::Plain => "is not encrypted, though backup.json says that the backup is",
            Self::Compression => "is not compressed as its name says",
            Self::Closed => "cannot be opened",
        }
    }
}

/// The sentence about a flag that contradicts the bytes of all parts. The bytes win.
fn protection(encrypted: bool) -> String {
    let (stated, real) = if encrypted {
        ("unprotected", "encrypted")
    } else {
        ("protected", "not encrypted")
    };
    format!(
        "backup.json says {stated}, but the parts are {real}; the bytes count. Home Assistant would refuse such a backup as \"Invalid password\"."
    )
}

/// The word for whether an archive is compressed.
pub(crate) fn compression(compressed: bool) -> &'static str {
    if compressed {
        "compressed"
    } else {
        "not compressed"
    }
}
