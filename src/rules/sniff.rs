//! Recognises files by what they hold where a name can't tell: Home Assistant backups, the
//! memory of crashed programs, databases.

use serde::Deserialize;

use crate::format::tar::block::{BLOCK, HeaderBlock, padding};

/// What the contents of a file are, as far as rules ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Contents {
    /// Nothing of the following.
    #[default]
    Other,
    /// A whole Home Assistant backup.
    Backup(Origin),
    /// The memory of a crashed program.
    CoreDump,
    /// An SQLite database, or its write-ahead log or rollback journal.
    Database,
}

impl Contents {
    /// True for a backup, whoever made it.
    pub fn is_backup(self) -> bool {
        matches!(self, Self::Backup(_))
    }
}

/// Which Home Assistant made a backup inside a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The one that made the outer backup.
    Same,
    /// Another one.
    Other,
    /// One of the two does not say: Home Assistant notes it since 2025.1, and other
    /// programs that make backups never do.
    Unknown,
}

/// Looks at the contents of one file while they pass.
///
/// Memory: 1 MiB, that of [`NestedBackup`].
#[derive(Debug, Clone, Default)]
pub struct Sniffer {
    head: [u8; HEAD],
    seen: usize,
    nested: NestedBackup,
}

/// So much of a file's begin is looked at.
const HEAD: usize = 18;

impl Sniffer {
    /// Takes the next piece of the file.
    pub fn feed(&mut self, bytes: &[u8]) {
        for (to, from) in self.head.iter_mut().skip(self.seen).zip(bytes) {
            *to = *from;
        }
        self.seen = self.seen.saturating_add(bytes.len()).min(HEAD);
        self.nested.feed(bytes);
    }

    /// What the file was. `own` is the Home Assistant that made the outer backup, when that
    /// says it, in `extra`.
    pub fn finish(self, own: Option<&str>) -> Contents {
        let head = self.head.get(..self.seen).unwrap_or_default();
        match () {
            () if is_core_dump(head) => Contents::CoreDump,
            () if is_database(head) => Contents::Database,
            () => self.nested.finish().map_or(Contents::Other, |instance| {
                Contents::Backup(origin(instance.as_deref(), own))
            }),
        }
    }
}

/// Whether a file begins as an ELF file of the type ET_CORE does (System V gABI, "ELF
/// Header": magic, class, byte order, and the type at byte 16).
fn is_core_dump(head: &[u8]) -> bool {
    let [
        0x7f,
        b'E',
        b'L',
        b'F',
        1 | 2,
        order,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        a,
        b,
        ..,
    ] = *head
    else {
        return false;
    };
    matches!((order, a, b), (1, 4, 0) | (2, 0, 4))
}

/// Whether a file begins as SQLite's files do (sqlite.org, "Database File Format": 1.3 the
/// database, 3 the rollback journal, 4.1 the write-ahead log in both byte orders).
fn is_database(head: &[u8]) -> bool {
    let marks: [&[u8]; 4] = [
        b"SQLite format 3\0",
        &[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7],
        &[0x37, 0x7f, 0x06, 0x82],
        &[0x37, 0x7f, 0x06, 0x83],
    ];
    marks.iter().any(|mark| head.starts_with(mark))
}

fn origin(theirs: Option<&str>, own: Option<&str>) -> Origin {
    match (theirs, own) {
        (Some(theirs), Some(own)) if theirs == own => Origin::Same,
        (Some(_), Some(_)) => Origin::Other,
        _ => Origin::Unknown,
    }
}

/// Core, homeassistant/components/backup: `extra` of `backup.json`.
#[derive(Deserialize)]
struct Extra {
    #[serde(default)]
    extra: serde_json::Value,
}

impl Extra {
    fn instance_id(&self) -> Option<String> {
        self.extra
            .get("instance_id")?
            .as_str()
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
    }
}

/// What every `backup.json` of Home Assistant has (Supervisor, backups/validate.py).
#[derive(Deserialize)]
struct Metadata {
    slug: String,
    date: String,
    r#type: String,
    #[serde(flatten)]
    rest: Extra,
}

impl Metadata {
    /// The metadata, if the text is that of a backup and not of anything else of this name.
    fn read(text: &[u8]) -> Option<Self> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let metadata: Self = serde_json::from_slice(text).ok()?;
        let day = metadata.date.as_bytes().get(..10)?;
        let dated = day.iter().enumerate().all(|(at, b)| {
            if matches!(at, 4 | 7) {
                *b == b'-'
            } else {
                b.is_ascii_digit()
            }
        });
        (!metadata.slug.is_empty()
            && dated
            && matches!(metadata.r#type.as_str(), "full" | "partial"))
        .then_some(metadata)
    }
}

/// Whether a file turned out to be a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A backup: metadata, and nothing else but archives of parts.
    Backup,
    /// Anything else, or damaged, or cut short: it stays.
    Other,
}

/// Reads a file's contents in pieces and tells whether it is a backup.
///
/// A backup is a tar whose members are `./backup.json` (or `./snapshot.json`)
/// and at least one `NAME.tar` or `NAME.tar.gz`, and nothing else; the metadata have a
/// slug, a date and a type. Supervisor puts them last, so all headers are walked. Anybody's
/// tar may hold some `backup.json`, and even archives beside it.
///
/// Memory: one block of 512 bytes, and the metadata, at most 1 MiB.
#[derive(Debug, Clone)]
pub struct NestedBackup {
    block: [u8; BLOCK],
    filled: usize,
    state: State,
    /// The size that a PAX record gives to the next member.
    pax_size: Option<u64>,
    /// The text of the metadata while it passes.
    text: Vec<u8>,
    metadata: Option<Instance>,
    parts: bool,
}

/// Which Home Assistant made a backup, when its metadata say so.
type Instance = Option<String>;

/// Metadata that are longer make no backup: then the file stays.
const LONGEST: u64 = 1 << 20;

#[derive(Debug, Clone, Copy)]
enum State {
    /// A header block comes next.
    Header,
    /// The first block of PAX records comes next; so many bytes of them in all.
    Pax(u64),
    /// So many bytes of the metadata come next, and then so many of padding.
    Text(u64, u64),
    /// So many bytes are of no interest.
    Skip(u64),
    Decided(Verdict),
}

impl Default for NestedBackup {
    fn default() -> Self {
        Self {
            block: [0; BLOCK],
            filled: 0,
            state: State::Header,
            pax_size: None,
            text: Vec::new(),
            metadata: None,
            parts: false,
        }
    }
}

impl NestedBackup {
    /// Takes the next piece of the file. Once there is a verdict it stays, and
    /// the rest of the file need not be fed.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Option<Verdict> {
        while !bytes.is_empty() {
            let used = match self.state {
                State::Decided(verdict) => return Some(verdict),
                State::Skip(left) => self.skip(left, bytes.len()),
                State::Text(left, padding) => self.read(left, padding, bytes),
                State::Header | State::Pax(_) => self.fill(bytes),
            };
            bytes = bytes.get(used..).unwrap_or_default();
        }
        self.verdict()
    }

    /// At the end of the file: which Home Assistant made the backup, if it is one and says
    /// so. A file that is cut short is none.
    pub fn finish(self) -> Option<Option<String>> {
        let whole = self.verdict() == Some(Verdict::Backup);
        self.metadata.filter(|_| whole)
    }

    /// The verdict, as soon as there is one.
    pub fn verdict(&self) -> Option<Verdict> {
        match self.state {
            State::Decided(verdict) => Some(verdict),
            _ => None,
        }
    }

    fn skip(&mut self, left: u64, available: usize) -> usize {
        let used = usize::try_from(left).unwrap_or(usize::MAX).min(available);
        let left = left - used as u64;
        self.state = if left == 0 {
            State::Header
        } else {
            State::Skip(left)
        };
        used
    }

    fn read(&mut self, left: u64, padding: u64, bytes: &[u8]) -> usize {
        let used = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        self.text
            .extend_from_slice(bytes.get(..used).unwrap_or_default());
        self.state = match (left - used as u64, padding) {
            (0, padding) => self.judge(padding),
            (left, padding) => State::Text(left, padding),
        };
        used
    }

    /// All of the metadata is there.
    fn judge(&mut self, padding: u64) -> State {
        let Some(metadata) = Metadata::read(&std::mem::take(&mut self.text)) else {
            return State::Decided(Verdict::Other);
        };
        self.metadata = Some(metadata.rest.instance_id());
        if padding == 0 {
            State::Header
        } else {
            State::Skip(padding)
        }
    }

    fn fill(&mut self, bytes: &[u8]) -> usize {
        let room = self.block.get_mut(self.filled..).unwrap_or_default();
        let used = room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.filled += used;
        if self.filled == BLOCK {
            self.filled = 0;
            self.state = match self.state {
                State::Pax(size) => self.pax(size),
                _ => self.header(),
            };
        }
        used
    }

    fn header(&mut self) -> State {
        let header = HeaderBlock(&self.block);
        if header.is_zero() {
            // Readers stop at the first block of zeros.
            let whole = self.metadata.is_some() && self.parts;
            return State::Decided(if whole {
                Verdict::Backup
            } else {
                Verdict::Other
            });
        }
        let (true, Ok(size)) = (header.checksum_fits(), header.size()) else {
            return State::Decided(Verdict::Other);
        };
        match header.flag() {
            b'x' if size > 0 => State::Pax(size),
            // Global records, GNU's long names and links: nothing to learn from them.
            b'x' | b'g' | b'L' | b'K' => skipping(size),
            b'0' | 0 => self.file(size),
            // The root that some writers store.
            b'5' if matches!(header.name().as_deref(), Ok(b"." | b"./")) => State::Header,
            _ => State::Decided(Verdict::Other),
        }
    }

    fn file(&mut self, size: u64) -> State {
        let Ok(name) = HeaderBlock(&self.block).name() else {
            return State::Decided(Verdict::Other);
        };
        let size = self.pax_size.take().unwrap_or(size);
        // Readers look for exactly these names.
        let metadata = matches!(name.as_slice(), b"./backup.json" | b"./snapshot.json");
        let bare = name.strip_prefix(b"./").unwrap_or(&name);
        let part = (bare.ends_with(b".tar.gz") || bare.ends_with(b".tar")) && !bare.contains(&b'/');
        self.parts |= part;
        match () {
            // Of two a reader would have to choose.
            () if metadata && self.metadata.is_none() && (1..=LONGEST).contains(&size) => {
                State::Text(size, padding(size))
            }
            () if part => skipping(size),
            () => State::Decided(Verdict::Other),
        }
    }

    /// Looks for `size` among PAX records (POSIX.1-2017 pax, "pax Extended
    /// Header"): a member over 8 GiB has its size there. Only the first block is
    /// read; what Python writes for a backup's members fits in easily.
    fn pax(&mut self, size: u64) -> State {
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        let records = self.block.get(..length.min(BLOCK)).unwrap_or(&self.block);
        self.pax_size = records.split(|&b| b == b'\n').find_map(size_record);
        let (stored, read) = (size.saturating_add(padding(size)), BLOCK as u64);
        if stored > read {
            State::Skip(stored - read)
        } else {
            State::Header
        }
    }
}

/// The state that passes over a member's data.
fn skipping(size: u64) -> State {
    match size.saturating_add(padding(size)) {
        0 => State::Header,
        left => State::Skip(left),
    }
}

/// The value of a record `LENGTH size=VALUE`.
fn size_record(record: &[u8]) -> Option<u64> {
    let (_, rest) = record.split_at_checked(record.iter().position(|&b| b == b' ')?)?;
    let digits = rest
        .strip_prefix(b" size=")
        .filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tar::block::set_size;

    fn member(name: &str, flag: u8, data: &[u8]) -> Vec<u8> {
        let mut block = [0u8; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[156] = flag;
        block[257..263].copy_from_slice(b"ustar\0");
        set_size(&mut block, data.len() as u64);
        let mut out = block.to_vec();
        out.extend_from_slice(data);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
        out
    }

    fn ended(members: &[Vec<u8>]) -> Vec<u8> {
        let mut tar = members.concat();
        tar.resize((tar.len() + 2 * BLOCK).next_multiple_of(10_240), 0);
        tar
    }

    fn sniff(bytes: &[u8], piece: usize) -> Verdict {
        let mut sniffer = NestedBackup::default();
        for piece in bytes.chunks(piece) {
            sniffer.feed(piece);
        }
        sniffer.verdict().unwrap_or(Verdict::Other)
    }

    /// What a whole file is to a Home Assistant of the name "us".
    fn contents(bytes: &[u8]) -> Contents {
        [1, 17, 4096].map(|piece| {
            let mut sniffer = Sniffer::default();
            bytes.chunks(piece).for_each(|piece| sniffer.feed(piece));
            sniffer.finish(Some("us"))
        })[0]
    }

    const ABOUT: &[u8] =
        br#"{"slug":"0a1b2c3d","date":"2025-01-01T00:00:00+00:00","type":"partial"}"#;

    fn backup() -> Vec<u8> {
        ended(&[
            member("././@PaxHeader", b'x', b"27 mtime=1732449123.123456\n"),
            member("homeassistant.tar.gz", b'0', &[7; 1500]),
            member("core_ssh.tar.gz", b'0', &[]),
            member("./backup.json", b'0', ABOUT),
        ])
    }

    #[test]
    fn a_backup_is_recognised_in_pieces_of_any_size() {
        for piece in [1, 7, 511, 512, 513, 4096, 1 << 20] {
            assert_eq!(
                sniff(&backup(), piece),
                Verdict::Backup,
                "pieces of {piece} bytes"
            );
        }
    }

    #[test]
    fn metadata_first_and_the_old_name_count_too() {
        let core = [
            member("./backup.json", b'0', ABOUT),
            member("homeassistant.tar.gz", b'0', b"x"),
        ];
        assert_eq!(sniff(&ended(&core), 512), Verdict::Backup);
        let old = [
            member("./snapshot.json", b'0', ABOUT),
            member("./ssl.tar", b'0', b"x"),
        ];
        assert_eq!(sniff(&ended(&old), 512), Verdict::Backup);
    }

    #[test]
    fn tars_of_other_people_stay() {
        let json = || member("./backup.json", b'0', ABOUT);
        let part = || member("share.tar.gz", b'0', b"x");
        let cases = [
            ("no part", vec![json()]),
            ("no metadata", vec![part()]),
            (
                "another file",
                vec![json(), part(), member("./photo.jpg", b'0', b"x")],
            ),
            (
                "a part in a folder",
                vec![json(), member("old/share.tar.gz", b'0', b"x")],
            ),
            (
                "metadata without ./",
                vec![member("backup.json", b'0', b"{}"), part()],
            ),
            (
                "a folder",
                vec![json(), part(), member("photos", b'5', b"")],
            ),
            ("nothing", vec![]),
        ];
        for (what, members) in cases {
            assert_eq!(sniff(&ended(&members), 512), Verdict::Other, "{what}");
        }
        assert_eq!(sniff(b"no tar at all", 4), Verdict::Other);
        assert_eq!(sniff(&[0x1f; 2000], 100), Verdict::Other);
        assert_eq!(sniff(b"", 1), Verdict::Other);
    }

    #[test]
    fn a_backup_that_is_cut_short_anywhere_stays() {
        let whole = backup();
        let ends_at = whole
            .iter()
            .rposition(|&b| b != 0)
            .map_or(0, |at| at + 1)
            .next_multiple_of(BLOCK);
        for length in (0..ends_at + BLOCK).step_by(97) {
            assert_eq!(
                sniff(&whole[..length], 512),
                Verdict::Other,
                "cut at {length}"
            );
        }
    }

    #[test]
    fn the_size_of_a_large_member_comes_from_its_pax_record() {
        // The field says zero, as Python leaves it, and the record says 1500.
        let mut large = member("share.tar.gz", b'0', &[]);
        large.extend_from_slice(&[9; 1536]);
        let pax = member(
            "././@PaxHeader",
            b'x',
            b"13 size=1500\n27 mtime=1732449123.123456\n",
        );
        let tar = ended(&[pax, large, member("./backup.json", b'0', ABOUT)]);
        assert_eq!(sniff(&tar, 300), Verdict::Backup);
    }

    #[test]
    fn a_size_in_base_256_is_skipped_without_being_stored() {
        let mut head = [0u8; BLOCK];
        head[..12].copy_from_slice(b"share.tar.gz");
        head[156] = b'0';
        set_size(&mut head, 1 << 34);
        let mut sniffer = NestedBackup::default();
        assert_eq!(sniffer.feed(&head), None);
        let zeros = vec![0u8; 1 << 20];
        for _ in 0..64 {
            assert_eq!(
                sniffer.feed(&zeros),
                None,
                "the data of a member is no header"
            );
        }
    }

    #[test]
    fn records_longer_than_a_block_are_passed_over() {
        let comment = format!("1010 comment={}\n", "c".repeat(996));
        let pax = member("././@PaxHeader", b'x', comment.as_bytes());
        let tar = ended(&[
            pax,
            member("share.tar.gz", b'0', b"x"),
            member("./backup.json", b'0', ABOUT),
        ]);
        assert_eq!(sniff(&tar, 512), Verdict::Backup);
    }

    /// RELIABILITY, the case of the family's archive: anybody's tar may hold a backup.json.
    #[test]
    fn metadata_without_slug_date_and_type_are_not_those_of_a_backup() {
        for text in [
            r#"{"mine":1}"#,
            r#"{"slug":"a","date":"2025-01-01"}"#,
            r#"{"slug":"","date":"2025-01-01","type":"full"}"#,
            r#"{"slug":"a","date":"yesterday","type":"full"}"#,
            r#"{"slug":"a","date":"2025","type":"full"}"#,
            r#"{"slug":"a","date":"2025-01-01","type":"photos"}"#,
            r#"{"slug":1,"date":"2025-01-01","type":"full"}"#,
            "slug date type",
            "",
        ] {
            let tar = ended(&[
                member("photos.tar", b'0', b"x"),
                member("./backup.json", b'0', text.as_bytes()),
            ]);
            assert_eq!(sniff(&tar, 100), Verdict::Other, "{text}");
        }
        let marked = [&b"\xef\xbb\xbf"[..], ABOUT].concat();
        assert_eq!(
            sniff(
                &ended(&[
                    member("./backup.json", b'0', &marked),
                    member("share.tar", b'0', b"x")
                ]),
                100
            ),
            Verdict::Backup
        );
        let twice = ended(&[
            member("./backup.json", b'0', ABOUT),
            member("share.tar", b'0', b"x"),
            member("./backup.json", b'0', ABOUT),
        ]);
        assert_eq!(
            sniff(&twice, 512),
            Verdict::Other,
            "nobody knows which one counts"
        );
    }

    #[test]
    fn the_home_assistant_that_made_a_backup_is_told_by_its_metadata() {
        let made_by = |extra: &str| {
            let text =
                format!(r#"{{"slug":"a","date":"2025-01-01","type":"full","extra":{extra}}}"#);
            contents(&ended(&[
                member("homeassistant.tar.gz", b'0', b"x"),
                member("./backup.json", b'0', text.as_bytes()),
            ]))
        };
        assert_eq!(
            made_by(r#"{"instance_id":"us"}"#),
            Contents::Backup(Origin::Same)
        );
        assert_eq!(
            made_by(r#"{"instance_id":"them"}"#),
            Contents::Backup(Origin::Other)
        );
        for extra in [
            "{}",
            "null",
            "[]",
            r#"{"instance_id":""}"#,
            r#"{"instance_id":5}"#,
        ] {
            assert_eq!(made_by(extra), Contents::Backup(Origin::Unknown), "{extra}");
        }
        assert_eq!(
            contents(&backup()),
            Contents::Backup(Origin::Unknown),
            "older ones have no `extra` at all"
        );
    }

    /// An ELF header of this type (gABI), and something behind it.
    fn elf(order: u8, kind: [u8; 2]) -> Vec<u8> {
        let mut file = vec![0x7f, b'E', b'L', b'F', 2, order, 1];
        file.resize(16, 0);
        file.extend(kind);
        file.resize(4000, 7);
        file
    }

    #[test]
    fn the_memory_of_a_crashed_program_is_told_by_its_elf_header() {
        assert_eq!(contents(&elf(1, [4, 0])), Contents::CoreDump);
        assert_eq!(contents(&elf(2, [0, 4])), Contents::CoreDump);
        // A program, a library, an object; the wrong byte order; a drawing; cut short.
        for (order, kind) in [
            (1, [2, 0]),
            (1, [3, 0]),
            (1, [1, 0]),
            (1, [0, 4]),
            (2, [4, 0]),
            (3, [4, 0]),
        ] {
            assert_eq!(
                contents(&elf(order, kind)),
                Contents::Other,
                "{order} {kind:?}"
            );
        }
        for file in [
            &b"<svg>core 2024</svg>"[..],
            b"",
            b"\x7fELF",
            &elf(1, [4, 0])[..17],
        ] {
            assert_eq!(contents(file), Contents::Other);
        }
    }

    #[test]
    fn databases_are_told_by_their_first_bytes() {
        let mut page = b"SQLite format 3\0".to_vec();
        page.resize(4096, 0);
        assert_eq!(contents(&page), Contents::Database);
        assert_eq!(
            contents(b"\x37\x7f\x06\x82rest of a log"),
            Contents::Database
        );
        assert_eq!(
            contents(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"),
            Contents::Database
        );
        assert_eq!(
            contents(b"SQLite format 3 is a good format"),
            Contents::Other
        );
    }

    #[test]
    fn a_verdict_stays() {
        let mut sniffer = NestedBackup::default();
        assert_eq!(sniffer.feed(&[1; 512]), Some(Verdict::Other));
        assert_eq!(sniffer.feed(&backup()), Some(Verdict::Other));
    }
}
